"""Training that begins with the weights of another run, as the second of two steps does."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file

from merit_cli.backbones.model_folder import WEIGHTS_NAME, Parts, find_model_folder, read_labels
from merit_cli.errors import UsageError
from merit_cli.io.hashing import sha256_of_file

PLACE = "init_from"


@dataclass(frozen=True)
class Start:
    """Weights to begin with.

    Args:
        folder: Of the exported model.
        labels: Its emotions, in the order of its logits.
        content: Hash of the weights.
    """

    folder: Path
    labels: tuple[str, ...]
    content: str

    def facts(self, anew: Sequence[str]) -> dict[str, str]:
        """What the model card says of it.

        Args:
            anew: Modules that it lacks.
        """
        lacking = ", ".join(anew) or "nothing"
        return {"begun with": f"weights of sha256 {self.content}", "begun anew": lacking}


def find_start(path: str | None) -> Start | None:
    """The model that a recipe begins with; None for one that begins anew.

    Raises:
        NoInput: There is no exported model.
        BadData: Its folder is not complete.
    """
    if path is None:
        return None
    folder = find_model_folder(Path(path))
    return Start(folder, read_labels(folder), sha256_of_file(folder / WEIGHTS_NAME))


def load_start(parts: Parts, start: Start, *, classes: Sequence[str]) -> tuple[str, ...]:
    """Put the weights into an encoder and a model that were just built.

    Returns:
        What begins anew because the other run lacks it, as names of modules.

    Raises:
        UsageError: Shapes or emotions differ, or nothing fits.
    """
    modules = parts.modules()
    own, given = modules.state_dict(), load_file(str(start.folder / WEIGHTS_NAME))
    shared = own.keys() & given.keys()
    other_shape = sorted(name for name in shared if own[name].shape != given[name].shape)
    if start.labels and classes and tuple(classes) != start.labels:
        raise UsageError(
            f"the run to begin with knows the emotions {', '.join(start.labels)}, the data {', '.join(classes)}",
            place=PLACE,
            hint="begin with a run on the same labels",
        )
    if other_shape or not shared:
        first = other_shape[0] if other_shape else ""
        fault = f"has another shape of {first} than this recipe's model" if first else "has no weight that fits"
        raise UsageError(
            f"the run to begin with {fault}",
            place=PLACE,
            hint=f"compare {start.folder / 'recipe.yaml'} with the recipe",
        )
    modules.load_state_dict({name: given[name] for name in shared}, strict=False)
    return tuple(dict.fromkeys(name.rsplit(".", 1)[0] for name in own if name not in given))
