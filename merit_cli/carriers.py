"""What layers hand to each other: frozen dataclasses, no string-keyed dicts of tensors.

Shape suffixes: B batch, N samples, T frames, S tokens, F bins, L layers, D features, E experts, K chosen,
C classes, A attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

NO_LABEL = -1
"""Class index of an utterance without an emotion label; losses and metrics leave it out."""


ATTRIBUTES = ("arousal", "valence", "dominance")
"""The columns of every tensor (..., A) of ratings, and their names in manifests."""


@dataclass(frozen=True)
class EncoderShape:
    """What a model needs to know of the encoder in front of it.

    Args:
        num_layers: L, how many representations a frame has.
        dim: D, size of each.
        kernels: Kernel of each strided layer, in samples of that layer's input.
        strides: Stride of each.
        padding: Zeros added to both ends of the waveform before the first layer.
    """

    num_layers: int
    dim: int
    kernels: tuple[int, ...]
    strides: tuple[int, ...]
    padding: int = 0

    def num_frames(self, num_samples: int) -> int:
        """T for a waveform of ``num_samples``; 0 where it is shorter than one frame.

        >>> EncoderShape(25, 1024, (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)).num_frames(16000)
        49
        """
        frames = num_samples + 2 * self.padding
        for kernel, stride in zip(self.kernels, self.strides, strict=True):
            frames = (frames - kernel) // stride + 1 if frames >= kernel else 0
        return frames


@dataclass(frozen=True)
class SpeechBatch:
    """Utterances of one step, padded with zeros.

    Args:
        ids: B utterance ids.
        noisy_BN: Model input.
        lengths_B: Valid samples, int64.
        clean_BN: Target of enhancement, or None.
        emotion_B: Class index, int64, `NO_LABEL` where there is none; or None.
        features_BLTD: Cached output of a frozen encoder, or None.
        emotion_share_BC: Annotators' shares of each class, a row of zeros where they are not known; or None.
        attributes_BA: Ratings on the scale 0 to 1, NaN where there is none; or None.
        transcripts: The words of each, empty where they are not known; or none at all.
        tokens_BSD: Cached output of a frozen text encoder, or None.
        valid_BS: True on tokens that are not padding, with them.
    """

    ids: tuple[str, ...]
    noisy_BN: Tensor
    lengths_B: Tensor
    clean_BN: Tensor | None = None
    emotion_B: Tensor | None = None
    features_BLTD: Tensor | None = None
    emotion_share_BC: Tensor | None = None
    attributes_BA: Tensor | None = None
    transcripts: tuple[str, ...] = ()
    tokens_BSD: Tensor | None = None
    valid_BS: Tensor | None = None


@dataclass(frozen=True)
class Routing:
    """How one task's router spread the frames over the experts.

    Args:
        logits_BTE: Float32.
        probabilities_BTE: Their softmax.
        chosen_BTK: Indices of the chosen experts.
        valid_BT: True on frames that are not padding.
    """

    logits_BTE: Tensor
    probabilities_BTE: Tensor
    chosen_BTK: Tensor
    valid_BT: Tensor


@dataclass(frozen=True)
class MultiTaskOutput:
    """What a model gives for a batch; a task it does not have is None.

    Args:
        enhanced_BN: Enhanced waveform, zero beyond each length.
        enhanced_log1p_BTF: Its log1p magnitude as the mask gave it, in normalised signal scale.
        emotion_logits_BC: Unnormalised class scores.
        routing: Task name (``enhancement``, ``emotion``) to its routing; empty without routers.
        attributes_BA: Predicted ratings on the scale 0 to 1.
    """

    enhanced_BN: Tensor | None = None
    enhanced_log1p_BTF: Tensor | None = None
    emotion_logits_BC: Tensor | None = None
    routing: Mapping[str, Routing] = field(default_factory=dict)
    attributes_BA: Tensor | None = None


@dataclass(frozen=True)
class LossTerms:
    """The objective and its parts, scalars; absent parts are zero, absent attributes None."""

    total: Tensor
    enhancement: Tensor
    emotion: Tensor
    load_balance: Tensor
    router_z: Tensor
    attributes: Tensor | None = None
