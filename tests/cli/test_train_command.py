"""merit train and merit predict as typed, in one process."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import soundfile
import yaml

from merit_cli.cli.app import main
from merit_cli.models import MODELS

SMALL = [
    "--set",
    "model={name: sparse-merit, trunk_width: 16, trunk_blocks: 1, blstm_hidden: 8, ser_hidden: 8, "
    "expert_hidden: 16, expert_dim: 16}",
    "--set",
    "epochs=1",
    "-j",
    "1",
]
BREATH_KEYS = ("file", "start", "end", "label", "probability", "abstained", "reason", "quality")


@pytest.fixture
def merit(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve noisy bursts of two classes, six to train on."""
    import numpy as np

    from merit_cli.manifests.read_write import write_manifest
    from merit_cli.manifests.utterance import Utterance

    folder = tmp_path_factory.mktemp("corpus")
    generator = np.random.default_rng(5)
    lines = []
    for number in range(12):
        split = ("train", "dev")[number % 2]
        clean = 0.1 * np.sin(np.arange(6400) * (0.05 if number % 4 < 2 else 0.15)) * np.hanning(6400)
        paths = [folder / f"{part}{number}.wav" for part in ("noisy", "clean")]
        for path, samples in zip(paths, (clean + 0.05 * generator.standard_normal(6400), clean), strict=True):
            soundfile.write(path, samples, 16000)
        lines.append(
            Utterance(
                id=f"u{number}",
                audio=paths[0],
                clean=paths[1],
                sample_rate=16000,
                num_samples=6400,
                speaker=f"{split}{number % 3}",
                split=split,
                labels={"emotion": "low" if number % 4 < 2 else "high"},
            )
        )
    write_manifest(folder / "manifest.jsonl", lines)
    return folder


def fields(values: Sequence[dict[str, Any]]) -> set[str]:
    return {key for value in values for key in value}


def test_the_recipe_is_printed_resolved_and_nothing_is_written(merit: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = merit("train", "--model", "naive-mtl", "--set", "epochs=7", "--print-recipe")
    recipe = yaml.safe_load(out)
    assert (code, recipe["model"]["name"], recipe["epochs"]) == (0, "naive-mtl", 7)
    assert recipe["optimiser"]["weight_decay"] == 0.01
    assert list(tmp_path.iterdir()) == []


def test_train_then_predict_then_train_again(merit: Any, corpus: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    code, out, err = merit("train", corpus, *SMALL, "-o", run, "--json")
    assert code == 0, err
    summary = json.loads(out)
    assert set(summary) == {"run", "epochs", "best", "metrics"}
    assert set(summary["best"]) == {"epoch", "score"}
    assert set(summary["metrics"]) == {"macro_f1", "si_sdr_db"}
    code, out, _ = merit("train", corpus, *SMALL, "-o", run)
    assert code == 0
    assert "nothing to do" in out
    (run / "DONE").unlink()
    code, out, err = merit("train", "--resume", run, "--json", "-j", "1")
    assert (code, json.loads(out)) == (0, summary), err

    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF")
    arguments = ["predict", corpus / "noisy0.wav", bad, "--model", run, "--enhance", "--runs-dir", tmp_path / "runs"]
    code, out, err = merit(*arguments, "--json")
    assert code == 3, err
    answers = json.loads(out)
    assert fields(answers) == {*BREATH_KEYS, "probabilities", "enhanced"}
    assert (answers[0]["start"], answers[0]["end"]) == (0.0, 0.4)
    assert answers[0]["label"] in ("low", "high")
    assert set(answers[0]["probabilities"]) == {"low", "high"}
    assert soundfile.info(answers[0]["enhanced"]).frames == 6400
    assert answers[1]["label"] is None
    assert answers[1]["reason"]


def test_predictions_go_to_a_file_of_that_name(merit: Any, corpus: Path, tmp_path: Path) -> None:
    run, target = tmp_path / "run", tmp_path / "said.jsonl"
    merit("train", corpus, *SMALL, "-o", run, "--json")
    arguments = ["predict", corpus / "noisy0.wav", "--model", run, "-o", target, "--runs-dir", tmp_path / "runs"]
    code, out, err = merit(*arguments)
    assert code == 0, err
    assert str(target) in out
    assert set(json.loads(target.read_text(encoding="utf-8"))) == {"id", "split", "label", "predicted", "probabilities"}
    assert merit(*arguments)[0] == 2


def test_ratings_are_printed_in_the_scale_of_the_card(merit: Any, corpus: Path, tmp_path: Path) -> None:
    from merit_cli.manifests.read_write import Card, read_manifest, write_card, write_manifest

    rated = tmp_path / "rated"
    rated.mkdir()
    ratings = ({"arousal": 1.5, "valence": 3.0, "dominance": 2.0}, {"arousal": 4.5, "valence": 2.0, "dominance": 5.0})
    lines = [
        replace(one, labels=dict(ratings[n % 4 < 2])) for n, one in enumerate(read_manifest(corpus / "manifest.jsonl"))
    ]
    write_manifest(rated / "manifest.jsonl", lines)
    write_card(rated, Card(name="bursts", notes=("Rated by rule.",), attribute_scale=(1.0, 7.0)))
    run, small = tmp_path / "run", ["--set", "model.trunk_width=16", "--set", "epochs=1", "-j", "1"]
    code, out, err = merit("train", rated, "--model", "ser-attributes", *small, "-o", run, "--json")
    assert code == 0, err
    assert set(json.loads(out)["metrics"]) == {"ccc", "ccc_arousal", "ccc_valence", "ccc_dominance"}

    arguments = ["predict", corpus / "noisy0.wav", "--model", run, "--runs-dir", tmp_path / "runs"]
    code, out, err = merit(*arguments, "--json")
    answer = json.loads(out)[0]
    assert (code, answer["label"], answer["probabilities"]) == (0, None, {}), err
    assert set(answer["attributes"]) == {"arousal", "valence", "dominance"}
    assert all(1.0 <= value <= 7.0 for value in answer["attributes"].values())
    code, out, err = merit(*arguments)
    assert f"{answer['attributes']['valence']:.2f}" in out
    assert "Rated by rule." in err
    code, out, err = merit(*arguments, "-o", tmp_path / "said.csv")
    assert code == 0, err
    head, row = (tmp_path / "said.csv").read_text(encoding="utf-8").splitlines()
    assert head == "FileName,EmoAct,EmoVal,EmoDom"
    assert row.startswith(f"noisy0.wav,{answer['attributes']['arousal']:.6f},")


def test_labels_without_a_letter_are_no_answers_to_a_challenge(merit: Any, corpus: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    merit("train", corpus, *SMALL, "-o", run, "--json")
    out_file = tmp_path / "said.csv"
    arguments = ["predict", corpus / "noisy0.wav", "--model", run, "--runs-dir", tmp_path / "runs", "-o", out_file]
    code, _, err = merit(*arguments)
    assert code == 2
    assert "no letter for" in err
    assert not out_file.exists()
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--set", "model.num_expert=2"], 2, "num_experts"),
        (["--set", "backbone.name=log-mal"], 2, "log-mel"),
        (["--set", "optimiser.learning_rate=-1"], 2, "learning_rate"),
        (["--device", "cuda:9"], 69, "--device"),
        (["--recipe", "sparse_mert"], 66, "sparse_merit"),
    ],
)
def test_a_wrong_option_is_refused_with_a_hint(
    merit: Any, corpus: Path, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    found, _, err = merit("train", corpus, "-o", tmp_path / "run", *arguments)
    assert found == code, err
    assert words in err
    assert not (tmp_path / "run").exists()


def test_predict_without_a_trained_run_says_what_to_do(merit: Any, corpus: Path, tmp_path: Path) -> None:
    code, _, err = merit("predict", corpus / "noisy0.wav", "--runs-dir", tmp_path)
    assert code == 66
    assert "merit train" in err


def test_the_help_names_every_model(merit: Any) -> None:
    code, said, _ = merit("train", "--help")
    assert code == 0
    assert ",".join(MODELS.table) in "".join(said.split())  # a line may end at a hyphen
