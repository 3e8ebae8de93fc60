"""Whole runs that tune a tiny WavLM with random weights: what moves, and that a stopped run goes on to the bit."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from merit_cli.backbones.model_folder import load_model
from merit_cli.config.load import load_recipe
from merit_cli.errors import Preempted
from merit_cli.io.audio_file import read_audio
from merit_cli.io.jsonl import read_lines
from merit_cli.manifests.utterance import Utterance
from merit_cli.training.brain import MeritBrain
from merit_cli.workers import Machine
from merit_cli.workflows.train import TrainRecipe, TrainSummary, run_train

SCHEDULES: dict[str, dict[str, Any]] = {
    "last": {"tuned_layers": 1},
    "gradual": {"unfreeze_every": 1},
    "lora": {"lora": {"rank": 2}},
}


@pytest.fixture
def tiny(tiny_wavlm: Path) -> dict[str, Any]:
    return {
        "name": "tiny",
        "model": {"name": "naive-mtl", "trunk_blocks": None, "ser_hidden": 8, "blstm_hidden": 8},
        "backbone": {"name": "huggingface", "path": str(tiny_wavlm), "trainable": True},
        "optimiser": {"learning_rate": 1e-3, "backbone_learning_rate": 1e-3, "layer_decay": 0.8},
        "epochs": 3,
        "batch_size": 4,
        "log_every_steps": 1,
    }


def train(tiny: dict[str, Any], corpus: Path, run: Path, tuning: dict[str, Any], **changes: Any) -> TrainSummary:
    recipe = load_recipe(TrainRecipe, flags={**tiny, **changes, "backbone": {**tiny["backbone"], **tuning}})
    return run_train(recipe, corpus, output=run, machine=Machine())[1]


def moved(run: Path, tiny: dict[str, Any]) -> set[str]:
    """The encoder's layers whose weights are not those of the start, and ``before`` for what comes before them."""
    end = load_file(run / "model" / "model.safetensors")
    found = set()
    for name, start in load_file(Path(tiny["backbone"]["path"]) / "model.safetensors").items():
        now = end.get(f"backbone.encoder.{name}")
        if now is not None and not now.equal(start):
            found.add(name.split("layers.")[1][0] if ".layers." in name else "before")
    return found


@pytest.mark.parametrize(("epochs", "expected"), [(1, set()), (2, {"1"}), (3, {"0", "1"}), (4, {"0", "1", "before"})])
def test_the_weights_of_a_layer_move_from_the_epoch_on_that_opens_it(
    tiny: dict[str, Any], noisy_corpus: Path, tmp_path: Path, epochs: int, expected: set[str]
) -> None:
    train(tiny, noisy_corpus, tmp_path / "run", {"unfreeze_every": 1}, epochs=epochs)
    last = sorted((tmp_path / "run" / "checkpoints" / "last").glob("CKPT*"))[-1]
    end = load_file(next(last.glob("backbone*")))
    start = load_file(Path(tiny["backbone"]["path"]) / "model.safetensors")
    names = {name for name, one in start.items() if not end[f"encoder.{name}"].equal(one)}
    assert {name.split("layers.")[1][0] if ".layers." in name else "before" for name in names} == expected


def test_only_the_last_layer_moves_and_the_model_folder_loads(
    tiny: dict[str, Any], noisy_corpus: Path, tmp_path: Path
) -> None:
    train(tiny, noisy_corpus, tmp_path / "run", {"tuned_layers": 1}, epochs=1)
    assert moved(tmp_path / "run", tiny) == {"1"}
    assert load_model(tmp_path / "run").num_parameters > 0


def test_a_model_with_low_rank_updates_loads_with_them(
    tiny: dict[str, Any], noisy_corpus: Path, noisy_utterances: list[Utterance], tmp_path: Path
) -> None:
    train(tiny, noisy_corpus, tmp_path / "run", {"lora": {"rank": 2}}, epochs=1)
    assert moved(tmp_path / "run", tiny) == set()
    model, audio = load_model(tmp_path / "run"), read_audio(noisy_utterances[0].audio).samples
    said = model.classify(audio)
    updates = {name: one for name, one in model.modules.named_parameters() if name.endswith("0.up")}
    assert len(updates) == 4
    assert all(one.abs().max() > 0.0 for one in updates.values())
    with torch.no_grad():
        for one in updates.values():
            one.zero_()
    assert model.classify(audio).tolist() != said.tolist()


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_a_stopped_run_goes_on_to_the_bit(
    tiny: dict[str, Any], noisy_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    train(tiny, noisy_corpus, tmp_path / "whole", SCHEDULES[name])
    step = MeritBrain.fit_batch

    def stopped(self: MeritBrain, batch: Any) -> Any:
        self.stop.wanted = self.optimizer_step == 4  # within the second of three epochs of three steps
        return step(self, batch)

    monkeypatch.setattr(MeritBrain, "fit_batch", stopped)
    with pytest.raises(Preempted):
        train(tiny, noisy_corpus, tmp_path / "run", SCHEDULES[name])
    monkeypatch.setattr(MeritBrain, "fit_batch", step)
    assert sum(1 for _ in read_lines(tmp_path / "run" / "metrics.jsonl")) == 6
    train(tiny, noisy_corpus, tmp_path / "run", SCHEDULES[name])
    whole, resumed = (load_file(tmp_path / run / "model" / "model.safetensors") for run in ("whole", "run"))
    assert all(resumed[name].equal(whole[name]) for name in whole)
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == (tmp_path / "whole" / "metrics.jsonl").read_bytes()
