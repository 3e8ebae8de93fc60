"""Whole runs on emotion and its attributes together, with ratings made by rule from the number of an utterance."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from merit_cli.carriers import ATTRIBUTES
from merit_cli.config.load import load_recipe
from merit_cli.errors import BadData, UsageError
from merit_cli.io.jsonl import read_lines
from merit_cli.manifests.read_write import Card, write_card, write_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine
from merit_cli.workflows.evaluate.inputs import read_material
from merit_cli.workflows.evaluate.run import EvaluateRecipe, run_evaluate
from merit_cli.workflows.predict import predict_run
from merit_cli.workflows.train import TrainRecipe, TrainSummary, run_train

SIZES = {"trunk_width": 16, "trunk_expansion": 1, "trunk_blocks": 1, "ser_hidden": 16}
TINY: dict[str, Any] = {
    "name": "tiny",
    "model": {"name": "ser-multi-task", **SIZES, "ser_dropout": 0.0, "trunk_dropout": 0.0},
    "backbone": {"name": "log-mel", "num_mels": 16, "hop_length": 320},
    "optimiser": {"learning_rate": 3e-3},
    "objective": {"emotion_weight": 0.7, "attributes_weight": 0.4},
    "epochs": 2,
    "batch_size": 12,
    "log_every_steps": 1,
}


def rated(one: Utterance) -> Utterance:
    """With ratings, but for every fifth."""
    number = int(one.id[-2:])
    ratings = {name: 1.5 + (number * (place + 2)) % 5 for place, name in enumerate(ATTRIBUTES)}
    return one if number % 5 == 4 else replace(one, labels={**one.labels, **ratings})


def write_corpus(folder: Path, lines: Sequence[Utterance]) -> Path:
    folder.mkdir()
    write_manifest(folder / "manifest.jsonl", lines)
    write_card(folder, Card(name="tones", synthetic=True, attribute_scale=(1.0, 7.0)))
    return folder / "manifest.jsonl"


@pytest.fixture
def corpus(noisy_utterances: list[Utterance], tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus", [rated(one) for one in noisy_utterances])


def train(corpus: Path, run: Path, **changes: Any) -> TrainSummary:
    return run_train(load_recipe(TrainRecipe, flags={**TINY, **changes}), corpus, output=run, machine=Machine())[1]


def test_both_tasks_are_learned_predicted_and_scored(
    corpus: Path, noisy_utterances: list[Utterance], tmp_path: Path
) -> None:
    summary = train(corpus, tmp_path / "run")
    assert {"macro_f1", "ccc", *(f"ccc_{name}" for name in ATTRIBUTES)} <= set(summary.metrics)
    assert any(note.startswith("2 of 16 utterances have no rating") for note in summary.notes)
    said = predict_run(tmp_path / "run", noisy_utterances[:2], output=tmp_path / "said", machine=Machine()).predictions
    assert all(one.predicted in ("low", "high") and set(one.attributes) == set(ATTRIBUTES) for one in said)
    _, found = run_evaluate(EvaluateRecipe(), read_material(tmp_path / "run"), output=tmp_path / "r", machine=Machine())
    assert {"macro_f1", "ccc_valence"} <= set(found.metrics)


def test_the_loss_is_the_weighted_sum_of_both(corpus: Path, tmp_path: Path) -> None:
    train(corpus, tmp_path / "run")
    steps = [line["loss"] for _, line in read_lines(tmp_path / "run" / "metrics.jsonl") if line["kind"] == "step"]
    assert steps
    for loss in steps:
        assert loss["attributes"] > 0.0
        assert loss["total"] == pytest.approx(0.7 * loss["emotion"] + 0.4 * loss["attributes"], rel=1e-4)


def test_without_weight_the_attributes_teach_nothing_and_with_it_they_reach_the_trunk(
    corpus: Path, tmp_path: Path
) -> None:
    weights = {}
    for name, weight in (("ser", 0.0), ("ser-multi-task", 0.0), ("both", 1.0)):
        model = {**TINY["model"], "name": name if name != "both" else "ser-multi-task"}
        objective = {"emotion_weight": 1.0, "attributes_weight": weight}
        train(corpus, tmp_path / name, model=model, objective=objective, epochs=1)
        checkpoint = next((tmp_path / name / "checkpoints" / "last").glob("CKPT*/model*"))
        weights[name] = load_file(checkpoint)
    assert all(torch.allclose(weights["ser-multi-task"][key], value) for key, value in weights["ser"].items())
    changed = [key for key, value in weights["ser"].items() if not torch.allclose(weights["both"][key], value)]
    assert any(key.startswith("trunk.") for key in changed)


def test_a_corpus_without_ratings_and_weightings_of_other_tasks_are_refused(
    noisy_utterances: list[Utterance], tmp_path: Path
) -> None:
    with pytest.raises(BadData, match="fewer than two ratings"):
        train(write_corpus(tmp_path / "bare", noisy_utterances), tmp_path / "run")
    with pytest.raises(UsageError, match="does not both enhance and classify"):
        load_recipe(TrainRecipe, flags={**TINY, "objective": {"weighting": "pcgrad"}})
