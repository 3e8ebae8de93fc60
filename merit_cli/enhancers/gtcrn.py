"""GTCRN, a small pretrained network at 16 kHz, run frame by frame with its recurrent state.

Source: Rong, Sun, Zhang, Hu, Zhu and Lu (2024), "GTCRN: a speech enhancement model requiring
ultralow computational resources", ICASSP; streaming ONNX export by its authors.
"""

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from merit_cli.audio.stft import analysis_window
from merit_cli.backbones.onnx_runtime import FrameCalls, cpu_session, num_stored_values
from merit_cli.enhancers.contract import Engine, EnhancerConfig, FloatArray, Kind
from merit_cli.enhancers.streaming import Frames, HopEngine, HopFunction, OverlapAdd
from merit_cli.io.weights import weight_paths, weight_spec

WEIGHTS = "gtcrn"
FRAME_LENGTH = 512
CACHES = ("conv_cache", "tra_cache", "inter_cache")


class GtcrnEngine(HopEngine):
    """Runs the streaming graph between square-root Hann windows.

    Args:
        model: The ONNX file.
    """

    sample_rate: int | None = 16000
    hop_length = 256
    late = FRAME_LENGTH - 256

    def __init__(self, model: Path) -> None:
        self.session = cpu_session(model)

    def hop_function(self) -> HopFunction:
        """Hops (T, H) through the network."""
        output, *renewed = (one.name for one in self.session.get_outputs())
        call = FrameCalls(self.session, [output], dict(zip(CACHES, renewed, strict=True)))
        frames, overlap_add = Frames(FRAME_LENGTH, self.hop_length), OverlapAdd(FRAME_LENGTH, self.hop_length)
        window = analysis_window(FRAME_LENGTH)  # squared, two of them add up to 1

        def enhance(hops_TH: FloatArray) -> FloatArray:
            spectrum_TF = np.fft.rfft(frames(hops_TH) * window, axis=-1)
            parts = np.stack([spectrum_TF.real, spectrum_TF.imag], axis=-1)[:, None, :, None, :]
            made = np.empty_like(parts)
            for t, frame in enumerate(parts):
                call.inputs["mix"][...] = frame
                call()
                made[t] = call.outputs[output]
            enhanced_TF = made[:, 0, :, 0].view(np.complex64)[..., 0]
            enhanced_TK: FloatArray = np.fft.irfft(enhanced_TF, n=FRAME_LENGTH, axis=-1).astype(np.float32, copy=False)
            return overlap_add(enhanced_TK * window)

        return enhance


class GtcrnConfig(EnhancerConfig):
    """GTCRN with its authors' weights.

    Attributes:
        weights: Your own copy of the file, checked; fetched weights without it.
    """

    name: Literal["gtcrn"] = "gtcrn"
    kind: ClassVar[Kind] = "pretrained"
    licence: ClassVar[str] = "MIT"
    weights: Path | None = None

    def engine(self) -> Engine:
        """The engine on the weights.

        Raises:
            Unavailable: The weights or the extra ``onnx`` are missing.
            BadData: The file given is not the pinned one.
        """
        return GtcrnEngine(*weight_paths([WEIGHTS], local=self.weights))

    def content(self) -> str:
        """The weights' sha256, as pinned."""
        return weight_spec(WEIGHTS).sha256

    def weight_name(self) -> str:
        """``gtcrn``."""
        return WEIGHTS

    def num_parameters(self) -> int | None:
        """Floating-point values stored in the graph."""
        return num_stored_values(*weight_paths([WEIGHTS], local=self.weights))
