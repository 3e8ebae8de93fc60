"""``merit predict``: a trained model over utterances, their emotion and their enhanced audio."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from merit_cli.backbones.model_folder import WEIGHTS_NAME, find_model_folder, load_model
from merit_cli.backbones.normalisation import FloatArray
from merit_cli.backbones.routed_answer import summarise_routing
from merit_cli.backbones.trained_model import Answer, Task, TrainedModel
from merit_cli.carriers import ATTRIBUTES
from merit_cli.data.dataset import EMOTION, unscaled
from merit_cli.errors import BadData, MeritError, Unavailable, UsageError
from merit_cli.io.audio_file import PCM16_FULL_SCALE, read_audio, resample, write_audio
from merit_cli.io.hashing import sha256_of_file
from merit_cli.io.ledger import Ledger
from merit_cli.io.run_dir import RunDir, open_run
from merit_cli.manifests.inputs import Inputs
from merit_cli.manifests.lineage import read_lineage, transcript_sources
from merit_cli.manifests.predictions import PREDICTIONS_NAME, Prediction, write_predictions
from merit_cli.manifests.read_write import MANIFEST_NAME, read_card, write_card, write_manifest
from merit_cli.manifests.routed import ROUTING_NAME, Routed, write_routing
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine, run_items

LEDGER_NAME = "ledger.jsonl"


@dataclass(frozen=True)
class PredictResult:
    """What a model said of many utterances.

    Args:
        predictions: In the order of the utterances; empty for a model that only enhances.
        enhanced: Manifest lines of the enhanced audio; empty where none was asked for.
        notes: What every report must repeat of the model's data, and a count of what failed.
        failed: Id of each utterance that could not be used, to the reason.
        routing: What the routers did with each utterance; empty for a model without routers.
        word_notes: Those of the notes that are about transcripts; empty for a model that does not read.
    """

    predictions: tuple[Prediction, ...]
    enhanced: tuple[Utterance, ...]
    notes: tuple[str, ...]
    failed: dict[str, str]
    routing: tuple[Routed, ...] = ()
    word_notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PredictJob:
    """What a worker needs for one utterance."""

    utterance: Utterance
    model: Path
    output: Path
    tasks: tuple[Task, ...]
    device: str


def predict_run(
    model_run: Path,
    utterances: Sequence[Utterance],
    *,
    output: Path,
    machine: Machine,
    tasks: Sequence[Task] | None = None,
) -> PredictResult:
    """Run a trained model over utterances; writes predictions, enhanced audio and its manifest into ``output``.

    What the ledger in ``output`` has is not done again; one bad file never ends the batch.

    Args:
        model_run: A finished train run or a model folder.
        utterances: Each with its own id.
        output: Gets ``predictions.jsonl``, ``routing.jsonl`` of a routed model, ``enhanced/`` with
            ``manifest.jsonl``, and ``ledger.jsonl``.
        machine: Device, workers, progress.
        tasks: ``emotion``, ``attributes`` and ``enhancement``; None asks for all that the model has.

    Raises:
        NoInput: There is no model.
        UsageError: The model does not have a task that was asked for.
        Unavailable: A weight, an extra or the output is missing.
    """
    folder = find_model_folder(model_run)
    model = loaded_model(folder, machine.device)
    wanted = _checked_tasks(model, tasks, model_run)
    ledger = Ledger.open(output / LEDGER_NAME)
    pending = set(ledger.pending((u.id for u in utterances), retry_failed=machine.retry_failed))
    jobs: Iterator[PredictJob] = (
        PredictJob(u, folder, output, wanted, machine.device) for u in utterances if u.id in pending
    )
    finished = len(utterances) - len(pending)
    for job, result in run_items(predict_utterance, jobs, workers=machine.workers):
        finished += 1
        machine.progress("predict", finished, len(utterances))
        if isinstance(result, dict):
            ledger.record(job.utterance.id, "done", result.pop("remark"), result)
        elif isinstance(result, MeritError) and not isinstance(result, Unavailable):
            ledger.record(job.utterance.id, "failed", str(result))
        else:  # the output cannot be written, or a bug: the next item would meet the same
            raise result
    made = _gather(utterances, ledger, folder, output)
    ledger.close()
    word_notes = _word_notes(folder, utterances) if model.reads_words else ()
    return replace(made, notes=(*made.notes, *word_notes), word_notes=word_notes)


def predict_utterance(job: PredictJob) -> dict[str, Any]:
    """One utterance: its prediction and, where asked for, its enhanced file, as ledger data.

    Raises:
        NoInput: The audio is gone.
        BadData: The audio cannot be used.
    """
    source, model = job.utterance, loaded_model(job.model, job.device)
    audio = read_audio(source.audio, start=source.start, num_samples=source.num_samples)
    noisy_N = resample(audio.samples, audio.sample_rate, model.sample_rate)
    if not noisy_N.size:
        raise BadData("the signal is too short", place=source.id)
    done: dict[str, Any] = {"remark": ""}
    answer = model.run(noisy_N, source.transcript)
    if answer.routing:
        routed = summarise_routing(source.id, answer.routing, frames_per_second=model.frames_per_second)
        done["routing"] = routed.to_line()
    if {"emotion", "attributes"} & set(job.tasks):
        done["prediction"] = _prediction(source, model, answer).to_line()
    if "enhancement" in job.tasks and answer.enhanced_N is not None:
        path = job.output / "enhanced" / f"{source.id}.flac"
        enhanced_N = _fitted(resample(answer.enhanced_N, model.sample_rate, audio.sample_rate), audio.samples.size)
        write_audio(path, np.clip(enhanced_N, -1.0, 1.0), audio.sample_rate)
        done["line"] = _enhanced_line(source, path, audio.sample_rate, model.name).to_line(job.output)
        clipped = int(np.count_nonzero(np.abs(enhanced_N) > 1.0 - 0.5 / PCM16_FULL_SCALE))
        done["remark"] = f"{clipped} samples were clipped at full scale" if clipped else ""
    return done


@lru_cache(maxsize=1)
def loaded_model(folder: Path, device: str) -> TrainedModel:
    """A model, loaded once in a process."""
    return load_model(folder, device=device)


def _checked_tasks(model: TrainedModel, tasks: Sequence[Task] | None, place: Path) -> tuple[Task, ...]:
    wanted = tuple(model.tasks if tasks is None else tasks)
    for task in wanted:
        if task not in model.tasks:
            raise UsageError(f"the model has no {task}", place=str(place), hint=f"it has: {', '.join(model.tasks)}")
    return wanted


def _prediction(source: Utterance, model: TrainedModel, answer: Answer) -> Prediction:
    """The answer by label and attribute, ratings in the scale of the training data."""
    label = source.labels.get(EMOTION)
    probabilities, attributes = {}, {}
    if answer.probability_C is not None:
        probabilities = dict(zip(model.labels, answer.probability_C.tolist(), strict=True))
    if answer.attributes_A is not None and model.attribute_scale is not None:
        attributes = dict(zip(ATTRIBUTES, unscaled(answer.attributes_A, model.attribute_scale).tolist(), strict=True))
    return Prediction(
        id=source.id,
        split=source.split,
        label=None if label is None else str(label),
        predicted=max(probabilities, key=lambda name: probabilities[name]) if probabilities else "",
        probabilities={name: round(value, 6) for name, value in probabilities.items()},
        attributes={name: round(value, 6) for name, value in attributes.items()},
    )


def _word_notes(model: Path, utterances: Sequence[Utterance]) -> tuple[str, ...]:
    """On utterances without words, and on words from another source than those that the model learnt from."""
    notes = []
    num_bare = sum(not one.transcript.strip() for one in utterances)
    if num_bare:
        notes.append(f"{num_bare} of {len(utterances)} utterances have no transcript: heard by the voice alone.")
    lineage, here = read_lineage(model), transcript_sources(utterances)
    if lineage and lineage.transcript_sources and here and set(here) != set(lineage.transcript_sources):
        learnt = " and ".join(lineage.transcript_sources)
        notes.append(f"TRANSCRIPTS DIFFER: the model learnt from {learnt}, here they are {' and '.join(here)}.")
    return tuple(notes)


def _enhanced_line(source: Utterance, path: Path, sample_rate: int, enhancer: str) -> Utterance:
    line = replace(source, audio=path.resolve(), start=0, noisy=source.noisy or source.audio, enhancer=enhancer)
    return line if source.start == 0 else replace(line, noisy=None, clean=None, noise=None)


def _fitted(samples_N: FloatArray, num_samples: int) -> FloatArray:
    return np.pad(samples_N[:num_samples], (0, max(0, num_samples - samples_N.size)))


def _gather(utterances: Sequence[Utterance], ledger: Ledger, model: Path, output: Path) -> PredictResult:
    root = output.resolve()
    done = [ledger.entries[u.id].data for u in utterances if ledger.entries[u.id].status == "done"]
    predictions = tuple(Prediction(**data["prediction"]) for data in done if "prediction" in data)
    enhanced = tuple(Utterance.from_line(data["line"], root) for data in done if "line" in data)
    routing = tuple(Routed.from_line(data["routing"]) for data in done if "routing" in data)
    failed = {u.id: ledger.entries[u.id].reason for u in utterances if ledger.entries[u.id].status != "done"}
    card = read_card(model / MANIFEST_NAME)
    notes = [f"MODEL DATA: {note}" for note in (card.notes if card else ())]
    if failed:
        notes.append(f"{len(failed)} of {len(utterances)} utterances could not be used by the model.")
    if predictions:
        write_predictions(output / PREDICTIONS_NAME, predictions)
    if routing:
        write_routing(output / ROUTING_NAME, routing)
    if enhanced:
        write_manifest(output / MANIFEST_NAME, enhanced)
    return PredictResult(predictions, enhanced, tuple(notes), failed, routing)


def predict_files(
    model_run: Path,
    inputs: Inputs,
    *,
    output: Path | None,
    machine: Machine,
    enhance: bool,
) -> tuple[RunDir, PredictResult]:
    """``merit predict``: a model over files as typed, in a run folder of its own with a manifest of what it heard.

    Args:
        model_run: A finished train run or a model folder.
        inputs: The files.
        output: The run folder; None names it.
        machine: Device, workers, where runs go.
        enhance: Also write enhanced audio.

    Raises:
        NoInput: There is no model.
        UsageError: The model cannot do what was asked for, or the output folder holds another run.
    """
    folder = find_model_folder(model_run)
    model = loaded_model(folder, machine.device)
    asked: list[Task] = [task for task in model.tasks if task != "enhancement"]
    if not asked and not enhance:
        asked = ["emotion"]  # refused below, naming what the model has
    if enhance:
        asked.append("enhancement")
    tasks = _checked_tasks(model, asked, model_run)
    run = open_run(
        output,
        command="predict",
        name=model.name,
        recipe={"name": model.name, "tasks": list(tasks)},
        inputs={"files": inputs.content, "weights": sha256_of_file(folder / WEIGHTS_NAME)},
        runs_dir=machine.runs_dir,
        overwrite=machine.overwrite,
    )
    result = predict_run(model_run, inputs.utterances, output=run.path, machine=machine, tasks=tasks)
    bad = {path: str(error) for path, error in inputs.bad.items()}
    result = replace(result, failed={**bad, **result.failed})
    if not result.enhanced:
        write_manifest(run.path / MANIFEST_NAME, inputs.utterances)
    write_card(run.path, inputs.card)
    if run.state != "done":
        run.finish(
            {"predicted": len(result.predictions), "enhanced": len(result.enhanced), "failed": len(result.failed)}
        )
    return run, result
