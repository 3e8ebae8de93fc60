import pickle

import pytest

from merit_cli.errors import BadData, CheckFailed, MeritError, NoInput, Preempted, Unavailable, UsageError, unknown_name


@pytest.mark.parametrize(
    ("kind", "code"),
    [(UsageError, 2), (CheckFailed, 4), (BadData, 65), (NoInput, 66), (Unavailable, 69), (Preempted, 75)],
)
def test_each_error_has_its_exit_code(kind: type[MeritError], code: int) -> None:
    assert kind("x").exit_code == code


def test_an_error_keeps_place_and_hint_between_processes() -> None:
    error = pickle.loads(pickle.dumps(BadData("broken", place="a.wav", hint="delete it")))
    assert (type(error), error.message, error.place, error.hint) == (BadData, "broken", "a.wav", "delete it")


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    assert "did you mean 'gtcrn'?" in unknown_name("enhancer", "gtcnr", ["gtcrn", "identity"]).hint
