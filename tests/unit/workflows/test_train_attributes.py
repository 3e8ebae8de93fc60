"""Whole runs on arousal, valence and dominance, with ratings made by rule from the pitch of tones."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from merit_cli.backbones.model_folder import load_model, read_tasks
from merit_cli.carriers import ATTRIBUTES
from merit_cli.config.load import load_recipe
from merit_cli.errors import BadData, UsageError
from merit_cli.io.audio_file import read_audio
from merit_cli.io.jsonl import read_lines
from merit_cli.manifests.predictions import Prediction
from merit_cli.manifests.read_write import Card, write_card, write_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.metrics.attributes import ccc, moment_sums
from merit_cli.training.selection import EpochScore, best_epoch, epochs_to_keep
from merit_cli.workers import Machine
from merit_cli.workflows.evaluate.inputs import read_material
from merit_cli.workflows.evaluate.run import EvaluateRecipe, run_evaluate
from merit_cli.workflows.predict import predict_run
from merit_cli.workflows.train import TrainRecipe, TrainSummary, run_train

TINY: dict[str, Any] = {
    "name": "tiny",
    "model": {"name": "ser-attributes", "trunk_width": 16, "trunk_expansion": 1, "trunk_blocks": 1, "ser_hidden": 64},
    "backbone": {"name": "log-mel", "num_mels": 16, "hop_length": 320},
    "optimiser": {"learning_rate": 3e-3},
    "epochs": 2,
    "batch_size": 16,
}
SCALE = (1.0, 7.0)


def rated(utterance: Utterance) -> Utterance:
    """Arousal by pitch class, valence by the number in the id, dominance against both."""
    number = int(utterance.id[-2:])
    high = utterance.labels["emotion"] == "high"
    ratings = {"arousal": 5.5 if high else 2.0, "valence": 1.5 + 0.4 * number, "dominance": 6.0 - 0.3 * number - high}
    return replace(utterance, labels={**utterance.labels, **ratings})


def write_corpus(folder: Path, lines: Sequence[Utterance], scale: tuple[float, float] | None = SCALE) -> Path:
    folder.mkdir()
    write_manifest(folder / "manifest.jsonl", lines)
    write_card(folder, Card(name="tones", synthetic=True, notes=("Ratings by rule.",), attribute_scale=scale))
    return folder / "manifest.jsonl"


@pytest.fixture(scope="module")
def lines(noisy_utterances: list[Utterance]) -> list[Utterance]:
    return [rated(one) for one in noisy_utterances]


@pytest.fixture(scope="module")
def corpus(lines: list[Utterance], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("rated") / "corpus", lines)


def train(corpus: Path, run: Path, **changes: Any) -> TrainSummary:
    return run_train(load_recipe(TrainRecipe, flags={**TINY, **changes}), corpus, output=run, machine=Machine())[1]


def predictions(run: Path, utterances: Sequence[Utterance], output: Path) -> list[Prediction]:
    return list(predict_run(run, utterances, output=output, machine=Machine()).predictions)


@pytest.fixture(scope="module")
def run(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rated_run") / "run"
    train(corpus, path)
    return path


def first_loss(run: Path) -> float:
    return next(float(line["loss"]["attributes"]) for _, line in read_lines(run / "metrics.jsonl"))


def test_a_run_learns_ratings_and_its_model_gives_them_in_the_corpus_scale(
    run: Path, lines: list[Utterance], tmp_path: Path
) -> None:
    assert read_tasks(run) == ("attributes",)
    model = load_model(run)
    said = predictions(run, lines, tmp_path)
    assert [one.id for one in said] == [one.id for one in lines]
    audio = read_audio(lines[0].audio).samples
    raw = model.run(audio).attributes_A
    assert raw is not None
    assert ((raw > 0.0) & (raw < 1.0)).any()
    assert list(said[0].attributes) == list(ATTRIBUTES)
    assert list(said[0].attributes.values()) == pytest.approx(np.clip(raw * 6.0 + 1.0, 1.0, 7.0).tolist(), abs=1e-5)
    assert (said[0].predicted, said[0].probabilities) == ("", {})


def test_the_dev_score_is_the_concordance_of_the_models_predictions(
    run: Path, lines: list[Utterance], tmp_path: Path
) -> None:
    dev = [one for one in lines if one.split == "dev"]
    said = predictions(run, dev, tmp_path)
    epochs = [line["dev"] for _, line in read_lines(run / "metrics.jsonl") if line["kind"] == "epoch"]
    best = max(epochs, key=lambda metrics: metrics["ccc"])
    for name in ATTRIBUTES:
        true, predicted = (
            np.array([float(one.labels[name]) for one in dev]),
            np.array([one.attributes[name] for one in said]),
        )
        expected = float(ccc(moment_sums(true, predicted, np.zeros(len(dev), dtype=np.int64), 1)[0]))
        assert best[f"ccc_{name}"] == pytest.approx(expected, abs=1e-4)
    assert best["ccc"] == pytest.approx(np.mean([best[f"ccc_{name}"] for name in ATTRIBUTES]), abs=1e-6)


def test_another_scale_of_the_same_ratings_changes_nothing_but_the_scale(
    run: Path, lines: list[Utterance], tmp_path: Path
) -> None:
    def on_percent(one: Utterance) -> Utterance:
        ratings = {name: (float(one.labels[name]) - 1.0) / 6.0 * 100.0 for name in ATTRIBUTES}
        return replace(one, labels={**one.labels, **ratings})

    other = tmp_path / "run"
    train(write_corpus(tmp_path / "percent", [on_percent(one) for one in lines], (0.0, 100.0)), other)
    pairs = zip(predictions(run, lines, tmp_path / "a"), predictions(other, lines, tmp_path / "b"), strict=True)
    for one, percent in pairs:
        back = [value / 100.0 * 6.0 + 1.0 for value in percent.attributes.values()]
        assert back == pytest.approx(list(one.attributes.values()), abs=1e-3)


def test_accumulated_batches_have_the_concordance_of_the_whole(corpus: Path, tmp_path: Path) -> None:
    model = {**TINY["model"], "ser_dropout": 0.0, "trunk_dropout": 0.0, "trunk_blocks": None}
    train(corpus, tmp_path / "whole", model=model, epochs=1, batch_size=12)
    train(corpus, tmp_path / "parts", model=model, epochs=1, batch_size=3, accumulation=4)
    assert first_loss(tmp_path / "parts") == pytest.approx(first_loss(tmp_path / "whole"), rel=1e-4)


def test_an_evaluation_of_the_run_scores_each_attribute_without_being_asked(run: Path, tmp_path: Path) -> None:
    material = read_material(run)
    _, summary = run_evaluate(EvaluateRecipe(), material, output=tmp_path / "report", machine=Machine())
    names = {f"{metric}_{name}" for metric in ("ccc", "rmse") for name in ATTRIBUTES}
    assert names <= set(summary.metrics)
    assert "macro_f1" not in summary.metrics
    assert 0.0 < summary.metrics["rmse_valence"]["mean"] < 6.0
    notes = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert "Ratings by rule." in notes


def test_a_long_signal_is_rated_by_the_mean_of_its_pieces(corpus: Path, lines: list[Utterance], tmp_path: Path) -> None:
    train(corpus, tmp_path / "run", epochs=1, data={"max_duration": 0.25, "level": "natural"})
    model = load_model(tmp_path / "run")
    signal = read_audio(lines[0].audio).samples[:6400]
    halves = [model.run(half).attributes_A for half in np.array_split(signal, 2)]
    whole = model.run(signal).attributes_A
    assert whole is not None
    assert whole == pytest.approx(np.mean([one for one in halves if one is not None], axis=0), abs=1e-6)


def test_utterances_without_ratings_and_small_steps_are_said(lines: list[Utterance], tmp_path: Path) -> None:
    some = [replace(one, labels={"emotion": "low"}) if one.id == "train03" else one for one in lines]
    summary = train(write_corpus(tmp_path / "corpus", some), tmp_path / "run", epochs=1, batch_size=6)
    assert any(note.startswith("1 of 16 utterances have no rating") for note in summary.notes)
    assert any(note.startswith("SMALL STEPS: a concordance over 6") for note in summary.notes)
    assert any(note.startswith("SYNTHETIC DATA") for note in summary.notes)


@pytest.mark.parametrize(
    ("scale", "rating", "words"),
    [
        (None, 4.0, "does not say the scale"),
        ((7.0, 1.0), 4.0, "does not say the scale"),
        (SCALE, 7.5, "1 utterances have a rating outside of 1 to 7"),
    ],
)
def test_ratings_without_their_scale_are_refused(
    lines: list[Utterance], tmp_path: Path, scale: tuple[float, float] | None, rating: float, words: str
) -> None:
    changed = [replace(lines[0], labels={**lines[0].labels, "valence": rating}), *lines[1:]]
    with pytest.raises(BadData, match=words) as error:
        train(write_corpus(tmp_path / "corpus", changed, scale), tmp_path / "run")
    assert "attribute_scale" in error.value.hint


def test_a_split_without_an_attribute_is_refused(lines: list[Utterance], tmp_path: Path) -> None:
    bare = [
        replace(one, labels={name: value for name, value in one.labels.items() if name != "dominance"})
        if one.split == "dev"
        else one
        for one in lines
    ]
    with pytest.raises(BadData, match="the dev split has fewer than two ratings of dominance"):
        train(write_corpus(tmp_path / "corpus", bare), tmp_path / "run")


def test_a_model_folder_that_lost_its_scale_is_refused(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for path in (run / "model").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    write_card(folder, Card(name="tones"))
    with pytest.raises(BadData, match="does not say the scale of its ratings"):
        load_model(folder)


def test_the_mean_concordance_chooses_and_single_attributes_do_not() -> None:
    history = [
        EpochScore(1, {"ccc": 0.40, "ccc_arousal": 0.9, "ccc_valence": 0.2, "ccc_dominance": 0.10}),
        EpochScore(2, {"ccc": 0.41, "ccc_arousal": 0.3, "ccc_valence": 0.1, "ccc_dominance": 0.83}),
    ]
    assert best_epoch(history).epoch == 2
    assert best_epoch(history).metrics["ccc_arousal"] == 0.3
    assert epochs_to_keep(history) == {2}


def test_a_model_of_ratings_has_no_classes_to_balance() -> None:
    with pytest.raises(UsageError, match="has no classes"):
        load_recipe(TrainRecipe, flags={**TINY, "data": {"balance": "up"}})
