"""The schema of study.yaml: what is compared with what."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from merit_cli.config.frozen import FrozenConfig
from merit_cli.config.load import load_recipe
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.workflows.train import TrainRecipe

HERE = Path(__file__).resolve().parent
ROLES = {"train": "train", "train-synthetic": "train", "dev": "dev", "test": "test"}
"""Each kind of mixtures, with the split that it belongs to."""


class System(FrozenConfig):
    """One row of the tables.

    Args:
        name: Of the row.
        train: Recipe in train/ of its own model.
        enhanced_by: Recipe of the enhancement model in front of it, if any.
        learned_from: Whether its own model was trained on noisy speech or on that model's output.
    """

    name: str
    train: str
    enhanced_by: str | None = None
    learned_from: Literal["noisy", "enhanced"] = "noisy"

    @property
    def run_name(self) -> str:
        """Folder of its training run within a fold."""
        return self.train if self.learned_from == "noisy" else f"{self.train}-on-{self.enhanced_by}"


class Study(FrozenConfig):
    """The whole comparison; see study.yaml for the meaning of each key."""

    name: str
    corpus: str
    folds: int = Field(ge=1)
    seeds: tuple[int, ...] = Field(min_length=1)
    unseen_noise: tuple[str, ...] = Field(min_length=1)
    stationary_noise: tuple[str, ...] = Field(min_length=1)
    systems: tuple[System, ...]
    primary_snr_db: float
    system: str
    baselines: tuple[str, ...] = Field(min_length=1)
    controls: tuple[str, ...]

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        known = [system.name for system in self.systems]
        unknown = {self.system, *self.baselines, *self.controls} - set(known)
        if unknown or len(set(known)) < len(known):
            raise ValueError(f"unknown or repeated systems: {sorted(unknown) or known}")
        if not set(self.stationary_noise) <= set(self.unseen_noise):
            raise ValueError("stationary_noise must be part of unseen_noise")
        return self


def load_study(path: Path = HERE / "study.yaml") -> Study:
    """The study in a YAML file."""
    return load_recipe(Study, path)


def mix_recipe(role: str) -> MixRecipe:
    """How the mixtures of one role are made."""
    return load_recipe(MixRecipe, HERE / "mix" / f"{role}.yaml")


def train_recipe(name: str, seed: int) -> TrainRecipe:
    """How one arm is trained."""
    return load_recipe(TrainRecipe, HERE / "train" / f"{name}.yaml", flags={"seed": seed})
