"""Any network in ONNX that takes a waveform and gives a waveform, described by a small YAML file.

Two forms are run. With ``hop_length`` the graph is called once a hop with the newest ``frame_length`` samples and
gives a hop; the states named in ``states`` go from call to call. Without it the graph takes a signal of any
length at once, and long signals are cut into chunks that are cross-faded.

    file: denoiser.onnx          # beside this file
    sha256: 9f86d0...            # may be left out
    sample_rate: 16000
    input: wav_in                # may be left out where the graph has only one that is no state
    output: wav_out
    states: {cache_in: cache_out}
    frame_length: 512
    hop_length: 256
    delay: 256                   # samples by which the output is late
    licence: MIT
    source: who made it

Shape suffixes: N samples, T frames, H samples of a hop, K samples of a frame.
"""

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from merit_cli.backbones.onnx_runtime import FrameCalls, cpu_session, num_stored_values
from merit_cli.config.frozen import FrozenConfig
from merit_cli.config.load import load_recipe
from merit_cli.enhancers.contract import Engine, EnhancerConfig, FloatArray, Kind
from merit_cli.enhancers.streaming import Frames, HopEngine, HopFunction
from merit_cli.errors import BadData, NoInput, Unavailable, UsageError
from merit_cli.io.hashing import sha256_of_file
from merit_cli.io.weights import checked_file


class WaveGraph(FrozenConfig):
    """What a descriptor says.

    Attributes:
        file: The ONNX file; in a descriptor relative to it.
        sha256: Of the file; empty for no check.
        sample_rate: In Hz.
        input: Name of the waveform input; empty for the only one that is no state.
        output: Name of the waveform output; likewise.
        states: Names of inputs, zero at first, to the outputs that replace them.
        frame_length: Samples given at once, the newest last; None for the hop.
        hop_length: Samples that come out at once; None for a graph that takes any length.
        delay: Samples by which the output is late.
        licence: Of the weights.
        source: Who made them.
    """

    file: Path
    sample_rate: int = Field(ge=1000, le=384000)
    sha256: str = Field(default="", pattern="^([0-9a-f]{64})?$")
    input: str = ""
    output: str = ""
    states: dict[str, str] = Field(default_factory=dict)
    frame_length: int | None = Field(default=None, ge=1)
    hop_length: int | None = Field(default=None, ge=1)
    delay: int = Field(default=0, ge=0)
    licence: str = "not stated"
    source: str = ""

    @model_validator(mode="after")
    def _fits(self) -> "WaveGraph":
        if self.hop_length is None and (self.states or self.frame_length):
            raise ValueError("states and frame_length need a hop_length")
        if self.hop_length is not None and (self.frame_length or self.hop_length) < self.hop_length:
            raise ValueError("a frame is no shorter than a hop")
        return self


class _Calls:
    """A session with the names and shapes a descriptor gives, found to be there.

    Raises:
        BadData: The graph is not as described.
    """

    def __init__(self, graph: WaveGraph) -> None:
        path = checked_file(graph.file, graph.sha256)
        self.session: Any = cpu_session(path)
        given = {one.name: one for one in self.session.get_inputs()}
        made = [one.name for one in self.session.get_outputs()]
        self.input = given[_only(graph.input, [*given], [*graph.states], "input", path)]
        self.output = _only(graph.output, made, [*graph.states.values()], "output", path)
        for name in {*graph.states} - {*given} | {*graph.states.values()} - {*made}:
            raise BadData(f"the graph has no state {name!r}", place=str(path), hint=f"it has {[*given, *made]}")
        if loose := {*given} - {*graph.states, self.input.name}:
            raise BadData(f"the graph asks for more inputs: {sorted(loose)}", place=str(path), hint="name its states")
        for name in graph.states:
            if not all(isinstance(size, int) for size in given[name].shape):
                raise BadData(f"the state {name!r} has no fixed shape: {given[name].shape}", place=str(path))
        self.states = graph.states
        self.rank = len(self.input.shape) or 1

    def whole(self, samples_N: FloatArray) -> FloatArray:
        """The output for a whole signal, flat."""
        (made,) = self.session.run([self.output], {self.input.name: samples_N.reshape(self._shape(-1))})
        return np.asarray(made, dtype=np.float32).reshape(-1)

    def frames(self, frame_length: int) -> FrameCalls:
        """Calls with frames of so many samples, the states at rest."""
        shapes = {self.input.name: self._shape(frame_length)}
        return FrameCalls(self.session, [self.output], self.states, shapes)

    def _shape(self, num_samples: int) -> tuple[int, ...]:
        return (1,) * (self.rank - 1) + (num_samples,)


def _only(wanted: str, names: list[str], states: list[str], what: str, path: Path) -> str:
    free = [name for name in names if name not in states]
    if wanted in free or (not wanted and len(free) == 1):
        return wanted or free[0]
    problem = f"the graph has no waveform {what} {wanted!r}" if wanted else f"which {what} is the waveform is not said"
    raise BadData(problem, place=str(path), hint=f"the graph has the {what}s {', '.join(names)}")


class HopGraphEngine(HopEngine):
    """Calls a graph hop by hop."""

    def __init__(self, graph: WaveGraph) -> None:
        assert graph.hop_length is not None, "a graph without hop length is for WholeGraphEngine"
        self._calls = _Calls(graph)
        self.sample_rate, self.hop_length, self.late = graph.sample_rate, graph.hop_length, graph.delay
        self._frame_length = graph.frame_length or graph.hop_length
        self._file, self.session = graph.file, self._calls.session
        self._try()

    def _try(self) -> None:
        try:
            (made,) = self._calls.frames(self._frame_length).outputs.values()
        except Exception as error:  # onnxruntime raises several unrelated types
            raise BadData(
                f"the graph does not take frames of {self._frame_length} samples: {_first_line(error)}",
                place=str(self._file),
            ) from error
        if made.size != self.hop_length:
            raise BadData(f"the graph gives {made.size} samples a hop, not {self.hop_length}", place=str(self._file))

    def hop_function(self) -> HopFunction:
        """Hops (T, H) through the graph."""
        call, frames = self._calls.frames(self._frame_length), Frames(self._frame_length, self.hop_length)
        given, made = (next(iter(arrays.values())).reshape(-1) for arrays in (call.inputs, call.outputs))

        def enhance(hops_TH: FloatArray) -> FloatArray:
            made_TH = np.empty_like(hops_TH)
            for t, frame in enumerate(frames(hops_TH)):
                given[...] = frame
                call()
                made_TH[t] = made
            return made_TH

        return enhance


class WholeGraphEngine:
    """Calls a graph with a whole signal, or with chunks of it."""

    streams = False

    def __init__(self, graph: WaveGraph) -> None:
        self._calls, self._file = _Calls(graph), graph.file
        self.sample_rate: int | None = graph.sample_rate
        self.delay = graph.delay

    def process(self, noisy_N: FloatArray, sample_rate: int) -> FloatArray:
        """As many samples as went in.

        Raises:
            BadData: The graph cannot be run, or gives another number of samples by more than a frame's rounding.
        """
        assert sample_rate == self.sample_rate, f"the graph takes {self.sample_rate} Hz, got {sample_rate}"
        if not len(noisy_N):
            return noisy_N.copy()
        try:
            made = self._calls.whole(noisy_N)
        except Exception as error:  # onnxruntime raises several unrelated types
            raise BadData(
                f"the graph cannot be run on {len(noisy_N)} samples: {_first_line(error)}", place=str(self._file)
            ) from error
        if abs(len(made) - len(noisy_N)) > sample_rate // 10:
            raise BadData(f"the graph turned {len(noisy_N)} samples into {len(made)}", place=str(self._file))
        return np.pad(made, (0, max(0, len(noisy_N) - len(made))))[: len(noisy_N)]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def graph_engine(graph: WaveGraph) -> Engine:
    """The engine that suits the graph."""
    return WholeGraphEngine(graph) if graph.hop_length is None else HopGraphEngine(graph)


class OnnxConfig(EnhancerConfig):
    """A graph with its descriptor.

    Attributes:
        descriptor: The YAML file.
    """

    name: Literal["onnx"] = "onnx"
    kind: ClassVar[Kind] = "pretrained"
    licence: ClassVar[str] = "as its descriptor says"
    descriptor: Path | None = None

    def graph(self) -> WaveGraph:
        """What the descriptor says, its file's path made whole.

        Raises:
            Unavailable: No descriptor is given.
            NoInput: It is not there.
            BadData: It is not a descriptor.
        """
        if self.descriptor is None:
            hint = "--set enhancer.descriptor=FILE.yaml, with the keys file, sample_rate, hop_length, states, delay"
            raise Unavailable("the enhancer onnx needs a descriptor of the network", hint=hint)
        if not self.descriptor.is_file():
            raise NoInput("there is no such descriptor", place=str(self.descriptor))
        try:
            graph = load_recipe(WaveGraph, path=self.descriptor)
        except UsageError as error:
            raise BadData(error.message, place=error.place or str(self.descriptor), hint=error.hint) from error
        return graph.model_copy(update={"file": self.descriptor.parent / graph.file})

    def engine(self) -> Engine:
        """The engine on the graph.

        Raises:
            Unavailable: No descriptor is given, or the extra ``onnx`` is missing.
            NoInput: The descriptor or the graph is not there.
            BadData: The descriptor is wrong, or the graph damaged or not as described.
        """
        return graph_engine(self.graph())

    def content(self) -> str:
        """The sha256 of the descriptor and of the graph."""
        graph = self.graph()
        assert self.descriptor is not None, "graph() refuses that"
        return sha256_of_file(self.descriptor) + "+" + sha256_of_file(checked_file(graph.file, graph.sha256))

    def num_parameters(self) -> int | None:
        """Floating-point values stored in the graph."""
        return num_stored_values(self.graph().file)
