import io
import json
from pathlib import Path

import numpy as np
import pytest

from merit_cli.errors import BadData, CheckFailed, NoInput
from merit_cli.io.audio_file import write_audio
from merit_cli.manifests.checks import check_leaks
from merit_cli.manifests.inputs import read_inputs
from merit_cli.manifests.read_write import Card, join_cards, read_card, read_manifest, write_card, write_manifest
from merit_cli.manifests.utterance import Mixture, Utterance

MIXTURE = Mixture("a", "n", "rain", -5.0, -5.001, "rms", 0, 3, 0.5, 1.0, 17)


def utterance(root: Path, name: str = "a", **keys: object) -> Utterance:
    return Utterance(name, root / f"{name}.wav", 16000, 100, **keys)  # type: ignore[arg-type]


def test_a_line_comes_back_as_it_was(tmp_path: Path) -> None:
    made = utterance(tmp_path, speaker="s", labels={"emotion": "angry"}, clean=tmp_path / "c.wav", mixture=MIXTURE)
    write_manifest(tmp_path / "m.jsonl", [made])
    assert read_manifest(tmp_path / "m.jsonl") == [made]


def test_paths_are_relative_so_that_a_corpus_can_be_moved(tmp_path: Path) -> None:
    write_manifest(tmp_path / "one" / "m.jsonl", [utterance(tmp_path / "one" / "wav")])
    assert json.loads((tmp_path / "one" / "m.jsonl").read_text())["audio"] == "wav/a.wav"
    (tmp_path / "one").rename(tmp_path / "two")
    assert read_manifest(tmp_path / "two" / "m.jsonl")[0].audio == tmp_path / "two" / "wav" / "a.wav"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"id": "a", "audio": "a.wav", "sample_rate": 16000}, "num_samples"),
        ({"id": "a", "audio": "a.wav", "sample_rate": 16000, "num_samples": 1, "speeker": "x"}, "speeker"),
        ({"id": "a", "audio": "a.wav", "sample_rate": "16k", "num_samples": 1}, "whole numbers"),
        ({"id": "a", "audio": "a.wav", "sample_rate": 16000, "num_samples": 1, "mixture": {"snr": 1}}, "snr"),
        ({"id": "../a", "audio": "a.wav", "sample_rate": 16000, "num_samples": 1}, "leads out"),
        ({"id": "/a", "audio": "a.wav", "sample_rate": 16000, "num_samples": 1}, "leads out"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, line: dict[str, object], words: str) -> None:
    (tmp_path / "m.jsonl").write_text(json.dumps(line) + "\n")
    with pytest.raises(BadData, match=words) as caught:
        read_manifest(tmp_path / "m.jsonl")
    assert caught.value.place.endswith("m.jsonl:1")


def test_an_id_twice_is_refused(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", [utterance(tmp_path), utterance(tmp_path)])
    with pytest.raises(BadData, match="twice"):
        read_manifest(tmp_path / "m.jsonl")


def test_an_empty_name_is_not_the_working_folder() -> None:
    with pytest.raises(NoInput, match="the name of the speech is empty"):
        read_inputs([""], name="speech")


def test_an_empty_manifest_is_no_input(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").touch()
    with pytest.raises(NoInput):
        read_manifest(tmp_path / "m.jsonl")


def test_a_file_a_folder_a_glob_and_a_manifest_name_the_same_sound(tmp_path: Path) -> None:
    write_audio(tmp_path / "in" / "rain" / "a b.wav", np.full(160, 0.1), 16000)
    (folder,) = read_inputs([tmp_path / "in"]).utterances
    assert (folder.id, folder.info) == ("rain__a b", {"noise_class": "rain"})
    (by_glob,) = read_inputs([f"{tmp_path}/in/*/*.wav"]).utterances
    assert by_glob == folder
    (by_file,) = read_inputs([tmp_path / "in" / "rain" / "a b.wav"]).utterances
    assert (by_file.id, by_file.audio) == ("a b", folder.audio)
    write_manifest(tmp_path / "in" / "manifest.jsonl", [folder])
    for spec in (tmp_path / "in", tmp_path / "in" / "manifest.jsonl"):
        assert read_inputs([spec]).utterances == [folder]


def test_links_keep_their_names_and_those_to_nothing_are_bad(tmp_path: Path) -> None:
    write_audio(tmp_path / "elsewhere" / "rain" / "7.wav", np.full(160, 0.1), 16000)
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "sub").symlink_to(tmp_path / "elsewhere" / "rain")
    (folder / "up").symlink_to(folder)
    (folder / "a.wav").symlink_to(tmp_path / "elsewhere" / "rain" / "7.wav")
    (folder / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    (folder / "round.wav").symlink_to("round.wav")
    for spec, names in ((folder, ["a", "sub__7"]), (f"{folder}/*.wav", ["a"])):
        inputs = read_inputs([spec])
        assert [one.id for one in inputs.utterances] == names
        assert {Path(name).name for name in inputs.bad} == {"gone.wav", "round.wav"}
    assert [one.id for one in read_inputs([folder / "a.wav"]).utterances] == ["a"]
    assert list(read_inputs([folder / "gone.wav"]).bad) == [str(folder / "gone.wav")]


def test_manifest_lines_can_come_through_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    line = utterance(tmp_path).to_line(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(line) + "\n"))
    assert read_inputs(["-"]).utterances == [utterance(tmp_path)]


@pytest.mark.parametrize("spec", ["nothing-here", "*.wav"])
def test_an_argument_that_matches_nothing_is_no_input(spec: str) -> None:
    with pytest.raises(NoInput, match="matches nothing"):
        read_inputs([spec])


def test_an_empty_folder_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(NoInput, match="no audio files"):
        read_inputs([tmp_path])


def test_two_inputs_with_one_id_are_refused(tmp_path: Path) -> None:
    for name in ("x/a.wav", "y/a.wav"):
        write_audio(tmp_path / name, np.full(160, 0.1), 16000)
    with pytest.raises(BadData, match="two inputs"):
        read_inputs([tmp_path / "x", tmp_path / "y"])


@pytest.mark.parametrize(
    "keys", [{"speaker": "ann"}, {"mixture": MIXTURE, "speaker": ""}], ids=["speaker", "noise file"]
)
def test_a_source_in_two_splits_is_a_leak_unless_the_card_or_the_user_allows_it(
    tmp_path: Path, keys: dict[str, object]
) -> None:
    rows = [utterance(tmp_path, name, split=split, **keys) for name, split in (("a", "train"), ("b", "test"))]
    with pytest.raises(CheckFailed, match="more than one split"):
        check_leaks(rows)
    assert "LEAK ALLOWED" in check_leaks(rows, allow_leak=True)[0]
    assert check_leaks(rows, Card(name="c", shared_groups=("speaker", "noise_id", "clean_id")))
    assert check_leaks(rows[:1]) == []


def test_notes_of_all_sources_are_kept_once(tmp_path: Path) -> None:
    card = join_cards(
        "mix", [Card(name="a", notes=("one",)), None, Card(name="b", notes=("one", "two"), synthetic=True)]
    )
    write_card(tmp_path, card)
    assert read_card(tmp_path / "manifest.jsonl") == card
    assert (card.notes, card.synthetic) == (("one", "two"), True)
