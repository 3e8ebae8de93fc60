from pathlib import Path

import numpy as np
import pytest

from merit_cli.backbones.normalisation import Normalisation
from merit_cli.data.fresh_mixtures import FreshMixtures, MixSources, epoch_seed
from merit_cli.io.audio_file import read_audio, write_audio
from merit_cli.manifests.read_write import read_manifest, write_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.units import Seconds
from merit_cli.workers import Machine
from merit_cli.workflows.mix import plan_mix, run_mix
from merit_cli.workflows.train.inputs import read_mix_sources

RECIPE = MixRecipe(snr="-5:5", variants=2, segment="random")  # type: ignore[arg-type]  # the short spelling
PLAIN = Normalisation(level="natural", sample_rate=16000)


def mixed(output: Path, speech: Path, noise: Path, recipe: MixRecipe = RECIPE) -> list[Utterance]:
    run_mix(plan_mix(recipe, [speech], [noise], machine=Machine()), output=output, machine=Machine())
    return read_manifest(output / "manifest.jsonl")


@pytest.fixture
def speech_manifest(tmp_path: Path, speech_folder: Path) -> Path:
    files = sorted(speech_folder.glob("*.wav"))
    rows = [
        Utterance(path.stem, path, 16000, read_audio(path).samples.size, speaker=str(number), split=split)
        for number, (path, split) in enumerate(zip(files, ("train", "train", "train", "dev"), strict=True))
    ]
    write_manifest(tmp_path / "speech.jsonl", rows)
    return tmp_path / "speech.jsonl"


def fresh(folder: Path, lines: list[Utterance]) -> FreshMixtures:
    train = [line for line in lines if line.split == "train"]
    sources: MixSources = read_mix_sources(folder / "manifest.jsonl")
    return FreshMixtures(train, sources=sources, classes=(), normalisation=PLAIN, max_duration=Seconds(12.0))


def test_an_epoch_is_what_merit_mix_renders_under_its_seed(
    tmp_path: Path, speech_manifest: Path, noise_folder: Path
) -> None:
    data = fresh(tmp_path / "o", mixed(tmp_path / "o", speech_manifest, noise_folder))
    seed = data.draw_epoch(3)
    again = RECIPE.model_copy(update={"seed": seed, "splits": ("train",)})
    sources = tmp_path / "o" / "sources"
    rendered = {
        line.id: line for line in mixed(tmp_path / "epoch3", sources / "speech.jsonl", sources / "noise.jsonl", again)
    }
    assert len(data) == len(rendered) == 6
    for index in range(len(data)):
        item = data[index]
        line = rendered[item.id]
        assert item.clean_N is not None
        assert line.clean is not None
        for heard, path in ((item.noisy_N, line.audio), (item.clean_N, line.clean)):
            np.testing.assert_allclose(heard, read_audio(path).samples, atol=0.51 / 32768)  # rounding to 16 bit


def test_epochs_differ_and_the_same_epoch_does_not(tmp_path: Path, speech_manifest: Path, noise_folder: Path) -> None:
    data = fresh(tmp_path / "o", mixed(tmp_path / "o", speech_manifest, noise_folder))
    heard = []
    for epoch in (1, 2, 1):
        assert data.draw_epoch(epoch) == epoch_seed(RECIPE.seed, epoch)
        heard.append(data[0].noisy_N)
    assert not np.array_equal(heard[0], heard[1])
    np.testing.assert_array_equal(heard[0], heard[2])


def test_a_mixture_whose_new_noise_is_silent_stays_as_it_was_rendered(
    tmp_path: Path, speech_manifest: Path, noise_folder: Path
) -> None:
    lines = mixed(tmp_path / "o", speech_manifest, noise_folder)
    data = fresh(tmp_path / "o", lines)
    before = data[0].noisy_N
    kept = {path: path.read_bytes() for path in noise_folder.rglob("*.wav")}
    try:
        for path in kept:
            audio = read_audio(path)
            write_audio(path, np.zeros_like(audio.samples), audio.sample_rate)
        data.draw_epoch(1)
        np.testing.assert_array_equal(data[0].noisy_N, before)
    finally:
        for path, contents in kept.items():
            path.write_bytes(contents)
