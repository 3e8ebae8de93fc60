from pathlib import Path

import numpy as np
import pytest
from distortion_links import chirp, lag, make_link, write_response, write_responses

from merit_cli.errors import BadData, NoInput, Unavailable
from merit_cli.mixing.distortions import room as room_module
from merit_cli.mixing.distortions.chain import (
    apply,
    check_chain,
    distort_noise,
    distort_speech,
    draw,
    draw_chain,
    input_files,
)
from merit_cli.mixing.distortions.contract import Drawn, Response
from merit_cli.mixing.distortions.convolve import reverberate
from merit_cli.mixing.distortions.reverb import ReverbConfig, response_files
from merit_cli.mixing.distortions.room import RoomConfig, sabine, simulate_response
from merit_cli.mixing.draws import Draws

RATE = 16000


def reverb_of(path: Path, *, early_ms: float = 50.0) -> Drawn:
    return draw(ReverbConfig(files=(str(path),), early_ms=early_ms), Draws(0, "reverb").uniform)


@pytest.mark.parametrize("delay", [0, 1, 700])
def test_an_impulse_at_any_delay_gives_the_input_back(delay: int, tmp_path: Path) -> None:
    taps = np.zeros(900)
    taps[delay] = -0.02 if delay == 1 else 0.02
    speech = chirp(4000, RATE)
    heard = apply(reverb_of(write_response(tmp_path / "impulse.wav", taps, RATE)), speech, RATE)
    sign = -1.0 if delay == 1 else 1.0
    assert np.abs(heard - sign * speech).max() < 1e-7  # the gain is a float32


def test_the_target_has_the_early_echo_and_what_is_heard_the_late_one_too(tmp_path: Path) -> None:
    taps = np.zeros(2000)
    taps[100], taps[100 + 480], taps[100 + 1600] = 1.0, 0.5, 0.25  # direct, 30 ms, 100 ms
    drawn = reverb_of(write_response(tmp_path / "echoes.wav", taps, RATE))
    click = np.zeros(4000)
    click[200] = 0.5
    heard, target = distort_speech([drawn], click, RATE)
    gain = heard[200] / 0.5
    assert np.flatnonzero(np.abs(heard) > 1e-9).tolist() == [200, 680, 1800]
    assert np.flatnonzero(np.abs(target) > 1e-9).tolist() == [200, 680]
    np.testing.assert_allclose(target[[200, 680]], gain * np.array([0.5, 0.25]), atol=1e-9)
    np.testing.assert_allclose(heard[[200, 680, 1800]], gain * np.array([0.5, 0.25, 0.125]), atol=1e-9)


def test_an_early_time_of_zero_leaves_the_direct_sound(tmp_path: Path) -> None:
    taps = np.array([0.0, 1.0, 0.5, 0.5])
    drawn = reverb_of(write_response(tmp_path / "short.wav", taps, RATE), early_ms=0.0)
    heard, target = distort_speech([drawn], chirp(3000, RATE), RATE)
    ratio = target[100:2900] / chirp(3000, RATE)[100:2900]
    assert np.ptp(ratio[np.abs(chirp(3000, RATE)[100:2900]) > 0.01]) < 1e-6
    assert not np.allclose(heard, target)


def test_a_room_leaves_speech_as_loud_as_it_was(tmp_path: Path) -> None:
    speech = chirp(RATE, RATE)
    heard, _ = distort_speech([reverb_of(write_responses(tmp_path))], speech, RATE)
    assert np.mean(heard**2) == pytest.approx(np.mean(speech**2), rel=1e-6)


def test_convolution_is_that_of_the_definition() -> None:
    generator = np.random.default_rng(1)
    speech, taps = generator.standard_normal(60), generator.standard_normal(25)
    heard = reverberate(speech, speech, Response(taps, 7, 20)).heard_N
    naive = np.array([sum(taps[k] * speech[n + 7 - k] for k in range(25) if 0 <= n + 7 - k < 60) for n in range(60)])
    np.testing.assert_allclose(heard, naive * np.sqrt(np.mean(speech**2) / np.mean(naive**2)), rtol=1e-6, atol=1e-9)


def test_a_response_is_brought_to_the_rate_of_the_mixture(tmp_path: Path) -> None:
    taps = np.zeros(4800)
    taps[480], taps[480 + 1440] = 1.0, 0.5  # the echo comes after 30 ms
    drawn = reverb_of(write_response(tmp_path / "fast.wav", taps, 48000))
    click = np.zeros(2000)
    click[500] = 1.0
    heard = apply(drawn, click, RATE)
    assert np.abs(heard).argmax() == 500
    assert heard[980] / heard[500] == pytest.approx(0.5, abs=0.01)


def test_every_response_of_a_folder_is_drawn(tmp_path: Path) -> None:
    link = ReverbConfig(files=(str(write_responses(tmp_path)),))
    draws = Draws(0, "all")
    names = {Path(draw(link, draws.uniform).parameters["file"]).name for _ in range(40)}
    assert names == {"a.wav", "b.wav"}
    assert [path.name for path in input_files([link, RoomConfig()])] == ["b.wav", "a.wav"]


def test_a_response_that_was_exchanged_is_refused(tmp_path: Path) -> None:
    path = write_response(tmp_path / "one.wav", np.array([0.0, 1.0]), RATE)
    drawn = reverb_of(path)
    other = Drawn(drawn.name, drawn.where, {**drawn.parameters, "sha256": "0" * 16})
    with pytest.raises(BadData, match="not the one that was drawn"):
        apply(other, chirp(100, RATE), RATE)


def test_a_silent_response_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="silent"):
        apply(reverb_of(write_response(tmp_path / "silent.wav", np.zeros(10), RATE)), chirp(100, RATE), RATE)


@pytest.mark.parametrize("place", ["nowhere", ""])
def test_a_place_without_responses_is_refused_before_mixing(place: str, tmp_path: Path) -> None:
    with pytest.raises(NoInput, match="no impulse responses"):
        check_chain([ReverbConfig(files=(str(tmp_path / place),))])


def test_responses_of_which_none_can_be_read_are_refused_before_mixing(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("junk")
    (tmp_path / "b.wav").touch()
    config = ReverbConfig(files=(str(tmp_path),))
    with pytest.raises(BadData, match="none of the 2 impulse responses can be read"):
        config.check()
    write_response(tmp_path / "c.wav", np.ones(1), RATE)
    response_files.cache_clear()
    config.check()


def test_noise_can_stand_in_the_room_too(tmp_path: Path) -> None:
    link = ReverbConfig(files=(str(write_responses(tmp_path)),), where="noise")
    drawn = draw_chain([link], Draws(0, "noise").uniform)
    noise = np.random.default_rng(0).standard_normal(4000)
    assert not np.allclose(distort_noise(drawn, noise, RATE), noise)
    assert distort_speech(drawn, noise, RATE).heard_N is noise


def test_rooms_are_drawn_within_their_walls_and_distances() -> None:
    link, draws = RoomConfig(distance_m=(0.5, 3.0), rt60=(0.05, 0.5)), Draws(0, "rooms")
    for _ in range(200):
        drawn = draw(link, draws.uniform).parameters
        size, speaker, microphone = drawn["size_m"], drawn["speaker_m"], drawn["microphone_m"]
        for here in (speaker, microphone):
            assert all(0.29 < one < side - 0.29 for one, side in zip(here, size, strict=True))
        assert 0.3 < np.linalg.norm(np.subtract(speaker, microphone)) < 3.001
        assert drawn["rt60"] >= sabine(size, 1.0)


def test_a_missing_library_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match=r"merit-cli\[room\]"):
        check_chain([RoomConfig()])
    drawn = draw(RoomConfig(), Draws(0, "room").uniform)
    with pytest.raises(Unavailable):
        apply(drawn, chirp(100, RATE), RATE)


@pytest.mark.parametrize("sample_rate", [8000, 16000, 48000])
def test_the_direct_sound_of_a_simulated_room_stays_in_place(sample_rate: int, tmp_path: Path) -> None:
    link = make_link({"name": "room", "rt60": 0.3, "distance_m": 0.5}, tmp_path)
    drawn, speech = draw(link, Draws(2, "room").uniform), chirp(sample_rate, sample_rate)
    heard, target = distort_speech([drawn], speech, sample_rate)
    assert abs(lag(speech, target)) <= 1
    assert not np.allclose(heard, target)


def test_a_simulated_room_decays_in_the_time_asked(tmp_path: Path) -> None:
    make_link({"name": "room"}, tmp_path)  # skips without the library
    places = {"size_m": [10.0, 8.0, 4.0], "speaker_m": [2.0, 3.0, 1.5], "microphone_m": [4.0, 3.3, 1.5]}
    taps = simulate_response(RATE, **places, rt60=0.6, early_ms=50.0).taps_M
    decay_db = 10.0 * np.log10(np.cumsum(taps[::-1] ** 2)[::-1] / np.sum(taps**2) + 1e-12)
    rt60 = 3.0 * (np.argmax(decay_db < -25.0) - np.argmax(decay_db < -5.0)) / RATE
    assert rt60 == pytest.approx(0.6, rel=0.15)  # Sabine's formula is an estimate
