"""Losses of a generator and of a discriminator that learns to predict a metric (MetricGAN).

The discriminator's target is SI-SDR or PESQ, brought to [0, 1]. A pair whose metric cannot be had is
counted with its reason and has no weight in the discriminator's loss; the generator's step needs no target.

Shape suffixes: B batch, N samples.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from merit_cli.losses.spectral import MaskedSum
from merit_cli.losses.waveform import negative_ratio_sum

MetricTarget = Literal["si_sdr", "pesq"]
Waves = Sequence[npt.NDArray[np.float32]]
MetricScorer = Callable[[Waves, Waves], Sequence[float | str]]
"""From clean and enhanced waveforms to a number each, or the reason why there is none."""

SI_SDR_OFFSET_DB, SI_SDR_SPAN_DB = 10.0, 40.0
PESQ_LOWEST, PESQ_SPAN = 1.0, 3.5
SILENT_REFERENCE = "the clean signal is silent"


@dataclass(frozen=True)
class MetricTargets:
    """What the discriminator should say of each pair.

    Args:
        target_B: In [0, 1]; 0 where the metric failed.
        scored_B: False where the metric failed.
        reasons: One for each failure.
    """

    target_B: Tensor
    scored_B: Tensor
    reasons: tuple[str, ...]

    @property
    def num_failed(self) -> int:
        """Pairs without a number; to be logged with every step."""
        return len(self.reasons)


def bounded_si_sdr(value: float) -> float:
    """-10 dB and less is 0, 30 dB and more is 1.

    >>> bounded_si_sdr(10.0)
    0.5
    """
    return min(max((value + SI_SDR_OFFSET_DB) / SI_SDR_SPAN_DB, 0.0), 1.0)


def bounded_pesq(value: float) -> float:
    """1 is 0, 4.5 and more is 1 (Cao et al. 2022).

    >>> bounded_pesq(2.75)
    0.5
    """
    return min(max((value - PESQ_LOWEST) / PESQ_SPAN, 0.0), 1.0)


def metric_targets(
    enhanced_BN: Tensor,
    clean_BN: Tensor,
    lengths_B: Tensor,
    *,
    target: MetricTarget = "si_sdr",
    scorer: MetricScorer | None = None,
) -> MetricTargets:
    """The metric of each pair in [0, 1], without gradient, and what failed.

    Args:
        enhanced_BN: Estimates.
        clean_BN: References.
        lengths_B: Valid samples.
        target: Which metric; PESQ fails on many signals that are not speech.
        scorer: Computes PESQ for a batch; ``si_sdr`` needs none.
    """
    bounded = bounded_si_sdr if target == "si_sdr" else bounded_pesq
    values: Sequence[float | str]
    if target == "si_sdr":
        values = _si_sdr(enhanced_BN.detach(), clean_BN, lengths_B)
    else:
        assert scorer is not None, target
        values = scorer(_rows(clean_BN, lengths_B), _rows(enhanced_BN, lengths_B))
    assert len(values) == len(clean_BN), (len(values), len(clean_BN))
    checked = [_checked(value) for value in values]
    numbers = [0.0 if isinstance(value, str) else bounded(value) for value in checked]
    return MetricTargets(
        target_B=torch.tensor(numbers, dtype=torch.float32, device=enhanced_BN.device),
        scored_B=torch.tensor([not isinstance(value, str) for value in checked], device=enhanced_BN.device),
        reasons=tuple(value for value in checked if isinstance(value, str)),
    )


def discriminator_loss_sum(clean_score_B: Tensor, enhanced_score_B: Tensor, targets: MetricTargets) -> MaskedSum:
    """Sum of (D(clean, clean) - 1)^2 + (D(clean, enhanced) - target)^2, not negative; 0 is best.

    Source: Fu et al. (2019), MetricGAN, eq. 6; Cao et al. (2022), CMGAN, eq. 8. A pair whose metric failed
    counts in neither part.

    Args:
        clean_score_B: What the discriminator says of the clean speech beside itself.
        enhanced_score_B: And of the detached estimate.
        targets: Of the estimates.
    """
    scored_B = targets.scored_B.to(enhanced_score_B.device)
    target_B = targets.target_B.to(enhanced_score_B)
    error_B = (clean_score_B - 1.0).square() + (enhanced_score_B - target_B).square()
    return MaskedSum(error_B.where(scored_B, 0.0).sum(), scored_B.sum().to(error_B.dtype))


def generator_loss_sum(enhanced_score_B: Tensor) -> MaskedSum:
    """Sum of (D(clean, enhanced) - 1)^2, not negative; 0 is best. Its mean has weight 0.05 in CMGAN."""
    error_B = (enhanced_score_B - 1.0).square()
    return MaskedSum(error_B.sum(), torch.full_like(error_B.sum(), float(len(error_B))).detach())


def _si_sdr(enhanced_BN: Tensor, clean_BN: Tensor, lengths_B: Tensor) -> list[float | str]:
    values: list[float | str] = []
    for row in range(len(clean_BN)):
        one = slice(row, row + 1)
        total, weight = negative_ratio_sum(enhanced_BN[one], clean_BN[one], lengths_B[one])
        values.append(-float(total) if float(weight) > 0.0 else SILENT_REFERENCE)
    return values


def _rows(wave_BN: Tensor, lengths_B: Tensor) -> list[npt.NDArray[np.float32]]:
    arrays = wave_BN.detach().float().cpu().numpy()
    return [row[: int(length)] for row, length in zip(arrays, lengths_B.tolist(), strict=True)]


def _checked(value: float | str) -> float | str:
    if isinstance(value, str) or np.isfinite(value):
        return value
    return f"the metric gave {value}"
