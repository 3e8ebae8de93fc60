"""Folds by speaker."""

from pathlib import Path

import pytest

from merit_cli.errors import UsageError
from merit_cli.manifests.folds import leave_one_speaker_out
from merit_cli.manifests.utterance import Utterance

SPEAKERS = ("ann", "bob", "cy", "di")
UTTERANCES = [Utterance(f"{s}{n}", Path(f"{s}{n}.wav"), 16000, 100, speaker=s) for s in SPEAKERS for n in range(3)]


def test_over_all_folds_every_speaker_is_tested_once() -> None:
    tested = [{u.speaker for u in leave_one_speaker_out(UTTERANCES, fold) if u.split == "test"} for fold in range(1, 5)]
    assert tested == [{speaker} for speaker in SPEAKERS]


@pytest.mark.parametrize("fold", range(1, 5))
def test_no_speaker_stands_in_two_splits(fold: int) -> None:
    pairs = {(u.speaker, u.split) for u in leave_one_speaker_out(UTTERANCES, fold)}
    assert len(pairs) == len(SPEAKERS)
    assert sorted(split for _, split in pairs) == ["dev", "test", "train", "train"]


@pytest.mark.parametrize("fold", [0, 5])
def test_a_fold_that_is_not_there_is_refused(fold: int) -> None:
    with pytest.raises(UsageError, match=f"no fold {fold}") as caught:
        leave_one_speaker_out(UTTERANCES, fold)
    assert "1 to 4" in caught.value.hint


def test_two_speakers_are_too_few() -> None:
    with pytest.raises(UsageError, match="three speakers, found 2"):
        leave_one_speaker_out(UTTERANCES[:6], 1)
