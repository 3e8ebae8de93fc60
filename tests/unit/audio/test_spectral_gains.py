from math import gamma

import numpy as np
import pytest
from scipy.special import exp1, iv

from merit_cli.audio.spectral_gains import GainRule, decision_directed_gains, snr_gain, subtraction_gains

HOP = 0.008
RULES: list[GainRule] = ["wiener", "amplitude", "log-amplitude"]


def _exponential(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Power of complex Gaussian noise with mean 1."""
    return np.random.default_rng(seed).exponential(size=shape).astype(np.float32)


def _formula(rule: GainRule, prior: np.ndarray, posterior: np.ndarray) -> np.ndarray:
    """The gains as printed: Ephraim and Malah (1984), eq. 7; (1985), eq. 20."""
    v = prior / (1 + prior) * posterior
    if rule == "amplitude":
        bessel = (1 + v) * iv(0, v / 2) + v * iv(1, v / 2)
        return np.sqrt(np.pi) / 2 * np.sqrt(v) / posterior * np.exp(-v / 2) * bessel
    return prior / (1 + prior) * (np.exp(0.5 * exp1(v)) if rule == "log-amplitude" else 1.0)


@pytest.mark.parametrize("rule", RULES)
def test_gain_equals_the_printed_formula(rule: GainRule) -> None:
    generator = np.random.default_rng(0)
    prior = 10 ** generator.uniform(-3, 3, 20000)
    posterior = 10 ** generator.uniform(-2.5, 2.9, 20000)
    v = prior / (1 + prior) * posterior
    assert (v > 1e-6).all()
    made = snr_gain(prior.astype(np.float32), posterior.astype(np.float32), rule=rule)
    assert made == pytest.approx(_formula(rule, prior, posterior), rel=7e-5)  # a cell of the table is 2.4e-4 wide


@pytest.mark.parametrize("rule", RULES)
def test_gain_tends_to_1_at_high_snr(rule: GainRule) -> None:
    snr = np.float32([1e3, 1e4, 1e8])
    assert snr_gain(snr, snr + 1, rule=rule) == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize("rule", RULES)
def test_gain_tends_to_the_wiener_gain_at_high_posterior_snr(rule: GainRule) -> None:
    prior = np.float32([0.5, 1.0, 10.0])
    assert snr_gain(prior, np.full(3, 1e4, np.float32), rule=rule) == pytest.approx(prior / (1 + prior), rel=1e-4)


@pytest.mark.parametrize("rule", RULES)
def test_gain_is_finite_for_a_silent_bin(rule: GainRule) -> None:
    assert np.isfinite(snr_gain(np.float32([0.003]), np.float32([0.0]), rule=rule)).all()


@pytest.mark.parametrize("rule", RULES)
def test_decision_directed_gains_equal_a_calculation_by_bin(rule: GainRule) -> None:
    power, noise = _exponential((8, 3)) * 4, _exponential((8, 3), seed=1) + 0.5
    made = decision_directed_gains(power, noise, None, rule=rule, hop=HOP, smoothing=0.98, min_prior_snr=0.01)
    for k in range(3):
        speech = max(power[0, k] - noise[0, k], 0)
        for t in range(8):
            posterior = power[t, k] / noise[t, k]
            prior = max(0.98 * speech / noise[t, k] + 0.02 * max(posterior - 1, 0), 0.01)
            gain = min(float(_formula(rule, np.float64(prior), np.float64(posterior))), 1.0)
            speech = gain**2 * power[t, k]
            assert made.prior_snr[t, k] == pytest.approx(prior, rel=1e-3)
            assert made.gains[t, k] == pytest.approx(gain, rel=1e-3)


@pytest.mark.parametrize("rule", RULES)
def test_almost_no_noise_gives_a_gain_of_1(rule: GainRule) -> None:
    power = _exponential((50, 9)) + 0.1
    made = decision_directed_gains(power, np.full_like(power, 1e-9), None, rule=rule, hop=HOP)
    assert made.gains == pytest.approx(1.0, abs=1e-4)


def test_rules_are_ordered_wiener_log_amplitude_amplitude() -> None:
    power = _exponential((200, 9)) * 3
    gains = [
        decision_directed_gains(power, np.ones_like(power), None, rule=rule, hop=HOP).gains.mean()
        for rule in ("wiener", "log-amplitude", "amplitude")
    ]
    assert gains == sorted(gains)


@pytest.mark.parametrize("rule", RULES)
def test_decision_directed_gains_in_blocks_equal_the_whole(rule: GainRule) -> None:
    power, noise = _exponential((300, 33)), _exponential((300, 33), seed=1) + 0.5
    whole = decision_directed_gains(power, noise, None, rule=rule, hop=HOP).gains
    state, pieces = None, []
    for first in range(0, 300, 70):
        block = slice(first, first + 70)
        gains, _, state = decision_directed_gains(power[block], noise[block], state, rule=rule, hop=HOP)
        pieces.append(gains)
    assert np.array_equal(np.concatenate(pieces), whole)


@pytest.mark.parametrize("exponent", [1.0, 2.0])
def test_subtraction_equals_a_calculation_by_bin(exponent: float) -> None:
    power, noise = _exponential((6, 5)) * 8, _exponential((6, 5), seed=1) + 0.5
    made = subtraction_gains(power, noise, over_subtraction=4.0, floor=0.01, exponent=exponent)
    for t in range(6):
        snr_db = min(max(10 * np.log10(power[t].sum() / noise[t].sum()), -5), 20)
        multiple = max(4 - 3 / 20 * snr_db, 1)
        for k in range(5):
            taken = gamma(1 + exponent / 2) * noise[t, k] ** (exponent / 2)
            left = max(power[t, k] ** (exponent / 2) - multiple * taken, 0.01 * taken)
            gain = min((left / power[t, k] ** (exponent / 2)) ** (1 / exponent), 1.0)
            assert made[t, k] == pytest.approx(gain, rel=1e-4)


def test_subtraction_of_almost_nothing_gives_a_gain_of_1() -> None:
    power = _exponential((5, 9)) + 0.1
    gains = subtraction_gains(power, np.full_like(power, 1e-9), over_subtraction=4.0, floor=0.01, exponent=2.0)
    assert gains == pytest.approx(1.0, abs=1e-4)


def test_subtraction_is_finite_for_a_silent_frame() -> None:
    gains = subtraction_gains(
        np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32), over_subtraction=4.0, floor=0.01, exponent=2.0
    )
    assert np.isfinite(gains).all()
