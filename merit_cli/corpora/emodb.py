"""EMO-DB, the Berlin database of emotional speech: 535 utterances of ten actors in seven emotions.

A file is ``wav/03a01Fa.wav``: speaker, sentence, emotion by its German initial, version.

Source: Burkhardt et al. (2005), A database of German emotional speech, Interspeech; codes, speakers, sentences and
counts as on the database's own pages (emodb.bilderbar.info).
"""

import re
from pathlib import Path

from merit_cli.corpora.emotion_reading import (
    EMOTION,
    SCRIPT,
    Spoken,
    corpus_folder,
    emotion_counts,
    files_by_stem,
    prepare_spoken,
)
from merit_cli.corpora.prepared import PreparedCorpus
from merit_cli.corpora.published_counts import counts_note
from merit_cli.errors import NoInput
from merit_cli.manifests.read_write import Card

EMOTIONS = {
    "W": "angry",
    "L": "bored",
    "E": "disgust",
    "A": "fearful",
    "F": "happy",
    "T": "sad",
    "N": "neutral",
}
PUBLISHED = {"angry": 127, "bored": 81, "disgust": 46, "fearful": 69, "happy": 71, "sad": 62, "neutral": 79}
MALE = frozenset({"03", "10", "11", "12", "15"})
FEMALE = frozenset({"08", "09", "13", "14", "16"})
SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
_NAME = re.compile(r"(?P<speaker>03|08|09|1[0-6])(?P<text>[ab]\d\d)(?P<emotion>[WLEAFTN])(?P<version>[a-z])")


def prepare_emodb(raw: Path | None, output: Path) -> PreparedCorpus:
    """The utterances of the corpus, in splits by speaker; the files stay where they are.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no file of the corpus.
        BadData: No file can be read.
        CheckFailed: All files are there, but the emotions are not as published.
    """
    folder = corpus_folder(raw, "emo-db")
    found = files_by_stem(folder, _NAME)
    if not found:
        raise NoInput("the folder holds no file of EMO-DB", place=str(folder), hint="wav/03a01Fa.wav")
    counts = emotion_counts(EMOTIONS[match["emotion"]] for _, match in found.values())
    total = sum(PUBLISHED.values())
    card = Card(
        name="emo-db",
        description="EMO-DB: ten German actors, seven emotions, ten sentences, in an anechoic room.",
        licence="free for research; cite Burkhardt et al. 2005",
        source="Burkhardt et al. 2005, Interspeech",
        notes=(counts_note("EMO-DB", counts, PUBLISHED, recordings=len(found), all_recordings=total),),
    )
    return prepare_spoken((_spoken(path, match) for path, match in found.values()), card, by_rule=True)


def _spoken(path: Path, match: re.Match[str]) -> Spoken:
    return Spoken(
        id=path.stem,
        path=path,
        speaker=match["speaker"],
        labels={EMOTION: EMOTIONS[match["emotion"]]},
        info={
            "gender": "male" if match["speaker"] in MALE else "female",
            "sentence": match["text"],
            "language": "de",
        },
        transcript=SENTENCES.get(match["text"], ""),
        transcript_source=SCRIPT,
    )
