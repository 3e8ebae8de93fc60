"""What an adapter of a corpus takes and gives.

An adapter is a function, registered in `merit_cli.corpora.CORPORA`:

    def prepare_x(raw: Path | None, output: Path) -> PreparedCorpus

``raw`` is the folder the user gives, None for a corpus that needs none. Audio files that the adapter
has to make go below ``output``, by `io.audio_file.write_audio`; what it reads as it stands, it leaves
in place. It writes no manifest, card or ledger: `workflows.prepare` does, after its checks. A file that
an interrupted run left complete may be kept. The same input gives the same bytes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from merit_cli.manifests.read_write import Card
from merit_cli.manifests.utterance import Utterance


class Remark(NamedTuple):
    """A recording or a part of one that was left out, or a word on one that was kept.

    Args:
        id: The item.
        reason: One sentence.
        kept: Whether the item is among the utterances.
    """

    id: str
    reason: str
    kept: bool


class PreparedCorpus(NamedTuple):
    """Utterances with speakers, splits and labels, the card that says what they are, and what is odd or left out."""

    utterances: list[Utterance]
    card: Card
    remarks: Sequence[Remark] = ()


class CorpusAdapter(Protocol):
    """The signature of an adapter."""

    def __call__(self, raw: Path | None, output: Path) -> PreparedCorpus:
        """The corpus in ``raw``, with the files it had to make below ``output``.

        Raises:
            UsageError: The corpus needs a raw folder and there is none.
            NoInput: The raw folder is missing or holds nothing of the corpus.
            BadData: A file in it cannot be used.
        """
        ...
