"""Who a trained model has heard: kept beside its weights, so that nobody tests it on the same people unawares."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from merit_cli.errors import BadData, CheckFailed
from merit_cli.manifests.utterance import Utterance

LINEAGE_NAME = "lineage.json"


@dataclass(frozen=True)
class Lineage:
    """The speakers or patients behind a model.

    Args:
        corpus: Name on the card of its training data.
        manifest: Hash of its manifest.
        train: Who it learnt from.
        dev: Who chose its checkpoint.
        unnamed: Utterances of both that name nobody.
        transcript_sources: Who wrote down the words that a model reads; empty for a model of the voice alone.
    """

    corpus: str
    manifest: str
    train: tuple[str, ...]
    dev: tuple[str, ...]
    unnamed: int = 0
    transcript_sources: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The lineage as JSON data."""
        return {
            "corpus": self.corpus,
            "manifest": self.manifest,
            "speakers": {"train": list(self.train), "dev": list(self.dev)},
            "utterances_without_speaker": self.unnamed,
            **({"transcript_sources": list(self.transcript_sources)} if self.transcript_sources else {}),
        }


def lineage_of(
    train: Sequence[Utterance], dev: Sequence[Utterance], *, corpus: str, manifest: str, reads_words: bool = False
) -> Lineage:
    """The lineage of a model that was trained on these utterances, with their words where it reads."""
    unnamed = sum(not utterance.speaker for utterance in (*train, *dev))
    sources = transcript_sources((*train, *dev)) if reads_words else ()
    return Lineage(corpus, manifest, _speakers(train), _speakers(dev), unnamed, sources)


def transcript_sources(utterances: Iterable[Utterance]) -> tuple[str, ...]:
    """Who wrote down the words of these utterances, sorted; those without words left out.

    >>> transcript_sources([Utterance("a", Path("a"), 1, 1, transcript="yes", transcript_source="whisper")])
    ('whisper',)
    """
    return tuple(sorted({one.transcript_source for one in utterances if one.transcript.strip()} - {""}))


def _speakers(utterances: Sequence[Utterance]) -> tuple[str, ...]:
    return tuple(sorted({utterance.speaker for utterance in utterances} - {""}))


def read_lineage(model_folder: Path) -> Lineage | None:
    """The lineage beside a model's weights; None for a model that has none.

    Raises:
        BadData: The file is damaged.
    """
    path = model_folder / LINEAGE_NAME
    if not path.is_file():
        return None
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        speakers = tree["speakers"]
        return Lineage(
            str(tree["corpus"]),
            str(tree["manifest"]),
            tuple(map(str, speakers["train"])),
            tuple(map(str, speakers["dev"])),
            int(tree["utterances_without_speaker"]),
            tuple(map(str, tree.get("transcript_sources", ()))),
        )
    except (OSError, ValueError, KeyError, TypeError):
        raise BadData("the lineage of the model cannot be read", place=str(path), hint="train it again") from None


def check_lineage(lineage: Lineage | None, scored: Sequence[Utterance], *, name: str, allow_leak: bool) -> list[str]:
    """Notes on what was allowed; none where nobody who is scored was heard in training.

    Args:
        lineage: Of the model; None where it has none.
        scored: What the model, or what stands behind it, is scored on.
        name: Of the model, as messages say it.
        allow_leak: Go on all the same.

    Raises:
        CheckFailed: The model learnt from people who are scored or was chosen by them, or nobody knows.
    """
    people = {utterance.speaker for utterance in scored} - {""}
    if lineage is None or lineage.unnamed:
        fault = f"{name} does not say whom it was trained on, so whether it heard who is scored is not known"
    else:
        heard = sorted(people & {*lineage.train, *lineage.dev})
        if not heard:
            return []
        some = ", ".join(heard[:3]) + (", ..." if len(heard) > 3 else "")
        fault = f"{name} was trained or chosen on {len(heard)} of the {len(people)} people who are scored: {some}"
    if not allow_leak:
        raise CheckFailed(fault, hint="train it on the training side of the same manifest, or pass --allow-leak")
    return [f"LEAK ALLOWED: {fault}."]
