"""Training options of the breath classifier: two classes, balance, masks, averages and noise."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from merit_cli.assets import bundled, find_recipe
from merit_cli.config.load import load_recipe
from merit_cli.errors import NoInput, Unavailable, UsageError
from merit_cli.io.audio_file import read_audio, write_audio
from merit_cli.manifests.inputs import read_inputs
from merit_cli.workers import Machine
from merit_cli.workflows.classify_breath.corpus import BreathCorpus
from merit_cli.workflows.classify_breath.evaluate import run_breath_evaluate
from merit_cli.workflows.classify_breath.job import run_classify_breath
from merit_cli.workflows.classify_breath.model_folder import load_model
from merit_cli.workflows.classify_breath.noise_injection import NoiseInjection, NoisyClips
from merit_cli.workflows.classify_breath.recipe import BreathRecipe
from merit_cli.workflows.classify_breath.recordings import CutSettings
from merit_cli.workflows.classify_breath.training import usable_cycles

CUT = CutSettings(4000, 20_000, 200)
"""Longer than any cycle of the sample."""
TINY = {"model": {"duration": 2.0, "num_mels": 32, "channels": [4, 8]}, "epochs": 1, "learning_rate": 5e-3}


@pytest.fixture(scope="module")
def noise_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("noise")
    for number in range(3):
        samples = 0.05 * np.random.default_rng(number).standard_normal(16000)
        write_audio(folder / f"n{number}.wav", samples.astype(np.float32), 4000)
    return folder


def _clips(corpus: BreathCorpus, noise_folder: Path, **injection: Any) -> NoisyClips:
    cycles = [u for u in corpus.utterances if u.split == "train"]
    noise = read_inputs([noise_folder]).utterances
    config = load_recipe(NoiseInjection, flags={"path": str(noise_folder), **injection})
    return NoisyClips(cycles, noise, injection=config, cut=CUT, seed=5)


def _band_power(wave_N: np.ndarray) -> float:
    power_F = np.abs(np.fft.rfft(wave_N)) ** 2
    hz_F = np.fft.rfftfreq(len(wave_N), 1 / 4000)
    return float(power_F[(hz_F >= 100) & (hz_F <= 1000)].sum())


def test_noise_has_the_asked_ratio_in_the_band_of_breath(breath_corpus: BreathCorpus, noise_folder: Path) -> None:
    clips = _clips(breath_corpus, noise_folder, mix={"snr": 5.0, "level": "band"})
    clips.draw_epoch(1)
    for index in range(5):
        cycle = clips.cycles[index]
        clean_N = read_audio(cycle.audio, sample_rate=4000, start=cycle.start, num_samples=cycle.num_samples).samples
        wave_N = clips.wave(index)
        assert wave_N is not None
        noisy_N = wave_N.numpy()[: len(clean_N) - CUT.fade]  # before the first join
        clean_N = clean_N[: len(noisy_N)]
        ratio = _band_power(clean_N) / _band_power(noisy_N - clean_N)
        assert 10 * np.log10(ratio) == pytest.approx(5.0, abs=0.5)  # of the whole cycle, measured on all but its end


def test_each_epoch_has_noise_of_its_own(breath_corpus: BreathCorpus, noise_folder: Path) -> None:
    one, other = _clips(breath_corpus, noise_folder), _clips(breath_corpus, noise_folder)
    one.draw_epoch(1)
    first = one.wave(0)
    one.draw_epoch(2)
    second = one.wave(0)
    other.draw_epoch(2)
    again = other.wave(0)
    assert first is not None and second is not None and again is not None  # noqa: PT018
    assert not torch.equal(first, second)
    assert torch.equal(second, again)


def test_the_share_of_cycles_gets_noise(breath_corpus: BreathCorpus, noise_folder: Path) -> None:
    clips = _clips(breath_corpus, noise_folder, share=0.3)
    counts = []
    for epoch in range(1, 21):
        clips.draw_epoch(epoch)
        counts.append(len(clips.planned) / len(clips.cycles))
    assert np.mean(counts) == pytest.approx(0.3, abs=0.05)


def test_a_grid_of_ratios_gives_a_cycle_one_of_them(breath_corpus: BreathCorpus, noise_folder: Path) -> None:
    clips = _clips(breath_corpus, noise_folder, mix={"snr": [0, 10], "level": "band"})
    clips.draw_epoch(1)
    assert {planned.snr_db for planned in clips.planned.values()} == {0.0, 10.0}
    assert len(clips.planned) == len(clips.cycles)


def test_of_noise_with_splits_only_train_is_heard(breath_corpus: BreathCorpus, noise_folder: Path) -> None:
    noise = read_inputs([noise_folder]).utterances
    dealt = [replace(one, split=split) for one, split in zip(noise, ("train", "dev", "test"), strict=True)]
    cycles = [u for u in breath_corpus.utterances if u.split == "train"]
    injection = NoiseInjection(path=str(noise_folder))
    clips = NoisyClips(cycles, dealt, injection=injection, cut=CUT, seed=0)
    clips.draw_epoch(1)
    assert {one.id for planned in clips.planned.values() for one in planned.noises} == {dealt[0].id}
    with pytest.raises(NoInput):
        NoisyClips(cycles, dealt[1:], injection=injection, cut=CUT, seed=0).draw_epoch(1)


def test_two_classes_call_every_sound_abnormal(breath_corpus: BreathCorpus) -> None:
    usable = usable_cycles(breath_corpus.utterances, breath_corpus.card, ("normal", "abnormal"))
    assert len(usable.cycles) == len(breath_corpus.utterances)
    for before, after in zip(breath_corpus.utterances, usable.cycles, strict=True):
        assert (after.labels["breath"] == "normal") == (before.labels["breath"] == "normal")
        assert after.labels["breath"] in ("normal", "abnormal")


def test_every_option_at_once_trains_two_classes_resumes_and_is_scored(
    breath_corpus: BreathCorpus, noise_folder: Path, tmp_path: Path
) -> None:
    tree = {
        **TINY,
        "classes": ["normal", "abnormal"],
        "average_decay": 0.9,
        "class_weights": "none",
        "balance": "up",
        "spec_augment": {},
        "noise": {"path": str(noise_folder)},
    }
    recipe = load_recipe(BreathRecipe, flags=tree)
    run, summary = run_classify_breath(recipe, breath_corpus, output=tmp_path / "run", machine=Machine())
    metrics = summary.metrics
    assert metrics["icbhi_se"]["mean"] == metrics["icbhi_se_two_class"]["mean"]
    assert load_model(run.path).card.classes == ("normal", "abnormal")
    lines = [json.loads(line) for line in (run.path / "predictions.jsonl").read_text().splitlines()]
    assert {line["label"] for line in lines} == {"normal", "abnormal"}
    provenance = (run.path / "provenance.json").read_text()
    assert read_inputs([noise_folder]).content in provenance


def test_noise_that_cannot_be_read_is_on_the_ledger(
    breath_corpus: BreathCorpus, noise_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "noise"
    folder.mkdir()
    (folder / "good.wav").write_bytes((noise_folder / "n0.wav").read_bytes())
    (folder / "bad.wav").write_bytes(b"RIFF")
    recipe = load_recipe(BreathRecipe, flags={**TINY, "noise": {"path": str(folder)}})
    run, summary = run_classify_breath(
        recipe, breath_corpus, output=tmp_path / "run", machine=Machine(), steps=("train",)
    )
    assert summary.failed == 1
    assert "bad.wav" in (run.path / "ledger.jsonl").read_text()


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"balance": "up"}, "class_weights: none"),
        ({"classes": ["normal", "abnormal", "wheeze"]}, "abnormal holds every other sound"),
        ({"noise": {"path": "x"}, "enhance": "identity", "train_on_enhanced": True}, "cannot enhance it"),
        ({"spec_augment": {"time_share": 1.5}}, "time_share"),
        ({"average_decay": 1.0}, "average_decay"),
        ({"noise": {"path": "x", "mix": {"level": "loudness"}}}, "level"),
    ],
)
def test_options_that_do_not_fit_are_refused(tree: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_recipe(BreathRecipe, flags=tree)


def test_weights_that_are_gone_are_said_before_a_run_is_made(breath_corpus: BreathCorpus, tmp_path: Path) -> None:
    recipe = load_recipe(BreathRecipe, flags={"model": {"name": "cnn6", "weights": str(tmp_path / "gone.pth")}})
    with pytest.raises(Unavailable, match="no weights"):
        run_classify_breath(recipe, breath_corpus, output=tmp_path / "run", machine=Machine())
    assert not (tmp_path / "run").exists()


def test_short_cycles_are_repeated_after_they_are_mixed(breath_corpus: BreathCorpus, noise_folder: Path) -> None:
    """So that the noise repeats with the breath, as it would in a clip cut from a mixture that was rendered."""
    clips = _clips(breath_corpus, noise_folder)
    clips.draw_epoch(1)
    length = clips.cycles[0].num_samples
    wave_N = clips.wave(0)
    assert wave_N is not None
    first_N, step = wave_N.numpy()[: length - CUT.fade], length - CUT.fade
    second_N = wave_N.numpy()[step + CUT.fade : 2 * step]
    np.testing.assert_allclose(second_N, first_N[CUT.fade : CUT.fade + len(second_N)], atol=1e-6)


def test_every_breath_recipe_loads() -> None:
    names = [path.stem for path in bundled("recipes/breath").glob("*.yaml")]
    assert len(names) >= 9
    recipes = {name: load_recipe(BreathRecipe, find_recipe("breath", Path(name))) for name in names}
    assert {recipe.model.model_dump()["name"] for recipe in recipes.values()} == {"breath-cnn", "cnn6", "cnn14", "ast"}
    assert recipes["icbhi-2class"].classes == ("normal", "abnormal")
    assert recipes["icbhi-augmented"].epochs == 30


AST_SIZES = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}


@pytest.mark.parametrize(
    "model",
    [
        {"name": "cnn6", "duration": 1.1, "sample_rate": 16000, "num_mels": 32},
        {"name": "ast", "duration": 0.6, "num_mel_bins": 32, **AST_SIZES},
        {"name": "encoder", "duration": 0.6, "backbone": "log-mel"},
    ],
    ids=lambda model: str(model["name"]),
)
def test_other_classifiers_train_save_and_answer_alike_when_loaded(
    model: dict[str, Any], breath_corpus: BreathCorpus, tmp_path: Path
) -> None:
    few = [u for u in breath_corpus.utterances if u.split != "test"]
    options = {} if model["name"] == "encoder" else {"spec_augment": {}, "patch_mix": {"contrastive": 0.5}}
    recipe = load_recipe(BreathRecipe, flags={"model": model, "epochs": 1, "learning_rate": 1e-3, **options})
    corpus = replace(breath_corpus, utterances=few[::3] + few[1::3])
    run, _ = run_classify_breath(recipe, corpus, output=tmp_path / "run", machine=Machine(), steps=("train",))
    loaded = load_model(run.path)
    assert loaded.card.model == recipe.model
    _, summary = run_breath_evaluate(
        run.path, corpus, enhance=None, split="dev", output=tmp_path / "dev", machine=Machine()
    )
    assert summary.metrics["icbhi_score"]["mean"] == pytest.approx(loaded.card.dev_score, abs=1e-6)


@pytest.mark.parametrize("option", ["spec_augment", "patch_mix"])
def test_options_of_spectrograms_are_refused_where_there_is_none(option: str) -> None:
    with pytest.raises(UsageError, match="this model has none"):
        load_recipe(BreathRecipe, flags={"model": {"name": "encoder"}, option: {}})
