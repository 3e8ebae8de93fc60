"""A number in a recipe that may be fixed or a range to draw from."""

import math
from collections.abc import Callable
from typing import Any

from merit_cli.mixing.distortions.contract import Uniform

Amount = float | tuple[float, float]
"""Fixed, or [low, high]."""
_DIGITS = 6


def within(low: float, high: float, *, unit: str = "") -> Callable[[Any], Amount]:
    """A check that a recipe's value is a number, or [low, high] upwards, between limits.

    >>> within(0.0, 1.0)([0.2, 1])
    (0.2, 1.0)
    >>> within(0.0, 1.0)([0.2, 3])
    Traceback (most recent call last):
    ValueError: needs a number or [low, high] between 0 and 1
    """
    after = f" {unit}" if unit else ""

    def check(value: Any) -> Amount:
        numbers = list(value) if isinstance(value, list | tuple) else [value]
        plain = all(isinstance(one, int | float) and not isinstance(one, bool) for one in numbers)
        if not plain or len(numbers) > 2 or not numbers or not all(low <= one <= high for one in numbers):
            raise ValueError(f"needs a number or [low, high] between {low:g} and {high:g}{after}")
        if numbers[0] > numbers[-1]:
            raise ValueError(f"the range [{numbers[0]:g}, {numbers[1]:g}] runs downwards")
        return float(numbers[0]) if len(numbers) == 1 else (float(numbers[0]), float(numbers[1]))

    return check


def draw_amount(amount: Amount, uniform: Uniform) -> float:
    """A number of the range, to six decimals; one number of the stream is taken even where it is fixed.

    >>> draw_amount((2.0, 4.0), lambda: 0.25), draw_amount(7.0, lambda: 0.25)
    (2.5, 7.0)
    """
    share = uniform()
    low, high = limits(amount)
    return min(high, round(low + (high - low) * share, _DIGITS)) if high > low else low


def limits(amount: Amount) -> tuple[float, float]:
    """Lowest and highest value."""
    return amount if isinstance(amount, tuple) else (amount, amount)


def draw_seed(uniform: Uniform) -> int:
    """A seed of 32 bits."""
    return math.floor(uniform() * 2**32)
