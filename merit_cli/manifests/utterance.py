"""The schema of a manifest line.

In memory every path is absolute; in the file it is relative to the manifest. Pairs are found by
id, never by editing a path.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from merit_cli.errors import BadData, nearest_name
from merit_cli.manifests.mixture import Mixture

Label = str | float
SHARE_PREFIX = "p_"
"""Before an emotion's name in small letters: the label that says which share of the annotators heard it."""
PATH_FIELDS = ("audio", "clean", "noise", "noisy")


@dataclass(frozen=True)
class Utterance:
    """One line of a manifest.

    Args:
        id: Relative path without suffix, ``/`` written as ``__``; a mixture adds ``__v<variant>``.
        audio: The file this line is about.
        sample_rate: Of ``audio``, in Hz.
        num_samples: Of the segment this line is about, at ``sample_rate``.
        start: First sample of the segment in ``audio``.
        speaker: Speaker or patient; empty where unknown.
        split: ``train``, ``dev`` or ``test``; empty where there is none.
        labels: Label name to value.
        info: Other facts by name, such as device or location.
        transcript: The words; empty where they are not known.
        transcript_source: Who wrote them down: ``human``, ``script`` (what was to be said) or the name of a recogniser.
        clean: Clean reference, aligned with ``audio``.
        noise: The noise as it was added.
        noisy: The mixture that an enhanced ``audio`` came from.
        enhancer: Name of what made ``audio``.
        mixture: How a noisy ``audio`` was made.
    """

    id: str
    audio: Path
    sample_rate: int
    num_samples: int
    start: int = 0
    speaker: str = ""
    split: str = ""
    labels: Mapping[str, Label] = field(default_factory=dict)
    info: Mapping[str, str] = field(default_factory=dict)
    transcript: str = ""
    transcript_source: str = ""
    clean: Path | None = None
    noise: Path | None = None
    noisy: Path | None = None
    enhancer: str = ""
    mixture: Mixture | None = None

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sample_rate

    def to_line(self, root: Path) -> dict[str, Any]:
        """The line as JSON data, paths relative to ``root``, empty fields left out."""
        line: dict[str, Any] = {}
        for spec in fields(self):
            value = getattr(self, spec.name)
            if spec.name in PATH_FIELDS and value is not None:
                value = _relative(value, root)
            elif isinstance(value, Mixture):
                value = value.to_line()
            elif isinstance(value, Mapping):
                value = dict(value)
            if value not in (None, "", {}) and not (spec.name == "start" and value == 0):
                line[spec.name] = value
        return line

    @classmethod
    def from_line(cls, line: Mapping[str, Any], root: Path, *, place: str = "") -> "Utterance":
        """The utterance in a manifest line.

        Raises:
            BadData: A required key is missing, a key is unknown, a value has the wrong type, or a file named
                after the id would lie outside of its folder.
        """
        values = dict(line)
        known = {spec.name for spec in fields(cls)}
        for key in values:
            if key not in known:
                near = nearest_name(key, known)
                raise BadData(
                    f"unknown manifest key {key!r}", place=place, hint=f"did you mean {near!r}?" if near else ""
                )
        try:
            for key in PATH_FIELDS:
                if values.get(key) is not None:
                    values[key] = Path(os.path.normpath(root / values[key]))
            if values.get("mixture") is not None:
                values["mixture"] = Mixture.from_line(values["mixture"])
            made = cls(**values)
        except TypeError as error:
            raise BadData(f"the manifest line is not complete: {_plain(error)}", place=place) from None
        if (
            not isinstance(made.id, str)
            or not isinstance(made.num_samples, int)
            or not isinstance(made.sample_rate, int)
        ):
            raise BadData("id must be text, num_samples and sample_rate whole numbers", place=place)
        if made.id.startswith("/") or "\0" in made.id or (".." in made.id and ".." in made.id.split("/")):
            raise BadData(f"the id {made.id!r} leads out of the output folder", place=place, hint="ids name files")
        return made


def _relative(path: Path, root: Path) -> str:
    """``path`` from ``root``; below it, which is the usual, without asking for the working folder."""
    name, prefix = path.as_posix(), f"{root.as_posix()}/"
    return name[len(prefix) :] if name.startswith(prefix) else f"{_way(str(path.parent), str(root))}{path.name}"


@lru_cache(maxsize=1024)
def _way(folder: str, root: str) -> str:
    """From ``root`` to a folder elsewhere, with a slash at its end; many files share one."""
    way = Path(os.path.relpath(folder, root)).as_posix()
    return "" if way == "." else f"{way}/"


def _plain(error: TypeError) -> str:
    return str(error).replace("Utterance.__init__() ", "").replace("Mixture.__init__() ", "mixture ")


def id_of_path(path: Path, root: Path) -> str:
    """The id of a file below ``root``.

    >>> id_of_path(Path("/a/b/c.wav"), Path("/a"))
    'b__c'
    """
    return "__".join(path.relative_to(root).with_suffix("").parts)
