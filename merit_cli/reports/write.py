"""A report's files in a run folder."""

import json
from pathlib import Path

from merit_cli.errors import BadData, NoInput
from merit_cli.io.atomic import write_json, write_text
from merit_cli.reports.latex import report_to_latex
from merit_cli.reports.report import Report, report_from_data, report_to_data
from merit_cli.reports.tables import report_to_csv, report_to_markdown

REPORT_NAME = "report"


def write_report(report: Report, folder: Path) -> Path:
    """Write ``report.json``, ``.csv``, ``.md``, ``.tex`` and ``.html`` into ``folder``; returns the page's path.

    Raises:
        Unavailable: The folder cannot be written.
    """
    from merit_cli.reports.html import report_to_html  # draws, so matplotlib is loaded here

    write_json(folder / f"{REPORT_NAME}.json", report_to_data(report))
    write_text(folder / f"{REPORT_NAME}.csv", report_to_csv(report))
    write_text(folder / f"{REPORT_NAME}.md", report_to_markdown(report))
    write_text(folder / f"{REPORT_NAME}.tex", report_to_latex(report))
    page = folder / f"{REPORT_NAME}.html"
    write_text(page, report_to_html(report, folder))
    return page


def read_report(folder: Path) -> Report:
    """The report that `write_report` left in ``folder``.

    Raises:
        NoInput: There is none.
        BadData: It cannot be read.
    """
    path = folder / f"{REPORT_NAME}.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise NoInput("the run has no report", place=str(path), hint="run merit evaluate with --overwrite") from None
    except json.JSONDecodeError as error:
        raise BadData("the report is not valid JSON", place=f"{path}:{error.lineno}") from None
    return report_from_data(data, place=str(path))
