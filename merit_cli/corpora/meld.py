"""MELD: 13 708 utterances of a television series, seven emotions, with their words.

``{train,dev,test}_sent_emo.csv`` have the columns Utterance, Speaker, Emotion, Sentiment, Dialogue_ID, Utterance_ID,
Season, Episode, StartTime and EndTime. The release has a clip ``dia{D}_utt{U}.mp4`` for each, in folders
``train_splits``, ``dev_splits_complete`` and ``output_repeated_splits_test``; its sound has to be taken out first
(``ffmpeg -i dia0_utt0.mp4 -ac 1 -ar 16000 dia0_utt0.wav``). The numbers begin anew in each split, so a clip is
known by the folder above it. The official splits share their main speakers.

Source: Poria et al. (2019), ACL; tables and counts as in the authors' repository declare-lab/MELD.
"""

import re
from collections import Counter
from pathlib import Path

from merit_cli.corpora.csv_table import find_one, read_rows
from merit_cli.corpora.emotion_reading import EMOTION, HUMAN, Spoken, corpus_folder, prepare_spoken
from merit_cli.corpora.prepared import PreparedCorpus, Remark
from merit_cli.corpora.published_counts import counts_note
from merit_cli.errors import BadData, NoInput
from merit_cli.io.audio_file import is_audio
from merit_cli.manifests.read_write import Card

SPLITS = ("train", "dev", "test")
EMOTIONS = {
    "anger": "angry",
    "disgust": "disgust",
    "sadness": "sad",
    "joy": "happy",
    "neutral": "neutral",
    "surprise": "surprised",
    "fear": "fearful",
}
PUBLISHED = {"train": 9989, "dev": 1109, "test": 2610}
PUBLISHED_EMOTIONS = {
    "train": {
        "anger": 1109,
        "disgust": 271,
        "fear": 268,
        "joy": 1743,
        "neutral": 4710,
        "sadness": 683,
        "surprise": 1205,
    },
    "dev": {"anger": 153, "disgust": 22, "fear": 40, "joy": 163, "neutral": 470, "sadness": 111, "surprise": 150},
    "test": {"anger": 345, "disgust": 68, "fear": 50, "joy": 402, "neutral": 1256, "sadness": 208, "surprise": 281},
}
_COLUMNS = ("utterance", "speaker", "emotion", "sentiment", "dialogue_id", "utterance_id", "season", "episode")
_CLIP = re.compile(r"dia(?P<dialogue>\d+)_utt(?P<utterance>\d+)")
_GROUPS = frozenset({"all", "both", "everyone", "everybody", "together", "others"})
"""Speakers that are several people; they have none here."""


def prepare_meld(raw: Path | None, output: Path) -> PreparedCorpus:
    """The clips as sound, in splits by speaker; ``info.official_split`` keeps the official ones.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no table of the corpus, or no sound.
        BadData: A table cannot be used, or no file can be read.
        CheckFailed: A table is whole, but its emotions are not as published.
    """
    folder = corpus_folder(raw, "meld")
    tables = {split: table for split in SPLITS if (table := find_one(folder, f"{split}_sent_emo.csv"))}
    if not tables:
        raise NoInput("the folder holds no table of MELD", place=str(folder), hint="train_sent_emo.csv")
    clips = _clips(folder)
    spoken: list[Spoken] = []
    remarks: list[Remark] = []
    notes: list[str] = []
    for split, table in tables.items():
        rows = read_rows(table, _COLUMNS)
        counts = Counter(row["emotion"] for row in rows)
        published = PUBLISHED_EMOTIONS[split]
        notes.append(
            counts_note(f"MELD {split}", counts, published, recordings=len(rows), all_recordings=PUBLISHED[split])
        )
        for number, row in enumerate(rows, start=2):
            clip = f"dia{row['dialogue_id']}_utt{row['utterance_id']}"
            path = clips.get((split, clip))
            if path is None:
                remarks.append(Remark(f"{split}__{clip}", "left out: its sound is missing", kept=False))
            else:
                spoken.append(_spoken(row, split, clip, path, f"{table}:{number}"))
    if not spoken:
        raise NoInput(
            "no utterance has its sound",
            place=str(folder),
            hint="take it out of the clips: ffmpeg -i train_splits/dia0_utt0.mp4 -ac 1 train_splits/dia0_utt0.wav",
        )
    card = Card(
        name="meld",
        description="MELD: utterances of a television series, seven emotions, with laughter and music behind them.",
        licence="GPL-3.0 for the annotation; the sound belongs to its makers",
        source="Poria et al. 2019, ACL",
        notes=(*notes, "The official splits of MELD share their main speakers; they are not used here."),
    )
    return prepare_spoken(spoken, card, by_rule=True, remarks=remarks)


def _clips(folder: Path) -> dict[tuple[str, str], Path]:
    """Sound by official split and clip; the folders above a file say its split."""
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.rglob("*")):
        if not is_audio(path) or not _CLIP.fullmatch(path.stem):
            continue
        above = [part.lower() for part in reversed(path.relative_to(folder).parts[:-1])]
        split = next((name for part in above for name in SPLITS if name in re.split(r"[^a-z]+", part)), None)
        if split is not None:
            found.setdefault((split, path.stem), path)
    return found


def _spoken(row: dict[str, str], split: str, clip: str, path: Path, place: str) -> Spoken:
    if row["emotion"] not in EMOTIONS:
        raise BadData(f"{row['emotion']!r} is not an emotion of MELD", place=place)
    speaker = "" if row["speaker"].lower() in _GROUPS else row["speaker"]
    return Spoken(
        id=f"{split}__{clip}",
        path=path,
        speaker=speaker,
        labels={EMOTION: EMOTIONS[row["emotion"]]},
        info={
            "official_split": split,
            "sentiment": row["sentiment"],
            "dialogue": f"{split}-{row['dialogue_id']}",
            "season": row["season"],
            "episode": row["episode"],
            "language": "en",
        },
        transcript=row["utterance"],
        transcript_source=HUMAN,
    )
