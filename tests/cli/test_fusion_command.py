"""merit train --model fusion, predict and evaluate as typed, on tiny encoders with random weights."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from merit_cli.cli.app import main
from merit_cli.manifests.read_write import write_manifest
from merit_cli.manifests.utterance import Utterance


@pytest.fixture
def merit(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Twelve bursts of noise of two classes; the words of every one but the last in each split."""
    folder, generator = tmp_path / "corpus", np.random.default_rng(5)
    folder.mkdir()
    lines = []
    for number in range(12):
        split, path = ("train", "dev", "test")[number // 2 % 3], folder / f"u{number}.wav"
        soundfile.write(path, 0.05 * generator.standard_normal(4800), 16000)
        one = Utterance(f"u{number}", path, 16000, 4800, speaker=f"{split}{number}", split=split)
        words = "" if number in (7, 9, 11) else ("the dogs", "kids")[number % 2]
        lines.append(
            replace(one, labels={"emotion": ("low", "high")[number % 2]}, transcript=words, transcript_source="human")
        )
    write_manifest(folder / "manifest.jsonl", lines)
    return folder


def test_fusion_is_trained_used_and_scored_as_typed(
    merit: Any, corpus: Path, tiny_roberta: Path, tiny_wavlm: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    encoders = ["--set", f"backbone.path={tiny_wavlm}", "--set", f"text.path={tiny_roberta}"]
    code, out, err = merit("train", corpus, "--model", "fusion", *encoders, "--set", "epochs=1", "-o", "run")
    assert (code, "dev macro_f1" in out) == (0, True)
    assert "2 of 8 utterances have no transcript" in err
    code, out, err = merit("predict", corpus / "u0.wav", "--model", "run", "-o", "said", "--json")
    assert (code, [one["label"] in ("low", "high") for one in json.loads(out)]) == (0, [True])
    code, _, err = merit("predict", corpus / "u0.wav", "--model", "run", "-o", "said.jsonl")
    assert (code, "note: 1 of 1 utterances have no transcript" in err) == (0, True)
    code, out, _ = merit("evaluate", "run", "--metrics", "f1", "--json")
    assert (code, list(json.loads(out)["metrics"])) == (0, ["macro_f1"])


def test_what_a_newcomer_forgets_is_said(merit: Any, corpus: Path, tiny_wavlm: Path, tmp_path: Path) -> None:
    known = ["--model", "fusion", "--set", f"backbone.path={tiny_wavlm}", "-o", tmp_path / "run"]
    code, _, err = merit("train", corpus, *known, "--set", f"text.path={tmp_path}")
    assert (code, "this text encoder is not on this machine" in err) == (69, True)
    code, _, err = merit("train", corpus, *known, "--set", "text=null")
    assert (code, "set text.path to a folder or id of a text encoder" in err) == (2, True)
    code, _, err = merit("train", corpus, "--model", "ser", "--set", "text.path=roberta")
    assert (code, "does not read: leave text out" in err) == (2, True)
