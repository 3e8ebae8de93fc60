"""Fitting a breath classifier: it learns, chooses by dev score, and resumes exactly."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from merit_cli.models.breath import BreathCnn, BreathCnnConfig
from merit_cli.models.patch_mix import PatchMixConfig
from merit_cli.training.average import WeightAverage
from merit_cli.training.breath_batches import ClipSet
from merit_cli.training.breath_brain import FitResult, FitSettings, fit_breath
from merit_cli.training.spectrogram_masks import SpecAugmentConfig
from merit_cli.workers import no_progress

CONFIG = BreathCnnConfig(duration=0.6, num_mels=16, fft_size=256, channels=(4, 8))


def _clips(num_clips: int, seed: int) -> ClipSet:
    """Noise, and noise with a tone."""
    generator = torch.Generator().manual_seed(seed)
    labels_B = torch.arange(num_clips) % 2
    waves_BN = torch.randn(num_clips, CONFIG.num_samples, generator=generator)
    tone_N = torch.sin(torch.arange(CONFIG.num_samples) * 0.6)
    return ClipSet(waves_BN + labels_B[:, None] * tone_N, labels_B)


def _accuracy(truth: Sequence[int], predicted: Sequence[int]) -> float:
    return sum(t == p for t, p in zip(truth, predicted, strict=True)) / len(truth)


def _fit(
    folder: Path, *, epochs: int = 4, stop_after: int | None = None, **options: Any
) -> tuple[BreathCnn, FitResult]:
    folder.mkdir(exist_ok=True)
    torch.manual_seed(3)
    model = CONFIG.build(2)

    def progress(stage: str, epoch: int, total: int) -> None:
        if epoch == stop_after:
            raise KeyboardInterrupt

    result = fit_breath(
        model,
        _clips(24, 1),
        _clips(12, 2),
        settings=FitSettings(epochs, 4, 3e-3, 1e-4, 1.0, 0, **options),
        class_weights_C=torch.ones(2),
        dev_score=_accuracy,
        folder=folder,
        progress=progress if stop_after else no_progress,
    )
    return model, result


def test_it_learns_a_tone(tmp_path: Path) -> None:
    assert _fit(tmp_path / "run", epochs=12)[1].best_score > 0.9


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"average_decay": 0.9, "spec_augment": SpecAugmentConfig(), "balance": "up"},
        {"patch_mix": PatchMixConfig(contrastive=1.0, cell=(4, 4)), "average_decay": 0.5},
    ],
)
def test_a_stopped_fit_goes_on_as_if_it_had_not_stopped(tmp_path: Path, options: dict[str, Any]) -> None:
    whole, _ = _fit(tmp_path / "whole", **options)
    with pytest.raises(KeyboardInterrupt):
        _fit(tmp_path / "stopped", stop_after=2, **options)
    with (tmp_path / "stopped" / "metrics.jsonl").open("a") as handle:
        handle.write('{"epoch":3,"train_loss":9.0}\n{"epo')  # written, but its checkpoint was not
    resumed, _ = _fit(tmp_path / "stopped", **options)
    assert (tmp_path / "stopped" / "metrics.jsonl").read_bytes() == (tmp_path / "whole" / "metrics.jsonl").read_bytes()
    for left, right in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(left, right)


def test_the_best_epoch_by_dev_score_is_kept(tmp_path: Path) -> None:
    scores = iter([0.2, 0.9, 0.3, 0.1])
    torch.manual_seed(0)
    (tmp_path / "run").mkdir()
    result = fit_breath(
        CONFIG.build(2),
        _clips(8, 1),
        _clips(4, 2),
        settings=FitSettings(4, 8, 1e-3, 0.0, 0.0, 0),
        class_weights_C=torch.ones(2),
        dev_score=lambda truth, predicted: next(scores),
        folder=tmp_path / "run",
        progress=no_progress,
    )
    assert (result.best_epoch, result.best_score) == (2, 0.9)


def test_the_averaged_weights_are_the_mean_of_every_step_early_on(tmp_path: Path) -> None:
    """One epoch of two steps: the average is the mean of the weights after each, by a fit stopped at each."""
    averaged, _ = _fit(tmp_path / "averaged", epochs=1, average_decay=0.999)
    plain, _ = _fit(tmp_path / "plain", epochs=1)
    seen: list[torch.Tensor] = []
    original = torch.optim.AdamW.step

    def step(self: torch.optim.AdamW, closure: None = None) -> None:  # type: ignore[misc]
        original(self, closure)
        seen.append(next(p for group in self.param_groups for p in group["params"]).detach().clone())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", step)
        _fit(tmp_path / "watched", epochs=1)
    first = next(averaged.parameters())
    assert len(seen) == 6  # 24 clips, 4 a step
    torch.testing.assert_close(first, torch.stack(seen).mean(dim=0))
    torch.testing.assert_close(next(plain.parameters()), seen[-1])


def test_running_statistics_are_averaged_with_the_weights(tmp_path: Path) -> None:
    """Those of the last step belong to other weights."""
    means: list[torch.Tensor] = []
    original = WeightAverage.update

    def update(self: WeightAverage, step: int) -> None:
        means.append(self.parameters["blocks.1.running_mean"].clone())
        original(self, step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WeightAverage, "update", update)
        model, _ = _fit(tmp_path / "run", epochs=1, average_decay=0.999)
    assert len(means) == 6
    torch.testing.assert_close(model.state_dict()["blocks.1.running_mean"], torch.stack(means).mean(dim=0))
    assert not torch.allclose(means[-1], torch.stack(means).mean(dim=0))


def test_masks_are_drawn_in_training_and_not_on_dev(tmp_path: Path) -> None:
    plain, masked = (
        _fit(tmp_path / "a", epochs=1)[0],
        _fit(tmp_path / "b", epochs=1, spec_augment=SpecAugmentConfig())[0],
    )
    assert not torch.equal(next(plain.parameters()), next(masked.parameters()))
    waves_BN = _clips(4, 5).waves_BN
    masked.eval()
    assert torch.equal(masked(waves_BN), masked(waves_BN))


def test_a_fit_leaves_the_global_generator_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(9)
    before = torch.rand(1)
    (tmp_path / "run").mkdir()
    torch.manual_seed(9)
    model = CONFIG.build(2)
    torch.manual_seed(9)
    fit_breath(
        model,
        _clips(8, 1),
        _clips(4, 2),
        settings=FitSettings(1, 8, 1e-3, 0.0, 0.0, 0),
        class_weights_C=torch.ones(2),
        dev_score=_accuracy,
        folder=tmp_path / "run",
        progress=no_progress,
    )
    assert torch.equal(torch.rand(1), before)
