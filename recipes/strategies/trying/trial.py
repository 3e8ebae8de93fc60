"""One strategy with one seed: train it, and let it answer on the test split, in noise and without.

Every step is found again: the same command goes on where it was stopped.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from merit_cli.backbones.contract import Backbone
from merit_cli.backbones.model_folder import load_model
from merit_cli.data.dataset import EMOTION
from merit_cli.data.feature_cache import with_cache
from merit_cli.errors import BadData, NoInput
from merit_cli.io.audio_file import read_audio
from merit_cli.manifests.predictions import Prediction, write_predictions
from merit_cli.manifests.read_write import MANIFEST_NAME, read_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine
from merit_cli.workflows.train import TrainRecipe, run_train

CLEAN = "clean"
NOISY = "noisy"
AS_IT_IS = "test"
MOST_RATIOS = 4
"""More ratios than that are put together."""
ANSWERS_NAME = "answers.jsonl"


@dataclass(frozen=True)
class Trial:
    """What a worker needs.

    Args:
        recipe: With the seed of this trial.
        data: Manifest, or a folder with one.
        output: Folder of this trial.
        cache: Features of frozen encoders, shared by all trials.
        device: Such as ``cpu``.
        allow_leak: Go on although splits share a speaker or a noise file.
    """

    recipe: TrainRecipe
    data: Path
    output: Path
    cache: Path
    device: str = "cpu"
    allow_leak: bool = False

    @property
    def answers(self) -> Path:
        """Where its predictions lie."""
        return self.output / ANSWERS_NAME


def run_trial(trial: Trial) -> Path:
    """Train and answer; returns the predictions."""
    machine = Machine(device=trial.device)
    run, _ = run_train(
        trial.recipe,
        trial.data,
        output=trial.output / "run",
        machine=machine,
        allow_leak=trial.allow_leak,
        cache_dir=trial.cache,
    )
    if not trial.answers.exists():  # written whole, so it is there or it is not
        asked = [one for members in conditions(trial.data).values() for one in members]
        write_predictions(trial.answers, _answers(trial, run.path, asked))
    return trial.answers


def manifest_of(data: Path) -> Path:
    """The manifest that was named, or that lies in the folder that was."""
    return data / MANIFEST_NAME if data.is_dir() else data


def conditions(data: Path) -> dict[str, tuple[Utterance, ...]]:
    """Clean speech and each ratio of the test split, with the utterances of each; one condition without mixtures.

    A clean utterance stands once, however often it was mixed.

    Raises:
        NoInput: There is no test split.
        BadData: A test utterance has no emotion, or one that training does not have.
    """
    manifest = manifest_of(data)
    lines = read_manifest(manifest)
    test = [one for one in lines if one.split == "test"]
    if not test:
        raise NoInput("there is no test split to answer on", place=str(manifest), hint="prepare with three splits")
    known = {str(one.labels.get(EMOTION, "")) for one in lines if one.split == "train"}
    strange = [one for one in test if not one.labels.get(EMOTION) or str(one.labels[EMOTION]) not in known]
    if strange:
        raise BadData(
            f"{len(strange)} test utterances have no emotion that training has", place=strange[0].id, hint="label them"
        )
    ratios = sorted({one.mixture.snr_db for one in test if one.mixture})
    if not ratios:
        return {AS_IT_IS: tuple(test)}
    clean = {
        one.mixture.clean_id: replace(one, id=f"{CLEAN}/{one.mixture.clean_id}", audio=one.clean, mixture=None)
        for one in reversed(test)
        if one.mixture and one.clean
    }
    found = {CLEAN: tuple(clean[key] for key in sorted(clean))} if clean else {}
    if len(ratios) > MOST_RATIOS:
        return {**found, NOISY: tuple(one for one in test if one.mixture)}
    noisy = {f"{snr:g} dB": tuple(one for one in test if one.mixture and one.mixture.snr_db == snr) for snr in ratios}
    return found | noisy


def check_folds(folds: Sequence[Mapping[str, Sequence[Utterance]]]) -> None:
    """Refuse folds that cannot be scored together.

    Raises:
        BadData: They have other conditions, or an utterance is tested in two of them.
    """
    if any(list(fold) != list(folds[0]) for fold in folds):
        raise BadData(
            f"the folds are tested in {' and in '.join(sorted({', '.join(fold) for fold in folds}))}",
            place="folds",
            hint="mix all folds at the same ratios",
        )
    seen = Counter(one.id for fold in folds for members in fold.values() for one in members)
    twice = [name for name, count in seen.items() if count > 1]
    if twice:
        raise BadData(
            f"{len(twice)} utterances are tested in two folds", place=twice[0], hint="give folds that test others"
        )


def _answers(trial: Trial, run: Path, asked: Sequence[Utterance]) -> list[Prediction]:
    model = load_model(run, device=trial.device)
    backbone = model.modules["backbone"]
    assert isinstance(backbone, Backbone), type(backbone)
    model.modules["backbone"] = with_cache(backbone, trial.cache, trial.recipe.backbone)
    torch.set_num_threads(1)
    found = []
    for one in asked:
        audio = read_audio(one.audio, sample_rate=model.sample_rate, start=one.start, num_samples=one.num_samples)
        shares = model.run(audio.samples, one.transcript).probability_C
        assert shares is not None, model.tasks
        by_label = dict(zip(model.labels, shares.tolist(), strict=True))
        best = max(by_label, key=lambda label: by_label[label])
        found.append(Prediction(one.id, one.split, str(one.labels[EMOTION]), best, by_label))
    return found
