"""Levels must not depend on the vector instructions of the processor: gains are made of them."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy._core import _multiarray_umath as umath

from merit_cli.audio.levels import LEVEL_NAMES, inner_product, noise_power, speech_power

SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
import test_levels_portable as claims
print(json.dumps(claims.measured()))
"""


def measured() -> dict[str, list[str]]:
    """Every level of several signals in hexadecimal, and what this process's NumPy may use."""
    powers = {}
    for rate, seed in ((8000, 0), (16000, 1), (44100, 2)):
        generator = np.random.default_rng(seed)
        time = np.arange(3 * rate) / rate
        samples = (0.2 * generator.standard_normal(time.size) * ((time % 0.7) < 0.4)).astype(np.float32)
        for name in LEVEL_NAMES:
            for power in (speech_power, noise_power):
                powers[f"{power.__name__} {name} {rate}"] = [power(samples, rate, name).hex()]
        powers[f"inner_product {rate}"] = [inner_product(samples[:-7], samples[7:]).hex()]
    return {**powers, "features": sorted(name for name, has in umath.__cpu_features__.items() if has)}


def measured_with(environment: dict[str, str]) -> dict[str, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, os.path.dirname(__file__)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def disabled_features() -> list[str]:
    """What NumPy dispatches on and this processor has."""
    return [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__.get(name)]


@pytest.fixture(scope="module")
def as_it_is() -> dict[str, list[str]]:
    return measured_with({})


def assert_equal_powers(first: dict[str, list[str]], second: dict[str, list[str]]) -> None:
    assert len(first) == len(second) == 3 * (2 * len(LEVEL_NAMES) + 1) + 1
    differing = {key: (first[key], second[key]) for key in first if key != "features" and first[key] != second[key]}
    assert not differing


def test_levels_are_equal_to_the_bit_without_numpys_vector_instructions(as_it_is: dict[str, list[str]]) -> None:
    disabled = disabled_features()
    if not disabled:
        pytest.skip("this processor has nothing that NumPy can leave unused")
    plain = measured_with({"NPY_DISABLE_CPU_FEATURES": " ".join(disabled)})
    assert not set(disabled) & set(plain["features"])
    assert set(disabled) <= set(as_it_is["features"])
    assert_equal_powers(as_it_is, plain)


def test_levels_are_equal_to_the_bit_for_an_older_c_library_dispatch(as_it_is: dict[str, list[str]]) -> None:
    # glibc's exp, pow and sin pick a version with fused multiply-add where the processor has it
    plain = measured_with({"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX2_Usable,-FMA_Usable,-FMA4"})
    assert_equal_powers(as_it_is, plain)


def test_levels_do_not_depend_on_the_number_of_threads(as_it_is: dict[str, list[str]]) -> None:
    assert_equal_powers(as_it_is, measured_with({"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3"}))
