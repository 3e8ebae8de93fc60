"""The formats by name: what recognises, reads and writes each."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from merit_cli.errors import UsageError, unknown_name
from merit_cli.manifests.convert import audio_folder, kaldi, lhotse, nemo, speechbrain_csv
from merit_cli.manifests.convert.flat import Dialect, Record, Refused
from merit_cli.manifests.utterance import Utterance

MERIT = "merit"
Read = Callable[[Path, Path | None], Iterator[tuple[str, Record | Refused]]]
Write = Callable[[Path, Sequence[Utterance]], Iterable[Path]]


@dataclass(frozen=True)
class Format:
    """One format: how it names things, how it is told, read and written."""

    dialect: Dialect
    recognises: Callable[[Path], bool]
    read: Read
    write: Write


FORMATS = {
    "lhotse": Format(lhotse.LHOTSE, lhotse.is_lhotse, lhotse.read_lhotse, lhotse.write_lhotse),
    "kaldi": Format(kaldi.KALDI, kaldi.is_kaldi, kaldi.read_kaldi, kaldi.write_kaldi),
    "speechbrain": Format(
        speechbrain_csv.SPEECHBRAIN,
        speechbrain_csv.is_speechbrain,
        speechbrain_csv.read_speechbrain,
        speechbrain_csv.write_speechbrain,
    ),
    "nemo": Format(nemo.NEMO, nemo.is_nemo, nemo.read_nemo, nemo.write_nemo),
    "audiofolder": Format(
        audio_folder.AUDIO_FOLDER,
        audio_folder.is_audio_folder,
        audio_folder.read_audio_folder,
        audio_folder.write_audio_folder,
    ),
}


def check_format(name: str, *, place: str) -> str:
    """``name`` as a known format.

    Raises:
        UsageError: It is unknown.
    """
    if name != MERIT and name not in FORMATS:
        raise unknown_name("format", name, [MERIT, *FORMATS], place=place)
    return name


def guess_format(source: Path) -> str:
    """The format that files of this name and content have.

    Raises:
        UsageError: None is recognised.
    """
    manifest = source / "manifest.jsonl" if source.is_dir() else source
    if manifest.is_file() and not nemo.is_nemo(manifest) and manifest.suffix == ".jsonl":
        return MERIT
    for name, one in FORMATS.items():
        if one.recognises(source):
            return name
    raise UsageError(
        "the format is not recognised",
        place=str(source),
        hint=f"say --from; known: {', '.join([MERIT, *FORMATS])}",
    )
