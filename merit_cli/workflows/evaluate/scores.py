"""Scores of a system and of the rows it must be seen against, kept line by line as they come.

Every enhancement table has noisy, an all-zero output, the best constant gain and a spectral gate
beside the system: muting and turning down win segmental SNR, so a gain means nothing without them.
``scores.jsonl`` is the ledger: what stands there is not scored again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from merit_cli.errors import MeritError, Unavailable
from merit_cli.io.audio_file import read_audio, write_audio
from merit_cli.io.jsonl import LineWriter, read_lines
from merit_cli.manifests.utterance import Utterance
from merit_cli.metrics.pair import Pair, read_pair
from merit_cli.metrics.score import Score, ScoreJob, compose, leaf_metrics, score_leaves, score_pairs
from merit_cli.metrics.spec import MetricSpec
from merit_cli.units import db_to_amplitude
from merit_cli.workers import Machine, run_items

NOISY, ZERO, GAIN, GATE = "noisy", "all-zero", "best constant gain", "spectral gate"
BASELINES = (NOISY, ZERO, GAIN, GATE)
GAINS_DB = (-2.0, -4.0, -6.0, -8.0, -10.0, -14.0, -20.0, -30.0)
"""Constant gains tried (ours), with 0 dB, the noisy row, and zero, the all-zero row, at the two ends."""
BLIND_TO_GAIN = frozenset(
    {"si_sdr_db", "sdr_db", "fwssnr_db", "pesq_wb", "pesq_nb", "stoi", "estoi", "llr", "wss", "csig", "covl"}
    | {"f0_rmse_cents", "f0_gross_error", "voicing_error", "energy_correlation"}
)
"""Metrics that align levels themselves: a constant gain scores what the noisy signal scores."""
SCORES_NAME = "scores.jsonl"
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Pairs:
    """What is to be scored of a material.

    Args:
        utterances: With a clean reference each.
        system: Name of the row that the tables are about.
        processed: System name to the file of each utterance id.
        noisy: Id to noisy file; empty where there is none, then there are no baselines either.
    """

    utterances: tuple[Utterance, ...]
    system: str
    processed: Mapping[str, Mapping[str, Path]]
    noisy: Mapping[str, Path]


class ScoreBook:
    """Scores by (system, metric, id), mirrored in ``scores.jsonl``; the last line of a key counts.

    Args:
        path: Of that file.
        forget_failed: Score again what could not be scored.
        folder: Where baselines are rendered; None takes the file's own.
    """

    def __init__(self, path: Path, *, forget_failed: bool = False, folder: Path | None = None) -> None:
        self.folder = folder or path.parent
        self.scores: dict[Key, Score] = {}
        if path.exists():
            for _, line in read_lines(path, torn_tail=True):
                key = (line["system"], line["metric"], line["id"])
                self.scores[key] = Score(line["id"], line["metric"], line["value"], line.get("reason", ""))
        if forget_failed:
            self.scores = {key: score for key, score in self.scores.items() if score.value is not None}
        self._writer = LineWriter(path)

    def take(self, path: Path) -> None:
        """Keep what stands in another file and is not on record here."""
        for _, line in read_lines(path, torn_tail=True):
            key = (line["system"], line["metric"], line["id"])
            if key not in self.scores:
                self.scores[key] = Score(line["id"], line["metric"], line["value"], line.get("reason", ""))
                self._writer.append(line)

    def add(self, system: str, score: Score) -> None:
        """Keep one score."""
        self.scores[system, score.metric, score.id] = score
        reason = {"reason": score.reason} if score.reason else {}
        note = {"note": score.note} if score.note else {}
        line = {"id": score.id, "system": system, "metric": score.metric, "value": score.value}
        self._writer.append(line | reason | note)

    def missing(self, system: str, item_id: str, metrics: Sequence[str]) -> tuple[str, ...]:
        """Those of ``metrics`` that are not on record."""
        return tuple(name for name in metrics if (system, name, item_id) not in self.scores)

    def values(self, system: str, metric: str, ids: Sequence[str]) -> list[float | None]:
        """The value of each id, None where it could not be had."""
        found = (self.scores.get((system, metric, item_id)) for item_id in ids)
        return [score.value if score else None for score in found]

    def close(self) -> None:
        """Close the file."""
        self._writer.__exit__(None, None, None)


def score_all(
    pairs: Pairs, metrics: Sequence[str], book: ScoreBook, *, baselines: bool, time_limit: float, machine: Machine
) -> None:
    """Score whatever is not in ``book`` yet."""
    processed = {name: dict(files) for name, files in pairs.processed.items()}
    if baselines and pairs.noisy:
        processed[GATE] = _render_gate(pairs, book, metrics, machine)
    jobs = list(_jobs(pairs, processed, metrics, book))
    for number, (job, done) in enumerate(score_pairs(jobs, workers=machine.workers, time_limit=time_limit), start=1):
        system, _, item_id = job.id.partition("\t")
        for score in done.scores:
            note = "; ".join(part for part in (*done.notes, score.note) if part)
            book.add(system, Score(item_id, score.metric, score.value, score.reason, note))
        machine.progress("score", number, len(jobs))
    if baselines and pairs.noisy:
        _score_gains(pairs, metrics, book, machine)


def _jobs(
    pairs: Pairs, processed: Mapping[str, Mapping[str, Path]], metrics: Sequence[str], book: ScoreBook
) -> Iterator[ScoreJob]:
    for system, files in processed.items():
        for utterance in pairs.utterances:
            wanted = book.missing(system, utterance.id, metrics)
            if wanted and utterance.id in files:
                is_segment = utterance.start > 0
                yield ScoreJob(
                    f"{system}\t{utterance.id}",
                    utterance.clean,
                    files[utterance.id],
                    wanted,
                    start=utterance.start,
                    num_samples=utterance.num_samples if is_segment else None,
                )


@dataclass(frozen=True)
class _GateJob:
    id: str
    noisy: Path
    output: Path


def _render_gate(pairs: Pairs, book: ScoreBook, metrics: Sequence[str], machine: Machine) -> dict[str, Path]:
    files = {item_id: book.folder / "baselines" / "spectral-gate" / f"{item_id}.flac" for item_id in pairs.noisy}
    wanted = [item_id for item_id in files if book.missing(GATE, item_id, metrics) and not files[item_id].exists()]
    jobs = [_GateJob(item_id, pairs.noisy[item_id], files[item_id]) for item_id in wanted]
    for job, result in run_items(render_gate, jobs, workers=machine.workers):
        if isinstance(result, Unavailable) or (isinstance(result, Exception) and not isinstance(result, MeritError)):
            raise result
        if isinstance(result, MeritError):
            for name in book.missing(GATE, job.id, metrics):
                book.add(GATE, Score(job.id, name, None, str(result)))
    return {item_id: path for item_id, path in files.items() if path.exists()}


def render_gate(job: _GateJob) -> None:
    """Write the spectral gate's output for one noisy file."""
    from merit_cli.enhancers.spectral_gate import SpectralGateConfig

    noisy = read_audio(job.noisy)
    write_audio(
        job.output, SpectralGateConfig.model_validate({}).build()(noisy.samples, noisy.sample_rate), noisy.sample_rate
    )


@dataclass(frozen=True)
class _GainJob:
    id: str
    clean: Path
    noisy: Path
    metrics: tuple[str, ...]


def _score_gains(pairs: Pairs, metrics: Sequence[str], book: ScoreBook, machine: Machine) -> None:
    """The all-zero row, and the noisy signal at each gain for the metrics that see level."""
    jobs = [
        _GainJob(one.id, one.clean, pairs.noisy[one.id], wanted)
        for one in pairs.utterances
        if one.clean and one.id in pairs.noisy and (wanted := _missing_gains(book, one.id, metrics))
    ]
    jobs = [part for job in jobs for part in _by_risk(job)]
    isolate = any(_is_risky(name) for job in jobs for name in job.metrics)
    results = run_items(score_gains, jobs, workers=machine.workers, isolate=isolate)
    for number, (job, result) in enumerate(results, start=1):
        if isinstance(result, MeritError):
            result = [(ZERO, Score(job.id, name, None, str(result))) for name in job.metrics]
        if isinstance(result, Exception):
            raise result
        for system, score in result:
            book.add(system, score)
        machine.progress("score constant gains", number, len(jobs))


def _is_risky(name: str) -> bool:
    return any(spec.isolate for spec in leaf_metrics([name]))


def _by_risk(job: _GainJob) -> list[_GainJob]:
    """The job in two, so that metrics which may kill their process take no other with them."""
    risky = tuple(name for name in job.metrics if _is_risky(name))
    parts = (risky, tuple(name for name in job.metrics if name not in risky))
    return [replace(job, metrics=names) for names in parts if names]


def _missing_gains(book: ScoreBook, item_id: str, metrics: Sequence[str]) -> tuple[str, ...]:
    """Metrics of which a gain, or the all-zero row, is not on record."""
    seeing = [name for name in metrics if name not in BLIND_TO_GAIN]
    lacking = {name for gain_db in GAINS_DB for name in book.missing(gain_name(gain_db), item_id, seeing)}
    lacking |= set(book.missing(ZERO, item_id, metrics))
    return tuple(name for name in metrics if name in lacking)


def score_gains(job: _GainJob) -> list[tuple[str, Score]]:
    """The all-zero output and every constant gain of one noisy file, by system name.

    What does not see level is computed once, for the metrics that are made of it.
    """
    pair = read_pair(job.noisy, job.clean)
    safe = [name for name in job.metrics if not _is_risky(name)]
    found = [(ZERO, score) for score in _at_gain(job.id, safe, pair, 0.0, {})]
    reason = "not defined for a silent output"
    found += [(ZERO, Score(job.id, name, None, f"{name} is {reason}")) for name in job.metrics if name not in safe]
    seeing = [name for name in job.metrics if name not in BLIND_TO_GAIN]
    blind = {spec.name for spec in leaf_metrics(seeing)} & BLIND_TO_GAIN
    kept = score_leaves(job.id, blind, pair)
    for gain_db in GAINS_DB:
        scores = _at_gain(job.id, seeing, pair, db_to_amplitude(gain_db), kept)
        found += [(gain_name(gain_db), score) for score in scores]
    return found


def _at_gain(
    item_id: str, metrics: Sequence[str], pair: Pair, scale: float, kept: Mapping[str, Score]
) -> tuple[Score, ...]:
    """Scores of the processed signal at a gain; ``kept`` are leaves that it does not change."""
    scaled = replace(pair, processed=pair.processed * np.float32(scale))
    wanted = [spec.name for spec in leaf_metrics(metrics) if spec.name not in kept]
    return compose(item_id, metrics, {**kept, **score_leaves(item_id, wanted, scaled)})


def gain_name(gain_db: float) -> str:
    """The system name of a constant gain in ``scores.jsonl``.

    >>> gain_name(-6.0)
    'gain -6 dB'
    """
    return f"gain {gain_db:g} dB"


def best_gain(book: ScoreBook, spec: MetricSpec, ids: Sequence[str]) -> str:
    """The system name of the constant gain that is best on these very utterances.

    Chosen for each metric and each group on the pairs it is shown for: the choice most generous to it.
    """
    if spec.name in BLIND_TO_GAIN:
        return NOISY
    means: dict[str, float] = {}
    for name in (NOISY, *(gain_name(gain_db) for gain_db in GAINS_DB), ZERO):
        values = [value for value in book.values(name, spec.name, ids) if value is not None]
        if values:
            means[name] = float(np.mean(values)) * (1.0 if spec.higher_is_better else -1.0)
    return max(means, key=lambda name: means[name], default=NOISY)
