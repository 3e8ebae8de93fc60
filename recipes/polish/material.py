"""Corpus, noise, mixtures and the manifest of each fold."""

from dataclasses import replace
from pathlib import Path

from study import ROLES, Study, mix_recipe

from merit_cli.corpora.synthetic_noise import NOISE_CLASS
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
from merit_cli.workflows.prepare import run_prepare


def make_material(study: Study, output: Path, *, machine: Machine) -> dict[int, Path]:
    """The manifest of each fold, made where it is not there yet."""
    speech = run_prepare(study.corpus, None, output=output / "speech", machine=machine, fetch=True).manifest
    recorded = run_prepare("sample-noise", None, output=output / "noise", machine=machine).manifest
    synthetic = run_prepare("synthetic-noise", None, output=output / "synthetic-noise", machine=machine).manifest
    mixed = {
        role: _mix(study, role, speech, synthetic if role == "train-synthetic" else recorded, output, machine)
        for role in ROLES
    }
    return {fold: _write_fold(fold, mixed, output / f"fold{fold}") for fold in range(1, study.folds + 1)}


def noise_of_role(study: Study, role: str, noise: list[Utterance]) -> list[Utterance]:
    """The noise files of a role, without their split, since a mix here holds every speaker.

    Raises:
        CheckFailed: A class that is held out for test is in train or dev.
    """
    chosen = [one for one in noise if one.split == ROLES[role]]
    if role == "train":  # recordings alone: what is made by rule has a role of its own
        chosen = [one for one in chosen if one.info["noise_class"] != NOISE_CLASS]
    if role == "test":
        chosen = [one for one in chosen if one.info["noise_class"] in study.unseen_noise]
    elif seen := {one.info["noise_class"] for one in chosen} & set(study.unseen_noise):
        raise CheckFailed(f"held-out noise classes are in {role}: {sorted(seen)}", place="study.yaml")
    return [replace(one, split="") for one in chosen]


def _mix(study: Study, role: str, speech: Path, noise: Path, output: Path, machine: Machine) -> Path:
    """All clips of all speakers with the noises of one role."""
    folder = output / "mix" / role
    clips = [replace(one, split="") for one in read_manifest(speech)]
    sources = {"speech": clips, "noise": noise_of_role(study, role, read_manifest(noise))}
    for name, utterances in sources.items():
        write_manifest(output / "mix" / f"{role}-{name}" / MANIFEST_NAME, utterances)
        card = read_card(speech if name == "speech" else noise)
        write_card(output / "mix" / f"{role}-{name}", join_cards(name, [card]))
    plan = plan_mix(
        mix_recipe(role),
        [output / "mix" / f"{role}-speech"],
        [output / "mix" / f"{role}-noise"],
        machine=machine,
    )
    run, summary = run_mix(plan, output=folder, machine=replace(machine, retry_failed=True))
    if summary.failed or summary.skipped:
        raise CheckFailed(f"{summary.failed} mixtures failed, {summary.skipped} were skipped", place=str(run.path))
    return Path(summary.manifest)


def _write_fold(fold: int, mixed: dict[str, Path], folder: Path) -> Path:
    """One manifest: train, dev and test speakers, each with the mixtures of that role.

    Raises:
        CheckFailed: Splits share a speaker, a clip or a noise file.
    """
    lines = [
        replace(line, id=f"{line.id}s") if role == "train-synthetic" else line
        for role, split in ROLES.items()
        for line in leave_one_speaker_out(read_manifest(mixed[role]), fold)
        if line.split == split
    ]
    card = join_cards("polish in noise", [read_card(manifest) for manifest in mixed.values()])
    check_leaks(lines, card)
    write_card(folder, card)
    write_manifest(folder / MANIFEST_NAME, lines)
    return folder / MANIFEST_NAME
