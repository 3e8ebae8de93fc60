import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from merit_cli.errors import BadData, CheckFailed, NoInput, UsageError
from merit_cli.io.audio_file import read_audio, write_audio
from merit_cli.io.jsonl import encode_line, read_lines
from merit_cli.io.shards import Shard
from merit_cli.manifests.read_write import read_manifest, write_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.workers import Machine
from merit_cli.workflows.mix import (
    MixSummary,
    load_plan,
    merge_shards,
    plan_mix,
    plan_replay,
    run_mix,
    save_plan,
)

RECIPE = MixRecipe(snr="-5:5", variants=3, stems=True)  # type: ignore[arg-type]  # the short spelling


def mix_into(output: Path, speech: Path, noise: Path, *, shard: Shard | None = None, workers: int = 1) -> MixSummary:
    machine = Machine(workers=workers)
    return run_mix(plan_mix(RECIPE, [speech], [noise], machine=machine), output=output, machine=machine, shard=shard)[1]


def bytes_of(folder: Path) -> dict[str, str]:
    paths = [path for part in ("noisy", "clean", "noise") for path in (folder / part).glob("*.flac")]
    paths.append(folder / "manifest.jsonl")
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


@pytest.fixture
def whole(tmp_path: Path, speech_folder: Path, noise_folder: Path) -> Path:
    mix_into(tmp_path / "whole", speech_folder, noise_folder)
    return tmp_path / "whole"


def test_merged_shards_are_the_bytes_of_one_run(
    tmp_path: Path, whole: Path, speech_folder: Path, noise_folder: Path
) -> None:
    for number in (3, 1, 2):
        mix_into(tmp_path / "o", speech_folder, noise_folder, shard=Shard(number, 3), workers=number)
    summary = merge_shards(tmp_path / "o")
    assert (summary.shards, summary.rendered) == (3, 12)
    assert bytes_of(tmp_path / "o") == bytes_of(whole)
    again = mix_into(tmp_path / "o", speech_folder, noise_folder)  # the whole run finds itself finished
    assert (again.rendered, again.already_done) == (0, 12)


def test_a_missing_and_an_unfinished_shard_are_named(tmp_path: Path, speech_folder: Path, noise_folder: Path) -> None:
    output = tmp_path / "o"
    with pytest.raises(NoInput, match="no shards"):
        merge_shards(tmp_path)
    mix_into(output, speech_folder, noise_folder, shard=Shard(1, 3))
    mix_into(output, speech_folder, noise_folder, shard=Shard(3, 3))
    with pytest.raises(NoInput, match="missing: 2/3"):
        merge_shards(output)
    mix_into(output, speech_folder, noise_folder, shard=Shard(2, 3))
    (output / "shards" / "2of3" / "DONE").unlink()
    with pytest.raises(NoInput, match="not finished: 2/3"):
        merge_shards(output)
    assert not (output / "manifest.jsonl").exists()


def test_overlapping_and_foreign_shards_are_refused(tmp_path: Path, speech_folder: Path, noise_folder: Path) -> None:
    output = tmp_path / "o"
    for number in (1, 2):
        mix_into(output, speech_folder, noise_folder, shard=Shard(number, 2))
    with pytest.raises(UsageError, match="shards of 2, not of 3"):
        mix_into(output, speech_folder, noise_folder, shard=Shard(3, 3))
    shutil.copytree(output / "shards" / "2of2", output / "shards" / "3of3")
    with pytest.raises(CheckFailed, match="different cuts"):
        merge_shards(output)
    shutil.rmtree(output / "shards" / "3of3")
    for name in ("ledger.jsonl", "manifest.jsonl"):  # shard 2 holds what shard 1 holds
        shutil.copy(output / "shards" / "1of2" / name, output / "shards" / "2of2" / name)
    with pytest.raises(CheckFailed, match="overlap"):
        merge_shards(output)


def test_a_mixture_whose_place_in_the_plan_is_not_noted_is_refused(
    tmp_path: Path, speech_folder: Path, noise_folder: Path
) -> None:
    mix_into(tmp_path / "o", speech_folder, noise_folder, shard=Shard(1, 1))
    ledger = tmp_path / "o" / "shards" / "1of1" / "ledger.jsonl"
    ledger.write_text(ledger.read_text().replace('"place"', '"other"'))
    with pytest.raises(CheckFailed, match="where 'utterance0__v0' stands in the plan"):
        merge_shards(tmp_path / "o")


def test_a_shard_of_another_mix_does_not_enter_the_folder(
    tmp_path: Path, speech_folder: Path, noise_folder: Path
) -> None:
    mix_into(tmp_path / "o", speech_folder, noise_folder, shard=Shard(1, 2))
    plan = plan_mix(MixRecipe(snr="20"), [speech_folder], [noise_folder], machine=Machine())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="snr"):
        run_mix(plan, output=tmp_path / "o", machine=Machine(), shard=Shard(2, 2))


def test_bad_inputs_are_counted_once_over_all_shards(tmp_path: Path, speech_folder: Path, noise_folder: Path) -> None:
    speech = tmp_path / "speech"
    shutil.copytree(speech_folder, speech)
    (speech / "empty.wav").touch()
    for number in (1, 2):
        mix_into(tmp_path / "o", speech, noise_folder, shard=Shard(number, 2))
    assert merge_shards(tmp_path / "o").failed == 1


def test_a_shard_that_is_retried_takes_back_the_merge(tmp_path: Path, noise_folder: Path) -> None:
    rows = []
    for name, level in (("a", 0.1), ("b", 0.0)):
        write_audio(tmp_path / f"{name}.wav", level * np.sin(np.arange(8000) * 0.2), 16000)
        rows.append(Utterance(name, tmp_path / f"{name}.wav", 16000, 8000))
    write_manifest(tmp_path / "s.jsonl", rows)
    for number in (1, 2):
        mix_into(tmp_path / "o", tmp_path / "s.jsonl", noise_folder, shard=Shard(number, 2))
    assert merge_shards(tmp_path / "o").skipped == 3
    write_audio(tmp_path / "b.wav", 0.1 * np.sin(np.arange(8000) * 0.2), 16000)
    plan = plan_mix(RECIPE, [tmp_path / "s.jsonl"], [noise_folder], machine=Machine())
    run_mix(plan, output=tmp_path / "o", machine=Machine(retry_failed=True), shard=Shard(2, 2))
    assert not (tmp_path / "o" / "DONE").exists()
    summary = merge_shards(tmp_path / "o")
    assert (summary.rendered, summary.skipped) == (6, 0)


def test_a_plan_on_disk_renders_the_same_bytes(
    tmp_path: Path, whole: Path, speech_folder: Path, noise_folder: Path
) -> None:
    plan = plan_mix(RECIPE, [speech_folder], [noise_folder], machine=Machine())
    assert save_plan(plan, tmp_path / "plan.jsonl") == 12
    loaded = load_plan(tmp_path / "plan.jsonl")
    assert list(loaded.mixtures) == list(plan.mixtures)
    for number in (1, 2):
        run_mix(loaded, output=tmp_path / "o", machine=Machine(), shard=Shard(number, 2))
    merge_shards(tmp_path / "o")
    assert bytes_of(tmp_path / "o") == bytes_of(whole)


def test_a_plan_that_was_cut_short_is_refused(tmp_path: Path, speech_folder: Path, noise_folder: Path) -> None:
    path = tmp_path / "plan.jsonl"
    save_plan(plan_mix(RECIPE, [speech_folder], [noise_folder], machine=Machine()), path)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-2]))
    with pytest.raises(BadData, match="10 of 12 mixtures"):
        list(load_plan(path).mixtures)
    path.write_text('{"id": "a"}\n')
    with pytest.raises(BadData, match="not a plan"):
        load_plan(path)


def test_a_plan_replaces_no_other_file(tmp_path: Path, speech_folder: Path, noise_folder: Path) -> None:
    path = tmp_path / "plan.jsonl"
    mine, other = (
        plan_mix(RECIPE.model_copy(update={"seed": seed}), [speech_folder], [noise_folder], machine=Machine())
        for seed in (0, 1)
    )
    save_plan(mine, path)
    save_plan(mine, path)  # the same command again
    kept = path.read_bytes()
    with pytest.raises(UsageError, match="another plan; these differ: recipe"):
        save_plan(other, path)
    assert path.read_bytes() == kept
    assert save_plan(other, path, overwrite=True) == 12
    path.write_text('{"id": "a"}\n')
    with pytest.raises(UsageError, match="is not a plan"):
        save_plan(mine, path, overwrite=True)
    assert path.read_text() == '{"id": "a"}\n'


def test_a_replay_is_the_same_corpus(tmp_path: Path, whole: Path) -> None:
    run_mix(plan_replay(whole, [], []), output=tmp_path / "again", machine=Machine(workers=2))
    assert bytes_of(tmp_path / "again") == bytes_of(whole)


def test_a_part_of_a_manifest_is_replayed_alone(tmp_path: Path, whole: Path) -> None:
    lines = [line for line in read_manifest(whole / "manifest.jsonl") if line.mixture and line.mixture.snr_db > 0]
    assert 0 < len(lines) < 12
    write_manifest(whole / "louder.jsonl", lines)
    summary = run_mix(plan_replay(whole / "louder.jsonl", [], []), output=tmp_path / "o", machine=Machine())[1]
    assert summary.rendered == len(lines)
    for line in lines:
        name = line.audio.name
        assert (tmp_path / "o" / "noisy" / name).read_bytes() == line.audio.read_bytes()


def test_a_replay_in_shards_keeps_the_order_of_its_manifest(tmp_path: Path, whole: Path) -> None:
    lines = read_manifest(whole / "manifest.jsonl")
    write_manifest(whole / "shuffled.jsonl", [*lines[9:], *lines[2::-1], *lines[3:9]])
    plan = plan_replay(whole / "shuffled.jsonl", [], [])
    run_mix(plan, output=tmp_path / "one", machine=Machine())
    for number in (1, 2, 3):
        run_mix(plan, output=tmp_path / "o", machine=Machine(), shard=Shard(number, 3))
    merge_shards(tmp_path / "o")
    assert bytes_of(tmp_path / "o") == bytes_of(tmp_path / "one")


def test_a_replay_of_changed_speech_fails_instead_of_differing(tmp_path: Path, whole: Path) -> None:
    (changed, *_) = [source for _, source in read_lines(whole / "sources" / "speech.jsonl")]
    path = whole / "sources" / changed["audio"]
    kept = path.read_bytes()
    write_audio(path, 0.5 * read_audio(path).samples, 16000)
    try:
        summary = run_mix(plan_replay(whole, [], []), output=tmp_path / "o", machine=Machine())[1]
    finally:
        path.write_bytes(kept)
    assert (summary.rendered, summary.failed) == (9, 3)
    for part in ("noisy", "clean", "noise"):  # nothing is left of those that failed
        assert len(list((tmp_path / "o" / part).iterdir())) == 9


def test_a_replay_without_its_sources_says_what_to_name(tmp_path: Path, whole: Path, speech_folder: Path) -> None:
    shutil.rmtree(whole / "sources")
    with pytest.raises(NoInput, match="not noted where the noise lies"):
        plan_replay(whole, [speech_folder], [])


def test_a_replay_under_a_recipe_with_an_unknown_key_names_it(whole: Path) -> None:
    with (whole / "recipe.yaml").open("a") as recipe:
        recipe.write("sedd: 3\n")
    with pytest.raises(UsageError, match="unknown key 'sedd'") as caught:
        plan_replay(whole, [], [])
    assert "'seed'" in caught.value.hint


def kill_and_finish(command: list[str], output: Path, at_lines: int) -> bool:
    """Kill the command once its ledger has so many lines, then run it to its end; whether it was still running."""
    victim = subprocess.Popen([*command, str(output)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ledger = output / "ledger.jsonl"
    while victim.poll() is None and not (ledger.exists() and ledger.read_bytes().count(b"\n") >= at_lines):
        time.sleep(0.002)
    was_running = victim.poll() is None
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    subprocess.run([*command, str(output)], check=True, capture_output=True)
    return was_running


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_a_run_killed_at_any_moment_ends_in_the_same_bytes(
    tmp_path: Path, speech_folder: Path, noise_folder: Path, times: int
) -> None:
    options = ["mix", str(speech_folder), str(noise_folder), "--snr=-5:5", "--variants", "90", "--stems", "-j", "2"]
    command = [sys.executable, "-m", "merit_cli", *options, "-o"]
    subprocess.run([*command, str(tmp_path / "whole")], check=True, capture_output=True)
    moments = random.Random(times)
    killed = 0
    for number in range(times):
        killed += kill_and_finish(command, tmp_path / str(number), moments.randint(0, 300))  # of 360
        assert bytes_of(tmp_path / str(number)) == bytes_of(tmp_path / "whole")
    assert killed > 0


def test_several_noises_are_summed_at_one_level_and_recorded(
    tmp_path: Path, speech_folder: Path, noise_folder: Path
) -> None:
    recipe = MixRecipe(snr="0", num_noises=2, stems=True)  # type: ignore[arg-type]
    run_mix(
        plan_mix(recipe, [speech_folder], [noise_folder], machine=Machine()), output=tmp_path / "o", machine=Machine()
    )
    for line in read_manifest(tmp_path / "o" / "manifest.jsonl"):
        assert line.mixture is not None
        assert len(set(line.mixture.noise_ids)) == 2
        assert line.mixture.achieved_snr_db == pytest.approx(0.0, abs=0.05)
        json.dumps(encode_line(line.to_line(tmp_path)))


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "auto"])
def test_a_shard_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_ARRAY_TASK_ID", raising=False)
    with pytest.raises(UsageError):
        Shard.parse(text)


def test_auto_reads_the_slurm_array(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ID", "5"), ("MIN", "4"), ("MAX", "7")):
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", value)
    assert Shard.parse("auto") == Shard(2, 4)
