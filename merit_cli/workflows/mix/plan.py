"""What a mix will do, fixed and checked before anything is rendered."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from merit_cli.config.load import resolved
from merit_cli.errors import BadData, MeritError, NoInput, Unavailable, UsageError
from merit_cli.io.hashing import hash_of_files
from merit_cli.manifests.checks import check_identities
from merit_cli.manifests.inputs import Inputs, read_inputs
from merit_cli.manifests.read_write import Card, join_cards
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.distortions.chain import check_chain, input_files
from merit_cli.mixing.plan import plan_mixtures
from merit_cli.mixing.plan_file import Mixtures, open_plan, write_plan
from merit_cli.mixing.recipe import MixRecipe, check_splits
from merit_cli.mixing.sources import split_channels
from merit_cli.workers import Machine
from merit_cli.workflows.prepare import run_prepare


@dataclass(frozen=True)
class PlannedMix:
    """A mix before anything is written.

    Args:
        mixtures: The plan.
        recipe: How to mix.
        card: Of what it is made from, with notes on allowed leaks.
        inputs: Name of each input to the hash of its contents.
        bad: Files that could not be read, with the reason.
        expected: The manifest lines that a replay must arrive at, by id.
        remarks: Sentences that whoever asked for the mix should read.
    """

    mixtures: Mixtures
    recipe: MixRecipe
    card: Card
    inputs: Mapping[str, str]
    bad: Mapping[str, MeritError] = field(default_factory=dict)
    expected: Mapping[str, Utterance] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def plan_mix(
    recipe: MixRecipe,
    speech: Sequence[str | Path],
    noise: Sequence[str | Path],
    *,
    machine: Machine,
    allow_leak: bool = False,
) -> PlannedMix:
    """Read the inputs, deal out the noise and check the plan for leaks.

    Args:
        recipe: What to mix.
        speech: Arguments as typed; empty takes the bundled sample.
        noise: Arguments as typed; empty takes the sample's noises.
        machine: For preparing the sample.
        allow_leak: Go on although splits share a speaker or a noise file.

    Raises:
        CheckFailed: Splits share a speaker or a noise file.
        NoInput: There is no speech, no noise or no impulse response.
        UsageError: The recipe speaks of a split that there is not.
        Unavailable: A distortion needs what is not installed.
    """
    check_chain(recipe.distortions)
    responses = input_files(recipe.distortions)
    voices = read_inputs(speech or [_sample("sample", machine)], name="speech")
    sounds = read_inputs(noise or [_sample("sample-noise", machine)], name="noise")
    for name, read in (("speech", voices), ("noise", sounds)):
        _refuse_nothing(name, read)
    people, noises = voices.utterances, sounds.utterances
    if recipe.channels == "each":
        people, noises = list(split_channels(people)), list(split_channels(noises))
    mixtures = plan_mixtures(people, noises, recipe)
    card = join_cards(recipe.name, [voices.card, sounds.card])
    notes = check_identities(mixtures.identities(), card, allow_leak=allow_leak)
    return PlannedMix(
        mixtures,
        recipe,
        card.model_copy(update={"notes": (*card.notes, *notes)}),
        {
            "speech": voices.content,
            "noise": sounds.content,
            **({"impulse responses": hash_of_files(responses)} if responses else {}),
        },
        {**voices.bad, **sounds.bad},
        remarks=check_splits(recipe, {one.split for one in mixtures.voices}),
    )


def save_plan(plan: PlannedMix, path: Path, *, overwrite: bool = False) -> int:
    """Write a plan to be rendered later; returns the number of mixtures.

    Args:
        plan: What to write.
        path: Where.
        overwrite: Another plan may stand there; what is no plan is never replaced.

    Raises:
        UsageError: Something else stands there.
        Unavailable: The place cannot be written.
    """
    header = {
        "recipe": resolved(plan.recipe),
        "card": plan.card.model_dump(mode="json"),
        "inputs": dict(plan.inputs),
    }
    if os.path.lexists(path):
        _refuse_other_file(path, header, overwrite=overwrite)
    try:
        return write_plan(path, plan.mixtures, header)
    except Unavailable as error:
        hint = error.hint.replace("--output", "--plan")
        raise Unavailable(error.message, place=str(path), hint=hint) from error


def _refuse_other_file(path: Path, header: Mapping[str, Any], *, overwrite: bool) -> None:
    try:
        if not path.is_file():  # a folder; a device or a pipe would be read without an end
            raise BadData("the place is not a file", place=str(path))
        found = open_plan(path).header
    except MeritError:
        raise UsageError("the file exists and is not a plan", place=str(path), hint="choose another name") from None
    differs = [key for key, value in header.items() if found.get(key) != value]
    if differs and not overwrite:
        hint = "choose another name, or pass --overwrite to throw that plan away"
        raise UsageError(f"the file holds another plan; these differ: {', '.join(differs)}", place=str(path), hint=hint)


def load_plan(path: Path) -> PlannedMix:
    """A plan that `save_plan` wrote.

    Raises:
        NoInput: There is no such file.
        BadData: It is not a plan.
    """
    file = open_plan(path)
    try:
        recipe = MixRecipe.model_validate(file.header["recipe"])
        card = Card.model_validate(file.header["card"])
        inputs = dict(file.header["inputs"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadData("the header of the plan cannot be used", place=f"{path}:1", hint=str(error)[:200]) from None
    return PlannedMix(file, recipe, card, inputs)


def _refuse_nothing(name: str, inputs: Inputs) -> None:
    if not inputs.utterances:
        place, error = next(iter(inputs.bad.items()))
        raise NoInput(f"none of the {len(inputs.bad)} {name} files can be read: {error.message}", place=place)


def _sample(corpus: str, machine: Machine) -> Path:
    return run_prepare(corpus, None, output=None, machine=machine).manifest
