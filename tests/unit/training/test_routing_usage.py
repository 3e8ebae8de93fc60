"""Statistics of routers, each against a count by hand."""

import numpy as np
import pytest
import torch

from merit_cli.carriers import Routing, SpeechBatch
from merit_cli.training.routing_usage import RoutingUsage, batch_snr_db


def routing(chosen: list[list[int]], valid: list[bool]) -> Routing:
    chosen_BTK = torch.tensor(chosen)[None, :, None] if isinstance(chosen[0], int) else torch.tensor(chosen)[None]
    probabilities = torch.full((1, len(valid), 3), 1.0 / 3.0)
    return Routing(probabilities.log(), probabilities, chosen_BTK, torch.tensor([valid]))


def test_routing_statistics_count_valid_frames_only() -> None:
    valid = [True, True, True, True, False]
    usage = RoutingUsage()
    for _ in range(2):
        usage.add({"a": routing([[0], [0], [1], [1], [2]], valid), "b": routing([[0], [1], [1], [0], [2]], valid)})
    usage.add_gradient_norms({"a": 2.0, "b": 0.0})
    usage.add_gradient_norms({"a": 4.0, "b": 0.0})
    found = usage.summary()
    assert found["tasks"]["a"]["load"] == [0.5, 0.5, 0.0]
    assert found["tasks"]["a"]["entropy"] == pytest.approx(np.log(3.0))
    assert found["tasks"]["a"]["gradient_norm"] == 3.0
    assert found["overlap"] == 0.5
    assert found["experts_per_frame"] == 1.5
    assert found["collapsed"] == [2]
    assert found["dead"] == [2]
    assert found["tasks"]["a"]["load_entropy"] == pytest.approx(np.log(2.0))
    assert found["mutual_information"] == pytest.approx(0.0, abs=1e-12)


def test_tasks_with_experts_of_their_own_are_told_apart() -> None:
    usage = RoutingUsage()
    usage.add({"a": routing([[0], [0]], [True, True]), "b": routing([[1], [1]], [True, True])})
    found = usage.summary()
    assert found["mutual_information"] == pytest.approx(np.log(2.0))
    assert (found["overlap"], found["dead"]) == (0.0, [2])


def test_an_expert_that_is_hardly_used_is_collapsed_and_not_dead() -> None:
    found = RoutingUsage({"a": [99, 100, 0], "b": [100, 100, 1]}, {"a": 0.0, "b": 0.0}, 200).summary()
    assert (found["collapsed"], found["dead"]) == ([2], [])


def test_overlap_of_two_experts_a_frame_is_a_share() -> None:
    usage = RoutingUsage()
    usage.add({"a": routing([[0, 1]], [True]), "b": routing([[1, 2]], [True])})
    assert usage.summary()["overlap"] == 0.5
    assert usage.summary()["experts_per_frame"] == 3.0


def test_use_is_counted_by_the_nearest_snr() -> None:
    valid = torch.tensor([[True, True, False], [True, True, True], [True, False, False]])
    chosen = torch.tensor([[0, 1, 2], [1, 1, 2], [0, 2, 2]]).unsqueeze(-1)
    even = torch.full((3, 3, 3), 1.0 / 3.0)
    usage = RoutingUsage()
    usage.add({"a": Routing(even.log(), even, chosen, valid)}, torch.tensor([-4.0, 11.0, -77.0]))
    found = usage.summary()
    assert found["by_snr"] == {"-20": {"a": [1, 0, 0]}, "-5": {"a": [0.5, 0.5, 0]}, "10": {"a": [0, 2 / 3, 1 / 3]}}
    assert found["tasks"]["a"]["load"] == pytest.approx([2 / 6, 3 / 6, 1 / 6])


def test_parts_merge_to_the_whole() -> None:
    generator = torch.Generator().manual_seed(0)

    def draw() -> tuple[dict[str, Routing], torch.Tensor]:
        logits = [torch.randn(2, 50, 4, generator=generator) for _ in range(2)]
        valid = torch.rand(2, 50, generator=generator) < 0.8
        routes = [Routing(one, one.softmax(-1), one.topk(2, -1).indices, valid) for one in logits]
        return dict(zip(("a", "b"), routes, strict=True)), torch.tensor([-5.0, 5.0])

    whole, merged = RoutingUsage(), RoutingUsage()
    for number in range(4):
        batch = draw()
        part = RoutingUsage()
        for usage in (whole, part):
            usage.add(*batch)
            usage.add_gradient_norms({"a": float(number), "b": 1.0})
        merged.merge(part)
    assert merged.summary()["by_snr"] == whole.summary()["by_snr"]
    assert merged.entropy == pytest.approx(whole.entropy)
    assert (merged.counts, merged.frames, merged.union, merged.overlap, merged.steps, merged.gradient_norms) == (
        (whole.counts, whole.frames, whole.union, whole.overlap, whole.steps, whole.gradient_norms)
    )


def test_the_snr_of_a_batch_is_that_of_its_valid_samples() -> None:
    lengths = torch.tensor([8000, 4000])
    generator = torch.Generator().manual_seed(0)
    mask = torch.arange(8000) < lengths[:, None]
    clean, noise = (torch.randn(2, 8000, generator=generator) * mask for _ in range(2))
    wanted = torch.tensor([-5.0, 10.0])
    power = (clean.square().sum(1) / noise.square().sum(1)).sqrt()
    noisy = clean + noise * (power * 10.0 ** (-wanted / 20.0)).unsqueeze(1)
    found = batch_snr_db(SpeechBatch(("a", "b"), noisy, lengths, clean))
    assert found is not None
    torch.testing.assert_close(found, wanted, atol=1e-3, rtol=0.0)
    assert batch_snr_db(SpeechBatch(("a", "b"), noisy, lengths)) is None
