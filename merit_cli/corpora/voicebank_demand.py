"""VoiceBank-DEMAND: speech of 28 or 56 speakers in noise, each file beside its clean one, and two speakers to test.

Files are ``noisy_trainset_28spk_wav/p226_001.wav``, ``clean_trainset_28spk_wav/p226_001.wav``, and the same under
``noisy_testset_wav`` and ``clean_testset_wav``; words are in ``trainset_28spk_txt`` and ``testset_txt``; noise and SNR
in ``log_trainset_28spk.txt`` and ``log_testset.txt`` (``p226_001 cafeteria 10``).

Source: Valentini-Botinhao et al. (2016), Interspeech; files of doi 10.7488/ds/2117. There is no official dev part:
p226 and p287 are taken out of training, as SpeechBrain's recipe for this corpus does.
"""

import re
from pathlib import Path

from merit_cli.corpora.emotion_reading import HUMAN, Spoken, corpus_folder, prepare_spoken
from merit_cli.corpora.prepared import PreparedCorpus, Remark
from merit_cli.corpora.published_counts import counts_note
from merit_cli.errors import NoInput
from merit_cli.io.audio_file import is_audio
from merit_cli.manifests.read_write import Card

PUBLISHED = {"train": 11572, "test": 824}
"""Of the 28 speakers, dev among train."""
DEV_SPEAKERS = frozenset({"p226", "p287"})
_TRAIN_SETS = ("28spk_", "56spk_", "")
"""Parts of a folder's name, the usual one first: only one of them is read."""
_HINT = "noisy_trainset_28spk_wav/p226_001.wav beside clean_trainset_28spk_wav/p226_001.wav"
_STEM = re.compile(r"(?P<speaker>p\d+)_\d+")


def prepare_voicebank_demand(raw: Path | None, output: Path) -> PreparedCorpus:
    """The noisy files, each with its clean one; files without a partner are left out.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no pair of the corpus.
        BadData: No file can be read.
        CheckFailed: As many files as published, but not as many in each part.
    """
    return _prepare(raw, "voicebank-demand", side="noisy")


def prepare_voicebank(raw: Path | None, output: Path) -> PreparedCorpus:
    """The clean files alone, as speech to mix.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no clean file of the corpus.
        BadData: No file can be read.
        CheckFailed: As many files as published, but not as many in each part.
    """
    return _prepare(raw, "voicebank", side="clean")


def _prepare(raw: Path | None, name: str, *, side: str) -> PreparedCorpus:
    folder = corpus_folder(raw, name)
    spoken: list[Spoken] = []
    remarks: list[Remark] = []
    train = next((part for part in _TRAIN_SETS if _sound_folder(folder, f"{side}_trainset_{part}wav")), "")
    for part in (f"trainset_{train}", "testset_"):
        files = _stems(_sound_folder(folder, f"{side}_{part}wav"))
        clean = _stems(_sound_folder(folder, f"clean_{part}wav"))
        words, noises = _words(folder, f"{part}txt"), _log(folder, f"log_{part[:-1]}.txt")
        for stem, path in files.items():
            if stem not in clean:
                remarks.append(Remark(stem, "left out: there is no clean file of its name", kept=False))
            elif match := _STEM.fullmatch(stem):
                speaker = match["speaker"]
                noise = noises.get(stem, {}) if side == "noisy" else {}
                spoken.append(
                    Spoken(
                        id=stem,
                        path=path,
                        speaker=speaker,
                        split="test" if part == "testset_" else "dev" if speaker in DEV_SPEAKERS else "train",
                        info={"language": "en", **noise},
                        transcript=words.get(stem, ""),
                        transcript_source=HUMAN,
                        clean=clean[stem] if side == "noisy" else None,
                    )
                )
            else:
                remarks.append(Remark(stem, "left out: its name is not p<speaker>_<number>", kept=False))
    if not spoken:
        raise NoInput("the folder holds no files of VoiceBank-DEMAND", place=str(folder), hint=_HINT)
    tests = sum(one.split == "test" for one in spoken)
    counted = counts_note(
        "VoiceBank-DEMAND",
        {"train": len(spoken) - tests, "test": tests},
        PUBLISHED,
        recordings=len(spoken),
        all_recordings=sum(PUBLISHED.values()),
    )
    card = Card(
        name=name,
        description=f"VoiceBank-DEMAND, the {side} files; training part: {train.strip('_') or 'as unpacked'}.",
        licence="CC BY 4.0",
        source="Valentini-Botinhao et al. 2016, doi 10.7488/ds/2117",
        notes=(counted, "No official dev part: speakers p226 and p287 of the training part are dev."),
    )
    return prepare_spoken(spoken, card, remarks=remarks)


def _sound_folder(folder: Path, name: str) -> Path | None:
    """The folder of this name that holds sound; an archive unpacked into a folder of its own name is looked into."""
    for path in sorted(folder.rglob(name), key=lambda path: (-len(path.parts), path)):
        if path.is_dir() and any(is_audio(one) for one in path.iterdir()):
            return path
    return None


def _stems(folder: Path | None) -> dict[str, Path]:
    if folder is None:
        return {}
    return {one.stem: one for one in sorted(folder.iterdir()) if is_audio(one) and not one.name.startswith(".")}


def _words(folder: Path, name: str) -> dict[str, str]:
    texts = (path for one in folder.rglob(name) for path in sorted(one.glob("*.txt")))
    return {path.stem: " ".join(path.read_text(encoding="utf-8", errors="replace").split()) for path in texts}


def _log(folder: Path, name: str) -> dict[str, dict[str, str]]:
    """Noise and SNR by stem."""
    rows = (
        line.split()
        for path in sorted(folder.rglob(name))
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
    )
    return {row[0]: {"noise_class": row[1], "snr_db": row[2]} for row in rows if len(row) == 3}
