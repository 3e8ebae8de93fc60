"""The grid of strategies: its recipes load, its trials resume, its numbers are those of merit's own statistics."""

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import yaml

from merit_cli.errors import BadData, UsageError
from merit_cli.manifests.predictions import Prediction, read_predictions, write_predictions
from merit_cli.manifests.read_write import read_manifest, write_manifest
from merit_cli.manifests.utterance import Mixture, Utterance
from merit_cli.metrics.confusion import confusion_matrix
from merit_cli.metrics.emotion import MACRO_F1, UAR
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.workers import Machine
from merit_cli.workflows.mix import plan_mix, run_mix

FOLDER = Path(__file__).resolve().parents[2] / "recipes" / "strategies"
GRIDS = {"balance_activation": 28, "one_at_a_time": 13, "fine_tuning": 7, "fusion": 5}
ONE_FRAME = {
    "train": "base.yaml",
    "axes": {
        "balance": {
            "weighted": {"objective": {"class_weighting": "inverse_frequency"}},
            "up": {"objective": {"class_weighting": "none"}, "data": {"balance": "up"}},
        },
        "activation": {"relu": {"model": {"ser_activation": "relu"}}, "mish": {"model": {"ser_activation": "mish"}}},
    },
    "reference": {"balance": "weighted", "activation": "relu"},
    "seeds": [1, 2],
}
BASE = {
    "model": {"name": "ser", "trunk_width": 16, "trunk_expansion": 1, "trunk_blocks": 1, "ser_hidden": 8},
    "backbone": {"name": "log-mel", "num_mels": 16, "hop_length": 320},
    "optimiser": {"learning_rate": 3e-3},
    "epochs": 1,
}


@pytest.fixture
def part() -> Iterator[Any]:
    """A way to import the grid's own modules."""

    def load(name: str) -> ModuleType:
        return importlib.import_module(f"trying.{name}")

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield load
    for name in [name for name in sys.modules if name.split(".")[0] == "trying"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def strategy_mix(corpus: Path, noise_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The buzzes of the other sweeps in noise, at -5 and 0 dB."""
    folder = tmp_path_factory.mktemp("strategies") / "mix"
    plan = plan_mix(MixRecipe.model_validate({"snr": "-5,0"}), [corpus], [noise_folder], machine=Machine())
    run_mix(plan, output=folder, machine=Machine())
    return folder


@pytest.fixture
def grid_file(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(BASE))
    (tmp_path / "grid.yaml").write_text(yaml.safe_dump({"name": "tiny", **ONE_FRAME}, sort_keys=False))
    return tmp_path / "grid.yaml"


def typed(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(FOLDER / "run.py"), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(FOLDER.parents[1])}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_every_bundled_grid_spans_valid_recipes(part: Any) -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.yaml")) == sorted(GRIDS)
    for name, count in GRIDS.items():
        grid = part("grid").load_grid(FOLDER / f"{name}.yaml")
        found = part("grid").strategies(grid, FOLDER)
        assert len(found) == count, name
        assert found[0].choices == grid.reference
        assert len({yaml.safe_dump(one.recipe.model_dump(mode="json", exclude={"name"})) for one in found}) == count


def test_one_at_a_time_leaves_the_reference_on_one_axis_only(part: Any) -> None:
    grid = part("grid").load_grid(FOLDER / "one_at_a_time.yaml")
    for one in part("grid").strategies(grid, FOLDER)[1:]:
        assert sum(one.choices[axis] != grid.reference[axis] for axis in grid.axes) == 1


def test_a_grid_that_cannot_be_is_refused_before_anything_is_trained(part: Any, grid_file: Path) -> None:
    def refused(match: str, **changes: Any) -> None:
        grid_file.write_text(yaml.safe_dump({"name": "tiny", **ONE_FRAME, **changes}, sort_keys=False))
        with pytest.raises(UsageError, match=match):
            part("grid").strategies(part("grid").load_grid(grid_file), grid_file.parent)

    refused("none of weighted, up", reference={"balance": "down", "activation": "relu"})
    refused("reference names", reference={"balance": "up"})
    refused("seeds", seeds=[1])
    refused("a seed stands twice", seeds=[1, 1])
    both = {"balance": {"weighted": {}, "double": {"data": {"balance": "up"}}}}
    refused("both make up for unequal classes", axes=both, reference={"balance": "weighted"})
    enhancer = {"task": {"enhances": {"model": {"name": "se"}}}}
    refused("no emotion to score", axes=enhancer, reference={"task": "enhances"})


def test_clean_speech_stands_once_and_each_ratio_by_itself(part: Any, mixed_lines: list[Utterance], write: Any) -> None:
    found = part("trial").conditions(write(mixed_lines))
    assert {name: len(members) for name, members in found.items()} == {"clean": 2, "-5 dB": 2, "0 dB": 2}
    assert [one.audio for one in found["clean"]] == [Path("/x/clean-a.wav"), Path("/x/clean-b.wav")]
    many = [replace(mixed_lines[1], id=f"m{n}", mixture=replace(mixed_lines[1].mixture, snr_db=n)) for n in range(6)]
    assert list(part("trial").conditions(write([*mixed_lines, *many]))) == ["clean", "noisy"]
    with pytest.raises(BadData, match="1 test utterances have no emotion"):
        part("trial").conditions(write([*mixed_lines, replace(many[0], labels={"emotion": "bored"})]))


@pytest.fixture
def mixed_lines() -> list[Utterance]:
    """One to learn from, and two clips of the test split at two ratios each."""

    def line(clip: str, snr_db: float, split: str = "test") -> Utterance:
        mixture = Mixture(clip, "n", "wind", snr_db, snr_db, "rms", 0, 0, 1.0, 1.0, 0)
        name, clean = f"{clip}{snr_db:g}", Path(f"/x/clean-{clip}.wav")
        labels = {"emotion": "calm"}
        return Utterance(
            name, Path(f"/x/{name}.wav"), 16000, 16000, 0, clip, split, labels, clean=clean, mixture=mixture
        )

    return [line("t", 0.0, "train"), *(line(clip, snr) for clip in "ab" for snr in (-5.0, 0.0))]


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def manifest(lines: list[Utterance]) -> Path:
        write_manifest(tmp_path / "manifest.jsonl", lines)
        return tmp_path / "manifest.jsonl"

    return manifest


def test_scores_and_differences_are_the_means_over_seeds(part: Any, mixed_lines: list[Utterance], write: Any) -> None:
    labels, rng = ("angry", "calm", "sad"), np.random.default_rng(0)
    members = [
        replace(mixed_lines[1], id=f"u{n}", speaker=f"s{n % 4}", labels={"emotion": labels[n % 3]}) for n in range(48)
    ]
    truth = [str(one.labels["emotion"]) for one in members]

    def answers(miss: float) -> dict[str, str]:
        return {
            one.id: str(rng.choice(labels)) if rng.random() < miss else label
            for one, label in zip(members, truth, strict=True)
        }

    found = {name: [answers(miss) for _ in range(3)] for name, miss in (("reference", 0.6), ("other", 0.2))}
    tables = part("tables")
    answered = tables.Answered(found, {"0 dB": members})
    for spec in (MACRO_F1, UAR):
        means = {}
        for name, by_seed in found.items():
            counts = [confusion_matrix(truth, [said[one.id] for one in members], labels) for said in by_seed]
            means[name] = float(np.mean([spec.compute(one[None].astype(float))[0] for one in counts]))
            cell = answered.cell(name, "0 dB", spec)
            assert cell.mean == pytest.approx(means[name])
            assert cell.low < cell.mean < cell.high
        compared = answered.difference("other", "reference", "0 dB", spec)
        assert compared.difference.mean == pytest.approx(means["other"] - means["reference"])


def test_a_grid_runs_as_typed_and_again_does_nothing_anew(grid_file: Path, strategy_mix: Path, tmp_path: Path) -> None:
    listed = typed(grid_file, strategy_mix, "-o", tmp_path / "out", "--list")
    assert listed.stdout.splitlines() == ["weighted, relu", "weighted, mish", "up, relu", "up, mish"]
    first = typed(grid_file, strategy_mix, "-o", tmp_path / "out", "--only", "up, relu")
    assert first.returncode == 0, first.stderr
    page = (tmp_path / "out" / "results.md").read_text(encoding="utf-8")
    assert page.startswith("Data: ")
    assert "Buzzes, not speech." in page
    assert "4 speakers (few clusters)" in page
    assert "| up, relu |" in page
    assert "| level + duration |" in page
    assert "mish" not in page
    assert "macro_f1" in page
    assert "uar" in page
    answers = tmp_path / "out" / "up+relu" / "seed2" / "answers.jsonl"
    said = {one.id: one for one in read_predictions(answers)}
    test = [one for one in read_manifest(strategy_mix / "manifest.jsonl") if one.split == "test"]
    assert {one.id for one in test} < set(said)
    assert sum(name.startswith("clean/") for name in said) == len({one.mixture.clean_id for one in test if one.mixture})
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.safetensors")}
    write_predictions(answers, [replace(one, predicted=str(one.label)) for one in said.values()])
    again = typed(grid_file, strategy_mix, "-o", tmp_path / "out", "--only", "up, relu")
    assert again.returncode == 0, again.stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert "is done, 4 of 4" in again.stderr
    assert (tmp_path / "out" / "results.md").read_text(encoding="utf-8") != page  # the answers that lie there count


def test_what_a_newcomer_gets_wrong_is_said(grid_file: Path, strategy_mix: Path, tmp_path: Path) -> None:
    out = ("-o", tmp_path / "out")
    for arguments, code, words in (
        ((grid_file, strategy_mix, *out, "--seeds", "one"), 2, "cannot read the seeds 'one'"),
        ((grid_file, strategy_mix, *out, "--only", "up, mush"), 2, "up, mish"),
        ((grid_file, strategy_mix, *out, "--set", "model.ser_activatoin=relu"), 2, "ser_activation"),
        ((grid_file, tmp_path / "nothing", *out), 66, "nothing"),
        ((tmp_path / "no.yaml", strategy_mix, *out), 66, "does not exist"),
    ):
        found = typed(*arguments)
        assert (found.returncode, words in found.stderr) == (code, True), found.stderr
        assert "Traceback" not in found.stderr
    assert not (tmp_path / "out").exists()


def test_folds_are_scored_together_and_only_where_they_test_others(
    part: Any, grid_file: Path, strategy_mix: Path, tmp_path: Path
) -> None:
    lines = read_manifest(strategy_mix / "manifest.jsonl")
    speakers = sorted({one.speaker for one in lines if one.split == "test"})
    folds = []
    for number, tested in enumerate((speakers[:2], speakers[2:])):
        folds.append(tmp_path / f"fold{number}.jsonl")
        write_manifest(folds[-1], [one for one in lines if one.split != "test" or one.speaker in tested])
    found = typed(grid_file, *folds, "-o", tmp_path / "out", "--only", "up, relu")
    assert found.returncode == 0, found.stderr
    assert "is done, 8 of 8" in found.stderr
    assert "4 speakers" in found.stdout
    asked = [part("trial").conditions(fold) for fold in folds]
    paths = [[tmp_path / "out" / "up+relu" / f"seed{n}" / f"fold{m}" / "answers.jsonl" for m in (1, 2)] for n in (1, 2)]
    answered = part("tables").read_answers({"up, relu": paths}, asked, folds)
    assert len(answered.conditions["0 dB"]) == sum(
        one.split == "test" and one.mixture is not None and one.mixture.snr_db == 0.0 for one in lines
    )
    twice = typed(grid_file, folds[0], folds[0], "-o", tmp_path / "other")
    assert (twice.returncode, "are tested in two folds" in twice.stderr) == (65, True)
    assert not (tmp_path / "other").exists()


def test_predictions_are_those_of_the_run(part: Any, grid_file: Path, strategy_mix: Path, tmp_path: Path) -> None:
    from merit_cli.workflows.predict import predict_run

    strategy = part("grid").strategies(part("grid").load_grid(grid_file), grid_file.parent)[0]
    trial = part("trial").Trial(strategy.recipe, strategy_mix, tmp_path / "trial", tmp_path / "cache")
    part("trial").run_trial(trial)
    test = [one for one in read_manifest(strategy_mix / "manifest.jsonl") if one.split == "test"]
    expected = predict_run(tmp_path / "trial" / "run", test, output=tmp_path / "said", machine=Machine()).predictions
    found: dict[str, Prediction] = {one.id: one for one in read_predictions(trial.answers)}
    for one in expected:
        assert found[one.id].predicted == one.predicted
        assert list(found[one.id].probabilities.values()) == pytest.approx(list(one.probabilities.values()), abs=1e-5)
