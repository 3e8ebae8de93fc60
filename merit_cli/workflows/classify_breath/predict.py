"""``merit classify-breath FILES``: answers for a user's own recordings, by cycle or by window."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from merit_cli.corpora.prepared import Remark
from merit_cli.enhancers.contract import EnhancerConfig
from merit_cli.enhancers.long_signals import STRETCH
from merit_cli.errors import MeritError
from merit_cli.manifests.inputs import Inputs
from merit_cli.workers import Machine, run_items
from merit_cli.workflows.classify_breath.answers import FileAnswer, answer_clips, cut_settings, file_answer
from merit_cli.workflows.classify_breath.cycles import CutJob, cut_blocks, cut_recording
from merit_cli.workflows.classify_breath.model_folder import BreathModel
from merit_cli.workflows.classify_breath.pieces import cut_plan
from merit_cli.workflows.classify_breath.recordings import recording_blocks

_PART = 256
"""Clips of a long recording that are held at once."""


@dataclass(frozen=True)
class BreathPredictions:
    """Answers, and what could not be read.

    Args:
        answers: By file, then by time.
        failed: Path of each file without an answer, to the fault.
        remarks: Annotated cycles that were left out or are odd, and annotations that were not used.
        notes: What every use of these answers must repeat.
    """

    answers: list[FileAnswer]
    failed: dict[str, MeritError]
    remarks: tuple[Remark, ...]
    notes: tuple[str, ...]


def predict_breath(
    model: BreathModel,
    inputs: Inputs,
    *,
    enhancer: EnhancerConfig | None,
    machine: Machine,
    annotations: Path | None = None,
) -> BreathPredictions:
    """Answers for recordings.

    A recording with an annotation is answered by cycle, any other by window; a manifest's lines are
    answered as they stand. One bad file does not stop the others.

    Args:
        model: The classifier.
        inputs: The recordings.
        enhancer: Put in front, or None.
        machine: Workers and progress.
        annotations: As `cut_plan` takes them.

    Raises:
        NoInput: ``annotations`` fits no recording.
        UsageError: ``annotations`` does not say which recording it is of.
        MeritError: Not one file could be read; the first fault.
    """
    settings = cut_settings(model, enhancer)
    pieces = cut_plan(inputs.utterances, model.card.window, annotations=annotations)
    failed = inputs.bad | pieces.failed
    jobs = [CutJob(audio, tuple(group), settings) for audio, group in pieces.by_audio.items()]
    answers: dict[Path, list[FileAnswer]] = {}
    finished, total = 0, sum(len(job.cycles) for job in jobs)
    for audio, made in _answers(model, jobs, machine.workers):
        if isinstance(made, MeritError):
            failed[str(audio)] = made
            finished += len(pieces.by_audio[audio]) - len(answers.pop(audio, []))
        else:
            answers.setdefault(audio, []).extend(made)
            finished += len(made)
        machine.progress("classify", finished, total)
    if not answers and failed:
        raise next(iter(failed.values()))
    by_file = (sorted(answers.get(audio, ()), key=lambda answer: answer.start) for audio in pieces.by_audio)
    ordered = [answer for of_file in by_file for answer in of_file]
    return BreathPredictions(ordered, failed, tuple(pieces.remarks), (*model.card.notes, *inputs.card.notes))


def _answers(
    model: BreathModel, jobs: Sequence[CutJob], workers: int
) -> Iterator[tuple[Path, list[FileAnswer] | MeritError]]:
    """Answers of each recording, or why there are none; a long recording's come in parts, by start.

    Short recordings are read by ``workers``; long ones here, one after the other, because a worker would
    have to send all clips at once.
    """
    long = [job for job in jobs if _end(job) > STRETCH]
    for job, result in run_items(cut_recording, [job for job in jobs if _end(job) <= STRETCH], workers=workers):
        if isinstance(result, MeritError):
            yield job.audio, result
        elif isinstance(result, Exception):
            raise result
        else:
            yield job.audio, [file_answer(answer) for answer in answer_clips(model, result)]
    for job in long:
        try:
            yield from ((job.audio, part) for part in _answers_by_part(model, job))
        except MeritError as error:
            yield job.audio, error


def _end(job: CutJob) -> float:
    """End of the last cycle, in seconds."""
    return max((cycle.start + cycle.num_samples) / cycle.sample_rate for cycle in job.cycles)


def _answers_by_part(model: BreathModel, job: CutJob) -> Iterator[list[FileAnswer]]:
    clips = cut_blocks(recording_blocks(job.audio, job.settings), job.cycles, job.settings)
    while part := [clip for _, clip in islice(clips, _PART)]:
        yield [file_answer(answer) for answer in answer_clips(model, part)]
