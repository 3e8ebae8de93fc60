"""Mixing speed beside its limit and beside other tools, and memory with a noise of three hours.

    python recipes/benchmarks/mix.py
    python recipes/benchmarks/mix.py --utterances 100 --repeats 1      # a quick look

recipes/benchmarks/mix.md says what is compared and how.
"""

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from mixing.clock import CLOCK
from mixing.contestants import (
    Contestant,
    Output,
    lhotse_mix,
    ours,
    speechbrain_files,
    speechbrain_segments,
    torchaudio_add_noise,
    usual_script,
)
from mixing.corpus import Corpus, build_corpus, write_long_noise
from mixing.limit import limit_seconds
from mixing.pairs import Outcome, outcome, read_pairs

OURS_RMS, OURS_P56, LIMIT = "ours, RMS", "ours, P.56", "limit"
PEERS: dict[str, tuple[str, Callable[[Path], Contestant]]] = {
    "(a) usual script: librosa, whole noise": ("librosa", lambda _: usual_script()),
    "(b) lhotse mix": ("lhotse", lambda _: lhotse_mix()),
    "(c) SpeechBrain AddNoise, segments": ("speechbrain", lambda _: speechbrain_segments()),
    "(c') SpeechBrain AddNoise, its own loader": ("speechbrain", speechbrain_files),
    "(d) torchaudio add_noise": ("torchaudio", lambda _: torchaudio_add_noise()),
}
LONG_HOURS = 3.0
NUM_WARM = 8
Times = dict[str, list[float]]


def run_rounds(corpus: Corpus, folder: Path, repeats: int) -> tuple[Times, Times, dict[str, Outcome]]:
    """Every contestant in turn, ``repeats`` times over all pairs.

    Returns:
        Seconds of each round; seconds less the clean files, for the peers; what was written.
    """
    ours(corpus, folder / "first", "rms")  # also warms up
    pairs = read_pairs(folder / "first")
    peers = {name: make(folder) for name, (package, make) in PEERS.items() if _is_there(name, package)}
    for run in peers.values():
        run(pairs[:NUM_WARM], Output(folder / "warm"))
    whole: Times = {name: [] for name in (OURS_RMS, OURS_P56, LIMIT, *peers)}
    bare: Times = {name: [] for name in peers}
    outcomes: dict[str, Outcome] = {}
    for number in range(repeats):
        for name, level in ((OURS_RMS, "rms"), (OURS_P56, "p56")):
            place = folder / f"ours-{level}"
            shutil.rmtree(place, ignore_errors=True)
            whole[name].append(_seconds(lambda level=level, place=place: ours(corpus, place, level)))
        whole[LIMIT].append(limit_seconds(pairs, folder / "ours-rms", folder / "limit"))
        for name, run in peers.items():
            output = Output(folder / "peer")
            whole[name].append(_seconds(lambda run=run, output=output: run(pairs, output)))
            bare[name].append(whole[name][-1] - output.clean_seconds)
            if not number:
                outcomes[name] = outcome(output.folder, pairs)
            shutil.rmtree(output.folder)
    outcomes[OURS_RMS] = outcome(folder / "ours-rms", pairs)
    return whole, bare, outcomes


def peak_megabytes(folder: Path, corpus: Corpus, num_utterances: int = 20) -> float:
    """Peak memory of mixing a few utterances with a 48 kHz noise of three hours."""
    speech, noise = folder / "few", folder / "long"
    speech.mkdir()
    noise.mkdir()
    for path in sorted(corpus.speech.iterdir())[:num_utterances]:
        shutil.copy(path, speech)
    write_long_noise(noise / "long.wav", LONG_HOURS)
    script = Path(__file__).parent / "mixing" / "memory.py"
    command = [sys.executable, str(script), str(speech), str(noise), str(folder / "long-mix")]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    shutil.rmtree(noise)
    return float(printed)


def report(
    corpus: Corpus, whole: Times, bare: Times, outcomes: dict[str, Outcome], megabytes: float
) -> dict[str, object]:
    """All figures, by the contestant's name."""
    median = {name: statistics.median(values) for name, values in whole.items()}
    rows = {}
    for name, seconds in median.items():
        row: dict[str, object] = {
            "seconds": round(seconds, 3),
            "real_time": round(corpus.seconds / seconds, 1),
            "seconds_over_ours": round(seconds / median[OURS_RMS], 3),
            "share_of_limit": round(median[LIMIT] / seconds, 3),
            "verifies": name in (OURS_RMS, OURS_P56),
        }
        if name in bare:
            row["noisy_only_over_ours"] = round(statistics.median(bare[name]) / median[OURS_RMS], 3)
        if name in outcomes:
            row["worst_snr_error_db"] = round(outcomes[name].worst_error_db, 3)
            row["clipped"] = outcomes[name].clipped
        rows[name] = row
    return {"speech_seconds": round(corpus.seconds, 1), "peak_megabytes_three_hours": megabytes, "rows": rows}


def show(figures: dict[str, object]) -> None:
    """Print the table."""
    print(
        f"{'':<42} {'s':>8} {'x real':>8} {'/ ours':>7} {'noisy':>7} {'of':>7} {'reads':>6} {'worst':>7} {'clip-':>6}"
    )
    print(f"{'':<42} {'':>8} {'time':>8} {'RMS':>7} {'only':>7} {'limit':>7} {'back':>6} {'dB off':>7} {'ped':>6}")
    rows = figures["rows"]
    assert isinstance(rows, dict)
    for name, row in rows.items():
        reads, worst_db = "yes" if row["verifies"] else "no", row.get("worst_snr_error_db", "")
        print(
            f"{name:<42} {row['seconds']:8.2f} {row['real_time']:8.0f} {row['seconds_over_ours']:7.2f}"
            f" {row.get('noisy_only_over_ours', ''):>7} {row['share_of_limit']:7.1%}"
            f" {reads:>6} {worst_db:>7} {row.get('clipped', ''):>6}"
        )
    print(f"peak memory with a noise of {LONG_HOURS:g} hours at 48 kHz: {figures['peak_megabytes_three_hours']} MB")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it all in a temporary folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--utterances", type=int, default=1000, help="how many to mix [1000]")
    parser.add_argument("--repeats", type=int, default=3, help="rounds; medians are printed [3]")
    parser.add_argument("--folder", type=Path, help="where the temporary folder goes; a RAM disk takes the disk out")
    parser.add_argument("--cpu", action="store_true", help="count processor seconds: steadier on a machine in use")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    options = parser.parse_args(arguments)
    CLOCK.of_processor = options.cpu
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        corpus = build_corpus(folder, options.utterances)
        megabytes = peak_megabytes(folder, corpus)
        figures = report(corpus, *run_rounds(corpus, folder, options.repeats), megabytes)
    figures |= {"utterances": options.utterances, "repeats": options.repeats, "clock": "cpu" if options.cpu else "wall"}
    if options.json:
        print(json.dumps(figures))
    else:
        show(figures)


def _is_there(name: str, package: str) -> bool:
    if importlib.util.find_spec(package) is None:
        print(f"left out: {name}; pip install {package} brings it in", file=sys.stderr)
        return False
    return True


def _seconds(call: Callable[[], None]) -> float:
    started = CLOCK.now()
    call()
    return CLOCK.now() - started


def _in_one_thread() -> None:
    """Start again with one thread, unless the libraries were told so before they were loaded."""
    wanted = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | wanted)


if __name__ == "__main__":
    _in_one_thread()
    main()
