"""What is wrong with one pair of noisy and clean files, measured on the files themselves.

For the level ``rms`` files of any length are measured in blocks; the other levels need a whole pair in memory, in
float32.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from merit_cli.audio.alignment import estimate_gain, find_shift
from merit_cli.audio.levels import SILENCE_POWER, noise_power, sum_of_squares
from merit_cli.audio.snr import power_ratio_db
from merit_cli.audio.tally import SignalTally
from merit_cli.errors import BadData, Unavailable
from merit_cli.io.audio_blocks import read_blocks
from merit_cli.io.audio_file import AudioInfo, FloatArray
from merit_cli.mixing.pair_findings import NOISE_RANGE_DBFS, Finding, PairReport, compare_headers, read_header
from merit_cli.mixing.pairs import Pair, Part
from merit_cli.mixing.speech_detector import detected_power
from merit_cli.units import power_to_db

MAX_SHIFT_SECONDS = 0.5
LOSSY_TOLERANCE_DB = 3.0
"""What coding may take of a ratio: Vorbis takes 0.7 dB at 0 dB and 2.5 dB at 20 dB (ours)."""
LOSSY_LIMIT_DB = 20.0
"""Above it the noise of coding itself decides (ours)."""
_STEPS = {"PCM_S8": 2.0**-7, "PCM_U8": 2.0**-7, "PCM_16": 2.0**-15, "PCM_24": 2.0**-23, "PCM_32": 2.0**-24}
_FLOAT_STEP = 2.0**-22
_FLOATS = ("FLOAT", "DOUBLE")
WideBlock = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MeasureJob:
    """A pair and the distance in dB from its claim that is let pass; ``index`` is its place among all."""

    index: int
    pair: Pair
    tolerance_db: float


def measure_pair(job: MeasureJob) -> PairReport:
    """Everything wrong with one pair.

    Files that cannot be compared sample by sample are not measured further.
    """
    pair, findings = job.pair, []  # type: Pair, list[Finding]
    if pair.lacks is not None:
        findings.append(Finding(pair.id, "missing", pair.lacks, None, None))
    if pair.noisy is None or not pair.clean:
        return PairReport(tuple(findings))
    files: list[tuple[Part, Path]] = [("noisy", pair.noisy), *(("clean", path) for path in pair.clean)]
    files += [("noise", path) for path in pair.noise]
    headers = [read_header(pair, part, path) for part, path in files]
    findings += [one for one in headers if isinstance(one, Finding)]
    infos = [one for one in headers if isinstance(one, AudioInfo)]
    if len(infos) == len(files):
        findings += compare_headers(pair, files, infos)
    if any(one.part != "noise" or one.kind != "missing" for one in findings):
        return PairReport(tuple(findings))
    meter = _Meter(pair, files, infos)
    try:
        meter.run()
    except _Unreadable as error:
        return PairReport((*findings, Finding(pair.id, "unreadable", error.part, None, error.message)))
    return meter.report(findings, job.tolerance_db)


class _Unreadable(BadData):
    """A file broke off while it was read."""

    part: Part = "noisy"


@dataclass(kw_only=True)
class _Track(SignalTally):
    """What is gathered of one file."""

    part: Part
    subtype: str


class _Meter:
    """Goes through all files of a pair side by side."""

    def __init__(self, pair: Pair, files: Sequence[tuple[Part, Path]], infos: Sequence[AudioInfo]) -> None:
        self.pair, self.files, self.infos = pair, files, infos
        self.tracks = [_Track(part=part, subtype=info.subtype) for (part, _), info in zip(files, infos, strict=True)]
        self.num_values = 0
        self.clean_energy = self.residual_energy = self.stem_energy = self.worst_sum = 0.0
        self.loudest = -1.0
        self.excerpt: tuple[WideBlock, WideBlock] = (np.zeros(0), np.zeros(0))
        self.num_kept = 0
        self.kept = np.empty((0 if pair.level == "rms" else 2, self._length()), dtype=np.float32)

    def _length(self) -> int:
        pair = self.pair
        return self.infos[0].num_samples if pair.is_whole or pair.num_samples is None else pair.num_samples

    def run(self) -> None:
        pair = self.pair
        count = None if pair.is_whole else pair.num_samples
        readers = [
            _blocks(part, read_blocks(path, info, start=pair.start, num_samples=count))
            for (part, path), info in zip(self.files, self.infos, strict=True)
        ]
        for blocks in zip(*readers, strict=True):
            self._add([track.add(block) for track, block in zip(self.tracks, blocks, strict=True)])

    def _add(self, blocks: Sequence[FloatArray]) -> None:
        noisy, clean, noise = (self._sum_of(part, blocks) for part in ("noisy", "clean", "noise"))
        residual = noisy - clean
        self.num_values += noisy.size
        clean_energy = sum_of_squares(clean.ravel())
        self.clean_energy += clean_energy
        self.residual_energy += sum_of_squares(residual.ravel())
        self.stem_energy += sum_of_squares(noise.ravel())
        if self.pair.noise and noisy.size:
            self.worst_sum = max(self.worst_sum, float(np.abs(residual - noise).max()))
        if clean_energy > self.loudest:
            self.loudest, self.excerpt = clean_energy, (noisy.mean(axis=1), clean.mean(axis=1))
        if self.pair.level != "rms":
            here = slice(self.num_kept, self.num_kept + len(clean))
            clean.mean(axis=1, out=self.kept[0, here])
            residual.mean(axis=1, out=self.kept[1, here])
            self.num_kept = here.stop

    def _sum_of(self, part: Part, blocks: Sequence[FloatArray]) -> WideBlock:
        total = np.zeros(blocks[0].shape)
        for track, block in zip(self.tracks, blocks, strict=True):
            if track.part == part:
                total += block
        return total

    def report(self, findings: Sequence[Finding], tolerance_db: float) -> PairReport:
        pair, found = self.pair, list(findings)
        bad = [Finding(pair.id, "nan", one.part, 0, one.num_bad) for one in self.tracks if one.num_bad]
        found += [*bad, *self._silent(), *self._clipped()]
        found += self._noise_level() if not any(one.kind == "silent" for one in found) else []
        is_lossy = self._is_lossy()
        if pair.noise and not pair.remade and not bad and not is_lossy and self.worst_sum > self._rounding():
            found.append(Finding(pair.id, "sum", "noise", round(self._rounding(), 9), round(self.worst_sum, 9)))
        achieved, unchecked, fault = None, "", None
        if not pair.remade and not bad and not any(one.kind == "silent" for one in found):
            try:
                achieved = self.achieved_snr_db()
            except Unavailable as error:
                unchecked = f"{error.message}; {error.hint}"
            fault = self._fault(achieved, tolerance_db, may_be_scaled=not self._is_clipped("noisy"))
            is_ratio = achieved is not None and math.isfinite(achieved) and (fault is None or fault.kind == "snr")
            achieved = achieved if is_ratio else None
            found += [fault] if fault else []
        content = tuple((one.part, one.digest.hexdigest()) for one in self.tracks if self._is_identifiable(one))
        coding_db = None
        if is_lossy and pair.claimed_snr_db is not None and achieved is not None and fault is None:
            coding_db = abs(achieved - pair.claimed_snr_db)
        return PairReport(tuple(found), achieved, content, bool(pair.noise) and is_lossy, unchecked, coding_db)

    def achieved_snr_db(self) -> float:
        """The ratio under the pair's level; `rms` over all channels, others on the channels' mean.

        Raises:
            Unavailable: The pair's speech detector is not installed.
        """
        if self.pair.level == "rms":
            return power_ratio_db(self.clean_energy, self.residual_energy)
        clean, residual = self.kept[:, : self.num_kept]
        rate, level = self.infos[0].sample_rate, self.pair.level
        speech = detected_power(clean, rate, level, detector=self.pair.detector)
        return power_ratio_db(speech, noise_power(residual, rate, level))

    def _fault(self, achieved: float | None, tolerance_db: float, *, may_be_scaled: bool) -> Finding | None:
        """Why the ratio is off, or might be nonsense where nobody claims one or it could not be measured."""
        claimed = self.pair.claimed_snr_db
        if claimed is not None and achieved is not None and self._is_within(achieved, claimed, tolerance_db):
            return None
        noisy, clean = self.excerpt
        max_shift = min(round(MAX_SHIFT_SECONDS * self.infos[0].sample_rate), clean.size - 1)
        if sum_of_squares(clean) > 0.0:
            if shift := find_shift(noisy, clean, max_shift=max_shift):
                return Finding(self.pair.id, "misaligned", "clean", 0, shift)
            estimate = estimate_gain(noisy, clean, max_shift=max_shift)
            if may_be_scaled and estimate.is_off:
                return Finding(self.pair.id, "scaled", "clean", 1.0, round(estimate.gain, 4))
        if claimed is None or achieved is None:
            return None
        return Finding(self.pair.id, "snr", "noisy", claimed, round(achieved, 3) if math.isfinite(achieved) else None)

    def _is_within(self, achieved: float, claimed: float, tolerance_db: float) -> bool:
        """Whether a ratio is as claimed; of lossy files, as far as coding leaves it and as measured behind it."""
        if not self._is_lossy():
            return abs(achieved - claimed) <= tolerance_db
        let_pass = max(tolerance_db, LOSSY_TOLERANCE_DB)
        if not min(claimed, LOSSY_LIMIT_DB) - let_pass <= achieved <= claimed + let_pass:
            return False
        recorded = self.pair.recorded_snr_db
        return recorded in (None, claimed) or abs(achieved - recorded) <= tolerance_db

    def _is_lossy(self) -> bool:
        return any(one.subtype not in (*_STEPS, *_FLOATS) for one in self.tracks)

    def _silent(self) -> Iterator[Finding]:
        energies: dict[Part, tuple[float, float]] = {
            "noisy": (self.tracks[0].energy, SILENCE_POWER),
            "clean": (self.clean_energy, SILENCE_POWER),
        }
        if self.pair.noise:
            energies["noise"] = (self.stem_energy, 0.0)
        if not self.pair.remade:
            added = min(self.residual_energy, self.stem_energy) if self.pair.noise else self.residual_energy
            energies["noise"] = (added, self._rounding_power())
        for part, (energy, silence) in energies.items():
            power = energy / max(1, self.num_values)
            if power <= silence:
                yield Finding(self.pair.id, "silent", part, None, round(power_to_db(power), 1) if power else None)

    def _clipped(self) -> Iterator[Finding]:
        for track in self.tracks:
            if track.clipped_share > 0.0:
                yield Finding(self.pair.id, "clipped", track.part, 0, round(track.clipped_share, 6))

    def _is_clipped(self, part: Part) -> bool:
        return any(one.part == part for one in self._clipped())

    def _noise_level(self) -> Iterator[Finding]:
        energy = self.stem_energy if self.pair.noise else self.residual_energy
        level = power_to_db(energy / max(1, self.num_values))
        low, high = NOISE_RANGE_DBFS
        if not self.pair.remade and not low <= level <= high:
            yield Finding(self.pair.id, "level", "noise", f"{low:g} to {high:g} dBFS", round(level, 1))

    def _rounding(self) -> float:
        """How far rounding alone can bring noisy away from the sum of its parts."""
        return sum(0.5 * _STEPS.get(one.subtype, 0.0) + _FLOAT_STEP for one in self.tracks)

    def _rounding_power(self) -> float:
        """Mean power that rounding alone leaves between noisy and clean, 20 % up: step^2 / 12 for each file."""
        return 1.2 * sum(_STEPS.get(one.subtype, 0.0) ** 2 / 12.0 for one in self.tracks if one.part != "noise")

    def _is_identifiable(self, track: _Track) -> bool:
        """One file of its part, and not silent: silence is everybody's."""
        is_alone = sum(one.part == track.part for one in self.tracks) == 1
        return is_alone and track.energy / max(1, self.num_values) > SILENCE_POWER


def _blocks(part: Part, blocks: Iterator[FloatArray]) -> Iterator[FloatArray]:
    try:
        yield from blocks
    except BadData as error:
        unreadable = _Unreadable(error.message, place=error.place, hint=error.hint)
        unreadable.part = part
        raise unreadable from None
