"""Early stopping, averaged weights, a second step from the first's weights, and quick looks."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from merit_cli.config.load import load_recipe
from merit_cli.errors import NoInput, UsageError
from merit_cli.io.jsonl import read_lines
from merit_cli.training.brain import MeritBrain
from merit_cli.training.candidates import candidate_path, mean_weights
from merit_cli.training.selection import best_epochs
from merit_cli.workers import Machine
from merit_cli.workflows.train import TrainRecipe, TrainSummary, run_train
from merit_cli.workflows.train.run import EpochScore

MACHINE = Machine(workers=1)
SIZES: dict[str, Any] = {"trunk_width": 16, "trunk_expansion": 1, "trunk_blocks": 1, "blstm_hidden": 8, "ser_hidden": 8}
TINY: dict[str, Any] = {
    "name": "tiny",
    "model": {"name": "naive-mtl", **SIZES},
    "backbone": {"name": "log-mel", "num_mels": 16, "hop_length": 320},
    "optimiser": {"learning_rate": 3e-3},
    "epochs": 3,
    "batch_size": 6,
}


def train(corpus: Path, run: Path, **changes: Any) -> TrainSummary:
    recipe = load_recipe(TrainRecipe, flags={**TINY, **changes})
    return run_train(recipe, corpus, output=run, machine=MACHINE)[1]


def dev_of(run: Path) -> list[dict[str, float]]:
    return [line["dev"] for _, line in read_lines(run / "metrics.jsonl") if line["kind"] == "epoch"]


def model_of(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "model.safetensors")


def test_training_ends_when_the_best_epoch_is_long_ago(
    noisy_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = iter([0.3, 0.5, 0.4, 0.45, 0.9, 0.9])
    scored = MeritBrain._gather_dev
    monkeypatch.setattr(
        MeritBrain, "_gather_dev", lambda self: ({"macro_f1": next(given), "si_sdr_db": 0.0}, scored(self)[1])
    )
    summary = train(noisy_corpus, tmp_path / "run", epochs=6, patience=2)
    assert [line["macro_f1"] for line in dev_of(tmp_path / "run")] == [0.3, 0.5, 0.4, 0.45]
    assert (summary.epochs, summary.best["epoch"]) == (4, 2)


def test_a_run_that_ended_early_and_was_killed_before_its_export_does_not_train_on(
    noisy_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from merit_cli.training import brain, selection

    def at_the_second(history: list[EpochScore], patience: int | None) -> bool:
        return len(history) >= 2 and patience == 7

    monkeypatch.setattr(brain, "is_over", at_the_second)
    with monkeypatch.context() as broken:
        broken.setattr("merit_cli.workflows.train.run.finish_run", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(noisy_corpus, tmp_path / "run", patience=7)
    assert train(noisy_corpus, tmp_path / "run", patience=7).epochs == 2
    assert selection.is_over([EpochScore(1, {"f1": 0.1})], None) is False


def test_a_mean_of_weights_is_the_mean_and_keeps_the_first_whole_number(tmp_path: Path) -> None:
    for epoch, value in ((1, 1.0), (4, 4.0), (6, 1.0)):
        path = candidate_path(tmp_path, epoch)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({"w": torch.full((2,), value), "seen": torch.tensor(epoch)}, str(path))
    mean = mean_weights(tmp_path, (4, 1, 6))
    assert mean["w"].tolist() == [2.0, 2.0]
    assert mean["w"].dtype == torch.float32
    assert int(mean["seen"]) == 4


@pytest.mark.parametrize("shift", [100.0, -100.0])
def test_averaged_weights_are_exported_only_where_dev_prefers_them(
    shift: float, noisy_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_better = shift > 0.0
    scored = MeritBrain.score

    def shifted(brain: MeritBrain, weights: Any, dev: Any) -> dict[str, float]:
        found = scored(brain, weights, dev)
        assert found.keys() == {"macro_f1", "si_sdr_db"}
        return {name: value + shift for name, value in found.items()}

    monkeypatch.setattr(MeritBrain, "score", shifted)
    run = tmp_path / "run"
    summary = train(noisy_corpus, run, average_best=2)
    history = [EpochScore(n, {k: v for k, v in d.items() if k != "loss"}) for n, d in enumerate(dev_of(run), 1)]
    best, second = best_epochs(history, 2)
    expected = mean_weights(run, (best.epoch, second.epoch) if is_better else (best.epoch,))
    assert all(value.equal(expected[name]) for name, value in model_of(run).items())
    readme = (run / "model" / "README.md").read_text(encoding="utf-8")
    assert ("mean of the weights of" in readme) == is_better
    assert (summary.metrics == best.metrics) != is_better


def test_dev_scores_of_given_weights_are_those_of_their_epoch(
    noisy_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored, found = MeritBrain.score, list[dict[str, float]]()

    def best_alone(brain: MeritBrain, weights: Any, dev: Any) -> dict[str, float]:
        best = best_epochs(brain.record.scores(), 1)[0]
        found.append({**scored(brain, mean_weights(brain.folder, (best.epoch,)), dev)})
        return found[0]

    monkeypatch.setattr(MeritBrain, "score", best_alone)
    summary = train(noisy_corpus, tmp_path / "run", average_best=2)
    assert found == [summary.metrics]


def test_a_second_step_begins_with_the_first_ones_weights(noisy_corpus: Path, tmp_path: Path) -> None:
    train(noisy_corpus, tmp_path / "first", epochs=1)
    still = {"learning_rate": 1e-12, "weight_decay": 0.0}
    train(noisy_corpus, tmp_path / "second", epochs=1, init_from=str(tmp_path / "first"), optimiser=still, seed=3)
    first, second = model_of(tmp_path / "first"), model_of(tmp_path / "second")
    assert first.keys() == second.keys()
    learned = [name for name in first if "num_batches" not in name and "mean_D" not in name and "variance" not in name]
    for name in learned:
        torch.testing.assert_close(second[name], first[name], rtol=0.0, atol=1e-9)
    assert "begun with" in (tmp_path / "second" / "model" / "README.md").read_text(encoding="utf-8")


def test_what_the_first_step_lacks_begins_anew_and_is_named(noisy_corpus: Path, tmp_path: Path) -> None:
    train(noisy_corpus, tmp_path / "first", epochs=1)
    sparse = {"name": "sparse-merit", "expert_hidden": 16, "expert_dim": 16, **SIZES, "ser_hidden": 8}
    first = model_of(tmp_path / "first")
    train(noisy_corpus, tmp_path / "se", epochs=1, model={"name": "se", **SIZES}, init_from=str(tmp_path / "first"))
    assert model_of(tmp_path / "se").keys() < first.keys()
    with pytest.raises(UsageError, match="another shape of"):
        train(noisy_corpus, tmp_path / "wide", model={**sparse, "trunk_width": 24}, init_from=str(tmp_path / "first"))
    train(noisy_corpus, tmp_path / "both", epochs=1, init_from=str(tmp_path / "se"))
    anew = (tmp_path / "both" / "model" / "README.md").read_text(encoding="utf-8")
    assert "begun anew: model.emotion" in anew


def test_a_step_from_other_emotions_or_from_nothing_is_refused(noisy_corpus: Path, tmp_path: Path) -> None:
    train(noisy_corpus, tmp_path / "first", epochs=1)
    (tmp_path / "first" / "model" / "labels.json").write_text('["calm","loud"]', encoding="utf-8")
    with pytest.raises(UsageError, match="calm, loud"):
        train(noisy_corpus, tmp_path / "second", init_from=str(tmp_path / "first"))
    with pytest.raises(NoInput, match="no trained model"):
        train(noisy_corpus, tmp_path / "second", init_from=str(tmp_path / "nowhere"))


def test_a_limit_spreads_over_the_emotions_and_says_so(noisy_corpus: Path, tmp_path: Path) -> None:
    summary = train(noisy_corpus, tmp_path / "run", epochs=1, limit=4)
    readme = (tmp_path / "run" / "model" / "README.md").read_text(encoding="utf-8")
    assert "training utterances: 4" in readme
    assert "dev utterances: 4" in readme
    assert summary.notes == ("LIMITED DATA: 8 of 16 utterances were used: a look, not a result.",)
    from merit_cli.workflows.train.inputs import read_training_data

    data = read_training_data(noisy_corpus, needs_labels=True, needs_clean=True, allow_leak=False)
    assert data.limited(4, seed=0).class_counts() == [2, 2]
    assert data.limited(4, seed=0).train != data.limited(4, seed=1).train
    assert data.limited(100, seed=0) == data
    with pytest.raises(UsageError, match="cannot hold 2 emotions"):
        data.limited(1, seed=0)


def test_the_papers_two_steps_freeze_the_encoder_and_then_train_it(noisy_corpus: Path, tmp_path: Path) -> None:
    import merit_cli.torchaudio_bridge  # noqa: F401 - transformers imports torchaudio

    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    convolutions = {"conv_dim": (8,) * 7, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2}
    config = transformers.WavLMConfig(**sizes, **convolutions, feat_extract_norm="layer", do_stable_layer_norm=True)
    transformers.WavLMModel(config).save_pretrained(tmp_path / "wavlm")
    pretrained = {
        f"backbone.encoder.{name}": one for name, one in load_file(tmp_path / "wavlm/model.safetensors").items()
    }
    encoder = {"name": "huggingface", "path": str(tmp_path / "wavlm")}
    train(noisy_corpus, tmp_path / "one", epochs=1, backbone={**encoder, "trainable": False})
    assert any((tmp_path / "one" / "features").rglob("*.npy"))
    train(
        noisy_corpus,
        tmp_path / "two",
        epochs=1,
        backbone={**encoder, "trainable": True},
        init_from=str(tmp_path / "one"),
    )
    first, second = model_of(tmp_path / "one"), model_of(tmp_path / "two")
    shared = pretrained.keys() & first.keys()
    moved = {name for name in shared if not second[name].equal(pretrained[name])}
    assert shared
    assert all(first[name].equal(pretrained[name]) for name in shared)
    assert any("encoder.layers" in name for name in moved)
    assert not any("feature_extractor" in name for name in moved)
