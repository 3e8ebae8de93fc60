"""What a step shows and what it costs."""

import pytest
import torch
import torch.nn.functional as nnf

from merit_cli.losses.patch_mix import mixed_cross_entropy
from merit_cli.models.breath import BreathCnn, BreathCnnConfig
from merit_cli.models.patch_mix import PatchMixConfig
from merit_cli.training.breath_step import BreathStep, make_projector
from merit_cli.training.spectrogram_masks import SpecAugmentConfig

WAVES_BN = torch.randn(6, 2400, generator=torch.Generator().manual_seed(0))
LABELS_B = torch.tensor([0, 1, 0, 1, 1, 0])
WEIGHTS_C = torch.tensor([1.0, 2.0])


def _model() -> BreathCnn:
    torch.manual_seed(0)
    return BreathCnnConfig(duration=0.6, num_mels=16, fft_size=256, channels=(4, 8)).build(2)


def _step(patch_mix: PatchMixConfig | None, masks: SpecAugmentConfig | None = None) -> tuple[BreathStep, BreathCnn]:
    model = _model()
    return BreathStep(masks, patch_mix, projector=make_projector(model, patch_mix), seed=3), model


def test_without_options_it_is_plain_cross_entropy() -> None:
    step, model = _step(None)
    model.eval()
    loss = step.loss(step.forward(model, WAVES_BN), LABELS_B, WEIGHTS_C)
    assert torch.equal(loss, nnf.cross_entropy(model(WAVES_BN), LABELS_B, weight=WEIGHTS_C))


def test_mixed_clips_learn_both_labels() -> None:
    step, model = _step(PatchMixConfig(cell=(4, 4)))
    output = step.forward(model.eval(), WAVES_BN)
    mix = output.mix
    assert mix is not None
    expected = mixed_cross_entropy(output.logits_BC, LABELS_B, mix.order_B, mix.own_share, WEIGHTS_C)
    assert torch.equal(step.loss(output, LABELS_B, WEIGHTS_C), expected)
    assert not torch.allclose(output.logits_BC, model(WAVES_BN))


def test_compared_clips_are_learned_as_they_are_and_give_no_gradient_to_the_comparison() -> None:
    step, model = _step(PatchMixConfig(cell=(4, 4), contrastive=2.0))
    output = step.forward(model.eval(), WAVES_BN)
    torch.testing.assert_close(output.logits_BC, model(WAVES_BN))
    assert output.clips_BD is not None
    assert not output.clips_BD.requires_grad
    clear = nnf.cross_entropy(output.logits_BC, LABELS_B, weight=WEIGHTS_C)
    loss = step.loss(output, LABELS_B, WEIGHTS_C)
    assert loss.item() > clear.item()
    loss.backward()
    assert step.projector is not None
    assert all(p.grad is not None and p.grad.any() for p in step.projector.parameters() if p.ndim == 2)


def test_draws_follow_seed_and_epoch() -> None:
    def draws(epoch: int) -> torch.Tensor:
        step, model = _step(PatchMixConfig(cell=(4, 4)), SpecAugmentConfig())
        step.start_epoch(epoch)
        return step.forward(model.eval(), WAVES_BN).logits_BC

    assert torch.equal(draws(2), draws(2))
    assert not torch.equal(draws(2), draws(3))


@pytest.mark.parametrize("contrastive", [0.0, 1.0])
def test_a_lone_clip_is_not_mixed(contrastive: float) -> None:
    step, model = _step(PatchMixConfig(contrastive=contrastive))
    output = step.forward(model, WAVES_BN[:1])
    assert output.mix is None
    assert torch.isfinite(step.loss(output, LABELS_B[:1], WEIGHTS_C))


def test_without_a_comparison_there_is_no_projector() -> None:
    assert make_projector(_model(), PatchMixConfig()) is None
    assert make_projector(_model(), None) is None
