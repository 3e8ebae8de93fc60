"""One breath recipe under several seeds: a folder for each, and one table with the mean and its interval."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from merit_cli.config.load import resolved
from merit_cli.enhancers.contract import EnhancerConfig
from merit_cli.errors import UsageError
from merit_cli.io.hashing import sha256_of_file
from merit_cli.io.run_dir import RunDir, open_run
from merit_cli.reports.write import write_report
from merit_cli.workers import Machine
from merit_cli.workflows.classify_breath.corpus import BreathCorpus
from merit_cli.workflows.classify_breath.evaluate import BreathSummary, enhancer_content, run_breath_evaluate
from merit_cli.workflows.classify_breath.job import SEEDS_COMMAND, Step, run_classify_breath, run_inputs
from merit_cli.workflows.classify_breath.model_folder import load_model, weights_path
from merit_cli.workflows.classify_breath.recipe import BreathRecipe
from merit_cli.workflows.classify_breath.seeds_table import SeedScores, scores_of_seeds, seeds_report

_PREFIX = "seed-"


@dataclass(frozen=True)
class SeedsSummary:
    """What a recipe gave under several seeds; the JSON that scripts rely on.

    Args:
        run: The folder.
        seeds: In order.
        split: That was scored; ``dev`` where test was left alone.
        groups: By front end: canonical metric name to the mean over seeds, its interval over seeds and patients, the
            standard deviation that the seed alone makes, and each seed's value.
        best: Chosen epoch and its dev Score, by seed.
        synthetic: Whether the sounds are synthetic.
        notes: What every table must repeat.
        failed: Recordings or cycles that could not be used, of the seed that lost most.
        report: Path of the page.
    """

    run: str
    seeds: list[int]
    split: str
    groups: list[dict[str, Any]]
    best: list[dict[str, float]]
    synthetic: bool
    notes: list[str]
    failed: int
    report: str


@dataclass(frozen=True)
class _Scored:
    seed: int
    folder: Path
    summary: BreathSummary


def run_breath_seeds(
    recipe: BreathRecipe,
    corpus: BreathCorpus,
    num_seeds: int,
    *,
    output: Path | None,
    machine: Machine,
    steps: Sequence[Step] = ("train", "evaluate"),
    allow_leak: bool = False,
) -> tuple[RunDir, SeedsSummary]:
    """Train under the recipe's seed and those that follow it, and score every model.

    Args:
        recipe: What decides the result; its seed is the first.
        corpus: From `read_corpus`.
        num_seeds: How many, two at least.
        output: Gets ``seed-N`` for each seed, and the report; None takes the default folder.
        machine: Workers, device, runs.
        steps: ``train`` alone leaves the test split untouched: the table is of dev, which chose the epochs.
        allow_leak: Go on although a trained enhancer has heard test patients.

    Raises:
        UsageError: There is one seed, or the output folder holds another run.
        MeritError: As `run_classify_breath`.
    """
    if num_seeds < 2:
        raise UsageError(f"{num_seeds} seeds have no spread", hint="--seeds takes two at least, five for a claim")
    seeds = list(range(recipe.seed, recipe.seed + num_seeds))
    run = open_run(
        output,
        command=SEEDS_COMMAND,
        name=recipe.name if "evaluate" in steps else f"{recipe.name}-train",
        recipe={**resolved(recipe), "seeds": seeds, "steps": list(steps)},
        inputs=run_inputs(recipe, corpus),
        runs_dir=machine.runs_dir,
        overwrite=machine.overwrite,
    )
    if run.state == "done" and not machine.retry_failed:
        return run, SeedsSummary(**run.summary())
    on_dev = "evaluate" not in steps
    front_end = recipe.enhance if recipe.train_on_enhanced else None

    def score(seed: int) -> _Scored:
        folder = run.path / f"{_PREFIX}{seed}"
        own = recipe.model_copy(update={"seed": seed})
        options: dict[str, Any] = {"machine": machine, "allow_leak": allow_leak}
        _, summary = run_classify_breath(own, corpus, output=folder, steps=steps, **options)
        if on_dev:
            folder = folder / "dev"
            _, summary = run_breath_evaluate(
                folder.parent, corpus, enhance=front_end, split="dev", output=folder, **options
            )
        return _Scored(seed, folder, summary)

    return _finish(run, seeds, score, split="dev" if on_dev else "test", classes=recipe.classes)


def seed_folders(run: Path) -> dict[int, Path]:
    """The runs of each seed in a folder that `run_breath_seeds` made; none in any other."""
    found = {path.name.removeprefix(_PREFIX): path for path in run.glob(f"{_PREFIX}*")}
    return {int(seed): found[seed] for seed in sorted(filter(str.isdecimal, found), key=int)}


def run_seeds_evaluate(
    seeds_run: Path,
    corpus: BreathCorpus,
    *,
    enhance: EnhancerConfig | None,
    split: str,
    output: Path | None,
    machine: Machine,
    allow_leak: bool = False,
) -> tuple[RunDir, SeedsSummary]:
    """Evaluate the model of every seed on one split of a corpus.

    Raises:
        MeritError: As `run_breath_evaluate`.
    """
    folders = seed_folders(seeds_run)
    classes = load_model(next(iter(folders.values()))).card.classes
    weights = {f"seed {seed}": sha256_of_file(weights_path(path)) for seed, path in folders.items()}
    run = open_run(
        output,
        command=f"{SEEDS_COMMAND}-evaluate",
        name=seeds_run.name,
        recipe={
            "split": split,
            "enhance": None if enhance is None else resolved(enhance),
            "seeds": list(folders),
            "allow_leak": allow_leak,
        },
        inputs={"corpus": corpus.content, **weights, **enhancer_content(enhance)},
        runs_dir=machine.runs_dir,
        overwrite=machine.overwrite,
    )
    if run.state == "done" and not machine.retry_failed:
        return run, SeedsSummary(**run.summary())

    def score(seed: int) -> _Scored:
        folder = run.path / f"{_PREFIX}{seed}"
        _, summary = run_breath_evaluate(
            folders[seed],
            corpus,
            enhance=enhance,
            split=split,
            output=folder,
            machine=machine,
            allow_leak=allow_leak,
        )
        return _Scored(seed, folder, summary)

    return _finish(run, list(folders), score, split=split, classes=classes)


def _finish(
    run: RunDir, seeds: list[int], score: Callable[[int], _Scored], *, split: str, classes: Sequence[str]
) -> tuple[RunDir, SeedsSummary]:
    """Score every seed, write the report, and say what came of it."""
    run = run.reopen() if run.state == "done" else run
    scored = [score(seed) for seed in seeds]
    first = scored[0].summary
    front_ends = [str(group["by"]["enhancer"]) for group in first.groups]
    scores = [scores_of_seeds([one.folder for one in scored], name, front_ends, classes) for name in front_ends]
    notes = list(dict.fromkeys(note for one in scored for note in one.summary.notes))
    if split == "dev":
        notes.append("Scores are of dev, which chose the epochs: they flatter, and test is untouched.")
    report = seeds_report(
        scores, seeds=seeds, split=split, synthetic=first.synthetic, notes=notes, provenance={"run": run.fingerprint}
    )
    summary = SeedsSummary(
        run=str(run.path),
        seeds=seeds,
        split=split,
        groups=[_group(one) for one in scores],
        best=[one.summary.best for one in scored],
        synthetic=first.synthetic,
        notes=notes,
        failed=max(one.summary.failed for one in scored),
        report=str(write_report(report, run.path)),
    )
    run.finish(asdict(summary))
    return run, summary


def _group(scores: SeedScores) -> dict[str, Any]:
    metrics = {
        name: {
            "mean": cell.mean,
            "low": cell.low,
            "high": cell.high,
            "sd_seeds": scores.sd_seeds[name],
            "values": scores.values[name],
        }
        for name, cell in scores.means.items()
    }
    return {"by": {"enhancer": scores.enhancer}, "metrics": metrics}
