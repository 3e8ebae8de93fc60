"""Training that begins with the weights of another run, as the second of two steps does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

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


def begun_with(starts: Sequence[Start], anew: Sequence[str]) -> dict[str, str]:
    """What the model card says of the weights a run began with; nothing of a run that began anew.

    Args:
        starts: Those weights.
        anew: Modules that they lack.
    """
    if not starts:
        return {}
    hashes = " and ".join(one.content for one in starts)
    return {"begun with": f"weights of sha256 {hashes}", "begun anew": ", ".join(anew) or "nothing"}


def find_starts(paths: str | Sequence[str] | None) -> tuple[Start, ...]:
    """The models that a recipe begins with; none for one that begins anew.

    Raises:
        NoInput: There is no exported model.
        BadData: Its folder is not complete.
    """
    named = () if paths is None else (paths,) if isinstance(paths, str) else paths
    folders = [find_model_folder(Path(path)) for path in named]
    return tuple(Start(one, read_labels(one), sha256_of_file(one / WEIGHTS_NAME)) for one in folders)


def load_starts(parts: Parts, starts: Sequence[Start], *, classes: Sequence[str]) -> tuple[str, ...]:
    """Put the weights into encoders and a model that were just built.

    Returns:
        What begins anew because no start has it, as names of modules; nothing where there is no start.

    Raises:
        UsageError: Shapes or emotions differ, or a start has nothing that fits.
    """
    if not starts:
        return ()
    modules = parts.modules()
    own, given = modules.state_dict(), dict[str, Tensor]()
    for start in starts:
        given = _fitting(own, start, classes=classes) | given
    modules.load_state_dict(given, strict=False)
    return tuple(dict.fromkeys(name.rsplit(".", 1)[0] for name in own if name not in given))


def _fitting(own: Mapping[str, Tensor], start: Start, *, classes: Sequence[str]) -> dict[str, Tensor]:
    """The weights of one start that the modules have."""
    given = load_file(str(start.folder / WEIGHTS_NAME))
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
    return {name: given[name] for name in shared}
