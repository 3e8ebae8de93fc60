"""The report for everyone: axe-core finds no serious fault, and the list of utterances bears ten thousand rows."""

import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest

from merit_cli.io.audio_file import write_audio
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
    Table,
)
from merit_cli.reports.write import write_report

CHROMIUM, NPM = shutil.which("chromium"), shutil.which("npm")
AXE = "axe-core@4.10.3"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
)
NUM_ROWS = 10_000
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed (apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The accessibility checker's script, from the npm registry."""
    if NPM is None:
        pytest.skip("npm is not installed, so axe-core cannot be fetched")
    folder = tmp_path_factory.mktemp("axe")
    done = subprocess.run(
        [NPM, "pack", AXE, "--silent"], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        pytest.skip(f"axe-core cannot be fetched: {done.stderr.strip()[-200:]}")
    with tarfile.open(next(folder.glob("*.tgz"))) as packed:
        member = packed.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode("utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    tone = 0.2 * np.sin(2 * np.pi * 300 * np.arange(24000) / 16000)
    write_audio(folder / "clean.flac", tone, 16000)
    write_audio(folder / "noisy.flac", tone + 0.1 * np.random.default_rng(0).standard_normal(24000), 16000)
    return write_report(make_report(), folder)


def make_report() -> Report:
    """One of everything, with ten thousand utterances."""
    cell, worse = Cell(-4.2, -5.0, -3.4, "dB", 11, 12), Cell(-6.0, -7.0, -5.0, "dB", 12, 12, mark="▼")
    columns = (Column("SNR (dB)"), Column("system"), Column("si_sdr_db", "dB", True))
    rows = tuple(
        (snr, name, worse if name == "system" else cell) for snr in ("-5", "5") for name in ("noisy", "system")
    )
    lines = tuple(
        Series(name, (Point(-5.0, cell), Point(5.0, worse)), name == "system", number)
        for number, name in enumerate(("noisy", "system"))
    )
    rng = np.random.default_rng(0)
    items = tuple(
        (f"speaker{n % 24}__utterance{n:05d}__v{n % 3}", ("rain", "café")[n % 2], float(v) if n % 50 else None)
        for n, v in enumerate(rng.normal(3.0, 4.0, NUM_ROWS))
    )
    return Report(
        "Report for everyone",
        ("In stationary noise at -5 dB SNR, the system improves si_sdr_db.",),
        ("Few clusters: 3 speakers.",),
        (Headline("si_sdr_db", cell, ("stationary noise",)),),
        (Table("Enhancement", "Split test; ▼ behind noisy.", columns, rows, (1, 3)),),
        (Curve("si_sdr_db", "95 % intervals.", "SNR (dB)", "si_sdr_db (dB)", lines),),
        (Confusion("SNR -5 dB", "system", ("calm", "angry"), ((5, 1), (2, 4))),),
        (
            Example(
                "voice__v0",
                "lowest gain",
                {"noise": "rain"},
                (Clip("noisy", "noisy.flac"), Clip("clean", "clean.flac")),
            ),
        ),
        {"command": "merit evaluate"},
        (
            HeatMap(
                "gain",
                "Mean in dB.",
                "noise class",
                "SNR (dB)",
                ("rain", "café"),
                ("-5", "5"),
                ((cell, worse), (None, cell)),
                True,
            ),
        ),
        (
            Plane(
                "macro_f1 over si_sdr_db",
                "Crosses.",
                "si_sdr_db (dB)",
                "macro_f1",
                (PlanePoint("system", "-5 dB", cell, Cell(0.5, 0.4, 0.6), True),),
            ),
        ),
        (
            HeatMap(
                "Share of the frames",
                "Training.",
                "task",
                "expert",
                ("emotion",),
                ("1", "2"),
                ((Cell(0.4), Cell(0.6)),),
            ),
        ),
        Items((Column("id"), Column("noise"), Column("si_sdr_db", "dB", True)), items),
    )


WAIT = "--virtual-time-budget=20000"
"""Lets promises settle before the page is read; its clock is not the wall's."""


def ask(page: Path, profile: Path, script: str, *flags: str) -> str:
    """The document's title after ``script``, run beside the page's own script, has set it to its answer."""
    text = page.read_text(encoding="utf-8")
    text = text.replace('<meta http-equiv="Content-Security-Policy"', '<meta name="off"')
    probe = page.with_name(f"probe-{profile.name}.html")
    probe.write_text(text.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    command = [str(CHROMIUM), *FLAGS, *flags, f"--user-data-dir={profile}", "--dump-dom", probe.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    found = re.search(r"<title>(.*?)</title>", done.stdout, flags=re.DOTALL)
    assert found is not None
    return found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").replace("&quot;", '"')


@pytest.mark.parametrize(
    "flags",
    [
        ("--window-size=1280,1400",),
        ("--window-size=1280,1400", "--blink-settings=preferredColorScheme=0"),
        ("--window-size=400,1400",),
    ],
    ids=["light", "dark", "narrow"],
)
def test_axe_finds_no_serious_fault(page: Path, axe: str, tmp_path: Path, flags: tuple[str, ...]) -> None:
    script = axe + (
        ";axe.run(document,{resultTypes:['violations']}).then(r=>document.title=JSON.stringify("
        "{dark:matchMedia('(prefers-color-scheme: dark)').matches,"
        "faults:r.violations.map(v=>[v.impact,v.id,v.nodes.length,v.nodes[0].html.slice(0,120)])}))"
    )
    found = json.loads(ask(page, tmp_path, script, WAIT, *flags))
    assert found["dark"] == ("--blink-settings=preferredColorScheme=0" in flags)
    assert [fault for fault in found["faults"] if fault[0] in ("serious", "critical")] == []


def test_ten_thousand_utterances_open_within_two_seconds_and_ten_megabytes(page: Path, tmp_path: Path) -> None:
    script = (
        "addEventListener('load',()=>document.title=[Math.round(performance.now()),"
        "document.querySelectorAll('#items-body tr').length].join(' '))"
    )
    milliseconds, rows = ask(page, tmp_path, script).split()
    assert page.stat().st_size < 10e6
    assert int(rows) == 100
    assert int(milliseconds) < 2000


def test_the_list_is_sorted_and_searched_by_keyboard_elements(page: Path, tmp_path: Path) -> None:
    script = """
addEventListener('load', () => {
  const heads = [...document.querySelectorAll('#items-table thead button')];
  const search = document.getElementById('items-search');
  const values = () => [...document.querySelectorAll('#items-body tr')].map(r => r.children[2].textContent);
  const out = {};
  heads[2].focus(); out.focused = document.activeElement === heads[2];
  heads[2].click(); out.rising = values().slice(0, 3); out.sort = heads[2].parentElement.getAttribute('aria-sort');
  heads[2].click(); out.falling = values().slice(0, 3);
  search.value = 'SPEAKER3__ café'; search.dispatchEvent(new Event('input'));
  out.count = document.getElementById('items-count').textContent;
  search.value = 'no such words'; search.dispatchEvent(new Event('input'));
  out.none = document.getElementById('items-count').textContent;
  search.value = ''; search.dispatchEvent(new Event('input'));
  document.getElementById('items-more').click(); out.more = values().length;
  document.title = JSON.stringify(out);
})
"""
    out = json.loads(ask(page, tmp_path, script, WAIT))
    items = make_report().items
    assert items is not None
    numbers = sorted(row[2] for row in items.rows if isinstance(row[2], float))
    assert out["focused"]
    assert out["sort"] == "ascending"
    assert [float(text.replace("−", "-")) for text in out["rising"]] == [round(v, 2) for v in numbers[:3]]
    assert [float(text) for text in out["falling"]] == [round(v, 2) for v in numbers[-3:][::-1]]
    matching = sum("speaker3__" in str(row[0]) and row[1] == "café" for row in items.rows)
    assert out["count"] == f"100 of {matching} shown"
    assert out["none"] == "0 of 0 shown"
    assert out["more"] == 200
