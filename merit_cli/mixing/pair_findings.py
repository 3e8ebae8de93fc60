"""What can be wrong with a pair of noisy and clean files, and what their headers alone say of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from merit_cli.errors import BadData, NoInput
from merit_cli.io.audio_file import AudioInfo, audio_info
from merit_cli.mixing.pairs import Pair, Part

Kind = Literal[
    "missing", "unreadable", "sample_rate", "channels", "length", "nan", "silent", "clipped", "sum", "misaligned",
    "scaled", "snr", "level", "duplicate", "shared",
]  # fmt: skip
"""``sum``: noisy is not clean plus noise. ``level``: noise so quiet that rounding is heard, or above full scale.
``shared``: one source in two splits."""
Value = float | str | None
NOISE_RANGE_DBFS = (-90.0, 0.0)
"""Outside of it noise is hardly above the rounding of 16 bits, which is at -101 dBFS, or beyond full scale (ours)."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Args:
        id: Of the pair, or of the shared source.
        kind: What is wrong.
        part: The file it is about: ``noisy``, ``clean`` or ``noise``; of a shared source also ``speaker``.
        claimed: What was stated or should be.
        measured: What was found.
    """

    id: str
    kind: Kind
    part: str
    claimed: Value
    measured: Value

    @property
    def is_error(self) -> bool:
        """Whether the pair cannot be used as it is said to be; the others are remarks.

        Clean files and noises may well be clipped where they come from; a mixture may not be.
        """
        return self.kind not in ("duplicate", "level") and not (self.kind == "clipped" and self.part != "noisy")


@dataclass(frozen=True)
class PairReport:
    """All that was measured of a pair.

    Args:
        findings: In a fixed order.
        achieved_snr_db: None where it could not or should not be measured.
        content: Hash of the samples of each part that is one file and not silent.
        sum_unchecked: There are stems, but an encoding with losses.
        coding_db: How far the ratio of lossy files is from the claim without that being held against them.
        ratio_unchecked: Why the claimed ratio could not be checked; empty where it was, or none is claimed.
    """

    findings: tuple[Finding, ...]
    achieved_snr_db: float | None = None
    content: tuple[tuple[Part, str], ...] = ()
    sum_unchecked: bool = False
    ratio_unchecked: str = ""
    coding_db: float | None = None


def read_header(pair: Pair, part: Part, path: Path) -> AudioInfo | Finding:
    """The header of one file of a pair, or why there is none."""
    try:
        return audio_info(path)
    except NoInput as error:
        return Finding(pair.id, "missing", part, path.name, error.message)
    except BadData as error:
        return Finding(pair.id, "unreadable", part, path.name, error.message)


def compare_headers(pair: Pair, files: Sequence[tuple[Part, Path]], infos: Sequence[AudioInfo]) -> Iterator[Finding]:
    """Where the headers of a pair's files disagree with each other or with what is claimed."""
    noisy = infos[0]
    if pair.claimed_rate not in (None, noisy.sample_rate):
        yield Finding(pair.id, "sample_rate", "noisy", pair.claimed_rate, noisy.sample_rate)
    stop = pair.start + (pair.num_samples or 0)
    if pair.num_samples is not None and (noisy.num_samples < stop or (pair.is_whole and noisy.num_samples != stop)):
        yield Finding(pair.id, "length", "noisy", stop, noisy.num_samples)
    for (part, _), info in zip(files[1:], infos[1:], strict=True):
        if info.sample_rate != noisy.sample_rate:
            yield Finding(pair.id, "sample_rate", part, noisy.sample_rate, info.sample_rate)
        if info.num_channels != noisy.num_channels:
            yield Finding(pair.id, "channels", part, noisy.num_channels, info.num_channels)
        is_too_short = not pair.is_whole and info.num_samples < stop
        if is_too_short or (pair.is_whole and info.num_samples != noisy.num_samples):
            yield Finding(pair.id, "length", part, noisy.num_samples, info.num_samples)
