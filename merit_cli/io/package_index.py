"""Archives from the package index the user's pip is set up for; nothing is installed or built.

Every setting of the user's pip (index, mirrors, proxy, certificates, credentials) holds, because
pip itself does the work in a process of its own, under a time limit.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from merit_cli.errors import Unavailable

ArchiveKind = Literal["wheel", "sdist"]
TIME_LIMIT_S = 300.0
"""Longest wait for one archive: 67 MB at 2 Mbit/s."""

# pip download prepares the metadata of a source archive, which runs the package's own build code.
# pip has no public way to only save the file, so its finder and session are asked directly.
_SAVE_SDIST = """
import sys
from pip._internal.commands import create_command
from pip._internal.network.utils import HEADERS, response_chunks
name, version, target, *arguments = sys.argv[1:]
command = create_command("download")
options, _ = command.parse_args([*arguments, name])
with command.main_context():
    session = command.get_default_session(options)
    finder = command._build_package_finder(options=options, session=session, ignore_requires_python=True)
    found = finder.find_all_candidates(name)
    links = [c.link for c in found if str(c.version) == version and not c.link.is_wheel]
    if not links:
        sys.exit(f"ERROR: no source archive of {name}=={version} on the index")
    response = session.get(links[0].url_without_fragment, headers=HEADERS, stream=True)
    response.raise_for_status()
    with open(target, "wb") as handle:
        for piece in response_chunks(response):
            handle.write(piece)
"""
_COMMON = ("--no-deps", "--no-input", "--retries=1", "--disable-pip-version-check")


def download_archive(
    package: str,
    version: str,
    *,
    kind: ArchiveKind,
    folder: Path,
    platform: str = "",
    time_limit: float = TIME_LIMIT_S,
) -> Path:
    """One archive of a package, saved in ``folder``.

    Args:
        package: Its name on the index.
        version: Exactly this one.
        kind: ``wheel`` or ``sdist``.
        folder: An existing, empty folder.
        platform: Platform tag of the wheel, which need not be this machine's; empty for pure wheels.
        time_limit: Seconds after which pip is ended.

    Raises:
        Unavailable: pip is missing, there is no network, the index has no such archive, or the time is up.
    """
    wanted = f"{package}=={version}"
    if kind == "wheel":
        options = [*_COMMON, "--only-binary=:all:", "--ignore-requires-python", "--progress-bar=off"]
        target = ["--platform", platform] if platform else []
        _python(["-m", "pip", "download", *options, *target, "-d", str(folder), wanted], wanted, time_limit)
    else:
        saved = folder / f"{package}-{version}.tar.gz"
        _python(["-c", _SAVE_SDIST, package, version, str(saved), *_COMMON, "--no-binary=:all:"], wanted, time_limit)
    archives = sorted(folder.iterdir())
    if len(archives) != 1:
        raise Unavailable(f"the package index gave {len(archives)} archives of {wanted}, not one", place=wanted)
    return archives[0]


def _python(arguments: Sequence[str], wanted: str, time_limit: float) -> None:
    # -P: a file called pip.py in the user's folder must not be run.
    command = [sys.executable, "-P", *arguments]
    hint = "check the network and pip's index settings (pip config list), then run the command again"
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=time_limit
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"the package index took longer than {time_limit:g} s", place=wanted, hint=hint) from None
    if done.returncode != 0:
        raise Unavailable(f"pip could not fetch it: {_reason(done.stderr)}", place=wanted, hint=hint)


def _reason(stderr: str) -> str:
    """pip's own last word: its last ``ERROR:`` line, else its last line.

    >>> _reason("WARNING: slow\\nERROR: No matching distribution found for x==1\\n")
    'No matching distribution found for x==1'
    """
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["it said nothing"])[-1]
