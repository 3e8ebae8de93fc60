"""What the adapters of breath corpora share: spans of recordings as utterances, and a remark on whatever is odd."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from merit_cli.corpora.prepared import Remark
from merit_cli.io.audio_file import AudioInfo, audio_info
from merit_cli.manifests.utterance import Utterance

END_TOLERANCE_S = 0.1
"""A span may end this much after the audio: annotations are rounded; it is cut at the end of the audio."""
RESEARCH_NOTE = "Research use only: neither these labels nor any model's answer is a diagnosis."
UNANNOTATED_GAPS = {"gaps": "not annotated"}
"""A fact of recordings in which what no span covers may hold breath: it is no background."""
AUDIO_SUFFIXES = (".wav", ".flac")


@dataclass
class BreathReading:
    """What a folder holds.

    Args:
        cycles: One utterance a span; ``info["official_split"]`` keeps the official word, where there is one.
        problems: Recordings and spans that are odd or left out.
        notes: Sentences on the corpus as a whole, for its card.
    """

    cycles: list[Utterance] = field(default_factory=list)
    problems: list[Remark] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add_problem(self, item_id: str, reason: str, *, kept: bool) -> None:
        """Put a sentence about one item on record."""
        self.problems.append(Remark(item_id, reason, kept))

    def loss_notes(self) -> list[str]:
        """One sentence on what was left out and what is odd; none where nothing is."""
        if not self.problems:
            return []
        lost = sum(not problem.kept for problem in self.problems)
        return [f"{lost} recordings or spans left out, {len(self.problems) - lost} remarks: see ledger.jsonl."]


@dataclass(frozen=True)
class BreathRecording:
    """One recording, as its name and its tables describe it.

    Args:
        stem: Its name, the first part of the ids of its spans.
        path: The file.
        audio: Rate and length.
        patient: Empty where unknown.
        facts: Go into ``info`` of every span.
    """

    stem: str
    path: Path
    audio: AudioInfo
    patient: str
    facts: Mapping[str, str]


def open_recording(
    reading: BreathReading, stem: str, path: Path, *, patient: str, facts: Mapping[str, str]
) -> BreathRecording:
    """A recording whose header was read.

    Raises:
        BadData: It cannot be read.
    """
    audio = audio_info(path)
    if audio.num_channels > 1:
        reading.add_problem(stem, f"{audio.num_channels} channels: their mean is used", kept=True)
    facts = {**facts, "recording": stem, "recording_samples": str(audio.num_samples)}
    return BreathRecording(stem, path, audio, patient, facts)


def add_span(
    reading: BreathReading,
    recording: BreathRecording,
    item_id: str,
    *,
    start: float,
    end: float,
    labels: Mapping[str, str],
) -> None:
    """Add ``start`` to ``end``, in seconds, of a recording; a span that cannot be cut is put on record instead."""
    audio = recording.audio
    if start < 0.0 or end <= start:
        reading.add_problem(item_id, f"left out: it runs from {start:g} to {end:g} s", kept=False)
        return
    if end > audio.duration + END_TOLERANCE_S:
        reading.add_problem(item_id, f"left out: ends at {end:.3f} s, the audio at {audio.duration:.3f} s", kept=False)
        return
    first = round(start * audio.sample_rate)
    last = min(round(end * audio.sample_rate), audio.num_samples)
    if last <= first:
        reading.add_problem(item_id, "left out: the cycle holds no samples", kept=False)
        return
    reading.cycles.append(
        Utterance(
            id=item_id,
            audio=recording.path,
            sample_rate=audio.sample_rate,
            num_samples=last - first,
            start=first,
            speaker=recording.patient,
            labels=dict(labels),
            info=dict(recording.facts),
        )
    )
