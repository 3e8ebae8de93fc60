"""Rooms simulated by the image method (Allen and Berkley, 1979), through pyroomacoustics.

What is drawn is the geometry and the reverberation time; Sabine's formula turns that into the walls'
absorption, and a time too short for a room is raised to the shortest it can have. The direct sound lies
where the distance puts it: in a small room an echo can be larger. The library adds up in an order that
depends on its number of threads, so it gets one.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from merit_cli.errors import Unavailable
from merit_cli.mixing.distortions.amounts import Amount, draw_amount, limits, within
from merit_cli.mixing.distortions.contract import DistortionConfig, Response, Uniform
from merit_cli.mixing.distortions.convolve import EARLY_MS

SPEED_OF_SOUND = 343.0
_FILTER_HALF = 40
"""Samples the library's interpolation filters (81 taps) put before the direct sound."""
_WALL_MARGIN_M = 0.3
_MOST_ABSORBING = 0.99
_NUM_TRIES = 6
SideM = Annotated[Amount, BeforeValidator(within(1.5, 50.0, unit="m"))]


class RoomConfig(DistortionConfig):
    """A shoebox with a speaker and a microphone at random places, 0.3 m or more from the walls.

    Args:
        where: ``speech``, before it is mixed, or ``noise``.
        length_m: Number or [low, high], as the next three.
        width_m: Horizontal too.
        height_m: From floor to ceiling.
        rt60: Time in seconds in which sound decays by 60 dB. Long times in small rooms take seconds.
        distance_m: From speaker to microphone; shortened where the room has no place for it.
        early_ms: The target keeps what arrives this long after the direct sound.
    """

    name: Literal["room"] = "room"
    where: Literal["speech", "noise"] = "speech"
    length_m: SideM = (4.0, 8.0)
    width_m: SideM = (3.0, 6.0)
    height_m: SideM = (2.4, 3.5)
    rt60: Annotated[Amount, BeforeValidator(within(0.05, 2.0, unit="s"))] = (0.2, 0.6)
    distance_m: Annotated[Amount, BeforeValidator(within(0.1, 20.0, unit="m"))] = (0.5, 2.5)
    early_ms: float = Field(default=EARLY_MS, ge=0.0, le=1000.0)

    @model_validator(mode="after")
    def _fits(self) -> "RoomConfig":
        longest = math.hypot(*(limits(side)[1] - 2 * _WALL_MARGIN_M for side in (self.length_m, self.width_m)))
        if limits(self.distance_m)[0] > longest:
            raise ValueError(f"no room of this size has {limits(self.distance_m)[0]:g} m between two places")
        return self

    def draw_parameters(self, uniform: Uniform) -> dict[str, Any]:
        """Size, places and reverberation time."""
        size = [draw_amount(side, uniform) for side in (self.length_m, self.width_m, self.height_m)]
        rt60 = draw_amount(self.rt60, uniform)
        distance = draw_amount(self.distance_m, uniform)
        speaker, microphone = _places(size, distance, uniform)
        rt60 = max(rt60, math.ceil(sabine(size, _MOST_ABSORBING) * 1e6) / 1e6)
        places = {"size_m": size, "speaker_m": speaker, "microphone_m": microphone}
        return {**places, "rt60": rt60, "early_ms": self.early_ms}

    def check(self) -> None:
        """Look for the library.

        Raises:
            Unavailable: The extra is not installed.
        """
        _check_library()


def _check_library() -> None:
    if find_spec("pyroomacoustics") is None:
        raise Unavailable(
            "the distortion 'room' needs the package 'pyroomacoustics'",
            place="distortions.room",
            hint="pip install 'merit-cli[room]'",
        )


def sabine(size_m: Sequence[float], absorption: float) -> float:
    """Reverberation time in seconds of a shoebox, 24 ln 10 V / (c S a) (Sabine, 1922).

    >>> round(sabine([6.0, 5.0, 3.0], 0.3), 3)
    0.384
    """
    length, width, height = size_m
    surface = 2.0 * (length * width + length * height + width * height)
    return 24.0 * math.log(10.0) * length * width * height / (SPEED_OF_SOUND * surface * absorption)


def _places(size_m: Sequence[float], distance: float, uniform: Uniform) -> tuple[list[float], list[float]]:
    """Speaker and microphone, at most a distance apart: the best of six tries, all of them taken."""
    best: tuple[float, list[float], list[float]] | None = None
    for _ in range(_NUM_TRIES):
        speaker = [round(_WALL_MARGIN_M + uniform() * (side - 2 * _WALL_MARGIN_M), 4) for side in size_m]
        angle = 2.0 * math.pi * uniform()
        ahead = (math.cos(angle), math.sin(angle), 0.0)
        room = [
            (side - _WALL_MARGIN_M - here if step > 0 else here - _WALL_MARGIN_M) / abs(step)
            for side, here, step in zip(size_m, speaker, ahead, strict=True)
            if abs(step) > 1e-9
        ]
        reach = max(0.05, min(distance, *room))
        microphone = [round(here + reach * step, 4) for here, step in zip(speaker, ahead, strict=True)]
        if best is None or reach > best[0]:
            best = (reach, speaker, microphone)
    assert best is not None, "six tries"
    return best[1], best[2]


def simulate_response(
    sample_rate: int,
    *,
    size_m: Sequence[float],
    speaker_m: Sequence[float],
    microphone_m: Sequence[float],
    rt60: float,
    early_ms: float,
) -> Response:
    """The impulse response of a shoebox at a rate in Hz.

    Raises:
        Unavailable: The extra is not installed.
    """
    _check_library()
    taps_M = _image_method(sample_rate, tuple(size_m), tuple(speaker_m), tuple(microphone_m), rt60)
    direct = _FILTER_HALF + round(math.dist(speaker_m, microphone_m) / SPEED_OF_SOUND * sample_rate)
    return Response(taps_M, direct, direct + 1 + round(early_ms * sample_rate / 1000.0))


@lru_cache(maxsize=8)
def _image_method(
    sample_rate: int,
    size_m: tuple[float, ...],
    speaker_m: tuple[float, ...],
    microphone_m: tuple[float, ...],
    rt60: float,
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    import pyroomacoustics

    absorption, max_order = pyroomacoustics.inverse_sabine(rt60, size_m, c=SPEED_OF_SOUND)
    with _one_thread():
        walls = pyroomacoustics.Material(absorption)
        room = pyroomacoustics.ShoeBox(size_m, fs=sample_rate, materials=walls, max_order=max_order)
        room.add_source(list(speaker_m))
        room.add_microphone(list(microphone_m))
        room.compute_rir()
    taps_M = np.array(room.rir[0][0], dtype=np.float64)
    taps_M.flags.writeable = False
    return taps_M


@contextmanager
def _one_thread() -> Iterator[None]:
    from pyroomacoustics.parameters import constants

    before = constants.get("num_threads")
    constants.set("num_threads", 1)
    try:
        yield
    finally:
        constants.set("num_threads", before)
