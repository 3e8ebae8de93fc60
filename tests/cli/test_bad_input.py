"""Each bad input gives its exit code, one sentence, the place and a hint."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

READ_ONLY = "/sys" if os.geteuid() == 0 else "/"


def merit(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "merit_cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture
def folder(tmp_path: Path, speech_folder: Path, noise_folder: Path) -> Path:
    (tmp_path / "speech").symlink_to(speech_folder)
    (tmp_path / "noise").symlink_to(noise_folder)
    (tmp_path / "empty").mkdir()
    (tmp_path / "recipe.yaml").write_text("snr: -5\nlevle: rms\n")
    (tmp_path / "list.yaml").write_text("- 1\n")
    (tmp_path / "twice.yaml").write_text("snr: -5\nsnr: 5\n")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "zero.wav").touch()
    return tmp_path


CASES = {
    "missing file": (["mix", "gone.wav", "noise"], 66, "gone.wav", "check the spelling"),
    "empty folder": (["mix", "empty", "noise"], 66, "empty", "flac"),
    "only a zero-byte file": (["mix", "one", "noise"], 66, "zero.wav", ""),
    "unknown option value": (["mix", "speech", "noise", "--snr", "loud"], 2, "snr", "keys"),
    "unknown level": (["mix", "speech", "noise", "--level", "loud"], 2, "level", "keys"),
    "unknown recipe key": (["mix", "speech", "noise", "-r", "recipe.yaml"], 2, "recipe.yaml", "did you mean 'level'?"),
    "recipe that is a list": (["mix", "speech", "noise", "-r", "list.yaml"], 2, "list.yaml", ""),
    "recipe with a key twice": (["mix", "speech", "noise", "-r", "twice.yaml"], 2, "twice.yaml:2", "quotes"),
    "unknown recipe": (["mix", "speech", "noise", "-r", "nonesuch"], 66, "--recipe", "bundled"),
    "unknown --set key": (["mix", "speech", "noise", "--set", "sed=1"], 2, "recipe", "did you mean 'seed'?"),
    "read-only output": (["mix", "speech", "noise", "-o", f"{READ_ONLY}/out"], 69, f"{READ_ONLY}/out", "--output"),
    "output in use": (["mix", "speech", "noise", "-o", "one"], 2, "one", "choose"),
    "enhance a missing file": (["enhance", "gone.wav"], 66, "gone.wav", "check the spelling"),
    "enhance with an unknown name": (["enhance", "speech", "--enhancer", "gtcnr"], 2, "", "did you mean 'gtcrn'?"),
    "enhance with nothing there": (["enhance"], 66, "runs", "merit mix"),
    "train with nothing there": (["train"], 66, "runs", "merit mix"),
    "train an unknown model": (["train", "--model", "sparse-merti"], 2, "", "did you mean 'sparse-merit'?"),
    "evaluate with nothing there": (["evaluate"], 66, "runs", "merit"),
    "evaluate an unknown metric": (["evaluate", "--metrics", "ssnrr"], 2, "", "did you mean"),
    "predict without a run": (["predict", "speech", "--model", "gone"], 66, "gone", ""),
    "breath of a missing file": (["classify-breath", "gone.wav"], 66, "gone", ""),
    "prepare an unknown corpus": (["prepare", "sampel"], 2, "", "did you mean 'sample'?"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_has_its_exit_code_place_and_hint(case: str, folder: Path) -> None:
    arguments, code, place, hint = CASES[case]
    done = merit(*arguments, "--json", cwd=folder)
    assert done.returncode == code, done.stderr
    error = json.loads(done.stderr.splitlines()[-1])
    assert set(error) == {"error", "place", "hint", "exit_code"}
    assert error["exit_code"] == code
    assert place in error["place"] + error["error"]
    assert hint in error["hint"]
    assert "\n" not in error["error"]


def test_in_plain_words_the_error_is_one_sentence_with_a_hint(folder: Path) -> None:
    done = merit("mix", "gone.wav", "noise", cwd=folder)
    assert done.stderr.splitlines() == [
        "merit: gone.wav: the file, folder or pattern matches nothing",
        "  hint: check the spelling and the path",
    ]


def test_an_unknown_command_is_refused_with_the_nearest(folder: Path) -> None:
    done = merit("mxi", cwd=folder)
    assert done.returncode == 2
    assert "mix" in done.stderr


def test_a_batch_goes_on_past_bad_items_and_exits_with_3(folder: Path) -> None:
    mixed = folder / "mixed ä"
    mixed.mkdir()
    good = 0.1 * np.sin(np.arange(8000) * 0.2)
    soundfile.write(mixed / "good one.wav", good, 16000)
    soundfile.write(mixed / "stereo.wav", np.stack([good, good], axis=1), 8000, subtype="PCM_24")
    soundfile.write(mixed / "nan.wav", np.where(np.arange(8000) == 3, np.nan, good), 16000, subtype="FLOAT")
    (mixed / "zero.wav").touch()
    (mixed / "cut.wav").write_bytes((mixed / "good one.wav").read_bytes()[:5000])
    done = merit("mix", "mixed ä", "noise", "--snr", "0", "-o", "out", "--json", cwd=folder)
    assert done.returncode == 3
    summary = json.loads(done.stdout)
    assert (summary["rendered"], summary["failed"]) == (2, 3)
    again = merit("mix", "mixed ä", "noise", "--snr", "0", "-o", "out", cwd=folder)
    assert again.returncode == 3
    assert "--retry-failed" in again.stderr
