"""A comparison, from raw corpora to a page of results.

    python recipes/comparison/run.py recipes/polish -o runs/polish --workers 2

The same command goes on where it was stopped. ``--seeds``, ``--folds`` and ``--without`` take a part of the study.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from fold import FoldJob, run_fold
from material import make_material
from scores import Answers, read_answers
from study import Study, load_study, train_recipe
from tables import (
    LEVEL_DURATION,
    contrast_table,
    emotion_table,
    enhancement_tables,
    routing_table,
    size_table,
    with_baseline,
)

from merit_cli.errors import MeritError
from merit_cli.io.atomic import write_text
from merit_cli.io.weights import weight_specs
from merit_cli.reports.report import Table
from merit_cli.reports.tables import table_to_markdown
from merit_cli.workers import Machine, run_items
from merit_cli.workflows.prepare import prepare_weights


def run_study(study: Study, output: Path, *, folds: Sequence[int], data: Path, workers: int) -> Path:
    """Everything from fetching to the page; returns the page."""
    machine = Machine(workers=workers)
    for report in prepare_weights(wanted, machine=machine) if (wanted := encoders(study)) else ():
        say(f"{report.name}: {report.status} {report.reason}")
    made = make_material(study, output, data=data, machine=machine)
    manifests = {fold: path for fold, path in made.items() if fold in folds}
    say(f"mixtures are ready in {output / 'mix'}")
    jobs = [
        FoldJob(study, manifest, seed, manifest.parent / f"seed{seed}", writes_audio=seed == study.seeds[0])
        for seed in study.seeds
        for manifest in manifests.values()
    ]
    started = time.monotonic()
    for job, result in run_items(run_fold, jobs, workers=workers):
        if isinstance(result, Exception):
            raise result
        say(f"{job.output.relative_to(output)} is done, {(time.monotonic() - started) / 60:.1f} min")
    folders = {(fold, seed): path.parent / f"seed{seed}" for seed in study.seeds for fold, path in manifests.items()}
    answers = with_baseline(read_answers(study, manifests, folders), manifests, machine)
    emotions = [system.name for system in study.systems if system.name in answers.said["test"]]
    contrasts, sentences = contrast_table(study, answers)
    tables = [
        emotion_table(answers, [LEVEL_DURATION, *emotions]),
        contrasts,
        *enhancement_tables(study, answers, folders, output, machine),
        size_table(study),
        routing_table(study, folders),
    ]
    page = output / "results.md"
    write_text(page, to_page(study, answers, sentences, tables))
    return page


def encoders(study: Study) -> list[str]:
    """Names of the frozen encoders that have weights to be fetched."""
    names = {str(train_recipe(study, one.train, 0).backbone.model_dump()["name"]) for one in study.systems}
    return sorted(names & set(weight_specs()))


def to_page(study: Study, answers: Answers, sentences: Sequence[str], tables: Sequence[Table]) -> str:
    """The page: what was found in words, then the tables."""
    test = answers.utterances["test"]
    rms = [one.mixture.other_snr_db["rms"] - one.mixture.snr_db for one in test if one.mixture]
    head = [
        f"{len(test)} test mixtures of {len({one.speaker for one in test})} speakers, seeds {list(study.seeds)}. "
        "SNR: P.56 speech level against noise RMS over its active frames; by RMS of both it is "
        f"{sum(rms) / len(rms):+.1f} dB on average. Every mixture is brought to -26 dBFS before a model sees it.",
        *sentences,
    ]
    return "\n\n".join([*head, *(table_to_markdown(table) for table in tables)])


def without(study: Study, names: Sequence[str]) -> Study:
    """The study less some systems, none of which may be the system itself or one of its baselines."""
    assert not {study.system, *study.baselines} & set(names), names
    return study.model_copy(
        update={
            "systems": tuple(one for one in study.systems if one.name not in names),
            "controls": tuple(name for name in study.controls if name not in names),
        }
    )


def numbers(text: str) -> tuple[int, ...]:
    """Those of a list with commas.

    >>> numbers("1,3"), numbers("")
    ((1, 3), ())
    """
    return tuple(int(part) for part in text.split(",") if part)


def say(text: str) -> None:
    """One line on stderr."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Compare ways to learn emotion and enhancement, fold by fold.")
    parser.add_argument("study", type=Path, help="folder of the study, such as recipes/polish")
    parser.add_argument("-o", "--output", type=Path, help="default: runs/NAME")
    parser.add_argument("-j", "--workers", type=int, default=1, help="folds at work at once")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("MERIT_SHARED_DATA", "")), help="raw corpora")
    parser.add_argument("--seeds", default="", help="such as 1,2; default: all of the study")
    parser.add_argument("--folds", default="", help="such as 1,2; default: all of the study")
    parser.add_argument("--without", default="", help="systems to leave out, such as frozen-router,dense-merit")
    typed = parser.parse_args()
    study = load_study(typed.study)
    seeds = numbers(typed.seeds) or study.seeds
    folds = numbers(typed.folds) or tuple(range(1, study.folds + 1))
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    part = without(study, typed.without.split(",")).model_copy(update={"seeds": seeds})
    output = typed.output or Path("runs") / study.name
    try:
        page = run_study(part, output, folds=folds, data=typed.data, workers=typed.workers)
    except MeritError as error:
        say(str(error))
        return error.exit_code
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
