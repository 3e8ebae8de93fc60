import numpy as np
import pytest
from distortion_links import chirp

from merit_cli.mixing.distortions.chain import distort_speech
from merit_cli.mixing.distortions.clipping import clip
from merit_cli.mixing.distortions.contract import Drawn
from merit_cli.mixing.distortions.packet_loss import PacketLossConfig, lose_packets, lost_packets

RATE = 16000


def test_hard_clipping_touches_exactly_the_samples_beyond_the_threshold() -> None:
    speech = np.random.default_rng(2).standard_normal(20000)
    heard = clip(speech, RATE, shape="hard", peak_share=0.4)
    threshold = 0.4 * np.abs(speech).max()
    assert np.abs(heard).max() == threshold
    assert np.mean(heard != speech) == np.mean(np.abs(speech) > threshold) > 0.01


def test_a_threshold_in_dbfs_does_not_depend_on_the_peak() -> None:
    assert np.abs(clip(8.0 * chirp(4000, RATE), RATE, shape="hard", level_dbfs=-6.0)).max() == pytest.approx(
        0.5012, abs=1e-4
    )
    assert np.array_equal(clip(0.1 * chirp(4000, RATE), RATE, shape="hard", level_dbfs=-6.0), 0.1 * chirp(4000, RATE))


def test_soft_clipping_rises_smoothly_to_the_threshold() -> None:
    ramp = np.linspace(-2.0, 2.0, 4001)
    bent = clip(ramp, RATE, shape="soft", level_dbfs=0.0)
    slope = np.diff(bent) / np.diff(ramp)
    assert slope.min() >= -1e-9
    assert np.abs(np.diff(slope)).max() < 2e-3
    assert slope[2000] == pytest.approx(1.0, abs=1e-5)
    assert bent.max() == pytest.approx(1.0)


def test_clipping_on_speech_leaves_the_target() -> None:
    speech = chirp(4000, RATE)
    heard, target = distort_speech([Drawn("clip", "speech", {"peak_share": 0.3, "shape": "hard"})], speech, RATE)
    assert target is speech
    assert not np.array_equal(heard, speech)


@pytest.mark.parametrize(("loss", "burst"), [(0.1, None), (0.3, None), (0.1, 1.0), (0.2, 4.0), (0.6, 10.0)])
def test_the_share_and_the_bursts_of_lost_packets_are_those_asked(loss: float, burst: float | None) -> None:
    lost = lost_packets(200_000, loss=loss, burst=burst, seed=11)
    starts = np.count_nonzero(np.diff(lost.astype(int)) == 1)
    mean_burst = 1.0 / (1.0 - loss) if burst is None else burst
    assert lost.mean() == pytest.approx(loss, rel=0.05)  # three standard deviations of the burstiest
    assert np.count_nonzero(lost) / starts == pytest.approx(mean_burst, rel=0.05)


def test_lost_packets_are_silent_and_the_others_untouched() -> None:
    speech = 1.0 + np.arange(3210.0)
    heard = lose_packets(speech, RATE, loss=0.5, packet_ms=20.0, concealment="zero", seed=3)
    lost = np.repeat(lost_packets(11, loss=0.5, burst=None, seed=3), 320)[: speech.size]
    assert 0 < np.count_nonzero(lost) < lost.size
    assert not heard[lost].any()
    assert np.array_equal(heard[~lost], speech[~lost])


def test_a_repeated_packet_is_the_last_that_came_and_fades() -> None:
    seed = next(
        seed
        for seed in range(100)
        if lost_packets(4, loss=0.5, burst=2.0, seed=seed).tolist() == [False, True, True, False]
    )
    speech = chirp(64, RATE)
    heard = lose_packets(speech, RATE, loss=0.5, burst=2.0, packet_ms=1.0, concealment="repeat", seed=seed)
    expected = np.concatenate([speech[:16], speech[:16], 0.5 * speech[:16], speech[48:]])
    assert np.array_equal(heard, expected)


def test_a_first_packet_that_is_lost_is_silent_even_with_repetition() -> None:
    seed = next(
        seed for seed in range(100) if lost_packets(2, loss=0.5, burst=None, seed=seed).tolist() == [True, False]
    )
    heard = lose_packets(chirp(32, RATE), RATE, loss=0.5, packet_ms=1.0, concealment="repeat", seed=seed)
    assert not heard[:16].any()
    assert np.array_equal(heard[16:], chirp(32, RATE)[16:])


def test_other_seeds_lose_other_packets() -> None:
    first, second = (lost_packets(200, loss=0.3, burst=None, seed=seed) for seed in (1, 2))
    assert not np.array_equal(first, second)


def test_a_loss_that_needs_longer_bursts_is_refused() -> None:
    with pytest.raises(ValueError, match="bursts of at least 4 packets"):
        PacketLossConfig(loss=0.8, burst=2.0)
