"""Any breath corpus as a table: one line a recording, or a part of one.

The first line names the columns, in any order, in small or large letters; the mark between them is a comma, a
semicolon or a tab. ``path`` is relative to the table.

| column | also | meaning |
|---|---|---|
| path | file, filename, audio, wav | the recording |
| label | class, sound | what is heard; ICBHI's four classes by their names, others keep theirs |
| start, end | start_s, onset; end_s, offset | in seconds; without them the whole recording |
| patient | patient_id, subject, speaker | who; needed where there is no split |
| split | set, subset | train, dev (val, valid, validation) or test; without it splits are by patient, by rule |

Further columns go into ``info``. FABS (5 238 clips of 10 s at 16 kHz in normal, coarse crackle and wheeze; Tzeng et
al. 2025, not public) is read so:

    path,label,patient,split
    clips/0001.wav,normal,p01,train
    clips/0002.wav,coarse crackle,p02,test
"""

import csv
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from merit_cli.corpora.breath_labels import breath_label
from merit_cli.corpora.breath_reading import RESEARCH_NOTE, UNANNOTATED_GAPS, BreathReading, add_span, open_recording
from merit_cli.corpora.breath_splits import assign_splits
from merit_cli.corpora.prepared import PreparedCorpus
from merit_cli.errors import BadData, MeritError, NoInput, UsageError
from merit_cli.manifests.read_write import Card

COLUMNS = {
    "path": ("file", "filename", "audio", "wav"),
    "label": ("class", "sound"),
    "start": ("start_s", "onset"),
    "end": ("end_s", "offset"),
    "patient": ("patient_id", "subject", "speaker"),
    "split": ("set", "subset"),
}
SPLITS = {
    **{word: word for word in ("train", "dev", "test", "")},
    **dict.fromkeys(("val", "valid", "validation"), "dev"),
    **dict.fromkeys(("training",), "train"),
    **dict.fromkeys(("testing",), "test"),
}
Row = Mapping[str, str]


def prepare_breath_csv(raw: Path | None, output: Path) -> PreparedCorpus:
    """The lines of a table as utterances; the recordings stay where they are.

    Raises:
        UsageError: There is no table.
        NoInput: It is not there, or is empty.
        BadData: It has no column for the path or the label, or neither patients nor splits; or no line can be used.
    """
    if raw is None:
        raise UsageError("breath-csv needs a table", hint="merit prepare breath-csv table.csv -o OUT")
    table = _find_table(raw)
    rows = _read_rows(table)
    has_patients, has_splits = ("patient" in rows[0][1], "split" in rows[0][1])
    if not has_patients and not has_splits:
        raise BadData(
            "the table has neither patients nor splits, so nothing keeps a patient on one side",
            place=str(table),
            hint="add a column patient, or split",
        )
    reading = BreathReading()
    used: Counter[str] = Counter()
    for number, row in rows:
        try:
            _add_row(reading, table, row, used)
        except MeritError as error:
            reading.add_problem(f"line-{number}", f"left out: {error.message}", kept=False)
    if not reading.cycles:
        first = reading.problems[0]
        raise BadData("not one line can be used", place=str(table), hint=f"{first.id}: {first.reason}")
    notes = [] if has_patients else ["The table names no patients: whether splits share one cannot be seen."]
    if not has_splits:
        reading.cycles, split_notes = assign_splits(reading.cycles, seed=0)
        notes += ["Splits are by patient, by rule.", *split_notes]
    card = Card(
        name=table.stem,
        description=f"Breath sounds of the table {table.name}.",
        licence="as the recordings'",
        notes=(RESEARCH_NOTE, *notes, *reading.loss_notes()),
    )
    return PreparedCorpus(reading.cycles, card, reading.problems)


def _find_table(raw: Path) -> Path:
    if raw.is_file():
        return raw.resolve()
    tables = sorted([*raw.glob("*.csv"), *raw.glob("*.tsv")]) if raw.is_dir() else []
    if len(tables) != 1:
        raise NoInput(f"there is not one table but {len(tables)}", place=str(raw), hint="name the csv file itself")
    return tables[0].resolve()


def _read_rows(table: Path) -> list[tuple[int, Row]]:
    try:
        text = table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise BadData("the table cannot be read as text", place=str(table)) from None
    head = text.split("\n", 1)[0]
    mark = max("\t;,", key=head.count)
    reader = csv.reader(io.StringIO(text), delimiter=mark)
    lines = [(reader.line_num, parts) for parts in reader if any(part.strip() for part in parts)]
    if len(lines) < 2:
        raise NoInput("the table is empty", place=str(table), hint="a line of column names, then a line a recording")
    names = [_column(name) for name in lines[0][1]]
    for needed in ("path", "label"):
        if names.count(needed) != 1:
            raise BadData(
                f"the table has {names.count(needed)} columns for the {needed}: {', '.join(lines[0][1])}",
                place=f"{table}:1",
                hint=f"call it {' or '.join([needed, *COLUMNS[needed]])}",
            )
    return [(number, dict(zip(names, map(str.strip, parts), strict=False))) for number, parts in lines[1:]]


def _column(name: str) -> str:
    plain = name.strip().lower()
    return next((column for column, others in COLUMNS.items() if plain == column or plain in others), plain)


def _add_row(reading: BreathReading, table: Path, row: Row, used: Counter[str]) -> None:
    path = table.parent / row.get("path", "")
    label, patient, split = (row.get(key, "") for key in ("label", "patient", "split"))
    if not path.is_file():
        raise NoInput(f"there is no file {row.get('path', '')!r}")
    if not label:
        raise BadData("the label is empty")
    if "patient" in row and not patient:
        raise BadData("the patient is empty")
    if split.lower() not in SPLITS:
        raise BadData(f"the split {split!r} is not train, dev or test")
    known = {"path", "label", "start", "end", "patient", "split"}
    facts = UNANNOTATED_GAPS | {key: value for key, value in row.items() if key not in known and value}
    stem = "__".join(Path(row["path"]).with_suffix("").parts).replace("..", "up").strip("/_")
    recording = open_recording(reading, stem, path.resolve(), patient=patient, facts=facts)
    start = _seconds(row, "start", 0.0)
    end = _seconds(row, "end", recording.audio.duration)
    used[stem] += 1
    item_id = stem if used[stem] == 1 and not row.get("start") else f"{stem}__s{used[stem]:03d}"
    before = len(reading.cycles)
    add_span(reading, recording, item_id, start=start, end=end, labels={"breath": breath_label(label), "heard": label})
    if len(reading.cycles) > before:
        reading.cycles[-1] = replace(reading.cycles[-1], split=SPLITS[split.lower()])


def _seconds(row: Row, key: str, default: float) -> float:
    text = row.get(key, "")
    if not text:
        return default
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise BadData(f"the {key} {text!r} is not a number of seconds") from None
