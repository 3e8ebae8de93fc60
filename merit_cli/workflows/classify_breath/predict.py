"""``merit classify-breath FILES``: answers for a user's own recordings, by cycle or by window."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from merit_cli.corpora.icbhi_format import is_annotation, read_annotation
from merit_cli.enhancers.contract import EnhancerConfig
from merit_cli.errors import MeritError
from merit_cli.manifests.inputs import Inputs
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine, run_items
from merit_cli.workflows.classify_breath.answers import FileAnswer, answer_clips, cut_settings, file_answer
from merit_cli.workflows.classify_breath.cycles import CutJob, cut_recording
from merit_cli.workflows.classify_breath.model_folder import BreathModel

SHORTEST_WINDOW_S = 1.0
"""A shorter rest at the end of a recording joins the window before it."""


@dataclass(frozen=True)
class BreathPredictions:
    """Answers, and what could not be read.

    Args:
        answers: By file, then by time.
        failed: Path of each file without an answer, to the fault.
        notes: What every use of these answers must repeat.
    """

    answers: list[FileAnswer]
    failed: dict[str, MeritError]
    notes: tuple[str, ...]


def predict_breath(
    model: BreathModel, inputs: Inputs, *, enhancer: EnhancerConfig | None, machine: Machine
) -> BreathPredictions:
    """Answers for recordings.

    A recording with a same-stem annotation is answered by cycle, any other by window; a manifest's
    lines are answered as they stand. One bad file does not stop the others.

    Args:
        model: The classifier.
        inputs: The recordings.
        enhancer: Put in front, or None.
        machine: Workers and progress.

    Raises:
        MeritError: Not one file could be read; the first fault.
    """
    failed = dict(inputs.bad)
    settings = cut_settings(model, enhancer)
    pieces = {key: list(group) for key, group in _by_recording(inputs.utterances, model.card.window)}
    jobs = [CutJob(audio, tuple(group), settings) for audio, group in pieces.items()]
    answers: dict[Path, list[FileAnswer]] = {}
    for finished, (job, result) in enumerate(run_items(cut_recording, jobs, workers=machine.workers), start=1):
        machine.progress("classify", finished, len(jobs))
        if isinstance(result, MeritError):
            failed[str(job.audio)] = result
        elif isinstance(result, Exception):
            raise result
        else:
            answers[job.audio] = [file_answer(answer) for answer in answer_clips(model, result)]
    if not answers and failed:
        raise next(iter(failed.values()))
    ordered = [answer for audio in pieces if audio in answers for answer in answers[audio]]
    return BreathPredictions(ordered, failed, (*model.card.notes, *inputs.card.notes))


def _by_recording(utterances: Sequence[Utterance], window: float) -> Iterator[tuple[Path, list[Utterance]]]:
    groups: dict[Path, list[Utterance]] = {}
    for utterance in utterances:
        is_piece = "breath" in utterance.labels or utterance.start > 0 or utterance.mixture is not None
        groups.setdefault(utterance.audio, []).extend([utterance] if is_piece else cut_plan(utterance, window))
    yield from groups.items()


def cut_plan(recording: Utterance, window: float) -> list[Utterance]:
    """The cycles that a same-stem annotation names, else windows of ``window`` seconds.

    Args:
        recording: A whole file.
        window: In seconds; the last window is longer by a rest under `SHORTEST_WINDOW_S`.
    """
    annotation = recording.audio.with_suffix(".txt")
    if annotation.exists() and is_annotation(annotation):
        spans = [(cycle.start, min(cycle.end, recording.duration)) for cycle in read_annotation(annotation)[0]]
        spans = [(start, end) for start, end in spans if end > start]
    else:
        spans = _windows(recording.duration, window)
    rate = recording.sample_rate
    return [
        replace(
            recording,
            id=f"{recording.id}__w{index:05d}",
            start=round(start * rate),
            num_samples=max(1, min(round(end * rate), recording.num_samples) - round(start * rate)),
        )
        for index, (start, end) in enumerate(spans, start=1)
    ]


def _windows(duration: float, window: float) -> list[tuple[float, float]]:
    """Spans that cover a recording once.

    >>> _windows(9.5, 4.0), _windows(8.5, 4.0), _windows(0.5, 4.0)
    ([(0.0, 4.0), (4.0, 8.0), (8.0, 9.5)], [(0.0, 4.0), (4.0, 8.5)], [(0.0, 0.5)])
    """
    num_whole, rest = divmod(duration, window)
    starts = [index * window for index in range(int(num_whole))]
    if rest >= SHORTEST_WINDOW_S or not starts:
        starts.append(num_whole * window)
    return list(zip(starts, [*starts[1:], duration], strict=True))
