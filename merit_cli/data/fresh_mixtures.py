"""Mixtures drawn anew for every epoch, by the plan and the function that render corpora to disk.

An epoch is an ordinary mix of the train split under a seed of its own. The same seed, given to ``merit mix``
over the mix's own ``sources/``, renders what the model heard in that epoch; over the folders that the mix was
made of, noise without splits would be dealt to them anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from merit_cli.backbones.normalisation import FloatArray, Normalisation
from merit_cli.data.dataset import Scale, SpeechDataset
from merit_cli.data.kept_features import KeptFeatures
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.draws import Draws
from merit_cli.mixing.mixture import mix_planned
from merit_cli.mixing.plan import PlannedMixture, plan_mixtures
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.mixing.segments import Unmixable
from merit_cli.units import Seconds, seconds_to_samples


@dataclass(frozen=True)
class MixSources:
    """What a mix was planned from.

    Args:
        speech: Every clean utterance.
        noise: Every noise.
        recipe: Of the mix.
    """

    speech: tuple[Utterance, ...]
    noise: tuple[Utterance, ...]
    recipe: MixRecipe


class FreshMixtures(SpeechDataset):
    """The train split of a mix, mixed anew whenever an epoch is drawn; until then as it was rendered.

    Args:
        utterances: Lines of the mix's manifest. A mixture whose new noise is silent stays as it was rendered.
        sources: What to mix.
        classes: Emotion labels in the order of their class indices.
        normalisation: Scale of the model.
        max_duration: Only the first seconds of an utterance are used.
        kept: Features of a frozen text encoder, which do not change with the mixture; none of a speech encoder.
        attribute_scale: Lowest and highest rating; None gives items without attributes.
    """

    def __init__(
        self,
        utterances: Sequence[Utterance],
        *,
        sources: MixSources,
        classes: Sequence[str],
        normalisation: Normalisation,
        max_duration: Seconds,
        kept: KeptFeatures | None = None,
        attribute_scale: Scale | None = None,
    ) -> None:
        assert kept is None or kept.voice is None, "features of speech do not fit another mixture"
        super().__init__(
            utterances,
            classes=classes,
            normalisation=normalisation,
            max_duration=max_duration,
            kept=kept,
            attribute_scale=attribute_scale,
        )
        self.sources = sources
        self.planned: dict[str, PlannedMixture] = {}

    def draw_epoch(self, epoch: int) -> int:
        """Plan the mixtures of an epoch, from 1; returns the seed that ``merit mix`` would render them with."""
        sources = self.sources
        seed = epoch_seed(sources.recipe.seed, epoch)
        recipe = sources.recipe.model_copy(update={"seed": seed, "splits": ("train",)})
        wanted = {utterance.id for utterance in self.utterances}
        plan = plan_mixtures(sources.speech, sources.noise, recipe)
        self.planned = {planned.id: planned for planned in plan if planned.id in wanted}
        return seed

    def read(self, index: int) -> tuple[FloatArray, FloatArray | None]:
        """Noisy signal and target of an item, before normalisation."""
        planned = self.planned.get(self.utterances[index].id)
        if planned is None:
            return super().read(index)
        try:
            mixed = mix_planned(planned, self.sources.recipe)
        except Unmixable:
            return super().read(index)
        longest = seconds_to_samples(self.max_duration, self.sources.recipe.sample_rate)
        return mixed.noisy[:longest].astype("float32"), mixed.clean[:longest].astype("float32")


def draw_epoch(data: object, epoch: int) -> dict[str, int]:
    """Draw an epoch's mixtures where ``data`` does so at all; the seed, to be logged."""
    return {"mix_seed": data.draw_epoch(epoch)} if isinstance(data, FreshMixtures) else {}


def epoch_seed(seed: int, epoch: int) -> int:
    """Seed of an epoch's mix.

    >>> epoch_seed(0, 1) == epoch_seed(0, 2)
    False
    """
    return Draws(seed, "epoch", epoch).integer(2**31)
