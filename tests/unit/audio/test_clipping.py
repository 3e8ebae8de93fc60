import numpy as np
import numpy.typing as npt
import pytest

from merit_cli.audio.clipping import Clipping, ClippingCounter


def count(samples: npt.NDArray[np.floating], *, block: int | None = None) -> Clipping:
    counter = ClippingCounter()
    for start in range(0, samples.size, block or samples.size):
        counter.add(samples[start : start + (block or samples.size)])
    return counter.result()


def to_16_bit(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.clip(np.rint(samples * 32768), -32768, 32767) / 32768)


NOISE = 0.5 * np.random.default_rng(0).standard_normal(20000)


def test_samples_cut_at_full_scale_are_counted() -> None:
    cut = to_16_bit(NOISE)
    expected = np.count_nonzero((cut >= 32767 / 32768) | (cut <= -1.0))
    assert count(cut).num_clipped == expected > 500


def test_flat_tops_that_were_turned_down_are_found() -> None:
    assert count(to_16_bit(0.3 * np.clip(NOISE, -0.7, 0.7))).share > 0.05


def test_only_the_cut_end_counts() -> None:
    cut = np.minimum(NOISE, 0.4)
    assert count(cut).num_clipped == np.count_nonzero(NOISE >= 0.4)


@pytest.mark.parametrize(
    "samples",
    [
        NOISE * 0.3,
        NOISE / np.abs(NOISE).max(),  # its peak is one sample at full scale
        0.5 * np.sin(2 * np.pi * 50 / 48000 * np.arange(48000)),  # 16-bit steps make its tops flat
        0.9 * np.sin(2 * np.pi * 440 / 16000 * np.arange(16000)),
        NOISE * 3e-4,  # a peak of some 16-bit steps
        np.zeros(1000),
    ],
    ids=["noise", "normalised noise", "slow wave", "wave", "faint noise", "silence"],
)
def test_sound_that_was_not_cut_is_not_clipped(samples: npt.NDArray[np.float64]) -> None:
    assert count(to_16_bit(samples)).share == 0.0


@pytest.mark.parametrize("block", [1, 2, 7, 4096])
def test_blocks_count_like_the_whole(block: int) -> None:
    cut = to_16_bit(NOISE[:3000])
    assert count(cut, block=block) == count(cut)


def test_float_samples_beyond_full_scale_count() -> None:
    loud = np.array([0.1, 1.2, -1.3, 0.5])
    assert count(loud) == Clipping(0, 2, 4)
