"""A pair of noisy and clean files to audit, and the rules for names that are not ours."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

from merit_cli.audio.levels import LevelName
from merit_cli.errors import UsageError, unknown_name
from merit_cli.mixing.speech_detector import DetectorName

Part = Literal["noisy", "clean", "noise"]


@dataclass(frozen=True)
class Pair:
    """A noisy file and what it is said to be made of.

    Args:
        id: Of the manifest line, or the noisy file's path below the folder, without suffix, ``/`` as ``__``.
        noisy: None where a clean file or a noise has no noisy one.
        clean: Files whose sum is the clean signal; several of a mixture of talkers; none where it is missing.
        noise: Files whose sum is the noise as it was added; none where there are no stems.
        lacks: The part that the layout promises and that is not there.
        claimed_snr_db: None where nobody claims one.
        level: Definition of level that the claim is stated in.
        split: Empty where there is none.
        sources: ``speaker``, ``clean_id``, ``noise_id`` where they are known.
        more_noise_ids: The other noises heard in the same mixture.
        start: First sample of the segment, in every file.
        num_samples: Of the segment; None takes the whole files.
        is_whole: The files hold the segment and nothing else.
        claimed_rate: Sample rate in Hz that a manifest states.
        detector: What tells speech from pauses for the level ``vad``.
        recorded_snr_db: What was measured when the pair was made, coding included; None where nobody noted it.
        remade: Why noisy minus clean is no longer the noise, such as ``before distortions``; empty where it is.
    """

    id: str
    noisy: Path | None
    clean: tuple[Path, ...] = ()
    noise: tuple[Path, ...] = ()
    lacks: Part | None = None
    claimed_snr_db: float | None = None
    level: LevelName = "rms"
    split: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    more_noise_ids: tuple[str, ...] = ()
    start: int = 0
    num_samples: int | None = None
    is_whole: bool = True
    claimed_rate: int | None = None
    detector: DetectorName = "energy"
    remade: str = ""
    recorded_snr_db: float | None = None


@dataclass(frozen=True)
class PairRules:
    """How to read names that are not ours.

    Args:
        pair_by: Regular expression, searched for in a file's path below its noisy, clean or noise folder, without
            suffix. Its group ``id``, else its first, is what partners share. Groups ``speaker`` and ``noise`` say
            who speaks and which noise is heard.
        claimed_snr: Likewise, in a noisy file's path; its group ``snr`` is the claim in dB.
        level: Definition of level that claims in file names are stated in.

    Raises:
        UsageError: An expression cannot be read or lacks its group, or the level is unknown.
    """

    pair_by: str | None = None
    claimed_snr: str | None = None
    level: LevelName = "rms"

    def __post_init__(self) -> None:
        if self.level not in get_args(LevelName):
            raise unknown_name("level", self.level, get_args(LevelName), place="--level")
        if self.key is not None and not self.key.groups:
            raise UsageError(
                f"the rule {self.pair_by!r} has no group", place="--pair-by", hint=r"for example '(?P<id>p\d+_\d+)'"
            )
        if self.claim is not None and "snr" not in self.claim.groupindex:
            raise UsageError(
                f"the rule {self.claimed_snr!r} has no group named snr",
                place="--claimed-snr",
                hint=r"for example 'snr(?P<snr>-?\d+)'",
            )

    @cached_property
    def key(self) -> re.Pattern[str] | None:
        """``pair_by``, compiled."""
        return _compiled(self.pair_by, "--pair-by")

    @cached_property
    def claim(self) -> re.Pattern[str] | None:
        """``claimed_snr``, compiled."""
        return _compiled(self.claimed_snr, "--claimed-snr")


def _compiled(rule: str | None, flag: str) -> re.Pattern[str] | None:
    try:
        return None if rule is None else re.compile(rule)
    except re.error as error:
        raise UsageError(
            f"cannot read the regular expression {rule!r}: {error}", place=flag, hint="quote it from the shell"
        ) from None
