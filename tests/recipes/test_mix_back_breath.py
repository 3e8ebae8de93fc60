"""The sweep over mix-back ratios with a breath classifier that listens."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from merit_cli.enhancers.select import enhancer_config
from merit_cli.manifests.read_write import read_manifest
from merit_cli.workers import Machine


def test_cycles_are_those_of_classify_breath_behind_an_enhancer(
    sweep: Any, breath: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from merit_cli.workflows.classify_breath.answers import answer_clips, cut_settings
    from merit_cli.workflows.classify_breath.cycles import CutJob, cut_recording
    from merit_cli.workflows.classify_breath.model_folder import load_model

    manifest, model_folder = breath
    listeners, clips = sweep("sweeping.listeners"), []
    monkeypatch.setattr(listeners, "answer_clips", lambda model, cut: (clips.append(cut), answer_clips(model, cut))[1])
    recipe, model = sweep.recipe(name="mix_back_sweep_breath"), load_model(model_folder)
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
    recipe = sweep.recipe(name="mix_back_sweep_breath")
    run_sweep = sweep("sweeping.sweep").run_sweep
    summary = run_sweep(recipe, [breath[0]], breath[1], output=tmp_path / "sweep", machine=Machine())[1]
    assert set(summary.dev) == {"0", "0.3", "0.7", "1"}
    assert "8 utterances, 4 speakers" in summary.sentences[1]
    assert "icbhi_score" in (tmp_path / "sweep" / "report.md").read_text()
