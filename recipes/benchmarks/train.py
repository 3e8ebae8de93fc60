"""What sparse dispatch saves beside its limit, a training step beside a bare loop, and each arm of the comparison.

    python recipes/benchmarks/train.py
    python recipes/benchmarks/train.py --experts 1,3 --frames 128 --rounds 1 --models ""     # a quick look

recipes/benchmarks/train.md says what is compared and how.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from training.blocks import GIGABYTES_OF_AN_EXPERT, Cell
from training.steps import measure

from merit_cli.assets import bundled_recipes, find_recipe
from merit_cli.carriers import EncoderShape
from merit_cli.config.load import load_recipe
from merit_cli.models.cost import cost_of, cost_table
from merit_cli.workflows.train import TrainRecipe

NUM_CLASSES = 4
SPARE_GIGABYTES = 3.0
BLOCKS = Path(__file__).parent / "training" / "blocks.py"
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "THP_MEM_ALLOC_ENABLE": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**36),
    "PYTHONPATH": str(Path(__file__).parent),
}
"""One thread. Huge pages (PyTorch), and memory that stays with the process (glibc): without, new pages for gradients
cost as much as products over some dozens of frames, on both sides."""


def free_gigabytes() -> float:
    """Memory that can be had without swapping."""
    lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    return int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]) / 2**20


def blocks(pool_sizes: Sequence[int], *, num_frames: int, rounds: int) -> tuple[list[Cell], list[str]]:
    """Cells of each pool that memory has room for, each in a process of its own; and what was left out."""
    found: list[Cell] = []
    left_out = []
    for size in pool_sizes:
        needed, free = size * GIGABYTES_OF_AN_EXPERT + SPARE_GIGABYTES, free_gigabytes()
        if needed > free:
            left_out.append(f"{size} experts need {needed:.1f} GB of memory, {free:.1f} GB are free")
            continue
        command = [sys.executable, str(BLOCKS), str(size), str(num_frames), str(rounds)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **ENVIRONMENT})
        found += [Cell(**cell) for cell in json.loads(printed.stdout)]
        print(f"{size} experts done", file=sys.stderr, flush=True)
    return found, left_out


def show_blocks(cells: Sequence[Cell]) -> None:
    """Print the table of the expert block."""
    heads = (
        "N",
        "top",
        "loads",
        "union",
        "limit",
        "dense s",
        "ours s",
        "speed-up",
        "of the limit",
        "dense MB",
        "ours MB",
    )
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for cell in cells:
        loads = " ".join(f"{load:.2f}".lstrip("0") for load in cell.loads)
        times = f"{cell.dense:.2f} | {cell.ours:.2f} | {cell.dense / cell.ours:.2f} | {cell.share:.0%}"
        memory = f"{cell.dense_megabytes:.0f} | {cell.ours_megabytes:.0f}"
        routed = f"{loads} | {cell.union:.2f} | {cell.limit:.2f}"
        print(f"| {cell.num_experts} | {cell.num_chosen} | {routed} | {times} | {memory} |")
    differences = [cell.difference for cell in cells if cell.difference is not None]
    if differences:
        print(f"\nlargest difference of the two, outputs and input gradient in float32: {max(differences):.1e}")


def show_steps(models: Sequence[str], *, epochs: int) -> None:
    """Measure and print the table of whole steps."""
    heads = ("recipe", "steps", "step ms", "bare ms", "overhead, median", "overhead, all steps", "loading")
    print("\n| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            clock = measure(model, Path(folder), epochs=epochs)
            ours, bare = statistics.median(clock.ours), statistics.median(clock.bare)
            overheads = f"{clock.median_overhead():+.1%} | {clock.mean_overhead():+.1%} | {clock.loading_share():.1%}"
            print(f"| {model} | {len(clock.ours)} | {ours * 1e3:.1f} | {bare * 1e3:.1f} | {overheads} |", flush=True)


def show_costs() -> None:
    """Print what each arm of the small comparison costs behind log-mel features."""
    references = [one for name in ("sparse_merit", "naive_mtl", "se", "ser") if (one := find_recipe("train", name))]
    arms = [one for one in bundled_recipes("train/arms") if one.stem != "sparse_merit_released"]
    recipes = [load_recipe(TrainRecipe, path) for path in (*references, *arms)]
    costs = {one.name: cost_of(one.model, shape_of(one), num_classes=NUM_CLASSES) for one in recipes}
    print("\n" + cost_table(costs))


def shape_of(recipe: TrainRecipe) -> EncoderShape:
    """Of the encoder in front."""
    shape: EncoderShape = recipe.backbone.build().shape  # type: ignore[attr-defined]  # every backbone has it
    return shape


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--experts", default="1,2,3,4,5,6,7,8", help="sizes of the pool, with commas; empty for none")
    parser.add_argument("--frames", type=int, default=512, help="of 25 x 1024 numbers [512, 10 s of audio]")
    parser.add_argument("--rounds", type=int, default=1, help="the least processor time of so many counts [1]")
    parser.add_argument("--models", default="sparse_merit,naive_mtl", help="training recipes, with commas; or empty")
    parser.add_argument("--epochs", type=int, default=3, help="of the sample for each recipe [3]")
    options = parser.parse_args(arguments)
    pool_sizes = [int(one) for one in options.experts.split(",") if one]
    cells, left_out = blocks(pool_sizes, num_frames=options.frames, rounds=options.rounds)
    for line in left_out:
        print(f"left out: {line}")
    if cells:
        show_blocks(cells)
    models = [one for one in options.models.split(",") if one]
    if models:
        show_steps(models, epochs=options.epochs)
    show_costs()


if __name__ == "__main__":
    main()
