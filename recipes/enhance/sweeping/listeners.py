"""The models that listen to each ratio: emotion of an utterance, breath of a recording's cycles.

An item is heard at all of its ratios in one go: it is enhanced once, and each ratio's signal is formed
in memory, the very samples that ``--mix-back`` gives.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sweeping.recipe import NOISY, SweepRecipe

from merit_cli.backbones.model_folder import WEIGHTS_NAME, find_model_folder
from merit_cli.enhancers.contract import CHUNK, mixed_back
from merit_cli.errors import BadData, UsageError
from merit_cli.io.audio_file import PCM16_FULL_SCALE, read_audio, resample, to_pcm16
from merit_cli.io.hashing import sha256_of_file
from merit_cli.manifests.read_write import MANIFEST_NAME, read_card
from merit_cli.manifests.utterance import Utterance
from merit_cli.workflows.classify_breath.answers import answer_clips, cut_settings
from merit_cli.workflows.classify_breath.cycles import CutJob, cut_recording, cut_samples
from merit_cli.workflows.classify_breath.model_folder import BreathModel, weights_path
from merit_cli.workflows.classify_breath.model_folder import load_model as load_breath_model
from merit_cli.workflows.classify_breath.recordings import ENHANCE_RATE
from merit_cli.workflows.enhance.item import built_enhancer
from merit_cli.workflows.predict import loaded_model

FloatArray = npt.NDArray[np.float32]
Said = dict[str, str]
"""Utterance id to the label that the model gave it."""
LABEL_KEYS = {"emotion": "emotion", "breath": "breath"}


@dataclass(frozen=True)
class Listener:
    """What must be known of the model beforehand.

    Args:
        folder: Of the run or the model.
        labels: In the order of its outputs; for breath normal first.
        content: Hash of its weights.
        learned_from: Speakers it was trained on, where its folder says so.
        notes: What every table of its answers repeats.
    """

    folder: Path
    labels: tuple[str, ...]
    content: str
    learned_from: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ItemJob:
    """One item at some ratios.

    Args:
        utterances: Of one audio file: a single utterance, or the cycles of a recording.
        ratios: Shares of the noisy signal.
        recipe: Of the sweep.
        model: Folder of the listener.
    """

    utterances: tuple[Utterance, ...]
    ratios: tuple[float, ...]
    recipe: SweepRecipe
    model: Path

    @property
    def item(self) -> str:
        """Its name on the ledger."""
        return self.utterances[0].id


def open_listener(recipe: SweepRecipe, folder: Path) -> Listener:
    """The facts of the model in ``folder``.

    Raises:
        NoInput: There is no such model.
        UsageError: It does not do the recipe's task.
    """
    if recipe.task == "breath":
        card = _breath_model(folder).card
        return Listener(folder, card.classes, sha256_of_file(weights_path(folder)), card.train_patients, card.notes)
    place = find_model_folder(folder)
    model = loaded_model(place, "cpu")
    if "emotion" not in model.tasks:
        raise UsageError("the model has no emotion", place=str(folder), hint=f"it has: {', '.join(model.tasks)}")
    notes = getattr(read_card(place / MANIFEST_NAME), "notes", ())
    said = tuple(f"MODEL DATA: {note}" for note in notes)
    return Listener(folder, model.labels, sha256_of_file(place / WEIGHTS_NAME), (), said)


def hear_item(job: ItemJob) -> dict[float, Said]:
    """What the model says of an item at each ratio.

    Raises:
        NoInput: The audio is gone.
        BadData: The audio cannot be used.
        Unavailable: Weights or an extra of the enhancer are missing.
    """
    return _hear_breath(job) if job.recipe.task == "breath" else _hear_emotion(job)


def written(samples_N: FloatArray) -> FloatArray:
    """A signal (N,) as it comes back from the 16-bit file that ``merit enhance`` writes.

    >>> float(written(np.array([0.1], np.float32))[0] * 32768)
    3277.0
    """
    pcm_N = to_pcm16(np.clip(samples_N, -1.0, 1.0))
    return (pcm_N / np.float32(PCM16_FULL_SCALE)).astype(np.float32)


def _hear_emotion(job: ItemJob) -> dict[float, Said]:
    (source,) = job.utterances
    audio = read_audio(source.audio, start=source.start, num_samples=source.num_samples)
    model = loaded_model(find_model_folder(job.model), "cpu")
    enhanced_N = built_enhancer(job.recipe.enhancer, CHUNK)(audio.samples, audio.sample_rate)
    heard: dict[float, Said] = {}
    for ratio in job.ratios:
        mixed_N = audio.samples if ratio == NOISY else written(mixed_back(enhanced_N, audio.samples, ratio))
        at_rate_N = resample(mixed_N, audio.sample_rate, model.sample_rate)
        if not at_rate_N.size:
            raise BadData("the signal is too short", place=source.id)
        heard[ratio] = {source.id: model.labels[int(np.argmax(model.classify(at_rate_N)))]}
    return heard


def _hear_breath(job: ItemJob) -> dict[float, Said]:
    model = _breath_model(job.model)
    settings, audio = cut_settings(model), job.utterances[0].audio
    noisy_N = read_audio(audio, sample_rate=ENHANCE_RATE).samples
    enhanced_N = built_enhancer(job.recipe.enhancer, CHUNK)(noisy_N, ENHANCE_RATE)
    heard: dict[float, Said] = {}
    for ratio in job.ratios:
        if ratio == NOISY:  # never at the enhancers' rate
            clips = cut_recording(CutJob(audio, job.utterances, settings))
        else:
            mixed_N = resample(mixed_back(enhanced_N, noisy_N, ratio), ENHANCE_RATE, settings.sample_rate)
            clips = cut_samples(mixed_N, job.utterances, settings)
        heard[ratio] = {answer.clip.utterance.id: answer.predicted for answer in answer_clips(model, clips)}
    return heard


@lru_cache(maxsize=1)
def _breath_model(folder: Path) -> BreathModel:
    """A classifier, loaded once in a process."""
    return load_breath_model(folder)
