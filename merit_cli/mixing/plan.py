"""Which noise meets which speech, at which ratio: fixed before anything is rendered.

All randomness comes from hash(seed, utterance id, variant), so a mixture does not depend on the
order of work, the number of workers or what was done before. Noise files are dealt out from seeded
permutations by the rank of the utterance in the sorted manifest: each is used before any is used
again. On a grid of ratios the same noise and segment serve every ratio.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from merit_cli.errors import NoInput
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.recipe import MixRecipe, SnrList, SnrRange

SPLIT_SHARES = {"train": 0.7, "dev": 0.15, "test": 0.15}
"""How noise files without a split are dealt to the splits of the speech (ours)."""


@dataclass(frozen=True)
class PlannedMixture:
    """One mixture to render.

    Args:
        id: Of the mixture.
        speech: The clean utterance.
        noise: The noise file.
        snr_db: Wanted ratio.
        variant: Number among the mixtures of this utterance.
        draw_key: What the segment is drawn from, shared by the ratios of a grid.
        seed: The recipe's.
    """

    id: str
    speech: Utterance
    noise: Utterance
    snr_db: float
    variant: int
    draw_key: str
    seed: int


def generator_for(seed: int, *keys: str | int) -> np.random.Generator:
    """A generator that depends on nothing but its arguments.

    >>> int(generator_for(0, "a", 1).integers(1000)) == int(generator_for(0, "a", 1).integers(1000))
    True
    """
    text = "\0".join(str(key) for key in (seed, *keys))
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big"))


def plan_mixtures(
    speech: Sequence[Utterance], noise: Sequence[Utterance], recipe: MixRecipe
) -> Iterator[PlannedMixture]:
    """Every mixture of a recipe, in the order of utterance ids.

    Raises:
        NoInput: There is no noise for a split of the speech, or no speech in the wanted splits.
    """
    wanted = sorted((u for u in speech if not recipe.splits or u.split in recipe.splits), key=lambda u: u.id)
    if not wanted:
        raise NoInput(f"no speech in the splits {', '.join(recipe.splits)}", place="splits", hint="check the manifest")
    pools = {split: _Deal(split, noise, recipe.seed) for split in sorted({u.split for u in wanted})}
    ranks: dict[str, int] = dict.fromkeys(pools, 0)
    for utterance in wanted:
        rank = ranks[utterance.split]
        ranks[utterance.split] += 1
        for repeat in range(recipe.variants):
            chosen = pools[utterance.split].at(rank * recipe.variants + repeat)
            key = f"{utterance.id}\0{repeat}"
            ratios = _ratios(recipe, key)
            for number, snr_db in enumerate(ratios):
                variant = repeat * len(ratios) + number
                mixture_id = f"{utterance.id}__v{variant}"
                yield PlannedMixture(mixture_id, utterance, chosen, snr_db, variant, key, recipe.seed)


def _ratios(recipe: MixRecipe, key: str) -> list[float]:
    generator = generator_for(recipe.seed, "snr", key)
    plan = recipe.snr
    if isinstance(plan, SnrList):
        return list(plan.values) if plan.order == "grid" else [float(generator.choice(plan.values))]
    if isinstance(plan, SnrRange):
        return [round(float(generator.uniform(plan.low, plan.high)), 3)]
    return [round(float(generator.normal(plan.mean, plan.std)), 3)]


class _Deal:
    """The noise files of one split, dealt from one seeded permutation after another."""

    def __init__(self, split: str, noise: Sequence[Utterance], seed: int) -> None:
        self.files = sorted((n for n in noise if n.split in ("", split) or not split), key=lambda n: n.id)
        self.seed, self.split = seed, split
        if not self.files:
            raise NoInput(f"there is no noise for the split {split!r}", place="noise", hint="give noise to every split")

    def at(self, position: int) -> Utterance:
        cycle, index = divmod(position, len(self.files))
        order = generator_for(self.seed, "noise", self.split, cycle).permutation(len(self.files))
        return self.files[int(order[index])]


def split_noise(noise: Sequence[Utterance], splits: Sequence[str], seed: int) -> list[Utterance]:
    """Noise files without a split, dealt to ``splits`` within each class; others are left as they are.

    Every split gets a file of a class where the class has enough; a class with fewer files than
    splits serves the first splits that lack noise, so no file ever stands in two.
    """
    if not splits or any(n.split for n in noise):
        return list(noise)
    counts = dict.fromkeys(splits, 0)
    shares = {split: SPLIT_SHARES.get(split, 0.15) for split in splits}
    classes: dict[str, list[Utterance]] = {}
    for item in sorted(noise, key=lambda n: n.id):
        classes.setdefault(item.info.get("noise_class", ""), []).append(item)
    dealt = []
    for name, files in classes.items():
        for index in generator_for(seed, "noise split", name).permutation(len(files)):
            split = min(splits, key=lambda s: (counts[s] / shares[s], s))
            counts[split] += 1
            dealt.append(replace(files[int(index)], split=split))
    return sorted(dealt, key=lambda n: n.id)
