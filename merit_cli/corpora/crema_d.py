"""CREMA-D: 7442 clips of 91 actors, twelve sentences, six emotions.

A file is ``AudioWAV/1001_IEO_ANG_LO.wav``: actor, sentence, intended emotion, intensity (LO, MD, HI, XX unspecified).
``VideoDemographics.csv`` has the actors' age, sex, race and ethnicity; ``processedResults/summaryTable.csv`` what most
listeners heard (VoiceVote, with a colon between emotions that tie).

Source: Cao et al. (2014), IEEE Transactions on Affective Computing 5(4); layout and columns as in the README and the
files of the authors' repository CheyneyComputerScience/CREMA-D.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from merit_cli.corpora.csv_table import find_one, read_rows
from merit_cli.corpora.emotion_reading import (
    EMOTION,
    SCRIPT,
    Spoken,
    corpus_folder,
    emotion_counts,
    files_by_stem,
    prepare_spoken,
)
from merit_cli.corpora.prepared import PreparedCorpus, Remark
from merit_cli.corpora.published_counts import counts_note
from merit_cli.errors import NoInput
from merit_cli.manifests.read_write import Card

EMOTIONS = {"ANG": "angry", "DIS": "disgust", "FEA": "fearful", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
PUBLISHED = {"angry": 1271, "disgust": 1271, "fearful": 1271, "happy": 1271, "neutral": 1087, "sad": 1271}
VOTES = {"A": "angry", "D": "disgust", "F": "fearful", "H": "happy", "N": "neutral", "S": "sad"}
INTENSITIES = {"LO": "low", "MD": "medium", "HI": "high", "XX": ""}
SENTENCES = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
_NAME = re.compile(r"(?P<actor>10\d\d)_(?P<sentence>[A-Z]{3})_(?P<emotion>[A-Z]{3})_(?P<level>LO|MD|HI|XX?)")


def prepare_crema_d(raw: Path | None, output: Path) -> PreparedCorpus:
    """The clips with the intended emotion, in splits by speaker; the files stay where they are.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no clip of the corpus.
        BadData: No clip can be read, or a table cannot.
        CheckFailed: All clips are there, but the emotions are not as published.
    """
    return _prepare(raw, "crema-d", perceived=False)


def prepare_crema_d_perceived(raw: Path | None, output: Path) -> PreparedCorpus:
    """The same with the emotion that most listeners heard in the voice; clips on which they tie are left out.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no clip of the corpus, or the listeners' votes are missing.
        BadData: No clip can be read, or a table cannot.
        CheckFailed: All clips are there, but the emotions are not as published.
    """
    return _prepare(raw, "crema-d-perceived", perceived=True)


def _prepare(raw: Path | None, name: str, *, perceived: bool) -> PreparedCorpus:
    folder = corpus_folder(raw, name)
    found = {
        stem: (path, match)
        for stem, (path, match) in files_by_stem(folder, _NAME).items()
        if match["emotion"] in EMOTIONS and match["sentence"] in SENTENCES
    }
    if not found:
        raise NoInput("the folder holds no clip of CREMA-D", place=str(folder), hint="AudioWAV/1001_IEO_ANG_LO.wav")
    counts = emotion_counts(EMOTIONS[match["emotion"]] for _, match in found.values())
    total = sum(PUBLISHED.values())
    people = _people(folder)
    spoken = [_spoken(path, match, people.get(match["actor"], {})) for path, match in found.values()]
    remarks: list[Remark] = []
    if perceived:
        spoken, remarks = _as_heard(spoken, _votes(folder))
    card = Card(
        name=name,
        description=f"CREMA-D: 91 actors, twelve sentences, the {'perceived' if perceived else 'intended'} emotion.",
        licence="Open Database Licence 1.0; cite Cao et al. 2014",
        source="Cao et al. 2014, doi 10.1109/TAFFC.2014.2336244",
        notes=(
            counts_note("CREMA-D (intended)", counts, PUBLISHED, recordings=len(found), all_recordings=total),
            *([] if people else ["VideoDemographics.csv is missing: the actors' sex and age are not known."]),
        ),
    )
    return prepare_spoken(spoken, card, by_rule=True, remarks=remarks)


def _people(folder: Path) -> dict[str, dict[str, str]]:
    table = find_one(folder, "VideoDemographics.csv")
    if table is None:
        return {}
    rows = read_rows(table, ("actorid", "age", "sex"))
    return {row["actorid"]: {"gender": row["sex"].lower(), "age": row["age"]} for row in rows}


def _votes(folder: Path) -> dict[str, str]:
    table = find_one(folder, "summaryTable.csv")
    if table is None:
        raise NoInput(
            "the listeners' votes are missing", place=str(folder), hint="processedResults/summaryTable.csv of CREMA-D"
        )
    return {row["filename"]: row["voicevote"].strip() for row in read_rows(table, ("filename", "voicevote"))}


def _spoken(path: Path, match: re.Match[str], person: Mapping[str, str]) -> Spoken:
    intended = EMOTIONS[match["emotion"]]
    return Spoken(
        id=path.stem,
        path=path,
        speaker=match["actor"],
        labels={EMOTION: intended},
        info={
            **person,
            "sentence": match["sentence"],
            "intensity": INTENSITIES.get(match["level"], ""),
            "intended": intended,
            "language": "en",
        },
        transcript=SENTENCES[match["sentence"]],
        transcript_source=SCRIPT,
    )


def _as_heard(spoken: list[Spoken], votes: Mapping[str, str]) -> tuple[list[Spoken], list[Remark]]:
    kept, remarks = [], []
    for one in spoken:
        vote = votes.get(one.id, "")
        if vote in VOTES:
            kept.append(Spoken(**{**vars(one), "labels": {EMOTION: VOTES[vote]}}))
        else:
            reason = f"listeners tie ({vote})" if vote else "no listener's vote is known"
            remarks.append(Remark(one.id, f"left out: {reason}", kept=False))
    return kept, remarks
