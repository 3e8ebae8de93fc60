"""A folder with the one sound that the small report plays."""

from pathlib import Path

import numpy as np
import pytest

from merit_cli.io.audio_file import write_audio


@pytest.fixture
def report_folder(tmp_path: Path) -> Path:
    seconds = np.arange(8000) / 16000
    write_audio(tmp_path / "noisy.flac", 0.3 * np.sin(2 * np.pi * 440 * seconds), 16000)
    return tmp_path
