"""Features of transcripts by a frozen text encoder, kept on disk beside those of speech.

The key is the hash of the words and of the encoder's settings and weights. Each transcript is encoded alone, so its
features do not depend on what it was batched with.

Shape suffixes: B batch, S tokens, D features.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from merit_cli.backbones.normalisation import FloatArray
from merit_cli.backbones.text import TextEncoder, TextEncoderConfig
from merit_cli.data.feature_cache import hash_of_encoder
from merit_cli.io.atomic import atomic_path, make_folder


class TextFeatureCache:
    """Features by transcript; computed by the encoder where they are not there yet.

    Args:
        folder: Where the files lie; several encoders may share it.
        encoder: The frozen encoder.
        config: Its settings.
    """

    def __init__(self, folder: Path, encoder: TextEncoder, config: TextEncoderConfig) -> None:
        assert not encoder.trainable, "features of an encoder that is trained cannot be kept"
        self.folder = make_folder(folder / f"text-{hash_of_encoder(encoder, config)[:16]}")
        self.encoder = encoder

    def path_of(self, transcript: str) -> Path:
        """Where the features of a transcript lie, made or not; spaces do not matter."""
        digest = hashlib.sha256(" ".join(transcript.split()).encode()).hexdigest()
        return self.folder / digest[:2] / f"{digest}.npy"

    def features(self, transcript: str) -> FloatArray:
        """Features (S, D), float32; (0, D) of an empty transcript."""
        if not transcript.strip():
            return np.zeros((0, self.encoder.dim), dtype=np.float32)
        path = self.path_of(transcript)
        try:
            found: FloatArray = np.load(path, allow_pickle=False)
            return found
        except (OSError, ValueError):  # not there, or not a whole file: made again
            return self._make(transcript, path)

    def _make(self, transcript: str, path: Path) -> FloatArray:
        with torch.no_grad():
            states_BSD, valid_BS = self.encoder([transcript])
        features_SD: FloatArray = states_BSD[0][valid_BS[0]].float().cpu().numpy()
        with atomic_path(path) as temporary:
            np.save(temporary, features_SD, allow_pickle=False)
        return features_SD


def collate_text(features: Sequence[FloatArray]) -> tuple[Tensor, Tensor]:
    """Features (S, D) of several transcripts as one batch (B, S, D), zero on padding, and the mask of valid tokens.

    >>> tokens, valid = collate_text([np.ones((2, 3), dtype=np.float32), np.zeros((0, 3), dtype=np.float32)])
    >>> tuple(tokens.shape), valid.tolist()
    ((2, 2, 3), [[True, True], [False, False]])
    """
    longest = max(1, *(len(one) for one in features))
    tokens_BSD = np.zeros((len(features), longest, features[0].shape[1]), dtype=np.float32)
    valid_BS = np.zeros((len(features), longest), dtype=bool)
    for row, one in enumerate(features):
        tokens_BSD[row, : len(one)], valid_BS[row, : len(one)] = one, True
    return torch.from_numpy(tokens_BSD), torch.from_numpy(valid_BS)
