"""The recipe of a sweep over mix-back ratios."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from merit_cli.config.frozen import FrozenConfig
from merit_cli.enhancers.contract import EnhancerConfig
from merit_cli.enhancers.select import DEFAULT_ENHANCER, EnhancerChoice, enhancer_config
from merit_cli.metrics.spec import MetricSpec, load_metric

ENHANCED, NOISY = 0.0, 1.0
"""The two ends of every grid: enhanced alone, and as recorded."""
_KINDS = {"emotion": ("classification",), "breath": ("classification", "respiratory")}
_GRID = tuple(step / 10 for step in range(11))


class SweepRecipe(FrozenConfig):
    """Everything that decides which ratio is chosen, besides the data and the model.

    Args:
        name: Of the recipe.
        task: What the model that listens does: a trained run's emotion, or a breath classifier's cycles.
        metric: Chosen by, over labels; for breath also the respiratory ones.
        enhancer: What the noisy signal is mixed back into.
        ratios: Shares of the noisy signal, rising, from 0 to 1.
        dev: Split that chooses.
        test: Split that is scored once, at 0, at 1 and at what was chosen.
        seed: Of the resampling behind intervals.
    """

    name: str = "mix-back-sweep"
    task: Literal["emotion", "breath"] = "emotion"
    metric: str = "macro_f1"
    enhancer: EnhancerChoice = Field(default_factory=lambda: enhancer_config(DEFAULT_ENHANCER))
    ratios: tuple[float, ...] = _GRID
    dev: str = "dev"
    test: str = "test"
    seed: int = Field(default=0, ge=0)

    @field_validator("enhancer")
    @classmethod
    def _nothing_mixed_yet(cls, enhancer: EnhancerConfig) -> EnhancerConfig:
        if enhancer.noisy_share > 0.0:
            raise ValueError("the sweep sets the share of the noisy signal: leave mix_back and attenuation_limit out")
        return enhancer

    @field_validator("ratios")
    @classmethod
    def _end_to_end(cls, ratios: tuple[float, ...]) -> tuple[float, ...]:
        if ratios[:1] != (ENHANCED,) or ratios[-1:] != (NOISY,) or list(ratios) != sorted(set(ratios)):
            raise ValueError("the ratios must rise from 0 (enhanced alone) to 1 (as recorded)")
        if any(ratio != round(ratio, 4) for ratio in ratios):
            raise ValueError("a ratio has at most four decimals")
        return ratios

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.dev == self.test:
            raise ValueError("dev and test are the same split")
        spec = self.spec
        if spec.kind not in _KINDS[self.task] or not spec.higher_is_better:
            raise ValueError(f"{spec.name} does not score the labels of {self.task}: take macro_f1, uar or icbhi_score")
        return self

    @property
    def spec(self) -> MetricSpec:
        """The metric."""
        return load_metric(self.metric, place="metric")
