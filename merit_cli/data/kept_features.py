"""Whose kept features an utterance gets: those of the model's own encoders, or of encoders that never learned from it.

Cross-fitting (Wolpert, "Stacked generalization", Neural Networks 5(2), 1992): an encoder that was tuned on an utterance
describes it better than it will describe any that is new, and a head that learns from such features trusts them too
much. Encoders tuned without the utterance's speaker describe it as they would a stranger.

Shape suffixes: N samples, L layers, T frames, S tokens, D features.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Self

from pydantic import Field, model_validator
from torch import nn

from merit_cli.backbones.normalisation import FloatArray
from merit_cli.config.frozen import FrozenConfig
from merit_cli.data.feature_cache import FeatureCache
from merit_cli.data.text_cache import TextFeatureCache
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.draws import Draws


@dataclass(frozen=True)
class KeptFeatures:
    """Kept features of both encoders.

    Args:
        voice: Of the speech encoder; None lets the model compute them.
        words: Of the text encoder; None lets the model compute them, or have none.
        voice_of: By speaker, whose features come from another speech encoder.
        words_of: By speaker, whose features come from another text encoder.
    """

    voice: FeatureCache | None = None
    words: TextFeatureCache | None = None
    voice_of: Mapping[str, FeatureCache] = field(default_factory=dict)
    words_of: Mapping[str, TextFeatureCache] = field(default_factory=dict)

    def encoders(self) -> list[nn.Module]:
        """Those that are asked."""
        caches = {one.folder: one for one in (self.voice, *self.voice_of.values()) if one is not None}
        readers = {one.folder: one for one in (self.words, *self.words_of.values()) if one is not None}
        found = [*(one.backbone for one in caches.values()), *(one.encoder for one in readers.values())]
        return [one for one in found if isinstance(one, nn.Module)]

    def frames(self, utterance: Utterance, noisy_N: FloatArray) -> FloatArray | None:
        """Features (L, T, D) of its waveform in the model's scale."""
        cache = self.voice_of.get(utterance.speaker, self.voice)
        return None if cache is None else cache.features(noisy_N)

    def tokens(self, utterance: Utterance) -> FloatArray | None:
        """Features (S, D) of its words."""
        cache = self.words_of.get(utterance.speaker, self.words)
        return None if cache is None else cache.features(utterance.transcript)


class LeaveOut(FrozenConfig):
    """A part of the training speakers that a run does not learn from, to be given features by it later.

    Args:
        fold: Which part, from 1.
        of: How many parts there are; each speaker is in one, whatever the seed.
    """

    fold: int = Field(ge=1)
    of: int = Field(ge=2)

    @model_validator(mode="after")
    def _is_there(self) -> Self:
        if self.fold > self.of:
            raise ValueError(f"there is no fold {self.fold} of {self.of}")
        return self

    def speakers(self, everybody: Collection[str]) -> set[str]:
        """Those of the part.

        >>> parts = [LeaveOut(fold=fold, of=2).speakers({"a", "b", "c"}) for fold in (1, 2)]
        >>> sorted(map(len, parts)), sorted(set.union(*parts))
        ([1, 2], ['a', 'b', 'c'])
        """
        dealt = sorted(set(everybody), key=lambda speaker: (Draws(0, "leave out", speaker).uniform(), speaker))
        return set(dealt[self.fold - 1 :: self.of])
