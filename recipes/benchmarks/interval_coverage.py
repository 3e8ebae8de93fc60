"""How often 95 % intervals cover the truth, and how often the paired test errs, by simulation.

    python recipes/benchmarks/interval_coverage.py
    python recipes/benchmarks/interval_coverage.py --repeats 500       # a quick look

Speakers have 2 to 30 rows each and rows of a speaker are alike: a mean with 30 % of its variance between
speakers, and macro-F1 of four classes of unequal size where speakers differ in skill and in their classes.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merit_cli.metrics.comparison import sign_flip_p
from merit_cli.metrics.emotion import MACRO_F1
from merit_cli.metrics.statistics import Statistic, Units, ratio_of_sums, unit_interval

FloatArray = npt.NDArray[np.float64]
NUM_SPEAKERS = (5, 10, 19, 20, 24, 30, 50)
NUM_RESAMPLES = 1000
BETWEEN_SPEAKERS = 0.3
FEWEST_ROWS, MOST_ROWS = 2, 30
CLASSES = np.array([0.4, 0.3, 0.2, 0.1])
TRUTH_SPEAKERS = 400_000


@dataclass(frozen=True)
class World:
    """Speakers to draw from.

    Args:
        name: Of the score.
        draw: Sufficient statistics (K, ...) of K new speakers.
        statistic: The score of sums.
        truth: The score of all speakers there are.
        num_rows: Rows of each speaker (K,) from sufficient statistics.
        rival: Sufficient statistics of a system and of a second one as good, for the same K speakers.
    """

    name: str
    draw: Callable[[np.random.Generator, int], FloatArray]
    statistic: Statistic
    truth: float
    num_rows: Callable[[FloatArray], FloatArray]
    rival: Callable[[np.random.Generator, int], tuple[FloatArray, FloatArray]]


def rows_of_speakers(rng: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
    """How many rows each speaker has, (K,)."""
    return rng.integers(FEWEST_ROWS, MOST_ROWS + 1, count)


def mean_world(effect: Callable[[np.random.Generator, int], FloatArray], name: str) -> World:
    """Values of mean 0: ``effect`` is a speaker's part, of variance 1."""

    def sums(rng: np.random.Generator, rows: npt.NDArray[np.int64]) -> FloatArray:
        own = rows * effect(rng, rows.size) * np.sqrt(BETWEEN_SPEAKERS)
        rest = np.sqrt(rows * (1.0 - BETWEEN_SPEAKERS)) * rng.standard_normal(rows.size)
        return np.stack([own + rest, rows.astype(np.float64)], axis=1)

    def draw(rng: np.random.Generator, count: int) -> FloatArray:
        return sums(rng, rows_of_speakers(rng, count))

    def rival(rng: np.random.Generator, count: int) -> tuple[FloatArray, FloatArray]:
        rows = rows_of_speakers(rng, count)
        return sums(rng, rows), sums(rng, rows)

    return World(name, draw, ratio_of_sums, 0.0, lambda statistics: statistics[:, 1], rival)


def f1_world() -> World:
    """Macro-F1 of four classes: a speaker is right with a skill of their own, and guesses otherwise."""

    def counts(
        codes: npt.NDArray[np.int64], true: FloatArray, skill: FloatArray, rng: np.random.Generator
    ) -> FloatArray:
        guess = np.where(rng.random(codes.size) < skill[codes], true, rng.integers(0, CLASSES.size, codes.size))
        cells = (codes * CLASSES.size + true.astype(np.int64)) * CLASSES.size + guess.astype(np.int64)
        table = np.bincount(cells, minlength=skill.size * CLASSES.size**2)
        return table.reshape(skill.size, CLASSES.size, CLASSES.size).astype(np.float64)

    def rival(rng: np.random.Generator, count: int) -> tuple[FloatArray, FloatArray]:
        codes = np.repeat(np.arange(count), rows_of_speakers(rng, count))
        shares = np.cumsum(rng.dirichlet(10.0 * CLASSES, count), axis=1)
        true = (rng.random(codes.size)[:, None] > shares[codes]).sum(axis=1).clip(0, CLASSES.size - 1)
        skills = [1.0 / (1.0 + np.exp(-(0.4 + 0.8 * rng.standard_normal(count)))) for _ in range(2)]
        first, second = (counts(codes, true.astype(np.float64), skill, rng) for skill in skills)
        return first, second

    def draw(rng: np.random.Generator, count: int) -> FloatArray:
        return rival(rng, count)[0]

    everyone = draw(np.random.default_rng(0), TRUTH_SPEAKERS).sum(axis=0)
    return World("macro-F1", draw, MACRO_F1.compute, float(MACRO_F1.compute(everyone)), _num_counts, rival)


def _num_counts(counts: FloatArray) -> FloatArray:
    return np.asarray(counts.sum(axis=(1, 2)))


def worlds() -> dict[str, World]:
    """Those that the table has, by name; the skewed one is harder than anything measured."""
    made = (
        mean_world(lambda rng, count: rng.standard_normal(count), "mean"),
        f1_world(),
        mean_world(lambda rng, count: rng.exponential(1.0, count) - 1.0, "mean, skewed speakers"),
    )
    return {world.name: world for world in made}


def units_with(num_rows: FloatArray) -> Units:
    """Units of speakers with so many rows."""
    count = num_rows.size
    return Units(np.repeat(np.arange(count), num_rows.astype(np.int64)), count, count)


def coverage(world: World, num_speakers: int, repeats: int, *, seed: int = 0) -> tuple[float, set[str]]:
    """How often the interval holds the truth, and the notes that came with it."""
    rng, hits, made, notes = np.random.default_rng([seed, num_speakers]), 0, 0, set()
    for number in range(repeats):
        drawn = world.draw(rng, num_speakers)
        units = units_with(world.num_rows(drawn))
        interval = unit_interval(drawn, world.statistic, units, seed=number, num_resamples=NUM_RESAMPLES)
        notes.add(interval.note)
        if interval.low is not None and interval.high is not None:
            made += 1
            hits += interval.low <= world.truth <= interval.high
    return hits / made, notes


def false_alarms(world: World, num_speakers: int, repeats: int, *, seed: int = 0) -> float:
    """How often two systems that are equally good get p <= .05."""
    rng, alarms = np.random.default_rng([seed, num_speakers]), 0
    for number in range(repeats):
        first, second = world.rival(rng, num_speakers)
        alarms += sign_flip_p(first, second, world.statistic, seed=number, num_patterns=NUM_RESAMPLES - 1) <= 0.05
    return alarms / repeats


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=4000, help="simulated experiments of each figure [4000]")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    options = parser.parse_args(arguments)
    rows = []
    for world in worlds().values():
        for count in NUM_SPEAKERS:
            covered, _ = coverage(world, count, options.repeats)
            alarms = false_alarms(world, count, options.repeats)
            rows.append({"score": world.name, "speakers": count, "covered": covered, "false_alarms": alarms})
    if options.json:
        print(json.dumps(rows))
        return
    print(f"{'score':<24}{'speakers':>9}{'covered':>9}{'p <= .05':>10}")
    for row in rows:
        print(f"{row['score']:<24}{row['speakers']:>9}{row['covered']:>9.3f}{row['false_alarms']:>10.3f}")


if __name__ == "__main__":
    main()
