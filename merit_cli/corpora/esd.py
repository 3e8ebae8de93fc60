"""ESD, the emotional speech dataset: 350 sentences by ten English and ten Mandarin speakers in five emotions each.

``0011/Angry/0011_000351.wav`` is speaker 11 being angry; older copies have ``train``, ``evaluation`` and ``test``
folders between emotion and file. ``0011/0011.txt`` has lines ``0011_000351<TAB>words<TAB>Angry``. The official
parts are sentences, not speakers: every speaker stands in all three.

Source: Zhou et al. (2022), Speech Communication 137; speakers' sexes and languages as in the data set's ReadMe.
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

EMOTIONS = {"Angry": "angry", "Happy": "happy", "Neutral": "neutral", "Sad": "sad", "Surprise": "surprised"}
PUBLISHED = dict.fromkeys(sorted(EMOTIONS.values()), 7000)
MALE = frozenset({"0004", "0005", "0006", "0008", "0010", "0011", "0012", "0013", "0014", "0020"})
LAST_MANDARIN = 10
PARTS = {"train": "train", "evaluation": "dev", "test": "test"}
ENCODINGS = ("utf-8-sig", "gb18030")
_NAME = re.compile(r"(?P<speaker>00(?:0[1-9]|1\d|20))_(?P<number>\d{6})")


def prepare_esd(raw: Path | None, output: Path) -> PreparedCorpus:
    """The utterances of the corpus, in splits by speaker; ``info.official_split`` keeps the official parts.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no file of the corpus.
        BadData: No file can be read.
        CheckFailed: All files are there, but the emotions are not as published.
    """
    folder = corpus_folder(raw, "esd")
    found = {
        stem: (path, match)
        for stem, (path, match) in files_by_stem(folder, _NAME).items()
        if _emotion_folder(path) is not None
    }
    if not found:
        raise NoInput("the folder holds no file of ESD", place=str(folder), hint="0011/Angry/0011_000351.wav")
    words: dict[str, str] = {}
    for table in sorted(folder.rglob("00??.txt")):
        words |= read_words(table)
    counts = emotion_counts(EMOTIONS[_emotion_folder(path) or ""] for path, _ in found.values())
    total = sum(PUBLISHED.values())
    card = Card(
        name="esd",
        description="ESD: ten English and ten Mandarin speakers, 350 sentences each in five emotions, in a studio.",
        licence="ESD licence: research by those who signed it",
        source="Zhou et al. 2022, Speech Communication 137",
        notes=(
            counts_note("ESD", counts, PUBLISHED, recordings=len(found), all_recordings=total),
            "The official parts of ESD share all speakers; they are not used here.",
        ),
    )
    return prepare_spoken((_spoken(path, match, words) for path, match in found.values()), card, by_rule=True)


def _emotion_folder(path: Path) -> str | None:
    return next((parent.name for parent in list(path.parents)[:2] if parent.name in EMOTIONS), None)


def read_words(path: Path) -> dict[str, str]:
    """Utterance to words of a speaker's text file, which is UTF-8, UTF-16 or GB 18030."""
    data = path.read_bytes()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", errors="replace")
    else:
        try:
            text = data.decode(ENCODINGS[0])
        except UnicodeDecodeError:
            text = data.decode(ENCODINGS[1], errors="replace")
    words = {}
    for line in text.splitlines():
        match = re.match(r"\s*(\d{4}_\d{6})\s+(.*?)(?:\t\S+)?\s*$", line)
        if match:
            words[match[1]] = match[2].strip()
    return words


def _spoken(path: Path, match: re.Match[str], words: dict[str, str]) -> Spoken:
    speaker = match["speaker"]
    return Spoken(
        id=path.stem,
        path=path,
        speaker=speaker,
        labels={EMOTION: EMOTIONS[_emotion_folder(path) or ""]},
        info={
            "gender": "male" if speaker in MALE else "female",
            "language": "zh" if int(speaker) <= LAST_MANDARIN else "en",
            "official_split": PARTS.get(path.parent.name, ""),
        },
        transcript=words.get(path.stem, ""),
        transcript_source=SCRIPT,
    )
