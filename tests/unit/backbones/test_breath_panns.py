"""Local weights of PANNs: what fits is taken, and what does not is named."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from merit_cli.backbones.breath_classifiers import classifier_config
from merit_cli.backbones.breath_panns import Cnn6Config, Cnn10Config, read_weights
from merit_cli.errors import BadData, Unavailable, UsageError


@pytest.fixture(scope="module")
def published() -> dict[str, Tensor]:
    """Random weights of CNN6 under the published names, front end and head of AudioSet included."""
    torch.manual_seed(5)
    state = {name: value for name, value in Cnn6Config().build(3).state_dict().items() if not name.startswith("head.")}
    state = {name: torch.randn_like(value) if value.is_floating_point() else value for name, value in state.items()}
    extras = {
        "spectrogram_extractor.stft.conv_real.weight": (513, 1, 1024),
        "logmel_extractor.melW": (513, 64),
        "fc_audioset.weight": (527, 512),
        "fc_audioset.bias": (527,),
    }
    return {**state, **{name: torch.zeros(shape) for name, shape in extras.items()}}


def test_a_checkpoint_fills_all_but_the_head(published: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "Cnn6.pth"
    torch.save({"iteration": 7, "model": published}, path)
    filled = Cnn6Config(weights=str(path)).build(3).state_dict()
    for name, value in filled.items():
        if not name.startswith("head."):
            assert torch.equal(value, published[name]), name
    assert filled["head.weight"].shape == (3, 512)


def test_safetensors_give_the_same(published: dict[str, Tensor], tmp_path: Path) -> None:
    save_file(published, str(tmp_path / "w.safetensors"))
    filled = Cnn6Config(weights=str(tmp_path / "w.safetensors")).build(2).state_dict()
    assert torch.equal(filled["fc1.weight"], published["fc1.weight"])


def _fails(state: object, tmp_path: Path, config: type[Cnn6Config] | type[Cnn10Config] = Cnn6Config) -> BadData:
    path = tmp_path / "w.pth"
    torch.save(state, path)
    with pytest.raises(BadData) as caught:
        config(weights=str(path)).build(2)
    assert caught.value.place == str(path)
    return caught.value


def test_weights_of_another_network_are_refused_by_name(published: dict[str, Tensor], tmp_path: Path) -> None:
    fault = _fails(published, tmp_path, Cnn10Config)
    assert "they lack 24 tensors, such as 'conv_block1.bn2.bias'" in fault.message
    assert "network of that name" in fault.hint
    fault = _fails({**published, "att_block.att.weight": torch.zeros(1)}, tmp_path)
    assert "have besides 1 tensors, such as 'att_block.att.weight'" in fault.message


def test_another_shape_is_refused_with_both(published: dict[str, Tensor], tmp_path: Path) -> None:
    fault = _fails({**published, "bn0.weight": torch.zeros(128)}, tmp_path)
    assert "'bn0.weight' has the shape (128,), and (64,) is needed" in fault.message
    assert "64 mel bands" in fault.hint


class _Odd:
    """What no file of weights may hold."""


def test_what_is_no_table_of_tensors_is_refused_and_not_executed(tmp_path: Path) -> None:
    assert "cannot be read" in _fails({"model": _Odd()}, tmp_path).message
    assert "no table of tensors" in _fails({"model": {"a": 1}}, tmp_path).message
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(BadData, match="cannot be read"):
        read_weights(tmp_path / "text.pth")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(BadData, match="cannot be read"):
        read_weights(tmp_path / "text.safetensors")


def test_missing_weights_are_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no weights"):
        Cnn6Config(weights=str(tmp_path / "gone.pth")).build(2)


def test_the_content_is_that_of_the_file_and_a_missing_one_is_said_at_once(tmp_path: Path) -> None:
    assert Cnn6Config().content() == ""
    path = tmp_path / "w.pth"
    path.write_bytes(b"a")
    first = Cnn6Config(weights=str(path)).content()
    path.write_bytes(b"b")
    assert Cnn6Config(weights=str(path)).content() != first
    with pytest.raises(Unavailable, match="no weights"):
        Cnn6Config(weights=str(tmp_path / "gone.pth")).content()


def test_settings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="do not fit 4000 Hz"):
        classifier_config({"name": "cnn6", "sample_rate": 4000, "high_hz": 2500})
    with pytest.raises(UsageError, match="under 32 frames"):
        classifier_config({"name": "cnn6", "duration": 0.9})
    with pytest.raises(UsageError) as caught:
        classifier_config("cnn7")
    assert "cnn" in caught.value.hint


def test_a_settled_config_needs_no_weights() -> None:
    config = Cnn6Config(weights="somewhere.pth")
    assert config.settled(None).weights == ""
    assert config.settled(None).build(2).fc1.in_features == 512
    assert np.isclose(config.num_samples, 128_000)
