"""Impulse responses, and links as a recipe would make them."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distortion_links import Chain, write_response

from merit_cli.mixing.distortions.contract import DistortionConfig


@pytest.fixture(scope="session")
def responses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two decaying impulse responses at 16 kHz."""
    folder = tmp_path_factory.mktemp("responses")
    generator = np.random.default_rng(3)
    for name, delay in (("near/a.wav", 40), ("far/b.wav", 170)):
        taps = np.zeros(3000)
        taps[delay:] = 0.03 * generator.standard_normal(3000 - delay) * np.exp(-np.arange(3000 - delay) / 600)
        taps[delay] = 1.0
        write_response(folder / name, taps, 16000)
    return folder


@pytest.fixture(scope="session")
def make_link(responses: Path) -> Callable[[dict[str, Any]], DistortionConfig]:
    """A link's config from what a recipe would say."""

    def make(link: dict[str, Any]) -> DistortionConfig:
        if link["name"] == "room" and find_spec("pyroomacoustics") is None:
            pytest.skip("needs the extra room (pyroomacoustics)")
        files = {"files": str(responses)} if link["name"] == "reverb" and "files" not in link else {}
        return Chain.model_validate({"distortions": [{**link, **files}]}).distortions[0]

    return make
