"""Every metric agrees with its definition and with other libraries on real audio, by the conformance script."""

import importlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from merit_cli import torchaudio_bridge
from merit_cli.metrics import METRICS

BENCHMARKS = Path(__file__).parents[2] / "recipes" / "benchmarks"
PARTS = ("rows", "libraries", "label_libraries", "material", "disagreements")


@pytest.fixture(scope="module")
def conforming() -> Iterator[dict[str, ModuleType]]:
    """The modules of the script, as it imports them."""
    torchaudio_bridge.install()  # speechbrain imports torchaudio
    sys.path.insert(0, str(BENCHMARKS))
    try:
        script = importlib.import_module("conformance")
        yield {"conformance": script, **{part: importlib.import_module(f"conforming.{part}") for part in PARTS}}
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def signal_rows(conforming: dict[str, ModuleType]) -> list[Any]:
    return list(conforming["rows"].signal_rows(conforming["material"].pairs()[1]))


@pytest.fixture(scope="module")
def label_rows(conforming: dict[str, ModuleType]) -> list[Any]:
    return list(conforming["rows"].label_rows(conforming["material"].predictions()))


def test_signal_metrics_agree_with_loops_and_libraries_on_real_audio(signal_rows: list[Any]) -> None:
    assert [(row.metric, row.other, row.difference) for row in signal_rows if not row.agrees] == []


def test_scores_over_predictions_agree_with_loops_and_libraries(label_rows: list[Any]) -> None:
    assert [(row.metric, row.other, row.difference) for row in label_rows if not row.agrees] == []


def test_every_registered_metric_is_compared(signal_rows: list[Any], label_rows: list[Any]) -> None:
    assert {row.metric for row in (*signal_rows, *label_rows)} == set(METRICS.table)


def test_every_metric_but_pesq_and_dnsmos_is_compared_with_loops(signal_rows: list[Any], label_rows: list[Any]) -> None:
    looped = {row.metric for row in (*signal_rows, *label_rows) if row.other.startswith("loops")}
    assert {name for name in METRICS.table if name.partition("_")[0] not in ("pesq", "dnsmos")} == looped


def test_the_libraries_of_the_test_extra_are_there(signal_rows: list[Any], label_rows: list[Any]) -> None:
    found = {row.other.partition(" ")[0] for row in (*signal_rows, *label_rows)}
    assert found >= {"torchmetrics", "scikit-learn", "pystoi", "pesq", "speechbrain", "speechmos", "librosa"}


def test_only_another_method_goes_without_a_tolerance(signal_rows: list[Any], label_rows: list[Any]) -> None:
    free = {(row.metric, row.other.partition(" ")[0]) for row in (*signal_rows, *label_rows) if row.tolerance is None}
    assert free == {("f0_rmse_cents", "librosa")}


def test_a_difference_beyond_its_tolerance_fails_the_script(
    conforming: dict[str, ModuleType],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script, row = conforming["conformance"], conforming["rows"].Row("snr_db", 5.0, "loops", 5.1, 1e-8)
    page = tmp_path / "page.md"
    for rows, code in ([replace(row, theirs=5.0)], 0), ([row], 1):
        monkeypatch.setattr(script, "signal_rows", lambda _, rows=rows: iter(rows))
        monkeypatch.setattr(script, "label_rows", lambda _: iter(()))
        monkeypatch.setattr(script, "variants", lambda _: iter(()))
        assert script.main(["--output", str(page)]) == code
    assert "snr_db: ours 5.0, loops 5.1: off by 0.1 > 1e-08" in capsys.readouterr().out
    assert "| `snr_db` | 5.000000 | loops | 5.100000 | 1.0e-01 | 1e-08 |" in page.read_text()


def test_a_library_that_is_not_installed_is_named_on_the_page(
    conforming: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = conforming["libraries"].Library("no-such-library", "no_such_library", {})
    monkeypatch.setattr(conforming["conformance"], "SIGNAL_LIBRARIES", (absent,))
    assert "Not installed here, so left out: no-such-library." in conforming["conformance"].page([], [], [], "")


def test_conventions_of_other_tools_give_other_values(conforming: dict[str, ModuleType]) -> None:
    found = list(conforming["disagreements"].variants(conforming["material"].pairs()[0]))
    for measure in ("SSNR", "COVL"):
        values = [one.value for one in found if one.metric == measure]
        assert max(values) - min(values) > 0.5
    [windows] = [one.value for one in found if one.metric == "DNSMOS"]
    assert windows < 12


def test_the_committed_page_holds_every_metric() -> None:
    page = (BENCHMARKS / "conformance.md").read_text(encoding="utf-8")
    assert [name for name in METRICS.table if f"| `{name}` |" not in page] == []
