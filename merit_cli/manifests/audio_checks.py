"""What is odd about the audio of a manifest: broken, NaN, silent or clipped files, odd rates, equal files."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from merit_cli.errors import BadData
from merit_cli.io.audio_file import AudioInfo
from merit_cli.manifests.audio_facts import AudioFacts, KnownAudio, gather_facts
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine

MOST_CLIPPED = 1e-3
"""Share of clipped samples from which a recording is named: clean corpora have single flat tops (ours)."""
Kind = Literal["unreadable", "nan", "silent", "clipped", "rate", "channels", "duplicate"]


class Finding(NamedTuple):
    """Something odd about one utterance.

    Args:
        id: Of the utterance.
        kind: What it is.
        reason: One sentence.
        kept: Whether the utterance can be used all the same.
    """

    id: str
    kind: Kind
    reason: str
    kept: bool = True


@dataclass(frozen=True)
class AudioReport:
    """What the checks of a manifest came to.

    Args:
        kept: Utterances that can be used, in their order.
        findings: On these and on the others.
        notes: What every table made from the corpus must repeat.
    """

    kept: Sequence[Utterance]
    findings: Sequence[Finding]
    notes: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """Utterances by kind of finding."""
        return dict(Counter(finding.kind for finding in self.findings))


def check_audio(
    utterances: Sequence[Utterance], folder: Path, known: KnownAudio, *, full: bool, machine: Machine
) -> AudioReport:
    """Look at every file of a manifest, over processes.

    Args:
        utterances: Of the manifest; several may be parts of one file.
        folder: Where the facts are kept.
        known: Files that need not be read again.
        full: Read all samples; else the headers alone.
        machine: Workers and progress.

    Raises:
        BadData: No file can be used; the first reason.
        Unavailable: The folder cannot be written, or processes cannot start.
    """
    paths = dict.fromkeys(path for one in utterances for path in (one.audio, one.clean) if path is not None)
    facts = gather_facts(paths, folder, known, full=full, workers=machine.workers, progress=machine.progress)
    findings = [finding for one in utterances for finding in _broken(one, facts)]
    lost = {finding.id for finding in findings}
    kept = [one for one in utterances if one.id not in lost]
    if utterances and not kept:
        raise BadData(
            findings[0].reason.removeprefix("left out: "), place=str(utterances[0].audio), hint="no file can be used"
        )
    first_uses = list({one.audio: one for one in reversed(kept)}.values())[::-1]
    findings += [finding for one in first_uses for finding in _quality(one.id, facts[str(one.audio)])]
    headers = {one.id: info for one in first_uses if (info := facts[str(one.audio)].info) is not None}
    findings += odd_headers(headers)
    twins, notes = _duplicates(first_uses, facts)
    if lost:
        notes = [f"{len(lost)} utterances are left out by the audio checks; the ledger says why.", *notes]
    return AudioReport(kept, [*findings, *twins], tuple(notes))


def odd_headers(headers: Mapping[str, AudioInfo]) -> list[Finding]:
    """Files whose rate is not the usual one, and files of several channels, by id."""
    usual = Counter(info.sample_rate for info in headers.values()).most_common(1)
    found: list[Finding] = []
    for name, info in headers.items():
        if info.sample_rate != usual[0][0]:
            found.append(Finding(name, "rate", f"{info.sample_rate} Hz among files of {usual[0][0]} Hz"))
        if info.num_channels > 1:
            reason = f"{info.num_channels} channels: their mean is taken when it is read"
            found.append(Finding(name, "channels", reason))
    return found


def _broken(one: Utterance, facts: Mapping[str, AudioFacts]) -> Iterator[Finding]:
    """Why an utterance cannot be used; the first reason only."""
    for what, path in (("", one.audio), ("its clean file: ", one.clean)):
        fact = facts[str(path)] if path is not None else None
        if fact is not None and fact.problem:
            yield Finding(one.id, "unreadable", f"left out: {what}{fact.problem}", kept=False)
            return
        if fact is not None and fact.num_bad:
            reason = f"left out: {what}the file holds {fact.num_bad} NaN or infinite samples"
            yield Finding(one.id, "nan", reason, kept=False)
            return


def _quality(name: str, fact: AudioFacts) -> Iterator[Finding]:
    if fact.is_silent:
        yield Finding(name, "silent", "silent: under -100 dBFS")
    if fact.clipped_share >= MOST_CLIPPED:
        yield Finding(name, "clipped", f"clipped: {100.0 * fact.clipped_share:.1f} % of its samples")


def _duplicates(utterances: Iterable[Utterance], facts: Mapping[str, AudioFacts]) -> tuple[list[Finding], list[str]]:
    """Files that hold the same samples as one before; silent ones are all alike and do not count."""
    equal: dict[str, list[Utterance]] = defaultdict(list)
    for one in utterances:
        fact = facts[str(one.audio)]
        if fact.content and not fact.is_silent:
            equal[fact.content].append(one)
    findings = [
        Finding(twin.id, "duplicate", f"holds the same audio as {same[0].id}")
        for same in equal.values()
        for twin in same[1:]
    ]
    across = sum(len({one.split for one in same if one.split}) > 1 for same in equal.values())
    note = f"DUPLICATES ACROSS SPLITS: {across} recordings stand in more than one split; the ledger names them."
    return findings, [note] if across else []
