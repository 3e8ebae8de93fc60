"""Which noise files may meet which speech, and in what order they are dealt out."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from merit_cli.errors import CheckFailed, NoInput, nearest_name
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.draws import Draws
from merit_cli.mixing.recipe import NoiseSet

SPLIT_SHARES = {"train": 0.7, "dev": 0.15, "test": 0.15}
"""How noise files without a split are dealt to the splits of the speech (ours)."""
Pools = Mapping[tuple[str, NoiseSet], "Deal"]
"""The noises of each split and noise set."""


class Deal:
    """Noise files dealt from one seeded permutation after another: each is used before any is used again.

    Args:
        files: At least ``hand``.
        seed: Of the dealing.
        key: What it is for.
        hand: Files dealt at once; never the same one twice.
        round_of: Hands of one utterance; none of them holds a file of another as long as there are files enough.
    """

    def __init__(self, files: Sequence[Utterance], *, seed: int, key: str, hand: int = 1, round_of: int = 1) -> None:
        self.files, self.seed, self.key = tuple(sorted(files, key=lambda one: one.id)), seed, key
        self.hand, self.round = hand, hand * round_of
        self._cycle, self._order = -1, [0]

    def at(self, position: int) -> tuple[Utterance, ...]:
        """The hand at a position of the endless deal."""
        return tuple(self._file(position * self.hand + number) for number in range(self.hand))

    def _file(self, number: int) -> Utterance:
        cycle, index = divmod(number, len(self.files))
        return self.files[self._order_of(cycle)[index]]

    def _order_of(self, cycle: int) -> list[int]:
        """The permutation of a cycle; files in the round begun before it come last in it, those in its hand at the end.

        A permutation depends on the one before it only where a round lies across both, so on as many as a round has
        files at most.
        """
        if cycle == self._cycle:
            return self._order
        count = len(self.files)
        order = Draws(self.seed, "noise", self.key, cycle).permutation(count)
        in_hand, in_round = (cycle * count % size for size in (self.hand, self.round))
        if in_round >= count:  # every file has been in it: only the hand is left to keep
            in_round, left = in_hand, self.hand - in_hand
        else:
            left = self.round - in_round
        if in_round:
            before = self._order_of(cycle - 1)[-in_round:]
            rank = {one: 1 + (place >= in_round - in_hand) for place, one in enumerate(before)}
            filling = sorted(order, key=lambda one: rank.get(one, 0))[:left]
            held = set(filling)
            order = filling + [one for one in order if one not in held]
        self._cycle, self._order = cycle, order
        return order


def noise_class(noise: Utterance) -> str:
    """The class of a noise file: its folder, unless the manifest says otherwise."""
    return noise.info.get("noise_class", "")


def held_out_classes(noise: Sequence[Utterance], wanted: tuple[str, ...] | int, *, seed: int) -> tuple[str, ...]:
    """The classes that only test may hear, by name, or so many of them drawn.

    Where the files have splits already, classes are drawn from those that stand in test alone.

    Raises:
        NoInput: There are too few classes.
    """
    if not isinstance(wanted, int):
        return wanted
    elsewhere = {noise_class(one) for one in noise if one.split in ("train", "dev")}
    known = sorted({noise_class(one) for one in noise} - elsewhere - {""})
    if len(known) < wanted + (not elsewhere):
        raise NoInput(
            f"{wanted} noise classes cannot be held out: there are {len(known)}",
            place="unseen_noise",
            hint="a class is a folder of noise files, or info.noise_class in a manifest",
        )
    return tuple(sorted(known[index] for index in Draws(seed, "unseen noise").permutation(len(known))[:wanted]))


def make_pools(
    noise: Sequence[Utterance],
    wanted: Mapping[str, Sequence[NoiseSet]],
    *,
    unseen: Sequence[str] = (),
    seed: int = 0,
    hand: int = 1,
    rounds: Mapping[str, int] | None = None,
) -> Pools:
    """The noises of each split and set that is asked for.

    Args:
        noise: All files, with or without splits.
        wanted: Noise sets of each split of the speech.
        unseen: Classes that only test may hear.
        seed: Of the dealing.
        hand: Noises heard at once.
        rounds: Hands of an utterance in each split; 1 where nothing is said.

    Raises:
        NoInput: A split or set has no noise.
        CheckFailed: A class that is held out stands in train or dev.
    """
    splits = [split for split in wanted if split]
    files = split_noise(noise, splits, seed, unseen=unseen)
    _check_held_out(files, unseen)
    seen = {noise_class(one) for one in files if one.split in ("", "train")} - set(unseen)
    pools = {}
    for split, sets in wanted.items():
        here = [one for one in files if one.split in ("", split) or not split]
        for name in sets:
            chosen = [one for one in here if _is_of(one, name, unseen=unseen, seen=seen)]
            if not chosen:
                which = "" if name == "any" else f"{name} "
                raise NoInput(
                    f"there is no {which}noise for the split {split!r}",
                    place="noise",
                    hint="give noise to every split; matched noise needs a second file of a class that train has",
                )
            round_of = (rounds or {}).get(split, 1)
            pools[split, name] = Deal(chosen, seed=seed, key=f"{split}\0{name}", hand=hand, round_of=round_of)
    return pools


def _is_of(noise: Utterance, name: NoiseSet, *, unseen: Sequence[str], seen: set[str]) -> bool:
    if name == "any":
        return True
    return noise_class(noise) in (unseen if name == "unseen" else seen)


def _check_held_out(files: Sequence[Utterance], unseen: Sequence[str]) -> None:
    classes = {noise_class(one) for one in files}
    for name in unseen:
        if name not in classes:
            near = nearest_name(name, classes)
            raise NoInput(
                f"no noise is of the class {name!r}",
                place="unseen_noise",
                hint=f"did you mean {near!r}?" if near else f"the classes are {', '.join(sorted(classes)[:10])}",
            )
    if heard := sorted({noise_class(one) for one in files if one.split in ("train", "dev")} & set(unseen)):
        raise CheckFailed(
            f"held-out noise classes stand in train or dev: {', '.join(heard)}",
            place="unseen_noise",
            hint="give their files the split test",
        )


def split_noise(
    noise: Sequence[Utterance], splits: Sequence[str], seed: int, *, unseen: Sequence[str] = ()
) -> list[Utterance]:
    """Noise files without a split, dealt to ``splits`` within each class; others are left as they are.

    A class with a file for every split serves them all; one with fewer serves the splits that lack
    noise most. No file ever stands in two, nor do its channels or its segments. Files of classes
    that are ``unseen`` go to test whole.
    """
    if not splits or any(one.split for one in noise):
        return list(noise)
    counts = dict.fromkeys(splits, 0)
    shares = {split: SPLIT_SHARES.get(split, 0.15) for split in splits}
    dealt = {one.audio: "test" for one in noise if noise_class(one) in unseen}
    for name, files in _by_class(noise):
        sizes = Counter(one.audio for one in files if one.audio not in dealt)
        paths = list(sizes)
        heard_by_all = len(paths) >= len(splits)
        for number, index in enumerate(Draws(seed, "noise split", name).permutation(len(paths))):
            is_first = heard_by_all and number < len(splits)
            split = splits[number] if is_first else min(splits, key=lambda s: (counts[s] / shares[s], s))
            counts[split] += sizes[paths[index]]
            dealt[paths[index]] = split
    return sorted((replace(one, split=dealt[one.audio]) for one in noise), key=lambda one: one.id)


def _by_class(noise: Sequence[Utterance]) -> Iterator[tuple[str, list[Utterance]]]:
    classes: dict[str, list[Utterance]] = {}
    for one in sorted(noise, key=lambda one: one.id):
        classes.setdefault(noise_class(one), []).append(one)
    yield from classes.items()
