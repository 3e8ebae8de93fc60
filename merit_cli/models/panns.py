"""CNN6, CNN10 and CNN14 in the layout of PANNs, so that published weights of AudioSet fit by name.

The front end is not part of the weights: it may be another one than AudioSet's.

Source: Kong et al. (2020), PANNs: large-scale pretrained audio neural networks, table 1.

Shape suffixes: B batch, N samples, F bins, M mel bands, T frames, D channels, C classes.
"""

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from merit_cli.audio.mel import mel_filters
from merit_cli.models.classifier import SpectrogramClassifier

PannsName = Literal["cnn6", "cnn10", "cnn14"]
BLOCK_DROPOUT, HEAD_DROPOUT = 0.2, 0.5
SMALLEST_POWER = 1e-10


class Layout(NamedTuple):
    """Channels of the blocks, and what each block is made of."""

    channels: tuple[int, ...]
    kernel: int
    num_convolutions: int


LAYOUTS: dict[PannsName, Layout] = {
    "cnn6": Layout((64, 128, 256, 512), 5, 1),
    "cnn10": Layout((64, 128, 256, 512), 3, 2),
    "cnn14": Layout((64, 128, 256, 512, 1024, 2048), 3, 2),
}


class MelSettings(NamedTuple):
    """The front end, in samples and Hz."""

    sample_rate: int
    fft_size: int
    hop_length: int
    num_mels: int
    low_hz: float
    high_hz: float


class DecibelMel(nn.Module):
    """Mel bands in decibels, unscaled: the network begins with a batch norm over them."""

    window_N: Tensor
    filters_MF: Tensor

    def __init__(self, settings: MelSettings) -> None:
        super().__init__()
        self.settings = settings
        filters_MF = mel_filters(
            settings.num_mels,
            num_bins=settings.fft_size // 2 + 1,
            sample_rate=settings.sample_rate,
            lowest_hz=settings.low_hz,
            highest_hz=settings.high_hz,
        )
        self.register_buffer("window_N", torch.hann_window(settings.fft_size), persistent=False)
        self.register_buffer("filters_MF", torch.as_tensor(filters_MF, dtype=torch.float32), persistent=False)

    def forward(self, waves_BN: Tensor) -> Tensor:
        """Decibels (B, M, T)."""
        size, hop = self.settings.fft_size, self.settings.hop_length
        spectrum_BFT = torch.stft(waves_BN, size, hop_length=hop, window=self.window_N, return_complex=True)
        power_BMT = torch.einsum("bft,mf->bmt", spectrum_BFT.abs().square(), self.filters_MF)
        return 10.0 * torch.log10(power_BMT.clamp(min=SMALLEST_POWER))


class ConvBlock(nn.Module):
    """One or two convolutions, each with batch norm and ReLU, then a mean over ``pool`` by ``pool`` places."""

    def __init__(self, num_in: int, num_out: int, *, kernel: int, num_convolutions: int, pool: int) -> None:
        super().__init__()
        self.pool, self.num_convolutions = pool, num_convolutions
        self.conv1 = nn.Conv2d(num_in, num_out, kernel, padding=kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(num_out)
        if num_convolutions == 2:
            self.conv2 = nn.Conv2d(num_out, num_out, kernel, padding=kernel // 2, bias=False)
            self.bn2 = nn.BatchNorm2d(num_out)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)

    def forward(self, maps_BDTM: Tensor) -> Tensor:
        """Maps of half the places, where the block pools."""
        maps_BDTM = nnf.relu(self.bn1(self.conv1(maps_BDTM)))
        if self.num_convolutions == 2:
            maps_BDTM = nnf.relu(self.bn2(self.conv2(maps_BDTM)))
        return maps_BDTM if self.pool == 1 else nnf.avg_pool2d(maps_BDTM, self.pool)


class Panns(SpectrogramClassifier):
    """A network of PANNs with a head of its own in place of AudioSet's.

    Args:
        name: Which.
        mel: The front end.
        num_classes: C.
    """

    def __init__(self, name: PannsName, mel: MelSettings, num_classes: int) -> None:
        super().__init__()
        layout = LAYOUTS[name]
        self.num_blocks = len(layout.channels)
        self.log_mel = DecibelMel(mel)
        self.bn0 = nn.BatchNorm2d(mel.num_mels)
        num_in = 1
        for number, num_out in enumerate(layout.channels, start=1):
            pool = 1 if number == 6 else 2
            block = ConvBlock(
                num_in, num_out, kernel=layout.kernel, num_convolutions=layout.num_convolutions, pool=pool
            )
            self.add_module(f"conv_block{number}", block)
            num_in = num_out
        self.num_features = num_in
        self.fc1 = nn.Linear(num_in, num_in)
        self.head = nn.Linear(num_in, num_classes)
        for linear in (self.fc1, self.head):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def spectrogram(self, waves_BN: Tensor) -> Tensor:
        """Mel bands in decibels (B, M, T)."""
        return self.log_mel(waves_BN)  # type: ignore[no-any-return]

    def embed(self, maps_BMT: Tensor) -> Tensor:
        """Features (B, D)."""
        maps_BDTM = self.bn0(maps_BMT[:, :, :, None]).permute(0, 3, 2, 1)
        for number in range(1, self.num_blocks + 1):
            maps_BDTM = self.get_submodule(f"conv_block{number}")(maps_BDTM)
            maps_BDTM = nnf.dropout(maps_BDTM, BLOCK_DROPOUT, self.training)
        over_mels_BDT = maps_BDTM.mean(dim=3)
        pooled_BD = over_mels_BDT.amax(dim=2) + over_mels_BDT.mean(dim=2)
        return nnf.relu(self.fc1(nnf.dropout(pooled_BD, HEAD_DROPOUT, self.training)))

    def classify(self, features_BD: Tensor) -> Tensor:
        """Logits (B, C)."""
        return self.head(nnf.dropout(features_BD, HEAD_DROPOUT, self.training))  # type: ignore[no-any-return]
