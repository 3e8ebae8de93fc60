"""Shards of a mix, and the merge that makes one run of them."""

import heapq
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from merit_cli.errors import CheckFailed, NoInput
from merit_cli.io.atomic import sweep_temporaries, write_json
from merit_cli.io.jsonl import write_lines
from merit_cli.io.ledger import Entry, read_ledger
from merit_cli.io.run_dir import RunDir, read_summary
from merit_cli.io.shards import SHARD_NAME, SHARDS_FOLDER, Shard
from merit_cli.manifests.read_write import MANIFEST_NAME, iter_manifest, read_card, write_card, write_manifest
from merit_cli.manifests.utterance import Utterance

PARTS = ("noisy", "clean", "noise", "sources")
"""Folders that all shards write into."""


def note_shard(run: RunDir, shard: Shard, *, num_mixtures: int, num_bad_inputs: int) -> None:
    """Note in a shard's folder what it is a part of."""
    facts = {**asdict(shard), "num_mixtures": num_mixtures, "num_bad_inputs": num_bad_inputs}
    write_json(run.path / "shard.json", facts)


@dataclass(frozen=True)
class MergeSummary:
    """What a merge found; counts are over all shards."""

    shards: int
    rendered: int
    skipped: int
    failed: int
    manifest: str
    worst_snr_error_db: float


def merge_shards(base: Path) -> MergeSummary:
    """Make one finished run of the shards in a mix folder; byte for byte that of an unsharded run.

    Raises:
        NoInput: There are no shards, or one is missing or unfinished.
        CheckFailed: Shards overlap, belong to different runs or do not add up to the plan.
    """
    folders = _complete_set(base)
    sweep_temporaries(base)  # of jobs that were killed; all have finished since
    ledgers = [read_ledger(folder / "ledger.jsonl") for folder in folders]
    _check_sum(folders, sum(map(len, ledgers)), base)
    _refuse_twins(ledgers)
    entries = [entry for ledger in ledgers for entry in ledger.values()]
    places = {entry.id: entry.data["place"] for entry in entries if "place" in entry.data}
    manifest = base / MANIFEST_NAME
    parts = (iter_manifest(folder / MANIFEST_NAME) for folder in folders)
    written = write_manifest(manifest, heapq.merge(*parts, key=lambda line: _place(line, places)))
    write_lines(base / "ledger.jsonl", (entry.to_line() for entry in entries))
    card = read_card(folders[0] / MANIFEST_NAME)
    if card is not None:
        write_card(base, card)
    summary = MergeSummary(
        shards=len(folders),
        rendered=written,
        skipped=sum(entry.status == "skipped" for entry in entries),
        failed=sum(entry.status == "failed" for entry in entries),
        manifest=str(manifest),
        worst_snr_error_db=max(read_summary(folder)["worst_snr_error_db"] for folder in folders),
    )
    done = {key: value for key, value in asdict(summary).items() if key != "shards"}
    write_json(base / "DONE", {**done, "already_done": 0, "real_time_factor": None})
    return summary


def _place(utterance: Utterance, places: Mapping[str, int]) -> int:
    if utterance.id not in places:
        raise CheckFailed(
            f"the ledgers of the shards do not say where {utterance.id!r} stands in the plan",
            hint="they were written by another version, or changed; render them anew",
        )
    return places[utterance.id]


def _refuse_twins(ledgers: Sequence[Mapping[str, Entry]]) -> None:
    seen: set[str] = set()
    for ledger in ledgers:
        for name in ledger:
            if name in seen:
                raise CheckFailed(f"two shards hold the mixture {name!r}", hint="they overlap; render them anew")
        seen.update(ledger)


def _complete_set(base: Path) -> list[Path]:
    """The folders of all shards, in order."""
    found: dict[int, Path] = {}
    counts = set()
    for folder in (base / SHARDS_FOLDER).glob("*of*"):
        if match := SHARD_NAME.fullmatch(folder.name):
            found[int(match[1])] = folder
            counts.add(int(match[2]))
    if not found:
        raise NoInput("there are no shards", place=str(base), hint="render them with merit mix ... --shard i/n")
    if len(counts) > 1:
        raise CheckFailed(
            f"shards of different cuts lie together: {', '.join(f'n = {n}' for n in sorted(counts))}",
            place=str(base / SHARDS_FOLDER),
            hint="remove the folders of the cut that is not wanted",
        )
    (count,) = counts
    missing = [number for number in range(1, count + 1) if number not in found]
    unfinished = [number for number, folder in sorted(found.items()) if not (folder / "DONE").exists()]
    for what, numbers in (("missing", missing), ("not finished", unfinished)):
        if numbers:
            names = ", ".join(f"{number}/{count}" for number in numbers[:10])
            raise NoInput(f"{len(numbers)} of {count} shards are {what}: {names}", place=str(base), hint="render them")
    marks = {json.loads((folder / "provenance.json").read_text("utf-8"))["fingerprint"] for folder in found.values()}
    if len(marks) > 1:
        raise CheckFailed("the shards belong to different runs", place=str(base / SHARDS_FOLDER))
    return [found[number] for number in sorted(found)]


def _check_sum(folders: list[Path], num_entries: int, base: Path) -> None:
    marks: list[Mapping[str, int]] = [json.loads((folder / "shard.json").read_text("utf-8")) for folder in folders]
    planned = marks[0]["num_mixtures"]
    accounted = num_entries - sum(mark["num_bad_inputs"] for mark in marks)
    if accounted != planned:
        raise CheckFailed(f"the shards account for {accounted} of {planned} mixtures", place=str(base))
