from pathlib import Path

import numpy as np
import pytest

from merit_cli.io.audio_file import read_audio, write_audio
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.plan import plan_mixtures
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.mixing.render import Rendered, RenderJob, render
from merit_cli.mixing.segments import SilentSource


@pytest.fixture
def sources(tmp_path: Path) -> tuple[list[Utterance], list[Utterance]]:
    made = []
    for seed, name in enumerate(("speech", "noise")):
        samples = 0.1 * np.random.default_rng(seed).standard_normal(16000)
        write_audio(tmp_path / f"{name}.wav", samples.astype(np.float32), 16000)
        made.append(Utterance(name, tmp_path / f"{name}.wav", 16000, 16000))
    return made[:1], made[1:]


@pytest.mark.parametrize(("first", "lost"), [(100.0, "noise"), (-100.0, "speech")])
def test_a_ratio_that_the_encoding_cannot_hold_is_skipped_and_leaves_no_file(
    tmp_path: Path, sources: tuple[list[Utterance], list[Utterance]], first: float, lost: str
) -> None:
    recipe = MixRecipe(snr=[first, 0.0], stems=True)  # type: ignore[arg-type]  # the short spelling
    skipped, rendered = render(RenderJob(tuple(plan_mixtures(*sources, recipe)), recipe, tmp_path / "o"))
    assert isinstance(skipped, SilentSource)
    assert f"the {lost} is lost below the steps of PCM_16" in str(skipped)
    assert isinstance(rendered, Rendered)
    assert rendered.snr_error_db < 0.01
    assert [path.name for path in sorted((tmp_path / "o").rglob("*.flac"))] == ["speech__v1.flac"] * 3


@pytest.mark.parametrize(
    ("keys", "snr_db", "cause"),
    [({"format": "ogg", "encoding": "VORBIS"}, 20.0, "lossy coding"), ({}, 75.0, "quantisation")],
)
def test_a_ratio_that_was_missed_is_remarked_on_with_its_cause(
    tmp_path: Path, sources: tuple[list[Utterance], list[Utterance]], keys: dict[str, str], snr_db: float, cause: str
) -> None:
    recipe = MixRecipe(snr=snr_db, **keys)  # type: ignore[arg-type]  # the short spelling
    (result,) = render(RenderJob(tuple(plan_mixtures(*sources, recipe)), recipe, tmp_path / "o"))
    assert isinstance(result, Rendered)
    assert result.remark.endswith(f"for {snr_db:g} dB: {cause}")


def test_what_a_lossy_file_decodes_to_lies_within_full_scale(tmp_path: Path) -> None:
    made = []
    for seed, name in enumerate(("speech", "noise")):
        samples = np.clip(0.5 * np.random.default_rng(seed).standard_normal(16000), -1.0, 0.999)
        write_audio(tmp_path / f"{name}.wav", samples.astype(np.float32), 16000)
        made.append(Utterance(name, tmp_path / f"{name}.wav", 16000, 16000))
    recipe = MixRecipe(snr="-5,0,20", format="ogg", encoding="VORBIS", stems=True)  # type: ignore[arg-type]
    results = render(RenderJob(tuple(plan_mixtures(made[:1], made[1:], recipe)), recipe, tmp_path / "o"))
    for result in results:
        assert isinstance(result, Rendered)
        line = result.utterance
        for path in (line.audio, line.clean, line.noise):
            assert path is not None
            assert np.abs(read_audio(path).samples).max() <= 1.0
        assert line.mixture is not None
        assert 0.0 < line.mixture.shared_gain < 1.0
