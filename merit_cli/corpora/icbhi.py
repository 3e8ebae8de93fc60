"""The corpora in the ICBHI layout: the 2017 challenge, and the synthetic sample that stands in for it."""

from pathlib import Path

from merit_cli.corpora.breath_reading import RESEARCH_NOTE
from merit_cli.corpora.icbhi_reading import IcbhiReading, read_icbhi_folder
from merit_cli.corpora.prepared import PreparedCorpus
from merit_cli.corpora.published_counts import counts_note
from merit_cli.corpora.synthetic_breath import CARD as SYNTHETIC_CARD
from merit_cli.corpora.synthetic_breath import DEVICE as SYNTHETIC_DEVICE
from merit_cli.corpora.synthetic_breath import SYNTHETIC_NOTE, write_synthetic_breath
from merit_cli.errors import UsageError
from merit_cli.manifests.read_write import Card

ALL_RECORDINGS = 920
PUBLISHED = {"normal": 3642, "crackle": 1864, "wheeze": 886, "both": 506}
PUBLISHED_SPLITS = {
    "train normal": 2063,
    "train crackle": 1215,
    "train wheeze": 501,
    "train both": 363,
    "test normal": 1579,
    "test crackle": 649,
    "test wheeze": 385,
    "test both": 143,
}
"""Cycles of ICBHI 2017 by class, and by official split and class. Source: Rocha et al. 2019, and the official list."""


def prepare_icbhi(raw: Path | None, output: Path) -> PreparedCorpus:
    """ICBHI 2017, or a part of it in the official layout, as cycles; the recordings stay where they are.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no recording.
        BadData: Not one cycle can be used, or the official list is damaged.
        CheckFailed: All recordings are there, and the annotated cycles are not as many as were published.
    """
    if raw is None:
        raise UsageError("icbhi needs the folder of the unpacked corpus", hint="merit prepare icbhi FOLDER -o OUT")
    reading = read_icbhi_folder(raw)
    is_synthetic = any(cycle.info["device"] == SYNTHETIC_DEVICE for cycle in reading.cycles)
    made = [SYNTHETIC_NOTE] if is_synthetic else [_counts_note(reading)]
    card = Card(
        name="icbhi",
        description="ICBHI 2017 respiratory sounds: annotated breath cycles, normal, crackle, wheeze or both.",
        licence="free for research; cite Rocha et al. 2019",
        source="Rocha et al. 2019, Physiological Measurement 40, 035001",
        synthetic=is_synthetic,
        notes=(RESEARCH_NOTE, *made, *reading.notes, *reading.loss_notes()),
    )
    return PreparedCorpus(reading.cycles, card, reading.problems)


def _counts_note(reading: IcbhiReading) -> str:
    has_list = any(cycle.info.get("official_split") for cycle in reading.cycles)
    published = PUBLISHED | PUBLISHED_SPLITS if has_list and reading.num_recordings == ALL_RECORDINGS else PUBLISHED
    return counts_note(
        "ICBHI 2017", reading.annotated, published, recordings=reading.num_recordings, all_recordings=ALL_RECORDINGS
    )


def prepare_synthetic_breath(raw: Path | None, output: Path) -> PreparedCorpus:
    """The synthetic breath sample, written below ``output`` and read back as ICBHI.

    Raises:
        UsageError: A raw folder is given: it is made, not read.
    """
    if raw is not None:
        raise UsageError("synthetic-breath is made by rule and takes no folder", place=str(raw))
    folder = output / "recordings"
    write_synthetic_breath(folder)
    reading = read_icbhi_folder(folder, devices=frozenset({SYNTHETIC_DEVICE}))
    about = [note for note in reading.notes if not note.startswith("No ")]  # it has no tables of patients
    notes = (*SYNTHETIC_CARD.notes, RESEARCH_NOTE, *about, *reading.loss_notes())
    return PreparedCorpus(reading.cycles, SYNTHETIC_CARD.model_copy(update={"notes": notes}), reading.problems)
