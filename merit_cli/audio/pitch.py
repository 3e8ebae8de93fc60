"""The pitch of a voice over time, and marks one period apart.

Source: P. Boersma 1993, "Accurate short-term analysis of the fundamental frequency and the
harmonics-to-noise ratio of a sampled sound" (autocorrelation divided by that of the window, path
through candidates); the costs are his. Mono waveforms (N,).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MIN_PITCH_HZ, MAX_PITCH_HZ = 80.0, 450.0
HOP_SECONDS = 0.01
UNVOICED_STEP_SECONDS = 0.005
_PERIODS_IN_WINDOW = 3.0
_NUM_CANDIDATES = 5
_SILENCE_THRESHOLD, _VOICING_THRESHOLD = 0.03, 0.45
_OCTAVE_COST, _JUMP_COST, _VOICING_COST = 0.01, 0.35, 0.14
_SEARCH = 0.2
"""The next mark is looked for within this share of a period around where it is expected (ours)."""


class PitchMarks(NamedTuple):
    """Where a waveform may be taken apart.

    Args:
        positions: Rising sample numbers (M,), the first 0 and the last the number of samples.
        pitch: Pitch in Hz at each mark (M,); 0 where unvoiced.
    """

    positions: IntArray
    pitch: FloatArray


def pitch_track(samples: npt.NDArray[np.floating], sample_rate: int) -> FloatArray:
    """Pitch in Hz (T,) every 10 ms from sample 0 on; 0 where unvoiced.

    >>> tone = np.sin(2 * np.pi * 200 / 16000 * np.arange(8000))
    >>> round(float(np.median(pitch_track(tone, 16000))), 1)
    200.0
    """
    wide = np.asarray(samples, dtype=np.float64)
    hop = round(HOP_SECONDS * sample_rate)
    length = round(_PERIODS_IN_WINDOW / MIN_PITCH_HZ * sample_rate)
    padded = np.pad(wide, (length // 2, length))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[: len(wide) : hop]
    frames = frames - frames.mean(axis=1, keepdims=True)
    window = np.hanning(length)
    correlation = _autocorrelation(frames * window)
    correlation /= _autocorrelation(window[None])
    loudness = np.abs(frames).max(axis=1) / max(float(np.abs(wide).max(initial=0.0)), 1e-9)
    pitches, strengths = _candidates(correlation, sample_rate)
    unvoiced = np.maximum(0.0, 2.0 - loudness * (1.0 + _VOICING_THRESHOLD) / _SILENCE_THRESHOLD)
    return _best_path(
        np.column_stack([np.zeros(len(pitches)), pitches]),
        np.column_stack([_VOICING_THRESHOLD + unvoiced, strengths]),
    )


def _autocorrelation(frames: FloatArray) -> FloatArray:
    """Autocorrelation (T, lags) divided by its value at lag 0."""
    size = 1 << (2 * frames.shape[1] - 1).bit_length()
    power = np.abs(np.fft.rfft(frames, size)) ** 2
    correlation = np.fft.irfft(power)[:, : frames.shape[1] // 2]
    return np.asarray(correlation / np.maximum(correlation[:, :1], 1e-12))


def _candidates(correlation: FloatArray, sample_rate: int) -> tuple[FloatArray, FloatArray]:
    """Pitches and strengths (T, candidates) of the highest maxima, refined by a parabola."""
    first, last = int(sample_rate / MAX_PITCH_HZ), int(np.ceil(sample_rate / MIN_PITCH_HZ))
    before, here, after = (correlation[:, first + shift : last + shift] for shift in (-1, 0, 1))
    curvature = before - 2.0 * here + after
    is_peak = (here > before) & (here >= after) & (here > 0.0)
    offset = np.where(is_peak, 0.5 * (before - after) / np.where(is_peak, curvature, 1.0), 0.0)
    lags = np.arange(first, last) + offset
    height = np.minimum(here - 0.25 * (before - after) * offset, 1.0)
    strength = np.where(is_peak, height - _OCTAVE_COST * np.log2(MIN_PITCH_HZ * lags / sample_rate), -1.0)
    order = np.argsort(-strength, axis=1, kind="stable")[:, :_NUM_CANDIDATES]
    return sample_rate / np.take_along_axis(lags, order, axis=1), np.take_along_axis(strength, order, axis=1)


def _best_path(pitches: FloatArray, strengths: FloatArray) -> FloatArray:
    """The candidate of each frame on the path with the greatest strength less the costs of its jumps."""
    num_frames = len(pitches)
    octaves = np.log2(np.where(pitches > 0.0, pitches, 1.0))
    voiced = pitches > 0.0
    total = strengths[0]
    back = np.zeros(pitches.shape, dtype=np.int64)
    for frame in range(1, num_frames):
        jump = _JUMP_COST * np.abs(octaves[frame - 1][:, None] - octaves[frame][None])
        same = voiced[frame - 1][:, None] == voiced[frame][None]
        cost = np.where(same, np.where(voiced[frame][None], jump, 0.0), _VOICING_COST)
        score = total[:, None] - cost
        back[frame] = score.argmax(axis=0)
        total = score.max(axis=0) + strengths[frame]
    path = np.zeros(num_frames, dtype=np.int64)
    path[-1] = int(total.argmax())
    for frame in range(num_frames - 1, 0, -1):
        path[frame - 1] = back[frame, path[frame]]
    return np.asarray(pitches[np.arange(num_frames), path])


def pitch_marks(samples: npt.NDArray[np.floating], sample_rate: int) -> PitchMarks:
    """Marks one period apart where there is a voice, 5 ms apart elsewhere.

    Within a voiced stretch the first mark is the greatest peak of its middle; each neighbour is
    where the waveform around it is most like that around the mark before (cross-correlation).

    Args:
        samples: Mono waveform (N,), at least one sample.
        sample_rate: In Hz.
    """
    wide = np.asarray(samples, dtype=np.float64)
    assert wide.ndim == 1, f"need mono samples (N,), got shape {wide.shape}"
    assert wide.size > 0, "need at least one sample"
    track = pitch_track(wide, sample_rate)
    hop = round(HOP_SECONDS * sample_rate)
    voiced: list[int] = []
    edges = np.flatnonzero(np.diff(np.concatenate([[False], track > 0.0, [False]]).astype(np.int8)))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        low, high = max(0, int(start) * hop - hop // 2), min(len(wide), int(end) * hop - hop // 2)
        marks = _marks_in(wide, low, high, sample_rate / track[start:end], hop, int(start))
        voiced += [mark for mark in marks if not voiced or mark > voiced[-1]]
    return _with_unvoiced(np.array(voiced, dtype=np.int64), track, len(wide), sample_rate)


def _marks_in(samples: FloatArray, low: int, high: int, periods: FloatArray, hop: int, first_frame: int) -> list[int]:
    """Marks of one voiced stretch [low, high), rising."""

    def period_at(position: int) -> int:
        frame = round(position / hop) - first_frame
        return max(2, round(float(periods[min(max(frame, 0), len(periods) - 1)])))

    middle = (low + high) // 2
    period = period_at(middle)
    left = max(low, middle - period // 2)
    anchor = left + int(np.argmax(np.abs(samples[left : min(high, middle + period // 2 + 1)])))
    marks = [anchor]
    for direction in (-1, 1):
        position = anchor
        while True:
            period = period_at(position)
            following = _most_alike(samples, position, position + direction * period, period)
            if not low <= following < high or (following - position) * direction <= 0:
                break
            marks.append(following)
            position = following
    return sorted(marks)


def _most_alike(samples: FloatArray, mark: int, expected: int, period: int) -> int:
    """Near ``expected``, where a period of the waveform correlates best with that around ``mark``."""
    half, reach = period // 2, max(1, round(_SEARCH * period))
    low, high = expected - reach - half, expected + reach + half + 1
    if mark - half < 0 or mark + half + 1 > len(samples) or low < 0 or high > len(samples):
        return expected
    template = samples[mark - half : mark + half + 1]
    views = np.lib.stride_tricks.sliding_window_view(samples[low:high], len(template))
    likeness = (views @ template) / np.sqrt(np.einsum("ij,ij->i", views, views) + 1e-12)
    return expected - reach + int(likeness.argmax())


def _with_unvoiced(voiced: IntArray, track: FloatArray, num_samples: int, sample_rate: int) -> PitchMarks:
    """The marks, the wide gaps between them filled evenly, with 0 and the end added."""
    step = round(UNVOICED_STEP_SECONDS * sample_rate)
    longest = 1.5 * sample_rate / MIN_PITCH_HZ
    hop = round(HOP_SECONDS * sample_rate)
    positions, pitches = [0], [0.0]
    inner = voiced[(voiced > 0) & (voiced < num_samples)]
    for mark in [*inner.tolist(), num_samples]:
        is_voice = mark < num_samples
        pitch = float(track[min(round(mark / hop), len(track) - 1)]) if is_voice else 0.0
        gap = mark - positions[-1]
        is_next_period = is_voice and pitches[-1] > 0.0 and gap <= longest
        if not is_next_period and gap > step:
            filled = np.rint(np.linspace(positions[-1], mark, round(gap / step) + 1)).astype(int)[1:-1]
            positions += filled.tolist()
            pitches += [0.0] * len(filled)
        positions.append(mark)
        pitches.append(pitch)
    return PitchMarks(np.array(positions, dtype=np.int64), np.array(pitches))
