"""Files in, numbers or reasons out: what one bad pair costs, and what a crash costs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from merit_cli.errors import UsageError
from merit_cli.metrics.score import PairScores, ScoreJob, score_pair, score_pairs
from merit_cli.metrics.signal import ssnr_db

Pair = Callable[..., ScoreJob]
RATE = 16000


def bursts(number: int) -> npt.NDArray[np.float64]:
    """Voiced bursts of half a second parted by 0.6 s of silence."""
    time = np.arange(RATE // 2) / RATE
    voice = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 20)) * np.hanning(time.size)
    return np.tile(np.concatenate([0.1 * voice, np.zeros(int(0.6 * RATE))]), number)


@pytest.fixture
def write(tmp_path: Path) -> Pair:
    """Write a pair of bursts, the second in noise; signals and rates can be given."""

    def make(
        name: str,
        metrics: tuple[str, ...],
        *,
        clean: npt.NDArray[np.float64] | None = None,
        processed: npt.NDArray[np.float64] | None = None,
        rates: tuple[int, int] = (RATE, RATE),
    ) -> ScoreJob:
        clean = bursts(2) if clean is None else clean
        noise = 0.003 * np.random.default_rng(0).standard_normal(clean.shape)
        processed = clean + noise if processed is None else processed
        paths = [tmp_path / f"{name}_clean.wav", tmp_path / f"{name}.wav"]
        for path, signal, rate in zip(paths, (clean, processed), rates, strict=True):
            soundfile.write(path, signal, rate, subtype="FLOAT")
        return ScoreJob(name, paths[0], paths[1], metrics)

    return make


def values(result: PairScores) -> dict[str, float | None]:
    return {score.metric: score.value for score in result.scores}


def reasons(result: PairScores) -> dict[str, str]:
    return {score.metric: score.reason for score in result.scores}


def test_scores_are_those_of_the_arrays(write: Pair) -> None:
    job = write("a", ("ssnr", "stoi"))
    clean, processed = (soundfile.read(path)[0] for path in (job.clean, job.processed))
    result = score_pair(job)
    assert values(result)["ssnr_db"] == ssnr_db(clean, processed, sample_rate=RATE)
    assert [score.metric for score in result.scores] == ["ssnr_db", "stoi"]
    assert result.notes == ()
    assert result.failure == ""


def test_one_bad_metric_is_one_null_with_its_reason(write: Pair) -> None:
    clean = bursts(1)[4000:7000]
    result = score_pair(write("short", ("ssnr_db", "pesq_wb", "stoi", "si_sdr_db"), clean=clean))
    assert [score.metric for score in result.scores if score.value is None] == ["pesq_wb", "stoi"]
    assert "too short for PESQ" in reasons(result)["pesq_wb"]
    assert "fewer than 30 frames" in reasons(result)["stoi"]
    assert reasons(result)["ssnr_db"] == ""


def test_stereo_is_mixed_and_noted(write: Pair) -> None:
    mono = score_pair(write("mono", ("snr_db",)))
    noisy = bursts(2) + 0.003 * np.random.default_rng(0).standard_normal(bursts(2).shape)
    stereo = score_pair(write("stereo", ("snr_db",), processed=np.stack([noisy, noisy], axis=1)))
    assert values(stereo) == values(mono)
    assert stereo.notes == ("processed: 2 channels: mean",)


def test_another_rate_is_resampled_down_and_noted(write: Pair) -> None:
    tone = np.sin(2 * np.pi * 500 * np.arange(48000) / 48000)
    result = score_pair(write("rates", ("si_sdr_db",), clean=tone, processed=tone[::3], rates=(48000, RATE)))
    assert result.notes == ("clean: resampled 48000 -> 16000 Hz",)
    assert values(result)["si_sdr_db"] > 25.0  # the resampler's edges are all that differs


def test_pesq_resamples_to_the_rate_it_is_defined_at(write: Pair) -> None:
    result = score_pair(write("fast", ("pesq_wb", "ssnr_db"), rates=(48000, 48000), clean=np.repeat(bursts(2), 3)))
    assert values(result)["pesq_wb"] is not None
    assert [score.note for score in result.scores] == ["resampled 48000 -> 16000 Hz", ""]


def test_wide_band_pesq_at_8_khz_is_a_null(write: Pair) -> None:
    result = score_pair(write("slow", ("pesq_wb", "pesq_nb"), rates=(8000, 8000)))
    assert reasons(result)["pesq_wb"] == "pesq_wb needs 16000 Hz and the pair has 8000 Hz"
    assert values(result)["pesq_nb"] is not None


@pytest.mark.parametrize(("extra", "words"), [(3, "processed cut by its last 3"), (160, "cut by its last 160")])
def test_up_to_10_ms_more_are_cut_with_a_note(write: Pair, extra: int, words: str) -> None:
    clean = bursts(2)
    result = score_pair(write("longer", ("ssnr_db",), clean=clean, processed=np.append(clean, np.ones(extra))))
    assert values(result)["ssnr_db"] == values(score_pair(write("same", ("ssnr_db",), processed=clean)))["ssnr_db"]
    assert words in result.notes[0]


def test_more_than_10_ms_of_difference_fails_the_pair(write: Pair) -> None:
    clean = bursts(2)
    result = score_pair(write("longer", ("ssnr_db", "stoi"), clean=clean, processed=np.append(clean, np.ones(161))))
    assert values(result) == {"ssnr_db": None, "stoi": None}
    assert "the lengths differ" in result.failure
    assert set(reasons(result).values()) == {result.failure}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.unlink(), "does not exist"),
        (lambda path: path.write_text("not audio"), "not audio"),
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), "truncated"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: soundfile.write(path, np.full(9, np.nan), RATE, subtype="FLOAT"), "NaN"),
    ],
    ids=["missing", "text", "truncated", "empty", "nan"],
)
def test_a_file_that_cannot_be_read_fails_the_pair(write: Pair, spoil: Callable[[Path], object], words: str) -> None:
    job = write("bad", ("ssnr_db", "stoi"))
    spoil(job.processed)
    result = score_pair(job)
    assert words in result.failure
    assert values(result) == {"ssnr_db": None, "stoi": None}


def test_without_a_reference_metrics_say_so(write: Pair) -> None:
    job = write("alone", ("snr_db",))
    result = score_pair(ScoreJob("alone", None, job.processed, ("snr_db",)))
    assert reasons(result) == {"snr_db": "snr_db needs a clean reference"}


def test_a_segment_is_scored_as_if_cut_out(write: Pair) -> None:
    job = write("whole", ("snr_db",))
    clean, processed = (soundfile.read(path)[0][4000:12000] for path in (job.clean, job.processed))
    cut = score_pair(write("cut", ("snr_db",), clean=clean, processed=processed))
    segment = score_pair(ScoreJob("s", job.clean, job.processed, ("snr_db",), start=4000, num_samples=8000))
    assert values(segment) == values(cut)


def test_a_metric_over_labels_is_refused_for_audio(write: Pair) -> None:
    with pytest.raises(UsageError, match="macro_f1 is scored over labels"):
        list(score_pairs([write("a", ("f1",))]))


PLUGIN = """
import os, signal, time
from merit_cli.metrics.spec import MetricSpec

def die(clean, processed, *, sample_rate):
    os.kill(os.getpid(), signal.SIGSEGV)

def hang(clean, processed, *, sample_rate):
    time.sleep(600)

def odd(clean, processed, *, sample_rate):
    return float("nan")

DIE = MetricSpec("die", "signal", die, "", higher_is_better=True, range=(0, 1), source="test", isolate=True)
HANG = MetricSpec("hang", "signal", hang, "", higher_is_better=True, range=(0, 1), source="test")
ODD = MetricSpec("odd", "signal", odd, "", higher_is_better=True, range=(0, 1), source="test")

def count(clean, processed, *, sample_rate):
    with open(os.environ["COUNT_FILE"], "a") as file:
        file.write(f"{sample_rate}\\n")
    return float(sample_rate)

def parted(name, *parts):
    def compute(values):
        assert set(values) == set(parts)
        return sum(values.values())
    return MetricSpec(name, "signal", compute, "", higher_is_better=True, range=(0, 9), source="test", parts=parts)

COUNT = MetricSpec("count", "signal", count, "", higher_is_better=True, range=(0, 9), source="", sample_rates=(8000,))
DOUBLE = parted("double", "count", "snr_db")
NESTED = parted("nested", "double", "count")
BROKEN = parted("broken", "odd", "count")
DEADLY = parted("deadly", "snr_db", "die")
"""
PLUGIN_NAMES = ("die", "hang", "odd", "count", "double", "nested", "broken", "deadly")


@pytest.fixture
def hostile_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package whose metrics kill their process, hang, and give NaN."""
    site = tmp_path / "site"
    info = site / "hostile_metrics-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "hostile_metrics.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile-metrics\nVersion: 1.0\n")
    points = "".join(f"{name} = hostile_metrics:{name.upper()}\n" for name in PLUGIN_NAMES)
    (info / "entry_points.txt").write_text(f"[merit.metrics]\n{points}")
    monkeypatch.syspath_prepend(str(site))


@pytest.mark.usefixtures("hostile_plugin")
def test_a_metric_that_kills_its_process_costs_only_itself(write: Pair) -> None:
    jobs = [write("a", ("ssnr_db", "die", "stoi")), write("b", ("ssnr_db", "stoi")), write("c", ("snr_db",))]
    results = {job.id: result for job, result in score_pairs(jobs)}
    assert set(results) == {"a", "b", "c"}
    assert values(results["a"]) == {**values(results["b"]), "die": None}
    assert "process died" in reasons(results["a"])["die"]
    assert None not in values(results["b"]).values()
    assert None not in values(results["c"]).values()


@pytest.mark.usefixtures("hostile_plugin")
def test_a_metric_that_hangs_costs_only_itself(write: Pair) -> None:
    [(_, result)] = score_pairs([write("a", ("ssnr_db", "hang"))], time_limit=3.0)
    assert values(result)["ssnr_db"] is not None
    assert reasons(result)["hang"] == "the item took longer than 3 s"


@pytest.mark.usefixtures("hostile_plugin")
def test_a_metric_that_gives_nan_is_a_null(write: Pair) -> None:
    assert reasons(score_pair(write("a", ("odd",)))) == {"odd": "odd gave nan"}


def test_the_bursts_that_crash_pesq_cost_only_pesq(write: Pair) -> None:
    [(_, result)] = score_pairs([write("long", ("pesq_wb", "ssnr_db"), clean=bursts(60))])
    assert "process died" in reasons(result)["pesq_wb"]
    assert values(result)["ssnr_db"] is not None


@pytest.mark.usefixtures("hostile_plugin")
def test_parts_are_computed_once_a_pair_and_at_their_own_rate(
    write: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNT_FILE", str(tmp_path / "count"))
    result = score_pair(write("a", ("nested", "double", "snr_db", "count")))
    assert (tmp_path / "count").read_text() == "8000\n"
    snr = values(score_pair(write("b", ("snr_db",))))["snr_db"]
    assert values(result) == {"nested": 16000.0 + snr, "double": 8000.0 + snr, "snr_db": snr, "count": 8000.0}
    notes = {score.metric: score.note for score in result.scores}
    assert notes["double"] == "count: resampled 16000 -> 8000 Hz"
    assert notes["snr_db"] == ""


@pytest.mark.usefixtures("hostile_plugin")
def test_a_part_that_is_null_gives_its_reason(write: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNT_FILE", str(tmp_path / "count"))
    assert reasons(score_pair(write("a", ("broken",)))) == {"broken": "odd: odd gave nan"}


@pytest.mark.usefixtures("hostile_plugin")
def test_a_part_that_kills_its_process_costs_what_is_made_of_it_alone(write: Pair) -> None:
    [(job, result)] = score_pairs([write("a", ("deadly", "snr_db", "ssnr_db"))])
    assert job.metrics == ("deadly", "snr_db", "ssnr_db")
    assert [score.metric for score in result.scores if score.value is None] == ["deadly"]
    assert reasons(result)["deadly"].startswith("die: the worker process died")
    assert result.failure == ""


@pytest.mark.parametrize(("shift", "words"), [(200, "12.5 ms (200 samples) after"), (-64, "4 ms (64 samples) before")])
def test_a_delay_is_noted_in_milliseconds_and_not_corrected(write: Pair, shift: int, words: str) -> None:
    clean = np.random.default_rng(1).standard_normal(RATE) * np.repeat([0.01, 0.1, 0.02, 0.1], RATE // 4)
    processed = np.roll(clean, shift) + 0.02 * np.random.default_rng(0).standard_normal(RATE)
    result = score_pair(write("late", ("snr_db",), clean=clean, processed=processed))
    assert result.notes == (f"processed comes {words} clean: not corrected",)
    assert values(result)["snr_db"] < 0.0


def test_a_delay_in_a_long_file_is_found_where_the_file_is_loud(write: Pair) -> None:
    clean = np.zeros(20 * RATE)
    clean[15 * RATE : 17 * RATE] = 0.1 * np.random.default_rng(1).standard_normal(2 * RATE)
    result = score_pair(write("long", ("snr_db",), clean=clean, processed=np.roll(clean, 33)))
    assert result.notes == ("processed comes 2.062 ms (33 samples) after clean: not corrected",)
