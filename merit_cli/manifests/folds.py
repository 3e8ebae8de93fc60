"""Folds by speaker: who trains, who chooses the checkpoint, who is tested."""

from collections.abc import Sequence
from dataclasses import replace

from merit_cli.errors import UsageError
from merit_cli.manifests.utterance import Utterance


def leave_one_speaker_out(utterances: Sequence[Utterance], fold: int) -> list[Utterance]:
    """The utterances with the splits of one fold: one speaker tested, the next one dev, the others train.

    Args:
        utterances: All with a speaker.
        fold: From 1 to the number of speakers, in the order of their names.

    Raises:
        UsageError: There are under three speakers, or no such fold.
    """
    speakers = sorted({u.speaker for u in utterances if u.speaker})
    if len(speakers) < 3:
        raise UsageError(f"folds by speaker need three speakers, found {len(speakers)}", place="--fold")
    if not 1 <= fold <= len(speakers):
        raise UsageError(f"there is no fold {fold}", place="--fold", hint=f"1 to {len(speakers)}, one a speaker")
    split_of = dict.fromkeys(speakers, "train")
    split_of[speakers[fold - 1]] = "test"
    split_of[speakers[fold % len(speakers)]] = "dev"
    return [replace(u, split=split_of.get(u.speaker, "")) for u in utterances]
