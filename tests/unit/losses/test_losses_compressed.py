"""Compressed spectral distances equal the naive formula, and stay finite on silence."""

import pytest
import torch

from merit_cli.losses.compressed import (
    CompressedLossConfig,
    compress,
    compressed_loss,
    compressed_sums,
    decompress,
    unit_rms_gain,
)
from merit_cli.losses.spectrum import StftShape, istft, stft

CONFIG = CompressedLossConfig(window_length=64, hop_length=16, fft_size=64)
LENGTHS = torch.tensor([640, 301])


def waves() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(2, 640, generator=generator, dtype=torch.float64) for _ in range(2))


def library_spectrum(wave: torch.Tensor) -> torch.Tensor:
    window = torch.hamming_window(64, dtype=torch.float64)
    return torch.stft(wave, 64, 16, 64, window, center=True, pad_mode="reflect", return_complex=True)


def test_loss_equals_the_formula_over_valid_frames() -> None:
    enhanced, clean = waves()
    complex_parts, magnitude_parts, wave_parts = [], [], []
    for row, length in enumerate(LENGTHS.tolist()):
        pair = [library_spectrum(wave[row, :length]) for wave in (enhanced, clean)]
        magnitudes = [spectrum.abs() ** 0.3 for spectrum in pair]
        parts = [torch.polar(size, spectrum.angle()) for size, spectrum in zip(magnitudes, pair, strict=True)]
        complex_parts.append((parts[0] - parts[1]).abs().square().flatten())
        magnitude_parts.append((magnitudes[0] - magnitudes[1]).square().flatten())
        wave_parts.append((enhanced - clean)[row, :length].abs())
    expected = (
        0.1 * torch.cat(complex_parts).mean()
        + 0.9 * torch.cat(magnitude_parts).mean()
        + 0.2 * torch.cat(wave_parts).mean()
    )
    loss = compressed_loss(enhanced, clean, LENGTHS, CONFIG)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)  # the floor under the power


def test_equal_signals_have_no_distance_whatever_the_padding() -> None:
    enhanced, clean = waves()
    enhanced[:, :] = clean
    enhanced[1, 301:] = 7.0
    assert compressed_loss(enhanced, clean, LENGTHS, CONFIG).item() == 0.0


def test_a_wrong_phase_costs_in_the_complex_term_only() -> None:
    _, clean = waves()
    sums = compressed_sums(-clean, clean, LENGTHS, CONFIG)
    assert sums.magnitude.total.item() == pytest.approx(0.0, abs=1e-12)
    assert (sums.complex.total / sums.complex.weight).item() > 1.0


def test_parts_of_a_batch_add_up_to_the_whole() -> None:
    enhanced, clean = waves()
    whole = compressed_sums(enhanced, clean, LENGTHS, CONFIG)
    parts = [compressed_sums(enhanced[i : i + 1], clean[i : i + 1], LENGTHS[i : i + 1], CONFIG) for i in range(2)]
    for one, first, second in zip(whole, *parts, strict=True):
        torch.testing.assert_close(one.total, first.total + second.total)
        torch.testing.assert_close(one.weight, first.weight + second.weight)


@pytest.mark.parametrize("silent", ["enhanced", "clean", "both"])
def test_gradients_are_finite_on_silence(silent: str) -> None:
    enhanced, clean = waves()
    enhanced, clean = enhanced * (silent == "clean"), clean * (silent == "enhanced")
    enhanced.requires_grad_()
    compressed_loss(enhanced, clean, LENGTHS, CONFIG).backward()
    assert torch.isfinite(enhanced.grad).all()


def test_decompression_undoes_compression() -> None:
    spectrum = library_spectrum(waves()[0])
    torch.testing.assert_close(decompress(compress(spectrum, 0.3), 0.3), spectrum, rtol=1e-5, atol=1e-5)


def test_gain_makes_the_rms_of_valid_samples_one() -> None:
    _, clean = waves()
    scaled = clean * unit_rms_gain(clean, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        assert scaled[row, :length].square().mean().item() == pytest.approx(1.0)


@pytest.mark.parametrize("shape", [StftShape(400, 100, 512, "hann"), StftShape(400, 100, 400), StftShape(64, 20, 64)])
def test_a_transform_of_any_shape_is_inverted_in_a_padded_batch(shape: StftShape) -> None:
    _, clean = waves()
    spectrum = stft(clean, LENGTHS, shape)
    assert spectrum.shape == (2, 640 // shape.hop_length + 1, shape.num_bins)
    back = istft(spectrum, LENGTHS, num_samples=640, shape=shape)
    torch.testing.assert_close(back[0], clean[0])
    torch.testing.assert_close(back[1, :301], clean[1, :301])
    assert not back[1, 301:].any()
