from pathlib import Path

import numpy as np
import pytest
import torch

from merit_cli.backbones.log_mel import LogMelConfig
from merit_cli.data.feature_cache import FeatureCache, hash_of_encoder

CONFIG = LogMelConfig(num_mels=16, hop_length=320)


@pytest.fixture
def wave() -> np.ndarray:
    return np.random.default_rng(0).standard_normal(5000).astype(np.float32)


def test_a_hit_equals_the_first_answer_and_the_encoder_itself(tmp_path: Path, wave: np.ndarray) -> None:
    encoder = CONFIG.build()
    cache = FeatureCache(tmp_path, encoder, CONFIG)
    first = cache.features(wave)
    assert cache.path_of(wave).is_file()
    np.testing.assert_array_equal(FeatureCache(tmp_path, encoder, CONFIG).features(wave), first)
    direct = encoder(torch.from_numpy(wave)[None], torch.tensor([5000]))[0].numpy()
    np.testing.assert_array_equal(first, direct)


def test_a_hit_does_not_run_the_encoder(tmp_path: Path, wave: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = FeatureCache(tmp_path, CONFIG.build(), CONFIG)
    cache.features(wave)
    monkeypatch.setattr(cache, "_make", lambda *_: pytest.fail("the encoder was run"))
    cache.features(wave)


def test_other_samples_and_other_settings_have_other_keys(tmp_path: Path, wave: np.ndarray) -> None:
    cache = FeatureCache(tmp_path, CONFIG.build(), CONFIG)
    other = LogMelConfig(num_mels=16, hop_length=160)
    assert cache.path_of(wave) != cache.path_of(wave + np.float32(1e-7))
    assert cache.path_of(wave) != FeatureCache(tmp_path, other.build(), other).path_of(wave)


def test_other_weights_have_another_hash() -> None:
    encoder = torch.nn.Module()
    encoder.weight = torch.nn.Parameter(torch.zeros(3))  # type: ignore[assignment]
    before = hash_of_encoder(encoder, CONFIG)  # type: ignore[arg-type]
    with torch.no_grad():
        encoder.weight += 1.0
    assert hash_of_encoder(encoder, CONFIG) != before  # type: ignore[arg-type]


def test_a_torn_file_is_made_again(tmp_path: Path, wave: np.ndarray) -> None:
    cache = FeatureCache(tmp_path, CONFIG.build(), CONFIG)
    first = cache.features(wave)
    path = cache.path_of(wave)
    path.write_bytes(path.read_bytes()[:100])
    np.testing.assert_array_equal(cache.features(wave), first)
    np.testing.assert_array_equal(np.load(path), first)


def test_features_of_a_trained_encoder_are_refused(tmp_path: Path) -> None:
    encoder = CONFIG.build()
    encoder.trainable = True
    with pytest.raises(AssertionError, match="cannot be kept"):
        FeatureCache(tmp_path, encoder, CONFIG)
