"""Inputs as typed: a file, a folder, a glob, a manifest or a finished run, as utterances."""

import glob
import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from merit_cli.errors import BadData, MeritError, NoInput
from merit_cli.io.audio_file import audio_info, is_audio
from merit_cli.io.hashing import hash_of_files, sha256_of_file
from merit_cli.io.jsonl import parse_line
from merit_cli.manifests.read_write import MANIFEST_NAME, Card, join_cards, read_card, read_manifest
from merit_cli.manifests.utterance import Utterance, id_of_path


class Inputs:
    """Utterances read from what was typed.

    Attributes:
        utterances: In a fixed order: by argument, then by path or manifest line.
        bad: Path of each audio file that could not be read, to the reason.
        card: Joined from the cards beside the manifests.
        content: Hash of the manifest, or of path, size and time of bare files.
    """

    def __init__(self, utterances: list[Utterance], bad: dict[str, MeritError], card: Card, content: str) -> None:
        self.utterances, self.bad, self.card, self.content = utterances, bad, card, content


def read_inputs(specs: Sequence[str | Path], *, name: str = "inputs") -> Inputs:
    """The utterances behind one or more arguments.

    Args:
        specs: Each a file, a folder, a glob pattern, a manifest (``.jsonl``), a run folder, or ``-``
            for manifest lines on stdin, whose paths count from the working folder.
        name: What messages and the card call them.

    Raises:
        NoInput: An argument matches nothing, or there is no audio in it.
        BadData: A manifest line cannot be used.
    """
    utterances: list[Utterance] = []
    bad: dict[str, MeritError] = {}
    cards: list[Card | None] = []
    contents: list[str] = []
    for spec in specs:
        if spec == "":  # which a path takes for the working folder
            raise NoInput(f"the name of the {name} is empty", hint="a shell variable may not be set")
        manifest = _as_manifest(Path(spec))
        if str(spec) == "-":
            text = sys.stdin.read()
            utterances += _from_lines(text)
            contents.append(hashlib.sha256(text.encode()).hexdigest())
        elif manifest is not None:
            utterances += read_manifest(manifest)
            cards.append(read_card(manifest))
            contents.append(sha256_of_file(manifest))
        else:
            root, paths = _audio_paths(str(spec))
            for path in paths:
                try:
                    utterances.append(_from_file(path, root))
                except MeritError as error:
                    bad[str(path)] = error
            contents.append(hash_of_files(paths))
    if not utterances and not bad:
        raise NoInput(f"no {name} were given", hint="give a file, a folder, a glob or a manifest")
    _refuse_twins(utterances)
    return Inputs(utterances, bad, join_cards(name, cards), "+".join(contents))


def _from_lines(text: str) -> list[Utterance]:
    rows = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    return [
        Utterance.from_line(parse_line(line, f"stdin:{number}"), Path.cwd(), place=f"stdin:{number}")
        for number, line in rows
    ]


def _as_manifest(path: Path) -> Path | None:
    if path.suffix == ".jsonl":
        return path
    if path.is_dir() and (path / MANIFEST_NAME).exists():
        return path / MANIFEST_NAME
    return None


def _audio_paths(spec: str) -> tuple[Path, list[Path]]:
    """The folder that ids are relative to, and the audio files, sorted; links keep their own names."""
    path = Path(spec)
    if path.is_dir():
        found = sorted(_audio_below(path.resolve()))
        if not found:
            raise NoInput(
                "the folder holds no audio files", place=spec, hint="wav, flac, ogg, opus, mp3 and aiff are read"
            )
        return path.resolve(), found
    if path.is_file():
        root = path.parent.resolve()
        return root, [root / path.name]
    literal = Path(spec.split("*")[0].split("?")[0].split("[")[0])
    literal = literal if literal.is_dir() else literal.parent
    names = [Path(match) for match in glob.glob(spec, recursive=True) if is_audio(Path(match))]
    if not names:
        raise NoInput("the file, folder or pattern matches nothing", place=spec, hint="check the spelling and the path")
    root = literal.resolve()
    return root, sorted(root / name.relative_to(literal) for name in names)


def _audio_below(root: Path) -> Iterator[Path]:
    """Audio files of a folder, also behind links to folders, each folder once; links to nothing are among them."""
    visited: set[str] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:  # a link back up, or a second one to the same place
            subfolders.clear()
            continue
        visited.add(real)
        subfolders.sort()  # so that it is always the same of two links
        paths = (Path(folder, name) for name in names if not name.startswith("."))
        yield from (path for path in paths if is_audio(path) and (path.is_file() or not path.exists()))


def _from_file(path: Path, root: Path) -> Utterance:
    info = audio_info(path)
    folder = path.parent.name if path.parent != root else ""
    extra = {"noise_class": folder} if folder else {}
    return Utterance(
        id=id_of_path(path, root), audio=path, sample_rate=info.sample_rate, num_samples=info.num_samples, info=extra
    )


def _refuse_twins(utterances: Sequence[Utterance]) -> None:
    seen: dict[str, Path] = {}
    for utterance in utterances:
        if utterance.id in seen:
            raise BadData(
                f"two inputs have the id {utterance.id!r}: {seen[utterance.id]} and {utterance.audio}",
                hint="rename one, or give one common folder",
            )
        seen[utterance.id] = utterance.audio
