"""Folds by speaker: who trains, who chooses the checkpoint, who is tested."""

from collections.abc import Sequence
from dataclasses import replace

from merit_cli.errors import UsageError
from merit_cli.manifests.utterance import Utterance

SESSION = "session"
"""Name of the fact that says who was recorded together."""


def leave_one_speaker_out(utterances: Sequence[Utterance], fold: int) -> list[Utterance]:
    """The utterances with the splits of one fold: one speaker tested, the next one dev, the others train.

    Speakers who were recorded together, in a session that ``info`` names for every utterance, are left out together.

    Args:
        utterances: All with a speaker.
        fold: From 1 to the number of speakers or sessions, in the order of their names.

    Raises:
        UsageError: There are under three speakers or sessions, or no such fold.
    """
    kind = SESSION if all(SESSION in u.info for u in utterances) else "speaker"
    group_of = {u.id: u.info[SESSION] if kind == SESSION else u.speaker for u in utterances}
    groups = sorted({group for group in group_of.values() if group})
    if len(groups) < 3:
        raise UsageError(f"folds by {kind} need three {kind}s, found {len(groups)}", place="--fold")
    if not 1 <= fold <= len(groups):
        raise UsageError(f"there is no fold {fold}", place="--fold", hint=f"1 to {len(groups)}, one a {kind}")
    split_of = dict.fromkeys(groups, "train")
    split_of[groups[fold - 1]] = "test"
    split_of[groups[fold % len(groups)]] = "dev"
    return [replace(u, split=split_of.get(group_of[u.id], "")) for u in utterances]
