"""One fold with one seed: train every arm, put the enhancement model in front, answer on the test speaker.

Every step is a folder that is found again: the same command goes on where it was stopped.
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from study import Study, System, train_recipe
from torch import Tensor, nn

from merit_cli.backbones.contract import Backbone
from merit_cli.backbones.model_folder import load_model
from merit_cli.backbones.trained_model import TrainedModel
from merit_cli.data.feature_cache import FeatureCache
from merit_cli.enhancers.select import enhancer_config
from merit_cli.io.audio_file import read_audio, write_audio
from merit_cli.manifests.predictions import PREDICTIONS_NAME, Prediction, write_predictions
from merit_cli.manifests.read_write import MANIFEST_NAME, read_manifest, write_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine
from merit_cli.workflows.enhance import EnhanceRecipe, find_inputs, run_enhance
from merit_cli.workflows.train import TrainRecipe, run_train


@dataclass(frozen=True)
class FoldJob:
    """What a worker needs.

    Args:
        study: The comparison.
        manifest: Of the fold.
        seed: Of training.
        output: Folder of this fold and seed.
    """

    study: Study
    manifest: Path
    seed: int
    output: Path


def run_fold(job: FoldJob) -> Path:
    """Everything of one fold and seed; returns its folder. Features are thrown away once all has been answered."""
    cache = job.output / "features"
    if all((answers_folder(job.output, system) / "DONE").exists() for system in job.study.systems):
        return job.output
    for system in sorted(job.study.systems, key=lambda one: one.learned_from != "noisy"):
        data = _data_of(job, system, learned=True, cache=cache)
        _train(job, system, data, cache)
    for system in job.study.systems:
        _answer(job, system, _data_of(job, system, learned=False, cache=cache), cache)
    shutil.rmtree(cache, ignore_errors=True)
    return job.output


def answers_folder(output: Path, system: System) -> Path:
    """Where the answers of a system lie."""
    return output / "answers" / system.name.replace(" ", "-")


def _train(job: FoldJob, system: System, data: Path, cache: Path) -> None:
    run_train(
        train_recipe(system.train, job.seed),
        data,
        output=job.output / "runs" / system.run_name,
        machine=Machine(),
        cache_dir=cache,
    )


def _data_of(job: FoldJob, system: System, *, learned: bool, cache: Path) -> Path:
    """The manifest a system learns from, or is tested on."""
    if system.enhanced_by is None or (learned and system.learned_from == "noisy"):
        return job.manifest
    enhancer = enhancer_config(str(job.output / "runs" / system.enhanced_by))
    output = job.output / "enhanced" / system.enhanced_by
    _, summary = run_enhance(
        EnhanceRecipe.model_validate({"enhancer": enhancer}),
        find_inputs([job.manifest]),
        output=output,
        machine=Machine(),
    )
    return Path(summary.manifest)


class CachedEncoder(nn.Module):
    """A frozen encoder that remembers, so that systems on the same audio share its work."""

    def __init__(self, cache: FeatureCache) -> None:
        super().__init__()
        self.cache = cache
        self.shape = cache.backbone.shape
        self.trainable = False

    def forward(self, noisy_BN: Tensor, lengths_B: Tensor) -> Tensor:
        """Features of the one signal of a batch."""
        assert noisy_BN.shape[0] == 1, noisy_BN.shape
        return torch.from_numpy(self.cache.features(noisy_BN[0].numpy())).unsqueeze(0)


def _answer(job: FoldJob, system: System, data: Path, cache: Path) -> None:
    """Labels for every dev and test utterance and, where the model enhances, audio of the test ones."""
    folder = answers_folder(job.output, system)
    if (folder / "DONE").exists():
        return
    recipe = train_recipe(system.train, job.seed)
    model = _load(job.output / "runs" / system.run_name, recipe, cache)
    asked = [one for one in read_manifest(data) if one.split in ("dev", "test")]
    predictions, lines = [], []
    torch.set_num_threads(1)
    for one in asked:
        answer = model.run(read_audio(one.audio).samples)
        if answer.probability_C is not None:
            shares = dict(zip(model.labels, answer.probability_C.tolist(), strict=True))
            best = max(shares, key=lambda label: shares[label])
            predictions.append(Prediction(one.id, one.split, str(one.labels["emotion"]), best, shares))
        if answer.enhanced_N is not None and one.split == "test":
            path = folder.resolve() / "enhanced" / f"{one.id}.flac"
            write_audio(path, answer.enhanced_N.clip(-1.0, 1.0), model.sample_rate)
            lines.append(replace(one, audio=path, noisy=one.audio, enhancer=system.name))
    _write_answers(folder, predictions, lines)


def _load(run: Path, recipe: TrainRecipe, cache: Path) -> TrainedModel:
    model = load_model(run)
    backbone = model.modules["backbone"]
    assert isinstance(backbone, Backbone), type(backbone)
    model.modules["backbone"] = CachedEncoder(FeatureCache(cache, backbone, recipe.backbone))
    return model


def _write_answers(folder: Path, predictions: list[Prediction], lines: list[Utterance]) -> None:
    if predictions:
        write_predictions(folder / PREDICTIONS_NAME, predictions)
    if lines:
        write_manifest(folder / MANIFEST_NAME, lines)
    (folder / "DONE").touch()
