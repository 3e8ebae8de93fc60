"""What counts as background: the rest of a recording that was annotated throughout, and nothing else."""

from dataclasses import replace
from pathlib import Path

from merit_cli.corpora.breath_reading import UNANNOTATED_GAPS
from merit_cli.manifests.mixture import Mixture
from merit_cli.manifests.utterance import Utterance
from merit_cli.workflows.classify_breath.cycles import background_stretches

CYCLE = Utterance(
    "r__c01",
    Path("/r.wav"),
    4000,
    8000,
    start=8000,
    speaker="101",
    split="test",
    labels={"breath": "normal"},
    info={"recording_samples": "40000"},
)
MIXED = Mixture(
    clean_id="r__c01",
    noise_id="n",
    noise_class="rain",
    snr_db=5.0,
    achieved_snr_db=5.0,
    level="rms",
    variant=0,
    noise_start=0,
    gain=1.0,
    shared_gain=1.0,
    seed=0,
)


def test_what_no_cycle_covers_is_background() -> None:
    spans = [(gap.start, gap.num_samples) for gap in background_stretches([CYCLE])]
    assert spans == [(0, 8000), (16000, 24000)]


def test_a_mixture_of_one_cycle_has_no_background() -> None:
    """Its file ends with the cycle, whatever the length of the recording that it came from."""
    assert background_stretches([replace(CYCLE, start=0, mixture=MIXED)]) == []


def test_an_enhanced_cycle_has_no_background() -> None:
    assert background_stretches([replace(CYCLE, start=0, enhancer="mmse-lsa")]) == []


def test_gaps_that_nobody_annotated_are_no_background() -> None:
    assert background_stretches([replace(CYCLE, info={**CYCLE.info, **UNANNOTATED_GAPS})]) == []
