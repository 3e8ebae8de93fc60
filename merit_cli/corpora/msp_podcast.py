"""MSP-Podcast: turns of podcasts with eight emotions and attributes from 1 to 7; releases 1.8, 1.11 and 2.0.

``Labels/labels_consensus.csv`` (``labels_concensus.csv`` in 1.8; nested ``Labels/Labels`` in 2.0) has the columns
FileName, EmoClass, EmoAct, EmoVal, EmoDom, SpkrID, Gender and Split_Set (Train, Development or Validation, Test1,
Test2, Test3); the audio lies in ``Audios``, the words in ``Transcripts/<stem>.txt``. Test3's labels are hidden, and
some releases do not list it. A file that is missing or has another rate is met here and there; a speaker may be
``Unknown``.

Source: Lotfian and Busso (2019), IEEE Transactions on Affective Computing 10(4); columns as in the released table;
counts of release 1.11 as on the corpus's page at UT Dallas.
"""

from collections import Counter
from pathlib import Path

from merit_cli.corpora.csv_table import find_one, number_in, read_rows
from merit_cli.corpora.emotion_reading import EMOTION, HUMAN, Spoken, corpus_folder, prepare_spoken
from merit_cli.corpora.prepared import PreparedCorpus, Remark
from merit_cli.corpora.published_counts import counts_note
from merit_cli.errors import BadData, NoInput
from merit_cli.manifests.read_write import Card
from merit_cli.manifests.utterance import Label

TABLES = ("labels_consensus.csv", "labels_concensus.csv")
COLUMNS = ("filename", "emoclass", "emoact", "emoval", "emodom", "spkrid", "gender", "split_set")
EMOTIONS = {
    "A": "angry",
    "S": "sad",
    "H": "happy",
    "U": "surprised",
    "F": "fearful",
    "D": "disgust",
    "C": "contempt",
    "N": "neutral",
}
OTHER = {"O": "other", "X": "", "": ""}
"""O: another emotion; X: the annotators did not agree."""
SPLITS = {
    "train": "train",
    "development": "dev",
    "validation": "dev",
    "test1": "test",
    "test2": "test",
    "test3": "",
    "test": "test",
}
ATTRIBUTES = {"arousal": "emoact", "valence": "emoval", "dominance": "emodom"}
ATTRIBUTE_SCALE = (1.0, 7.0)
PUBLISHED_1_11 = {"Train": 84030, "Development": 19815, "Test1": 30647, "Test2": 14815}
HIDDEN = "test3"


def prepare_msp_podcast(raw: Path | None, output: Path) -> PreparedCorpus:
    """The turns of the eight emotions, in the official splits, and those of Test3 without a split.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no table of labels, or no audio.
        BadData: The table cannot be used, or no file can be read.
        CheckFailed: It has as many turns as release 1.11, and the splits are not as published.
    """
    return _prepare(raw, "msp-podcast", with_others=False)


def prepare_msp_podcast_attributes(raw: Path | None, output: Path) -> PreparedCorpus:
    """The same with the turns of other emotions and without agreement, whose attributes are rated all the same.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no table of labels, or no audio.
        BadData: The table cannot be used, or no file can be read.
        CheckFailed: It has as many turns as release 1.11, and the splits are not as published.
    """
    return _prepare(raw, "msp-podcast-attributes", with_others=True)


def _prepare(raw: Path | None, name: str, *, with_others: bool) -> PreparedCorpus:
    folder = corpus_folder(raw, name)
    table = next((found for known in TABLES if (found := find_one(folder, known))), None)
    if table is None:
        raise NoInput("the table of labels is missing", place=str(folder), hint="Labels/labels_consensus.csv")
    rows = read_rows(table, COLUMNS)
    audio = {path.name: path for path in sorted(folder.rglob("*.wav")) if not path.name.startswith(".")}
    texts = {path.stem: path for path in sorted(folder.rglob("*.txt")) if path.parent.name == "Transcripts"}
    spoken, remarks = [], []
    for number, row in enumerate(rows, start=2):
        place = f"{table}:{number}"
        code, split = row["emoclass"], row["split_set"].lower()
        if split not in SPLITS or code not in EMOTIONS | OTHER:
            fault = f"the split {row['split_set']!r}" if split not in SPLITS else f"the class {code!r}"
            raise BadData(f"{fault} is not known of MSP-Podcast", place=place)
        if code not in EMOTIONS and not with_others and split != HIDDEN:
            continue
        if row["filename"] not in audio:
            remarks.append(Remark(Path(row["filename"]).stem, "left out: its wav file is missing", kept=False))
            continue
        spoken.append(_spoken(row, audio[row["filename"]], texts, place))
    if not spoken:
        raise NoInput("no listed turn has its wav file", place=str(folder), hint="Audios/MSP-PODCAST_0001_0008.wav")
    listed = {row["filename"] for row in rows}
    spoken += _hidden(audio, listed)
    return prepare_spoken(spoken, _card(name, rows, with_others=with_others), remarks=remarks)


def _card(name: str, rows: list[dict[str, str]], *, with_others: bool) -> Card:
    counts = Counter(row["split_set"] for row in rows if row["split_set"].lower() != HIDDEN)
    unknown = sum(row["spkrid"].lower() == "unknown" for row in rows)
    left = Counter(row["emoclass"] for row in rows if row["emoclass"] in ("O", "X"))
    return Card(
        name=name,
        description="MSP-Podcast: natural speech of podcasts, eight emotions and three attributes by many annotators.",
        licence="MSP-Podcast licence of UT Dallas: research by those who signed it",
        source="Lotfian and Busso 2019, doi 10.1109/TAFFC.2017.2736999",
        notes=(
            _count_note(counts),
            f"Test is Test1 and Test2 together: split results by info.partition. {unknown} turns have no known speaker "
            "and cannot be checked for leaks.",
            *(
                []
                if with_others
                else [f"{left['O']} turns of another emotion and {left['X']} without agreement left out."]
            ),
        ),
        attribute_scale=ATTRIBUTE_SCALE,
    )


def _count_note(counts: Counter[str]) -> str:
    found, total = sum(counts.values()), sum(PUBLISHED_1_11.values())
    if found == total:
        name = "MSP-Podcast 1.11 (without Test3)"
        return counts_note(name, counts, PUBLISHED_1_11, recordings=found, all_recordings=total)
    words = ", ".join(f"{count} {split}" for split, count in sorted(counts.items()))
    return f"{found} listed turns ({words}) are not those of release 1.11, whose counts alone could be compared."


def _spoken(row: dict[str, str], path: Path, texts: dict[str, Path], place: str) -> Spoken:
    emotion = {**EMOTIONS, **OTHER}[row["emoclass"]]
    labels: dict[str, Label] = {EMOTION: emotion} if emotion else {}
    for attribute, column in ATTRIBUTES.items():
        if (value := number_in(row, column, place=place)) is not None:
            labels[attribute] = value
    text = texts.get(path.stem)
    known = row["spkrid"] if row["spkrid"].lower() != "unknown" else ""
    return Spoken(
        id=path.stem,
        path=path,
        speaker=known,
        split=SPLITS[row["split_set"].lower()],
        labels={} if row["split_set"].lower() == HIDDEN else labels,
        info={
            "gender": row["gender"].lower() if row["gender"].lower() in ("male", "female") else "",
            "partition": row["split_set"],
            "annotation": row["emoclass"],
            "language": "en",
        },
        transcript="" if text is None else text.read_text(encoding="utf-8", errors="replace").strip(),
        transcript_source=HUMAN,
    )


def _hidden(audio: dict[str, Path], listed: set[str]) -> list[Spoken]:
    """Files of Test3 that the table does not list."""
    return [
        Spoken(id=path.stem, path=path, speaker="", info={"partition": "Test3", "language": "en"})
        for name, path in audio.items()
        if name not in listed and "test3" in name.lower()
    ]
