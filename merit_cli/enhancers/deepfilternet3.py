"""DeepFilterNet3, a pretrained network at 48 kHz: gains for bands, then a short complex filter for the lower bins.

Shape suffixes: T frames, H samples of a hop, K samples of a frame, F bins (481), B bands (32), D filtered bins (96),
O taps of the filter (5).

Source: Schröter, Rosenkranz, Escalante-B. and Maier (2023), "DeepFilterNet: perceptually motivated real-time speech
enhancement", Interspeech; features and constants as in Schröter et al. (2022), ICASSP; ONNX export of the authors.
"""

from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from merit_cli.audio.stft import ComplexArray
from merit_cli.backbones.onnx_runtime import num_stored_values
from merit_cli.enhancers.contract import Engine, EnhancerConfig, FloatArray, Kind
from merit_cli.enhancers.deepfilternet3_graphs import CONTEXT, FrameNetwork, read_members
from merit_cli.enhancers.streaming import Frames, HopEngine, HopFunction, OverlapAdd
from merit_cli.io.weights import weight_paths, weight_spec

WEIGHTS = "deepfilternet3"
SAMPLE_RATE, FRAME_LENGTH, HOP_LENGTH = 48000, 960, 480
NUM_BANDS, NUM_FILTERED, NUM_TAPS = 32, 96, 5
LOOK_AHEAD = 2
"""Frames that the networks, and the filter, hear beyond the one they work on."""
FORGETTING = 0.99
"""Of the running means, a second long at 100 frames a second, rounded as in training."""
_OUTPUTS = {
    "enc": ("e0", "e1", "e2", "e3", "emb", "c0"),
    "erb_dec": ("m",),
    "df_dec": ("coefs",),
}


def band_widths(
    *, sample_rate: int = SAMPLE_RATE, frame_length: int = FRAME_LENGTH, num_bands: int = NUM_BANDS, least: int = 2
) -> npt.NDArray[np.int64]:
    """Bins in each band, the bands equally wide on the ERB scale but none of fewer than ``least`` bins.

    Source: Glasberg and Moore (1990), ERB rate, with the constants 24.7 and 9.265.

    >>> widths = band_widths()
    >>> int(widths.sum()), widths[:8].tolist(), widths[-2:].tolist()
    (481, [2, 2, 2, 2, 2, 2, 2, 2], [56, 67])
    """
    top = 9.265 * np.log1p(sample_rate / 2 / (24.7 * 9.265))
    edges = 24.7 * 9.265 * np.expm1(top * np.arange(num_bands + 1) / num_bands / 9.265)
    bins = np.round(edges / (sample_rate / frame_length)).astype(np.int64)
    widths, excess = [], 0
    for width in np.diff(bins).tolist():
        widths.append(max(least, width - excess))
        excess = widths[-1] - (width - excess)
    widths[-1] += frame_length // 2 + 1 - sum(widths)
    return np.array(widths, dtype=np.int64)


@lru_cache(maxsize=1)
def vorbis_window() -> FloatArray:
    """The window (K,) of analysis and synthesis: its square and its shifted square add up to 1."""
    inner = np.sin(np.pi * (np.arange(FRAME_LENGTH) + 0.5) / FRAME_LENGTH)
    window = np.sin(0.5 * np.pi * inner**2).astype(np.float32)
    window.setflags(write=False)
    return window


class RunningMean:
    """An exponential mean along the frames that goes on from block to block.

    Args:
        start: The mean before the first frame.
    """

    def __init__(self, start: npt.NDArray[np.float64]) -> None:
        self._last = (FORGETTING * start)[None]

    def __call__(self, values: npt.NDArray[np.floating]) -> FloatArray:
        """The mean after each row."""
        from scipy.signal import lfilter  # slow to import

        made, self._last = lfilter(
            [1.0 - FORGETTING], [1.0, -FORGETTING], values.astype(np.float64), axis=0, zi=self._last
        )
        return np.asarray(made, dtype=np.float32)


class DeepFilterNet3Engine(HopEngine):
    """Runs the three networks.

    Args:
        archive: Holds them.
    """

    sample_rate: int | None = SAMPLE_RATE
    hop_length = HOP_LENGTH
    late = FRAME_LENGTH - HOP_LENGTH + LOOK_AHEAD * HOP_LENGTH

    def __init__(self, archive: Path) -> None:
        members = read_members(archive)
        self.networks = {name: FrameNetwork(members[name], CONTEXT[name], _OUTPUTS[name]) for name in CONTEXT}
        self.widths = band_widths()

    def hop_function(self) -> HopFunction:
        """Hops (T, H) through features, networks and filter."""
        frames, overlap_add = Frames(FRAME_LENGTH, HOP_LENGTH), OverlapAdd(FRAME_LENGTH, HOP_LENGTH)
        features, networks, filtered = Features(self.widths), Networks(self.networks), DeepFilter(self.widths)

        def enhance(hops_TH: FloatArray) -> FloatArray:
            spectrum = np.fft.rfft(frames(hops_TH) * vorbis_window(), axis=-1, norm="forward")
            spectrum_TF: ComplexArray = spectrum.astype(np.complex64, copy=False)
            gains_TB, taps_TDO = networks(*features(spectrum_TF))
            enhanced_TF = filtered(spectrum_TF, gains_TB, taps_TDO)
            enhanced_TK = np.fft.irfft(enhanced_TF, n=FRAME_LENGTH, axis=-1, norm="forward").astype(np.float32)
            return overlap_add(enhanced_TK * vorbis_window())

        return enhance


class Features:
    """What the networks see: band powers in dB less their running mean, and lower bins over their running level."""

    def __init__(self, widths: npt.NDArray[np.int64]) -> None:
        self._widths, self._starts = widths, np.cumsum(widths) - widths
        self._band_mean = RunningMean(np.linspace(-60.0, -90.0, NUM_BANDS))
        self._bin_mean = RunningMean(np.linspace(0.001, 0.0001, NUM_FILTERED))

    def __call__(self, spectrum_TF: ComplexArray) -> tuple[FloatArray, FloatArray]:
        """Band features (T, B), and the real and imaginary parts (2, T, D) of the bins'."""
        power_TF = spectrum_TF.real**2 + spectrum_TF.imag**2
        power_TB = np.add.reduceat(power_TF, self._starts, axis=-1) / self._widths
        level_TB = 10.0 * np.log10(power_TB + 1e-10)
        bands_TB: FloatArray = ((level_TB - self._band_mean(level_TB)) / 40.0).astype(np.float32)
        lower_TD = spectrum_TF[:, :NUM_FILTERED]
        unit_TD = lower_TD / np.sqrt(self._bin_mean(np.abs(lower_TD)))
        return bands_TB, np.stack([unit_TD.real, unit_TD.imag]).astype(np.float32)


class Networks:
    """The three networks with their states and the frames before."""

    def __init__(self, networks: dict[str, FrameNetwork]) -> None:
        self._encode, self._gains, self._taps = (networks[name].start() for name in CONTEXT)
        self._bands = np.zeros((1, 1, CONTEXT["enc"]["feat_erb"] - 1, NUM_BANDS), dtype=np.float32)
        self._bins = np.zeros((1, 2, CONTEXT["enc"]["feat_spec"] - 1, NUM_FILTERED), dtype=np.float32)

    def __call__(self, bands_TB: FloatArray, bins_2TD: FloatArray) -> tuple[FloatArray, ComplexArray]:
        """Gains (T, B) and filter taps (T, D, O) for the frames `LOOK_AHEAD` before these."""
        bands = np.concatenate([self._bands, bands_TB[None, None]], axis=2)
        bins = np.concatenate([self._bins, bins_2TD[None]], axis=2)
        self._bands, self._bins = bands[:, :, len(bands_TB) :], bins[:, :, len(bands_TB) :]
        gains_TB = np.empty((len(bands_TB), NUM_BANDS), dtype=np.float32)
        taps = np.empty((len(bands_TB), NUM_FILTERED, NUM_TAPS, 2), dtype=np.float32)
        for t in range(len(bands_TB)):
            gains_TB[t], taps[t] = self._frame(bands[:, :, t : t + 3], bins[:, :, t : t + 3])
        return gains_TB, taps.view(np.complex64)[..., 0]

    def _frame(self, bands: FloatArray, bins: FloatArray) -> tuple[FloatArray, FloatArray]:
        encode, gains, taps = self._encode, self._gains, self._taps
        encode.inputs["feat_erb"][...] = bands
        encode.inputs["feat_spec"][...] = bins
        encode()
        for name in gains.inputs:
            gains.inputs[name][...] = encode.outputs[name]
        gains()
        deep = taps.inputs["c0"]
        deep[:, :, :-1] = deep[:, :, 1:]
        deep[:, :, -1:] = encode.outputs["c0"]
        taps.inputs["emb"][...] = encode.outputs["emb"]
        taps()
        return gains.outputs["m"].reshape(-1), taps.outputs["coefs"].reshape(NUM_FILTERED, NUM_TAPS, 2)


class DeepFilter:
    """Lays gains and filters on spectra, `LOOK_AHEAD` frames late."""

    def __init__(self, widths: npt.NDArray[np.int64]) -> None:
        self._widths = widths
        self._before = np.zeros((NUM_TAPS - 1, int(widths.sum())), dtype=np.complex64)

    def __call__(self, spectrum_TF: ComplexArray, gains_TB: FloatArray, taps_TDO: ComplexArray) -> ComplexArray:
        """The enhanced frames (T, F), each `LOOK_AHEAD` before the one given."""
        line = np.concatenate([self._before, spectrum_TF])
        num_frames = len(spectrum_TF)
        self._before = line[num_frames:].copy()
        middle = line[NUM_TAPS - 1 - LOOK_AHEAD :][:num_frames]
        made_TF: ComplexArray = middle * np.repeat(gains_TB, self._widths, axis=-1)
        made_TF[:, :NUM_FILTERED] = 0.0
        for tap in range(NUM_TAPS):
            made_TF[:, :NUM_FILTERED] += line[tap : tap + num_frames, :NUM_FILTERED] * taps_TDO[:, :, tap]
        return made_TF


class DeepFilterNet3Config(EnhancerConfig):
    """DeepFilterNet3 with its authors' weights.

    Attributes:
        weights: Your own copy of the archive, checked; the fetched one without it.
    """

    name: Literal["deepfilternet3"] = "deepfilternet3"
    kind: ClassVar[Kind] = "pretrained"
    licence: ClassVar[str] = "MIT or Apache-2.0"
    weights: Path | None = None

    def engine(self) -> Engine:
        """The engine on the networks.

        Raises:
            Unavailable: The weights or the extra ``onnx`` are missing.
            BadData: The file given is not the pinned one.
        """
        return DeepFilterNet3Engine(*weight_paths([WEIGHTS], local=self.weights))

    def content(self) -> str:
        """The archive's sha256, as pinned."""
        return weight_spec(WEIGHTS).sha256

    def weight_name(self) -> str:
        """``deepfilternet3``."""
        return WEIGHTS

    def num_parameters(self) -> int | None:
        """Floating-point values stored in the three graphs."""
        (archive,) = weight_paths([WEIGHTS], local=self.weights)
        return sum(num_stored_values(contents) for contents in read_members(archive).values())
