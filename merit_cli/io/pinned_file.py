"""Single files out of packages on the index, pinned by version and sha256, kept in a cache folder."""

import os
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from merit_cli.errors import BadData, Unavailable
from merit_cli.io.atomic import atomic_path
from merit_cli.io.hashing import sha256_of_file
from merit_cli.io.package_index import TIME_LIMIT_S, ArchiveKind, download_archive


@dataclass(frozen=True)
class PinnedFile:
    """One file inside an archive of the package index.

    Args:
        name: What merit calls it.
        package: On the index.
        version: Of the package.
        member: Path of the file inside the archive.
        sha256: Of the file, in hexadecimal.
        num_bytes: Of the file.
        licence: Under which it may be used.
        source: Who made it.
        kind: ``wheel`` or ``sdist``.
        platform: Platform tag of the wheel; empty for a pure one.
        archive_sha256: Of the whole archive; empty where only the member is pinned.
    """

    name: str
    package: str
    version: str
    member: str
    sha256: str
    num_bytes: int
    licence: str = ""
    source: str = ""
    kind: ArchiveKind = "wheel"
    platform: str = ""
    archive_sha256: str = ""

    @classmethod
    def from_card(cls, name: str, entry: dict[str, Any]) -> "PinnedFile":
        """The file that a card's entry describes."""
        return cls(name=name, **{key: entry[key] for key in entry})


def cache_dir() -> Path:
    """Where fetched files are kept: ``MERIT_CACHE_DIR``, else ``merit`` in the user's cache folder."""
    chosen = os.environ.get("MERIT_CACHE_DIR")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "merit"


def cache_path(pinned: PinnedFile) -> Path:
    """Where the cached copy lies, whether or not it is there."""
    return cache_dir() / f"{pinned.package}-{pinned.version}" / Path(pinned.member).name


def cached_file(pinned: PinnedFile, *, how_to_get: str) -> Path:
    """The cached copy, its contents checked.

    Args:
        pinned: The file.
        how_to_get: The command that fetches it, for the hint.

    Raises:
        Unavailable: It has not been fetched, or its contents are not the pinned ones.
    """
    path = cache_path(pinned)
    if not path.is_file():
        raise Unavailable(f"{pinned.name} has not been fetched", place=str(path), hint=how_to_get)
    found = sha256_of_file(path)
    if found != pinned.sha256:
        raise Unavailable(
            f"the file of {pinned.name} is damaged: its sha256 is {found}, not {pinned.sha256}",
            place=str(path),
            hint=how_to_get,
        )
    return path


def fetch_file(pinned: PinnedFile, *, time_limit: float = TIME_LIMIT_S) -> Path:
    """The cached copy, fetched where it is missing or damaged.

    Raises:
        Unavailable: It cannot be had: no network, no such archive, no time, no room.
        BadData: What the index gave is not the pinned file.
    """
    try:
        return cached_file(pinned, how_to_get="")
    except Unavailable:
        pass
    with tempfile.TemporaryDirectory(prefix="merit-") as folder:
        archive = download_archive(
            pinned.package,
            pinned.version,
            kind=pinned.kind,
            folder=Path(folder),
            platform=pinned.platform,
            time_limit=time_limit,
        )
        if pinned.archive_sha256:
            _check(archive, pinned.archive_sha256, pinned)
        path = cache_path(pinned)
        with atomic_path(path) as temporary:
            _take_out(archive, pinned, temporary)
            _check(temporary, pinned.sha256, pinned)
    return path


def _check(path: Path, wanted: str, pinned: PinnedFile) -> None:
    found = sha256_of_file(path)
    if found != wanted:
        raise BadData(
            f"what the package index gave for {pinned.name} has the sha256 {found}, not {wanted}",
            place=f"{pinned.package}=={pinned.version}",
            hint="the index is not to be trusted, or the pin is wrong; nothing was kept",
        )


def _take_out(archive: Path, pinned: PinnedFile, target: Path) -> None:
    """Copy one member out, never more than the pinned size; no path in the archive is followed."""
    try:
        if pinned.kind == "wheel":
            with zipfile.ZipFile(archive) as wheel, wheel.open(pinned.member) as source:
                contents = source.read(pinned.num_bytes + 1)
        else:
            with tarfile.open(archive) as sdist:
                source_or_none = sdist.extractfile(pinned.member)
                if source_or_none is None:
                    raise KeyError(pinned.member)
                contents = source_or_none.read(pinned.num_bytes + 1)
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise BadData(
            f"the archive does not hold {pinned.member}",
            place=f"{pinned.package}=={pinned.version}",
            hint=str(error),
        ) from None
    target.write_bytes(contents)
