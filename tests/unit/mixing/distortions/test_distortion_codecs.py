import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from distortion_links import chirp, lag

from merit_cli.errors import Unavailable, UsageError
from merit_cli.mixing.distortions import codec as codec_module
from merit_cli.mixing.distortions.chain import check_chain, draw
from merit_cli.mixing.distortions.codec import CodecConfig, codec_delay, through_codec
from merit_cli.mixing.distortions.codec_library import CodecLibrary
from merit_cli.mixing.distortions.contract import WideArray
from merit_cli.mixing.draws import Draws

SOUNDFILE_CODECS = ["mp3", "vorbis", "opus", "ulaw", "alaw", "gsm"]
FFMPEG_CODECS = ["aac", "g722", "amr_nb"]


def snr_db(clean: WideArray, heard: WideArray) -> float:
    return float(10.0 * np.log10(np.sum(clean**2) / np.sum((heard - clean) ** 2)))


@pytest.mark.parametrize("codec", SOUNDFILE_CODECS)
@pytest.mark.parametrize("sample_rate", [4000, 8000, 11025, 16000, 44100, 48000, 96000])
def test_what_comes_back_is_as_long_and_in_place(codec: str, sample_rate: int) -> None:
    speech = chirp(sample_rate + 13, sample_rate)
    heard = through_codec(speech, sample_rate, codec=codec, compression=0.6)
    assert heard.shape == speech.shape
    assert abs(lag(speech, heard)) <= 1


@pytest.mark.parametrize("codec", ["mp3", "vorbis", "opus"])
@pytest.mark.parametrize("compression", [0.0, 0.7, 0.9, 1.0])
def test_no_compression_moves_the_signal(codec: str, compression: float) -> None:
    for sample_rate in (16000, 48000):
        speech = chirp(sample_rate, sample_rate)
        heard = through_codec(speech, sample_rate, codec=codec, compression=compression)
        assert abs(lag(speech, heard)) <= 1, sample_rate


@pytest.mark.parametrize(
    ("codec", "least_db"), [("mp3", 20.0), ("vorbis", 20.0), ("opus", 20.0), ("ulaw", 30.0), ("alaw", 30.0)]
)
def test_what_comes_back_is_still_the_signal(codec: str, least_db: float) -> None:
    speech = chirp(8000, 8000)
    heard = through_codec(speech, 8000, codec=codec, compression=0.0)
    assert least_db < snr_db(speech, heard) < 70.0


@pytest.mark.parametrize("codec", ["mp3", "vorbis", "opus"])
def test_more_compression_costs_more(codec: str) -> None:
    speech = chirp(16000, 16000) + 0.02 * np.random.default_rng(0).standard_normal(16000)
    good, bad = (through_codec(speech, 16000, codec=codec, compression=share) for share in (0.1, 0.95))
    assert snr_db(speech, good) > snr_db(speech, bad) + 3.0


@pytest.mark.parametrize("codec", ["ulaw", "gsm"])
def test_a_telephone_codec_takes_what_lies_over_4_khz(codec: str) -> None:
    hiss = 0.1 * np.random.default_rng(0).standard_normal(16000)
    power = np.abs(np.fft.rfft(through_codec(hiss, 16000, codec=codec, compression=0.5))) ** 2
    assert power[4100:].sum() / power.sum() < 1e-3


def test_a_signal_over_full_scale_is_not_clipped() -> None:
    speech = 10.0 * chirp(8000, 8000)
    assert snr_db(speech, through_codec(speech, 8000, codec="ulaw", compression=0.5)) > 30.0


def test_a_minute_passes() -> None:
    speech = chirp(60 * 16000, 16000)
    assert through_codec(speech, 16000, codec="vorbis", compression=0.5).shape == speech.shape


def test_a_delay_is_found_and_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    late = CodecLibrary(
        {"late": (8000,), "early": (8000,)},
        lambda codec: None,
        lambda samples, rate, codec, _: (
            np.concatenate([np.zeros(333), samples]) if codec == "late" else samples[21:].copy()
        ),
    )
    monkeypatch.setattr(codec_module, "SOUNDFILE", late)
    codec_delay.cache_clear()
    assert codec_delay("late", 8000, 0.5) == 333
    assert codec_delay("early", 8000, 0.5) == -21
    speech = chirp(4000, 8000)
    assert np.array_equal(through_codec(speech, 8000, codec="late", compression=0.5), speech)
    assert np.array_equal(through_codec(speech, 8000, codec="early", compression=0.5)[21:], speech[21:])
    codec_delay.cache_clear()


@pytest.mark.parametrize("codec", FFMPEG_CODECS)
@pytest.mark.parametrize("sample_rate", [8000, 16000, 48000])
def test_a_codec_of_ffmpeg_keeps_length_and_place(codec: str, sample_rate: int) -> None:
    link = CodecConfig(codecs=(codec,))
    try:
        link.check()
    except Unavailable as missing:
        pytest.skip(str(missing))
    speech = chirp(sample_rate, sample_rate)
    heard = through_codec(speech, sample_rate, codec=codec, compression=0.2)
    assert heard.shape == speech.shape
    assert abs(lag(speech, heard)) <= 1


@pytest.mark.parametrize("codec", FFMPEG_CODECS)
def test_without_ffmpeg_its_codecs_are_refused_before_mixing(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(Unavailable, match="install ffmpeg"):
        check_chain([CodecConfig(codecs=("mp3", codec))])


def test_an_ffmpeg_without_the_encoder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho ' A..... pcm_s16le  PCM'\n")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(program))
    with pytest.raises(Unavailable, match="no encoder 'libopencore_amrnb'"):
        check_chain([CodecConfig(codecs=("amr_nb",))])


def test_a_libsndfile_without_the_codec_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundfile, "available_formats", lambda: {"WAV": "WAV"})
    with pytest.raises(Unavailable, match="no codec 'mp3'"):
        check_chain([CodecConfig(codecs=("mp3",))])


def test_an_unknown_codec_in_a_record_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'opus'"):
        through_codec(chirp(100, 8000), 8000, codec="opuss", compression=0.5)


def test_every_codec_named_is_drawn() -> None:
    draws, link = Draws(0, "codec"), CodecConfig(codecs=("mp3", "opus", "gsm"))
    assert {draw(link, draws.uniform).parameters["codec"] for _ in range(60)} == {"mp3", "opus", "gsm"}
