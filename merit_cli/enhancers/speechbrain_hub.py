"""A model folder from the hub, fetched by a process of its own under a time limit, so that nothing can hang."""

import os
import subprocess
import sys
from pathlib import Path

from merit_cli.errors import Unavailable, UsageError

HUB_TIME_LIMIT_S = 600.0
"""Longest wait for a model: 113 MB at 2 Mbit/s."""
_ANSWER_LIMIT_S = 10
_FETCH = """
import sys
from huggingface_hub import HfApi, snapshot_download
HfApi().model_info(sys.argv[1], timeout=float(sys.argv[2]))
print(snapshot_download(sys.argv[1], allow_patterns=["*.yaml", "*.ckpt", "README.md"]))
"""
_CACHED = """
import sys
from huggingface_hub import snapshot_download
print(snapshot_download(sys.argv[1], local_files_only=True))
"""


def fetch_from_hub(name: str, *, time_limit: float = HUB_TIME_LIMIT_S) -> Path:
    """The folder of a model in the hub's own cache, fetched where it is not there.

    Args:
        name: ``organisation/model``.
        time_limit: Seconds after which the download is ended.

    Raises:
        UsageError: The name is not of that form.
        Unavailable: There is no network, no such model, or no time.
    """
    if name.count("/") != 1 or name.startswith((".", "/")) or any(sign.isspace() for sign in name):
        raise UsageError(f"{name!r} is no name on a hub", place="enhancer.model", hint="organisation/model")
    for program, limit in ((_CACHED, 60.0), (_FETCH, time_limit)):
        folder, reason = _printed([program, name, str(_ANSWER_LIMIT_S)], limit)
        if folder:
            return Path(folder)
    raise Unavailable(
        f"the model cannot be fetched from the hub: {reason}",
        place=name,
        hint="check the network, or give a local folder: --set enhancer.model=FOLDER --set enhancer.hub=false",
    )


def _printed(arguments: list[str], time_limit: float) -> tuple[str, str]:
    """The last line a Python program printed, or else why there is none."""
    environment = {**os.environ, "HF_HUB_ETAG_TIMEOUT": str(_ANSWER_LIMIT_S), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    command = [sys.executable, "-c", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=time_limit, check=False, env=environment)
    except subprocess.TimeoutExpired:
        return "", f"no answer in {time_limit:g} s"
    lines = (done.stderr if done.returncode else done.stdout).strip().splitlines() or ["nothing was printed"]
    return ("", lines[-1]) if done.returncode else (lines[-1], "")
