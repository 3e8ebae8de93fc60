"""The concordance loss over arousal, valence and dominance, from sums that parts of an effective batch can share.

A concordance of a micro-batch is not a share of that of the whole batch: its means and variances are those of few
utterances. So moments are summed over all parts first, and each part takes its gradient through its own moments only;
the parts' gradients then add up to that of the whole.

Shape suffixes: B batch, A attributes.
"""

from typing import NamedTuple

import torch
from torch import Tensor

FLOOR = 1e-8
"""Added to the denominator, which is 0 where neither side varies and the means agree."""


class AttributeSums(NamedTuple):
    """Moments (A,) over the rated utterances, float64: their number, and sums of t, p, t^2, p^2 and t p."""

    count_A: Tensor
    true_A: Tensor
    predicted_A: Tensor
    true_square_A: Tensor
    predicted_square_A: Tensor
    product_A: Tensor


def attribute_sums(predicted_BA: Tensor, true_BA: Tensor) -> AttributeSums:
    """Moments of predictions and ratings; a rating that is NaN is left out with its prediction.

    Args:
        predicted_BA: On the scale 0 to 1.
        true_BA: Likewise.
    """
    rated_BA = true_BA.isfinite()
    true = torch.where(rated_BA, true_BA, 0.5).double() - 0.5  # the centre of the scale keeps squares small
    predicted = torch.where(rated_BA, predicted_BA, 0.5).double() - 0.5
    columns = (rated_BA.double(), true, predicted, true**2, predicted**2, true * predicted)
    return AttributeSums(*(column.sum(0) for column in columns))


def add_attribute_sums(*sums: AttributeSums) -> AttributeSums:
    """The moments of all those utterances together."""
    return AttributeSums(*(torch.stack(values).sum(0) for values in zip(*sums, strict=True)))


def concordance(sums: AttributeSums) -> Tensor:
    """2 cov / (var t + var p + (mean t - mean p)^2 + 1e-8), variances over n; 0 for a constant prediction.

    Source: Lin (1989), A concordance correlation coefficient to evaluate reproducibility, eq. 2.

    >>> true = torch.tensor([[0.1], [0.2], [0.3]])
    >>> round(concordance(attribute_sums(true + 0.1, true)).item(), 4)
    0.5714
    """
    count_A = sums.count_A.clamp(min=1.0)
    mean_true_A, mean_predicted_A = sums.true_A / count_A, sums.predicted_A / count_A
    covariance_A = sums.product_A / count_A - mean_true_A * mean_predicted_A
    variances_A = (sums.true_square_A + sums.predicted_square_A) / count_A - mean_true_A**2 - mean_predicted_A**2
    return 2.0 * covariance_A / (variances_A + (mean_true_A - mean_predicted_A) ** 2 + FLOOR)


def concordance_loss(part: AttributeSums, whole: AttributeSums) -> Tensor:
    """Sum over the rated attributes of 1 - CCC, from 0 (best) to 2 each; of a part, its share by utterances.

    Source: Tzeng et al. (2025), Lessons learnt, the objective of attributes; over the true batch, as Lin defines it.

    Args:
        part: Of the utterances at hand, with gradient.
        whole: Of the whole effective batch; ``part`` itself where that is all. Values and gradients of all parts add
            up to those of the whole.
    """
    without = [(everything - own).detach() for everything, own in zip(whole, part, strict=True)]
    through_part = AttributeSums(*(rest + own for rest, own in zip(without, part, strict=True)))
    rated_A = (through_part.count_A > 0).double()
    loss_A = (1.0 - concordance(through_part)) * rated_A
    share_A = part.count_A.detach() / through_part.count_A.detach().clamp(min=1.0)
    return (loss_A - (1.0 - share_A) * loss_A.detach()).sum()
