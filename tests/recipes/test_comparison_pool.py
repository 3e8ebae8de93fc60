"""Folds that were tested apart are scored together."""

import importlib
from pathlib import Path
from typing import Any

import pytest

from merit_cli.errors import BadData
from merit_cli.manifests.read_write import Card, read_manifest, write_card, write_manifest
from merit_cli.manifests.utterance import Utterance

FOLDER = Path(__file__).resolve().parents[2] / "recipes" / "comparison"


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("pool")


def fold(folder: Path, *ids: str) -> Path:
    write_card(folder, Card(name=folder.name))
    write_manifest(folder / "manifest.jsonl", [Utterance(one, folder / f"{one}.wav", 16000, 16000) for one in ids])
    return folder


def test_the_audio_of_every_fold_is_found_from_the_pooled_manifest(pool: Any, tmp_path: Path) -> None:
    folders = [fold(tmp_path / "f1", "a", "b"), fold(tmp_path / "f2", "c")]
    assert pool.main([*map(str, folders), "-o", str(tmp_path / "all")]) == 0
    found = {one.id: one.audio.resolve() for one in read_manifest(tmp_path / "all" / "manifest.jsonl")}
    assert found == {
        "a": tmp_path / "f1" / "a.wav",
        "b": tmp_path / "f1" / "b.wav",
        "c": tmp_path / "f2" / "c.wav",
    }


def test_an_id_that_two_folds_test_is_refused(pool: Any, tmp_path: Path) -> None:
    with pytest.raises(BadData, match="twice"):
        pool.pool([fold(tmp_path / "f1", "a"), fold(tmp_path / "f2", "a")], tmp_path / "all")
