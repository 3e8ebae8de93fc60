"""Features of a frozen encoder, kept on disk.

The key is the hash of the waveform as the encoder sees it (so audio and preprocessing are both in it)
and of the encoder's settings and weights. Files appear by rename, so that processes may share a cache.

Shape suffixes: B batch, N samples, L layers, T frames, D features.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from merit_cli.backbones.contract import Backbone
from merit_cli.backbones.normalisation import FloatArray
from merit_cli.config.frozen import FrozenConfig
from merit_cli.io.atomic import atomic_path, make_folder


class FeatureCache:
    """Features by waveform; computed by the encoder where they are not there yet.

    Each utterance is encoded alone, so its features do not depend on what it was batched with.

    Args:
        folder: Where the files lie; several encoders may share it.
        backbone: The frozen encoder.
        config: Its settings.
    """

    def __init__(self, folder: Path, backbone: Backbone, config: FrozenConfig) -> None:
        assert not backbone.trainable, "features of an encoder that is trained cannot be kept"
        self.encoder_hash = hash_of_encoder(backbone, config)
        self.folder = make_folder(folder / self.encoder_hash[:16])
        self.backbone = backbone

    def path_of(self, noisy_N: FloatArray) -> Path:
        """Where the features of a waveform lie, made or not."""
        digest = hashlib.sha256(noisy_N.astype(np.float32).tobytes()).hexdigest()
        return self.folder / digest[:2] / f"{digest}.npy"

    def features(self, noisy_N: FloatArray) -> FloatArray:
        """Features (L, T, D) of one waveform in the model's scale, float32."""
        path = self.path_of(noisy_N)
        try:
            found: FloatArray = np.load(path, allow_pickle=False)
            return found
        except (OSError, ValueError):  # not there, or not a whole file: made again
            return self._make(noisy_N, path)

    def _make(self, noisy_N: FloatArray, path: Path) -> FloatArray:
        device = _device_of(self.backbone)
        noisy_BN = torch.from_numpy(np.ascontiguousarray(noisy_N)).unsqueeze(0).to(device)
        lengths_B = torch.tensor([noisy_N.size], dtype=torch.int64, device=device)
        with torch.no_grad():
            features_LTD: FloatArray = self.backbone(noisy_BN, lengths_B)[0].float().cpu().numpy()
        with atomic_path(path) as temporary:
            np.save(temporary, features_LTD, allow_pickle=False)
        return features_LTD


class CachedEncoder(nn.Module):
    """A frozen encoder that remembers, so that models behind it share its work on the same audio."""

    def __init__(self, cache: FeatureCache) -> None:
        super().__init__()
        self.cache = cache
        self.shape = cache.backbone.shape
        self.trainable = False

    def forward(self, noisy_BN: Tensor, lengths_B: Tensor) -> Tensor:
        """Features of the one signal of a batch."""
        assert noisy_BN.shape[0] == 1, noisy_BN.shape
        return torch.from_numpy(self.cache.features(noisy_BN[0].cpu().numpy())).unsqueeze(0).to(noisy_BN.device)


def with_cache(backbone: Backbone, folder: Path, config: FrozenConfig) -> nn.Module:
    """The encoder with a memory in ``folder``, which takes one signal at a time; itself where it was trained."""
    assert isinstance(backbone, nn.Module), type(backbone)
    return backbone if backbone.trainable else CachedEncoder(FeatureCache(folder, backbone, config))


def hash_of_encoder(backbone: object, config: FrozenConfig) -> str:
    """Hash of an encoder's settings and of every tensor in it."""
    digest = hashlib.sha256(json.dumps(config.model_dump(mode="json"), sort_keys=True).encode())
    for name, tensor in sorted(_state(backbone).items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _state(backbone: object) -> dict[str, Any]:
    assert isinstance(backbone, torch.nn.Module), type(backbone)
    return backbone.state_dict()


def _device_of(backbone: Backbone) -> torch.device:
    assert isinstance(backbone, torch.nn.Module), type(backbone)
    tensors = [*backbone.parameters(), *backbone.buffers()]
    return tensors[0].device if tensors else torch.device("cpu")
