"""An enhancer's processor time over that of its bare model: the library's plain call on one frame,
as often as there are hops.

Inputs and states of the bare call are made beforehand and stay the same; nothing is transformed, windowed, added
or kept.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from merit_cli.enhancers.contract import Engine

NUM_HOPS = 400
ROUNDS = 5


def over_model(engine: Engine) -> float | None:
    """Least of some rounds of ``engine`` over the least of its bare model, less 1; None without a model."""
    bare = bare_call(engine)
    if bare is None:
        return None
    hop_length: int = getattr(engine, "hop_length")  # noqa: B009 (of a StreamingEngine, which has models)
    rate = engine.sample_rate or 16000
    noise = (0.05 * np.random.default_rng(0).standard_normal(NUM_HOPS * hop_length)).astype(np.float32)
    ours, models = [], []
    for number in range(ROUNDS + 1):
        started = time.process_time()
        engine.process(noise, rate)
        between = time.process_time()
        for _ in range(NUM_HOPS):
            bare()
        if number:  # the first round loads and allocates
            ours.append(between - started)
            models.append(time.process_time() - between)
    return min(ours) / min(models) - 1.0


def bare_call(engine: Any) -> Callable[[], None] | None:
    """What a hop asks of the models of an engine of ours; None for a method without a model."""
    if hasattr(engine, "library"):
        return _library_call(engine)
    calls = [_session_call(session) for session in _sessions(engine)]
    return (lambda: [call() for call in calls] and None) if calls else None


def _sessions(engine: Any) -> list[Any]:
    kind = type(engine).__name__
    if kind == "DtlnEngine":
        return list(engine.sessions)
    if kind == "DeepFilterNet3Engine":
        return [network.session for network in engine.networks.values()]
    return [engine.session] if hasattr(engine, "session") else []


def _session_call(session: Any) -> Callable[[], None]:
    generator = np.random.default_rng(0)
    feeds = {one.name: generator.standard_normal(one.shape).astype(np.float32) for one in session.get_inputs()}
    return lambda: session.run(None, feeds)


def _library_call(engine: Any) -> Callable[[], None]:
    state = engine.library.rnnoise_create(None)
    frame = np.random.default_rng(0).standard_normal(engine.hop_length).astype(np.float32) * 1000

    made = np.empty_like(frame)  # in place, the frame would turn to silence, which the library passes over

    def call() -> None:
        engine.library.rnnoise_process_frame(state, made.ctypes.data, frame.ctypes.data)

    return call
