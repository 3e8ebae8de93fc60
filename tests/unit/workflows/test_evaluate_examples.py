"""The utterances that a report plays."""

from pathlib import Path

import pytest
from test_evaluate_workflow import evaluate, make_corpus

from merit_cli.manifests.predictions import Prediction, write_predictions
from merit_cli.reports.report import Report
from merit_cli.reports.write import read_report
from merit_cli.workflows.evaluate.examples import different_places, rank_words


def test_half_of_the_places_are_the_worst_and_one_each_the_median_and_the_best() -> None:
    assert different_places([str(number) for number in range(101)], 4) == [0, 1, 50, 100]
    assert different_places([str(number) for number in range(101)], 6) == [0, 1, 2, 3, 50, 100]


def test_one_source_is_not_shown_twice_while_others_are_left() -> None:
    assert different_places(["a", "a", "a", "b", "c", "d"], 4) == [0, 3, 4, 5]


def test_one_source_is_shown_again_where_no_other_is_left() -> None:
    assert different_places(["a", "a", "a"], 2) == [0, 2]


@pytest.mark.parametrize(("total", "count"), [(0, 4), (1, 4), (2, 4), (5, 0)])
def test_no_place_is_invented(total: int, count: int) -> None:
    assert len(different_places([str(number) for number in range(total)], count)) == min(total, count)


def test_two_utterances_are_the_worst_and_the_best() -> None:
    assert [rank_words(place, 2) for place in (0, 1)] == ["worst", "best"]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Eight utterances of their own sources; two labels are wrong, u3 the more surely."""
    folder = tmp_path_factory.mktemp("corpus")
    made = make_corpus(folder)
    sure = {"u3": 0.9, "u5": 0.6}
    said = []
    for one in made:
        label = str(one.labels["emotion"])
        other = {"calm": "angry", "angry": "calm"}[label]
        predicted, share = (other, sure[one.id]) if one.id in sure else (label, 0.7)
        rest = label if predicted == other else other
        said.append(Prediction(one.id, "test", label, predicted, {predicted: share, rest: 1 - share}))
    write_predictions(folder / "predictions.jsonl", said)
    path = evaluate(folder, folder / "run", metrics=("f1", "si-sdr"), examples=4)[0].path
    return read_report(path)


def test_where_both_tasks_were_scored_a_quarter_are_mistakes_of_emotion(report: Report) -> None:
    reasons = [example.why for example in report.examples]
    assert len(reasons) == 4
    assert sum("label wrong" in why for why in reasons) == 1
    assert reasons[0].startswith("worst si_sdr_db gain")


def test_the_surest_mistake_comes_first_unless_it_is_shown_already(report: Report) -> None:
    by_why = {example.why: example.title for example in report.examples}
    mistaken = by_why["label wrong, and sure of it"]
    others = {title for why, title in by_why.items() if "label" not in why}
    assert mistaken == ("u5" if "u3" in others else "u3")


def test_every_example_plays_noisy_enhanced_and_clean(report: Report) -> None:
    assert [[clip.name for clip in example.clips] for example in report.examples] == [["noisy", "tenth", "clean"]] * 4
    assert all(not Path(clip.path).is_absolute() for example in report.examples for clip in example.clips)
