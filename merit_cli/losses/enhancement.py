"""The distances between enhanced and clean speech that an objective may be made of.

Shape suffixes: B batch, N samples.
"""

from collections.abc import Mapping

from pydantic import Field
from torch import Tensor

from merit_cli.carriers import MultiTaskOutput
from merit_cli.config.frozen import FrozenConfig
from merit_cli.losses.band import negative_band_snr_sum
from merit_cli.losses.compressed import CompressedLossConfig, compressed_sums
from merit_cli.losses.multi_resolution import MultiResolutionConfig, multi_resolution_sums
from merit_cli.losses.spectral import MaskedSum, log1p_l1_sum
from merit_cli.losses.spectrum import log1p_magnitude, stft
from merit_cli.losses.waveform import absolute_error_sum, negative_ratio_sum, squared_error_sum


class EnhancementTerms(FrozenConfig):
    """Weights of the distances, each a mean over what is valid in the batch; 0 leaves one out.

    All are taken in the model's scale, where noisy speech has an RMS of 1.

    Args:
        log1p_l1: L1 distance of log1p magnitudes, the paper's.
        si_sdr: Negative SI-SDR in dB.
        snr: Negative SNR in dB, which asks for the level of the clean speech as well.
        band_snr: Negative SNR in 100-1000 Hz in dB, for breath.
        l1: Absolute distance of samples.
        mse: Squared distance of samples.
        compressed: Power-compressed spectra (PHASEN, CMGAN); None leaves them out.
        multi_resolution: Magnitude spectra at several resolutions (MANNER, with ``l1``); None leaves them out.
    """

    log1p_l1: float = Field(default=1.0, ge=0.0)
    si_sdr: float = Field(default=0.0, ge=0.0)
    snr: float = Field(default=0.0, ge=0.0)
    band_snr: float = Field(default=0.0, ge=0.0)
    l1: float = Field(default=0.0, ge=0.0)
    mse: float = Field(default=0.0, ge=0.0)
    compressed: CompressedLossConfig | None = None
    multi_resolution: MultiResolutionConfig | None = None

    def weights(self) -> dict[str, float]:
        """Every term that counts, by name."""
        named = {name: getattr(self, name) for name in ("log1p_l1", "si_sdr", "snr", "band_snr", "l1", "mse")}
        for kind, spectral in (("compressed", self.compressed), ("multi_resolution", self.multi_resolution)):
            if spectral is not None:
                named |= {f"{kind}_{name}": weight for name, weight in spectral.weights().items()}
        return {name: weight for name, weight in named.items() if weight > 0.0}


def enhancement_sums(
    output: MultiTaskOutput, clean_BN: Tensor, lengths_B: Tensor, terms: EnhancementTerms
) -> dict[str, MaskedSum]:
    """Sum and weight of every term that counts; empty for a model without the task.

    Args:
        output: In model scale.
        clean_BN: Reference in model scale.
        lengths_B: Valid samples.
        terms: Which to take.
    """
    if output.enhanced_BN is None:
        return {}
    enhanced_BN, weights = output.enhanced_BN, terms.weights()
    sums: dict[str, MaskedSum] = {}
    if "log1p_l1" in weights:
        log1p_BTF = output.enhanced_log1p_BTF
        if log1p_BTF is None:  # a model of waveforms
            log1p_BTF = log1p_magnitude(stft(enhanced_BN, lengths_B))
        sums["log1p_l1"] = log1p_l1_sum(log1p_BTF, clean_BN, lengths_B)
    if "si_sdr" in weights:
        sums["si_sdr"] = negative_ratio_sum(enhanced_BN, clean_BN, lengths_B, ratio="si_sdr")
    if "snr" in weights:
        sums["snr"] = negative_ratio_sum(enhanced_BN, clean_BN, lengths_B, ratio="snr")
    if "band_snr" in weights:
        sums["band_snr"] = negative_band_snr_sum(enhanced_BN, clean_BN, lengths_B)
    if "l1" in weights:
        sums["l1"] = absolute_error_sum(enhanced_BN, clean_BN, lengths_B)
    if "mse" in weights:
        sums["mse"] = squared_error_sum(enhanced_BN, clean_BN, lengths_B)
    if terms.compressed is not None:
        parts = compressed_sums(enhanced_BN, clean_BN, lengths_B, terms.compressed)._asdict()
        sums |= {f"compressed_{name}": part for name, part in parts.items()}
    if terms.multi_resolution is not None:
        parts = multi_resolution_sums(enhanced_BN, clean_BN, lengths_B, terms.multi_resolution)._asdict()
        sums |= {f"multi_resolution_{name}": part for name, part in parts.items()}
    return {name: part for name, part in sums.items() if name in weights}


def weighted(means: Mapping[str, Tensor], terms: EnhancementTerms, zero: Tensor) -> Tensor:
    """The weighted sum of the terms' means."""
    weights = terms.weights()
    return sum((weights.get(name, 0.0) * mean for name, mean in means.items()), start=zero)
