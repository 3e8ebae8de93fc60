"""Manifest lines as items to train on: map-style, the same item for the same index always.

Shape suffixes: N samples, L layers, T frames, S tokens, D features, C classes, A attributes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Dataset

from merit_cli.audio.levels import sum_of_squares
from merit_cli.backbones.normalisation import FloatArray, Normalisation
from merit_cli.carriers import ATTRIBUTES, NO_LABEL
from merit_cli.data.kept_features import KeptFeatures
from merit_cli.errors import BadData
from merit_cli.io.audio_file import read_audio
from merit_cli.manifests.utterance import SHARE_PREFIX, Utterance
from merit_cli.units import Seconds, seconds_to_samples

EMOTION = "emotion"
"""Label name in manifests."""
Scale = tuple[float, float]


@dataclass(frozen=True)
class SpeechItem:
    """One utterance in the model's scale.

    Args:
        id: Of the utterance.
        noisy_N: Model input.
        clean_N: Target of enhancement, or None.
        emotion: Class index, or `NO_LABEL`.
        features_LTD: Cached output of a frozen encoder, or None.
        emotion_share_C: Annotators' shares of the classes, or None.
        attributes_A: Ratings on the scale 0 to 1, NaN where there is none; or None without a scale.
        transcript: The words, empty where they are not known.
        tokens_SD: Cached output of a frozen text encoder, or None.
    """

    id: str
    noisy_N: FloatArray
    clean_N: FloatArray | None
    emotion: int
    features_LTD: FloatArray | None
    emotion_share_C: FloatArray | None = None
    attributes_A: FloatArray | None = None
    transcript: str = ""
    tokens_SD: FloatArray | None = None


class SpeechDataset(Dataset[SpeechItem]):
    """Utterances of one split.

    Args:
        utterances: Manifest lines; ``clean`` is read where it is there.
        classes: Emotion labels in the order of their class indices.
        normalisation: Scale of the model.
        max_duration: Only the first seconds of an utterance are used.
        kept: Features of frozen encoders.
        attribute_scale: Lowest and highest rating; None gives items without attributes.
    """

    def __init__(
        self,
        utterances: Sequence[Utterance],
        *,
        classes: Sequence[str],
        normalisation: Normalisation,
        max_duration: Seconds,
        kept: KeptFeatures | None = None,
        attribute_scale: Scale | None = None,
    ) -> None:
        self.utterances = tuple(utterances)
        self.normalisation = normalisation
        self.max_duration = max_duration
        self.kept = kept or KeptFeatures()
        self.attribute_scale = attribute_scale
        self.classes = tuple(classes)
        self._index_of = {label: index for index, label in enumerate(classes)}

    def __len__(self) -> int:
        return len(self.utterances)

    def num_samples(self, index: int) -> int:
        """Samples of an item, without reading its audio."""
        return num_samples_used(self.utterances[index], self.normalisation.sample_rate, self.max_duration)

    def emotion(self, index: int) -> int:
        """Class index of an item, or `NO_LABEL`."""
        return self._index_of.get(str(self.utterances[index].labels.get(EMOTION, "")), NO_LABEL)

    def read(self, index: int) -> tuple[FloatArray, FloatArray | None]:
        """Noisy signal and, where there is one, clean reference of an item, before normalisation."""
        return read_pair(self.utterances[index], self.normalisation.sample_rate, self.max_duration)

    def __getitem__(self, index: int) -> SpeechItem:
        """The item.

        Raises:
            BadData: Its audio cannot be used, or clean and noisy differ in length.
        """
        noisy_N, clean_N = self.read(index)
        gain = self.normalisation.gain(noisy_N)
        noisy_N = self.normalisation.apply(noisy_N, gain=gain)
        return SpeechItem(
            id=self.utterances[index].id,
            noisy_N=noisy_N,
            clean_N=None if clean_N is None else self.normalisation.apply(clean_N, gain=gain),
            emotion=self.emotion(index),
            features_LTD=self.kept.frames(self.utterances[index], noisy_N),
            emotion_share_C=emotion_shares(self.utterances[index], self.classes),
            attributes_A=None
            if self.attribute_scale is None
            else scaled_attributes(self.utterances[index], self.attribute_scale),
            transcript=self.utterances[index].transcript,
            tokens_SD=self.kept.tokens(self.utterances[index]),
        )


def emotion_shares(utterance: Utterance, classes: Sequence[str]) -> FloatArray | None:
    """Annotators' shares (C,) of the classes, summing to 1; None where no annotator named one of them.

    >>> from pathlib import Path
    >>> emotion_shares(Utterance("a", Path("a"), 1, 1, labels={"p_sad": 0.3, "p_calm": 0.3}), ["angry", "sad", "calm"])
    array([0. , 0.5, 0.5], dtype=float32)
    """
    shares = [utterance.labels.get(SHARE_PREFIX + label.lower(), 0.0) for label in classes]
    numbers = np.array([share if isinstance(share, int | float) else 0.0 for share in shares], dtype=np.float32)
    total = float(numbers.sum())
    return numbers / np.float32(total) if total > 0.0 else None


def scaled_attributes(utterance: Utterance, scale: Scale) -> FloatArray:
    """Ratings (A,) of a scale on 0 to 1, NaN where there is none; `unscaled` goes back.

    >>> from pathlib import Path
    >>> scaled_attributes(Utterance("a", Path("a"), 1, 1, labels={"arousal": 7, "dominance": 4.0}), (1.0, 7.0))
    array([1. , nan, 0.5], dtype=float32)
    """
    low, high = scale
    rated = [utterance.labels.get(name, math.nan) for name in ATTRIBUTES]
    numbers = np.array([value if isinstance(value, int | float) else math.nan for value in rated], dtype=np.float64)
    return np.asarray((numbers - low) / (high - low), dtype=np.float32)


def unscaled(values: FloatArray, scale: Scale) -> FloatArray:
    """Predicted values of 0 to 1 as ratings of a scale, kept within it.

    >>> unscaled(np.array([0.5, 1.2, -0.1]), (1.0, 7.0)).tolist()
    [4.0, 7.0, 1.0]
    """
    low, high = scale
    rated: FloatArray = np.clip(values * (high - low) + low, low, high)
    return rated


def num_samples_used(utterance: Utterance, sample_rate: int, max_duration: Seconds) -> int:
    """Samples of an utterance at ``sample_rate``, cut to ``max_duration``; a bound where it is resampled."""
    total = math.ceil(utterance.num_samples * sample_rate / utterance.sample_rate)
    return min(total, seconds_to_samples(max_duration, sample_rate))


def read_pair(utterance: Utterance, sample_rate: int, max_duration: Seconds) -> tuple[FloatArray, FloatArray | None]:
    """Noisy signal and, where there is one, its clean reference, cut to ``max_duration``.

    Raises:
        NoInput: A file is missing.
        BadData: A file cannot be used, or the two differ in length.
    """
    wanted = min(utterance.num_samples, seconds_to_samples(max_duration, utterance.sample_rate))
    noisy_N = read_audio(utterance.audio, sample_rate=sample_rate, start=utterance.start, num_samples=wanted).samples
    if utterance.clean is None:
        return noisy_N, None
    clean_N = read_audio(utterance.clean, sample_rate=sample_rate).samples[: len(noisy_N)]
    if len(clean_N) != len(noisy_N):
        raise BadData(
            f"the clean reference has {len(clean_N)} samples, the noisy signal {len(noisy_N)}",
            place=utterance.id,
            hint="pairs must be aligned; mix again",
        )
    return noisy_N, clean_N


def measure_normalisation(
    utterances: Sequence[Utterance], *, level: Normalisation, max_duration: Seconds
) -> Normalisation:
    """``level`` with mean and standard deviation of all noisy samples, summed in float64.

    Raises:
        BadData: All utterances are silent.
    """
    count, total, squares = 0, 0.0, 0.0
    for utterance in utterances:
        noisy_N, _ = read_pair(utterance, level.sample_rate, max_duration)
        wide_N = noisy_N.astype(np.float64) * level.gain(noisy_N)
        count += wide_N.size
        total += float(wide_N.sum())
        squares += sum_of_squares(wide_N)
    mean = total / max(count, 1)
    variance = squares / max(count, 1) - mean**2
    if variance <= 0.0:
        raise BadData("every training signal is silent", hint="check the manifest's audio")
    return level.model_copy(update={"mean": mean, "std": math.sqrt(variance)})
