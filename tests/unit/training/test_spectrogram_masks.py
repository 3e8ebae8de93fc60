"""SpecAugment's masks."""

import torch

from merit_cli.training.spectrogram_masks import SpecAugmentConfig, mask_spectrograms

MAPS_BMT = torch.randn(40, 32, 50, generator=torch.Generator().manual_seed(0))


def _masked(config: SpecAugmentConfig, seed: int = 1) -> torch.Tensor:
    return mask_spectrograms(MAPS_BMT, config, torch.Generator().manual_seed(seed))


def test_a_mask_hides_one_stretch_of_time_in_every_mel() -> None:
    changed_BMT = _masked(SpecAugmentConfig(num_time_masks=1, time_share=0.2, num_mel_masks=0)) != MAPS_BMT
    assert torch.equal(changed_BMT.any(dim=1), changed_BMT.all(dim=1))
    widths = changed_BMT.any(dim=1).sum(dim=1)
    assert int(widths.max()) == 10  # of 40 draws from 0 to 10
    assert int(widths.min()) < 3
    for row_T in changed_BMT.any(dim=1):
        hidden = row_T.nonzero().flatten()
        assert len(hidden) == 0 or int(hidden[-1] - hidden[0]) + 1 == len(hidden)


def test_a_mask_of_mels_hides_all_their_frames_and_leaves_the_others() -> None:
    masked_BMT = _masked(SpecAugmentConfig(num_time_masks=0, num_mel_masks=2, mel_share=0.25))
    changed_BMT = masked_BMT != MAPS_BMT
    assert torch.equal(changed_BMT.any(dim=2), changed_BMT.all(dim=2))
    means_B11 = MAPS_BMT.mean(dim=(1, 2), keepdim=True)
    torch.testing.assert_close(masked_BMT[changed_BMT], means_B11.expand_as(MAPS_BMT)[changed_BMT])


def test_masks_follow_the_generator_and_differ_between_clips() -> None:
    config = SpecAugmentConfig()
    assert torch.equal(_masked(config), _masked(config))
    assert not torch.equal(_masked(config), _masked(config, seed=2))
    hidden_BMT = _masked(config) != MAPS_BMT
    assert not torch.equal(hidden_BMT[0], hidden_BMT[1])


def test_no_masks_change_nothing() -> None:
    assert torch.equal(_masked(SpecAugmentConfig(num_time_masks=0, num_mel_masks=0)), MAPS_BMT)
