"""The choice, by dev alone, and what test says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sweeping.hearing import Heard
from sweeping.recipe import ENHANCED, NOISY, SweepRecipe

from merit_cli.metrics.comparison import Comparison, Verdict, compare_scores, holm, verdict
from merit_cli.metrics.statistics import Interval, score_interval

TIE = 1e-9
"""Scores closer than this are the same: they are ratios of counts."""


@dataclass(frozen=True)
class Contrast:
    """One ratio minus another on the same utterances.

    Args:
        first: A ratio.
        second: The one it is compared with.
        comparison: Of their scores.
        adjusted_p: Its p-value after Holm over the contrasts of the split.
        verdict: Of the first.
    """

    first: float
    second: float
    comparison: Comparison
    adjusted_p: float
    verdict: Verdict


@dataclass(frozen=True)
class Scored:
    """A split's scores.

    Args:
        intervals: Ratio to score, its interval over speakers.
        contrasts: As asked for.
        num_scored: Utterances behind each score.
        num_asked: Utterances of the split.
        num_speakers: Speakers or patients among those scored.
    """

    intervals: Mapping[float, Interval]
    contrasts: tuple[Contrast, ...]
    num_scored: int
    num_asked: int
    num_speakers: int

    def against(self, first: float, second: float) -> Contrast | None:
        """The contrast of two ratios; None where it was not asked for."""
        return next((one for one in self.contrasts if (one.first, one.second) == (first, second)), None)


def best_ratio(scores: Mapping[float, float]) -> float:
    """The ratio with the highest score; of equals the larger one, which changes the signal least.

    >>> best_ratio({0.0: 0.5, 0.3: 0.6, 0.6: 0.6, 1.0: 0.4})
    0.6
    """
    highest = max(scores.values())
    return max(ratio for ratio, score in scores.items() if score >= highest - TIE)


def ratios_of_test(chosen: float) -> tuple[float, ...]:
    """The only ratios that test is heard at.

    >>> ratios_of_test(0.4), ratios_of_test(1.0)
    ((0.0, 0.4, 1.0), (0.0, 1.0))
    """
    return tuple(sorted({ENHANCED, chosen, NOISY}))


def pairs_of_test(chosen: float) -> tuple[tuple[float, float], ...]:
    """What is compared on test: the choice with either end; one end with the other where it is an end itself.

    >>> pairs_of_test(0.4), pairs_of_test(1.0)
    (((0.4, 1.0), (0.4, 0.0)), ((1.0, 0.0),))
    """
    return tuple((chosen, end) for end in (NOISY, ENHANCED) if end != chosen)


def score_split(
    heard: Heard, pairs: Sequence[tuple[float, float]], labels: Sequence[str], recipe: SweepRecipe
) -> Scored:
    """Scores at every ratio that was heard, and paired contrasts with p-values adjusted for their number.

    Raises:
        BadData: The score is undefined on the split.
    """
    spec, truth, speakers = recipe.spec, heard.truth, heard.speakers
    intervals = {
        ratio: score_interval(spec, truth, heard.predicted(ratio), speakers, labels=labels, seed=recipe.seed)
        for ratio in heard.said
    }
    compared = {
        pair: compare_scores(
            spec, truth, heard.predicted(pair[0]), heard.predicted(pair[1]), speakers, labels=labels, seed=recipe.seed
        )
        for pair in pairs
    }
    adjusted = holm({f"{first:g}-{second:g}": one.p_value for (first, second), one in compared.items()})
    contrasts = []
    for (first, second), comparison in compared.items():
        p_value = adjusted[f"{first:g}-{second:g}"]
        word = verdict(comparison, higher_is_better=spec.higher_is_better, p_value=p_value)
        contrasts.append(Contrast(first, second, comparison, p_value, word))
    num_speakers = len(set(speakers) - {""})
    return Scored(intervals, tuple(contrasts), len(truth), heard.num_asked, num_speakers)
