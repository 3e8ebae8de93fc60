"""Whisper-tiny's encoder as tuned by smart-turn v3.2: five layers of 384 features at 50 Hz.

The export takes windows of 8 s and was tuned on speech that ends with the window, so speech is set at
the end; longer speech is cut into windows. Layers are the normalised inputs of the four transformer
layers and the encoder's normalised output: outputs of nodes that the graph holds, made visible.

Source: Radford et al. (2022), Whisper, section 2.2; smart-turn v3.2 (BSD-2-Clause).

Shape suffixes: B batch, N samples, L layers, T frames, D features, M mels.
"""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from merit_cli.audio.mel import mel_filters
from merit_cli.backbones.onnx_session import FloatArray, FrozenOnnxEncoder
from merit_cli.carriers import EncoderShape
from merit_cli.config.frozen import FrozenConfig
from merit_cli.errors import BadData, Unavailable
from merit_cli.io.weights import weight_path

SAMPLE_RATE = 16_000
WINDOW_SAMPLES = 8 * SAMPLE_RATE
FRAME_SAMPLES = 320
FRAMES_PER_WINDOW = WINDOW_SAMPLES // FRAME_SAMPLES
SHAPE = EncoderShape(num_layers=5, dim=384, kernels=(FRAME_SAMPLES,), strides=(FRAME_SAMPLES,))
FFT_LENGTH = 400
HOP_LENGTH = 160
NUM_MELS = 80
LAYER_NORM_WEIGHTS = (
    *(f"inner.encoder.layers.{layer}.self_attn_layer_norm.weight" for layer in range(SHAPE.num_layers - 1)),
    "inner.encoder.layer_norm.weight",
)


def whisper_log_mel(wave_N: FloatArray) -> FloatArray:
    """Whisper's input (M, N / 160) for one window, its waveform first at mean 0 and variance 1.

    log10 of 80 mel energies, floored 8 below the largest, then (x + 4) / 4.

    Source: Radford et al. (2022), section 2.2, and the feature extractor of its release.
    """
    wave_N = (wave_N - wave_N.mean()) / np.sqrt(wave_N.var() + 1e-7)
    padded = np.pad(wave_N.astype(np.float64), FFT_LENGTH // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, FFT_LENGTH)[:-1:HOP_LENGTH]
    power_TF = np.abs(np.fft.rfft(windows * np.hanning(FFT_LENGTH + 1)[:-1])) ** 2
    filters_MF = mel_filters(NUM_MELS, num_bins=FFT_LENGTH // 2 + 1, sample_rate=SAMPLE_RATE)
    log_MT = np.log10(np.maximum(filters_MF @ power_TF.T, 1e-10))
    log_MT = np.maximum(log_MT, log_MT.max() - 8.0)
    return np.asarray((log_MT + 4.0) / 4.0, dtype=np.float32)


def expose_layers(path: Path) -> tuple[bytes, list[str]]:
    """The graph with its LayerNorms' outputs made visible, and their names, first layer first.

    Raises:
        Unavailable: The package ``onnx`` is not installed.
        BadData: The file does not hold this encoder.
    """
    try:
        import onnx  # an extra
    except ModuleNotFoundError as error:
        hint = "pip install 'merit-cli[onnx]'"
        raise Unavailable("this encoder needs the package 'onnx'", hint=hint) from error
    try:
        model = onnx.load(str(path))
    except Exception as error:  # protobuf's own error types
        raise BadData("the weights are not an ONNX graph", place=str(path)) from error
    by_weight = {node.input[1]: node.output[0] for node in model.graph.node if node.op_type == "LayerNormalization"}
    missing = [weight for weight in LAYER_NORM_WEIGHTS if weight not in by_weight]
    if missing:
        raise BadData(f"the graph has no LayerNorm {missing[0]!r}", place=str(path))
    names = [by_weight[weight] for weight in LAYER_NORM_WEIGHTS]
    dims = [1, FRAMES_PER_WINDOW, SHAPE.dim]
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, dims) for name in names)
    return model.SerializeToString(), names


class WhisperTurnEncoder(FrozenOnnxEncoder):
    """Five layers; each utterance is encoded alone, in windows of 8 s.

    Args:
        path: The export.
    """

    def __init__(self, path: Path) -> None:
        graph, self._layers = expose_layers(path)
        super().__init__(path, graph)
        self.shape = SHAPE

    def forward(self, noisy_BN: Tensor, lengths_B: Tensor) -> Tensor:
        """Features (B, 5, T, 384), zero on padding."""
        num_frames = SHAPE.num_frames(noisy_BN.shape[1])
        features_BLTD = torch.zeros(noisy_BN.shape[0], SHAPE.num_layers, num_frames, SHAPE.dim)
        waves_BN = noisy_BN.detach().float().cpu().numpy()
        for index, num_samples in enumerate(lengths_B.tolist()):
            for start in range(0, num_samples, WINDOW_SAMPLES):
                window_LTD = self._encode_window(waves_BN[index, start : min(num_samples, start + WINDOW_SAMPLES)])
                first = start // FRAME_SAMPLES
                features_BLTD[index, :, first : first + window_LTD.shape[1]] = torch.from_numpy(window_LTD)
        return features_BLTD.to(noisy_BN.device)

    def _encode_window(self, wave_N: FloatArray) -> FloatArray:
        frames = len(wave_N) // FRAME_SAMPLES
        first = (WINDOW_SAMPLES - len(wave_N)) // FRAME_SAMPLES  # frames of silence set in front
        window = np.zeros(WINDOW_SAMPLES, np.float32)
        window[first * FRAME_SAMPLES :][: len(wave_N)] = wave_N
        layers = self.run({"input_features": whisper_log_mel(window)[None]}, self._layers)
        return np.stack([layer[0, first : first + frames] for layer in layers])


class WhisperTurnConfig(FrozenConfig):
    """Whisper-tiny of smart-turn, frozen; ``merit prepare weights whisper-tiny-turn`` fetches it (8.7 MB, BSD-2)."""

    name: Literal["whisper-tiny-turn"] = "whisper-tiny-turn"

    def build(self) -> WhisperTurnEncoder:
        """The encoder.

        Raises:
            Unavailable: The weights were not fetched, or ``onnx`` or ``onnxruntime`` is not installed.
        """
        return WhisperTurnEncoder(weight_path(self.name))
