"""A trained model as a folder: everything that running it needs, and what a reader must know of it.

``model.safetensors`` (encoder and model), ``recipe.yaml``, ``labels.json``, ``normalisation.json``,
``card.yaml`` (notes that every report repeats) and ``README.md``.

Shape suffixes: B batch, N samples, C classes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from merit_cli.backbones import BACKBONES
from merit_cli.backbones.contract import Backbone
from merit_cli.backbones.device import check_device
from merit_cli.backbones.forward import TEXT
from merit_cli.backbones.normalisation import Normalisation
from merit_cli.backbones.text import TextEncoder, TextEncoderConfig
from merit_cli.backbones.trained_model import CHUNK, Task, TrainedModel
from merit_cli.config.component import component_config
from merit_cli.config.frozen import FrozenConfig
from merit_cli.config.load import Tree, read_yaml
from merit_cli.errors import BadData, NoInput
from merit_cli.io.atomic import atomic_path, make_folder, write_json, write_text, write_yaml
from merit_cli.manifests.read_write import CARD_NAME, Card, read_card, write_card
from merit_cli.models import MODELS
from merit_cli.models.waveform_model import WaveformModel, hears_waveform

WEIGHTS_NAME = "model.safetensors"
MODEL_FOLDER = "model"
DEFAULT_MODEL = "sparse-merit"
DEFAULT_BACKBONE = "log-mel"


@dataclass(frozen=True)
class Parts:
    """An encoder and the model behind it, as a recipe describes them; a model that reads has a text encoder too."""

    backbone: Backbone
    model: nn.Module
    text: TextEncoder | None = None

    def modules(self) -> nn.ModuleDict:
        """All of them, under the names that their weights are saved with."""
        assert isinstance(self.backbone, nn.Module), type(self.backbone)
        words = {} if self.text is None else {TEXT: self.text}
        return nn.ModuleDict({"backbone": self.backbone, "model": self.model, **words})


def build_parts(
    model: FrozenConfig, backbone: FrozenConfig, *, num_classes: int, text: TextEncoderConfig | None = None
) -> Parts:
    """Encoders and model, the model's weights drawn from torch's global generator.

    Args:
        model: Config of a registered model.
        backbone: Of the speech encoder in front.
        num_classes: C.
        text: Of the text encoder of a model that reads.

    Raises:
        Unavailable: An encoder's weights or an extra are missing.
    """
    encoder: Backbone = backbone.build()  # type: ignore[attr-defined]  # every registered backbone has it
    if hears_waveform(model):
        return Parts(encoder, WaveformModel(model.build()))  # type: ignore[attr-defined]
    if text is None:
        return Parts(encoder, model.build(encoder.shape, max(num_classes, 1)))  # type: ignore[attr-defined]
    reader = text.build()
    return Parts(encoder, model.build(encoder.shape, max(num_classes, 1), reader.dim), reader)  # type: ignore[attr-defined]


def export_model(
    folder: Path,
    weights: Mapping[str, Tensor],
    *,
    recipe: Tree,
    labels: Sequence[str],
    normalisation: Normalisation,
    card: Card,
    metrics: Mapping[str, float],
    facts: Mapping[str, Any],
) -> Path:
    """Write a model folder; returns it.

    Args:
        folder: Where; made where it is not there.
        weights: State of `Parts.modules`.
        recipe: Resolved; its ``model``, ``backbone``, ``text``, ``mix_back`` and ``mask_exponent`` are what
            `load_model` builds.
        labels: Emotion labels in the order of the logits; empty for a model without that task.
        normalisation: Scale of the model.
        card: Of the training data.
        metrics: Dev metrics of the exported weights.
        facts: What else the README says, by name.
    """
    make_folder(folder)
    with atomic_path(folder / WEIGHTS_NAME) as temporary:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}, str(temporary))
    write_yaml(folder / "recipe.yaml", recipe)
    write_json(folder / "labels.json", list(labels))
    write_json(folder / "normalisation.json", normalisation.model_dump(mode="json"))
    write_card(folder, card)
    write_text(folder / "README.md", _readme(recipe, labels, card, metrics, facts))
    return folder


def find_model_folder(path: Path) -> Path:
    """The model folder that a run folder holds, or that ``path`` itself is.

    Raises:
        NoInput: There is no exported model.
    """
    for folder in (path / MODEL_FOLDER, path):
        if (folder / WEIGHTS_NAME).is_file():
            return folder
    raise NoInput("there is no trained model in this folder", place=str(path), hint="give a finished train run")


def read_labels(folder: Path) -> tuple[str, ...]:
    """Emotion labels of a model folder, in the order of the logits.

    Raises:
        BadData: They are missing.
    """
    return tuple(str(label) for label in _read_json(folder / "labels.json"))


def read_tasks(path: Path) -> tuple[Task, ...]:
    """The tasks of the model in a run folder or a model folder, without its weights.

    Raises:
        NoInput: There is no exported model.
    """
    recipe = read_yaml(find_model_folder(path) / "recipe.yaml")
    return tasks_of(component_config(MODELS, recipe.get("model", {}), default=DEFAULT_MODEL))


def load_model(path: Path, *, device: str = "cpu", precision: str = "fp32") -> TrainedModel:
    """The model in a run folder or a model folder, ready to run.

    Raises:
        NoInput: There is no exported model.
        BadData: Its files do not fit together.
        Unavailable: Its encoder needs weights or an extra that are missing, or the device is not there.
    """
    folder = find_model_folder(path)
    recipe = read_yaml(folder / "recipe.yaml")
    labels = read_labels(folder)
    normalisation = Normalisation.model_validate(_read_json(folder / "normalisation.json"))
    model = component_config(MODELS, recipe.get("model", {}), default=DEFAULT_MODEL)
    backbone = component_config(BACKBONES, recipe.get("backbone", {}), default=DEFAULT_BACKBONE)
    text = TextEncoderConfig.model_validate(recipe[TEXT]) if recipe.get(TEXT) else None
    parts = build_parts(model, backbone, num_classes=len(labels), text=text)
    modules = parts.modules()
    try:
        modules.load_state_dict(load_file(str(folder / WEIGHTS_NAME)), strict=True)
    except Exception as error:  # safetensors and torch raise several kinds; all mean the same
        raise BadData(
            "the weights do not fit the recipe beside them", place=str(folder), hint="export the model again"
        ) from error
    card = read_card(folder / CARD_NAME)
    scale = card.attribute_scale if card else None
    if "attributes" in tasks_of(model) and scale is None:
        raise BadData(
            "the model folder does not say the scale of its ratings",
            place=str(folder / CARD_NAME),
            hint="export the model again, or add attribute_scale: [LOWEST, HIGHEST]",
        )
    check_device(device)
    max_duration = float(recipe.get("data", {}).get("max_duration", 12.0))
    return TrainedModel(
        modules.to(device).eval(),
        tasks=tasks_of(model),
        labels=labels,
        normalisation=normalisation,
        max_duration=max_duration,
        name=str(recipe.get("name", model.name)),  # type: ignore[attr-defined]
        mix_back=float(recipe.get("mix_back", 0.0)),
        mask_exponent=float(recipe.get("mask_exponent", 1.0)),
        precision=precision,
        chunk=getattr(type(model), "chunk_seconds", CHUNK),
        attribute_scale=scale,
    )


def tasks_of(model: FrozenConfig) -> tuple[Task, ...]:
    """The tasks of a model's config; both where it does not say."""
    tasks: tuple[Task, ...] = getattr(type(model), "tasks", ("enhancement", "emotion"))
    return tasks


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise BadData("the model folder is not complete", place=str(path), hint="train or export again") from None


def _readme(
    recipe: Tree, labels: Sequence[str], card: Card, metrics: Mapping[str, float], facts: Mapping[str, Any]
) -> str:
    scores = "\n".join(f"| {name} | {value:.4g} |" for name, value in metrics.items())
    notes = "\n".join(f"- {note}" for note in card.notes) or "- none"
    details = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    return f"""# {recipe.get("name", "model")}

A `{recipe.get("model", {}).get("name")}` model on `{recipe.get("backbone", {}).get("name")}` features.

## Use

    merit predict FILES --model FOLDER --enhance
    merit enhance FILES --enhancer FOLDER

The folder is complete: no other file is needed but the encoder's own pretrained weights, where it has any.

## Data

{card.name}: {card.description or "no description"}

Licence of the data: {card.licence or "not stated"}

{notes}

## Scores on the dev split, which chose the epoch

| metric | value |
|---|---|
{scores}

## Facts

{details}
- labels: {", ".join(labels) or "none"}
"""
