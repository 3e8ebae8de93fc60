"""Several signals through one network at once, each under the same contract as by itself.

The contract is kept by running it twice: first over a stand-in that notes the pieces it is given, then over one that
hands back what the network made of them. In between the pieces of all signals, long ones and short ones, go through
in batches of like length.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from merit_cli.enhancers.contract import Contracted, Engine, Enhancer
from merit_cli.errors import MeritError

FloatArray = npt.NDArray[np.float32]


@runtime_checkable
class BatchingEngine(Engine, Protocol):
    """An engine that takes several signals at once."""

    def process_together(self, noisy: Sequence[FloatArray], sample_rate: int) -> list[FloatArray]:
        """What `process` makes of each signal (N,), to rounding, whatever else is in the batch."""


class _Stand:
    """What all stand-ins share with the engine that they stand for."""

    streams = False

    def __init__(self, engine: Engine) -> None:
        self.sample_rate, self.delay = engine.sample_rate, engine.delay


class _Notes(_Stand):
    """Keeps what it is given, and gives silence."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.pieces: list[FloatArray] = []

    def process(self, noisy_N: FloatArray, sample_rate: int) -> FloatArray:
        """Silence."""
        self.pieces.append(noisy_N.copy())
        return np.zeros_like(noisy_N)


class _Answers(_Stand):
    """Gives what was made of each piece, in their order."""

    def __init__(self, engine: Engine, made: Iterator[FloatArray]) -> None:
        super().__init__(engine)
        self.made = made

    def process(self, noisy_N: FloatArray, sample_rate: int) -> FloatArray:
        """The next answer."""
        return next(self.made)


def enhance_together(
    enhancer: Enhancer, signals: Sequence[tuple[FloatArray, int]], *, batch_size: int
) -> list[FloatArray | MeritError]:
    """Each signal enhanced as ``enhancer`` would by itself, to rounding.

    Args:
        enhancer: Any; where its engine cannot take several at once they go one by one.
        signals: Samples (N,) and their rate in Hz.
        batch_size: Pieces that the network is given at once.

    Returns:
        In the order of ``signals``: the enhanced signal, or why there is none.
    """
    if not (isinstance(enhancer, Contracted) and isinstance(enhancer.engine, BatchingEngine)):
        return [_tried(enhancer, *signal) for signal in signals]
    engine = enhancer.engine
    notes = [_Notes(engine) for _ in signals]
    for note, signal in zip(notes, signals, strict=True):
        _tried(_around(enhancer, note), *signal)  # an error comes again, in its place
    pieces = [piece for note in notes for piece in note.pieces]
    rate = engine.sample_rate
    assert rate is not None, "a network has a rate"
    made = iter(_in_batches(engine, pieces, rate, batch_size))
    answers = _Answers(engine, made)
    return [_tried(_around(enhancer, answers), *signal) for signal in signals]


def _around(enhancer: Contracted, engine: Engine) -> Contracted:
    return Contracted(engine, chunk=enhancer.chunk, noisy_share=enhancer.noisy_share)


def _in_batches(engine: BatchingEngine, pieces: list[FloatArray], rate: int, batch_size: int) -> list[FloatArray]:
    """What the engine makes of each piece; the longest go first, together with those that are nearly as long."""
    made: list[FloatArray] = [np.zeros(0, dtype=np.float32)] * len(pieces)
    order = sorted(range(len(pieces)), key=lambda index: -len(pieces[index]))
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        for index, enhanced_N in zip(
            chosen, engine.process_together([pieces[index] for index in chosen], rate), strict=True
        ):
            made[index] = enhanced_N
    return made


def _tried(enhancer: Enhancer, noisy_N: FloatArray, sample_rate: int) -> FloatArray | MeritError:
    try:
        return enhancer(noisy_N, sample_rate)
    except MeritError as error:
        return error
