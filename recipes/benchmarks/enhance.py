"""Every enhancer on real voices in real noises: quality, speed and memory, in one run.

    python recipes/benchmarks/enhance.py
    python recipes/benchmarks/enhance.py --snr 0 --minutes 1 --only gtcrn      # a quick look

recipes/benchmarks/enhance.md says what is compared and how; enhancing/clips.py is the list of clips.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from enhancing.bare import over_model
from enhancing.clips import SAMPLE_RATE, Mix, mixes
from enhancing.contestants import Contestant, choices, contestants, parameters_text

from merit_cli.enhancers.select import enhancer_config
from merit_cli.errors import BadData, MeritError
from merit_cli.metrics.spec import MetricSpec, load_metric

METRICS = ("pesq_wb", "stoi", "si_sdr_db", "ssnr_db", "dnsmos_ovrl")
HEADS = ("PESQ-WB", "STOI", "SI-SDR", "SSNR", "DNSMOS")
DNSMOS_AT_DB = 0.0
"""The only ratio it is taken at: it costs six times as much as all the others together."""
Row = dict[str, Any]


def available_metrics() -> tuple[list[MetricSpec], list[str]]:
    """The metrics that can be computed here, and why the others cannot."""
    found, missing = [], []
    for name in METRICS:
        try:
            found.append(load_metric(name, sample_rate=SAMPLE_RATE))
        except MeritError as error:
            missing.append(f"{name}: {error}")
    return found, missing


def measure(contestant: Contestant, pairs: Sequence[Mix], metrics: Sequence[MetricSpec]) -> Row:
    """Means over all mixes, how many values are undefined, and the real-time factor.

    A metric that is undefined for a signal (PESQ of silence) is left out of its mean and counted.
    """
    contestant(pairs[0])  # loads tables and packages
    values: dict[str, list[float]] = {spec.name: [] for spec in metrics}
    seconds, undefined = 0.0, 0
    for mix in pairs:
        started = time.process_time()
        enhanced = contestant(mix)
        seconds += time.process_time() - started
        for spec in metrics:
            try:
                values[spec.name].append(spec.compute(mix.clean, enhanced, sample_rate=SAMPLE_RATE))
            except BadData:
                undefined += 1
    row: Row = {name: float(np.mean(found)) if found else None for name, found in values.items()}
    audio_seconds = sum(len(mix.clean) for mix in pairs) / SAMPLE_RATE
    return {**row, "undefined": undefined, "rtf": seconds / audio_seconds}


def costs(name: str, minutes: float) -> Row:
    """Peak memory in MB over a long signal, and the time over the bare model's, of one of ours."""
    parameters = choices()[name]
    script = Path(__file__).parent / "enhancing" / "memory.py"
    command = [sys.executable, str(script), str(minutes), *parameters_text(parameters)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    engine = enhancer_config(parameters).engine()
    return {"megabytes": float(printed), "over_model": over_model(engine)}


def run(snrs_db: Sequence[float], minutes: float, only: Sequence[str]) -> dict[str, Any]:
    """All figures."""
    found, missing = contestants()
    metrics, without = available_metrics()
    found = {name: found[name] for name in found if not only or name in (*only, "noisy")}
    rows: dict[str, dict[str, Row]] = {name: {} for name in found}
    num_mixes = 0
    for snr_db in snrs_db:  # none where costs alone are wanted
        pairs = list(mixes(snr_db))
        num_mixes = len(pairs)
        for name, contestant in found.items():
            taken = [spec for spec in metrics if snr_db == DNSMOS_AT_DB or spec.name != "dnsmos_ovrl"]
            rows[name][f"{snr_db:g}"] = measure(contestant, pairs, taken)
            print(f"{snr_db:g} dB, {name} done: {rows[name][f'{snr_db:g}']}", file=sys.stderr, flush=True)
    cost = {name: costs(name, minutes) for name in found if name in choices()} if minutes else {}
    return {"mixes": num_mixes, "minutes": minutes, "rows": rows, "costs": cost, "missing": missing + without}


def show(figures: dict[str, Any]) -> None:
    """Print a table for each ratio, and one of costs."""
    for line in figures["missing"]:
        print(f"left out: {line}")
    rows = figures["rows"]
    for snr_db in next(iter(rows.values())):
        print(f"\n{figures['mixes']} mixes at {snr_db} dB\n")
        print("| | " + " | ".join((*HEADS, "RTF")) + " |\n|---" + "|---" * (len(HEADS) + 1) + "|")
        for name, by_snr in rows.items():
            row = by_snr[snr_db]
            cells = [_cell(row.get(metric), 1 if metric.endswith("_db") else 3) for metric in METRICS]
            print(f"| {name} | " + " | ".join([*cells, f"{row['rtf']:.4f}"]) + " |")
        undefined = {name: by_snr[snr_db]["undefined"] for name, by_snr in rows.items() if by_snr[snr_db]["undefined"]}
        if undefined:
            print("\nvalues that are undefined and left out: " + ", ".join(f"{k} {v}" for k, v in undefined.items()))
    if not figures["costs"]:
        return
    print(f"\n| | peak MB, {figures['minutes']:g} min | time over the bare model |\n|---|---|---|")
    for name, cost in figures["costs"].items():
        over = "" if cost["over_model"] is None else f"{cost['over_model']:+.1%}"
        print(f"| {name} | {cost['megabytes']:.0f} | {over} |")


def _cell(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--snr", default="-5,0,5", help="ratios in dB [-5,0,5]; empty for costs alone")
    parser.add_argument("--minutes", type=float, default=60.0, help="length of the signal for memory [60]; 0 for none")
    parser.add_argument("--only", default="", help="names of rows, with commas")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    options = parser.parse_args(arguments)
    only = [name for name in options.only.split(",") if name]
    figures = run([float(one) for one in options.snr.split(",") if one], options.minutes, only)
    print(json.dumps(figures, indent=1)) if options.json else show(figures)


if __name__ == "__main__":
    main()
