"""``merit classify-breath study make``: the page for the raters, and the key for whoever scores it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import Field

from merit_cli.config.frozen import FrozenConfig
from merit_cli.config.load import resolved
from merit_cli.io.atomic import make_folder, write_json, write_text
from merit_cli.io.hashing import sha256_of_file
from merit_cli.io.run_dir import open_run
from merit_cli.manifests.inputs import read_inputs
from merit_cli.workers import Machine
from merit_cli.workflows.study.design import make_design, smallest_gap
from merit_cli.workflows.study.material import Material, choose_clips, gather_material
from merit_cli.workflows.study.packing import fill_page, key_trials, level_sounds, opaque
from merit_cli.workflows.study.page import page_html
from merit_cli.workflows.study.sound import LEVEL_DBFS

STUDY_COMMAND = "classify-breath-study"
PAGE_PATH, KEY_PATH = Path("page/study.html"), Path("key/key.json")


class StudyRecipe(FrozenConfig):
    """What decides a study.

    Args:
        num_clips: Clips in all, the classes alike as far as they go.
        num_raters: Lists of trials on the page.
        versions: Versions of a clip that one rater hears.
        duplicates: Share of further trials that repeat one.
        arms: Versions of each clip; None takes all that are found.
        split: Of the clips; None takes all.
        seed: Of every choice and order.
    """

    num_clips: int = Field(default=40, ge=4)
    num_raters: int = Field(default=6, ge=1, le=99)
    versions: int = Field(default=1, ge=1)
    duplicates: float = Field(default=0.1, ge=0.0, le=0.5)
    arms: tuple[str, ...] | None = None
    split: str | None = None
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True)
class StudySummary:
    """What a study holds; the JSON that scripts rely on.

    Args:
        page: For the raters.
        key: For whoever scores it; raters must not see it.
        clips: By class.
        arms: Versions of each.
        trials: Of each rater.
        smallest_gap: Trials between two hearings of one clip, at least.
        megabytes: Of the page.
        notes: What was left out or should be known.
    """

    page: str
    key: str
    clips: dict[str, int]
    arms: list[str]
    trials: dict[str, int]
    smallest_gap: int
    megabytes: float
    notes: list[str]


def run_study_make(
    sources: Sequence[str | Path],
    recipe: StudyRecipe,
    *,
    predictions: Path | None,
    output: Path | None,
    machine: Machine,
) -> tuple[Path, StudySummary, bool]:
    """Make a study in a run folder; returns the folder, the summary, and whether it was there already.

    Args:
        sources: Manifests or runs: of ``merit enhance``, and of the recordings as they are.
        recipe: What decides it.
        predictions: Of the classifier behind the enhancer; adds the arm with a prediction.
        output: The run folder; None takes the default one.
        machine: Where default folders go.

    Raises:
        UsageError: The recipe does not fit the material, or the folder holds another run.
        NoInput: There is no clip with a label and two versions.
        BadData: A sound or a prediction cannot be used.
    """
    inputs = read_inputs(list(sources), name="recordings")
    material = gather_material(inputs.utterances, arms=recipe.arms, split=recipe.split, predictions=predictions)
    clips = choose_clips(material, recipe.num_clips, seed=recipe.seed)
    design = make_design(
        clips,
        material.arms,
        num_raters=recipe.num_raters,
        versions=recipe.versions,
        duplicates=recipe.duplicates,
        seed=recipe.seed,
    )
    contents = {"manifests": inputs.content}
    if predictions is not None:
        contents["predictions"] = sha256_of_file(predictions)
    run = open_run(
        output,
        command=STUDY_COMMAND,
        name="study",
        recipe=resolved(recipe),
        inputs=contents,
        runs_dir=machine.runs_dir,
        overwrite=machine.overwrite,
    )
    if run.state == "done":
        return run.path, StudySummary(**run.summary()), True
    study, secret = opaque("study", run.fingerprint)[:8], run.fingerprint
    lists = {f"R{number:02d}": trials for number, trials in enumerate(design, start=1)}
    sounds, gain = level_sounds(material, design, secret, machine)
    page = fill_page(study, secret, lists, material, sounds)
    write_text(make_folder(run.path / PAGE_PATH.parent) / PAGE_PATH.name, page_html(page))
    key = {
        "study": study,
        "arms": list(material.arms),
        "labels": list(page.labels),
        "clips": {clip.id: {"patient": clip.patient, "label": clip.label} for clip in clips},
        "trials": key_trials(secret, lists),
        "level_dbfs": LEVEL_DBFS,
        "common_gain": gain,
        "notes": list(inputs.card.notes),
    }
    write_json(make_folder(run.path / KEY_PATH.parent) / KEY_PATH.name, key)
    summary = StudySummary(
        page=str(run.path / PAGE_PATH),
        key=str(run.path / KEY_PATH),
        clips=dict(Counter(clip.label for clip in clips)),
        arms=list(material.arms),
        trials={code: len(trials) for code, trials in lists.items()},
        smallest_gap=min(smallest_gap(trials) for trials in design),
        megabytes=round((run.path / PAGE_PATH).stat().st_size / 1e6, 2),
        notes=[*inputs.card.notes, *material.notes, *_balance_notes(recipe, material, len(clips))],
    )
    run.finish(asdict(summary))
    return run.path, summary, False


def _balance_notes(recipe: StudyRecipe, material: Material, num_clips: int) -> list[str]:
    notes = []
    if recipe.num_raters % len(material.arms):
        notes.append(f"Each clip is heard as often in each arm only with a multiple of {len(material.arms)} raters.")
    if num_clips < recipe.num_clips:
        notes.append(f"{num_clips} clips of the {recipe.num_clips} asked for.")
    return notes
