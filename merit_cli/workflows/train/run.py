"""One training run, from checked data to an exported model."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from merit_cli.backbones.device import check_device
from merit_cli.backbones.model_folder import Parts, build_parts, tasks_of
from merit_cli.backbones.normalisation import Normalisation
from merit_cli.config.load import resolved
from merit_cli.data.dataset import measure_normalisation
from merit_cli.data.kept_features import KeptFeatures
from merit_cli.io.atomic import write_json
from merit_cli.io.run_dir import RunDir, open_run
from merit_cli.losses.emotion import class_weights
from merit_cli.losses.objective import counted
from merit_cli.metrics.confusion import confusion_matrix
from merit_cli.metrics.emotion import macro_f1
from merit_cli.metrics.score import signal_metric
from merit_cli.training.board import check_board
from merit_cli.training.brain import MeritBrain
from merit_cli.training.candidates import mean_weights
from merit_cli.training.dev import DevMetrics, FloatArray
from merit_cli.training.epoch_record import EpochRecord
from merit_cli.training.loaders import Loaders, make_features, make_loaders
from merit_cli.training.memory import free_bytes
from merit_cli.training.ranks import job, on_first, rank
from merit_cli.training.resume import stop_on_sigterm
from merit_cli.training.selection import EpochScore, best_epoch, best_epochs
from merit_cli.training.settings import FitSettings
from merit_cli.workers import Machine, no_progress, say_nothing
from merit_cli.workflows.train.determinism import reseed, seeded
from merit_cli.workflows.train.features import find_fold_runs, fitted_with, keep_features
from merit_cli.workflows.train.inputs import (
    TrainingData,
    check_soft_labels,
    default_data,
    read_mix_sources,
    read_training_data,
)
from merit_cli.workflows.train.need import recipe_need
from merit_cli.workflows.train.outcome import INPUTS_NAME, Chosen, TrainSummary, data_path, finish_run
from merit_cli.workflows.train.ratings import check_ratings
from merit_cli.workflows.train.recipe import TrainRecipe
from merit_cli.workflows.train.start import begun_with, find_starts, load_starts

LABELS_NAME = "labels.json"
NORMALISATION_NAME = "normalisation.json"


def run_train(
    recipe: TrainRecipe,
    data: Path | None = None,
    *,
    output: Path | None,
    machine: Machine,
    allow_leak: bool = False,
    cache_dir: Path | None = None,
    strict_routing: bool = False,
    tensorboard: bool = False,
) -> tuple[RunDir, TrainSummary]:
    """Train a model, or go on with an unfinished run from its last checkpoint; under torchrun all processes call it.

    Args:
        recipe: What to train.
        data: A manifest or a run with one; None takes the newest finished mix.
        output: The run folder; None names it by the recipe.
        machine: Device, threads, where runs go.
        allow_leak: Go on although splits share a speaker or a noise file.
        cache_dir: Where features of a frozen encoder are kept; None keeps them in the run folder.
        strict_routing: End the run where an expert got under 1 % of the frames of an epoch.
        tensorboard: Show the lines of metrics.jsonl in TensorBoard too.

    Returns:
        The run and its summary. A finished run is not touched; its state is ``done``.

    Raises:
        NoInput: There is no data, or a split is missing.
        BadData: Labels, references or audio are missing.
        CheckFailed: Splits leak, the loss is not finite, a router got no gradient from its task in an epoch, or an
            expert is collapsed and ``strict_routing`` is set.
        Preempted: SIGTERM came and the state is saved, or another process of the job ended.
        Unavailable: The device, a weight or an extra is missing.
    """
    with job(machine.device) as device:
        mine = replace(machine, device=device)
        if rank() != 0:
            mine = replace(mine, progress=no_progress, say=say_nothing)
        return _run(
            recipe,
            data or default_data(machine),
            output=output,
            machine=mine,
            allow_leak=allow_leak,
            cache_dir=cache_dir,
            strict_routing=strict_routing,
            tensorboard=tensorboard,
        )


def _run(
    recipe: TrainRecipe,
    data: Path,
    *,
    output: Path | None,
    machine: Machine,
    allow_leak: bool,
    cache_dir: Path | None,
    strict_routing: bool,
    tensorboard: bool,
) -> tuple[RunDir, TrainSummary]:
    if tensorboard:
        check_board()
    tasks = tasks_of(recipe.model)
    material = read_training_data(
        data,
        needs_labels="emotion" in tasks,
        needs_clean="enhancement" in tasks or recipe.data.remix is not None,
        needs_words=recipe.text is not None,
        allow_leak=allow_leak,
    )
    if recipe.data.leave_out is not None:
        material = material.without(recipe.data.leave_out)
    material = material.limited(recipe.limit, seed=recipe.seed)
    if recipe.objective.emotion_loss.soft_labels:
        check_soft_labels(material)
    if "attributes" in tasks:
        check_ratings(material)
    check_device(machine.device)
    starts = find_starts(recipe.init_from)
    fold_runs = find_fold_runs(recipe.cross_fitted, material.train)
    run = on_first(
        open_run,
        output,
        command="train",
        name=recipe.name,
        recipe=resolved(recipe),
        inputs={
            "data": material.content,
            **({"init_from": "+".join(one.content for one in starts)} if starts else {}),
            **({"cross_fitted": "+".join(one.content for one in fold_runs)} if fold_runs else {}),
        },
        runs_dir=machine.runs_dir,
        overwrite=machine.overwrite,
    )
    if run.state == "done":
        stored = run.summary()
        return run, TrainSummary(**{**stored, "run": str(run.path), "notes": tuple(stored["notes"])})
    on_first(write_json, run.path / INPUTS_NAME, {"data": data_path(material, run), "allow_leak": allow_leak})
    with seeded(recipe.seed, threads=machine.workers):
        parts = build_parts(recipe.model, recipe.backbone, num_classes=len(material.classes), text=recipe.text)
        anew = load_starts(parts, starts, classes=material.classes)
        features = cache_dir or run.path / "features"
        kept = keep_features(recipe, parts, features, runs=fold_runs, train=material.train)
        normalisation = on_first(
            measure_normalisation,
            material.train,
            level=Normalisation(level=recipe.data.level, sample_rate=recipe.data.sample_rate),
            max_duration=recipe.data.max_duration,
        )
        on_first(write_json, run.path / LABELS_NAME, list(material.classes))
        on_first(write_json, run.path / NORMALISATION_NAME, normalisation.model_dump(mode="json"))
        machine.say(recipe_need(recipe, parts, material.train).describe(free_bytes(machine.device)))
        reseed(recipe.seed, rank())
        chosen = _fit(
            recipe,
            material,
            run,
            machine,
            parts,
            normalisation,
            kept,
            strict_routing=strict_routing,
            tensorboard=tensorboard,
        )
    begun = {**begun_with(starts, anew), **fitted_with(fold_runs, kept)}
    summary = on_first(finish_run, recipe, material, run, parts, normalisation, chosen, begun)
    return run, summary


def _fit(
    recipe: TrainRecipe,
    material: TrainingData,
    run: RunDir,
    machine: Machine,
    parts: Parts,
    normalisation: Normalisation,
    kept: KeptFeatures,
    *,
    strict_routing: bool,
    tensorboard: bool,
) -> Chosen:
    loaders = _loaders(recipe, material, machine, normalisation, kept)
    make_features(loaders, device=machine.device, progress=machine.progress)
    modules = parts.modules()
    counts = material.class_counts()
    weighted = counts and recipe.objective.class_weighting == "inverse_frequency"
    with stop_on_sigterm() as stop:
        brain = MeritBrain(
            modules,
            settings=FitSettings(
                epochs=recipe.epochs,
                optimiser=recipe.optimiser,
                objective=counted(recipe.objective, counts),
                remix=recipe.data.remix,
                crop=recipe.data.crop_samples,
                adversary=recipe.adversary,
                checkpoint_every_steps=recipe.checkpoint_every_steps,
                log_every_steps=recipe.log_every_steps,
                precision=recipe.precision,
                device=machine.device,
                patience=recipe.patience,
                average_best=recipe.average_best,
                strict_routing=strict_routing,
                tensorboard=tensorboard,
            ),
            class_weight_C=torch.tensor(class_weights(counts)) if weighted else None,
            dev_metrics=dev_metrics(material.classes, normalisation.sample_rate, recipe.enhancement_metric),
            folder=run.path,
            stop=stop,
            progress=machine.progress,
            say=machine.say,
        )
        record = brain.run(loaders.train, loaders.dev)
        return _choose(brain, record, loaders, recipe.average_best)


def _choose(brain: MeritBrain, record: EpochRecord, loaders: Loaders, count: int) -> Chosen:
    """The best epoch, or the mean of the best ones where dev prefers it."""
    found = best_epochs(record.scores(), count)
    best, epochs = found[0], tuple(one.epoch for one in found)
    if len(found) > 1:
        metrics = brain.score(mean_weights(brain.folder, epochs), loaders.dev)
        if best_epoch([EpochScore(0, best.metrics), EpochScore(1, metrics)]).epoch == 1:
            return Chosen(best, epochs, metrics, len(record.history))
    return Chosen(best, (best.epoch,), best.metrics, len(record.history))


def _loaders(
    recipe: TrainRecipe,
    material: TrainingData,
    machine: Machine,
    normalisation: Normalisation,
    kept: KeptFeatures,
) -> Loaders:
    return make_loaders(
        material.train,
        material.dev,
        classes=material.classes,
        normalisation=normalisation,
        max_duration=recipe.data.max_duration,
        kept=kept,
        batch_size=recipe.batch_size,
        accumulation=recipe.accumulation,
        overfit_batches=recipe.overfit_batches,
        seed=recipe.seed,
        num_workers=0 if machine.device == "cpu" else min(machine.workers, 8),
        sources=read_mix_sources(material.manifest) if recipe.data.mixtures == "fresh" else None,
        balance=recipe.data.balance,
        attribute_scale=material.card.attribute_scale if "attributes" in tasks_of(recipe.model) else None,
    )


def dev_metrics(classes: Sequence[str], sample_rate: int, enhancement_metric: str) -> DevMetrics:
    """Macro-F1 for emotion, a signal metric for enhancement."""
    compute = signal_metric(enhancement_metric).compute

    def emotion(truth: Sequence[int], predicted: Sequence[int]) -> float:
        named = ([classes[index] for index in truth], [classes[index] for index in predicted])
        return float(macro_f1(confusion_matrix(*named, classes)))

    def enhancement(clean_N: FloatArray, enhanced_N: FloatArray) -> float:
        return float(compute(clean_N, enhanced_N, sample_rate=sample_rate))

    return DevMetrics("macro_f1", emotion, enhancement_metric, enhancement)
