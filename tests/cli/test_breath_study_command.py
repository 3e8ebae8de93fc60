"""The study commands as typed: three words, two files, one of which the raters never see."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from merit_cli.cli.app import main


def _code(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    lines = []
    for number in range(6):
        for arm in ("clean", "noisy", "enhanced"):
            soundfile.write(tmp_path / f"{number}-{arm}.wav", 0.1 * rng.standard_normal(4000), 8000)
        line = {"id": f"clip{number}", "audio": f"{number}-enhanced.wav", "sample_rate": 8000, "num_samples": 4000}
        line |= {"speaker": f"p{number}", "labels": {"breath": "wheeze" if number % 2 else "normal"}}
        lines.append({**line, "clean": f"{number}-clean.wav", "noisy": f"{number}-noisy.wav", "enhancer": "x"})
    path = tmp_path / "manifest.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_make_then_score(manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = tmp_path / "study"
    assert _code("classify-breath", "study", "make", manifest, "--clips", 6, "--raters", 3, "-o", study) == 0
    said = capsys.readouterr().out
    assert "send this file alone" in said
    assert "research use, not a diagnosis" in said
    key = json.loads((study / "key" / "key.json").read_text())
    answer = {"label": "normal", "confidence": 2, "trust": 4, "plays": 1, "seconds": 1, "done": True}
    for code in ("R01", "R02"):
        answers = {name: answer for name, trial in key["trials"].items() if trial["rater"] == code}
        tree = {"format": "merit-study-answers", "study": key["study"], "rater": code, "answers": answers}
        (tmp_path / f"{code}.json").write_text(json.dumps(tree))
    files = [tmp_path / "R01.json", tmp_path / "R02.json"]
    assert _code("classify-breath", "study", "score", study, *files, "-o", tmp_path / "scores", "--json") == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["raters"] == ["R01", "R02"]
    assert scores["arms"]["noisy"]["confidence"]["mean"] == 2.0
    assert _code("classify-breath", "study", "score", study, *files, "-o", tmp_path / "scores") == 0
    assert "intervals clustered by rater and patient" in capsys.readouterr().out


def test_too_few_clips_are_refused(manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest.write_text("\n".join(manifest.read_text().splitlines()[:3]))
    assert _code("classify-breath", "study", "make", manifest, "-o", tmp_path / "s") == 2
    assert "a study needs 4 clips, found 3" in capsys.readouterr().err


def test_a_study_alone_is_told_its_two_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _code("classify-breath", "study") == 2
    assert "classify-breath study make" in capsys.readouterr().err
