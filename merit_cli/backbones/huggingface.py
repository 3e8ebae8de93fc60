"""WavLM, HuBERT and wav2vec 2.0 from a local folder, through transformers.

Layer 0 is the input of the first transformer layer, layer i the output of the i-th, all before the
encoder's final LayerNorm. The convolutional front end is always frozen.

Shape suffixes: B batch, N samples, L layers, T frames, D features.
"""

from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from merit_cli.backbones.fine_tuning import TunedEncoder, TuningConfig
from merit_cli.carriers import EncoderShape
from merit_cli.errors import BadData, Unavailable, UsageError
from merit_cli.models.masks import encoder_frames, frame_mask

KNOWN_TYPES = ("hubert", "wav2vec2", "wavlm")
MAY_BE_MISSING = ("masked_spec_embed",)
"""Used by masking in pre-training only, which is off."""


class HuggingFaceEncoder(TunedEncoder):
    """Every layer of a speech encoder.

    Args:
        encoder: A transformers model with ``feature_extractor``, ``feature_projection`` and ``encoder``.
        tuning: What of it learns; never the convolutional front end, nor what no layer's output depends on and what
            would wait for a gradient for ever.
    """

    def __init__(self, encoder: Any, tuning: TuningConfig) -> None:
        config = encoder.config
        final_norm = ("encoder.layer_norm.",) if config.do_stable_layer_norm else ()
        super().__init__(
            encoder, encoder.encoder.layers, tuning, never=("feature_extractor.", *MAY_BE_MISSING, *final_norm)
        )
        self.shape = EncoderShape(
            num_layers=config.num_hidden_layers + 1,
            dim=config.hidden_size,
            kernels=tuple(config.conv_kernel),
            strides=tuple(config.conv_stride),
        )
        self._norm_is_over_time = config.feat_extract_norm == "group"
        self.encoder.feature_extractor._requires_grad = False  # else it asks for the waveform's gradient

    def forward(self, noisy_BN: Tensor, lengths_B: Tensor) -> Tensor:
        """Features (B, L, T, D); frames beyond an utterance's own are not defined."""
        frames_B = encoder_frames(self.shape, lengths_B)
        with torch.no_grad():
            local_BTC = self._front_end(noisy_BN, lengths_B)
        valid_BT = frame_mask(frames_B.to(noisy_BN.device), local_BTC.shape[1])
        with torch.set_grad_enabled(self.trainable and torch.is_grad_enabled()):
            projected = self.encoder.feature_projection(local_BTC)
            hidden_BTD = projected[0] if isinstance(projected, tuple) else projected
            return torch.stack(_layers_of(self.encoder.encoder, hidden_BTD, valid_BT), dim=1)

    def _front_end(self, noisy_BN: Tensor, lengths_B: Tensor) -> Tensor:
        """Convolutional features (B, T, C).

        A group norm spans time, so there each utterance goes alone, without its padding.
        """
        if not self._norm_is_over_time:
            return self.encoder.feature_extractor(noisy_BN).transpose(1, 2)  # type: ignore[no-any-return]
        num_frames = self.shape.num_frames(noisy_BN.shape[1])
        rows = []
        for wave_N, num_samples in zip(noisy_BN, lengths_B.tolist(), strict=True):
            alone_1CT = self.encoder.feature_extractor(wave_N[None, : max(num_samples, self._receptive_field())])
            rows.append(nn.functional.pad(alone_1CT[0].T, (0, 0, 0, num_frames - alone_1CT.shape[-1])))
        return torch.stack(rows)

    def _receptive_field(self) -> int:
        field = 1
        for kernel, stride in zip(reversed(self.shape.kernels), reversed(self.shape.strides), strict=True):
            field = (field - 1) * stride + kernel
        return field


def _layers_of(transformer: Any, hidden_BTD: Tensor, valid_BT: Tensor) -> list[Tensor]:
    """Input of the first layer and output of each, seen by hooks that last as long as this call."""
    seen: list[Tensor] = []

    def keep_input(_layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(inputs[0])

    def keep_output(_layer: nn.Module, _inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
        seen.append(output[0] if isinstance(output, tuple) else output)

    handles = [transformer.layers[0].register_forward_pre_hook(keep_input)]
    handles += [layer.register_forward_hook(keep_output) for layer in transformer.layers]
    try:
        transformer(hidden_BTD, attention_mask=valid_BT)
    finally:
        for handle in handles:
            handle.remove()
    assert len(seen) == len(transformer.layers) + 1, len(seen)
    return seen


class HuggingFaceConfig(TuningConfig):
    """A speech encoder in a local folder, as ``save_pretrained`` writes it; what of it is trained, as it says.

    Args:
        path: The folder.
        hidden_dropout: Of a trained encoder's layers.
        attention_dropout: Of its attention weights.
        activation_dropout: Inside its feed-forward layers.
        feature_projection_dropout: After the front end's projection.
    """

    name: Literal["huggingface"] = "huggingface"
    path: str
    hidden_dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    attention_dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    activation_dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    feature_projection_dropout: float = Field(default=0.1, ge=0.0, lt=1.0)

    def build(self) -> HuggingFaceEncoder:
        """The encoder with its weights.

        Raises:
            Unavailable: The folder or the package ``transformers`` is missing.
            UsageError: The folder holds another kind of model, or one that cannot be tuned like that.
            BadData: The weights do not fill the model.
        """
        folder = Path(self.path)
        if not (folder / "config.json").is_file():
            raise Unavailable(
                "there is no speech encoder in this folder",
                place=self.path,
                hint="backbone.path is a folder with config.json and model.safetensors",
            )
        return HuggingFaceEncoder(self._load(folder), self)

    def _load(self, folder: Path) -> nn.Module:
        import merit_cli.torchaudio_bridge  # noqa: F401 - transformers imports torchaudio

        try:
            from transformers import AutoConfig, AutoModel  # slow to import, and an extra
        except ModuleNotFoundError as error:
            hint = "pip install 'merit-cli[hf]'"
            raise Unavailable("this encoder needs the package 'transformers'", hint=hint) from error
        try:
            config = AutoConfig.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise BadData("config.json cannot be read", place=str(folder)) from error
        if config.model_type not in KNOWN_TYPES:
            raise UsageError(
                f"{config.model_type!r} is not a speech encoder that can be used here",
                place=str(folder),
                hint=f"known: {', '.join(KNOWN_TYPES)}",
            )
        config.update(
            {
                "apply_spec_augment": False,
                "layerdrop": 0.0,
                "hidden_dropout": self.hidden_dropout,
                "attention_dropout": self.attention_dropout,
                "activation_dropout": self.activation_dropout,
                "feat_proj_dropout": self.feature_projection_dropout,
            }
        )
        try:
            model, report = AutoModel.from_pretrained(
                folder, config=config, local_files_only=True, output_loading_info=True
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise BadData("the weights cannot be loaded", place=str(folder), hint=str(error).split("\n")[0]) from error
        return _checked(model, report, folder)


def _checked(model: nn.Module, report: dict[str, Any], folder: Path) -> nn.Module:
    missing = [name for name in report["missing_keys"] if name not in MAY_BE_MISSING]
    unfilled = sorted([*missing, *(str(entry) for entry in report["mismatched_keys"])])
    if unfilled:
        raise BadData(
            f"{len(unfilled)} tensors of the encoder have no weights, the first {unfilled[0]!r}",
            place=str(folder),
            hint="the folder must hold a whole checkpoint of this architecture",
        )
    return model
