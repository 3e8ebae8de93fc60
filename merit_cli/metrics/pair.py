"""A processed file and its clean reference, read once: brought to one rate, equally long, and looked at for a delay.

What is done to the signals is noted; a delay is noted only, because cutting one away would hide what a listener hears.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from merit_cli.audio.alignment import find_shift
from merit_cli.errors import BadData
from merit_cli.io.audio_file import Audio, FloatArray, audio_info, read_audio, resample
from merit_cli.metrics.spec import MetricSpec

LENGTH_TOLERANCE_SECONDS = 0.01
"""A pair whose lengths differ by at most one frame of 10 ms is cut to the shorter, with a note."""
MAX_DELAY_SECONDS = 0.5
DELAY_STRETCH_SECONDS = 4.0
"""A delay is looked for in the loudest stretch of the reference that is this long, at the same cost for any file."""


@dataclass(frozen=True)
class Pair:
    """Two signals at one rate.

    Args:
        clean: Reference (N,); None where there is none.
        processed: (N,).
        sample_rate: In Hz, the lower of the files'.
        notes: What was done to them, and a delay that was found.
    """

    clean: FloatArray | None
    processed: FloatArray
    sample_rate: int
    notes: tuple[str, ...] = ()


def read_pair(processed: Path, clean: Path | None, *, start: int = 0, num_samples: int | None = None) -> Pair:
    """Both files at the lower of their rates, equally long.

    Args:
        processed: The file to score.
        clean: Its reference; None where there is none.
        start: First sample of the segment, at the rate of ``processed``; the reference is cut at the same time.
        num_samples: Length of the segment, at the rate of ``processed``; None reads to the end.

    Raises:
        NoInput: A file is missing.
        BadData: A file cannot be used, or the lengths differ by more than 10 ms.
    """
    heard = read_audio(processed, start=start, num_samples=num_samples)
    if clean is None:
        return Pair(None, heard.samples, heard.sample_rate, tuple(f"processed: {note}" for note in heard.notes))
    is_whole = start == 0 and num_samples is None
    scale = 1.0 if is_whole else audio_info(clean).sample_rate / heard.sample_rate
    length = None if num_samples is None else round(num_samples * scale)
    reference = read_audio(clean, start=round(start * scale), num_samples=length)
    rate = min(heard.sample_rate, reference.sample_rate)
    heard, reference = _at(heard, rate), _at(reference, rate)
    notes = [f"processed: {note}" for note in heard.notes] + [f"clean: {note}" for note in reference.notes]
    excess = heard.samples.size - reference.samples.size
    if abs(excess) > LENGTH_TOLERANCE_SECONDS * rate:
        raise BadData(
            f"the lengths differ: clean has {reference.samples.size} samples, processed {heard.samples.size}",
            place=str(processed),
            hint=f"at {rate} Hz; up to 10 ms would be cut with a note",
        )
    if excess:
        notes.append(f"{'processed' if excess > 0 else 'clean'} cut by its last {abs(excess)} samples")
    shorter = min(reference.samples.size, heard.samples.size)
    pair = Pair(reference.samples[:shorter], heard.samples[:shorter], rate)
    return Pair(pair.clean, pair.processed, rate, (*notes, *delay_notes(pair)))


def _at(audio: Audio, rate: int) -> Audio:
    if audio.sample_rate == rate:
        return audio
    note = f"resampled {audio.sample_rate} -> {rate} Hz"
    return Audio(resample(audio.samples, audio.sample_rate, rate), rate, (*audio.notes, note), audio.file)


def delay_notes(pair: Pair) -> tuple[str, ...]:
    """A sentence on the delay of the processed signal, if it clearly has one; nothing is shifted.

    >>> speech = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    >>> delay_notes(Pair(speech, np.roll(speech, 80), 16000))
    ('processed comes 5 ms (80 samples) after clean: not corrected',)
    """
    assert pair.clean is not None, "a delay needs a reference"
    stretch = _loudest(pair.clean, round(DELAY_STRETCH_SECONDS * pair.sample_rate))
    clean, processed = pair.clean[stretch], pair.processed[stretch]
    max_shift = min(round(MAX_DELAY_SECONDS * pair.sample_rate), clean.size - 1)
    shift = find_shift(processed, clean, max_shift=max_shift) if max_shift > 0 else 0
    if not shift:
        return ()
    side, samples = ("after" if shift > 0 else "before"), abs(shift)
    return (
        f"processed comes {1e3 * samples / pair.sample_rate:.4g} ms ({samples} samples) {side} clean: not corrected",
    )


def _loudest(samples: FloatArray, num_samples: int) -> slice:
    """Where ``num_samples`` have the most energy, in steps of a quarter of them; all where there are no more."""
    step = max(1, num_samples // 4)
    num_steps = samples.size // step
    if samples.size <= num_samples or num_steps <= 4:
        return slice(0, num_samples)
    energies = np.einsum("ij,ij->i", *[samples[: num_steps * step].reshape(num_steps, step)] * 2)
    first = int(np.argmax(np.convolve(energies, np.ones(4), mode="valid")))
    return slice(first * step, first * step + num_samples)


def at_rate_of(pair: Pair, spec: MetricSpec) -> Pair:
    """The pair at the highest rate that the metric is defined at and the pair can fill.

    Raises:
        BadData: There is no such rate.
    """
    rate = rate_of(pair.sample_rate, spec)
    if rate == pair.sample_rate:
        return pair
    clean = None if pair.clean is None else resample(pair.clean, pair.sample_rate, rate)
    return Pair(clean, resample(pair.processed, pair.sample_rate, rate), rate, pair.notes)


def rate_of(sample_rate: int, spec: MetricSpec) -> int:
    """The rate in Hz that a metric takes a pair of ``sample_rate`` at.

    Raises:
        BadData: The metric is defined at higher rates only.
    """
    if not spec.sample_rates or sample_rate in spec.sample_rates:
        return sample_rate
    lower = [rate for rate in spec.sample_rates if rate < sample_rate]
    if not lower:
        raise BadData(f"{spec.name} needs {min(spec.sample_rates)} Hz and the pair has {sample_rate} Hz")
    return max(lower)
