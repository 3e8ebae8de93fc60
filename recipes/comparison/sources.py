"""Speech and noise of a study as manifests, whether ``merit prepare`` knows them or a folder holds them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from study import Noise, Speech

from merit_cli.audio.vad import hop_length, speech_mask
from merit_cli.errors import BadData, NoInput
from merit_cli.io.audio_file import read_audio
from merit_cli.manifests.folds import SESSION
from merit_cli.manifests.inputs import read_inputs
from merit_cli.manifests.read_write import (
    MANIFEST_NAME,
    Card,
    join_cards,
    read_card,
    read_manifest,
    write_card,
    write_manifest,
)
from merit_cli.manifests.utterance import Utterance
from merit_cli.units import seconds_to_samples
from merit_cli.workers import Machine
from merit_cli.workflows.prepare import run_prepare

MARGIN_HOPS = 5
"""Kept before and after the speech: 50 ms."""


def speech_clips(speech: Speech, output: Path, *, data: Path, machine: Machine) -> Path:
    """The manifest of the clips that are mixed, each with the group of speakers that are tested together."""
    raw = None if speech.raw is None else _raw(data, speech.raw)
    whole = run_prepare(speech.corpus, raw, output=output / "whole", machine=machine, fetch=raw is None).manifest
    clips = [one for one in read_manifest(whole) if not speech.emotions or one.labels["emotion"] in speech.emotions]
    if speech.trim:
        clips = [trimmed(one) for one in clips]
    if speech.max_duration is not None:
        longest = speech.max_duration
        clips = [
            replace(one, num_samples=min(one.num_samples, seconds_to_samples(longest, one.sample_rate)))
            for one in clips
        ]
    write_card(output, join_cards(speech.corpus, [read_card(whole)]))
    write_manifest(output / MANIFEST_NAME, grouped(clips, speech.speakers_per_fold))
    return output / MANIFEST_NAME


def trimmed(clip: Utterance) -> Utterance:
    """The clip from just before its first to just after its last speech.

    Raises:
        BadData: There is no speech in it.
    """
    samples = read_audio(clip.audio, start=clip.start, num_samples=clip.num_samples).samples
    active = np.flatnonzero(speech_mask(samples, clip.sample_rate))
    if active.size == 0:
        raise BadData("the clip holds no speech", place=str(clip.audio))
    hop = hop_length(clip.sample_rate)
    first = max(0, int(active[0]) - MARGIN_HOPS) * hop
    end = min(clip.num_samples, (int(active[-1]) + 1 + MARGIN_HOPS) * hop)
    return replace(clip, start=clip.start + first, num_samples=end - first)


def grouped(clips: Sequence[Utterance], size: int) -> list[Utterance]:
    """The clips with the speakers that are tested together as one session; as they are where ``size`` is 1."""
    speakers = sorted({one.speaker for one in clips})
    if size == 1:
        return list(clips)
    group = {speaker: f"group{place // size + 1:02d}" for place, speaker in enumerate(speakers)}
    return [replace(one, info={**one.info, SESSION: group[one.speaker]}) for one in clips]


def noise_files(source: Noise, output: Path, *, held_out: Sequence[str], data: Path, machine: Machine) -> Path:
    """The manifest of a source of noises, each with its class and split; of a folder, held-out classes are test's."""
    if source.raw is None:
        return run_prepare(source.name, None, output=output, machine=machine).manifest
    found = read_inputs([_raw(data, source.raw)], name=source.name)
    if found.bad:
        place, error = next(iter(found.bad.items()))
        raise BadData(f"{len(found.bad)} noise files cannot be read: {error.message}", place=place)
    write_card(output, Card(name=source.name))
    write_manifest(output / MANIFEST_NAME, [sorted_in(one, source, held_out) for one in found.utterances])
    return output / MANIFEST_NAME


def sorted_in(noise: Utterance, source: Noise, held_out: Sequence[str]) -> Utterance:
    """A noise of a folder with its split and its class, ``001 - Dog bark`` being ``dog bark``.

    Raises:
        BadData: Its name begins with no fold of the source.
    """
    number = noise.audio.name.split("-")[0]
    noise_class = noise.info["noise_class"].split(" - ")[-1].lower()
    if not number.isdigit() or int(number) not in source.splits:
        raise BadData("the name of the noise file begins with no fold", place=str(noise.audio))
    split = "test" if noise_class in held_out else source.splits[int(number)]
    return replace(noise, split=split, info={**noise.info, "noise_class": noise_class})


def _raw(data: Path, name: str) -> Path:
    folder = data / name
    if not folder.is_dir():
        raise NoInput(
            f"there is no folder {name}", place=str(data), hint="give the folder of the raw corpora as --data"
        )
    return folder
