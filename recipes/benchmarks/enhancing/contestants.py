"""What stands in the table: baselines that need no method, the peer, and every enhancer whose weights are to be had."""

import importlib.util
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from enhancing.clips import SAMPLE_RATE, FloatArray, Mix

from merit_cli.enhancers import ENHANCERS
from merit_cli.enhancers.contract import Enhancer
from merit_cli.enhancers.select import enhancer_config
from merit_cli.errors import Unavailable

Contestant = Callable[[Mix], FloatArray]
FASTENHANCER_SIZES = "tm"
NO_METHOD = ("identity", "onnx")
"""Of the registry: the first is the row ``noisy``, the second a network of the user's own."""


def contestants() -> tuple[dict[str, Contestant], list[str]]:
    """Everyone who can run here, in the table's order; and why the others cannot."""
    found: dict[str, Contestant] = {
        "noisy": lambda mix: mix.noisy,
        "all-zero": lambda mix: np.zeros_like(mix.noisy),
        "best constant gain": best_gain,
    }
    missing = []
    if importlib.util.find_spec("noisereduce"):
        found["noisereduce"] = noisereduce()
    else:
        missing.append("noisereduce: not installed (pip install noisereduce)")
    for name, parameters in choices().items():
        try:
            enhancer = enhancer_config(parameters).build()
        except Unavailable as error:
            missing.append(f"{name}: {error}")
            continue
        found[name] = ours(enhancer)
    return found, missing


def choices() -> dict[str, dict[str, str]]:
    """The parameters of every enhancer of the registry by its name in the table."""
    made = {name: {"name": name} for name in _in_order() if name not in (*NO_METHOD, "fastenhancer", "speechbrain")}
    folder = Path(os.environ.get("MERIT_SHARED_DATA", "")) / "weights" / "fastenhancer"
    for size in FASTENHANCER_SIZES:
        weights = {"weights": str(folder / f"fastenhancer_{size}.onnx")} if folder.is_dir() else {}
        made[f"fastenhancer {size.upper()}"] = {"name": "fastenhancer", **weights}
    return made


def _in_order() -> list[str]:
    return [name for name in ENHANCERS.table if name in ENHANCERS.names()]


def ours(enhancer: Enhancer) -> Contestant:
    """An enhancer behind the contract."""
    return lambda mix: enhancer(mix.noisy, SAMPLE_RATE)


def noisereduce() -> Contestant:
    """The package with its defaults: a non-stationary gate."""
    import noisereduce as package

    return lambda mix: np.asarray(package.reduce_noise(y=mix.noisy, sr=SAMPLE_RATE), dtype=np.float32)


def best_gain(mix: Mix) -> FloatArray:
    """The noisy signal times the number that comes nearest to the clean one, which no method may know.

    >>> clean = np.array([1.0, 2.0], dtype=np.float32)
    >>> best_gain(Mix("", "", clean, 2 * clean)).tolist()
    [1.0, 2.0]
    """
    noisy = mix.noisy.astype(np.float64)
    return (float(noisy @ mix.clean) / float(noisy @ noisy) * noisy).astype(np.float32)


def parameters_text(parameters: Mapping[str, str]) -> list[str]:
    """As arguments of a program: ``key=value``."""
    return [f"{key}={value}" for key, value in parameters.items()]
