"""The tables beside the recordings of ICBHI 2017: diagnoses and demographic data, by patient.

Both come without a header: ``101<TAB>URTI`` and ``101<TAB>3<TAB>F<TAB>NA<TAB>19<TAB>99`` (age in years, sex, adult
body mass index in kg/m2, child weight in kg, child height in cm). Copies in use have tabs or commas, and lines
ended by CRLF or LF.

Source: Rocha et al. 2019, Physiological Measurement 40, 035001; the challenge's own files.
"""

from pathlib import Path

from merit_cli.errors import BadData, MeritError

DIAGNOSIS_NAMES = ("icbhi_challenge_diagnosis.txt", "patient_diagnosis.csv")
DEMOGRAPHIC_NAMES = ("icbhi_challenge_demographic_information.txt", "demographic_info.txt")
_FIELDS = ("age", "sex", "adult_bmi", "child_weight", "child_height")


def read_diagnoses(path: Path) -> dict[str, str]:
    """Patient to diagnosis.

    Raises:
        BadData: A line does not begin with a patient's number and a diagnosis.
    """
    return {row[0]: row[1] for row in _rows(path, at_least=2)}


def read_demographics(path: Path) -> dict[str, dict[str, str]]:
    """Patient to what is known: age, sex, adult_bmi, child_weight, child_height; what is NA is left out.

    Raises:
        BadData: A line does not begin with a patient's number.
    """
    known = {}
    for row in _rows(path, at_least=2):
        pairs = zip(_FIELDS, row[1:], strict=False)
        known[row[0]] = {name: value for name, value in pairs if value.upper() not in ("", "NA", "NAN")}
    return known


def patient_facts(raw: Path) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Facts of each patient, ``diagnosis`` among them, from the tables below ``raw``; and a note on what is missing."""
    facts: dict[str, dict[str, str]] = {}
    notes = []
    for words, names in (("diagnosis", DIAGNOSIS_NAMES), ("demographic", DEMOGRAPHIC_NAMES)):
        path = next((path for path in sorted(raw.rglob("*")) if path.name.lower() in names), None)
        if path is None:
            notes.append(f"No {words} file in the folder.")
            continue
        try:
            if words == "diagnosis":
                table = {patient: {"diagnosis": name} for patient, name in read_diagnoses(path).items()}
            else:
                table = read_demographics(path)
        except MeritError as error:
            notes.append(f"The {words} file {path.name} is left out: {error.message}.")
            continue
        for patient, known in table.items():
            facts.setdefault(patient, {}).update(known)
    return facts, notes


def _rows(path: Path, *, at_least: int) -> list[list[str]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise BadData("the file cannot be read as text", place=str(path)) from None
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        mark = next((mark for mark in "\t;," if mark in line), "\t")
        row = [part.strip() for part in line.split(mark)]
        if len(row) < at_least or not row[0].isdigit():
            if number == 1:  # a copy with a header
                continue
            raise BadData(f"line {number} does not begin with a patient's number: {line.strip()!r}", place=str(path))
        rows.append(row)
    return rows
