"""A small report, plain or under a hostile name."""

from merit_cli.reports.report import (
    Cell,
    Clip,
    Column,
    Confusion,
    Curve,
    Example,
    Headline,
    Point,
    Report,
    Series,
    Table,
)

HOSTILE = '<script>alert("x")</script> & "naïve" | path'


def make_report(name: str = "tone") -> Report:
    cell = Cell(-1.5, -2.0, -1.0, "dB", 11, 12)
    undefined = Cell(None, unit="dB", n_scored=0, n_total=12)
    table = Table(
        f"Enhancement of {name}",
        f"Split test, {name}.",
        (Column("SNR (dB)"), Column("system"), Column("ssnr_db", "dB", True)),
        (("-5", "noisy", cell), ("-5", name, undefined)),
        strong_rows=(1,),
    )
    points = (Point(-5.0, cell), Point(0.0, Cell(2.0, 1.0, 3.0, "dB", 12, 12)))
    curve = Curve("Segmental SNR", "95 % intervals.", "SNR (dB)", "ssnr_db (dB)", (Series(name, points, strong=True),))
    confusion = Confusion(f"At -5 dB, {name}", "12 utterances.", (name, "low"), ((5, 1), (2, 4)))
    clips = (Clip("noisy", "noisy.flac"), Clip("clean", "missing.flac"))
    example = Example(name, "largest loss", {"noise": name}, clips)
    headlines = (Headline("SSNR", cell, ("stationary",)),)
    return Report(
        f"Report on {name}",
        (f"{name} loses.",),
        ("Few clusters.",),
        headlines,
        (table,),
        (curve,),
        (confusion,),
        (example,),
        {"command": f"merit evaluate {name}"},
    )
