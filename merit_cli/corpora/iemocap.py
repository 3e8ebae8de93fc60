"""IEMOCAP: 10 039 turns of ten actors in five dyadic sessions, emotions and attributes.

``SessionN/sentences/wav/<dialog>/<turn>.wav`` is a turn, ``SessionN/dialog/EmoEvaluation/<dialog>.txt`` its labels in
lines ``[start - end]<TAB>turn<TAB>code<TAB>[valence, activation, dominance]``, and
``SessionN/dialog/transcriptions/<dialog>.txt`` its words in lines ``turn [start-end]: words``. A turn
``Ses01F_impro01_M003`` belongs to the man of session 1: the letter before its number says who speaks, the one after
the session who wore the markers.

Source: Busso et al. (2008), Language Resources and Evaluation 42; layout as in the release's own tree; counts of the
consensus labels as usual in the field (5531 of four classes with excited counted as happy).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from merit_cli.corpora.emotion_reading import EMOTION, HUMAN, Spoken, corpus_folder, emotion_counts, prepare_spoken
from merit_cli.corpora.prepared import PreparedCorpus, Remark
from merit_cli.corpora.published_counts import counts_note
from merit_cli.errors import BadData, NoInput
from merit_cli.manifests.read_write import Card
from merit_cli.manifests.utterance import Label

EMOTIONS = {
    "ang": "angry",
    "hap": "happy",
    "exc": "excited",
    "sad": "sad",
    "neu": "neutral",
    "fru": "frustrated",
    "fea": "fearful",
    "sur": "surprised",
    "dis": "disgust",
    "oth": "other",
    "xxx": "",
}
"""xxx: the annotators did not agree."""
FOUR = {"ang": "angry", "hap": "happy", "exc": "happy", "sad": "sad", "neu": "neutral"}
PUBLISHED = {
    "ang": 1103,
    "hap": 595,
    "exc": 1041,
    "sad": 1084,
    "neu": 1708,
    "fru": 1849,
    "fea": 40,
    "sur": 107,
    "dis": 2,
    "oth": 3,
    "xxx": 2507,
}
ATTRIBUTE_SCALE = (1.0, 5.0)
DEV_SESSION, TEST_SESSION = "4", "5"
"""Ours; ``--fold`` leaves one session out after the other."""
_TURN = re.compile(r"Ses0(?P<session>[1-5])[FM]_(?P<dialog>[a-z]+\d+(?:_\d+)?[a-z]?)_(?P<sex>[FM])(?P<number>\w+)")
_RATED = re.compile(
    r"\[(?P<start>[\d.]+)\s*-\s*(?P<end>[\d.]+)\]\s+(?P<turn>\S+)\s+(?P<code>[a-z]{3})\s+"
    r"\[(?P<valence>[\d.]+),\s*(?P<arousal>[\d.]+),\s*(?P<dominance>[\d.]+)\]"
)
_WORDS = re.compile(r"(?P<turn>Ses0\S+)\s+\[[^\]]*\]:\s*(?P<words>.*)")


class Rated(NamedTuple):
    """A line of an evaluation."""

    turn: str
    code: str
    attributes: dict[str, Label]


def prepare_iemocap(raw: Path | None, output: Path) -> PreparedCorpus:
    """The turns of four classes, excited counted as happy; session 5 tests, session 4 chooses.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no evaluation of the corpus.
        BadData: No turn can be read, or a line of an evaluation cannot.
        CheckFailed: All turns are there, but the labels are not as published.
    """
    return _prepare(raw, "iemocap", FOUR)


def prepare_iemocap_all(raw: Path | None, output: Path) -> PreparedCorpus:
    """All turns with all labels as they stand; those without agreement have attributes and no emotion.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no evaluation of the corpus.
        BadData: No turn can be read, or a line of an evaluation cannot.
        CheckFailed: All turns are there, but the labels are not as published.
    """
    return _prepare(raw, "iemocap-all", EMOTIONS)


def _prepare(raw: Path | None, name: str, labels: dict[str, str]) -> PreparedCorpus:
    folder = corpus_folder(raw, name)
    rated = [one for path in _tables(folder, "EmoEvaluation") for one in read_evaluation(path)]
    if not rated:
        raise NoInput(
            "the folder holds no evaluation of IEMOCAP", place=str(folder), hint="Session1/dialog/EmoEvaluation"
        )
    words = {turn: said for path in _tables(folder, "transcriptions") for turn, said in _read_words(path)}
    waves = {
        path.stem: path
        for path in sorted(folder.rglob("*.wav"))
        if path.parent.parent.name == "wav" and not path.name.startswith(".")
    }
    counts = emotion_counts(one.code for one in rated)
    wanted = [one for one in rated if one.code in labels]
    missing = [
        Remark(one.turn, "left out: its wav file is missing", kept=False) for one in wanted if one.turn not in waves
    ]
    card = Card(
        name=name,
        description="IEMOCAP: ten actors in five sessions of two, acted and improvised.",
        licence="IEMOCAP licence of USC: research by those who signed it",
        source="Busso et al. 2008, Language Resources and Evaluation 42",
        notes=(
            counts_note("IEMOCAP", counts, PUBLISHED, recordings=len(rated), all_recordings=sum(PUBLISHED.values())),
            "Session 5 tests and session 4 chooses; merit prepare --fold K leaves session K out.",
        ),
        attribute_scale=ATTRIBUTE_SCALE,
    )
    spoken = [_spoken(one, waves[one.turn], labels[one.code], words) for one in wanted if one.turn in waves]
    if not spoken:
        raise NoInput("no turn has its wav file", place=str(folder), hint="Session1/sentences/wav/DIALOG/TURN.wav")
    return prepare_spoken(spoken, card, remarks=missing)


def _tables(folder: Path, kind: str) -> list[Path]:
    """The text files directly in the folders of this name; those below are of single annotators."""
    return sorted(path for path in folder.rglob("*.txt") if path.parent.name == kind and path.name.startswith("Ses"))


def read_evaluation(path: Path) -> Iterator[Rated]:
    """The consensus of each turn in a file of ``EmoEvaluation``.

    Raises:
        BadData: A line begins as one of a turn and goes on otherwise.
    """
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        match = _RATED.match(line)
        if match:
            attributes: dict[str, Label] = {
                kind: float(match[kind]) for kind in ("arousal", "valence", "dominance") if float(match[kind]) > 0.0
            }
            yield Rated(match["turn"], match["code"], attributes)
        elif re.match(r"\[\d", line):
            raise BadData("the line is not an evaluation of a turn", place=f"{path}:{number}", hint="unpack it anew")


def _read_words(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if match := _WORDS.match(line.strip()):
            yield match["turn"], match["words"].strip()


def _spoken(one: Rated, path: Path, emotion: str, words: dict[str, str]) -> Spoken:
    match = _TURN.fullmatch(one.turn)
    if match is None or one.code not in EMOTIONS:
        raise BadData(f"{one.turn!r} with {one.code!r} is not a turn of IEMOCAP", place=str(path))
    session = match["session"]
    return Spoken(
        id=one.turn,
        path=path,
        speaker=f"Ses0{session}{match['sex']}",
        split={DEV_SESSION: "dev", TEST_SESSION: "test"}.get(session, "train"),
        labels={**({EMOTION: emotion} if emotion else {}), **one.attributes},
        info={
            "gender": "female" if match["sex"] == "F" else "male",
            "session": session,
            "manner": "improvised" if match["dialog"].startswith("impro") else "scripted",
            "annotation": one.code,
            "language": "en",
        },
        transcript=words.get(one.turn, ""),
        transcript_source=HUMAN,
    )
