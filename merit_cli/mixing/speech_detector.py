"""The VAD-gated level by a detector of choice: our rules, or Silero VAD where its weights were fetched.

Silero VAD tells speech from other sounds, which the rules cannot; it needs ONNX Runtime and 16 kHz, and its
decisions may differ between versions of ONNX Runtime and processors. So ``energy`` is what `audio.levels` uses.

Source: Silero Team (2024), Silero VAD, https://github.com/snakers4/silero-vad (version 6; the frames, their
context and the threshold of 0.5 are its own).

Shape suffixes: N samples, T frames.
"""

from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from merit_cli.audio.levels import LevelName, speech_power
from merit_cli.audio.powers import ActiveLevel, Samples, mean_power
from merit_cli.audio.vad import vad_level
from merit_cli.errors import BadData, Unavailable, unknown_name
from merit_cli.io.audio_file import resample
from merit_cli.io.weights import weight_path

DetectorName = Literal["energy", "silero"]
SILERO = "silero-vad"
"""Name of its weights: ``merit prepare weights silero-vad`` fetches them (1.2 MB of an 11 MB wheel, MIT)."""
SILERO_RATE = 16000
FRAME_SAMPLES, CONTEXT_SAMPLES = 512, 64
SPEECH_PROBABILITY = 0.5
_STATE_SHAPE = (1, 1, 128)
_BLOCK_FRAMES = 1024


def detected_level(samples: Samples, sample_rate: int, *, detector: DetectorName = "energy") -> ActiveLevel:
    """Mean power where the detector hears speech, and the share of samples where it does.

    Where it hears none, the mean power of the whole and an activity of 0.

    Args:
        samples: (N,), full scale 1.0.
        sample_rate: In Hz.
        detector: ``energy`` (`audio.vad`) or ``silero``.

    Raises:
        UsageError: There is no such detector.
        Unavailable: ONNX Runtime is not installed, or the weights were not fetched.
    """
    if detector == "energy":
        return vad_level(samples, sample_rate)
    if detector != "silero":
        raise unknown_name("detector", detector, get_args(DetectorName))
    heard = silero_probabilities(samples, sample_rate) >= SPEECH_PROBABILITY
    frame = np.arange(samples.size) * SILERO_RATE // (sample_rate * FRAME_SAMPLES)
    speech = heard[np.minimum(frame, heard.size - 1)]
    if not speech.any():
        return ActiveLevel(mean_power(samples), 0.0)
    return ActiveLevel(mean_power(samples[speech]), float(speech.mean()))


def detected_power(samples: Samples, sample_rate: int, level: LevelName, *, detector: DetectorName = "energy") -> float:
    """Mean power of speech under a level definition; only ``vad`` listens to the detector.

    Raises:
        UsageError: There is no such detector.
        Unavailable: ONNX Runtime is not installed, or the weights were not fetched.
    """
    if level == "vad":
        return detected_level(samples, sample_rate, detector=detector).power
    return speech_power(samples, sample_rate, level)


def silero_probabilities(samples: Samples, sample_rate: int) -> npt.NDArray[np.float32]:
    """Probability of speech in each 32 ms (T,), the last frame filled with zeros.

    Raises:
        Unavailable: ONNX Runtime is not installed, or the weights were not fetched.
    """
    session = _session()
    if samples.size == 0:
        return np.zeros(0, dtype=np.float32)
    wave = resample(np.asarray(samples, dtype=np.float32), sample_rate, SILERO_RATE)
    num_frames = -(-wave.size // FRAME_SAMPLES)
    padded = np.zeros(CONTEXT_SAMPLES + num_frames * FRAME_SAMPLES, dtype=np.float32)
    padded[CONTEXT_SAMPLES : CONTEXT_SAMPLES + wave.size] = wave
    hidden, cell = np.zeros(_STATE_SHAPE, np.float32), np.zeros(_STATE_SHAPE, np.float32)
    found = []
    for first in range(0, num_frames, _BLOCK_FRAMES):
        end = min(first + _BLOCK_FRAMES, num_frames) * FRAME_SAMPLES + CONTEXT_SAMPLES
        block = padded[first * FRAME_SAMPLES : end]
        frames = np.lib.stride_tricks.sliding_window_view(block, CONTEXT_SAMPLES + FRAME_SAMPLES)[::FRAME_SAMPLES]
        inputs = {"input": np.ascontiguousarray(frames), "h": hidden, "c": cell}
        probabilities, hidden, cell = session.run(["speech_probs", "hn", "cn"], inputs)
        found.append(probabilities.reshape(-1))
    return np.concatenate(found)


@lru_cache(maxsize=1)
def _session() -> Any:  # onnxruntime has no types
    path = str(weight_path(SILERO))
    try:
        import onnxruntime  # slow to import, and an extra
    except ModuleNotFoundError as error:
        hint = "pip install 'merit-cli[onnx]'"
        raise Unavailable("the detector silero needs the package 'onnxruntime'", hint=hint) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises several unrelated types for a bad file
        raise BadData("the weights are not a network that can be run", place=path) from error
