"""What a step of a recipe needs in memory, and what the machine has."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from merit_cli.backbones.forward import run_modules
from merit_cli.backbones.model_folder import Parts, tasks_of
from merit_cli.carriers import SpeechBatch
from merit_cli.data.dataset import EMOTION, num_samples_used
from merit_cli.losses.objective import batch_sums, counted, loss_terms
from merit_cli.manifests.utterance import Utterance
from merit_cli.training.memory import MemoryNeed, memory_need
from merit_cli.training.ranks import num_ranks
from merit_cli.workflows.train.recipe import TrainRecipe


def recipe_need(recipe: TrainRecipe, parts: Parts, utterances: Sequence[Utterance]) -> MemoryNeed:
    """Of the longest utterances in one micro-batch of this process; an adversary is left out.

    Args:
        recipe: What is trained.
        parts: Just built, on the CPU.
        utterances: That are trained on.
    """
    modules = parts.modules().train()
    data = recipe.data
    longest = max(num_samples_used(one, data.sample_rate, data.max_duration) for one in utterances)
    share = -(-min(recipe.batch_size * recipe.accumulation, len(utterances)) // num_ranks())
    words = max((one.transcript for one in utterances), key=len)
    objective = counted(recipe.objective, [1] * len({one.labels.get(EMOTION) for one in utterances}))

    def loss(batch: SpeechBatch) -> Tensor:
        output = run_modules(modules, replace(batch, transcripts=(words,)))
        return loss_terms(batch_sums(output, batch, objective, None), objective).total

    return memory_need(
        modules,
        loss,
        num_items=min(recipe.batch_size, share),
        num_samples=longest if data.crop_samples is None else min(longest, data.crop_samples),
        autocast=torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision != "fp32"),
        keeps_average=recipe.optimiser.average_decay > 0.0,
        has_two_tasks={"enhancement", "emotion"} <= set(tasks_of(recipe.model)),
    )
