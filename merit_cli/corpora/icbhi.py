"""The corpora in the ICBHI layout: the 2017 challenge, and the synthetic sample that stands in for it."""

from pathlib import Path

from merit_cli.corpora.icbhi_reading import IcbhiReading, read_icbhi_folder
from merit_cli.corpora.prepared import PreparedCorpus
from merit_cli.corpora.synthetic_breath import CARD as SYNTHETIC_CARD
from merit_cli.corpora.synthetic_breath import DEVICE as SYNTHETIC_DEVICE
from merit_cli.corpora.synthetic_breath import SYNTHETIC_NOTE, write_synthetic_breath
from merit_cli.errors import UsageError
from merit_cli.io.jsonl import write_lines
from merit_cli.manifests.read_write import Card

PROBLEMS_NAME = "problems.jsonl"
"""Beside the manifest: one line for each recording or cycle that is odd or left out."""
OFFICIAL_CYCLES = 6898
RESEARCH_NOTE = "Research use only: neither these labels nor any model's answer is a diagnosis."


def prepare_icbhi(raw: Path | None, output: Path) -> PreparedCorpus:
    """ICBHI 2017, or a part of it in the official layout, as cycles; the recordings stay where they are.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no recording.
        BadData: Not one cycle can be used, or the official list is damaged.
    """
    if raw is None:
        raise UsageError("icbhi needs the folder of the unpacked corpus", hint="merit prepare icbhi FOLDER -o OUT")
    reading = read_icbhi_folder(raw)
    num_cycles = len(reading.cycles)
    is_synthetic = any(cycle.info["device"] == SYNTHETIC_DEVICE for cycle in reading.cycles)
    made = [SYNTHETIC_NOTE] if is_synthetic else []
    size = [] if num_cycles == OFFICIAL_CYCLES else [f"{num_cycles} of the {OFFICIAL_CYCLES} cycles of ICBHI 2017."]
    card = Card(
        name="icbhi",
        description="ICBHI 2017 respiratory sounds: annotated breath cycles, normal, crackle, wheeze or both.",
        licence="free for research; cite Rocha et al. 2019",
        source="Rocha et al. 2019, Physiological Measurement 40, 035001",
        synthetic=is_synthetic,
        notes=(*made, RESEARCH_NOTE, *size, *reading.notes, *_problem_notes(reading)),
    )
    return _prepared(reading, card, output)


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
    notes = (*SYNTHETIC_CARD.notes, RESEARCH_NOTE, *reading.notes, *_problem_notes(reading))
    return _prepared(reading, SYNTHETIC_CARD.model_copy(update={"notes": notes}), output)


def _prepared(reading: IcbhiReading, card: Card, output: Path) -> PreparedCorpus:
    lines = ({"id": problem.id, "reason": problem.reason, "kept": problem.kept} for problem in reading.problems)
    write_lines(output / PROBLEMS_NAME, lines)
    return PreparedCorpus(reading.cycles, card)


def _problem_notes(reading: IcbhiReading) -> list[str]:
    if not reading.problems:
        return []
    lost = sum(not problem.kept for problem in reading.problems)
    return [f"{lost} recordings or cycles left out, {len(reading.problems) - lost} remarks: see {PROBLEMS_NAME}."]
