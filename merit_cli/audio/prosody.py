"""Changes of pitch, speaking rate, spectral tilt and level, the words and the voice's formants kept.

Pitch and rate by time-domain pitch-synchronous overlap-add: the waveform is taken apart at its
pitch marks into windowed pieces, which are laid down again closer together or further apart.
Source: E. Moulines, F. Charpentier 1990, "Pitch-synchronous waveform processing techniques for
text-to-speech synthesis using diphones". All take and give mono waveforms (N,) in float64.
"""

import numpy as np
import numpy.typing as npt

from merit_cli.audio.pitch import FloatArray, PitchMarks
from merit_cli.units import db_to_amplitude

MAX_PITCH_RATIO = 2.0
"""No single mark is moved by more than an octave, whatever the range asks for (ours)."""
TILT_PIVOT_HZ = 1000.0
TILT_LOW_HZ, TILT_HIGH_HZ = 125.0, 8000.0


def changed_length(num_samples: int, rate: float) -> int:
    """Samples after a change of rate: ``num_samples / rate`` to the nearest whole number.

    >>> changed_length(1000, 0.8)
    1250
    """
    return round(num_samples / rate)


def change_prosody(
    samples: npt.NDArray[np.floating],
    marks: PitchMarks,
    *,
    semitones: float = 0.0,
    pitch_range: float = 1.0,
    rate: float = 1.0,
) -> FloatArray:
    """``samples`` with another pitch, pitch range and speaking rate.

    With neutral values every piece returns to its place and the input comes back. Pieces that are
    used twice in a row where there is no voice are turned round the second time, against buzzing.

    Args:
        samples: Mono waveform (N,).
        marks: Of these samples, by `pitch.pitch_marks`.
        semitones: Upwards positive.
        pitch_range: Factor on the distance, in semitones, of each pitch from the median.
        rate: 2 speaks twice as fast.

    Returns:
        `changed_length` samples. Where the pitch rises, overlapping pieces are scaled down.
    """
    assert rate > 0.0, f"rate must be positive, got {rate}"
    wide = np.asarray(samples, dtype=np.float64)
    assert marks.positions[-1] == len(wide), "the marks belong to another waveform"
    ratios = _pitch_ratios(marks.pitch, semitones, pitch_range)
    num_samples = changed_length(len(wide), rate)
    margin = int(np.diff(marks.positions).max()) + 1
    out = np.zeros(num_samples + 2 * margin)
    weight = np.zeros_like(out)
    time, previous, turned = 0.0, -1, False
    while time <= num_samples:
        mark = _nearest(marks.positions, time * rate)
        turned = mark == previous and not turned and marks.pitch[mark] == 0.0
        _lay_down(wide, marks.positions, mark, round(time) + margin, out, weight, turned=turned)
        time += _step(marks, ratios, mark)
        previous = mark
    return np.asarray((out / np.maximum(weight, 1.0))[margin : margin + num_samples])


def _pitch_ratios(pitch: FloatArray, semitones: float, pitch_range: float) -> FloatArray:
    """Factor on the pitch at each mark (M,); 1 where unvoiced."""
    voiced = pitch > 0.0
    if not voiced.any():
        return np.ones_like(pitch)
    relative = np.where(voiced, pitch, 1.0) / np.median(pitch[voiced])
    ratios = 2.0 ** (semitones / 12.0) * relative ** (pitch_range - 1.0)
    return np.where(voiced, np.clip(ratios, 1.0 / MAX_PITCH_RATIO, MAX_PITCH_RATIO), 1.0)


def _nearest(positions: npt.NDArray[np.int64], time: float) -> int:
    after = min(int(np.searchsorted(positions, time)), len(positions) - 1)
    before = max(after - 1, 0)
    return before if time - positions[before] < positions[after] - time else after


def _step(marks: PitchMarks, ratios: FloatArray, mark: int) -> float:
    """Distance to the next piece: that of the marks, divided by the ratio within a voice."""
    here, there = mark, mark + 1
    if there == len(marks.positions):
        here, there = mark - 1, mark
    distance = float(marks.positions[there] - marks.positions[here])
    is_voice = marks.pitch[here] > 0.0 and marks.pitch[there] > 0.0
    return distance / float(ratios[mark]) if is_voice else distance


def _lay_down(
    samples: FloatArray,
    positions: npt.NDArray[np.int64],
    mark: int,
    target: int,
    out: FloatArray,
    weight: FloatArray,
    *,
    turned: bool,
) -> None:
    """Add the piece around a mark at ``target``: it fades in from the mark before and out to the one after."""
    centre = int(positions[mark])
    start = int(positions[mark - 1]) if mark > 0 else centre
    end = int(positions[mark + 1]) if mark + 1 < len(positions) else centre
    rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(centre - start) / max(centre - start, 1))
    fall = 0.5 + 0.5 * np.cos(np.pi * np.arange(end - centre) / max(end - centre, 1))
    window = np.concatenate([rise, fall])
    piece = samples[start:end] * window
    if turned:
        piece, window = piece[::-1], window[::-1]
        start, end = 2 * centre - end, 2 * centre - start
    first, last = target - (centre - start), target + (end - centre)
    inside = slice(max(first, 0), min(last, len(out)))
    out[inside] += piece[inside.start - first : inside.stop - first]
    weight[inside] += window[inside.start - first : inside.stop - first]


def change_tilt(samples: npt.NDArray[np.floating], sample_rate: int, *, db_per_octave: float) -> FloatArray:
    """``samples`` with a steeper (negative) or flatter (positive) spectrum, as of lower or higher vocal effort.

    A zero-phase gain that is 0 dB at 1 kHz and straight over log frequency from 125 Hz to 8 kHz,
    constant outside. Source of the cue: H. Traunmüller, A. Eriksson 2000, "Acoustic effects of
    variation in vocal effort by men, women, and children".
    """
    wide = np.asarray(samples, dtype=np.float64)
    size = len(wide) + sample_rate // 10  # the gain's impulse response is far shorter than 0.1 s
    frequencies = np.clip(np.fft.rfftfreq(size, 1.0 / sample_rate), TILT_LOW_HZ, TILT_HIGH_HZ)
    gain = 10.0 ** (db_per_octave * np.log2(frequencies / TILT_PIVOT_HZ) / 20.0)
    return np.asarray(np.fft.irfft(np.fft.rfft(wide, size) * gain, size)[: len(wide)])


def change_level(samples: npt.NDArray[np.floating], *, level_db: float) -> FloatArray:
    """``samples`` louder by ``level_db``.

    >>> change_level(np.array([0.1]), level_db=20.0).round(6).tolist()
    [1.0]
    """
    return np.asarray(samples, dtype=np.float64) * db_to_amplitude(level_db)
