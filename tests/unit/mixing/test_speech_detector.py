"""The choice of speech detector. Those marked weights run Silero VAD on the pinned file."""

import builtins
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from merit_cli.assets import bundled
from merit_cli.audio.vad import vad_level
from merit_cli.errors import Unavailable, UsageError
from merit_cli.mixing import speech_detector
from merit_cli.mixing.speech_detector import FRAME_SAMPLES, detected_level, silero_probabilities

RATE = 16000


@pytest.fixture(autouse=True)
def no_kept_session() -> Iterator[None]:
    speech_detector._session.cache_clear()
    yield
    speech_detector._session.cache_clear()


def prompt(number: int = 0) -> np.ndarray:
    path = sorted(bundled("data_manifests/sample").glob("speech/*/*.flac"))[number]
    return np.asarray(sf.read(path, dtype="float32")[0])


def test_the_default_detector_is_the_one_of_the_levels() -> None:
    assert detected_level(prompt(), RATE) == vad_level(prompt(), RATE)


def test_an_unknown_detector_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="silero") as caught:
        detected_level(prompt(), RATE, detector="silreo")  # type: ignore[arg-type]
    assert caught.value.exit_code == 2


def test_silero_without_its_weights_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERIT_CACHE_DIR", str(tmp_path))
    with pytest.raises(Unavailable) as caught:
        detected_level(prompt(), RATE, detector="silero")
    assert "merit prepare weights silero-vad" in caught.value.hint


def test_silero_without_onnxruntime_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "onnxruntime":
            raise ModuleNotFoundError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(speech_detector, "weight_path", lambda _name: tmp_path / "any.onnx")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Unavailable) as caught:
        silero_probabilities(prompt(), RATE)
    assert caught.value.hint == "pip install 'merit-cli[onnx]'"


def fetched(samples: np.ndarray, rate: int = RATE) -> np.ndarray:
    try:
        return silero_probabilities(samples, rate)
    except Unavailable as error:
        pytest.skip(f"{error}; {error.hint}")


@pytest.mark.weights
def test_silero_hears_speech_and_not_the_silence_or_noise_around_it() -> None:
    speech = prompt()
    noise = 0.003 * np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32)
    found = fetched(np.concatenate([noise, speech, noise])) >= 0.5
    first, last = noise.size // FRAME_SAMPLES, (noise.size + speech.size) // FRAME_SAMPLES
    assert found[first : last + 1].mean() > 0.75
    assert found[: first - 2].mean() == 0.0
    assert found[last + 12 :].mean() == 0.0


@pytest.mark.weights
@pytest.mark.parametrize("num_samples", [1, FRAME_SAMPLES, FRAME_SAMPLES + 1, 20000])
def test_silero_gives_a_probability_for_every_frame(num_samples: int) -> None:
    found = fetched(prompt()[:num_samples])
    assert found.shape == (-(-num_samples // FRAME_SAMPLES),)
    assert ((found >= 0.0) & (found <= 1.0)).all()


@pytest.mark.weights
def test_silero_does_not_depend_on_where_its_blocks_end(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fetched(prompt())
    monkeypatch.setattr(speech_detector, "_BLOCK_FRAMES", 7)
    np.testing.assert_allclose(fetched(prompt()), whole, atol=1e-5)


@pytest.mark.weights
def test_the_level_by_silero_leaves_the_pauses_out() -> None:
    fetched(prompt())
    speech, silence = prompt(), np.zeros(3 * RATE, np.float32)
    level = detected_level(np.concatenate([silence, speech, silence]), RATE, detector="silero")
    alone = detected_level(speech, RATE, detector="silero")
    assert level.power == pytest.approx(alone.power, rel=0.1)
    assert level.activity < speech.size / (speech.size + 6 * RATE) + 0.02
