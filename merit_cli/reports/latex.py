"""Tables as LaTeX, to be put into a paper: booktabs, nothing else."""

from merit_cli.reports.report import Cell, Column, Entry, Report, Table
from merit_cli.reports.tables import all_tables, format_interval, format_number, legend

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "▲": r"$^{\blacktriangle}$",
    "▼": r"$^{\blacktriangledown}$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "–": "--",
    "±": r"$\pm$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "−": "$-$",
    "×": r"$\times$",
    "→": r"$\rightarrow$",
    "\n": " ",
}
_HEAD = r"""% \input this file into a paper that loads booktabs and amssymb, or compile it as it is.
\ifx\toprule\undefined
  \documentclass{article}
  \usepackage[a4paper,landscape,margin=1.5cm]{geometry}
  \usepackage{booktabs,amssymb}
  \begin{document}
  \def\reportends{\end{document}}
\else
  \def\reportends{}
\fi
"""


def escape_latex(text: str) -> str:
    r"""Text that stands in LaTeX as it reads here.

    >>> escape_latex("si_sdr_db 95 %")
    'si\\_sdr\\_db 95 \\%'
    """
    return "".join(_SPECIAL.get(letter, letter) for letter in text)


def table_to_latex(table: Table) -> str:
    """One ``table`` environment: value, interval in small type, and counts only where some are missing."""
    numeric = [any(isinstance(row[index], Cell) for row in table.rows) for index in range(len(table.columns))]
    heads = " & ".join(_heading(column) for column in table.columns)
    rows = []
    for index, row in enumerate(table.rows):
        begins = index > 0 and row[0] != table.rows[index - 1][0]
        entries = [_entry(entry) for entry in row]
        if index > 0 and not begins:
            entries[0] = ""
        if index in table.strong_rows:
            entries[1:] = [rf"\textbf{{{entry}}}" if entry else "" for entry in entries[1:]]
        rows.append((r"\addlinespace" + "\n" if begins else "") + " & ".join(entries) + r" \\")
    body = "\n".join(rows)
    marks = legend(table)
    caption = f"{table.title}. {table.caption}{f' {marks}.' if marks else ''}"
    return (
        "\\begin{table}\n\\centering\n\\footnotesize\n\\setlength{\\tabcolsep}{4pt}\n"
        f"\\caption{{{escape_latex(caption)}}}\n"
        f"\\begin{{tabular}}{{{''.join('r' if number else 'l' for number in numeric)}}}\n\\toprule\n"
        f"{heads} \\\\\n\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n"
    )


def report_to_latex(report: Report) -> str:
    """Every table of a report, with the notes that must stand beside them as comments; a document, or a part of one."""
    notes = "".join(f"% {line}\n" for note in report.notes for line in note.splitlines())
    tables = "\n".join(table_to_latex(table) for table in all_tables(report))
    return f"{notes}{_HEAD}\n{tables}\n\\clearpage\n\\reportends\n"


def _heading(column: Column) -> str:
    arrow = {True: r" $\uparrow$", False: r" $\downarrow$", None: ""}[column.higher_is_better]
    unit = f" ({escape_latex(column.unit)})" if column.unit else ""
    return f"{escape_latex(column.name)}{unit}{arrow}"


def _entry(entry: Entry) -> str:
    if isinstance(entry, str):
        return escape_latex(entry).replace("-", "$-$", 1) if _is_negative(entry) else escape_latex(entry)
    number = format_number(entry.mean, entry.unit)
    value = f"${number}$" if entry.mean is not None else "--"
    interval = rf" {{\scriptsize ${format_interval(entry)}$}}" if format_interval(entry) else ""
    count = rf" {{\scriptsize {entry.n_scored}/{entry.n_total}}}" if entry.n_scored < entry.n_total else ""
    return f"{value}{escape_latex(entry.mark)}{interval}{count}"


def _is_negative(text: str) -> bool:
    return text.startswith("-") and text[1:].replace(".", "", 1).isdigit()
