"""Rows of constant gains: metrics made of parts have them too, at the cost of what sees level alone."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from merit_cli.assets import bundled
from merit_cli.metrics.score import ScoreJob, score_pair
from merit_cli.units import db_to_amplitude
from merit_cli.workflows.evaluate.scores import BLIND_TO_GAIN, GAINS_DB, ZERO, _GainJob, gain_name, score_gains

METRICS = ("cbak", "csig", "ssnr_db", "stoi")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    clean = bundled("data_manifests/sample") / "speech" / "june" / "vm-advopts.flac"
    voice, rate = soundfile.read(clean, dtype="float32")
    noisy = voice + 0.03 * np.random.default_rng(0).standard_normal(voice.size).astype(np.float32)
    soundfile.write(tmp_path / "noisy.wav", noisy, rate, subtype="FLOAT")
    return clean, tmp_path / "noisy.wav"


def test_a_composite_at_a_gain_is_that_of_the_turned_down_file(pair: tuple[Path, Path], tmp_path: Path) -> None:
    clean, noisy = pair
    found = {(row, score.metric): score.value for row, score in score_gains(_GainJob("a", clean, noisy, METRICS))}
    samples, rate = soundfile.read(noisy, dtype="float32")
    quiet = tmp_path / "quiet.wav"
    soundfile.write(quiet, samples * np.float32(db_to_amplitude(-6.0)), rate, subtype="FLOAT")
    for score in score_pair(ScoreJob("a", clean, quiet, ("cbak", "ssnr_db"))).scores:
        assert found[gain_name(-6.0), score.metric] == pytest.approx(score.value, abs=1e-4)
    assert {metric for row, metric in found if row != ZERO} == {"cbak", "ssnr_db"}
    assert {row for row, _ in found} == {ZERO, *map(gain_name, GAINS_DB)}


def test_the_silent_row_has_no_composite_and_says_why(pair: tuple[Path, Path]) -> None:
    silent = {score.metric: score for row, score in score_gains(_GainJob("a", *pair, METRICS)) if row == ZERO}
    assert silent["cbak"].reason == "cbak is not defined for a silent output"
    assert silent["ssnr_db"].value == pytest.approx(0.0, abs=1.0)


@pytest.mark.parametrize("metric", sorted(BLIND_TO_GAIN))
def test_metrics_called_blind_to_gain_are(pair: tuple[Path, Path], tmp_path: Path, metric: str) -> None:
    clean, noisy = pair
    samples, rate = soundfile.read(noisy, dtype="float32")
    quiet = tmp_path / "quiet.wav"
    soundfile.write(quiet, samples * np.float32(0.25), rate, subtype="FLOAT")
    values = [score_pair(ScoreJob("a", clean, file, (metric,))).scores[0].value for file in (noisy, quiet)]
    assert values[0] == pytest.approx(values[1], rel=1e-3)
