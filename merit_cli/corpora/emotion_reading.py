"""What the adapters of corpora of speech and noise share: files by name, headers, speaker-disjoint splits, notes."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from merit_cli.corpora.patient_split import split_patients
from merit_cli.corpora.prepared import PreparedCorpus, Remark
from merit_cli.errors import MeritError, NoInput, UsageError
from merit_cli.io.audio_file import AudioInfo, audio_info, is_audio
from merit_cli.manifests.audio_checks import odd_headers
from merit_cli.manifests.checks import transcript_notes
from merit_cli.manifests.read_write import Card
from merit_cli.manifests.utterance import Label, Utterance

EMOTION = "emotion"
HUMAN, SCRIPT = "human", "script"
"""Sources of transcripts: written down by people, and what the actors were to say."""
SHARES = {"train": 0.7, "dev": 0.15, "test": 0.15}
"""Of the utterances, as near as whole speakers allow (ours)."""
BY_RULE_NOTE = "No official split is used: splits are by speaker, by rule."
UNSPLIT_NOTE = "No split is official: mix deals the files to the splits of the speech."
_SUFFIX_ORDER = (".wav", ".flac")


@dataclass(frozen=True)
class Spoken:
    """What an adapter knows of a file before it is opened; the fields are those of `Utterance`."""

    id: str
    path: Path
    speaker: str
    split: str = ""
    labels: Mapping[str, Label] = field(default_factory=dict)
    info: Mapping[str, str] = field(default_factory=dict)
    transcript: str = ""
    transcript_source: str = ""
    clean: Path | None = None


def corpus_folder(raw: Path | None, name: str) -> Path:
    """The folder of a corpus.

    Raises:
        UsageError: None was given.
        NoInput: It is not there.
    """
    if raw is None:
        raise UsageError(f"{name} needs the folder of the unpacked corpus", hint=f"merit prepare {name} FOLDER -o OUT")
    if not raw.is_dir():
        raise NoInput("the folder of the corpus does not exist", place=str(raw), hint="unpack the corpus first")
    return raw.resolve()


def files_by_stem(folder: Path, pattern: re.Pattern[str]) -> dict[str, tuple[Path, re.Match[str]]]:
    """Audio files below ``folder`` whose whole stem matches, each stem once: of several files wav, then flac."""
    found: dict[str, tuple[Path, re.Match[str]]] = {}
    for path in sorted(folder.rglob("*"), key=lambda path: (_rank(path), path)):
        if path.name.startswith(".") or not is_audio(path) or path.stem in found:
            continue
        if match := pattern.fullmatch(path.stem):
            found[path.stem] = path, match
    return dict(sorted(found.items()))


def _rank(path: Path) -> int:
    suffix = path.suffix.lower()
    return _SUFFIX_ORDER.index(suffix) if suffix in _SUFFIX_ORDER else len(_SUFFIX_ORDER)


def prepare_spoken(
    spoken: Iterable[Spoken], card: Card, *, by_rule: bool = False, remarks: Sequence[Remark] = ()
) -> PreparedCorpus:
    """Utterances of all files that can be read, with what is odd or left out as remarks.

    Args:
        spoken: In any order.
        card: Gets notes on what was left out, on splits, and on transcripts of several sources.
        by_rule: Make the splits here, disjoint by speaker.
        remarks: Of the adapter.

    Raises:
        BadData: No file can be read; the first reason.
    """
    utterances, problems = _read(sorted(spoken, key=lambda one: one.id))
    notes = list(card.notes)
    if by_rule:
        utterances = split_by_speaker(utterances)
        notes.append(BY_RULE_NOTE)
    every = [*remarks, *problems]
    lost = len({remark.id for remark in every if not remark.kept})
    if lost:
        notes.append(f"{lost} files are left out; the ledger says why.")
    notes += transcript_notes(utterances)
    return PreparedCorpus(utterances, card.model_copy(update={"notes": tuple(notes)}), every)


def _read(spoken: Sequence[Spoken]) -> tuple[list[Utterance], list[Remark]]:
    headers: dict[str, AudioInfo] = {}
    problems: list[Remark] = []
    first: MeritError | None = None
    for one in spoken:
        try:
            headers[one.id] = audio_info(one.path)
        except MeritError as error:
            first = first or error
            problems.append(Remark(one.id, f"left out: {error.message}", kept=False))
    if first is not None and not headers:
        raise first
    problems += [Remark(finding.id, finding.reason, kept=True) for finding in odd_headers(headers)]
    return [_utterance(one, headers[one.id]) for one in spoken if one.id in headers], problems


def _utterance(one: Spoken, info: AudioInfo) -> Utterance:
    return Utterance(
        id=one.id,
        audio=one.path,
        sample_rate=info.sample_rate,
        num_samples=info.num_samples,
        speaker=one.speaker,
        split=one.split,
        labels=one.labels,
        info={key: value for key, value in one.info.items() if value},
        transcript=one.transcript,
        transcript_source=one.transcript_source if one.transcript else "",
        clean=one.clean,
    )


def split_by_speaker(utterances: Sequence[Utterance], *, seed: int = 0) -> list[Utterance]:
    """The utterances in splits that share no speaker, emotions, sexes and languages spread as evenly as speakers allow.

    Utterances without a speaker get no split.

    Args:
        utterances: In any order.
        seed: Chooses among equal speakers.
    """
    counts: dict[str, Counter[str]] = {}
    for one in utterances:
        if one.speaker:
            kinds = (str(one.labels.get(EMOTION, "")), one.info.get("gender", ""), one.info.get("language", ""))
            counts.setdefault(one.speaker, Counter()).update(f"{n}:{kind}" for n, kind in enumerate(kinds) if kind)
    chosen = split_patients(counts, SHARES, seed=seed)
    return [replace(one, split=chosen.get(one.speaker, "")) for one in utterances]


def emotion_counts(labels: Iterable[str]) -> Counter[str]:
    """How often each emotion stands there; an empty one does not count.

    >>> emotion_counts(["sad", "", "sad"])
    Counter({'sad': 2})
    """
    return Counter(label for label in labels if label)
