"""What of a user's recordings gets an answer: manifest lines as they stand, annotated cycles, or windows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from merit_cli.corpora.breath_reading import BreathReading, BreathRecording
from merit_cli.corpora.icbhi_reading import add_cycles
from merit_cli.corpora.prepared import Remark
from merit_cli.errors import BadData, MeritError, NoInput, UsageError
from merit_cli.io.audio_file import AudioInfo
from merit_cli.manifests.utterance import Utterance

SHORTEST_WINDOW_S = 1.0
"""A shorter rest at the end of a recording joins the window before it."""


@dataclass
class Pieces:
    """What is to be answered, and what of the annotations cannot be.

    Args:
        by_audio: File to its pieces; a file that cannot be cut has none.
        remarks: Cycles that were left out or are odd, and annotations that were not used.
        failed: Path of each file that cannot be cut, to the fault.
    """

    by_audio: dict[Path, list[Utterance]] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    failed: dict[str, MeritError] = field(default_factory=dict)


def cut_plan(utterances: Sequence[Utterance], window: float, *, annotations: Path | None = None) -> Pieces:
    """The pieces of recordings: cycles where there is an annotation, else windows of ``window`` seconds.

    A manifest's line that is a cycle or a mixture stays as it is.

    Args:
        utterances: As read.
        window: In seconds; the last window is longer by a rest under `SHORTEST_WINDOW_S`.
        annotations: An ICBHI annotation for the only recording, or a folder with a same-stem ``.txt`` for
            each; None takes the ``.txt`` beside each recording.

    Raises:
        NoInput: ``annotations`` does not exist, or none in it has the name of a recording.
        UsageError: ``annotations`` is one file and there are several recordings, or there is nothing to cut.
    """
    whole = [utterance for utterance in utterances if not _is_piece(utterance)]
    texts = _beside(whole) if annotations is None else _annotations_of(whole, annotations)
    pieces = Pieces()
    for utterance in utterances:
        try:
            if _is_piece(utterance):
                made = [utterance]
            elif utterance.id in texts:
                made = _by_cycle(pieces, utterance, texts[utterance.id], window, was_named=annotations is not None)
            else:
                made = _windows_of(utterance, window)
                if annotations is not None:
                    words = f"answered by window: no {utterance.audio.stem}.txt in {annotations}"
                    pieces.remarks.append(Remark(utterance.id, words, kept=True))
        except MeritError as error:
            pieces.failed[str(utterance.audio)] = error
        else:
            pieces.by_audio.setdefault(utterance.audio, []).extend(made)
    return pieces


def _is_piece(utterance: Utterance) -> bool:
    return "breath" in utterance.labels or utterance.start > 0 or utterance.mixture is not None


def _beside(whole: Sequence[Utterance]) -> dict[str, tuple[Path, ...]]:
    texts = {utterance.id: utterance.audio.with_suffix(".txt") for utterance in whole}
    return {item: (path,) for item, path in texts.items() if path.is_file()}


def _annotations_of(whole: Sequence[Utterance], annotations: Path) -> Mapping[str, tuple[Path, ...]]:
    """Each recording's annotations by the recording's id."""
    if not whole:
        raise UsageError("--annotations needs whole recordings: every line of this manifest is a cycle")
    if annotations.is_file():
        if len(whole) > 1:
            hint = "give a folder that holds STEM.txt for each"
            raise UsageError(f"one annotation for {len(whole)} recordings", place=str(annotations), hint=hint)
        return {whole[0].id: (annotations,)}
    if not annotations.is_dir():
        raise NoInput("there is no such annotation or folder", place=str(annotations), hint="check the spelling")
    found: dict[str, list[Path]] = {}
    for path in sorted(annotations.rglob("*.txt")):
        found.setdefault(path.stem, []).append(path)
    texts = {item.id: tuple(found[item.audio.stem]) for item in whole if item.audio.stem in found}
    if not texts:
        hint = f"{whole[0].audio.name} needs {whole[0].audio.stem}.txt"
        raise NoInput("no annotation in this folder has the name of a recording", place=str(annotations), hint=hint)
    return texts


def _by_cycle(
    pieces: Pieces, recording: Utterance, texts: Sequence[Path], window: float, *, was_named: bool
) -> list[Utterance]:
    """The annotated cycles; windows where a text that nobody named is no annotation."""
    if len(texts) > 1:
        raise BadData(
            f"two annotations have its name: {texts[0]} and {texts[1]}", place=str(recording.audio), hint="remove one"
        )
    text = texts[0]
    reading = BreathReading()
    try:
        add_cycles(reading, _as_recording(recording), text)
    except MeritError as error:
        if was_named:
            raise
        words = f"answered by window: {error.message} ({text.name})"
        pieces.remarks.append(Remark(recording.id, words, kept=True))
        return _windows_of(recording, window)
    pieces.remarks += reading.problems
    if not reading.cycles:
        lost = next(problem.reason for problem in reading.problems if not problem.kept)
        raise BadData(
            f"no cycle of its annotation lies in the audio: {lost.removeprefix('left out: ')}",
            place=str(recording.audio),
            hint=f"is {text} of another recording? without an annotation it is answered by window",
        )
    return [
        replace(recording, id=cycle.id, start=cycle.start, num_samples=cycle.num_samples) for cycle in reading.cycles
    ]


def _as_recording(utterance: Utterance) -> BreathRecording:
    audio = AudioInfo(utterance.sample_rate, 1, utterance.num_samples, "")
    return BreathRecording(utterance.id, utterance.audio, audio, utterance.speaker, utterance.info)


def _windows_of(recording: Utterance, window: float) -> list[Utterance]:
    rate = recording.sample_rate
    return [
        replace(
            recording,
            id=f"{recording.id}__w{index:05d}",
            start=round(start * rate),
            num_samples=max(1, min(round(end * rate), recording.num_samples) - round(start * rate)),
        )
        for index, (start, end) in enumerate(_windows(recording.duration, window), start=1)
    ]


def _windows(duration: float, window: float) -> list[tuple[float, float]]:
    """Spans that cover a recording once.

    >>> _windows(9.5, 4.0), _windows(8.5, 4.0), _windows(0.5, 4.0)
    ([(0.0, 4.0), (4.0, 8.0), (8.0, 9.5)], [(0.0, 4.0), (4.0, 8.5)], [(0.0, 0.5)])
    """
    num_whole, rest = divmod(duration, window)
    starts = [index * window for index in range(int(num_whole))]
    if rest >= SHORTEST_WINDOW_S or not starts:
        starts.append(num_whole * window)
    return list(zip(starts, [*starts[1:], duration], strict=True))
