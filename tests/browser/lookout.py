"""Chromium, driven by puppeteer-core, with axe-core beside it; both pinned and kept in a cache, never in the tree."""

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium")
NODE, NPM = shutil.which("node"), shutil.which("npm")
PACKAGES = ("puppeteer-core@24.10.0", "axe-core@4.10.3")
SCRIPT = Path(__file__).with_name("look.mjs")

Found = dict[str, Any]  # one page's findings, as look.mjs prints them


@functools.cache
def packages() -> Path:
    """The folder whose ``node_modules`` hold `PACKAGES`; skips the test with npm's own reason where there is none."""
    if NODE is None or NPM is None:
        pytest.skip("node and npm are not installed")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "merit-tests" / "_".join(name.replace("@", "-") for name in PACKAGES)
    done = folder / "complete"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}')
        flags = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel=error", "--fetch-retries=1")
        command = [NPM, "install", *flags, *PACKAGES]
        got = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        if got.returncode:
            lines = got.stderr.strip().splitlines() or ["no reason given"]
            pytest.skip(f"{' and '.join(PACKAGES)} could not be fetched from the npm registry: {lines[0]}")
        done.touch()
    return folder


def look(plans: Mapping[str, Mapping[str, Any]], folder: Path) -> dict[str, Found]:
    """Open pages and say what was found on each.

    Args:
        plans: Name to what look.mjs is to do with a page.
        folder: For the browser's profile and the list of plans.
    """
    job = folder / "job.json"
    job.write_text(json.dumps({"pages": plans}), encoding="utf-8")
    command = [str(NODE), str(SCRIPT), str(packages()), str(CHROMIUM), str(folder / "profile"), str(job)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Found] = json.loads(done.stdout)
    return found
