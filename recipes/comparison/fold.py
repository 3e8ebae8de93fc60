"""One fold with one seed: train every arm, put the enhancement model in front, answer on the test speaker.

Every step is a folder that is found again: the same command goes on where it was stopped.
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from study import Study, System, train_recipe

from merit_cli.backbones.contract import Backbone
from merit_cli.backbones.model_folder import load_model
from merit_cli.backbones.trained_model import TrainedModel
from merit_cli.data.feature_cache import with_cache
from merit_cli.enhancers.select import enhancer_config
from merit_cli.io.audio_file import read_audio, write_audio
from merit_cli.manifests.predictions import PREDICTIONS_NAME, Prediction, write_predictions
from merit_cli.manifests.read_write import MANIFEST_NAME, read_card, read_manifest, write_card, write_manifest
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
        writes_audio: Whether the enhanced test audio is kept, to be scored.
    """

    study: Study
    manifest: Path
    seed: int
    output: Path
    writes_audio: bool = True

    @property
    def noisy_cache(self) -> Path:
        """Features of the noisy mixtures, which every seed of the fold may share."""
        return self.manifest.parent / "features" if self.study.keep_features else self.output / "features"


def run_fold(job: FoldJob) -> Path:
    """Everything of one fold and seed; returns its folder. What is not kept goes at the end."""
    systems = job.study.systems
    if all((answers_folder(job.output, system) / "DONE").exists() for system in systems):
        return job.output
    for system in sorted(systems, key=lambda one: one.learned_from != "noisy"):
        run_train(
            train_recipe(job.study, system.train, job.seed),
            _learned_from(job, system),
            output=job.output / "runs" / system.run_name,
            machine=Machine(),
            cache_dir=_cache(job, is_noisy=system.learned_from == "noisy"),
        )
    for system in systems:
        _answer(job, system, _tested_on(job, system))
    shutil.rmtree(job.output / "features", ignore_errors=True)
    if not job.writes_audio:
        shutil.rmtree(job.output / "enhanced", ignore_errors=True)
    return job.output


def answers_folder(output: Path, system: System) -> Path:
    """Where the answers of a system lie."""
    return output / "answers" / system.name.replace(" ", "-")


def _cache(job: FoldJob, *, is_noisy: bool) -> Path:
    return job.noisy_cache if is_noisy else job.output / "features"


def _learned_from(job: FoldJob, system: System) -> Path:
    """The manifest a system learns from."""
    return job.manifest if system.learned_from == "noisy" else _enhanced(job, system, job.manifest, mix_back=0.0)


def _tested_on(job: FoldJob, system: System) -> Path:
    """The manifest a system is tested on: what has been enhanced already, else dev and test alone."""
    if system.enhanced_by is None:
        return job.manifest
    learned = {one.enhanced_by for one in job.study.systems if one.learned_from == "enhanced"}
    if system.mix_back == 0.0 and system.enhanced_by in learned:
        return _enhanced(job, system, job.manifest, mix_back=0.0)
    asked = job.output / "asked"
    write_card(asked, read_card(job.manifest))
    write_manifest(asked / MANIFEST_NAME, [one for one in read_manifest(job.manifest) if one.split != "train"])
    return _enhanced(job, system, asked / MANIFEST_NAME, mix_back=system.mix_back)


def _enhanced(job: FoldJob, system: System, manifest: Path, *, mix_back: float) -> Path:
    run = str(job.output / "runs" / str(system.enhanced_by))
    enhancer = enhancer_config({"name": run, "mix_back": mix_back} if mix_back else run)
    _, summary = run_enhance(
        EnhanceRecipe.model_validate({"enhancer": enhancer}),
        find_inputs([manifest]),
        output=job.output / "enhanced" / f"{system.enhanced_by}{f'-{mix_back:g}' if mix_back else ''}",
        machine=Machine(),
    )
    return Path(summary.manifest)


def _answer(job: FoldJob, system: System, data: Path) -> None:
    """Labels for every dev and test utterance and, where the model enhances, audio of the test ones."""
    folder = answers_folder(job.output, system)
    if (folder / "DONE").exists():
        return
    recipe = train_recipe(job.study, system.train, job.seed)
    cache = _cache(job, is_noisy=system.enhanced_by is None)
    model = _load(job.output / "runs" / system.run_name, recipe, cache)
    asked = [one for one in read_manifest(data) if one.split in ("dev", "test")]
    predictions, lines = [], []
    torch.set_num_threads(1)
    for one in asked:
        if one.split == "dev" and "emotion" not in model.tasks:
            continue
        answer = model.run(read_audio(one.audio).samples)
        if answer.probability_C is not None:
            shares = dict(zip(model.labels, answer.probability_C.tolist(), strict=True))
            best = max(shares, key=lambda label: shares[label])
            predictions.append(Prediction(one.id, one.split, str(one.labels["emotion"]), best, shares))
        if answer.enhanced_N is not None and one.split == "test" and job.writes_audio:
            path = folder.resolve() / "enhanced" / f"{one.id}.flac"
            write_audio(path, answer.enhanced_N.clip(-1.0, 1.0), model.sample_rate)
            lines.append(replace(one, audio=path, noisy=one.audio, enhancer=system.name))
    _write_answers(folder, predictions, lines)


def _load(run: Path, recipe: TrainRecipe, cache: Path) -> TrainedModel:
    model = load_model(run)
    backbone = model.modules["backbone"]
    assert isinstance(backbone, Backbone), type(backbone)
    model.modules["backbone"] = with_cache(backbone, cache, recipe.backbone)
    return model


def _write_answers(folder: Path, predictions: list[Prediction], lines: list[Utterance]) -> None:
    if predictions:
        write_predictions(folder / PREDICTIONS_NAME, predictions)
    if lines:
        write_manifest(folder / MANIFEST_NAME, lines)
    (folder / "DONE").touch()
