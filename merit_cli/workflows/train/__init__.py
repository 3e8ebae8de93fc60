"""``merit train``: a noisy corpus in, a model folder out."""

from merit_cli.workflows.train.outcome import TrainSummary
from merit_cli.workflows.train.recipe import TrainRecipe
from merit_cli.workflows.train.run import run_train

__all__ = ["TrainRecipe", "TrainSummary", "run_train"]
