"""``merit classify-breath FILES``: answers for a user's own recordings, by cycle or by window."""

from dataclasses import dataclass
from pathlib import Path

from merit_cli.corpora.prepared import Remark
from merit_cli.enhancers.contract import EnhancerConfig
from merit_cli.errors import MeritError
from merit_cli.manifests.inputs import Inputs
from merit_cli.workers import Machine, run_items
from merit_cli.workflows.classify_breath.answers import FileAnswer, answer_clips, cut_settings, file_answer
from merit_cli.workflows.classify_breath.cycles import CutJob, cut_recording
from merit_cli.workflows.classify_breath.model_folder import BreathModel
from merit_cli.workflows.classify_breath.pieces import cut_plan


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
    ordered = [answer for audio in pieces.by_audio if audio in answers for answer in answers[audio]]
    return BreathPredictions(ordered, failed, tuple(pieces.remarks), (*model.card.notes, *inputs.card.notes))
