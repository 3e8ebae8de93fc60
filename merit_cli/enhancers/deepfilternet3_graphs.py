"""The three networks of DeepFilterNet3, taken from their archive and changed so that they run frame by frame.

The exported graphs take whole signals: their recurrences start at zero and their convolutions over time pad
with zeros. Here the recurrent states become inputs and outputs, and the padding is taken out, so that the
caller gives each convolution the frames before. Nothing that is learned is touched.
"""

import tarfile
from pathlib import Path
from typing import Any

from merit_cli.backbones.onnx_runtime import FrameCalls, cpu_session, load_graph
from merit_cli.errors import BadData

CONTEXT: dict[str, dict[str, int]] = {"enc": {"feat_erb": 3, "feat_spec": 3}, "erb_dec": {}, "df_dec": {"c0": 5}}
"""Frames that an input needs, the newest last, where that is more than one: the lengths of the kernels over time."""
_RECURRENT = ("GRU", "LSTM")


def read_members(archive: Path) -> dict[str, bytes]:
    """The graphs by name.

    Raises:
        BadData: The archive does not hold them.
    """
    try:
        with tarfile.open(archive) as tar:
            files = {Path(member.name).name: member for member in tar.getmembers() if member.isfile()}
            opened = {name: tar.extractfile(files[f"{name}.onnx"]) for name in CONTEXT}
            return {name: file.read() for name, file in opened.items() if file is not None}
    except (KeyError, tarfile.TarError, EOFError, OSError) as error:
        raise BadData(
            "the archive does not hold the networks of DeepFilterNet3", place=str(archive), hint=str(error)
        ) from error


def framewise(model: Any, context: dict[str, int]) -> list[str]:
    """Change a model so that it takes one frame and its states; the names of the states' outputs, in order.

    The state of the output ``name`` is the input ``name_before``, with the shape (1, 1, hidden).

    Args:
        model: Changed in place.
        context: Frames by input, where they are more than one.
    """
    import onnx

    graph, states = model.graph, []
    for node in graph.node:
        if node.op_type == "Pad":
            node.op_type = "Identity"
            del node.input[1:], node.attribute[:]
        elif node.op_type in _RECURRENT:
            assert len(node.output) == 2, f"{node.name} has states that are not taken out"
            size = next(item.i for item in node.attribute if item.name == "hidden_size")
            node.input[5] = f"{node.output[1]}_before"
            states.append(node.output[1])
            shape = [1, 1, size]
            graph.input.append(onnx.helper.make_tensor_value_info(node.input[5], onnx.TensorProto.FLOAT, shape))
            graph.output.append(onnx.helper.make_tensor_value_info(node.output[1], onnx.TensorProto.FLOAT, shape))
    for one in graph.input:
        for dim in one.type.tensor_type.shape.dim:
            if dim.dim_param == "S":
                dim.dim_value = context.get(one.name, 1)
    for one in graph.output:
        if one.name not in states:
            one.type.tensor_type.ClearField("shape")
    del graph.value_info[:]
    return states


class FrameNetwork:
    """A session of one changed graph, without its state.

    Args:
        contents: The graph as exported.
        context: Frames by input, where they are more than one.
        outputs: Those that are wanted.
    """

    def __init__(self, contents: bytes, context: dict[str, int], outputs: tuple[str, ...]) -> None:
        model = load_graph(contents)
        states = framewise(model, context)
        self.session = cpu_session(model.SerializeToString())
        self._outputs, self._states = outputs, {f"{name}_before": name for name in states}

    def start(self) -> FrameCalls:
        """Calls whose states are at rest."""
        return FrameCalls(self.session, self._outputs, self._states)
