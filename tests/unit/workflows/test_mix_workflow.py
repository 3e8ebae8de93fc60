import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from merit_cli.errors import CheckFailed, NoInput
from merit_cli.io.audio_file import read_audio, write_audio
from merit_cli.io.jsonl import LineWriter
from merit_cli.io.ledger import Ledger
from merit_cli.manifests.read_write import read_manifest, write_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.workers import Machine
from merit_cli.workflows.mix import MixSummary, load_plan, plan_mix, plan_replay, run_mix, save_plan


def mix_into(
    output: Path, speech: Path, noise: Path, *, workers: int = 1, retry: bool = False, **keys: object
) -> MixSummary:
    machine = Machine(workers=workers, retry_failed=retry)
    plan = plan_mix(MixRecipe(**keys), [speech], [noise], machine=machine)  # type: ignore[arg-type]
    return run_mix(plan, output=output, machine=machine)[1]


def bytes_of(folder: Path) -> dict[str, str]:
    paths = [*folder.glob("*/*.flac"), folder / "manifest.jsonl"]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


@pytest.mark.parametrize("level", ["rms", "active", "p56"])
def test_each_written_mixture_measures_the_requested_snr(
    tmp_path: Path, speech_folder: Path, noise_folder: Path, level: str
) -> None:
    summary = mix_into(tmp_path / "o", speech_folder, noise_folder, snr="-5,0,5", level=level)
    assert (summary.rendered, summary.failed, summary.skipped) == (12, 0, 0)
    assert summary.worst_snr_error_db <= 0.05
    if level == "rms":  # measured here a second time, by hand
        for line in read_manifest(tmp_path / "o" / "manifest.jsonl"):
            assert line.clean is not None
            assert line.mixture is not None
            noisy, clean = (read_audio(path).samples.astype(float) for path in (line.audio, line.clean))
            measured = 10 * np.log10(np.sum(clean**2) / np.sum((noisy - clean) ** 2))
            assert measured == pytest.approx(line.mixture.snr_db, abs=0.05)


def test_one_worker_and_two_give_the_same_bytes(tmp_path: Path, speech_folder: Path, noise_folder: Path) -> None:
    mix_into(tmp_path / "one", speech_folder, noise_folder, stems=True)
    mix_into(tmp_path / "two", speech_folder, noise_folder, stems=True, workers=2)
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")
    assert len(bytes_of(tmp_path / "one")) == 3 * 12 + 1


def test_a_killed_run_resumed_gives_the_same_bytes(tmp_path: Path, speech_folder: Path, noise_folder: Path) -> None:
    options = ["mix", str(speech_folder), str(noise_folder), "--snr", "-5:5", "--variants", "60", "-o"]
    command = [sys.executable, "-m", "merit_cli", *options]
    subprocess.run([*command, str(tmp_path / "whole")], check=True, capture_output=True)
    victim = subprocess.Popen([*command, str(tmp_path / "cut")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ledger = tmp_path / "cut" / "ledger.jsonl"
    while not (ledger.exists() and len(ledger.read_bytes().splitlines()) > 20):
        time.sleep(0.005)
        assert victim.poll() is None, "the run ended before it could be killed"
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    assert not (tmp_path / "cut" / "DONE").exists()
    done = subprocess.run([*command, str(tmp_path / "cut"), "--json"], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout)["already_done"] > 20
    assert bytes_of(tmp_path / "cut") == bytes_of(tmp_path / "whole")


def test_a_finished_run_is_not_touched_again(tmp_path: Path, speech_folder: Path, noise_folder: Path) -> None:
    mix_into(tmp_path / "o", speech_folder, noise_folder, snr="0")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "o").rglob("*")}
    summary = mix_into(tmp_path / "o", speech_folder, noise_folder, snr="0")
    assert (summary.rendered, summary.already_done) == (0, 4)
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "o").rglob("*")}


def test_bad_items_are_listed_and_the_others_rendered(tmp_path: Path, noise_folder: Path) -> None:
    speech = tmp_path / "speech"
    speech.mkdir()
    good = 0.1 * np.sin(np.arange(8000) * 0.2)
    write_audio(speech / "good.wav", good, 16000)
    write_audio(speech / "silent.wav", np.zeros(8000), 16000)
    soundfile.write(speech / "nan.wav", np.where(np.arange(8000) == 5, np.nan, good), 16000, subtype="FLOAT")
    (speech / "empty.wav").touch()
    (speech / "cut.wav").write_bytes((speech / "good.wav").read_bytes()[:4000])
    soundfile.write(speech / "stereo 8k ä.wav", np.stack([good, good], axis=1), 8000, subtype="PCM_24")
    summary = mix_into(tmp_path / "o", speech, noise_folder, snr="0")
    ledger = {}
    for text in (tmp_path / "o" / "ledger.jsonl").read_text().splitlines():
        line = json.loads(text)
        ledger[Path(line["id"]).stem.removesuffix("__v0")] = (line["status"], line.get("reason", ""))
    assert {name: status for name, (status, _) in ledger.items()} == {
        "good": "done", "silent": "skipped", "nan": "failed", "empty": "failed", "cut": "failed", "stereo 8k ä": "done"
    }  # fmt: skip
    assert "truncated" in ledger["cut"][1]
    assert "NaN" in ledger["nan"][1]
    assert (summary.rendered, summary.skipped, summary.failed) == (2, 1, 3)


def test_speech_is_not_mixed_with_itself_nor_with_a_copy(tmp_path: Path, speech_folder: Path) -> None:
    copies = tmp_path / "copies"
    shutil.copytree(speech_folder, copies)
    for number, noise in enumerate((speech_folder, copies)):
        output = tmp_path / f"o{number}"
        summary = mix_into(output, speech_folder / "utterance0.wav", noise, snr="0", variants=4)
        assert (summary.rendered, summary.skipped, summary.failed) == (3, 1, 0)
        assert "is the speech itself" in (output / "ledger.jsonl").read_text()
        assert "utterance0" not in {
            line.mixture.noise_id for line in read_manifest(output / "manifest.jsonl") if line.mixture
        }


def test_pieces_of_one_recording_that_do_not_overlap_are_mixed(tmp_path: Path, speech_folder: Path) -> None:
    audio = speech_folder / "utterance0.wav"
    manifests = [tmp_path / f"{name}.jsonl" for name in ("speech", "noise")]
    for manifest, start in zip(manifests, (0, 8000), strict=True):
        write_manifest(manifest, [Utterance("a", audio, 16000, 8000, start=start)])
    assert mix_into(tmp_path / "o", manifests[0], manifests[1], snr="0").rendered == 1
    assert mix_into(tmp_path / "p", manifests[0], manifests[0], snr="0").skipped == 1


@pytest.mark.parametrize(("kind", "failed"), [("speech", 2), ("noise", 8)])
def test_a_source_that_changed_since_the_plan_fails_and_is_rendered_once_it_is_back(
    tmp_path: Path, speech_folder: Path, kind: str, failed: int
) -> None:
    speech, noise = tmp_path / "speech", tmp_path / "noise"
    shutil.copytree(speech_folder, speech)
    noise.mkdir()
    soundfile.write(noise / "n.wav", 0.1 * np.random.default_rng(0).standard_normal(64000), 16000)
    planned = plan_mix(MixRecipe(snr="0,5"), [speech], [noise], machine=Machine())  # type: ignore[arg-type]
    save_plan(planned, tmp_path / "plan.jsonl")
    path = {"speech": speech / "utterance0.wav", "noise": noise / "n.wav"}[kind]
    before = path.read_bytes()
    samples, rate = soundfile.read(path)
    soundfile.write(path, samples[::-1], rate)
    plan = load_plan(tmp_path / "plan.jsonl")
    run, summary = run_mix(plan, output=tmp_path / "o", machine=Machine())
    assert (summary.failed, summary.rendered) == (failed, 8 - failed)
    assert "not the one that was planned with" in (run.path / "ledger.jsonl").read_text()
    path.write_bytes(before)
    assert run_mix(plan, output=tmp_path / "o", machine=Machine(retry_failed=True))[1].rendered == failed


def test_a_mended_file_is_rendered_on_retry(tmp_path: Path, noise_folder: Path) -> None:
    speech = tmp_path / "speech.jsonl"
    write_audio(tmp_path / "a.wav", np.zeros(8000), 16000)
    write_manifest(speech, [Utterance("a", tmp_path / "a.wav", 16000, 8000)])
    assert mix_into(tmp_path / "o", speech, noise_folder, snr="0").skipped == 1
    write_audio(tmp_path / "a.wav", 0.1 * np.sin(np.arange(8000) * 0.2), 16000)
    summary = mix_into(tmp_path / "o", speech, noise_folder, snr="0", retry=True)
    assert (summary.rendered, summary.skipped) == (1, 0)


def test_a_silent_piece_of_noise_is_drawn_again(tmp_path: Path, speech_folder: Path) -> None:
    noise = np.zeros(16000 * 20)
    noise[16000 * 8 :] = 0.1 * np.random.default_rng(0).standard_normal(16000 * 12)
    write_audio(tmp_path / "noise" / "late.wav", noise, 16000)
    assert mix_into(tmp_path / "o", speech_folder, tmp_path / "noise", snr="0", variants=10).rendered == 40


def test_loud_speech_is_turned_down_with_its_noise_instead_of_clipped(tmp_path: Path, noise_folder: Path) -> None:
    write_audio(tmp_path / "s" / "a.wav", 0.99 * np.sin(np.arange(16000) * 0.2), 16000)
    assert mix_into(tmp_path / "o", tmp_path / "s", noise_folder, snr="-5").worst_snr_error_db <= 0.05
    (line,) = read_manifest(tmp_path / "o" / "manifest.jsonl")
    assert line.mixture is not None
    assert line.mixture.shared_gain < 1.0
    assert np.max(np.abs(read_audio(line.audio).samples)) <= 0.9991


def test_a_speaker_in_two_splits_is_refused_unless_allowed(
    tmp_path: Path, speech_folder: Path, noise_folder: Path
) -> None:
    files = sorted(speech_folder.glob("*.wav"))
    rows = [
        Utterance(p.stem, p, 16000, 16000, speaker="ann", split=split)
        for p, split in zip(files, ["train", "train", "test", "test"], strict=True)
    ]
    write_manifest(tmp_path / "s.jsonl", rows)
    with pytest.raises(CheckFailed, match="speaker"):
        plan_mix(MixRecipe(), [tmp_path / "s.jsonl"], [noise_folder], machine=Machine())
    plan = plan_mix(MixRecipe(), [tmp_path / "s.jsonl"], [noise_folder], machine=Machine(), allow_leak=True)
    assert any("LEAK ALLOWED" in note for note in plan.card.notes)


def test_a_folder_without_one_readable_file_is_no_input(tmp_path: Path, noise_folder: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "a.wav").touch()
    with pytest.raises(NoInput, match="none of the 1 speech files"):
        plan_mix(MixRecipe(), [tmp_path / "s"], [noise_folder], machine=Machine())


def test_each_channel_is_an_utterance_of_its_own_where_asked_for(tmp_path: Path, noise_folder: Path) -> None:
    left, right = (0.1 * np.sin(np.arange(16000) * step) for step in (0.2, 0.05))
    (tmp_path / "s").mkdir()
    soundfile.write(tmp_path / "s" / "a.wav", np.stack([left, right], axis=1), 16000)
    assert mix_into(tmp_path / "o", tmp_path / "s", noise_folder, snr="60", channels="each").rendered == 2
    lines = {line.id: line for line in read_manifest(tmp_path / "o" / "manifest.jsonl")}
    for number, channel in enumerate((left, right)):
        clean = lines[f"a__c{number}__v0"].clean
        assert clean is not None
        np.testing.assert_allclose(read_audio(clean).samples, channel, atol=1e-4)


def test_a_mix_of_channels_is_replayed_from_the_folders_that_were_named(tmp_path: Path, noise_folder: Path) -> None:
    (tmp_path / "s").mkdir()
    soundfile.write(tmp_path / "s" / "a.wav", 0.1 * np.random.default_rng(0).standard_normal((16000, 2)), 16000)
    mix_into(tmp_path / "o", tmp_path / "s", noise_folder, snr="0", channels="each")
    for number, typed in enumerate(([tmp_path / "s"], [tmp_path / "o" / "sources" / "speech.jsonl"], [])):
        replayed = run_mix(plan_replay(tmp_path / "o", typed, []), output=tmp_path / str(number), machine=Machine())[1]
        assert replayed.rendered == 2
        assert bytes_of(tmp_path / str(number)) == bytes_of(tmp_path / "o")


def test_a_source_that_names_its_channel_is_not_split_again(tmp_path: Path, noise_folder: Path) -> None:
    (tmp_path / "s").mkdir()
    for name in ("a", "b", "c"):
        sound = 0.1 * np.random.default_rng(0).standard_normal((8000, 2))
        soundfile.write(tmp_path / "s" / f"{name}.wav", sound, 16000)
    mix_into(tmp_path / "o", tmp_path / "s", noise_folder, snr="0", channels="each")
    sources = tmp_path / "o" / "sources" / "speech.jsonl"
    assert mix_into(tmp_path / "again", sources, noise_folder, snr="0", channels="each").rendered == 6
    ids = [[line.id for line in read_manifest(tmp_path / name / "manifest.jsonl")] for name in ("o", "again")]
    assert ids[0] == ids[1]


@pytest.mark.parametrize("name", ["left", "7"])
def test_a_channel_that_others_name_in_words_does_not_stand_for_one_of_the_file(
    tmp_path: Path, noise_folder: Path, name: str
) -> None:
    mono = 0.1 * np.random.default_rng(0).standard_normal(8000)
    rows = []
    for count in (1, 2):
        soundfile.write(tmp_path / f"{count}.wav", np.stack([mono] * count, axis=1), 16000)
        rows.append(Utterance(f"{count}", tmp_path / f"{count}.wav", 16000, 8000, info={"channel": name}))
    write_manifest(tmp_path / "s.jsonl", rows)
    assert mix_into(tmp_path / "o", tmp_path / "s.jsonl", noise_folder, snr="0", channels="each").rendered == 3


def test_a_run_that_breaks_off_closes_its_ledger(
    tmp_path: Path, speech_folder: Path, noise_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Ledger] = []

    def open_and_keep(path: Path) -> Ledger:
        opened.append(ledger := Ledger(path, {}, LineWriter(path)))
        return ledger

    def fail(_job: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Ledger, "open", open_and_keep)
    monkeypatch.setattr("merit_cli.workflows.mix.run.render", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        mix_into(tmp_path / "o", speech_folder, noise_folder, snr="0")
    with pytest.raises(ValueError, match="closed file"):
        opened[0].record("a", "done")


def test_clean_bytes_do_not_depend_on_where_a_run_was_cut(tmp_path: Path, noise_folder: Path) -> None:
    (tmp_path / "s").mkdir()
    sine = 0.9 * np.sin(np.arange(16000) * 0.2)
    soundfile.write(tmp_path / "s" / "a.wav", sine, 16000)
    note = b"LIST" + (16).to_bytes(4, "little") + b"INFOISFT" + (4).to_bytes(4, "little") + b"note"  # not ours
    source = (tmp_path / "s" / "a.wav").read_bytes() + note
    (tmp_path / "s" / "a.wav").write_bytes(source[:4] + (len(source) - 8).to_bytes(4, "little") + source[8:])
    keys: dict[str, Any] = {"snr": "-20,40", "format": "wav"}  # only the first ratio is turned down
    mix_into(tmp_path / "whole", tmp_path / "s", noise_folder, **keys)
    whole = {p.name: p.read_bytes() for p in (tmp_path / "whole" / "clean").glob("*")}
    assert whole["a__v1.wav"] != whole["a__v0.wav"]

    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    (tmp_path / "cut" / "DONE").unlink()
    ledger = tmp_path / "cut" / "ledger.jsonl"
    ledger.write_text(ledger.read_text().splitlines(keepends=True)[0])
    assert mix_into(tmp_path / "cut", tmp_path / "s", noise_folder, **keys).rendered == 1
    assert {p.name: p.read_bytes() for p in (tmp_path / "cut" / "clean").glob("*")} == whole

    write_manifest(tmp_path / "whole" / "rest.jsonl", read_manifest(tmp_path / "whole" / "manifest.jsonl")[1:])
    run_mix(plan_replay(tmp_path / "whole" / "rest.jsonl", [], []), output=tmp_path / "o", machine=Machine())
    assert (tmp_path / "o" / "clean" / "a__v1.wav").read_bytes() == whole["a__v1.wav"]
