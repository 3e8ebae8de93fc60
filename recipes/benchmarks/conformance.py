"""Our metrics beside their definitions and other libraries, on real audio: writes conformance.md beside this file.

    python recipes/benchmarks/conformance.py
    python recipes/benchmarks/conformance.py --output /tmp/page.md

A library that is not installed is left out, and said so. Ends with 1 where a difference is beyond its tolerance.
"""

import argparse
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from conforming.disagreements import Variant, variants
from conforming.label_libraries import LABEL_LIBRARIES
from conforming.libraries import SIGNAL_LIBRARIES
from conforming.material import LABELS, NUM_ROWS, NUM_SPEAKERS, Pair, pairs, predictions
from conforming.rows import LOOPS, Row, label_rows, signal_rows

from merit_cli import torchaudio_bridge

PAGE = Path(__file__).with_suffix(".md")
INTRODUCTION = f"""# Conformance of the metrics

    pip install 'merit-cli[test]' mir_eval fast_bss_eval     # pysepm is not on the package index
    python recipes/benchmarks/conformance.py                 # writes this page

Every metric of `merit evaluate` beside its definition, written as loops (`conforming/naive*.py`), and beside other
libraries where they have it. The audio is real: voices and noises of the bundled sample at 16 kHz, mixed by RMS.
Scores over predictions are computed on {NUM_ROWS} drawn rows of {len(LABELS)} classes and {NUM_SPEAKERS} speakers
(seed 0).

"tolerance" is what the difference must stay under, or the script fails; "-" means two methods that need not agree.
PESQ and DNSMOS have no loops: ITU's C code and a neural network are their own definitions. The rows of pesq show only
that nothing is lost on the way to the package, which ours calls, too.
pysepm 0.1 (commit 7ef88af) wants srmrpy and numpy below 2: this page was made with a copy of it in which `np.NaN` reads
`np.nan` and its measures of reverberation are not imported.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the page; 1 where a difference is too large."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=PAGE, help="the page")
    options = parser.parse_args(arguments)
    torchaudio_bridge.install()  # speechbrain imports torchaudio
    material = pairs()
    by_pair = [(pair, list(signal_rows(pair))) for pair in material]
    of_labels = list(label_rows(predictions()))
    words = page(by_pair, of_labels, list(variants(material[0])), material[0].name)
    options.output.write_text(words, encoding="utf-8")
    rows = [*(row for _, rows in by_pair for row in rows), *of_labels]
    beyond = [row for row in rows if not row.agrees]
    for row in beyond:
        print(
            f"{row.metric}: ours {row.ours}, {row.other} {row.theirs}: off by {row.difference:.3g} > {row.tolerance:g}"
        )
    print(f"{options.output}: {len(rows)} comparisons, {len(beyond)} beyond their tolerance")
    return 1 if beyond else 0


def page(by_pair: Iterable[tuple[Pair, list[Row]]], of_labels: list[Row], found: list[Variant], measured: str) -> str:
    """The page in Markdown; ``measured`` names the pair on which the conventions were ``found``."""
    parts = [INTRODUCTION, _absent()]
    for pair, rows in by_pair:
        parts += [f"## {pair.name} ({pair.clean.size / 16_000:.2f} s)\n", _table(rows)]
    parts += ["## Scores over predictions\n", _table(of_labels)]
    parts += ["## Where tools disagree\n", _why(measured, found)]
    parts.append(f"Made with Python {platform.python_version()}, numpy {np.__version__}.\n")
    return "\n".join(parts)


def _absent() -> str:
    missing = [one.name for one in (*SIGNAL_LIBRARIES, *LABEL_LIBRARIES) if one.version is None]
    return f"Not installed here, so left out: {', '.join(missing)}.\n" if missing else "No library was left out.\n"


def _table(rows: list[Row]) -> str:
    lines = ["| metric | ours | other | its value | difference | tolerance |", "|---|---:|---|---:|---:|---:|"]
    order = list(dict.fromkeys(row.metric for row in rows))
    for row in sorted(rows, key=lambda row: (order.index(row.metric), not row.other.startswith(LOOPS))):
        tolerance = "-" if row.tolerance is None else f"{row.tolerance:g}"
        difference = "0" if row.difference == 0.0 else f"{row.difference:.1e}"
        lines.append(
            f"| `{row.metric}` | {row.ours:.6f} | {row.other} | {row.theirs:.6f} | {difference} | {tolerance} |"
        )
    return "\n".join(lines) + "\n"


def _why(measured: str, found: list[Variant]) -> str:
    lines = [f"Computed on {measured}.\n", "| measure | convention | value | who, or why |", "|---|---|---:|---|"]
    lines += [f"| {one.metric} | {one.convention} | {one.value:.4g} | {one.remark} |" for one in found]
    return "\n".join([*lines, "", WORDS])


WORDS = """- **SSNR.** Frame length, overlap, window and clamp all move it. Ours is Loizou's program to the letter.
- **CSIG, CBAK, COVL.** Fitted with raw narrow-band PESQ; papers on 16 kHz speech mostly put wide-band MOS-LQO in its
  place, and so do we. LLR is not limited to 2 in them, although the stand-alone LLR of the same programs is.
- **LLR, WSS.** The number of frames kept, 95 %, is rounded halves up, as MATLAB does; Python's `round` goes to the even
  number and may keep one frame less.
- **fwSSNR, LLR in digital silence.** Frames in which either signal is all zeros are left out: their spectrum has no
  shape. The programs add 2.2e-16 to every sample and count such frames.
- **STOI.** The loops run at 10 kHz, where nothing is resampled. SpeechBrain's is its own, written as a loss.
- **ESTOI.** pystoi adds noise to every segment from numpy's global random state. It decides where an output is digital
  silence, and two runs then differ; ours seeds it there and puts the state back.
- **Pitch.** librosa's pYIN leaves out frames of doubt, ours (Boersma 1993) tracks on, so that octave errors in noise
  count; `f0_gross_error` counts them apart. The two are different trackers.
- **MCD.** Depends on the cepstra: with scipy's orthonormal DCT of log mel energies put in unscaled it is sqrt(80) = 8.9
  times ours, because the formula's constant holds for the cepstrum of the Fourier series.
- **CCC.** torchmetrics divides the variances by n - 1, the definition by n.
- **DNSMOS.** The package's rounding of window ends is kept, so that numbers stay comparable.
"""

if __name__ == "__main__":
    raise SystemExit(main())
