"""RNNoise, a pretrained recurrent network over bands at 48 kHz: its authors' C library, called frame by frame.

The library is one file with its weights inside, pinned by its sha256 and called through ctypes; the package
it comes in is not installed. Samples go in and out as floats, so that nothing is rounded to 16 bits.

Shape suffixes: T frames, H samples of a hop.

Source: Valin (2018), "A hybrid DSP/deep learning approach to real-time full-band speech enhancement", MMSP.
"""

import ctypes
import weakref
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from merit_cli.enhancers.contract import Engine, EnhancerConfig, FloatArray, Kind
from merit_cli.enhancers.streaming import HopEngine, HopFunction
from merit_cli.errors import Unavailable
from merit_cli.io.weights import weight_paths, weight_spec

WEIGHTS = "rnnoise"
FULL_SCALE = np.float32(32768.0)
"""The library's 1.0: it takes samples in the range of 16 bits."""
_LATE = 960
"""A hop of overlap and a hop of look-ahead; measured on noise-free speech."""


class RnnoiseEngine(HopEngine):
    """Calls the library.

    Args:
        library: The shared library.

    Raises:
        Unavailable: The library was built for another machine.
    """

    sample_rate: int | None = 48000
    hop_length = 480
    late = _LATE

    def __init__(self, library: Path) -> None:
        try:
            self.library = _declared(ctypes.CDLL(str(library)))
        except (OSError, AttributeError) as error:
            raise Unavailable(
                f"the library of RNNoise does not load on this machine: {error}",
                place=str(library),
                hint="it is built for Linux on x86-64; take another enhancer, such as gtcrn",
            ) from error
        found = self.library.rnnoise_get_frame_size()
        if found != self.hop_length:
            raise Unavailable(f"this RNNoise has frames of {found} samples, not {self.hop_length}", place=str(library))

    def hop_function(self) -> HopFunction:
        """Hops (T, H) through a state of the library, which is freed with the function."""
        library = self.library
        state = library.rnnoise_create(None)

        def enhance(hops_TH: FloatArray) -> FloatArray:
            made_TH = hops_TH * FULL_SCALE  # a copy, which the library works in
            address, step = made_TH.ctypes.data, made_TH.strides[0]
            for t in range(len(made_TH)):
                library.rnnoise_process_frame(state, address + t * step, address + t * step)
            return made_TH / FULL_SCALE

        weakref.finalize(enhance, library.rnnoise_destroy, state)
        return enhance


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    library.rnnoise_get_frame_size.restype = ctypes.c_int
    library.rnnoise_create.argtypes, library.rnnoise_create.restype = [ctypes.c_void_p], ctypes.c_void_p
    library.rnnoise_destroy.argtypes, library.rnnoise_destroy.restype = [ctypes.c_void_p], None
    library.rnnoise_process_frame.argtypes = [ctypes.c_void_p] * 3
    library.rnnoise_process_frame.restype = ctypes.c_float
    return library


class RnnoiseConfig(EnhancerConfig):
    """RNNoise with its built-in weights.

    Attributes:
        weights: Your own copy of the library, checked; the fetched one without it.
    """

    name: Literal["rnnoise"] = "rnnoise"
    kind: ClassVar[Kind] = "pretrained"
    licence: ClassVar[str] = "BSD-3-Clause"
    weights: Path | None = None

    def engine(self) -> Engine:
        """The engine on the library.

        Raises:
            Unavailable: The library is missing, or built for another machine.
            BadData: The file given is not the pinned one.
        """
        return RnnoiseEngine(*weight_paths([WEIGHTS], local=self.weights))

    def content(self) -> str:
        """The library's sha256, as pinned."""
        return weight_spec(WEIGHTS).sha256

    def weight_name(self) -> str:
        """``rnnoise``."""
        return WEIGHTS

    def num_parameters(self) -> int | None:
        """None: the weights are compiled in."""
        return None
