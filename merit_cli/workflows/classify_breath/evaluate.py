"""``merit classify-breath evaluate``: a trained model on held-out patients, with a report."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from merit_cli.config.load import resolved
from merit_cli.enhancers.contract import EnhancerConfig
from merit_cli.errors import CheckFailed
from merit_cli.io.hashing import sha256_of_file
from merit_cli.io.ledger import Ledger
from merit_cli.io.run_dir import RunDir, open_run
from merit_cli.manifests.read_write import Card
from merit_cli.manifests.utterance import Utterance
from merit_cli.reports.write import write_report
from merit_cli.workers import Machine
from merit_cli.workflows.classify_breath.conditions import answer_test, score_condition
from merit_cli.workflows.classify_breath.corpus import BreathCorpus, open_ledger
from merit_cli.workflows.classify_breath.intervals import cluster_note
from merit_cli.workflows.classify_breath.lineage import check_enhanced_manifest, check_enhancer
from merit_cli.workflows.classify_breath.model_folder import BreathModel, BreathModelCard, load_model, weights_path
from merit_cli.workflows.classify_breath.reporting import breath_report, metrics_json
from merit_cli.workflows.classify_breath.training import usable_cycles

EVALUATE_COMMAND = "classify-breath-evaluate"


@dataclass(frozen=True)
class BreathSummary:
    """What a run gave; the JSON that scripts rely on.

    Args:
        run: The run folder.
        epochs: Trained; 0 where a trained model was evaluated.
        best: Epoch chosen on dev, and its Score there.
        metrics: Canonical name to value, interval and counts, of the last front end; empty before evaluation.
        groups: The same by front end.
        synthetic: Whether the sounds are synthetic.
        notes: What every table must repeat.
        failed: Recordings or cycles that could not be used.
        report: Path of the page; empty before evaluation.
    """

    run: str
    epochs: int
    best: dict[str, float]
    metrics: dict[str, Any] = field(default_factory=dict)
    groups: list[dict[str, Any]] = field(default_factory=list)
    synthetic: bool = False
    notes: list[str] = field(default_factory=list)
    failed: int = 0
    report: str = ""


def run_breath_evaluate(
    model_run: Path,
    corpus: BreathCorpus,
    *,
    enhance: EnhancerConfig | None,
    split: str,
    output: Path | None,
    machine: Machine,
    allow_leak: bool = False,
) -> tuple[RunDir, BreathSummary]:
    """Evaluate a trained model on one split of a corpus, as recorded and behind an enhancer.

    Raises:
        NoInput: There is no model, or the split is empty.
        CheckFailed: The model, or the enhancer in front of it, was trained on patients of that split.
        UsageError: The output folder holds another run.
    """
    model = load_model(model_run, device=machine.device)
    usable = usable_cycles(corpus.utterances, corpus.card, model.card.classes)
    scored = usable.of(split)
    leaks = _check_unseen(model, scored, allow_leak=allow_leak)
    for one in (enhance, model.card.trained_on_enhanced):
        leaks += check_enhancer(one, scored, allow_leak=allow_leak)
    leaks += check_enhanced_manifest(corpus.manifest, scored, allow_leak=allow_leak)
    enhancer = None if enhance is None else resolved(enhance)
    run = open_run(
        output,
        command=EVALUATE_COMMAND,
        name=model_run.name,
        recipe={"split": split, "enhance": enhancer, "model": resolved(model.card), "allow_leak": allow_leak},
        inputs={
            "corpus": corpus.content,
            "weights": sha256_of_file(weights_path(model_run)),
            **enhancer_content(enhance),
        },
        runs_dir=machine.runs_dir,
        overwrite=machine.overwrite,
    )
    if run.state == "done" and not machine.retry_failed:
        return run, BreathSummary(**run.summary())
    run = run.reopen() if run.state == "done" else run
    ledger = open_ledger(run.path, corpus)
    front_ends = (None,) if enhance is None else (None, enhance)
    notes = tuple(dict.fromkeys([*model.card.notes, *usable.card.notes, *leaks]))
    shown = BreathModel(model.network, _shown_card(model, usable.card, notes))
    summary = evaluate_into(run, shown, scored, front_ends, ledger, machine, split=split)
    ledger.close()
    run.finish(asdict(summary))
    return run, summary


def evaluate_into(
    run: RunDir,
    model: BreathModel,
    cycles: list[Utterance],
    front_ends: Sequence[EnhancerConfig | None],
    ledger: Ledger,
    machine: Machine,
    *,
    epochs: int = 0,
    split: str = "test",
) -> BreathSummary:
    """Answer, score and report one split into a run folder."""
    conditions = answer_test(model, cycles, front_ends, folder=run.path, ledger=ledger, machine=machine)
    scores = [score_condition(condition, model.card.classes) for condition in conditions]
    few = cluster_note([answer.clip.utterance.speaker for answer in conditions[0].answers])
    failed = len(ledger.with_status("failed", "skipped"))
    lost = f"{failed} recordings or cycles could not be used: see ledger.jsonl." if failed else ""
    notes = [note for note in (*model.card.notes, few, lost) if note]
    report = breath_report(
        conditions,
        scores,
        card=model.card,
        notes=notes,
        split=split,
        folder=run.path,
        provenance={"run": run.fingerprint, "corpus": model.card.corpus, "chosen epoch": str(model.card.best_epoch)},
    )
    page = write_report(report, run.path)
    summary = make_summary(run, model, ledger, epochs=epochs)
    groups = [{"by": {"enhancer": row.enhancer}, "metrics": metrics_json(row)} for row in scores]
    return BreathSummary(
        **{
            **asdict(summary),
            "metrics": metrics_json(scores[-1]),
            "groups": groups,
            "notes": notes,
            "report": str(page),
        }
    )


def make_summary(run: RunDir, model: BreathModel, ledger: Ledger, *, epochs: int) -> BreathSummary:
    """The summary of a run that has not been scored."""
    return BreathSummary(
        run=str(run.path),
        epochs=epochs,
        best={"epoch": model.card.best_epoch, "score": model.card.dev_score},
        synthetic=model.card.synthetic,
        notes=list(model.card.notes),
        failed=len(ledger.with_status("failed", "skipped")),
    )


def enhancer_content(enhancer: EnhancerConfig | None) -> dict[str, str]:
    """The hash of what an enhancer's result depends on, as an input of the run."""
    content = "" if enhancer is None else enhancer.content()
    return {"enhancer": content} if content else {}


def _shown_card(model: BreathModel, corpus: Card, notes: tuple[str, ...]) -> BreathModelCard:
    """The model's card as a report on another corpus shows it."""
    synthetic = model.card.synthetic or corpus.synthetic
    return model.card.model_copy(update={"notes": notes, "synthetic": synthetic, "corpus": corpus.name})


def _check_unseen(model: BreathModel, cycles: Sequence[Utterance], *, allow_leak: bool) -> list[str]:
    """A note where the model was trained on patients of the split and that is allowed."""
    seen = {cycle.speaker for cycle in cycles} & set(model.card.train_patients)
    if not seen:
        return []
    some = ", ".join(sorted(seen)[:3]) + (", ..." if len(seen) > 3 else "")
    if not allow_leak:
        raise CheckFailed(
            f"the model was trained on {len(seen)} of the patients to be scored: {some}",
            hint="score other patients, or pass --allow-leak and the report will say so",
        )
    return [f"LEAK ALLOWED: the model was trained on {len(seen)} of the patients scored here ({some})."]
