"""A trained model at work on single signals.

Shape suffixes: B batch, N samples, C classes, A attributes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from merit_cli.audio.overlap_add import process_in_chunks
from merit_cli.backbones.forward import TEXT, run_modules
from merit_cli.backbones.normalisation import FloatArray, Normalisation
from merit_cli.carriers import EncoderShape, MultiTaskOutput, Routing, SpeechBatch
from merit_cli.models.heads import deepen_mask
from merit_cli.units import Seconds, seconds_to_samples

Task = Literal["enhancement", "emotion", "attributes"]
CHUNK = Seconds(30.0)
CONTEXT = Seconds(1.0)
FADE = Seconds(0.1)
AUTOCAST = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Answer:
    """What a model says of one signal; None for a task that it does not have or was not asked for.

    Args:
        enhanced_N: The enhanced signal.
        probability_C: Of each label.
        routing: Task to its routing, for each piece that the model heard; empty without routers.
        attributes_A: Ratings of arousal, valence and dominance on the scale 0 to 1.
    """

    enhanced_N: FloatArray | None = None
    probability_C: npt.NDArray[np.float64] | None = None
    routing: tuple[Mapping[str, Routing], ...] = ()
    attributes_A: FloatArray | None = None


class TrainedModel:
    """Encoder and model in evaluation mode, with the scale and the labels they were trained with.

    Args:
        modules: ``backbone`` and ``model``, on their device.
        tasks: What the model does.
        labels: Emotion labels in the order of the logits.
        normalisation: Scale of the model.
        max_duration: Length that training cut utterances to; longer ones are classified in pieces.
        name: Of the recipe.
        mix_back: Share of the noisy signal left in the enhanced one (observation adding, Iwamoto et al.
            2022: a little noise hides what the mask took from the speech).
        mask_exponent: Power of the mask's gain (see `models.heads.deepen_mask`).
        precision: ``fp32``, or autocast to ``bf16`` or ``fp16``.
        chunk: Length of the overlapping pieces in which a long signal is enhanced.
        attribute_scale: Lowest and highest rating of the training data; None without that task.
    """

    def __init__(
        self,
        modules: nn.ModuleDict,
        *,
        tasks: tuple[Task, ...],
        labels: tuple[str, ...],
        normalisation: Normalisation,
        max_duration: float,
        name: str,
        mix_back: float = 0.0,
        mask_exponent: float = 1.0,
        precision: str = "fp32",
        chunk: Seconds = CHUNK,
        attribute_scale: tuple[float, float] | None = None,
    ) -> None:
        self.modules = modules
        self.tasks = tasks
        self.labels = labels
        self.normalisation = normalisation
        self.max_duration = max_duration
        self.name = name
        self.attribute_scale = attribute_scale
        self.mix_back, self.mask_exponent = mix_back, mask_exponent
        self.dtype, self.chunk = AUTOCAST[precision], chunk
        tensors = [*modules.parameters(), *modules.buffers()]
        self.device = tensors[0].device if tensors else torch.device("cpu")

    @property
    def sample_rate(self) -> int:
        """Rate in Hz of every signal that goes in."""
        return self.normalisation.sample_rate

    @property
    def num_parameters(self) -> int:
        """Trained and frozen parameters."""
        return sum(parameter.numel() for parameter in self.modules.parameters())

    @property
    def reads_words(self) -> bool:
        """Whether it takes a transcript beside the signal."""
        return TEXT in self.modules

    def run(self, noisy_N: FloatArray, transcript: str = "") -> Answer:
        """Every task of the model on a signal at `sample_rate`, in one pass where it is short enough.

        Args:
            noisy_N: The signal.
            transcript: Its words, where they are known and the model reads; each piece of a long signal gets them all.
        """
        if len(noisy_N) <= seconds_to_samples(self.max_duration, self.sample_rate):
            return self._answer(noisy_N, transcript=transcript)
        pieces = self._pieces(noisy_N, transcript) if {"emotion", "attributes"} & set(self.tasks) else []
        return Answer(
            enhanced_N=self.enhance(noisy_N) if "enhancement" in self.tasks else None,
            probability_C=_mean_probability(pieces) if "emotion" in self.tasks else None,
            routing=tuple(routing for piece in pieces for routing in piece.routing),
            attributes_A=_mean_attributes(pieces) if "attributes" in self.tasks else None,
        )

    def enhance(self, noisy_N: FloatArray) -> FloatArray:
        """The enhanced signal (N,), at the level of ``noisy_N``; exact silence stays exact silence."""
        assert "enhancement" in self.tasks, self.tasks
        gain = self.normalisation.gain(noisy_N)  # one gain for all chunks

        def piece(part_N: FloatArray) -> FloatArray:
            enhanced_N = self._answer(part_N, gain=gain).enhanced_N
            assert enhanced_N is not None, self.tasks
            return enhanced_N

        return process_in_chunks(
            noisy_N,
            piece,
            chunk_length=seconds_to_samples(self.chunk, self.sample_rate),
            context_length=seconds_to_samples(min(CONTEXT, self.chunk / 8), self.sample_rate),
            fade_length=seconds_to_samples(FADE, self.sample_rate),
        )

    def classify(self, noisy_N: FloatArray) -> npt.NDArray[np.float64]:
        """Probability of each label (C,); a signal longer than training saw is cut into equal pieces and averaged."""
        assert "emotion" in self.tasks, self.tasks
        return _mean_probability(self._pieces(noisy_N))

    def _pieces(self, noisy_N: FloatArray, transcript: str = "") -> list[Answer]:
        """Answers to equal pieces that are no longer than what training saw."""
        longest = seconds_to_samples(self.max_duration, self.sample_rate)
        count = max(1, math.ceil(len(noisy_N) / longest))
        gain = self.normalisation.gain(noisy_N)
        return [self._answer(part, gain=gain, transcript=transcript) for part in np.array_split(noisy_N, count)]

    def enhance_together(self, noisy: Sequence[FloatArray]) -> list[FloatArray]:
        """What `enhance` makes of each signal (N,), to rounding; in one pass where none is longer than a chunk."""
        assert "enhancement" in self.tasks, self.tasks
        chunk_length = seconds_to_samples(self.chunk, self.sample_rate)
        if len(noisy) < 2 or max(map(len, noisy)) > chunk_length:
            return [self.enhance(noisy_N) for noisy_N in noisy]
        gains = [self.normalisation.gain(noisy_N) for noisy_N in noisy]
        output = self.forward(*(self._ready(one, gain) for one, gain in zip(noisy, gains, strict=True)))
        assert output.enhanced_BN is not None, self.tasks
        return [self._undone(*one) for one in zip(noisy, output.enhanced_BN.float().cpu().numpy(), gains, strict=True)]

    @torch.no_grad()
    def forward(self, *signals: FloatArray, transcripts: tuple[str, ...] = ()) -> MultiTaskOutput:
        """The model's output for a batch of signals (N,) in the model's scale, each of its own length.

        Args:
            signals: In the model's scale.
            transcripts: One for each, or none at all.
        """
        ids = tuple(str(number) for number in range(len(signals)))
        waves = [torch.from_numpy(np.ascontiguousarray(one)) for one in signals]
        noisy_BN = nn.utils.rnn.pad_sequence(waves, batch_first=True).to(self.device)
        lengths_B = torch.tensor([one.size for one in signals], dtype=torch.int64, device=self.device)
        with torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype is not None):
            output = run_modules(self.modules, SpeechBatch(ids, noisy_BN, lengths_B, transcripts=transcripts))
        if self.mask_exponent == 1.0 or output.enhanced_log1p_BTF is None:
            return output
        log1p_BTF = output.enhanced_log1p_BTF
        return replace(output, enhanced_BN=deepen_mask(noisy_BN, log1p_BTF, lengths_B, exponent=self.mask_exponent))

    def _answer(self, noisy_N: FloatArray, *, gain: float | None = None, transcript: str = "") -> Answer:
        gain = self.normalisation.gain(noisy_N) if gain is None else gain
        output = self.forward(self._ready(noisy_N, gain), transcripts=(transcript,))
        enhanced_N = probability_C = attributes_A = None
        if output.enhanced_BN is not None:
            enhanced_N = self._undone(noisy_N, output.enhanced_BN[0].float().cpu().numpy(), gain)
        if output.emotion_logits_BC is not None:
            probability_C = output.emotion_logits_BC[0].double().softmax(-1).cpu().numpy()
        if output.attributes_BA is not None:
            attributes_A = output.attributes_BA[0].float().cpu().numpy()
        return Answer(enhanced_N, probability_C, (output.routing,) if output.routing else (), attributes_A)

    def _ready(self, noisy_N: FloatArray, gain: float) -> FloatArray:
        """A signal in the model's scale, long enough for the encoder."""
        return _at_least(self.normalisation.apply(noisy_N, gain=gain), self._shortest())

    def _undone(self, noisy_N: FloatArray, model_N: FloatArray, gain: float) -> FloatArray:
        """The enhanced signal (N,) from the model's, which may be padded at its end."""
        if not np.any(noisy_N):
            cleaned_N: FloatArray = np.zeros_like(noisy_N)
        else:
            cleaned_N = self.normalisation.undo(model_N[: len(noisy_N)], gain=gain)
        return cleaned_N + np.float32(self.mix_back) * (noisy_N - cleaned_N) if self.mix_back else cleaned_N

    @property
    def frames_per_second(self) -> float:
        """Frames of the encoder."""
        return self.sample_rate / math.prod(self._shape().strides)

    def _shape(self) -> EncoderShape:
        return self.modules["backbone"].shape  # type: ignore[return-value]  # a Backbone

    def _shortest(self) -> int:
        """Samples that give the encoder at least one frame."""
        shape = self._shape()
        needed = 1
        for kernel, stride in zip(reversed(shape.kernels), reversed(shape.strides), strict=True):
            needed = (needed - 1) * stride + kernel
        return max(1, needed - 2 * shape.padding)


def _mean_probability(pieces: Sequence[Answer]) -> npt.NDArray[np.float64]:
    found = [piece.probability_C for piece in pieces if piece.probability_C is not None]
    mean: npt.NDArray[np.float64] = np.mean(found, axis=0)
    return mean


def _mean_attributes(pieces: Sequence[Answer]) -> FloatArray:
    found = [piece.attributes_A for piece in pieces if piece.attributes_A is not None]
    mean: FloatArray = np.mean(found, axis=0)
    return mean


def _at_least(samples_N: FloatArray, num_samples: int) -> FloatArray:
    return np.pad(samples_N, (0, max(0, num_samples - len(samples_N))))
