"""Whether a clip holds breathing at all: how far the level in the breath band swings.

Breathing rises and falls; a room, a rubbed sensor at rest or an amplifier does not. In background
alone the band's level over 100 ms wavers by a decibel or two, in a breath cycle it swings by six and
more between inspiration and pause. Noise that is itself modulated, such as speech, is not found out
by this feature.
"""

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfiltfilt

QUALITY_BAND_HZ = (100.0, 1000.0)
"""Most of a breath sound's energy above the heart's and the hand's rumble (Pasterkamp et al. 1997)."""
FRAME_S = 0.1
_FLOOR = 1e-14


def band_swing_db(samples: npt.NDArray[np.floating], sample_rate: int) -> float:
    """Level swing (90th over 10th percentile of 100 ms frames) in 100-1000 Hz, in dB, 0 or more.

    A clip that is silent or shorter than five frames gives 0: nothing in it speaks for breathing.

    Args:
        samples: (N,), any scale: the feature does not depend on gain.
        sample_rate: In Hz, above 2000.

    >>> noise = np.random.default_rng(0).standard_normal(8000)
    >>> band_swing_db(noise, 4000) < 3.0 < band_swing_db(noise * np.linspace(0.0, 1.0, 8000), 4000)
    True
    """
    frame = round(FRAME_S * sample_rate)
    if len(samples) < 5 * frame:
        return 0.0
    sos = butter(4, QUALITY_BAND_HZ, btype="bandpass", fs=sample_rate, output="sos")
    scaled = np.asarray(samples, dtype=np.float64)
    scaled = scaled / max(float(np.max(np.abs(scaled))), 1e-12)
    band = sosfiltfilt(sos, scaled)
    num_frames = len(band) // frame
    power = np.mean(np.square(band[: num_frames * frame].reshape(num_frames, frame)), axis=1)
    low, high = np.percentile(10.0 * np.log10(power + _FLOOR), [10.0, 90.0])
    return float(high - low)
