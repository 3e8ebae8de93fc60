"""Audio files in and out, through soundfile: segment reads, soxr resampling, stated channel policy."""

import errno
import shutil
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from merit_cli.errors import BadData, NoInput
from merit_cli.io.atomic import atomic_path

FloatArray = npt.NDArray[np.float32]
Channels = Literal["mix", "first"] | int
AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".w64", ".caf", ".au"})
PCM16_FULL_SCALE = 32768.0


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header says.

    Args:
        sample_rate: In Hz.
        num_channels: As stored.
        num_samples: Per channel.
        subtype: soundfile's name of the encoding, such as ``PCM_16``.
    """

    sample_rate: int
    num_channels: int
    num_samples: int
    subtype: str

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sample_rate


@dataclass(frozen=True)
class Audio:
    """A mono signal (N,) in float32, full scale 1.0, with its rate and what was done to it.

    Args:
        samples: The signal.
        sample_rate: In Hz.
        notes: Whether it was resampled or mixed down.
        file: What the file's header says; None of a signal that comes from no file.
    """

    samples: FloatArray
    sample_rate: int
    notes: tuple[str, ...] = ()
    file: AudioInfo | None = None


_header_reader: ContextVar[Callable[[Path], AudioInfo] | None] = ContextVar("header_reader", default=None)


@contextmanager
def headers_read_by(reader: Callable[[Path], AudioInfo]) -> Iterator[None]:
    """Within the block `audio_info` asks ``reader``, which may know headers and stands for `read_header`."""
    token = _header_reader.set(reader)
    try:
        yield
    finally:
        _header_reader.reset(token)


def audio_info(path: Path) -> AudioInfo:
    """The header of an audio file.

    Raises:
        NoInput: There is no such file.
        BadData: It is empty, truncated or not audio.
    """
    return (_header_reader.get() or read_header)(path)


def read_header(path: Path) -> AudioInfo:
    """The header of an audio file, from the file itself.

    Raises:
        NoInput: There is no such file.
        BadData: It is empty, truncated or not audio.
    """
    with open_audio(path) as handle:
        return AudioInfo(handle.samplerate, handle.channels, handle.frames, handle.subtype)


def read_audio(
    path: Path,
    *,
    sample_rate: int | None = None,
    start: int = 0,
    num_samples: int | None = None,
    channels: Channels = "mix",
) -> Audio:
    """Samples of a file, or of a segment of it, as mono float32.

    Args:
        path: The file.
        sample_rate: Wanted rate in Hz, reached by soxr HQ; None keeps the file's.
        start: First sample to read, counted at the file's own rate.
        num_samples: How many to read, at the file's own rate; None reads to the end.
        channels: ``mix`` averages all channels, ``first`` takes the first, a number that one, from 0.

    Returns:
        The signal; `Audio.notes` says whether it was resampled or mixed down.

    Raises:
        NoInput: There is no such file.
        BadData: It is empty, truncated, not audio, or holds NaN or infinite samples.
    """
    with open_audio(path) as handle:
        info = AudioInfo(handle.samplerate, handle.channels, handle.frames, handle.subtype)
        samples = _read_segment(handle, path, info, start, num_samples)
    notes = []
    if info.num_channels > 1:
        samples, note = _one_channel(samples, channels, path)
        notes.append(f"{info.num_channels} channels: {note}")
    else:
        samples = samples[:, 0]
    if not info.subtype.startswith("PCM") and not np.isfinite(samples).all():
        bad = int(np.count_nonzero(~np.isfinite(samples)))
        raise BadData(f"the file holds {bad} NaN or infinite samples", place=str(path))
    if sample_rate is not None and sample_rate != info.sample_rate:
        samples = resample(samples, info.sample_rate, sample_rate)
        notes.append(f"resampled {info.sample_rate} -> {sample_rate} Hz")
    signal = np.ascontiguousarray(samples, dtype=np.float32)
    return Audio(signal, sample_rate or info.sample_rate, tuple(notes), info)


def _one_channel(samples: FloatArray, channels: Channels, path: Path) -> tuple[FloatArray, str]:
    """One signal (N,) of several (N, channels), and how it was made."""
    if channels == "mix":
        return samples.mean(axis=1, dtype=np.float32), "mean"
    number = 0 if channels == "first" else int(channels)
    if not 0 <= number < samples.shape[1]:
        raise BadData(f"there is no channel {number} among {samples.shape[1]}", place=str(path))
    return samples[:, number], "first" if channels == "first" else f"number {number}"


def resample(samples: FloatArray, from_rate: int, to_rate: int) -> FloatArray:
    """``samples`` (N,) brought from one rate in Hz to another by soxr HQ."""
    if from_rate == to_rate:
        return samples
    return np.asarray(soxr.resample(samples, from_rate, to_rate, quality="HQ"), dtype=np.float32)


class Resampler:
    """`resample` of a signal that comes in pieces, in bounded memory; what comes out, joined, has its delay taken off.

    Args:
        from_rate: In Hz.
        to_rate: In Hz.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        same = from_rate == to_rate
        self._stream = None if same else soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ")

    def __call__(self, samples: FloatArray, *, last: bool = False) -> FloatArray:
        """What is ready after ``samples`` (N,); all of the rest after the last."""
        if self._stream is None:
            return samples
        return np.asarray(self._stream.resample_chunk(np.ascontiguousarray(samples), last=last), dtype=np.float32)


def write_audio(path: Path, samples: npt.NDArray[np.floating], sample_rate: int, *, subtype: str = "PCM_16") -> None:
    """Write a signal (N,), or several as channels (N, channels), by rename; the suffix chooses the container.

    PCM-16 is rounded to nearest here, without dither, so that the bytes do not depend on the
    encoder's conversion; samples beyond full scale are a programmer's fault.

    Raises:
        Unavailable: The place cannot be written.
    """
    assert samples.ndim in (1, 2), f"need samples (N,) or (N, channels), got shape {samples.shape}"
    assert np.isfinite(samples).all(), "need finite samples"
    data: npt.NDArray[np.generic] = np.asarray(samples)
    if subtype == "PCM_16":
        data = to_pcm16(samples)
    with atomic_path(path) as temporary:
        try:
            soundfile.write(str(temporary), data, sample_rate, subtype=subtype)
        except soundfile.LibsndfileError as error:
            # libsndfile keeps the reason to itself
            is_full = shutil.disk_usage(temporary.parent).free < data.nbytes
            raise OSError(errno.ENOSPC if is_full else None, _library_words(error)) from error


def to_pcm16(samples: npt.NDArray[np.floating]) -> npt.NDArray[np.int16]:
    """Samples in [-1, 1) as 16-bit integers, rounded to nearest.

    >>> to_pcm16(np.array([0.0, -1.0, 0.5])).tolist()
    [0, -32768, 16384]
    """
    scaled: npt.NDArray[np.float64] = np.multiply(samples, PCM16_FULL_SCALE, dtype=np.float64)
    np.rint(scaled, out=scaled)
    np.clip(scaled, -PCM16_FULL_SCALE, PCM16_FULL_SCALE - 1.0, out=scaled)
    return scaled.astype(np.int16)


def open_audio(path: Path) -> soundfile.SoundFile:
    """A file that is audio, holds samples and is not cut short; to be closed by a ``with``.

    Raises:
        NoInput: There is no such file.
        BadData: It is empty, truncated or not audio.
    """
    _check_file(path)
    try:
        handle = soundfile.SoundFile(str(path))
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise BadData("the file is not audio that can be read", place=str(path), hint=_library_words(error)) from None
    try:
        if handle.format in ("WAV", "WAVEX"):
            _check_not_truncated(path)
        if handle.frames <= 0:
            raise BadData("the file holds no samples", place=str(path))
    except BadData:
        handle.close()
        raise
    return handle


def _read_segment(
    handle: soundfile.SoundFile, path: Path, info: AudioInfo, start: int, num_samples: int | None
) -> FloatArray:
    wanted = info.num_samples - start if num_samples is None else num_samples
    if start < 0 or wanted <= 0 or start + wanted > info.num_samples:
        raise BadData(
            f"the segment of {wanted} samples from {start} lies outside the file's {info.num_samples}", place=str(path)
        )
    try:
        if start:
            handle.seek(start)
        samples: FloatArray = handle.read(wanted, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise BadData("the file breaks off or is damaged", place=str(path), hint=_library_words(error)) from None
    if len(samples) != wanted:
        raise BadData(
            f"the file breaks off after {start + len(samples)} of {info.num_samples} samples", place=str(path)
        )
    return samples


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise NoInput("a file was expected and this is a folder", place=str(path))
        size = path.stat().st_size
    except PermissionError:
        raise NoInput("the file may not be read", place=str(path), hint="check its permissions") from None
    except OSError:
        raise NoInput("the file does not exist", place=str(path)) from None
    if size == 0:
        raise BadData("the file is empty (0 bytes)", place=str(path))


def _check_not_truncated(path: Path) -> None:
    """Refuse a RIFF file whose data chunk claims more bytes than there are; libsndfile would shorten it silently."""
    with path.open("rb") as handle:
        header = handle.read(12)
        if header[:4] != b"RIFF" or header[8:] != b"WAVE":
            return
        size = path.stat().st_size
        while len(chunk := handle.read(8)) == 8:
            name, length = struct.unpack("<4sI", chunk)
            if name == b"data":
                present = size - handle.tell()
                if length > present and length != 0xFFFFFFFF:  # streams leave the size open
                    raise BadData(f"the wav file is truncated: {present} of {length} bytes of audio", place=str(path))
                return
            handle.seek(length + length % 2, 1)


def _library_words(error: Exception) -> str:
    words = str(getattr(error, "error_string", error)).strip().rstrip(".")
    return f"libsndfile says: {words}"


def is_audio(path: Path) -> bool:
    """Whether the suffix is one of an audio file."""
    return path.suffix.lower() in AUDIO_SUFFIXES
