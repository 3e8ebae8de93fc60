"""TensorBoard shows what metrics.jsonl says, and nothing twice after a resume."""

import sys
from pathlib import Path
from typing import Any

import pytest

from merit_cli.errors import Unavailable
from merit_cli.io.jsonl import read_lines
from merit_cli.training.board import Board, check_board, scalars_of

SCRIPT = Path(__file__).with_name("train_tiny.py")
sys.path.insert(0, str(SCRIPT.parent))


class Events:
    """In place of torch's SummaryWriter, which needs the package."""

    def __init__(self, folder: str, purge_step: int) -> None:
        self.folder, self.purge_step = folder, purge_step
        self.found: list[tuple[str, float, int]] = []

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.found.append((name, value, step))

    def flush(self) -> None:
        """Nothing to be written."""


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Events]:
    made: list[Events] = []

    def make(folder: str, purge_step: int) -> Events:
        made.append(Events(folder, purge_step))
        return made[-1]

    stand_in: Any = type(sys)("torch.utils.tensorboard")
    stand_in.SummaryWriter = make
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", stand_in)
    monkeypatch.setattr("merit_cli.workflows.train.run.check_board", lambda: None)
    return made


def test_a_run_shows_every_number_of_its_lines(events: list[Events], noisy_corpus: Path, tmp_path: Path) -> None:
    from train_tiny import tiny_recipe

    from merit_cli.workers import Machine
    from merit_cli.workflows.train import run_train

    run = tmp_path / "run"
    run_train(tiny_recipe(epochs=1), noisy_corpus, output=run, machine=Machine(workers=1), tensorboard=True)
    lines = [line for _, line in read_lines(run / "metrics.jsonl")]
    expected = [(name, value, line["step"]) for line in lines for name, value in scalars_of(line)]
    assert events[0].found == expected
    assert "epoch/dev/macro_f1" in {name for name, _, _ in expected}
    assert (events[0].folder, events[0].purge_step) == (str(run / "tensorboard"), 1)


def test_without_the_package_a_run_is_refused_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="tensorboard") as caught:
        check_board()
    assert "merit-cli[tensorboard]" in caught.value.hint


def test_what_was_shown_after_the_checkpoint_is_hidden_on_resume(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    first = Board(tmp_path, after=0)
    for step in (1, 2, 3):
        first.add({"kind": "step", "step": step, "loss": float(step)})
    first.writer.close()
    again = Board(tmp_path, after=2)
    again.add({"kind": "step", "step": 3, "loss": 30.0})
    again.writer.close()
    shown = EventAccumulator(str(tmp_path / "tensorboard"))
    shown.Reload()
    assert [(event.step, event.value) for event in shown.Scalars("step/loss")] == [(1, 1.0), (2, 2.0), (3, 30.0)]
