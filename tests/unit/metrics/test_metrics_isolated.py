"""Scores of pairs in memory: in order, failures in words, processes used again."""

import os

import numpy as np
import pytest

from merit_cli.errors import UsageError
from merit_cli.metrics.isolated import IsolatedScorer
from merit_cli.metrics.perceptual import pesq_wb
from merit_cli.workers import Pool, WorkerDied


def process_or_death(number: int) -> int:
    if number == 2:
        os.abort()
    return os.getpid()


def test_pesq_equals_the_metric_and_a_failure_is_a_reason() -> None:
    time = np.arange(16_000) / 16_000
    bursts = np.clip(np.sin(2.0 * np.pi * 2.5 * time), 0.0, None)
    clean = (0.1 * bursts * sum(np.sin(2.0 * np.pi * 150.0 * k * time) / k for k in range(1, 6))).astype(np.float32)
    noisy = clean + 0.01 * np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    with IsolatedScorer("pesq_wb", sample_rate=16_000) as scorer:
        value, reason = scorer([clean, clean], [noisy, np.zeros_like(clean)])
        assert value == pytest.approx(pesq_wb(clean, noisy, sample_rate=16_000))
        assert "all zeros" in str(reason)
        assert scorer([clean], [noisy]) == [value]


def test_a_pool_keeps_its_processes_and_loses_only_the_item_that_kills_one() -> None:
    pool: Pool[int, int] = Pool(process_or_death, 1, None)
    first, again = dict(pool.run(iter([0]))), dict(pool.run(iter([1])))
    assert first[0] == again[1]
    answers = dict(pool.run(iter([3, 2, 4])))
    assert answers[3] == first[0]
    assert isinstance(answers[2], WorkerDied)
    assert isinstance(answers[4], int)
    assert answers[4] != answers[3]
    process = pool.crew[0].process
    pool.end()
    assert not process.is_alive()


def test_an_unknown_metric_is_refused_before_any_work() -> None:
    with pytest.raises(UsageError):
        IsolatedScorer("pesk_wb", sample_rate=16_000)
