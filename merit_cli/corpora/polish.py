"""Emotions in Polish speech recordings: 450 acted clips of five men.

Source: Mięsikowska and Świsulski (2020), "Emotions in Polish speech recordings", Gdańsk University of
Technology, doi 10.34808/h46c-hb44. A file's name says all: ``m1.a_nie_2.wav`` is speaker 1, anger,
the word "nie", second repetition.
"""

import re
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

from merit_cli.assets import bundled
from merit_cli.config.load import read_yaml
from merit_cli.corpora.prepared import PreparedCorpus
from merit_cli.errors import BadData, NoInput, UsageError
from merit_cli.io.audio_file import audio_info, read_audio, write_audio
from merit_cli.manifests.read_write import Card
from merit_cli.manifests.utterance import Utterance

EMOTIONS = {"a": "anger", "s": "fear", "n": "neutral"}
SPEAKERS = ("m1", "m2", "m3", "m4", "m5")
CLIPS_PER_SPEAKER_AND_EMOTION = 30
SAMPLE_RATE = 16000
SPLITS = {"m1": "test", "m2": "train", "m3": "train", "m4": "dev", "m5": "train"}
"""The split that the 16 kHz copy comes with."""
_NAME = re.compile(r"(?P<speaker>m\d)\.(?P<emotion>[asn])_(?P<word>[a-z]+)_(?P<repetition>\d)\.wav")


def prepare_polish(raw: Path | None, output: Path) -> PreparedCorpus:
    """The corpus as 16-bit FLAC below ``output``, from its zip archive or a folder that holds its wav files.

    Raises:
        UsageError: There is no raw file.
        NoInput: The raw file or folder is missing.
        BadData: It is not a zip archive, a clip cannot be read, or the corpus is not whole.
    """
    if raw is None:
        raise UsageError("polish needs its zip archive", hint="merit prepare polish --fetch -o OUT")
    with tempfile.TemporaryDirectory(prefix="merit-") as folder:
        wavs = _find_wavs(_unpacked(raw, Path(folder)))
        _check_whole(wavs, raw)
        utterances = [_convert(path, output) for path in wavs]
    tree = read_yaml(bundled("data_manifests/polish") / "card.yaml")
    card = Card.model_validate({key: value for key, value in tree.items() if key in Card.model_fields})
    return PreparedCorpus(sorted(utterances, key=lambda u: u.id), card)


def _unpacked(raw: Path, folder: Path) -> Path:
    if raw.is_dir():
        return raw
    if not raw.exists():
        raise NoInput("the corpus does not exist", place=str(raw))
    try:
        with zipfile.ZipFile(raw) as archive:
            for member in archive.namelist():
                if _NAME.fullmatch(Path(member).name):
                    (folder / Path(member).name).write_bytes(archive.read(member))
    except zipfile.BadZipFile:
        raise BadData(
            "the corpus is neither a folder nor a zip archive", place=str(raw), hint="merit prepare polish --fetch"
        ) from None
    return folder


def _find_wavs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.wav") if _NAME.fullmatch(path.name))


def _check_whole(wavs: list[Path], raw: Path) -> None:
    counts = Counter((path.name[:2], path.name[3]) for path in wavs)  # m1.a_...
    wanted = {(speaker, emotion): CLIPS_PER_SPEAKER_AND_EMOTION for speaker in SPEAKERS for emotion in EMOTIONS}
    if counts != wanted:
        wrong = sorted(key for key in {*counts, *wanted} if counts.get(key) != wanted.get(key))
        some = "; ".join(f"{s} {EMOTIONS[e]}: {counts.get((s, e), 0)}" for s, e in wrong[:3])
        raise BadData(
            f"the corpus is not whole: {len(wavs)} of 450 clips, 30 for each speaker and emotion ({some})",
            place=str(raw),
            hint="merit prepare polish --fetch takes the whole one",
        )


def _convert(path: Path, output: Path) -> Utterance:
    match = _NAME.fullmatch(path.name)
    assert match, path.name
    speaker, code, word, repetition = match.group("speaker", "emotion", "word", "repetition")
    target = output / "audio" / speaker / f"{code}_{word}_{repetition}.flac"
    if not target.exists():  # outputs appear whole or not at all
        write_audio(target, read_audio(path, sample_rate=SAMPLE_RATE).samples, SAMPLE_RATE)
    return Utterance(
        id=f"{speaker}__{target.stem}",
        audio=target.resolve(),
        sample_rate=SAMPLE_RATE,
        num_samples=audio_info(target).num_samples,
        speaker=speaker,
        split=SPLITS[speaker],
        labels={"emotion": EMOTIONS[code]},
        info={"word": word, "repetition": repetition, "gender": "male"},
    )
