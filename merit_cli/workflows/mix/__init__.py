"""``merit mix``: speech and noise in, a noisy corpus and its manifest out."""

from merit_cli.workflows.mix.plan import PlannedMix, load_plan, plan_mix, save_plan
from merit_cli.workflows.mix.replay import plan_replay
from merit_cli.workflows.mix.run import MixSummary, run_mix
from merit_cli.workflows.mix.shards import MergeSummary, merge_shards

__all__ = [
    "MergeSummary",
    "MixSummary",
    "PlannedMix",
    "load_plan",
    "merge_shards",
    "plan_mix",
    "plan_replay",
    "run_mix",
    "save_plan",
]
