"""The files of the ICBHI 2017 challenge: names, annotations, the official split list.

A recording is ``101_1b1_Al_sc_Meditron.wav`` (patient, recording, chest location, acquisition mode,
device) with a same-stem ``.txt`` of tab-separated ``start end crackle wheeze`` lines, times in
seconds. The split list has ``stem<TAB>train|test`` lines ended by CRLF.

Source: Rocha et al. 2019, An open access database for the evaluation of respiratory sound
classification algorithms, Physiological Measurement 40.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from merit_cli.corpora.breath_labels import label_of
from merit_cli.errors import BadData, NoInput

LOCATIONS = frozenset({"Tc", "Al", "Ar", "Pl", "Pr", "Ll", "Lr"})
MODES = frozenset({"sc", "mc"})
DEVICES = frozenset({"AKGC417L", "LittC2SE", "Litt3200", "Meditron"})
SPLIT_LIST_NAME = "ICBHI_challenge_train_test.txt"
_STEM = re.compile(r"(?P<patient>\d+)_(?P<recording>[^_]+)_(?P<location>[^_]+)_(?P<mode>[^_]+)_(?P<device>[^_]+)")


@dataclass(frozen=True)
class RecordingName:
    """What a recording's name says.

    Args:
        patient: Number, as text.
        recording: Recording index such as ``1b1``.
        location: Where on the chest: ``Tc Al Ar Pl Pr Ll Lr``.
        mode: ``sc`` single channel, ``mc`` several at once.
        device: Stethoscope or microphone.
    """

    patient: str
    recording: str
    location: str
    mode: str
    device: str

    def oddities(self, devices: frozenset[str] = DEVICES) -> list[str]:
        """A note for each part that the corpus does not know."""
        parts = (
            ("chest location", self.location, LOCATIONS),
            ("mode", self.mode, MODES),
            ("device", self.device, devices),
        )
        return [f"unknown {kind} {value!r}" for kind, value, known in parts if value not in known]


@dataclass(frozen=True)
class Cycle:
    """One annotated breath cycle.

    Args:
        start: In seconds.
        end: In seconds.
        label: One of `breath_labels.BREATH_LABELS`.
        line: Number of its line, from 1.
    """

    start: float
    end: float
    label: str
    line: int


@dataclass(frozen=True)
class LineProblem:
    """A line of an annotation that cannot be used, or is odd.

    Args:
        line: Its number, from 1.
        reason: What is wrong.
        kept: Whether it gives a cycle all the same.
    """

    line: int
    reason: str
    kept: bool


def parse_stem(stem: str) -> RecordingName:
    """The parts of a recording's name.

    Raises:
        BadData: It does not have the five parts.

    >>> parse_stem("101_1b1_Al_sc_Meditron").device
    'Meditron'
    """
    match = _STEM.fullmatch(stem)
    if match is None:
        raise BadData(f"{stem!r} is not an ICBHI name", hint="patient_recording_location_mode_device")
    return RecordingName(**match.groupdict())


def read_annotation(path: Path) -> tuple[list[Cycle], list[LineProblem]]:
    """The cycles of an annotation file, and what is wrong with each line that cannot be used or is odd.

    Raises:
        NoInput: There is no such file.
        BadData: Not one line of it can be used.
    """
    cycles: list[Cycle] = []
    problems: list[LineProblem] = []
    for number, text in enumerate(_lines(path), start=1):
        if not text.strip():
            continue
        try:
            cycle, note = _parse_line(text, number)
        except ValueError as error:
            problems.append(LineProblem(number, str(error), kept=False))
            continue
        if note:
            problems.append(LineProblem(number, note, kept=True))
        if cycles and cycle.start < cycles[-1].end - 1e-6:
            overlap = cycles[-1].end - cycle.start
            words = f"overlaps the cycle before it by {overlap:.3f} s; both are kept"
            problems.append(LineProblem(number, words, kept=True))
        cycles.append(cycle)
    if not cycles:
        why = f": line {problems[0].line}: {problems[0].reason}" if problems else ""
        raise BadData(f"the annotation has no usable cycle{why}", place=str(path))
    return cycles, problems


def _parse_line(text: str, number: int) -> tuple[Cycle, str]:
    parts = text.split()
    if len(parts) != 4:
        raise ValueError(f"{len(parts)} columns instead of start, end, crackle, wheeze")
    note = "comma read as decimal point" if "," in parts[0] + parts[1] else ""
    start, end = (_seconds(part) for part in parts[:2])
    flags = [{"0": False, "1": True}.get(part) for part in parts[2:]]
    if None in flags:
        raise ValueError(f"crackle and wheeze are {parts[2]!r} and {parts[3]!r}, not 0 or 1")
    if start < 0.0 or end <= start:
        raise ValueError(f"the cycle runs from {start:g} to {end:g} s")
    return Cycle(start, end, label_of(has_crackle=bool(flags[0]), has_wheeze=bool(flags[1])), number), note


def _seconds(text: str) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        raise ValueError(f"{text!r} is not a time in seconds") from None
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"{text!r} is not a time in seconds")
    return value


def read_split_list(path: Path) -> dict[str, str]:
    """Stem of each recording in the official list to ``train`` or ``test``.

    Raises:
        NoInput: There is no such file.
        BadData: A line is not ``stem train|test``, or a stem stands in both.
    """
    splits: dict[str, str] = {}
    for number, text in enumerate(_lines(path), start=1):
        parts = text.split()
        if not parts:
            continue
        if len(parts) != 2 or parts[1].lower() not in ("train", "test"):
            raise BadData(f"cannot read {text.strip()!r}", place=f"{path}:{number}", hint="stem, tab, train or test")
        stem, split = parts[0], parts[1].lower()
        if splits.get(stem, split) != split:
            raise BadData(f"{stem!r} stands in train and in test", place=f"{path}:{number}")
        splits[stem] = split
    return splits


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except OSError:
        raise NoInput("the file does not exist", place=str(path)) from None
    except UnicodeDecodeError:
        raise BadData("the file is not text", place=str(path)) from None
