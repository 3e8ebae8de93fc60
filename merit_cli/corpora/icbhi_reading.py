"""A folder in the ICBHI 2017 layout as cycles with patients, labels and splits."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from merit_cli.corpora.icbhi_format import (
    DEVICES,
    SPLIT_LIST_NAME,
    Cycle,
    RecordingName,
    parse_stem,
    read_annotation,
    read_split_list,
)
from merit_cli.corpora.icbhi_splits import assign_splits
from merit_cli.errors import BadData, MeritError, NoInput
from merit_cli.io.audio_file import AudioInfo, audio_info
from merit_cli.manifests.utterance import Utterance

END_TOLERANCE_S = 0.1
"""A cycle may end this much after the audio: annotations are rounded; it is cut at the end of the audio."""
_SUFFIXES = (".wav", ".flac")  # where both are there, the first


@dataclass(frozen=True)
class Problem:
    """A recording or cycle that was left out, or a remark on one that was kept."""

    id: str
    reason: str
    kept: bool


@dataclass
class IcbhiReading:
    """What a folder holds.

    Args:
        cycles: One utterance a cycle; ``info["official_split"]`` keeps the list's word.
        problems: Recordings and cycles that are odd or left out.
        notes: Sentences on the corpus as a whole, for its card.
    """

    cycles: list[Utterance] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add_problem(self, item_id: str, reason: str, *, kept: bool) -> None:
        """Put a sentence about one item on record."""
        self.problems.append(Problem(item_id, reason, kept))


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
    for stem, paths in recordings.items():
        if len(paths) > 1:
            reading.add_problem(stem, f"wav and flac are both there; {paths[0].name} is used", kept=True)
        try:
            _read_recording(reading, stem, paths[0], texts, official.get(stem, ""), devices)
        except MeritError as error:
            reading.add_problem(stem, f"left out: {error.message}", kept=False)
    for stem in sorted(texts.keys() - recordings.keys()):
        if _is_name(stem):
            reading.add_problem(stem, "left out: annotation without a recording", kept=False)
    if not reading.cycles:
        first = reading.problems[0] if reading.problems else None
        raise BadData("not one cycle can be used", place=str(raw), hint=f"{first.id}: {first.reason}" if first else "")
    reading.cycles, split_notes = assign_splits(reading.cycles, seed=seed)
    reading.notes += split_notes
    return reading


def _find_files(raw: Path) -> tuple[dict[str, list[Path]], dict[str, Path]]:
    """Recordings and texts by stem; in each list wav stands before flac."""
    if not raw.is_dir():
        raise NoInput("the corpus folder does not exist", place=str(raw))
    recordings: dict[str, list[Path]] = defaultdict(list)
    for suffix in _SUFFIXES:
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
        some = ", ".join(absent[:3]) + (", ..." if len(absent) > 3 else "")
        reading.notes.append(f"{len(absent)} of {len(official)} lines of the split list have no recording ({some}).")
    return official


def _read_recording(
    reading: IcbhiReading, stem: str, path: Path, texts: Mapping[str, Path], split: str, devices: frozenset[str]
) -> None:
    name = parse_stem(stem)
    if stem not in texts:
        raise NoInput("its annotation .txt is missing")
    info = audio_info(path)
    cycles, remarks = read_annotation(texts[stem])
    for remark in [*name.oddities(devices), *remarks]:
        reading.add_problem(stem, remark, kept=True)
    if info.num_channels > 1:
        reading.add_problem(stem, f"{info.num_channels} channels: their mean is used", kept=True)
    for cycle in cycles:
        utterance = _cycle_utterance(reading, stem, path, name, info, cycle, split)
        if utterance is not None:
            reading.cycles.append(utterance)


def _cycle_utterance(
    reading: IcbhiReading, stem: str, path: Path, name: RecordingName, info: AudioInfo, cycle: Cycle, split: str
) -> Utterance | None:
    item_id = f"{stem}__c{cycle.line:02d}"
    if cycle.end > info.duration + END_TOLERANCE_S:
        reading.add_problem(
            item_id, f"left out: ends at {cycle.end:.3f} s, the audio at {info.duration:.3f} s", kept=False
        )
        return None
    start = round(cycle.start * info.sample_rate)
    end = min(round(cycle.end * info.sample_rate), info.num_samples)
    if end <= start:
        reading.add_problem(item_id, "left out: the cycle holds no samples", kept=False)
        return None
    facts = {
        "location": name.location,
        "mode": name.mode,
        "device": name.device,
        "recording": stem,
        "recording_samples": str(info.num_samples),
    }
    if split:
        facts["official_split"] = split
    return Utterance(
        id=item_id,
        audio=path,
        sample_rate=info.sample_rate,
        num_samples=end - start,
        start=start,
        speaker=name.patient,
        labels={"breath": cycle.label},
        info=facts,
    )
