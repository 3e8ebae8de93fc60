import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from merit_cli.config.load import load_recipe
from merit_cli.errors import NoInput, UsageError
from merit_cli.io.audio_file import write_audio
from merit_cli.io.jsonl import read_lines
from merit_cli.io.run_dir import RunDir
from merit_cli.manifests.predictions import Prediction, write_predictions
from merit_cli.manifests.read_write import Card, write_card, write_manifest
from merit_cli.manifests.utterance import Mixture, Utterance
from merit_cli.reports.report import Cell
from merit_cli.reports.write import read_report
from merit_cli.workers import Machine
from merit_cli.workflows.evaluate.inputs import read_material
from merit_cli.workflows.evaluate.run import EvaluateRecipe, run_evaluate
from merit_cli.workflows.evaluate.scores import BASELINES, ZERO
from merit_cli.workflows.evaluate.summary import EvaluateSummary

RATE = 16000
QUICK = ("ssnr", "si-sdr")


def burst(seed: int, level: float = 0.1) -> np.ndarray:
    time = np.arange(RATE) / RATE
    return level * np.sin(2 * np.pi * (200 + 30 * seed) * time) * (np.sin(2 * np.pi * 3 * time) > -0.5)


def make_corpus(folder: Path, *, enhanced: bool = True) -> list[Utterance]:
    """Two speakers, two SNRs, a stationary and a transient noise; enhanced is the clean with a tenth of the noise."""
    generator = np.random.default_rng(0)
    made = []
    for number in range(8):
        speaker, snr_db = f"speaker{number % 2}", (-5.0, 5.0)[number // 4]
        kind, stationary = ("hiss", "yes") if number % 4 < 2 else ("knocks", "no")
        clean = burst(number, level=0.05 if number % 2 else 0.15)
        noise = generator.standard_normal(RATE) * (1.0 if stationary == "yes" else (np.arange(RATE) % 4000 < 800))
        noise *= np.sqrt(np.mean(clean**2) / np.mean(noise**2)) * 10 ** (-snr_db / 20)
        for name, signal in (("clean", clean), ("noisy", clean + noise), ("enhanced", clean + 0.1 * noise)):
            write_audio(folder / name / f"u{number}.flac", signal, RATE)
        paths = {name: folder / name / f"u{number}.flac" for name in ("clean", "noisy", "enhanced")}
        mixture = Mixture(f"c{number}", f"n{number}", kind, snr_db, snr_db, "rms", 0, 0, 1.0, 1.0, 0)
        made.append(
            Utterance(
                f"u{number}",
                paths["enhanced" if enhanced else "noisy"],
                RATE,
                RATE,
                speaker=speaker,
                split="test",
                labels={"emotion": "calm" if number % 2 else "angry"},
                info={"stationary": stationary},
                clean=paths["clean"],
                noisy=paths["noisy"] if enhanced else None,
                enhancer="tenth" if enhanced else "",
                mixture=mixture,
            )
        )
    write_manifest(folder / "manifest.jsonl", made)
    write_card(folder, Card(name="bursts", synthetic=True, notes=("These bursts are made by rule.",)))
    return made


def evaluate(
    source: Path, output: Path, *, reference: Path | None = None, machine: Machine | None = None, **keys: object
) -> tuple[RunDir, EvaluateSummary]:
    recipe = load_recipe(EvaluateRecipe, flags={"metrics": QUICK, "examples": 1} | keys)
    material = read_material(source, reference, split=recipe.split)
    return run_evaluate(recipe, material, output=output, machine=machine or Machine())


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder)
    return folder


@pytest.fixture(scope="module")
def finished(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return evaluate(corpus, tmp_path_factory.mktemp("evaluated") / "run")[0].path


def test_every_enhancement_table_has_the_baseline_rows(finished: Path) -> None:
    tables = [table for table in read_report(finished).tables if table.title.startswith("Enhancement")]
    assert len(tables) == 4  # by SNR and by noise, in stationary and in transient noise
    for table in tables:
        groups = {row[0] for row in table.rows}
        for group in groups:
            assert [row[1] for row in table.rows if row[0] == group] == [*BASELINES, "tenth"]


def test_stationary_and_transient_noise_are_never_in_one_table(finished: Path) -> None:
    by_noise = {table.title: {row[0] for row in table.rows} for table in read_report(finished).tables}
    assert by_noise["Enhancement, stationary noise, by noise class"] == {"hiss"}
    assert by_noise["Enhancement, transient noise, by noise class"] == {"knocks"}


def test_removing_nine_tenths_of_the_noise_gains_twenty_db(finished: Path) -> None:
    summary = json.loads((finished / "DONE").read_text())
    noisy = {line["id"]: line["value"] for _, line in scores(finished) if key(line) == ("noisy", "si_sdr_db")}
    own = {line["id"]: line["value"] for _, line in scores(finished) if key(line) == ("tenth", "si_sdr_db")}
    gains = [own[item] - noisy[item] for item in own]
    assert np.abs(np.array(gains) - 20.0).max() < 1.0  # the noise is not exactly orthogonal to the speech
    assert summary["metrics"]["si_sdr_db"]["mean"] == pytest.approx(np.mean(list(own.values())))


def test_best_constant_gain_is_never_below_noisy_or_silence(finished: Path) -> None:
    for table in read_report(finished).tables:
        column = next(index for index, column in enumerate(table.columns) if column.name == "ssnr_db")
        for group in {row[0] for row in table.rows}:
            means = {row[1]: cell_of(row[column]).mean for row in table.rows if row[0] == group}
            assert means["best constant gain"] >= max(means["noisy"], means[ZERO])


def test_silence_is_undefined_for_si_sdr_and_fails_nothing(finished: Path) -> None:
    zero = [line for _, line in scores(finished) if key(line) == (ZERO, "si_sdr_db")]
    assert all(line["value"] is None and line["reason"] for line in zero)
    assert json.loads((finished / "DONE").read_text())["failed"] == []


def test_summary_has_the_shape_scripts_rely_on(finished: Path) -> None:
    summary = json.loads((finished / "DONE").read_text())
    assert set(summary) == {"metrics", "groups", "failed", "report"}
    assert set(summary["metrics"]["ssnr_db"]) == {"mean", "low", "high", "unit", "n_scored", "n_total"}
    by = [group["by"] for group in summary["groups"]]
    assert by[:2] == [{"snr_db": -5.0}, {"snr_db": 5.0}]
    assert {"noise_class": "hiss"} in by
    assert {"stationary": "no"} in by
    assert Path(summary["report"]).is_file()


def test_report_repeats_the_cards_notes_and_says_few_clusters(finished: Path) -> None:
    notes = read_report(finished).notes
    assert "These bursts are made by rule." in notes
    assert any(note.startswith("Few clusters: 2 speakers") for note in notes)


def test_second_call_has_nothing_to_do(corpus: Path, finished: Path) -> None:
    before = (finished / "report.html").stat().st_mtime_ns
    run, summary = evaluate(corpus, finished)
    assert run.state == "done"
    assert summary.metrics["ssnr_db"]["n_scored"] == 8
    assert (finished / "report.html").stat().st_mtime_ns == before


def test_interrupted_run_scores_only_what_is_missing(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, whole = evaluate(corpus, tmp_path / "run")
    before = values(run.path)
    lines = (run.path / "scores.jsonl").read_text().splitlines(keepends=True)
    (run.path / "DONE").unlink()
    (run.path / "scores.jsonl").write_text("".join(lines[:-3]) + lines[-3][:10])  # killed in the middle of a line
    counted = []
    monkeypatch.setattr("merit_cli.workflows.evaluate.scores.score_pairs", lambda jobs, **_: counted.extend(jobs) or [])
    assert evaluate(corpus, tmp_path / "run")[1].metrics == whole.metrics
    assert counted == []  # only constant gains were missing
    assert values(run.path) == before


def test_mix_without_enhancement_is_scored_as_noisy(tmp_path: Path) -> None:
    make_corpus(tmp_path / "mix", enhanced=False)
    _, summary = evaluate(tmp_path / "mix", tmp_path / "run")
    rows = {row[1] for row in read_report(tmp_path / "run").tables[0].rows}
    assert rows == set(BASELINES)
    assert summary.metrics["si_sdr_db"]["mean"] == pytest.approx(0.0, abs=1.0)


def test_bad_items_cost_themselves_only_and_are_named(tmp_path: Path) -> None:
    make_corpus(tmp_path / "c")
    (tmp_path / "c" / "enhanced" / "u3.flac").write_bytes(b"not audio")
    (tmp_path / "c" / "clean" / "u4.flac").unlink()
    write_audio(tmp_path / "c" / "enhanced" / "u5.flac", burst(5)[:8000], RATE)
    _, summary = evaluate(tmp_path / "c" / "enhanced", tmp_path / "run", reference=tmp_path / "c" / "clean")
    reasons = {line["id"]: line["reason"] for line in summary.failed}
    assert set(reasons) == {"u3", "u4", "u5"}
    assert "not audio" in reasons["u3"]
    assert "no reference" in reasons["u4"]
    assert "lengths differ" in reasons["u5"]
    assert {line["metric"] for line in summary.failed} == {"ssnr_db", "si_sdr_db"}
    assert (summary.metrics["ssnr_db"]["n_scored"], summary.metrics["ssnr_db"]["n_total"]) == (5, 8)


def test_failed_items_are_tried_again_on_request(tmp_path: Path) -> None:
    made = make_corpus(tmp_path / "c")
    good = made[0].audio.read_bytes()
    made[0].audio.write_bytes(b"broken")
    _, first = evaluate(tmp_path / "c", tmp_path / "run")
    made[0].audio.write_bytes(good)
    _, second = evaluate(tmp_path / "c", tmp_path / "run", machine=Machine(retry_failed=True))
    assert (len(first.failed), len(second.failed)) == (2, 0)


def test_pairs_in_other_folders_are_found_by_name(tmp_path: Path) -> None:
    write_audio(tmp_path / "a" / "deep" / "x.wav", burst(1), RATE)
    write_audio(tmp_path / "b" / "x.flac", burst(1), RATE)
    material = read_material(tmp_path / "a", tmp_path / "b")
    assert [one.clean for one in material.utterances] == [tmp_path / "b" / "x.flac"]
    assert material.notes == ("1 files were paired by name.",)


def test_predictions_are_seen_against_chance_and_level(corpus: Path, tmp_path: Path) -> None:
    utterances = make_corpus(tmp_path)
    train = [Utterance(**{**asdict_shallow(one), "id": f"t_{one.id}", "split": "train"}) for one in utterances]
    write_manifest(tmp_path / "manifest.jsonl", [*utterances, *train])
    said = [Prediction(one.id, "test", None, str(one.labels["emotion"]), {}) for one in utterances[:-1]]
    write_predictions(tmp_path / "predictions.jsonl", said)
    _, summary = evaluate(tmp_path, tmp_path / "run", metrics=("f1", "uar"))
    table = next(table for table in read_report(tmp_path / "run").tables if table.title == "Emotion")
    rows = {row[1]: cell_of(row[2]) for row in table.rows}
    assert rows["tenth"].mean == 1.0
    assert (rows["tenth"].n_scored, rows["tenth"].n_total) == (7, 8)
    assert rows["level + duration"].mean == 1.0  # the corpus gives its labels away by level
    assert rows["chance"].mean == 1.0  # each speaker has one label: shuffling within speakers changes nothing
    assert [line["id"] for line in summary.failed] == ["u7", "u7"]


def test_confusions_add_up_to_the_predictions(tmp_path: Path) -> None:
    utterances = make_corpus(tmp_path)
    write_predictions(tmp_path / "predictions.jsonl", [Prediction(one.id, "test", None, "calm") for one in utterances])
    evaluate(tmp_path, tmp_path / "run", metrics=("f1",))
    confusions = read_report(tmp_path / "run").confusions
    assert [confusion.title for confusion in confusions] == ["SNR -5 dB", "SNR 5 dB"]
    assert all(confusion.counts == ((0, 2), (0, 2)) for confusion in confusions)


def test_metrics_that_cannot_apply_are_refused(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no predictions"):
        evaluate(corpus, tmp_path / "run", metrics=("f1",))


def test_unknown_grouping_names_the_nearest(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown grouping") as caught:
        evaluate(corpus, tmp_path / "run", by=("speakr",))
    assert "'speaker'" in caught.value.hint


def test_tables_are_split_by_a_label(corpus: Path, tmp_path: Path) -> None:
    _, summary = evaluate(corpus, tmp_path / "run", by=("emotion",))
    assert [group["by"] for group in summary.groups][:2] == [{"emotion": "angry"}, {"emotion": "calm"}]


def test_audio_without_a_reference_is_refused(corpus: Path) -> None:
    with pytest.raises(UsageError, match="clean reference"):
        read_material(corpus / "enhanced")


def test_empty_split_is_no_input(corpus: Path) -> None:
    with pytest.raises(NoInput, match="'dev' is empty"):
        read_material(corpus, split="dev")


def scores(run: Path) -> list[tuple[int, dict[str, object]]]:
    return list(read_lines(run / "scores.jsonl"))


def values(run: Path) -> dict[tuple[object, ...], object]:
    return {(*key(line), line["id"]): line["value"] for _, line in scores(run)}


def key(line: dict[str, object]) -> tuple[object, object]:
    return line["system"], line["metric"]


def cell_of(entry: object) -> Cell:
    assert isinstance(entry, Cell)
    return entry


def asdict_shallow(one: Utterance) -> dict[str, object]:
    return {name: getattr(one, name) for name in asdict(one)}
