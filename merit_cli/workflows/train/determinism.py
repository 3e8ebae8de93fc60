"""What has to be fixed in a process before a run can be repeated in it."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


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
