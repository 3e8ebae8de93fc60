"""Ways to score the pairs: ours, the usual loops over files, and the C code of PESQ alone."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from scoring.pairs import RATE, PairSet

from merit_cli.metrics.score import ScoreJob, score_pairs

METRICS = ("pesq_wb", "stoi", "estoi", "ssnr_db", "si_sdr_db", "csig", "cbak", "covl")
"""What ours computes; the composite ratings take LLR and WSS besides."""
TIME_LIMIT = 60.0
Values = dict[str, dict[str, float | None]]
"""Metric name to id to value."""
Contestant = Callable[[PairSet], Values]


def ours(workers: int, metrics: tuple[str, ...] = METRICS) -> Contestant:
    """The library call behind the command, over worker processes, with its time limit and its look for delays."""

    def run(pairs: PairSet) -> Values:
        jobs = [ScoreJob(name, pairs.clean / f"{name}.wav", pairs.noisy / f"{name}.wav", metrics) for name in pairs.ids]
        values: Values = {metric: {} for metric in metrics}
        for job, done in score_pairs(jobs, workers=workers, time_limit=TIME_LIMIT):
            for score in done.scores:
                values[score.metric][job.id] = score.value
        return values

    return run


def command(folder: Path) -> Contestant:
    """``merit evaluate`` from its start to the last file of its report."""

    def run(pairs: PairSet) -> Values:
        out = folder / "evaluated"
        shutil.rmtree(out, ignore_errors=True)  # a finished run would have nothing to do
        arguments = [str(pairs.noisy), "--reference", str(pairs.clean), "--metrics", ",".join(METRICS)]
        arguments += ["-o", str(out), "-j", "2", "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "merit_cli", "evaluate", *arguments], capture_output=True, check=False
        )
        assert done.returncode in (0, 3), done.stderr.decode()
        values: Values = {metric: {} for metric in METRICS}
        for line in map(json.loads, (out / "scores.jsonl").read_text().splitlines()):
            values[line["metric"]][line["id"]] = line["value"]
        return values

    return run


def file_by_file(pairs: PairSet) -> Values:
    """pesq and pystoi called in a loop: PESQ, STOI and ESTOI only."""
    from pesq import pesq
    from pystoi import stoi

    values: Values = {"pesq_wb": {}, "stoi": {}, "estoi": {}}
    for name in pairs.ids:
        clean, noisy = (soundfile.read(folder / f"{name}.wav")[0] for folder in (pairs.clean, pairs.noisy))
        values["pesq_wb"][name] = float(pesq(RATE, clean, noisy, "wb"))
        values["stoi"][name] = float(stoi(clean, noisy, RATE))
        values["estoi"][name] = float(stoi(clean, noisy, RATE, extended=True))
    return values


def torchmetrics_loop(pairs: PairSet) -> Values:
    """torchmetrics.functional in a loop: PESQ, STOI, ESTOI and SI-SDR; it has no composite ratings."""
    import torch
    from torchmetrics.functional.audio import (
        perceptual_evaluation_speech_quality,
        scale_invariant_signal_distortion_ratio,
        short_time_objective_intelligibility,
    )

    torch.set_num_threads(1)
    values: Values = {"pesq_wb": {}, "stoi": {}, "estoi": {}, "si_sdr_db": {}}
    for name in pairs.ids:
        clean, noisy = (
            torch.from_numpy(soundfile.read(folder / f"{name}.wav", dtype="float32")[0])
            for folder in (pairs.clean, pairs.noisy)
        )
        values["pesq_wb"][name] = float(perceptual_evaluation_speech_quality(noisy, clean, RATE, "wb"))
        values["stoi"][name] = float(short_time_objective_intelligibility(noisy, clean, RATE))
        values["estoi"][name] = float(short_time_objective_intelligibility(noisy, clean, RATE, extended=True))
        values["si_sdr_db"][name] = float(scale_invariant_signal_distortion_ratio(noisy, clean, zero_mean=True))
    return values


def bare_pesq_seconds(pairs: PairSet) -> float:
    """Processor seconds inside the C code of PESQ, its arrays made beforehand: what no caller can go below."""
    from pesq.cypesq import cypesq

    seconds = 0.0
    for name in pairs.ids:
        clean, noisy = (soundfile.read(folder / f"{name}.wav")[0] for folder in (pairs.clean, pairs.noisy))
        peak = max(np.abs(clean).max(), np.abs(noisy).max())
        reference, estimate = ((signal / peak).astype(np.float32) for signal in (clean, noisy))
        started = time.process_time()
        cypesq(RATE, reference, estimate, 1)
        seconds += time.process_time() - started
    return seconds
