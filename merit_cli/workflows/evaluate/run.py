"""``merit evaluate``: a run, a manifest or pairs of files in, scores and a report out."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import Field, field_validator

from merit_cli.backbones.model_folder import read_tasks
from merit_cli.config.frozen import FrozenConfig
from merit_cli.config.load import resolved
from merit_cli.errors import MeritError, UsageError
from merit_cli.io.audio_file import audio_info
from merit_cli.io.run_dir import RunDir, open_run
from merit_cli.io.shards import shard_files
from merit_cli.manifests.predictions import Prediction
from merit_cli.manifests.utterance import Utterance
from merit_cli.metrics.score import Score
from merit_cli.metrics.spec import Kind, MetricSpec, canonical_name, load_metric
from merit_cli.reports.write import write_report
from merit_cli.units import Seconds
from merit_cli.workers import Machine
from merit_cli.workflows.evaluate.attributes import rate
from merit_cli.workflows.evaluate.emotion import NORMAL, Classified, classify, label_key
from merit_cli.workflows.evaluate.enhancement import Scored
from merit_cli.workflows.evaluate.findings import Findings
from merit_cli.workflows.evaluate.groups import Grouping, find_grouping
from merit_cli.workflows.evaluate.inputs import Material
from merit_cli.workflows.evaluate.items import write_items
from merit_cli.workflows.evaluate.report import build_report
from merit_cli.workflows.evaluate.scores import NOISY, SCORES_NAME, Pairs, ScoreBook, score_all
from merit_cli.workflows.evaluate.summary import EvaluateSummary, summarise

ATTRIBUTE_METRICS = ("ccc", "rmse")
"""Scored beside the recipe's own where attributes are predicted and no metric was asked for."""


class EvaluateRecipe(FrozenConfig):
    """What is scored, and how it is split.

    Args:
        name: Of the recipe; part of the default output folder.
        metrics: In the order of the columns; case, hyphens and short names are free.
        by: Groupings: ``snr``, ``noise``, ``speaker``, ``split`` or a key of the manifest's ``info``.
        split: ``test``, ``dev``, ``train``, ``all``; ``auto`` takes test where there is one.
        baselines: Score noisy, all-zero, best constant gain and spectral gate too.
        examples: Utterances to listen to in the report.
        time_limit: Seconds that one pair may take.
        seed: Of resampling and permutation.
    """

    name: str = "evaluate"
    metrics: tuple[str, ...] = ("f1", "uar", "ssnr", "ssnr-active", "si-sdr", "pesq", "stoi")
    by: tuple[str, ...] = ("snr", "noise")
    split: str = "auto"
    baselines: bool = True
    examples: int = Field(4, ge=0, le=40)
    time_limit: Seconds = Field(Seconds(60.0), gt=0.0)
    seed: int = 0

    @field_validator("metrics")
    @classmethod
    def _canonical(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        """Known names in their canonical form, once each; ``pesq`` waits for the sample rate."""
        known = (name.lower() if name.lower() == "pesq" else canonical_name(name, place="--metrics") for name in names)
        return tuple(dict.fromkeys(known))


@dataclass(frozen=True)
class Plan:
    """What is about to be scored.

    Args:
        material: As read.
        signal: Metrics over audio that apply.
        labels: Metrics over labels, or over their probabilities, that apply.
        attributes: Metrics over attributes that apply.
        groupings: That tables are split by.
        notes: What was left out, and why.
    """

    material: Material
    signal: tuple[MetricSpec, ...]
    labels: tuple[MetricSpec, ...]
    attributes: tuple[MetricSpec, ...]
    groupings: tuple[Grouping, ...]
    notes: tuple[str, ...]


def plan_evaluation(recipe: EvaluateRecipe, material: Material) -> Plan:
    """Which of the metrics and groupings apply to a material.

    Raises:
        UsageError: None of the metrics applies, or one is unknown.
    """
    rate = _sample_rate(material)
    kinds = _answered_kinds(material)
    names = recipe.metrics
    if "attribute" in kinds and "metrics" not in recipe.model_fields_set:
        names += ATTRIBUTE_METRICS
    specs = [load_metric(name, sample_rate=rate, place="--metrics") for name in names]
    has_clean = any(one.clean for one in material.utterances)
    signal = tuple(spec for spec in specs if spec.kind == "signal" and (has_clean or _hears_alone(spec, material)))
    labels = tuple(spec for spec in specs if spec.kind in kinds - {"attribute"})
    attributes = tuple(spec for spec in specs if spec.kind in kinds & {"attribute"})
    left_out = [spec.name for spec in specs if spec not in (*signal, *labels, *attributes)]
    if not signal and not labels and not attributes:
        needs = "clean references" if any(spec.kind == "signal" for spec in specs) else "predictions"
        raise UsageError(
            f"none of the metrics applies: the input has no {needs}", place=material.source, hint="see --metrics"
        )
    notes = (f"Not scored, because the input has no predictions or no clean reference: {', '.join(left_out)}.",)
    groupings = tuple(find_grouping(name, material.utterances) for name in recipe.by) if material.utterances else ()
    return Plan(material, signal, labels, attributes, groupings, notes if left_out else ())


def _hears_alone(spec: MetricSpec, material: Material) -> bool:
    """Whether a metric can do without references, and there is audio."""
    return material.has_audio and not spec.needs_reference


def _answered_kinds(material: Material) -> set[Kind]:
    """Kinds of metric that the material's predictions, or its model, can be scored by."""
    if material.predictions is None:
        return _kinds_of_model(material.model_run) if material.model_run else set()
    said = material.predictions.values()
    kinds: set[Kind] = {"classification"} if any(one.predicted for one in said) else set()
    if any(one.probabilities for one in said):
        kinds.add("probability")
    if any(one.attributes for one in said):
        kinds.add("attribute")
    key = label_key(material.utterances)
    labels = {one.label for one in said} | {one.labels.get(key) for one in material.utterances}
    return kinds | {"respiratory"} if NORMAL in labels else kinds


def _kinds_of_model(model_run: Path) -> set[Kind]:
    """Kinds of metric that a model's answers can be scored by, from its recipe alone."""
    found: set[Kind] = set()
    tasks = read_tasks(model_run)
    if "emotion" in tasks:
        found |= {"classification", "probability"}
    return found | {"attribute"} if "attributes" in tasks else found


def run_evaluate(
    recipe: EvaluateRecipe, material: Material, *, output: Path | None, machine: Machine
) -> tuple[RunDir, EvaluateSummary]:
    """Score a material into a run folder, or go on with an unfinished one.

    Returns:
        The run and its summary. A finished run is not touched; its state is ``done``.

    Raises:
        UsageError: No metric applies, or the output folder holds another run.
        Unavailable: The output cannot be written, or the model needs what is missing.
    """
    plan = plan_evaluation(recipe, material)
    run = open_run(
        output,
        command="evaluate",
        name=recipe.name,
        recipe=resolved(recipe),
        inputs={"source": material.content},
        runs_dir=machine.runs_dir,
        overwrite=machine.overwrite,
    )
    if run.state == "done" and not machine.retry_failed:
        return run, EvaluateSummary(**run.summary())
    run = run.reopen() if run.state == "done" else run
    material, enhanced = _predict(plan.material, run.path, machine)
    findings = _score(recipe, replace(plan, material=material), enhanced, run, machine)
    report = build_report(findings, folder=run.path.resolve(), num_examples=recipe.examples)
    page = write_report(report, run.path.resolve())
    write_items(findings, run.path)
    summary = summarise(findings, report=str(run.path / page.name))
    run.finish(asdict(summary))
    return run, summary


def _predict(material: Material, folder: Path, machine: Machine) -> tuple[Material, Mapping[str, Path] | None]:
    """The material with the model's predictions, and its enhanced files by id; None where nothing was to be run."""
    if material.model_run is None:
        return material, None
    from merit_cli.workflows.predict import predict_run

    result = predict_run(material.model_run, material.utterances, output=folder, machine=machine)
    predictions: dict[str, Prediction] = {one.id: one for one in result.predictions}
    notes = (*material.notes, *result.notes)
    bad = {**material.bad, **result.failed}
    return (
        replace(
            material,
            predictions=predictions or None,
            notes=notes,
            bad=bad,
            routing={one.id: one for one in result.routing},
        ),
        {one.id: one.audio for one in result.enhanced},
    )


def _score(
    recipe: EvaluateRecipe, plan: Plan, enhanced: Mapping[str, Path] | None, run: RunDir, machine: Machine
) -> Findings:
    material = plan.material
    book = ScoreBook(run.path / SCORES_NAME, forget_failed=machine.retry_failed)
    for path in shard_files(run.path, SCORES_NAME):
        book.take(path)
    pairs = pairs_of(material, enhanced, only_clean=all(spec.needs_reference for spec in plan.signal))
    names = tuple(spec.name for spec in plan.signal)
    for item_id, reason in material.bad.items():
        for name in book.missing(pairs.system, item_id, names):
            book.add(pairs.system, Score(item_id, name, None, reason))
    scored = classified = None
    if pairs.processed and names:
        score_all(pairs, names, book, baselines=recipe.baselines, time_limit=recipe.time_limit, machine=machine)
        has_noisy = bool(pairs.noisy)
        scored = Scored(
            book, pairs.system, plan.signal, has_noisy, recipe.baselines and has_noisy, material.split, recipe.seed
        )
    if material.predictions and plan.labels:
        classified = _classify(recipe, plan, machine)
    book.close()
    notes = [*plan.notes]
    if enhanced is not None and not enhanced and names:
        notes.append("The model does not enhance: only the rows without it could be scored.")
    rated = rate(
        material.utterances,
        material.predictions or {},
        system=material.system,
        metrics=plan.attributes,
        split=material.split,
        seed=recipe.seed,
    )
    return Findings(material, pairs, scored, classified, rated, plan.groupings, tuple(notes))


def _classify(recipe: EvaluateRecipe, plan: Plan, machine: Machine) -> Classified | None:
    material = plan.material
    made = classify(
        material.utterances,
        material.predictions or {},
        material.training,
        system=material.system,
        metrics=plan.labels,
        split=material.split,
        seed=recipe.seed,
        machine=machine,
    )
    return made if made.utterances else None


def pairs_of(material: Material, enhanced: Mapping[str, Path] | None, *, only_clean: bool = True) -> Pairs:
    """Which files stand against which clean ones.

    Args:
        material: What is scored.
        enhanced: A model's output by id; None where the material's own audio is the output.
        only_clean: Leave out what has no clean reference.
    """
    utterances = tuple(one for one in material.utterances if one.clean or not only_clean)
    noisy = {one.id: path for one in utterances if (path := noisy_file(one))}
    processed: dict[str, Mapping[str, Path]] = {NOISY: noisy} if noisy else {}
    system = material.system
    if enhanced is None:
        processed[system] = {one.id: one.audio for one in utterances}
    elif enhanced:
        processed[system] = enhanced
    else:
        system = NOISY
    return Pairs(utterances, system, processed, noisy)


def noisy_file(utterance: Utterance) -> Path | None:
    """The mixture behind an utterance: its ``noisy``, or its own audio where that is a mixture."""
    if utterance.noisy:
        return utterance.noisy
    return utterance.audio if utterance.mixture and not utterance.enhancer else None


def _sample_rate(material: Material) -> int | None:
    """Of the first pair that can be read, in Hz; None where there is none."""
    for one in material.utterances:
        try:
            if one.clean and one.id not in material.bad:
                return audio_info(one.clean).sample_rate
        except MeritError:
            continue
    return None
