"""DTLN, a pretrained pair of small LSTM networks at 16 kHz, run frame by frame with their state.

The first network masks magnitudes, the second masks a learned basis of the time signal. The second never
feeds the first, so a block of frames goes through one and then through the other.

Shape suffixes: T frames, F bins, K samples of a frame, H samples of a hop.

Source: Westhausen and Meyer (2020), "Dual-signal transformation LSTM network for real-time noise
suppression", Interspeech; ONNX export of the authors' weights.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from merit_cli.backbones.onnx_runtime import FrameCalls, cpu_session, num_stored_values
from merit_cli.enhancers.contract import Engine, EnhancerConfig, FloatArray, Kind
from merit_cli.enhancers.streaming import Frames, HopEngine, HopFunction, OverlapAdd
from merit_cli.io.weights import weight_paths, weight_spec

WEIGHTS = ("dtln-1", "dtln-2")
FRAME_LENGTH = 512


class Recurrent:
    """A graph with one input, one output and one state, called frame by frame.

    Args:
        session: Its inputs are the frame (1, 1, width) and the state, its outputs likewise.
    """

    def __init__(self, session: Any) -> None:
        (given, state), (made, next_state) = session.get_inputs(), session.get_outputs()
        self._call = FrameCalls(session, [made.name], {state.name: next_state.name})
        self._given, self._made = self._call.inputs[given.name], self._call.outputs[made.name]

    def rows(self, frames: FloatArray) -> FloatArray:
        """The outputs (T, width) for the frames (T, width), in order."""
        made = np.empty(frames.shape, dtype=np.float32)
        for t, frame in enumerate(frames):
            self._given[...] = frame
            self._call()
            made[t] = self._made
        return made


class DtlnEngine(HopEngine):
    """Runs both graphs.

    Args:
        models: The two ONNX files.
    """

    sample_rate: int | None = 16000
    hop_length = 128
    late = FRAME_LENGTH - 128

    def __init__(self, models: Sequence[Path]) -> None:
        self.sessions = tuple(cpu_session(model) for model in models)

    def hop_function(self) -> HopFunction:
        """Hops (T, H) through both networks."""
        masks, basis = (Recurrent(session) for session in self.sessions)
        frames, overlap_add = Frames(FRAME_LENGTH, self.hop_length), OverlapAdd(FRAME_LENGTH, self.hop_length)

        def enhance(hops_TH: FloatArray) -> FloatArray:
            spectrum_TF = np.fft.rfft(frames(hops_TH), axis=-1)
            mask_TF = masks.rows(np.abs(spectrum_TF))
            masked_TK = np.fft.irfft(spectrum_TF * mask_TF, n=FRAME_LENGTH, axis=-1).astype(np.float32, copy=False)
            return overlap_add(basis.rows(masked_TK))

        return enhance


class DtlnConfig(EnhancerConfig):
    """DTLN with its authors' weights.

    Attributes:
        weights: A folder with your own copies of the two files, checked; fetched weights without it.
    """

    name: Literal["dtln"] = "dtln"
    kind: ClassVar[Kind] = "pretrained"
    licence: ClassVar[str] = "MIT"
    weights: Path | None = None

    def engine(self) -> Engine:
        """The engine on the fetched weights.

        Raises:
            Unavailable: The weights or the extra ``onnx`` are missing.
            BadData: A file given is not the pinned one.
        """
        return DtlnEngine(weight_paths(WEIGHTS, local=self.weights))

    def content(self) -> str:
        """Both weights' sha256, as pinned."""
        return "+".join(weight_spec(name).sha256 for name in WEIGHTS)

    def weight_name(self) -> str:
        """The first of the two files."""
        return WEIGHTS[0]

    def num_parameters(self) -> int | None:
        """Floating-point values stored in both graphs."""
        return sum(num_stored_values(path) for path in weight_paths(WEIGHTS, local=self.weights))
