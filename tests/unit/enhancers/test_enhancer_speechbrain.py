"""Model folders in SpeechBrain's form, tiny and random: they are written by these tests and enhance nothing."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from merit_cli import torchaudio_bridge
from merit_cli.enhancers.select import enhancer_config
from merit_cli.enhancers.speechbrain_folder import SpeechBrainEngine
from merit_cli.enhancers.speechbrain_hub import fetch_from_hub
from merit_cli.enhancers.speechbrain_trust import check_hyperparams
from merit_cli.errors import BadData, NoInput, Unavailable, UsageError

FloatArray = npt.NDArray[np.float32]
WriteFolder = Callable[[Path], Path]
SEPARATION = """
num_spks: 2
sample_rate: 8000
encoder: !new:speechbrain.lobes.models.dual_path.Encoder
    kernel_size: 16
    out_channels: 4
masknet: !new:torch.nn.Identity
decoder: !new:speechbrain.lobes.models.dual_path.Decoder
    in_channels: 4
    out_channels: 1
    kernel_size: 16
    stride: 8
    bias: False
modules: {encoder: !ref <encoder>, masknet: !ref <masknet>, decoder: !ref <decoder>}
"""


def build(folder: Path, **parameters: object) -> SpeechBrainEngine:
    engine = enhancer_config({"name": "speechbrain", "model": str(folder), **parameters}).engine()
    assert isinstance(engine, SpeechBrainEngine)
    return engine


def noise(num_samples: int) -> FloatArray:
    return (0.05 * np.random.default_rng(0).standard_normal(num_samples)).astype(np.float32)


def test_a_mask_folder_is_run_as_speechbrain_runs_it(tmp_path: Path, write_mask_folder: WriteFolder) -> None:
    torchaudio_bridge.install()  # speechbrain imports torchaudio
    from speechbrain.inference.enhancement import SpectralMaskEnhancement

    folder = write_mask_folder(tmp_path / "model")
    engine, signal = build(folder), noise(9000)
    library = SpectralMaskEnhancement.from_hparams(source=str(folder), savedir=str(tmp_path / "saved"))
    wanted = library.enhance_batch(torch.from_numpy(signal)[None], lengths=torch.ones(1))[0].detach().numpy()
    assert engine.kind == "spectral-mask"
    assert engine.process(signal, 16000) == pytest.approx(wanted, abs=1e-7)


def test_parameters_are_loaded_from_the_folder_alone(tmp_path: Path, write_mask_folder: WriteFolder) -> None:
    folder = write_mask_folder(tmp_path / "model")
    text = (folder / "hyperparams.yaml").read_text(encoding="utf-8")
    elsewhere = "    paths: {enhance_model: someone/model/enhance_model.ckpt}\n"
    (folder / "hyperparams.yaml").write_text(text.rstrip() + "\n" + elsewhere, encoding="utf-8")
    before = build(folder).process(noise(3000), 16000)
    with torch.no_grad():
        parameters = torch.load(folder / "enhance_model.ckpt")
        torch.save({name: 0 * value for name, value in parameters.items()}, folder / "enhance_model.ckpt")
    assert build(folder).process(noise(3000), 16000) != pytest.approx(before)
    (folder / "enhance_model.ckpt").unlink()
    with pytest.raises(NoInput, match="no parameters of 'enhance_model'"):
        build(folder)


@pytest.mark.parametrize("source", [0, 1])
def test_one_source_of_a_separation_is_taken(tmp_path: Path, source: int) -> None:
    (tmp_path / "hyperparams.yaml").write_text(SEPARATION, encoding="utf-8")
    engine, signal = build(tmp_path, source=source), noise(4001)
    assert (engine.kind, engine.sample_rate) == ("separation", 8000)
    wanted = engine.model.separate_batch(torch.from_numpy(signal)[None])[0, :, source].detach().numpy()
    assert engine.process(signal, 8000) == pytest.approx(wanted, abs=1e-7)


def test_a_source_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hyperparams.yaml").write_text(SEPARATION, encoding="utf-8")
    with pytest.raises(BadData, match="the model fails"):
        build(tmp_path, source=2).process(noise(4000), 8000)


@pytest.mark.parametrize(
    "line",
    [
        "a: !apply:os.system [touch ran]",
        "a: !new:subprocess.Popen [touch, ran]",
        "a: !name:os.system",
        "a: !name:speechbrain.utils.superpowers.run_shell",
        "a: !name:speechbrain.nnet.CNN.torch.hub.load",
        "a: !module:os",
        "a: !include:other.yaml",
        "a: !!python/object/apply:os.system [touch ran]",
        "a: [{b: !new:speechbrain.lobes.models.huggingface_transformers.wav2vec2.Wav2Vec2 {source: x}}]",
        "%TAG !e! !apply:os.\n---\na: !e!system [touch ran]",
    ],
)
def test_what_would_run_a_program_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hyperparams.yaml").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(BadData, match="would run") as caught:
        build(tmp_path)
    assert "enhancer.trust=true" in caught.value.hint
    assert not (tmp_path / "ran").exists()


def test_trust_lets_a_folder_run_what_it_likes(tmp_path: Path) -> None:
    (tmp_path / "hyperparams.yaml").write_text("a: !apply:os.getpid\n" + SEPARATION, encoding="utf-8")
    assert build(tmp_path, trust=True).kind == "separation"


def test_what_is_no_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoInput, match=r"no hyperparams\.yaml"):
        build(tmp_path)
    (tmp_path / "hyperparams.yaml").write_text("modules: {asr: 1}\n", encoding="utf-8")
    with pytest.raises(BadData, match="no class that enhances"):
        build(tmp_path)
    (tmp_path / "hyperparams.yaml").write_text("modules: [\n", encoding="utf-8")
    with pytest.raises(BadData, match="not valid YAML"):
        check_hyperparams(tmp_path / "hyperparams.yaml")
    with pytest.raises(NoInput, match=r"no such folder.*hub=true"):
        build(tmp_path / "speechbrain" / "metricgan-plus-voicebank")
    with pytest.raises(Unavailable, match=r"--set enhancer\.model="):
        enhancer_config("speechbrain").build()


@pytest.mark.parametrize("name", ["metricgan", "../escape", "a/b/c", "a /b"])
def test_a_name_that_no_hub_has_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no name on a hub"):
        fetch_from_hub(name)


def test_a_hub_without_network_is_given_up_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    started = time.monotonic()
    with pytest.raises(Unavailable, match="cannot be fetched from the hub") as caught:
        enhancer_config({"name": "speechbrain", "model": "speechbrain/metricgan-plus-voicebank", "hub": True}).build()
    assert caught.value.exit_code == 69
    assert time.monotonic() - started < 60
