"""Training from a manifest to a model folder, what is refused before it, and what the model folder gives back."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from merit_cli.backbones.model_folder import build_parts, load_model
from merit_cli.backbones.trained_model import TrainedModel
from merit_cli.config.load import load_recipe
from merit_cli.data.dataset import SpeechDataset
from merit_cli.enhancers.select import enhancer_config
from merit_cli.errors import BadData, CheckFailed, NoInput, Unavailable, UsageError
from merit_cli.io.audio_file import read_audio
from merit_cli.io.jsonl import read_lines
from merit_cli.manifests.inputs import read_inputs
from merit_cli.manifests.read_write import read_manifest, write_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.training.candidates import candidate_path
from merit_cli.units import Seconds
from merit_cli.workers import Machine
from merit_cli.workflows.predict import predict_files, predict_run
from merit_cli.workflows.train import TrainRecipe, TrainSummary, run_train

MACHINE = Machine(workers=1)
SIZES = {"trunk_width": 16, "trunk_expansion": 1, "trunk_blocks": 1, "blstm_hidden": 8, "ser_hidden": 8}
TINY: dict[str, Any] = {
    "name": "tiny",
    "model": {"name": "sparse-merit", "expert_hidden": 16, "expert_dim": 16, **SIZES},
    "backbone": {"name": "log-mel", "num_mels": 16, "hop_length": 320},
    "optimiser": {"learning_rate": 3e-3},
    "epochs": 2,
    "batch_size": 4,
    "log_every_steps": 1,
}
Change = Callable[[Utterance], Utterance]


def recipe(**changes: Any) -> TrainRecipe:
    return load_recipe(TrainRecipe, flags={**TINY, **changes})


@pytest.fixture(scope="module")
def trained(noisy_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainSummary]:
    run = tmp_path_factory.mktemp("trained") / "run"
    return run, run_train(recipe(), noisy_corpus, output=run, machine=MACHINE)[1]


def changed(corpus: Path, folder: Path, change: Change) -> Path:
    """A manifest in ``folder`` with every line changed."""
    path = folder / "manifest.jsonl"
    write_manifest(path, [change(line) for line in read_manifest(corpus / "manifest.jsonl")])
    return path


def epochs_of(run: Path) -> list[dict[str, Any]]:
    return [line for _, line in read_lines(run / "metrics.jsonl") if line["kind"] == "epoch"]


def test_a_run_leaves_a_model_and_says_which_epoch_it_is(trained: tuple[Path, TrainSummary]) -> None:
    run, summary = trained
    lines = epochs_of(run)
    assert [line["epoch"] for line in lines] == [1, 2]
    chosen = lines[int(summary.best["epoch"]) - 1]["dev"]
    assert summary.metrics == {name: chosen[name] for name in ("macro_f1", "si_sdr_db")}
    assert {path.name for path in (run / "model").iterdir()} == {
        "model.safetensors",
        "recipe.yaml",
        "labels.json",
        "normalisation.json",
        "card.yaml",
        "README.md",
        "lineage.json",
    }
    readme = (run / "model" / "README.md").read_text(encoding="utf-8")
    assert "CC0-1.0" in readme
    assert "Tones, not speech." in readme


def test_every_router_has_a_gradient_and_its_use_is_recorded(trained: tuple[Path, TrainSummary]) -> None:
    for line in epochs_of(trained[0]):
        routing = line["train"]["routing"]
        for task in ("enhancement", "emotion"):
            assert routing["tasks"][task]["gradient_norm"] > 0.0
            assert sum(routing["tasks"][task]["load"]) == pytest.approx(1.0, abs=1e-6)
        assert 1.0 <= routing["experts_per_frame"] <= 2.0
        assert -1.0 <= line["train"]["gradient_cosine"] <= 1.0
        assert line["train"]["shared_gradient_fraction"] > 0.3


def test_a_finished_run_is_not_touched(trained: tuple[Path, TrainSummary], noisy_corpus: Path) -> None:
    before = (trained[0] / "metrics.jsonl").stat().st_mtime_ns
    run, summary = run_train(recipe(), noisy_corpus, output=trained[0], machine=MACHINE)
    assert (run.state, summary) == ("done", trained[1])
    assert (trained[0] / "metrics.jsonl").stat().st_mtime_ns == before


def test_another_recipe_in_the_same_folder_is_refused(trained: tuple[Path, TrainSummary], noisy_corpus: Path) -> None:
    with pytest.raises(UsageError, match="epochs"):
        run_train(recipe(epochs=3), noisy_corpus, output=trained[0], machine=MACHINE)


def test_the_exported_model_equals_the_trained_one_bit_for_bit(
    trained: tuple[Path, TrainSummary], noisy_utterances: list[Utterance]
) -> None:
    run, summary = trained
    loaded = load_model(run)
    parts = build_parts(recipe().model, recipe().backbone, num_classes=2).modules().eval()
    from safetensors.torch import load_file

    parts.load_state_dict(load_file(str(candidate_path(run, int(summary.best["epoch"])))))
    items = SpeechDataset(
        noisy_utterances, classes=loaded.labels, normalisation=loaded.normalisation, max_duration=Seconds(12.0)
    )
    for index in (0, 13):
        item = items[index]
        noisy_BN, lengths_B = torch.from_numpy(item.noisy_N)[None], torch.tensor([item.noisy_N.size])
        with torch.no_grad():
            expected = parts["model"](parts["backbone"](noisy_BN, lengths_B), noisy_BN, lengths_B)
        found = loaded.forward(item.noisy_N)
        assert found.enhanced_BN.equal(expected.enhanced_BN)
        assert found.emotion_logits_BC.equal(expected.emotion_logits_BC)


def test_the_loaded_model_keeps_length_level_and_silence(
    trained: tuple[Path, TrainSummary], noisy_utterances: list[Utterance]
) -> None:
    model = load_model(trained[0])
    noisy = read_audio(noisy_utterances[0].audio).samples
    enhanced = model.enhance(noisy)
    assert enhanced.shape == noisy.shape
    np.testing.assert_allclose(model.enhance(noisy * np.float32(0.25)), enhanced * 0.25, atol=1e-5)
    np.testing.assert_array_equal(model.enhance(np.zeros(3000, np.float32)), np.zeros(3000, np.float32))
    assert model.enhance(noisy[:7]).shape == (7,)


def test_mix_back_leaves_its_share_of_the_noisy_signal(
    trained: tuple[Path, TrainSummary], noisy_utterances: list[Utterance], tmp_path: Path
) -> None:
    noisy = read_audio(noisy_utterances[0].audio).samples
    shutil.copytree(trained[0] / "model", tmp_path / "model")
    recipe = tmp_path / "model" / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("mix_back: 0.0", "mix_back: 0.25"))
    plain, mixed = load_model(trained[0]).enhance(noisy), load_model(tmp_path / "model").enhance(noisy)
    np.testing.assert_allclose(mixed, 0.75 * plain + 0.25 * noisy, atol=1e-6)


def test_a_long_signal_is_classified_in_pieces(trained: tuple[Path, TrainSummary]) -> None:
    model = load_model(trained[0])
    noise = np.random.default_rng(0).standard_normal(16_000 * 2).astype(np.float32)
    short = TrainedModel(
        model.modules,
        tasks=model.tasks,
        labels=model.labels,
        normalisation=model.normalisation,
        max_duration=1.0,
        name="",
    )
    gain = model.normalisation.gain(noise)
    assert gain > 0
    halves = [model.forward(model.normalisation.apply(half, gain=gain)) for half in np.split(noise, 2)]
    expected = np.mean([half.emotion_logits_BC[0].double().softmax(-1).numpy() for half in halves], axis=0)
    np.testing.assert_allclose(short.classify(noise), expected, rtol=1e-6)
    assert short.classify(noise).sum() == pytest.approx(1.0)


def test_the_run_is_an_enhancer_that_keeps_the_contract(
    trained: tuple[Path, TrainSummary], noisy_utterances: list[Utterance]
) -> None:
    enhancer = enhancer_config({"name": "from-checkpoint", "folder": str(trained[0])}).build()
    noisy = read_audio(noisy_utterances[0].audio).samples
    enhanced = enhancer(noisy, 16_000)
    np.testing.assert_array_equal(enhancer(noisy, 16_000), enhanced)
    np.testing.assert_allclose(enhancer(noisy * np.float32(0.1), 16_000), enhanced * 0.1, atol=1e-5)
    assert enhancer(noisy[:4000], 44_100).shape == (4000,)
    np.testing.assert_allclose(load_model(trained[0]).enhance(noisy), enhanced, atol=1e-4)


def test_predictions_and_enhanced_files_come_for_good_files_and_a_reason_for_a_bad_one(
    trained: tuple[Path, TrainSummary], noisy_utterances: list[Utterance], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFFnothing")
    lines = [*noisy_utterances[:2], replace(noisy_utterances[2], id="bad", audio=bad)]
    result = predict_run(trained[0], lines, output=tmp_path / "out", machine=MACHINE)
    assert [one.id for one in result.predictions] == [line.id for line in lines[:2]]
    assert result.predictions[0].label == "low"
    assert sum(result.predictions[0].probabilities.values()) == pytest.approx(1.0, abs=1e-5)
    assert list(result.failed) == ["bad"]
    assert any("Tones, not speech." in note for note in result.notes)
    for line in result.enhanced:
        assert read_audio(line.audio).samples.size == line.num_samples
        assert line.clean is not None
        assert line.clean.is_file()
    assert len((tmp_path / "out" / "predictions.jsonl").read_text(encoding="utf-8").splitlines()) == 2
    again = predict_run(trained[0], lines, output=tmp_path / "out", machine=MACHINE)
    assert again == result


def test_files_without_labels_are_predicted_in_a_run_of_their_own(
    trained: tuple[Path, TrainSummary], noisy_corpus: Path, tmp_path: Path
) -> None:
    inputs = read_inputs([noisy_corpus / "noisy" / "test00.wav"])
    machine = Machine(workers=1, runs_dir=tmp_path)
    run, result = predict_files(trained[0], inputs, output=None, machine=machine, enhance=True)
    assert run.path.parent == tmp_path / "predict"
    assert result.predictions[0].label is None
    assert len(result.enhanced) == 1


@pytest.mark.parametrize(("model", "metric"), [("se", "si_sdr_db"), ("ser", "macro_f1")])
def test_a_model_with_one_task_is_chosen_by_its_metric(
    model: str, metric: str, noisy_corpus: Path, tmp_path: Path
) -> None:
    _, summary = run_train(
        recipe(model={"name": model, **SIZES}, epochs=1), noisy_corpus, output=tmp_path / "run", machine=MACHINE
    )
    assert list(summary.metrics) == [metric]
    result = predict_run(
        tmp_path / "run", read_manifest(noisy_corpus / "manifest.jsonl")[-1:], output=tmp_path / "out", machine=MACHINE
    )
    assert (len(result.enhanced), len(result.predictions)) == ((1, 0) if model == "se" else (0, 1))


def test_one_batch_can_be_overfitted(noisy_corpus: Path, tmp_path: Path) -> None:
    sizes = {**SIZES, "trunk_width": 32, "trunk_dropout": 0.0, "ser_dropout": 0.0}
    chosen = recipe(
        model={"name": "naive-mtl", **sizes}, overfit_batches=1, epochs=40, optimiser={"learning_rate": 1e-2}
    )
    run_train(chosen, noisy_corpus, output=tmp_path / "run", machine=MACHINE)
    first, last = epochs_of(tmp_path / "run")[0], epochs_of(tmp_path / "run")[-1]
    assert last["train"]["loss"]["total"] < 0.3 * first["train"]["loss"]["total"]
    assert last["dev"]["macro_f1"] == 1.0
    assert last["step"] == 40


def test_features_from_the_cache_give_the_same_run(noisy_corpus: Path, tmp_path: Path) -> None:
    cached = recipe(data={"cache_features": "always"})
    plain = recipe(data={"cache_features": "never"})
    run_train(cached, noisy_corpus, output=tmp_path / "cached", machine=MACHINE, cache_dir=tmp_path / "features")
    run_train(plain, noisy_corpus, output=tmp_path / "plain", machine=MACHINE)
    assert len(list((tmp_path / "features").rglob("*.npy"))) == 16
    for one, other in zip(epochs_of(tmp_path / "cached"), epochs_of(tmp_path / "plain"), strict=True):
        assert one["dev"]["loss"] == pytest.approx(other["dev"]["loss"], rel=1e-3)


def test_accumulated_steps_equal_those_of_one_large_batch(noisy_corpus: Path, tmp_path: Path) -> None:
    sizes = {**SIZES, "trunk_dropout": 0.0, "ser_dropout": 0.0, "trunk_blocks": None}
    model = {"name": "sparse-merit", "expert_hidden": 16, "expert_dim": 16, "router_input": "raw", **sizes}
    shapes = {"whole": {"batch_size": 6}, "parts": {"batch_size": 2, "accumulation": 3}}
    for name, shape in shapes.items():
        run_train(recipe(model=model, epochs=1, **shape), noisy_corpus, output=tmp_path / name, machine=MACHINE)
    whole, parts = ([line for _, line in read_lines(tmp_path / name / "metrics.jsonl")] for name in shapes)
    for one, other in zip(whole, parts, strict=True):
        if one["kind"] == "step":
            assert one["loss"] == pytest.approx(other["loss"], rel=1e-4)
            assert one["gradient_norm"] == pytest.approx(other["gradient_norm"], rel=1e-3)


def test_a_loss_that_is_not_finite_ends_the_run_with_4(noisy_corpus: Path, tmp_path: Path) -> None:
    chosen = recipe(optimiser={"learning_rate": 1e30})
    with pytest.raises(CheckFailed, match=r"loss is|gradient is") as caught:
        run_train(chosen, noisy_corpus, output=tmp_path / "run", machine=MACHINE)
    assert caught.value.exit_code == 4


REFUSED: list[tuple[Change, type[Exception], str]] = [
    (
        lambda u: replace(u, labels={}) if u.id == "train03" else u,
        BadData,
        "1 utterances have no emotion label: train03",
    ),
    (lambda u: replace(u, labels={"emotion": "same"}), BadData, "one emotion only"),
    (lambda u: replace(u, labels={"emotion": "new"}) if u.split == "dev" else u, BadData, "lacks: new"),
    (lambda u: replace(u, split="train") if u.split == "dev" else u, NoInput, "split 'dev' is missing"),
    (lambda u: replace(u, clean=None) if u.id == "dev01" else u, BadData, "no clean reference: dev01"),
    (lambda u: replace(u, speaker="ann") if u.id in ("train00", "test00") else u, CheckFailed, "speaker"),
    (lambda u: replace(u, audio=u.audio.with_name("gone.wav")) if u.id == "dev00" else u, NoInput, "missing"),
]


@pytest.mark.parametrize(("change", "error", "words"), REFUSED)
def test_bad_data_are_refused_before_a_run_is_made(
    change: Change, error: type[Exception], words: str, noisy_corpus: Path, tmp_path: Path
) -> None:
    manifest = changed(noisy_corpus, tmp_path, change)
    with pytest.raises(error, match=words):
        run_train(recipe(), manifest, output=tmp_path / "run", machine=MACHINE)
    assert not (tmp_path / "run").exists()


def test_an_allowed_leak_is_written_into_the_model_card(noisy_corpus: Path, tmp_path: Path) -> None:
    manifest = changed(noisy_corpus, tmp_path, lambda u: replace(u, speaker="ann"))
    run_train(recipe(epochs=1), manifest, output=tmp_path / "run", machine=MACHINE, allow_leak=True)
    assert "LEAK ALLOWED" in (tmp_path / "run" / "model" / "README.md").read_text(encoding="utf-8")


def test_a_device_that_is_not_there_is_refused(noisy_corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cuda:7"):
        run_train(recipe(), noisy_corpus, output=tmp_path / "run", machine=Machine(device="cuda:7"))


def test_a_model_folder_whose_weights_do_not_fit_is_refused(trained: tuple[Path, TrainSummary], tmp_path: Path) -> None:
    import shutil

    shutil.copytree(trained[0] / "model", tmp_path / "model")
    (tmp_path / "model" / "labels.json").write_text(json.dumps(["one", "two", "three"]), encoding="utf-8")
    with pytest.raises(BadData, match="do not fit"):
        load_model(tmp_path / "model")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoInput, match="no trained model"):
        load_model(tmp_path)


def test_fresh_mixtures_are_drawn_each_epoch_and_their_seeds_logged(mixed_corpus: Path, tmp_path: Path) -> None:
    fresh = recipe(data={"mixtures": "fresh"})
    run_train(fresh, mixed_corpus, output=tmp_path / "fresh", machine=MACHINE)
    seeds = [line["mix_seed"] for line in epochs_of(tmp_path / "fresh")]
    assert len(set(seeds)) == 2
    run_train(recipe(), mixed_corpus, output=tmp_path / "fixed", machine=MACHINE)
    assert all("mix_seed" not in line for line in epochs_of(tmp_path / "fixed"))


def test_fresh_mixtures_of_a_bare_manifest_are_refused(noisy_corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(NoInput, match="the folder that merit mix made"):
        run_train(recipe(data={"mixtures": "fresh"}), noisy_corpus, output=tmp_path / "r", machine=MACHINE)


def test_an_exponent_deepens_the_mask_and_one_leaves_it(
    trained: tuple[Path, TrainSummary], noisy_utterances: list[Utterance], tmp_path: Path
) -> None:
    noisy = read_audio(noisy_utterances[0].audio).samples
    energies = {}
    for exponent in (1.0, 1.000001, 2.0):
        run = shutil.copytree(trained[0], tmp_path / str(exponent))
        path = run / "model" / "recipe.yaml"
        path.write_text(path.read_text().replace("mask_exponent: 1.0", f"mask_exponent: {exponent}"))
        energies[exponent] = float(np.sum(load_model(run).enhance(noisy).astype(float) ** 2))
    assert energies[1.000001] == pytest.approx(energies[1.0], rel=1e-3)
    assert energies[2.0] < 0.9 * energies[1.0]
