"""What has to be fixed in a process before a run can be repeated in it."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def reseed(seed: int, number: int) -> None:
    """Give a process draws of its own, from its number; the first keeps those of a process alone."""
    if number:
        random.seed(f"{seed} {number}")
        np.random.seed([seed % 2**32, number])
        torch.manual_seed(random.getrandbits(63))


@contextmanager
def seeded(seed: int, *, threads: int) -> Iterator[None]:
    """Seed every global generator and fix what decides rounding, for one run; settings are put back afterwards."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    before: tuple[Any, ...] = (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())
    torch.set_num_threads(max(1, threads))
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
