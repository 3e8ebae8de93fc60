"""An enhancer that was trained on the patients who are scored is refused, wherever it stands."""

from dataclasses import replace
from pathlib import Path

import pytest

from merit_cli.enhancers.select import enhancer_config
from merit_cli.errors import CheckFailed
from merit_cli.io.atomic import write_json, write_yaml
from merit_cli.manifests.lineage import LINEAGE_NAME, Lineage
from merit_cli.workers import Machine
from merit_cli.workflows.classify_breath.corpus import BreathCorpus
from merit_cli.workflows.classify_breath.evaluate import run_breath_evaluate
from merit_cli.workflows.classify_breath.job import run_classify_breath
from merit_cli.workflows.classify_breath.lineage import check_enhanced_manifest, check_enhancer
from merit_cli.workflows.classify_breath.recipe import BreathRecipe


def _trained(folder: Path, *patients: str) -> Path:
    """A model folder as far as the check looks at it: it is made before any weight is loaded."""
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "model.safetensors").write_bytes(b"")
    if patients:
        lineage = Lineage("icbhi", "0", patients, ())
        write_json(folder / "model" / LINEAGE_NAME, lineage.to_json())
    return folder


def _test_patient(corpus: BreathCorpus) -> str:
    return next(u.speaker for u in corpus.utterances if u.split == "test")


def test_training_with_an_enhancer_that_heard_test_patients_is_refused_before_anything_is_written(
    breath_corpus: BreathCorpus, tmp_path: Path
) -> None:
    enhancer = enhancer_config(str(_trained(tmp_path / "ae", "x", _test_patient(breath_corpus))))
    recipe = BreathRecipe(enhance=enhancer, epochs=1)
    with pytest.raises(CheckFailed, match="trained or chosen on 1 of the") as caught:
        run_classify_breath(recipe, breath_corpus, output=tmp_path / "out", machine=Machine())
    assert caught.value.exit_code == 4
    assert not (tmp_path / "out").exists()


def test_evaluation_behind_such_an_enhancer_is_refused(
    breath_run: Path, breath_corpus: BreathCorpus, tmp_path: Path
) -> None:
    enhancer = enhancer_config(str(_trained(tmp_path / "ae", _test_patient(breath_corpus))))
    with pytest.raises(CheckFailed, match="trained or chosen on"):
        run_breath_evaluate(
            breath_run, breath_corpus, enhance=enhancer, split="test", output=tmp_path / "out", machine=Machine()
        )


def test_recordings_that_such_an_enhancer_made_before_are_refused(breath_corpus: BreathCorpus, tmp_path: Path) -> None:
    write_yaml(
        tmp_path / "recipe.yaml",
        {
            "enhancer": {
                "name": "from-checkpoint",
                "folder": str(_trained(tmp_path / "ae", _test_patient(breath_corpus))),
            }
        },
    )
    scored = [replace(u, enhancer="from-checkpoint") for u in breath_corpus.utterances if u.split == "test"]
    with pytest.raises(CheckFailed, match="trained or chosen on"):
        check_enhanced_manifest(tmp_path / "manifest.jsonl", scored, allow_leak=False)
    chained = [replace(u, enhancer="from-checkpoint+from-checkpoint") for u in scored]
    with pytest.raises(CheckFailed, match="does not say whom"):
        check_enhanced_manifest(tmp_path / "manifest.jsonl", chained, allow_leak=False)
    plain = [replace(u, enhancer="mmse-lsa") for u in scored]
    assert check_enhanced_manifest(tmp_path / "manifest.jsonl", plain, allow_leak=False) == []


def test_an_enhancer_of_other_patients_passes_and_one_without_lineage_does_not(
    breath_corpus: BreathCorpus, tmp_path: Path
) -> None:
    scored = [u for u in breath_corpus.utterances if u.split == "test"]
    fine = enhancer_config(str(_trained(tmp_path / "fine", "somebody")))
    silent = enhancer_config(str(_trained(tmp_path / "silent")))
    assert check_enhancer(fine, scored, allow_leak=False) == []
    assert check_enhancer(enhancer_config("mmse-lsa"), scored, allow_leak=False) == []
    with pytest.raises(CheckFailed, match="does not say whom it was trained on"):
        check_enhancer(silent, scored, allow_leak=False)
    assert check_enhancer(silent, scored, allow_leak=True)[0].startswith("LEAK ALLOWED")


def test_an_enhancer_that_is_gone_is_not_vouched_for(breath_corpus: BreathCorpus, tmp_path: Path) -> None:
    scored = [u for u in breath_corpus.utterances if u.split == "test"]
    gone = enhancer_config({"name": "from-checkpoint", "folder": str(tmp_path / "moved")})
    with pytest.raises(CheckFailed, match="does not say whom it was trained on"):
        check_enhancer(gone, scored, allow_leak=False)
