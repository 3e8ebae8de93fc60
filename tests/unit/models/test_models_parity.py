"""A whole Sparse MERIT equals loops over layers, frames, experts and samples, in value and in every gradient.

The loops are written from the specification and never call the model: they take copies of its weights, hear one
utterance at a time without padding, and run in float64.
"""

import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from merit_cli.carriers import EncoderShape, MultiTaskOutput
from merit_cli.models.sparse_merit import SparseMerit, SparseMeritConfig

TASKS = ("enhancement", "emotion")
WINDOW, HOP, BINS = 400, 160, 201
SHAPE = EncoderShape(3, 4, (400,), (320,))
LENGTHS = (1600, 1041)
SMALL = {"trunk_blocks": None, "blstm_hidden": 3, "ser_hidden": 5, "expert_hidden": 6, "expert_dim": 4}
TOLERANCE = 1e-10
Weights = Mapping[str, Tensor]


def linear(w: Weights, name: str, x: Tensor) -> Tensor:
    return torch.stack([(row * x).sum() for row in w[f"{name}.weight"]]) + w[f"{name}.bias"]


def softmax(values: Tensor) -> Tensor:
    return (values - values.max().detach()).exp() / (values - values.max().detach()).exp().sum()


def layer_norm(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    centred = x - x.sum() / len(x)
    return centred / ((centred * centred).sum() / len(x) + 1e-5).sqrt() * scale + shift


def gates(w: Weights, config: SparseMeritConfig, task: str, fused: Tensor) -> tuple[list[int], dict[int, Tensor]]:
    """The chosen experts, best first, and the weight of each that runs."""
    name, seen = f"block.routers.{task}", fused
    if config.router_input == "standardised":
        variance = w[f"{name}.standardise.variance_D"]
        seen = (fused - w[f"{name}.standardise.mean_D"]) / (variance + 1e-5).sqrt()
    logits = linear(w, f"{name}.linear", seen)
    p = softmax(logits)
    order = sorted(range(config.num_experts), key=lambda e: (-float(logits.detach()[e]), e))[: config.experts_per_frame]
    share = 1.0 / len(order)
    if config.router_grad == "straight_through_dense":
        return order, {e: (share if e in order else 0.0) + (p[e] - p[e].detach()) for e in range(config.num_experts)}
    of_chosen = {e: p[e] / (sum(p[i] for i in order) if len(order) > 1 else 1.0) for e in order}
    if config.router_grad == "straight_through":
        return order, {e: share + (q - q.detach()) for e, q in of_chosen.items()}
    if config.router_grad == "none":
        return order, {e: torch.full_like(q, share).detach() for e, q in of_chosen.items()}
    return order, of_chosen


def expert(w: Weights, index: int, fused: Tensor) -> Tensor:
    name = f"block.experts.experts.{index}"
    return linear(w, f"{name}.2", linear(w, f"{name}.0", fused).clamp(min=0.0))


def block(
    w: Weights, config: SparseMeritConfig, layers: Tensor
) -> tuple[dict[str, Tensor], dict[str, list[list[int]]]]:
    """Each task's frames (T, D) and the chosen experts of each frame, for layers (L, T, D) of one utterance."""
    mixed: dict[str, list[Tensor]] = {task: [] for task in TASKS}
    chosen: dict[str, list[list[int]]] = {task: [] for task in TASKS}
    scale, shift = w["block.fusion.norm.scale_LD"], w["block.fusion.norm.shift_LD"]
    for frame in range(layers.shape[1]):
        fused = torch.cat([layer_norm(layers[i, frame], scale[i], shift[i]) for i in range(len(layers))])
        for task in TASKS:
            order, weights = gates(w, config, task, fused)
            chosen[task].append(order)
            mixed[task].append(sum((q * expert(w, e, fused) for e, q in weights.items()), torch.zeros(4).double()))
    return {task: torch.stack(rows) for task, rows in mixed.items()}, chosen


def pooled(w: Weights, frames: Tensor) -> Tensor:
    """Attentive mean and deviation."""
    scores = [
        (w["emotion_head.pool.vector_D"] * torch.tanh(linear(w, "emotion_head.pool.project", x))).sum() for x in frames
    ]
    attention = softmax(torch.stack(scores))
    mean = sum((a * x for a, x in zip(attention, frames, strict=True)), torch.zeros(4).double())
    spread = [a * (x - mean) ** 2 for a, x in zip(attention, frames, strict=True)]
    return torch.cat([mean, sum(spread, torch.zeros(4).double()).clamp(min=1e-5).sqrt()])


def emotion(w: Weights, frames: Tensor) -> Tensor:
    hidden = linear(w, "emotion_head.classify.1", pooled(w, frames))
    normed = layer_norm(hidden, w["emotion_head.classify.2.weight"], w["emotion_head.classify.2.bias"])
    return linear(w, "emotion_head.classify.5", normed.clamp(min=0.0))


def lstm(w: Weights, name: str, frames: list[Tensor]) -> list[Tensor]:
    """One direction of one layer, in the order of ``frames``."""
    state = memory = torch.zeros(3).double()
    out = []
    for x in frames:
        into = w[f"{name}.weight_ih_l0"] @ x + w[f"{name}.bias_ih_l0"]
        kept, forgotten, new, shown = (into + w[f"{name}.weight_hh_l0"] @ state + w[f"{name}.bias_hh_l0"]).chunk(4)
        memory = torch.sigmoid(forgotten) * memory + torch.sigmoid(kept) * torch.tanh(new)
        state = torch.sigmoid(shown) * torch.tanh(memory)
        out.append(state)
    return out


def recurrent(w: Weights, frames: list[Tensor]) -> list[Tensor]:
    """Two layers of two directions: side by side between the layers, summed at the end."""
    for layer in range(2):
        there = lstm(w, f"mask_head.recur.forwards.{layer}", frames)
        back = lstm(w, f"mask_head.recur.backwards.{layer}", frames[::-1])[::-1]
        frames = [torch.cat(both) for both in zip(there, back, strict=True)]
    return [frame[:3] + frame[3:] for frame in frames]


def spectrum(wave: Tensor) -> list[Tensor]:
    """Frames around each hop, mirrored at the ends, under a periodic Hamming window."""
    half, last = WINDOW // 2, len(wave) - 1
    time = torch.arange(WINDOW).double()
    window = 0.54 - 0.46 * torch.cos(2.0 * math.pi * time / WINDOW)
    turn = torch.exp(-2j * math.pi * torch.arange(BINS).double().unsqueeze(1) * time / WINDOW)
    frames = []
    for centre in range(0, len(wave) + 1, HOP):
        place = [abs(n) if n <= last else 2 * last - n for n in range(centre - half, centre + half)]
        frames.append(turn @ (wave[place] * window).to(torch.complex128))
    return frames


def waveform(frames: list[Tensor], num_samples: int) -> Tensor:
    """Weighted overlap-add of the frames' inverse transforms."""
    half, time = WINDOW // 2, torch.arange(WINDOW).double()
    window = 0.54 - 0.46 * torch.cos(2.0 * math.pi * time / WINDOW)
    turn = torch.exp(2j * math.pi * time.unsqueeze(1) * torch.arange(BINS).double() / WINDOW) / WINDOW
    twice = torch.full((BINS,), 2.0).double()
    twice[0] = twice[-1] = 1.0  # the other half of the circle mirrors all others
    total = torch.zeros(num_samples + 2 * WINDOW).double()
    weight = torch.zeros_like(total)
    for number, frame in enumerate(frames):
        at = slice(number * HOP, number * HOP + WINDOW)
        part = torch.zeros_like(total)
        part[at] = (turn @ (twice * frame)).real * window
        total, weight[at] = total + part, weight[at] + window**2
    return (total / weight.clamp(min=1e-11))[half : half + num_samples]


def masked(w: Weights, frames: Tensor, wave: Tensor) -> tuple[Tensor, Tensor]:
    """Enhanced waveform and log1p magnitude (T, F) of one utterance."""
    noisy = spectrum(wave)
    features = [torch.log(1.0 + x.abs() + 1e-6) for x in noisy]
    held = [frames[min(number * HOP // 320, len(frames) - 1)] for number in range(len(noisy))]
    hidden = [linear(w, "mask_head.project", torch.cat(pair)) for pair in zip(features, held, strict=True)]
    masks = [torch.sigmoid(linear(w, "mask_head.mask", x)) for x in recurrent(w, hidden)]
    log1p = [m * x for m, x in zip(masks, features, strict=True)]
    magnitudes = [(x.exp() - 1.0 - 1e-6).clamp(min=0.0) for x in log1p]
    enhanced = [a * x / x.abs() for a, x in zip(magnitudes, noisy, strict=True)]
    return waveform(enhanced, len(wave)), torch.stack(log1p)


class Problem:
    """A model with random weights, a padded batch of two, and the loops' answer from copies."""

    def __init__(self, **changes: Any) -> None:
        generator = torch.Generator().manual_seed(5)
        self.config = SparseMeritConfig.model_validate({**SMALL, "router_input": "raw", **changes})
        self.model: SparseMerit = self.config.build(SHAPE, num_classes=3).double().eval()
        with torch.no_grad():
            for name, one in self.model.state_dict().items():
                if one.is_floating_point():
                    drawn = torch.randn(one.shape, generator=generator, dtype=torch.float64)
                    one.copy_(drawn.abs() + 0.5 if name.endswith("variance_D") else drawn)
        frames = [SHAPE.num_frames(n) for n in LENGTHS]
        self.features = torch.randn(2, 3, max(frames), 4, generator=generator, dtype=torch.float64)
        self.noisy = torch.randn(2, max(LENGTHS), generator=generator, dtype=torch.float64)
        self.noisy[1, LENGTHS[1] :] = 0.0
        self.features.requires_grad_()
        self.output: MultiTaskOutput = self.model(self.features, self.noisy, torch.tensor(LENGTHS))
        named = self.model.state_dict(keep_vars=True)
        self.copies = {k: v.detach().clone().requires_grad_(v.requires_grad) for k, v in named.items()}
        self.copied_features = self.features.detach().clone().requires_grad_()
        self.waves, self.log1p, self.logits, self.chosen = [], [], [], []
        for row, (length, count) in enumerate(zip(LENGTHS, frames, strict=True)):
            mixed, chosen = block(self.copies, self.config, self.copied_features[row, :, :count])
            wave, log1p = masked(self.copies, mixed["enhancement"], self.noisy[row, :length])
            self.waves.append(wave)
            self.log1p.append(log1p)
            self.logits.append(emotion(self.copies, mixed["emotion"]))
            self.chosen.append(chosen)

    def values(self) -> list[tuple[Tensor, Tensor]]:
        """Each output of the model beside the loops'."""
        out = self.output
        assert out.enhanced_BN is not None
        assert out.enhanced_log1p_BTF is not None
        assert out.emotion_logits_BC is not None
        return [
            *((out.enhanced_BN[row, : len(one)], one) for row, one in enumerate(self.waves)),
            *((out.enhanced_log1p_BTF[row, : len(one)], one) for row, one in enumerate(self.log1p)),
            *((out.emotion_logits_BC[row], one) for row, one in enumerate(self.logits)),
        ]

    def gradients(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Gradient of a random combination of all outputs by each parameter and by the features, both ways."""
        generator = torch.Generator().manual_seed(6)
        ours = theirs = torch.zeros(()).double()
        for mine, loop in self.values():
            drawn = torch.randn(mine.shape, generator=generator, dtype=torch.float64)
            ours, theirs = ours + (mine * drawn).sum(), theirs + (loop * drawn).sum()
        ours.backward()  # type: ignore[no-untyped-call]
        theirs.backward()  # type: ignore[no-untyped-call]
        pairs = {name: (one, self.copies[name]) for name, one in self.model.named_parameters()}
        pairs["features"] = (self.features, self.copied_features)
        return {name: (gradient(one), gradient(other)) for name, (one, other) in pairs.items()}


def gradient(one: Tensor) -> Tensor:
    return torch.zeros_like(one) if one.grad is None else one.grad


VARIANTS: list[dict[str, Any]] = [
    {},
    {"num_experts": 1},
    {"num_experts": 5},
    {"num_experts": 4, "experts_per_frame": 2},
    {"experts_per_frame": 3},
    {"router_grad": "straight_through"},
    {"router_grad": "straight_through_dense"},
    {"num_experts": 4, "experts_per_frame": 2, "router_grad": "straight_through"},
    {"router_grad": "none"},
    {"router_input": "standardised"},
]


@pytest.fixture(scope="module", params=VARIANTS, ids=str)
def problem(request: pytest.FixtureRequest) -> Problem:
    return Problem(**request.param)


def test_every_output_equals_the_loops(problem: Problem) -> None:
    for ours, theirs in problem.values():
        assert (ours - theirs).abs().max() <= TOLERANCE * theirs.abs().max()


def test_every_gradient_equals_the_loops(problem: Problem) -> None:
    found = problem.gradients()
    assert {name.split(".")[0] for name in found} == {"block", "mask_head", "emotion_head", "features"}
    for name, (ours, theirs) in found.items():
        assert (ours - theirs).abs().max() <= TOLERANCE * theirs.abs().max(), name


def test_the_chosen_experts_are_exactly_the_loops(problem: Problem) -> None:
    for row, chosen in enumerate(problem.chosen):
        for task, frames in chosen.items():
            routing = problem.output.routing[task]
            assert routing.chosen_BTK[row, : len(frames)].tolist() == frames
            assert int(routing.valid_BT[row].sum()) == len(frames)


def test_the_loops_do_route_frames_differently() -> None:
    """So that the tests above show something."""
    chosen = Problem(num_experts=5).chosen
    assert len({frame[0] for one in chosen for frames in one.values() for frame in frames}) >= 3
