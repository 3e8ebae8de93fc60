"""The trained classifier as a folder: weights in safetensors, and all that is needed to use them."""

from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from merit_cli.backbones.breath_classifiers import ClassifierChoice
from merit_cli.config.frozen import FrozenConfig
from merit_cli.config.load import read_yaml, resolved
from merit_cli.enhancers.select import EnhancerChoice
from merit_cli.errors import BadData, NoInput
from merit_cli.io.atomic import write_bytes, write_yaml
from merit_cli.workflows.classify_breath.abstain import AbstainRule

MODEL_FOLDER = "model"
_WEIGHTS, _CARD = "weights.safetensors", "model.yaml"


class BreathModelCard(FrozenConfig):
    """What stands beside the weights.

    Args:
        classes: In the order of the outputs, normal first.
        model: The network.
        fade: Cross-fade between repetitions, in seconds.
        window: Length of pieces of recordings without annotation, in seconds.
        min_swing_db: Abstention threshold, from dev.
        min_probability: Abstention threshold, from dev.
        best_epoch: Chosen by dev Score.
        dev_score: There.
        corpus: Trained on.
        synthetic: Whether that was synthetic.
        notes: Sentences that every table of this model's answers repeats.
        trained_on_enhanced: Enhancer in front in training; None where there was none.
        train_patients: Whose answers by this model prove nothing.
    """

    classes: tuple[str, ...]
    model: ClassifierChoice
    fade: float
    window: float
    min_swing_db: float
    min_probability: float
    best_epoch: int
    dev_score: float
    corpus: str
    synthetic: bool
    notes: tuple[str, ...] = ()
    trained_on_enhanced: EnhancerChoice | None = None
    train_patients: tuple[str, ...] = ()

    @property
    def abstention(self) -> AbstainRule:
        """Both thresholds."""
        return AbstainRule(self.min_swing_db, self.min_probability)


@dataclass(frozen=True)
class BreathModel:
    """A trained network, in evaluation mode, and its card."""

    network: nn.Module
    card: BreathModelCard


def save_model(run: Path, model: BreathModel) -> Path:
    """Write the model folder of a run; returns it."""
    folder = run / MODEL_FOLDER
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.network.state_dict().items()}
    write_bytes(folder / _WEIGHTS, save(state))
    write_yaml(folder / _CARD, resolved(model.card))
    return folder


def weights_path(run: Path) -> Path:
    """The weights of a run folder, or of a model folder itself."""
    nested = run / MODEL_FOLDER / _WEIGHTS
    return nested if nested.exists() else run / _WEIGHTS


def load_model(run: Path, *, device: str = "cpu") -> BreathModel:
    """The model of a run folder, or in a model folder itself.

    Raises:
        NoInput: There is no breath model.
        BadData: Its card or weights are damaged, or do not fit each other.
    """
    folder = run / MODEL_FOLDER if (run / MODEL_FOLDER).is_dir() else run
    if not (folder / _CARD).exists():
        inside = sorted(path.parents[1] for path in run.glob(f"*/{MODEL_FOLDER}/{_CARD}"))
        raise NoInput(
            "no breath model is in this folder",
            place=str(run),
            hint=f"take one of the seeds in it: --model {inside[0]}"
            if inside
            else "train one: merit classify-breath, without arguments",
        )
    try:
        card = BreathModelCard.model_validate(read_yaml(folder / _CARD))
        network = card.model.build(len(card.classes))
        network.load_state_dict(load_file(str(folder / _WEIGHTS)))
    except (ValidationError, SafetensorError, RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise BadData(f"the breath model cannot be used: {reason}", place=str(folder), hint="train it again") from None
    return BreathModel(network.to(torch.device(device)).eval(), card)
