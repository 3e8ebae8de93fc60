"""FastEnhancer, small pretrained networks at 16 kHz in four sizes, waveform to waveform with caches, from a local file.

The sizes T, S, B and M differ in hop and caches; all of that is read from the graph.

Source: Ahn et al. (2025), "FastEnhancer: speed-optimized streaming neural speech enhancement", arXiv 2509.21867;
streaming ONNX export by its authors.
"""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from merit_cli.backbones.onnx_runtime import cpu_session, num_stored_values
from merit_cli.enhancers.contract import Engine, EnhancerConfig, Kind
from merit_cli.enhancers.onnx_wave import HopGraphEngine, WaveGraph
from merit_cli.errors import BadData, Unavailable
from merit_cli.io.hashing import sha256_of_file
from merit_cli.io.weights import checked_file

SAMPLE_RATE = 16000
FRAME_LENGTH = 512
"""Of its Fourier transform, whatever the size."""


class FastEnhancerConfig(EnhancerConfig):
    """FastEnhancer from a file of its authors.

    Attributes:
        weights: The ONNX file, such as ``fastenhancer_t.onnx``.
        sha256: What its contents must hash to; empty for no check.
    """

    name: Literal["fastenhancer"] = "fastenhancer"
    kind: ClassVar[Kind] = "pretrained"
    licence: ClassVar[str] = "MIT"
    weights: Path | None = None
    sha256: str = Field(default="", pattern="^([0-9a-f]{64})?$")

    def _file(self) -> Path:
        if self.weights is None:
            raise Unavailable(
                "the enhancer fastenhancer needs its ONNX file",
                hint="take one from its authors (github.com/aask1357/fastenhancer), then --set enhancer.weights=FILE",
            )
        return checked_file(self.weights, self.sha256)

    def engine(self) -> Engine:
        """The engine on the file.

        Raises:
            Unavailable: No file is given, or the extra ``onnx`` is missing.
            NoInput: There is no such file.
            BadData: It is not the one of ``sha256``, or no FastEnhancer.
        """
        path = self._file()
        session = cpu_session(path)
        shapes = {one.name: one.shape for one in (*session.get_inputs(), *session.get_outputs())}
        states = {name: name.replace("_in_", "_out_") for name in shapes if name.startswith("cache_in_")}
        if not {"wav_in", "wav_out"} <= {*shapes} or not states:
            raise BadData("the graph is no FastEnhancer", place=str(path), hint=f"it has {', '.join(shapes)}")
        hop_length = shapes["wav_out"][-1]
        return HopGraphEngine(
            WaveGraph(
                file=path,
                sample_rate=SAMPLE_RATE,
                input="wav_in",
                output="wav_out",
                states=states,
                frame_length=shapes["wav_in"][-1],
                hop_length=hop_length,
                delay=FRAME_LENGTH - hop_length,
            )
        )

    def content(self) -> str:
        """The file's sha256."""
        return sha256_of_file(self._file())

    def num_parameters(self) -> int | None:
        """Floating-point values stored in the graph, with its transforms' tables."""
        return num_stored_values(self._file())
