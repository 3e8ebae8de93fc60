"""Recordings to clips: cut the cycles of a recording, and fill them to the model's length."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from merit_cli.audio.breath_quality import band_swing_db
from merit_cli.audio.repetition import repeat_to_length
from merit_cli.corpora.breath_reading import UNANNOTATED_GAPS
from merit_cli.errors import MeritError
from merit_cli.io.audio_file import FloatArray
from merit_cli.io.ledger import Ledger
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine, run_items
from merit_cli.workflows.classify_breath.recordings import CutSettings, recording_blocks

BACKGROUND = "background"
"""Label of a stretch that no cycle covers; never a class."""


@dataclass(frozen=True)
class Clip:
    """One cycle or window, ready for the model.

    Args:
        utterance: Where it comes from.
        samples_N: Float32, of the model's length.
        swing_db: Its breath-band level swing, before repetition.
    """

    utterance: Utterance
    samples_N: FloatArray
    swing_db: float


@dataclass(frozen=True)
class CutJob:
    """The cycles of one recording."""

    audio: Path
    cycles: tuple[Utterance, ...]
    settings: CutSettings


def load_clips(
    cycles: Sequence[Utterance], settings: CutSettings, *, machine: Machine, ledger: Ledger | None, stage: str
) -> list[Clip]:
    """The clips of ``cycles``, in their order; recordings that cannot be read are left out.

    Args:
        cycles: From any number of recordings; each recording is read once.
        settings: How to cut.
        machine: Workers and progress.
        ledger: Gets a ``failed`` line for each recording that is left out; without one the fault is raised.
        stage: What the progress line calls it.
    """
    by_audio: dict[Path, list[Utterance]] = defaultdict(list)
    for cycle in cycles:
        by_audio[cycle.audio].append(cycle)
    jobs = [CutJob(audio, tuple(group), settings) for audio, group in by_audio.items()]
    made: dict[str, Clip] = {}
    for finished, (job, result) in enumerate(run_items(cut_recording, jobs, workers=machine.workers), start=1):
        machine.progress(stage, finished, len(jobs))
        if isinstance(result, MeritError) and ledger is not None:
            ledger.record(str(job.audio), "failed", str(result))
        elif isinstance(result, Exception):
            raise result
        else:
            made |= {clip.utterance.id: clip for clip in result}
    return [made[cycle.id] for cycle in cycles if cycle.id in made]


def cut_recording(job: CutJob) -> list[Clip]:
    """The clips of one recording.

    Raises:
        BadData: It cannot be read.
    """
    made = dict(cut_blocks(recording_blocks(job.audio, job.settings), job.cycles, job.settings))
    return [made[index] for index in range(len(job.cycles))]


def cut_blocks(
    blocks: Iterable[FloatArray], cycles: Sequence[Utterance], settings: CutSettings
) -> Iterator[tuple[int, Clip]]:
    """The clips of a recording that comes in blocks, each with its place in ``cycles``, by start.

    No more is held than the longest cycle and a block.

    Args:
        blocks: The recording (N,), at the rate of ``settings``; all are read, so that damage at the end is found.
        cycles: Of this recording, in any order.
        settings: How to cut.
    """
    waiting = deque(sorted(range(len(cycles)), key=lambda index: cycles[index].start))
    held_N, position = np.zeros(0, dtype=np.float32), 0
    for block_N in blocks:
        held_N = np.concatenate([held_N, block_N])
        while waiting and _span(cycles[waiting[0]], settings)[1] <= position + len(held_N):
            index = waiting.popleft()
            yield index, _clip(held_N, cycles[index], settings, position=position)
        wanted = _span(cycles[waiting[0]], settings)[0] - position if waiting else len(held_N)
        passed = max(0, min(wanted, len(held_N) - 1))  # the last sample stays: a cycle may begin after the end
        held_N, position = held_N[passed:], position + passed
    for index in waiting:
        yield index, _clip(held_N, cycles[index], settings, position=position)


def cut_samples(samples_N: FloatArray, cycles: Sequence[Utterance], settings: CutSettings) -> list[Clip]:
    """The clips of a recording that has been read, and enhanced where it is to be.

    Args:
        samples_N: The whole recording, at the rate of ``settings``.
        cycles: Of this recording.
        settings: How to cut.
    """
    return [_clip(samples_N, cycle, settings) for cycle in cycles]


def _span(cycle: Utterance, settings: CutSettings) -> tuple[int, int]:
    """First sample, and the one after the last, at the rate of ``settings``."""
    scale = settings.sample_rate / cycle.sample_rate
    return round(cycle.start * scale), round((cycle.start + cycle.num_samples) * scale)


def _clip(samples: FloatArray, cycle: Utterance, settings: CutSettings, *, position: int = 0) -> Clip:
    """The clip of samples whose first is the recording's ``position``."""
    start, end = (place - position for place in _span(cycle, settings))
    start = min(start, len(samples) - 1)
    piece = samples[start : max(start + 1, min(end, len(samples)))]
    filled = repeat_to_length(piece, settings.num_samples, fade=settings.fade)
    return Clip(cycle, np.ascontiguousarray(filled), band_swing_db(piece, settings.sample_rate))


def background_stretches(cycles: Sequence[Utterance], *, at_least: float = 1.0) -> list[Utterance]:
    """Stretches of the recordings that no cycle covers, as utterances labelled ``background``.

    Recordings whose corpus did not annotate all of their breath have none, nor have files of single cycles.

    Args:
        cycles: All annotated cycles of the recordings, with ``info["recording_samples"]`` where known.
        at_least: Shortest stretch, in seconds.
    """
    by_audio: dict[Path, list[Utterance]] = defaultdict(list)
    for cycle in cycles:
        by_audio[cycle.audio].append(cycle)
    return [gap for group in by_audio.values() if _shows_gaps(group[0]) for gap in _gaps(group, at_least)]


def _shows_gaps(cycle: Utterance) -> bool:
    """Whether its file is a recording as it was annotated: a mixture or an enhanced cycle is a file of its own."""
    is_recording = cycle.mixture is None and not cycle.enhancer
    return is_recording and bool(UNANNOTATED_GAPS.items() - cycle.info.items())


def _gaps(group: Sequence[Utterance], at_least: float) -> list[Utterance]:
    first = group[0]
    total = int(first.info.get("recording_samples", "0"))
    gaps: list[Utterance] = []
    position = 0
    ordered = sorted((cycle.start, cycle.start + cycle.num_samples) for cycle in group)
    for start, end in [*ordered, (total, total)]:
        if start - position >= at_least * first.sample_rate:
            gaps.append(
                Utterance(
                    id=f"{first.audio.stem}__b{len(gaps) + 1:02d}",
                    audio=first.audio,
                    sample_rate=first.sample_rate,
                    num_samples=start - position,
                    start=position,
                    speaker=first.speaker,
                    split=first.split,
                    labels={"breath": BACKGROUND},
                    info=first.info,
                )
            )
        position = max(position, end)
    return gaps
