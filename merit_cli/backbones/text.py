"""RoBERTa and other text encoders of transformers, from a local folder or the hub's local cache.

Shape suffixes: B batch, S tokens, D features.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from merit_cli.backbones.fine_tuning import TunedEncoder, TuningConfig
from merit_cli.errors import BadData, Unavailable


class TextEncoder(TunedEncoder):
    """The last hidden states of a text encoder.

    Args:
        encoder: A transformers model with ``last_hidden_state``.
        tokenizer: Its tokenizer.
        tuning: What of it learns; never the pooler, on which the states do not depend.
        max_tokens: Longer transcripts are cut.
    """

    def __init__(self, encoder: Any, tokenizer: Any, tuning: TuningConfig, *, max_tokens: int) -> None:
        super().__init__(encoder, _layers_of(encoder), tuning, never=("pooler.",))
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.dim: int = encoder.config.hidden_size

    def forward(self, transcripts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Features (B, S, D), zero on padding, and the mask of valid tokens (B, S); an empty transcript has none."""
        words = [" ".join(text.split()) for text in transcripts]
        encoded = self.tokenizer(words, padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt")
        device = next(self.encoder.parameters()).device
        ids_BS, mask_BS = encoded["input_ids"].to(device), encoded["attention_mask"].to(device)
        with torch.set_grad_enabled(self.trainable and torch.is_grad_enabled()):
            states_BSD = self.encoder(input_ids=ids_BS, attention_mask=mask_BS).last_hidden_state
        has_words_B = torch.tensor([bool(text) for text in words], device=device)
        valid_BS = mask_BS.bool() & has_words_B.unsqueeze(1)
        return states_BSD.masked_fill(~valid_BS.unsqueeze(-1), 0.0), valid_BS


def _layers_of(encoder: Any) -> nn.ModuleList:
    """The transformer layers, wherever the architecture keeps them."""
    lists = (one for one in encoder.modules() if isinstance(one, nn.ModuleList))
    return next(one for one in lists if len(one) == encoder.config.num_hidden_layers)


class TextEncoderConfig(TuningConfig):
    """A text encoder in a folder as ``save_pretrained`` writes it, or by its hub id where it was downloaded before.

    What of it is trained, `TuningConfig` says.

    Args:
        path: The folder or the id, such as ``FacebookAI/roberta-large``.
        max_tokens: Longer transcripts are cut.
    """

    name: Literal["text"] = "text"
    path: str
    max_tokens: int = Field(default=256, ge=3)

    def build(self) -> TextEncoder:
        """The encoder with its weights; nothing is downloaded.

        Raises:
            Unavailable: It is not on this machine, or the package ``transformers`` is missing.
            BadData: The weights do not fill the model.
        """
        import merit_cli.torchaudio_bridge  # noqa: F401 - transformers imports torchaudio

        try:
            from transformers import AutoModel, AutoTokenizer  # slow to import, and an extra
        except ModuleNotFoundError as error:
            hint = "pip install 'merit-cli[hf]'"
            raise Unavailable("this encoder needs the package 'transformers'", hint=hint) from error
        source = str(Path(self.path)) if Path(self.path).is_dir() else self.path
        try:
            tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=True)
            model, report = AutoModel.from_pretrained(source, local_files_only=True, output_loading_info=True)
        except (OSError, ValueError) as error:
            raise Unavailable(
                "this text encoder is not on this machine",
                place=self.path,
                hint=f"give a folder with config.json, weights and tokenizer, or fetch it: hf download {self.path}",
            ) from error
        lacking = sorted(name for name in report["missing_keys"] if not name.startswith("pooler."))
        if lacking:
            raise BadData(
                f"{len(lacking)} tensors of the text encoder have no weights, the first {lacking[0]!r}", place=self.path
            )
        return TextEncoder(model, tokenizer, self, max_tokens=self.max_tokens)
