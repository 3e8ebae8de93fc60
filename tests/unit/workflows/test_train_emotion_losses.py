"""Whole runs with each loss over classes, on labels with shares of annotators made by rule."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from merit_cli.config.load import load_recipe
from merit_cli.errors import BadData, UsageError
from merit_cli.io.jsonl import read_lines
from merit_cli.manifests.read_write import read_manifest, write_manifest
from merit_cli.workers import Machine
from merit_cli.workflows.train import TrainRecipe, run_train

TINY: dict[str, Any] = {
    "name": "tiny",
    "model": {"name": "ser", "trunk_width": 16, "trunk_expansion": 1, "trunk_blocks": 1, "ser_hidden": 8},
    "backbone": {"name": "log-mel", "num_mels": 16, "hop_length": 320},
    "optimiser": {"learning_rate": 3e-3},
    "epochs": 1,
    "batch_size": 4,
}


def first_loss(corpus: Path, run: Path, **changes: Any) -> float:
    recipe = load_recipe(TrainRecipe, flags={**TINY, **changes})
    run_train(recipe, corpus, output=run, machine=Machine(workers=1))
    lines = [line for _, line in read_lines(run / "metrics.jsonl") if line["kind"] == "step"]
    return float(lines[0]["loss"]["emotion"])


@pytest.fixture
def unequal_corpus(noisy_corpus: Path, tmp_path: Path) -> Path:
    """The tiny corpus without most training utterances of one class."""
    lines = read_manifest(noisy_corpus / "manifest.jsonl")
    rare = [one for one in lines if one.split == "train" and one.labels["emotion"] == "high"]
    path = tmp_path / "unequal" / "manifest.jsonl"
    path.parent.mkdir()
    write_manifest(path, [one for one in lines if one not in rare[2:]])
    return path


def test_each_loss_gives_another_first_step(unequal_corpus: Path, tmp_path: Path) -> None:
    none: dict[str, Any] = {"class_weighting": "none"}
    objectives = {
        "plain": none,
        "weighted": {},
        "focal": {"emotion_loss": "focal", **none},
        "scaled": {"emotion_loss": {"name": "vector_scaling", "tau": 1.0}, **none},
        "smoothed": {"emotion_loss": {"name": "cross_entropy", "label_smoothing": 0.3}, **none},
    }
    losses = {
        name: first_loss(unequal_corpus, tmp_path / name, objective=objective, batch_size=8)
        for name, objective in objectives.items()
    }
    assert len({round(loss, 6) for loss in losses.values()}) == len(losses)
    assert losses["focal"] < losses["plain"]


def test_accumulated_batches_of_a_weighted_focal_loss_are_one_batch(unequal_corpus: Path, tmp_path: Path) -> None:
    focal = {"objective": {"emotion_loss": {"name": "focal", "label_smoothing": 0.1}}}
    model = {**TINY["model"], "ser_dropout": 0.0, "trunk_dropout": 0.0, "trunk_blocks": None}
    whole = first_loss(unequal_corpus, tmp_path / "whole", **focal, model=model, batch_size=8)
    parts = first_loss(unequal_corpus, tmp_path / "parts", **focal, model=model, batch_size=2, accumulation=4)
    assert parts == pytest.approx(whole, rel=1e-5)


def test_soft_labels_are_the_shares_of_annotators(noisy_corpus: Path, tmp_path: Path) -> None:
    lines = read_manifest(noisy_corpus / "manifest.jsonl")
    soft = [replace(one, labels={**one.labels, "p_low": 0.5, "p_high": 0.5}) for one in lines]
    path = tmp_path / "soft" / "manifest.jsonl"
    path.parent.mkdir()
    write_manifest(path, soft)
    objective = {"emotion_loss": {"name": "cross_entropy", "soft_labels": True}}
    hard, shared = (
        first_loss(path, tmp_path / name, objective=chosen) for name, chosen in (("hard", {}), ("shared", objective))
    )
    assert hard != shared


def test_soft_labels_that_no_utterance_has_are_refused(noisy_corpus: Path, tmp_path: Path) -> None:
    objective = {"emotion_loss": {"name": "focal", "soft_labels": True}}
    with pytest.raises(BadData, match="no training utterance has any"):
        first_loss(noisy_corpus, tmp_path / "run", objective=objective)


@pytest.mark.parametrize(
    "objective",
    [{}, {"class_weighting": "none", "emotion_loss": "vector_scaling"}],
)
def test_a_balanced_epoch_beside_another_correction_is_refused_unless_forced(objective: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="both make up for unequal classes"):
        load_recipe(TrainRecipe, flags={**TINY, "data": {"balance": "up"}, "objective": objective})
    forced = {**objective, "double_correction": True}
    load_recipe(TrainRecipe, flags={**TINY, "data": {"balance": "up"}, "objective": forced})


def test_a_model_without_classes_has_none_to_balance() -> None:
    with pytest.raises(UsageError, match="has no classes"):
        load_recipe(TrainRecipe, flags={**TINY, "model": {"name": "se"}, "data": {"balance": "down"}})


@pytest.mark.parametrize(("balance", "steps"), [("none", 2), ("up", 3), ("down", 1)])
def test_a_balanced_run_has_the_steps_of_its_epoch(
    unequal_corpus: Path, tmp_path: Path, balance: str, steps: int
) -> None:
    run, none = tmp_path / balance, {"class_weighting": "none"}
    first_loss(unequal_corpus, run, objective=none, data={"balance": balance}, log_every_steps=1)
    assert sum(line["kind"] == "step" for _, line in read_lines(run / "metrics.jsonl")) == steps
