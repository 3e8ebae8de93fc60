"""The schema of a study.yaml: what is compared with what, on which speech in which noise.

Beside it lie ``mix/``, with a recipe for each role, and ``train/``, with one for each arm.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from merit_cli.config.frozen import FrozenConfig
from merit_cli.config.load import load_recipe
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.units import Seconds
from merit_cli.workflows.train import TrainRecipe


class System(FrozenConfig):
    """One row of the tables.

    Args:
        name: Of the row.
        train: Recipe in train/ of its own model.
        enhanced_by: Recipe of the enhancement model in front of it, if any.
        learned_from: Whether its own model was trained on noisy speech or on that model's output.
        mix_back: Share of the noisy signal that the model in front leaves in, when the answer is asked for.
    """

    name: str
    train: str
    enhanced_by: str | None = None
    learned_from: Literal["noisy", "enhanced"] = "noisy"
    mix_back: float = Field(default=0.0, ge=0.0, lt=1.0)

    @property
    def run_name(self) -> str:
        """Folder of its training run within a fold."""
        return self.train if self.learned_from == "noisy" else f"{self.train}-on-{self.enhanced_by}"


class Speech(FrozenConfig):
    """The clips and how they are cut.

    Args:
        corpus: Name that ``merit prepare`` knows.
        raw: Folder of the corpus below the data folder; None where it is fetched.
        emotions: Those that are told apart; empty takes all.
        trim: Leave out what comes before and after the speech.
        max_duration: Longest piece, from its beginning; None takes all.
        speakers_per_fold: Tested together, in the order of their names.
    """

    corpus: str
    raw: str | None = None
    emotions: tuple[str, ...] = ()
    trim: bool = False
    max_duration: Seconds | None = Field(default=None, gt=0.0)
    speakers_per_fold: int = Field(default=1, ge=1)


class Noise(FrozenConfig):
    """A source of noises.

    Args:
        name: Corpus that ``merit prepare`` knows, or what a folder is called here.
        raw: Folder below the data folder that holds a folder for each class; None for a corpus.
        splits: Split of the files whose names begin with that number, where there is a folder.
    """

    name: str
    raw: str | None = None
    splits: dict[int, Literal["train", "dev", "test"]] = Field(default_factory=dict)


class Role(FrozenConfig):
    """One kind of mixtures, made by mix/NAME.yaml.

    Args:
        name: Of the role.
        split: What its mixtures are for.
        noise: Source of its noises.
        classes: ``unseen``: those that the study holds out; ``matched``: the others.
        leave_out: Classes that it does without.
    """

    name: str
    split: Literal["train", "dev", "test"]
    noise: str
    classes: Literal["unseen", "matched"] = "matched"
    leave_out: tuple[str, ...] = ()


class Study(FrozenConfig):
    """The whole comparison; a study.yaml says what each key is for."""

    name: str
    folder: Path
    speech: Speech
    noise: tuple[Noise, ...] = Field(min_length=1)
    roles: tuple[Role, ...] = Field(min_length=3)
    folds: int = Field(ge=1)
    seeds: tuple[int, ...] = Field(min_length=1)
    unseen_noise: tuple[str, ...] = Field(min_length=1)
    stationary_noise: tuple[str, ...] = Field(min_length=1)
    systems: tuple[System, ...]
    primary_snr_db: float
    system: str
    baselines: tuple[str, ...] = Field(min_length=1)
    controls: tuple[str, ...]
    keep_features: bool = False

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        known = [system.name for system in self.systems]
        unknown = {self.system, *self.baselines, *self.controls} - set(known)
        if unknown or len(set(known)) < len(known):
            raise ValueError(f"unknown or repeated systems: {sorted(unknown) or known}")
        if strange := {role.noise for role in self.roles} - {source.name for source in self.noise}:
            raise ValueError(f"unknown sources of noise: {sorted(strange)}")
        return self


def load_study(path: Path) -> Study:
    """The study of a folder, or in a YAML file."""
    path = path / "study.yaml" if path.is_dir() else path
    return load_recipe(Study, path, flags={"folder": path.resolve().parent})


def mix_recipe(study: Study, role: str) -> MixRecipe:
    """How the mixtures of one role are made."""
    return load_recipe(MixRecipe, study.folder / "mix" / f"{role}.yaml")


def train_recipe(study: Study, name: str, seed: int) -> TrainRecipe:
    """How one arm is trained."""
    return load_recipe(TrainRecipe, study.folder / "train" / f"{name}.yaml", flags={"seed": seed})
