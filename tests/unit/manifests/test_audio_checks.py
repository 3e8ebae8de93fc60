"""What prepare finds in audio, and that it reads a file again only once it has changed."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from merit_cli.assets import bundled
from merit_cli.errors import BadData, NoInput
from merit_cli.io import audio_blocks, audio_file
from merit_cli.io.ledger import read_ledger
from merit_cli.manifests import audio_facts
from merit_cli.manifests.audio_checks import check_audio
from merit_cli.manifests.audio_facts import FACTS_NAME, KnownAudio, measure_files, read_facts
from merit_cli.manifests.read_write import read_card, read_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine
from merit_cli.workflows.prepare import PrepareSummary, run_prepare

SPEECH = bundled("data_manifests/sample/speech")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Real prompts of two voices, as folders of emotions with splits."""
    for voice, split in (("carlo", "train"), ("june", "test")):
        for path in sorted((SPEECH / voice).glob("*.flac"))[:4]:
            target = tmp_path / "raw" / split / "angry" / voice / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    return tmp_path / "raw"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are opened."""
    names: list[str] = []
    real = audio_file.open_audio

    def counting(path: Path) -> soundfile.SoundFile:
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(audio_file, "open_audio", counting)
    monkeypatch.setattr(audio_blocks, "open_audio", counting)
    return names


def prepare(raw: Path, *, overwrite: bool = False, workers: int = 1, checks: str = "full") -> PrepareSummary:
    machine = Machine(workers=workers, overwrite=overwrite)
    assert checks in ("fast", "full")
    return run_prepare(
        "emotion-folder", raw, output=raw.parent / "out", machine=machine, checks="fast" if checks == "fast" else "full"
    )


def rewrite(path: Path, change: Callable[[np.ndarray], np.ndarray], *, subtype: str = "PCM_16") -> Path:
    samples, rate = soundfile.read(path)
    path.unlink()
    soundfile.write(path.with_suffix(".wav"), change(samples), rate, subtype=subtype)
    return path.with_suffix(".wav")


def test_sound_recordings_have_no_findings(raw: Path) -> None:
    summary = prepare(raw)
    assert (summary.utterances, summary.findings, summary.skipped) == (8, {}, 0)


def test_each_fault_is_named_and_only_unusable_files_are_left_out(raw: Path) -> None:
    first, second, third, fourth = sorted(raw.glob("train/angry/carlo/*.flac"))
    rewrite(first, lambda samples: np.where(np.arange(len(samples)) == 50, np.nan, samples), subtype="FLOAT")
    rewrite(second, lambda samples: np.clip(30.0 * samples, -1.0, 1.0 - 2.0**-15))
    rewrite(third, lambda samples: 0.0 * samples)
    fourth.write_bytes(fourth.read_bytes()[: fourth.stat().st_size // 2])
    summary = prepare(raw)
    assert summary.findings == {"nan": 1, "unreadable": 1, "clipped": 1, "silent": 1}
    assert summary.skipped == 2
    ledger = {entry.id.split("__")[-1]: entry for entry in read_ledger(raw.parent / "out" / "ledger.jsonl").values()}
    assert ledger[first.stem].reason == "left out: the file holds 1 NaN or infinite samples"
    assert ledger[fourth.stem].status == "skipped"
    assert ledger[second.stem].reason.startswith("clipped: ")
    assert ledger[third.stem].reason == "silent: under -100 dBFS"
    assert {one.id.split("__")[-1] for one in read_manifest(summary.manifest)} == {
        second.stem,
        third.stem,
        *(path.stem for path in raw.glob("test/angry/june/*")),
    }


def test_equal_audio_is_found_whatever_the_file_and_said_where_splits_share_it(raw: Path) -> None:
    original = sorted(raw.glob("train/angry/carlo/*.flac"))[0]
    samples, rate = soundfile.read(original, dtype="int16")
    soundfile.write(raw / "test" / "angry" / "june" / "copy.wav", samples, rate)
    summary = prepare(raw)
    assert summary.findings == {"duplicate": 1}
    card = read_card(summary.manifest)
    assert card is not None
    assert any(note.startswith("DUPLICATES ACROSS SPLITS: 1 recordings") for note in card.notes)


def test_a_sample_of_difference_is_no_duplicate(raw: Path) -> None:
    original = sorted(raw.glob("train/angry/carlo/*.flac"))[0]
    samples, rate = soundfile.read(original, dtype="int16")
    samples[100] += 1
    soundfile.write(raw / "test" / "angry" / "june" / "copy.wav", samples, rate)
    assert prepare(raw).findings == {}


def test_an_odd_rate_and_channels_are_named_once(raw: Path) -> None:
    path = raw / "test" / "angry" / "june" / "stereo.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal((4410, 2)), 44100)
    summary = prepare(raw)
    assert summary.findings == {"rate": 1, "channels": 1}
    entry = read_ledger(raw.parent / "out" / "ledger.jsonl")["test__angry__june__stereo"]
    assert entry.reason == "44100 Hz among files of 16000 Hz; 2 channels: their mean is taken when it is read"


def test_a_second_run_opens_only_what_changed(raw: Path, opened: list[str]) -> None:
    first = prepare(raw)
    manifest = first.manifest.read_bytes()
    opened.clear()
    assert prepare(raw).already_done
    assert opened == []
    path = sorted(raw.glob("train/angry/carlo/*.flac"))[1]
    os.utime(path, ns=(1, 1))
    prepare(raw, overwrite=True)
    assert set(opened) == {path.name}
    assert first.manifest.read_bytes() == manifest


def test_a_file_of_the_same_size_and_time_is_not_looked_at_and_a_rewritten_one_is(raw: Path) -> None:
    prepare(raw)
    path = sorted(raw.glob("train/angry/carlo/*.flac"))[1]
    known = KnownAudio(read_facts(raw.parent / "out"))
    assert known.facts(path) is not None
    path.write_bytes(path.read_bytes()[:-1])
    assert known.facts(path) is None
    with pytest.raises(NoInput):
        known.header(raw / "nowhere.wav")


def test_a_stopped_run_goes_on_from_the_files_it_had_measured(raw: Path, opened: list[str]) -> None:
    prepare(raw)
    facts = raw.parent / "out" / FACTS_NAME
    lines = facts.read_text(encoding="utf-8").splitlines(keepends=True)
    facts.write_text("".join(lines[:6]) + lines[6][:20], encoding="utf-8")  # as a kill leaves it
    (raw.parent / "out" / "DONE").unlink()
    opened.clear()
    assert prepare(raw).findings == {}
    assert len(set(opened)) == 2
    assert facts.read_text(encoding="utf-8") == "".join(lines)


def test_processes_find_the_same(raw: Path) -> None:
    prepare(raw)
    alone = (raw.parent / "out" / FACTS_NAME).read_bytes()
    shutil.rmtree(raw.parent / "out")
    prepare(raw, workers=2)
    assert (raw.parent / "out" / FACTS_NAME).read_bytes() == alone


def test_fast_checks_read_headers_alone_and_full_ones_go_on_from_them(raw: Path) -> None:
    path = sorted(raw.glob("train/angry/carlo/*.flac"))[0]
    rewrite(path, lambda samples: 0.0 * samples)
    assert prepare(raw, checks="fast").findings == {}
    assert prepare(raw, checks="full", overwrite=True).findings == {"silent": 1}


def test_a_file_that_kills_its_process_costs_itself_alone(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = sorted(raw.glob("*/angry/*/*.flac"))
    victim = str(paths[2])
    monkeypatch.setattr(audio_facts, "measure_files", _Deadly(victim))
    utterances = [Utterance(path.stem, path, 16000, 160) for path in paths]
    report = check_audio(utterances, raw.parent, KnownAudio({}), full=True, machine=Machine(workers=2))
    assert [(one.id, one.kind, one.kept) for one in report.findings] == [(paths[2].stem, "unreadable", False)]
    assert "died" in report.findings[0].reason


class _Deadly:
    """`measure_files` that ends its process on one file, as a fault in a native library does."""

    def __init__(self, victim: str) -> None:
        self.victim = victim

    def __call__(self, paths: tuple[str, ...], *, full: bool) -> list[audio_facts.AudioFacts]:
        if self.victim in paths:
            os._exit(11)
        return measure_files(paths, full=full)


def test_a_broken_clean_file_takes_its_pair_with_it(raw: Path) -> None:
    good, other, *_ = sorted(raw.glob("train/angry/carlo/*.flac"))
    broken = raw.parent / "broken.wav"
    broken.write_bytes(b"RIFF")
    pair = Utterance("pair", good, 16000, 160, clean=broken)
    whole = Utterance("whole", other, 16000, 160, clean=good)
    report = check_audio([pair, whole], raw.parent, KnownAudio({}), full=True, machine=Machine())
    assert [one.id for one in report.kept] == ["whole"]
    assert report.findings[0].reason.startswith("left out: its clean file: ")


def test_nothing_that_can_be_used_is_bad_data(raw: Path) -> None:
    broken = raw.parent / "broken.wav"
    broken.write_bytes(b"RIFF")
    with pytest.raises(BadData, match="not audio") as caught:
        check_audio([Utterance("a", broken, 1, 1)], raw.parent, KnownAudio({}), full=True, machine=Machine())
    assert caught.value.hint == "no file can be used"
