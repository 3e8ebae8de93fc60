"""The Deep Noise Suppression challenges: clean speech, noise, and the synthetic test set of 2020.

Speech lies below ``clean/`` (2020, ``book_00000_chp_0009_reader_06709_0.wav``) or ``clean_fullband/`` with a folder for
each source (2021 on); noise below ``noise/`` or ``noise_fullband/`` (``door_Freesound_validated_361491_0.wav``, others
named after a clip of AudioSet); the test set is ``test_set/synthetic/no_reverb/{clean,noisy}/``, pairs told by the
number at the end: ``clnsp1_fan_12_snr6_tl-21_fileid_3.wav`` and ``clean_fileid_3.wav``.

Source: Reddy et al. (2020), Interspeech, arXiv 2005.13981; folders as in the README and the scripts of the repository
microsoft/DNS-Challenge.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from merit_cli.corpora.emotion_reading import UNSPLIT_NOTE, Spoken, corpus_folder, prepare_spoken
from merit_cli.corpora.prepared import PreparedCorpus, Remark
from merit_cli.errors import NoInput
from merit_cli.io.audio_file import is_audio
from merit_cli.manifests.read_write import Card
from merit_cli.manifests.utterance import id_of_path

_READER = re.compile(r"reader_(\d+)|(?:^|_)(p\d{3})(?=_)")
_FREESOUND = re.compile(r"(?P<name>.+?)_Freesound", re.IGNORECASE)
_NOISY = re.compile(r".*?snr(?P<snr_db>-?\d+(?:\.\d+)?)(?:_tl(?P<level_db>-?\d+(?:\.\d+)?))?.*_fileid_(?P<number>\d+)")
_CLEAN_NAMES, _NOISE_NAMES = ("clean", "clean_fullband"), ("noise", "noise_fullband")


def prepare_dns_speech(raw: Path | None, output: Path) -> PreparedCorpus:
    """The clean speech, in splits by speaker where names tell the speaker, else without a split.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no clean speech of a challenge.
        BadData: No file can be read.
    """
    folder = corpus_folder(raw, "dns-challenge")
    spoken = []
    for root, path in _below(folder, _CLEAN_NAMES):
        source = path.relative_to(root).parts[0] if path.parent != root else "read_speech"
        reader = _READER.search(path.stem)
        speaker = next((name for name in reader.groups() if name), "") if reader else ""
        spoken.append(Spoken(id=id_of_path(path, root), path=path, speaker=speaker, info={"source": source}))
    if not spoken:
        raise _nothing(folder, "clean speech", "datasets/clean/ or datasets_fullband/clean_fullband/")
    nameless = sum(not one.speaker for one in spoken)
    notes = (f"{nameless} files name no speaker and have no split.",) if nameless else ()
    return prepare_spoken(spoken, _card("dns-challenge", "clean speech", notes), by_rule=True)


def prepare_dns_noise(raw: Path | None, output: Path) -> PreparedCorpus:
    """The noise, by the class that a name says; ``audioset`` where it says none.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no noise of a challenge.
        BadData: No file can be read.
    """
    folder = corpus_folder(raw, "dns-challenge-noise")
    spoken = []
    for root, path in _below(folder, _NOISE_NAMES):
        named = _FREESOUND.match(path.stem)
        kind = named["name"].lower() if named else "audioset"
        spoken.append(Spoken(id=id_of_path(path, root), path=path, speaker="", info={"noise_class": kind}))
    if not spoken:
        raise _nothing(folder, "noise", "datasets/noise/ or datasets_fullband/noise_fullband/")
    return prepare_spoken(spoken, _card("dns-challenge-noise", "noise", (UNSPLIT_NOTE,)))


def prepare_dns_test(raw: Path | None, output: Path) -> PreparedCorpus:
    """The synthetic test set with its clean files, with and without reverberation.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no pair of the test set.
        BadData: No file can be read.
    """
    folder = corpus_folder(raw, "dns-challenge-test")
    spoken, remarks = list[Spoken](), list[Remark]()
    for root, path in _below(folder, ("noisy",)):
        match = _NOISY.fullmatch(path.stem)
        clean = root.parent / "clean" / f"clean_fileid_{match['number']}{path.suffix}" if match else None
        if match is None or clean is None or not clean.is_file():
            remarks.append(
                Remark(id_of_path(path, root), "left out: there is no clean_fileid of its number", kept=False)
            )
            continue
        facts = {"reverb": "no" if root.parent.name == "no_reverb" else "yes", **match.groupdict(default="")}
        del facts["number"]
        name = f"{root.parent.name}__{path.stem}"
        spoken.append(Spoken(id=name, path=path, speaker="", split="test", info=facts, clean=clean))
    if not spoken:
        raise _nothing(folder, "pair of the synthetic test set", "test_set/synthetic/no_reverb/{clean,noisy}/")
    return prepare_spoken(spoken, _card("dns-challenge-test", "synthetic test set", ()), remarks=remarks)


def _below(folder: Path, names: tuple[str, ...]) -> Iterator[tuple[Path, Path]]:
    """Audio files below folders of these names, each with that folder; the test set's own belong to it alone."""
    roots = [folder] if folder.name in names else []
    roots += [path for path in sorted(folder.rglob("*")) if path.name in names and path.is_dir()]
    for root in roots:
        if any(above in roots for above in root.parents) or (
            "noisy" not in names and "test_set" in root.relative_to(folder).parts
        ):
            continue
        for path in sorted(root.rglob("*")):
            if is_audio(path) and not path.name.startswith("."):
                yield root, path


def _nothing(folder: Path, what: str, hint: str) -> NoInput:
    return NoInput(f"the folder holds no {what} of a DNS challenge", place=str(folder), hint=hint)


def _card(name: str, what: str, notes: tuple[str, ...]) -> Card:
    return Card(
        name=name,
        description=f"Deep Noise Suppression challenge: {what}.",
        licence="CC BY 4.0 and others, by source; see the challenge's README",
        source="Reddy et al. 2020, arXiv 2005.13981, github.com/microsoft/DNS-Challenge",
        notes=notes,
    )
