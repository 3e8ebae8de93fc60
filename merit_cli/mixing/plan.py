"""Which noise meets which speech, at which ratio: fixed before anything is rendered.

All randomness comes from hash(seed, utterance id, variant), so a mixture does not depend on the
order of work, the number of workers or what was done before. Noise files are dealt out by the rank
of the utterance in the sorted manifest: each is used before any is used again, and the variants of
an utterance share none as long as there are files enough. On a grid of ratios
the same noise and segment serve every ratio.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from merit_cli.errors import NoInput
from merit_cli.manifests.checks import Identity
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.distortions.contract import Drawn
from merit_cli.mixing.draws import Draws
from merit_cli.mixing.noise_pools import Pools, held_out_classes, make_pools
from merit_cli.mixing.recipe import MixRecipe, NoiseSet
from merit_cli.mixing.snr_plan import draw_ratios, num_ratios


@dataclass(frozen=True, slots=True)
class PlannedMixture:
    """One mixture to render.

    Args:
        id: Of the mixture.
        speech: The clean utterance.
        noises: The noise files, heard at once.
        snr_db: Wanted ratio.
        variant: Number among the mixtures of this utterance.
        draw_key: What segments and distortions are drawn from, shared by the ratios of a grid.
        seed: The recipe's.
        noise_set: Which set of the split the noises come from.
        starts: First sample of each noise at the mixture's rate, where it is already known.
        distortions: Likewise.
        marks: Of the speech's file and each noise's, where a plan noted them (see `source_marks`).
    """

    id: str
    speech: Utterance
    noises: tuple[Utterance, ...]
    snr_db: float
    variant: int
    draw_key: str
    seed: int
    noise_set: NoiseSet = "any"
    starts: tuple[int, ...] | None = None
    distortions: tuple[Drawn, ...] | None = None
    marks: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class SourcePlan:
    """Speech in the order of its ids, and the noises it may meet: what a plan is drawn from.

    Args:
        recipe: How to mix.
        voices: Sorted by id.
        pools: Noises of each split and set.
    """

    recipe: MixRecipe
    voices: Sequence[Utterance]
    pools: Pools

    @property
    def num_mixtures(self) -> int:
        """How many mixtures the plan has."""
        each = {split: self.recipe.plan_of(split).num_mixtures for split in {one.split for one in self.voices}}
        return sum(each[one.split] for one in self.voices)

    def __iter__(self) -> Iterator[PlannedMixture]:
        """Every mixture, in the order of utterance ids."""
        ranks: dict[str, int] = {}
        plans = {split: self.recipe.plan_of(split) for split in {one.split for one in self.voices}}
        for utterance in self.voices:
            rank = ranks.get(utterance.split, 0)
            ranks[utterance.split] = rank + 1
            plan = plans[utterance.split]
            step = plan.variants * num_ratios(plan.snr)
            for number, noise_set in enumerate(plan.noise_sets):
                for repeat in range(plan.variants):
                    position = rank * plan.variants + repeat
                    key = f"{utterance.id}\0{noise_set}\0{repeat}"
                    ratios = draw_ratios(plan.snr, Draws(self.recipe.seed, "snr", key), position=position)
                    noises = self.pools[utterance.split, noise_set].at(position)
                    first = number * step + repeat * len(ratios)
                    for variant, snr_db in enumerate(ratios, start=first):
                        yield PlannedMixture(
                            f"{utterance.id}__v{variant}",
                            utterance,
                            noises,
                            snr_db,
                            variant,
                            key,
                            self.recipe.seed,
                            noise_set,
                        )

    def speech(self) -> Iterator[Utterance]:
        """Each utterance once, in order."""
        return iter(self.voices)

    def noises(self) -> Iterator[Utterance]:
        """Each noise that may be heard, once, in the order of ids."""
        files = {noise.id: noise for deal in self.pools.values() for noise in deal.files}
        return (files[name] for name in sorted(files))

    def identities(self) -> Iterator[tuple[str, Identity]]:
        """Split and source of everything that may not stand in two splits; a noise file by the first id in it."""
        yield from ((one.split, {"speaker": one.speaker}) for one in self.voices)
        names: dict[Path, str] = {}
        for noise in self.noises():
            names.setdefault(noise.audio, noise.id)
        for (split, _), deal in self.pools.items():
            yield from ((split, {"noise_id": names[noise.audio]}) for noise in deal.files)


def plan_mixtures(speech: Sequence[Utterance], noise: Sequence[Utterance], recipe: MixRecipe) -> SourcePlan:
    """The plan of a recipe over speech and noise.

    Raises:
        NoInput: There is no noise for a split of the speech, or no speech in the wanted splits.
        CheckFailed: A noise class that is held out stands in train or dev.
    """
    wanted = sorted((one for one in speech if not recipe.splits or one.split in recipe.splits), key=lambda one: one.id)
    if not wanted:
        raise NoInput(f"no speech in the splits {', '.join(recipe.splits)}", place="splits", hint="check the manifest")
    plans = {split: recipe.plan_of(split) for split in sorted({one.split for one in wanted})}
    sets: Mapping[str, Sequence[NoiseSet]] = {split: plan.noise_sets for split, plan in plans.items()}
    rounds = {split: plan.variants for split, plan in plans.items()}
    unseen = held_out_classes(noise, recipe.unseen_noise, seed=recipe.seed)
    pools = make_pools(noise, sets, unseen=unseen, seed=recipe.seed, hand=recipe.num_noises, rounds=rounds)
    for (split, name), deal in pools.items():
        if len(deal.files) < recipe.num_noises:
            raise NoInput(
                f"{recipe.num_noises} noises at once need as many files; split {split!r}, set {name!r} has "
                f"{len(deal.files)}",
                place="num_noises",
            )
    return SourcePlan(recipe, wanted, pools)
