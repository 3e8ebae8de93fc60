import json
import subprocess
import sys
from pathlib import Path


def recipes(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "merit_cli", "recipes", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def test_a_copied_recipe_is_checked_shown_and_compared(tmp_path: Path) -> None:
    copied = recipes("copy", "train/sparse_merit", "mine.yaml", cwd=tmp_path)
    assert "next:   merit recipes check mine.yaml" in copied.stdout
    assert "mine.yaml: holds (train)" in recipes("check", "mine.yaml", cwd=tmp_path).stdout
    shown = recipes("show", "mine.yaml", "--set", "epochs=3", "--json", cwd=tmp_path)
    values = {one["key"]: (one["value"], one["origin"]) for one in json.loads(shown.stdout)}
    assert values["epochs"] == (3, "--set epochs")
    assert values["model.name"] == ("sparse-merit", "mine.yaml")
    assert "say the same" in recipes("diff", "mine.yaml", "train/sparse_merit", cwd=tmp_path).stdout


def test_a_recipe_that_does_not_hold_ends_with_2_and_its_hint(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("epochz: 3\nbatch_size: 4\nadversary: null\n")
    checked = recipes("check", "bad.yaml", cwd=tmp_path)
    assert checked.returncode == 2
    assert "bad.yaml: unknown key 'epochz'" in checked.stdout
    assert "did you mean 'epochs'?" in checked.stdout
    assert "1 of 1 recipes do not hold" in checked.stderr
