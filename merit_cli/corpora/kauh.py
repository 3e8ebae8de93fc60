"""The lung sounds of King Abdullah University Hospital: 112 patients, each recorded through three filters.

A file is ``BP101_Asthma,E W,P L U,45,F.wav``: filter (B bell, D diaphragm, E extended), patient, diagnosis, sound,
location, age and sex. Sounds are N normal, W wheezes, C crackles, Crep crepitations, Bronchial, with I and E for the
phase they were heard in. The three recordings of a patient are siblings, the same breaths through three filters,
and stay on one side. There is no official split. Crepitations are listed apart from crackles and are not made
crackles here; the B of the sound ``I C B`` is explained nowhere, so that sound keeps its name too.

Source: Fraiwan et al. 2021, Data in Brief 35, 106913, and doi 10.17632/jwyy9np4gv.3.
"""

import re
from pathlib import Path

from merit_cli.corpora.breath_labels import label_of
from merit_cli.corpora.breath_reading import (
    AUDIO_SUFFIXES,
    RESEARCH_NOTE,
    BreathReading,
    add_span,
    open_recording,
)
from merit_cli.corpora.breath_splits import assign_splits
from merit_cli.corpora.prepared import PreparedCorpus
from merit_cli.corpora.published_counts import counts_note
from merit_cli.errors import MeritError, NoInput, UsageError
from merit_cli.manifests.read_write import Card

NUM_RECORDINGS = 336
NUM_PATIENTS = 112
FILTERS = {"B": "bell", "D": "diaphragm", "E": "extended"}
_NAME = re.compile(
    r"(?P<filter>[BDE])P(?P<patient>\d+)_(?P<diagnosis>.+?),(?P<sound>[^,]+),(?P<location>[^,]+),(?P<age>[^,]*),(?P<sex>[^,]*)"
)


def prepare_kauh(raw: Path | None, output: Path) -> PreparedCorpus:
    """The recordings of the corpus, each as a whole, in splits by patient; they stay where they are.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no recording of the corpus.
        CheckFailed: All recordings are there, and not each patient has three.
    """
    if raw is None:
        raise UsageError("kauh needs the folder of the unpacked corpus", hint="merit prepare kauh FOLDER -o OUT")
    found = {
        path.stem.strip(): path.resolve()
        for path in sorted(raw.rglob("*"))
        if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")
    }
    named = {stem: match for stem in found if (match := _NAME.fullmatch(stem))}
    if not named:
        raise NoInput("the folder holds no recording of KAUH", place=str(raw), hint="BP101_Asthma,E W,P L U,45,F.wav")
    reading = BreathReading()
    for stem in sorted(found.keys() - named.keys()):
        reading.add_problem(stem, "left out: not a KAUH name", kept=False)
    for stem, match in named.items():
        try:
            _add_recording(reading, stem, found[stem], match)
        except MeritError as error:
            reading.add_problem(stem, f"left out: {error.message}", kept=False)
    reading.cycles, split_notes = assign_splits(reading.cycles, seed=0)
    filters = {name: sum(match["filter"] == key for match in named.values()) for key, name in FILTERS.items()}
    published = dict.fromkeys(FILTERS.values(), NUM_PATIENTS)
    counted = counts_note("KAUH", filters, published, recordings=len(named), all_recordings=NUM_RECORDINGS)
    card = Card(
        name="kauh",
        description="Lung sounds of King Abdullah University Hospital, each patient through three filters.",
        licence="CC BY 4.0; cite Fraiwan et al. 2021",
        source="Fraiwan et al. 2021, Data in Brief 35, 106913",
        notes=(
            RESEARCH_NOTE,
            counted,
            "The three recordings of a patient are one sound through three filters: count patients, not files.",
            "No official split: splits are by patient, by rule.",
            *split_notes,
            *reading.loss_notes(),
        ),
    )
    return PreparedCorpus(reading.cycles, card, reading.problems)


def _add_recording(reading: BreathReading, stem: str, path: Path, match: re.Match[str]) -> None:
    facts = {
        "filter": FILTERS[match["filter"]],
        "location": " ".join(match["location"].split()),
        "age": match["age"].strip(),
        "sex": match["sex"].strip().upper(),
    }
    recording = open_recording(reading, stem, path, patient=f"P{int(match['patient'])}", facts=facts)
    sound = " ".join(match["sound"].split())
    labels = {"breath": sound_label(sound), "sound": sound, "diagnosis": match["diagnosis"].strip()}
    item_id = re.sub(r"[^A-Za-z0-9]+", "_", stem).strip("_")
    add_span(reading, recording, item_id, start=0.0, end=recording.audio.duration, labels=labels)


def sound_label(sound: str) -> str:
    """ICBHI's class of a sound where its letters have one; the sound itself where they have not.

    >>> [sound_label(sound) for sound in ("N", "E W", "I C E W", "Crep", "I C B")]
    ['normal', 'wheeze', 'both', 'crep', 'i c b']
    """
    letters = set(sound.upper().split())
    if letters == {"N"}:
        return "normal"
    if letters & {"C", "W"} and letters <= {"I", "E", "C", "W"}:
        return label_of(has_crackle="C" in letters, has_wheeze="W" in letters)
    return sound.lower()
