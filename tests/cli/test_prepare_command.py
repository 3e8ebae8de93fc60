import json
import os
import subprocess
import sys
from pathlib import Path

from merit_cli.io.weights import weight_specs


def prepare(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "merit_cli", "prepare", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env={**os.environ, **environment}, check=False
    )


def offline(folder: Path) -> dict[str, str]:
    return {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder),
        "MERIT_CACHE_DIR": str(folder / "cache"),
    }


def test_a_bundled_corpus_is_prepared_and_the_second_time_there_is_nothing_to_do(tmp_path: Path) -> None:
    first, second = (prepare("sample-noise", cwd=tmp_path) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert "next:   merit mix SPEECH runs/prepare/sample-noise-" in first.stdout
    assert "nothing to do" not in first.stdout
    assert "nothing to do" in second.stdout


def test_the_summary_as_json_is_one_value_on_stdout(tmp_path: Path) -> None:
    done = prepare("sample-noise", "--json", "-o", "noise", cwd=tmp_path)
    summary = json.loads(done.stdout)
    assert summary["manifest"] == "noise/manifest.jsonl"
    assert summary["utterances"] == sum(summary["splits"].values()) > 0


def test_weights_without_network_exit_69_and_name_each(tmp_path: Path) -> None:
    done = prepare("weights", cwd=tmp_path, **offline(tmp_path))
    assert done.returncode == 69
    for name in weight_specs():
        assert name in done.stdout
    assert f"{len(weight_specs())} of {len(weight_specs())} weights could not be fetched" in done.stderr


def test_weights_without_network_as_json_say_so_on_both_streams(tmp_path: Path) -> None:
    done = prepare("weights", "gtcrn", "--json", cwd=tmp_path, **offline(tmp_path))
    assert [report["status"] for report in json.loads(done.stdout)] == ["failed"]
    assert json.loads(done.stderr)["exit_code"] == 69


def test_an_unknown_weight_is_refused_with_the_nearest(tmp_path: Path) -> None:
    done = prepare("weights", "gtcnr", cwd=tmp_path)
    assert done.returncode == 2
    assert "did you mean 'gtcrn'" in done.stderr


def test_a_corpus_that_has_not_been_fetched_exits_69_with_the_command(tmp_path: Path) -> None:
    done = prepare("polish", cwd=tmp_path, **offline(tmp_path))
    assert done.returncode == 69
    assert "hint: merit prepare polish --fetch" in done.stderr
