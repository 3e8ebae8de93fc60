"""RAVDESS speech: 1440 acted utterances of 24 speakers in eight emotions.

Source: Livingstone and Russo (2018), PLoS ONE 13(5), e0196391. A file's name says all:
``03-01-06-01-02-01-12`` is audio only, speech, fearful, normal intensity, second statement, first
repetition, actor 12. Odd actors are men.
"""

import re
from collections import Counter
from pathlib import Path

from merit_cli.corpora.emotion_reading import SCRIPT
from merit_cli.corpora.prepared import PreparedCorpus
from merit_cli.corpora.published_counts import counts_note
from merit_cli.errors import BadData, NoInput, UsageError
from merit_cli.io.audio_file import audio_info, is_audio
from merit_cli.manifests.read_write import Card
from merit_cli.manifests.utterance import Utterance

EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}
PUBLISHED = {"neutral": 96, **dict.fromkeys(list(EMOTIONS.values())[1:], 192)}
NUM_FILES = 1440
STATEMENTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
FIRST_DEV_ACTOR, FIRST_TEST_ACTOR = 17, 21
"""Actors 1-16 are train, 17-20 dev, 21-24 test (ours): men and women alike in each."""
_NAME = re.compile(r"03-01-(?P<emotion>0[1-8])-(?P<intensity>0[12])-(?P<statement>0[12])-0[12]-(?P<actor>\d\d)")


def prepare_ravdess(raw: Path | None, output: Path) -> PreparedCorpus:
    """The speech files of the corpus, wherever they lie below ``raw``; they stay there.

    Raises:
        UsageError: There is no raw folder.
        NoInput: The folder holds no file of the corpus.
        BadData: A file cannot be read.
        CheckFailed: All files are there, but the emotions are not as published.
    """
    if raw is None:
        raise UsageError("ravdess needs the folder of the unpacked corpus", hint="merit prepare ravdess FOLDER -o OUT")
    found = {path.stem: path.resolve() for path in sorted(raw.rglob("03-01-*")) if is_audio(path)}
    named = {stem: match for stem in found if (match := _NAME.fullmatch(stem))}
    if not named:
        raise NoInput("the folder holds no speech file of RAVDESS", place=str(raw), hint="03-01-*.wav or .flac")
    counts = Counter(EMOTIONS[match["emotion"]] for match in named.values())
    counted = counts_note("RAVDESS speech", counts, PUBLISHED, recordings=len(named), all_recordings=NUM_FILES)
    card = Card(
        name="ravdess",
        description="RAVDESS acted speech, 24 North American actors, eight emotions, two statements.",
        licence="CC BY-NC-SA 4.0",
        source="Livingstone and Russo 2018, doi 10.5281/zenodo.1188976",
        notes=(counted,),
    )
    return PreparedCorpus([_utterance(found[stem], match) for stem, match in named.items()], card)


def _utterance(path: Path, match: re.Match[str]) -> Utterance:
    info = audio_info(path)
    actor = int(match["actor"])
    if not 1 <= actor <= 24:
        raise BadData(f"there is no actor {actor}", place=str(path))
    return Utterance(
        id=path.stem,
        audio=path,
        sample_rate=info.sample_rate,
        num_samples=info.num_samples,
        speaker=f"actor{actor:02d}",
        split="test" if actor >= FIRST_TEST_ACTOR else "dev" if actor >= FIRST_DEV_ACTOR else "train",
        labels={"emotion": EMOTIONS[match["emotion"]]},
        info={
            "gender": "male" if actor % 2 else "female",
            "intensity": "normal" if match["intensity"] == "01" else "strong",
            "statement": match["statement"],
        },
        transcript=STATEMENTS[match["statement"]],
        transcript_source=SCRIPT,
    )
