"""The study's numbers: by hand on a few rows, and on simulated panels whose truth is known."""

import numpy as np
import pytest
from study_panel import ARMS, simulate_panel

from merit_cli.workflows.study.answers import Row
from merit_cli.workflows.study.scoring import METRICS, StudyAnswers, contrasts, kappas, score_arm

EFFECT = {"clean": 0.75, "noisy": 0.45, "enhanced": 0.6}


def _row(rater: str, clip: str, arm: str, truth: str, label: str, **more: object) -> Row:
    fields = {"confidence": 3, "trust": 3, "plays": 1, "seconds": 1.0, **more}
    trial = str(fields.pop("trial", f"{rater}{clip}{arm}"))
    return Row(trial, rater, clip, clip, arm, truth, label, **fields)  # type: ignore[arg-type]


def test_se_sp_and_score_are_those_of_the_definition() -> None:
    rows = [
        _row("a", "1", "noisy", "normal", "normal"),
        _row("a", "2", "noisy", "normal", "wheeze"),
        _row("a", "3", "noisy", "wheeze", "wheeze"),
        _row("b", "4", "noisy", "crackle", "wheeze"),
        _row("b", "5", "noisy", "crackle", "unusable"),
        _row("b", "6", "noisy", "both", "both"),
    ]
    answers = StudyAnswers(rows)
    found = {m.name: score_arm(answers, m, "noisy") for m in METRICS}
    means = {name: score.interval.mean for name, score in found.items() if score is not None}
    assert means["accuracy"] == pytest.approx(3 / 6)
    assert means["icbhi_sp"] == pytest.approx(1 / 2)
    assert means["icbhi_se"] == pytest.approx(2 / 4)
    assert means["icbhi_score"] == pytest.approx(0.5)
    assert means["unusable"] == pytest.approx(1 / 6)
    assert found["icbhi_se"] is not None
    assert found["icbhi_se"].num_answers == 4


def test_an_arm_without_normal_clips_has_no_score() -> None:
    answers = StudyAnswers([_row("a", "1", "noisy", "wheeze", "wheeze"), _row("b", "1", "noisy", "wheeze", "both")])
    assert score_arm(answers, METRICS[3], "noisy") is None


def test_hidden_duplicates_count_for_kappa_and_for_nothing_else() -> None:
    rows = [_row("a", str(k), "noisy", "normal", "normal", trial=f"t{k}") for k in range(4)]
    rows += [_row("a", "0", "noisy", "normal", "wheeze", trial="again", repeats="t0")]
    rows += [_row("a", "1", "noisy", "normal", "normal", trial="once more", repeats="t1")]
    assert len(StudyAnswers(rows).rows) == 4
    assert kappas(rows) == {"a": (0.0, 2), "all": (0.0, 2)}


def test_a_panel_with_a_known_effect_gives_it_back_within_its_interval() -> None:
    """The effect of 0.15 on accuracy; twelve raters, 60 clips, all three versions."""
    rows = simulate_panel(EFFECT, num_raters=12, num_clips=60, versions=3, seed=0)
    found = {(one.metric, one.arm): one for one in contrasts(StudyAnswers(rows), ARMS)}
    accuracy = found["accuracy", "enhanced"].comparison
    assert accuracy.difference.low is not None
    assert accuracy.difference.high is not None
    assert accuracy.difference.low <= 0.15 <= accuracy.difference.high
    assert accuracy.difference.high - accuracy.difference.low < 0.2
    primary = found["icbhi_score", "enhanced"]
    assert primary.primary
    assert primary.verdict == "ahead"
    assert primary.comparison.p_value < 0.05


@pytest.mark.parametrize("versions", [1, 3])
def test_over_many_panels_the_interval_holds_the_effect_as_often_as_it_says(versions: int) -> None:
    """120 panels of seven raters: sd of the share 0.02."""
    covered = 0
    for seed in range(120):
        rows = simulate_panel(EFFECT, num_raters=7, num_clips=40, versions=versions, seed=seed)
        answers = StudyAnswers(rows)
        enhanced, noisy = (answers.value("accuracy", arm) for arm in ("enhanced", "noisy"))
        assert enhanced is not None
        assert noisy is not None
        from merit_cli.metrics.two_way import two_way_interval

        interval = two_way_interval(enhanced - noisy, answers.clusters)
        assert interval.low is not None
        assert interval.high is not None
        covered += interval.low <= 0.15 <= interval.high
    assert 0.9 <= covered / 120 <= 1.0


def test_a_panel_without_an_effect_is_seldom_told_apart() -> None:
    same = dict.fromkeys(ARMS, 0.5)
    told = 0
    for seed in range(60):
        rows = simulate_panel(same, num_raters=7, num_clips=24, versions=1, seed=seed)
        primary = next(one for one in contrasts(StudyAnswers(rows), ARMS) if one.primary)
        told += primary.verdict != "not distinguishable"
    assert told <= 7  # 60 x 0.05 = 3, and two standard deviations of it


def test_four_raters_can_be_given_no_verdict_and_it_says_why() -> None:
    rows = simulate_panel({"clean": 0.9, "noisy": 0.2, "enhanced": 0.8}, num_raters=4, num_clips=60, versions=3, seed=1)
    primary = next(one for one in contrasts(StudyAnswers(rows), ARMS) if one.primary)
    assert primary.comparison.p_value == pytest.approx(1 / 8)
    assert primary.verdict == "not distinguishable"
    assert primary.comparison.note == "4 raters allow no p under 0.125"


def test_the_primary_contrast_stands_alone_and_the_others_share_the_risk_within_their_arm() -> None:
    rows = simulate_panel(
        {"clean": 0.95, "noisy": 0.1, "enhanced": 0.9}, num_raters=8, num_clips=60, versions=3, seed=2
    )
    found = {(one.metric, one.arm): one for one in contrasts(StudyAnswers(rows), ARMS)}
    assert {metric for metric, _ in found} == {m.name for m in METRICS if m.higher_is_better is not None}
    least = 2.0**-7  # every rater hears better in these arms
    assert found["icbhi_score", "enhanced"].p_value == pytest.approx(least)
    assert found["accuracy", "enhanced"].comparison.p_value == pytest.approx(least)
    assert found["accuracy", "enhanced"].p_value == pytest.approx(6 * least)
    assert found["accuracy", "clean"].p_value == pytest.approx(7 * least)


def test_arms_that_all_agree_on_have_no_interval() -> None:
    rows = [_row(r, str(c), "noisy", "normal", "normal") for r in "ab" for c in range(4)]
    score = score_arm(StudyAnswers(rows), METRICS[0], "noisy")
    assert score is not None
    assert (score.interval.mean, score.interval.low, score.interval.high) == (1.0, None, None)


def test_means_of_a_balanced_panel_are_near_the_truth() -> None:
    rows = simulate_panel(EFFECT, num_raters=30, num_clips=80, versions=3, seed=5)
    answers = StudyAnswers(rows)
    for arm, chance in EFFECT.items():
        score = score_arm(answers, METRICS[0], arm)
        assert score is not None
        assert score.interval.mean == pytest.approx(chance, abs=0.05)  # sd about 0.015
    assert np.all(np.isfinite(answers.value("icbhi_score", "noisy").influence))  # type: ignore[union-attr]
