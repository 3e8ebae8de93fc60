"""Metrics of spectra by their properties and against other libraries; conformance on real audio is in tests/recipes."""

import numpy as np
import numpy.typing as npt
import pytest

from merit_cli.errors import BadData
from merit_cli.metrics.critical_bands import FWSSNR_DB, WSS, fwssnr_db, wss
from merit_cli.metrics.distortion_filter import NUM_TAPS, SDR_DB, sdr_db
from merit_cli.metrics.frames import BLOCK_FRAMES, frame_distances, trimmed_mean
from merit_cli.metrics.linear_prediction import LLR, autocorrelations, llr, prediction
from merit_cli.metrics.log_spectra import LSD_DB, MCD_DB, lsd_db, mcd_db
from merit_cli.metrics.spec import MetricSpec

Array = npt.NDArray[np.float64]
RATE = 16000
SPECTRAL = (FWSSNR_DB, WSS, LLR, LSD_DB, MCD_DB, SDR_DB)
SHAPES = (FWSSNR_DB, WSS, LLR, SDR_DB)
by_name = pytest.mark.parametrize("spec", SPECTRAL, ids=lambda spec: spec.name)


@pytest.fixture(scope="module")
def speech_like() -> Array:
    """Coloured noise with a slow envelope."""
    rng = np.random.default_rng(0)
    noise = np.convolve(rng.standard_normal(RATE * 2), [1.0, 0.9, 0.5, 0.2], mode="same")
    return np.asarray(0.1 * noise * (1.1 + np.sin(np.arange(noise.size) / 900.0)))


@by_name
def test_the_identity_has_the_best_value(spec: MetricSpec, speech_like: Array) -> None:
    best = spec.range[1] if spec.higher_is_better else spec.range[0]
    assert spec.compute(speech_like, speech_like.copy(), sample_rate=RATE) == pytest.approx(best, abs=1e-9)


@by_name
def test_more_noise_is_worse(spec: MetricSpec, speech_like: Array) -> None:
    noise = np.random.default_rng(1).standard_normal(speech_like.size)
    values = [spec.compute(speech_like, speech_like + gain * noise, sample_rate=RATE) for gain in (0.001, 0.01, 0.1)]
    assert values == sorted(values, reverse=spec.higher_is_better)
    assert len(set(values)) == 3


@by_name
def test_the_input_is_not_touched(spec: MetricSpec, speech_like: Array) -> None:
    clean, processed = speech_like.copy(), speech_like * 0.5 + 0.01
    before = processed.copy()
    spec.compute(clean, processed, sample_rate=RATE)
    assert (clean == speech_like).all()
    assert (processed == before).all()


@pytest.mark.parametrize("spec", [FWSSNR_DB, LLR, SDR_DB, MCD_DB], ids=lambda spec: spec.name)
def test_a_gain_does_not_matter(spec: MetricSpec, speech_like: Array) -> None:
    processed = speech_like + 0.02 * np.random.default_rng(1).standard_normal(speech_like.size)
    plain = spec.compute(speech_like, processed, sample_rate=RATE)
    if spec is MCD_DB:  # its floor is absolute: only where nothing lies below it
        rich = np.random.default_rng(2).standard_normal(RATE)
        assert spec.compute(rich, 0.7 * rich, sample_rate=RATE) == pytest.approx(0.0, abs=1e-9)
    else:
        assert spec.compute(speech_like, 0.25 * processed, sample_rate=RATE) == pytest.approx(plain, rel=1e-9)


@pytest.mark.parametrize("gain_db", [-6.0, 3.0])
def test_the_log_spectral_distance_of_a_gain_is_the_gain(gain_db: float) -> None:
    noise = np.random.default_rng(0).standard_normal(RATE) + 3.0 * np.random.default_rng(1).standard_normal(RATE)
    assert lsd_db(noise, noise * 10 ** (gain_db / 20), sample_rate=RATE) == pytest.approx(abs(gain_db), abs=0.01)


def test_all_cepstra_but_the_first_measure_the_rms_distance_of_mel_spectra(monkeypatch: pytest.MonkeyPatch) -> None:
    from merit_cli.metrics import log_spectra

    rng = np.random.default_rng(0)
    clean = rng.standard_normal(RATE)
    processed = np.convolve(clean, [1.0, 0.4, -0.2], mode="same") + 0.1 * rng.standard_normal(RATE)
    filters = log_spectra._mel_filters(512, RATE)
    target, output = (power @ filters.T for power in log_spectra._powers(clean, processed, RATE))
    difference = log_spectra._floored_difference_db(target, output)
    shape = difference - difference.mean(axis=1, keepdims=True)
    monkeypatch.setattr(log_spectra, "NUM_CEPSTRA", 39)
    log_spectra._cosines.cache_clear()
    value = mcd_db(clean, processed, sample_rate=RATE)
    log_spectra._cosines.cache_clear()
    assert value == pytest.approx(np.sqrt((shape**2).mean(axis=1)).mean(), rel=1e-12)  # Parseval


def test_levinson_solves_the_normal_equations() -> None:
    frames = np.random.default_rng(0).standard_normal((5, 480))
    correlations = autocorrelations(frames, 16)
    for column, found in zip(correlations.T, prediction(correlations).T, strict=True):
        matrix = column[np.abs(np.subtract.outer(np.arange(16), np.arange(16)))]
        np.testing.assert_allclose(found[1:], np.linalg.solve(matrix, -column[1:]), rtol=1e-9, atol=1e-12)


def test_the_autocorrelation_does_not_wrap_round() -> None:
    frame = np.random.default_rng(0).standard_normal(496)  # with 16 lags exactly 512
    expected = [float(frame[: 496 - lag] @ frame[lag:]) for lag in range(17)]
    assert autocorrelations(frame[None], 16)[:, 0] == pytest.approx(expected, abs=1e-9)


def test_llr_of_known_all_pole_filters_is_their_prediction_gain() -> None:
    from scipy.signal import lfilter

    white = np.random.default_rng(0).standard_normal(200_000)
    clean = lfilter([1.0], [1.0, -0.9], white)
    # white noise predicts nothing: its error on the clean signal is the clean energy, 1 / (1 - .81) of the least
    assert llr(clean, white, sample_rate=RATE) == pytest.approx(np.log(1 / (1 - 0.81)), abs=0.15)


def test_frames_of_digital_silence_are_left_out(speech_like: Array) -> None:
    padding = np.zeros(4800)  # a whole number of hops
    processed = speech_like + 0.02 * np.random.default_rng(1).standard_normal(speech_like.size)
    longer = np.concatenate([speech_like, padding]), np.concatenate([processed, padding])
    plain = fwssnr_db(speech_like, processed, sample_rate=RATE)
    assert fwssnr_db(*longer, sample_rate=RATE) == pytest.approx(plain, abs=0.2)
    assert np.isfinite(llr(*longer, sample_rate=RATE))
    assert np.isfinite(wss(*longer, sample_rate=RATE))


def test_signals_that_are_never_there_together_are_refused() -> None:
    burst = np.zeros(RATE)
    burst[:4000] = np.random.default_rng(0).standard_normal(4000)
    with pytest.raises(BadData, match="fwssnr_db is defined in no frame"):
        fwssnr_db(burst, burst[::-1].copy(), sample_rate=RATE)
    with pytest.raises(BadData, match="llr is defined in no frame"):
        llr(burst, burst[::-1].copy(), sample_rate=RATE)


def test_blocks_do_not_change_the_frames() -> None:
    samples = np.random.default_rng(0).standard_normal(480 + 120 * (2 * BLOCK_FRAMES + 7) + 5)
    energies = frame_distances("energy", samples, samples, RATE, lambda first, _: np.asarray((first**2).sum(axis=1)))
    window = 0.5 * (1 - np.cos(2 * np.pi * np.arange(1, 481) / 481))
    expected = [((samples[k * 120 : k * 120 + 480] * window) ** 2).sum() for k in range(2 * BLOCK_FRAMES + 7)]
    assert energies == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("num", "kept"), [(20, 19), (10, 10), (30, 29), (1, 1)])
def test_the_share_of_frames_is_rounded_halves_up(num: int, kept: int) -> None:
    assert trimmed_mean(np.arange(num, dtype=np.float64)) == pytest.approx(np.arange(kept).mean())


@pytest.mark.parametrize("shift", [0, 1, 100, NUM_TAPS - 1])
def test_sdr_forgives_delays_within_its_filter(shift: int) -> None:
    rng = np.random.default_rng(0)
    clean = rng.standard_normal(RATE)
    processed = np.concatenate([np.zeros(shift), clean[: RATE - shift]])
    assert sdr_db(clean, processed, sample_rate=RATE) > 10.0
    late = np.concatenate([np.zeros(NUM_TAPS), clean[: RATE - NUM_TAPS]])
    assert sdr_db(clean, late, sample_rate=RATE) < -5.0


def test_sdr_equals_torchmetrics() -> None:
    audio = pytest.importorskip("torchmetrics.functional.audio")
    import torch

    rng = np.random.default_rng(3)
    clean = rng.standard_normal((6, 6000))
    processed = clean + rng.standard_normal((6, 6000)) * np.logspace(-2, 1, 6)[:, None]
    theirs = audio.signal_distortion_ratio(torch.tensor(processed), torch.tensor(clean))
    ours = [sdr_db(c, p, sample_rate=RATE) for c, p in zip(clean, processed, strict=True)]
    assert ours == pytest.approx(theirs.tolist(), abs=1e-6)


def test_sdr_of_a_reference_of_one_frequency_is_a_number() -> None:
    tone = np.sin(np.arange(RATE) * 0.3)
    assert sdr_db(tone, tone + 0.1 * np.random.default_rng(0).standard_normal(RATE), sample_rate=RATE) > 15.0


NOISE = np.random.default_rng(0).standard_normal(RATE)
REFUSALS = [
    (np.zeros(RATE), NOISE, "silent"),
    (NOISE, NOISE[:-1], "lengths differ"),
    (NOISE, np.where(np.arange(RATE) == 5, np.nan, NOISE), "NaN"),
    (NOISE[:0], NOISE[:0], "no samples"),
    (NOISE.reshape(2, -1), NOISE.reshape(2, -1), "mono"),
    (NOISE[:300], NOISE[:300], "too short"),
]


@by_name
@pytest.mark.parametrize(("clean", "processed", "words"), REFUSALS, ids=[words for *_, words in REFUSALS])
def test_bad_signals_are_refused_in_words(spec: MetricSpec, clean: Array, processed: Array, words: str) -> None:
    with pytest.raises(BadData, match=words):
        spec.compute(clean, processed, sample_rate=RATE)


@pytest.mark.parametrize("spec", SHAPES, ids=lambda spec: spec.name)
def test_an_output_of_zeros_is_refused_where_only_the_shape_counts(spec: MetricSpec) -> None:
    with pytest.raises(BadData, match="all zeros"):
        spec.compute(NOISE, np.zeros(RATE), sample_rate=RATE)


@pytest.mark.parametrize("spec", [LSD_DB, MCD_DB], ids=lambda spec: spec.name)
def test_an_output_of_zeros_is_as_far_as_the_floor(spec: MetricSpec) -> None:
    assert 0.0 < spec.compute(NOISE, np.zeros(RATE), sample_rate=RATE) < 60.0


@pytest.mark.parametrize("spec", [FWSSNR_DB, WSS, LLR], ids=lambda spec: spec.name)
def test_a_rate_that_the_measure_is_not_made_for_is_refused(spec: MetricSpec) -> None:
    with pytest.raises(BadData, match=f"{spec.name} is not defined at 44100 Hz") as caught:
        spec.compute(NOISE, NOISE, sample_rate=44100)
    assert caught.value.hint == "defined at 8000, 16000 Hz"
