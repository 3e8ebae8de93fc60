"""Patch-Mix against loops."""

import numpy as np
import pytest
import torch

from merit_cli.models.breath import BreathCnnConfig
from merit_cli.models.patch_mix import Mix, draw_mix, mix_cells, mix_patches


def test_patches_are_taken_as_a_loop_would() -> None:
    patches_BPD = torch.randn(5, 7, 3, generator=torch.Generator().manual_seed(0))
    mix = draw_mix(5, 7, beta=1.0, generator=np.random.default_rng(3))
    mixed_BPD = mix_patches(patches_BPD, mix)
    for clip in range(5):
        for patch in range(7):
            source = int(mix.order_B[clip]) if mix.taken_P[patch] else clip
            assert torch.equal(mixed_BPD[clip, patch], patches_BPD[source, patch])


def test_cells_are_taken_as_a_loop_would_and_the_share_is_that_of_the_area() -> None:
    """10 by 11 places in cells of 4 by 3: those at the far ends are smaller."""
    maps_BMT = torch.randn(3, 10, 11, generator=torch.Generator().manual_seed(0))
    drawn = Mix(torch.tensor([2, 0, 1]), torch.tensor([0, 1, 0, 1, 1, 0, 0, 0, 0, 0, 1, 1]).bool(), 7 / 12)
    sizes = []

    def draw(num_clips: int, num_patches: int) -> Mix:
        sizes.append((num_clips, num_patches))
        return drawn

    mixed_BMT, mix = mix_cells(maps_BMT, draw, (4, 3))
    assert sizes == [(3, 12)]
    num_own = 0
    for mel in range(10):
        for frame in range(11):
            taken = bool(drawn.taken_P[mel // 4 * 4 + frame // 3])
            num_own += not taken
            for clip in range(3):
                source = int(drawn.order_B[clip]) if taken else clip
                assert mixed_BMT[clip, mel, frame] == maps_BMT[source, mel, frame]
    assert mix.own_share == pytest.approx(num_own / 110)


def test_the_share_taken_is_drawn_from_beta_and_the_places_evenly() -> None:
    generator = np.random.default_rng(0)
    drawn = [draw_mix(4, 100, beta=1.0, generator=generator) for _ in range(2000)]
    shares = np.array([mix.own_share for mix in drawn])
    assert shares == pytest.approx([1.0 - float(mix.taken_P.float().mean()) for mix in drawn], abs=1e-6)
    assert shares.mean() == pytest.approx(0.5, abs=0.03)
    assert shares.var() == pytest.approx(1 / 12, abs=0.01)
    often = torch.stack([mix.taken_P for mix in drawn]).float().mean(dim=0)
    assert float(often.min()) > 0.43
    assert float(often.max()) < 0.57
    narrow = [draw_mix(4, 100, beta=50.0, generator=generator).own_share for _ in range(200)]
    assert np.std(narrow) < 0.1


def test_the_order_is_a_permutation_of_the_clips() -> None:
    orders = [draw_mix(6, 4, beta=1.0, generator=np.random.default_rng(seed)).order_B.tolist() for seed in range(20)]
    assert all(sorted(order) == list(range(6)) for order in orders)
    assert len({tuple(order) for order in orders}) > 15


def test_a_network_hears_the_mixture_and_leaves_the_clips_as_they_were() -> None:
    torch.manual_seed(0)
    model = BreathCnnConfig(duration=0.6, num_mels=16, fft_size=256, channels=(4, 8)).build(2).eval()
    maps_BMT = model.spectrogram(torch.randn(3, 2400))
    before_BMT = maps_BMT.clone()
    features_BD, mix = model.embed_mixed(
        maps_BMT, lambda clips, cells: draw_mix(clips, cells, beta=1.0, generator=np.random.default_rng(1)), (4, 4)
    )
    assert 0.0 < mix.own_share < 1.0
    assert torch.equal(maps_BMT, before_BMT)
    expected_BMT, _ = mix_cells(maps_BMT, lambda clips, cells: mix_of(mix, clips, cells), (4, 4))
    assert torch.equal(features_BD, model.embed(expected_BMT))


def mix_of(mix: Mix, num_clips: int, num_patches: int) -> Mix:
    assert (len(mix.order_B), len(mix.taken_P)) == (num_clips, num_patches)
    return mix
