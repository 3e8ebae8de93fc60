"""Signal metrics against formulas written as loops, against another library, and by their properties."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from merit_cli.errors import BadData
from merit_cli.metrics import METRICS
from merit_cli.metrics.signal import (
    SI_SDR_DB,
    SNR_DB,
    SSNR_ACTIVE_DB,
    SSNR_DB,
    si_sdr_db,
    snr_db,
    ssnr_active_db,
    ssnr_db,
)
from merit_cli.metrics.spec import load_metric

Array = npt.NDArray[np.float64]
SIGNAL_METRICS = (SSNR_DB, SSNR_ACTIVE_DB, SI_SDR_DB, SNR_DB)


def naive_frames(clean: Array, processed: Array, sample_rate: int) -> list[tuple[float, float]]:
    """Clamped SNR and clean energy, frame by frame, as the definition says it."""
    length = round(0.03 * sample_rate)
    hop = math.floor(length / 4)
    window = [0.5 * (1 - math.cos(2 * math.pi * n / (length + 1))) for n in range(1, length + 1)]
    eps = 2.220446049250313e-16
    frames = []
    for k in range((len(clean) - length) // hop):
        c = clean[k * hop : k * hop + length] * window
        p = processed[k * hop : k * hop + length] * window
        value = 10 * math.log10(math.fsum(c**2) / (math.fsum((c - p) ** 2) + eps) + eps)
        frames.append((min(max(value, -10.0), 35.0), math.fsum(c**2)))
    return frames


@pytest.fixture(params=[(8000, 8000), (16000, 7777), (44100, 20001), (16000, 480 + 120)])
def pair(request: pytest.FixtureRequest) -> tuple[Array, Array, int]:
    """Bursts with a silent gap, and the same in noise."""
    sample_rate, num_samples = request.param
    rng = np.random.default_rng(num_samples)
    clean = rng.standard_normal(num_samples) * (1.0 + np.sin(np.arange(num_samples) / 500.0)) ** 4
    clean[num_samples // 2 : num_samples // 2 + num_samples // 5] = 0.0
    return clean, clean * 0.9 + 0.3 * rng.standard_normal(num_samples), sample_rate


def test_ssnr_equals_the_loop_over_frames(pair: tuple[Array, Array, int]) -> None:
    clean, processed, sample_rate = pair
    expected = np.mean([value for value, _ in naive_frames(clean, processed, sample_rate)])
    assert ssnr_db(clean, processed, sample_rate=sample_rate) == pytest.approx(expected, abs=1e-9)


def test_active_ssnr_equals_the_loop_over_loud_frames(pair: tuple[Array, Array, int]) -> None:
    clean, processed, sample_rate = pair
    frames = naive_frames(clean, processed, sample_rate)
    loudest = max(energy for _, energy in frames)
    expected = np.mean([value for value, energy in frames if energy >= loudest / 1e4])
    assert ssnr_active_db(clean, processed, sample_rate=sample_rate) == pytest.approx(expected, abs=1e-9)


def test_si_sdr_equals_torchmetrics() -> None:
    torchmetrics = pytest.importorskip("torchmetrics.functional.audio")
    import torch

    rng = np.random.default_rng(3)
    clean = rng.standard_normal((8, 4000)) + 0.2
    processed = clean + rng.standard_normal((8, 4000)) * np.logspace(-3, 1, 8)[:, None] - 0.1
    theirs = torchmetrics.scale_invariant_signal_distortion_ratio(
        torch.tensor(processed), torch.tensor(clean), zero_mean=True
    )
    ours = [si_sdr_db(c, p, sample_rate=16000) for c, p in zip(clean, processed, strict=True)]
    assert ours == pytest.approx(theirs.tolist(), abs=1e-6)


@pytest.mark.parametrize("scale", [-3.0, 1e-6, 0.5, 1e4])
@pytest.mark.parametrize("offset", [0.0, 2.0])
def test_si_sdr_does_not_change_with_scale_or_offset(scale: float, offset: float) -> None:
    rng = np.random.default_rng(0)
    clean = rng.standard_normal(16000)
    processed = clean + 0.3 * rng.standard_normal(16000)
    plain = si_sdr_db(clean, processed, sample_rate=16000)
    assert si_sdr_db(clean, (processed + offset) * scale, sample_rate=16000) == pytest.approx(plain, abs=1e-6)


def test_si_sdr_of_orthogonal_noise_is_the_energy_ratio() -> None:
    time = np.arange(16000) / 16000.0
    clean, noise = np.sin(2 * np.pi * 100 * time), 0.1 * np.sin(2 * np.pi * 250 * time)
    assert si_sdr_db(clean, clean + noise, sample_rate=16000) == pytest.approx(20.0, abs=1e-9)


def test_ssnr_of_the_identity_is_35() -> None:
    clean = np.random.default_rng(0).standard_normal(16000) * 1e-3
    assert ssnr_db(clean, clean, sample_rate=16000) == 35.0
    assert ssnr_active_db(clean, clean, sample_rate=16000) == 35.0


def test_ssnr_of_an_all_zero_output_is_zero_where_there_is_sound() -> None:
    clean = np.random.default_rng(0).standard_normal(16000)
    assert ssnr_db(clean, np.zeros(16000), sample_rate=16000) == pytest.approx(0.0, abs=1e-9)


def test_a_frame_of_exact_zeros_scores_minus_10_whatever_the_output() -> None:
    clean = np.zeros(16000)
    clean[:600] = 1.0
    values = [value for value, energy in naive_frames(clean, clean, 16000) if energy == 0.0]
    assert set(values) == {-10.0}
    num_frames = (16000 - 480) // 120
    expected = (35.0 * (num_frames - len(values)) - 10.0 * len(values)) / num_frames
    assert ssnr_db(clean, clean, sample_rate=16000) == pytest.approx(expected)


def test_snr_is_that_of_the_added_noise() -> None:
    rng = np.random.default_rng(0)
    clean, noise = rng.standard_normal(1000), rng.standard_normal(1000)
    expected = 10 * np.log10(np.sum(clean**2) / np.sum(noise**2))
    assert snr_db(clean, clean + noise, sample_rate=16000) == pytest.approx(expected)


def test_whole_signal_ratios_stay_finite_on_the_identity() -> None:
    clean = np.random.default_rng(0).standard_normal(1000)
    assert snr_db(clean, clean, sample_rate=16000) == si_sdr_db(clean, clean, sample_rate=16000) == 100.0


def test_float32_input_is_computed_in_float64() -> None:
    rng = np.random.default_rng(0)
    clean = rng.standard_normal(16000).astype(np.float32)
    processed = (clean + 1e-3 * rng.standard_normal(16000)).astype(np.float32)
    wide = snr_db(clean.astype(np.float64), processed.astype(np.float64), sample_rate=16000)
    assert snr_db(clean, processed, sample_rate=16000) == wide


NOISE = np.random.default_rng(0).standard_normal(16000)
REFUSALS = [
    (np.zeros(16000), NOISE, "silent"),
    (NOISE, NOISE[:-1], "lengths differ"),
    (NOISE, np.where(np.arange(16000) == 5, np.nan, NOISE), "NaN"),
    (np.where(np.arange(16000) == 5, np.inf, NOISE), NOISE, "NaN or infinite"),
    (NOISE[:0], NOISE[:0], "no samples"),
    (NOISE.reshape(2, -1), NOISE.reshape(2, -1), "mono"),
]


@pytest.mark.parametrize("spec", SIGNAL_METRICS, ids=lambda spec: spec.name)
@pytest.mark.parametrize(("clean", "processed", "words"), REFUSALS, ids=[words for *_, words in REFUSALS])
def test_bad_signals_are_refused_in_words(spec, clean: Array, processed: Array, words: str) -> None:  # noqa: ANN001
    with pytest.raises(BadData, match=words):
        spec.compute(clean, processed, sample_rate=16000)


def test_too_short_a_signal_is_refused_with_the_length_it_needs() -> None:
    with pytest.raises(BadData, match="too short") as caught:
        ssnr_db(NOISE[:599], NOISE[:599], sample_rate=16000)
    assert caught.value.hint.startswith("600 samples")
    assert ssnr_db(NOISE[:600], NOISE[:600], sample_rate=16000) == 35.0


@pytest.mark.parametrize("processed", [np.zeros(16000), np.full(16000, 0.3)])
def test_si_sdr_of_a_constant_output_is_refused(processed: Array) -> None:
    with pytest.raises(BadData, match="silent or constant"):
        si_sdr_db(NOISE, processed, sample_rate=16000)


@pytest.mark.parametrize("name", sorted(METRICS.table))
def test_every_metric_is_registered_under_its_own_name(name: str) -> None:
    spec = load_metric(name)
    assert spec.name == name
    assert spec.source
    assert spec.range[0] < spec.range[1]
