"""Cross-fitted features: a training speaker's come from encoders that were tuned without that speaker."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file
from test_train_fusion import with_words, write_corpus

from merit_cli.backbones.model_folder import build_parts
from merit_cli.backbones.normalisation import Normalisation
from merit_cli.config.load import load_recipe
from merit_cli.data.feature_cache import FeatureCache
from merit_cli.data.kept_features import KeptFeatures, LeaveOut
from merit_cli.data.text_cache import TextFeatureCache
from merit_cli.errors import BadData, UsageError
from merit_cli.manifests.lineage import Lineage, read_lineage
from merit_cli.manifests.read_write import read_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.training.loaders import Loaders, make_features, make_loaders
from merit_cli.units import Seconds
from merit_cli.workers import Machine
from merit_cli.workflows.train import TrainRecipe, run_train
from merit_cli.workflows.train.features import find_fold_runs, keep_features
from merit_cli.workflows.train.start import find_starts, load_starts

FOLDS = 3
SPEAKERS = {f"train-speaker{number}" for number in range(FOLDS)}
Trainer = Callable[..., Path]


@pytest.fixture
def corpus(noisy_utterances: list[Utterance], tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus", with_words(noisy_utterances, bare=()))


@pytest.fixture
def frozen(tiny_roberta: Path, tiny_wavlm: Path) -> dict[str, Any]:
    return {
        "model": {"name": "fusion", "trunk_blocks": None, "ser_hidden": 16, "ser_dropout": 0.0},
        "backbone": {"name": "huggingface", "path": str(tiny_wavlm)},
        "text": {"path": str(tiny_roberta)},
        "optimiser": {"learning_rate": 3e-3, "backbone_learning_rate": 1e-3, "text_learning_rate": 1e-3},
        "epochs": 1,
        "batch_size": 4,
    }


@pytest.fixture
def voice(frozen: dict[str, Any]) -> dict[str, Any]:
    """A recipe that tunes the speech encoder alone."""
    model = {"name": "ser", "trunk_blocks": None, "ser_hidden": 16}
    return {**frozen, "model": model, "text": None, "backbone": {**frozen["backbone"], "trainable": True}}


@pytest.fixture
def words(frozen: dict[str, Any]) -> dict[str, Any]:
    """A recipe that tunes the text encoder alone."""
    model = {"name": "ser-text", "ser_hidden": 16}
    return {**frozen, "model": model, "backbone": {"name": "log-mel"}, "text": {**frozen["text"], "trainable": True}}


@pytest.fixture
def train(corpus: Path, tmp_path: Path) -> Trainer:
    def run(name: str, tree: dict[str, Any], **changes: Any) -> Path:
        recipe = load_recipe(TrainRecipe, flags={**tree, **changes})
        run_train(recipe, corpus, output=tmp_path / name, machine=Machine(), cache_dir=tmp_path / "cache")
        return tmp_path / name

    return run


def folds_of(train: Trainer, name: str, tree: dict[str, Any]) -> list[str]:
    parts = [{"leave_out": {"fold": fold, "of": FOLDS}} for fold in range(1, FOLDS + 1)]
    return [str(train(f"{name}{part['leave_out']['fold']}", tree, data=part)) for part in parts]


def lineage(run: str | Path) -> Lineage:
    found = read_lineage(Path(run) / "model")
    assert found is not None
    return found


def kept_by(tree: dict[str, Any], corpus: Path, folder: Path) -> KeptFeatures:
    recipe = load_recipe(TrainRecipe, flags=tree)
    lines = [one for one in read_manifest(corpus) if one.split == "train"]
    parts = build_parts(recipe.model, recipe.backbone, num_classes=2, text=recipe.text)
    load_starts(parts, find_starts(recipe.init_from), classes=("high", "low"))
    return keep_features(recipe, parts, folder, runs=find_fold_runs(recipe.cross_fitted, lines), train=lines)


def test_each_training_speaker_is_described_by_the_encoders_that_left_them_out(
    frozen: dict[str, Any], voice: dict[str, Any], words: dict[str, Any], train: Trainer, corpus: Path, tmp_path: Path
) -> None:
    voices, readers = folds_of(train, "voice", voice), folds_of(train, "words", words)
    assert [len(lineage(run).train) for run in (*voices, *readers)] == [FOLDS - 1] * 2 * FOLDS
    start = [str(train("voice", voice)), str(train("words", words))]
    tree = {**frozen, "init_from": start, "cross_fitted": [*readers, *voices]}
    run = train("fused", tree)
    kept = kept_by(tree, corpus, tmp_path / "cache")
    tone_N = np.sin(np.arange(6400) / 9.0).astype(np.float32)
    for one in read_manifest(corpus):
        number = next((n for n, fold in enumerate(voices) if one.speaker not in lineage(fold).train), None)
        own = start if one.split != "train" or number is None else [voices[number], readers[number]]
        expected = kept_by({**frozen, "init_from": own}, corpus, tmp_path / "expected")
        np.testing.assert_array_equal(kept.frames(one, tone_N), expected.frames(one, tone_N))
        np.testing.assert_array_equal(kept.tokens(one), expected.tokens(one))
    assert len({cache.folder for cache in (kept.voice, *kept.voice_of.values()) if cache}) == 1 + FOLDS
    assert len({cache.folder for cache in (kept.words, *kept.words_of.values()) if cache}) == 1 + FOLDS
    fused, whole = (load_file(folder / "model" / "model.safetensors") for folder in (run, Path(start[0])))
    assert all(fused[name].equal(one) for name, one in whole.items() if name.startswith("backbone."))
    assert "cross-fitted features of speech and words" in (run / "model" / "README.md").read_text(encoding="utf-8")


def test_other_features_of_the_training_speakers_teach_another_head(
    frozen: dict[str, Any], voice: dict[str, Any], train: Trainer
) -> None:
    model = {**voice, "backbone": frozen["backbone"]}
    start = str(train("voice", voice))
    plain = train("plain", model, init_from=start)
    fitted = train("fitted", model, init_from=start, cross_fitted=folds_of(train, "voice", voice))
    head = [load_file(run / "model" / "model.safetensors") for run in (plain, fitted)]
    assert any(not head[1][name].equal(one) for name, one in head[0].items() if name.startswith("model."))
    assert "text" not in (fitted / "model" / "README.md").read_text(encoding="utf-8").split("cross-fitted")[1][:30]


def test_a_run_says_which_fold_it_left_out(voice: dict[str, Any], train: Trainer) -> None:
    run = train("voice2", voice, data={"leave_out": {"fold": 2, "of": FOLDS}})
    left_out = SPEAKERS - set(lineage(run).train)
    assert len(left_out) == 1
    card = (run / "model" / "README.md").read_text(encoding="utf-8")
    assert "Fold 2 of 3 of the training speakers (1) was left out of training." in card


@pytest.mark.parametrize(
    ("part", "match"),
    [
        ({"fold": 1, "of": 5}, "3 training speakers do not make 5 folds"),
        ({"fold": 4, "of": 3}, "there is no fold 4 of 3"),
    ],
)
def test_folds_that_cannot_be_made_are_refused(
    voice: dict[str, Any], train: Trainer, part: dict[str, int], match: str
) -> None:
    with pytest.raises(UsageError, match=match):
        train("voice", voice, data={"leave_out": part})


def test_a_fold_with_the_only_speakers_of_an_emotion_cannot_be_left_out(
    voice: dict[str, Any], noisy_utterances: list[Utterance], tmp_path: Path
) -> None:
    lines = [
        replace(one, speaker=str(one.labels["emotion"])) if one.split == "train" else one for one in noisy_utterances
    ]
    fold = next(number for number in (1, 2) if LeaveOut(fold=number, of=2).speakers({"low", "high"}) == {"high"})
    recipe = load_recipe(TrainRecipe, flags={**voice, "data": {"leave_out": {"fold": fold, "of": 2}}})
    with pytest.raises(BadData, match=f"without fold {fold} nobody says high"):
        run_train(recipe, write_corpus(tmp_path / "other", lines), output=tmp_path / "run", machine=Machine())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("key", ["leave_out", "cross_fitted"])
def test_utterances_that_name_no_speaker_are_in_no_fold(
    voice: dict[str, Any], noisy_utterances: list[Utterance], train: Trainer, tmp_path: Path, key: str
) -> None:
    lines = [replace(one, speaker="") if one.id == "train03" else one for one in noisy_utterances]
    part = {"leave_out": {"fold": 1, "of": 2}}
    changes = {"data": part} if key == "leave_out" else {"cross_fitted": [str(train("voice", voice, data=part))]}
    recipe = load_recipe(TrainRecipe, flags={**voice, **changes})
    with pytest.raises(BadData, match="training utterances name no speaker"):
        run_train(recipe, write_corpus(tmp_path / "other", lines), output=tmp_path / "run", machine=Machine())


def test_runs_that_do_not_fit_are_refused(
    frozen: dict[str, Any], voice: dict[str, Any], words: dict[str, Any], train: Trainer
) -> None:
    first = str(train("voice1", voice, data={"leave_out": {"fold": 1, "of": FOLDS}}))
    model = {**voice, "backbone": frozen["backbone"]}
    with pytest.raises(UsageError, match=r"2 of 3 training speakers were heard by every run with a speech encoder"):
        train("one", model, cross_fitted=[first])
    with pytest.raises(UsageError, match="learned from every training speaker"):
        train("all", model, cross_fitted=[str(train("voice", voice))])
    reader = str(train("words1", words, data={"leave_out": {"fold": 1, "of": FOLDS}}))
    with pytest.raises(UsageError, match="no encoder of this recipe's shape"):
        train("reader", model, cross_fitted=[reader])
    with pytest.raises(UsageError, match="cross-fitted features are kept features, and this recipe keeps none"):
        train("tuned", voice, cross_fitted=[first])
    untuned = str(train("untuned1", model, data={"leave_out": {"fold": 1, "of": FOLDS}}))
    with pytest.raises(UsageError, match="has the same speech encoder as this run"):
        train("same", model, cross_fitted=[untuned])
    (Path(first) / "model" / "lineage.json").unlink()
    with pytest.raises(UsageError, match="does not say whom it was trained on"):
        train("unknown", model, cross_fitted=[first])


def test_a_loaders_own_processes_find_all_features_made(
    frozen: dict[str, Any], corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = kept_by(frozen, corpus, tmp_path / "cache")
    lines = read_manifest(corpus)
    train_lines, dev_lines = ([one for one in lines if one.split == split] for split in ("train", "dev"))

    def loaders(num_workers: int) -> Loaders:
        return make_loaders(
            train_lines,
            dev_lines,
            classes=("high", "low"),
            normalisation=Normalisation(),
            max_duration=Seconds(12.0),
            kept=kept,
            batch_size=4,
            accumulation=1,
            overfit_batches=0,
            seed=0,
            num_workers=num_workers,
        )

    told: list[tuple[str, int, int]] = []
    make_features(loaders(0), device="cpu", progress=lambda *one: told.append(one))
    assert not told
    make_features(loaders(1), device="cpu", progress=lambda *one: told.append(one))
    assert told[-1] == ("encode", len(train_lines) + len(dev_lines), len(train_lines) + len(dev_lines))

    def refuse(*_: Any) -> Any:
        raise AssertionError("asked again")

    monkeypatch.setattr(FeatureCache, "_make", refuse)
    monkeypatch.setattr(TextFeatureCache, "_make", refuse)
    seen = sum(len(part.ids) for batch in loaders(1).train for part in batch)
    assert seen == len(train_lines)
