import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile


def evaluate(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "merit_cli", "evaluate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("żółty folder")
    time = np.arange(8000) / 16000
    for number in range(3):
        clean = 0.2 * np.sin(2 * np.pi * (300 + 50 * number) * time) * (time > 0.1)
        noise = 0.02 * np.random.default_rng(number).standard_normal(8000)
        for name, signal in (("clean", clean), ("made", clean + noise)):
            (folder / name).mkdir(exist_ok=True)
            soundfile.write(folder / name / f"u{number}.wav", signal, 16000)
    (folder / "broken").mkdir()
    (folder / "broken" / "u0.wav").write_bytes((folder / "made" / "u0.wav").read_bytes())
    (folder / "broken" / "u1.wav").write_bytes(b"")
    (folder / "broken" / "u2.wav").write_bytes((folder / "made" / "u2.wav").read_bytes()[:2000])
    return folder


def test_two_folders_are_scored_and_the_second_call_has_nothing_to_do(work: Path) -> None:
    first = evaluate("made", "--reference", "clean", "--metrics", "SI-SDR,ssnr", "-o", "out", cwd=work)
    second = evaluate("made", "--reference", "clean", "--metrics", "SI-SDR,ssnr", "-o", "out", cwd=work)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert "report: out/report.html" in first.stdout
    assert "next:   merit train" in first.stdout
    assert "nothing to do" in second.stdout
    shown = [line for line in first.stdout.splitlines() if "si_sdr_db" in line or "made" in line]
    assert shown
    assert [line for line in second.stdout.splitlines() if "si_sdr_db" in line or "made" in line] == shown


def test_json_is_one_value_on_stdout(work: Path) -> None:
    done = evaluate("made", "--reference", "clean", "--metrics", "ssnr", "-o", "json", "--json", cwd=work)
    summary = json.loads(done.stdout)
    assert list(summary) == ["metrics", "groups", "failed", "report"]
    assert summary["metrics"]["ssnr_db"]["n_scored"] == 3
    assert summary["metrics"]["ssnr_db"]["unit"] == "dB"


def test_bad_items_give_exit_code_3_and_their_reasons(work: Path) -> None:
    done = evaluate("broken", "--reference", "clean", "--metrics", "ssnr", "-o", "bad", "--json", cwd=work)
    summary = json.loads(done.stdout)
    assert done.returncode == 3
    assert {line["id"]: line["metric"] for line in summary["failed"]} == {"u1": "ssnr_db", "u2": "ssnr_db"}
    reasons = {line["id"]: line["reason"] for line in summary["failed"]}
    assert "0 bytes" in reasons["u1"]
    assert "truncated" in reasons["u2"]
    assert (summary["metrics"]["ssnr_db"]["n_scored"], summary["metrics"]["ssnr_db"]["n_total"]) == (1, 3)


def test_finished_run_with_failures_gives_exit_code_3_again(work: Path) -> None:
    for _ in range(2):
        done = evaluate("broken", "--reference", "clean", "--metrics", "ssnr", "-o", "again", cwd=work)
        assert done.returncode == 3
        assert "--retry-failed" in done.stderr


def test_one_file_is_scored_against_another_of_any_name(work: Path) -> None:
    done = evaluate("made/u0.wav", "--reference", "clean/u0.wav", "-m", "si-sdr", "-o", "one", "--json", cwd=work)
    assert json.loads(done.stdout)["metrics"]["si_sdr_db"]["mean"] == pytest.approx(16.0, abs=2.0)


def test_dry_run_writes_nothing(work: Path) -> None:
    done = evaluate("made", "--reference", "clean", "-m", "ssnr", "-o", "dry", "--dry-run", cwd=work)
    assert done.returncode == 0
    assert "would score 3 utterances by ssnr_db" in done.stdout
    assert not (work / "dry").exists()


def test_unknown_metric_is_refused_with_the_nearest(work: Path) -> None:
    done = evaluate("made", "--reference", "clean", "-m", "pesk", "--json", cwd=work)
    fault = json.loads(done.stderr)
    assert (done.returncode, fault["place"]) == (2, "--metrics")
    assert "pesq" in fault["hint"]


def test_audio_without_reference_says_how_to_give_one(work: Path) -> None:
    done = evaluate("made", cwd=work)
    assert done.returncode == 2
    assert "--reference" in done.stderr


def test_a_sound_on_stdin_is_scored_against_a_file(work: Path) -> None:
    command = [sys.executable, "-m", "merit_cli", "evaluate", "-", "--reference", "clean/u0.wav", "-m", "si-sdr"]
    heard = (work / "made" / "u0.wav").read_bytes()
    done = [
        subprocess.run([*command, "-o", "piped", "--json"], input=heard, capture_output=True, cwd=work, check=False)
        for _ in range(2)
    ]
    assert [one.returncode for one in done] == [0, 0], done[0].stderr
    assert done[0].stdout == done[1].stdout
    assert json.loads(done[0].stdout)["metrics"]["si_sdr_db"]["mean"] == pytest.approx(16.0, abs=2.0)


@pytest.fixture(scope="module")
def foreign(work: Path) -> Path:
    lines = ["file,prediction,target,prob_calm,prob_angry,speaker,gender,snr"]
    for number in range(48):
        label = ("calm", "angry")[number // 8 % 2]
        said = ("calm", "angry")[(number // 8 + (number // 16 + number) % 3 // 2) % 2]
        calm = 0.8 if said == "calm" else 0.3
        lines.append(
            f"x/{number}.wav,{said},{label},{calm},{1 - calm},s{number % 8},"
            f"{'fm'[number % 3 > 0]},{5 * (number % 4 > 1)}"
        )
    (work / "theirs.csv").write_text("\n".join(lines) + "\n")
    return work


def test_predictions_of_another_tool_are_scored_without_any_audio(foreign: Path) -> None:
    done = evaluate(
        "--predictions", "theirs.csv", "-m", "f1,uar,auc,ece", "--by", "snr,gender", "-o", "f", "--json", cwd=foreign
    )
    summary = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert summary["metrics"]["uar"]["mean"] == pytest.approx(2 / 3, abs=0.05)
    assert set(summary["metrics"]) == {"macro_f1", "uar", "auc", "ece"}
    report = json.loads((foreign / "f" / "report.json").read_text())
    by_class = next(table for table in report["tables"] if table["title"] == "Emotion, by class")
    assert [row[:2] for row in by_class["rows"]] == [["angry", "24"], ["calm", "24"]]
    assert by_class["rows"][1][3]["mean"] == pytest.approx(summary["metrics"]["uar"]["mean"], abs=0.1)
    spared = next(curve for curve in report["curves"] if curve["title"] == "Mistakes by share answered")
    last = spared["series"][0]["points"][-1]
    assert (last["x"], last["cell"]["n_scored"]) == (1.0, 48)
    assert last["cell"]["mean"] == pytest.approx(1.0 - summary["metrics"]["uar"]["mean"], abs=0.01)
    assert {"gender": "f"} in [group["by"] for group in summary["groups"]]
    assert {"snr_db": 5.0} in [group["by"] for group in summary["groups"]]


def test_a_condition_that_holds_exits_4_after_the_report_is_written_and_again_when_all_is_done(foreign: Path) -> None:
    for _ in range(2):
        done = evaluate(
            "--predictions", "theirs.csv", "-m", "f1", "-o", "g", "--fail-if", "f1@snr=5 < 0.99", cwd=foreign
        )
        assert done.returncode == 4
        assert "macro_f1" in done.stdout
        assert "f1@snr=5 < 0.99: it is 0." in done.stderr
    fine = evaluate("--predictions", "theirs.csv", "-m", "f1", "-o", "g", "--fail-if", "f1 < 0.1", cwd=foreign)
    assert fine.returncode == 0


def test_two_evaluations_are_compared_and_the_first_is_the_baseline(foreign: Path) -> None:
    text = (foreign / "theirs.csv").read_text().splitlines()
    rows = [line.split(",") for line in text[1:]]
    (foreign / "perfect.csv").write_text("\n".join([text[0], *(",".join([r[0], r[2], *r[2:]]) for r in rows)]) + "\n")
    for name in ("theirs", "perfect"):
        evaluate("--predictions", f"{name}.csv", "-m", "f1", "-o", f"e-{name}", cwd=foreign)
    done = evaluate("--compare", "e-theirs", "e-perfect", "-m", "f1", "-o", "versus", cwd=foreign)
    assert done.returncode == 0, done.stderr
    words = " ".join(done.stdout.split())
    assert "macro_f1: perfect minus theirs is +0." in words
    assert "after Holm: ahead (theirs has 0." in words
    summary = json.loads(evaluate("--compare", "e-theirs", "e-perfect", "-o", "versus2", "--json", cwd=foreign).stdout)
    assert summary["systems"] == ["theirs", "perfect"]
    assert set(summary["comparisons"][0]) >= {"system", "metric", "by", "difference", "p_value", "p_holm", "verdict"}


def test_several_sources_without_compare_are_refused(work: Path) -> None:
    done = evaluate("made", "clean", cwd=work)
    assert done.returncode == 2
    assert "--compare" in done.stderr
