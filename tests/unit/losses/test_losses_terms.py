"""Each loss equals its formula on numbers that can be checked by hand or by another library."""

import math

import pytest
import torch
import torch.nn.functional as nnf

from merit_cli.carriers import NO_LABEL, Routing
from merit_cli.losses.emotion import class_weights, weighted_cross_entropy
from merit_cli.losses.load_balance import balance_loss, router_sums, switch_balance, z_loss
from merit_cli.losses.spectral import log1p_l1
from merit_cli.losses.spectrum import log1p_magnitude, stft
from merit_cli.losses.waveform import negative_ratio


def routing_of(logits: torch.Tensor, chosen: torch.Tensor, valid: torch.Tensor | None = None) -> Routing:
    valid = torch.ones(logits.shape[:2], dtype=torch.bool) if valid is None else valid
    return Routing(logits, logits.softmax(-1), chosen, valid)


def test_weighted_cross_entropy_equals_torchs_weighted_mean() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 4, generator=generator)
    labels = torch.tensor([0, 3, NO_LABEL, 1, 1, 2])
    weights = torch.tensor(class_weights([10, 20, 30, 40]))
    kept = labels != NO_LABEL
    expected = nnf.cross_entropy(logits[kept], labels[kept], weight=weights)
    assert weighted_cross_entropy(logits, labels, weights).item() == pytest.approx(expected.item(), rel=1e-6)


def test_class_weights_average_to_one_over_the_training_set() -> None:
    counts = [5, 20, 75]
    assert sum(n * w for n, w in zip(counts, class_weights(counts), strict=True)) == pytest.approx(sum(counts))


def test_a_batch_without_labels_has_no_emotion_loss() -> None:
    logits = torch.randn(2, 3, requires_grad=True)
    loss = weighted_cross_entropy(logits, torch.tensor([NO_LABEL, NO_LABEL]))
    loss.backward()
    assert loss.item() == 0.0
    assert torch.isfinite(logits.grad).all()


def test_spectral_distance_averages_over_valid_bins_only() -> None:
    generator = torch.Generator().manual_seed(0)
    lengths = torch.tensor([3200, 1000])
    clean, other = (torch.randn(2, 3200, generator=generator, dtype=torch.float64) for _ in range(2))
    estimate = log1p_magnitude(stft(other, lengths))
    rows = []
    for row, length in enumerate(lengths.tolist()):
        alone = torch.tensor([length])
        reference = log1p_magnitude(stft(clean[row : row + 1, :length], alone))[0]
        rows.append((estimate[row, : len(reference)] - reference).abs())
    expected = torch.cat(rows).mean()
    assert log1p_l1(estimate, clean, lengths).item() == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 20.0])
def test_si_sdr_of_orthogonal_noise_is_its_snr_whatever_the_gain(snr_db: float) -> None:
    time = torch.arange(1600, dtype=torch.float64) / 1600
    clean = torch.sin(2 * math.pi * 10 * time)
    noise = torch.cos(2 * math.pi * 10 * time) * 10 ** (-snr_db / 20)
    padded = torch.nn.functional.pad(torch.stack([clean, clean + noise]), (0, 400))
    loss = negative_ratio(7.0 * padded[1:], padded[:1], torch.tensor([1600]))
    assert loss.item() == pytest.approx(-snr_db, abs=1e-4)


def test_silent_clean_speech_is_left_out_of_si_sdr() -> None:
    clean = torch.stack([torch.randn(100, generator=torch.Generator().manual_seed(0)), torch.zeros(100)])
    noisy = clean + 0.1 * torch.randn(2, 100, generator=torch.Generator().manual_seed(1))
    lengths = torch.tensor([100, 100])
    both = negative_ratio(noisy, clean, lengths)
    assert both.item() == pytest.approx(negative_ratio(noisy[:1], clean[:1], lengths[:1]).item())


def test_balance_is_one_for_a_uniform_router_and_n_for_a_collapsed_one() -> None:
    even = routing_of(torch.zeros(1, 4, 4), torch.arange(4).view(1, 4, 1))
    stuck = torch.full((1, 4, 4), -100.0)
    stuck[..., 2] = 100.0
    collapsed = routing_of(stuck, torch.full((1, 4, 1), 2))
    assert switch_balance(router_sums(even), router_sums(even)).item() == pytest.approx(1.0)
    assert switch_balance(router_sums(collapsed), router_sums(collapsed)).item() == pytest.approx(4.0)


def test_pooled_balance_allows_each_task_its_own_expert() -> None:
    sharp = torch.tensor([100.0, -100.0]).expand(1, 6, 2)
    first = router_sums(routing_of(sharp, torch.zeros(1, 6, 1, dtype=torch.int64)))
    second = router_sums(routing_of(sharp.flip(-1), torch.ones(1, 6, 1, dtype=torch.int64)))
    sums = {"enhancement": first, "emotion": second}
    assert balance_loss(sums, sums, over="per_router").item() == pytest.approx(4.0)
    assert balance_loss(sums, sums, over="pooled").item() == pytest.approx(1.0)


def test_balance_and_z_loss_ignore_padding() -> None:
    logits = torch.tensor([[[1.0, 0.0], [0.0, 3.0], [9.0, -9.0]]])
    chosen = torch.tensor([[[0], [1], [0]]])
    sums = router_sums(routing_of(logits, chosen, torch.tensor([[True, True, False]])))
    p = [[math.e / (math.e + 1), 1 / (math.e + 1)], [1 / (1 + math.e**3), math.e**3 / (1 + math.e**3)]]
    expected = 2 * sum(0.5 * (p[0][i] + p[1][i]) / 2 for i in range(2))
    assert switch_balance(sums, sums).item() == pytest.approx(expected)
    z = (math.log(math.e + 1) ** 2 + math.log(1 + math.e**3) ** 2) / 2
    assert z_loss({"a": sums}, {"a": sums}).item() == pytest.approx(z, rel=1e-6)
