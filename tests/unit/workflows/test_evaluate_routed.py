"""What the routers did with the utterances of an evaluation, by hand and in a whole report."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_evaluate_workflow import evaluate, make_corpus

from merit_cli.errors import BadData
from merit_cli.manifests.predictions import Prediction, write_predictions
from merit_cli.manifests.read_write import Card
from merit_cli.manifests.routed import Routed, TaskRouting, write_routing
from merit_cli.manifests.utterance import Mixture, Utterance
from merit_cli.reports.report import Cell, HeatMap, Report, Table
from merit_cli.reports.write import read_report
from merit_cli.workflows.evaluate.groups import GROUPINGS
from merit_cli.workflows.evaluate.inputs import Material, read_material
from merit_cli.workflows.evaluate.routed import RoutedUtterances, routed_of
from merit_cli.workflows.evaluate.routed_information import information_about, information_about_task
from merit_cli.workflows.evaluate.routed_pictures import routed_pictures
from merit_cli.workflows.evaluate.routed_tables import routed_tables


def mixture(
    item_id: str, *, clean: str, noise: str, noise_class: str = "rain", snr_db: float = 0.0, emotion: str = "calm"
) -> Utterance:
    mixed = Mixture(clean, noise, noise_class, snr_db, snr_db, "rms", 0, 0, 1.0, 1.0, 0)
    return Utterance(item_id, Path(item_id), 16000, 16000, speaker="s", labels={"emotion": emotion}, mixture=mixed)


def routed(
    utterances: Sequence[Utterance], loads: Sequence[Sequence[float]], *, other: Sequence[float] = (0.5, 0.5)
) -> RoutedUtterances:
    """Utterances of 10 frames with the load of enhancement given, and that of emotion always the same."""
    lines = {
        one.id: Routed(
            one.id,
            10,
            50.0,
            {"enhancement": TaskRouting(tuple(load), (0,), 0.1), "emotion": TaskRouting(tuple(other), (0,), 0.3)},
            0.5,
        )
        for one, load in zip(utterances, loads, strict=True)
    }
    found = routed_of(Material("x", "x", tuple(utterances), Card(name="x"), "", routing=lines))
    assert found is not None
    return found


def by_snr(loads: Sequence[Sequence[float]], snrs_db: Sequence[float]) -> RoutedUtterances:
    """Two recordings, each mixed at all SNRs."""
    made = [mixture(f"{clean}{snr_db}", clean=clean, noise="n", snr_db=snr_db) for clean in "ab" for snr_db in snrs_db]
    return routed(made, [*loads, *loads])


def test_load_is_weighted_by_frames() -> None:
    one, two = mixture("u", clean="a", noise="n", snr_db=-5.0), mixture("v", clean="b", noise="n", snr_db=5.0)
    found = routed([one, two], [(1.0, 0.0), (0.0, 1.0)])
    longer = replace(found, frames_U=np.array([30.0, 10.0]))
    assert longer.load("enhancement").tolist() == [0.75, 0.25]
    assert longer.load("enhancement", [1]).tolist() == [0.0, 1.0]
    assert longer.mean(np.array([1.0, 5.0])) == 2.0


def test_utterances_without_routing_are_left_out() -> None:
    made = [mixture("u", clean="a", noise="n"), mixture("v", clean="b", noise="n")]
    material = Material("x", "x", tuple(made), Card(name="x"), "")
    assert routed_of(material) is None
    line = Routed("v", 10, 50.0, {"emotion": TaskRouting((1.0, 0.0), (0,), 0.0)}, 1.0)
    found = routed_of(replace(material, routing={"v": line, "u": replace(line, id="u", num_frames=0)}))
    assert found is not None
    assert [one.id for one in found.utterances] == ["v"]


def shares(chart: HeatMap) -> list[list[float | None]]:
    return [[None if cell is None else cell.mean for cell in row] for row in chart.cells]


def test_pictures_show_the_load_of_both_tasks_in_each_group() -> None:
    found = by_snr([(0.2, 0.8), (0.6, 0.4)], (-5.0, 5.0))
    whole, snr = routed_pictures(found)
    assert shares(whole) == [pytest.approx([40.0, 60.0]), pytest.approx([50.0, 50.0])]
    assert "The tasks share 50 % of their choices of a frame." in whole.caption
    assert snr.rows == ("-5", "5")
    assert snr.spans == (("expert of enhancement", 2), ("expert of emotion", 2))
    assert shares(snr) == [pytest.approx([20.0, 80.0, 50.0, 50.0]), pytest.approx([60.0, 40.0, 50.0, 50.0])]


def test_tasks_with_many_experts_have_pictures_of_their_own() -> None:
    loads = [(1.0, *[0.0] * 6), (0.0, 1.0, *[0.0] * 5)]
    made = [mixture(f"u{s}", clean="a", noise="n", snr_db=s) for s in (-5.0, 5.0)]
    _, first, second = routed_pictures(routed(made, loads, other=(0.0, 0.0, 1.0, *[0.0] * 4)))
    assert (first.title, second.title) == ("Experts of enhancement by SNR", "Experts of emotion by SNR")
    assert (first.spans, second.spans) == ((("expert of enhancement", 7),), (("expert of emotion", 7),))
    assert [row[:3] for row in shares(first)] == [[100.0, 0.0, 0.0], [0.0, 100.0, 0.0]]
    assert [row[2] for row in shares(second)] == [100.0, 100.0]


def test_a_grouping_with_one_group_or_too_many_has_no_picture() -> None:
    made = [mixture(f"u{n}", clean="a", noise=f"n{n}", noise_class=f"class{n}") for n in range(31)]
    assert [chart.title for chart in routed_pictures(routed(made, [(1.0, 0.0)] * 31))] == [
        "Who sends how much to which expert"
    ]


def test_information_about_snr_is_that_of_the_joint_distribution() -> None:
    loads = [(0.2, 0.8), (0.6, 0.4), (0.9, 0.1)]
    found = information_about(by_snr(loads, (-5.0, 0.0, 5.0)), GROUPINGS["snr"], "enhancement")
    joint = np.array(loads) / 3.0
    product = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    assert found.value == pytest.approx(float((joint * np.log(joint / product)).sum()))
    share = joint.sum(0)
    assert found.most == pytest.approx(float(-(share * np.log(share)).sum()))
    assert found.num_utterances == 6


def test_information_of_equal_loads_is_zero_with_and_without_chance() -> None:
    found = information_about(by_snr([(0.3, 0.7)] * 2, (-5.0, 5.0)), GROUPINGS["snr"], "enhancement")
    assert (found.value, found.by_chance, found.high) == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)


def test_information_that_comes_by_chance_lies_within_its_range_and_a_true_one_beyond() -> None:
    generator = np.random.default_rng(0)
    made = [mixture(f"u{c}{s}", clean=f"c{c}", noise="n", snr_db=float(s)) for c in range(40) for s in (-5, 0, 5)]
    random = generator.dirichlet((1.0, 1.0), len(made))
    by_chance = information_about(routed(made, random), GROUPINGS["snr"], "enhancement")
    assert by_chance.low <= by_chance.value <= by_chance.high
    moved = [
        (0.9 * load[0] + 0.1, 0.9 * load[1]) if one.id.endswith("-5") else load
        for one, load in zip(made, random, strict=True)
    ]
    told = information_about(routed(made, moved), GROUPINGS["snr"], "enhancement")
    assert told.value > by_chance.value
    strong = [(0.9, 0.1) if one.id.endswith("-5") else (0.4, 0.6) for one in made]
    sure = information_about(routed(made, strong), GROUPINGS["snr"], "enhancement")
    assert sure.value > 10.0 * sure.high


def test_labels_are_dealt_out_among_recordings_and_not_among_their_mixtures() -> None:
    """Two recordings with a label each, many mixtures of each: two of three or four wholes alike are easily had."""
    made = [
        mixture(f"{clean}{s}", clean=clean, noise="n", snr_db=float(s), emotion=label)
        for clean, label in (("a", "calm"), ("b", "angry"), ("c", "angry"), ("d", "calm"))
        for s in range(20)
    ]
    loads = [(1.0, 0.0) if one.labels["emotion"] == "calm" else (0.0, 1.0) for one in made]
    found = routed(made, loads)
    emotion = next(one for one in found.groupings if one.key == "emotion")
    about = information_about(found, emotion, "enhancement")
    assert about.value == pytest.approx(math.log(2.0))
    assert about.high == pytest.approx(math.log(2.0))  # two of six dealings give the same
    assert 0.15 < about.by_chance / math.log(2.0) < 0.55


def test_a_noise_class_of_one_file_is_dealt_out_within_recordings() -> None:
    made = [
        mixture(f"{clean}{noise}", clean=f"c{clean}", noise=noise, noise_class=f"class {noise}")
        for clean in range(10)
        for noise in "xyz"
    ]
    loads = [{"x": (1.0, 0.0), "y": (0.5, 0.5), "z": (0.0, 1.0)}[one.id[-1]] for one in made]
    about = information_about(routed(made, loads), GROUPINGS["noise"], "enhancement")
    assert about.value > 3.0 * about.high


def test_an_expert_of_its_own_tells_the_task() -> None:
    made = [mixture(f"u{c}", clean=f"c{c}", noise="n") for c in range(12)]
    apart = information_about_task(routed(made, [(1.0, 0.0)] * 12, other=(0.0, 1.0)))
    assert apart.value == pytest.approx(math.log(2.0))
    assert apart.value > apart.high
    alike = information_about_task(routed(made, [(0.5, 0.5)] * 12))
    assert alike.value == pytest.approx(0.0, abs=1e-12)


def test_routers_of_one_recording_tell_nothing_beyond_chance() -> None:
    found = information_about_task(routed([mixture("u", clean="a", noise="n")], [(1.0, 0.0)], other=(0.0, 1.0)))
    assert found.value == pytest.approx(found.by_chance)


def test_tables_tell_entropies_and_information() -> None:
    routers, told = routed_tables(by_snr([(0.2, 0.8), (0.6, 0.4)], (-5.0, 5.0)))
    names = [column.name for column in routers.columns]
    row = dict(zip(names, routers.rows[0], strict=True))
    entropy = -(0.4 * math.log(0.4) + 0.6 * math.log(0.6))
    assert mean_of(row["entropy of a frame"]) == pytest.approx(0.1)
    assert mean_of(row["entropy of the load"]) == pytest.approx(entropy)
    assert mean_of(row["experts in use"]) == pytest.approx(math.exp(entropy))
    assert mean_of(row["smallest share"]) == pytest.approx(40.0)
    assert [tuple(row[:2]) for row in told.rows] == [("task", "both"), ("SNR", "enhancement"), ("SNR", "emotion")]


def test_router_with_one_expert_in_use_can_tell_nothing() -> None:
    told = routed_tables(by_snr([(1.0, 0.0), (1.0, 0.0)], (-5.0, 5.0)))[1]
    share = told.rows[1][-1]
    assert isinstance(share, Cell)
    assert (share.mean, share.remark) == (None, "one expert only")


def test_a_single_expert_has_nothing_to_show() -> None:
    line = Routed("u", 10, 50.0, {"emotion": TaskRouting((1.0,), (0,), 0.0)}, 1.0)
    material = Material("x", "x", (mixture("u", clean="a", noise="n"),), Card(name="x"), "", routing={"u": line})
    assert routed_of(material) is None


def mean_of(entry: object) -> float:
    assert isinstance(entry, Cell)
    assert entry.mean is not None
    return entry.mean


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What predicting left of eight utterances: at -5 dB enhancement takes expert 1, at 5 dB expert 2."""
    path = tmp_path_factory.mktemp("routed")
    made = make_corpus(path)
    write_predictions(path / "predictions.jsonl", [Prediction(u.id, "test", None, "calm", {"calm": 1.0}) for u in made])
    lines = []
    for place, one in enumerate(made):
        load = (1.0, 0.0) if place < 4 else (0.0, 1.0)
        enhancement = TaskRouting(load, (place // 4,) * 50, 0.25)
        lines.append(
            Routed(
                one.id,
                50,
                50.0,
                {"enhancement": enhancement, "emotion": TaskRouting((1.0, 0.0), (0, 1) * 25, 0.5)},
                0.5,
            )
        )
    write_routing(path / "routing.jsonl", lines)
    return path


@pytest.fixture(scope="module")
def report(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    return read_report(evaluate(folder, tmp_path_factory.mktemp("out") / "run", metrics=("f1", "si-sdr"))[0].path)


def test_report_of_a_predict_run_shows_its_routing(report: Report) -> None:
    titles = [chart.title for chart in report.routing]
    assert titles == [
        "Who sends how much to which expert",
        "Experts by SNR",
        "Experts by noise class",
        "Experts by emotion",
    ]
    snr = report.routing[1]
    assert isinstance(snr, HeatMap)
    assert shares(snr) == [[100.0, 0.0, 100.0, 0.0], [0.0, 100.0, 100.0, 0.0]]


def test_report_tells_what_the_choice_says_in_every_form(report: Report, folder: Path) -> None:
    titles = [table.title for table in report.tables]
    assert titles[-2:] == ["Routers", "What the choice of expert tells"]
    told: Table = report.tables[-1]
    about = {(str(row[0]), str(row[1])): mean_of(row[2]) for row in told.rows}
    assert about["SNR", "enhancement"] == pytest.approx(math.log(2.0))
    assert about["SNR", "emotion"] == pytest.approx(0.0, abs=1e-12)


def test_examples_carry_the_expert_of_each_frame(report: Report) -> None:
    [example] = report.examples
    assert [(strip.name, strip.num_choices, len(strip.choices)) for strip in example.strips] == [
        ("expert of enhancement", 2, 50),
        ("expert of emotion", 2, 50),
    ]
    assert set(example.strips[1].choices) == {0, 1}


def test_another_tools_predictions_do_not_inherit_the_routing(folder: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.csv"
    foreign.write_text("id,predicted\nu0,calm\n", encoding="utf-8")
    assert read_material(folder).routing.keys() == {f"u{n}" for n in range(8)}
    assert read_material(folder, predictions=foreign).routing == {}


def test_a_damaged_routing_file_is_named(folder: Path, tmp_path: Path) -> None:
    made = make_corpus(tmp_path)
    write_predictions(tmp_path / "predictions.jsonl", [Prediction(made[0].id, "test", None, "calm", {"calm": 1.0})])
    (tmp_path / "routing.jsonl").write_text('{"id":"u0"}\n')
    with pytest.raises(BadData, match="no line of routing"):
        read_material(tmp_path)
