"""Encoder, text encoder and model on one batch: the one place where they meet.

Shape suffixes: B batch.
"""

from torch import nn

from merit_cli.carriers import MultiTaskOutput, SpeechBatch

TEXT = "text"
"""Name of the text encoder among the modules; a model that does not read has none."""


def run_modules(modules: nn.ModuleDict, batch: SpeechBatch) -> MultiTaskOutput:
    """Outputs for a batch; cached features are taken where the batch has them.

    Args:
        modules: ``backbone``, ``model`` and, of a model that reads, ``text``.
        batch: On their device. Utterances without a transcript have no words.
    """
    features_BLTD = batch.features_BLTD
    if features_BLTD is None:
        features_BLTD = modules["backbone"](batch.noisy_BN, batch.lengths_B)
    heard = (features_BLTD, batch.noisy_BN, batch.lengths_B)
    if TEXT not in modules:
        return modules["model"](*heard)  # type: ignore[no-any-return]
    if batch.tokens_BSD is not None and batch.valid_BS is not None:
        return modules["model"](*heard, batch.tokens_BSD, batch.valid_BS)  # type: ignore[no-any-return]
    transcripts = batch.transcripts or ("",) * len(batch.ids)
    return modules["model"](*heard, *modules[TEXT](transcripts))  # type: ignore[no-any-return]
