"""MUSAN: 109 hours of music, speech and noise, all free to pass on.

A file is ``noise/free-sound/noise-free-sound-0000.wav``; ``music/*/ANNOTATIONS`` has a line for each piece
(``music-fma-0000 ambient N The_Kyoto_Connection``: file, genres, whether there are voices, artist).

Source: Snyder, Chen and Povey (2015), arXiv 1510.08484; openslr.org/17. The columns are read as Kaldi's make_musan.py
reads them.
"""

import re
from pathlib import Path

from merit_cli.corpora.emotion_reading import UNSPLIT_NOTE, Spoken, corpus_folder, files_by_stem, prepare_spoken
from merit_cli.corpora.prepared import PreparedCorpus
from merit_cli.corpora.published_counts import counts_note
from merit_cli.errors import NoInput
from merit_cli.manifests.read_write import Card

PUBLISHED = {"music": 660, "speech": 426, "noise": 930}


def prepare_musan_noise(raw: Path | None, output: Path) -> PreparedCorpus:
    """The noises, by where they come from.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no noise of the corpus.
        BadData: No file can be read.
    """
    return _prepare(raw, "noise")


def prepare_musan_music(raw: Path | None, output: Path) -> PreparedCorpus:
    """The music as noise; ``info.vocals`` says yes where somebody sings.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no music of the corpus.
        BadData: No file can be read.
    """
    return _prepare(raw, "music")


def prepare_musan_speech(raw: Path | None, output: Path) -> PreparedCorpus:
    """The speech, whose speakers are not known.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no speech of the corpus.
        BadData: No file can be read.
    """
    return _prepare(raw, "speech")


def _prepare(raw: Path | None, kind: str) -> PreparedCorpus:
    name = f"musan-{kind}"
    folder = corpus_folder(raw, name)
    found = files_by_stem(folder, re.compile(rf"{kind}-(?P<source>[a-z-]+)-\d+"))
    if not found:
        hint = f"musan/{kind}/.../{kind}-<source>-0000.wav"
        raise NoInput(f"the folder holds no {kind} of MUSAN", place=str(folder), hint=hint)
    vocals = _vocals(folder) if kind == "music" else {}
    spoken = []
    for stem, (path, match) in found.items():
        info = {"noise_class": kind, "source": match["source"], "vocals": vocals.get(stem, "")}
        if kind == "speech":
            del info["noise_class"]
        spoken.append(Spoken(id=stem, path=path, speaker="", info=info))
    whole = PUBLISHED[kind]
    counted = counts_note(name, {kind: len(found)}, {kind: whole}, recordings=len(found), all_recordings=whole)
    card = Card(
        name=name,
        description=f"MUSAN: its {kind}.",
        licence="CC BY 4.0; each file its own in the LICENSE beside it",
        source="Snyder et al. 2015, openslr.org/17",
        notes=(counted, UNSPLIT_NOTE),
    )
    return prepare_spoken(spoken, card)


def _vocals(folder: Path) -> dict[str, str]:
    rows = (
        line.split()
        for path in sorted(folder.rglob("ANNOTATIONS"))
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
    )
    return {row[0]: {"Y": "yes", "N": "no"}.get(row[2], "") for row in rows if len(row) > 2}
