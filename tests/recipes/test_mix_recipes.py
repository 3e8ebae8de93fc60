import os
from pathlib import Path

import pytest

from merit_cli.assets import bundled_recipes
from merit_cli.config.load import load_recipe
from merit_cli.manifests.read_write import read_manifest
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.workers import Machine
from merit_cli.workflows.mix import plan_mix, run_mix
from merit_cli.workflows.prepare import run_prepare

RECIPES = bundled_recipes("mix")


def test_there_are_mix_recipes() -> None:
    assert {path.stem for path in RECIPES} >= {
        "sparse_merit",
        "sparse_merit_p56",
        "respiratory",
        "respiratory_faithful",
    }


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_loads(path: Path) -> None:
    assert load_recipe(MixRecipe, path).name.replace("-", "_") == path.stem


def mixed(tmp_path: Path, corpus: str, raw: str, recipe: str) -> list[tuple[str, str, float, str]]:
    """Split, noise set, ratio and noise id of every mixture of a protocol on real data."""
    shared = os.environ.get("MERIT_SHARED_DATA")
    if not shared:
        pytest.skip("MERIT_SHARED_DATA is not set")
    speech = run_prepare(corpus, Path(shared) / raw, output=tmp_path / "speech", machine=Machine()).manifest
    (path,) = (path for path in RECIPES if path.stem == recipe)
    plan = plan_mix(load_recipe(MixRecipe, path), [speech], [Path(shared) / "esc10"], machine=Machine())
    run, summary = run_mix(plan, output=tmp_path / "o", machine=Machine(workers=2))
    assert summary.failed == 0
    assert summary.worst_snr_error_db < 0.05
    lines = read_manifest(run.path / "manifest.jsonl")
    assert len(lines) + summary.skipped == plan.mixtures.num_mixtures
    return [
        (one.split, one.mixture.noise_set, one.mixture.snr_db, one.mixture.noise_id) for one in lines if one.mixture
    ]


def files_of(rows: list[tuple[str, str, float, str]], split: str) -> set[str]:
    return {noise for where, _, _, noise in rows if where == split}


@pytest.mark.shared
def test_the_sparse_merit_protocol_on_ravdess_and_esc10(tmp_path: Path) -> None:
    rows = mixed(tmp_path, "ravdess", "ravdess16k", "sparse_merit")
    assert {snr for split, _, snr, _ in rows if split == "train"} == {-5.0, 0.0, 5.0}
    assert {(name, snr) for split, name, snr, _ in rows if split == "test"} == {
        (name, snr) for name in ("matched", "unseen") for snr in (-5.0, 0.0, 5.0, 10.0)
    }
    assert not files_of(rows, "train") & files_of(rows, "test")
    classes = {name: {noise.split("__")[0] for _, which, _, noise in rows if which == name} for name in ("", "unseen")}
    assert len(classes["unseen"]) == 4
    assert not classes[""] & classes["unseen"]


@pytest.mark.shared
def test_the_respiratory_protocol_on_icbhi_and_esc10(tmp_path: Path) -> None:
    rows = mixed(tmp_path, "icbhi", "icbhi_sc_train", "respiratory")
    assert {snr for split, _, snr, _ in rows if split == "train"} == {0.0, 5.0, 10.0, 15.0}
    assert {snr for split, _, snr, _ in rows if split == "test"} == {2.5, 7.5, 12.5, 17.5}
    assert not files_of(rows, "train") & files_of(rows, "test")
