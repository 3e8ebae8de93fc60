"""Moonshine-tiny's encoder: raw waveform in, one layer of 288 features at 41.7 Hz.

Source: Jeffries et al. (2024), Moonshine, section 3.

Shape suffixes: B batch, N samples, L layers, T frames, D features.
"""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from merit_cli.backbones.onnx_session import FrozenOnnxEncoder
from merit_cli.carriers import EncoderShape
from merit_cli.config.frozen import FrozenConfig
from merit_cli.io.weights import weight_path

SHAPE = EncoderShape(num_layers=1, dim=288, kernels=(127, 7, 3), strides=(64, 3, 2))
INPUT_RMS = 0.05
"""-26 dBFS, an everyday level of the recordings that the encoder was trained on."""


class MoonshineEncoder(FrozenOnnxEncoder):
    """The last layer; each utterance is encoded alone, without padding.

    Args:
        path: The encoder's weights.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, str(path))
        self.shape = SHAPE

    def forward(self, noisy_BN: Tensor, lengths_B: Tensor) -> Tensor:
        """Features (B, 1, T, 288), zero on padding."""
        num_frames = SHAPE.num_frames(noisy_BN.shape[1])
        features_BLTD = torch.zeros(noisy_BN.shape[0], 1, num_frames, SHAPE.dim)
        waves_BN = noisy_BN.detach().float().cpu().numpy() * np.float32(INPUT_RMS)
        for index, num_samples in enumerate(lengths_B.tolist()):
            frames = SHAPE.num_frames(num_samples)
            if frames == 0:
                continue
            wave = waves_BN[index : index + 1, :num_samples]
            everything = np.ones(wave.shape, np.int64)
            (found,) = self.run({"input_values": wave, "attention_mask": everything}, ["last_hidden_state"])
            features_BLTD[index, 0, :frames] = torch.from_numpy(found[0])
        return features_BLTD.to(noisy_BN.device)


class MoonshineConfig(FrozenConfig):
    """Moonshine-tiny, frozen; ``merit prepare weights moonshine-tiny`` fetches it (13 MB, MIT)."""

    name: Literal["moonshine-tiny"] = "moonshine-tiny"

    def build(self) -> MoonshineEncoder:
        """The encoder.

        Raises:
            Unavailable: The weights were not fetched, or ONNX Runtime is not installed.
        """
        return MoonshineEncoder(weight_path(self.name))
