"""The corpus a breath classifier is trained or scored on: a manifest, a run, or a raw folder."""

from dataclasses import dataclass
from pathlib import Path

from merit_cli.io.hashing import sha256_of_file
from merit_cli.io.ledger import Ledger, read_ledger
from merit_cli.manifests.checks import check_leaks
from merit_cli.manifests.read_write import MANIFEST_NAME, Card, read_card, read_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine
from merit_cli.workflows.prepare import LEDGER_NAME, run_prepare

SYNTHETIC_CORPUS = "synthetic-breath"


@dataclass(frozen=True)
class BreathCorpus:
    """A prepared corpus: its cycles, its card, the hash of its manifest, and what its adapter left out."""

    manifest: Path
    utterances: list[Utterance]
    card: Card
    problems: dict[str, str]

    @property
    def content(self) -> str:
        """Hash of the manifest."""
        return sha256_of_file(self.manifest)


def read_corpus(source: Path | None, *, machine: Machine, allow_leak: bool = False) -> BreathCorpus:
    """The corpus at ``source``: a manifest, a prepared or mixed run, or a raw folder in the ICBHI layout.

    Args:
        source: None takes the synthetic sample.
        machine: For preparing it.
        allow_leak: Go on although splits share a patient.

    Raises:
        NoInput: There is nothing.
        BadData: It cannot be used.
        CheckFailed: Splits share a patient.
    """
    if source is None:
        manifest = run_prepare(SYNTHETIC_CORPUS, None, output=None, machine=machine).manifest
    elif source.suffix == ".jsonl":
        manifest = source
    elif (source / MANIFEST_NAME).exists():
        manifest = source / MANIFEST_NAME
    else:
        manifest = run_prepare("icbhi", source, output=None, machine=machine).manifest
    utterances = read_manifest(manifest)
    card = read_card(manifest) or Card(name=manifest.parent.name)
    notes = check_leaks(utterances, card, allow_leak=allow_leak)
    card = card.model_copy(update={"notes": tuple(dict.fromkeys([*card.notes, *notes]))})
    entries = read_ledger(manifest.parent / LEDGER_NAME).values()
    lost = {entry.id: entry.reason for entry in entries if entry.status != "done"}
    return BreathCorpus(manifest, utterances, card, lost)


def open_ledger(run: Path, corpus: BreathCorpus) -> Ledger:
    """A fresh ledger, for reading is repeated as a whole on each call; the adapter's losses come first."""
    path = run / "ledger.jsonl"
    path.unlink(missing_ok=True)
    ledger = Ledger.open(path)
    for item, reason in corpus.problems.items():
        ledger.record(item, "skipped", reason)
    return ledger
