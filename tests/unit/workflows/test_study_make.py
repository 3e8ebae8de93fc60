"""The study as made: blind, levelled, the key apart; and what comes back from the raters."""

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from merit_cli.audio.band_level import band_power
from merit_cli.errors import BadData, NoInput, UsageError
from merit_cli.io.audio_file import write_audio
from merit_cli.manifests.read_write import write_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine
from merit_cli.workflows.study.answers import FORMAT, read_answers, read_key
from merit_cli.workflows.study.make import StudyRecipe, StudySummary, run_study_make
from merit_cli.workflows.study.material import choose_clips, gather_material
from merit_cli.workflows.study.score import run_study_score

LABELS = ("normal", "crackle", "wheeze")


def _lines(folder: Path, count: int = 12, *, enhanced: bool = True) -> list[Utterance]:
    """Clips whose versions differ in level by 30 dB and in rumble by more."""
    rng = np.random.default_rng(0)
    time = np.arange(8000) / 16000
    lines = []
    for number in range(count):
        breath = 0.02 * rng.standard_normal(8000)
        paths = {}
        for arm, gain, rumble in (("clean", 1.0, 0.0), ("noisy", 10.0, 0.6), ("enhanced", 0.3, 0.1)):
            paths[arm] = folder / f"clip{number:02d}-{arm}.flac"
            write_audio(paths[arm], np.clip(gain * breath + rumble * np.sin(2 * np.pi * 20 * time), -1, 1), 16000)
        lines.append(
            Utterance(
                f"clip{number:02d}",
                paths["enhanced" if enhanced else "noisy"],
                16000,
                8000,
                speaker=f"patient{number // 2}",
                split="test" if number else "train",
                labels={"breath": LABELS[number % 3]},
                clean=paths["clean"],
                noisy=paths["noisy"] if enhanced else None,
                enhancer="mmse-lsa" if enhanced else "",
            )
        )
    return lines


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("material")
    write_manifest(folder / "manifest.jsonl", _lines(folder))
    return folder / "manifest.jsonl"


@pytest.fixture(scope="module")
def made(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StudySummary]:
    output = tmp_path_factory.mktemp("study") / "out"
    recipe = StudyRecipe(num_clips=12, num_raters=3)
    path, summary, _ = run_study_make([manifest], recipe, predictions=None, output=output, machine=Machine())
    return path, summary


def _page(path: Path) -> dict[str, Any]:
    text = (path / "page" / "study.html").read_text()
    found = re.search(r'id="study-data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def _sound(uri: str) -> np.ndarray:
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(uri.split(",")[1])))
    assert rate == 16000
    return np.asarray(samples)


def test_the_page_names_no_clip_no_patient_no_arm_and_no_truth(made: tuple[Path, StudySummary]) -> None:
    path, _ = made
    data = _page(path)
    text = (path / "page" / "study.html").read_text()
    key = read_key(path)
    for word in (*key.clips, *(clip["patient"] for clip in key.clips.values()), *key.arms):
        assert word not in text
    for trial in data["trials"].values():
        assert set(trial) == {"audio"}
    assert all(re.fullmatch(r"[0-9a-f]{12}", name) for name in data["trials"])


def test_the_order_of_the_sounds_in_the_page_says_nothing(made: tuple[Path, StudySummary]) -> None:
    names = [name for name in _page(made[0])["audio"] if name != "reference"]
    assert names == sorted(names)


def test_all_versions_have_one_level_of_breath_and_none_clips(made: tuple[Path, StudySummary]) -> None:
    levels = []
    for uri in _page(made[0])["audio"].values():
        samples = _sound(uri)
        assert np.abs(samples).max() < 0.98
        levels.append(10 * np.log10(band_power(samples, 16000)))
    assert np.ptp(levels) < 0.1  # 16-bit and the filter's edges


def test_the_page_loads_nothing_from_anywhere(made: tuple[Path, StudySummary]) -> None:
    text = (made[0] / "page" / "study.html").read_text()
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", text)
    assert "default-src 'none'" in text
    assert "diagnosis" in text
    assert sorted(file.name for file in (made[0] / "page").iterdir()) == ["study.html"]


def test_the_key_knows_each_trial_and_each_repetition(made: tuple[Path, StudySummary]) -> None:
    path, summary = made
    key = read_key(path)
    data = _page(path)
    assert set(key.trials) == set(data["trials"])
    repeats = {name: trial["repeats"] for name, trial in key.trials.items() if trial["repeats"]}
    assert len(repeats) == 3
    for name, first in repeats.items():
        assert (key.trials[first]["clip"], key.trials[first]["arm"]) == (
            key.trials[name]["clip"],
            key.trials[name]["arm"],
        )
        assert data["trials"][first]["audio"] == data["trials"][name]["audio"]
    assert summary.clips == {"normal": 4, "crackle": 4, "wheeze": 4}
    assert summary.arms == ["clean", "noisy", "enhanced"]
    assert set(summary.trials.values()) == {13}


def test_the_same_study_is_the_same_bytes_and_a_finished_one_is_left_alone(
    made: tuple[Path, StudySummary], manifest: Path, tmp_path: Path
) -> None:
    recipe = StudyRecipe(num_clips=12, num_raters=3)
    path, _, _ = run_study_make([manifest], recipe, predictions=None, output=tmp_path / "b", machine=Machine())
    for name in ("page/study.html", "key/key.json"):
        assert (path / name).read_bytes() == (made[0] / name).read_bytes()
    _, again, was_there = run_study_make([manifest], recipe, predictions=None, output=made[0], machine=Machine())
    assert was_there
    assert again == made[1]


def test_the_noisy_and_the_enhanced_manifest_together_give_both_arms(tmp_path: Path) -> None:
    """As after ``merit enhance`` of cycles inside recordings, whose lines name no raw version."""
    raw = _lines(tmp_path, enhanced=False)
    enhanced = [
        Utterance(one.id, one.audio, 16000, 8000, speaker=one.speaker, labels=one.labels, enhancer="x") for one in raw
    ]
    material = gather_material([*raw, *enhanced], arms=("noisy", "enhanced"), split=None, predictions=None)
    assert material.arms == ("noisy", "enhanced")
    assert len(material.clips) == 12


def test_two_enhancers_are_two_arms(tmp_path: Path) -> None:
    lines = _lines(tmp_path)
    others = [Utterance(o.id, o.audio, 16000, 8000, labels=o.labels, enhancer="other") for o in lines]
    material = gather_material([*lines, *others], arms=None, split=None, predictions=None)
    assert material.arms == ("clean", "noisy", "enhanced (mmse-lsa)", "enhanced (other)")
    with pytest.raises(UsageError, match="two manifests are by other"):
        gather_material([*lines, *others, *others], arms=None, split=None, predictions=None)


def test_clips_are_chosen_alike_over_classes_and_over_patients(tmp_path: Path) -> None:
    material = gather_material(_lines(tmp_path), arms=None, split=None, predictions=None)
    chosen = choose_clips(material, 6, seed=0)
    assert sorted(clip.label for clip in chosen) == sorted(2 * LABELS)
    assert len({(clip.label, clip.patient) for clip in chosen}) == 6


@pytest.mark.parametrize(
    ("arms", "split", "error", "words"),
    [
        (("noisy", "louder"), None, UsageError, "no clip has a version 'louder'"),
        (("noisy",), None, UsageError, "needs two arms"),
        (None, "dev", NoInput, "no line has a breath label"),
    ],
)
def test_material_that_makes_no_study_is_refused(
    manifest: Path, arms: tuple[str, ...] | None, split: str | None, error: type[Exception], words: str
) -> None:
    from merit_cli.manifests.read_write import read_manifest

    with pytest.raises(error, match=words):
        gather_material(read_manifest(manifest), arms=arms, split=split, predictions=None)


def _export(path: Path, made: Path, code: str, **changes: object) -> Path:
    key = read_key(made)
    answers = {
        name: {"label": "normal", "confidence": 3, "trust": 3, "plays": 1, "seconds": 2.5, "position": 1, "done": True}
        for name, trial in key.trials.items()
        if trial["rater"] == code
    }
    tree = {"format": FORMAT, "version": 1, "study": key.study, "rater": code, "answers": answers, **changes}
    path.write_text(json.dumps(tree))
    return path


def test_answers_become_rows_with_arm_and_truth(made: tuple[Path, StudySummary], tmp_path: Path) -> None:
    rows, notes = read_answers(read_key(made[0]), [_export(tmp_path / "a.json", made[0], "R01")])
    assert len(rows) == 13
    assert sum(bool(row.repeats) for row in rows) == 1
    assert {row.arm for row in rows} == {"clean", "noisy", "enhanced"}
    assert notes == []


def test_unfinished_answers_are_left_out_and_counted(made: tuple[Path, StudySummary], tmp_path: Path) -> None:
    path = _export(tmp_path / "a.json", made[0], "R01")
    tree = json.loads(path.read_text())
    next(iter(tree["answers"].values()))["done"] = False
    path.write_text(json.dumps(tree))
    rows, notes = read_answers(read_key(made[0]), [path])
    assert len(rows) == 12
    assert notes == ["Rater R01 answered 12 of 13 trials."]


def test_two_files_of_one_rater_that_differ_are_refused(made: tuple[Path, StudySummary], tmp_path: Path) -> None:
    first, second = (_export(tmp_path / f"{name}.json", made[0], "R01") for name in "ab")
    second.write_text(second.read_text().replace('"label": "normal"', '"label": "wheeze"', 1))
    with pytest.raises(BadData, match=r"answer trial \w+ differently"):
        read_answers(read_key(made[0]), [first, second])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"study": "another"}, "the answers are of the study another"),
        ({"format": "x"}, "not a file of answers"),
        ({"rater": "R02"}, "rater R02 was not asked"),
    ],
)
def test_a_foreign_file_is_refused_by_name(
    made: tuple[Path, StudySummary], tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    path = _export(tmp_path / "a.json", made[0], "R01", **changes)
    with pytest.raises(BadData, match=words) as caught:
        read_answers(read_key(made[0]), [path])
    assert caught.value.place == str(path)


@pytest.mark.parametrize(
    ("old", "new"), [('"normal"', '"asthma"'), ('"trust": 3', '"trust": 6'), ('"seconds": 2.5', '"s": 1')]
)
def test_an_answer_that_the_page_does_not_offer_is_refused(
    made: tuple[Path, StudySummary], tmp_path: Path, old: str, new: str
) -> None:
    path = _export(tmp_path / "a.json", made[0], "R01")
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(BadData, match="answer to"):
        read_answers(read_key(made[0]), [path])


def test_a_missing_key_or_file_is_no_input(made: tuple[Path, StudySummary], tmp_path: Path) -> None:
    with pytest.raises(NoInput):
        read_key(tmp_path / "nowhere.json")
    with pytest.raises(NoInput):
        read_answers(read_key(made[0]), [tmp_path / "nowhere.json"])
    with pytest.raises(BadData, match="not the key"):
        read_key(_export(tmp_path / "a.json", made[0], "R01"))


def test_scores_say_research_use_few_raters_and_every_arm(made: tuple[Path, StudySummary], tmp_path: Path) -> None:
    files = [_export(tmp_path / f"{code}.json", made[0], code) for code in ("R01", "R02", "R03")]
    path, scores, _ = run_study_score(made[0], files, output=tmp_path / "scores", machine=Machine())
    assert set(scores.arms) == {"clean", "noisy", "enhanced"}
    assert scores.arms["noisy"]["icbhi_sp"]["mean"] == 1.0
    assert scores.arms["noisy"]["icbhi_se"]["mean"] == 0.0
    assert any("Few raters: 3" in note for note in scores.notes)
    for name in ("report.md", "report.html"):
        assert "not a diagnosis" in (path / name).read_text()
    assert json.loads((path / "DONE").read_text())["answers"] == 36
    assert run_study_score(made[0], files, output=tmp_path / "scores", machine=Machine())[1:] == (scores, True)
