"""Runs under every weighting of the tasks: what they log, how they go on after a crash, what strict routing ends."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from merit_cli.backbones.model_folder import Parts, build_parts
from merit_cli.config.load import load_recipe
from merit_cli.errors import CheckFailed, MeritError
from merit_cli.io.jsonl import read_lines
from merit_cli.workers import Machine
from merit_cli.workflows.train import TrainRecipe, run_train

SIZES = {"trunk_width": 16, "trunk_expansion": 1, "trunk_blocks": 1, "blstm_hidden": 8, "ser_hidden": 8}
MODEL = {"name": "sparse-merit", "expert_hidden": 16, "expert_dim": 16, **SIZES}
METHODS = ("uncertainty", "gradnorm", "pcgrad", "cagrad")


class Crashed(Exception):
    """In place of a kill."""


def recipe(weighting: str, **changes: Any) -> TrainRecipe:
    tiny = {
        "model": MODEL,
        "backbone": {"name": "log-mel", "num_mels": 16, "hop_length": 320},
        "optimiser": {"learning_rate": 3e-3},
        "objective": {"weighting": weighting},
        "epochs": 2,
        "batch_size": 2,
        "accumulation": 2,
        "checkpoint_every_steps": 1,
        "log_every_steps": 1,
    }
    return load_recipe(TrainRecipe, flags={**tiny, **changes})


def lines_of(run: Path, kind: str) -> list[dict[str, Any]]:
    return [line for _, line in read_lines(run / "metrics.jsonl") if line["kind"] == kind]


@pytest.mark.parametrize("method", METHODS)
def test_a_crashed_run_goes_on_to_the_bit(method: str, noisy_corpus: Path, tmp_path: Path) -> None:
    def crash(stage: str, done: int, total: int) -> None:
        if stage == "train" and done == 4:  # within the second epoch
            raise Crashed

    run_train(recipe(method), noisy_corpus, output=tmp_path / "whole", machine=Machine(workers=1))
    with pytest.raises(Crashed):
        run_train(recipe(method), noisy_corpus, output=tmp_path / "run", machine=Machine(workers=1, progress=crash))
    run_train(recipe(method), noisy_corpus, output=tmp_path / "run", machine=Machine(workers=1))
    metrics = [(tmp_path / name / "metrics.jsonl").read_bytes() for name in ("whole", "run")]
    assert metrics[0] == metrics[1]
    first, second = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("whole", "run"))
    assert all(first[name].equal(second[name]) for name in first)
    weights = [line["task_weights"] for line in lines_of(tmp_path / "run", "step")]
    assert all(set(one) == {"enhancement", "emotion"} for one in weights)
    if method in ("uncertainty", "gradnorm"):
        assert weights[0] != weights[-1]


def test_every_logged_step_says_how_tasks_and_routers_are(noisy_corpus: Path, tmp_path: Path) -> None:
    run_train(recipe("fixed"), noisy_corpus, output=tmp_path / "run", machine=Machine(workers=1))
    for line in lines_of(tmp_path / "run", "step"):
        groups = line["gradients"]["groups"]
        assert set(groups) == {"trunk", "fusion", "routers", "experts", "mask_head", "emotion_head"}
        assert -1.0 <= groups["trunk"]["cosine"] <= 1.0
        assert "cosine" not in groups["mask_head"]
        assert groups["mask_head"]["emotion_norm"] == 0.0
        assert min(groups["routers"]["enhancement_norm"], groups["routers"]["emotion_norm"]) > 0.0
        routing = line["routing"]
        assert routing["tasks"]["emotion"]["gradient_norm"] > 0.0
        assert 0.0 <= routing["mutual_information"] <= 0.6931472
        assert routing["by_snr"]
        assert all(len(tasks["emotion"]) == 3 for tasks in routing["by_snr"].values())
        assert "task_weights" not in line
    for line in lines_of(tmp_path / "run", "epoch"):
        assert -1.0 <= line["train"]["group_cosines"]["trunk"] <= 1.0


def test_a_crowd_of_experts_ends_a_strict_run_and_again_when_started_again(noisy_corpus: Path, tmp_path: Path) -> None:
    crowd = recipe("fixed", model={**MODEL, "num_experts": 150})  # some must fall under 1 %
    for _ in range(2):
        with pytest.raises(CheckFailed, match=r"under 1 % of the frames of epoch 1") as caught:
            run_train(crowd, noisy_corpus, output=tmp_path / "run", machine=Machine(workers=1), strict_routing=True)
    assert caught.value.exit_code == 4
    _, summary = run_train(crowd, noisy_corpus, output=tmp_path / "run", machine=Machine(workers=1))
    assert any("COLLAPSED ROUTER" in note for note in summary.notes)


@pytest.mark.parametrize(("router_grad", "ends"), [("prob_scaled", True), ("none", False)])
def test_a_saturated_router_ends_the_run_unless_it_was_not_to_learn(
    router_grad: str,
    ends: bool,  # noqa: FBT001
    noisy_corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def saturated(*args: Any, **keys: Any) -> Parts:
        parts = build_parts(*args, **keys)
        with torch.no_grad():
            parts.model.block.routers["emotion"].linear.bias[0] = 1e4  # its probability is 1 exactly, without slope
        return parts

    monkeypatch.setattr("merit_cli.workflows.train.run.build_parts", saturated)
    chosen = recipe("fixed", model={**MODEL, "router_grad": router_grad}, epochs=1)
    if not ends:
        assert run_train(chosen, noisy_corpus, output=tmp_path / "run", machine=Machine(workers=1))[1].epochs == 1
        return
    with pytest.raises(CheckFailed, match="the router of emotion got no gradient from its task in epoch 1") as caught:
        run_train(chosen, noisy_corpus, output=tmp_path / "run", machine=Machine(workers=1))
    assert caught.value.exit_code == 4


def test_a_task_without_weight_does_not_end_the_run(noisy_corpus: Path, tmp_path: Path) -> None:
    alone = recipe("fixed", objective={"emotion_weight": 0.0, "balance_weight": 1.0}, epochs=1)
    _, summary = run_train(alone, noisy_corpus, output=tmp_path / "run", machine=Machine(workers=1))
    assert summary.epochs == 1


def test_a_weighting_for_a_model_with_one_task_is_refused() -> None:
    with pytest.raises(MeritError, match="does not both enhance and classify"):
        recipe("pcgrad", model="se")
