"""The frozen ONNX encoders. Those marked weights run on the pinned files; the others make a toy graph."""

from pathlib import Path

import numpy as np
import pytest
import torch

import merit_cli.torchaudio_bridge  # noqa: F401 - transformers imports torchaudio
from merit_cli.backbones import BACKBONES
from merit_cli.backbones.onnx_session import FrozenOnnxEncoder
from merit_cli.backbones.whisper_turn import expose_layers, whisper_log_mel
from merit_cli.errors import BadData, Unavailable

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def save_toy(path: Path, factor: float) -> Path:
    value = onnx.helper.make_tensor("factor", onnx.TensorProto.FLOAT, [1], [factor])
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Mul", ["x", "factor"], ["y"])],
        "toy",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n"])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n"])],
        [value],
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path


def test_a_checkpoint_refuses_other_weights_of_the_same_encoder(tmp_path: Path) -> None:
    paths = [save_toy(tmp_path / f"{factor}.onnx", factor) for factor in (2.0, 3.0)]
    first, same, other = (FrozenOnnxEncoder(path, str(path)) for path in (paths[0], paths[0], paths[1]))
    assert same.run({"x": np.ones(1, np.float32)}, ["y"])[0].tolist() == [2.0]
    same.load_state_dict(first.state_dict())
    with pytest.raises(BadData, match="another version"):
        other.load_state_dict(first.state_dict())


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(BadData, match=r"bad\.onnx"):
        FrozenOnnxEncoder(path, str(path))


def test_another_graph_is_not_taken_for_whisper(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="no LayerNorm"):
        expose_layers(save_toy(tmp_path / "toy.onnx", 1.0))


def test_log_mel_equals_whispers_own_front_end() -> None:
    transformers = pytest.importorskip("transformers")
    wave = np.random.default_rng(0).standard_normal(128_000).astype(np.float32) * np.float32(0.03)
    wave[:40_000] = 0.0
    extractor = transformers.WhisperFeatureExtractor(chunk_length=8)
    expected = extractor(
        wave, sampling_rate=16_000, padding="max_length", max_length=128_000, do_normalize=True, return_tensors="np"
    )
    np.testing.assert_allclose(whisper_log_mel(wave), expected.input_features[0], atol=2e-6)


@pytest.mark.parametrize("name", ["moonshine-tiny", "whisper-tiny-turn"])
def test_weights_that_were_not_fetched_are_named_with_the_command(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MERIT_CACHE_DIR", str(tmp_path))
    with pytest.raises(Unavailable) as caught:
        BACKBONES.load(name)().build()
    assert caught.value.exit_code == 69
    assert f"merit prepare weights {name}" in caught.value.hint


@pytest.mark.weights
@pytest.mark.parametrize(("name", "rates"), [("moonshine-tiny", (41, 42)), ("whisper-tiny-turn", (50, 50))])
def test_pinned_encoder_is_deterministic_and_exact_under_padding(name: str, rates: tuple[int, int]) -> None:
    try:
        encoder = BACKBONES.load(name)().build()
    except Unavailable as missing:
        pytest.skip(str(missing))
    wave = torch.randn(2, 144_000, generator=torch.Generator().manual_seed(0))
    wave[1, 30_011:] = 0.0
    together = encoder(wave, torch.tensor([144_000, 30_011]))
    alone = encoder(wave[1:, :30_011], torch.tensor([30_011]))
    assert together.shape[1:] == (encoder.shape.num_layers, encoder.shape.num_frames(144_000), encoder.shape.dim)
    assert rates[0] * 9 - 1 <= together.shape[2] <= rates[1] * 9
    assert torch.equal(together[1, :, : alone.shape[2]], alone[0])
    assert alone.std() > 0.1
    assert not together[1, :, alone.shape[2] :].any()
