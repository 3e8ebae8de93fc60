"""Over levels, ratios, lengths, channels and rates: the written files hold the asked ratio, and none is clipped."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from merit_cli.audio.snr import measure_snr_db
from merit_cli.errors import MeritError
from merit_cli.io.audio_file import audio_info, read_audio
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.plan import plan_mixtures
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.mixing.render import Rendered, RenderJob, render
from merit_cli.mixing.segments import SilentSource

RATES = st.sampled_from([8000, 16000, 22050, 44100, 48000])
TOLERANCE_DB = {"FLOAT": 0.01, "PCM_24": 0.05, "PCM_16": 0.1}


def write_source(path: Path, *, seconds: float, rate: int, channels: int, level_db: float, seed: int) -> Utterance:
    """Bursts of coloured noise: loud and quiet parts, some pauses."""
    generator = np.random.default_rng(seed)
    count = max(8, round(seconds * rate))
    envelope = np.clip(np.sin(2 * np.pi * 3.0 * np.arange(count) / rate + seed), 0.02, None)
    samples = generator.standard_normal((channels, count)) * envelope
    samples *= 10 ** (level_db / 20) / np.max(np.abs(samples))
    soundfile.write(path, samples.T, rate, subtype="FLOAT")
    return Utterance(path.stem, path, rate, count)


@settings(max_examples=60, deadline=None)
@given(
    level=st.sampled_from(["rms", "active", "vad", "p56", "band"]),
    snr_db=st.floats(-20, 40),
    speech=st.tuples(st.floats(0.02, 3.0), RATES, st.integers(1, 2), st.floats(-60, 0)),
    noise=st.tuples(st.floats(0.05, 5.0), RATES, st.integers(1, 2), st.floats(-60, 0)),
    rate=st.sampled_from([8000, 16000, 48000]),
    encoding=st.sampled_from(["FLOAT", "PCM_24", "PCM_16"]),
    segment=st.sampled_from(["random", "start", "loud", "loop"]),
    seed=st.integers(0, 1000),
)
def test_the_written_ratio_is_the_one_asked_for(
    level: Any, snr_db: float, speech: Any, noise: Any, rate: int, encoding: Any, segment: Any, seed: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = [
            write_source(folder / f"{kind}.wav", seconds=s, rate=r, channels=c, level_db=db, seed=seed + offset)
            for offset, (kind, (s, r, c, db)) in enumerate([("speech", speech), ("noise", noise)])
        ]
        recipe = MixRecipe(
            snr=snr_db, level=level, sample_rate=rate, format="wav", encoding=encoding, segment=segment, stems=True
        )
        (planned,) = plan_mixtures(parts[:1], parts[1:], recipe)
        (result,) = render(RenderJob((planned,), recipe, folder / "o"))
        if isinstance(result, MeritError):
            assert isinstance(result, SilentSource), result
            return
        check(result, snr_db, level=level, rate=rate, encoding=encoding)


def check(result: Rendered, snr_db: float, *, level: Any, rate: int, encoding: str) -> None:
    line = result.utterance
    assert line.clean is not None
    assert line.noise is not None
    noisy, clean = (read_audio(path).samples for path in (line.audio, line.clean))
    error = abs(measure_snr_db(noisy, clean, sample_rate=rate, level=level) - snr_db)
    assert error <= TOLERANCE_DB[encoding] or "quantisation" in result.remark
    if encoding == "FLOAT":
        assert error <= 0.01
    for path in (line.audio, line.clean, line.noise):
        info = audio_info(path)
        assert (info.sample_rate, info.num_channels, info.num_samples) == (rate, 1, line.num_samples)
        assert np.max(np.abs(read_audio(path).samples)) <= 0.9991
