"""Rooms from measured impulse responses.

The direct sound is the largest sample of the response. A file is recorded by path and content, so that
a corpus rebuilt from its manifest fails rather than sounds different.
"""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from merit_cli.errors import BadData, MeritError, NoInput
from merit_cli.io.audio_file import audio_info, is_audio, read_audio
from merit_cli.io.hashing import sha256_of_file
from merit_cli.mixing.distortions.contract import DistortionConfig, Response, Uniform
from merit_cli.mixing.distortions.convolve import EARLY_MS

_HASH_DIGITS = 16


def _as_tuple(value: Any) -> Any:  # Any: whatever stood in the YAML
    return (str(value),) if isinstance(value, str | Path) else value


class ReverbConfig(DistortionConfig):
    """A room chosen at random among impulse responses; of several channels the first.

    Args:
        where: ``speech``, before it is mixed, or ``noise``.
        files: Audio files, and folders that are searched whole.
        early_ms: The target keeps what arrives this long after the direct sound.
    """

    name: Literal["reverb"] = "reverb"
    where: Literal["speech", "noise"] = "speech"
    files: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = Field(min_length=1)
    early_ms: float = Field(default=EARLY_MS, ge=0.0, le=1000.0)

    def draw_parameters(self, uniform: Uniform) -> dict[str, Any]:
        """The file, its content's hash and the early time."""
        files = response_files(self.files)
        path = files[int(uniform() * len(files))]
        return {"file": path, "sha256": _content(path), "early_ms": self.early_ms}

    def check(self) -> None:
        """Find the files, and one that can be read.

        Raises:
            NoInput: There are none.
            BadData: Of all of them none can be read.
        """
        files = response_files(self.files)
        faults: list[MeritError] = []
        for path in files:
            try:
                audio_info(Path(path))
            except MeritError as error:
                faults.append(error)
            else:
                return
        raise BadData(
            f"none of the {len(files)} impulse responses can be read: {faults[0].message}",
            place=f"distortions.reverb.files: {faults[0].place}",
            hint=faults[0].hint,
        )


@lru_cache(maxsize=16)
def response_files(places: tuple[str, ...]) -> tuple[str, ...]:
    """Audio files in the places named, sorted, each once.

    Raises:
        NoInput: A place does not exist or holds no audio.
    """
    found: set[str] = set()
    for place in places:
        path = Path(place)
        here = [path] if path.is_file() else [one for one in path.rglob("*") if is_audio(one) and one.is_file()]
        if not here:
            raise NoInput(
                "there are no impulse responses here",
                place=f"distortions.reverb.files: {place}",
                hint="name audio files, or a folder that holds some",
            )
        found.update(one.as_posix() for one in here)
    return tuple(sorted(found))


@lru_cache(maxsize=65536)
def _content(path: str) -> str:
    return sha256_of_file(Path(path))[:_HASH_DIGITS]


@lru_cache(maxsize=32)
def read_response(sample_rate: int, *, file: str, sha256: str, early_ms: float) -> Response:
    """The impulse response in a file, at a rate in Hz.

    Raises:
        NoInput: There is no such file.
        BadData: It is silent, is not audio, or is not the file that was recorded.
    """
    if _content(file) != sha256:
        raise BadData("the impulse response is not the one that was drawn", place=file, hint="bring the old file back")
    taps_M = read_audio(Path(file), sample_rate=sample_rate, channels="first").samples.astype(np.float64)
    if not taps_M.any():
        raise BadData("the impulse response is silent", place=file)
    taps_M.flags.writeable = False
    direct = int(np.argmax(np.abs(taps_M)))
    return Response(taps_M, direct, direct + 1 + round(early_ms * sample_rate / 1000.0))
