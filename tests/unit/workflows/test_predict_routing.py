"""What a routed model leaves of its routing, against the model's own output."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from merit_cli.backbones.log_mel import LogMelConfig
from merit_cli.backbones.model_folder import build_parts, export_model, load_model
from merit_cli.backbones.normalisation import Normalisation
from merit_cli.config.frozen import FrozenConfig
from merit_cli.io.audio_file import read_audio
from merit_cli.manifests.inputs import read_inputs
from merit_cli.manifests.read_write import Card
from merit_cli.manifests.routed import read_routing
from merit_cli.models.naive_multitask import NaiveMultitaskConfig
from merit_cli.models.sparse_merit import SparseMeritConfig
from merit_cli.workers import Machine
from merit_cli.workflows.predict import predict_files, predict_run

SIZES = {"trunk_width": 16, "trunk_expansion": 1, "trunk_blocks": 1, "blstm_hidden": 8, "ser_hidden": 8}
MACHINE = Machine(workers=1)
Export = Callable[[FrozenConfig], Path]


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """A function that writes an untrained model that hears at most 0.5 s at once."""

    def write(model: FrozenConfig) -> Path:
        torch.manual_seed(0)
        backbone = LogMelConfig(num_mels=16, hop_length=320)
        return export_model(
            tmp_path / "model",
            build_parts(model, backbone, num_classes=2).modules().state_dict(),
            recipe={
                "name": "untrained",
                "model": model.model_dump(),
                "backbone": backbone.model_dump(),
                "data": {"max_duration": 0.5},
            },
            labels=["a", "b"],
            normalisation=Normalisation(),
            card=Card(name="none"),
            metrics={},
            facts={},
        )

    return write


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Files of 0.3 s and of 0.9 s."""
    (tmp_path / "sounds").mkdir()
    for number, num_samples in enumerate((4800, 14400)):
        noise = 0.1 * np.random.default_rng(number).standard_normal(num_samples)
        soundfile.write(tmp_path / "sounds" / f"noise{number}.wav", noise, 16000)
    return tmp_path / "sounds"


def test_routing_in_a_file_is_that_of_the_model(export: Export, sounds: Path, tmp_path: Path) -> None:
    folder = export(SparseMeritConfig(**SIZES, num_experts=4))
    run, result = predict_files(folder, read_inputs([sounds]), output=tmp_path / "out", machine=MACHINE, enhance=False)
    found = read_routing(run.path / "routing.jsonl")
    assert found == list(result.routing)
    assert [one.id for one in found] == [one.id for one in result.predictions]
    model = load_model(folder)
    for one, file in zip(found, sorted(sounds.iterdir()), strict=True):
        noisy_N = read_audio(file).samples
        gain = model.normalisation.gain(noisy_N)
        pieces = np.array_split(noisy_N, 1 if noisy_N.size <= 8000 else 2)
        outputs = [model.forward(model.normalisation.apply(piece, gain=gain)) for piece in pieces]
        for task, routed in one.tasks.items():
            chosen = [int(e) for output in outputs for e in output.routing[task].chosen_BTK.flatten()]
            assert list(routed.best) == chosen
            assert routed.load == pytest.approx([chosen.count(e) / len(chosen) for e in range(4)], abs=1e-6)
            assert one.num_frames == len(chosen)
        assert one.frames_per_second == 50.0


def test_what_is_on_the_ledger_keeps_its_routing(export: Export, sounds: Path, tmp_path: Path) -> None:
    folder = export(SparseMeritConfig(**SIZES))
    inputs = read_inputs([sounds])
    first = predict_run(folder, inputs.utterances[:1], output=tmp_path / "out", machine=MACHINE)
    both = predict_run(folder, inputs.utterances, output=tmp_path / "out", machine=MACHINE)
    assert both.routing[:1] == first.routing
    assert [one.id for one in read_routing(tmp_path / "out" / "routing.jsonl")] == [u.id for u in inputs.utterances]


@pytest.mark.parametrize(
    "model",
    [NaiveMultitaskConfig(**SIZES), SparseMeritConfig(**SIZES, num_experts=2, routing="by_task")],
    ids=["no-experts", "by-task"],
)
def test_a_model_that_chooses_nothing_writes_no_routing(
    model: FrozenConfig, export: Export, sounds: Path, tmp_path: Path
) -> None:
    result = predict_run(export(model), read_inputs([sounds]).utterances, output=tmp_path / "out", machine=MACHINE)
    assert result.routing == ()
    assert not (tmp_path / "out" / "routing.jsonl").exists()


def test_a_file_that_fails_has_no_routing(export: Export, sounds: Path, tmp_path: Path) -> None:
    (sounds / "bad.wav").write_bytes(b"RIFFnothing")
    utterances = read_inputs([sounds]).utterances
    lost = replace(utterances[0], id="lost", audio=sounds / "bad.wav")
    result = predict_run(
        export(SparseMeritConfig(**SIZES)), [*utterances, lost], output=tmp_path / "out", machine=MACHINE
    )
    assert [one.id for one in result.routing] == [one.id for one in utterances]
    assert list(result.failed) == ["lost"]
