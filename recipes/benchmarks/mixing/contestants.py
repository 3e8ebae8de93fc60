"""The contestants. Each mixes the same pairs into ``noisy/`` and ``clean/``, FLAC of 16 bits, in one thread.

The others are given what ours has to work out: the pairs, the ratios, the segments and all headers. Each writes
noisy and clean files as ours must (its clean is scaled with the mixture); what the clean files cost is counted
apart, so that the others can also be judged without them.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from mixing.clock import CLOCK
from mixing.corpus import RATE, WIDE_RATE, Corpus, FloatArray
from mixing.pairs import Pair

import merit_cli.torchaudio_bridge  # noqa: F401 - lets torchaudio work beside a CPU build of torch
from merit_cli.audio.levels import LevelName
from merit_cli.mixing.recipe import MixRecipe
from merit_cli.mixing.snr_plan import SnrList
from merit_cli.workers import Machine
from merit_cli.workflows.mix import plan_mix, run_mix


@dataclass
class Output:
    """Where a contestant writes, and the seconds that its clean files took."""

    folder: Path
    clean_seconds: float = field(default=0.0)

    def __post_init__(self) -> None:
        for part in ("noisy", "clean"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)

    def noisy(self, pair: Pair) -> Path:
        """Where the mixture goes."""
        return self.folder / "noisy" / f"{pair.id}.flac"

    def write(self, pair: Pair, noisy: FloatArray, clean: FloatArray) -> None:
        """Write both files by soundfile."""
        soundfile.write(self.noisy(pair), noisy, RATE, subtype="PCM_16")
        self.time_clean(lambda path: soundfile.write(path, clean, RATE, subtype="PCM_16"), pair)

    def time_clean(self, write: Callable[[Path], Any], pair: Pair) -> None:  # Any: nobody looks at it
        """Write the clean file by ``write`` and count its time."""
        started = CLOCK.now()
        write(self.folder / "clean" / f"{pair.id}.flac")
        self.clean_seconds += CLOCK.now() - started


Contestant = Callable[[Sequence[Pair], Output], None]


def ours(corpus: Corpus, folder: Path, level: LevelName) -> None:
    """The public workflow, from listing the folders to the manifest: it draws, mixes, writes, reads back, measures."""
    ratios = SnrList(values=(-5.0, 0.0, 5.0, 10.0), order="round_robin")
    recipe = MixRecipe(name="benchmark", snr=ratios, level=level)
    plan = plan_mix(recipe, [corpus.speech], [corpus.noise], machine=Machine())
    _, summary = run_mix(plan, output=folder, machine=Machine())
    assert summary.failed == summary.skipped == 0, summary


def usual_script() -> Contestant:
    """The usual script: librosa loads and resamples (soxr HQ, its default) the whole noise for each utterance."""
    import librosa

    def run(pairs: Sequence[Pair], output: Output) -> None:
        for pair in pairs:
            clean, _ = librosa.load(pair.speech, sr=RATE)
            noise, _ = librosa.load(pair.noise, sr=RATE)
            noise = noise[pair.start : pair.start + clean.size]
            ratio = np.sqrt(np.mean(clean**2) / np.mean(noise**2))
            noisy = clean + noise * (ratio * 10.0 ** (-pair.snr_db / 20.0))
            shared = min(1.0, 0.999 / float(np.max(np.abs(noisy))))
            output.write(pair, noisy * shared, clean * shared)

    return run


def lhotse_mix() -> Contestant:
    """``Cut.mix`` and ``save_audio`` of lhotse over soundfile; recordings made beforehand, segments truncated cuts."""
    import lhotse

    lhotse.audio.set_current_audio_backend("LibsndfileBackend")
    known: dict[Path, Any] = {}  # Any: lhotse has no types that we could name without it

    def cut_of(path: Path) -> Any:  # Any: as above
        if path not in known:
            recording = lhotse.Recording.from_file(path)
            known[path] = (recording if recording.sampling_rate == RATE else recording.resample(RATE)).to_cut()
        return known[path]

    def run(pairs: Sequence[Pair], output: Output) -> None:
        for pair in pairs:
            clean, length = cut_of(pair.speech), pair.num_samples / RATE
            noise = cut_of(pair.noise).truncate(offset=pair.start / RATE, duration=length)
            clean.mix(noise, snr=pair.snr_db).save_audio(output.noisy(pair), format="flac", encoding="PCM_16")
            output.time_clean(lambda path, cut=clean: cut.save_audio(path, format="flac", encoding="PCM_16"), pair)

    return run


def speechbrain_segments() -> Contestant:
    """SpeechBrain's AddNoise over ``noise_funct``, which reads and resamples the segment alone."""
    import torch
    from speechbrain.augment.time_domain import AddNoise, Resample

    resample = Resample(WIDE_RATE, RATE)

    def run(pairs: Sequence[Pair], output: Output) -> None:
        for pair in pairs:
            clean = torch.from_numpy(soundfile.read(pair.speech, dtype="float32")[0])[None]

            def segment(_: torch.Tensor, pair: Pair = pair) -> torch.Tensor:
                noise = torch.from_numpy(_own_segment(pair))[None]
                return (resample(noise) if pair.noise_rate != RATE else noise)[:, : pair.num_samples]

            add = AddNoise(noise_funct=segment, snr_low=pair.snr_db, snr_high=pair.snr_db, normalize=True)
            noisy = add(clean, torch.ones(1))
            output.write(pair, noisy[0].numpy(), _quieter(clean[0].numpy(), pair))

    return run


def speechbrain_files(folder: Path) -> Contestant:
    """SpeechBrain's AddNoise as recipes use it, over a table of noise files; it loads them whole by soundfile."""
    import torch
    from speechbrain.augment.time_domain import AddNoise

    def run(pairs: Sequence[Pair], output: Output) -> None:
        adders = {
            rate: AddNoise(
                csv_file=str(_noise_table(folder, pairs, rate)),
                sorting="original",
                normalize=True,
                noise_sample_rate=rate,
                clean_sample_rate=RATE,
            )
            for rate in (RATE, WIDE_RATE)
        }
        for pair in pairs:
            add = adders[pair.noise_rate]
            add.snr_low = add.snr_high = pair.snr_db
            add.start_index = pair.start
            clean = torch.from_numpy(soundfile.read(pair.speech, dtype="float32")[0])[None]
            noisy = add(clean, torch.ones(1))
            output.write(pair, noisy[0].numpy(), _quieter(clean[0].numpy(), pair))

    return run


def torchaudio_add_noise() -> Contestant:
    """``torchaudio.functional.add_noise`` over segments that soundfile reads and torchaudio resamples."""
    import torch
    import torchaudio

    resample = torchaudio.transforms.Resample(WIDE_RATE, RATE)

    def run(pairs: Sequence[Pair], output: Output) -> None:
        for pair in pairs:
            clean = torch.from_numpy(soundfile.read(pair.speech, dtype="float32")[0])
            noise = torch.from_numpy(_own_segment(pair))
            noise = (resample(noise) if pair.noise_rate != RATE else noise)[: pair.num_samples]
            noisy = torchaudio.functional.add_noise(clean, noise, torch.tensor(pair.snr_db))
            output.write(pair, noisy.numpy(), clean.numpy())

    return run


def _own_segment(pair: Pair) -> FloatArray:
    samples: FloatArray = soundfile.read(pair.noise, pair.own_length, pair.own_start, dtype="float32")[0]
    return samples


def _quieter(clean: FloatArray, pair: Pair) -> FloatArray:
    """The clean signal at AddNoise's own scale; the further gain by which it may normalise it keeps to itself."""
    return np.asarray(clean * (1.0 - 1.0 / (10.0 ** (pair.snr_db / 20.0) + 1.0)), dtype=np.float32)


def _noise_table(folder: Path, pairs: Sequence[Pair], rate: int) -> Path:
    """A table of the noises of one rate, in the order of the pairs, as SpeechBrain's datasets want it."""
    path = folder / f"noise{rate}.csv"
    with path.open("w", newline="") as handle:
        table = csv.writer(handle)
        table.writerow(["ID", "duration", "wav", "wav_format", "wav_opts"])
        for pair in (pair for pair in pairs if pair.noise_rate == rate):
            table.writerow([pair.id, pair.noise_length / rate, pair.noise, pair.noise.suffix[1:], ""])
    return path
