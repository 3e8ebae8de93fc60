"""Frozen encoders in ONNX: one session, one thread rule, and a mark of the weights in the state.

Shape suffix: H bytes of a hash.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from merit_cli.backbones.onnx_runtime import import_onnxruntime
from merit_cli.errors import BadData
from merit_cli.io.hashing import sha256_of_file

FloatArray = NDArray[np.float32]


class FrozenOnnxEncoder(nn.Module):
    """Base of the encoders that ONNX Runtime runs on the CPU, one utterance at a time.

    The weights' hash stands in the state, so that a checkpoint refuses another encoder's features.

    Args:
        path: The weights, for messages and their hash.
        model: What to run: a path, or a graph's bytes.
    """

    weights_hash_H: Tensor
    trainable = False

    def __init__(self, path: Path, model: str | bytes) -> None:
        super().__init__()
        onnxruntime = import_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises several unrelated types for a bad file
            raise BadData("the weights are not a network that can be run", place=str(path)) from error
        digest = bytes.fromhex(sha256_of_file(path))
        self.register_buffer("weights_hash_H", torch.frombuffer(bytearray(digest), dtype=torch.uint8))
        self.register_load_state_dict_pre_hook(_refuse_other_weights)  # type: ignore[no-untyped-call]

    def run(self, inputs: Mapping[str, NDArray[Any]], outputs: list[str]) -> list[FloatArray]:
        """The named outputs of the network."""
        return list(self._session.run(outputs, dict(inputs)))


def _refuse_other_weights(module: nn.Module, state: Mapping[str, Tensor], prefix: str, *_rest: object) -> None:
    found = state.get(f"{prefix}weights_hash_H")
    if found is not None and not torch.equal(found.cpu(), module.get_buffer("weights_hash_H").cpu()):
        raise BadData(
            "the checkpoint was trained on another version of this encoder's weights",
            hint="fetch the pinned weights again: merit prepare weights",
        )
