"""Noise under training cycles, by the one mixer: the baseline that enhancement has to beat.

An epoch is an ordinary mix of the training cycles under a seed of its own, as ``merit mix`` would render it.

Source: Tzeng et al. 2025 (noise-injection augmentation, ratios 0, 5, 10 and 15 dB).
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from merit_cli.audio.repetition import repeat_to_length
from merit_cli.config.frozen import FrozenConfig
from merit_cli.data.fresh_mixtures import epoch_seed
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.draws import Draws
from merit_cli.mixing.mixture import mix_planned
from merit_cli.mixing.plan import PlannedMixture, plan_mixtures
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.mixing.segments import Unmixable
from merit_cli.mixing.snr_plan import SnrList
from merit_cli.workflows.classify_breath.recordings import CutSettings

PAPER_RATIOS = SnrList(values=(0.0, 5.0, 10.0, 15.0), order="random")


class NoiseInjection(FrozenConfig):
    """What is mixed under training cycles.

    Args:
        path: Noise: a file, a folder, a glob or a manifest. Of noise with splits only the train files are heard.
        share: Of the cycles of an epoch that get noise.
        mix: How, as a recipe of ``merit mix``; the classifier's rate and the epoch's seed stand in for its own.
    """

    path: str
    share: float = Field(default=1.0, gt=0.0, le=1.0)
    mix: MixRecipe = MixRecipe(snr=PAPER_RATIOS, level="band")


class NoisyClips:
    """Training clips, each in another noise in every epoch.

    Args:
        cycles: One for each clip, in its order.
        noise: What may be heard.
        injection: How it is mixed.
        cut: How cycles become clips.
        seed: Of all drawing.
    """

    def __init__(
        self,
        cycles: Sequence[Utterance],
        noise: Sequence[Utterance],
        *,
        injection: NoiseInjection,
        cut: CutSettings,
        seed: int,
    ) -> None:
        assert cut.enhancer is None, "noise goes under cycles as recorded"
        self.cycles, self.noise, self.injection, self.cut, self.seed = cycles, noise, injection, cut, seed
        update = {"sample_rate": cut.sample_rate, "splits": ("train",)}
        self.recipe = injection.mix.model_copy(update=update)
        self.planned: dict[str, PlannedMixture] = {}

    def draw_epoch(self, epoch: int) -> None:
        """Plan the mixtures of an epoch, from 1.

        Raises:
            NoInput: There is no noise for training.
        """
        seed = epoch_seed(self.seed, epoch)
        by_cycle: dict[str, list[PlannedMixture]] = defaultdict(list)
        for planned in plan_mixtures(self.cycles, self.noise, self.recipe.model_copy(update={"seed": seed})):
            by_cycle[planned.speech.id].append(planned)
        self.planned = {}
        for name, mixtures in by_cycle.items():
            draws = Draws(seed, "noise injection", name)
            if draws.uniform() < self.injection.share:
                self.planned[name] = mixtures[draws.integer(len(mixtures))]

    def wave(self, index: int) -> Tensor | None:
        """A clip (N,) in this epoch's noise; None where it has none, or is silent.

        Raises:
            BadData: A noise cannot be read.
        """
        planned = self.planned.get(self.cycles[index].id)
        if planned is None:
            return None
        try:
            noisy = mix_planned(planned, self.recipe).noisy.astype(np.float32)
        except Unmixable:
            return None
        return torch.from_numpy(repeat_to_length(noisy, self.cut.num_samples, fade=self.cut.fade))
