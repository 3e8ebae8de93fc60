"""The tables of the comparison, as Markdown."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from fold import answers_folder
from scores import Answers, FloatArray, best_on_dev, chance_p, detectable, f1_contrast, f1_interval
from study import Study, train_recipe
from torch import nn

from merit_cli.backbones.model_folder import build_parts
from merit_cli.io.jsonl import read_lines
from merit_cli.manifests.read_write import MANIFEST_NAME, read_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.metrics.comparison import Comparison, verdict
from merit_cli.metrics.spec import load_metric
from merit_cli.metrics.statistics import Interval
from merit_cli.models.experts import ExpertPool
from merit_cli.reports.report import Cell, Column, Entry, Table
from merit_cli.workers import Machine
from merit_cli.workflows.evaluate.emotion import level_duration_predictions
from merit_cli.workflows.evaluate.enhancement import Scored, row_cell
from merit_cli.workflows.evaluate.scores import BASELINES, NOISY, SCORES_NAME, Pairs, ScoreBook, score_all

LEVEL_DURATION = "level + duration"
SIGNAL_METRICS = ("si_sdr_db", "stoi", "ssnr_active_db")
TIME_LIMIT_S = 60.0


def at_snr(utterances: Sequence[Utterance], snr_db: float) -> list[Utterance]:
    """Those mixed at one ratio."""
    return [one for one in utterances if one.mixture and one.mixture.snr_db == snr_db]


def ratios(utterances: Sequence[Utterance]) -> list[float]:
    """Every ratio, lowest first."""
    return sorted({one.mixture.snr_db for one in utterances if one.mixture})


def with_baseline(answers: Answers, manifests: Mapping[int, Path], machine: Machine) -> Answers:
    """The answers with the level + duration baseline of each fold as one more system."""
    said: dict[str, dict[str, str]] = {"dev": {}, "test": {}}
    for manifest in manifests.values():
        lines = read_manifest(manifest)
        train = [one for one in lines if one.split == "train"]
        for split, by_id in said.items():
            by_id |= level_duration_predictions(train, [one for one in lines if one.split == split], machine=machine)
    both = {split: {**answers.said[split], LEVEL_DURATION: [said[split]]} for split in said}
    return Answers(answers.utterances, both, answers.labels)


def emotion_table(answers: Answers, names: Sequence[str]) -> Table:
    """Macro-F1 of every system at every ratio, and its p-value against chance."""
    test = answers.utterances["test"]
    rows: list[tuple[Entry, ...]] = []
    for name in names:
        said = answers.said["test"][name]
        cells = [_cell(f1_interval(answers, said, at_snr(test, snr)), len(at_snr(test, snr))) for snr in ratios(test)]
        chances = [chance_p(answers, said, at_snr(test, snr)) for snr in ratios(test)]
        rows.append((name, *cells, " / ".join(f"{chance:.3f}" for chance, _ in chances), _p_values(chances)))
    columns = (
        Column("system"),
        *(Column(f"{snr:g} dB", "", higher_is_better=True) for snr in ratios(test)),
        Column("chance"),
        Column("p against chance"),
    )
    speakers = len({one.speaker for one in test})
    caption = (
        f"Macro-F1 of {', '.join(answers.labels)}; every clip is tested in one of {speakers} folds, predictions put "
        f"together; t intervals over {speakers} speakers (few clusters), mixtures scored/total. Chance and its "
        "one-sided p at each ratio: labels permuted within speaker, 2000 times."
    )
    return Table("Emotion, unseen noise", caption, columns, tuple(rows))


def _p_values(chances: Sequence[tuple[float, float]]) -> str:
    return " / ".join(f"{p:.4f}" for _, p in chances)


def _cell(interval: Interval, count: int) -> Cell:
    return Cell(interval.mean, interval.low, interval.high, "", count, count)


def contrast_table(study: Study, answers: Answers) -> tuple[Table, list[str]]:
    """The primary contrast and that against the best control, and sentences on both."""
    members = at_snr(answers.utterances["test"], study.primary_snr_db)
    speakers = sorted({one.speaker for one in members})
    rows: list[tuple[Entry, ...]] = []
    sentences = []
    for kind, names in (("primary", study.baselines), ("routing", study.controls)):
        rival, means = best_on_dev(answers, names)
        said = answers.said["test"]
        comparison, by_speaker = f1_contrast(answers, said[study.system], said[rival], members)
        word = verdict(comparison, higher_is_better=True)
        interval = comparison.difference
        rows.append(
            (
                kind,
                f"{study.system} - {rival}",
                _cell(interval, len(members)),
                *_facts(comparison, by_speaker, speakers),
            )
        )
        listed = ", ".join(f"{name} {value:.3f}" for name, value in means.items())
        sentences.append(
            f"{kind.capitalize()}: {study.system} against {rival} (the best on dev: {listed}): {interval.mean:+.3f} "
            f"[{interval.low:+.3f}, {interval.high:+.3f}] macro-F1, exact sign-flip p {comparison.p_value:.4f}: {word}."
        )
    names_of = ("contrast", "systems", "difference", "p", "detectable", f"by speaker ({', '.join(speakers)})")
    caption = (
        f"Macro-F1 at {study.primary_snr_db:g} dB in unseen noise, paired on the same mixtures, t interval over "
        f"speakers, exact sign-flip p over {len(speakers)} speakers (none under {2.0 ** (1 - len(speakers)):g} is "
        "possible); detectable: the true difference seen with power .8."
    )
    return Table("Contrasts", caption, tuple(Column(name) for name in names_of), tuple(rows)), sentences


def _facts(comparison: Comparison, by_speaker: FloatArray, speakers: Sequence[str]) -> tuple[str, str, str]:
    if len(speakers) < 2:
        return f"{comparison.p_value:.4f} over mixtures", "not known", "one speaker"
    listed = ", ".join(f"{value:+.3f}" for value in by_speaker)
    return f"{comparison.p_value:.4f}", f"{detectable(comparison.difference):.3f}", listed


def enhancement_tables(
    study: Study, answers: Answers, folders: Mapping[tuple[int, int], Path], output: Path, machine: Machine
) -> list[Table]:
    """Signal metrics of noisy, muted, turned down, gated and enhanced speech, stationary noise and transient apart."""
    test = tuple(answers.utterances["test"])
    processed = {NOISY: {one.id: one.audio for one in test}, **_enhanced_files(study, folders)}
    book = ScoreBook(output / SCORES_NAME)
    pairs = Pairs(test, study.system, processed, processed[NOISY])
    score_all(pairs, SIGNAL_METRICS, book, baselines=True, time_limit=TIME_LIMIT_S, machine=machine)
    metrics = tuple(load_metric(name) for name in SIGNAL_METRICS)
    scored = Scored(book, study.system, metrics, True, True, "test", 0)
    rows = (*BASELINES, *(name for name in processed if name != NOISY))
    tables = []
    for kind, stationary in (("stationary", True), ("transient", False)):
        members = [one for one in test if (_noise_class(one) in study.stationary_noise) == stationary]
        if members:
            tables.append(_enhancement_table(kind, members, rows, scored))
    book.close()
    return tables


def _noise_class(one: Utterance) -> str:
    return one.mixture.noise_class if one.mixture else ""


def _enhanced_files(study: Study, folders: Mapping[tuple[int, int], Path]) -> dict[str, dict[str, Path]]:
    """System to id to enhanced file, of the first seed."""
    found: dict[str, dict[str, Path]] = {}
    for system in study.systems:
        for (_, seed), folder in folders.items():
            manifest = answers_folder(folder, system) / MANIFEST_NAME
            if seed == study.seeds[0] and manifest.exists():
                found.setdefault(system.name, {}).update({one.id: one.audio for one in read_manifest(manifest)})
    return found


def _enhancement_table(kind: str, members: Sequence[Utterance], systems: Sequence[str], scored: Scored) -> Table:
    rows: list[tuple[Entry, ...]] = []
    for snr_db in ratios(members):
        part = at_snr(members, snr_db)
        for name in systems:
            rows.append((f"{snr_db:g}", name, *(row_cell(scored, name, spec, part) for spec in scored.metrics)))
    columns = (
        Column("SNR (dB)"),
        Column("system"),
        *(Column(spec.name, spec.unit, spec.higher_is_better) for spec in scored.metrics),
    )
    classes = sorted({_noise_class(one) for one in members})
    caption = (
        f"Unseen classes {', '.join(classes)}, first seed; mean, t interval over speakers, scored/total. The best "
        "constant gain is chosen on the very mixtures shown, for each metric; SI-SDR and STOI do not see a gain."
    )
    return Table(f"Enhancement, {kind} noise", caption, columns, tuple(rows))


def size_table(study: Study) -> Table:
    """Trainable parameters of every arm, and those that work on one frame for one task."""
    rows: list[tuple[Entry, ...]] = []
    for name in dict.fromkeys(system.train for system in study.systems):
        recipe = train_recipe(study, name, study.seeds[0])
        model = build_parts(recipe.model, recipe.backbone, num_classes=3).model
        total = num_parameters(model)
        pools = [module for module in model.modules() if isinstance(module, ExpertPool)]
        idle = 0
        for pool in pools:
            chosen = int(getattr(recipe.model, "experts_per_frame", 1))
            idle += num_parameters(pool) * (len(pool.experts) - chosen) // len(pool.experts)
        rows.append((name, f"{total / 1e6:.2f}", f"{(total - idle) / 1e6:.2f}", str(recipe.epochs)))
    names = ("arm", "trainable parameters (M)", "of these at work on a frame for a task (M)", "epochs")
    caption = "Behind the frozen encoder; the same optimiser, steps and mixtures for all, and no tuning of their own."
    return Table("Arms", caption, tuple(Column(name) for name in names), tuple(rows))


def num_parameters(module: nn.Module) -> int:
    """Of a module and all in it."""
    return sum(parameter.numel() for parameter in module.parameters())


def routing_table(study: Study, folders: Mapping[tuple[int, int], Path]) -> Table:
    """Use of the experts and gradient of the routers in the last epoch of each fold, first seed."""
    rows: list[tuple[Entry, ...]] = []
    run_name = next(system.run_name for system in study.systems if system.name == study.system)
    for (fold, seed), folder in folders.items():
        lines = [
            line for _, line in read_lines(folder / "runs" / run_name / "metrics.jsonl") if line["kind"] == "epoch"
        ]
        routing = lines[-1]["train"]["routing"]
        for task, found in routing["tasks"].items():
            load = ", ".join(f"{share:.2f}" for share in found["load"])
            facts = (f"{found['gradient_norm']:.2e}", f"{found['entropy']:.2f}", f"{routing['overlap']:.2f}")
            rows.append((str(fold), str(seed), task, load, *facts))
    names = ("fold", "seed", "router", "share of each expert", "gradient norm", "entropy (nats)", "overlap of tasks")
    return Table("Routers of " + study.system, "Last epoch of training.", tuple(Column(n) for n in names), tuple(rows))
