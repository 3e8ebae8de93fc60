"""Sounds and folders that many tests share."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from merit_cli import torchaudio_bridge

Write = Callable[..., Path]


def speech_like(num_samples: int, sample_rate: int, seed: int) -> npt.NDArray[np.float64]:
    """Harmonics of a gliding pitch in bursts: loud and quiet parts, like speech."""
    time = np.arange(num_samples) / sample_rate
    pitch = 120.0 + 40.0 * (seed % 4) + 20.0 * np.sin(2.0 * np.pi * 0.7 * time)
    phase = 2.0 * np.pi * np.cumsum(pitch) / sample_rate
    voice = sum(np.sin(k * phase) / k for k in range(1, 6))
    bursts = np.clip(np.sin(2.0 * np.pi * 2.5 * time + seed), 0.0, None)
    return 0.1 * voice * bursts


@pytest.fixture(scope="session")
def speech_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four utterances of 1 to 1.6 s, 16 kHz."""
    folder = tmp_path_factory.mktemp("speech")
    for number in range(4):
        soundfile.write(folder / f"utterance{number}.wav", speech_like(16000 + 3200 * number, 16000, number), 16000)
    return folder


@pytest.fixture(scope="session")
def noise_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of noise: hiss (48 kHz and 16 kHz) and rumble (8 kHz, shorter than the speech)."""
    folder = tmp_path_factory.mktemp("noise")
    generator = np.random.default_rng(7)
    for name, rate, seconds in (("hiss/a", 48000, 3.0), ("hiss/b", 16000, 4.0), ("rumble/c", 8000, 0.5)):
        path = folder / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, 0.05 * generator.standard_normal(round(rate * seconds)), rate)
    return folder


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems() -> None:
    """Drop speechbrain's lazy redirects: hypothesis asks every module for its file, and these then import k2."""
    for name, module in list(sys.modules.items()):
        if any(base.__name__ == "LazyModule" for base in type(module).__mro__):
            del sys.modules[name]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let ``make docs`` write the golden file of flags anew."""
    parser.addoption("--update-golden", action="store_true", help="write tests/cli/golden_flags.json")


@pytest.fixture(scope="session")
def write_wave_graph() -> Callable[[Path, int | None], Path]:
    """A function that writes an ONNX graph: a hop late with a hop length, and the signal as it is without one."""
    onnx = pytest.importorskip("onnx")

    def write(path: Path, hop_length: int | None) -> Path:
        def value(name: str) -> object:
            return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, hop_length or "samples"])

        links = {"cache_in_0": "wav_out", "wav_in": "cache_out_0"} if hop_length else {"wav_in": "wav_out"}
        nodes = [onnx.helper.make_node("Identity", [given], [made]) for given, made in links.items()]
        inputs, outputs = sorted(map(str, links), reverse=True), sorted(links.values(), reverse=True)
        graph = onnx.helper.make_graph(
            nodes, "tiny", [value(name) for name in inputs], [value(name) for name in outputs]
        )
        onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
        return path

    return write


@pytest.fixture(scope="session")
def write_mask_folder() -> Callable[[Path], Path]:
    """A function that writes a tiny random SpeechBrain mask model, whose masks are near 1, into a new folder."""
    import torch

    text = """
compute_stft: !new:speechbrain.processing.features.STFT {sample_rate: 16000, win_length: 32, hop_length: 16, n_fft: 512}
compute_istft: !new:speechbrain.processing.features.ISTFT {sample_rate: 16000, win_length: 32, hop_length: 16}
spectral_magnitude: !name:speechbrain.processing.features.spectral_magnitude {power: 0.5}
resynth: !name:speechbrain.processing.signal_processing.resynthesize
    stft: !ref <compute_stft>
    istft: !ref <compute_istft>
    normalize_wavs: False
enhance_model: !new:speechbrain.lobes.models.MetricGAN.EnhancementGenerator {hidden_size: 200, num_layers: 1}
modules: {enhance_model: !ref <enhance_model>}
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables: {enhance_model: !ref <enhance_model>}
"""

    def write(folder: Path) -> Path:
        torchaudio_bridge.install()  # speechbrain imports torchaudio
        from speechbrain.lobes.models.MetricGAN import EnhancementGenerator

        folder.mkdir()
        (folder / "hyperparams.yaml").write_text(text, encoding="utf-8")
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = EnhancementGenerator(num_layers=1)
        with torch.no_grad():
            model.linear2.weight.mul_(0.01)
            model.linear2.bias.fill_(1.609)  # 1.2 times the sigmoid of this is 1
        torch.save(model.state_dict(), folder / "enhance_model.ckpt")
        return folder

    return write


TINY_WORDS = ("<s>", "<pad>", "</s>", "<unk>", "the", "dogs", "are", "sitting", "by", "door", "kids")


@pytest.fixture(scope="session")
def tiny_roberta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a RoBERTa of 16 features with random weights, and a tokenizer of eleven words."""
    torchaudio_bridge.install()  # transformers imports torchaudio
    transformers, tokenizers = pytest.importorskip("transformers"), pytest.importorskip("tokenizers")
    import torch

    folder = tmp_path_factory.mktemp("roberta")
    config = transformers.RobertaConfig(
        vocab_size=len(TINY_WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformers.RobertaModel(config).save_pretrained(folder)
    vocabulary = {word: number for number, word in enumerate(TINY_WORDS)}
    core = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    core.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_wavlm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a WavLM of two layers and 16 features with random weights."""
    torchaudio_bridge.install()  # transformers imports torchaudio
    transformers = pytest.importorskip("transformers")
    import torch

    folder = tmp_path_factory.mktemp("wavlm")
    config = transformers.WavLMConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(1)
        transformers.WavLMModel(config).save_pretrained(folder)
    return folder
