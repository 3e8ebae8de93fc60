"""A report that holds everything one can hold, with real voices in it, and a list of any length."""

from pathlib import Path

import numpy as np

from merit_cli.assets import bundled
from merit_cli.audio.snr import mix_at_snr
from merit_cli.enhancers.spectral_gate import SpectralGateConfig
from merit_cli.io.audio_file import read_audio, write_audio
from merit_cli.reports.report import (
    Cell,
    Clip,
    Column,
    Confusion,
    Curve,
    Example,
    Headline,
    HeatMap,
    Items,
    Plane,
    PlanePoint,
    Point,
    Report,
    Series,
    Strip,
    Table,
)

SYSTEMS = ("noisy", "spectral gate", "sparse-merit")
SNRS = (-5.0, 0.0, 5.0)
NOISES = ("birds", "hammering", "machine", "steam")
EMOTIONS = ("angry", "happy", "neutral", "sad")
METRICS = (("ssnr_db", "dB"), ("si_sdr_db", "dB"), ("pesq_wb", ""), ("stoi", ""))
RATE = 16000


def full_report(folder: Path, *, num_items: int, num_examples: int = 4, systems: int = 3) -> Report:
    """Every kind of content; the examples' sounds are written into ``folder``."""
    rng = np.random.default_rng(0)
    series = tuple(
        Series(name, tuple(Point(snr, _cell(rng, snr / 4 + place, "dB")) for snr in SNRS), place == 2, place)
        for place, name in enumerate(SYSTEMS[:systems])
    )
    curves = tuple(
        Curve(name, "95 % interval over 14 speakers.", "SNR (dB)", f"{name} ({unit})" if unit else name, series)
        for name, unit in METRICS
    )
    return Report(
        "sparse-merit, test split",
        (
            "In stationary noise at −5 dB SNR, sparse-merit improves si_sdr_db by 3.10 dB [2.40, 3.90].",
            "Emotion at −5 dB: macro_f1 0.520 [0.441, 0.602], ahead of level + duration.",
        ),
        ("Few clusters: 3 speakers, so the intervals are Student's t.",),
        tuple(Headline(name, _cell(rng, 2.0, unit), ("stationary noise",)) for name, unit in METRICS),
        (_table(rng, "Enhancement, stationary noise, by SNR (dB)"), _table(rng, "Emotion, by SNR (dB)")),
        curves,
        tuple(_confusion(rng, snr) for snr in SNRS),
        tuple(_example(folder, number) for number in range(num_examples)),
        {"command": "merit evaluate runs/train/sparse-merit", "packages": "numpy 2.4.0, torch 2.13.0"},
        (_heat_map(rng),),
        (_plane(rng),),
        (_expert_load(rng), _expert_load_by_snr(rng), *_expert_use(rng)),
        _items(rng, num_items),
    )


def _cell(rng: np.random.Generator, value: float, unit: str = "", mark: str = "") -> Cell:
    value += float(rng.normal(0.0, 0.4))
    return Cell(value, value - 0.5, value + 0.5, unit, 11, 12, mark=mark)


def _table(rng: np.random.Generator, title: str) -> Table:
    rows = tuple(
        (f"{snr:g}", name, *(_cell(rng, place, unit, "▲" if place == 2 else "") for _, unit in METRICS))
        for snr in SNRS
        for place, name in enumerate(SYSTEMS)
    )
    columns = (Column("SNR (dB)"), Column("system"), *(Column(name, unit, True) for name, unit in METRICS))
    caption = "Split test; 432 utterances of 3 speakers. ▲ ahead of, ▼ behind noisy, after Holm's correction."
    return Table(title, caption, columns, rows, (2, 5, 8))


def _confusion(rng: np.random.Generator, snr: float) -> Confusion:
    counts = rng.integers(0, 12, (4, 4)) + 20 * np.eye(4, dtype=int)
    rows = tuple(tuple(int(count) for count in row) for row in counts)
    return Confusion(f"SNR {snr:g} dB", "sparse-merit; the shade is the share of the row.", EMOTIONS, rows)


def _heat_map(rng: np.random.Generator) -> HeatMap:
    cells = tuple(
        tuple(_cell(rng, snr / 5, "dB", "▲" if snr > 0 else "") if noise != "steam" or snr else None for snr in SNRS)
        for noise in NOISES
    )
    columns = tuple(f"{snr:g}" for snr in SNRS)
    return HeatMap("si_sdr_db gain", "Mean over utterances.", "noise class", "SNR (dB)", NOISES, columns, cells, True)


def _plane(rng: np.random.Generator) -> Plane:
    points = tuple(
        PlanePoint(name, f"{snr:g} dB", _cell(rng, snr / 2 + 3 * place, "dB"), _cell(rng, snr / 9), place == 2, place)
        for place, name in enumerate(SYSTEMS)
        for snr in SNRS
    )
    return Plane("macro_f1 over si_sdr_db", "Each point is an SNR.", "si_sdr_db (dB)", "macro_f1", points)


def _expert_load(rng: np.random.Generator) -> HeatMap:
    loads = rng.dirichlet(np.ones(4), 2)
    cells = tuple(tuple(Cell(float(load)) for load in row) for row in loads)
    tasks, experts = ("enhancement", "emotion"), ("1", "2", "3", "4")
    return HeatMap("Share of the frames by task and expert", "Epoch 16.", "task", "expert", tasks, experts, cells)


def _expert_load_by_snr(rng: np.random.Generator) -> HeatMap:
    loads = rng.dirichlet(np.ones(4), (len(SNRS), 2)).reshape(len(SNRS), 8)
    cells = tuple(tuple(Cell(100.0 * float(load), unit="%") for load in row) for row in loads)
    spans = (("expert of enhancement", 4), ("expert of emotion", 4))
    rows, columns = tuple(f"{snr:g}" for snr in SNRS), ("1", "2", "3", "4") * 2
    return HeatMap("Experts by SNR", "In per cent.", "SNR (dB)", "expert", rows, columns, cells, spans=spans)


def _expert_use(rng: np.random.Generator) -> tuple[Curve, ...]:
    loads = rng.dirichlet(np.full(4, 9.0), 16)
    lines = tuple(
        Series(
            f"expert {expert + 1}",
            tuple(Point(float(epoch + 1), Cell(float(load))) for epoch, load in enumerate(loads[:, expert])),
            number=expert,
        )
        for expert in range(4)
    )
    return (Curve("Use of the experts by emotion", "Training.", "epoch", "share of the frames", lines),)


def _items(rng: np.random.Generator, count: int) -> Items:
    """Identifiers as long as a mixture's, two facts, two labels, and eight numbers; some of them missing."""
    facts = (Column("SNR", "dB"), Column("noise"), Column("speaker"), Column("true"), Column("predicted"))
    values = (*(Column(name, unit, True) for name, unit in METRICS), *(Column(f"noisy {n}", u) for n, u in METRICS))
    rows = []
    for number in range(count):
        numbers = [None if rng.random() < 0.01 else float(value) for value in rng.normal(0.0, 5.0, len(values))]
        speaker, noise = f"speaker{number % 20:02d}", NOISES[number % len(NOISES)]
        true, said = EMOTIONS[number % 4], EMOTIONS[int(rng.integers(4))]
        name = f"{speaker}__sentence{number:05d}__v{number % 3}"
        rows.append((name, SNRS[number % 3], noise, speaker, true, said, *numbers))
    return Items((Column("id"), *facts, *values), tuple(rows))


def _example(folder: Path, number: int) -> Example:
    """A real sentence in real noise, the mixture gated, and the clean sentence."""
    sample = bundled("data_manifests/sample")
    voices, noises = sorted(sample.glob("speech/**/*.flac")), sorted(sample.glob("noise/**/*.flac"))
    clean = read_audio(voices[number % len(voices)], sample_rate=RATE).samples
    noise = read_audio(noises[number % len(noises)], sample_rate=RATE).samples
    mix = mix_at_snr(clean, np.resize(noise, clean.shape), -5.0, sample_rate=RATE, level="rms")
    gated = SpectralGateConfig.model_validate({}).build()(mix.noisy.astype(np.float32), RATE)
    clips = []
    for name, samples in (("noisy", mix.noisy), ("spectral gate", gated), ("clean", mix.clean)):
        path = f"{name.replace(' ', '-')}{number}.flac"
        write_audio(folder / path, np.asarray(samples, dtype=np.float32), RATE)
        clips.append(Clip(name, path))
    facts = {"noise": NOISES[number % 4], "SNR": "-5.00 dB (rms)", "si_sdr_db": "-2.31 dB (noisy -5.02)"}
    rng, num_frames = np.random.default_rng(number), 50 * len(clean) // RATE
    strips = tuple(
        Strip(f"expert of {task}", tuple(np.repeat(rng.integers(0, 4, num_frames), 3)[:num_frames].tolist()), 4, 50.0)
        for task in ("enhancement", "emotion")
    )
    return Example(f"voice{number}__v0", "lowest si_sdr_db gain over the noisy signal", facts, tuple(clips), strips)
