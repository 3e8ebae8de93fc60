"""Networks of waveforms through the same engine: what is refused, what is learned, what a resumed run gives."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from merit_cli.carriers import SpeechBatch
from merit_cli.config.load import load_recipe
from merit_cli.enhancers.select import enhancer_config
from merit_cli.errors import UsageError
from merit_cli.io.jsonl import read_lines
from merit_cli.training.crop import crop
from merit_cli.workers import Machine
from merit_cli.workflows.train import TrainRecipe, run_train

MACHINE = Machine(workers=1)
TINY: dict[str, dict[str, Any]] = {
    "wave-u-net": {"num_layers": 3, "channels": 4},
    "manner": {"size": "small", "hidden": 6, "depth": 2},
    "phasen": {
        "amplitude_channels": 2,
        "phase_channels": 2,
        "num_blocks": 1,
        "rnn_hidden": 8,
        "head_hidden": 8,
        "hop_length": 200,
    },
    "cmgan": {"channels": 4, "num_blocks": 1, "dense_depth": 1, "kernel": 3, "hop_length": 200, "num_heads": 2},
}
ADVERSARY = {"discriminator": {"channels": 2, "hop_length": 200}}


def recipe(model: str, **changes: Any) -> TrainRecipe:
    tree = {
        "name": "tiny",
        "model": {"name": model, **TINY[model]},
        "data": {"crop": 0.3},
        "epochs": 1,
        "batch_size": 4,
        "log_every_steps": 1,
        **changes,
    }
    return load_recipe(TrainRecipe, flags=tree)


def steps_of(run: Path) -> list[dict[str, Any]]:
    return [line for _, line in read_lines(run / "metrics.jsonl") if line["kind"] == "step"]


@pytest.mark.parametrize("model", TINY)
def test_a_trained_network_enhances_files_of_any_rate(model: str, noisy_corpus: Path, tmp_path: Path) -> None:
    adversary = ADVERSARY if model == "cmgan" else None
    run, summary = run_train(recipe(model, adversary=adversary), noisy_corpus, output=tmp_path / "run", machine=MACHINE)
    assert set(summary.metrics) == {"si_sdr_db"}
    assert json.loads((run.path / "labels.json").read_text()) == []
    enhancer = enhancer_config(str(run.path)).build()
    noisy = 0.1 * np.random.default_rng(0).standard_normal(10_007).astype(np.float32)
    enhanced = enhancer(noisy, 22050)
    assert enhanced.shape == noisy.shape
    assert np.isfinite(enhanced).all()


def test_an_interrupted_adversarial_run_goes_on_to_the_bit(noisy_corpus: Path, tmp_path: Path) -> None:
    chosen = recipe("cmgan", adversary=ADVERSARY, epochs=2)
    run_train(chosen, noisy_corpus, output=tmp_path / "whole", machine=MACHINE)

    class Stopped(BaseException):
        """Stands for a kill between two epochs."""

    def stop_late(stage: str, done: int, total: int) -> None:
        if stage == "train" and done > total // 2:
            raise Stopped

    with pytest.raises(Stopped):
        run_train(chosen, noisy_corpus, output=tmp_path / "cut", machine=Machine(workers=1, progress=stop_late))
    run_train(chosen, noisy_corpus, output=tmp_path / "cut", machine=MACHINE)
    whole, cut = (load_file(str(tmp_path / name / "model" / "model.safetensors")) for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    assert (tmp_path / "whole" / "metrics.jsonl").read_bytes() == (tmp_path / "cut" / "metrics.jsonl").read_bytes()


def test_the_discriminator_says_what_it_saw_and_what_failed(noisy_corpus: Path, tmp_path: Path) -> None:
    run, _ = run_train(
        recipe("wave-u-net", adversary=ADVERSARY), noisy_corpus, output=tmp_path / "run", machine=MACHINE
    )
    for line in steps_of(run.path):
        assert 0.0 <= line["loss"]["mean_target"] <= 1.0
        assert line["loss"]["discriminator"] > 0.0
        assert line["loss"]["failed_targets"] == 0.0


def test_a_metric_that_fails_is_counted_and_training_goes_on(noisy_corpus: Path, tmp_path: Path) -> None:
    adversary = {**ADVERSARY, "target": "pesq"}
    short = recipe("wave-u-net", adversary=adversary, data={"crop": 0.1})  # PESQ needs a quarter of a second
    run, _ = run_train(short, noisy_corpus, output=tmp_path / "run", machine=MACHINE)
    lines = steps_of(run.path)
    assert lines[-1]["loss"]["failed_targets"] > 0
    assert all(line["loss"]["discriminator"] == 0.0 for line in lines)


def test_the_dev_split_can_judge_in_the_band_of_breath(noisy_corpus: Path, tmp_path: Path) -> None:
    chosen = recipe("wave-u-net", enhancement_metric="band_si_sdr_db")
    _, summary = run_train(chosen, noisy_corpus, output=tmp_path / "run", machine=MACHINE)
    assert set(summary.metrics) == {"band_si_sdr_db"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"backbone": "log-mel"}, "hears the waveform itself"),
        ({"mask_exponent": 1.5}, "has no mask"),
        ({"data": {"crop": 0.3, "cache_features": "always"}}, "remix, crop or fresh mixtures"),
    ],
)
def test_what_a_network_of_waveforms_has_no_use_for_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        recipe("wave-u-net", **changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"backbone": "waveform"}, "needs an encoder"), ({"model": "ser", "adversary": {}}, "does not enhance")],
)
def test_what_other_models_have_no_use_for_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load_recipe(TrainRecipe, flags=changes)


def test_a_crop_cuts_noisy_and_clean_at_the_same_place_and_leaves_short_ones() -> None:
    ramp = torch.arange(1.0, 101.0)
    noisy = torch.stack([ramp, torch.cat([ramp[:10], torch.zeros(90)])])
    batch = SpeechBatch(("a", "b"), noisy, torch.tensor([100, 10]), clean_BN=-noisy)
    torch.manual_seed(0)
    starts = set()
    for _ in range(200):
        cut = crop(batch, 20)
        assert cut.clean_BN is not None
        assert torch.equal(cut.clean_BN, -cut.noisy_BN)
        assert cut.lengths_B.tolist() == [20, 10]
        start = int(cut.noisy_BN[0, 0])
        assert torch.equal(cut.noisy_BN[0], ramp[start - 1 : start + 19])
        assert torch.equal(cut.noisy_BN[1, :10], ramp[:10])
        starts.add(start)
    assert min(starts) < 5
    assert max(starts) > 76
