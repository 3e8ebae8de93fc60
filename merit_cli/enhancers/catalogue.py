"""What enhancers there are, which are ready here, and how fast they run on this machine."""

import time
from dataclasses import dataclass

import numpy as np

from merit_cli.enhancers import ENHANCERS
from merit_cli.enhancers.contract import EnhancerConfig
from merit_cli.enhancers.select import enhancer_config
from merit_cli.errors import MeritError

_TRIAL_SECONDS = 2.0
_TRIAL_RATE = 16000


@dataclass(frozen=True)
class EnhancerRow:
    """One line of ``merit enhance --list``; the JSON that scripts rely on.

    Args:
        name: As ``--enhancer`` takes it.
        kind: ``none``, ``classical``, ``pretrained`` or ``trained``.
        sample_rate: Rate in Hz it works at inside; None where it works at any.
        num_parameters: Trained parameters; None where its weights are missing.
        real_time_factor: Seconds of work for a second of 16 kHz audio, measured now; None where it is not ready.
        license: Of its weights, or of the code.
        ready: Whether it can run here.
        how_to_get: What to do where it is not ready; empty otherwise.
    """

    name: str
    kind: str
    sample_rate: int | None
    num_parameters: int | None
    real_time_factor: float | None
    license: str
    ready: bool
    how_to_get: str


def list_enhancers() -> list[EnhancerRow]:
    """A row for every registered enhancer, by name."""
    return [_row(name) for name in ENHANCERS.names()]


def _row(name: str) -> EnhancerRow:
    try:
        config = enhancer_config(name)
    except MeritError as error:
        return EnhancerRow(name, "unknown", None, None, None, "", ready=False, how_to_get=error.hint or error.message)
    try:
        enhancer = config.build()
        speed = measured_real_time_factor(config)
        num_parameters = config.num_parameters()
    except MeritError as error:
        how = error.hint or error.message
        return EnhancerRow(name, config.kind, None, None, None, config.licence, ready=False, how_to_get=how)
    return EnhancerRow(
        name, config.kind, enhancer.sample_rate, num_parameters, speed, config.licence, ready=True, how_to_get=""
    )


def measured_real_time_factor(config: EnhancerConfig) -> float:
    """Seconds of work that a second of noise at 16 kHz takes on this machine, the better of two runs."""
    enhancer = config.build()
    noise = 0.05 * np.random.default_rng(0).standard_normal(round(_TRIAL_SECONDS * _TRIAL_RATE)).astype(np.float32)
    enhancer(noise[: _TRIAL_RATE // 4], _TRIAL_RATE)  # the first call loads tables and allocates
    times = []
    for _ in range(2):
        started = time.perf_counter()
        enhancer(noise, _TRIAL_RATE)
        times.append(time.perf_counter() - started)
    return round(min(times) / _TRIAL_SECONDS, 6)
