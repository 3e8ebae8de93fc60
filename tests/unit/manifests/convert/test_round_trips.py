import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from merit_cli.errors import NoInput, UsageError
from merit_cli.manifests.convert.formats import FORMATS, guess_format
from merit_cli.manifests.read_write import read_card, read_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine
from merit_cli.workflows.convert import ConvertSummary, run_convert


def convert(source: Path, target_format: str, output: Path) -> ConvertSummary:
    return run_convert(source, target_format=target_format, output=output, machine=Machine(runs_dir=output.parent))


def by_id(folder: Path) -> dict[str, Utterance]:
    return {one.id: one for one in read_manifest(folder / "manifest.jsonl")}


def lines_of(path: Path) -> list[bytes]:
    raw = path.read_bytes()
    return sorted((gzip.decompress(raw) if path.suffix == ".gz" else raw).splitlines())


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "audiofolder"])
def test_a_manifest_comes_back_equal_from_another_format(name: str, rich: Path, tmp_path: Path) -> None:
    there = convert(rich, name, tmp_path / "there")
    convert(there.output, "merit", tmp_path / "back")
    assert there.skipped == 0
    before, after = by_id(rich), by_id(tmp_path / "back")
    extra = {"recording_id"}  # the recording's name in formats that name recordings
    after = {
        key: replace(one, info={k: v for k, v in one.info.items() if k not in extra}) for key, one in after.items()
    }
    assert after == before


@pytest.mark.parametrize("name", FORMATS)
def test_the_format_of_what_was_written_is_recognised(name: str, rich: Path, tmp_path: Path) -> None:
    assert guess_format(convert(rich, name, tmp_path / "there").output) == name


@pytest.mark.parametrize("name", FORMATS)
def test_a_second_round_gives_the_same_bytes(name: str, rich: Path, tmp_path: Path) -> None:
    first = convert(rich, name, tmp_path / "first")
    second = convert(convert(first.output, "merit", tmp_path / "back").output, name, tmp_path / "second")
    assert first.written == second.written
    for written in first.written:
        one = first.output / written
        for path in one.iterdir() if one.is_dir() else [one]:
            twin = second.output / path.relative_to(first.output)
            assert lines_of(path) == lines_of(twin), path.name


def test_an_audio_folder_holds_the_same_samples_and_fields(rich: Path, tmp_path: Path) -> None:
    there = convert(rich, "audiofolder", tmp_path / "there")
    convert(there.output, "merit", tmp_path / "back")
    before, after = by_id(rich), by_id(tmp_path / "back")
    assert after.keys() == before.keys()
    for key, one in before.items():
        kept = replace(after[key], audio=one.audio, start=one.start)
        assert kept == one
        was, _ = soundfile.read(one.audio, start=one.start, frames=one.num_samples, dtype="int32")
        now, _ = soundfile.read(after[key].audio, dtype="int32")
        assert (was == now).all()
        assert (tmp_path / "there") in after[key].audio.parents


def test_a_chain_through_all_formats_loses_nothing(rich: Path, tmp_path: Path) -> None:
    source = rich
    for name in ("nemo", "kaldi", "speechbrain", "lhotse", "merit"):
        source = convert(source, name, tmp_path / f"as-{name}").output
    before, after = by_id(rich), by_id(source)
    assert {key: (one.labels, one.transcript, one.mixture, one.clean, one.start) for key, one in before.items()} == {
        key: (one.labels, one.transcript, one.mixture, one.clean, one.start) for key, one in after.items()
    }
    assert all(before[key].info.items() <= after[key].info.items() for key in before)


def test_the_card_goes_along(rich: Path, tmp_path: Path) -> None:
    there = convert(rich, "kaldi", tmp_path / "there")
    back = convert(there.output, "merit", tmp_path / "back")
    card = read_card(back.output / "manifest.jsonl")
    assert card is not None
    assert (card.licence, card.notes) == ("CC0", ("made up",))


def test_the_same_command_again_has_nothing_to_do(rich: Path, tmp_path: Path) -> None:
    first, second = (convert(rich, "nemo", tmp_path / "there") for _ in range(2))
    assert (first.already_done, second.already_done) == (False, True)
    assert second.utterances == first.utterances


def test_a_missing_file_costs_its_own_utterance_only(rich: Path, tmp_path: Path) -> None:
    (tmp_path / "raw audio" / "8k.wav").unlink()
    summary = convert(rich, "nemo", tmp_path / "there")
    ledger = [json.loads(line) for line in (summary.output / "ledger.jsonl").read_text().splitlines()]
    assert (summary.utterances, summary.skipped) == (5, 1)
    assert ledger[0]["id"] == "odd"
    assert "8k.wav" in ledger[0]["reason"]


def test_what_is_read_is_never_overwritten(rich: Path, tmp_path: Path) -> None:
    there = convert(rich, "audiofolder", tmp_path / "there").output
    ours = convert(there, "merit", tmp_path / "ours").output
    machine = Machine(overwrite=True)
    for source in (there, ours):  # the manifest in the second is elsewhere, its audio is not
        with pytest.raises(UsageError, match="holds what is to be read"):
            run_convert(source, target_format="nemo", output=there, machine=machine)
    assert len(by_id(ours)) == len(list(there.rglob("*.wav")) + list(there.rglob("*.flac")))


def test_an_output_within_the_sources_folder_is_found_finished_again(rich: Path) -> None:
    first, second = (convert(rich, "speechbrain", rich / "tables") for _ in range(2))
    assert (first.already_done, second.already_done) == (False, True)


def test_the_wrong_format_is_told_apart_from_a_broken_one(rich: Path, tmp_path: Path) -> None:
    with pytest.raises(NoInput, match="nothing in the format 'kaldi'"):
        run_convert(rich, source_format="kaldi", target_format="nemo", output=tmp_path / "x", machine=Machine())
