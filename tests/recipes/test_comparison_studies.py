"""The comparisons: their recipes load, their arms are comparable, their numbers are what they claim to be."""

import importlib
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from merit_cli.errors import BadData, CheckFailed, UsageError
from merit_cli.io.audio_file import write_audio
from merit_cli.manifests.utterance import Mixture, Utterance
from merit_cli.metrics.statistics import Interval

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
FOLDER = RECIPES / "comparison"
STUDIES = ("polish", "ravdess")


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A way to import the comparison's own modules."""
    monkeypatch.syspath_prepend(str(FOLDER))

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    return load


def noise(noise_class: str, split: str) -> Utterance:
    return Utterance(
        f"{noise_class}-{split}", Path("n.wav"), 16000, 16000, split=split, info={"noise_class": noise_class}
    )


def utterance(item_id: str, speaker: str, emotion: str, *, split: str = "test") -> Utterance:
    mixture = Mixture("c", "n", "wind", -5.0, -5.0, "p56", 0, 0, 1.0, 1.0, 0)
    return Utterance(
        item_id, Path("a.wav"), 16000, 16000, speaker=speaker, split=split, labels={"emotion": emotion}, mixture=mixture
    )


@pytest.fixture(params=STUDIES)
def study(part: Any, request: pytest.FixtureRequest) -> Any:
    """Each study."""
    return part("study").load_study(RECIPES / request.param)


def arms(study: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(system.train for system in study.systems))


def test_every_arm_of_a_study_has_a_recipe_and_every_recipe_is_an_arm(study: Any) -> None:
    assert set(arms(study)) == {path.stem for path in (study.folder / "train").glob("*.yaml")} - {"base"}
    assert len(arms(study)) == {"polish": 7, "ravdess": 11}[study.name]


def test_arms_differ_in_their_model_and_its_router_terms_only(part: Any, study: Any) -> None:
    trees = {}
    for arm in arms(study):
        tree = part("study").train_recipe(study, arm, 1).model_dump(mode="json")
        tree.pop("name")
        tree.pop("model")
        for key in ("balance_weight", "router_z_weight"):
            tree["objective"].pop(key)
        trees[arm] = tree
    assert all(tree == trees["sparse-merit"] for tree in trees.values())


def test_all_arms_have_the_same_trunk_and_heads(part: Any, study: Any) -> None:
    shared = ("trunk_blocks", "trunk_width", "trunk_expansion", "blstm_hidden", "ser_hidden")
    models = [part("study").train_recipe(study, arm, 1).model for arm in arms(study)]
    assert len({tuple(getattr(model, key) for key in shared) for model in models}) == 1


def test_the_encoder_of_a_study_is_one_whose_weights_can_be_fetched(part: Any, study: Any) -> None:
    wanted = {"polish": ["whisper-tiny-turn"], "ravdess": ["moonshine-tiny"]}
    assert part("run").encoders(study) == wanted[study.name]


def test_the_seed_reaches_the_recipe(part: Any, study: Any) -> None:
    assert part("study").train_recipe(study, "sparse-merit", 3).seed == 3


def test_mixtures_are_stated_by_speech_level_at_three_ratios(part: Any, study: Any) -> None:
    for role in study.roles:
        recipe = part("study").mix_recipe(study, role.name)
        assert recipe.level == "p56"
        assert recipe.snr.values == (-5.0, 0.0, 5.0)


def test_each_role_draws_by_a_seed_of_its_own(part: Any, study: Any) -> None:
    assert len({part("study").mix_recipe(study, role.name).seed for role in study.roles}) == len(study.roles)


def test_ids_of_roles_of_one_split_are_told_apart(part: Any, study: Any) -> None:
    marks = [(role.split, part("material")._mark(role)) for role in study.roles]
    assert len(set(marks)) == len(marks)


def test_controls_of_equal_size_have_what_sparse_merit_has_at_work(part: Any) -> None:
    from merit_cli.backbones.moonshine import SHAPE
    from merit_cli.models.cost import cost_of

    module = part("study")
    study = module.load_study(RECIPES / "ravdess")
    active = {}
    for arm in ("sparse-merit", "ser", "se", "naive-mtl-mlp", "one-expert", "expert-by-task"):
        cost = cost_of(module.train_recipe(study, arm, 1).model, SHAPE, num_classes=4)
        active[arm] = cost.active_parameters
    wanted = active.pop("sparse-merit")
    for found in active.values():
        assert all(count == pytest.approx(wanted[task], rel=0.01) for task, count in found.items())


def test_folds_of_ravdess_test_two_men_and_two_women_each(part: Any) -> None:
    clips = [utterance(f"c{n}", f"actor{n:02d}", "sad") for n in range(1, 25)]
    groups: dict[str, list[int]] = {}
    for one in part("sources").grouped(clips, part("study").load_study(RECIPES / "ravdess").speech.speakers_per_fold):
        groups.setdefault(one.info["session"], []).append(int(one.speaker[-2:]) % 2)
    assert sorted(groups) == [f"group{n:02d}" for n in range(1, 7)]
    assert all(sorted(members) == [0, 0, 1, 1] for members in groups.values())


def test_files_of_a_held_out_class_are_for_test_whatever_their_fold(part: Any) -> None:
    source = part("study").load_study(RECIPES / "ravdess").noise[0]
    files = [
        Utterance("a", Path("1-1-A.ogg"), 16000, 1, info={"noise_class": "002 - Rain"}),
        Utterance("b", Path("1-2-A.ogg"), 16000, 1, info={"noise_class": "008 - Chainsaw"}),
        Utterance("c", Path("5-2-A.ogg"), 16000, 1, info={"noise_class": "008 - Chainsaw"}),
    ]
    found = [part("sources").sorted_in(one, source, ["rain"]) for one in files]
    assert [(one.info["noise_class"], one.split) for one in found] == [
        ("rain", "test"),
        ("chainsaw", "train"),
        ("chainsaw", "test"),
    ]


def test_a_noise_file_without_a_fold_is_refused(part: Any) -> None:
    source = part("study").load_study(RECIPES / "ravdess").noise[0]
    with pytest.raises(BadData, match="begins with no fold"):
        part("sources").sorted_in(Utterance("a", Path("x.ogg"), 1, 1, info={"noise_class": "rain"}), source, [])


def test_a_clip_is_cut_to_its_speech(part: Any, tmp_path: Path) -> None:
    time = np.arange(32000) / 16000
    tone = 0.1 * np.sin(2 * np.pi * 300 * time) * (np.abs(time - 1.0) < 0.25)
    write_audio(tmp_path / "clip.wav", tone, 16000)
    cut = part("sources").trimmed(Utterance("clip", tmp_path / "clip.wav", 16000, 32000))
    assert 0.5 < cut.num_samples / 16000 < 0.8
    assert 0.6 < cut.start / 16000 < 0.75


def test_a_system_that_is_not_there_is_refused(part: Any, tmp_path: Path) -> None:
    text = (
        (RECIPES / "polish" / "study.yaml")
        .read_text(encoding="utf-8")
        .replace("system: sparse-merit", "system: sparse")
    )
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="unknown or repeated systems"):
        part("study").load_study(tmp_path / "study.yaml")


def role_of(study: Any, name: str) -> Any:
    return next(role for role in study.roles if role.name == name)


def test_test_noise_is_of_held_out_classes_only(part: Any) -> None:
    study = part("study").load_study(RECIPES / "polish")
    files = [noise("wind", "test"), noise("jet", "test"), noise("jet", "train")]
    chosen = part("material").noise_of_role(study, role_of(study, "test"), files)
    assert [one.info["noise_class"] for one in chosen] == ["wind"]


def test_a_held_out_class_in_training_is_refused(part: Any) -> None:
    study = part("study").load_study(RECIPES / "polish")
    with pytest.raises(CheckFailed, match="wind"):
        part("material").noise_of_role(study, role_of(study, "train"), [noise("wind", "train")])


def test_the_bundled_noise_keeps_the_held_out_classes_out_of_train_and_dev(part: Any) -> None:
    from merit_cli.assets import bundled
    from merit_cli.manifests.read_write import read_manifest

    study = part("study").load_study(RECIPES / "polish")
    files = read_manifest(bundled("data_manifests/sample") / "noise.jsonl")
    classes = {
        role: {one.info["noise_class"] for one in part("material").noise_of_role(study, role_of(study, role), files)}
        for role in ("train", "dev", "test")
    }
    assert classes["test"] == set(study.unseen_noise)
    assert not classes["test"] & (classes["train"] | classes["dev"])


@pytest.fixture
def answers(part: Any) -> Any:
    """Two speakers, two classes: `right` is always right, `half` says the same of all."""
    scores = part("scores")
    test = [utterance(f"{s}{n}", s, "ab"[n % 2]) for s in ("x", "y") for n in range(4)]
    right = {one.id: str(one.labels["emotion"]) for one in test}
    half = dict.fromkeys(right, "a")
    said = {"right": [right, right], "half": [half, half], "mixed": [right, half]}
    dev = [replace(one, split="dev") for one in test]
    return scores.Answers({"test": test, "dev": dev}, {"test": said, "dev": said}, ("a", "b"))


def test_macro_f1_is_the_mean_over_seeds_not_of_pooled_seeds(part: Any, answers: Any) -> None:
    value = part("scores").f1_interval(answers, answers.said["test"]["mixed"], answers.utterances["test"]).mean
    # saying "a" of everything: F1 2/3 for a, 0 for b
    assert value == pytest.approx((1.0 + 1 / 3) / 2)


def test_a_contrast_is_the_difference_of_the_two_scores(part: Any, answers: Any) -> None:
    said = answers.said["test"]
    comparison, by_speaker = part("scores").f1_contrast(
        answers, said["right"], said["half"], answers.utterances["test"]
    )
    assert comparison.difference.mean == pytest.approx(2 / 3)
    np.testing.assert_allclose(by_speaker, [2 / 3, 2 / 3])


def test_the_best_on_dev_is_taken(part: Any, answers: Any) -> None:
    name, means = part("scores").best_on_dev(answers, ["half", "mixed"])
    assert name == "mixed"
    assert means["half"] == pytest.approx(1 / 3)


def test_the_detectable_difference_of_five_speakers_follows_from_the_interval(part: Any) -> None:
    # t of 4 degrees: .975 quantile 2.776, .8 quantile 0.941; standard error 0.01
    interval = Interval(0.0, -0.02776, 0.02776, 5, "t")
    assert part("scores").detectable(interval) == pytest.approx(0.03717, abs=2e-4)
