"""CNN6, CNN10 and CNN14 as breath classifiers, from local weights of AudioSet where a recipe names some."""

import pickle
from pathlib import Path
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from merit_cli.errors import BadData, Unavailable
from merit_cli.io.hashing import sha256_of_file
from merit_cli.models.classifier import ClassifierConfig
from merit_cli.models.panns import MelSettings, Panns, PannsName

NOT_OURS = ("spectrogram_extractor.", "logmel_extractor.", "fc_audioset.")
"""Names in published weights that have no place here: the front end is given by settings, the head is new."""
NEW = ("head.",)


class PannsConfig(ClassifierConfig):
    """Settings of a network of PANNs; the defaults are those used for breath.

    Args:
        weights: Local file of weights by the published names, a safetensors file or a checkpoint with the entry
            ``model``; empty begins at random.
        fft_size: In samples (64 ms).
        hop_length: In samples (32 ms).
        num_mels: Mel bands; the published weights have 64.
        low_hz: Lower edge.
        high_hz: Upper edge.
    """

    weights: str = ""
    fft_size: int = Field(default=1024, ge=64)
    hop_length: int = Field(default=512, ge=16)
    num_mels: int = Field(default=64, ge=32)
    low_hz: float = Field(default=50.0, ge=0.0)
    high_hz: float = Field(default=2000.0, gt=0.0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.low_hz < self.high_hz <= self.sample_rate / 2:
            raise ValueError(f"mel bands from {self.low_hz:g} to {self.high_hz:g} Hz do not fit {self.sample_rate} Hz")
        if self.num_samples // self.hop_length < 32:
            raise ValueError("the clip has under 32 frames, and each of five blocks halves them")
        return self

    def build(self, num_classes: int) -> Panns:
        """The network, with the weights that the config names.

        Raises:
            Unavailable: There is no such file.
            BadData: It cannot be read, or holds another network.
        """
        mel = MelSettings(self.sample_rate, self.fft_size, self.hop_length, self.num_mels, self.low_hz, self.high_hz)
        network = Panns(self._panns_name(), mel, num_classes)
        if self.weights:
            fill(network, read_weights(Path(self.weights)), place=self.weights)
        return network

    def content(self) -> str:
        """Hash of the weights; empty without any.

        Raises:
            Unavailable: There is no such file.
        """
        return sha256_of_file(weights_file(Path(self.weights))) if self.weights else ""

    def settled(self, network: object) -> "PannsConfig":
        """Without the weights to begin with, which the run's own take the place of."""
        return self.model_copy(update={"weights": ""})

    def _panns_name(self) -> PannsName:
        raise NotImplementedError


class Cnn6Config(PannsConfig):
    """Four blocks of one 5 x 5 convolution; 4.6 million parameters."""

    name: Literal["cnn6"] = "cnn6"

    def _panns_name(self) -> PannsName:
        return self.name


class Cnn10Config(PannsConfig):
    """Four blocks of two 3 x 3 convolutions; 5.0 million parameters."""

    name: Literal["cnn10"] = "cnn10"

    def _panns_name(self) -> PannsName:
        return self.name


class Cnn14Config(PannsConfig):
    """Six blocks of two 3 x 3 convolutions; 79.7 million parameters."""

    name: Literal["cnn14"] = "cnn14"

    def _panns_name(self) -> PannsName:
        return self.name


def weights_file(path: Path) -> Path:
    """The path, of a file that is there.

    Raises:
        Unavailable: There is none.
    """
    if not path.is_file():
        raise Unavailable("there are no weights in this place", place=str(path), hint="model.weights is a local file")
    return path


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name; only tensors and plain data are read, nothing is executed.

    Raises:
        Unavailable: There is no such file.
        BadData: It is no file of weights.
    """
    weights_file(path)
    try:
        if path.suffix == ".safetensors":
            return load_file(str(path))
        tree = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        hint = "a safetensors file of the tensors alone can always be read"
        raise BadData(f"the weights cannot be read: {str(error).splitlines()[0]}", place=str(path), hint=hint) from None
    state = tree.get("model", tree) if isinstance(tree, dict) else tree
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise BadData("the file holds no table of tensors by name", place=str(path))
    return state


def fill(network: Panns, state: dict[str, Tensor], *, place: str) -> None:
    """Load published weights; all but the front end and the head must fit by name and shape.

    Raises:
        BadData: A name is missing, unknown, or has another shape.
    """
    given = {name: value for name, value in state.items() if not name.startswith(NOT_OURS)}
    own = {name: value for name, value in network.state_dict().items() if not name.startswith(NEW)}
    hint = "cnn6, cnn10 and cnn14 take the weights of the network of that name"
    for words, names in (("lack", own.keys() - given.keys()), ("have besides", given.keys() - own.keys())):
        if names:
            raise BadData(
                f"the weights are of another network: they {words} {len(names)} tensors, such as {min(names)!r}",
                place=place,
                hint=hint,
            )
    for name, value in own.items():
        if given[name].shape != value.shape:
            raise BadData(
                f"{name!r} has the shape {tuple(given[name].shape)}, and {tuple(value.shape)} is needed",
                place=place,
                hint="the published weights have 64 mel bands" if name.startswith("bn0.") else hint,
            )
    network.load_state_dict(given, strict=False)
