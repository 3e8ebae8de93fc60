"""Manifests as other toolkits write them: what is read, what comes back, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from merit_cli.errors import BadData, NoInput, UsageError
from merit_cli.manifests.read_write import read_manifest
from merit_cli.manifests.utterance import Utterance
from merit_cli.workers import Machine
from merit_cli.workflows.convert import ConvertSummary, run_convert

WriteNoise = Callable[..., Path]


def convert(source: Path, output: Path, target_format: str = "merit", **more: object) -> ConvertSummary:
    return run_convert(source, target_format=target_format, output=output, machine=Machine(), **more)  # type: ignore[arg-type]


def read(folder: Path) -> list[Utterance]:
    return read_manifest(folder / "manifest.jsonl")


def reasons(summary: ConvertSummary) -> dict[str, str]:
    lines = (summary.output / "ledger.jsonl").read_text().splitlines()
    return {line["id"]: line["reason"] for line in map(json.loads, lines)}


@pytest.fixture
def audio(tmp_path: Path, write_noise: WriteNoise) -> Path:
    """Half a second and one second at 16 kHz in ``a.wav`` and ``b.wav``."""
    for name, num_samples in (("a", 8000), ("b", 16000)):
        write_noise(tmp_path / f"{name}.wav", num_samples)
    return tmp_path


def test_nemo_lines_keep_what_we_do_not_know(audio: Path) -> None:
    lines = [
        {"audio_filepath": "a.wav", "duration": 0.5, "text": "hi", "lang": "en", "pnc": True, "speaker": 7},
        {"audio_filepath": str(audio / "b.wav"), "duration": 0.25, "offset": 0.5, "text": "", "lang": None},
    ]
    (audio / "train_manifest.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    convert(audio / "train_manifest.json", audio / "ours")
    first, second = read(audio / "ours")
    assert (first.id, first.transcript, first.speaker, first.split) == ("a", "hi", "7", "train")
    assert (second.start, second.num_samples) == (8000, 4000)
    back = convert(audio / "ours", audio / "back", "nemo")
    again = [json.loads(line) for line in (back.output / "train_manifest.json").read_text().splitlines()]
    assert [{key: line.get(key) for key in ("duration", "offset", "lang", "pnc")} for line in again] == [
        {"duration": 0.5, "offset": None, "lang": "en", "pnc": True},
        {"duration": 0.25, "offset": 0.5, "lang": None, "pnc": None},
    ]


def test_a_speechbrain_table_keeps_its_columns_and_its_data_root(audio: Path) -> None:
    (audio / "tables").mkdir()
    (audio / "tables" / "valid.csv").write_text(
        "ID, duration, wav, start, stop, spk_id, emo, wrd\nu1, 0.5, $data_root/a.wav,,, s1, hap, A B\n"
        "u2, 0.25, $data_root/b.wav, 100, 4100, s2, sad,\n"
    )
    convert(audio / "tables", audio / "ours", audio_root=audio)
    first, second = read(audio / "ours")
    assert (first.speaker, first.transcript, first.split, first.num_samples) == ("s1", "A B", "dev", 8000)
    assert (second.start, second.num_samples, second.info["emo"]) == (100, 4000, "sad")
    back = convert(audio / "ours", audio / "back", "speechbrain")
    assert back.written == ("valid.csv",)
    header = (back.output / "valid.csv").read_text().splitlines()[0].split(",")
    assert {"ID", "duration", "wav", "start", "stop", "spk_id", "emo", "wrd"} == set(header)


def test_a_kaldi_folder_comes_back_with_its_recordings_and_columns(audio: Path) -> None:
    folder = audio / "data" / "dev"
    folder.mkdir(parents=True)
    files = {
        "wav.scp": f"rec1 {audio}/b.wav\nrec2 sph2pipe x.sph |\n",
        "segments": "s1-u1 rec1 0.25 0.5\ns1-u2 rec1 0.5 -1\ns2-u3 rec2 0 1\n",
        "text": "s1-u1 hello  there\ns1-u2 bye\n",
        "utt2spk": "s1-u1 s1\ns1-u2 s1\ns2-u3 s2\n",
        "utt2lang": "s1-u1 en\ns1-u2 fr\n",
        "feats.scp": "s1-u1 feats.ark:12\ns1-u2 feats.ark:99\n",
        "spk2gender": "s1 f\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    summary = convert(audio / "data", audio / "ours")
    left_out = reasons(summary)
    assert "command" in left_out["s2-u3"]
    assert "not by utterance" in left_out["dev/spk2gender"]
    one, two = read(audio / "ours")
    assert (one.start, one.num_samples, one.speaker, one.info["lang"], one.split) == (4000, 4000, "s1", "en", "dev")
    assert (two.start, two.num_samples) == (8000, 8000)
    back = convert(audio / "ours", audio / "back", "kaldi").output / "dev"
    assert (back / "feats.scp").read_text() == files["feats.scp"]
    assert (back / "utt2lang").read_text() == files["utt2lang"]
    assert (back / "wav.scp").read_text() == f"rec1 {audio}/b.wav\n"
    assert (back / "segments").read_text() == "s1-u1 rec1 0.250000 0.500000\ns1-u2 rec1 0.500000 1.000000\n"
    assert (back / "spk2utt").read_text() == "s1 s1-u1 s1-u2\n"


def test_lhotse_keeps_custom_fields_and_recordings_without_supervision(audio: Path) -> None:
    recordings = [
        {
            "id": name,
            "sources": [{"type": kind, "channels": [0], "source": f"{name}.wav"}],
            "sampling_rate": 16000,
            "num_samples": num_samples,
            "duration": num_samples / 16000,
        }
        for name, num_samples, kind in (("a", 8000, "file"), ("b", 16000, "file"), ("c", 8000, "command"))
    ]
    supervision = {
        "id": "s",
        "recording_id": "b",
        "start": 0.5,
        "duration": 0.5,
        "channel": 0,
        "language": "pl",
        "custom": {"snr": 3.5, "emotion": "angry"},
        "alignment": {"word": [["hi", 0.5, 0.1]]},
    }
    for kind, lines in (("recordings", recordings), ("supervisions", [supervision])):
        (audio / f"{kind}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    summary = convert(audio, audio / "ours")
    assert "command" in reasons(summary)["c"]
    assert [(one.id, one.start, dict(one.labels)) for one in read(audio / "ours")] == [
        ("s", 8000, {"emotion": "angry"}),
        ("a", 0, {}),
    ]
    convert(audio / "ours", audio / "back", "lhotse")
    convert(audio / "back", audio / "again", "nemo")
    (line, bare) = map(json.loads, (audio / "again" / "all_manifest.json").read_text().splitlines())
    assert (line["snr"], line["language"], line["alignment"]) == (3.5, "pl", supervision["alignment"])
    assert bare["id"] == "a"


def test_an_audio_folder_without_metadata_is_labelled_by_its_folders(audio: Path, write_noise: WriteNoise) -> None:
    for name in ("train/dog/x.wav", "train/cat/y.wav", "test/dog/z.wav"):
        write_noise(audio / "pets" / name, 800)
    convert(audio / "pets", audio / "ours", source_format="audiofolder")
    assert {(one.split, one.labels["label"]) for one in read(audio / "ours")} == {
        ("train", "dog"),
        ("train", "cat"),
        ("test", "dog"),
    }


def test_a_file_without_metadata_is_left_out_and_said_so(audio: Path) -> None:
    (audio / "metadata.csv").write_text("file_name,transcription,label\na.wav,hi,3\n")
    summary = convert(audio, audio / "ours")
    assert reasons(summary) == {"b": "no metadata name the file"}
    assert (read(audio / "ours")[0].transcript, dict(read(audio / "ours")[0].labels)) == ("hi", {"label": "3"})


@pytest.mark.parametrize(
    ("name", "contents", "said"),
    [
        ("m.jsonl", b'{"audio_filepath": "a.wav"}\n{"text": "x"}\n', "m.jsonl:2: the line has no 'audio_filepath'"),
        ("m.jsonl", b'{"audio_filepath": "a.wav"}\n{"te\n', "m.jsonl:2: the line is not valid JSON"),
        (
            "m.jsonl",
            b'{"audio_filepath": "a.wav", "duration": "long"}\n',
            'm.jsonl:1: duration = "long" is not a number',
        ),
        ("m.jsonl", b'{"audio_filepath": 5}\n', "m.jsonl:1: audio_filepath = 5 is not a text"),
        (
            "m_manifest.json",
            b'{"audio_filepath": "a.wav"}\n\xff\xfe\n',
            "m_manifest.json:2: the file is not UTF-8 text",
        ),
        ("t.csv", b"ID,duration,path\nu,1,a.wav\n", "t.csv: the table has no column 'wav'"),
        ("t.csv", b"ID,duration,wav\nu,1,a.wav,9\n", "t.csv:2: the line has more values than there are columns"),
        ("t.csv", b"ID,duration,wav\nu,1,\xe9.wav\n", "t.csv:2: the file is not UTF-8 text"),
        ("d/wav.scp", b"u a.wav\nu b.wav\n", "wav.scp:2: the id 'u' appears twice"),
    ],
)
def test_a_broken_manifest_is_refused_with_its_place(audio: Path, name: str, contents: bytes, said: str) -> None:
    (audio / "d").mkdir()
    (audio / name).write_bytes(contents)
    with pytest.raises(BadData) as caught:
        convert(audio / "d" if name.startswith("d/") else audio / name, audio / "ours")
    assert said in str(caught.value)
    assert not (audio / "ours").exists()


def test_bad_utterances_are_on_the_ledger_and_the_others_converted(audio: Path) -> None:
    lines = [
        {"audio_filepath": "a.wav", "id": "one"},
        {"audio_filepath": "b.wav", "id": "one"},
        {"audio_filepath": "gone.wav", "id": "gone"},
        {"audio_filepath": "a.wav", "id": "late", "offset": 0.4, "duration": 3.0},
        {"audio_filepath": "a.wav", "id": "empty", "offset": 0.7, "duration": 0.1},
        {"audio_filepath": "a.wav", "id": "../out"},
    ]
    (audio / "m.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    summary = convert(audio / "m.jsonl", audio / "ours")
    said = reasons(summary)
    assert (summary.utterances, summary.skipped) == (1, 5)
    assert "appears twice" in said["one"]
    assert "gone.wav" in said["gone"]
    assert "ends at 3.4 s, the file at 0.5 s" in said["late"]
    assert "is empty" in said["empty"]
    assert "leads out" in said["../out"]


def test_where_nothing_can_be_used_nothing_is_written(audio: Path) -> None:
    (audio / "m.jsonl").write_text('{"audio_filepath": "gone.wav"}\n')
    with pytest.raises(NoInput, match=r"no utterance of the source can be used: .*gone"):
        convert(audio / "m.jsonl", audio / "ours")
    assert not (audio / "ours").exists()


def test_what_is_no_manifest_is_refused_with_the_known_formats(audio: Path) -> None:
    with pytest.raises(UsageError, match="known: merit, lhotse, kaldi, speechbrain, nemo, audiofolder"):
        convert(audio / "a.wav", audio / "ours")
