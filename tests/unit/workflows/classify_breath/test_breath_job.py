"""The breath job: what a run folder holds, what it says, and that it resumes and refuses."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from merit_cli.errors import BadData, CheckFailed, NoInput
from merit_cli.io.jsonl import read_lines
from merit_cli.manifests.predictions import read_predictions
from merit_cli.workers import Machine
from merit_cli.workflows.classify_breath.corpus import BreathCorpus
from merit_cli.workflows.classify_breath.evaluate import BreathSummary, run_breath_evaluate
from merit_cli.workflows.classify_breath.job import run_classify_breath
from merit_cli.workflows.classify_breath.model_folder import load_model
from merit_cli.workflows.classify_breath.recipe import BreathRecipe
from merit_cli.workflows.classify_breath.training import usable_cycles


def _summary(run: Path) -> BreathSummary:
    return BreathSummary(**json.loads((run / "DONE").read_text()))


def _recipe(run: Path) -> BreathRecipe:
    import yaml

    tree = yaml.safe_load((run / "recipe.yaml").read_text())
    tree.pop("steps")
    return BreathRecipe.model_validate(tree)


def test_every_text_that_carries_a_score_says_synthetic_and_research_use(breath_run: Path) -> None:
    for name in ("report.md", "report.html", "report.json"):
        text = (breath_run / name).read_text()
        assert "proves only that the code runs" in text
        assert "SYNTHETIC" in text
        assert "not a diagnosis" in text
    assert _summary(breath_run).synthetic
    assert any("proves only" in note for note in _summary(breath_run).notes)


def test_each_table_of_the_report_says_synthetic(breath_run: Path) -> None:
    tables = json.loads((breath_run / "report.json").read_text())["tables"]
    assert len(tables) == 3
    assert all("SYNTHETIC" in table["caption"] for table in tables)


def test_scores_follow_from_the_written_predictions(breath_run: Path) -> None:
    rows = read_predictions(breath_run / "predictions.jsonl")
    normal = [row for row in rows if row.label == "normal"]
    abnormal = [row for row in rows if row.label != "normal"]
    specificity = sum(row.predicted == "normal" for row in normal) / len(normal)
    exact = sum(row.predicted == row.label for row in abnormal) / len(abnormal)
    loose = sum(row.predicted != "normal" for row in abnormal) / len(abnormal)
    metrics = _summary(breath_run).metrics
    assert metrics["icbhi_sp"]["mean"] == pytest.approx(specificity)
    assert metrics["icbhi_se"]["mean"] == pytest.approx(exact)
    assert metrics["icbhi_se_two_class"]["mean"] == pytest.approx(loose)
    assert metrics["icbhi_score"]["mean"] == pytest.approx((specificity + exact) / 2)
    assert metrics["icbhi_score"]["n_scored"] == len(rows)
    assert (metrics["icbhi_sp"]["n_scored"], metrics["icbhi_se"]["n_scored"]) == (len(normal), len(abnormal))


def test_predictions_are_of_test_patients_only_and_carry_reason_and_quality(
    breath_run: Path, breath_corpus: BreathCorpus
) -> None:
    lines = [line for _, line in read_lines(breath_run / "predictions.jsonl")]
    test_patients = {u.speaker for u in breath_corpus.utterances if u.split == "test"}
    assert {line["patient"] for line in lines} == test_patients
    assert not test_patients & set(load_model(breath_run).card.train_patients)
    assert all(line["abstained"] == bool(line["reason"]) for line in lines)
    assert all(line["quality"] >= 0.0 for line in lines)


def test_with_an_enhancer_both_front_ends_are_scored(breath_run: Path) -> None:
    groups = [group["by"]["enhancer"] for group in _summary(breath_run).groups]
    assert groups == ["none", "spectral-gate"]
    assert (breath_run / "predictions-none.jsonl").exists()


def test_background_between_cycles_is_counted(breath_run: Path, breath_corpus: BreathCorpus) -> None:
    recordings = {u.audio for u in breath_corpus.utterances if u.split == "test"}
    first = _summary(breath_run).groups[0]["metrics"]["background_answered"]
    assert first["n_total"] == 2 * len(recordings)
    assert first["mean"] == 0.0


def test_a_finished_run_is_not_done_again(breath_run: Path, breath_corpus: BreathCorpus) -> None:
    before = (breath_run / "metrics.jsonl").stat().st_mtime_ns
    run, summary = run_classify_breath(_recipe(breath_run), breath_corpus, output=breath_run, machine=Machine())
    assert run.state == "done"
    assert summary == _summary(breath_run)
    assert (breath_run / "metrics.jsonl").stat().st_mtime_ns == before


def test_a_killed_run_resumes_to_the_same_metrics(
    breath_run: Path, breath_corpus: BreathCorpus, tmp_path: Path
) -> None:
    def kill(stage: str, finished: int, total: int) -> None:
        if stage == "train":
            raise KeyboardInterrupt

    output = tmp_path / "killed"
    with pytest.raises(KeyboardInterrupt):
        run_classify_breath(_recipe(breath_run), breath_corpus, output=output, machine=Machine(progress=kill))
    assert not (output / "DONE").exists()
    run, _ = run_classify_breath(_recipe(breath_run), breath_corpus, output=output, machine=Machine())
    assert run.state == "resumed"
    for name in ("metrics.jsonl", "predictions.jsonl"):
        assert (output / name).read_bytes() == (breath_run / name).read_bytes()


def test_train_alone_leaves_test_unread(breath_run: Path, breath_corpus: BreathCorpus, tmp_path: Path) -> None:
    gone = [replace(u, audio=tmp_path / "gone.wav") if u.split == "test" else u for u in breath_corpus.utterances]
    recipe = _recipe(breath_run).model_copy(update={"epochs": 1})
    run, summary = run_classify_breath(
        recipe, replace(breath_corpus, utterances=gone), output=tmp_path / "t", machine=Machine(), steps=("train",)
    )
    assert summary.metrics == {}
    assert summary.failed == 0
    assert not (run.path / "predictions.jsonl").exists()


def test_a_bad_recording_is_a_ledger_line_and_the_rest_goes_on(
    breath_run: Path, breath_corpus: BreathCorpus, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF")
    victim = next(u.audio for u in breath_corpus.utterances if u.split == "test")
    changed = [replace(u, audio=bad) if u.audio == victim else u for u in breath_corpus.utterances]
    run, summary = run_breath_evaluate(
        breath_run,
        replace(breath_corpus, utterances=changed, problems={"301_x": "left out: no annotation"}),
        enhance=None,
        split="test",
        output=tmp_path / "out",
        machine=Machine(),
    )
    lines = {line["id"]: line for _, line in read_lines(run.path / "ledger.jsonl")}
    assert lines[str(bad)]["status"] == "failed"
    assert lines["301_x"] == {"id": "301_x", "status": "skipped", "reason": "left out: no annotation"}
    assert summary.failed == 2
    assert any("2 recordings or cycles could not be used" in note for note in summary.notes)
    assert summary.metrics["icbhi_score"]["n_scored"] > 0


def test_scoring_the_training_patients_is_refused_and_allowed_only_aloud(
    breath_run: Path, breath_corpus: BreathCorpus, tmp_path: Path
) -> None:
    with pytest.raises(CheckFailed, match="trained on") as caught:
        run_breath_evaluate(
            breath_run, breath_corpus, enhance=None, split="train", output=tmp_path / "a", machine=Machine()
        )
    assert "--allow-leak" in caught.value.hint
    _, summary = run_breath_evaluate(
        breath_run,
        breath_corpus,
        enhance=None,
        split="train",
        output=tmp_path / "b",
        machine=Machine(),
        allow_leak=True,
    )
    assert any("LEAK ALLOWED" in note for note in summary.notes)


def test_labels_outside_the_recipe_are_left_out_and_counted(breath_corpus: BreathCorpus) -> None:
    usable = usable_cycles(breath_corpus.utterances, breath_corpus.card, ("normal", "crackle", "wheeze"))
    num_both = sum(u.labels["breath"] == "both" for u in breath_corpus.utterances)
    assert num_both > 0
    assert any(note.endswith(f"recipe: {num_both} both.") for note in usable.card.notes)
    with pytest.raises(NoInput, match="no line of the manifest"):
        usable_cycles(breath_corpus.utterances, breath_corpus.card, ("stridor", "rhonchi"))


def test_dev_without_abnormal_cycles_is_refused_before_training(
    breath_run: Path, breath_corpus: BreathCorpus, tmp_path: Path
) -> None:
    kept = [u for u in breath_corpus.utterances if u.split != "dev" or u.labels["breath"] == "normal"]
    with pytest.raises(BadData, match="dev has no abnormal cycle"):
        run_classify_breath(
            _recipe(breath_run), replace(breath_corpus, utterances=kept), output=tmp_path / "x", machine=Machine()
        )


def test_a_damaged_model_is_bad_data_and_a_missing_one_no_input(breath_run: Path, tmp_path: Path) -> None:
    with pytest.raises(NoInput, match="no breath model"):
        load_model(tmp_path)
    for path in (breath_run / "model").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "weights.safetensors").write_bytes(b"not weights")
    with pytest.raises(BadData, match="cannot be used") as caught:
        load_model(tmp_path)
    assert caught.value.hint == "train it again"
