"""A picture of each recording that was classified: raw, enhanced, and what was said of each window."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from merit_cli.audio.high_pass import high_pass
from merit_cli.io.atomic import make_folder, write_text
from merit_cli.io.audio_file import FloatArray, audio_info
from merit_cli.reports.recording_picture import AnswerSpan, draw_recording
from merit_cli.workers import Machine
from merit_cli.workflows.classify_breath.answers import FileAnswer
from merit_cli.workflows.classify_breath.recordings import CutSettings, recording_blocks

PIECE_S = 60
"""Longest stretch of a picture; a longer recording gives several."""


def write_pictures(
    folder: Path, answers: Sequence[FileAnswer], classes: Sequence[str], settings: CutSettings, *, machine: Machine
) -> list[Path]:
    """Write an SVG of each recording, or of each minute of it, into ``folder``; returns their paths.

    The spectrograms leave out what lies under 50 Hz, which would drown the breath.

    Args:
        folder: Made where it is not there.
        answers: Of any number of recordings.
        classes: Of the model, in its order.
        settings: As the recordings were cut; an enhancer adds the enhanced spectrogram.
        machine: Told how far it is.

    Raises:
        BadData: A recording cannot be read any more.
        Unavailable: The folder cannot be written.
    """
    by_file: dict[str, list[FileAnswer]] = defaultdict(list)
    for answer in answers:
        by_file[answer.file].append(answer)
    make_folder(folder)
    used: Counter[str] = Counter()
    made: list[Path] = []
    for number, (file, said) in enumerate(by_file.items(), start=1):
        stem = Path(file).stem
        used[stem] += 1
        name = stem if used[stem] == 1 else f"{stem}-{used[stem]}"
        made += _recording(folder, name, Path(file), said, classes, settings)
        machine.progress("draw", number, len(by_file))
    return made


def _recording(
    folder: Path,
    name: str,
    file: Path,
    said: Sequence[FileAnswer],
    classes: Sequence[str],
    settings: CutSettings,
) -> list[Path]:
    rate = settings.sample_rate
    versions = {"raw": replace(settings, enhancer=None)}
    if settings.enhancer is not None:
        versions[f"enhanced by {settings.enhancer.name}"] = settings
    spans = [AnswerSpan(one.start, one.end, one.label, one.probability, one.reason) for one in said]
    is_parted = audio_info(file).duration > PIECE_S
    by_version = [_pieces(recording_blocks(file, version), PIECE_S * rate) for version in versions.values()]
    made = []
    for number, samples in enumerate(zip(*by_version, strict=False)):  # resampled twice, the last may lack a sample
        pieces = [(words, high_pass(piece_N, rate)) for words, piece_N in zip(versions, samples, strict=True)]
        start = number * PIECE_S
        picture = draw_recording(pieces, rate, spans, classes=classes, title=file.name, start=start)
        made.append(folder / f"{name}__{start:05d}s.svg" if is_parted else folder / f"{name}.svg")
        write_text(made[-1], picture)
    return made


def _pieces(blocks: Iterable[FloatArray], length: int) -> Iterator[FloatArray]:
    """A signal that comes in blocks, in pieces of ``length`` samples; the last is shorter."""
    held_N = np.zeros(0, dtype=np.float32)
    for block_N in blocks:
        held_N = np.concatenate([held_N, block_N])
        while len(held_N) > length:
            yield held_N[:length]
            held_N = held_N[length:]
    yield held_N
