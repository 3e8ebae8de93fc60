import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from merit_cli.errors import CheckFailed, NoInput, UsageError
from merit_cli.io.audio_file import write_audio
from merit_cli.manifests.read_write import Card, read_manifest, write_card, write_manifest
from merit_cli.mixing.measure_pair import MeasureJob, measure_pair
from merit_cli.mixing.pair_findings import Finding
from merit_cli.mixing.pairs import Pair, PairRules
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.workers import Machine
from merit_cli.workflows.mix import plan_mix, run_mix
from merit_cli.workflows.mix.verify import AuditSummary, run_verify

RATE = 16000
RULES = PairRules(claimed_snr=r"at (?P<snr>-?[\d.]+)")
Samples = npt.NDArray[np.float64]
Put = Callable[..., Path]


def voice(seed: int, num_samples: int = RATE) -> Samples:
    """Harmonics of a gliding pitch in bursts."""
    time = np.arange(num_samples) / RATE
    phase = 2.0 * np.pi * np.cumsum(110.0 + 7.0 * seed + 30.0 * np.sin(5.0 * time + seed)) / RATE
    wave = sum(np.sin(k * phase) / k for k in range(1, 12))
    return np.asarray(0.04 * wave * np.clip(np.sin(2.0 * np.pi * 2.0 * time + seed), 0.0, None))


def hiss(clean: Samples, snr_db: float, seed: int = 0) -> Samples:
    noise = np.random.default_rng(seed).standard_normal(clean.size)
    return np.asarray(noise * np.sqrt(np.mean(clean**2) / np.mean(noise**2) / 10.0 ** (snr_db / 10.0)))


def put(root: Path, name: str, clean: Samples, noise: Samples, *, noisy: Samples | None = None) -> None:
    for part, samples in (("noisy", clean + noise if noisy is None else noisy), ("clean", clean), ("noise", noise)):
        write_audio(root / part / f"{name}.wav", samples, RATE)


@pytest.fixture(scope="module")
def wrong_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One good pair, and one for each thing that can be wrong."""
    root = tmp_path_factory.mktemp("wrong")
    names = [
        "train/good at 5",
        "train/three dB off at 5",
        "train/clipped at 5",
        "train/silent at 5",
        "train/shifted at 5",
    ]
    names += ["train/short at 5", "train/cut at 5", "train/empty at 5", "train/scaled at 5", "train/lone at 5"]
    names += [
        "train/nan at 5",
        "train/rate at 5",
        "train/stereo at 5",
        "train/not the sum at 5",
        "train/rain at 5",
        "test/rain again at 5",
    ]
    for number, name in enumerate(names):
        clean = voice(number)
        put(root, name, clean, hiss(clean, 5.0, number))
    clean = voice(1)
    put(root, names[1], clean, hiss(clean, 2.0, 1))
    clean = voice(2) * 4.0
    put(root, names[2], clean, hiss(clean, 5.0, 2), noisy=np.clip(clean + hiss(clean, 5.0, 2), -0.1, 0.1))
    put(root, names[3], np.zeros(RATE), hiss(voice(3), 5.0, 3))
    clean = voice(4)
    put(root, names[4], clean, hiss(clean, 5.0, 4), noisy=np.roll(clean, 80) + hiss(clean, 5.0, 4))
    write_audio(root / "clean" / f"{names[5]}.wav", voice(5)[:-7], RATE)
    cut = root / "noisy" / f"{names[6]}.wav"
    cut.write_bytes(cut.read_bytes()[:9000])
    (root / "clean" / f"{names[7]}.wav").write_bytes(b"")
    write_audio(root / "clean" / f"{names[8]}.wav", 0.5 * voice(8), RATE)
    (root / "clean" / f"{names[9]}.wav").unlink()
    soundfile.write(
        root / "noisy" / f"{names[10]}.wav",
        np.where(np.arange(RATE) < 3, np.nan, voice(10) + hiss(voice(10), 5.0, 10)),
        RATE,
        subtype="FLOAT",
    )
    write_audio(root / "clean" / f"{names[11]}.wav", voice(11), 8000)
    soundfile.write(root / "clean" / f"{names[12]}.wav", np.stack([voice(12)] * 2, axis=1), RATE)
    write_audio(root / "noise" / f"{names[13]}.wav", hiss(voice(13), 5.0, 99), RATE)
    clean = voice(15) * np.sqrt(np.mean(voice(14) ** 2) / np.mean(voice(15) ** 2))
    put(root, names[15], clean, hiss(voice(14), 5.0, 14))
    return root


@pytest.fixture(scope="module")
def audit(wrong_folder: Path) -> AuditSummary:
    return run_verify(wrong_folder, rules=RULES)


def named(audit: AuditSummary, name: str) -> list[tuple[str, str]]:
    return [(one.kind, one.part) for one in audit.findings if one.id.endswith(f"__{name}")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("good at 5", []),
        ("three dB off at 5", [("snr", "noisy")]),
        ("clipped at 5", [("clipped", "noisy"), ("sum", "noise"), ("snr", "noisy")]),
        ("silent at 5", [("silent", "clean")]),
        ("shifted at 5", [("sum", "noise"), ("misaligned", "clean")]),
        ("short at 5", [("length", "clean")]),
        ("cut at 5", [("unreadable", "noisy")]),
        ("empty at 5", [("unreadable", "clean")]),
        ("scaled at 5", [("sum", "noise"), ("scaled", "clean")]),
        ("lone at 5", [("missing", "clean")]),
        ("nan at 5", [("nan", "noisy")]),
        ("rate at 5", [("sample_rate", "clean")]),
        ("stereo at 5", [("channels", "clean")]),
        ("not the sum at 5", [("sum", "noise")]),
        ("rain at 5", [("shared", "noise")]),
        ("rain again at 5", []),
    ],
)
def test_each_wrong_pair_is_named_with_what_is_wrong(
    audit: AuditSummary, name: str, expected: list[tuple[str, str]]
) -> None:
    assert sorted(named(audit, name)) == sorted(expected)


def test_findings_say_what_was_claimed_and_what_was_measured(audit: AuditSummary) -> None:
    values = {(one.id.split("__")[-1], one.kind): (one.claimed, one.measured) for one in audit.findings}
    claimed, measured = values["three dB off at 5", "snr"]
    assert claimed == 5.0
    assert measured == pytest.approx(2.0, abs=0.02)
    assert values["short at 5", "length"] == (RATE, RATE - 7)
    assert values["shifted at 5", "misaligned"] == (0, 80)
    assert values["scaled at 5", "scaled"][1] == pytest.approx(2.0, abs=0.05)
    assert values["nan at 5", "nan"] == (0, 3)
    assert values["rate at 5", "sample_rate"] == (RATE, 8000)
    assert values["rain at 5", "shared"] == ("only in train", "test: noisy__test__rain again at 5")


def test_the_summary_counts_and_the_json_holds_the_contract(audit: AuditSummary) -> None:
    stored = json.loads(json.dumps(audit.to_json(), allow_nan=False))
    assert list(stored)[:4] == ["checked", "outside", "worst", "findings"]
    assert {"id", "kind", "claimed", "measured"} <= set(stored["findings"][0])
    assert audit.checked == 16
    assert audit.outside == 2  # 3 dB off, and clipped
    assert audit.worst == pytest.approx(3.0, abs=0.02)
    with pytest.raises(CheckFailed, match=r"of 16 pairs 2 are more than 0.1 dB off"):
        audit.raise_if_bad()


def test_two_workers_find_the_same_in_the_same_order(wrong_folder: Path, audit: AuditSummary) -> None:
    assert run_verify(wrong_folder, rules=RULES, machine=Machine(workers=2)) == audit


def test_a_wider_tolerance_lets_the_ratio_pass(wrong_folder: Path) -> None:
    wide = run_verify(wrong_folder, rules=RULES, tolerance_db=40.0)
    assert wide.outside == 0
    assert "snr" not in {one.kind for one in wide.findings}


@pytest.mark.parametrize("level", ["rms", "active", "vad", "p56"])
def test_a_right_run_of_ours_has_no_findings(
    tmp_path: Path, speech_folder: Path, noise_folder: Path, level: str
) -> None:
    plan = plan_mix(
        MixRecipe(snr="-5,0,5,10", level=level, stems=True),  # type: ignore[arg-type]
        [speech_folder], [noise_folder], machine=Machine(),
    )  # fmt: skip
    run_mix(plan, output=tmp_path / "o", machine=Machine())
    audit = run_verify(tmp_path / "o")
    assert audit.findings == ()
    assert (audit.checked, audit.measured, audit.outside) == (16, 16, 0)
    assert audit.worst is not None
    assert audit.worst < 0.05
    audit.raise_if_bad()


def test_coding_is_not_held_against_lossy_files_and_a_wrong_ratio_is(
    tmp_path: Path, speech_folder: Path, noise_folder: Path
) -> None:
    recipe = MixRecipe(snr="0,20", format="ogg", encoding="VORBIS")  # type: ignore[arg-type]
    plan = plan_mix(recipe, [speech_folder], [noise_folder], machine=Machine())
    run_mix(plan, output=tmp_path / "o", machine=Machine())
    audit = run_verify(tmp_path / "o")
    assert (audit.outside, audit.findings, audit.measured) == (0, (), 8)
    assert any("coding moved their ratio" in sentence for sentence in audit.not_checked)
    first, second, *rest = read_manifest(tmp_path / "o" / "manifest.jsonl")
    assert first.mixture is not None
    assert second.mixture is not None
    changed = replace(first.mixture, snr_db=first.mixture.snr_db + 6.0), replace(second.mixture, achieved_snr_db=19.5)
    lines = [replace(line, mixture=mixture) for line, mixture in zip((first, second), changed, strict=True)]
    write_manifest(tmp_path / "o" / "manifest.jsonl", [*lines, *rest])
    assert [(one.id, one.kind) for one in run_verify(tmp_path / "o").findings] == [
        (first.id, "snr"),
        (second.id, "snr"),
    ]


@pytest.fixture
def run(tmp_path: Path, speech_folder: Path, noise_folder: Path) -> Path:
    plan = plan_mix(MixRecipe(snr="0"), [speech_folder], [noise_folder], machine=Machine())  # type: ignore[arg-type]
    run_mix(plan, output=tmp_path / "o", machine=Machine())
    return tmp_path / "o" / "manifest.jsonl"


def test_a_manifest_that_states_another_ratio_length_or_rate_is_caught(run: Path) -> None:
    first, second, third, *rest = read_manifest(run)
    assert first.mixture is not None
    lines = [replace(first, mixture=replace(first.mixture, snr_db=3.0)), replace(second, num_samples=5)]
    write_manifest(run, [*lines, replace(third, sample_rate=8000), *rest])
    found = [(one.id, one.kind, one.claimed) for one in run_verify(run).findings]
    assert found == [(first.id, "snr", 3.0), (second.id, "length", 5), (third.id, "sample_rate", 8000)]


def test_a_ratio_that_distortion_has_undone_is_not_held_against_its_claim(run: Path) -> None:
    lines = [
        replace(u, mixture=replace(u.mixture, snr_db=9.0, measured="before distortions"))
        for u in read_manifest(run)
        if u.mixture
    ]
    write_manifest(run, lines)
    audit = run_verify(run)
    assert (audit.findings, audit.measured) == ((), 0)
    assert "4 pairs were distorted after they were mixed" in " ".join(audit.not_checked)


def shared_splits(run: Path) -> None:
    splits = ["train", "train", "test", "test"]
    lines = [
        replace(u, split=split, speaker="ann", mixture=replace(u.mixture, noise_id="n1"))
        for u, split in zip(read_manifest(run), splits, strict=True)
        if u.mixture
    ]
    write_manifest(run, lines)


def test_names_shared_by_splits_are_found_in_a_manifest(run: Path) -> None:
    shared_splits(run)
    found = [one for one in run_verify(run).findings if one.kind == "shared"]
    assert found == [
        Finding("n1", "shared", "noise", "one split", "test, train"),
        Finding("ann", "shared", "speaker", "one split", "test, train"),
    ]


def test_sharing_that_is_allowed_is_said_instead(run: Path) -> None:
    shared_splits(run)
    allowed = run_verify(run, allow_leak=True)
    assert allowed.is_good
    assert sum("LEAK ALLOWED" in note for note in allowed.not_checked) == 2
    write_card(run.parent, Card(name="x", shared_groups=("speaker",)))
    assert [one.part for one in run_verify(run).findings] == ["noise"]


def test_a_clean_file_in_two_splits_is_found_under_another_name(tmp_path: Path) -> None:
    for number, name in enumerate(["train/a", "test/b"]):
        put(tmp_path, name, voice(0), hiss(voice(0), 5.0, number))
    assert [(one.id, one.part) for one in run_verify(tmp_path).findings] == [("noisy__train__a", "clean")]


def test_the_same_mixture_twice_in_a_split_is_remarked_on_and_no_error(tmp_path: Path) -> None:
    for name in ("a", "b"):
        put(tmp_path, name, voice(0), hiss(voice(0), 5.0))
    audit = run_verify(tmp_path)
    assert [(one.id, one.kind, one.measured) for one in audit.findings] == [("noisy__b", "duplicate", "noisy__a")]
    assert audit.is_good


def test_without_claims_the_ratios_are_reported_and_none_is_outside(tmp_path: Path) -> None:
    for number, snr_db in enumerate([-10.0, 0.0, 15.0]):
        put(tmp_path, f"{number}", voice(number), hiss(voice(number), snr_db, number))
    audit = run_verify(tmp_path)
    assert audit.achieved_snr_db is not None
    spread = (audit.achieved_snr_db.min, audit.achieved_snr_db.median, audit.achieved_snr_db.max)
    assert spread == pytest.approx((-10.0, 0.0, 15.0), abs=0.02)
    assert (audit.outside, audit.worst, audit.findings) == (0, None, ())
    assert "3 of 3 pairs claim no ratio" in audit.not_checked[0]
    assert "not two splits" in audit.not_checked[1]


def test_noise_fainter_than_16_bits_can_hold_is_remarked_on(tmp_path: Path) -> None:
    for part, samples in (("noisy", voice(0) + hiss(voice(0), 75.0)), ("clean", voice(0))):
        (tmp_path / part).mkdir()
        soundfile.write(tmp_path / part / "a.wav", samples, RATE, subtype="FLOAT")
    assert [(one.kind, one.is_error) for one in run_verify(tmp_path).findings] == [("level", False)]


def test_a_clean_file_that_was_clipped_at_its_source_is_no_error(tmp_path: Path) -> None:
    clean = np.clip(3.0 * voice(0), -0.2, 0.2)
    put(tmp_path, "a", clean, hiss(clean, 5.0))
    assert [(one.kind, one.part, one.is_error) for one in run_verify(tmp_path).findings] == [
        ("clipped", "clean", False)
    ]


def test_a_file_that_a_manifest_names_and_that_is_gone_is_missing(run: Path) -> None:
    line = read_manifest(run)[1]
    assert line.clean is not None
    line.clean.unlink()
    line.audio.write_bytes(b"junk")
    assert [(one.id, one.kind, one.part) for one in run_verify(run).findings] == [
        (line.id, "unreadable", "noisy"), (line.id, "missing", "clean")
    ]  # fmt: skip


def test_two_talkers_add_up(tmp_path: Path) -> None:
    parts = {"s1": voice(1), "s2": voice(2), "noise": hiss(voice(1), 10.0)}
    for name, samples in (*parts.items(), ("mix_both", sum(parts.values()))):
        write_audio(tmp_path / name / "1_2.wav", np.asarray(samples), RATE)
    audit = run_verify(tmp_path)
    assert audit.findings == ()
    expected = 10 * np.log10(np.mean((parts["s1"] + parts["s2"]) ** 2) / np.mean(parts["noise"] ** 2))
    assert audit.achieved_snr_db is not None
    assert audit.achieved_snr_db.median == pytest.approx(expected, abs=0.02)


def test_files_longer_than_a_block_are_measured_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a at 5", voice(0), hiss(voice(0), 5.0))
    whole = run_verify(tmp_path, rules=RULES)
    monkeypatch.setattr("merit_cli.io.audio_blocks.BLOCK_SAMPLES", 1000)
    assert run_verify(tmp_path, rules=RULES) == whole


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    snr_db=st.floats(-20.0, 40.0),
    gain=st.floats(0.01, 4.0),
    num_channels=st.sampled_from([1, 2]),
    seed=st.integers(0, 1000),
)
def test_the_measured_ratio_is_the_one_that_was_built(
    tmp_path: Path, snr_db: float, gain: float, num_channels: int, seed: int
) -> None:
    clean = gain * voice(seed, 8000)
    noise = hiss(clean, snr_db, seed)
    for name, samples in (("noisy", clean + noise), ("clean", clean)):
        soundfile.write(tmp_path / f"{name}.wav", np.stack([samples] * num_channels, axis=1), RATE, subtype="FLOAT")
    pair = Pair("a", tmp_path / "noisy.wav", (tmp_path / "clean.wav",), claimed_snr_db=snr_db)
    report = measure_pair(MeasureJob(0, pair, tolerance_db=0.01))
    assert report.achieved_snr_db == pytest.approx(snr_db, abs=0.01)
    assert {one.kind for one in report.findings} <= {"clipped", "level"}


def test_a_folder_without_pairs_or_a_senseless_tolerance_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoInput):
        run_verify(tmp_path)
    with pytest.raises(UsageError, match="tolerance"):
        run_verify(tmp_path, tolerance_db=0.0)
