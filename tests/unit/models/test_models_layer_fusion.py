"""Fusion, trunk blocks, task branches and the emotion head equal loops over layers and frames."""

import math

import pytest
import torch
from torch import Tensor, nn

from merit_cli.carriers import EncoderShape
from merit_cli.models.heads import EmotionHead
from merit_cli.models.layer_fusion import ConcatenatedLayers, WeightedLayerSum
from merit_cli.models.naive_multitask import TaskFrames
from merit_cli.models.routing import Router
from merit_cli.models.trunk import ConvolutionBlock

B, L, T, D = 2, 3, 5, 4


@pytest.fixture
def layers() -> Tensor:
    return torch.randn(B, L, T, D, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def randomised(module: nn.Module) -> nn.Module:
    """The module in float64 with every parameter drawn anew, so that none is at a start that hides it."""
    module.double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, dtype=torch.float64, generator=generator))
    return module


def layer_norm(frame: list[float], scale: Tensor, shift: Tensor) -> list[float]:
    """Mean 0 and variance 1 over one frame, then scale and shift; the variance gets 1e-5."""
    mean = sum(frame) / len(frame)
    variance = sum((value - mean) ** 2 for value in frame) / len(frame)
    normed = [(value - mean) / math.sqrt(variance + 1e-5) for value in frame]
    return [value * a + b for value, a, b in zip(normed, scale.tolist(), shift.tolist(), strict=True)]


def normed_frame(module: nn.Module, layers: Tensor, b: int, t: int) -> list[list[float]]:
    norm = module.norm
    return [layer_norm(layers[b, i, t].tolist(), norm.scale_LD[i], norm.shift_LD[i]) for i in range(L)]


def linear(layer: nn.Linear, frame: list[float]) -> list[float]:
    rows = zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
    return [sum(w * x for w, x in zip(row, frame, strict=True)) + bias for row, bias in rows]


def softmax(values: list[float]) -> list[float]:
    total = sum(math.exp(value) for value in values)
    return [math.exp(value) / total for value in values]


def test_concatenation_is_each_layer_normalised_by_itself_side_by_side(layers: Tensor) -> None:
    fusion = randomised(ConcatenatedLayers(L, D))
    fused = fusion(layers)
    for b in range(B):
        for t in range(T):
            naive = [value for layer in normed_frame(fusion, layers, b, t) for value in layer]
            assert fused[b, t].tolist() == pytest.approx(naive, rel=1e-10)


def test_weighted_sum_is_a_softmax_over_normalised_layers(layers: Tensor) -> None:
    fusion = randomised(WeightedLayerSum(L, D))
    fused, weights = fusion(layers), softmax(fusion.weight_L.tolist())
    for b in range(B):
        for t in range(T):
            normed = normed_frame(fusion, layers, b, t)
            naive = [sum(weight * normed[i][d] for i, weight in enumerate(weights)) for d in range(D)]
            assert fused[b, t].tolist() == pytest.approx(naive, rel=1e-10)


def test_a_task_of_its_own_layers_runs_them_on_each_frame(layers: Tensor) -> None:
    branch = randomised(TaskFrames(EncoderShape(L, D, (1,), (1,)), mlp_hidden=7))
    frames, fused = branch.frames(layers), branch.fusion(layers)
    for b in range(B):
        for t in range(T):
            hidden = [max(value, 0.0) for value in linear(branch.mlp[0], fused[b, t].tolist())]
            assert frames[b, t].tolist() == pytest.approx(linear(branch.mlp[2], hidden), rel=1e-9)


def test_router_is_a_softmax_of_a_linear_layer_on_each_frame(layers: Tensor) -> None:
    router = randomised(Router(D, 3))
    frames = layers[:, 0]
    gates = router(frames, torch.ones(B, T, dtype=torch.bool))
    for b in range(B):
        for t in range(T):
            naive = softmax(linear(router.linear, frames[b, t].tolist()))
            assert gates.routing.probabilities_BTE[b, t].tolist() == pytest.approx(naive, rel=1e-10)
            assert gates.weight_BTK[b, t].tolist() == pytest.approx([max(naive)], rel=1e-10)
            assert gates.expert_BTK[b, t].tolist() == [naive.index(max(naive))]


def test_emotion_head_is_two_linear_layers_on_the_pooled_frames(layers: Tensor) -> None:
    head = randomised(EmotionHead(D, 6, 3, dropout=0.5)).eval()
    valid = torch.ones(B, T, dtype=torch.bool)
    logits, pooled = head(layers[:, 0], valid), head.pool(layers[:, 0], valid)
    _, first, norm, _, _, last = head.classify
    for b in range(B):
        hidden = layer_norm(linear(first, pooled[b].tolist()), norm.weight, norm.bias)
        naive = linear(last, [max(value, 0.0) for value in hidden])
        assert logits[b].tolist() == pytest.approx(naive, rel=1e-9)


def test_convolution_block_sees_its_kernel_of_valid_frames_and_adds_itself(layers: Tensor) -> None:
    block = randomised(ConvolutionBlock(D, kernel=3, expansion=2, dropout=0.1)).eval()
    frames, valid = layers[:1, 0], torch.tensor([[[1.0], [1.0], [1.0], [1.0], [0.0]]], dtype=torch.float64)
    out = block(frames, valid)
    norm, first, _, _, last, _ = block.mix
    weight, bias = block.convolve.weight.tolist(), block.convolve.bias.tolist()
    for t in range(T):
        around = [frames[0, s].tolist() if 0 <= s < 4 else [0.0] * D for s in (t - 1, t, t + 1)]
        heard = [sum(weight[d][0][k] * around[k][d] for k in range(3)) + bias[d] for d in range(D)]
        hidden = linear(first, layer_norm(heard, norm.weight, norm.bias))
        active = [0.5 * value * (1.0 + math.erf(value / math.sqrt(2.0))) for value in hidden]
        naive = [x + y for x, y in zip(frames[0, t].tolist(), linear(last, active), strict=True)]
        assert out[0, t].tolist() == pytest.approx(naive, rel=1e-9)
