"""Clipped samples: flat tops at a signal's own peak, at full scale or turned down afterwards."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from merit_cli.audio.levels import Samples

FLAT_RUN = 3
"""Equal samples in a row at the peak that make a flat top."""
_STEP = 2.0**-15
_FULL_SCALE = 1.0 - 1.5 * _STEP
_LOWEST_PEAK = 64 * _STEP
"""A peak under this is too coarse in 16 bits for flat tops to mean anything."""
_STEEP = 8 * _STEP
"""A flat top that is steeper than this at its edge was cut; slow waves have flat tops of 16-bit steps too (ours)."""
_USUAL_AT_FULL_SCALE = 1e-3
"""A larger share at full scale is clipping although no three are in a row, as in white noise (ours)."""
_CONTEXT = FLAT_RUN + 1


class Clipping(NamedTuple):
    """Samples at a flat top, and samples beyond full scale."""

    num_clipped: int
    num_over: int
    num_samples: int

    @property
    def share(self) -> float:
        """Share of clipped or too large samples, 0 to 1."""
        return max(self.num_clipped, self.num_over) / self.num_samples if self.num_samples else 0.0


class ClippingCounter:
    """Counts clipping in a signal that comes in blocks.

    Each end of the range is looked at by itself. Samples at the peak count once the peak has a run of three
    equal ones that reaches full scale or breaks off steeply, or where a thousandth of all is at full scale.
    """

    def __init__(self) -> None:
        self._ends = (_End(), _End())
        self._num_over = self._num_samples = 0

    def add(self, block: Samples) -> None:
        """The next samples (N,)."""
        self._num_samples += block.size
        self._num_over += int(np.count_nonzero(np.abs(block) > 1.0))
        self._ends[0].add(block)
        self._ends[1].add(-block)

    def result(self) -> Clipping:
        """Of all blocks so far.

        >>> counter = ClippingCounter()
        >>> counter.add(np.clip(np.sin(np.arange(1000) * 0.3), -0.9, 0.9))
        >>> counter.result().num_clipped > 200
        True
        """
        clipped = sum(end.num_at_peak for end in self._ends if end.is_cut(self._num_samples))
        return Clipping(clipped, self._num_over, self._num_samples)


class _End:
    """The upper end of a signal's range."""

    def __init__(self) -> None:
        self.peak, self.num_at_peak, self.has_flat_top = _LOWEST_PEAK, 0, False
        self._before: npt.NDArray[np.floating] = np.zeros(0)

    def add(self, block: Samples) -> None:
        peak = float(block.max(initial=0.0))
        if peak > self.peak:
            self.peak, self.num_at_peak, self.has_flat_top = peak, 0, False
        if peak == self.peak:
            self.num_at_peak += int(np.count_nonzero(block == peak))
        if not self.has_flat_top and peak > 0.0:
            self.has_flat_top = self._flat(np.concatenate([self._before, block]))
        self._before = np.concatenate([self._before, block[-_CONTEXT:]])[-_CONTEXT:]

    def is_cut(self, num_samples: int) -> bool:
        """Whether the signal was cut at its peak."""
        usual = max(FLAT_RUN, _USUAL_AT_FULL_SCALE * num_samples)
        return self.has_flat_top or (self.peak >= _FULL_SCALE and self.num_at_peak > usual)

    def _flat(self, samples: Samples) -> bool:
        where = np.flatnonzero(samples == self.peak)
        starts = where[: 1 - FLAT_RUN][where[FLAT_RUN - 1 :] - where[: 1 - FLAT_RUN] == FLAT_RUN - 1]
        if starts.size == 0 or self.peak >= _FULL_SCALE:
            return bool(starts.size)
        before, after = starts - 1, starts + FLAT_RUN
        rise = self.peak - samples[before[before >= 0]]
        fall = self.peak - samples[after[after < samples.size]]
        return bool((rise > _STEEP).any() or (fall > _STEEP).any())
