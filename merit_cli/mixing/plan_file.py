"""A plan on disk: every mixture fixed, to be rendered later, elsewhere or in shards.

JSON lines: a header with the recipe and the count, every noise, and then each utterance followed by
its mixtures; with each file a mark of its contents, so that no other is rendered in its place. So a
plan is written and read as a stream, whatever its length. Paths are relative to the plan.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from merit_cli.errors import BadData
from merit_cli.io.jsonl import Line, read_lines, write_lines
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.plan import PlannedMixture
from merit_cli.mixing.source_marks import mark_of_file

PLAN_VERSION = 1


class Mixtures(Protocol):
    """A plan that can be gone through more than once; the mixtures of an utterance stand together."""

    @property
    def num_mixtures(self) -> int:
        """How many there are."""

    def __iter__(self) -> Iterator[PlannedMixture]:
        """Each mixture in order."""

    def speech(self) -> Iterator[Utterance]:
        """Each utterance once, in order."""

    def noises(self) -> Iterator[Utterance]:
        """Each noise once."""


def write_plan(path: Path, mixtures: Mixtures, header: Mapping[str, Any]) -> int:
    """Write a plan by rename; returns the number of mixtures.

    Args:
        path: A ``.jsonl`` file.
        mixtures: The plan.
        header: JSON data that a reader gets back.

    Raises:
        Unavailable: The place cannot be written.
    """
    write_lines(path, _lines(path.resolve().parent, mixtures, header))
    return mixtures.num_mixtures


def _lines(root: Path, mixtures: Mixtures, header: Mapping[str, Any]) -> Iterator[Line]:
    yield {"plan": PLAN_VERSION, "num_mixtures": mixtures.num_mixtures, **header}
    for noise in mixtures.noises():
        yield {"noise": noise.to_line(root), "file": mark_of_file(noise.audio)}
    current = None
    for planned in mixtures:
        if planned.speech is not current:
            current = planned.speech
            yield {"speech": current.to_line(root), "file": mark_of_file(current.audio)}
        line: Line = {
            "id": planned.id,
            "noises": [noise.id for noise in planned.noises],
            "snr_db": planned.snr_db,
            "variant": planned.variant,
            "draw_key": planned.draw_key,
            "seed": planned.seed,
        }
        yield line | ({} if planned.noise_set == "any" else {"noise_set": planned.noise_set})


@dataclass(frozen=True)
class PlanFile:
    """A plan read from disk, as `Mixtures`.

    Args:
        path: The file.
        header: Its first line.
    """

    path: Path
    header: Mapping[str, Any]

    @property
    def num_mixtures(self) -> int:
        """As the header says."""
        return int(self.header["num_mixtures"])

    def __iter__(self) -> Iterator[PlannedMixture]:
        """Each mixture in order.

        Raises:
            BadData: A line is not of a plan, or lines are missing at the end.
        """
        root = self.path.resolve().parent
        noises: dict[str, tuple[Utterance, str]] = {}
        speech: tuple[Utterance, str] | None = None
        count = 0
        for number, line in self._body():
            place = f"{self.path}:{number}"
            if "noise" in line:
                noise = Utterance.from_line(line["noise"], root, place=place)
                noises[noise.id] = noise, line.get("file", "")
            elif "speech" in line:
                speech = Utterance.from_line(line["speech"], root, place=place), line.get("file", "")
            elif speech is not None:
                count += 1
                yield _planned(line, speech, noises, place)
        if count != self.num_mixtures:
            raise BadData(
                f"the plan holds {count} of {self.num_mixtures} mixtures", place=str(self.path), hint="make it again"
            )

    def speech(self) -> Iterator[Utterance]:
        """Each utterance once, in order."""
        return self._utterances("speech")

    def noises(self) -> Iterator[Utterance]:
        """Each noise once."""
        return self._utterances("noise")

    def _utterances(self, kind: str) -> Iterator[Utterance]:
        root = self.path.resolve().parent
        return (
            Utterance.from_line(line[kind], root, place=f"{self.path}:{number}")
            for number, line in self._body()
            if kind in line
        )

    def _body(self) -> Iterator[tuple[int, Line]]:
        lines = read_lines(self.path)
        next(lines)
        return lines


def open_plan(path: Path) -> PlanFile:
    """A plan that `write_plan` wrote.

    Raises:
        NoInput: There is no such file.
        BadData: It is not a plan.
    """
    first = next(read_lines(path), (0, {}))[1]
    if first.get("plan") != PLAN_VERSION or not isinstance(first.get("num_mixtures"), int):
        raise BadData("the file is not a plan of merit mix", place=str(path), hint="make one with --plan")
    return PlanFile(path, first)


def _planned(
    line: Line, speech: tuple[Utterance, str], noises: Mapping[str, tuple[Utterance, str]], place: str
) -> PlannedMixture:
    try:
        heard = [noises[name] for name in line["noises"]]
        return PlannedMixture(
            id=line["id"],
            speech=speech[0],
            noises=tuple(noise for noise, _ in heard),
            snr_db=line["snr_db"],
            variant=line["variant"],
            draw_key=line["draw_key"],
            seed=line["seed"],
            noise_set=line.get("noise_set", "any"),
            marks=tuple(mark for _, mark in (speech, *heard)),
        )
    except KeyError as error:
        raise BadData(f"the line of the plan lacks {error}", place=place) from None
