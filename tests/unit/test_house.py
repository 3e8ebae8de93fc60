"""The house keeps its own rules."""

from pathlib import Path

HOUSE = Path(__file__).resolve().parents[2] / "merit_cli"


def test_no_file_is_longer_than_can_be_read_at_once() -> None:
    texts = [path for path in HOUSE.rglob("*") if path.suffix in {".py", ".md", ".js", ".css", ".html", ".yaml"}]
    assert len(texts) > 300
    lines = {path.relative_to(HOUSE): len(path.read_text(encoding="utf-8").splitlines()) for path in texts}
    assert {path: count for path, count in lines.items() if count > 300} == {}
