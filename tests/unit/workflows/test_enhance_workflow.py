import hashlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from merit_cli.config.load import load_recipe, resolved
from merit_cli.enhancers.mmse_lsa import MmseLsaConfig
from merit_cli.errors import BadData, NoInput, Unavailable, UsageError
from merit_cli.io.audio_file import read_audio
from merit_cli.io.ledger import read_ledger
from merit_cli.io.run_dir import RunDir
from merit_cli.manifests.read_write import read_card, read_manifest, write_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.workers import Machine
from merit_cli.workflows.enhance import (
    EnhanceRecipe,
    EnhanceSummary,
    default_input,
    enhance_stream,
    find_inputs,
    run_enhance,
)
from merit_cli.workflows.enhance.single import write_all
from merit_cli.workflows.mix import plan_mix, run_mix


def enhance_into(
    output: Path | None,
    *specs: Path | str,
    workers: int = 1,
    retry: bool = False,
    runs: Path = Path("runs"),
    **keys: object,
) -> tuple[RunDir, EnhanceSummary]:
    machine = Machine(workers=workers, retry_failed=retry, runs_dir=runs)
    return run_enhance(load_recipe(EnhanceRecipe, flags=keys), find_inputs(specs), output=output, machine=machine)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, speech_folder: Path, noise_folder: Path) -> Path:
    output = tmp_path_factory.mktemp("mixed") / "mix"
    machine = Machine()
    plan = plan_mix(MixRecipe(snr="0", stems=True), [speech_folder], [noise_folder], machine=machine)  # type: ignore[arg-type]
    run_mix(plan, output=output, machine=machine)
    return output


def test_enhanced_lines_keep_ids_references_and_mixture(mixed: Path, tmp_path: Path) -> None:
    run, summary = enhance_into(tmp_path / "o", mixed)
    before = {line.id: line for line in read_manifest(mixed / "manifest.jsonl")}
    after = read_manifest(Path(summary.manifest))
    assert [line.id for line in after] == list(before)
    assert (summary.enhanced, summary.failed) == (4, 0)
    for line in after:
        source = before[line.id]
        assert line.audio == run.path.resolve() / "enhanced" / f"{line.id}.flac"
        assert line.enhancer == "mmse-lsa"
        assert line.noisy == source.audio
        assert (line.clean, line.noise, line.mixture, line.labels) == (
            source.clean,
            source.noise,
            source.mixture,
            source.labels,
        )
        info = soundfile.info(line.audio)
        assert (info.frames, info.samplerate) == (source.num_samples, source.sample_rate)


def test_the_written_audio_is_the_enhancers(mixed: Path, tmp_path: Path) -> None:
    _, summary = enhance_into(tmp_path / "o", mixed)
    line = read_manifest(Path(summary.manifest))[0]
    assert line.noisy is not None
    wanted = MmseLsaConfig().build()(read_audio(line.noisy).samples, 16000)
    assert np.abs(read_audio(line.audio).samples - wanted).max() <= 0.51 / 32768  # rounding to 16 bit


def test_the_card_of_the_mix_goes_along(mixed: Path, tmp_path: Path) -> None:
    _, summary = enhance_into(tmp_path / "o", mixed)
    card, source = read_card(Path(summary.manifest)), read_card(mixed / "manifest.jsonl")
    assert card is not None
    assert source is not None
    assert card.notes == source.notes


def test_a_bad_item_goes_on_the_ledger_and_the_rest_is_enhanced(tmp_path: Path) -> None:
    folder = tmp_path / "in put é"
    folder.mkdir()
    noise = 0.1 * np.random.default_rng(0).standard_normal(8000)
    soundfile.write(folder / "good one.wav", noise, 16000)
    soundfile.write(folder / "nan.wav", np.where(np.arange(8000) == 5, np.nan, noise), 16000, subtype="FLOAT")
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("not audio")
    run, summary = enhance_into(tmp_path / "o", folder)
    assert (summary.enhanced, summary.failed) == (1, 3)
    reasons = {Path(key).stem: entry.reason for key, entry in read_ledger(run.path / "ledger.jsonl").items()}
    assert "NaN" in reasons["nan"]
    assert "0 bytes" in reasons["empty"]
    assert "not audio" in reasons["text"]
    assert [line.id for line in read_manifest(Path(summary.manifest))] == ["good one"]


def test_a_mended_item_is_tried_again_on_request_only(mixed: Path, tmp_path: Path) -> None:
    lines = read_manifest(mixed / "manifest.jsonl")
    copy = tmp_path / "late.flac"
    broken = [*lines[:2], Utterance("late", copy, 16000, 8000)]
    write_manifest(tmp_path / "manifest.jsonl", broken)
    output = tmp_path / "o"
    assert enhance_into(output, tmp_path / "manifest.jsonl")[1].failed == 1
    soundfile.write(copy, 0.1 * np.random.default_rng(0).standard_normal(8000), 16000)
    run, again = enhance_into(output, tmp_path / "manifest.jsonl")
    assert (run.state, again.enhanced, again.already_done, again.failed) == ("done", 0, 2, 1)
    _, retried = enhance_into(output, tmp_path / "manifest.jsonl", retry=True)
    assert (retried.enhanced, retried.already_done, retried.failed) == (1, 2, 0)


def test_resume_enhances_only_what_is_missing(mixed: Path, tmp_path: Path) -> None:
    output = tmp_path / "o"
    run, _ = enhance_into(output, mixed)
    ledger = output / "ledger.jsonl"
    lines = ledger.read_text().splitlines(keepends=True)
    ledger.write_text("".join(lines[:2]) + lines[2][:20])  # a kill left a torn line
    (output / "DONE").unlink()
    kept = [Path(line.audio) for line in read_manifest(output / "manifest.jsonl")][:2]
    written = [path.stat().st_mtime_ns for path in kept]
    run, summary = enhance_into(output, mixed)
    assert (run.state, summary.enhanced, summary.already_done) == ("resumed", 2, 2)
    assert [path.stat().st_mtime_ns for path in kept] == written
    assert len(read_manifest(output / "manifest.jsonl")) == 4


def test_a_finished_run_has_nothing_to_do(mixed: Path, tmp_path: Path) -> None:
    first = enhance_into(tmp_path / "o", mixed)[1]
    run, second = enhance_into(tmp_path / "o", mixed)
    assert run.state == "done"
    assert (second.enhanced, second.already_done) == (0, first.enhanced)


def test_two_workers_give_the_same_bytes_as_one(mixed: Path, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, workers in zip(folders, (1, 2), strict=True):
        assert enhance_into(folder, mixed, workers=workers)[1].enhanced == 4
    one, two = [
        {
            p.name: hashlib.sha256(p.read_bytes()).hexdigest()
            for p in [*folder.glob("enhanced/*"), folder / "manifest.jsonl"]
        }
        for folder in folders
    ]
    assert one == two


def test_another_parameter_in_the_same_folder_is_refused_by_its_key(mixed: Path, tmp_path: Path) -> None:
    enhance_into(tmp_path / "o", mixed)
    with pytest.raises(UsageError, match=r"enhancer\.min_gain_db"):
        enhance_into(tmp_path / "o", mixed, enhancer={"min_gain_db": -10})


def test_runs_without_output_are_named_by_the_enhancer(mixed: Path, tmp_path: Path) -> None:
    run, _ = enhance_into(None, mixed, runs=tmp_path, enhancer={"name": "identity"})
    assert run.path.parent == tmp_path / "enhance"
    assert run.path.name == f"identity-{run.fingerprint}"


def test_the_newest_finished_mix_is_the_default(tmp_path: Path, mixed: Path) -> None:
    for age, name in enumerate(("old", "new", "unfinished")):
        folder = tmp_path / "mix" / name
        folder.mkdir(parents=True)
        if name != "unfinished":
            (folder / "DONE").write_text("{}")
            os.utime(folder / "DONE", (age, age))
    assert default_input(Machine(runs_dir=tmp_path)) == tmp_path / "mix" / "new"


def test_without_any_mix_the_error_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(NoInput, match="run merit mix first"):
        default_input(Machine(runs_dir=tmp_path))


def test_missing_weights_stop_before_a_folder_is_made(
    mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from merit_cli.workflows.enhance.item import built_enhancer

    built_enhancer.cache_clear()
    monkeypatch.setenv("MERIT_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(Unavailable, match="merit prepare weights gtcrn"):
        enhance_into(tmp_path / "o", mixed, enhancer={"name": "gtcrn"})
    assert not (tmp_path / "o").exists()


def test_a_segment_is_enhanced_alone_and_leaves_its_references(tmp_path: Path) -> None:
    long = tmp_path / "long.wav"
    soundfile.write(long, 0.1 * np.random.default_rng(0).standard_normal(16000), 16000)
    segment = Utterance("part", long, 16000, 4000, start=8000, clean=long, labels={"emotion": "x"})
    write_manifest(tmp_path / "manifest.jsonl", [segment])
    _, summary = enhance_into(tmp_path / "o", tmp_path / "manifest.jsonl", enhancer={"name": "identity"})
    line = read_manifest(Path(summary.manifest))[0]
    assert (line.start, line.num_samples, line.clean, line.noisy) == (0, 4000, None, None)
    assert line.labels == {"emotion": "x"}
    assert np.array_equal(read_audio(line.audio).samples, read_audio(long, start=8000, num_samples=4000).samples)


def test_an_enhanced_run_enhanced_again_names_both_and_keeps_the_mixture(mixed: Path, tmp_path: Path) -> None:
    enhance_into(tmp_path / "first", mixed, enhancer={"name": "spectral-gate"})
    _, summary = enhance_into(tmp_path / "second", tmp_path / "first")
    line, source = read_manifest(Path(summary.manifest))[0], read_manifest(mixed / "manifest.jsonl")[0]
    assert line.enhancer == "spectral-gate+mmse-lsa"
    assert line.noisy == source.audio


def test_rate_and_length_of_a_48_khz_stereo_file_are_kept(tmp_path: Path) -> None:
    stereo = 0.1 * np.random.default_rng(0).standard_normal((48123, 2))
    soundfile.write(tmp_path / "stereo.wav", stereo, 48000, subtype="PCM_24")
    _, summary = enhance_into(tmp_path / "o", tmp_path / "stereo.wav")
    info = soundfile.info(read_manifest(Path(summary.manifest))[0].audio)
    assert (info.samplerate, info.frames, info.channels) == (48000, 48123, 2)


def test_clipped_samples_are_counted_in_the_ledger(tmp_path: Path) -> None:
    loud = np.where(np.arange(4000) == 7, 3.0, 0.1)
    soundfile.write(tmp_path / "loud.wav", loud, 16000, subtype="FLOAT")
    run, _ = enhance_into(tmp_path / "o", tmp_path / "loud.wav", enhancer={"name": "identity"})
    assert read_ledger(run.path / "ledger.jsonl")["loud"].reason == "1 samples were clipped at full scale"


def test_the_recipe_writes_out_every_parameter_of_the_enhancer() -> None:
    tree = resolved(load_recipe(EnhanceRecipe, flags={"enhancer": {"name": "spectral-gate"}}))
    knobs = {"mix_back", "attenuation_limit"}
    assert tree["enhancer"]["name"] == "spectral-gate"
    assert set(tree["enhancer"]) == {"name", "threshold_db", "reduction_db", "release", "num_bins", *knobs}
    assert resolved(load_recipe(EnhanceRecipe, flags=tree)) == tree


def test_overrides_reach_the_enhancers_parameters() -> None:
    recipe = load_recipe(
        EnhanceRecipe, flags={"enhancer": {"name": "mmse-lsa"}}, overrides=["enhancer.min_gain_db=-12"]
    )
    assert recipe.enhancer == MmseLsaConfig(min_gain_db=-12.0)


def test_a_pipe_gives_a_wav_of_the_same_length(tmp_path: Path) -> None:
    source, sink = io.BytesIO(), io.BytesIO()
    soundfile.write(source, 0.1 * np.random.default_rng(0).standard_normal(12345), 22050, format="WAV")
    source.seek(0)
    enhance_stream(EnhanceRecipe(), source, sink, machine=Machine())
    sink.seek(0)
    enhanced, sample_rate = soundfile.read(sink)
    assert (len(enhanced), sample_rate) == (12345, 22050)


def test_a_sink_that_takes_a_part_at_a_time_gets_every_byte() -> None:
    class Narrow(io.BytesIO):
        def write(self, data: Any) -> int:
            return super().write(bytes(data[:7]))

    sink = Narrow()
    write_all(sink, bytes(range(100)))
    assert sink.getvalue() == bytes(range(100))


def test_an_empty_pipe_is_no_input() -> None:
    with pytest.raises(NoInput, match="nothing came on stdin"):
        enhance_stream(EnhanceRecipe(), io.BytesIO(), io.BytesIO(), machine=Machine())


def test_rubbish_in_a_pipe_is_bad_data_from_stdin() -> None:
    with pytest.raises(BadData, match="not audio") as caught:
        enhance_stream(EnhanceRecipe(), io.BytesIO(b"rubbish"), io.BytesIO(), machine=Machine())
    assert caught.value.place == "stdin"


def test_an_existing_output_file_is_kept_unless_asked(tmp_path: Path) -> None:
    source, target = tmp_path / "a.wav", tmp_path / "b.wav"
    soundfile.write(source, np.full(100, 0.1), 16000)
    target.write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        enhance_stream(EnhanceRecipe(), source, target, machine=Machine())
    enhance_stream(EnhanceRecipe(), source, target, machine=Machine(overwrite=True))
    assert soundfile.info(target).frames == 100


def test_each_channel_is_enhanced_by_itself(tmp_path: Path) -> None:
    left, right = 0.1 * np.random.default_rng(0).standard_normal((2, 16000))
    soundfile.write(tmp_path / "stereo.wav", np.stack([left, right], axis=1), 16000, subtype="PCM_24")
    soundfile.write(tmp_path / "right.wav", right, 16000, subtype="PCM_24")
    for name in ("stereo", "right"):
        enhance_into(tmp_path / name, tmp_path / f"{name}.wav", encoding="PCM_24")
    stereo, _ = soundfile.read(tmp_path / "stereo/enhanced/stereo.flac", dtype="float32")
    alone, _ = soundfile.read(tmp_path / "right/enhanced/right.flac", dtype="float32")
    assert np.array_equal(stereo[:, 1], alone)


def test_the_folder_tree_is_mirrored(tmp_path: Path) -> None:
    for place in ("in/one/a.wav", "in/two/a.wav"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / place, 0.1 * np.random.default_rng(0).standard_normal(4000), 16000)
    run, _ = enhance_into(tmp_path / "o", tmp_path / "in", enhancer="identity", format="wav")
    made = sorted(str(path.relative_to(run.path / "enhanced")) for path in (run.path / "enhanced").rglob("*.wav"))
    assert made == ["one/a.wav", "two/a.wav"]


def test_another_rate_can_be_asked_for_and_is_on_the_line(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(48000), 48000)
    _, summary = enhance_into(tmp_path / "o", tmp_path / "a.wav", enhancer="identity", rate=16000)
    line = read_manifest(Path(summary.manifest))[0]
    assert (line.sample_rate, line.num_samples, line.noisy) == (16000, 16000, None)
    assert soundfile.info(line.audio).samplerate == 16000


@pytest.mark.parametrize("rate", ["slow", 10, 1_000_000])
def test_a_rate_that_is_none_is_refused(rate: object) -> None:
    with pytest.raises(UsageError, match="rate"):
        load_recipe(EnhanceRecipe, flags={"rate": rate})


def test_a_device_or_precision_that_the_enhancer_does_not_have_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(4000), 16000)
    with pytest.raises(UsageError, match="on the CPU in fp32 only"):
        enhance_into(tmp_path / "o", tmp_path / "a.wav", precision="bf16")
    assert not (tmp_path / "o").exists()
