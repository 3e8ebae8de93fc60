"""A folder of pairs of which ten are hostile: what each costs, through the command itself."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from merit_cli.assets import bundled
from merit_cli.io.audio_file import resample

RATE = 16000
SIGNALS = ("ssnr_db", "si_sdr_db", "stoi", "pesq_wb")
ALL = (*SIGNALS, "estoi", "llr", "wss", "csig", "cbak", "covl")
WHOLE = {"nan": "NaN", "partner": "no reference", "truncated": "truncated", "text": "not audio"}
"""Hostile items that cannot be scored by any metric, and a word of the reason."""
NOTED = {"rate": "resampled 48000 -> 16000 Hz", "stereo": "2 channels: mean", "longer": "cut by its last 3 samples"}
"""Those that are scored by every metric, with a note."""
NULLS = {
    "silent": {"si_sdr_db": "silent", "pesq_wb": "all zeros", "llr": "all zeros", "wss": "all zeros"},
    "short": {"stoi": "30 frames", "estoi": "30 frames", "pesq_wb": "too short"},
    "bursts": {"pesq_wb": "the worker process died"},
}
"""Those that some metrics refuse, by metric, with a word of the reason."""
COMPOSITES = {"csig", "cbak", "covl"}


@dataclass(frozen=True)
class Outcome:
    code: int
    summary: dict[str, Any]
    lines: list[dict[str, Any]]
    messages: str


def bursts(seconds: float) -> npt.NDArray[np.float64]:
    """Voiced bursts of half a second, 0.6 s apart: more utterances than the C code of PESQ has room for."""
    time = np.arange(RATE // 2) / RATE
    voice = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 20)) * np.hanning(time.size)
    one = np.concatenate([0.1 * voice, np.zeros(int(0.6 * RATE))])
    return np.resize(one, int(seconds * RATE))


def write_pairs(folder: Path, num_pairs: int) -> None:
    """Real voices against themselves in hiss; ten of the pairs are hostile."""
    clips = sorted((bundled("data_manifests/sample") / "speech").rglob("*.flac"))
    rng = np.random.default_rng(0)
    clean, made = folder / "clean", folder / "made"
    clean.mkdir()
    made.mkdir()

    def write(
        name: str, voice: npt.NDArray[Any], heard: npt.NDArray[Any], rate: int = RATE, kind: str = "PCM_16"
    ) -> None:
        soundfile.write(clean / f"{name}.wav", voice, RATE, subtype="PCM_16")
        soundfile.write(made / f"{name}.wav", heard, rate, subtype=kind)

    def pair(number: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        voice, _ = soundfile.read(clips[number % len(clips)])
        return voice, voice + 0.01 * rng.standard_normal(voice.size)

    for number in range(num_pairs - 10):
        write(f"good{number:03d}", *pair(number))
    voice, heard = pair(0)
    write("silent", voice, np.zeros_like(voice))
    write("short", voice[8000:9600], heard[8000:9600])
    long = bursts(300.0)
    write("bursts", long, long + 0.001 * rng.standard_normal(long.size))
    write("nan", voice, np.where(np.arange(voice.size) == 999, np.nan, heard), kind="FLOAT")
    write("rate", voice, resample(heard.astype(np.float32), RATE, 48000), 48000)
    write("stereo", voice, np.stack([heard, heard], axis=1))
    write("longer", voice, np.append(heard, np.zeros(3)))
    for name in ("partner", "truncated", "text"):
        write(name, voice, heard)
    (clean / "partner.wav").unlink()
    (made / "truncated.wav").write_bytes((made / "truncated.wav").read_bytes()[:5000])
    (made / "text.wav").write_text("These are words.\n")


def run(folder: Path, num_pairs: int, metrics: tuple[str, ...]) -> Outcome:
    write_pairs(folder, num_pairs)
    command = [sys.executable, "-m", "merit_cli", "evaluate", "made", "--reference", "clean", "-o", "out", "--json"]
    command += ["-j", "2", "--metrics", ",".join(metrics), "--set", "examples=0"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.stdout, done.stderr
    lines = [json.loads(line) for line in (folder / "out" / "scores.jsonl").read_text().splitlines()]
    return Outcome(done.returncode, json.loads(done.stdout), lines, done.stderr)


def nulls_of(name: str, metrics: tuple[str, ...]) -> set[str]:
    """Metrics that cannot be had of a hostile item; a composite falls with its PESQ."""
    if name in WHOLE:
        return set(metrics)
    found = set(NULLS.get(name, ()))
    return (found | (COMPOSITES if "pesq_wb" in found else set())) & set(metrics)


def check(outcome: Outcome, num_pairs: int, metrics: tuple[str, ...]) -> None:
    hostile = [*WHOLE, *NOTED, *NULLS]
    assert len(hostile) == 10
    assert outcome.code == 3, outcome.messages
    for metric in metrics:
        lost = sum(metric in nulls_of(name, metrics) for name in hostile)
        cell = outcome.summary["metrics"][metric]
        assert (cell["n_scored"], cell["n_total"]) == (num_pairs - lost, num_pairs), metric
    expected = Counter((name, metric) for name in hostile for metric in nulls_of(name, metrics))
    null_lines = [line for line in outcome.lines if line["value"] is None]
    assert Counter((line["id"], line["metric"]) for line in null_lines) == expected  # one line each, no other
    assert all(line["reason"] for line in null_lines)
    assert len(outcome.lines) == num_pairs * len(metrics)
    check_words(outcome)


def check_words(outcome: Outcome) -> None:
    by_id: dict[str, list[dict[str, Any]]] = {}
    for line in outcome.lines:
        by_id.setdefault(line["id"], []).append(line)
    for name, words in WHOLE.items():
        assert all(words in line["reason"] for line in by_id[name]), by_id[name]
        assert len({line["reason"] for line in by_id[name]}) == 1
    for name, words in NOTED.items():
        assert all(words in line["note"] for line in by_id[name]), by_id[name]
    for name, reasons in NULLS.items():
        for line in by_id[name]:
            assert reasons.get(line["metric"], "") in line.get("reason", ""), line
    assert all("note" not in line for name, lines in by_id.items() if name.startswith("good") for line in lines)


def test_ten_hostile_pairs_cost_what_they_must_and_nothing_else(tmp_path: Path) -> None:
    outcome = run(tmp_path, 16, SIGNALS)
    check(outcome, 16, SIGNALS)
    counts = {name: cell["n_scored"] for name, cell in outcome.summary["metrics"].items()}
    assert counts == {"ssnr_db": 12, "si_sdr_db": 11, "stoi": 11, "pesq_wb": 9}


@pytest.mark.slow
def test_two_hundred_pairs_by_every_metric_of_a_paper(tmp_path: Path) -> None:
    outcome = run(tmp_path, 200, ALL)
    check(outcome, 200, ALL)
    counts = {name: outcome.summary["metrics"][name]["n_scored"] for name in (*SIGNALS, "estoi", "covl")}
    assert counts == {"ssnr_db": 196, "si_sdr_db": 195, "stoi": 195, "pesq_wb": 193, "estoi": 195, "covl": 193}
