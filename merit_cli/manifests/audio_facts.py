"""What was measured of audio files, kept beside a manifest so that a file is read again only once it has changed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from merit_cli.audio.tally import SignalTally
from merit_cli.errors import BadData, MeritError
from merit_cli.io.audio_blocks import read_through
from merit_cli.io.audio_file import AudioInfo, read_header
from merit_cli.io.jsonl import Line, LineWriter, read_lines, write_lines
from merit_cli.workers import Progress, run_items

FACTS_NAME = "audio_facts.jsonl"
_FILES_PER_ITEM = 32
"""Files that a worker process takes at once: a small one is measured in less time than a message takes."""


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """One file as it was when it was measured.

    Args:
        path: Absolute.
        size: In bytes.
        mtime_ns: Time of the last change.
        info: Its header; None where it cannot be read.
        content: Hash of its samples; empty where only the header was read.
        num_bad: Samples that are NaN or infinite.
        clipped_share: Of the worst channel, 0 to 1.
        is_silent: Whether its mean power is under -100 dBFS.
        problem: Why it cannot be read; else empty.
    """

    path: str
    size: int
    mtime_ns: int
    info: AudioInfo | None
    content: str = ""
    num_bad: int = 0
    clipped_share: float = 0.0
    is_silent: bool = False
    problem: str = ""

    def to_line(self) -> Line:
        """The facts as JSON data, empty ones left out."""
        line: Line = {"path": self.path, "size": self.size, "mtime_ns": self.mtime_ns}
        if self.info is not None:
            line["info"] = vars(self.info)
        rest = {key: getattr(self, key) for key in ("content", "num_bad", "clipped_share", "is_silent", "problem")}
        return line | {key: value for key, value in rest.items() if value}

    @classmethod
    def from_line(cls, line: Line) -> "AudioFacts":
        """The facts in a line.

        Raises:
            TypeError: It is not one of `to_line`.
        """
        info = AudioInfo(**line["info"]) if line.get("info") else None
        return cls(**{**line, "info": info})


class KnownAudio:
    """Facts by path, of which only those are given out whose file has the same size and time as then."""

    def __init__(self, facts: Mapping[str, AudioFacts]) -> None:
        self._facts = dict(facts)

    def facts(self, path: Path) -> AudioFacts | None:
        """What is known of a file; None where it is new or changed."""
        known = self._facts.get(str(path))
        if known is None:
            return None
        return known if (known.size, known.mtime_ns) == _state(path) else None

    def header(self, path: Path) -> AudioInfo:
        """A file's header, read where it is not known, and known from then on.

        Raises:
            NoInput: There is no such file.
            BadData: It is empty, truncated or not audio.
        """
        known = self.facts(path)
        if known is None or known.info is None:
            known = AudioFacts(str(path), *_state(path), read_header(path))
            self._facts[known.path] = known
        assert known.info is not None, known
        return known.info


def read_facts(folder: Path) -> dict[str, AudioFacts]:
    """The facts kept in a folder, by path; a file of facts that cannot be read counts as none."""
    facts: dict[str, AudioFacts] = {}
    path = folder / FACTS_NAME
    if path.is_file():
        try:
            for _, line in read_lines(path, torn_tail=True):
                facts[line["path"]] = AudioFacts.from_line(line)
        except (MeritError, TypeError, KeyError):
            return {}
    return facts


def gather_facts(
    paths: Iterable[Path], folder: Path, known: KnownAudio, *, full: bool, workers: int, progress: Progress
) -> dict[str, AudioFacts]:
    """The facts of all files by path, kept in ``folder`` as they come, so that a stopped run goes on from there.

    Args:
        paths: Each file once.
        folder: Where `FACTS_NAME` is written.
        known: What need not be read again.
        full: Read all samples; else the header alone.
        workers: Processes.
        progress: Told how far it is.

    Raises:
        Unavailable: The folder cannot be written, or processes cannot start.
    """
    found: dict[str, AudioFacts] = {}
    left: list[Path] = []
    for path in paths:
        facts = known.facts(path)
        if facts is not None and (facts.content or facts.problem or not full):
            found[facts.path] = facts
        else:
            left.append(path)
    if left:
        (folder / FACTS_NAME).unlink(missing_ok=True)
        with LineWriter(folder / FACTS_NAME) as writer:
            for one in found.values():
                writer.append(one.to_line())
            for number, facts in enumerate(_measured(left, full=full, workers=workers), start=1):
                found[facts.path] = facts
                writer.append(facts.to_line())
                progress("audio checks", number, len(left))
    write_lines(folder / FACTS_NAME, (found[path].to_line() for path in sorted(found)))
    return found


def measure_files(paths: tuple[str, ...], *, full: bool) -> list[AudioFacts]:
    """The facts of some files, whatever is wrong with them."""
    return [_measure(Path(path), full=full) for path in paths]


def _measured(paths: list[Path], *, full: bool, workers: int) -> Iterator[AudioFacts]:
    function = partial(measure_files, full=full)
    names = map(str, paths)
    batches = iter(lambda: tuple(islice(names, _FILES_PER_ITEM)), ())
    for items, answer in run_items(function, batches, workers=workers):
        if not isinstance(answer, Exception):
            yield from answer
            continue
        singles = run_items(function, ((path,) for path in items), workers=1, isolate=True)
        for (path,), alone in singles:  # one of them broke a process: the others are innocent
            yield from [_broken(Path(path), alone)] if isinstance(alone, Exception) else alone


def _measure(path: Path, *, full: bool) -> AudioFacts:
    size, mtime_ns = _state(path)
    try:
        if not full:
            return AudioFacts(str(path), size, mtime_ns, read_header(path))
        tally = SignalTally()
        info = read_through(path, tally.add)
    except (MeritError, OSError) as error:
        return _broken(path, error)
    return AudioFacts(
        str(path),
        size,
        mtime_ns,
        info,
        content=f"{info.sample_rate}:{info.num_channels}:{tally.digest.hexdigest()}",
        num_bad=tally.num_bad,
        clipped_share=round(tally.clipped_share, 6),
        is_silent=tally.is_silent,
    )


def _broken(path: Path, error: Exception) -> AudioFacts:
    reason = error.message if isinstance(error, MeritError) else str(BadData(str(error)))
    return AudioFacts(str(path), *_state(path), None, problem=reason)


def _state(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns
