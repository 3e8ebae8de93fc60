"""What every registered signal metric promises, whatever it measures."""

import importlib.util
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from merit_cli.assets import bundled
from merit_cli.errors import BadData
from merit_cli.io.audio_file import read_audio
from merit_cli.metrics import METRICS
from merit_cli.metrics.spec import MetricSpec

Array = npt.NDArray[np.float32]
RATE = 16000


def installed(spec: MetricSpec) -> bool:
    return all(importlib.util.find_spec(package) is not None for package in spec.packages)


def signal_metrics() -> list[MetricSpec]:
    """All that are computed from audio and not from other metrics."""
    specs = [METRICS.load(name) for name in METRICS.table]
    return [spec for spec in specs if isinstance(spec, MetricSpec) and spec.kind == "signal" and not spec.parts]


SPECS = signal_metrics()
every_metric = pytest.mark.parametrize(
    "spec",
    [
        pytest.param(spec, marks=pytest.mark.skipif(not installed(spec), reason=f"the extra {spec.extra} is missing"))
        for spec in SPECS
    ],
    ids=[spec.name for spec in SPECS],
)


@pytest.fixture(scope="module")
def pair() -> tuple[Array, Array]:
    """A real voice, and the same in white noise."""
    clean = read_audio(bundled("data_manifests/sample/speech/june/conf-muted.flac"), sample_rate=RATE).samples
    return clean, clean + 0.01 * np.random.default_rng(0).standard_normal(clean.size).astype(np.float32)


def value(spec: MetricSpec, clean: Array, processed: Array) -> float:
    return float(spec.compute(clean if spec.needs_reference else None, processed, sample_rate=RATE))


def test_the_metrics_are_known() -> None:
    assert len(SPECS) == 23


@every_metric
def test_the_value_is_finite_and_within_its_range(spec: MetricSpec, pair: tuple[Array, Array]) -> None:
    found = value(spec, *pair)
    assert np.isfinite(found)
    assert spec.range[0] <= found <= spec.range[1]


@every_metric
def test_the_value_is_the_same_twice_and_the_input_untouched(spec: MetricSpec, pair: tuple[Array, Array]) -> None:
    clean, processed = pair[0].copy(), pair[1].copy()
    clean.flags.writeable = processed.flags.writeable = False
    assert value(spec, clean, processed) == value(spec, clean, processed)
    np.testing.assert_array_equal(processed, pair[1])


@every_metric
def test_the_global_random_state_neither_matters_nor_moves(spec: MetricSpec, pair: tuple[Array, Array]) -> None:
    np.random.seed(1)
    before = value(spec, *pair)
    np.random.seed(2)
    assert value(spec, *pair) == before
    assert np.random.random() == np.random.RandomState(2).random()


@every_metric
def test_clean_speech_is_better_than_speech_in_loud_noise(spec: MetricSpec, pair: tuple[Array, Array]) -> None:
    clean, noisy = pair
    loud = clean + 10.0 * (noisy - clean)
    best, worse = value(spec, clean, clean), value(spec, clean, loud.clip(-1.0, 1.0))
    if spec.name == "f0_gross_error":  # white noise hides voices, but makes no octave errors
        assert best == worse == 0.0
    elif spec.name == "event_retention_db":  # energy: noise that is left counts as retained
        assert 0.0 == best < worse
    else:
        assert best > worse if spec.higher_is_better else best < worse


HOSTILE: dict[str, Callable[[Array, Array], tuple[Array, Array]]] = {
    "NaN": lambda clean, noisy: (clean, np.where(np.arange(noisy.size) == 7, np.nan, noisy).astype(np.float32)),
    "infinite": lambda clean, noisy: (clean, np.where(np.arange(noisy.size) == 7, np.inf, noisy).astype(np.float32)),
    "empty": lambda clean, noisy: (clean[:0], noisy[:0]),
    "stereo": lambda clean, noisy: (np.stack([clean, clean]), np.stack([noisy, noisy])),
    "ten samples": lambda clean, noisy: (clean[:10], noisy[:10]),
}


@every_metric
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_signal_is_refused_in_words_and_not_scored(
    spec: MetricSpec, kind: str, pair: tuple[Array, Array]
) -> None:
    if kind == "ten samples" and spec.name in ("snr_db", "si_sdr_db"):
        pytest.skip("defined on any length")
    clean, processed = HOSTILE[kind](*pair)
    with pytest.raises(BadData) as caught:
        value(spec, clean, processed)
    assert caught.value.message
