"""A synthetic breath corpus in the ICBHI layout: made by rule, for running the code where no corpus is at hand.

Thirty invented patients, two recordings each, seven annotated cycles a recording, in ICBHI's four
classes at 4 kHz; a stretch of background only stands before the first and after the last cycle.
Everything follows from the seed. The files are read back by the ICBHI adapter itself.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from merit_cli.audio.breath_sounds import CrackleKind, CycleRule, breath_cycle, hiss, rumble
from merit_cli.corpora.icbhi_format import SPLIT_LIST_NAME
from merit_cli.io.atomic import write_text
from merit_cli.io.audio_file import write_audio
from merit_cli.manifests.read_write import Card

SAMPLE_RATE = 4000
NUM_PATIENTS = 30
NUM_TEST_PATIENTS = 12
RECORDINGS_PER_PATIENT = 2
CYCLES_PER_RECORDING = 7
BACKGROUND_S = 2.5
DEVICE = "Synthetic"
CLASS_SHARES = {"normal": 0.46, "crackle": 0.24, "wheeze": 0.18, "both": 0.12}
_LOCATIONS = ("Tc", "Al", "Ar", "Pl", "Pr", "Ll", "Lr")
_PEAK = 0.5

SYNTHETIC_NOTE = "Synthetic breath sounds made by rule: a score on them proves only that the code runs."
CARD = Card(
    name="synthetic-breath",
    description=(
        f"{NUM_PATIENTS} invented patients, {RECORDINGS_PER_PATIENT} recordings of {CYCLES_PER_RECORDING} cycles each, "
        "ICBHI's four classes at 4 kHz: breath noise 70-900 Hz, inspiration 6 dB louder; wheezes 150-800 Hz, 0.25-1 s, "
        "harmonics; crackles fine 550-800 Hz / 4-7 ms, coarse 250-420 Hz / 10-16 ms; rumble under 60 Hz and hiss."
    ),
    licence="Apache-2.0 (made by this program)",
    source="merit_cli.audio.breath_sounds",
    synthetic=True,
    notes=(SYNTHETIC_NOTE,),
)


@dataclass(frozen=True)
class Patient:
    """What is the same in all recordings of an invented patient.

    Args:
        number: As the file name has it, from 901.
        crackle: Kind this patient's crackles are of.
        cycle_s: Mean length of a cycle, in seconds.
        rumble_db: Background under 60 Hz, RMS over that of full inspiration.
        hiss_db: White background, on the same scale.
        event_db: Added sounds over the breath noise.
    """

    number: int
    crackle: CrackleKind
    cycle_s: float
    rumble_db: float
    hiss_db: float
    event_db: float


def write_synthetic_breath(folder: Path, *, seed: int = 0, num_patients: int = NUM_PATIENTS) -> list[Path]:
    """Write recordings, annotations and split list into ``folder``; the recordings' paths.

    Args:
        folder: Made where missing; a file of the same name is replaced.
        seed: The same seed gives the same bytes.
        num_patients: At least 5; two in five are test patients.

    Raises:
        Unavailable: The folder cannot be written.
    """
    assert num_patients >= 5, f"five patients make the smallest corpus with three splits, got {num_patients}"
    num_test = round(num_patients * NUM_TEST_PATIENTS / NUM_PATIENTS)
    paths: list[Path] = []
    split_lines: list[str] = []
    for index in range(num_patients):
        split = "test" if index >= num_patients - num_test else "train"
        patient = _make_patient(index, np.random.default_rng([seed, index]))
        for recording in range(RECORDINGS_PER_PATIENT):
            rng = np.random.default_rng([seed, index, recording + 1])
            stem = f"{patient.number}_{recording + 1}b1_{_LOCATIONS[int(rng.integers(len(_LOCATIONS)))]}_sc_{DEVICE}"
            samples, annotation = make_recording(patient, rng)
            paths.append(folder / f"{stem}.wav")
            write_audio(paths[-1], samples, SAMPLE_RATE)
            write_text(folder / f"{stem}.txt", annotation)
            split_lines.append(f"{stem}\t{split}\r\n")
    write_text(folder / SPLIT_LIST_NAME, "".join(split_lines))
    return paths


def make_recording(patient: Patient, rng: np.random.Generator) -> tuple[npt.NDArray[np.float64], str]:
    """One recording (N,) with peak `_PEAK` and its annotation text."""
    lead = np.zeros(round(BACKGROUND_S * SAMPLE_RATE))
    parts = [lead]
    lines = []
    position = len(lead)
    for _ in range(CYCLES_PER_RECORDING):
        label = str(rng.choice(list(CLASS_SHARES), p=list(CLASS_SHARES.values())))
        has_crackle, has_wheeze = label in ("crackle", "both"), label in ("wheeze", "both")
        rule = CycleRule(
            duration=patient.cycle_s * rng.uniform(0.85, 1.15),
            crackle=patient.crackle if has_crackle else None,
            wheeze=has_wheeze,
            event_db=patient.event_db + rng.uniform(-2.0, 2.0),
        )
        parts.append(breath_cycle(rule, SAMPLE_RATE, rng))
        end = position + len(parts[-1])
        lines.append(f"{position / SAMPLE_RATE:.3f}\t{end / SAMPLE_RATE:.3f}\t{int(has_crackle)}\t{int(has_wheeze)}\n")
        position = end
    samples = np.concatenate([*parts, lead])
    samples += 10.0 ** (patient.rumble_db / 20.0) * rumble(len(samples), SAMPLE_RATE, rng)
    samples += 10.0 ** (patient.hiss_db / 20.0) * hiss(len(samples), rng)
    return _PEAK * samples / np.max(np.abs(samples)), "".join(lines)


def _make_patient(index: int, rng: np.random.Generator) -> Patient:
    return Patient(
        number=901 + index,
        crackle="fine" if rng.random() < 0.5 else "coarse",
        cycle_s=float(rng.uniform(2.2, 3.4)),
        rumble_db=float(rng.uniform(0.0, 10.0)),
        hiss_db=float(rng.uniform(-32.0, -20.0)),
        event_db=float(rng.uniform(8.0, 16.0)),
    )
