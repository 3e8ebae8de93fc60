"""Whole runs on voice and words: a tiny WavLM and a tiny RoBERTa with random weights, tones, and words that name them.

The encoders know nothing, so scores show that the code runs. In `SPOKEN` the class is in the words alone: every
utterance has the same audio.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from merit_cli.backbones.model_folder import load_model
from merit_cli.carriers import ATTRIBUTES
from merit_cli.config.load import load_recipe
from merit_cli.data.text_cache import TextFeatureCache
from merit_cli.errors import BadData, Preempted, Unavailable, UsageError
from merit_cli.io.audio_file import read_audio
from merit_cli.io.jsonl import read_lines
from merit_cli.manifests.read_write import Card, write_card, write_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.training.brain import MeritBrain
from merit_cli.workers import Machine
from merit_cli.workflows.evaluate.inputs import read_material
from merit_cli.workflows.evaluate.run import EvaluateRecipe, run_evaluate
from merit_cli.workflows.predict import predict_run
from merit_cli.workflows.train import TrainRecipe, TrainSummary, run_train

SPOKEN = {"low": "the dogs are sitting", "high": "kids by the door"}
WITHOUT_WORDS = ("train03", "dev01")
SCALE = (1.0, 7.0)


@pytest.fixture
def tiny(tiny_roberta: Path, tiny_wavlm: Path) -> dict[str, Any]:
    return {
        "name": "tiny",
        "model": {"name": "fusion", "trunk_blocks": None, "ser_hidden": 16, "ser_dropout": 0.1},
        "backbone": {"name": "huggingface", "path": str(tiny_wavlm)},
        "text": {"path": str(tiny_roberta)},
        "optimiser": {"learning_rate": 3e-3, "backbone_learning_rate": 1e-4, "text_learning_rate": 1e-4},
        "epochs": 2,
        "batch_size": 4,
    }


def with_words(utterances: Sequence[Utterance], *, bare: Sequence[str] = WITHOUT_WORDS) -> list[Utterance]:
    """Each with the words of its class and, by its number, ratings; some without words."""
    lines = []
    for one in utterances:
        words = "" if one.id in bare else SPOKEN[str(one.labels["emotion"])]
        ratings = {name: 2.0 + (int(one.id[-2:]) * (place + 1)) % 5 for place, name in enumerate(ATTRIBUTES)}
        source = "human" if words else ""
        lines.append(
            replace(one, transcript=words, transcript_source=source, labels={**one.labels, **ratings}),
        )
    return lines


def write_corpus(folder: Path, lines: Sequence[Utterance]) -> Path:
    folder.mkdir()
    write_manifest(folder / "manifest.jsonl", lines)
    write_card(folder, Card(name="tones", synthetic=True, attribute_scale=SCALE))
    return folder / "manifest.jsonl"


@pytest.fixture
def corpus(noisy_utterances: list[Utterance], tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus", with_words(noisy_utterances))


def train(tiny: dict[str, Any], corpus: Path, run: Path, **changes: Any) -> TrainSummary:
    recipe = load_recipe(TrainRecipe, flags={**tiny, **changes})
    return run_train(recipe, corpus, output=run, machine=Machine(), cache_dir=run.parent / "cache")[1]


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "model.safetensors")


def losses(run: Path) -> list[float]:
    return [line["dev"]["loss"] for _, line in read_lines(run / "metrics.jsonl") if line["kind"] == "epoch"]


@pytest.mark.parametrize("fusion", ["concatenation", "gated"])
def test_a_class_that_is_in_the_words_alone_is_learned(
    tiny: dict[str, Any], noisy_utterances: list[Utterance], tmp_path: Path, fusion: str
) -> None:
    sound = noisy_utterances[0]
    alike = [
        replace(one, audio=sound.audio, clean=None, mixture=None, num_samples=sound.num_samples)
        for one in with_words(noisy_utterances, bare=())
    ]
    corpus = write_corpus(tmp_path / "corpus", alike)
    summary = train(tiny, corpus, tmp_path / "run", model={**tiny["model"], "fusion": fusion}, epochs=20)
    assert summary.metrics["macro_f1"] == 1.0
    model, audio = load_model(tmp_path / "run"), read_audio(sound.audio).samples
    said = {label: model.run(audio, words).probability_C for label, words in SPOKEN.items()}
    assert {label: model.labels[int(np.argmax(p))] for label, p in said.items() if p is not None} == {
        "low": "low",
        "high": "high",
    }


def test_only_the_head_learns_from_kept_features_and_the_text_encoder_is_asked_once(
    tiny: dict[str, Any], corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    make = TextFeatureCache._make

    def counted(self: TextFeatureCache, transcript: str, path: Path) -> Any:
        asked.append(transcript)
        return make(self, transcript, path)

    monkeypatch.setattr(TextFeatureCache, "_make", counted)
    train(tiny, corpus, tmp_path / "run")
    train(tiny, corpus, tmp_path / "again")
    assert sorted(asked) == sorted(SPOKEN.values())
    start, end = load_file(Path(tiny["text"]["path"]) / "model.safetensors"), weights(tmp_path / "run")
    assert all(end[f"text.encoder.{name}"].equal(value) for name, value in start.items())


def test_kept_features_and_those_made_at_every_step_train_alike(
    tiny: dict[str, Any], corpus: Path, tmp_path: Path
) -> None:
    train(tiny, corpus, tmp_path / "kept")
    train(tiny, corpus, tmp_path / "made", data={"cache_features": "never"})
    assert losses(tmp_path / "made") == pytest.approx(losses(tmp_path / "kept"), rel=1e-3)


def test_joint_training_changes_both_encoders(tiny: dict[str, Any], corpus: Path, tmp_path: Path) -> None:
    changes = {part: {**tiny[part], "trainable": True} for part in ("backbone", "text")}
    train(tiny, corpus, tmp_path / "run", **changes)
    end = weights(tmp_path / "run")
    for part, folder in (("text", tiny["text"]["path"]), ("backbone", tiny["backbone"]["path"])):
        start = load_file(Path(folder) / "model.safetensors")
        moved = [name for name, one in start.items() if not end[f"{part}.encoder.{name}"].equal(one)]
        layers = {name.split("layers.")[-1].split("layer.")[-1][0] for name in moved if ".layer" in name}
        assert {"0", "1"} <= layers
    assert not (tmp_path / "cache").exists()


def test_utterances_without_words_are_said_and_heard_by_the_voice(
    tiny: dict[str, Any], corpus: Path, noisy_utterances: list[Utterance], tmp_path: Path
) -> None:
    summary = train(tiny, corpus, tmp_path / "run")
    assert "2 of 16 utterances have no transcript and are heard by the voice alone." in summary.notes
    test = [one for one in with_words(noisy_utterances, bare=["test01"]) if one.split == "test"]
    result = predict_run(tmp_path / "run", test, output=tmp_path / "said", machine=Machine())
    assert result.word_notes == ("1 of 4 utterances have no transcript: heard by the voice alone.",)
    model = load_model(tmp_path / "run")
    for one, said in zip(test, result.predictions, strict=True):
        expected = model.run(read_audio(one.audio).samples, one.transcript).probability_C
        assert expected is not None
        assert list(said.probabilities.values()) == pytest.approx(expected.tolist(), abs=1e-5)
    spoken, silent = (model.run(read_audio(test[0].audio).samples, words).probability_C for words in ("kids", ""))
    assert not np.allclose(spoken, silent)  # type: ignore[arg-type]


def test_other_sources_of_transcripts_are_said_in_training_and_in_the_report(
    tiny: dict[str, Any], noisy_utterances: list[Utterance], tmp_path: Path
) -> None:
    lines = [
        replace(one, transcript_source="whisper") if one.split == "test" else one
        for one in with_words(noisy_utterances, bare=())
    ]
    corpus = write_corpus(tmp_path / "corpus", lines)
    summary = train(tiny, corpus, tmp_path / "run")
    assert summary.notes == ("TRANSCRIPTS DIFFER: dev human; test whisper; train human.",)
    run_evaluate(EvaluateRecipe(), read_material(tmp_path / "run"), output=tmp_path / "report", machine=Machine())
    page = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert "TRANSCRIPTS DIFFER: the model learnt from human, here they are whisper." in page


def test_a_stopped_run_goes_on_to_the_bit(
    tiny: dict[str, Any], corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    joint = {part: {**tiny[part], "trainable": True} for part in ("backbone", "text")}
    train(tiny, corpus, tmp_path / "whole", **joint)
    step = MeritBrain.fit_batch

    def stopped(self: MeritBrain, batch: Any) -> Any:
        self.stop.wanted = self.optimizer_step == 3  # in the second of two epochs of three steps
        return step(self, batch)

    monkeypatch.setattr(MeritBrain, "fit_batch", stopped)
    with pytest.raises(Preempted):
        train(tiny, corpus, tmp_path / "run", **joint)
    monkeypatch.setattr(MeritBrain, "fit_batch", step)
    assert not (tmp_path / "run" / "DONE").exists()
    train(tiny, corpus, tmp_path / "run", **joint)
    whole, resumed = weights(tmp_path / "whole"), weights(tmp_path / "run")
    assert all(resumed[name].equal(whole[name]) for name in whole)
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == (tmp_path / "whole" / "metrics.jsonl").read_bytes()


def test_encoders_that_were_tuned_apart_are_fused_and_stay_as_they_are(
    tiny: dict[str, Any], corpus: Path, tmp_path: Path
) -> None:
    tuned = {part: {**tiny[part], "trainable": True} for part in ("backbone", "text")}
    voice = {"name": "ser", "trunk_blocks": None, "ser_hidden": 16}
    train(tiny, corpus, tmp_path / "voice", model=voice, text=None, backbone=tuned["backbone"])
    words = {"name": "ser-text", "ser_hidden": 16}
    train(tiny, corpus, tmp_path / "words", model=words, text=tuned["text"], backbone={"name": "log-mel"})
    train(tiny, corpus, tmp_path / "run", init_from=[str(tmp_path / "voice"), str(tmp_path / "words")])
    fused = weights(tmp_path / "run")
    for part, run, folder in (
        ("backbone", "voice", tiny["backbone"]["path"]),
        ("text", "words", tiny["text"]["path"]),
    ):
        before = {name: one for name, one in weights(tmp_path / run).items() if name.startswith(f"{part}.")}
        assert all(fused[name].equal(one) for name, one in before.items())
        start = load_file(Path(folder) / "model.safetensors")
        assert any(not fused[f"{part}.encoder.{name}"].equal(one) for name, one in start.items())
    card = (tmp_path / "run" / "model" / "README.md").read_text(encoding="utf-8")
    assert "begun anew: model.frames.fusion" in card
    with pytest.raises(UsageError, match="has no weight that fits"):
        train(tiny, corpus, tmp_path / "other", init_from=[str(tmp_path / "words")], model=voice, text=None)


def test_the_words_alone_tell_a_class_and_without_words_nothing_is_told(
    tiny: dict[str, Any], corpus: Path, noisy_utterances: list[Utterance], tmp_path: Path
) -> None:
    model = {"name": "ser-text", "ser_hidden": 16, "ser_dropout": 0.0}
    train(tiny, corpus, tmp_path / "run", model=model, backbone={"name": "log-mel"}, epochs=20)
    test = [one for one in with_words(noisy_utterances, bare=["test00", "test01"]) if one.split == "test"]
    said = predict_run(tmp_path / "run", test, output=tmp_path / "said", machine=Machine()).predictions
    assert [one.predicted == one.label for one in said[2:]] == [True, True]
    assert said[0].probabilities == said[1].probabilities


def test_ratings_are_learned_from_voice_and_words(
    tiny: dict[str, Any], corpus: Path, noisy_utterances: list[Utterance], tmp_path: Path
) -> None:
    model = {**tiny["model"], "name": "fusion-attributes"}
    summary = train(tiny, corpus, tmp_path / "run", model=model, batch_size=16)
    assert {f"ccc_{name}" for name in ATTRIBUTES} <= set(summary.metrics)
    lines = with_words(noisy_utterances)[:2]
    said = predict_run(tmp_path / "run", lines, output=tmp_path / "said", machine=Machine()).predictions
    assert all(SCALE[0] <= value <= SCALE[1] for one in said for value in one.attributes.values())


def test_a_corpus_without_words_is_refused(
    tiny: dict[str, Any], noisy_utterances: list[Utterance], tmp_path: Path
) -> None:
    corpus = write_corpus(tmp_path / "corpus", [replace(one, labels=one.labels) for one in noisy_utterances])
    with pytest.raises(BadData, match="no training utterance has a transcript") as error:
        train(tiny, corpus, tmp_path / "run")
    assert "--model ser" in error.value.hint
    assert not (tmp_path / "run").exists()


def test_a_text_encoder_that_is_not_there_is_refused(tiny: dict[str, Any], corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="text encoder is not on this machine"):
        train(tiny, corpus, tmp_path / "run", text={"path": str(tmp_path)})


def test_words_and_a_model_that_reads_go_together(tiny: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"reads transcripts: set text\.path"):
        load_recipe(TrainRecipe, flags={**tiny, "text": None})
    with pytest.raises(UsageError, match="does not read: leave text out"):
        load_recipe(TrainRecipe, flags={**tiny, "model": {"name": "ser"}})
