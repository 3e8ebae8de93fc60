"""Between an utterance and the flat record of another toolkit's manifest, without loss.

A record is a mapping of names to JSON values. What a manifest line has a field for goes there, known labels
become labels, and every other field goes to ``info`` and back under its own name: text as it is, other values as
``json:`` and their JSON. A label with another name is written ``label.NAME``, and an info whose name is taken
``info.NAME``.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from merit_cli.errors import BadData
from merit_cli.io.audio_file import audio_info
from merit_cli.manifests.mixture import Mixture
from merit_cli.manifests.utterance import SHARE_PREFIX, Utterance

Fields = dict[str, Any]  # JSON data by name
NUMBERS = frozenset({"arousal", "valence", "dominance"})
LABELS = NUMBERS | {"emotion", "breath", "record"}
SPLIT_NAME = "split_name"
"""The info that keeps another toolkit's name of a split, such as ``validation`` of ``dev``."""
WHOLE = "all"
_TEXTS = ("speaker", "split", "transcript", "transcript_source", "enhancer")
_PATHS = {"clean": "clean_filepath", "noise": "noise_filepath", "noisy": "noisy_filepath"}
_MARK = "json:"
_OVERSHOOT_S = 0.5
"""A segment may end this much behind its file and is cut there, as Kaldi's extract-segments has it."""
_SPLITS = {"train": "train", "test": "test", "dev": "dev", "valid": "dev", "validation": "dev", "val": "dev", WHOLE: ""}


@dataclass(frozen=True)
class Dialect:
    """How one format names things.

    Args:
        names: Field of a manifest line to the format's own name of it.
        native: Names that the format gives a meaning of its own.
    """

    names: Mapping[str, str]
    native: frozenset[str]

    def is_taken(self, name: str) -> bool:
        """Whether ``name`` means something else than an info."""
        kept = {self.names.get(one, one) for one in (*_TEXTS, "mixture")}
        prefixed = name.startswith(("label.", "info."))
        return prefixed or name in self.native | kept | set(_PATHS.values()) or _is_label(name)


@dataclass(frozen=True)
class Record:
    """One utterance as another toolkit has it.

    Args:
        place: ``file:line``.
        audio: The file.
        id: Empty where the format has none.
        start: Where it begins in the file, in seconds, or in samples where ``in_samples``.
        duration: In the same unit; None reaches to the file's end.
        in_samples: The unit of ``start`` and ``duration``.
        fields: Everything else.
    """

    place: str
    audio: Path
    id: str = ""
    start: float = 0.0
    duration: float | None = None
    in_samples: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """An item that cannot be taken over, and why."""

    id: str
    reason: str


def _is_label(name: str) -> bool:
    return name in LABELS or name.startswith(SHARE_PREFIX)


def mark(value: Any) -> str:
    """A JSON value as text: text as it is, unless it would be read as something else.

    >>> mark("rain"), mark(5), mark("json:5")
    ('rain', 'json:5', 'json:"json:5"')
    """
    plain = isinstance(value, str) and not value.startswith(_MARK)
    return value if plain else _MARK + json.dumps(value, ensure_ascii=False)


def unmark(text: str) -> Any:
    """The value that `mark` wrote.

    >>> unmark("json:5"), unmark("rain")
    (5, 'rain')
    """
    if isinstance(text, str) and text.startswith(_MARK):
        with suppress(json.JSONDecodeError):
            return json.loads(text.removeprefix(_MARK))
    return text


def to_cell(name: str, value: Any) -> str:
    """A value for a format that knows text alone; on one line, without space at its ends, never empty."""
    if name in NUMBERS or name.startswith(SHARE_PREFIX):
        return value if isinstance(value, str) else json.dumps(value)
    text = mark(value)
    return text if text and text == " ".join(text.splitlines()).strip() else _MARK + json.dumps(value)


def from_cell(name: str, text: str) -> Any:
    """The value that `to_cell` wrote."""
    if name in NUMBERS or name.startswith(SHARE_PREFIX):
        with suppress(ValueError):
            return float(text)
    return unmark(text)


def fields_of(utterance: Utterance, dialect: Dialect) -> Fields:
    """Everything of an utterance but its id, file and place in it; empty fields left out, paths absolute."""
    fields: Fields = {dialect.names.get(name, name): getattr(utterance, name) for name in _TEXTS}
    fields |= {foreign: str(getattr(utterance, name) or "") for name, foreign in _PATHS.items()}
    if split_of(part_of(utterance)) == utterance.split:  # the file or folder says it
        fields.pop("split")
    fields["mixture"] = utterance.mixture.to_line() if utterance.mixture else ""
    fields = {name: value for name, value in fields.items() if value != ""}
    for name, value in utterance.labels.items():
        fields[name if _is_label(name) else f"label.{name}"] = value
    for name, value in utterance.info.items():
        if name != SPLIT_NAME or split_of(value) != utterance.split:
            fields[f"info.{name}" if dialect.is_taken(name) else name] = unmark(value)
    return fields


def _line_of(record: Record, dialect: Dialect) -> dict[str, Any]:
    line: dict[str, Any] = {"labels": {}, "info": {}}
    texts = {dialect.names.get(name, name): name for name in _TEXTS}
    paths = {foreign: name for name, foreign in _PATHS.items()}
    for name, value in record.fields.items():
        is_text = isinstance(value, str | int | float) and not isinstance(value, bool)
        if name in texts and is_text:
            line[texts[name]] = str(value)
        elif name in paths and isinstance(value, str):
            line[paths[name]] = str(Path(record.place).parent / value)
        elif name == "mixture" and _is_mixture(value):
            line[name] = value
        elif is_text and (_is_label(name) or name.startswith("label.")):
            line["labels"][name.removeprefix("label.")] = value
        else:
            plain = name.removeprefix("info.")
            line["info"][plain if dialect.is_taken(plain) else name] = mark(value)
    return line


def _is_mixture(value: Any) -> bool:
    try:
        return isinstance(value, Mapping) and bool(Mixture.from_line(value))
    except (TypeError, AttributeError):
        return False


def utterance_of(record: Record, dialect: Dialect, *, part: str = WHOLE) -> Utterance:
    """The utterance of a record; its file's header is read.

    Args:
        record: With an id.
        dialect: Of its format.
        part: The file or folder's name, which says the split where no field does.

    Raises:
        NoInput: There is no such audio file.
        BadData: It cannot be read, or the segment lies outside of it.
    """
    header = audio_info(record.audio)
    unit = 1 if record.in_samples else header.sample_rate
    start, end = round(record.start * unit), header.num_samples
    if record.duration is not None:
        end = round((record.start + record.duration) * unit)
    if end - header.num_samples > _OVERSHOOT_S * header.sample_rate:
        raise BadData(
            f"the segment ends at {end / header.sample_rate:g} s, the file at {header.duration:g} s", place=record.place
        )
    end = min(end, header.num_samples)
    if start < 0 or end <= start:
        raise BadData(f"the segment from sample {start} to {end} is empty", place=record.place)
    line = _line_of(record, dialect)
    if "split" not in line:
        line["split"] = split_of(part)
        if line["split"] != part and part != WHOLE:
            line["info"][SPLIT_NAME] = part
    place = {"id": record.id, "audio": str(record.audio), "start": start, "num_samples": end - start}
    return Utterance.from_line(
        {**place, "sample_rate": header.sample_rate, **line}, Path(record.place).resolve().parent, place=record.place
    )


def split_of(part: str) -> str:
    """The split that a file or folder of this name holds.

    >>> split_of("validation"), split_of("all"), split_of("test-clean")
    ('dev', '', 'test-clean')
    """
    return _SPLITS.get(part, part)


def known_part(name: str) -> str:
    """``name`` where it is a usual one of a split, else ``all``: a file given alone may be called anything."""
    return name if name in _SPLITS else WHOLE


def part_of(utterance: Utterance) -> str:
    """The name of the file or folder that an utterance is written to."""
    stored = str(utterance.info.get(SPLIT_NAME, ""))
    return stored if stored and split_of(stored) == utterance.split else utterance.split or WHOLE


def by_part(utterances: Iterable[Utterance]) -> Iterator[tuple[str, list[Utterance]]]:
    """Utterances by the file or folder that each belongs to, by its name.

    Raises:
        BadData: A split's name cannot name a file.
    """
    parts: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        parts.setdefault(part_of(utterance), []).append(utterance)
    for part in parts:
        if part in (".", "..") or not all(char.isalnum() or char in "-_." for char in part):
            raise BadData(f"the split {part!r} cannot name a file", hint="use letters, digits, -, _ and .")
    yield from sorted(parts.items())


def is_segment(utterance: Utterance) -> bool:
    """Whether an utterance is less than its whole file."""
    return utterance.start > 0 or utterance.num_samples != audio_info(utterance.audio).num_samples
