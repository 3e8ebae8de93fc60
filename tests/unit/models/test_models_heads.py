"""The mask head: exact on padded batches, equal to its formula, right in length."""

import pytest
import torch

from merit_cli.carriers import EncoderShape
from merit_cli.losses.spectrum import istft, log1p_magnitude, stft
from merit_cli.models.blstm import BidirectionalLstm
from merit_cli.models.heads import MaskHead, align_frames

WAVLM = EncoderShape(1, 3, (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2))


def test_frames_are_repeated_to_the_spectrum_and_the_last_valid_one_is_held() -> None:
    frames = torch.arange(1.0, 50.0).view(1, 49, 1).repeat(2, 1, 1)
    aligned = align_frames(frames, WAVLM, torch.tensor([16000, 3600]), num_frames=101)[..., 0]
    assert aligned[0].tolist() == [float(1 + i // 2) for i in range(98)] + [49.0] * 3
    valid = WAVLM.num_frames(3600)
    assert valid == 11
    assert aligned[1, :23].tolist() == [float(min(1 + i // 2, valid)) for i in range(23)]


def test_separate_directions_equal_torchs_bidirectional_lstm() -> None:
    torch.manual_seed(0)
    ours = BidirectionalLstm(5, 4).double()
    reference = torch.nn.LSTM(5, 4, num_layers=2, bidirectional=True, batch_first=True).double()
    for layer in range(2):
        for mine, suffix in ((ours.forwards[layer], ""), (ours.backwards[layer], "_reverse")):
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(reference, f"{kind}_l{layer}{suffix}").data.copy_(getattr(mine, f"{kind}_l0").data)
    frames = torch.randn(3, 8, 5, dtype=torch.float64)
    counts = torch.tensor([8, 3, 5])
    packed = torch.nn.utils.rnn.pack_padded_sequence(frames, counts, batch_first=True, enforce_sorted=False)
    both, _ = torch.nn.utils.rnn.pad_packed_sequence(reference(packed)[0], batch_first=True)
    mine = ours(frames, counts)
    for row, count in enumerate(counts.tolist()):
        assert torch.allclose(mine[row, :count], both[row, :count, :4] + both[row, :count, 4:], atol=1e-12)


def test_mask_head_equals_the_naive_head_on_one_utterance() -> None:
    torch.manual_seed(1)
    head = MaskHead(3, 6, WAVLM).double()
    noisy = torch.randn(1, 4000, dtype=torch.float64)
    frames = torch.randn(1, WAVLM.num_frames(4000), 3, dtype=torch.float64)
    enhanced, log1p = head(frames, noisy, torch.tensor([4000]))
    window = torch.hamming_window(400, dtype=torch.float64)
    spectrum = torch.stft(noisy[0], 400, 160, window=window, center=True, pad_mode="reflect", return_complex=True).T
    feature = torch.log(1.0 + spectrum.abs() + 1e-6)
    repeated = torch.stack([frames[0, min(i // 2, frames.shape[1] - 1)] for i in range(len(feature))])
    hidden = head.recur(head.project(torch.cat([feature, repeated], -1)).unsqueeze(0), torch.tensor([len(feature)]))
    expected_log1p = torch.sigmoid(head.mask(hidden[0])) * feature
    magnitude = (expected_log1p.exp() - 1.0 - 1e-6).clamp(min=0)
    rebuilt = (magnitude * torch.exp(1j * spectrum.angle())).T
    expected = torch.istft(rebuilt, 400, 160, window=window, center=True, length=4000)
    assert torch.allclose(log1p[0], expected_log1p, rtol=1e-10, atol=1e-12)
    assert torch.allclose(enhanced[0], expected, rtol=0.0, atol=1e-10 * expected.abs().max().item())


@pytest.mark.parametrize("num_samples", [1, 37, 160, 399, 4001])
def test_inverse_gives_back_the_waveform_at_any_length(num_samples: int) -> None:
    wave = torch.randn(2, num_samples + 50, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([num_samples, num_samples + 50])
    back = istft(stft(wave, lengths), lengths, num_samples=wave.shape[1])
    assert torch.allclose(back[0, :num_samples], wave[0, :num_samples], atol=1e-10)
    assert torch.allclose(back[1], wave[1], atol=1e-10)
    assert not back[0, num_samples:].any()


def test_spectrum_of_a_padded_utterance_is_that_of_the_utterance_alone() -> None:
    wave = torch.randn(2, 3000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([1111, 3000])
    alone = stft(wave[:1, :1111], lengths[:1])
    together = stft(wave, lengths)
    assert torch.allclose(together[:1, : alone.shape[1]], alone, atol=1e-12)
    assert not together[0, alone.shape[1] :].any()


def test_silence_has_finite_output_and_gradient() -> None:
    torch.manual_seed(0)
    head = MaskHead(3, 4, WAVLM)
    enhanced, log1p = head(torch.zeros(1, 12, 3), torch.zeros(1, 4000), torch.tensor([4000]))
    (enhanced.sum() + log1p.sum()).backward()
    assert enhanced.abs().max() < 1e-6
    assert all(torch.isfinite(parameter.grad).all() for parameter in head.parameters())


def test_mask_only_attenuates() -> None:
    torch.manual_seed(0)
    noisy = torch.randn(1, 4000)
    _, log1p = MaskHead(3, 4, WAVLM)(torch.randn(1, 12, 3), noisy, torch.tensor([4000]))
    assert (log1p <= log1p_magnitude(stft(noisy, torch.tensor([4000])))).all()
