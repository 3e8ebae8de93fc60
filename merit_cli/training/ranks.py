"""What the processes of one torchrun job do together; alone, each function answers for one process.

Every process takes its share of each effective batch, and gradients are summed after the backward passes, not by hooks
within them: PCGrad, CAGrad and GradNorm mix gradients that such hooks never see, processes may have another number of
micro-batches or none at all, and an expert that no process used has to stay without a gradient.

Shape suffixes: P parameters.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

import merit_cli.torchaudio_bridge  # noqa: F401
from merit_cli.backbones.device import check_device
from merit_cli.errors import Preempted

from speechbrain.utils import distributed as sb  # isort: skip - the bridge goes first

Value = TypeVar("Value")

BUCKET_BYTES = 64 * 2**20
"""Gradients are copied together and summed in pieces of about this size."""
_SIGNS = ("gloo", "nccl", "closed by peer", "connection reset", "broken pipe")


@contextmanager
def job(device: str) -> Iterator[str]:
    """Join the job where torchrun started this process; gives the device of this process.

    Args:
        device: As asked for; of GPUs each process has its own.

    Raises:
        Unavailable: A machine has fewer GPUs than processes.
        Preempted: Another process of the job ended.
    """
    if not {"RANK", "LOCAL_RANK"} <= os.environ.keys():
        yield device
        return
    if device.startswith("cuda"):  # one for each, whichever was named
        device = f"cuda:{os.environ['LOCAL_RANK']}"
    if sb.is_distributed_initialized():  # by a caller, who also ends it
        yield device
        return
    check_device(device)
    backend = "gloo" if device == "cpu" else "nccl"
    is_whole = False
    try:
        sb.ddp_init_group({"distributed_backend": backend})
        yield device
        is_whole = True
    except RuntimeError as error:
        if not _is_lost(error):
            raise
        raise Preempted(
            "another process of this job has ended, so this one cannot go on",
            place=f"process {os.environ['RANK']}",
            hint="see what the other said; the same command goes on from the last checkpoint",
        ) from error
    finally:
        if dist.is_initialized() and (is_whole or backend == "gloo"):  # nccl would wait for a process that is gone
            dist.destroy_process_group()


def leave_job() -> None:
    """End a process of a job at once, its work done; alone, do nothing.

    Now and then a thread of torch's aborts a python that winds up after gloo; torchrun would take that for a failure.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _is_lost(error: RuntimeError) -> bool:
    text = str(error).lower()
    return isinstance(error, dist.DistError) or any(sign in text for sign in _SIGNS)


def num_ranks() -> int:
    """Processes of the job."""
    return dist.get_world_size() if sb.is_distributed_initialized() else 1


def rank() -> int:
    """Number of this process, from 0."""
    return dist.get_rank() if sb.is_distributed_initialized() else 0


def on_first(action: Callable[..., Value], *args: Any, **settings: Any) -> Value:
    """Run on the first process only, while the others wait; all get what it returned."""
    result: Value = sb.run_on_main(action, args=args, kwargs=settings)
    return result


def gathered(value: Value) -> list[Value]:
    """The values of all processes, in their order: plain data or tensors on the CPU."""
    if num_ranks() == 1:
        return [value]
    found: list[Any] = [None] * num_ranks()
    dist.all_gather_object(found, value)
    return found


def any_rank(flag: object) -> bool:
    """Whether it holds in any process."""
    if num_ranks() == 1:
        return bool(flag)
    device = "cpu" if dist.get_backend() == "gloo" else "cuda"
    found: Tensor = sb.ddp_all_reduce(torch.tensor(int(bool(flag)), device=device), dist.ReduceOp.MAX)
    return bool(found)


def summed(tensors_P: Sequence[Tensor | None], like_P: Sequence[Tensor]) -> list[Tensor | None]:
    """Sum of each tensor over all processes; None for one that no process has.

    Args:
        tensors_P: Of this process; None counts as zero.
        like_P: Tensors of the same shapes, types and devices.
    """
    if num_ranks() == 1:
        return list(tensors_P)
    is_there_P = torch.tensor([tensor is not None for tensor in tensors_P], dtype=torch.int32, device=like_P[0].device)
    sb.ddp_all_reduce(is_there_P, dist.ReduceOp.SUM)
    places = [place for place, count in enumerate(is_there_P.tolist()) if count]
    result: list[Tensor | None] = [None] * len(tensors_P)
    for bucket in _buckets(places, like_P):
        own = [tensors_P[place] for place in bucket]
        pairs = zip(own, (like_P[place] for place in bucket), strict=True)
        flat = torch.cat([(torch.zeros_like(like) if one is None else one).detach().flatten() for one, like in pairs])
        sb.ddp_all_reduce(flat, dist.ReduceOp.SUM)
        for place, piece in zip(bucket, torch.split(flat, [like_P[place].numel() for place in bucket]), strict=True):
            result[place] = piece.view_as(like_P[place])
    return result


def sum_gradients(parameters_P: Sequence[nn.Parameter]) -> None:
    """Make each ``grad`` the sum over all processes; it stays None where no process has one."""
    if num_ranks() > 1:
        for parameter, gradient in zip(
            parameters_P, summed([one.grad for one in parameters_P], parameters_P), strict=True
        ):
            parameter.grad = gradient


def sum_values(values: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Sum by name.

    >>> sum_values([{"loss": 1.0}, {}, {"loss": 2.0}])
    {'loss': 3.0}
    """
    total: dict[str, float] = {}
    for one in values:
        for name, value in one.items():
            total[name] = total.get(name, 0.0) + value
    return total


@torch.no_grad()
def copy_from_first(module: nn.Module) -> None:
    """Give every process the first one's parameters and buffers."""
    if num_ranks() > 1:
        for tensor in (*module.parameters(), *module.buffers()):
            dist.broadcast(tensor, src=0)


@torch.no_grad()
def average_statistics(module: nn.Module, weight: float) -> None:
    """Make running statistics, the saved buffers of a module, the weighted mean over all processes.

    Args:
        module: Whose buffers in floating point are meant; whole numbers become the largest.
        weight: Of this process, such as the share of items that it saw; the weights of all sum to one.
    """
    if num_ranks() == 1:
        return
    names = module.state_dict().keys() - dict(module.named_parameters()).keys()
    for name in sorted(names):
        buffer = module.get_buffer(name)
        if buffer.is_floating_point():
            buffer.mul_(weight)
            sb.ddp_all_reduce(buffer, dist.ReduceOp.SUM)
        else:
            sb.ddp_all_reduce(buffer, dist.ReduceOp.MAX)


def _buckets(places: Sequence[int], like_P: Sequence[Tensor]) -> Iterator[list[int]]:
    """Places in pieces of one type and about `BUCKET_BYTES`."""
    bucket: list[int] = []
    size = 0
    for place in places:
        is_other = bool(bucket) and like_P[place].dtype != like_P[bucket[0]].dtype
        if is_other or size >= BUCKET_BYTES:
            yield bucket
            bucket, size = [], 0
        bucket.append(place)
        size += like_P[place].numel() * like_P[place].element_size()
    if bucket:
        yield bucket
