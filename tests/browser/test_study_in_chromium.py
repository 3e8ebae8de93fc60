"""The study page in headless Chromium: played, answered by keyboard, reloaded, gone on with, saved, and scored."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lookout import CHROMIUM, NODE, packages

from merit_cli.io.audio_file import write_audio
from merit_cli.manifests.read_write import write_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine
from merit_cli.workflows.study.answers import read_answers, read_key
from merit_cli.workflows.study.make import StudyRecipe, run_study_make
from merit_cli.workflows.study.score import run_study_score

SCRIPT = Path(__file__).with_name("study.mjs")
RATER = "R02"
LABELS = ("normal", "crackle", "wheeze", "both", "none fits", "unusable")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed (apt-get install chromium)"),
]
Found = dict[str, Any]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six clips in four arms, half a second each."""
    folder = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(0)
    lines, said = [], []
    for number in range(6):
        paths = {}
        for arm in ("clean", "noisy", "enhanced"):
            paths[arm] = folder / "audio" / f"clip{number}-{arm}.flac"
            write_audio(paths[arm], 0.1 * rng.standard_normal(8000), 16000)
        label = LABELS[number % 4]
        lines.append(
            Utterance(
                f"clip{number}",
                paths["enhanced"],
                16000,
                8000,
                speaker=f"patient{number}",
                labels={"breath": label},
                clean=paths["clean"],
                noisy=paths["noisy"],
                enhancer="mmse-lsa",
            )
        )
        said.append({"id": f"clip{number}", "predicted": label, "probabilities": {label: 0.75}})
    write_manifest(folder / "manifest.jsonl", lines)
    (folder / "said.jsonl").write_text("\n".join(map(json.dumps, said)))
    path, _, _ = run_study_make(
        [folder / "manifest.jsonl"],
        StudyRecipe(num_clips=6, num_raters=4, versions=2),
        predictions=folder / "said.jsonl",
        output=folder / "out",
        machine=Machine(),
    )
    return path


@pytest.fixture(scope="module")
def planned(study: Path) -> dict[str, dict[str, Any]]:
    """What the rater is going to say to each trial."""
    trials = [name for name, trial in read_key(study).trials.items() if trial["rater"] == RATER]
    return {
        name: {"label": LABELS[place % 6], "confidence": place % 5 + 1, "trust": 5 - place % 5}
        for place, name in enumerate(trials)
    }


@pytest.fixture(scope="module")
def told(study: Path, planned: dict[str, dict[str, Any]]) -> Found:
    folder = study.parent
    downloads, pictures = folder / "downloads", folder / "pictures"
    downloads.mkdir()
    pictures.mkdir()
    job = {
        "url": (study / "page" / "study.html").as_uri(),
        "rater": RATER,
        "answers": planned,
        "downloads": str(downloads),
        "pictures": str(pictures),
    }
    (folder / "job.json").write_text(json.dumps(job))
    command = [
        str(NODE),
        str(SCRIPT),
        str(packages()),
        str(CHROMIUM),
        str(folder / "profile"),
        str(folder / "job.json"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    found: Found = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("view", ["light", "dark", "telephone"])
def test_axe_finds_no_fault_on_either_screen(told: Found, view: str) -> None:
    assert told["views"][view]["welcome"] == []
    assert told["views"][view]["trial"] == []


def test_the_page_follows_the_theme_and_fits_a_telephone(told: Found) -> None:
    def brightness(view: str) -> float:
        return sum(map(float, told["views"][view]["paper"].removeprefix("rgb(").rstrip(")").split(","))) / 765

    assert brightness("light") > 0.9
    assert brightness("dark") < 0.15
    assert told["views"]["telephone"]["wide"] <= 390


def test_the_page_asks_the_network_for_nothing_and_makes_no_error(told: Found) -> None:
    assert told["faults"] == []
    assert [url for url in told["requests"] if not url.startswith(("file:", "data:", "blob:"))] == []


def test_nobody_begins_without_a_code_or_goes_on_without_an_answer(told: Found) -> None:
    assert told["unready"] == [
        "Choose the code you were given.",
        "Play the sound first.",
        "Say how sure you are.",
    ]
    assert not told["first"]["ready"]


def test_trials_come_in_the_order_of_the_key(told: Found, planned: dict[str, dict[str, Any]]) -> None:
    assert [one["trial"] for one in told["order"]] == list(planned)
    assert told["first"]["head"] == f"Sound 1 of {len(planned)}"


def test_a_machine_speaks_in_its_own_arm_only(told: Found, study: Path) -> None:
    key = read_key(study)
    for one in told["order"]:
        trial = key.trials[one["trial"]]
        label = key.clips[trial["clip"]]["label"]
        expected = f"{label}, probability 0.75" if trial["arm"] == "enhanced+prediction" else ""
        assert one["machine"] == expected
    assert {one["machine"] for one in told["order"]} > {""}


def test_a_reload_loses_nothing_of_a_half_answered_trial(told: Found) -> None:
    before, after = told["beforeReload"], told["resumed"]
    assert told["reloaded"]["screen"] == "welcome"
    assert after["screen"] == "trial"
    assert (after["trial"], after["ticked"]) == (before["trial"], {"label": "unusable"})
    assert after["plays"] == "Played 1 time."
    assert after["done"] == pytest.approx(2 / len(told["order"]))


def test_the_saved_file_goes_on_in_another_browser_and_a_foreign_one_is_refused(told: Found) -> None:
    assert told["refused"]["welcome"] == "This file is not of this study."
    assert told["refused"]["screen"] == "welcome"
    assert told["carried"]["trial"] == told["resumed"]["trial"]
    assert told["carried"]["rater"] == RATER


def test_at_the_end_nothing_is_asked_again(told: Found) -> None:
    assert told["end"]["screen"] == told["again"]["screen"] == "end"
    assert told["end"]["done"] == 1


def test_whatever_the_keyboard_reaches_shows_that_it_has_the_focus(told: Found) -> None:
    assert len(told["visited"]) > 20
    assert [one for one in told["visited"] if one["tag"] != "BODY" and not one["outlined"]] == []


def test_the_saved_answers_are_those_that_were_given_and_can_be_scored(
    told: Found, study: Path, planned: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    path = study.parent / "downloads" / told["whole"]["name"]
    assert told["whole"]["suggested"] == f"answers-{read_key(study).study}-{RATER}.json"
    rows, notes = read_answers(read_key(study), [path])
    assert notes == []
    given = {row.trial: {"label": row.label, "confidence": row.confidence, "trust": row.trust} for row in rows}
    assert given == planned
    assert sorted(row.plays for row in rows) == [1] * (len(rows) - 1) + [2]
    assert all(0.0 <= row.seconds < 60.0 for row in rows)  # to a tenth of a second, and some answers are quicker
    assert sum(row.seconds for row in rows) > 0.0
    assert json.loads(path.read_text())["complete"] is True
    _, scores, _ = run_study_score(study, [path], output=tmp_path / "scores", machine=Machine())
    first = [row for row in rows if not row.repeats]
    for arm in scores.arms:
        right = [row.label == row.truth for row in first if row.arm == arm]
        assert scores.arms[arm]["accuracy"]["mean"] == pytest.approx(np.mean(right))


def test_the_half_file_and_the_whole_one_together_count_once(told: Found, study: Path) -> None:
    paths = [study.parent / "downloads" / told[name]["name"] for name in ("half", "whole")]
    assert len(read_answers(read_key(study), paths)[0]) == len(told["order"])
