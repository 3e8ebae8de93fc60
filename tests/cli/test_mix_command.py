import json
import subprocess
import sys
from pathlib import Path

import pytest

from merit_cli.manifests.read_write import read_manifest


def mix(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "merit_cli", "mix", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture
def sources(speech_folder: Path, noise_folder: Path) -> list[str]:
    return [str(speech_folder), str(noise_folder), "--snr", "0", "--variants", "2"]


def test_shards_are_rendered_merged_and_audited(tmp_path: Path, sources: list[str]) -> None:
    for number in ("1/2", "2/2"):
        done = mix(*sources, "-o", "o u t", "--shard", number, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "next:   merit mix merge" in done.stdout
    merged = mix("merge", "o u t", "--json", cwd=tmp_path)
    assert json.loads(merged.stdout)["rendered"] == 8
    audit = mix("--verify", "o u t", "--json", cwd=tmp_path)
    assert audit.returncode == 0, audit.stderr
    assert {key: json.loads(audit.stdout)[key] for key in ("checked", "outside", "findings")} == {
        "checked": 8,
        "outside": 0,
        "findings": [],
    }


def test_a_missing_shard_is_named(tmp_path: Path, sources: list[str]) -> None:
    mix(*sources, "-o", "o", "--shard", "1/2", cwd=tmp_path)
    done = mix("merge", "o", cwd=tmp_path)
    assert done.returncode == 66
    assert "2/2" in done.stderr


def test_shard_auto_reads_the_array_and_says_where_there_is_none(
    tmp_path: Path, sources: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "SLURM array" in mix(*sources, "--shard", "auto", cwd=tmp_path).stderr
    for name, value in {"ID": "5", "MIN": "4", "MAX": "6"}.items():
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", value)
    assert mix(*sources, "-o", "o", "--shard", "auto", cwd=tmp_path).returncode == 0
    assert (tmp_path / "o" / "shards" / "2of3" / "DONE").exists()


def test_a_plan_is_written_rendered_and_replayed(tmp_path: Path, sources: list[str]) -> None:
    planned = mix(*sources, "--plan", "plan.jsonl", cwd=tmp_path)
    assert (planned.returncode, "--from-plan plan.jsonl" in planned.stdout) == (0, True)
    assert not (tmp_path / "runs").exists()
    assert mix("--from-plan", "plan.jsonl", "-o", "a", cwd=tmp_path).returncode == 0
    assert mix("--replay", "a", "-o", "b", cwd=tmp_path).returncode == 0
    assert (tmp_path / "a" / "manifest.jsonl").read_bytes() == (tmp_path / "b" / "manifest.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from-plan", "p.jsonl", "--snr", "3"], "goes without snr"),
        (["speech", "--from-plan", "p.jsonl"], "goes without speech"),
        (["--from-plan", "p.jsonl", "--replay", "o"], "goes without replay"),
        (["--verify", "o", "--replay", "o"], "goes without replay"),
        (["--replay", "o", "--plan", "p.jsonl"], "goes without plan"),
        (["--verify", "o", "-o", "p"], "goes without output"),
        (["--verify", "o", "--stems"], "goes without stems"),
        (["--pair-by", "(.)"], "goes without pair-by"),
        (["--plan", "p.jsonl", "-o", "p"], "goes without output"),
        (["--set", "name=a/b"], "no / and no"),
        (["--level", "loud"], "level"),
        (["--distort", "codex"], "did you mean 'codec'"),
        (["--format", "mp3"], "format"),
        (["--encoding", "FLOAT"], "needs the format wav"),
        (["--shard", "4/3"], "cannot read the shard"),
        (["--segment", "middle"], "segment"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = mix(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert not list(tmp_path.iterdir())


def test_splits_without_an_entry_are_said(tmp_path: Path, sources: list[str]) -> None:
    done = mix(*sources, "--set", "by_split={test: {snr: 5}}", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0
    assert "note: the speech has no splits" in done.stderr


@pytest.mark.parametrize("place", [".", "/dev/full"])
def test_a_plan_replaces_nothing_but_a_plan(tmp_path: Path, sources: list[str], place: str) -> None:
    done = mix(*sources, "--plan", place, cwd=tmp_path)
    assert (done.returncode, "is not a plan" in done.stderr) == (2, True)


@pytest.mark.parametrize("flag", ["--plan", "--output"])
def test_a_place_that_cannot_be_written_is_unavailable(tmp_path: Path, sources: list[str], flag: str) -> None:
    (tmp_path / "file").touch()
    for place in ("file/x", "n" * 300):
        done = mix(*sources, flag, place, cwd=tmp_path)
        assert done.returncode == 69, done.stderr
        assert f"another place with {flag}" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_rule_that_pairs_nothing_is_no_input(tmp_path: Path, sources: list[str]) -> None:
    assert mix(*sources, "-o", "o", cwd=tmp_path).returncode == 0
    (tmp_path / "o" / "manifest.jsonl").unlink()
    done = mix("--verify", "o", "--pair-by", r"speaker(\d+)", cwd=tmp_path)
    assert done.returncode == 66
    assert "finds no noisy and clean files" in done.stderr


@pytest.mark.parametrize("empty", [0, 1])
def test_an_empty_argument_does_not_stand_for_the_sample(tmp_path: Path, sources: list[str], empty: int) -> None:
    sources[empty] = ""
    done = mix(*sources, "-o", "o", cwd=tmp_path)
    assert done.returncode == 66
    assert ("speech", "noise")[empty] in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_audit_that_finds_something_exits_4(tmp_path: Path, sources: list[str]) -> None:
    assert mix(*sources, "-o", "o", cwd=tmp_path).returncode == 0
    line = read_manifest(tmp_path / "o" / "manifest.jsonl")[0]
    line.audio.unlink()
    done = mix("--verify", "o", cwd=tmp_path)
    assert done.returncode == 4
    assert "missing" in done.stdout


def test_resampling_is_reported(tmp_path: Path, sources: list[str]) -> None:
    done = mix(*sources, "-o", "o", cwd=tmp_path)
    assert "noise resampled" in done.stdout
    assert "8000, 48000 -> 16000 Hz" in done.stdout


def test_levels_and_a_chain_are_asked_for_on_the_command_line(tmp_path: Path, sources: list[str]) -> None:
    done = mix(*sources, "-o", "o", "--levels-report", "--distort", "clip,packet-loss", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    mixture = read_manifest(tmp_path / "o" / "manifest.jsonl")[0].mixture
    assert mixture is not None
    assert [one["name"] for one in mixture.distortions] == ["clip", "packet_loss"]
    assert "speech_p56" in mixture.levels
