"""ONNX Runtime on the CPU, without torch: sessions that repeat bit by bit, and what a graph holds."""

from pathlib import Path
from typing import Any

from merit_cli.errors import BadData, NoInput, Unavailable

_HINT = "pip install 'merit-cli[onnx]'"


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


def cpu_session(model: Path, *, threads: int = 1) -> Any:  # Any: the package has no types
    """An inference session over an ONNX file.

    Args:
        model: The file.
        threads: Inside an operator; one is fastest for small frames, and repeats.

    Raises:
        NoInput: There is no such file.
        BadData: It is not a network that can be run.
        Unavailable: onnxruntime is not installed.
    """
    onnxruntime = import_onnxruntime()
    if not model.is_file():
        raise NoInput("there is no such ONNX file", place=str(model))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises several unrelated types for a bad file
        raise BadData("the file is not a network that ONNX Runtime can run", place=str(model)) from error


def num_stored_values(model: Path) -> int:
    """Floating-point values stored in a graph: its parameters, and tables such as windows.

    Raises:
        Unavailable: The package ``onnx`` is not installed.
        BadData: The file is not an ONNX graph.
    """
    try:
        import onnx  # slow to import, and an extra
    except ModuleNotFoundError as error:
        raise Unavailable("counting parameters needs the package 'onnx'", hint=_HINT) from error
    try:
        graph = onnx.load(str(model)).graph
    except Exception as error:  # protobuf's and onnx's own errors have no common base
        raise BadData("the file is not an ONNX graph", place=str(model)) from error
    tensors = list(graph.initializer)
    tensors += [
        item.t for node in graph.node if node.op_type == "Constant" for item in node.attribute if item.HasField("t")
    ]
    kinds = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE)
    return sum(_size(tensor.dims) for tensor in tensors if tensor.data_type in kinds)


def _size(dims: Any) -> int:
    size = 1
    for dim in dims:
        size *= int(dim)
    return size
