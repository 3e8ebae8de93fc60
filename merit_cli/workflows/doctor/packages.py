"""The packages merit stands on: there, of a fitting version, importable, and not hidden by another copy."""

import importlib
import importlib.util
import json
import traceback
from collections.abc import Iterator, Set
from importlib.metadata import Distribution, PackageNotFoundError, distribution, requires, version
from io import BytesIO
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from merit_cli.workflows.doctor.check import Check

_PROJECT = "merit-cli"
_FOR_DEVELOPERS = {"test", "dev"}
_MODULES = {"pyyaml": "yaml"}
"""Modules that are not named as their package."""
_NEEDS = {
    "pesq": " (it compiles: a C compiler and Python's headers are needed, in Debian gcc and python3-dev)",
    "soundfile": " (where the wheel does not fit the machine: apt-get install libsndfile1)",
}
_CODECS = ("WAV", "FLAC", "OGG")


def check_packages() -> list[Check]:
    """A finding for each package that merit declares, those of extras last."""
    try:
        needed, extras = _declared()
    except PackageNotFoundError:
        found = "merit runs from a folder and is not installed"
        return [Check("packages", ok=True, found=found, mend="pip install -e FOLDER, that of pyproject.toml")]
    import merit_cli.torchaudio_bridge  # noqa: F401 (before torchaudio, which speechbrain imports)

    findings: list[Check] = []
    for requirement in needed:
        faulty = {check.name for check in findings if not check.ok}
        findings.append(check_package(requirement, faulty=faulty))
    for requirement, extra in extras:
        faulty = {check.name for check in findings if not check.ok}
        findings.append(check_package(requirement, faulty=faulty, extra=extra))
    return findings


def _declared() -> tuple[list[Requirement], list[tuple[Requirement, str]]]:
    """What merit needs, and what its extras add, each with the extra's name."""
    needed: list[Requirement] = []
    extras: dict[str, tuple[Requirement, str]] = {}
    for requirement in map(Requirement, requires(_PROJECT) or []):
        extra = next((name for name in _extras_of() if requirement.marker and _is_for(requirement, name)), "")
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            needed.append(requirement)
        elif extra:
            extras.setdefault(requirement.name, (requirement, extra))
    order = {"torch": 0, "torchaudio": 1}  # what others fall with comes first
    return sorted(needed, key=lambda wanted: order.get(wanted.name, 2)), list(extras.values())


def _extras_of() -> list[str]:
    return sorted(set(distribution(_PROJECT).metadata.get_all("Provides-Extra") or []) - _FOR_DEVELOPERS)


def _is_for(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is not None and requirement.marker.evaluate({"extra": extra})


def check_package(requirement: Requirement, *, faulty: Set[str] = frozenset(), extra: str = "") -> Check:
    """Whether a package is there, fits, and can be imported.

    Args:
        requirement: Name and versions that merit declares.
        faulty: Packages with a fault, from which this one's may come.
        extra: The extra that brings it; without it merit still does its other work. Empty for what is needed.
    """
    name = f"extra {requirement.name}" if extra else requirement.name
    bare = Requirement(str(requirement).split(";")[0].strip())
    install = f"pip install '{_PROJECT}[{extra}]'" if extra else f"pip install '{bare}'{_NEEDS.get(bare.name, '')}"
    try:
        found = distribution(requirement.name)
    except PackageNotFoundError:
        return Check(name, ok=bool(extra), found="not installed", mend=install)
    if hidden := _hidden_by(found, _module_of(requirement)):
        mend = f"take {hidden.parent} off PYTHONPATH, or remove {hidden}"
        return Check(name, ok=False, found=f"{found.version} is hidden by {hidden}", mend=mend)
    if not requirement.specifier.contains(found.version, prereleases=True):
        wanted = f"{found.version}, but merit needs {requirement.specifier}"
        return Check(name, ok=False, found=wanted, mend=f"pip install '{bare}'")
    try:
        importlib.import_module(_module_of(requirement))
    except Exception as error:
        cause = next((package for package in _packages_in(error) if package in faulty), "")
        again = f"pip install --force-reinstall --no-deps '{bare}'{_NEEDS.get(bare.name, '')}"
        said = f"{found.version} does not import: {type(error).__name__}: {error}"
        return Check(name, ok=False, found=said, mend=f"mend {cause} first" if cause else again)
    return Check(name, ok=True, found=f"{found.version}{_more_about(requirement.name)}")


def _module_of(requirement: Requirement) -> str:
    name = canonicalize_name(requirement.name)
    return _MODULES.get(name, name.replace("-", "_"))


def _hidden_by(package: Distribution, module: str) -> Path | None:
    """The file or folder that is imported in the installed package's stead; None where there is none."""
    if json.loads(package.read_text("direct_url.json") or "{}").get("dir_info", {}).get("editable"):
        return None
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None or not Path(spec.origin).is_absolute():
        return None
    origin = Path(spec.origin)
    where = origin.parent if origin.name == "__init__.py" else origin
    home = Path(str(package.locate_file("")))
    return None if where.parent.resolve() == home.resolve() else where


def _packages_in(error: BaseException) -> Iterator[str]:
    """The packages whose code was running when ``error`` was raised, innermost first."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    for frame in reversed(frames):
        yield str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _more_about(name: str) -> str:
    if name == "torch":
        import torch

        return f", {f'CUDA {torch.version.cuda}' if torch.version.cuda else 'CPU'} build"
    if name == "torchaudio":
        from merit_cli.torchaudio_bridge import load_error

        is_bridged = load_error() is not None
        return ", bridged without its compiled part: only forced alignment is missing" if is_bridged else ", compiled"
    return ""


def check_codecs() -> Check:
    """Whether sound survives a way through each format that merit writes."""
    import numpy as np
    import soundfile

    silence = np.zeros(1600)
    lacking = []
    for name in _CODECS:
        held = BytesIO()
        try:
            soundfile.write(held, silence, 16000, format=name)
            held.seek(0)
            is_whole = len(soundfile.read(held)[0]) == len(silence)
        except soundfile.LibsndfileError:
            is_whole = False
        lacking += [] if is_whole else [name]
    libraries = f"{version('soundfile')}, libsndfile {soundfile.__libsndfile_version__}"
    if lacking:
        mend = "pip install --force-reinstall soundfile"
        return Check("soundfile codecs", ok=False, found=f"{libraries} lacks {', '.join(lacking)}", mend=mend)
    more = ["MP3"] if "MP3" in soundfile.available_formats() else []
    more += ["OPUS"] if "OPUS" in soundfile.available_subtypes("OGG") else []
    return Check("soundfile codecs", ok=True, found=f"{libraries}; reads {', '.join([*_CODECS, *more])}")
