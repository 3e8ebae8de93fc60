import json
import re
from pathlib import Path

import numpy as np
import pytest

from merit_cli.config.load import load_recipe
from merit_cli.errors import BadData, CheckFailed, NoInput, UsageError
from merit_cli.io.audio_file import write_audio
from merit_cli.manifests.mixture import Mixture
from merit_cli.manifests.predictions import Prediction, write_predictions
from merit_cli.manifests.read_write import Card, write_card, write_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.reports.report import Cell
from merit_cli.reports.write import read_report
from merit_cli.workers import Machine
from merit_cli.workflows.evaluate.checks import check_all, parse_check
from merit_cli.workflows.evaluate.compare import CompareSummary, run_compare
from merit_cli.workflows.evaluate.inputs import read_material
from merit_cli.workflows.evaluate.items import read_evaluated
from merit_cli.workflows.evaluate.run import EvaluateRecipe, run_evaluate

RATE = 16000
NUM_SPEAKERS = 8
METRICS = ("f1", "si-sdr")


def make_system(
    folder: Path, *, noise_left: float, wrong_rounds: tuple[int, ...] = (), enhancer: str = "", skip: int = 0
) -> Path:
    """A manifest with predictions: four rounds of 8 speakers, 2 SNRs; noise scaled, labels of some rounds wrong."""
    lines, said = [], []
    for number in range(skip, 4 * NUM_SPEAKERS):
        rng = np.random.default_rng(number)
        speaker, snr_db = f"speaker{number % NUM_SPEAKERS}", (-5.0, 5.0)[number // (2 * NUM_SPEAKERS)]
        clean = 0.1 * np.sin(2 * np.pi * (200 + 10 * number) * np.arange(RATE // 2) / RATE)
        noise = rng.standard_normal(clean.size) * np.sqrt(np.mean(clean**2)) * 10 ** (-snr_db / 20)
        name = f"u{number}"
        write_audio(folder / "clean" / f"{name}.flac", 0.3 * clean, RATE)
        write_audio(folder / "audio" / f"{name}.flac", 0.3 * (clean + noise_left * noise), RATE)
        label = "calm" if (number // NUM_SPEAKERS) % 2 else "angry"
        lines.append(
            Utterance(
                name,
                folder / "audio" / f"{name}.flac",
                RATE,
                clean.size,
                speaker=speaker,
                split="test",
                labels={"emotion": label},
                clean=folder / "clean" / f"{name}.flac",
                enhancer=enhancer,
                mixture=Mixture(f"c{number}", "n", "hiss", snr_db, snr_db, "rms", 0, 0, 1.0, 1.0, 0),
            )
        )
        wrong = number // NUM_SPEAKERS in wrong_rounds
        said.append(Prediction(name, "test", None, ("angry" if label == "calm" else "calm") if wrong else label))
    write_manifest(folder / "manifest.jsonl", lines)
    write_card(folder, Card(name="bursts", notes=("These bursts are made by rule.",)))
    write_predictions(folder / "predictions.jsonl", said)
    return folder


def recipe(**keys: object) -> EvaluateRecipe:
    return load_recipe(EvaluateRecipe, flags={"metrics": METRICS, "baselines": False, "examples": 0} | keys)


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("systems")
    plain = make_system(folder / "plain", noise_left=1.0)
    cleaned = make_system(folder / "cleaned", noise_left=0.1, wrong_rounds=(0, 1, 2), enhancer="tenth")
    return plain, cleaned


@pytest.fixture(scope="module")
def compared(systems: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CompareSummary]:
    run, summary = run_compare(
        recipe(), [[one] for one in systems], output=tmp_path_factory.mktemp("compared") / "run", machine=Machine()
    )
    return run.path, summary


def test_the_first_source_is_the_baseline_and_each_difference_has_a_verdict(
    compared: tuple[Path, CompareSummary],
) -> None:
    summary = compared[1]
    together = {line["metric"]: line for line in summary.comparisons if line["by"] == {}}
    assert (summary.baseline, summary.systems) == ("noisy", ["noisy", "tenth"])
    assert together["si_sdr_db"]["difference"]["mean"] == pytest.approx(20.0, abs=1.0)
    assert together["si_sdr_db"]["verdict"] == "ahead"
    assert together["macro_f1"]["verdict"] == "behind"
    assert together["macro_f1"]["p_holm"] >= together["macro_f1"]["p_value"]
    assert together["si_sdr_db"]["other_test"] == {"wilcoxon_p": pytest.approx(2**-7)}  # eight speakers, all one way
    assert together["macro_f1"]["other_test"] == {"mcnemar_p": pytest.approx(2.0**-23)}  # 24 rows wrong in one alone


def test_each_snr_is_compared_apart(compared: tuple[Path, CompareSummary]) -> None:
    by_snr = {
        (line["by"]["snr_db"], line["metric"]): line for line in compared[1].comparisons if "snr_db" in line["by"]
    }
    assert set(by_snr) == {(snr_db, name) for snr_db in (-5.0, 5.0) for name in ("si_sdr_db", "macro_f1")}
    assert all(line["n_total"] == 16 for line in by_snr.values())


def test_the_verdict_on_emotion_is_said_first_in_words(compared: tuple[Path, CompareSummary]) -> None:
    first = read_report(compared[0]).summary[0]
    assert first.startswith("Enhancing first (tenth) hurts emotion here: macro_f1 changes by -0.")


def test_values_that_differ_are_marked_and_the_baseline_is_not(compared: tuple[Path, CompareSummary]) -> None:
    table = read_report(compared[0]).tables[0]
    marks = {row[1]: [cell.mark for cell in row if isinstance(cell, Cell)] for row in table.rows}
    assert marks == {"noisy": ["", ""], "tenth": ["▼", "▲"]}
    assert "Holm" in table.caption


def test_notes_of_the_corpus_and_few_clusters_are_repeated(compared: tuple[Path, CompareSummary]) -> None:
    notes = read_report(compared[0]).notes
    assert "These bursts are made by rule." in notes
    assert any(note.startswith("Few clusters: 8 speakers") for note in notes)


def test_finished_evaluations_are_compared_without_their_audio(systems: tuple[Path, Path], tmp_path: Path) -> None:
    runs = []
    for number, source in enumerate(systems):
        material = read_material(source)
        runs.append(run_evaluate(recipe(), material, output=tmp_path / f"{number}", machine=Machine())[0].path)
    for path in runs:
        lines = [json.loads(line) for line in (path / "items.jsonl").read_text().splitlines()]
        for line in lines:
            line["utterance"]["audio"] = line["utterance"]["clean"] = "gone.flac"
        (path / "items.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    _, summary = run_compare(recipe(), [[one] for one in runs], output=tmp_path / "run", machine=Machine())
    assert {line["verdict"] for line in summary.comparisons if line["by"] == {}} == {"ahead", "behind"}


def test_only_common_utterances_count_and_the_rest_is_said(systems: tuple[Path, Path], tmp_path: Path) -> None:
    part = make_system(tmp_path / "part", noise_left=0.5, enhancer="half", skip=2)
    run, summary = run_compare(recipe(), [[systems[0]], [part]], output=tmp_path / "run", machine=Machine())
    assert {line["n_total"] for line in summary.comparisons if line["by"] == {}} == {30}
    assert "2 utterances of noisy are not in all the evaluations and were left out." in read_report(run.path).notes


def test_second_comparison_has_nothing_to_do(systems: tuple[Path, Path], compared: tuple[Path, CompareSummary]) -> None:
    run, summary = run_compare(recipe(), [[one] for one in systems], output=compared[0], machine=Machine())
    assert (run.state, summary.comparisons) == ("done", compared[1].comparisons)


def test_strangers_cannot_be_compared(systems: tuple[Path, Path], tmp_path: Path) -> None:
    other = make_system(tmp_path / "other", noise_left=1.0)
    for name in ("manifest.jsonl", "predictions.jsonl"):
        text = (other / name).read_text()
        (other / name).write_text(re.sub(r'("id": ?")u', r"\1v", text))
    with pytest.raises(BadData, match="no utterance in common"):
        run_compare(recipe(), [[systems[0]], [other]], output=tmp_path / "run", machine=Machine())


def test_one_source_is_no_comparison(systems: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two runs at least"):
        run_compare(recipe(), [systems[:1]], output=tmp_path / "run", machine=Machine())


def test_a_folder_that_is_no_finished_evaluation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoInput, match="not finished"):
        read_evaluated(tmp_path)


@pytest.fixture(scope="module")
def evaluation(systems: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    material = read_material(systems[0])
    return run_evaluate(recipe(), material, output=tmp_path_factory.mktemp("one") / "run", machine=Machine())[0].path


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ("macro_f1 < 0.5", False),
        ("f1 <= 1", True),
        ("si_sdr_db@snr=-5 > 0", False),
        ("si-sdr @ snr=-5, noise=hiss <= 0", True),
        ("si-sdr.low@snr=5 >= 4.5", True),
        ("si-sdr.high@snr=-5.0 > -4", False),
        ("si-sdr@snr=20 < 0", True),
        ("pesq < 1", True),
    ],
)
def test_conditions_hold_or_fail_and_what_cannot_be_had_fails(evaluation: Path, text: str, *, fails: bool) -> None:
    evaluated = read_evaluated(evaluation)
    if not fails:
        check_all([parse_check(text)], evaluated, seed=0)
        return
    with pytest.raises(CheckFailed) as caught:
        check_all([parse_check(text)], evaluated, seed=0)
    assert text.strip() in caught.value.message


@pytest.mark.parametrize("text", ["macro_f1", "macro_f1 = 3", "macro_f1@snr < 3", "< 3", "f1 < 1.2.3", "f1@snr=5 <"])
def test_conditions_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_check(text)


def test_condition_on_an_unknown_metric_or_grouping_names_the_nearest(evaluation: Path) -> None:
    with pytest.raises(UsageError, match="unknown metric"):
        parse_check("macro_f2 < 0.5")
    with pytest.raises(UsageError, match="unknown grouping"):
        check_all([parse_check("f1@snrr=5 < 0.5")], read_evaluated(evaluation), seed=0)


def test_seeds_of_a_system_are_a_second_factor_and_never_more_rows(systems: tuple[Path, Path], tmp_path: Path) -> None:
    seeds = [systems[1], make_system(tmp_path / "cleaned2", noise_left=0.2, wrong_rounds=(1, 2), enhancer="tenth")]
    run, summary = run_compare(recipe(), [[systems[0]], seeds], output=tmp_path / "run", machine=Machine())
    together = {line["metric"]: line for line in summary.comparisons if line["by"] == {}}
    alone = [
        run_compare(recipe(), [[systems[0]], [one]], output=tmp_path / f"alone{number}", machine=Machine())[1]
        for number, one in enumerate(seeds)
    ]
    single = [
        line["difference"]
        for one in alone
        for line in one.comparisons
        if line["by"] == {} and line["metric"] == "si_sdr_db"
    ]
    found = together["si_sdr_db"]["difference"]
    assert together["si_sdr_db"]["n_total"] == 32
    assert found["mean"] == pytest.approx(np.mean([one["mean"] for one in single]))
    assert found["high"] - found["low"] > max(one["high"] - one["low"] for one in single)  # seeds differ by 6 dB
    assert "seeds of training: tenth 2" in read_report(run.path).tables[0].caption


def test_unequal_numbers_of_seeds_are_refused(systems: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unequal numbers of seeds"):
        run_compare(recipe(), [[systems[0]] * 2, [systems[1]] * 3], output=tmp_path / "run", machine=Machine())
