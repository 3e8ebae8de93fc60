"""The counts that were published of a corpus, and what a copy of it comes to."""

from collections.abc import Mapping

from merit_cli.errors import CheckFailed


def counts_note(
    name: str, found: Mapping[str, int], published: Mapping[str, int], *, recordings: int, all_recordings: int
) -> str:
    """One sentence: the counts are as published, or the copy is a part and they were not compared.

    Args:
        name: Of the corpus.
        found: Count by name, of the annotation as it stands, before anything is left out.
        published: The same, as published.
        recordings: In this copy.
        all_recordings: Of the whole corpus.

    Raises:
        CheckFailed: The copy has all recordings and other counts: it was changed, or was misread.

    >>> counts_note("X", {"normal": 2}, {"normal": 9}, recordings=1, all_recordings=4)
    'A part of X: 1 of its 4 recordings; its counts (2 normal) cannot be compared with the published ones.'
    """
    words = ", ".join(f"{found.get(key, 0)} {key}" for key in published)
    if recordings != all_recordings:
        return (
            f"A part of {name}: {recordings} of its {all_recordings} recordings; its counts ({words}) cannot be "
            "compared with the published ones."
        )
    wrong = [
        f"{found.get(key, 0)} {key}, published {count}"
        for key, count in published.items()
        if found.get(key, 0) != count
    ]
    if wrong:
        raise CheckFailed(
            f"all {all_recordings} recordings of {name} are there, but the counts are not as published: {wrong[0]}",
            place=name,
            hint="unpack the corpus anew: an annotation or the split list was changed",
        )
    return f"All {all_recordings} recordings of {name}; counts as published: {words}."
