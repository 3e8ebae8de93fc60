"""From an encoder's layers to one vector a frame.

Both ways first normalise each layer by a LayerNorm of its own, since the layers of a speech encoder
differ in scale by orders of magnitude.

Shape suffixes: B batch, L layers, T frames, D features, X fused features.
"""

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn


class LayerwiseNorm(nn.Module):
    """A separate LayerNorm for each layer.

    Args:
        num_layers: L.
        dim: D.
    """

    def __init__(self, num_layers: int, dim: int) -> None:
        super().__init__()
        self.scale_LD = nn.Parameter(torch.ones(num_layers, dim))
        self.shift_LD = nn.Parameter(torch.zeros(num_layers, dim))

    def forward(self, features_BLTD: Tensor) -> Tensor:
        """Normalised features, same shape."""
        normed_BLTD = nnf.layer_norm(features_BLTD, features_BLTD.shape[-1:])
        return normed_BLTD * self.scale_LD.unsqueeze(1) + self.shift_LD.unsqueeze(1)


class ConcatenatedLayers(nn.Module):
    """Every normalised layer side by side: X = L * D.

    Source: Tzeng et al. (2026), the input of routers and experts.
    """

    def __init__(self, num_layers: int, dim: int) -> None:
        super().__init__()
        self.norm = LayerwiseNorm(num_layers, dim)
        self.out_dim = num_layers * dim

    def forward(self, features_BLTD: Tensor) -> Tensor:
        """Fused features (B, T, L * D), layer 0 first."""
        return self.norm(features_BLTD).transpose(1, 2).flatten(2)  # type: ignore[no-any-return]


class WeightedLayerSum(nn.Module):
    """A softmax-weighted sum of the normalised layers: X = D.

    Source: Yang et al. (2021), SUPERB, section 3; with a LayerNorm for each layer.
    """

    def __init__(self, num_layers: int, dim: int) -> None:
        super().__init__()
        self.norm = LayerwiseNorm(num_layers, dim)
        self.weight_L = nn.Parameter(torch.zeros(num_layers))
        self.out_dim = dim

    def forward(self, features_BLTD: Tensor) -> Tensor:
        """Fused features (B, T, D)."""
        normed_BLTD = self.norm(features_BLTD)
        return torch.einsum("bltd,l->btd", normed_BLTD, self.weight_L.softmax(0).to(normed_BLTD.dtype))
