"""The commands as Python functions: ``from merit_cli import mix, enhance, evaluate, predict``.

Each says what its command says, with the same defaults, and returns the summary that the command
prints with ``--json``.
"""

from collections.abc import Sequence
from pathlib import Path

from merit_cli.config.load import load_recipe
from merit_cli.io.run_dir import newest_run
from merit_cli.manifests.inputs import read_inputs
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.workers import Machine
from merit_cli.workflows.enhance import EnhanceRecipe, EnhanceSummary, default_input, find_inputs, run_enhance
from merit_cli.workflows.evaluate.inputs import read_material
from merit_cli.workflows.evaluate.run import EvaluateRecipe, run_evaluate
from merit_cli.workflows.evaluate.summary import EvaluateSummary
from merit_cli.workflows.mix import MixSummary, plan_mix, run_mix
from merit_cli.workflows.predict import PredictResult, predict_files

Place = str | Path


def mix(
    speech: Sequence[Place] = (),
    noise: Sequence[Place] = (),
    *,
    snr: str | float | Sequence[float] | None = None,
    recipe: Path | None = None,
    output: Path | None = None,
    machine: Machine | None = None,
) -> MixSummary:
    """Mix speech with noise at exact signal-to-noise ratios.

    Args:
        speech: Files, folders, globs or manifests; empty takes the bundled sample.
        noise: Likewise.
        snr: Ratios in dB, as numbers or in the command's spelling; None takes the recipe's.
        recipe: A recipe file; None takes the defaults.
        output: The run folder; None names it by the recipe.
        machine: Workers and places; None takes the defaults.

    Raises:
        MeritError: As the command says it.
    """
    machine = machine or Machine()
    chosen = load_recipe(MixRecipe, recipe, flags={"snr": snr})
    return run_mix(plan_mix(chosen, speech, noise, machine=machine), output=output, machine=machine)[1]


def enhance(
    noisy: Sequence[Place] = (),
    *,
    enhancer: str | None = None,
    output: Path | None = None,
    machine: Machine | None = None,
) -> EnhanceSummary:
    """Enhance noisy audio.

    Args:
        noisy: Files, folders, globs, manifests or a mix run; empty takes the newest finished mix.
        enhancer: A registered name or a trained run's folder; None takes the default.
        output: The run folder; None names it by the enhancer.
        machine: Workers and places; None takes the defaults.

    Raises:
        MeritError: As the command says it.
    """
    machine = machine or Machine()
    chosen = load_recipe(EnhanceRecipe, flags={"enhancer": enhancer})
    return run_enhance(chosen, find_inputs(noisy or [default_input(machine)]), output=output, machine=machine)[1]


def evaluate(
    source: Place | None = None,
    *,
    reference: Path | None = None,
    metrics: Sequence[str] | None = None,
    output: Path | None = None,
    machine: Machine | None = None,
) -> EvaluateSummary:
    """Score a run, a manifest or pairs of files, and write a report.

    Args:
        source: What to score; None takes the newest train run, else the newest enhance run.
        reference: Clean file or folder, for processed audio without a manifest.
        metrics: Their names; None takes the recipe's.
        output: The run folder; None names it by the recipe.
        machine: Workers and places; None takes the defaults.

    Raises:
        MeritError: As the command says it.
    """
    machine = machine or Machine()
    chosen = load_recipe(EvaluateRecipe, flags={"metrics": metrics})
    found = Path(source) if source is not None else newest_run(machine.runs_dir, "train", "enhance")
    return run_evaluate(chosen, read_material(found, reference, split=chosen.split), output=output, machine=machine)[1]


def predict(
    files: Sequence[Place],
    *,
    model: Path | None = None,
    enhance: bool = False,
    output: Path | None = None,
    machine: Machine | None = None,
) -> PredictResult:
    """Emotion, and enhanced audio where asked for, of files with a trained run.

    Args:
        files: Files, folders, globs or manifests.
        model: A finished train run or a model folder; None takes the newest train run.
        enhance: Also write enhanced audio.
        output: The run folder; None names it by the model.
        machine: Device, workers and places; None takes the defaults.

    Raises:
        MeritError: As the command says it.
    """
    machine = machine or Machine()
    chosen = model or newest_run(machine.runs_dir, "train")
    return predict_files(chosen, read_inputs(files), output=output, machine=machine, enhance=enhance)[1]
