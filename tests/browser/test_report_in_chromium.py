"""The report opened from the file system in headless Chromium: drawn, without network, in narrow and wide windows."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from merit_cli.io.audio_file import write_audio
from merit_cli.reports.report import Cell, Clip, Column, Curve, Example, Headline, Point, Report, Series, Table
from merit_cli.reports.write import write_report

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed (apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    generator = np.random.default_rng(0)
    tone = 0.2 * np.sin(2 * np.pi * 300 * np.arange(24000) / 16000)
    write_audio(folder / "clean.flac", tone, 16000)
    write_audio(folder / "noisy.flac", tone + 0.1 * generator.standard_normal(24000), 16000)
    cell = Cell(-4.2, -5.0, -3.4, "dB", 11, 12)
    metrics = ("ssnr_db", "ssnr_active_db", "si_sdr_db", "pesq_wb", "stoi")
    rows = tuple((snr, name, *[cell] * 5) for snr in ("-5", "5") for name in ("noisy", "spectral gate", "system"))
    columns = (Column("SNR (dB)"), Column("system"), *(Column(name, "dB", True) for name in metrics))
    series = tuple(
        Series(name, (Point(-5.0, cell), Point(5.0, Cell(3.0, 2.0, 4.0, "dB", 12, 12))), name == "system", number)
        for number, name in enumerate(("noisy", "spectral gate", "system"))
    )
    report = Report(
        "Report for the browser",
        ("In stationary noise at -5 dB SNR, the system improves si_sdr_db.",),
        ("Few clusters: 3 speakers.",),
        (Headline("ssnr_db", cell, ("stationary noise",)), Headline("stoi", Cell(0.7, n_scored=1, n_total=1))),
        (Table("Enhancement", "Split test.", columns, rows, (2, 5)),),
        (Curve("si_sdr_db", "95 % intervals.", "SNR (dB)", "si_sdr_db (dB)", series),),
        (),
        (
            Example(
                "voice__v0",
                "lowest gain",
                {"noise": "rain"},
                (Clip("noisy", "noisy.flac"), Clip("clean", "clean.flac")),
            ),
        ),
    )
    return write_report(report, folder)


def run_chromium(page: Path, profile: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", *arguments, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


@pytest.mark.parametrize(("name", "width"), [("light", 1280), ("narrow", 400)])
def test_page_is_drawn_light_and_narrow(page: Path, tmp_path: Path, name: str, width: int) -> None:
    picture = page.with_name(f"{name}.png")
    run_chromium(page, tmp_path, f"--window-size={width},1400", f"--screenshot={picture}")
    pixels = (imread(picture) * 255).astype(int)
    assert pixels.shape[1] == width
    paper = pixels[2, 2, :3]
    assert paper.min() > 240  # the light theme's paper
    inked = np.abs(pixels[..., :3] - paper).max(axis=2) > 60
    assert 0.01 < inked.mean() < 0.5
    assert inked[-300:].any()  # something is drawn below the fold as well


def test_page_never_scrolls_sideways_as_a_whole(page: Path, tmp_path: Path) -> None:
    """A script beside the page, not in it, measures the laid-out page at 400 px."""
    probe = page.with_name("probe.html")
    text = page.read_text(encoding="utf-8").replace('<meta http-equiv="Content-Security-Policy"', '<meta name="off"')
    script = (
        "<script>onload=()=>{const d=document.documentElement,a=[...document.querySelectorAll('audio')];"
        "Promise.all(a.map(p=>new Promise(done=>{if(p.readyState)done();p.onloadedmetadata=p.onerror=done})))"
        ".then(()=>document.title=['W',d.scrollWidth,innerWidth,...a.map(p=>p.duration.toFixed(2))].join(' '))}"
        "</script>"
    )
    probe.write_text(text.replace("</body>", f"{script}</body>"), encoding="utf-8")
    done = run_chromium(probe, tmp_path, "--window-size=400,1400", "--virtual-time-budget=5000", "--dump-dom")
    words = done.stdout.split("<title>")[1].split("</title>")[0].split()
    assert words[0] == "W"
    assert int(words[1]) <= int(words[2])
    assert words[3:] == ["1.50", "1.50"]  # both players found their sound and its length


def test_page_asks_for_nothing_but_itself(page: Path, tmp_path: Path) -> None:
    log = tmp_path / "net.json"
    run_chromium(page, tmp_path / "profile", f"--log-net-log={log}", "--dump-dom")
    asked = log.read_text(encoding="utf-8", errors="replace")
    assert page.name in asked
    hosts = set(re.findall(r'"url":"https?://([^/"]+)', asked))
    own = {host for host in hosts if host.endswith((".google.com", ".googleapis.com", ".gvt1.com"))}  # the browser's
    assert hosts == own
