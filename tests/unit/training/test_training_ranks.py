"""Two processes under torchrun train as one does with the same batches."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from merit_cli.data.sampler import LengthBucketSampler
from merit_cli.errors import Unavailable
from merit_cli.io.jsonl import read_lines
from merit_cli.training.ranks import any_rank, gathered, job, num_ranks, on_first, rank
from merit_cli.workflows.train.determinism import reseed

SCRIPT = Path(__file__).with_name("train_ranks.py")
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
TIME_LIMIT = 240.0
sys.path.insert(0, str(SCRIPT.parent))

from train_ranks import CASES  # noqa: E402 - a script beside this file


@pytest.fixture(scope="module")
def folders(noisy_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The runs of one process, and of two."""
    made = {name: tmp_path_factory.mktemp(name) for name in ("one", "two")}
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    jobs = [
        subprocess.Popen([*launcher, str(SCRIPT), str(noisy_corpus), str(made[name])], env=environment)
        for name, launcher in (("one", (sys.executable,)), ("two", TORCHRUN))
    ]
    assert [job.wait(TIME_LIMIT) for job in jobs] == [0, 0]
    return made


def gradients(run: Path) -> dict[str, Tensor]:
    return load_file(run / "gradients.safetensors")


def last_weights(run: Path) -> dict[str, Tensor]:
    return load_file(next((run / "checkpoints" / "last").glob("*/model.ckpt")))


def found(run: Path) -> Any:
    return json.loads((run / "found.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", list(CASES))
@pytest.mark.parametrize("what", [gradients, last_weights])
def test_two_processes_give_the_gradients_and_weights_of_one(
    what: Callable[[Path], dict[str, Tensor]], case: str, folders: dict[str, Path]
) -> None:
    one, two = what(folders["one"] / case), what(folders["two"] / case)
    assert one.keys() == two.keys()  # an expert that no process used has no gradient, so it does not decay
    for name, expected in one.items():
        torch.testing.assert_close(two[name], expected, rtol=1e-8, atol=1e-8)  # float64; found: 1e-14
        assert expected.dtype == torch.float64 or not expected.is_floating_point()


@pytest.mark.parametrize("case", ["plain", "accumulated"])
def test_some_experts_are_idle_in_one_process_and_some_in_both(case: str, folders: dict[str, Path]) -> None:
    first, second = zip(*found(folders["two"] / case)["idle"], strict=True)
    experts = [set(chain.from_iterable(steps)) for steps in (first, second)]
    assert all(set(one) ^ set(other) for one, other in zip(first, second, strict=True))
    assert any(set(one) & set(other) for one, other in zip(first, second, strict=True))
    assert all(".experts." in name for name in experts[0] | experts[1])


def test_a_process_without_items_takes_part(folders: dict[str, Path]) -> None:
    idle = found(folders["two"] / "one_left")["idle"]
    assert sorted(len(second) > 2 * len(first) for first, second in idle) == [False, True]


@pytest.mark.parametrize("case", list(CASES))
def test_two_processes_write_the_lines_of_one(case: str, folders: dict[str, Path]) -> None:
    one, two = ([line for _, line in read_lines(folders[name] / case / "metrics.jsonl")] for name in ("one", "two"))
    assert len(one) == len(two)
    for expected, line in zip(one, two, strict=True):
        assert_close(line, expected)


def assert_close(value: Any, expected: Any) -> None:
    """The same JSON data, floats to the seven digits that are written."""
    if isinstance(expected, dict):
        assert value.keys() == expected.keys()
        for key in expected:
            assert_close(value[key], expected[key])
    elif isinstance(expected, str):
        assert value == expected
    elif isinstance(expected, list):
        for one, other in zip(value, expected, strict=True):
            assert_close(one, other)
    else:
        assert value == pytest.approx(expected, rel=2e-6, abs=1e-12)


def test_each_dev_utterance_is_scored_by_one_process(folders: dict[str, Path]) -> None:
    alone, (first, second) = (found(folders[name] / "plain")["scored"] for name in ("one", "two"))
    assert sorted(first + second) == sorted(*alone)
    assert not set(first) & set(second)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_shares_of_a_batch_make_the_batch(count: int) -> None:
    lengths = np.random.default_rng(0).integers(100, 900, 22).tolist()
    whole = list(LengthBucketSampler(lengths, items_per_batch=4, seed=3))
    shares = [list(LengthBucketSampler(lengths, items_per_batch=4, seed=3, share=(one, count))) for one in range(count)]
    assert all(len(share) == len(whole) for share in shares)
    for batch, *parts in zip(whole, *shares, strict=True):
        assert sorted(chain.from_iterable(parts)) == sorted(batch)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_machine_with_fewer_gpus_than_processes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "99")
    monkeypatch.setenv("LOCAL_RANK", "99")
    with pytest.raises(Unavailable, match="cuda:99"), job("cuda"):
        pass


def test_without_torchrun_a_process_answers_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    with job("cpu") as device:
        assert (device, rank(), num_ranks(), gathered("a"), any_rank(0)) == ("cpu", 0, 1, ["a"], False)
        assert on_first(max, 1, 2) == 2


def test_each_process_has_draws_of_its_own_and_the_first_those_of_one_alone() -> None:
    def draws(number: int) -> tuple[float, float, float]:
        random.seed(5), np.random.seed(5), torch.manual_seed(5)
        reseed(7, number)
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    alone = (random.random(), float(np.random.rand()), float(torch.rand(())))
    assert draws(0) == alone
    assert draws(1) == draws(1)
    assert not set(draws(1)) & {*draws(2), *alone}
