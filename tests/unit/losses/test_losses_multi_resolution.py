"""Multi-resolution and sample distances equal naive NumPy formulas, and stay finite on silence."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from merit_cli.carriers import MultiTaskOutput
from merit_cli.losses.enhancement import EnhancementTerms, enhancement_sums, weighted
from merit_cli.losses.multi_resolution import (
    POWER_FLOOR,
    MultiResolutionConfig,
    multi_resolution_loss,
    multi_resolution_sums,
)
from merit_cli.losses.spectral import MaskedSum
from merit_cli.losses.waveform import absolute_error_sum, squared_error_sum

LENGTHS = torch.tensor([3000, 1701])
CONFIG = MultiResolutionConfig()


def waves() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(2, 3000, generator=generator, dtype=torch.float64) for _ in range(2))


def naive_magnitude(wave: npt.NDArray[np.float64], window_length: int, hop: int, fft: int) -> npt.NDArray[np.float64]:
    window = np.hanning(window_length + 1)[:-1]
    padded = np.pad(wave, window_length // 2, mode="reflect")
    starts = range(0, len(padded) - window_length + 1, hop)
    power = [np.abs(np.fft.rfft(padded[at : at + window_length] * window, fft)) ** 2 for at in starts]
    return np.sqrt(np.maximum(power, POWER_FLOOR))


def naive_distances(enhanced: npt.NDArray[np.float64], clean: npt.NDArray[np.float64]) -> tuple[float, float]:
    convergences, magnitudes = [], []
    for fft, hop, window in [(1024, 120, 600), (2048, 240, 1200), (512, 50, 240)]:
        estimate, reference = (naive_magnitude(wave, window, hop, fft) for wave in (enhanced, clean))
        convergences.append(np.sqrt(((reference - estimate) ** 2).sum()) / np.sqrt((reference**2).sum()))
        magnitudes.append(np.abs(np.log(reference) - np.log(estimate)).mean())
    return float(np.mean(convergences)), float(np.mean(magnitudes))


def test_both_distances_equal_the_formula_on_valid_samples() -> None:
    enhanced, clean = waves()
    expected = [
        naive_distances(enhanced[row, :length].numpy(), clean[row, :length].numpy())
        for row, length in enumerate(LENGTHS.tolist())
    ]
    sums = multi_resolution_sums(enhanced, clean, LENGTHS, CONFIG)
    assert sums.convergence.total.item() == pytest.approx(sum(pair[0] for pair in expected), rel=1e-10)
    assert sums.magnitude.total.item() == pytest.approx(sum(pair[1] for pair in expected), rel=1e-10)
    assert [each.weight.item() for each in sums] == [2.0, 2.0]
    mean = 0.5 * np.mean([pair[0] for pair in expected]) + 0.5 * np.mean([pair[1] for pair in expected])
    assert multi_resolution_loss(enhanced, clean, LENGTHS, CONFIG).item() == pytest.approx(mean, rel=1e-10)


def test_equal_signals_have_no_multi_resolution_distance_and_a_finite_gradient() -> None:
    _, clean = waves()
    enhanced = clean.clone()
    enhanced[1, 1701:] = torch.nan
    enhanced.requires_grad_()
    loss = multi_resolution_loss(enhanced, clean, LENGTHS, CONFIG)
    loss.backward()
    assert loss.item() == 0.0
    assert torch.isfinite(enhanced.grad).all()


@pytest.mark.parametrize("gain", [0.1, 0.5, 2.0])
def test_a_gain_costs_what_the_definitions_say(gain: float) -> None:
    _, clean = waves()
    sums = multi_resolution_sums(gain * clean, clean, LENGTHS, CONFIG)
    assert (sums.convergence.total / 2).item() == pytest.approx(abs(1 - gain), rel=1e-6)
    assert (sums.magnitude.total / 2).item() == pytest.approx(abs(np.log(gain)), rel=1e-4)  # the floor


def test_a_sign_costs_nothing_in_magnitudes() -> None:
    _, clean = waves()
    assert multi_resolution_loss(-clean, clean, LENGTHS, CONFIG).item() == 0.0


def test_silent_clean_speech_has_log_magnitudes_but_no_convergence() -> None:
    enhanced, clean = waves()
    clean[1] = 0.0
    sums = multi_resolution_sums(enhanced, clean, LENGTHS, CONFIG)
    alone = multi_resolution_sums(enhanced[:1], clean[:1], LENGTHS[:1], CONFIG)
    assert sums.convergence.weight.item() == 1.0
    assert sums.convergence.total.item() == pytest.approx(alone.convergence.total.item(), rel=1e-12)
    assert sums.magnitude.weight.item() == 2.0
    assert sums.magnitude.total.item() > alone.magnitude.total.item() + 1.0


@pytest.mark.parametrize("silent", ["enhanced", "clean", "both"])
@pytest.mark.parametrize("num_samples", [1, 100, 3000])
def test_gradients_on_silence_are_finite_whatever_the_length(silent: str, num_samples: int) -> None:
    enhanced, clean = (wave[:, :num_samples].float() for wave in waves())
    enhanced = (torch.zeros_like(enhanced) if silent != "clean" else enhanced.clone()).requires_grad_()
    clean = torch.zeros_like(clean) if silent != "enhanced" else clean
    lengths = torch.tensor([num_samples, num_samples])
    loss = multi_resolution_loss(enhanced, clean, lengths, CONFIG)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(enhanced.grad).all()
    assert silent != "both" or loss.item() == 0.0


def test_parts_of_a_batch_add_up_to_the_whole_at_every_resolution() -> None:
    enhanced, clean = waves()
    whole = multi_resolution_sums(enhanced, clean, LENGTHS, CONFIG)
    parts = [
        multi_resolution_sums(enhanced[row : row + 1], clean[row : row + 1], LENGTHS[row : row + 1], CONFIG)
        for row in range(2)
    ]
    for name, total in whole._asdict().items():
        for field in MaskedSum._fields:
            added = sum(getattr(getattr(part, name), field).item() for part in parts)
            assert getattr(total, field).item() == pytest.approx(added, rel=1e-12)


def test_half_precision_is_widened() -> None:
    enhanced, clean = (wave.float() for wave in waves())
    loss = multi_resolution_loss(enhanced.bfloat16(), clean, LENGTHS, CONFIG)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(multi_resolution_loss(enhanced, clean, LENGTHS, CONFIG).item(), rel=0.01)


@pytest.mark.parametrize(
    "settings",
    [
        {"fft_sizes": (512,)},
        {"fft_sizes": (), "hop_lengths": (), "window_lengths": ()},
        {"fft_sizes": (512,), "hop_lengths": (100,), "window_lengths": (600,)},
        {"fft_sizes": (512,), "hop_lengths": (100,), "window_lengths": (241,)},
        {"fft_sizes": (512,), "hop_lengths": (0,), "window_lengths": (240,)},
        {"magnitude_weight": -1.0},
    ],
)
def test_resolutions_that_do_not_fit_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MultiResolutionConfig(**settings)


@pytest.mark.parametrize(("distance", "naive"), [(absolute_error_sum, np.abs), (squared_error_sum, np.square)])
def test_sample_distances_equal_the_formula_on_valid_samples(
    distance: Callable[[Tensor, Tensor, Tensor], MaskedSum],
    naive: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
) -> None:
    enhanced, clean = waves()
    difference = (enhanced - clean).numpy()
    expected = np.concatenate([naive(difference[0]), naive(difference[1, :1701])])
    enhanced[1, 1701:] = torch.nan
    total, weight = distance(enhanced, clean, LENGTHS)
    assert total.item() == pytest.approx(expected.sum(), rel=1e-12)
    assert weight.item() == len(expected) == 4701
    assert distance(clean, clean, LENGTHS).total.item() == 0.0


@pytest.mark.parametrize("distance", [absolute_error_sum, squared_error_sum])
def test_sample_distances_have_finite_gradients_on_silence(
    distance: Callable[[Tensor, Tensor, Tensor], MaskedSum],
) -> None:
    silent = torch.zeros(2, 3000, requires_grad=True)
    distance(silent, torch.zeros(2, 3000), LENGTHS).total.backward()
    assert not silent.grad.any()


def test_an_objective_of_samples_and_resolutions_is_their_weighted_sum() -> None:
    enhanced, clean = waves()
    terms = EnhancementTerms(log1p_l1=0.0, l1=2.0, multi_resolution=MultiResolutionConfig(magnitude_weight=0.0))
    sums = enhancement_sums(MultiTaskOutput(enhanced_BN=enhanced), clean, LENGTHS, terms)
    assert set(sums) == {"l1", "multi_resolution_convergence"}
    loss = weighted({name: total / weight for name, (total, weight) in sums.items()}, terms, torch.zeros(()))
    total, weight = absolute_error_sum(enhanced, clean, LENGTHS)
    spectral = multi_resolution_loss(enhanced, clean, LENGTHS, terms.multi_resolution)
    assert loss.item() == pytest.approx((2.0 * total / weight + spectral).item(), rel=1e-12)
