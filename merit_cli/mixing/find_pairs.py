"""Pairs to audit: from a manifest, a run, or anyone's folders."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from merit_cli.audio.levels import LevelName
from merit_cli.errors import BadData, NoInput, UsageError
from merit_cli.manifests.read_write import MANIFEST_NAME, iter_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.pair_folders import pairs_of_folder
from merit_cli.mixing.pairs import Pair, PairRules
from merit_cli.mixing.speech_detector import DetectorName


def find_manifest(place: Path) -> Path | None:
    """The manifest at ``place``: a ``.jsonl`` file, or the one of a run folder; None where there is none."""
    if place.suffix == ".jsonl":
        return place
    return place / MANIFEST_NAME if (place / MANIFEST_NAME).is_file() else None


def pairs_of_manifest(manifest: Path) -> Iterator[Pair]:
    """A pair of each line that says it is noisy, one line in memory at a time; other lines are left out.

    Raises:
        NoInput: There is no such manifest.
        BadData: A line cannot be used, states an unknown level, or an id appears twice.
    """
    seen: set[str] = set()
    for line in iter_manifest(manifest):
        if line.id in seen:
            raise BadData(f"the id {line.id!r} appears twice", place=str(manifest))
        seen.add(line.id)
        if line.mixture or line.clean:
            yield _pair_of_line(line, manifest)


def _pair_of_line(line: Utterance, manifest: Path) -> Pair:
    mixture = line.mixture
    level = mixture.level if mixture else "rms"
    if level not in get_args(LevelName):
        raise BadData(f"{line.id} states its ratio in the unknown level {level!r}", place=str(manifest))
    detector = (mixture.detector if mixture else "") or "energy"
    if detector not in get_args(DetectorName):
        raise BadData(f"{line.id} states its ratio by the unknown detector {detector!r}", place=str(manifest))
    if mixture and not math.isfinite(mixture.snr_db):
        raise BadData(f"{line.id} claims a ratio of {mixture.snr_db} dB", place=str(manifest))
    sources = {"clean_id": mixture.clean_id, "noise_id": mixture.noise_id} if mixture else {}
    return Pair(
        id=line.id,
        noisy=line.noisy or line.audio,
        clean=(line.clean,) if line.clean else (),
        noise=(line.noise,) if line.noise else (),
        lacks=None if line.clean else "clean",
        claimed_snr_db=mixture.snr_db if mixture else None,
        level=level,  # type: ignore[arg-type]  # checked above
        split=line.split,
        sources={"speaker": line.speaker, **sources},
        more_noise_ids=mixture.noise_ids[1:] if mixture else (),
        start=line.start,
        num_samples=line.num_samples,
        is_whole=mixture is not None and line.start == 0,
        claimed_rate=line.sample_rate,
        detector=detector,  # type: ignore[arg-type]  # checked above
        remade=mixture.measured if mixture else "",
        recorded_snr_db=mixture.achieved_snr_db if mixture else None,
    )


def find_pairs(place: Path, rules: PairRules | None = None) -> Iterator[Pair]:
    """Every pair of a manifest, a run folder or a folder of noisy and clean folders, in a fixed order.

    Raises:
        NoInput: There is nothing, or no noisy and clean folder side by side.
        BadData: A manifest line cannot be used.
        UsageError: Rules for names were given for a manifest, or they pair one file with two.
    """
    rules = rules or PairRules()
    manifest = find_manifest(place)
    if manifest is None:
        if not place.is_dir():
            raise NoInput("there is no such manifest or folder", place=str(place), hint="give a manifest or a folder")
        yield from pairs_of_folder(place, rules)
        return
    if rules != PairRules():
        raise UsageError(
            "--pair-by, --claimed-snr and --level are for folders without a manifest",
            place=str(manifest),
            hint="leave them out: the manifest says which files belong together",
        )
    yield from pairs_of_manifest(manifest)
