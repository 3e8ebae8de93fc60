"""ONNX Runtime on the CPU, without torch: sessions that repeat bit by bit, and what a graph holds."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from merit_cli.errors import BadData, NoInput, Unavailable

_HINT = "pip install 'merit-cli[onnx]'"
_NUMPY_NAMES = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(int64)": "int64"}
_FLOATING = (1, 10, 11)
"""ONNX's numbers for float, float16 and double."""


def import_onnxruntime() -> Any:  # the package has no types
    """The package.

    Raises:
        Unavailable: It is not installed.
    """
    try:
        import onnxruntime  # slow to import, and an extra
    except ModuleNotFoundError as error:
        raise Unavailable("this needs the package 'onnxruntime'", hint=_HINT) from error
    return onnxruntime


def cpu_session(model: Path | bytes, *, threads: int = 1) -> Any:  # Any: the package has no types
    """An inference session over an ONNX graph.

    Args:
        model: The file, or what a file would hold.
        threads: Inside an operator; one is fastest for small frames, and repeats.

    Raises:
        NoInput: There is no such file.
        BadData: It is not a network that can be run.
        Unavailable: onnxruntime is not installed.
    """
    onnxruntime = import_onnxruntime()
    if isinstance(model, Path) and not model.is_file():
        raise NoInput("there is no such ONNX file", place=str(model))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4
    graph, place = (model, "") if isinstance(model, bytes) else (str(model), str(model))
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises several unrelated types for a bad file
        raise BadData("the file is not a network that ONNX Runtime can run", place=place) from error


def load_graph(model: Path | bytes) -> Any:  # the package has no types
    """A model as the package ``onnx`` holds it.

    Args:
        model: The file, or what a file would hold.

    Raises:
        Unavailable: The package is not installed.
        BadData: It is not an ONNX graph.
    """
    try:
        import onnx  # slow to import, and an extra
    except ModuleNotFoundError as error:
        raise Unavailable("looking into a graph needs the package 'onnx'", hint=_HINT) from error
    try:
        return onnx.load_from_string(model) if isinstance(model, bytes) else onnx.load(str(model))
    except Exception as error:  # protobuf's and onnx's own errors have no common base
        place = "" if isinstance(model, bytes) else str(model)
        raise BadData("the file is not an ONNX graph", place=place) from error


def num_stored_values(model: Path | bytes) -> int:
    """Floating-point values stored in a graph: its parameters, and tables such as windows.

    Raises:
        Unavailable: The package ``onnx`` is not installed.
        BadData: The file is not an ONNX graph.
    """
    graph = load_graph(model).graph
    tensors = [*graph.initializer]
    for node in graph.node:
        if node.op_type == "Constant":
            tensors += [item.t for item in node.attribute if item.HasField("t")]
    return sum(math.prod(tensor.dims) for tensor in tensors if tensor.data_type in _FLOATING)


class FrameCalls:
    """A graph called frame after frame, its arrays staying in place: a tenth less time than a plain call.

    The caller writes into `inputs`, calls, and reads `outputs`, which the next call overwrites.

    Args:
        session: What is called.
        outputs: Those that are wanted.
        states: Names of inputs, zero at first, to the outputs that replace them.
        shapes: Of inputs whose shape the graph leaves open.
    """

    def __init__(
        self,
        session: Any,
        outputs: Sequence[str],
        states: Mapping[str, str],
        shapes: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        import numpy as np

        given = {
            one.name: np.zeros((shapes or {}).get(one.name, one.shape), dtype=_NUMPY_NAMES[one.type])
            for one in session.get_inputs()
        }
        names = [*outputs, *states.values()]
        made = dict(zip(names, session.run(names, given), strict=True))
        self.inputs = {name: array for name, array in given.items() if name not in states}
        self.outputs = {name: np.zeros_like(made[name]) for name in outputs}
        kept = {name: (given[name], np.zeros_like(given[name])) for name in states}
        value = import_onnxruntime().OrtValue.ortvalue_from_numpy  # of the same memory
        fixed_in = {name: value(array) for name, array in self.inputs.items()}
        fixed_out = {name: value(array) for name, array in self.outputs.items()}
        self._arrays, self._session, self._turn = kept, session, 0
        self._bindings = []
        for turn in (0, 1):
            binding = session.io_binding()
            for name, one in {**fixed_in, **{name: value(pair[turn]) for name, pair in kept.items()}}.items():
                binding.bind_ortvalue_input(name, one)
            renewed = {states[name]: value(pair[1 - turn]) for name, pair in kept.items()}
            for name, one in {**fixed_out, **renewed}.items():
                binding.bind_ortvalue_output(name, one)
            self._bindings.append(binding)

    def __call__(self) -> None:
        """Renew the outputs and the states."""
        self._session.run_with_iobinding(self._bindings[self._turn])
        self._turn = 1 - self._turn
