"""Kept features of a run's frozen encoders, and cross-fitted ones of its training speakers."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from safetensors.torch import load_file
from torch import nn

from merit_cli.backbones.forward import TEXT
from merit_cli.backbones.model_folder import WEIGHTS_NAME, Parts, find_model_folder
from merit_cli.data.feature_cache import FeatureCache
from merit_cli.data.kept_features import KeptFeatures
from merit_cli.data.text_cache import TextFeatureCache
from merit_cli.errors import BadData, UsageError
from merit_cli.io.atomic import make_folder
from merit_cli.io.hashing import sha256_of_file
from merit_cli.manifests.lineage import Lineage, read_lineage
from merit_cli.manifests.utterance import Utterance
from merit_cli.workflows.train.recipe import TrainRecipe

PLACE = "cross_fitted"
Cache = TypeVar("Cache", FeatureCache, TextFeatureCache)


@dataclass(frozen=True)
class FoldRun:
    """A run that left some training speakers out.

    Args:
        folder: Of its exported model.
        lineage: Whom it heard.
        content: Hash of its weights.
    """

    folder: Path
    lineage: Lineage
    content: str

    def heard(self, speaker: str) -> bool:
        """Whether it learned from somebody, or was chosen by them."""
        return speaker in self.lineage.train or speaker in self.lineage.dev


def find_fold_runs(paths: Sequence[str], train: Sequence[Utterance]) -> tuple[FoldRun, ...]:
    """The runs whose encoders describe the training speakers that they left out.

    Raises:
        NoInput: There is no exported model.
        BadData: A training utterance names no speaker.
        UsageError: A run does not say whom it heard, or heard every training speaker.
    """
    folders = [find_model_folder(Path(path)) for path in paths]
    people = {utterance.speaker for utterance in train}
    if folders and "" in people:
        raise BadData(
            "training utterances name no speaker, so nobody knows which encoder has not learned from them",
            place=PLACE,
            hint="name speakers in the manifest, or train without cross_fitted",
        )
    runs = []
    for folder in folders:
        lineage = read_lineage(folder)
        if lineage is None or lineage.unnamed:
            raise UsageError(f"{folder} does not say whom it was trained on", place=PLACE, hint="train it again")
        run = FoldRun(folder, lineage, sha256_of_file(folder / WEIGHTS_NAME))
        if all(map(run.heard, people)):
            raise UsageError(
                f"{folder} learned from every training speaker",
                place=PLACE,
                hint="train it with data.leave_out, such as {fold: 1, of: 5}",
            )
        runs.append(run)
    return tuple(runs)


def keep_features(
    recipe: TrainRecipe, parts: Parts, folder: Path, *, runs: Sequence[FoldRun], train: Sequence[Utterance]
) -> KeptFeatures:
    """Where features of frozen encoders are kept; words stay the same whatever is done to the audio.

    Args:
        recipe: Of the run.
        parts: Its encoders, with the weights that it begins with.
        folder: Where the files lie.
        runs: Whose encoders describe the training speakers that they left out; none takes the run's own encoders.
        train: Utterances to learn from.

    Raises:
        UsageError: The runs' encoders do not fit, were not tuned, or all heard some training speaker; or the recipe
            does not keep features.
    """
    kept = KeptFeatures(_of_speech(recipe, parts, folder), _of_words(recipe, parts, folder))
    if not runs:
        return kept
    if kept.voice is None and kept.words is None:
        raise UsageError(
            "cross-fitted features are kept features, and this recipe keeps none",
            place=PLACE,
            hint="freeze the encoders, and leave data.cache_features, remix, crop and fresh mixtures out",
        )
    voices, readers = list[tuple[FoldRun, FeatureCache]](), list[tuple[FoldRun, TextFeatureCache]]()
    if kept.voice is not None:
        encoders = _tuned(runs, "backbone", parts.backbone)
        voices = [(run, FeatureCache(folder, encoder, recipe.backbone)) for run, encoder in encoders]
    if kept.words is not None and recipe.text is not None:
        readers = [
            (run, TextFeatureCache(folder, reader, recipe.text)) for run, reader in _tuned(runs, TEXT, parts.text)
        ]
    for run in runs:
        if all(run is not other for other, _ in (*voices, *readers)):
            raise UsageError(
                f"{run.folder} has no encoder of this recipe's shape",
                place=PLACE,
                hint=f"compare {run.folder / 'recipe.yaml'} with the recipe",
            )
    speakers = sorted({utterance.speaker for utterance in train})
    return replace(
        kept,
        voice_of=_by_speaker(voices, kept.voice, speakers, kind="speech"),
        words_of=_by_speaker(readers, kept.words, speakers, kind="text"),
    )


def fitted_with(runs: Sequence[FoldRun], kept: KeptFeatures) -> dict[str, str]:
    """What the model card says of cross-fitted features; nothing of a run without them."""
    if not runs:
        return {}
    of = " and ".join(word for word, found in (("speech", kept.voice_of), ("words", kept.words_of)) if found)
    hashes = ", ".join(run.content for run in runs)
    return {f"cross-fitted features of {of}": f"training speakers by models of sha256 {hashes}, that left them out"}


def _tuned(runs: Sequence[FoldRun], name: str, own: object) -> Iterator[tuple[FoldRun, Any]]:
    """Copies of an encoder of this run, with the weights of each run that has some for it."""
    assert isinstance(own, nn.Module), type(own)
    shapes = {f"{name}.{key}": value.shape for key, value in own.state_dict().items()}
    for run in runs:
        given = load_file(str(run.folder / WEIGHTS_NAME))
        state = {key: given[key] for key in shapes.keys() & given.keys()}
        if state and {key: value.shape for key, value in state.items()} == shapes:
            encoder = copy.deepcopy(own)
            encoder.load_state_dict({key.removeprefix(f"{name}."): value for key, value in state.items()})
            yield run, encoder


def _by_speaker(
    caches: Sequence[tuple[FoldRun, Cache]], own: Cache | None, speakers: Sequence[str], *, kind: str
) -> dict[str, Cache]:
    """Each speaker's features by the first run that has not heard them; nothing where there is no cache."""
    served = dict[str, Cache]()
    for run, cache in caches:
        if own is not None and cache.folder == own.folder:
            raise UsageError(
                f"{run.folder} has the same {kind} encoder as this run, so its features would be the same",
                place=PLACE,
                hint="tune it there, or begin here with a run that learned from everybody",
            )
        served.update((speaker, cache) for speaker in speakers if speaker not in served and not run.heard(speaker))
    bare = [speaker for speaker in speakers if speaker not in served]
    if caches and bare:
        raise UsageError(
            f"{len(bare)} of {len(speakers)} training speakers were heard by every run with a {kind} encoder: "
            + ", ".join(bare[:3])
            + (", ..." if len(bare) > 3 else ""),
            place=PLACE,
            hint="give one run for each fold of data.leave_out",
        )
    return served


def _of_words(recipe: TrainRecipe, parts: Parts, folder: Path) -> TextFeatureCache | None:
    if parts.text is None or recipe.text is None or parts.text.trainable or recipe.data.cache_features == "never":
        return None
    return TextFeatureCache(make_folder(folder), parts.text, recipe.text)


def _of_speech(recipe: TrainRecipe, parts: Parts, folder: Path) -> FeatureCache | None:
    wanted = recipe.data.cache_features
    has_weights = recipe.backbone.model_dump().get("name") not in ("log-mel", "waveform")
    if parts.backbone.trainable or not recipe.data.stays_the_same:
        return None
    if wanted == "never" or (wanted == "auto" and not has_weights):
        return None
    return FeatureCache(make_folder(folder), parts.backbone, recipe.backbone)
