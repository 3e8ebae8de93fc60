"""The sweep over mix-back ratios: what it hears is what `--mix-back` writes, dev alone chooses, test is heard once."""

import importlib
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from merit_cli.config.load import load_recipe
from merit_cli.enhancers.select import enhancer_config
from merit_cli.errors import CheckFailed, MeritError, NoInput, UsageError
from merit_cli.io.audio_file import read_audio
from merit_cli.manifests.inputs import read_inputs
from merit_cli.manifests.read_write import Card, read_manifest, write_card, write_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.metrics.emotion import MACRO_F1
from merit_cli.metrics.statistics import score_interval
from merit_cli.workers import Machine

FOLDER = Path(__file__).resolve().parents[2] / "recipes" / "enhance"
RATE = 16000
RATIOS = "ratios=[0, 0.3, 0.7, 1]"
SPLITS = {"train": 8, "dev": 8, "test": 8}


@pytest.fixture(scope="module")
def sweep() -> Iterator[Any]:
    """A way to import the sweep's own modules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield importlib.import_module
        for name in [name for name in sys.modules if name.split(".")[0] in ("sweeping", "mix_back_sweep")]:
            del sys.modules[name]


def tone(number: int, emotion: str) -> np.ndarray:
    """A buzz in bursts under noise; the emotion is in the pitch."""
    time = np.arange(8000) / RATE
    pitch = {"low": 170.0, "high": 400.0}[emotion] * (1.0 + 0.02 * (number % 5))
    bursts = np.clip(np.sin(2.0 * np.pi * 3.0 * time + number), 0.0, None)
    buzz = 0.1 * bursts * sum(np.sin(2.0 * np.pi * pitch * k * time) / k for k in (1, 2, 3))
    return buzz + 0.04 * np.random.default_rng(number).standard_normal(8000)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of 8 utterances of 4 speakers a split, two classes."""
    folder, lines = tmp_path_factory.mktemp("sweep_corpus"), []
    for start, (split, count) in enumerate(SPLITS.items()):
        for number in range(count):
            emotion, item = ("low", "high")[number % 2], f"{split}{number}"
            soundfile.write(folder / f"{item}.flac", tone(100 * start + number, emotion), RATE)
            speaker = f"{split}-{number // 2}"
            labels = {"emotion": emotion}
            lines.append(Utterance(item, folder / f"{item}.flac", RATE, 8000, 0, speaker, split, labels))
    write_card(folder, Card(name="buzzes", synthetic=True, notes=("Buzzes, not speech.",)))
    write_manifest(folder / "manifest.jsonl", lines)
    return folder / "manifest.jsonl"


@pytest.fixture(scope="module")
def listener(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small emotion model, trained for a few seconds."""
    from merit_cli.workflows.train import TrainRecipe, run_train

    tree = {
        "model": {"name": "ser", "trunk_width": 16, "blstm_hidden": 8, "ser_hidden": 8},
        "backbone": {"name": "log-mel", "num_mels": 24, "hop_length": 320},
        "epochs": 6,
        "batch_size": 4,
        "optimiser": {"learning_rate": 5e-3, "warmup_steps": 1},
    }
    folder = tmp_path_factory.mktemp("sweep_listener") / "ser"
    run_train(TrainRecipe.model_validate(tree), corpus, output=folder, machine=Machine())
    return folder


def recipe_of(sweep: Any, *overrides: str, name: str = "mix_back_sweep") -> Any:
    return load_recipe(sweep("sweeping.recipe").SweepRecipe, FOLDER / f"{name}.yaml", overrides=(RATIOS, *overrides))


def run(sweep: Any, corpus: Path, model: Path, output: Path, *overrides: str, **machine: Any) -> Any:
    recipe = recipe_of(sweep, *overrides)
    return sweep("sweeping.sweep").run_sweep(recipe, [corpus], model, output=output, machine=Machine(**machine))[1]


def rewritten(corpus: Path, folder: Path, change: Any, card: Card | None = None) -> Path:
    """A manifest of changed lines over the same audio."""
    write_manifest(folder / "manifest.jsonl", [change(one) for one in read_manifest(corpus)])
    write_card(folder, card or Card(name="changed"))
    return folder / "manifest.jsonl"


def test_both_recipes_load_and_try_every_tenth(sweep: Any) -> None:
    schema = sweep("sweeping.recipe").SweepRecipe
    found = {path.stem: load_recipe(schema, path) for path in FOLDER.glob("*.yaml")}
    assert {name: (one.task, one.spec.name) for name, one in found.items()} == {
        "mix_back_sweep": ("emotion", "macro_f1"),
        "mix_back_sweep_breath": ("breath", "icbhi_score"),
    }
    assert all(one.ratios == tuple(step / 10 for step in range(11)) for one in found.values())


@pytest.mark.parametrize("enhancer", ["mmse-lsa", "spectral-gate"])
def test_what_the_model_hears_is_what_mix_back_writes(
    sweep: Any, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, enhancer: str
) -> None:
    from merit_cli.workflows.enhance import EnhanceRecipe, find_inputs, run_enhance

    listeners, heard = sweep("sweeping.listeners"), []

    class Ear:
        sample_rate, labels = RATE, ("low", "high")

        def classify(self, noisy_N: np.ndarray) -> np.ndarray:
            heard.append(noisy_N)
            return np.array([1.0, 0.0])

    monkeypatch.setattr(listeners, "find_model_folder", lambda path: path)
    monkeypatch.setattr(listeners, "loaded_model", lambda folder, device: Ear())
    source = read_manifest(corpus)[0]
    recipe = recipe_of(sweep, f"enhancer={enhancer}")
    listeners.hear_item(listeners.ItemJob((source,), recipe.ratios, recipe, tmp_path))
    assert len(heard) == 4
    for ratio, samples in zip(recipe.ratios[:-1], heard[:-1], strict=True):
        config = enhancer_config({"name": enhancer, "mix_back": ratio})
        output = tmp_path / f"{ratio}"
        run_enhance(EnhanceRecipe(enhancer=config), find_inputs([source.audio]), output=output, machine=Machine())
        np.testing.assert_array_equal(samples, read_audio(read_manifest(output / "manifest.jsonl")[0].audio).samples)
    np.testing.assert_array_equal(heard[-1], read_audio(source.audio).samples)
    assert not np.array_equal(heard[0], heard[1])


def test_scores_are_those_of_merit_enhance_then_merit_predict(
    sweep: Any, corpus: Path, listener: Path, tmp_path: Path
) -> None:
    from merit_cli.workflows.enhance import EnhanceRecipe, run_enhance
    from merit_cli.workflows.predict import predict_run

    summary = run(sweep, corpus, listener, tmp_path / "sweep")
    config = enhancer_config({"name": "mmse-lsa", "mix_back": 0.3})
    _, enhanced = run_enhance(
        EnhanceRecipe(enhancer=config), read_inputs([corpus]), output=tmp_path / "enhanced", machine=Machine()
    )
    dev = [one for one in read_manifest(Path(enhanced.manifest)) if one.split == "dev"]
    said = predict_run(listener, dev, output=tmp_path / "said", machine=Machine()).predictions
    expected = score_interval(
        MACRO_F1,
        [str(one.label) for one in said],
        [one.predicted for one in said],
        [one.speaker for one in dev],
        labels=("high", "low"),
        seed=0,
    )
    assert summary.dev["0.3"] == expected.mean
    assert expected.mean > 0.0


def test_the_choice_is_the_best_on_dev(sweep: Any, corpus: Path, listener: Path, tmp_path: Path) -> None:
    summary = run(sweep, corpus, listener, tmp_path / "sweep")
    assert summary.dev[f"{summary.chosen:g}"] == max(summary.dev.values())
    assert len(summary.dev) == 4


def test_labels_of_test_do_not_change_the_choice(sweep: Any, corpus: Path, listener: Path, tmp_path: Path) -> None:
    def flipped(one: Utterance) -> Utterance:
        other = {"low": "high", "high": "low"}[str(one.labels["emotion"])]
        return replace(one, labels={"emotion": other}) if one.split == "test" else one

    first = run(sweep, corpus, listener, tmp_path / "first")
    second = run(sweep, rewritten(corpus, tmp_path, flipped), listener, tmp_path / "second")
    assert (first.chosen, first.dev) == (second.chosen, second.dev)
    assert first.test != second.test


@pytest.mark.parametrize(
    ("scores", "chosen"),
    [({0.0: 0.6, 0.5: 0.6, 1.0: 0.5}, 0.5), ({0.0: 0.5, 0.5: 0.7, 1.0: 0.6}, 0.5), ({0.0: 0.5, 1.0: 0.5}, 1.0)],
)
def test_of_equal_scores_the_less_processed_signal_is_chosen(
    sweep: Any, scores: dict[float, float], chosen: float
) -> None:
    assert sweep("sweeping.choosing").best_ratio(scores) == chosen


def test_test_is_heard_after_dev_and_only_at_three_ratios(
    sweep: Any, corpus: Path, listener: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hearing, jobs = sweep("sweeping.hearing"), []
    true_hear = hearing.hear_item
    monkeypatch.setattr(hearing, "hear_item", lambda job: (jobs.append(job), true_hear(job))[1])
    summary = run(sweep, corpus, listener, tmp_path / "sweep")
    assert [job.utterances[0].split for job in jobs] == ["dev"] * 8 + ["test"] * 8
    assert {job.ratios for job in jobs[8:]} == {tuple(sorted({0.0, summary.chosen, 1.0}))}


def test_ratios_that_are_done_are_not_heard_again(
    sweep: Any, corpus: Path, listener: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(sweep, corpus, listener, tmp_path / "sweep")
    ledger = tmp_path / "sweep" / "ledger.jsonl"
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    kept = [one for one in lines if one["id"] not in ("dev3@0.7", "test0@0")]
    ledger.write_text("".join(json.dumps(one) + "\n" for one in kept))
    (tmp_path / "sweep" / "DONE").unlink()
    hearing, jobs = sweep("sweeping.hearing"), []
    true_hear = hearing.hear_item
    monkeypatch.setattr(hearing, "hear_item", lambda job: (jobs.append((job.item, job.ratios)), true_hear(job))[1])
    again = run(sweep, corpus, listener, tmp_path / "sweep")
    assert jobs == [("dev3", (0.7,)), ("test0", (0.0,))]
    assert again == whole


@pytest.mark.slow  # two processes import torch
def test_workers_change_nothing(sweep: Any, corpus: Path, listener: Path, tmp_path: Path) -> None:
    one, two = (run(sweep, corpus, listener, tmp_path / f"{n}", workers=n) for n in (1, 2))
    assert (one.dev, one.test, one.sentences) == (two.dev, two.test, two.sentences)


def test_a_file_that_is_gone_costs_itself_only(sweep: Any, corpus: Path, listener: Path, tmp_path: Path) -> None:
    def one_gone(one: Utterance) -> Utterance:
        return replace(one, audio=tmp_path / "gone.flac") if one.id == "dev2" else one

    summary = run(sweep, rewritten(corpus, tmp_path, one_gone), listener, tmp_path / "sweep")
    assert summary.failed == 4  # one item at four ratios
    assert "(7/8)" in (tmp_path / "sweep" / "report.md").read_text()


def test_a_speaker_of_both_splits_is_refused_whatever_the_card_says(
    sweep: Any, corpus: Path, listener: Path, tmp_path: Path
) -> None:
    def shared(one: Utterance) -> Utterance:
        return replace(one, speaker="ann") if one.id in ("dev0", "test0") else one

    manifest = rewritten(corpus, tmp_path, shared, Card(name="shared", shared_groups=("speaker",)))
    with pytest.raises(CheckFailed, match="speaker values stand in more than one split: ann"):
        run(sweep, manifest, listener, tmp_path / "sweep")
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize(
    ("override", "kind", "words"),
    [
        ("enhancer={name: mmse-lsa, mix_back: 0.2}", UsageError, "the sweep sets the share"),
        ("enhancer={name: mmse-lsa, attenuation_limit: 12}", UsageError, "the sweep sets the share"),
        ("ratios=[0.1, 1]", UsageError, "must rise from 0"),
        ("ratios=[0, 0.5, 0.2, 1]", UsageError, "must rise from 0"),
        ("test=dev", UsageError, "the same split"),
        ("metric=pesq", UsageError, "does not score the labels of emotion"),
        ("metric=icbhi_score", UsageError, "does not score the labels of emotion"),
        ("dev=valid", NoInput, "no split 'valid'"),
    ],
)
def test_what_cannot_be_swept_is_refused(
    sweep: Any, corpus: Path, listener: Path, tmp_path: Path, override: str, kind: type[MeritError], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        run(sweep, corpus, listener, tmp_path / "sweep", override)
    assert kind is not NoInput or caught.value.hint
    assert not (tmp_path / "sweep").exists()


def test_labels_that_the_model_does_not_know_are_refused(
    sweep: Any, corpus: Path, listener: Path, tmp_path: Path
) -> None:
    manifest = rewritten(corpus, tmp_path, lambda one: replace(one, labels={"emotion": "calm"}))
    with pytest.raises(NoInput, match="a label that the model knows") as caught:
        run(sweep, manifest, listener, tmp_path / "sweep")
    assert "high, low" in caught.value.hint


def test_another_grid_needs_another_folder(sweep: Any, corpus: Path, listener: Path, tmp_path: Path) -> None:
    run(sweep, corpus, listener, tmp_path / "sweep")
    with pytest.raises(UsageError, match="these differ: ratios"):
        run(sweep, corpus, listener, tmp_path / "sweep", "ratios=[0, 1]")


def test_the_command_prints_one_table_and_a_verdict_and_then_finds_nothing_to_do(
    sweep: Any, corpus: Path, listener: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script, output = sweep("mix_back_sweep"), tmp_path / "sweep"
    typed = [str(corpus), "--model", str(listener), "-o", str(output), "--set", RATIOS]
    assert script.main(typed) == 0
    first = capsys.readouterr().out
    assert first.count("| noisy (1)") == 1
    assert "Chosen on dev: " in first
    assert "On test, " in first
    assert {"report.json", "report.md", "DONE"} <= {path.name for path in output.iterdir()}
    assert "Buzzes, not speech." in (output / "report.md").read_text()
    assert script.main(typed) == 0
    assert capsys.readouterr().out == f"nothing to do: this sweep is already finished\n{first}"


def test_the_command_answers_a_fault_with_its_exit_code(
    sweep: Any, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = [str(corpus), "--model", str(tmp_path), "-o", str(tmp_path / "sweep")]
    assert sweep("mix_back_sweep").main(typed) == NoInput.exit_code
    assert "no trained model" in capsys.readouterr().err


@pytest.fixture(scope="module")
def breath(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A manifest of recordings with two cycles each, and an untrained classifier."""
    import torch

    from merit_cli.models.breath import BreathCnnConfig
    from merit_cli.workflows.classify_breath.model_folder import BreathModel, BreathModelCard, save_model

    folder, lines = tmp_path_factory.mktemp("sweep_breath"), []
    for split in ("dev", "test"):
        for number in range(4):
            path = folder / f"{split}{number}.wav"
            soundfile.write(path, tone(number, "low"), RATE)
            for cycle, label in enumerate(("normal", "wheeze")):
                item = f"{split}{number}__c{cycle}"
                labels = {"breath": label}
                lines.append(Utterance(item, path, RATE, 4000, 4000 * cycle, f"{split}-{number}", split, labels))
    write_manifest(folder / "manifest.jsonl", lines)
    config = BreathCnnConfig()
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = config.build(4).eval()
    card = BreathModelCard(
        classes=("normal", "crackle", "wheeze", "both"),
        model=config,
        fade=0.05,
        window=4.0,
        min_swing_db=0.0,
        min_probability=0.0,
        best_epoch=1,
        dev_score=0.5,
        corpus="tones",
        synthetic=True,
        train_patients=("somebody",),
    )
    save_model(folder / "breath", BreathModel(network, card))
    return folder / "manifest.jsonl", folder / "breath"


def test_cycles_are_those_of_classify_breath_behind_an_enhancer(
    sweep: Any, breath: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from merit_cli.workflows.classify_breath.answers import answer_clips, cut_settings
    from merit_cli.workflows.classify_breath.cycles import CutJob, cut_recording
    from merit_cli.workflows.classify_breath.model_folder import load_model

    manifest, model_folder = breath
    listeners, clips = sweep("sweeping.listeners"), []
    monkeypatch.setattr(listeners, "answer_clips", lambda model, cut: (clips.append(cut), answer_clips(model, cut))[1])
    recipe, model = recipe_of(sweep, name="mix_back_sweep_breath"), load_model(model_folder)
    cycles = tuple(one for one in read_manifest(manifest) if one.audio.stem == "dev0")
    said = listeners.hear_item(listeners.ItemJob(cycles, recipe.ratios, recipe, model_folder))
    for ratio, ours in zip(recipe.ratios, clips, strict=True):
        config = None if ratio == 1.0 else enhancer_config({"name": "mmse-lsa", "mix_back": ratio})
        theirs = cut_recording(CutJob(cycles[0].audio, cycles, cut_settings(model, config)))
        for our, their in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(our.samples_N, their.samples_N)
        assert said[ratio] == {one.clip.utterance.id: one.predicted for one in answer_clips(model, theirs)}


def test_a_breath_sweep_chooses_by_icbhi_score_over_patients(
    sweep: Any, breath: tuple[Path, Path], tmp_path: Path
) -> None:
    recipe = recipe_of(sweep, name="mix_back_sweep_breath")
    run_sweep = sweep("sweeping.sweep").run_sweep
    summary = run_sweep(recipe, [breath[0]], breath[1], output=tmp_path / "sweep", machine=Machine())[1]
    assert set(summary.dev) == {"0", "0.3", "0.7", "1"}
    assert "8 utterances, 4 speakers" in summary.sentences[1]
    assert "icbhi_score" in (tmp_path / "sweep" / "report.md").read_text()


def test_a_classifier_that_was_trained_on_a_patient_of_dev_is_refused(
    sweep: Any, breath: tuple[Path, Path], tmp_path: Path
) -> None:
    shutil.copytree(breath[1], tmp_path / "breath")
    card = tmp_path / "breath" / "model" / "model.yaml"
    card.write_text(card.read_text().replace("somebody", "dev-1"))
    recipe = recipe_of(sweep, name="mix_back_sweep_breath")
    with pytest.raises(CheckFailed, match="trained on 1 of the speakers: dev-1"):
        sweep("sweeping.sweep").run_sweep(
            recipe, [breath[0]], tmp_path / "breath", output=tmp_path / "sweep", machine=Machine()
        )


@pytest.mark.parametrize(
    ("chosen", "helps", "advice"),
    [
        (0.3, "ahead", "merit enhance mix --enhancer gtcrn --mix-back 0.3"),
        (0.0, "ahead", "merit enhance mix --enhancer gtcrn"),
        (0.3, "not distinguishable", "leave mmse-lsa out: against noisy, mix-back 0.3 is not distinguishable"),
        (1.0, "", "leave mmse-lsa out: dev chose noisy"),
    ],
)
def test_the_enhancer_is_advised_only_where_test_says_that_it_helps(
    sweep: Any,
    corpus: Path,
    listener: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    chosen: float,
    helps: str,
    advice: str,
) -> None:
    summary = replace(run(sweep, corpus, listener, tmp_path / "sweep"), chosen=chosen, helps=helps)
    script = sweep("mix_back_sweep")
    typed = script.parse(["mix", "-m", "ser", "-e", "gtcrn", "-o", str(tmp_path / "sweep")])
    script.show(recipe_of(sweep), summary, typed)
    assert capsys.readouterr().out.splitlines()[-1] == f"next:   {advice}"
