"""Several seeds of one breath recipe: a folder each, one table, and the mean with its interval."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from merit_cli.config.load import load_recipe
from merit_cli.errors import BadData, NoInput, UsageError
from merit_cli.io.jsonl import write_lines
from merit_cli.metrics.confusion import cluster_confusions
from merit_cli.metrics.respiratory import icbhi_score
from merit_cli.metrics.seeds import seed_interval
from merit_cli.metrics.statistics import units_of
from merit_cli.workers import Machine
from merit_cli.workflows.classify_breath.corpus import BreathCorpus
from merit_cli.workflows.classify_breath.model_folder import load_model
from merit_cli.workflows.classify_breath.recipe import BreathRecipe
from merit_cli.workflows.classify_breath.seeds import (
    SeedsSummary,
    run_breath_seeds,
    run_seeds_evaluate,
    seed_folders,
)
from merit_cli.workflows.classify_breath.seeds_table import rows_of, scores_of_seeds

TINY = {"model": {"duration": 1.5, "num_mels": 32, "channels": [4, 8]}, "epochs": 2, "learning_rate": 5e-3, "seed": 3}
CLASSES = ("normal", "crackle", "wheeze", "both")


@pytest.fixture(scope="module")
def trained(breath_corpus: BreathCorpus, tmp_path_factory: pytest.TempPathFactory) -> SeedsSummary:
    """Two seeds, test untouched."""
    recipe = load_recipe(BreathRecipe, flags=TINY)
    output = tmp_path_factory.mktemp("seeds") / "run"
    gone = [replace(u, audio=Path("gone.wav")) if u.split == "test" else u for u in breath_corpus.utterances]
    corpus = replace(breath_corpus, utterances=gone)
    return run_breath_seeds(recipe, corpus, 2, output=output, machine=Machine(), steps=("train",))[1]


def _lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]


def test_each_seed_has_a_folder_with_a_model_of_its_own(trained: SeedsSummary) -> None:
    folders = seed_folders(Path(trained.run))
    assert list(folders) == trained.seeds == [3, 4]
    weights = [(path / "model" / "weights.safetensors").read_bytes() for path in folders.values()]
    assert weights[0] != weights[1]
    assert all(f"seed: {seed}" in (path / "recipe.yaml").read_text() for seed, path in folders.items())


def test_asking_the_folder_of_all_seeds_for_a_model_names_one_of_them(trained: SeedsSummary) -> None:
    with pytest.raises(NoInput) as refused:
        load_model(Path(trained.run))
    assert str(Path(trained.run) / "seed-3") in refused.value.hint


def test_the_table_of_a_training_is_of_dev_and_says_so(trained: SeedsSummary, breath_corpus: BreathCorpus) -> None:
    assert trained.split == "dev"
    assert any("flatter" in note for note in trained.notes)
    patients = {line["patient"] for line in _lines(Path(trained.run) / "seed-3" / "dev")}
    assert patients == {u.speaker for u in breath_corpus.utterances if u.split == "dev"}
    assert "dev split" in Path(trained.report).read_text()


def test_means_and_intervals_follow_from_the_written_predictions(
    trained: SeedsSummary, breath_corpus: BreathCorpus, tmp_path: Path
) -> None:
    _, summary = run_seeds_evaluate(
        Path(trained.run), breath_corpus, enhance=None, split="test", output=tmp_path / "e", machine=Machine()
    )
    tables = [_lines(tmp_path / "e" / f"seed-{seed}") for seed in (3, 4)]
    units = units_of([line["patient"] for line in tables[0]])
    counts = [
        cluster_confusions([r["label"] for r in rows], [r["predicted"] for r in rows], units.codes, CLASSES)
        for rows in tables
    ]
    values = [float(icbhi_score(one.sum(axis=0))) for one in counts]
    shown = summary.groups[0]["metrics"]["icbhi_score"]
    assert shown["values"] == pytest.approx(values)
    assert shown["mean"] == pytest.approx(np.mean(values))
    over = seed_interval(np.stack(counts).astype(float), icbhi_score, units)
    assert over.interval.low is not None
    assert shown["low"] == pytest.approx(max(0.0, over.interval.low))
    assert shown["sd_seeds"] == pytest.approx(over.sd_seeds)


def test_both_front_ends_have_their_seeds_and_their_mean(
    trained: SeedsSummary, breath_corpus: BreathCorpus, tmp_path: Path
) -> None:
    from merit_cli.enhancers.select import enhancer_config

    _, summary = run_seeds_evaluate(
        Path(trained.run),
        breath_corpus,
        enhance=enhancer_config("spectral-gate"),
        split="test",
        output=tmp_path / "e",
        machine=Machine(),
    )
    assert [group["by"]["enhancer"] for group in summary.groups] == ["none", "spectral-gate"]
    table = json.loads((tmp_path / "e" / "report.json").read_text())["tables"][0]
    assert [row[1] for row in table["rows"]] == ["3", "4", "mean", "3", "4", "mean"]


def test_a_run_that_stopped_between_seeds_goes_on(breath_corpus: BreathCorpus, tmp_path: Path) -> None:
    recipe = load_recipe(BreathRecipe, flags={**TINY, "epochs": 1})
    calls = 0

    def kill(stage: str, finished: int, total: int) -> None:
        nonlocal calls
        calls += stage == "train"
        if calls == 2:
            raise KeyboardInterrupt

    where = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_breath_seeds(recipe, breath_corpus, 2, output=where, machine=Machine(progress=kill), steps=("train",))
    before = (where / "seed-3" / "metrics.jsonl").stat().st_mtime_ns
    run, summary = run_breath_seeds(recipe, breath_corpus, 2, output=where, machine=Machine(), steps=("train",))
    assert run.state == "resumed"
    assert (where / "seed-3" / "metrics.jsonl").stat().st_mtime_ns == before
    again, same = run_breath_seeds(recipe, breath_corpus, 2, output=where, machine=Machine(), steps=("train",))
    assert again.state == "done"
    assert same == summary


def test_one_seed_is_refused(breath_corpus: BreathCorpus, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no spread"):
        run_breath_seeds(BreathRecipe(), breath_corpus, 1, output=tmp_path / "x", machine=Machine())


def _write(folder: Path, rows: list[tuple[str, str, str, str]]) -> Path:
    folder.mkdir()
    keys = ("id", "patient", "label", "predicted")
    write_lines(folder / "predictions.jsonl", [dict(zip(keys, row, strict=True)) for row in rows])
    return folder


def test_one_patient_gives_a_mean_without_an_interval(tmp_path: Path) -> None:
    rows = [("a", "p", "normal", "normal"), ("b", "p", "wheeze", "wheeze")]
    folders = [_write(tmp_path / "s0", rows), _write(tmp_path / "s1", [rows[0], ("b", "p", "wheeze", "normal")])]
    scores = scores_of_seeds(folders, "none", ["none"], CLASSES)
    cell = scores.means["icbhi_score"]
    assert (cell.mean, cell.low, scores.sd_seeds["icbhi_score"]) == (0.75, None, None)
    shown = {
        name: {"values": scores.values[name], "mean": one.mean, "low": one.low, "high": one.high}
        for name, one in scores.means.items()
    }
    assert rows_of(shown, [0, 1])[2:] == [["mean", "0.750", "0.500", "0.500", "1.000"], ["95 %", "", "", "", ""]]


def test_seeds_that_answered_other_cycles_are_not_averaged(tmp_path: Path) -> None:
    rows = [("a", "p", "normal", "normal"), ("b", "q", "wheeze", "wheeze")]
    folders = [_write(tmp_path / "s0", rows), _write(tmp_path / "s1", rows[:1])]
    with pytest.raises(BadData, match="same cycles"):
        scores_of_seeds(folders, "none", ["none"], CLASSES)
