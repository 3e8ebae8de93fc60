import os
import time
from pathlib import Path
from typing import Any

import pytest

from merit_cli.errors import NoInput, Unavailable, UsageError
from merit_cli.io import run_dir
from merit_cli.io.run_dir import RunDir, newest_run, open_run, start_shared_run


def open_at(path: Path | None, runs_dir: Path, *, snr: int = 0, content: str = "1", overwrite: bool = False) -> RunDir:
    return open_run(
        path,
        command="mix",
        name="r",
        recipe={"snr": {"values": [snr]}},
        inputs={"speech": content},
        runs_dir=runs_dir,
        argv=["merit", "mix"],
        overwrite=overwrite,
    )


def test_the_same_run_is_resumed_and_then_done(tmp_path: Path) -> None:
    assert open_at(None, tmp_path).state == "new"
    run = open_at(None, tmp_path)
    assert run.state == "resumed"
    run.finish({"rendered": 3})
    assert open_at(None, tmp_path).state == "done"
    assert open_at(None, tmp_path).summary() == {"rendered": 3}


def test_another_recipe_in_the_same_folder_names_the_key_that_differs(tmp_path: Path) -> None:
    open_at(tmp_path / "o", tmp_path)
    with pytest.raises(UsageError, match=r"snr\.values"):
        open_at(tmp_path / "o", tmp_path, snr=5)


def test_another_input_in_the_same_folder_is_named(tmp_path: Path) -> None:
    open_at(tmp_path / "o", tmp_path)
    with pytest.raises(UsageError, match="input speech"):
        open_at(tmp_path / "o", tmp_path, content="2")


def test_overwrite_throws_the_other_run_away(tmp_path: Path) -> None:
    first = open_at(tmp_path / "o", tmp_path)
    (first.path / "old").touch()
    assert open_at(tmp_path / "o", tmp_path, snr=5, overwrite=True).state == "new"
    assert not (tmp_path / "o" / "old").exists()


def test_a_folder_that_is_no_run_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "thesis.tex").touch()
    with pytest.raises(UsageError, match="not a merit run"):
        open_at(tmp_path / "o", tmp_path, overwrite=True)
    assert (tmp_path / "o" / "thesis.tex").exists()


def start_at(path: Path, *, snr: int = 0) -> None:
    recipe = {"snr": {"values": [snr]}}
    start_shared_run(path, command="mix", name="r", recipe=recipe, inputs={"speech": "1"}, parts=("shards",))


def test_a_shared_run_may_be_half_described_by_another_job(tmp_path: Path) -> None:
    (tmp_path / "o" / "shards").mkdir(parents=True)
    (tmp_path / "o" / f".recipe.node-7.{os.getpid()}.tmp.yaml").touch()
    start_at(tmp_path / "o")
    assert open_at(tmp_path / "o", tmp_path).state == "resumed"


def test_a_shared_run_may_be_described_by_another_job_at_the_same_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = run_dir._recorded

    def look_too_early(path: Path) -> dict[str, Any]:
        found = look(path)
        monkeypatch.setattr(run_dir, "_recorded", look)
        start_at(path)
        return found

    monkeypatch.setattr(run_dir, "_recorded", look_too_early)
    start_at(tmp_path / "o")
    assert open_at(tmp_path / "o", tmp_path).state == "resumed"


def test_a_shared_run_refuses_foreign_files_and_another_run(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "thesis.txt").touch()
    with pytest.raises(UsageError, match="not a merit run"):
        start_at(tmp_path / "a")
    start_at(tmp_path / "b")
    with pytest.raises(UsageError, match=r"snr\.values"):
        start_at(tmp_path / "b", snr=5)


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "o").touch()
    with pytest.raises(UsageError, match="not a folder"):
        open_at(tmp_path / "o", tmp_path)


def test_a_read_only_place_is_unavailable(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    place = Path("/sys") if os.geteuid() == 0 else tmp_path  # root may write anywhere but there
    with pytest.raises(Unavailable, match="not writable"):
        open_at(place / "o", tmp_path)


def test_the_newest_finished_run_is_found_and_unfinished_ones_are_not(tmp_path: Path) -> None:
    with pytest.raises(NoInput):
        newest_run(tmp_path, "mix")
    open_at(None, tmp_path, snr=1).finish({})
    time.sleep(0.01)
    open_at(None, tmp_path, snr=2).finish({})
    open_at(None, tmp_path, snr=3)
    assert newest_run(tmp_path, "train", "mix") == open_at(None, tmp_path, snr=2).path


def test_a_folder_behind_a_link_is_emptied_and_the_link_kept(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "o").symlink_to(tmp_path / "disk")
    open_at(tmp_path / "o", tmp_path)
    (tmp_path / "o" / "noisy").mkdir()
    (tmp_path / "o" / "noisy" / "a.flac").touch()
    assert open_at(tmp_path / "o", tmp_path, snr=5, overwrite=True).state == "new"
    assert (tmp_path / "o").is_symlink()
    assert sorted(one.name for one in (tmp_path / "disk").iterdir()) == ["provenance.json", "recipe.yaml"]
