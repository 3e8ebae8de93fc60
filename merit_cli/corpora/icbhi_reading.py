"""A folder in the ICBHI 2017 layout as cycles with patients, labels and splits."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from merit_cli.corpora.breath_reading import AUDIO_SUFFIXES, BreathReading, BreathRecording, add_span, open_recording
from merit_cli.corpora.breath_splits import assign_splits
from merit_cli.corpora.icbhi_format import (
    DEVICES,
    SPLIT_LIST_NAME,
    Cycle,
    parse_stem,
    read_annotation,
    read_split_list,
)
from merit_cli.corpora.icbhi_tables import patient_facts
from merit_cli.errors import BadData, MeritError, NoInput

MAX_NAMED = 3


@dataclass
class IcbhiReading(BreathReading):
    """What a folder holds.

    Args:
        annotated: Cycles of each official split and label, ``train normal``, and of each label, as annotated.
        num_recordings: Recordings with an ICBHI name.
    """

    annotated: Counter[str] = field(default_factory=Counter)
    num_recordings: int = 0


def read_icbhi_folder(raw: Path, *, devices: frozenset[str] = DEVICES, seed: int = 0) -> IcbhiReading:
    """Every annotated cycle below ``raw``, with patient-disjoint splits.

    The official list gives train and test; dev is cut out of the training patients. Where a
    patient stands on both sides, the test cycles of that patient get no split. Where no listed test
    recording is present, patients are split by rule instead. Both are said in the notes.

    Args:
        raw: The folder, searched with its sub-folders.
        devices: Device names that raise no remark.
        seed: Of the dev cut.

    Raises:
        NoInput: The folder is missing or holds no recording with an ICBHI name.
        BadData: The split list cannot be used, or not one cycle can.
    """
    recordings, texts = _find_files(raw)
    reading = IcbhiReading()
    official = _official_splits(raw, recordings, reading)
    patients, table_notes = patient_facts(raw)
    for stem, paths in recordings.items():
        if len(paths) > 1:
            reading.add_problem(stem, f"{len(paths)} files of this name are there; {paths[0].name} is used", kept=True)
        try:
            _read_recording(reading, stem, paths[0], texts, official.get(stem, ""), devices, patients)
        except MeritError as error:
            reading.add_problem(stem, f"left out: {error.message}", kept=False)
    for stem in sorted(texts.keys() - recordings.keys()):
        if _is_name(stem):
            reading.add_problem(stem, "left out: annotation without a recording", kept=False)
    if not reading.cycles:
        first = reading.problems[0] if reading.problems else None
        raise BadData("not one cycle can be used", place=str(raw), hint=f"{first.id}: {first.reason}" if first else "")
    reading.cycles, split_notes = assign_splits(reading.cycles, seed=seed)
    reading.notes += [*split_notes, *table_notes, *_device_notes(reading)]
    return reading


def _find_files(raw: Path) -> tuple[dict[str, list[Path]], dict[str, Path]]:
    """Recordings and texts by stem; in each list wav stands before flac."""
    if not raw.is_dir():
        raise NoInput("the corpus folder does not exist", place=str(raw))
    recordings: dict[str, list[Path]] = defaultdict(list)
    for suffix in AUDIO_SUFFIXES:
        for path in sorted(raw.rglob("*")):
            if path.suffix.lower() == suffix and not path.name.startswith("."):
                recordings[path.stem].append(path.resolve())
    texts = {path.stem: path.resolve() for path in sorted(raw.rglob("*.txt")) if not path.name.startswith(".")}
    if not recordings:
        raise NoInput(
            "the folder holds no wav or flac file", place=str(raw), hint="give the folder of the unpacked corpus"
        )
    return {stem: recordings[stem] for stem in sorted(recordings)}, texts


def _is_name(stem: str) -> bool:
    try:
        parse_stem(stem)
    except BadData:
        return False
    return True


def _official_splits(raw: Path, recordings: Mapping[str, object], reading: IcbhiReading) -> dict[str, str]:
    found = sorted(path for path in raw.rglob("*.txt") if path.name.lower() == SPLIT_LIST_NAME.lower())
    if not found:
        reading.notes.append(f"No {SPLIT_LIST_NAME} in the folder: splits are by patient, by rule.")
        return {}
    official = read_split_list(found[0])
    absent = [stem for stem in official if stem not in recordings]
    if absent:
        some = ", ".join(absent[:MAX_NAMED]) + (", ..." if len(absent) > MAX_NAMED else "")
        reading.notes.append(f"{len(absent)} of {len(official)} lines of the split list have no recording ({some}).")
    return official


def _read_recording(
    reading: IcbhiReading,
    stem: str,
    path: Path,
    texts: Mapping[str, Path],
    split: str,
    devices: frozenset[str],
    patients: Mapping[str, Mapping[str, str]],
) -> None:
    name = parse_stem(stem)
    reading.num_recordings += 1
    if stem not in texts:
        raise NoInput("its annotation .txt is missing")
    known = dict(patients.get(name.patient, {}))
    diagnosis = {"diagnosis": known.pop("diagnosis")} if "diagnosis" in known else {}
    facts = {"location": name.location, "mode": name.mode, "device": name.device, **known}
    facts |= {"official_split": split} if split else {}
    recording = open_recording(reading, stem, path, patient=name.patient, facts=facts)
    for oddity in name.oddities(devices):
        reading.add_problem(stem, oddity, kept=True)
    for cycle in add_cycles(reading, recording, texts[stem], labels=diagnosis):
        reading.annotated.update([cycle.label, f"{split} {cycle.label}"])


def add_cycles(
    reading: BreathReading, recording: BreathRecording, annotation: Path, *, labels: Mapping[str, str] | None = None
) -> list[Cycle]:
    """Add the cycles of an annotation to ``reading``, with a remark on whatever is odd or left out.

    Args:
        reading: Gets the cycles that lie in the audio, and the remarks.
        recording: What was annotated.
        annotation: The ``.txt``.
        labels: Of the recording, beside ``breath``.

    Returns:
        All cycles as annotated, also those that do not lie in the audio.

    Raises:
        NoInput: There is no such annotation.
        BadData: Not one line of it can be used.
    """
    cycles, problems = read_annotation(annotation)
    for problem in problems:
        item = recording.stem if problem.kept else f"{recording.stem}__c{problem.line:02d}"
        words = f"line {problem.line}: {problem.reason}"
        reading.add_problem(item, words if problem.kept else f"left out: {words}", kept=problem.kept)
    for cycle in cycles:
        item = f"{recording.stem}__c{cycle.line:02d}"
        heard = {"breath": cycle.label, **(labels or {})}
        add_span(reading, recording, item, start=cycle.start, end=cycle.end, labels=heard)
    return cycles


def _device_notes(reading: IcbhiReading) -> list[str]:
    """A sentence on devices that were trained on and are not tested, or the reverse."""
    by_split: dict[str, set[str]] = defaultdict(set)
    for cycle in reading.cycles:
        by_split[cycle.split].add(cycle.info["device"])
    trained, tested = by_split["train"], by_split["test"]
    notes = []
    if tested and trained - tested:
        notes.append(f"No test recording is by {', '.join(sorted(trained - tested))}.")
    if trained and tested - trained:
        notes.append(f"No training recording is by {', '.join(sorted(tested - trained))}.")
    return notes
