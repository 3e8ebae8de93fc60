"""Several utterances of an enhancement run through a trained network at once."""

import time
from collections.abc import Iterable, Iterator
from itertools import islice

from merit_cli.enhancers.contract import Engineering
from merit_cli.enhancers.together import enhance_together
from merit_cli.errors import MeritError
from merit_cli.io.audio_file import Audio
from merit_cli.workflows.enhance.item import (
    Enhanced,
    EnhanceJob,
    FloatArray,
    built_enhancer,
    made_of,
    placed,
    read_channels,
    write_enhanced,
)

Batch = tuple[EnhanceJob, ...]


def batches(jobs: Iterable[EnhanceJob], batch_size: int) -> Iterator[Batch]:
    """The jobs in their order, so many at a time."""
    remaining = iter(jobs)
    while batch := tuple(islice(remaining, batch_size)):
        yield batch


def enhance_batch(batch: Batch) -> list[Enhanced | MeritError]:
    """Enhance utterances together and write each under ``enhanced/``.

    Args:
        batch: Of one recipe and device.

    Returns:
        For each, its manifest line, or why it could not be had.

    Raises:
        Unavailable: The output cannot be written.
    """
    recipe = batch[0].recipe
    enhancer = built_enhancer(recipe.enhancer, recipe.chunk, Engineering(batch[0].device, recipe.precision))
    heard = [_heard(job) for job in batch]
    channels = [audio for one in heard if not isinstance(one, MeritError) for audio in one]
    started = time.perf_counter()
    made = enhance_together(enhancer, [(one.samples, one.sample_rate) for one in channels], batch_size=len(batch))
    work_seconds = (time.perf_counter() - started) / len(batch)
    answers = iter(made)
    return [_result(job, one, answers, work_seconds) for job, one in zip(batch, heard, strict=True)]


def _heard(job: EnhanceJob) -> list[Audio] | MeritError:
    source = job.utterance
    try:
        return list(read_channels(source.audio, job.recipe, start=source.start, length=source.num_samples))
    except MeritError as error:
        return placed(error, source)


def _result(
    job: EnhanceJob,
    heard: list[Audio] | MeritError,
    answers: Iterator[FloatArray | MeritError],
    work_seconds: float,
) -> Enhanced | MeritError:
    if isinstance(heard, MeritError):
        return heard
    made: list[FloatArray] = []
    for answer in list(islice(answers, len(heard))):
        if isinstance(answer, MeritError):
            return placed(answer, job.utterance)
        made.append(answer)
    return write_enhanced(job, made_of(made, heard[0].sample_rate, job.recipe, work_seconds))
