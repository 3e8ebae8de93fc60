"""SPRSound: lung sounds of children, annotated by event and by recording.

``BioCAS2022/train2022_wav`` and ``test2022_wav`` hold 8 kHz recordings named
``65101170_0.4_0_p1_3246.wav`` (patient, age in years, sex 0 male or 1 female, location p1 to p8, number). A json file
of the same name lies below ``train2022_json``, ``test2022_json/inter_test_json`` (patients that training does not
have) or ``test2022_json/intra_test_json`` (patients that it has); later years add test folders of their own:

    {"record_annotation": "Normal", "event_annotation": [{"start": "342", "end": "2515", "type": "Normal"}]}

Times are milliseconds, as text or as numbers; events are in no order. Files of later years may lack
``record_annotation``, and some write ``recording_annotation``. A recording of poor quality has no events.

Source: Zhang et al. 2022, IEEE TBioCAS 16(5), 867-881, and the README files of SJTU-YONGFU-RESEARCH-GRP/SPRSound.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from merit_cli.corpora.breath_labels import breath_label
from merit_cli.corpora.breath_reading import RESEARCH_NOTE, UNANNOTATED_GAPS, BreathReading, add_span, open_recording
from merit_cli.corpora.breath_splits import assign_splits
from merit_cli.corpora.prepared import PreparedCorpus
from merit_cli.corpora.published_counts import counts_note
from merit_cli.errors import BadData, MeritError, NoInput, UsageError
from merit_cli.manifests.read_write import Card

EVENT_TYPES = ("Normal", "Rhonchi", "Wheeze", "Stridor", "Coarse Crackle", "Fine Crackle", "Wheeze+Crackle")
RECORD_TYPES = ("Normal", "CAS", "DAS", "CAS & DAS", "Poor Quality")
NUM_RECORDINGS = 2683
PUBLISHED = dict(zip(EVENT_TYPES, (6887, 53, 865, 17, 66, 1167, 34), strict=True))
PUBLISHED |= {"train events": 6656, "intra events": 1004, "inter events": 1429}
"""Of the 2022 release: 1949 training, 379 intra-patient and 355 inter-patient recordings."""
LATER = "test"
"""Part of the test sets after 2022."""
_NAME = re.compile(r"(?P<patient>\d+)_(?P<age>[\d.]+)_(?P<sex>[01])_(?P<location>p[1-8])_(?P<number>\d+)")
_SEX = {"0": "M", "1": "F"}


@dataclass(frozen=True)
class _Annotation:
    record: str
    events: tuple[Mapping[str, Any], ...]
    part: str


def prepare_sprsound(raw: Path | None, output: Path) -> PreparedCorpus:
    """The events of SPRSound, a recording without events as a whole; the recordings stay where they are.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no recording of the corpus.
        CheckFailed: The 2022 release is complete and its events are not as many as were published.
    """
    return _prepare(raw, by_event=True)


def prepare_sprsound_records(raw: Path | None, output: Path) -> PreparedCorpus:
    """The recordings of SPRSound as a whole, each with its record-level label; the recordings stay where they are.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no recording of the corpus.
        CheckFailed: The 2022 release is complete and its events are not as many as were published.
    """
    return _prepare(raw, by_event=False)


def _prepare(raw: Path | None, *, by_event: bool) -> PreparedCorpus:
    if raw is None:
        raise UsageError(
            "sprsound needs the folder of the unpacked corpus", hint="merit prepare sprsound FOLDER -o OUT"
        )
    recordings, annotations = _first_of_each_name(raw, "*.wav"), _first_of_each_name(raw, "*.json")
    if not recordings:
        raise NoInput("the folder holds no recording of SPRSound", place=str(raw), hint="65101170_0.4_0_p1_3246.wav")
    reading = BreathReading()
    counts: Counter[str] = Counter()
    num_counted = 0
    for stem, path in recordings.items():
        try:
            if stem not in annotations:
                raise NoInput("its annotation .json is missing")
            annotation = _read_annotation(annotations[stem])
            if annotation.part != LATER:
                num_counted += 1
                counts.update(str(event.get("type", "")) for event in annotation.events)
                counts[f"{annotation.part} events"] += len(annotation.events)
            _add_recording(reading, stem, path, annotation, by_event=by_event)
        except MeritError as error:
            reading.add_problem(stem, f"left out: {error.message}", kept=False)
    for stem in sorted(annotations.keys() - recordings.keys()):
        reading.add_problem(stem, "left out: annotation without a recording", kept=False)
    reading.cycles, notes = assign_splits(reading.cycles, seed=0)
    counted = counts_note("SPRSound 2022", counts, PUBLISHED, recordings=num_counted, all_recordings=NUM_RECORDINGS)
    notes += ["Rhonchi and stridor are no class of ICBHI and keep their names."] if by_event else []
    card = Card(
        name="sprsound",
        description=f"SPRSound, lung sounds of children, {'by event' if by_event else 'by recording'}.",
        licence="as the LICENSE file of the corpus says; cite Zhang et al. 2022",
        source="Zhang et al. 2022, IEEE TBioCAS 16(5), 867-881",
        notes=(RESEARCH_NOTE, counted, *notes, *reading.loss_notes()),
    )
    return PreparedCorpus(reading.cycles, card, reading.problems)


def _first_of_each_name(raw: Path, pattern: str) -> dict[str, Path]:
    """Files by stem; the releases stand before ``example`` and other copies."""
    found: dict[str, Path] = {}
    for path in sorted(raw.rglob(pattern)):
        if _NAME.fullmatch(path.stem):
            found.setdefault(path.stem, path.resolve())
    return found


def _read_annotation(path: Path) -> _Annotation:
    """The annotation of a recording; ``part`` is ``train``, ``inter``, ``intra``, or ``test`` of a later year."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        raise BadData("its annotation is not json", place=str(path)) from None
    events = tree.get("event_annotation") if isinstance(tree, dict) else None
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise BadData("its annotation has no list event_annotation", place=str(path))
    record = str(tree.get("record_annotation") or tree.get("recording_annotation") or "")
    folder = path.parent.name.lower()
    part = next((word for word in ("inter", "intra", "train") if word in folder), LATER)
    return _Annotation(record, tuple(events), part)


def _add_recording(reading: BreathReading, stem: str, path: Path, annotation: _Annotation, *, by_event: bool) -> None:
    match = _NAME.fullmatch(stem)
    assert match is not None, stem
    facts = {
        "age": match["age"],
        "sex": _SEX[match["sex"]],
        "location": match["location"],
        "official_split": "train" if annotation.part == "train" else "test",
        "part": annotation.part,
        **UNANNOTATED_GAPS,
    }
    recording = open_recording(reading, stem, path, patient=match["patient"], facts=facts)
    record = {"record": annotation.record} if annotation.record else {}
    if annotation.record and annotation.record not in RECORD_TYPES:
        reading.add_problem(stem, f"unknown record annotation {annotation.record!r}", kept=True)
    if not by_event and not annotation.record:
        raise BadData("its annotation has no record_annotation")
    if not by_event or not annotation.events:
        add_span(reading, recording, stem, start=0.0, end=recording.audio.duration, labels=record)
        return
    for number, event in enumerate(annotation.events, start=1):
        item_id = f"{stem}__e{number:02d}"
        kind = str(event.get("type", ""))
        if kind not in EVENT_TYPES:
            reading.add_problem(item_id, f"unknown event type {kind!r}", kept=True)
        try:
            start, end = (float(event[key]) / 1000.0 for key in ("start", "end"))
        except (KeyError, TypeError, ValueError):
            reading.add_problem(item_id, "left out: start or end is not a number of milliseconds", kept=False)
            continue
        labels = {"breath": breath_label(kind), "event": kind, **record}
        add_span(reading, recording, item_id, start=start, end=end, labels=labels)
