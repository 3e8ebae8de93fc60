"""Scoring one part of a material: the costly half of ``merit evaluate``, for many jobs at once.

The same command without ``--shard`` takes the scores of all shards over and writes the report.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from merit_cli.config.load import resolved
from merit_cli.errors import UsageError
from merit_cli.io.run_dir import RunDir
from merit_cli.io.shards import Shard, open_shard, whole_of
from merit_cli.workers import Machine
from merit_cli.workflows.evaluate.inputs import Material
from merit_cli.workflows.evaluate.run import EvaluateRecipe, pairs_of, plan_evaluation
from merit_cli.workflows.evaluate.scores import SCORES_NAME, ScoreBook, score_all


@dataclass(frozen=True)
class ShardSummary:
    """What a shard did; the JSON that scripts rely on.

    Args:
        utterances: In the shard.
        scores: On record, those of the baselines too.
        failed: Scores of the material, not of the baselines, that could not be had.
        run: The folder of the whole run.
    """

    utterances: int
    scores: int
    failed: int
    run: str


def run_shard(
    recipe: EvaluateRecipe, material: Material, shard: Shard, *, output: Path | None, machine: Machine
) -> tuple[RunDir, ShardSummary]:
    """Score one part of a material, or go on with an unfinished part.

    Raises:
        UsageError: The material has a model that has yet to run, no metric is computed from audio, or the output
            folder holds another run.
        Unavailable: The output cannot be written.
    """
    if material.model_run is not None:
        raise UsageError(
            "a shard scores audio, and here a model has yet to run",
            place="--shard",
            hint=f"merit predict DATA --model {material.model_run} --enhance -o OUT, then evaluate OUT",
        )
    plan = plan_evaluation(recipe, material)
    names = tuple(spec.name for spec in plan.signal)
    if not names:
        raise UsageError("none of the metrics is computed from audio", place="--shard", hint="leave --shard out")
    run = open_shard(
        output,
        shard,
        command="evaluate",
        name=recipe.name,
        recipe=resolved(recipe),
        inputs={"source": material.content},
        runs_dir=machine.runs_dir,
        overwrite=machine.overwrite,
        parts=["baselines"],
    )
    if run.state == "done" and not machine.retry_failed:
        return run, ShardSummary(**run.summary())
    root = whole_of(run, shard)
    if run.state == "done":
        run = run.reopen()
        (root / "DONE").unlink(missing_ok=True)  # it does not hold what is scored now
    part = replace(material, utterances=shard.part(material.utterances))
    pairs = pairs_of(part, None, only_clean=all(spec.needs_reference for spec in plan.signal))
    book = ScoreBook(run.path / SCORES_NAME, forget_failed=machine.retry_failed, folder=root)
    score_all(pairs, names, book, baselines=recipe.baselines, time_limit=recipe.time_limit, machine=machine)
    book.close()
    failed = sum(score.value is None for (system, _, _), score in book.scores.items() if system == pairs.system)
    summary = ShardSummary(len(part.utterances), len(book.scores), failed, str(root))
    run.finish(asdict(summary))
    return run, summary
