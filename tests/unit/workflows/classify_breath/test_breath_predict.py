"""Answers for a user's own files, and when none is given."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from merit_cli.audio.breath_sounds import hiss, rumble
from merit_cli.enhancers.select import enhancer_config
from merit_cli.errors import BadData
from merit_cli.manifests.inputs import read_inputs
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine
from merit_cli.workflows.classify_breath.abstain import NO_BREATH, fit_abstention
from merit_cli.workflows.classify_breath.corpus import BreathCorpus
from merit_cli.workflows.classify_breath.cycles import background_stretches
from merit_cli.workflows.classify_breath.model_folder import BreathModel, load_model
from merit_cli.workflows.classify_breath.predict import predict_breath

KEYS = {"file", "start", "end", "label", "probability", "abstained", "reason", "quality"}


@pytest.fixture
def model(breath_run: Path) -> BreathModel:
    return load_model(breath_run)


@pytest.fixture
def recording(breath_corpus: BreathCorpus) -> Path:
    return next(u.audio for u in breath_corpus.utterances if u.split == "test")


def test_an_annotated_recording_is_answered_by_cycle(model: BreathModel, recording: Path) -> None:
    lines = [
        a.to_json() for a in predict_breath(model, read_inputs([recording]), enhancer=None, machine=Machine()).answers
    ]
    assert len(lines) == 7
    assert all(set(line) == KEYS for line in lines)
    assert lines[0]["start"] == 2.5
    assert all((line["label"] is None) == line["abstained"] == bool(line["reason"]) for line in lines)
    assert all(0.25 <= line["probability"] <= 1.0 for line in lines)


def test_a_bare_recording_is_answered_by_windows_that_cover_it(
    model: BreathModel, recording: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "ä recording.wav"
    bare.write_bytes(recording.read_bytes())
    answers = predict_breath(model, read_inputs([bare]), enhancer=None, machine=Machine()).answers
    info = soundfile.info(str(bare))
    assert answers[0].start == 0.0
    assert all(left.end == right.start for left, right in pairwise(answers))
    assert answers[-1].end == pytest.approx(info.frames / info.samplerate, abs=1e-3)


def test_background_alone_is_not_answered(model: BreathModel, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = 0.2 * rumble(32_000, 4000, rng) + 0.01 * hiss(32_000, rng)
    soundfile.write(tmp_path / "room.wav", noise / np.abs(noise).max() * 0.5, 4000)
    soundfile.write(tmp_path / "silence.wav", np.zeros(16_000), 16_000)
    answers = predict_breath(model, read_inputs([tmp_path]), enhancer=None, machine=Machine()).answers
    assert len(answers) == 3
    assert all(answer.abstained and answer.label is None and NO_BREATH in answer.reason for answer in answers)


def test_an_enhancer_in_front_changes_the_answers(model: BreathModel, recording: Path) -> None:
    plain = predict_breath(model, read_inputs([recording]), enhancer=None, machine=Machine()).answers
    behind = predict_breath(
        model, read_inputs([recording]), enhancer=enhancer_config("mmse-lsa"), machine=Machine()
    ).answers
    assert [(a.start, a.end) for a in plain] == [(b.start, b.end) for b in behind]
    assert [a.probability for a in plain] != [b.probability for b in behind]


def test_a_bad_file_does_not_stop_the_others(model: BreathModel, recording: Path, tmp_path: Path) -> None:
    (tmp_path / "good.wav").write_bytes(recording.read_bytes())
    (tmp_path / "empty.wav").write_bytes(b"")
    soundfile.write(tmp_path / "nan.wav", np.full(8000, np.nan), 4000, subtype="FLOAT")
    found = predict_breath(model, read_inputs([tmp_path]), enhancer=None, machine=Machine())
    assert {Path(path).name for path in found.failed} == {"empty.wav", "nan.wav"}
    assert {Path(answer.file).name for answer in found.answers} == {"good.wav"}


def test_nothing_but_bad_files_is_the_first_fault(model: BreathModel, tmp_path: Path) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    with pytest.raises(BadData, match="empty"):
        predict_breath(model, read_inputs([tmp_path]), enhancer=None, machine=Machine())


def test_at_least_the_wanted_share_of_dev_is_answered() -> None:
    rng = np.random.default_rng(0)
    swings, probabilities = rng.normal(15, 3, 200), rng.uniform(0.3, 1.0, 200)
    rule = fit_abstention(swings.tolist(), probabilities.tolist(), answered=0.9)
    answered = sum(not rule.reason(s, p) for s, p in zip(swings, probabilities, strict=True))
    assert 180 <= answered < 200


def test_background_stretches_are_what_no_cycle_covers(tmp_path: Path) -> None:
    info = {"recording_samples": "40000"}
    cycles = [
        Utterance(f"c{start}", tmp_path / "r.wav", 4000, 8000, start=start, labels={"breath": "normal"}, info=info)
        for start in (10_000, 16_000, 25_000)
    ]
    stretches = background_stretches(cycles)
    assert [(s.start, s.num_samples) for s in stretches] == [(0, 10_000), (33_000, 7000)]
