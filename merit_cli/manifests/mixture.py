"""How a noisy file was made: the part of a manifest line that is enough to render it again."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class NoiseUse:
    """One more noise under the same speech.

    Args:
        noise_id: Id of the noise.
        noise_class: Folder or label of the noise.
        noise_start: First noise sample used, at the mixture's rate.
        gain: What it was multiplied by before the shared gain.
    """

    noise_id: str
    noise_class: str
    noise_start: int
    gain: float


@dataclass(frozen=True)
class Mixture:
    """How a noisy file was made.

    Args:
        clean_id: Id of the speech.
        noise_id: Id of the noise, the first where there are several.
        noise_class: Folder or label of the noise; of several, joined by ``+``.
        snr_db: As asked.
        achieved_snr_db: Measured on the written files.
        level: Definition of level that the SNR is stated in.
        variant: Number of this mixture among those of the same speech.
        noise_start: First noise sample used, at the mixture's rate.
        gain: What the noise was multiplied by before the shared gain.
        shared_gain: What noisy, clean and noise were all multiplied by.
        seed: The mix's seed.
        other_snr_db: The same pair under the other level definitions, by name.
        noise_set: ``matched`` or ``unseen`` where the mix tells them apart.
        more_noises: The other noises where there are several.
        distortions: What was done to speech, noise or mixture, in order, each with its drawn parameters.
        measured: ``before distortions`` where the written files no longer hold the ratio.
        levels: Levels in dBFS of speech as it is heard and of noise under ``gain``, before the mixture is distorted
            and before the shared gain, by ``speech_`` or ``noise_`` and the definition's name.
        detector: What told speech from pauses for the level ``vad``, where it was not ``energy``.
    """

    clean_id: str
    noise_id: str
    noise_class: str
    snr_db: float
    achieved_snr_db: float
    level: str
    variant: int
    noise_start: int
    gain: float
    shared_gain: float
    seed: int
    other_snr_db: Mapping[str, float] = field(default_factory=dict)
    noise_set: str = ""
    more_noises: tuple[NoiseUse, ...] = ()
    distortions: Sequence[Mapping[str, Any]] = ()  # Any: JSON data of each kind's own
    measured: str = ""
    levels: Mapping[str, float] = field(default_factory=dict)
    detector: str = ""

    @property
    def noise_ids(self) -> tuple[str, ...]:
        """Every noise heard."""
        return (self.noise_id, *(more.noise_id for more in self.more_noises))

    def to_line(self) -> dict[str, Any]:
        """As JSON data, empty parts left out."""
        return {key: value for key, value in asdict(self).items() if value not in ({}, (), [], "") or key in _REQUIRED}

    @classmethod
    def from_line(cls, line: Mapping[str, Any]) -> "Mixture":
        """From JSON data.

        Raises:
            TypeError: A key is missing or unknown.
        """
        values = dict(line)
        values["more_noises"] = tuple(NoiseUse(**more) for more in values.get("more_noises", ()))
        values["distortions"] = tuple(values.get("distortions", ()))
        return cls(**values)


_REQUIRED = {"clean_id", "noise_id", "noise_class"}
