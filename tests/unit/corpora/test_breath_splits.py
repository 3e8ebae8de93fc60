"""Folds by patient, by file, and the random split that is refused."""

from pathlib import Path

import pytest

from merit_cli.corpora.breath_splits import fold_splits, folds_by_patient, random_by_cycle, read_fold_file
from merit_cli.corpora.split_plans import SplitPlan, apply_split_plan, check_split_plan, parse_split_plan
from merit_cli.errors import BadData, CheckFailed, UsageError
from merit_cli.manifests.utterance import Utterance

LABELS = ("normal", "normal", "crackle", "wheeze")


def cycles(num_patients: int = 20, each: int = 4) -> list[Utterance]:
    return [
        Utterance(f"p{p}c{c}", Path(f"/p{p}.wav"), 4000, 4000, speaker=f"p{p:02d}", labels={"breath": LABELS[c % 4]})
        for p in range(num_patients)
        for c in range(each)
    ]


def test_every_patient_is_tested_in_one_fold_and_in_one_only() -> None:
    tested: list[str] = []
    for fold in range(1, 6):
        made, _ = apply_split_plan(cycles(), SplitPlan("folds", 5), fold)
        sides = {side: {one.speaker for one in made if one.split == side} for side in ("train", "dev", "test")}
        assert all(sides.values())
        assert not sides["test"] & (sides["train"] | sides["dev"])
        assert not sides["train"] & sides["dev"]
        tested += sides["test"]
    assert sorted(tested) == sorted({one.speaker for one in cycles()})


def test_a_class_that_few_patients_have_is_spread_over_the_folds() -> None:
    rare = [
        Utterance(
            f"p{p}", Path("/p.wav"), 4000, 4000, speaker=f"p{p}", labels={"breath": "wheeze" if p < 5 else "normal"}
        )
        for p in range(20)
    ]
    folds = folds_by_patient(rare, 5)
    assert sorted(folds[f"p{p}"] for p in range(5)) == ["1", "2", "3", "4", "5"]


def test_patients_with_a_rare_class_are_spread_even_where_one_has_most_of_its_cycles() -> None:
    rare = [
        Utterance(f"p{p}c{c}", Path("/p.wav"), 4000, 4000, speaker=f"p{p}", labels={"breath": label})
        for p in range(20)
        for c, label in enumerate(["normal"] * 10 + ["wheeze"] * (30 if p == 0 else 2 if p < 10 else 0))
    ]
    folds = folds_by_patient(rare, 5)
    with_wheeze = [sum(folds[f"p{p}"] == str(fold) for p in range(10)) for fold in range(1, 6)]
    assert sorted(with_wheeze) in ([2, 2, 2, 2, 2], [1, 2, 2, 2, 3])


def test_folds_are_the_same_at_every_call() -> None:
    assert folds_by_patient(cycles(), 5) == folds_by_patient(list(cycles()), 5)


def test_folds_need_as_many_patients() -> None:
    with pytest.raises(UsageError, match="5 folds by patient need as many patients; 3 are named"):
        folds_by_patient(cycles(3), 5)


def test_cycles_without_a_patient_cannot_be_folded() -> None:
    lone = Utterance("x", Path("/x.wav"), 4000, 4000, labels={"breath": "normal"})
    with pytest.raises(UsageError, match="1 cycles name none"):
        folds_by_patient([*cycles(), lone], 5)


def test_a_fold_file_in_the_layout_of_respirenet_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "patient_list_foldwise.txt"
    path.write_bytes("".join(f"p{p:02d} {p % 5}\r\n" for p in range(20)).encode())
    plan = parse_split_plan(str(path))
    assert plan.kind == "file"
    made, notes = apply_split_plan(cycles(21), plan, 1)
    assert {one.speaker for one in made if one.split == "test"} == {"p00", "p05", "p10", "p15"}
    assert {one.split for one in made if one.speaker == "p20"} == {""}
    assert "1 patients are in no fold and have no split." in notes


@pytest.mark.parametrize(
    ("text", "words"),
    [("a 1\na 2\n", "stands in two folds"), ("a 1 x\n", "cannot read 'a 1 x'"), ("a 1\nb 1\n", "fewer than two folds")],
)
def test_a_damaged_fold_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "folds.txt"
    path.write_text(text)
    with pytest.raises(BadData, match=words):
        read_fold_file(path)


def test_a_fold_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="no fold 3") as caught:
        fold_splits(cycles(4), {"p00": "0", "p01": "1", "p02": "1", "p03": "0"}, 3)
    assert caught.value.hint == "1 to 2"


def test_a_random_split_is_refused_without_leave() -> None:
    with pytest.raises(CheckFailed, match="random split of cycles") as caught:
        check_split_plan(SplitPlan("random"), None, allow_leak=False)
    assert caught.value.exit_code == 4


def test_a_random_split_that_is_allowed_says_so() -> None:
    check_split_plan(SplitPlan("random"), None, allow_leak=True)
    made, notes = apply_split_plan(cycles(), SplitPlan("random"), None)
    assert {one.split for one in made} == {"train", "dev", "test"}
    assert notes == ["LEAK ALLOWED: splits were drawn cycle by cycle, not by patient."]


def test_a_random_split_has_the_shares_it_should() -> None:
    made = random_by_cycle(cycles(1000))
    shares = {side: sum(one.split == side for one in made) / len(made) for side in ("train", "dev", "test")}
    assert shares["train"] == pytest.approx(0.6, abs=0.03)  # 4000 draws: sd 0.008
    assert shares["test"] == pytest.approx(0.2, abs=0.03)


def test_a_plan_of_folds_needs_a_fold() -> None:
    with pytest.raises(UsageError, match="say which fold"):
        check_split_plan(SplitPlan("folds"), None, allow_leak=False)


@pytest.mark.parametrize("words", ["fold:5", "nowhere.txt", "folds:x", "folds:1"])
def test_unknown_plans_are_refused(words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_split_plan(words)
    assert caught.value.place == "--splits"
