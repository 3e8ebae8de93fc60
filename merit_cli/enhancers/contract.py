"""What every enhancer promises, and the wrapper that keeps the promise for it.

An `Engine` does the work at its own rate and a known level. `Contracted` makes of it an `Enhancer`
with these clauses, tested over the whole registry: same rate and same number of samples out as in;
no delay; deterministic; the input stays untouched; silence gives exact silence; never NaN; a gain
on the input is the same gain on the output; files shorter than a frame are no special case; the
working memory does not grow with the file.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from merit_cli.audio.levels import sum_of_squares
from merit_cli.audio.overlap_add import process_in_chunks
from merit_cli.audio.repetition import cut_or_pad
from merit_cli.config.frozen import FrozenConfig
from merit_cli.errors import BadData, UsageError
from merit_cli.io.audio_file import Resampler, resample
from merit_cli.units import Seconds, db_to_amplitude, seconds_to_samples

FloatArray = npt.NDArray[np.float32]
Kind = Literal["none", "classical", "pretrained", "trained"]
Precision = Literal["fp32", "bf16", "fp16"]

WORKING_RMS = db_to_amplitude(-26.0)
"""RMS level every engine works at: the active speech level of ITU-T P.341 test material, -26 dBov."""
SILENCE_PEAK = 1e-30
"""A signal whose peak lies below is silence; float32 could not be brought to the working level."""
CHUNK = Seconds(30.0)
CONTEXT = Seconds(1.0)
FADE = Seconds(0.1)
_BLOCK = 1 << 20
_PUSH = 1 << 17


class Enhancer(Protocol):
    """A callable that cleans a mono signal."""

    @property
    def sample_rate(self) -> int | None:
        """Rate in Hz it works at inside; None where it works at any."""

    def __call__(self, noisy_N: FloatArray, sample_rate: int) -> FloatArray:
        """The enhanced signal, float32, with the shape and the rate of ``noisy_N``."""


class Engine(Protocol):
    """What does the work inside an enhancer."""

    @property
    def sample_rate(self) -> int | None:
        """The only rate in Hz it takes; None for any."""

    @property
    def delay(self) -> int:
        """Samples, at its rate, by which its output is late."""

    @property
    def streams(self) -> bool:
        """Whether it takes a file of any length in bounded memory; if not, it is given chunks."""

    def process(self, noisy_N: FloatArray, sample_rate: int) -> FloatArray:
        """As many samples as went in, at ``sample_rate``; keeps no state from call to call."""


class Stream(Protocol):
    """One signal on its way through an engine, at the engine's rate and level."""

    def push(self, samples_N: FloatArray) -> FloatArray:
        """The samples that are ready after these; any number goes in, from none on."""

    def flush(self) -> FloatArray:
        """The rest, so that as many samples came out as went in; nothing may be pushed afterwards."""


@runtime_checkable
class StreamingEngine(Engine, Protocol):
    """An engine that can be fed bit by bit."""

    @property
    def hop_length(self) -> int:
        """Samples it works on at once."""

    @property
    def latency_samples(self) -> int:
        """A sample comes out before this many more have been pushed: the look-ahead, and a hop to fill."""

    def open(self) -> Stream:
        """A stream of its own state; several may be open at once."""


@dataclass(frozen=True)
class Engineering:
    """Where and how an engine computes.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        precision: Autocast of a network.
    """

    device: str = "cpu"
    precision: Precision = "fp32"


class EnhancerConfig(FrozenConfig):
    """Settings of one enhancer; the base of every registered one.

    Attributes:
        kind: What sort of method it is.
        licence: Of its weights, or of this code.
        mix_back: Share of the noisy signal in the output, the rest is enhanced (observation adding, Iwamoto
            et al. 2022): a little noise hides what was taken from the speech.
        attenuation_limit: The same, said in dB: no noise is taken down by more, since its share
            10^(-limit / 20) stays.
    """

    name: str
    kind: ClassVar[Kind] = "classical"
    licence: ClassVar[str] = "Apache-2.0"
    mix_back: float = Field(0.0, ge=0.0, lt=1.0)
    attenuation_limit: float | None = Field(None, gt=0.0, le=200.0)

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        if self.mix_back > 0.0 and self.attenuation_limit is not None:
            raise ValueError("mix_back and attenuation_limit say the same in two ways: give one")
        return self

    @property
    def noisy_share(self) -> float:
        """Share of the noisy signal in the output, by either setting."""
        return self.mix_back if self.attenuation_limit is None else db_to_amplitude(-self.attenuation_limit)

    def engine(self) -> Engine:
        """The engine that these settings describe.

        Raises:
            Unavailable: Its weights or an extra are missing.
        """
        raise NotImplementedError(f"{type(self).__name__} has no engine")

    def engine_on(self, engineering: Engineering) -> Engine:
        """The engine on a device; those that can leave the CPU, or round, override this.

        Raises:
            UsageError: It runs nowhere but on the CPU in single precision.
            Unavailable: Its weights, an extra or the device are missing.
        """
        if engineering != Engineering():
            raise UsageError(
                f"{self.name!r} runs on the CPU in fp32 only",
                place=f"{engineering.device}, {engineering.precision}",
                hint="leave --device and --precision out, or take a trained run",
            )
        return self.engine()

    def build(self, *, chunk: Seconds = CHUNK, engineering: Engineering = Engineering()) -> Enhancer:
        """The enhancer, ready to call.

        Args:
            chunk: Seconds handed at once to an engine that does not stream.
            engineering: Where and how it computes.

        Raises:
            UsageError: It cannot compute so.
            Unavailable: Its weights, an extra or the device are missing.
        """
        return Contracted(self.engine_on(engineering), chunk=chunk, noisy_share=self.noisy_share)

    def content(self) -> str:
        """Hash of the files the result depends on, for the run's fingerprint; empty without any."""
        return ""

    def weight_name(self) -> str | None:
        """Name of the weights it needs, as ``merit prepare weights`` knows them."""
        return None

    def num_parameters(self) -> int | None:
        """Trained parameters; 0 for a method without, None where it cannot be told yet."""
        return 0


class Contracted:
    """An engine held to the contract of this module.

    Args:
        engine: Does the work.
        chunk: Seconds handed at once to an engine that does not stream.
        noisy_share: Share of the noisy signal in the output.
    """

    def __init__(self, engine: Engine, *, chunk: Seconds = CHUNK, noisy_share: float = 0.0) -> None:
        self.engine, self.chunk, self.noisy_share = engine, chunk, noisy_share

    @property
    def sample_rate(self) -> int | None:
        """Rate in Hz the engine works at; None where it works at any."""
        return self.engine.sample_rate

    def __call__(self, noisy_N: FloatArray, sample_rate: int) -> FloatArray:
        """The enhanced signal (N,), at the rate and level of ``noisy_N`` (N,).

        Raises:
            BadData: The input, or what the engine made of it, is not finite.
        """
        assert noisy_N.ndim == 1, f"need a mono signal, got shape {noisy_N.shape}"
        peak = finite_peak(noisy_N)
        if peak < SILENCE_PEAK:
            return np.zeros(len(noisy_N), dtype=np.float32)
        scale = working_scale(peak, _rms(noisy_N))
        if isinstance(self.engine, StreamingEngine):
            enhanced_N = _streamed(self.engine, noisy_N, sample_rate, scale)
        else:
            rate = self.engine.sample_rate or sample_rate
            scaled_N: FloatArray = np.multiply(noisy_N, scale, dtype=np.float32)
            made_N = self._at_engine_rate(resample(scaled_N, sample_rate, rate), rate)
            del scaled_N  # an hour is 230 MB a copy
            enhanced_N = cut_or_pad(resample(made_N, rate, sample_rate), len(noisy_N))
        enhanced_N *= np.float32(1.0 / scale)
        finite_peak(enhanced_N, whose="what the enhancer made")
        return mixed_back(enhanced_N, noisy_N, self.noisy_share) if self.noisy_share else enhanced_N

    def chunking(self, rate: int) -> dict[str, int]:
        """Chunk, context and fade of `process_in_chunks`, in samples at ``rate`` in Hz."""
        return {
            "chunk_length": seconds_to_samples(self.chunk, rate),
            "context_length": seconds_to_samples(min(CONTEXT, self.chunk / 8), rate),
            "fade_length": seconds_to_samples(min(FADE, self.chunk / 8), rate),
        }

    def _at_engine_rate(self, samples_N: FloatArray, rate: int) -> FloatArray:
        delay = self.engine.delay
        padded = np.pad(samples_N, (0, delay)) if delay else samples_N
        if self.engine.streams:
            made = self.engine.process(padded, rate)
        else:
            made = process_in_chunks(padded, lambda piece: self.engine.process(piece, rate), **self.chunking(rate))
        assert len(made) == len(padded), f"the engine turned {len(padded)} samples into {len(made)}"
        return made[delay:]


def working_scale(peak: float, rms: float) -> float:
    """Gain that brings a signal to the level every engine works at, or to full scale where that comes first."""
    return min(WORKING_RMS / rms, 1.0 / peak)


def _streamed(engine: StreamingEngine, noisy_N: FloatArray, sample_rate: int, scale: float) -> FloatArray:
    """Block by block to the engine's rate, through it and back: at 48 kHz an hour is 690 MB a copy."""
    rate = engine.sample_rate or sample_rate
    there, back, stream = Resampler(sample_rate, rate), Resampler(rate, sample_rate), engine.open()
    enhanced_N = np.zeros(len(noisy_N), dtype=np.float32)
    filled = 0

    def keep(ready_N: FloatArray) -> None:
        nonlocal filled
        ready_N = ready_N[: len(enhanced_N) - filled]
        enhanced_N[filled : filled + len(ready_N)] = ready_N
        filled += len(ready_N)

    for start in range(0, len(noisy_N), _PUSH):
        piece_N: FloatArray = np.multiply(noisy_N[start : start + _PUSH], scale, dtype=np.float32)
        keep(back(stream.push(there(piece_N, last=start + _PUSH >= len(noisy_N)))))
    keep(back(stream.flush(), last=True))
    return enhanced_N


def mixed_back(enhanced_N: FloatArray, noisy_N: FloatArray, share: float) -> FloatArray:
    """The enhanced signal (N,) with a share of the noisy one (N,), the rest is enhanced.

    Source: Iwamoto et al. 2022, observation adding.

    >>> mixed_back(np.zeros(1, np.float32), np.ones(1, np.float32), 0.25)
    array([0.25], dtype=float32)
    """
    mixed_N: FloatArray = np.subtract(noisy_N, enhanced_N, dtype=np.float32)
    mixed_N *= np.float32(share)
    mixed_N += enhanced_N
    return mixed_N


def finite_peak(samples_N: FloatArray, *, whose: str = "the signal") -> float:
    """Largest absolute sample; 0 for an empty signal.

    Raises:
        BadData: A sample is NaN or infinite.
    """
    peak = max(float(samples_N.max(initial=0.0)), -float(samples_N.min(initial=0.0)))
    if not np.isfinite(peak):
        raise BadData(f"{whose} holds NaN or infinite samples")
    return peak


def _rms(samples_N: FloatArray) -> float:
    blocks = (samples_N[start : start + _BLOCK].astype(np.float64) for start in range(0, len(samples_N), _BLOCK))
    return float(np.sqrt(sum(sum_of_squares(block) for block in blocks) / len(samples_N)))
