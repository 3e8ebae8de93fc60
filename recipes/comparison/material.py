"""Corpus, noise, mixtures and the manifest of each fold."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sources import noise_files, speech_clips
from study import Role, Study, mix_recipe

from merit_cli.errors import CheckFailed
from merit_cli.manifests.checks import check_leaks
from merit_cli.manifests.folds import leave_one_speaker_out
from merit_cli.manifests.read_write import (
    MANIFEST_NAME,
    join_cards,
    read_card,
    read_manifest,
    write_card,
    write_manifest,
)
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine
from merit_cli.workflows.mix import plan_mix, run_mix


def make_material(study: Study, output: Path, *, data: Path, machine: Machine) -> dict[int, Path]:
    """The manifest of each fold, made where it is not there yet.

    Args:
        study: The comparison.
        output: Of the whole study.
        data: Folder that the raw corpora lie in.
        machine: That mixes.
    """
    speech = speech_clips(study.speech, output / "speech", data=data, machine=machine)
    noise = {
        source.name: noise_files(source, output / source.name, held_out=study.unseen_noise, data=data, machine=machine)
        for source in study.noise
    }
    mixed = {role.name: _mix(study, role, speech, noise[role.noise], output, machine) for role in study.roles}
    return {fold: _write_fold(study, fold, mixed, output / f"fold{fold}") for fold in range(1, study.folds + 1)}


def noise_of_role(study: Study, role: Role, noise: Sequence[Utterance]) -> list[Utterance]:
    """The noise files of a role, without their split, since a mix here holds every speaker.

    Raises:
        CheckFailed: A class that is held out is in train or dev.
    """
    chosen = [one for one in noise if one.split == role.split and one.info["noise_class"] not in role.leave_out]
    held_out = {one.info["noise_class"] for one in chosen} & set(study.unseen_noise)
    if role.split != "test" and held_out:
        raise CheckFailed(f"held-out noise classes are in {role.name}: {sorted(held_out)}", place="study.yaml")
    if role.split == "test":
        chosen = [one for one in chosen if (one.info["noise_class"] in held_out) == (role.classes == "unseen")]
    return [replace(one, split="") for one in chosen]


def _mix(study: Study, role: Role, speech: Path, noise: Path, output: Path, machine: Machine) -> Path:
    """All clips of all speakers with the noises of one role."""
    clips = [replace(one, split="") for one in read_manifest(speech)]
    sources = {"speech": (speech, clips), "noise": (noise, noise_of_role(study, role, read_manifest(noise)))}
    for name, (manifest, utterances) in sources.items():
        folder = output / "mix" / f"{role.name}-{name}"
        write_manifest(folder / MANIFEST_NAME, utterances)
        write_card(folder, join_cards(name, [read_card(manifest)]))
    plan = plan_mix(
        mix_recipe(study, role.name),
        [output / "mix" / f"{role.name}-speech"],
        [output / "mix" / f"{role.name}-noise"],
        machine=machine,
    )
    run, summary = run_mix(plan, output=output / "mix" / role.name, machine=replace(machine, retry_failed=True))
    if summary.failed:  # skipped ones, whose noise is silent wherever it is cut, are left out for every system alike
        raise CheckFailed(f"{summary.failed} mixtures failed", place=str(run.path))
    return Path(summary.manifest)


def _write_fold(study: Study, fold: int, mixed: Mapping[str, Path], folder: Path) -> Path:
    """One manifest: train, dev and test speakers, each with the mixtures of that role.

    Raises:
        CheckFailed: Splits share a speaker, a clip or a noise file.
    """
    lines = [
        replace(line, id=f"{line.id}{_mark(role)}")
        for role in study.roles
        for line in leave_one_speaker_out(read_manifest(mixed[role.name]), fold)
        if line.split == role.split
    ]
    card = join_cards(f"{study.name} in noise", [read_card(manifest) for manifest in mixed.values()])
    check_leaks(lines, card)
    write_card(folder, card)
    write_manifest(folder / MANIFEST_NAME, lines)
    return folder / MANIFEST_NAME


def _mark(role: Role) -> str:
    """The letter that tells a role's ids from those of another role of its split: its second word's first.

    >>> _mark(Role(name="train-synthetic", split="train", noise="n")), _mark(Role(name="dev", split="dev", noise="n"))
    ('s', '')
    """
    return role.name.removeprefix(role.split).removeprefix("-")[:1]
