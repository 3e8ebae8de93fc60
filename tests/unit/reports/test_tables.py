import csv
import io

from report_maker import HOSTILE, make_report

from merit_cli.reports.tables import format_number, report_to_csv, report_to_markdown


def test_csv_gives_every_cell_with_its_counts_unrounded() -> None:
    rows = list(csv.DictReader(io.StringIO(report_to_csv(make_report()))))
    first = rows[0]
    assert first["row"] == "-5 | noisy"
    assert (float(first["mean"]), float(first["low"]), first["n_scored"], first["n_total"]) == (-1.5, -2.0, "11", "12")


def test_csv_leaves_a_number_that_could_not_be_scored_empty() -> None:
    rows = list(csv.DictReader(io.StringIO(report_to_csv(make_report()))))
    assert (rows[1]["mean"], rows[1]["n_scored"]) == ("", "0")


def test_csv_survives_a_hostile_name() -> None:
    rows = list(csv.DictReader(io.StringIO(report_to_csv(make_report(HOSTILE)))))
    assert rows[1]["row"] == f"-5 | {HOSTILE}"


def test_csv_holds_the_confusion_counts() -> None:
    rows = list(csv.DictReader(io.StringIO(report_to_csv(make_report()))))
    counts = {(row["row"], row["column"]): row["text"] for row in rows if row["table"].startswith("At -5 dB")}
    assert counts == {("tone", "tone"): "5", ("tone", "low"): "1", ("low", "tone"): "2", ("low", "low"): "4"}


def test_markdown_shows_interval_and_counts_beside_the_mean() -> None:
    assert "| -5 | noisy | -1.50 [-2.00, -1.00] (11/12) |" in report_to_markdown(make_report())


def test_markdown_repeats_every_note() -> None:
    assert "**Note.** Few clusters." in report_to_markdown(make_report())


def test_hostile_name_cannot_break_a_markdown_table_or_open_html() -> None:
    text = report_to_markdown(make_report(HOSTILE))
    assert "<script>" not in text
    row = next(line for line in text.splitlines() if line.startswith("| -5 | &lt;script>"))
    assert row.replace("\\|", "").count("|") == 4


def test_zero_never_shows_a_minus_sign() -> None:
    assert format_number(-0.0001, "dB") == "0.00"
