"""Long recordings are answered block by block, as they are in one piece; ten minutes are made 100 s here."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from merit_cli.audio.breath_sounds import hiss
from merit_cli.enhancers import long_signals
from merit_cli.enhancers.contract import EnhancerConfig
from merit_cli.enhancers.select import enhancer_config
from merit_cli.errors import BadData
from merit_cli.io.audio_file import read_audio, resample
from merit_cli.manifests.inputs import read_inputs
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine
from merit_cli.workflows.classify_breath import predict, recordings
from merit_cli.workflows.classify_breath.answers import FileAnswer, answer_clips, cut_settings, file_answer
from merit_cli.workflows.classify_breath.cycles import Clip, cut_blocks, cut_samples
from merit_cli.workflows.classify_breath.model_folder import BreathModel, load_model
from merit_cli.workflows.classify_breath.pictures import write_pictures
from merit_cli.workflows.classify_breath.pieces import cut_plan
from merit_cli.workflows.classify_breath.predict import predict_breath
from merit_cli.workflows.classify_breath.recordings import CutSettings

SECONDS = 156
RATE = 4000


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (long_signals, predict, recordings):
        monkeypatch.setattr(module, "STRETCH", 100.0)


@pytest.fixture(scope="module")
def model(breath_run: Path) -> BreathModel:
    return load_model(breath_run)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Breathing in noise, two channels, whose last window is cut short."""
    path = tmp_path_factory.mktemp("long") / "night.flac"
    rng, time = np.random.default_rng(0), np.arange(SECONDS * RATE - 4321) / RATE
    swing = np.square(np.sin(np.pi * time / 4.0)) * (1.0 + 0.5 * np.sin(time / 7.0))
    breath = 0.1 * swing * hiss(len(time), rng) + 0.01 * rng.standard_normal(len(time))
    soundfile.write(path, np.stack([breath, 0.5 * breath], axis=1).clip(-1, 1), RATE)
    return path


def _in_one_piece(model: BreathModel, recording: Path, enhancer: EnhancerConfig | None) -> list[FileAnswer]:
    settings = cut_settings(model, enhancer)
    (windows,) = cut_plan(read_inputs([recording]).utterances, model.card.window).by_audio.values()
    if enhancer is None:
        samples = read_audio(recording, sample_rate=settings.sample_rate).samples
    else:
        noisy = read_audio(recording, sample_rate=16000).samples
        samples = resample(enhancer.build()(noisy, 16000), 16000, settings.sample_rate)
    return [file_answer(answer) for answer in answer_clips(model, cut_samples(samples, windows, settings))]


@pytest.mark.parametrize("name", [None, "mmse-lsa"])
def test_the_answers_are_those_of_the_recording_in_one_piece(
    model: BreathModel, recording: Path, name: str | None
) -> None:
    enhancer = None if name is None else enhancer_config(name)
    answers = predict_breath(model, read_inputs([recording]), enhancer=enhancer, machine=Machine()).answers
    wanted = _in_one_piece(model, recording, enhancer)
    assert len(answers) == len(wanted) == SECONDS / model.card.window
    assert [(a.start, a.end, a.label, a.reason) for a in answers] == [
        (w.start, w.end, w.label, w.reason) for w in wanted
    ]
    assert [a.probability for a in answers] == pytest.approx([w.probability for w in wanted], abs=2e-3)
    assert [a.quality for a in answers] == pytest.approx([w.quality for w in wanted], abs=0.05)


def test_damage_near_the_end_leaves_no_half_answer(model: BreathModel, recording: Path, tmp_path: Path) -> None:
    samples, _ = soundfile.read(recording, dtype="float32")
    samples[-2000] = np.nan
    soundfile.write(tmp_path / "bad.wav", samples, RATE, subtype="FLOAT")
    (tmp_path / "good.flac").write_bytes(recording.read_bytes())
    told: list[tuple[int, int]] = []
    machine = Machine(progress=lambda _, finished, total: told.append((finished, total)))
    found = predict_breath(model, read_inputs([tmp_path]), enhancer=None, machine=machine)
    assert [Path(path).name for path in found.failed] == ["bad.wav"]
    assert {Path(answer.file).name for answer in found.answers} == {"good.flac"}
    assert told[-1] == (2 * len(found.answers), 2 * len(found.answers))
    with pytest.raises(BadData, match="NaN"):
        predict_breath(model, read_inputs([tmp_path / "bad.wav"]), enhancer=None, machine=Machine())


@pytest.mark.parametrize("block", [7, 60, 1000, 5000])
def test_the_cut_into_blocks_does_not_show(block: int) -> None:
    """Cycles out of order, over one another, past the end, and behind it."""
    samples, settings = np.arange(4000, dtype=np.float32), CutSettings(RATE, 800, 40)
    spans = [(3000, 600), (200, 1200), (400, 100), (400, 2000), (3800, 800), (8000, 200)]
    cycles = [Utterance(str(span), Path("a.wav"), RATE, span[1], start=span[0]) for span in spans]
    blocks = [samples[start : start + block] for start in range(0, 4000, block)]
    made = dict(cut_blocks(blocks, cycles, settings))
    assert _cut([made[index] for index in range(len(spans))]) == _cut(cut_samples(samples, cycles, settings))


def _cut(clips: Sequence[Clip]) -> list[tuple[str, list[float]]]:
    return [(clip.utterance.id, clip.samples_N.tolist()) for clip in clips]


def test_pictures_of_a_long_recording_are_one_a_minute(model: BreathModel, recording: Path, tmp_path: Path) -> None:
    drawn = write_pictures(tmp_path, (), (), cut_settings(model), machine=Machine())
    assert drawn == []
    (answer, *_) = _in_one_piece(model, recording, None)
    drawn = write_pictures(tmp_path, [answer], model.card.classes, cut_settings(model), machine=Machine())
    assert [path.name for path in drawn] == [f"night__{60 * minute:05d}s.svg" for minute in range(3)]
