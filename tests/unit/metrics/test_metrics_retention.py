"""Retention of breath events: what it counts, and what it is blind to."""

import numpy as np
import pytest

from merit_cli.errors import BadData
from merit_cli.metrics.retention import event_retention_db
from merit_cli.metrics.spec import load_metric

RATE = 16000
TIME = np.arange(RATE) / RATE
BREATH = 0.1 * np.sin(2 * np.pi * 400 * TIME)
RUMBLE = np.sin(2 * np.pi * 30 * TIME)


def test_the_name_is_free_in_its_spelling() -> None:
    assert load_metric("event-retention").name == "event_retention_db"


@pytest.mark.parametrize("gain", [0.1, 0.8912509381337456, 1.0, 2.0])
def test_a_gain_is_its_own_retention(gain: float) -> None:
    assert event_retention_db(BREATH, gain * BREATH, sample_rate=RATE) == pytest.approx(20 * np.log10(gain), abs=1e-9)


def test_rumble_that_is_taken_away_costs_nothing() -> None:
    assert event_retention_db(BREATH + RUMBLE, BREATH, sample_rate=RATE) == pytest.approx(0.0, abs=0.02)


def test_a_crackle_that_is_erased_is_lost_though_the_rest_stays() -> None:
    crackle = np.zeros(RATE)
    crackle[8000:8080] = np.sin(2 * np.pi * 400 * TIME[:80])
    kept = event_retention_db(0.1 * BREATH + crackle, 0.1 * BREATH, sample_rate=RATE)
    energies = [np.sum((0.1 * BREATH) ** 2), np.sum((0.1 * BREATH + crackle) ** 2)]
    assert kept == pytest.approx(10 * np.log10(energies[0] / energies[1]), abs=0.5)
    assert kept < -10.0


def test_noise_that_is_left_counts_as_retained() -> None:
    noise = 0.1 * np.sin(2 * np.pi * 500 * TIME)
    assert event_retention_db(BREATH, BREATH + noise, sample_rate=RATE) == pytest.approx(10 * np.log10(2.0), abs=0.02)


def test_an_all_zero_output_retains_nothing() -> None:
    assert event_retention_db(BREATH, 0 * BREATH, sample_rate=RATE) == -100.0


def test_a_reference_without_breath_is_refused() -> None:
    with pytest.raises(BadData, match="silent in 100-1000 Hz"):
        event_retention_db(1e-4 * RUMBLE, RUMBLE, sample_rate=RATE)
