"""HF_Lung_V1: 9 765 recordings of 15 s at 4 kHz, with labelled breath phases and adventitious sounds.

``train/`` and ``test/`` hold ``steth_20190821_12_00_25.wav`` (an electronic stethoscope) and
``trunc_2019-08-21-10-35-06-L1_1.wav`` (a piece of a longer recording at site L1), each with a
``<stem>_label.txt`` of ``I 00:00:00.000 00:00:02.000`` lines: I inhalation, E exhalation, D discontinuous sound
(crackles), Wheeze, Rhonchi, Stridor. Intervals overlap. A label file may be empty. What no interval covers was not
annotated and is not normal. Patients are not named; the day is in the name, and recordings of one day are kept on
one side.

An utterance is one labelled phase, with every sound that touches it, or a labelled sound that no phase touches.
A phase that no sound touches is called normal: the annotators marked the phase and heard nothing to add.

Source: Hsu et al. 2021, PLOS ONE 16(7), e0254134, and gitlab.com/techsupportHF/HF_Lung_V1.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from merit_cli.corpora.breath_labels import label_of
from merit_cli.corpora.breath_reading import RESEARCH_NOTE, UNANNOTATED_GAPS, BreathReading, add_span, open_recording
from merit_cli.corpora.breath_splits import assign_splits
from merit_cli.corpora.prepared import PreparedCorpus
from merit_cli.corpora.published_counts import counts_note
from merit_cli.errors import BadData, MeritError, NoInput, UsageError
from merit_cli.manifests.read_write import Card

PHASES = ("I", "E")
SOUNDS = ("D", "Wheeze", "Rhonchi", "Stridor")
NUM_RECORDINGS = 9765
PUBLISHED = {"I": 34095, "E": 18349, "D": 15606, "Wheeze": 8457, "Rhonchi": 4740, "Stridor": 686}
_NAME = re.compile(r"steth_(?P<day>\d{8})_.+|trunc_(?P<date>\d{4}-\d{2}-\d{2})-.+")
_SITE = re.compile(r"-(?P<site>[A-Z][A-Za-z]?\d*)_\d+$")
_LABEL = "_label"


@dataclass(frozen=True)
class Interval:
    """One line of a label file, times in seconds."""

    kind: str
    start: float
    end: float

    def touches(self, other: "Interval") -> bool:
        """Whether both share more than a point in time."""
        return self.start < other.end and other.start < self.end


def prepare_hf_lung(raw: Path | None, output: Path) -> PreparedCorpus:
    """The labelled phases and sounds of HF_Lung_V1; the recordings stay where they are.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no recording of the corpus.
        CheckFailed: All recordings are there and the labels are not as many as were published.
    """
    if raw is None:
        raise UsageError("hf-lung needs the folder of the unpacked corpus", hint="merit prepare hf-lung FOLDER -o OUT")
    recordings = {path.stem: path.resolve() for path in sorted(raw.rglob("*.wav")) if _NAME.fullmatch(path.stem)}
    if not recordings:
        raise NoInput("the folder holds no recording of HF_Lung_V1", place=str(raw), hint="train/steth_20190821_*.wav")
    reading, counts, num_empty = BreathReading(), Counter[str](), 0
    for stem, path in recordings.items():
        try:
            intervals = read_labels(path.with_name(f"{stem}{_LABEL}.txt"), reading, stem)
            counts.update(interval.kind for interval in intervals)
            num_empty += not intervals
            _add_recording(reading, stem, path, intervals)
        except MeritError as error:
            reading.add_problem(stem, f"left out: {error.message}", kept=False)
    reading.cycles, notes = assign_splits(reading.cycles, seed=0)
    counted = counts_note("HF_Lung_V1", counts, PUBLISHED, recordings=len(recordings), all_recordings=NUM_RECORDINGS)
    about = [
        "HF_Lung_V1 names no patients: the day of recording stands in for one, so splits are by day.",
        "A labelled phase that no labelled sound touches is called normal; what no label covers is left out.",
        *([f"{num_empty} recordings have an empty label file and give nothing."] if num_empty else []),
    ]
    card = Card(
        name="hf-lung",
        description="HF_Lung_V1: labelled inhalations, exhalations and adventitious sounds.",
        licence="CC BY 4.0; cite Hsu et al. 2021",
        source="Hsu et al. 2021, PLOS ONE 16(7), e0254134",
        notes=(RESEARCH_NOTE, counted, *about, *notes, *reading.loss_notes()),
    )
    return PreparedCorpus(reading.cycles, card, reading.problems)


def read_labels(path: Path, reading: BreathReading, stem: str) -> list[Interval]:
    """The intervals of a label file; lines that cannot be used go on record under ``stem``.

    Raises:
        NoInput: There is no such file.
        BadData: It is not text.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError:
        raise NoInput(f"its label file {path.name} is missing") from None
    except UnicodeDecodeError:
        raise BadData("its label file is not text") from None
    intervals = []
    for number, line in enumerate(lines, start=1):
        parts = line.split()
        if not parts:
            continue
        times = [_seconds(part) for part in parts[1:]]
        if len(parts) != 3 or parts[0] not in (*PHASES, *SOUNDS) or None in times:
            reading.add_problem(f"{stem}__l{number:02d}", f"left out: cannot read {line.strip()!r}", kept=False)
            continue
        start, end = (time for time in times if time is not None)
        intervals.append(Interval(parts[0], start, end))
    return intervals


def _seconds(text: str) -> float | None:
    match = re.fullmatch(r"(\d+):(\d+):(\d+(?:[.,]\d+)?)", text)
    if match is None:
        return None
    return 3600.0 * int(match[1]) + 60.0 * int(match[2]) + float(match[3].replace(",", "."))


def _add_recording(reading: BreathReading, stem: str, path: Path, intervals: Sequence[Interval]) -> None:
    match = _NAME.fullmatch(stem)
    assert match is not None, stem
    day = (match["day"] or match["date"]).replace("-", "")
    site = _SITE.search(stem)
    folder = path.parent.name.lower()
    official = folder if folder in ("train", "test") else ""
    facts = {
        "device": "steth" if match["day"] else "trunc",
        **UNANNOTATED_GAPS,
        **({"location": site["site"]} if site else {}),
        **({"official_split": official} if official else {}),
    }
    recording = open_recording(reading, stem, path, patient=f"day-{day}", facts=facts)
    phases = [interval for interval in intervals if interval.kind in PHASES]
    sounds = [interval for interval in intervals if interval.kind in SOUNDS]
    lone = [sound for sound in sounds if not any(sound.touches(phase) for phase in phases)]
    for number, item in enumerate([*phases, *lone], start=1):
        heard = {sound.kind for sound in sounds if sound.touches(item)} | ({item.kind} & set(SOUNDS))
        labels = {"breath": label_of_sounds(heard), **({"phase": item.kind} if item.kind in PHASES else {})}
        add_span(reading, recording, f"{stem}__i{number:02d}", start=item.start, end=item.end, labels=labels)


def label_of_sounds(heard: set[str]) -> str:
    """ICBHI's class of a phase by what was heard in it; rhonchi and stridor, which it has no class for, by name.

    >>> label_of_sounds({"D", "Wheeze"}), label_of_sounds({"Rhonchi"}), label_of_sounds(set())
    ('both', 'rhonchi', 'normal')
    """
    others = sorted(heard & {"Rhonchi", "Stridor"})
    if others:
        return "+".join(other.lower() for other in others)
    return label_of(has_crackle="D" in heard, has_wheeze="Wheeze" in heard)
