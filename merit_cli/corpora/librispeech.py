"""LibriSpeech: read English books, 982 hours of 2484 speakers, in seven parts that share no speaker.

A file is ``train-clean-100/19/198/19-198-0000.flac``: part, speaker, chapter, utterance; ``19-198.trans.txt`` beside it
has the words; ``SPEAKERS.TXT`` (``19 | F | train-clean-100 | 25.19 | Kara Shallenberg``) the speakers' sex.

Source: Panayotov et al. (2015), ICASSP; openslr.org/12, and the numbers of files of its parts as unpacked.
"""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from merit_cli.corpora.csv_table import find_one
from merit_cli.corpora.emotion_reading import HUMAN, Spoken, corpus_folder, files_by_stem, prepare_spoken
from merit_cli.corpora.prepared import PreparedCorpus, Remark
from merit_cli.errors import NoInput
from merit_cli.manifests.read_write import Card

PUBLISHED = {
    "train-clean-100": 28539,
    "train-clean-360": 104014,
    "train-other-500": 148688,
    "dev-clean": 2703,
    "dev-other": 2864,
    "test-clean": 2620,
    "test-other": 2939,
}
_NAME = re.compile(r"(?P<speaker>\d+)-(?P<chapter>\d+)-\d+")
_GENDERS = {"F": "female", "M": "male"}


def prepare_librispeech(raw: Path | None, output: Path) -> PreparedCorpus:
    """The utterances of every part that is there, in the official splits; the files stay where they are.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no utterance of the corpus.
        BadData: No file can be read.
    """
    folder = corpus_folder(raw, "librispeech")
    genders = _genders(folder)
    chapters: dict[Path, dict[str, str]] = {}
    spoken, remarks, counts = list[Spoken](), list[Remark](), Counter[str]()
    for stem, (path, match) in files_by_stem(folder, _NAME).items():
        part = next((name for name in reversed(path.parts) if name in PUBLISHED), "")
        if not part:
            remarks.append(Remark(stem, "left out: it lies in no part such as train-clean-100", kept=False))
            continue
        counts[part] += 1
        if path.parent not in chapters:
            chapters[path.parent] = _words(path.parent)
        spoken.append(
            Spoken(
                id=stem,
                path=path,
                speaker=match["speaker"],
                split=part.split("-")[0],
                info={
                    "partition": part,
                    "chapter": match["chapter"],
                    "gender": genders.get(match["speaker"], ""),
                    "language": "en",
                },
                transcript=chapters[path.parent].get(stem, ""),
                transcript_source=HUMAN,
            )
        )
    if not spoken:
        hint = "LibriSpeech/train-clean-100/19/198/19-198-0000.flac"
        raise NoInput("the folder holds no utterance of LibriSpeech", place=str(folder), hint=hint)
    card = Card(
        name="librispeech",
        description="LibriSpeech: read English books.",
        licence="CC BY 4.0",
        source="Panayotov et al. 2015, openslr.org/12",
        notes=(_counted(counts),),
    )
    return prepare_spoken(spoken, card, remarks=remarks)


def _counted(counts: Mapping[str, int]) -> str:
    """What is there of each part, beside what was published.

    >>> _counted({"dev-clean": 2703, "test-clean": 2})
    'Parts of LibriSpeech: dev-clean, whole; test-clean, 2 of its 2620 files.'
    """
    words = (
        f"{part}, whole" if counts[part] == whole else f"{part}, {counts[part]} of its {whole} files"
        for part, whole in PUBLISHED.items()
        if part in counts
    )
    return f"Parts of LibriSpeech: {'; '.join(words)}."


def _words(chapter: Path) -> dict[str, str]:
    lines = (
        line.split(maxsplit=1)
        for path in sorted(chapter.glob("*.trans.txt"))
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
    )
    return {line[0]: line[1].strip() for line in lines if len(line) == 2}


def _genders(folder: Path) -> dict[str, str]:
    table = find_one(folder, "SPEAKERS.TXT")
    if table is None:
        return {}
    rows = (line.split("|") for line in table.read_text(encoding="utf-8", errors="replace").splitlines())
    return {row[0].strip(): _GENDERS.get(row[1].strip(), "") for row in rows if len(row) > 1 and row[0][:1] != ";"}
