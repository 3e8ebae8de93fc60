"""The Audio Spectrogram Transformer as a breath classifier, from a local folder through transformers.

Source: Gong et al. (2021), AST; input and recipe for breath of Bae et al. (2023), Patch-Mix contrastive learning.

Shape suffixes: B batch, N samples, M mel bands, T frames, P patches, D features, C classes.
"""

from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as nnf
from pydantic import Field
from torch import Tensor, nn

from merit_cli.backbones.kaldi_fbank import KaldiFbank, num_frames
from merit_cli.errors import BadData, Unavailable, UsageError
from merit_cli.io.hashing import sha256_of_file
from merit_cli.models.classifier import ClassifierConfig, SpectrogramClassifier
from merit_cli.models.patch_mix import DrawMix, Mix, mix_patches

MODEL_TYPE = "audio-spectrogram-transformer"
AUDIOSET_MEAN, AUDIOSET_STD = -4.2677393, 4.5689974
NUM_TOKENS = 2
"""Of class and of distillation, before the patches."""
_SIZES = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "num_mel_bins",
    "patch_size",
    "frequency_stride",
    "time_stride",
)


class AstClassifier(SpectrogramClassifier):
    """A transformer over patches of a filter bank, and a linear head on the mean of its two tokens.

    Args:
        encoder: A transformers ``ASTModel`` for as many frames as the clips have.
        num_classes: C.
    """

    def __init__(self, encoder: Any, num_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.fbank = KaldiFbank(encoder.config.num_mel_bins)
        self.num_features = encoder.config.hidden_size
        self.norm = nn.LayerNorm(self.num_features)
        self.head = nn.Linear(self.num_features, num_classes)

    def spectrogram(self, waves_BN: Tensor) -> Tensor:
        """Filter bank (B, M, T) on the scale of AudioSet: mean 0, standard deviation a half."""
        return (self.fbank(waves_BN) - AUDIOSET_MEAN) / (2.0 * AUDIOSET_STD)  # type: ignore[no-any-return]

    def embed(self, maps_BMT: Tensor) -> Tensor:
        """Mean (B, D) of the two tokens' features."""
        return self.encoder(maps_BMT.transpose(1, 2)).pooler_output  # type: ignore[no-any-return]

    def embed_mixed(self, maps_BMT: Tensor, draw: DrawMix, cell: tuple[int, int]) -> tuple[Tensor, Mix]:
        """Features (B, D) of clips whose embedded patches are mixed, and what was mixed; ``cell`` has no part in it."""
        over_mels, over_time = _grid(self.encoder.config)
        mix = draw(len(maps_BMT), over_mels * over_time)

        def mix_tokens(_module: nn.Module, _inputs: object, tokens_BPD: Tensor) -> Tensor:
            mixed_BPD = mix_patches(tokens_BPD[:, NUM_TOKENS:], mix)  # positions are the same in every clip
            return torch.cat([tokens_BPD[:, :NUM_TOKENS], mixed_BPD], dim=1)

        handle = self.encoder.embeddings.register_forward_hook(mix_tokens)
        try:
            return self.embed(maps_BMT), mix
        finally:
            handle.remove()

    def classify(self, features_BD: Tensor) -> Tensor:
        """Logits (B, C)."""
        return self.head(self.norm(features_BD))  # type: ignore[no-any-return]


class AstConfig(ClassifierConfig):
    """Settings of `AstClassifier`; its sizes are those of the published models.

    Args:
        name: Fixed.
        path: Local folder as ``save_pretrained`` writes it, whose sizes hold; empty begins at random.
        hidden_size: Features.
        num_hidden_layers: Of the transformer.
        num_attention_heads: Of each.
        intermediate_size: Of each feed-forward layer.
        num_mel_bins: M.
        patch_size: Side of a patch.
        frequency_stride: Step between patches in mels.
        time_stride: And in frames.
    """

    has_spectrogram: ClassVar[bool] = True

    name: Literal["ast"] = "ast"
    sample_rate: Literal[16000] = 16000
    path: str = ""
    hidden_size: int = Field(default=768, ge=8)
    num_hidden_layers: int = Field(default=12, ge=1)
    num_attention_heads: int = Field(default=12, ge=1)
    intermediate_size: int = Field(default=3072, ge=8)
    num_mel_bins: int = Field(default=128, ge=16)
    patch_size: int = Field(default=16, ge=2)
    frequency_stride: int = Field(default=10, ge=1)
    time_stride: int = Field(default=10, ge=1)

    def build(self, num_classes: int) -> AstClassifier:
        """The network; weights of a folder are fitted to the clip's length.

        Raises:
            Unavailable: The folder or the package ``transformers`` is missing.
            UsageError: The folder holds another kind of model.
            BadData: The weights do not fill the model.
        """
        transformers = _transformers()
        frames = num_frames(self.num_samples)
        if not self.path:
            sizes = {name: getattr(self, name) for name in _SIZES}
            empty = transformers.ASTModel(transformers.ASTConfig(**sizes, max_length=frames))
            return AstClassifier(empty, num_classes)
        pretrained = _load(transformers, Path(self.path))
        config = transformers.ASTConfig(**{**pretrained.config.to_dict(), "max_length": frames})
        encoder = transformers.ASTModel(config)
        state = pretrained.state_dict()
        name = "embeddings.position_embeddings"
        state[name] = fitted_positions(state[name], _grid(pretrained.config), _grid(config))
        encoder.load_state_dict(state)
        return AstClassifier(encoder, num_classes)

    def content(self) -> str:
        """Hash of the folder's config and weights; empty without a folder.

        Raises:
            Unavailable: There is no transformer in it.
        """
        if not self.path:
            return ""
        return "+".join(sha256_of_file(path) for path in _model_files(Path(self.path)))

    def settled(self, network: AstClassifier) -> "AstConfig":
        """The folder's sizes in place of the folder."""
        sizes = {name: getattr(network.encoder.config, name) for name in _SIZES}
        return self.model_copy(update={"path": "", **sizes})


def fitted_positions(positions_1PD: Tensor, grid: tuple[int, int], wanted: tuple[int, int]) -> Tensor:
    """Position embeddings for another number of patches: the middle of a longer time, a shorter one stretched.

    Args:
        positions_1PD: Two tokens, then patches by rows of mels.
        grid: Patches they have, over mels and over time.
        wanted: Patches that are needed; over mels as many.

    Source: Gong et al. (2021), section 2.2 (cut and bilinear interpolation).
    """
    assert grid[0] == wanted[0], (grid, wanted)
    tokens, patches = positions_1PD[:, :NUM_TOKENS], positions_1PD[:, NUM_TOKENS:]
    patches_1DFT = patches.transpose(1, 2).reshape(1, -1, *grid)
    if wanted[1] <= grid[1]:
        start = grid[1] // 2 - wanted[1] // 2
        patches_1DFT = patches_1DFT[..., start : start + wanted[1]]
    else:
        patches_1DFT = nnf.interpolate(patches_1DFT, size=wanted, mode="bilinear")
    return torch.cat([tokens, patches_1DFT.flatten(2).transpose(1, 2)], dim=1)


def _grid(config: Any) -> tuple[int, int]:
    """Patches over mels and over time."""
    over_mels = (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1
    return over_mels, (config.max_length - config.patch_size) // config.time_stride + 1


def _transformers() -> Any:
    import merit_cli.torchaudio_bridge  # noqa: F401 - transformers imports torchaudio

    try:
        import transformers  # slow to import, and an extra
    except ModuleNotFoundError as error:
        hint = "pip install 'merit-cli[hf]'"
        raise Unavailable("the model 'ast' needs the package 'transformers'", hint=hint) from error
    return transformers


def _model_files(folder: Path) -> list[Path]:
    """Config and weights in a folder.

    Raises:
        Unavailable: There is no config.
    """
    if not (folder / "config.json").is_file():
        raise Unavailable(
            "there is no transformer in this folder",
            place=str(folder),
            hint="model.path is a folder with config.json and model.safetensors",
        )
    return sorted([folder / "config.json", *folder.glob("*.safetensors"), *folder.glob("*.bin")])


def _load(transformers: Any, folder: Path) -> Any:
    """The pretrained ``ASTModel`` of a folder, whole."""
    _model_files(folder)
    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise BadData("config.json cannot be read", place=str(folder)) from error
    if config.model_type != MODEL_TYPE:
        raise UsageError(f"{config.model_type!r} is no {MODEL_TYPE}", place=str(folder), hint="model.name: encoder")
    try:
        model, report = transformers.ASTModel.from_pretrained(
            folder, config=config, local_files_only=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise BadData("the weights cannot be loaded", place=str(folder), hint=str(error).split("\n")[0]) from error
    unfilled = sorted([*report["missing_keys"], *(str(entry) for entry in report["mismatched_keys"])])
    if unfilled:
        raise BadData(
            f"{len(unfilled)} tensors of the transformer have no weights, the first {unfilled[0]!r}",
            place=str(folder),
            hint="the folder must hold a whole checkpoint of this architecture",
        )
    return model
