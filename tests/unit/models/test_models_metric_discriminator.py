"""The discriminator has the paper's size, does not see padding, and learns a metric."""

import torch

from merit_cli.losses.adversarial import discriminator_loss_sum, generator_loss_sum, metric_targets
from merit_cli.models.cmgan import CmganConfig
from merit_cli.models.metric_discriminator import MetricDiscriminatorConfig

SMALL = MetricDiscriminatorConfig(window_length=128, hop_length=64, channels=4, dropout=0.0)


def waves(num_samples: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    clean = torch.randn(4, num_samples, generator=generator)
    levels = torch.tensor([0.03, 0.3, 1.0, 3.0])[:, None]
    return clean, clean + levels * torch.randn(4, num_samples, generator=generator)


def test_it_has_the_parameters_of_the_specification() -> None:
    count = sum(parameter.numel() for parameter in MetricDiscriminatorConfig().build().parameters())
    assert count == 181_650
    assert round(count / 1e6, 2) == 0.18


def test_padding_does_not_change_a_score() -> None:
    torch.manual_seed(0)
    model = SMALL.build().double().eval()
    clean, processed = (wave.double() for wave in waves())
    lengths = torch.tensor([4000, 2222, 1500, 100])
    together = model(clean, processed, lengths)
    assert together.shape == (4,)
    for row, length in enumerate(lengths.tolist()):
        one = slice(row, row + 1)
        alone = model(clean[one, :length], processed[one, :length], lengths[one])
        torch.testing.assert_close(together[one], alone)


def test_one_gain_for_both_signals_does_not_change_a_score() -> None:
    torch.manual_seed(0)
    model = SMALL.build().double().eval()
    clean, processed = (wave.double() for wave in waves())
    lengths = torch.full((4,), 4000)
    torch.testing.assert_close(model(0.01 * clean, 0.01 * processed, lengths), model(clean, processed, lengths))


def test_it_learns_to_rank_signals_by_their_si_sdr() -> None:
    torch.manual_seed(0)
    model = SMALL.build()
    clean, processed = waves()
    lengths = torch.full((4,), 4000)
    targets = metric_targets(processed, clean, lengths)
    optimiser = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        total, weight = discriminator_loss_sum(model(clean, clean, lengths), model(clean, processed, lengths), targets)
        (total / weight).backward()
        optimiser.step()
    scores = model.eval()(clean, processed, lengths)
    assert scores.argsort(descending=True).tolist() == [0, 1, 2, 3]
    assert (scores - targets.target_B).abs().max() < 0.2


def test_gradients_reach_the_signal_and_stay_finite_on_silence() -> None:
    torch.manual_seed(0)
    model = SMALL.build()
    clean, processed = waves()
    clean[1], processed[2] = 0.0, 0.0
    processed.requires_grad_()
    generator_loss_sum(model(clean, processed, torch.full((4,), 4000))).total.backward()
    assert torch.isfinite(processed.grad).all()
    assert processed.grad[0].any()


def test_its_state_holds_the_power_iteration() -> None:
    torch.manual_seed(0)
    model, copy = SMALL.build(), SMALL.build()
    clean, processed = waves()
    lengths = torch.full((4,), 4000)
    model(clean, processed, lengths)
    copy.load_state_dict(model.state_dict())
    assert torch.equal(copy(clean, processed, lengths), model(clean, processed, lengths))


def test_steps_of_generator_and_discriminator_move_each_its_own_network() -> None:
    torch.manual_seed(0)
    generator = CmganConfig(window_length=128, hop_length=64, channels=4, dense_depth=1, num_blocks=1, kernel=3).build()
    discriminator = SMALL.build()
    clean, noisy = waves()
    lengths = torch.full((4,), 4000)
    enhanced = generator(noisy, lengths)

    discriminator.requires_grad_(requires_grad=False)
    generator_loss_sum(discriminator(clean, enhanced, lengths)).total.backward()
    discriminator.requires_grad_(requires_grad=True)
    assert all(parameter.grad is None for parameter in discriminator.parameters())
    assert any(parameter.grad.any() for parameter in generator.parameters())

    generator.zero_grad()
    detached = enhanced.detach()
    targets = metric_targets(detached, clean, lengths)
    scores = [discriminator(clean, wave, lengths) for wave in (clean, detached)]
    discriminator_loss_sum(*scores, targets).total.backward()
    assert all(parameter.grad is None for parameter in generator.parameters())
    assert all(torch.isfinite(parameter.grad).all() for parameter in discriminator.parameters())
