"""What a sweep over mix-back ratios refuses, before anything is written."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from merit_cli.errors import CheckFailed, MeritError, NoInput, UsageError
from merit_cli.manifests.read_write import Card
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine


def test_a_speaker_of_both_splits_is_refused_whatever_the_card_says(
    sweep: Any, corpus: Path, listener: Path, tmp_path: Path
) -> None:
    def shared(one: Utterance) -> Utterance:
        return replace(one, speaker="ann") if one.id in ("dev0", "test0") else one

    manifest = sweep.rewritten(corpus, tmp_path, shared, Card(name="shared", shared_groups=("speaker",)))
    with pytest.raises(CheckFailed, match="speaker values stand in more than one split: ann"):
        sweep.run(manifest, listener, tmp_path / "sweep")
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
        sweep.run(corpus, listener, tmp_path / "sweep", override)
    assert kind is not NoInput or caught.value.hint
    assert not (tmp_path / "sweep").exists()


def test_labels_that_the_model_does_not_know_are_refused(
    sweep: Any, corpus: Path, listener: Path, tmp_path: Path
) -> None:
    manifest = sweep.rewritten(corpus, tmp_path, lambda one: replace(one, labels={"emotion": "calm"}))
    with pytest.raises(NoInput, match="a label that the model knows") as caught:
        sweep.run(manifest, listener, tmp_path / "sweep")
    assert "high, low" in caught.value.hint


def test_another_grid_needs_another_folder(sweep: Any, corpus: Path, listener: Path, tmp_path: Path) -> None:
    sweep.run(corpus, listener, tmp_path / "sweep")
    with pytest.raises(UsageError, match="these differ: ratios"):
        sweep.run(corpus, listener, tmp_path / "sweep", "ratios=[0, 1]")


def test_the_command_answers_a_fault_with_its_exit_code(
    sweep: Any, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = [str(corpus), "--model", str(tmp_path), "-o", str(tmp_path / "sweep")]
    assert sweep("mix_back_sweep").main(typed) == NoInput.exit_code
    assert "no trained model" in capsys.readouterr().err


def test_a_classifier_that_was_trained_on_a_patient_of_dev_is_refused(
    sweep: Any, breath: tuple[Path, Path], tmp_path: Path
) -> None:
    shutil.copytree(breath[1], tmp_path / "breath")
    card = tmp_path / "breath" / "model" / "model.yaml"
    card.write_text(card.read_text().replace("somebody", "dev-1"))
    recipe = sweep.recipe(name="mix_back_sweep_breath")
    with pytest.raises(CheckFailed, match="trained on 1 of the speakers: dev-1"):
        sweep("sweeping.sweep").run_sweep(
            recipe, [breath[0]], tmp_path / "breath", output=tmp_path / "sweep", machine=Machine()
        )


def test_a_model_of_the_other_task_is_refused(
    sweep: Any, breath: tuple[Path, Path], listener: Path, tmp_path: Path
) -> None:
    listeners = sweep("sweeping.listeners")
    with pytest.raises(NoInput, match="no trained model"):
        listeners.open_listener(sweep.recipe(), breath[1])
    with pytest.raises(NoInput, match="no breath model"):
        listeners.open_listener(sweep.recipe(name="mix_back_sweep_breath"), listener)
