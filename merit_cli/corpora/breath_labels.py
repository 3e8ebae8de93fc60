"""The classes that breath corpora are brought to: ICBHI's four, and whatever else was heard under its own name."""

import re

BREATH_LABELS = ("normal", "crackle", "wheeze", "both")
TWO_CLASSES = ("normal", "abnormal")
_ABNORMAL = frozenset({*BREATH_LABELS[1:], "rhonchi", "stridor", "crepitations", "bronchial", "cas", "das"})
_CRACKLES = frozenset({"crackle", "crackles", "fine crackle", "fine crackles", "coarse crackle", "coarse crackles"})
_WHEEZES = frozenset({"wheeze", "wheezes"})


def breath_label(heard: str) -> str:
    """ICBHI's word for a sound, where it has one; any other sound keeps its name, in small letters.

    Rhonchi, stridor and crepitations are no class of ICBHI and are not made one of its classes here.

    >>> [breath_label(heard) for heard in ("Fine Crackle", "Wheeze+Crackle", "Normal", "Rhonchi")]
    ['crackle', 'both', 'normal', 'rhonchi']
    """
    parts = {part.strip() for part in re.split(r"[+&/]| and ", heard.strip().lower().replace("_", " "))}
    if parts <= _CRACKLES:
        return "crackle"
    if parts <= _WHEEZES:
        return "wheeze"
    if parts <= _CRACKLES | _WHEEZES:
        return "both"
    return heard.strip().lower().replace("_", " ")


def label_of(*, has_crackle: bool, has_wheeze: bool) -> str:
    """The class of a cycle by its two flags.

    >>> label_of(has_crackle=True, has_wheeze=True)
    'both'
    """
    return BREATH_LABELS[int(has_crackle) + 2 * int(has_wheeze)]


def two_class_label(label: str) -> str:
    """Normal, or abnormal where every sound that a label names is one; any other label as it is.

    >>> [two_class_label(label) for label in ("normal", "both", "rhonchi+stridor", "poor quality")]
    ['normal', 'abnormal', 'abnormal', 'poor quality']
    """
    parts = {part.strip() for part in re.split(r"[+&]", label)}
    return "abnormal" if parts <= _ABNORMAL else label
