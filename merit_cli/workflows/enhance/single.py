"""``merit enhance`` of one file or a pipe, without a run folder."""

import tempfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

from merit_cli.errors import BadData, NoInput, UsageError
from merit_cli.io.audio_file import write_audio
from merit_cli.workers import Machine
from merit_cli.workflows.enhance.item import enhanced_audio
from merit_cli.workflows.enhance.recipe import EnhanceRecipe


def enhance_file(recipe: EnhanceRecipe, source: Path, target: Path, *, machine: Machine) -> float:
    """Enhance one file to one file, without a run folder; returns the real-time factor.

    Raises:
        UsageError: ``target`` exists and ``machine`` does not allow to overwrite it.
        BadData: The audio cannot be used.
        NoInput: There is no such file.
        Unavailable: The target cannot be written, or weights or an extra are missing.
    """
    if target.exists() and not machine.overwrite:
        raise UsageError("the output file exists", place=str(target), hint="choose another, or pass --overwrite")
    made = enhanced_audio(source, recipe, device=machine.device)
    write_audio(target, np.clip(made.samples, -1.0, 1.0), made.sample_rate, subtype=recipe.encoding)
    return made.work_seconds / max(len(made.samples) / made.sample_rate, 1e-9)


def write_all(sink: BinaryIO, data: bytes) -> None:
    """Write every byte, and at once; under ``PYTHONUNBUFFERED`` a single write may stop half-way and not say so."""
    rest = memoryview(data)
    while rest:
        rest = rest[sink.write(rest) :]
    sink.flush()


def enhance_stream(recipe: EnhanceRecipe, source: BinaryIO | Path, sink: BinaryIO | Path, *, machine: Machine) -> None:
    """One audio file or stream to one audio file, or as a WAV to a stream.

    Raises:
        NoInput: Nothing came, or there is no such file.
        BadData: What came is not audio that can be used.
        UsageError: ``sink`` is a file that exists.
        Unavailable: Weights or an extra are missing.
    """
    with tempfile.TemporaryDirectory(prefix="merit-") as folder:
        if isinstance(source, Path):
            noisy, place = source, str(source)
        else:
            noisy, place = Path(folder) / "noisy.wav", "stdin"
            if not noisy.write_bytes(source.read()):
                raise NoInput("nothing came on stdin", place="-", hint="cat noisy.wav | merit enhance - -o -")
        target = sink if isinstance(sink, Path) else Path(folder) / "enhanced.wav"
        try:
            enhance_file(recipe, noisy, target, machine=machine)
        except (BadData, NoInput) as error:
            where = place if error.place in ("", str(noisy)) else error.place  # or the model's place
            raise type(error)(error.message, place=where, hint=error.hint) from error
        if not isinstance(sink, Path):
            write_all(sink, target.read_bytes())
