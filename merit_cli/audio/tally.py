"""What is counted of a signal that comes in blocks: energy, NaN, clipping, and a hash of its samples."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from merit_cli.audio.clipping import ClippingCounter
from merit_cli.audio.levels import SILENCE_POWER, sum_of_squares

Block = npt.NDArray[np.float32]


@dataclass(kw_only=True)
class SignalTally:
    """The counts so far.

    Args:
        energy: Sum of squares over all channels.
        num_values: Samples of all channels.
        num_bad: Of them NaN or infinite.
        digest: Over the samples, so that equal sound has an equal hash whatever the file.
        clipping: A counter for each channel.
    """

    energy: float = 0.0
    num_values: int = 0
    num_bad: int = 0
    digest: "hashlib.blake2b" = field(default_factory=lambda: hashlib.blake2b(digest_size=16))
    clipping: list[ClippingCounter] = field(default_factory=list)

    def add(self, block: Block) -> Block:
        """Takes in a block (N, channels); gives it back with NaN as 0, so that the rest can be measured."""
        is_good = np.isfinite(block)
        if not is_good.all():
            self.num_bad += int(is_good.size - np.count_nonzero(is_good))
            block = np.where(is_good, block, np.float32(0.0))
        self.clipping = self.clipping or [ClippingCounter() for _ in range(block.shape[1])]
        for channel, counter in enumerate(self.clipping):
            counter.add(block[:, channel])
        self.digest.update((block + np.float32(0.0)).tobytes())  # -0 and 0 sound the same
        self.energy += sum_of_squares(block.ravel())
        self.num_values += block.size
        return block

    @property
    def clipped_share(self) -> float:
        """Of the worst channel, 0 to 1."""
        return max((counter.result().share for counter in self.clipping), default=0.0)

    @property
    def is_silent(self) -> bool:
        """Whether the mean power is under `levels.SILENCE_POWER`.

        >>> tally = SignalTally()
        >>> _ = tally.add(np.zeros((8, 1), np.float32))
        >>> tally.is_silent
        True
        """
        return self.energy / max(1, self.num_values) <= SILENCE_POWER
