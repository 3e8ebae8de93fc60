"""Distance of magnitude spectra at several resolutions: the other half of what MANNER is trained on.

A long window sees the pitch, a short one the onsets; an estimate that is near in all of them has no
artefact that only one window hides.

Shape suffixes: B batch, N samples, T frames, F bins.
"""

from typing import Literal, NamedTuple, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from merit_cli.config.frozen import FrozenConfig
from merit_cli.losses.spectral import MaskedSum
from merit_cli.losses.spectrum import StftShape, sample_mask, spectrum_mask, stft

POWER_FLOOR = 1e-7
"""Under |X|^2: its root and its logarithm have no finite slope at 0. That of the open implementations."""


class MultiResolutionConfig(FrozenConfig):
    """Weights and transforms; the transforms are Yamamoto's, the weights those of MANNER's open implementation.

    Args:
        convergence_weight: Of the spectral convergence.
        magnitude_weight: Of the distance of log magnitudes.
        fft_sizes: Of each resolution, in samples.
        hop_lengths: Of each, in samples.
        window_lengths: Of each, in samples, even and not over the FFT.
        window: Its form.
    """

    convergence_weight: float = Field(default=0.5, ge=0.0)
    magnitude_weight: float = Field(default=0.5, ge=0.0)
    fft_sizes: tuple[int, ...] = (1024, 2048, 512)
    hop_lengths: tuple[int, ...] = (120, 240, 50)
    window_lengths: tuple[int, ...] = (600, 1200, 240)
    window: Literal["hamming", "hann"] = "hann"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        sizes = (self.fft_sizes, self.hop_lengths, self.window_lengths)
        if not self.fft_sizes or len({len(each) for each in sizes}) != 1:
            raise ValueError("fft_sizes, hop_lengths and window_lengths need one value a resolution")
        for shape in self.shapes:
            if not 16 <= shape.window_length <= shape.fft_size or shape.window_length % 2 or shape.fft_size % 2:
                raise ValueError(f"a window of {shape.window_length} for an FFT of {shape.fft_size}: even, 16 or more")
            if not 1 <= shape.hop_length <= shape.window_length:
                raise ValueError(f"a hop of {shape.hop_length} is not from 1 to the window of {shape.window_length}")
        return self

    def weights(self) -> dict[str, float]:
        """Of each term, under the names of `MultiResolutionSums`."""
        return {"convergence": self.convergence_weight, "magnitude": self.magnitude_weight}

    @property
    def shapes(self) -> tuple[StftShape, ...]:
        """The transforms."""
        sizes = zip(self.window_lengths, self.hop_lengths, self.fft_sizes, strict=True)
        return tuple(StftShape(window, hop, fft, self.window) for window, hop, fft in sizes)


class MultiResolutionSums(NamedTuple):
    """Sums over utterances of the mean over resolutions."""

    convergence: MaskedSum
    magnitude: MaskedSum


def multi_resolution_sums(
    enhanced_BN: Tensor, clean_BN: Tensor, lengths_B: Tensor, config: MultiResolutionConfig
) -> MultiResolutionSums:
    """Sums of both distances, none negative; 0 is best. Padding does not count.

    Spectral convergence is relative to the clean spectrum, so silent clean speech has none: it is left out
    of that sum, with its weight, and counts in the log magnitudes.

    Source: Yamamoto, Song and Kim (2020), Parallel WaveGAN, eq. 4-6.

    Args:
        enhanced_BN: Estimate.
        clean_BN: Reference on the same scale.
        lengths_B: Valid samples.
        config: Transforms.
    """
    dtype = torch.promote_types(enhanced_BN.dtype, torch.float32)
    lengths_B = lengths_B.to(clean_BN.device)
    pair = (enhanced_BN.to(dtype), clean_BN.to(dtype))
    parts = [_distances(*pair, lengths_B, shape) for shape in config.shapes]
    convergence_B, magnitude_B = (torch.stack(each).mean(0) for each in zip(*parts, strict=True))
    has_speech_B = (clean_BN != 0.0).logical_and(sample_mask(lengths_B, clean_BN.shape[1])).any(1)
    has_samples_B = lengths_B > 0
    return MultiResolutionSums(
        convergence=MaskedSum(convergence_B.where(has_speech_B, 0.0).sum(), has_speech_B.sum().to(dtype)),
        magnitude=MaskedSum(magnitude_B.where(has_samples_B, 0.0).sum(), has_samples_B.sum().to(dtype)),
    )


def multi_resolution_loss(
    enhanced_BN: Tensor, clean_BN: Tensor, lengths_B: Tensor, config: MultiResolutionConfig
) -> Tensor:
    """The weighted sum of both means over utterances, scalar; less is better.

    >>> wave = torch.sin(torch.arange(4000) / 9.0).unsqueeze(0)
    >>> half = MultiResolutionConfig(convergence_weight=1.0, magnitude_weight=0.0)
    >>> round(multi_resolution_loss(0.5 * wave, wave, torch.tensor([4000]), half).item(), 3)
    0.5
    """
    sums, weights = multi_resolution_sums(enhanced_BN, clean_BN, lengths_B, config), config.weights()
    terms = [weights[name] * total / count.clamp(min=1.0) for name, (total, count) in sums._asdict().items()]
    return torch.stack(terms).sum()


def _distances(enhanced_BN: Tensor, clean_BN: Tensor, lengths_B: Tensor, shape: StftShape) -> tuple[Tensor, Tensor]:
    """Spectral convergence and mean distance of log magnitudes of each utterance, (B,) and (B,)."""
    estimate_BTF, reference_BTF = (_magnitude(stft(wave, lengths_B, shape)) for wave in (enhanced_BN, clean_BN))
    valid_BT1 = spectrum_mask(lengths_B, reference_BTF.shape[1], shape).unsqueeze(-1)
    error_B = torch.linalg.vector_norm((reference_BTF - estimate_BTF) * valid_BT1, dim=(1, 2))
    size_B = torch.linalg.vector_norm(reference_BTF * valid_BT1, dim=(1, 2))
    logs_BTF = (torch.log(reference_BTF) - torch.log(estimate_BTF)).abs() * valid_BT1
    return error_B / size_B, logs_BTF.sum((1, 2)) / (valid_BT1.sum((1, 2)) * shape.num_bins)


def _magnitude(spectrum_BTF: Tensor) -> Tensor:
    power_BTF = spectrum_BTF.real.square() + spectrum_BTF.imag.square()
    return power_BTF.clamp(min=POWER_FLOOR).sqrt()
