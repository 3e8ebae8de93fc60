"""``merit doctor``: what works on this machine, and the one-line mend of what does not."""

import importlib
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from merit_cli.errors import MeritError
from merit_cli.io.pinned_file import cache_dir
from merit_cli.io.weights import weight_path, weight_specs
from merit_cli.workers import available_cores

_NEEDED_CODECS = ("WAV", "FLAC", "OGG")
_EXTRAS = {"onnxruntime": "onnx", "onnx": "onnx", "transformers": "hf"}
_MIN_FREE_BYTES = 1_000_000_000


@dataclass(frozen=True)
class Check:
    """One finding.

    Args:
        name: What was looked at.
        ok: Whether merit can do its work; an absent extra is no fault.
        found: What was found.
        mend: What to do; empty where nothing is needed.
    """

    name: str
    ok: bool
    found: str
    mend: str = ""


def run_checks() -> list[Check]:
    """Every check, in a fixed order; a check that breaks is a finding, never an exception."""
    checks: list[tuple[str, Callable[[], Check]]] = [
        ("python", _python),
        ("torch", _torch),
        ("torchaudio", _torchaudio),
        ("speechbrain", lambda: _importable("speechbrain")),
        ("soundfile", _soundfile),
        ("soxr", lambda: _importable("soxr")),
        (
            "pesq",
            lambda: _importable("pesq", mend="pip install pesq (it compiles: gcc and Python's headers are needed)"),
        ),
        ("pystoi", lambda: _importable("pystoi")),
        ("device", _device),
        ("processors", _processors),
        ("cache", _cache),
        ("disk", _disk),
    ]
    checks += [(name, lambda name=name: _extra(name)) for name in _EXTRAS]  # type: ignore[misc]
    checks += [(f"weight {name}", lambda name=name: _weight(name)) for name in weight_specs()]  # type: ignore[misc]
    return [_guarded(name, check) for name, check in checks]


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except Exception as error:  # a doctor that falls over helps nobody
        return Check(
            name, ok=False, found=f"{type(error).__name__}: {error}", mend=f"pip install --force-reinstall {name}"
        )


def _python() -> Check:
    return Check("python", ok=True, found=f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _importable(name: str, *, mend: str = "") -> Check:
    import merit_cli.torchaudio_bridge  # noqa: F401 (speechbrain imports torchaudio)

    try:
        importlib.import_module(name)
    except Exception as error:
        found = f"does not import: {type(error).__name__}: {error}"
        return Check(name, ok=False, found=found, mend=mend or f"pip install {name}")
    return Check(name, ok=True, found=version(name))


def _torch() -> Check:
    import torch

    built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU"
    return Check("torch", ok=True, found=f"{torch.__version__}, {built} build")


def _torchaudio() -> Check:
    from merit_cli.torchaudio_bridge import load_error

    error = load_error()
    found = version("torchaudio") + (
        ", with its compiled part" if error is None else ", bridged without its compiled part"
    )
    return Check(
        "torchaudio", ok=True, found=found, mend="" if error is None else "none needed; forced alignment is missing"
    )


def _soundfile() -> Check:
    import soundfile

    formats = soundfile.available_formats()
    missing = [name for name in _NEEDED_CODECS if name not in formats]
    if missing:
        mend = "pip install --force-reinstall soundfile"
        return Check("soundfile", ok=False, found=f"lacks {', '.join(missing)}", mend=mend)
    more = [name for name in ("MP3",) if name in formats]
    more += ["OPUS"] if "OPUS" in soundfile.available_subtypes("OGG") else []
    libraries = f"{version('soundfile')}, libsndfile {soundfile.__libsndfile_version__}"
    return Check("soundfile", ok=True, found=f"{libraries}; reads {', '.join([*_NEEDED_CODECS, *more])}")


def _device() -> Check:
    import torch

    if torch.cuda.is_available():
        return Check("device", ok=True, found=f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}")
    driver = Path("/proc/driver/nvidia/version").exists()
    mend = "an NVIDIA driver is there but this torch cannot use it: install the CUDA build of torch" if driver else ""
    return Check("device", ok=not driver, found="CPU only", mend=mend)


def _processors() -> Check:
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    return Check("processors", ok=True, found=f"{available_cores()} cores, OMP_NUM_THREADS {threads}")


def _cache() -> Check:
    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Check(
            "cache", ok=False, found=f"{folder}: {error.strerror}", mend="set MERIT_CACHE_DIR to a writable folder"
        )
    return Check("cache", ok=True, found=str(folder))


def _disk() -> Check:
    free = shutil.disk_usage(Path.cwd()).free
    mend = "" if free >= _MIN_FREE_BYTES else "free some space, or run in another folder"
    return Check("disk", ok=not mend, found=f"{free / 1e9:.1f} GB free here", mend=mend)


def _extra(name: str) -> Check:
    try:
        return Check(f"extra {name}", ok=True, found=version(name))
    except PackageNotFoundError:
        return Check(f"extra {name}", ok=True, found="not installed", mend=f"pip install 'merit-cli[{_EXTRAS[name]}]'")


def _weight(name: str) -> Check:
    try:
        return Check(f"weight {name}", ok=True, found=str(weight_path(name)))
    except MeritError as error:
        corrupt = "damaged" in error.message
        return Check(f"weight {name}", ok=not corrupt, found=error.message, mend=f"merit prepare weights {name}")
