"""SLURM: whether it answers, and whether the job's environment says one thing."""

import os
import shutil
import subprocess

from merit_cli.workers import available_cores
from merit_cli.workflows.doctor.check import Check

_TIME_LIMIT_S = 15.0
_ARRAY = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX")


def check_slurm() -> Check:
    """Inside a job whether its variables fit the machine; outside whether the controller answers."""
    return _check_job(os.environ["SLURM_JOB_ID"]) if "SLURM_JOB_ID" in os.environ else _check_controller()


def _check_job(job: str) -> Check:
    found = f"job {job}"
    given = [name for name in _ARRAY if name in os.environ]
    if given and (wrong := [name for name in _ARRAY if not os.environ.get(name, "").isdecimal()]):
        found = f"{found}: {', '.join(wrong)} missing or no number, so --shard auto cannot know its part"
        return Check("slurm", ok=False, found=found, mend="submit by sbatch --array=1-N; or write --shard 1/N")
    wanted, cores = os.environ.get("SLURM_CPUS_PER_TASK", "1"), available_cores()
    if not wanted.isdecimal():
        found = f"{found}: SLURM_CPUS_PER_TASK is {wanted!r}, which is no number"
        return Check("slurm", ok=False, found=found, mend="unset SLURM_CPUS_PER_TASK, or submit again")
    if int(wanted) > cores:
        found = f"{found}: {wanted} processors a task were asked for, {cores} may be used"
        mend = "export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK before srun, which no longer passes it on"
        return Check("slurm", ok=False, found=found, mend=mend)
    part = f", array task {os.environ[_ARRAY[0]]}" if given else ""
    return Check("slurm", ok=True, found=f"{found}{part}, {wanted} processors a task")


def _check_controller() -> Check:
    if shutil.which("sbatch") is None:
        return Check("slurm", ok=True, found="no sbatch here")
    try:
        answer = subprocess.run(
            ["scontrol", "ping"], capture_output=True, text=True, timeout=_TIME_LIMIT_S, check=False
        )
        said, is_up = (answer.stdout + answer.stderr).strip(), answer.returncode == 0
    except (OSError, subprocess.TimeoutExpired) as error:
        said, is_up = str(error), False
    if is_up and " is UP" in f" {said}":
        return Check("slurm", ok=True, found=said.splitlines()[0])
    if "failed to fetch config" in said:  # the client alone, on a machine of no cluster
        mend = "only on a cluster: export SLURM_CONF=FILE"
        return Check("slurm", ok=True, found="sbatch is here, but no slurm.conf", mend=mend)
    mend = "run on a login node, or ask its keepers: munged and slurmctld must run, and slurm.conf must name them"
    return Check(
        "slurm",
        ok=False,
        found=f"sbatch is here, its controller does not answer: {' '.join(said.split())[:200]}",
        mend=mend,
    )
