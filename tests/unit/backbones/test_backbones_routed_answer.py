"""The routing of a signal against a count by hand."""

import math

import pytest
import torch

from merit_cli.backbones.routed_answer import summarise_routing
from merit_cli.carriers import Routing
from merit_cli.manifests.routed import KEPT


def piece(chosen: list[list[int]], *, num_valid: int, num_experts: int = 3) -> Routing:
    chosen_BTK = torch.tensor([chosen])
    probability_BTE = torch.full((1, len(chosen), num_experts), 0.1)
    probability_BTE[..., 1] = 0.8
    valid_BT = torch.arange(len(chosen))[None] < num_valid
    return Routing(probability_BTE.log(), probability_BTE, chosen_BTK, valid_BT)


def test_load_and_best_expert_are_those_of_the_valid_frames_of_all_pieces() -> None:
    first = {"a": piece([[0], [2], [2]], num_valid=2), "b": piece([[1], [1], [0]], num_valid=2)}
    second = {"a": piece([[2], [2]], num_valid=2), "b": piece([[0], [1]], num_valid=2)}
    routed = summarise_routing("x", [first, second], frames_per_second=50.0)
    assert (routed.id, routed.num_frames, routed.frames_per_second) == ("x", 4, 50.0)
    assert routed.tasks["a"].load == (0.25, 0.0, 0.75)
    assert routed.tasks["a"].best == (0, 2, 2, 2)
    assert routed.tasks["b"].load == (0.25, 0.75, 0.0)
    assert routed.overlap == 0.0


def test_entropy_is_that_of_the_probabilities_of_valid_frames() -> None:
    routed = summarise_routing("x", [{"a": piece([[0], [1], [1]], num_valid=2)}], frames_per_second=50.0)
    assert routed.tasks["a"].entropy == pytest.approx(-(0.8 * math.log(0.8) + 0.2 * math.log(0.1)), rel=1e-6)


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [([[0], [1]], [[0], [2]], 0.5), ([[0, 1], [0, 1]], [[1, 2], [1, 0]], 0.75), ([[0, 1, 2]], [[2, 1, 0]], 1.0)],
    ids=["one-expert", "two-experts", "dense"],
)
def test_overlap_is_what_both_tasks_chose(one: list[list[int]], other: list[list[int]], overlap: float) -> None:
    tasks = {"a": piece(one, num_valid=len(one)), "b": piece(other, num_valid=len(other))}
    assert summarise_routing("x", [tasks], frames_per_second=50.0).overlap == pytest.approx(overlap)


def test_load_of_two_experts_a_frame_counts_both_and_the_first_is_the_best() -> None:
    routed = summarise_routing("x", [{"a": piece([[1, 0], [2, 1]], num_valid=2)}], frames_per_second=50.0)
    assert routed.tasks["a"].load == (0.25, 0.5, 0.25)
    assert routed.tasks["a"].best == (1, 2)


def test_load_of_a_dense_mixture_is_its_mean_probability() -> None:
    routed = summarise_routing("x", [{"a": piece([[1, 0, 2], [1, 2, 0]], num_valid=2)}], frames_per_second=50.0)
    assert routed.tasks["a"].load == pytest.approx((0.1, 0.8, 0.1))
    assert routed.tasks["a"].best == (1, 1)


def test_only_the_first_seconds_are_kept_frame_by_frame() -> None:
    num_frames = round(KEPT * 50.0) + 7
    routed = summarise_routing("x", [{"a": piece([[1]] * num_frames, num_valid=num_frames)}], frames_per_second=50.0)
    assert routed.num_frames == num_frames
    assert len(routed.tasks["a"].best) == round(KEPT * 50.0)
