"""What a training run comes to: the exported model, the summary, and what a later call needs to go on."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import nn

from merit_cli.backbones.model_folder import MODEL_FOLDER, Parts, export_model, tasks_of
from merit_cli.backbones.normalisation import Normalisation
from merit_cli.config.load import resolved
from merit_cli.errors import NoInput
from merit_cli.io.atomic import write_json
from merit_cli.io.jsonl import read_lines
from merit_cli.io.run_dir import RunDir
from merit_cli.manifests.lineage import LINEAGE_NAME, lineage_of
from merit_cli.training.candidates import mean_weights
from merit_cli.training.routing_checks import collapse_notes
from merit_cli.training.selection import BestEpoch
from merit_cli.workflows.train.inputs import TrainingData
from merit_cli.workflows.train.ratings import rating_notes
from merit_cli.workflows.train.recipe import TrainRecipe

INPUTS_NAME = "inputs.json"


@dataclass(frozen=True)
class Chosen:
    """Whose weights the model has.

    Args:
        best: The best epoch.
        epochs: That epoch, or those whose weights are averaged.
        metrics: Dev metrics of the model.
        num_epochs: Finished.
    """

    best: BestEpoch
    epochs: tuple[int, ...]
    metrics: Mapping[str, float]
    num_epochs: int

    def describe(self) -> str:
        """A phrase for the model card."""
        if len(self.epochs) == 1:
            return f"{self.best.epoch} of {self.num_epochs}, the largest mean z-score of the dev metrics"
        return f"mean of the weights of {', '.join(map(str, self.epochs))} of {self.num_epochs}, which dev prefers"


@dataclass(frozen=True)
class TrainSummary:
    """What a training run came to; the JSON that scripts rely on.

    Args:
        run: The run folder.
        epochs: Finished.
        best: ``epoch`` and ``score``, its mean z-score over the run's epochs.
        metrics: Dev metrics of the model.
        data: The manifest, relative to the run folder.
        notes: What the user should know, such as a collapsed router.
    """

    run: str
    epochs: int
    best: Mapping[str, float]
    metrics: Mapping[str, float]
    data: str
    notes: tuple[str, ...] = ()


def finish_run(
    recipe: TrainRecipe,
    material: TrainingData,
    run: RunDir,
    parts: Parts,
    normalisation: Normalisation,
    chosen: Chosen,
    begun: Mapping[str, str],
) -> TrainSummary:
    """Export the best epoch's model and mark the run finished."""
    weights = mean_weights(run.path, chosen.epochs)
    notes = routing_notes(run.path / "metrics.jsonl", parts.model) + limit_notes(material)
    notes += material.word_notes
    if "attributes" in tasks_of(recipe.model):
        notes += rating_notes(material, items_per_step=recipe.batch_size * recipe.accumulation)
    modules = parts.modules()
    export_model(
        run.path / MODEL_FOLDER,
        weights,
        recipe=resolved(recipe),
        labels=material.classes,
        normalisation=normalisation,
        card=material.card,
        metrics=chosen.metrics,
        facts={
            "training utterances": len(material.train),
            "dev utterances": len(material.dev),
            "epoch": chosen.describe(),
            **begun,
            "parameters": sum(parameter.numel() for parameter in modules.parameters()),
            **{f"note {number}": note for number, note in enumerate(notes, start=1)},
        },
    )
    lineage = lineage_of(
        material.train,
        material.dev,
        corpus=material.card.description or material.card.name,
        manifest=material.content,
        reads_words=parts.text is not None,
    )
    write_json(run.path / MODEL_FOLDER / LINEAGE_NAME, lineage.to_json())
    summary = TrainSummary(
        run=str(run.path),
        epochs=chosen.num_epochs,
        best={"epoch": chosen.best.epoch, "score": round(chosen.best.score, 6)},
        metrics=dict(chosen.metrics),
        data=data_path(material, run),
        notes=tuple(notes),
    )
    run.finish(asdict(summary))
    return summary


def data_path(material: TrainingData, run: RunDir) -> str:
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


def routing_notes(metrics: Path, model: nn.Module) -> list[str]:
    """A sentence for the experts that were hardly used in an epoch, whichever epoch was exported."""
    epochs = (line for _, line in read_lines(metrics) if line.get("kind") == "epoch")
    return collapse_notes({line["epoch"]: line["train"].get("routing", {}) for line in epochs}, model)


def limit_notes(material: TrainingData) -> list[str]:
    """A sentence where only a part of the data was used."""
    if not material.num_left_out:
        return []
    used = len(material.train) + len(material.dev)
    return [f"LIMITED DATA: {used} of {used + material.num_left_out} utterances were used: a look, not a result."]
