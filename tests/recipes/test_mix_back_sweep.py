"""The sweep over mix-back ratios: what it hears is what `--mix-back` writes, dev alone chooses, test is heard once."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from merit_cli.config.load import load_recipe
from merit_cli.enhancers.select import enhancer_config
from merit_cli.io.audio_file import read_audio
from merit_cli.manifests.inputs import read_inputs
from merit_cli.manifests.read_write import read_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.metrics.emotion import MACRO_F1
from merit_cli.metrics.statistics import score_interval
from merit_cli.workers import Machine

RATE = 16000
RATIOS = "ratios=[0, 0.3, 0.7, 1]"


def test_both_recipes_load_and_try_every_tenth(sweep: Any) -> None:
    schema = sweep("sweeping.recipe").SweepRecipe
    found = {path.stem: load_recipe(schema, path) for path in sweep.folder.glob("*.yaml")}
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
    recipe = sweep.recipe(f"enhancer={enhancer}")
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

    summary = sweep.run(corpus, listener, tmp_path / "sweep")
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
    summary = sweep.run(corpus, listener, tmp_path / "sweep")
    assert summary.dev[f"{summary.chosen:g}"] == max(summary.dev.values())
    assert len(summary.dev) == 4


def test_labels_of_test_do_not_change_the_choice(sweep: Any, corpus: Path, listener: Path, tmp_path: Path) -> None:
    def flipped(one: Utterance) -> Utterance:
        other = {"low": "high", "high": "low"}[str(one.labels["emotion"])]
        return replace(one, labels={"emotion": other}) if one.split == "test" else one

    first = sweep.run(corpus, listener, tmp_path / "first")
    second = sweep.run(sweep.rewritten(corpus, tmp_path, flipped), listener, tmp_path / "second")
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
    summary = sweep.run(corpus, listener, tmp_path / "sweep")
    assert [job.utterances[0].split for job in jobs] == ["dev"] * 8 + ["test"] * 8
    assert {job.ratios for job in jobs[8:]} == {tuple(sorted({0.0, summary.chosen, 1.0}))}


def test_ratios_that_are_done_are_not_heard_again(
    sweep: Any, corpus: Path, listener: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sweep.run(corpus, listener, tmp_path / "sweep")
    ledger = tmp_path / "sweep" / "ledger.jsonl"
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    kept = [one for one in lines if one["id"] not in ("dev3@0.7", "test0@0")]
    ledger.write_text("".join(json.dumps(one) + "\n" for one in kept))
    (tmp_path / "sweep" / "DONE").unlink()
    hearing, jobs = sweep("sweeping.hearing"), []
    true_hear = hearing.hear_item
    monkeypatch.setattr(hearing, "hear_item", lambda job: (jobs.append((job.item, job.ratios)), true_hear(job))[1])
    again = sweep.run(corpus, listener, tmp_path / "sweep")
    assert jobs == [("dev3", (0.7,)), ("test0", (0.0,))]
    assert again == whole


@pytest.mark.slow  # two processes import torch
def test_workers_change_nothing(sweep: Any, corpus: Path, listener: Path, tmp_path: Path) -> None:
    one, two = (sweep.run(corpus, listener, tmp_path / f"{n}", workers=n) for n in (1, 2))
    assert (one.dev, one.test, one.sentences) == (two.dev, two.test, two.sentences)


def test_a_file_that_is_gone_costs_itself_only(sweep: Any, corpus: Path, listener: Path, tmp_path: Path) -> None:
    def one_gone(one: Utterance) -> Utterance:
        return replace(one, audio=tmp_path / "gone.flac") if one.id == "dev2" else one

    summary = sweep.run(sweep.rewritten(corpus, tmp_path, one_gone), listener, tmp_path / "sweep")
    assert summary.failed == 4  # one item at four ratios
    assert "(7/8)" in (tmp_path / "sweep" / "report.md").read_text()


def test_a_file_that_came_back_is_heard_on_request(sweep: Any, corpus: Path, listener: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.flac"
    manifest = sweep.rewritten(corpus, tmp_path, lambda one: replace(one, audio=moved) if one.id == "test2" else one)
    first = sweep.run(manifest, listener, tmp_path / "sweep")
    shutil.copy(read_manifest(corpus)[0].audio.with_name("test2.flac"), moved)
    same = sweep.run(manifest, listener, tmp_path / "sweep")
    again = sweep.run(manifest, listener, tmp_path / "sweep", retry_failed=True)
    assert (first.failed, same.failed, again.failed) == (len(first.test), len(first.test), 0)


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
    summary = replace(sweep.run(corpus, listener, tmp_path / "sweep"), chosen=chosen, helps=helps)
    script = sweep("mix_back_sweep")
    typed = script.parse(["mix", "-m", "ser", "-e", "gtcrn", "-o", str(tmp_path / "sweep")])
    script.show(sweep.recipe(), summary, typed)
    assert capsys.readouterr().out.splitlines()[-1] == f"next:   {advice}"
