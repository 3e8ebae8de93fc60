"""Statistics over many rows: intervals of a mean and of macro-F1, and both paired comparisons."""

from collections.abc import Callable

import numpy as np

from merit_cli.metrics.comparison import compare_means, compare_scores
from merit_cli.metrics.emotion import MACRO_F1
from merit_cli.metrics.statistics import mean_interval, score_interval

NUM_SPEAKERS = 1000
LABELS = tuple(f"class{number}" for number in range(8))
SKILLS = (0.60, 0.58)


def calls(num_rows: int) -> dict[str, Callable[[], object]]:
    """Each with 10 000 resamples, ready to be timed, over rows of 1 000 speakers and eight classes."""
    draw = np.random.default_rng(0)
    speakers = [f"speaker{number % NUM_SPEAKERS}" for number in range(num_rows)]
    first, second = draw.standard_normal((2, num_rows))
    true = draw.choice(LABELS, num_rows)
    guesses = [
        np.where(draw.random(num_rows) < skill, true, draw.choice(LABELS, num_rows)).tolist() for skill in SKILLS
    ]
    told = true.tolist()
    return {
        "interval of a mean": lambda: mean_interval(first, speakers, seed=0),
        "interval of macro-F1": lambda: score_interval(MACRO_F1, told, guesses[0], speakers, labels=LABELS, seed=0),
        "comparison of means": lambda: compare_means(first, second, speakers, seed=0),
        "comparison of macro-F1": lambda: compare_scores(MACRO_F1, told, *guesses, speakers, labels=LABELS, seed=0),
    }
