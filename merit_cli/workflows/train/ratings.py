"""The ratings of a training run: arousal, valence and dominance, checked before the first epoch."""

import numpy as np

from merit_cli.carriers import ATTRIBUTES
from merit_cli.data.dataset import Scale, scaled_attributes
from merit_cli.errors import BadData
from merit_cli.workflows.train.inputs import TrainingData

FEWEST = 16
"""Utterances of an optimiser step under which a concordance is mostly chance."""


def check_ratings(data: TrainingData) -> Scale:
    """Lowest and highest rating of the corpus.

    Raises:
        BadData: The card does not say the scale, a rating lies outside of it, or a split lacks one of the attributes.
    """
    scale = data.card.attribute_scale
    if scale is None or not scale[0] < scale[1]:
        raise BadData(
            "the data does not say the scale of its ratings",
            place=str(data.manifest.parent / "card.yaml"),
            hint="add attribute_scale: [LOWEST, HIGHEST] to card.yaml, and labels arousal, valence, dominance",
        )
    for split, utterances in (("train", data.train), ("dev", data.dev)):
        rated = np.stack([scaled_attributes(one, scale) for one in utterances])
        outside = np.flatnonzero(((rated < 0.0) | (rated > 1.0)).any(axis=1))
        if outside.size:
            raise BadData(
                f"{outside.size} utterances have a rating outside of {scale[0]:g} to {scale[1]:g}",
                place=utterances[int(outside[0])].id,
                hint="correct the rating, or attribute_scale in card.yaml",
            )
        bare = [name for name, column in zip(ATTRIBUTES, rated.T, strict=True) if np.isfinite(column).sum() < 2]
        if bare:
            raise BadData(
                f"the {split} split has fewer than two ratings of {', '.join(bare)}",
                place=str(data.manifest),
                hint="label it, or train --model ser",
            )
    return scale


def rating_notes(data: TrainingData, *, items_per_step: int) -> list[str]:
    """What a reader of the scores must know: data made by rule, unrated utterances, small steps."""
    everything = (*data.train, *data.dev)
    num_bare = sum(all(name not in one.labels for name in ATTRIBUTES) for one in everything)
    notes = []
    if data.card.synthetic:
        notes.append(
            f"SYNTHETIC DATA: ratings or audio of {data.card.description or data.card.name} were made by rule, as its "
            "card says: scores show that the code runs."
        )
    if num_bare:
        notes.append(f"{num_bare} of {len(everything)} utterances have no rating and teach nothing.")
    if items_per_step < FEWEST:
        notes.append(
            f"SMALL STEPS: a concordance over {items_per_step} utterances is mostly chance; set batch_size or "
            f"accumulation so that a step has {FEWEST} or more, better 32."
        )
    return notes
