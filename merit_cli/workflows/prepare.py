"""``merit prepare``: a corpus as a checked manifest and a card, and the small pretrained weights."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

from merit_cli import __version__
from merit_cli.assets import bundled
from merit_cli.config.frozen import FrozenConfig
from merit_cli.config.load import read_yaml, resolved
from merit_cli.corpora import CORPORA
from merit_cli.corpora.prepared import CorpusAdapter, Remark
from merit_cli.corpora.split_plans import DEFAULT_FOLDS, SplitPlan, apply_split_plan, check_split_plan, parse_split_plan
from merit_cli.errors import MeritError, NoInput, Unavailable
from merit_cli.io.audio_file import headers_read_by
from merit_cli.io.hashing import hash_of_files, sha256_of_file
from merit_cli.io.jsonl import write_lines
from merit_cli.io.ledger import Entry
from merit_cli.io.package_index import TIME_LIMIT_S
from merit_cli.io.pinned_file import PinnedFile, cached_file, fetch_file
from merit_cli.io.run_dir import open_run
from merit_cli.io.weights import fetch_weight, weight_path, weight_spec, weight_specs
from merit_cli.manifests.audio_checks import check_audio
from merit_cli.manifests.audio_facts import KnownAudio, read_facts
from merit_cli.manifests.checks import check_leaks
from merit_cli.manifests.folds import leave_one_speaker_out
from merit_cli.manifests.read_write import CARD_NAME, MANIFEST_NAME, write_card, write_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine

LEDGER_NAME = "ledger.jsonl"
Checks = Literal["fast", "full"]


class PrepareRecipe(FrozenConfig):
    """What decides a prepared corpus.

    Args:
        corpus: Name of its adapter.
        fold: Leave-one-speaker-out fold, or that of ``splits``, from 1; None keeps the corpus's own splits.
        splits: What the splits are: ``corpus`` leaves them to the adapter; see `corpora.split_plans`.
        num_folds: Of the plan ``folds``.
        allow_leak: Go on although splits share a speaker.
        checks: ``full`` reads all samples, ``fast`` the headers alone.
    """

    corpus: str
    fold: int | None = None
    splits: str = "corpus"
    num_folds: int = DEFAULT_FOLDS
    allow_leak: bool = False
    checks: Checks = "full"


@dataclass(frozen=True)
class PrepareSummary:
    """What came out of a corpus.

    Args:
        output: The run folder.
        manifest: Path of the manifest.
        utterances: In all.
        splits: Utterances of each split.
        speakers: In all.
        seconds: Of audio.
        notes: What every table made from it must repeat.
        skipped: Recordings or parts of them that could not be used.
        already_done: Whether an earlier call had finished it.
        findings: How often the audio checks found what.
        kind: ``speech`` to be mixed (or breath), ``noise``, or ``pairs`` of noisy and clean files.
    """

    output: Path
    manifest: Path
    utterances: int
    splits: dict[str, int]
    speakers: int
    seconds: float
    notes: tuple[str, ...]
    skipped: int = 0
    already_done: bool = False
    findings: dict[str, int] = field(default_factory=dict)
    kind: str = "speech"

    def to_json(self) -> dict[str, Any]:
        """The summary as JSON data."""
        return {**asdict(self), "output": str(self.output), "manifest": str(self.manifest), "notes": list(self.notes)}


def run_prepare(
    corpus: str,
    raw: Path | None,
    *,
    output: Path | None,
    machine: Machine,
    fold: int | None = None,
    splits: str | None = None,
    fetch: bool = False,
    allow_leak: bool = False,
    checks: Checks = "full",
) -> PrepareSummary:
    """Make a corpus ready in a run folder, or find it ready there.

    Args:
        corpus: Registered name.
        raw: The corpus as the user has it; None for a bundled or made one, or one that was fetched.
        output: The run folder; None takes the default one.
        machine: Where default folders go; whether to overwrite.
        fold: Leave-one-speaker-out fold, or that of ``splits``, from 1; None keeps the corpus's own splits.
        splits: ``official``, ``folds``, ``folds:K``, ``random`` or a file of folds; None: the corpus's own.
        fetch: Fetch the raw file through the package index where it is not cached.
        allow_leak: Go on although splits share a speaker.
        checks: Whether the audio checks read all samples or the headers alone.

    Raises:
        UsageError: The name, the fold or the output folder is wrong.
        NoInput: The raw corpus is missing.
        BadData: It cannot be used.
        CheckFailed: Its splits share a speaker, or were to be drawn cycle by cycle.
        Unavailable: It has to be fetched first, or the output cannot be written.
    """
    adapter = cast(CorpusAdapter, CORPORA.load(corpus, place="CORPUS"))
    raw = _pinned_raw(corpus, fetch=fetch) if raw is None else raw
    plan = parse_split_plan(splits)
    check_split_plan(plan, fold, allow_leak=allow_leak)
    recipe = PrepareRecipe(
        corpus=corpus, fold=fold, splits=plan.kind, num_folds=plan.folds, allow_leak=allow_leak, checks=checks
    )
    known = KnownAudio(read_facts(output) if output is not None else {})
    run = open_run(
        output,
        command="prepare",
        name=corpus if fold is None else f"{corpus}-fold{fold}",
        recipe=resolved(recipe),
        inputs=_inputs(corpus, raw, plan),
        runs_dir=machine.runs_dir,
        overwrite=machine.overwrite,
    )
    manifest = run.path / MANIFEST_NAME
    if run.state == "done":
        stored = {**run.summary(), "output": run.path, "manifest": manifest, "already_done": True}
        return PrepareSummary(**{**stored, "notes": tuple(stored["notes"])})
    if run.state == "resumed":
        known = KnownAudio(read_facts(run.path))
    with headers_read_by(known.header):
        utterances, card, remarks = adapter(raw, run.path)
    plan_notes: list[str] = []
    if plan.kind != "corpus":
        utterances, plan_notes = apply_split_plan(utterances, plan, fold)
    elif fold is not None:
        utterances = leave_one_speaker_out(utterances, fold)
    audio = check_audio(utterances, run.path, known, full=checks == "full", machine=machine)
    remarks = [*remarks, *(Remark(one.id, one.reason, one.kept) for one in audio.findings)]
    utterances = list(audio.kept)
    notes = (*card.notes, *audio.notes, *plan_notes, *check_leaks(utterances, card, allow_leak=allow_leak))
    write_card(run.path, card.model_copy(update={"notes": notes}))
    write_manifest(manifest, utterances)
    write_remarks(run.path / LEDGER_NAME, remarks)
    skipped = len({remark.id for remark in remarks if not remark.kept})
    summary = replace(_summary(run.path, utterances, notes), skipped=skipped, findings=audio.counts())
    run.finish(summary.to_json())
    return summary


def write_remarks(path: Path, remarks: Sequence[Remark]) -> None:
    """The ledger of an adapter: a line for each item that was left out (``skipped``) or is odd (``done``)."""
    reasons: dict[str, list[str]] = {}
    for remark in remarks:
        said = reasons.setdefault(remark.id, [])
        said += [remark.reason] if remark.reason not in said else []
    lost = {remark.id for remark in remarks if not remark.kept}
    entries = (Entry(item, "skipped" if item in lost else "done", "; ".join(said)) for item, said in reasons.items())
    write_lines(path, (entry.to_line() for entry in entries))


def _bundled_card(corpus: str) -> Path | None:
    try:
        return bundled(f"data_manifests/{corpus}/{CARD_NAME}")
    except NoInput:
        return None


def _pinned_raw(corpus: str, *, fetch: bool) -> Path | None:
    """The raw file that the corpus's card pins; None for a corpus without one."""
    card = _bundled_card(corpus)
    entry = read_yaml(card).get("file") if card else None
    if not entry:
        return None
    pinned = PinnedFile.from_card(corpus, entry)
    return fetch_file(pinned) if fetch else cached_file(pinned, how_to_get=f"merit prepare {corpus} --fetch")


def _inputs(corpus: str, raw: Path | None, plan: SplitPlan) -> dict[str, str]:
    inputs = {"merit": __version__}  # adapters and the bundled corpora change with it
    if plan.path is not None:
        inputs["folds"] = sha256_of_file(plan.path)
    if card := _bundled_card(corpus):
        inputs["card"] = sha256_of_file(card)
    if raw is not None:
        if not raw.exists():
            raise NoInput("the raw corpus does not exist", place=str(raw))
        files = [path for path in raw.rglob("*") if path.is_file()] if raw.is_dir() else []
        inputs["raw"] = hash_of_files(files) if raw.is_dir() else sha256_of_file(raw)
    return inputs


def _summary(folder: Path, utterances: Sequence[Utterance], notes: tuple[str, ...]) -> PrepareSummary:
    splits: dict[str, int] = {}
    for utterance in utterances:
        splits[utterance.split] = splits.get(utterance.split, 0) + 1
    return PrepareSummary(
        output=folder,
        manifest=folder / MANIFEST_NAME,
        utterances=len(utterances),
        splits=splits,
        speakers=len({u.speaker for u in utterances if u.speaker}),
        seconds=round(sum(u.duration for u in utterances), 1),
        notes=notes,
        kind=_kind(utterances),
    )


def _kind(utterances: Sequence[Utterance]) -> str:
    if all(one.clean is not None for one in utterances):
        return "pairs"
    return "noise" if all("noise_class" in one.info and not one.speaker for one in utterances) else "speech"


@dataclass(frozen=True)
class WeightReport:
    """What became of one weight.

    Args:
        name: Of the weight.
        status: ``ready`` (was cached), ``fetched`` or ``failed``.
        path: The cached file; empty where it failed.
        reason: Why it failed.
        licence: Of the weight.
    """

    name: str
    status: Literal["ready", "fetched", "failed"]
    path: str
    reason: str
    licence: str


def prepare_weights(
    names: Sequence[str] = (), *, machine: Machine, time_limit: float = TIME_LIMIT_S
) -> list[WeightReport]:
    """Fetch the small pinned weights that are not cached yet; one that cannot be had does not stop the others.

    Args:
        names: Which; empty takes all.
        machine: Told how far it is.
        time_limit: Seconds for all downloads together, so that a dead network is waited for once.

    Raises:
        UsageError: A name is unknown.
    """
    wanted = [weight_spec(name) for name in names] or list(weight_specs().values())
    reports = []
    started = time.monotonic()
    for number, spec in enumerate(wanted, start=1):
        left = time_limit - (time.monotonic() - started)
        reports.append(_prepare_weight(spec, max(1.0, left)))
        machine.progress("weights", number, len(wanted))
    return reports


def _prepare_weight(spec: PinnedFile, time_limit: float) -> WeightReport:
    try:
        return WeightReport(spec.name, "ready", str(weight_path(spec.name)), "", spec.licence)
    except Unavailable:
        pass
    try:
        path = fetch_weight(spec.name, time_limit=time_limit)
    except MeritError as error:
        return WeightReport(spec.name, "failed", "", str(error), spec.licence)
    return WeightReport(spec.name, "fetched", str(path), "", spec.licence)
