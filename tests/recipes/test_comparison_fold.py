"""One fold of a comparison from training to the page, on noise bursts, without pretrained weights."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from merit_cli.io.audio_file import read_audio, write_audio
from merit_cli.manifests.predictions import read_predictions
from merit_cli.manifests.read_write import Card, read_manifest, write_card, write_manifest
from merit_cli.manifests.utterance import Mixture, Utterance
from merit_cli.workers import Machine

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
FOLDER = RECIPES / "comparison"
OVERRIDES = ("backbone=log-mel", "epochs=1", "batch_size=4", "model.trunk_width=16", "model.blstm_hidden=8")
SPLITS = {"m1": "test", "m2": "dev", "m3": "train", "m4": "train"}
EMOTIONS = ("angry", "happy", "neutral")


def write_material(folder: Path) -> Path:
    """Three emotions by speaker, half a second each, at -5 dB in rain (stationary)."""
    lines = []
    for speaker, split in SPLITS.items():
        for number, emotion in enumerate(EMOTIONS):
            item = f"{speaker}__{emotion}__v0"
            generator = np.random.default_rng([number, int(speaker[1])])
            clean = 0.1 * np.sin(np.arange(8000) * 0.05 * (number + 1)) * np.hanning(8000)
            paths = {part: folder / part / f"{item}.flac" for part in ("noisy", "clean")}
            write_audio(paths["clean"], clean, 16000)
            write_audio(paths["noisy"], clean + 0.1 * generator.standard_normal(8000), 16000)
            mixture = Mixture(
                f"{speaker}{emotion}", f"rain-{split}", "rain", -5.0, -5.0, "p56", 0, 0, 1.0, 1.0, 0, {"rms": -6.0}
            )
            lines.append(
                Utterance(
                    item,
                    paths["noisy"],
                    16000,
                    8000,
                    speaker=speaker,
                    split=split,
                    labels={"emotion": emotion},
                    clean=paths["clean"],
                    mixture=mixture,
                )
            )
    write_card(folder, Card(name="bursts"))
    write_manifest(folder / "manifest.jsonl", lines)
    return folder / "manifest.jsonl"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The modules, the study and the job of a fold that has been run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        fold, study_module = importlib.import_module("fold"), importlib.import_module("study")

        def small(study: Any, name: str, seed: int) -> Any:
            path = study.folder / "train" / f"{name}.yaml"
            return study_module.load_recipe(
                study_module.TrainRecipe, path, flags={"seed": seed}, overrides=(*OVERRIDES, "optimiser.warmup_steps=1")
            )

        patch.setattr(fold, "train_recipe", small)
        study = study_module.load_study(RECIPES / "ravdess")
        wanted = ("se+ser (enhanced)", "se+ser (mix-back)", "se", "sparse-merit")
        systems = tuple(system for system in study.systems if system.name in wanted)
        study = study.model_copy(
            update={"systems": systems, "baselines": wanted[:2], "controls": (wanted[0],), "folds": 1, "seeds": (1,)}
        )
        folder = tmp_path_factory.mktemp("fold1")
        job = fold.FoldJob(study, write_material(folder), 1, folder / "seed1")
        fold.run_fold(job)
        yield fold, study, job


def test_every_dev_and_test_utterance_is_answered_by_every_classifier(done: Any) -> None:
    fold, study, job = done
    for system in study.systems:
        path = fold.answers_folder(job.output, system) / "predictions.jsonl"
        assert path.exists() == (system.train != "se")
        if path.exists():
            assert sorted(one.split for one in read_predictions(path)) == ["dev"] * 3 + ["test"] * 3


def test_enhancing_systems_leave_the_test_audio_at_its_length(done: Any) -> None:
    fold, study, job = done
    enhancing = [system for system in study.systems if system.train != "ser"]
    assert len(enhancing) == 2
    for system in enhancing:
        lines = read_manifest(fold.answers_folder(job.output, system) / "manifest.jsonl")
        assert [one.num_samples for one in lines] == [8000] * 3
        assert {one.split for one in lines} == {"test"}


def test_the_classifier_behind_the_enhancer_learned_from_enhanced_audio(done: Any) -> None:
    _, _, job = done
    enhanced = read_manifest(job.output / "enhanced" / "se" / "manifest.jsonl")
    assert {one.enhancer for one in enhanced} == {"from-checkpoint"}
    assert (job.output / "runs" / "ser-on-se" / "DONE").exists()


def test_the_mixed_back_signal_lies_between_the_enhanced_and_the_noisy_one(done: Any) -> None:
    _, _, job = done
    whole = {one.id: one for one in read_manifest(job.output / "enhanced" / "se" / "manifest.jsonl")}
    mixed = read_manifest(job.output / "enhanced" / "se-0.3" / "manifest.jsonl")
    assert {one.split for one in mixed} == {"dev", "test"}
    for one in mixed:
        assert one.noisy is not None
        enhanced, noisy = (read_audio(path).samples for path in (whole[one.id].audio, one.noisy))
        np.testing.assert_allclose(read_audio(one.audio).samples, 0.7 * enhanced + 0.3 * noisy, atol=1e-4)


def test_only_features_of_the_noisy_mixtures_are_left_for_other_seeds(done: Any) -> None:
    assert done[2].noisy_cache == done[2].manifest.parent / "features"
    assert not (done[2].output / "features").exists()


def test_later_seeds_leave_no_audio(done: Any, tmp_path: Path) -> None:
    fold, study, job = done
    later = replace(job, output=tmp_path / "seed2", seed=2, writes_audio=False)
    study = study.model_copy(update={"systems": study.systems[-1:], "baselines": (), "controls": ()})
    fold.run_fold(replace(later, study=study))
    assert read_predictions(fold.answers_folder(later.output, study.systems[0]) / "predictions.jsonl")
    assert not list(later.output.rglob("*.flac"))


def test_a_finished_fold_is_left_alone(done: Any) -> None:
    fold, _, job = done
    before = {path: path.stat().st_mtime_ns for path in job.output.rglob("*") if path.is_file()}
    fold.run_fold(job)
    assert before == {path: path.stat().st_mtime_ns for path in job.output.rglob("*") if path.is_file()}


def test_the_answers_make_an_enhancement_table_with_every_baseline_row(
    done: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, study, job = done
    monkeypatch.syspath_prepend(str(FOLDER))
    scores, tables = importlib.import_module("scores"), importlib.import_module("tables")
    folders = {(1, 1): job.output}
    answers = scores.read_answers(study, {1: job.manifest}, folders)
    (table,) = tables.enhancement_tables(study, answers, folders, tmp_path, Machine())
    rows = [row[1] for row in table.rows]
    assert rows == ["noisy", "all-zero", "best constant gain", "spectral gate", "se", "sparse-merit"]
    assert "stationary" in table.title


def test_the_routers_of_the_run_are_tabled_by_task(done: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, study, job = done
    monkeypatch.syspath_prepend(str(FOLDER))
    table = importlib.import_module("tables").routing_table(study, {(1, 1): job.output})
    assert [row[2] for row in table.rows] == ["enhancement", "emotion"]
    assert all(float(row[4]) > 0.0 for row in table.rows)
