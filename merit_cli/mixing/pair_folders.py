"""Pairs in folders that are not ours: VoiceBank-DEMAND, LibriMix, DNS-Challenge, and plain noisy/ and clean/.

A folder's role is in its name: ``noisy`` or ``mix...``, ``clean`` or ``s1``, ``s2``, ..., ``noise``. Folders beside
each other belong together if the rest of their names is equal (``noisy_testset_wav``, ``clean_testset_wav``) or if
there is only one to choose. Of the rules for file names, the one that finds the most partners is taken.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from merit_cli.errors import NoInput, UsageError
from merit_cli.io.audio_file import is_audio
from merit_cli.manifests.utterance import id_of_path
from merit_cli.mixing.pairs import Pair, PairRules, Part

_NOISY = re.compile(r"noisy|^mix(?![a-z])|^mixtures?(?![a-z])", re.IGNORECASE)
_CLEAN = re.compile(r"clean|^s\d$", re.IGNORECASE)
_NOISE = re.compile(r"noises?(?![a-z])", re.IGNORECASE)
_ROLE_WORD = re.compile(r"(?<![a-z])(?:noisy|clean|noise|mixture|mix)(?![a-z])", re.IGNORECASE)
_FILE_ID = re.compile(r"fileid_(\d+)$")
_DNS_CLAIM = re.compile(r"_snr(?P<snr>-?\d+(?:\.\d+)?)(?![\d.])")
_SPLIT = re.compile(
    r"(?<![a-z])(?:(?P<train>train|tr(?![a-z]))|(?P<dev>dev|valid|val(?![a-z])|cv(?![a-z]))|(?P<test>test|eval|tt(?![a-z])))",
    re.IGNORECASE,
)
Key = Callable[[str], str | None]
"""What partners' paths share."""


@dataclass(frozen=True)
class _Group:
    """A noisy folder and the folders of its parts; no `noise` where there are no stems, no `clean` where it is lost."""

    noisy: Path
    clean: tuple[Path, ...] = ()
    noise: tuple[Path, ...] = ()


def pairs_of_folder(root: Path, rules: PairRules) -> Iterator[Pair]:
    """Every pair below ``root``, and a pair that lacks a part for every file without a partner.

    Raises:
        NoInput: There is no noisy folder with a clean folder beside it.
            Or ``rules.pair_by`` finds no file's partner.
        UsageError: A rule pairs one noisy file with two clean ones, or names a ratio that is no number.
    """
    groups = list(_groups(root, set()))
    if not any(group.clean for group in groups):
        raise NoInput(
            "there is no manifest, and no noisy and clean folder side by side",
            place=str(root),
            hint="give the folder that holds both, such as noisy/ and clean/; or a manifest",
        )
    used: set[Path] = set()
    for group in groups:
        for pair in _pairs_of_group(group, root, rules):
            used.update((*pair.clean, *pair.noise))
            yield pair
    if rules.key and not used:
        raise NoInput(
            f"the rule {rules.pair_by!r} finds no noisy and clean files that belong together",
            place=f"--pair-by: {root}",
            hint="it is searched for in names without suffix, and what its group matches is what partners share",
        )
    for folder in sorted({folder for group in groups for folder in (*group.clean, *group.noise)}):
        for path in _audio_files(folder).values():
            if path not in used:
                yield Pair(id=id_of_path(path, root), noisy=None, lacks="noisy")


def split_of_path(path: str) -> str:
    """The split that a path names, the last one if several; empty if none.

    >>> split_of_path("noisy_trainset_28spk_wav/p232_001"), split_of_path("wav16k/min/dev/mix_both/a")
    ('train', 'dev')
    >>> split_of_path("noisy/contest")
    ''
    """
    found = [match.lastgroup or "" for part in path.split("/")[:-1] for match in _SPLIT.finditer(part)]
    return found[-1] if found else ""


def _groups(folder: Path, visited: set[Path]) -> Iterator[_Group]:
    """The groups in ``folder`` and below; what belongs to a group is not searched for further ones."""
    real = folder.resolve()
    if real in visited:  # a link back up
        return
    visited.add(real)
    here = [group for group in _groups_beside(_children(folder)) if group.clean]
    yield from here
    taken = {one for group in here for one in (group.noisy, *group.clean, *group.noise)}
    for child in _children(folder):
        if child in taken:
            continue
        below = list(_groups(child, visited))
        yield from below or ([_Group(child)] if _role(child.name) == "noisy" else [])


def _children(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))


def _role(name: str) -> Part | None:
    """The role that a folder's name gives it; None where it gives none or two."""
    roles: list[Part] = []
    if _NOISY.search(name):
        roles.append("noisy")
    if _CLEAN.search(name) and not name.lower().startswith("mix"):
        roles.append("clean")
    if _NOISE.search(name):
        roles.append("noise")
    return roles[0] if len(roles) == 1 else None


def _groups_beside(children: Sequence[Path]) -> Iterator[_Group]:
    by_role: dict[Part | None, list[Path]] = defaultdict(list)
    for child in children:
        by_role[_role(child.name)].append(child)
    talkers = [child for child in by_role["clean"] if re.fullmatch(r"s\d", child.name)]
    is_only_one = len(by_role["noisy"]) == 1
    for noisy in by_role["noisy"]:
        if talkers and noisy.name.startswith("mix_"):
            yield _talkers_group(noisy, talkers, by_role["noise"])
        else:
            clean, noise = (_beside(noisy, by_role[role], is_only_one=is_only_one) for role in ("clean", "noise"))
            yield _Group(noisy, clean, noise)


def _talkers_group(noisy: Path, talkers: Sequence[Path], noises: Sequence[Path]) -> _Group:
    """LibriMix and WHAM!: mix_single is s1 + noise, mix_both all + noise, mix_clean s1 against the other talkers."""
    if noisy.name.startswith("mix_clean"):
        return _Group(noisy, tuple(talkers[:1]), tuple(talkers[1:]))
    voices = talkers[:1] if noisy.name.startswith("mix_single") else talkers
    return _Group(noisy, tuple(voices), tuple(noises[:1]))


def _beside(noisy: Path, candidates: Sequence[Path], *, is_only_one: bool) -> tuple[Path, ...]:
    """The folder whose name differs in the role only; else the one without any other name, or the only one."""
    for wanted in (_without_role(noisy.name), ""):
        if same := [one for one in candidates if _without_role(one.name) == wanted]:
            return tuple(same[:1])
    return tuple(candidates) if is_only_one and len(candidates) == 1 else ()


def _without_role(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", _ROLE_WORD.sub("", name.lower())).strip("_")


def _pairs_of_group(group: _Group, root: Path, rules: PairRules) -> Iterator[Pair]:
    noisy_files = _audio_files(group.noisy)
    parts = {folder: _audio_files(folder) for folder in (*group.clean, *group.noise)}
    key = _bound_rule(rules.key) if rules.key else _best_key(noisy_files, parts)
    partners = {folder: _by_key(files, key, folder) for folder, files in parts.items()}
    for name, path in noisy_files.items():
        shared = key(name)
        found = {folder: by.get(shared) if shared is not None else None for folder, by in partners.items()}
        clean = tuple(match for folder in group.clean if (match := found[folder]))
        noise = tuple(match for folder in group.noise if (match := found[folder]))
        no_noise: Part | None = "noise" if len(noise) < len(group.noise) else None
        yield Pair(
            id=id_of_path(path, root),
            noisy=path,
            clean=clean,
            noise=noise,
            lacks="clean" if not clean or len(clean) < len(group.clean) else no_noise,
            claimed_snr_db=_claim(name, rules, is_dns=key is _file_id),
            level=rules.level,
            split=split_of_path(path.relative_to(root).as_posix()),
            sources=_sources(name, rules),
        )


def _audio_files(folder: Path) -> dict[str, Path]:
    """Path below the folder without suffix -> file, sorted; with suffix where two differ in nothing else."""
    files: dict[str, Path] = {}
    for path in sorted(p for p in folder.rglob("*") if is_audio(p) and p.is_file() and not p.name.startswith(".")):
        below = path.relative_to(folder)
        name = below.with_suffix("").as_posix()
        files[below.as_posix() if name in files else name] = path
    return files


def _bound_rule(pattern: re.Pattern[str]) -> Key:
    group: str | int = "id" if "id" in pattern.groupindex else 1

    def by_rule(name: str) -> str | None:
        match = pattern.search(name)
        return match and match[group]

    return by_rule


def _best_key(noisy: Mapping[str, Path], parts: Mapping[Path, Mapping[str, Path]]) -> Key:
    """The rule that finds the most partners, the first of equals."""

    def num_partners(key: Key) -> int:
        keys = {key(name) for name in noisy} - {None}
        return sum(len(keys & {key(name) for name in files}) for files in parts.values())

    return max((_name, _file_id, _name_without_role), key=num_partners)


def _name(name: str) -> str | None:
    return name


def _file_id(name: str) -> str | None:
    match = _FILE_ID.search(name)
    return match and match[1]


def _name_without_role(name: str) -> str | None:
    """``a_noisy``, ``noisy-a`` and ``clean_a`` share ``a``."""
    return re.sub(r"[_\-. ]+", "_", _ROLE_WORD.sub("", name)).strip("_")


def _by_key(files: Mapping[str, Path], key: Key, folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for name, path in files.items():
        shared = key(name)
        if shared is None:  # it is nobody's partner
            continue
        if shared in found:
            raise UsageError(
                f"two files have the key {shared!r}: {found[shared].name} and {path.name}",
                place=str(folder),
                hint="write a --pair-by rule that tells them apart",
            )
        found[shared] = path
    return found


def _claim(name: str, rules: PairRules, *, is_dns: bool) -> float | None:
    pattern = rules.claim or (_DNS_CLAIM if is_dns else None)
    match = pattern.search(name) if pattern else None
    if match is None or match["snr"] is None:
        return None
    try:
        return float(match["snr"])
    except ValueError:
        raise UsageError(f"{match['snr']!r} in {name!r} is no ratio in dB", place="--claimed-snr") from None


def _sources(name: str, rules: PairRules) -> dict[str, str]:
    match = rules.key.search(name) if rules.key else None
    groups = match.groupdict() if match else {}
    return {kind: groups[group] for group, kind in (("speaker", "speaker"), ("noise", "noise_id")) if groups.get(group)}
