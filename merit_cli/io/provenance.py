"""What made a run: versions, machine, source commit and the command as typed."""

import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from merit_cli import __version__

_PACKAGES = (
    "numpy",
    "scipy",
    "soundfile",
    "soxr",
    "torch",
    "torchaudio",
    "speechbrain",
    "pesq",
    "pystoi",
    "onnxruntime",
)


def gather_provenance(argv: Sequence[str]) -> dict[str, Any]:
    """Versions and circumstances of this process, for ``provenance.json``; imports nothing heavy."""
    return {
        "merit": __version__,
        "git_commit": _git_commit(),
        "argv": [Path(argv[0]).name, *argv[1:]] if argv else [],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """Commit of the checkout merit runs from, with ``+`` where it has local changes."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return commit + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()
