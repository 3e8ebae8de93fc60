"""What the codec distortion asks of a library that codes."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from merit_cli.mixing.distortions.contract import WideArray


class CodecLibrary(NamedTuple):
    """A way to codecs.

    Args:
        rates: Name of each codec to its rates in Hz, upwards.
        check: Raises `Unavailable` where the machine lacks a codec.
        round_trip: Samples (N,), rate, codec and compression to the samples that come back, of any length.
    """

    rates: Mapping[str, tuple[int, ...]]
    check: Callable[[str], None]
    round_trip: Callable[[WideArray, int, str, float], WideArray]
