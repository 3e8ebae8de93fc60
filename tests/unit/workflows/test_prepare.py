"""Preparing corpora and weights, with adapters of the test's own."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from merit_cli.corpora import CORPORA
from merit_cli.corpora.prepared import PreparedCorpus
from merit_cli.errors import CheckFailed, NoInput, Unavailable, UsageError
from merit_cli.io.audio_file import write_audio
from merit_cli.io.weights import weight_specs
from merit_cli.manifests.read_write import Card, read_card, read_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.registry import Registry
from merit_cli.workers import Machine
from merit_cli.workflows import prepare as workflow
from merit_cli.workflows.prepare import prepare_weights, run_prepare

CALLS: list[Path] = []


def prepare_tiny(raw: Path | None, output: Path) -> PreparedCorpus:
    CALLS.append(output)
    utterances = []
    for number, split in enumerate(("train", "dev", "test")):
        path = output / "audio" / f"{split}.flac"
        write_audio(path, np.full(160, 0.1 + 0.1 * number), 16000)
        utterances.append(Utterance(split, path, 16000, 160, speaker=f"s{number}", split=split))
    return PreparedCorpus(utterances, Card(name="tiny", notes=("a note",)))


def prepare_leaky(raw: Path | None, output: Path) -> PreparedCorpus:
    utterances, card, _ = prepare_tiny(raw, output)
    return PreparedCorpus([replace(u, speaker="one") for u in utterances], card)


@pytest.fixture(autouse=True)
def corpora(monkeypatch: pytest.MonkeyPatch) -> None:
    CALLS.clear()
    table = {"tiny": f"{__name__}:prepare_tiny", "leaky": f"{__name__}:prepare_leaky", **CORPORA.table}
    monkeypatch.setattr(workflow, "CORPORA", Registry("corpus", table, plural="corpora"))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(runs_dir=tmp_path / "runs")


def test_the_manifest_and_the_card_are_written(tmp_path: Path, machine: Machine) -> None:
    summary = run_prepare("tiny", None, output=tmp_path / "out", machine=machine)
    assert [u.split for u in read_manifest(summary.manifest)] == ["train", "dev", "test"]
    card = read_card(summary.manifest)
    assert card is not None
    assert card.notes == ("a note",)
    assert (summary.utterances, summary.speakers, summary.splits) == (3, 3, {"train": 1, "dev": 1, "test": 1})
    assert (tmp_path / "out" / "DONE").exists()


def test_the_second_call_does_nothing_and_says_the_same(tmp_path: Path, machine: Machine) -> None:
    first = run_prepare("tiny", None, output=tmp_path / "out", machine=machine)
    second = run_prepare("tiny", None, output=tmp_path / "out", machine=machine)
    assert len(CALLS) == 1
    assert second == replace(first, already_done=True)


def test_the_summary_is_json(tmp_path: Path, machine: Machine) -> None:
    summary = run_prepare("tiny", None, output=tmp_path / "out", machine=machine)
    assert json.loads(json.dumps(summary.to_json()))["manifest"] == str(tmp_path / "out" / "manifest.jsonl")


def test_an_interrupted_call_is_gone_on_with(tmp_path: Path, machine: Machine) -> None:
    run_prepare("tiny", None, output=tmp_path / "out", machine=machine)
    (tmp_path / "out" / "DONE").unlink()
    assert not run_prepare("tiny", None, output=tmp_path / "out", machine=machine).already_done
    assert len(CALLS) == 2


def test_another_fold_does_not_overwrite(tmp_path: Path, machine: Machine) -> None:
    run_prepare("tiny", None, output=tmp_path / "out", machine=machine, fold=1)
    with pytest.raises(UsageError, match="fold"):
        run_prepare("tiny", None, output=tmp_path / "out", machine=machine, fold=2)


def test_a_fold_moves_the_test_speaker(tmp_path: Path, machine: Machine) -> None:
    summary = run_prepare("tiny", None, output=None, machine=machine, fold=1)
    splits = {u.speaker: u.split for u in read_manifest(summary.manifest)}
    assert splits == {"s0": "test", "s1": "dev", "s2": "train"}


def test_a_speaker_in_two_splits_is_refused_and_nothing_is_finished(tmp_path: Path, machine: Machine) -> None:
    with pytest.raises(CheckFailed, match="1 speaker values"):
        run_prepare("leaky", None, output=tmp_path / "out", machine=machine)
    assert not (tmp_path / "out" / "DONE").exists()


def test_an_allowed_leak_is_on_the_card(tmp_path: Path, machine: Machine) -> None:
    summary = run_prepare("leaky", None, output=tmp_path / "out", machine=machine, allow_leak=True)
    card = read_card(summary.manifest)
    assert card is not None
    assert any("LEAK ALLOWED" in note for note in card.notes)


def test_an_unknown_corpus_is_refused_with_the_nearest(machine: Machine) -> None:
    with pytest.raises(UsageError, match="unknown corpus 'polsh'") as caught:
        run_prepare("polsh", None, output=None, machine=machine)
    assert "did you mean 'polish'" in caught.value.hint


def test_a_missing_raw_folder_is_no_input(tmp_path: Path, machine: Machine) -> None:
    with pytest.raises(NoInput):
        run_prepare("tiny", tmp_path / "nowhere", output=None, machine=machine)


def test_a_corpus_that_must_be_fetched_says_so(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MERIT_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(Unavailable) as caught:
        run_prepare("polish", None, output=None, machine=machine)
    assert caught.value.hint == "merit prepare polish --fetch"


def test_weights_that_cannot_be_fetched_are_each_reported(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("MERIT_CACHE_DIR", str(tmp_path / "cache"))
    reports = prepare_weights(machine=machine)
    assert [report.name for report in reports] == list(weight_specs())
    assert all(report.status == "failed" and "could not fetch" in report.reason for report in reports)


def test_an_unknown_weight_is_refused(machine: Machine) -> None:
    with pytest.raises(UsageError, match="unknown weight 'gtcnr'"):
        prepare_weights(["gtcnr"], machine=machine)
