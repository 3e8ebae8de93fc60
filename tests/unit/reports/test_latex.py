import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from report_maker import HOSTILE, make_report

from merit_cli.reports.latex import escape_latex, report_to_latex, table_to_latex
from merit_cli.reports.report import Cell, Column, Table


def body(text: str) -> list[str]:
    """Lines between the rules."""
    return text.split("\\midrule\n")[1].split("\\bottomrule")[0].strip().splitlines()


def test_every_environment_that_opens_closes_and_every_row_has_as_many_entries_as_columns() -> None:
    text = report_to_latex(make_report())
    opened, closed = re.findall(r"\\begin\{(\w+)\}", text), re.findall(r"\\end\{(\w+)\}", text)
    assert sorted(opened) == sorted(closed)
    assert opened.count("document") == 1
    assert opened.count("table") == 2  # the table and the confusion
    for part in text.split("\\begin{tabular}")[1:]:
        num_columns = len(part[1 : part.index("}")])
        rows = [line for line in part.split("\\bottomrule")[0].splitlines() if line.endswith(r"\\")]
        assert rows
        assert {len(re.split(r"(?<!\\)&", row)) for row in rows} == {num_columns}


def test_braces_balance_and_nothing_special_is_left_bare_whatever_the_names() -> None:
    text = report_to_latex(make_report(HOSTILE))
    tables = text[text.index("\\begin{table}") :]
    shown = "\n".join(line for line in tables.splitlines() if not line.startswith("%"))
    bare = re.sub(r"\\[{}\\&%$#_]", "", shown)
    assert bare.count("{") == bare.count("}")
    assert not re.search(r"[%#<>~^_]", bare.replace("^{", ""))
    assert escape_latex("a_b & 5 % <c>") == r"a\_b \& 5 \% \textless{}c\textgreater{}"


def test_values_carry_interval_mark_and_count_where_some_are_missing() -> None:
    cell = Cell(-1.5, -2.0, -1.0, "dB", 11, 12, mark="▼")
    table = Table("T", "C.", (Column("system"), Column("ssnr_db", "dB", True)), (("a_b", cell), ("none", Cell(None))))
    first, second = body(table_to_latex(table))[0], body(table_to_latex(table))[-1]
    assert first == (r"a\_b & $-1.50$$^{\blacktriangledown}$ {\scriptsize $[-2.00, -1.00]$} {\scriptsize 11/12} \\")
    assert second == r"none & -- \\"


def test_groups_name_their_first_column_once_and_the_system_is_bold() -> None:
    cell = Cell(1.0, None, None, "", 1, 1)
    columns = (Column("SNR (dB)"), Column("system"), Column("stoi"))
    table = Table("T", "C.", columns, (("-5", "noisy", cell), ("-5", "ours", cell), ("5", "noisy", cell)), (1,))
    lines = body(table_to_latex(table))
    assert lines[0].startswith("$-$5 & noisy")
    assert lines[1] == r" & \textbf{ours} & \textbf{$1.000$} \\"
    assert lines[2] == r"\addlinespace"


def test_notes_stand_above_the_tables_as_comments() -> None:
    assert "% Few clusters.\n" in report_to_latex(make_report())


def test_marks_are_explained_in_the_caption() -> None:
    table = Table("T", "C.", (Column("stoi"),), ((Cell(1.0, mark="▲"),),))
    assert r"\caption{T. C. $^{\blacktriangle}$ ahead.}" in table_to_latex(table)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex (Debian: texlive-latex-recommended)")
@pytest.mark.parametrize("within", ["alone", "paper"])
def test_latex_compiles_alone_and_within_a_paper(tmp_path: Path, within: str) -> None:
    marked = Table("Marks", "▲ ± ≥ − × 5 % <b> #1 ~x^2 \\{}", (Column("a_b", "dB", True),), ((Cell(-1.0, mark="▼"),),))
    report = make_report(HOSTILE)
    (tmp_path / "report.tex").write_text(report_to_latex(replace(report, tables=(*report.tables, marked))))
    paper = r"\documentclass{article}\usepackage{booktabs,amssymb}\begin{document}\input{report}Text.\end{document}"
    (tmp_path / "paper.tex").write_text(paper)
    name = "report.tex" if within == "alone" else "paper.tex"
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / name).with_suffix(".pdf").stat().st_size > 1000
