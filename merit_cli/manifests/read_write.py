"""Streamed reading and writing of manifests, and the card that stands beside one."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from merit_cli.config.frozen import FrozenConfig
from merit_cli.config.load import read_yaml
from merit_cli.errors import BadData, NoInput
from merit_cli.io.atomic import write_yaml
from merit_cli.io.jsonl import read_lines, write_lines
from merit_cli.manifests.utterance import Utterance

MANIFEST_NAME = "manifest.jsonl"
CARD_NAME = "card.yaml"


class Card(FrozenConfig):
    """What every report on a corpus must say of it.

    Args:
        name: The corpus.
        description: What it holds.
        licence: Under which its audio may be used.
        source: Where it comes from.
        synthetic: Whether audio or labels were made by rule.
        notes: Sentences that every table made from it repeats.
        shared_groups: Kinds (``speaker``, ``noise_id``) that its splits may share.
        attribute_scale: Lowest and highest rating of arousal, valence and dominance; None where they are not rated.
    """

    name: str
    description: str = ""
    licence: str = ""
    source: str = ""
    synthetic: bool = False
    notes: tuple[str, ...] = ()
    shared_groups: tuple[str, ...] = ()
    attribute_scale: tuple[float, float] | None = None


def iter_manifest(path: Path) -> Iterator[Utterance]:
    """The utterances of a manifest, one at a time.

    Raises:
        NoInput: There is no such manifest.
        BadData: A line cannot be used; the place names it.
    """
    root = path.resolve().parent
    for number, line in read_lines(path):
        yield Utterance.from_line(line, root, place=f"{path}:{number}")


def read_manifest(path: Path) -> list[Utterance]:
    """All utterances of a manifest.

    Raises:
        NoInput: There is no such manifest, or it is empty.
        BadData: A line cannot be used, or an id appears twice.
    """
    utterances = list(iter_manifest(path))
    if not utterances:
        raise NoInput("the manifest is empty", place=str(path))
    seen: set[str] = set()
    for utterance in utterances:
        if utterance.id in seen:
            raise BadData(f"the id {utterance.id!r} appears twice", place=str(path))
        seen.add(utterance.id)
    return utterances


def write_manifest(path: Path, utterances: Iterable[Utterance]) -> int:
    """Write a manifest by rename; returns the number of lines."""
    root = path.resolve().parent
    return write_lines(path, (utterance.to_line(root) for utterance in utterances))


def read_card(manifest: Path) -> Card | None:
    """The card beside a manifest, or None."""
    path = manifest.parent / CARD_NAME
    if not path.exists():
        return None
    tree = read_yaml(path)
    return Card.model_validate({key: value for key, value in tree.items() if key in Card.model_fields})


def write_card(folder: Path, card: Card) -> None:
    """Write a card beside a manifest in ``folder``."""
    write_yaml(folder / CARD_NAME, card.model_dump(mode="json"))


def join_cards(name: str, cards: Iterable[Card | None]) -> Card:
    """The card of something made from several corpora: every note kept, once; no scale where theirs differ."""
    present = [card for card in cards if card is not None]
    scales = {card.attribute_scale for card in present if card.attribute_scale is not None}
    notes = [note for card in present for note in card.notes]
    if len(scales) > 1:
        notes.append("SCALES DIFFER: arousal, valence and dominance of these corpora cannot be compared.")
    return Card(
        name=name,
        description=" + ".join(card.name for card in present),
        licence="; ".join(dict.fromkeys(card.licence for card in present if card.licence)),
        synthetic=any(card.synthetic for card in present),
        notes=tuple(dict.fromkeys(notes)),
        shared_groups=tuple(dict.fromkeys(group for card in present for group in card.shared_groups)),
        attribute_scale=next(iter(scales)) if len(scales) == 1 else None,
    )
