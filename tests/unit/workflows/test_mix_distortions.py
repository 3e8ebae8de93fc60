import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from merit_cli.io.audio_file import read_audio, write_audio
from merit_cli.manifests.read_write import read_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.workers import Machine
from merit_cli.workflows.mix import plan_mix, plan_replay, run_mix


def mix_into(output: Path, speech: Path, noise: Path, **keys: Any) -> list[Utterance]:
    plan = plan_mix(MixRecipe(**{"snr": "0", **keys}), [speech], [noise], machine=Machine())
    summary = run_mix(plan, output=output, machine=Machine())[1]
    assert summary.failed == summary.skipped == 0
    return read_manifest(output / "manifest.jsonl")


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".flac", ".wav") or path.name == "manifest.jsonl"
    }


CHAIN = [
    {"name": "band_limit", "high_hz": [2000, 3000], "where": "speech"},
    {"name": "stethoscope", "probability": 0.5},
    {"name": "clip", "peak_share": [0.3, 0.8]},
    {"name": "packet_loss", "loss": [0.02, 0.1]},
    {"name": "gain", "gain_db": [-10, 3]},
]


def test_a_chain_is_drawn_recorded_and_replayed(tmp_path: Path, speech_folder: Path, noise_folder: Path) -> None:
    lines = mix_into(tmp_path / "o", speech_folder, noise_folder, variants=4, distortions=CHAIN, stems=True)
    names = [tuple(one["name"] for one in line.mixture.distortions) for line in lines if line.mixture]
    assert {len(chain) for chain in names} == {4, 5}  # the stethoscope comes half of the time
    assert len({json.dumps(line.mixture.distortions) for line in lines if line.mixture}) == len(lines)
    run_mix(plan_replay(tmp_path / "o", [], []), output=tmp_path / "again", machine=Machine())
    assert digests(tmp_path / "o") == digests(tmp_path / "again")


def test_the_ratio_before_distortions_is_the_one_asked_for(
    tmp_path: Path, speech_folder: Path, noise_folder: Path
) -> None:
    for line in mix_into(tmp_path / "o", speech_folder, noise_folder, distortions=CHAIN, level="p56"):
        assert line.mixture is not None
        assert line.mixture.measured == "before distortions"
        assert line.mixture.achieved_snr_db == pytest.approx(0.0, abs=0.01)


def test_a_gain_keeps_the_ratio_of_the_files(tmp_path: Path, speech_folder: Path, noise_folder: Path) -> None:
    chain = [{"name": "gain", "gain_db": -12.0}]
    for line in mix_into(tmp_path / "o", speech_folder, noise_folder, distortions=chain):
        assert line.mixture is not None
        assert line.clean is not None
        assert line.mixture.measured == ""
        assert line.mixture.achieved_snr_db == pytest.approx(0.0, abs=0.05)
        source = read_audio(speech_folder / f"{line.mixture.clean_id}.wav").samples
        assert 20 * np.log10(np.std(read_audio(line.clean).samples) / np.std(source)) == pytest.approx(-12, abs=0.05)


def test_a_drawn_gain_is_that_of_each_target(tmp_path: Path, noise_folder: Path) -> None:
    source = 0.1 * np.sin(np.arange(16000) * 0.2)
    write_audio(tmp_path / "s" / "a.flac", source, 16000)  # a clean file could be copied, were it not turned down
    chain = [{"name": "gain", "gain_db": [-20, -1]}]
    for line in mix_into(tmp_path / "o", tmp_path / "s", noise_folder, distortions=chain, variants=4):
        assert line.mixture is not None
        assert line.clean is not None
        gain_db = 20 * np.log10(np.std(read_audio(line.clean).samples) / np.std(source))
        assert gain_db == pytest.approx(line.mixture.distortions[0]["gain_db"], abs=0.02)


def test_clean_speech_of_the_asked_format_is_copied(tmp_path: Path, noise_folder: Path) -> None:
    write_audio(tmp_path / "s" / "a.flac", 0.1 * np.sin(np.arange(16000) * 0.2), 16000)
    write_audio(tmp_path / "s" / "loud.flac", 0.95 * np.sin(np.arange(16000) * 0.2), 16000)
    lines = {line.id: line for line in mix_into(tmp_path / "o", tmp_path / "s", noise_folder)}
    copied, turned_down = lines["a__v0"].clean, lines["loud__v0"].clean
    assert copied is not None
    assert turned_down is not None
    assert copied.read_bytes() == (tmp_path / "s" / "a.flac").read_bytes()
    assert turned_down.read_bytes() != (tmp_path / "s" / "loud.flac").read_bytes()


def test_noise_filtered_alone_leaves_speech_as_it_was(tmp_path: Path, speech_folder: Path, noise_folder: Path) -> None:
    chain = [{"name": "band_limit", "high_hz": 1000, "where": "noise"}]
    for line in mix_into(tmp_path / "o", speech_folder, noise_folder, distortions=chain, stems=True):
        assert line.mixture is not None
        assert line.noise is not None
        assert line.mixture.measured == ""
        power = np.abs(np.fft.rfft(read_audio(line.noise).samples)) ** 2
        assert power[len(power) // 4 :].sum() < 1e-3 * power.sum()  # above 2 kHz
        assert line.mixture.achieved_snr_db == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize(
    "chain",
    [
        [{"name": "gain", "gain_db": -6}],  # keeps the ratio
        [{"name": "clip", "peak_share": 0.9}],  # does not, and the mixture is turned down after it
        [{"name": "gain", "gain_db": 12, "where": "speech"}, {"name": "clip", "peak_share": 0.9}],
    ],
)
def test_the_ratio_by_rms_beside_another_level_is_free_of_gains(
    tmp_path: Path, speech_folder: Path, noise_folder: Path, chain: list[dict[str, Any]]
) -> None:
    plain, *_ = mix_into(tmp_path / "plain", speech_folder, noise_folder, level="p56", snr="-20")
    line, *_ = mix_into(tmp_path / "o", speech_folder, noise_folder, level="p56", snr="-20", distortions=chain)
    assert plain.mixture is not None
    assert line.mixture is not None
    assert line.mixture.shared_gain < 1.0 or chain[0]["gain_db"] < 0
    assert line.mixture.other_snr_db["rms"] == pytest.approx(plain.mixture.other_snr_db["rms"], abs=0.02)


def test_reverberant_speech_has_an_early_target(tmp_path: Path, speech_folder: Path, noise_folder: Path) -> None:
    generator = np.random.default_rng(0)
    tail = generator.standard_normal(8000) * np.exp(-np.arange(8000) / 1600)
    write_audio(tmp_path / "rirs" / "hall.wav", np.concatenate([[0.9], 0.05 * tail]), 16000)
    chain = [{"name": "reverb", "files": str(tmp_path / "rirs"), "early_ms": 20}]
    for line in mix_into(tmp_path / "o", speech_folder, noise_folder, snr="40", distortions=chain):
        assert line.clean is not None
        noisy, target = read_audio(line.audio).samples, read_audio(line.clean).samples
        late = np.mean((noisy - target) ** 2) / np.mean(target**2)
        assert 10 * np.log10(late) > -20  # late reverberation is in what is heard, not in the target


LEVELS = ("rms", "active", "vad", "p56", "band")


def test_every_level_is_recorded_where_asked_for(tmp_path: Path, speech_folder: Path, noise_folder: Path) -> None:
    for line in mix_into(tmp_path / "o", speech_folder, noise_folder, levels_report=True, level="p56"):
        assert line.mixture is not None
        for kind in ("speech", "noise"):
            assert {f"{kind}_{level}" for level in LEVELS} <= set(line.mixture.levels)
        difference = line.mixture.levels["speech_rms"] - line.mixture.levels["noise_rms"]
        assert line.mixture.other_snr_db["rms"] == pytest.approx(difference, abs=0.03)


def test_the_levels_on_record_are_those_of_the_ratio(tmp_path: Path, speech_folder: Path, noise_folder: Path) -> None:
    chain = [{"name": "gain", "gain_db": 6, "where": "speech"}, {"name": "clip", "peak_share": 0.5}]
    for number, distortions in enumerate(([], chain)):
        output = tmp_path / str(number)
        lines = mix_into(
            output, speech_folder, noise_folder, levels_report=True, snr="-20", level="p56", distortions=distortions
        )
        for line in lines:
            assert line.mixture is not None
            assert line.mixture.shared_gain < 1.0
            ratio = line.mixture.levels["speech_p56"] - line.mixture.levels["noise_p56"]
            assert ratio == pytest.approx(-20.0, abs=0.03)


SCRIPT = """
import sys
from pathlib import Path
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.workers import Machine
from merit_cli.workflows.mix import plan_mix, run_mix
speech, noise, output = map(Path, sys.argv[1:])
for level in ("rms", "active", "vad", "p56", "band"):
    plan = plan_mix(MixRecipe(snr="-5:5", level=level, variants=3), [speech], [noise], machine=Machine())
    run_mix(plan, output=output / level, machine=Machine())
"""


def test_the_samples_do_not_depend_on_the_features_of_the_processor(
    tmp_path: Path, speech_folder: Path, noise_folder: Path
) -> None:
    from numpy._core import _multiarray_umath as features

    known = [name for name in features.__cpu_dispatch__ if features.__cpu_features__[name]]
    if not known:
        pytest.skip("NumPy dispatches nothing on this processor")
    plain = {
        "NPY_DISABLE_CPU_FEATURES": " ".join(known),
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX2_Usable,-FMA_Usable,-FMA4",
        "OMP_NUM_THREADS": "3",
    }
    for name, extra in (("as-it-is", {}), ("plain", plain)):
        command = [sys.executable, "-c", SCRIPT, str(speech_folder), str(noise_folder), str(tmp_path / name)]
        subprocess.run(command, check=True, env={**os.environ, **extra}, capture_output=True)
    assert digests(tmp_path / "as-it-is") == digests(tmp_path / "plain")
    assert len(digests(tmp_path / "plain")) == 5 * (4 * 3 * 2 + 1)
