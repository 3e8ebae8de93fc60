"""A simulated panel: raters who hear better or worse, clips that are easier or harder, and arms with a known effect."""

import numpy as np

from merit_cli.workflows.study.answers import Row
from merit_cli.workflows.study.design import StudyClip, make_design

ARMS = ("clean", "noisy", "enhanced")
LABELS = ("normal", "crackle", "wheeze", "both")


def simulate_panel(effect: dict[str, float], *, num_raters: int, num_clips: int, versions: int, seed: int) -> list[Row]:
    """Answers of a balanced study in which ``effect`` is the chance of a right answer in each arm."""
    rng = np.random.default_rng(seed)
    clips = [StudyClip(f"c{k:03d}", f"p{k // 2:03d}", LABELS[k % 4]) for k in range(num_clips)]
    truth = {clip.id: clip for clip in clips}
    skill = rng.uniform(-0.08, 0.08, num_raters)
    ease = {patient: rng.uniform(-0.12, 0.12) for patient in sorted({clip.patient for clip in clips})}
    design = make_design(clips, ARMS, num_raters=num_raters, versions=versions, duplicates=0.1, seed=seed)
    rows = []
    for rater, trials in enumerate(design):
        first: dict[tuple[str, str], str] = {}
        for place, trial in enumerate(trials):
            clip = truth[trial.clip]
            name = f"t{rater}-{place}"
            first.setdefault((trial.clip, trial.arm), name)
            right = rng.random() < effect[trial.arm] + skill[rater] + ease[clip.patient]
            wrong = [label for label in LABELS if label != clip.label]
            rows.append(
                Row(
                    trial=name,
                    rater=f"R{rater:02d}",
                    clip=clip.id,
                    patient=clip.patient,
                    arm=trial.arm,
                    truth=clip.label,
                    label=clip.label if right else wrong[int(rng.integers(3))],
                    confidence=int(np.clip(round(rng.normal(2 + 2 * effect[trial.arm], 1)), 1, 5)),
                    trust=3,
                    plays=1,
                    seconds=5.0,
                    repeats=first[trial.clip, trial.arm] if trial.duplicate else "",
                )
            )
    return rows
