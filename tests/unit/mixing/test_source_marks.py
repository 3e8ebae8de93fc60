from pathlib import Path

import pytest

from merit_cli.errors import BadData
from merit_cli.mixing.source_marks import check_mark, mark_of_file


@pytest.mark.parametrize("size", [1, 4096, 65536, 65537, 1_000_000])
@pytest.mark.parametrize("place", [0, -1])
def test_another_content_or_size_is_another_mark_and_a_copy_is_not(tmp_path: Path, size: int, place: int) -> None:
    contents = bytearray(number % 251 for number in range(size))
    (tmp_path / "a").write_bytes(contents)
    (tmp_path / "copy").write_bytes(contents)
    mark = mark_of_file(tmp_path / "a")
    check_mark(tmp_path / "copy", mark)
    (tmp_path / "copy").write_bytes(contents + b"x")
    with pytest.raises(BadData, match="not the one that was planned with"):
        check_mark(tmp_path / "copy", mark)
    contents[place] ^= 1
    (tmp_path / "other").write_bytes(contents)
    with pytest.raises(BadData):
        check_mark(tmp_path / "other", mark)


def test_a_file_that_is_missing_or_was_never_marked_passes(tmp_path: Path) -> None:
    assert mark_of_file(tmp_path / "none") == ""
    check_mark(tmp_path / "none", "1:ab")
    (tmp_path / "a").write_bytes(b"a")
    check_mark(tmp_path / "a", "")
