"""Recordings to clips: enhance the whole recording, cut its cycles, fill them to the model's length."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from merit_cli.audio.breath_quality import band_swing_db
from merit_cli.audio.repetition import repeat_to_length
from merit_cli.corpora.breath_reading import UNANNOTATED_GAPS
from merit_cli.enhancers.contract import Enhancer, EnhancerConfig
from merit_cli.errors import MeritError
from merit_cli.io.audio_file import FloatArray, read_audio, resample
from merit_cli.io.ledger import Ledger
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine, run_items

ENHANCE_RATE = 16000
"""Recordings are enhanced at this rate in Hz, whatever their own (Tzeng et al. 2025)."""

BACKGROUND = "background"
"""Label of a stretch that no cycle covers; never a class."""


@dataclass(frozen=True)
class CutSettings:
    """How recordings become clips.

    Args:
        sample_rate: Of the clips, in Hz.
        num_samples: Of each clip.
        fade: Cross-fade of repetitions, in samples.
        enhancer: Applied to whole recordings first; None leaves them as they are.
    """

    sample_rate: int
    num_samples: int
    fade: int
    enhancer: EnhancerConfig | None = None


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
    return cut_samples(recording_samples(job.audio, job.settings), job.cycles, job.settings)


def recording_samples(audio: Path, settings: CutSettings) -> FloatArray:
    """A whole recording (N,) at the rate of ``settings``, enhanced where it is to be.

    Raises:
        BadData: It cannot be read.
    """
    if settings.enhancer is None:
        return read_audio(audio, sample_rate=settings.sample_rate).samples
    noisy = read_audio(audio, sample_rate=ENHANCE_RATE).samples
    return resample(_enhancer(settings.enhancer)(noisy, ENHANCE_RATE), ENHANCE_RATE, settings.sample_rate)


def cut_samples(samples_N: FloatArray, cycles: Sequence[Utterance], settings: CutSettings) -> list[Clip]:
    """The clips of a recording that has been read, and enhanced where it is to be.

    Args:
        samples_N: The whole recording, at the rate of ``settings``.
        cycles: Of this recording.
        settings: How to cut.
    """
    return [_clip(samples_N, cycle, settings) for cycle in cycles]


@lru_cache(maxsize=2)
def _enhancer(config: EnhancerConfig) -> Enhancer:
    return config.build()


def _clip(samples: FloatArray, cycle: Utterance, settings: CutSettings) -> Clip:
    scale = settings.sample_rate / cycle.sample_rate
    start = min(round(cycle.start * scale), len(samples) - 1)
    end = max(start + 1, min(round((cycle.start + cycle.num_samples) * scale), len(samples)))
    piece = samples[start:end]
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
