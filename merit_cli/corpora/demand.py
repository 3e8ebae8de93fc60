"""DEMAND: eighteen places, five minutes each, recorded by sixteen microphones at once.

A file is ``DKITCHEN/ch01.wav``, also below ``DKITCHEN_48k/`` or ``DKITCHEN_16k/``. The channels are one recording, so
only the first is taken.

Source: Thiemann, Ito and Vincent (2013), Proc. Meetings on Acoustics 19, doi 10.5281/zenodo.1227121. The splits are
those of the places in VoiceBank-DEMAND (Valentini-Botinhao et al. 2016, section 3); the five places left over are ours.
"""

from pathlib import Path

from merit_cli.corpora.emotion_reading import Spoken, corpus_folder, prepare_spoken
from merit_cli.corpora.prepared import PreparedCorpus
from merit_cli.errors import NoInput
from merit_cli.manifests.read_write import Card

TRAIN = ("DKITCHEN", "OMEETING", "PCAFETER", "PRESTO", "PSTATION", "STRAFFIC", "TCAR", "TMETRO")
TEST = ("DLIVING", "OOFFICE", "SCAFE", "SPSQUARE", "TBUS")
OURS = {"DWASHING": "train", "NFIELD": "train", "NRIVER": "train", "NPARK": "dev", "OHALLWAY": "dev"}
SPLITS = {**dict.fromkeys(TRAIN, "train"), **dict.fromkeys(TEST, "test"), **OURS}
KINDS = {"D": "domestic", "N": "nature", "O": "office", "P": "public", "S": "street", "T": "transportation"}
_RATES = ("48k", "16k")


def prepare_demand(raw: Path | None, output: Path) -> PreparedCorpus:
    """The first channel of each place, at 48 kHz where both rates are there.

    Raises:
        UsageError: There is no raw folder.
        NoInput: It holds no recording of the corpus.
        BadData: No file can be read.
    """
    folder = corpus_folder(raw, "demand")
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("ch01.*"), key=lambda path: ("16k" in str(path.relative_to(folder)), path)):
        place = path.parent.name
        for rate in _RATES:
            place = place.removesuffix(f"_{rate}")
        if place in SPLITS:
            found.setdefault(place, path)
    if not found:
        hint = "DKITCHEN/ch01.wav, one folder for each place"
        raise NoInput("the folder holds no recording of DEMAND", place=str(folder), hint=hint)
    missing = sorted(set(SPLITS) - set(found))
    there = "All 18 places of DEMAND." if not missing else f"Places missing of DEMAND's 18: {', '.join(missing)}."
    card = Card(
        name="demand",
        description="DEMAND: real noise of eighteen places, the first of sixteen channels.",
        licence="CC BY-SA 3.0 as published with the paper; Zenodo says CC BY 4.0",
        source="Thiemann et al. 2013, doi 10.5281/zenodo.1227121",
        notes=(there, "Splits are the places of VoiceBank-DEMAND; five places that it leaves out are dealt by us."),
    )
    spoken = (
        Spoken(
            id=f"{place}__ch01",
            path=path,
            speaker="",
            split=SPLITS[place],
            info={"noise_class": place, "kind": KINDS[place[0]]},
        )
        for place, path in found.items()
    )
    return prepare_spoken(spoken, card)
