"""One training run, from checked data to an exported model."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from merit_cli.backbones.device import check_device
from merit_cli.backbones.model_folder import MODEL_FOLDER, Parts, build_parts, export_model, tasks_of
from merit_cli.backbones.normalisation import Normalisation
from merit_cli.config.load import resolved
from merit_cli.data.dataset import measure_normalisation
from merit_cli.data.feature_cache import FeatureCache
from merit_cli.errors import NoInput
from merit_cli.io.atomic import make_folder, write_json
from merit_cli.io.jsonl import read_lines
from merit_cli.io.run_dir import RunDir, open_run
from merit_cli.losses.emotion import class_weights
from merit_cli.metrics.confusion import confusion_matrix
from merit_cli.metrics.emotion import macro_f1
from merit_cli.metrics.score import signal_metric
from merit_cli.training.brain import MeritBrain
from merit_cli.training.candidates import candidate_path
from merit_cli.training.dev import DevMetrics, FloatArray
from merit_cli.training.loaders import Loaders, make_loaders
from merit_cli.training.resume import stop_on_sigterm
from merit_cli.training.selection import BestEpoch, best_epoch
from merit_cli.training.settings import FitSettings
from merit_cli.workers import Machine
from merit_cli.workflows.train.determinism import seeded
from merit_cli.workflows.train.inputs import TrainingData, default_data, read_mix_sources, read_training_data
from merit_cli.workflows.train.recipe import TrainRecipe

INPUTS_NAME = "inputs.json"
LABELS_NAME = "labels.json"
NORMALISATION_NAME = "normalisation.json"


@dataclass(frozen=True)
class TrainSummary:
    """What a training run came to; the JSON that scripts rely on.

    Args:
        run: The run folder.
        epochs: Finished.
        best: ``epoch`` and ``score``, its mean z-score over the run's epochs.
        metrics: Dev metrics of the best epoch.
        data: The manifest, relative to the run folder.
        notes: What the user should know, such as a collapsed router.
    """

    run: str
    epochs: int
    best: Mapping[str, float]
    metrics: Mapping[str, float]
    data: str
    notes: tuple[str, ...] = ()


def run_train(
    recipe: TrainRecipe,
    data: Path | None = None,
    *,
    output: Path | None,
    machine: Machine,
    allow_leak: bool = False,
    cache_dir: Path | None = None,
    strict_routing: bool = False,
) -> tuple[RunDir, TrainSummary]:
    """Train a model, or go on with an unfinished run from its last checkpoint.

    Args:
        recipe: What to train.
        data: A manifest or a run with one; None takes the newest finished mix.
        output: The run folder; None names it by the recipe.
        machine: Device, threads, where runs go.
        allow_leak: Go on although splits share a speaker or a noise file.
        cache_dir: Where features of a frozen encoder are kept; None keeps them in the run folder.
        strict_routing: End the run where an expert got under 1 % of the frames of an epoch.

    Returns:
        The run and its summary. A finished run is not touched; its state is ``done``.

    Raises:
        NoInput: There is no data, or a split is missing.
        BadData: Labels, references or audio are missing.
        CheckFailed: Splits leak, the loss is not finite, a router got no gradient from its task in an epoch, or an
            expert is collapsed and ``strict_routing`` is set.
        Preempted: SIGTERM came; the state is saved.
        Unavailable: The device, a weight or an extra is missing.
    """
    tasks = tasks_of(recipe.model)
    material = read_training_data(
        data or default_data(machine),
        needs_labels="emotion" in tasks,
        needs_clean="enhancement" in tasks or recipe.data.remix is not None,
        allow_leak=allow_leak,
    )
    check_device(machine.device)
    run = open_run(
        output,
        command="train",
        name=recipe.name,
        recipe=resolved(recipe),
        inputs={"data": material.content},
        runs_dir=machine.runs_dir,
        overwrite=machine.overwrite,
    )
    if run.state == "done":
        stored = run.summary()
        return run, TrainSummary(**{**stored, "run": str(run.path), "notes": tuple(stored["notes"])})
    write_json(run.path / INPUTS_NAME, {"data": _data_path(material, run), "allow_leak": allow_leak})
    with seeded(recipe.seed, threads=machine.workers):
        parts = build_parts(recipe.model, recipe.backbone, num_classes=len(material.classes))
        normalisation = measure_normalisation(
            material.train,
            level=Normalisation(level=recipe.data.level, sample_rate=recipe.data.sample_rate),
            max_duration=recipe.data.max_duration,
        )
        write_json(run.path / LABELS_NAME, list(material.classes))
        write_json(run.path / NORMALISATION_NAME, normalisation.model_dump(mode="json"))
        best = _fit(recipe, material, run, machine, parts, normalisation, cache_dir, strict_routing=strict_routing)
    summary = _finish(recipe, material, run, parts, normalisation, best)
    return run, summary


def _fit(
    recipe: TrainRecipe,
    material: TrainingData,
    run: RunDir,
    machine: Machine,
    parts: Parts,
    normalisation: Normalisation,
    cache_dir: Path | None,
    *,
    strict_routing: bool,
) -> BestEpoch:
    cache = _feature_cache(recipe, parts, cache_dir or run.path / "features")
    loaders = _loaders(recipe, material, machine, normalisation, cache)
    modules = parts.modules()
    counts = material.class_counts()
    weighted = counts and recipe.objective.class_weighting == "inverse_frequency"
    with stop_on_sigterm() as stop:
        brain = MeritBrain(
            modules["backbone"],
            modules["model"],
            settings=FitSettings(
                epochs=recipe.epochs,
                optimiser=recipe.optimiser,
                objective=recipe.objective,
                remix=recipe.data.remix,
                crop=recipe.data.crop_samples,
                adversary=recipe.adversary,
                checkpoint_every_steps=recipe.checkpoint_every_steps,
                log_every_steps=recipe.log_every_steps,
                precision=recipe.precision,
                device=machine.device,
                strict_routing=strict_routing,
            ),
            class_weight_C=torch.tensor(class_weights(counts)) if weighted else None,
            dev_metrics=dev_metrics(material.classes, normalisation.sample_rate, recipe.enhancement_metric),
            folder=run.path,
            stop=stop,
            progress=machine.progress,
        )
        record = brain.run(loaders.train, loaders.dev)
    return best_epoch(record.scores())


def _loaders(
    recipe: TrainRecipe,
    material: TrainingData,
    machine: Machine,
    normalisation: Normalisation,
    cache: FeatureCache | None,
) -> Loaders:
    return make_loaders(
        material.train,
        material.dev,
        classes=material.classes,
        normalisation=normalisation,
        max_duration=recipe.data.max_duration,
        cache=cache,
        batch_size=recipe.batch_size,
        accumulation=recipe.accumulation,
        overfit_batches=recipe.overfit_batches,
        seed=recipe.seed,
        num_workers=0 if machine.device == "cpu" else min(machine.workers, 8),
        sources=read_mix_sources(material.manifest) if recipe.data.mixtures == "fresh" else None,
    )


def _feature_cache(recipe: TrainRecipe, parts: Parts, folder: Path) -> FeatureCache | None:
    wanted = recipe.data.cache_features
    has_weights = recipe.backbone.model_dump().get("name") not in ("log-mel", "waveform")
    if parts.backbone.trainable or not recipe.data.stays_the_same:
        return None
    if wanted == "never" or (wanted == "auto" and not has_weights):
        return None
    return FeatureCache(make_folder(folder), parts.backbone, recipe.backbone)


def dev_metrics(classes: Sequence[str], sample_rate: int, enhancement_metric: str) -> DevMetrics:
    """Macro-F1 for emotion, a signal metric for enhancement."""
    compute = signal_metric(enhancement_metric).compute

    def emotion(truth: Sequence[int], predicted: Sequence[int]) -> float:
        named = ([classes[index] for index in truth], [classes[index] for index in predicted])
        return float(macro_f1(confusion_matrix(*named, classes)))

    def enhancement(clean_N: FloatArray, enhanced_N: FloatArray) -> float:
        return float(compute(clean_N, enhanced_N, sample_rate=sample_rate))

    return DevMetrics("macro_f1", emotion, enhancement_metric, enhancement)


def _finish(
    recipe: TrainRecipe,
    material: TrainingData,
    run: RunDir,
    parts: Parts,
    normalisation: Normalisation,
    best: BestEpoch,
) -> TrainSummary:
    weights = load_file(str(candidate_path(run.path, best.epoch)))
    notes = routing_notes(run.path / "metrics.jsonl")
    modules = parts.modules()
    export_model(
        run.path / MODEL_FOLDER,
        weights,
        recipe=resolved(recipe),
        labels=material.classes,
        normalisation=normalisation,
        card=material.card,
        metrics=best.metrics,
        facts={
            "training utterances": len(material.train),
            "dev utterances": len(material.dev),
            "epoch": f"{best.epoch} of {recipe.epochs}, the largest mean z-score of the dev metrics",
            "parameters": sum(parameter.numel() for parameter in modules.parameters()),
            **{f"note {number}": note for number, note in enumerate(notes, start=1)},
        },
    )
    summary = TrainSummary(
        run=str(run.path),
        epochs=recipe.epochs,
        best={"epoch": best.epoch, "score": round(best.score, 6)},
        metrics=dict(best.metrics),
        data=_data_path(material, run),
        notes=tuple(notes),
    )
    run.finish(asdict(summary))
    return summary


def _data_path(material: TrainingData, run: RunDir) -> str:
    """The manifest, relative to the run folder."""
    return Path(os.path.relpath(material.manifest.resolve(), run.path.resolve())).as_posix()


def resumed_inputs(run: Path) -> tuple[Path, bool]:
    """Manifest of an unfinished or finished run, and whether leaks were allowed.

    Raises:
        NoInput: The folder is not a train run.
    """
    try:
        inputs = json.loads((run / INPUTS_NAME).read_text(encoding="utf-8"))
        return run / str(inputs["data"]), bool(inputs["allow_leak"])
    except (OSError, ValueError, KeyError):
        raise NoInput("this is not a train run", place=str(run), hint="give the folder of one") from None


def routing_notes(metrics: Path) -> list[str]:
    """One sentence for each expert that the last epoch hardly used."""
    epochs = [line for _, line in read_lines(metrics) if line.get("kind") == "epoch"]
    collapsed = epochs[-1]["train"].get("routing", {}).get("collapsed", []) if epochs else []
    return [
        f"COLLAPSED ROUTER: expert {expert} got under 1 % of the frames of epoch {epochs[-1]['epoch']}."
        for expert in collapsed
    ]
