"""GTCRN, a small pretrained network at 16 kHz, run frame by frame with its recurrent state.

Source: Rong, Sun, Zhang, Hu, Zhu and Lu (2024), "GTCRN: a speech enhancement model requiring
ultralow computational resources", ICASSP; streaming ONNX export by its authors.
"""

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from merit_cli.audio.stft import ComplexArray, FloatArray, Framing, process_frames
from merit_cli.enhancers.contract import Engine, EnhancerConfig, Kind
from merit_cli.io.weights import weight_path, weight_spec

WEIGHTS = "gtcrn"
FRAMING = Framing(512, 256)
CACHES = {"conv_cache": (2, 1, 16, 16, 33), "tra_cache": (2, 3, 1, 1, 16), "inter_cache": (2, 1, 33, 16)}


class GtcrnEngine:
    """Runs the streaming graph.

    Args:
        model: The ONNX file.
    """

    sample_rate: int | None = 16000
    delay = 0
    streams = True

    def __init__(self, model: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # frames are small, and one thread repeats
        options.log_severity_level = 3
        self.session: Any = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def process(self, noisy_N: FloatArray, sample_rate: int) -> FloatArray:
        """The enhanced signal (N,) at 16 kHz."""
        assert sample_rate == self.sample_rate, f"GTCRN takes {self.sample_rate} Hz, got {sample_rate}"
        caches = {name: np.zeros(shape, dtype=np.float32) for name, shape in CACHES.items()}

        def processor(spectrum_TF: ComplexArray) -> ComplexArray:
            enhanced_TF = np.empty_like(spectrum_TF)
            frames = np.stack([spectrum_TF.real, spectrum_TF.imag], axis=-1)[:, None, :, None, :]
            for t, frame in enumerate(frames):
                made, *rest = self.session.run(None, {"mix": frame, **caches})
                caches.update(zip(CACHES, rest, strict=True))
                enhanced_TF[t] = made[0, :, 0, 0] + 1j * made[0, :, 0, 1]
            return enhanced_TF

        return process_frames(noisy_N, FRAMING, processor)


class GtcrnConfig(EnhancerConfig):
    """GTCRN with its authors' weights; it has no settings."""

    name: Literal["gtcrn"] = "gtcrn"
    kind: ClassVar[Kind] = "pretrained"
    licence: ClassVar[str] = "MIT"

    def engine(self) -> Engine:
        """The engine on the fetched weights.

        Raises:
            Unavailable: The weights or the extra ``onnx`` are missing.
        """
        return GtcrnEngine(weight_path(WEIGHTS))

    def content(self) -> str:
        """The weights' sha256, as pinned."""
        return weight_spec(WEIGHTS).sha256

    def weight_name(self) -> str:
        """``gtcrn``."""
        return WEIGHTS

    def num_parameters(self) -> int | None:
        """Floating-point values stored in the graph."""
        import onnx

        graph = onnx.load(str(weight_path(WEIGHTS))).graph
        return sum(
            int(np.prod(tensor.dims)) for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT
        )
