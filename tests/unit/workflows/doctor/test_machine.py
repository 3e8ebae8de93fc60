"""Threads, GPU and SLURM: variables that lie, a driver that torch cannot use, a controller that is down."""

from pathlib import Path

import pytest
import torch

from merit_cli.workers import available_cores
from merit_cli.workflows.doctor.machine import check_device, check_processors
from merit_cli.workflows.doctor.slurm import check_slurm

DOWN = 'echo "Slurmctld(primary) at head is DOWN"; exit 1'
UP = 'echo "Slurmctld(primary) at head is UP"'
ARRAY = {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_MAX": "8"}


@pytest.fixture(autouse=True)
def _no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*ARRAY, "SLURM_JOB_ID", "SLURM_CPUS_PER_TASK"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("threads", ["many", "0", "-1", "2;", str(available_cores() + 1)])
def test_threads_that_cannot_be_had_are_a_fault(threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    check = check_processors()
    assert not check.ok
    assert threads in check.found
    assert check.mend == "export OMP_NUM_THREADS=1"
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert check_processors().ok


def test_a_container_with_less_than_a_core_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    check = check_processors(tmp_path / "cpu.max")
    assert "may use 0.5 of the cores" in check.found
    assert check.mend == "export MERIT_WORKERS=1"
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert check_processors(tmp_path / "cpu.max").mend == ""


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch can use the GPU here")
def test_a_driver_that_torch_cannot_use_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "version").write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06\n")
    check = check_device(tmp_path / "version")
    assert not check.ok
    assert "torch" in check.mend
    assert check_device(tmp_path / "none").ok


def test_a_job_with_half_an_array_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    check = check_slurm()
    assert not check.ok
    assert "SLURM_ARRAY_TASK_MIN, SLURM_ARRAY_TASK_MAX" in check.found
    assert "--shard 1/N" in check.mend
    for name, value in ARRAY.items():
        monkeypatch.setenv(name, value)
    assert check_slurm().found == "job 17, array task 3, 1 processors a task"


@pytest.mark.parametrize(("wanted", "mend"), [("4096", "SRUN_CPUS_PER_TASK"), ("two", "unset SLURM_CPUS_PER_TASK")])
def test_a_job_that_was_not_given_its_processors_is_a_fault(
    wanted: str, mend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", wanted)
    check = check_slurm()
    assert not check.ok
    assert wanted in check.found
    assert mend in check.mend


@pytest.mark.parametrize("ping", [DOWN, UP, "exit 127"])
def test_a_controller_that_is_down_is_a_fault(ping: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, code in (("sbatch", "exit 0"), ("scontrol", ping)):
        (tmp_path / name).write_text(f"#!/bin/sh\n{code}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    check = check_slurm()
    assert check.ok == (ping == UP), check
    assert "login node" in check.mend or check.ok


def test_no_slurm_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert check_slurm().found == "no sbatch here"
