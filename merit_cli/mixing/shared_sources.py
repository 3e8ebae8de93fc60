"""Sources that stand in two splits of a noisy set, by name where names are known, and by content."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from merit_cli.manifests.checks import find_leaks
from merit_cli.mixing.pair_findings import Finding
from merit_cli.mixing.pairs import Pair, Part

_PART_OF = {"noise_id": "noise", "clean_id": "clean", "speaker": "speaker"}
_NAME_OF: dict[Part, str] = {"noise": "noise_id", "clean": "clean_id", "noisy": "id"}
_EVERY = frozenset({*_PART_OF, "id"})


class SharedSources:
    """Gathers what each pair is made of; memory grows by some hundred bytes a pair.

    Args:
        allowed: Kinds of names (``speaker``, ``noise_id``, ``clean_id``) that splits may share; None allows all.
    """

    def __init__(self, *, allowed: Collection[str] | None = ()) -> None:
        self.allowed = _EVERY if allowed is None else frozenset(allowed)
        self._names: set[tuple[str, str, str]] = set()
        self._contents: dict[tuple[Part, str], dict[str, tuple[str, str]]] = {}
        self._num_allowed = 0

    def add(self, pair: Pair, content: Iterable[tuple[Part, str]]) -> Iterator[Finding]:
        """Findings on a pair that holds the very samples of an earlier one.

        A file of the same name in two splits is left to `shared_names`.
        """
        known = {**pair.sources, "id": pair.id}
        self._names.update((pair.split, kind, name) for kind, name in pair.sources.items() if name)
        self._names.update((pair.split, "noise_id", name) for name in pair.more_noise_ids)
        for part, digest in content:
            kind = _NAME_OF[part]
            name = known.get(kind, "")
            seen = self._contents.setdefault((part, digest), {})
            if part == "noisy" and pair.split in seen:
                yield Finding(pair.id, "duplicate", part, None, seen[pair.split][0])
            for split, (other, other_name) in seen.items():
                if split and pair.split and split != pair.split and (name != other_name or not name):
                    if kind not in self.allowed:
                        yield Finding(pair.id, "shared", part, f"only in {pair.split}", f"{split}: {other}")
                        break
                    self._num_allowed += 1
            seen.setdefault(pair.split, (pair.id, name))

    def shared_names(self) -> Iterator[Finding]:
        """A finding on every speaker, clean utterance and noise whose name stands in two splits."""
        splits_of: dict[tuple[str, str], list[str]] = defaultdict(list)
        for split, kind, name in self._names:
            splits_of[kind, name].append(split)
        for kind, names in sorted(self._leaks().items()):
            if kind not in self.allowed:
                for name in names:
                    splits = sorted(filter(None, splits_of[kind, name]))
                    yield Finding(name, "shared", _PART_OF[kind], "one split", ", ".join(splits))

    def not_checked(self) -> Iterator[str]:
        """Sentences on what names and files did not allow to check, and on what was allowed."""
        splits = {split for split, _, _ in self._names} | {split for seen in self._contents.values() for split in seen}
        if len(splits - {""}) < 2:
            yield "there are not two splits: whether they share sources was not checked"
            return
        kinds = {kind for _, kind, _ in self._names}
        if "noise_id" not in kinds:
            stems = any(part == "noise" for part, _ in self._contents)
            how = "beyond equal noise files" if stems else "at all: there are no noise files"
            yield f"noises have no names: whether splits share one was not checked {how}"
        if "speaker" not in kinds:
            yield "speakers are not known: whether splits share one was not checked"
        for kind, names in sorted(self._leaks().items()):
            if kind in self.allowed:
                yield f"LEAK ALLOWED: {len(names)} {kind} values are shared between splits"
        if self._num_allowed:
            yield f"LEAK ALLOWED: {self._num_allowed} files hold the samples of one in another split"

    def _leaks(self) -> dict[str, list[str]]:
        return find_leaks((split, {kind: name}) for split, kind, name in self._names)
