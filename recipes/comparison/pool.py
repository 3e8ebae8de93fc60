"""One manifest of several, such as folds that were tested apart and are scored together.

python recipes/comparison/pool.py f1/enhanced f2/enhanced -o pooled
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from merit_cli.errors import BadData, MeritError, NoInput
from merit_cli.manifests.read_write import MANIFEST_NAME, read_card, read_manifest, write_card, write_manifest


def pool(folders: Sequence[Path], output: Path) -> Path:
    """Write the utterances of all manifests into one, under the card of the first; returns the manifest.

    Args:
        folders: Manifests, or folders that hold one.
        output: Folder of the new manifest.

    Raises:
        NoInput: The first has no card.
        BadData: An id stands in two of them.
    """
    manifests = [folder / MANIFEST_NAME if folder.is_dir() else folder for folder in folders]
    found = [one for manifest in manifests for one in read_manifest(manifest)]
    seen: set[str] = set()
    for one in found:
        if one.id in seen:
            raise BadData("an id stands twice", place=one.id, hint="pool folds that test different speakers")
        seen.add(one.id)
    card = read_card(manifests[0])
    if card is None:
        raise NoInput("there is no card beside the manifest", place=str(manifests[0]))
    write_card(output, card)
    write_manifest(output / MANIFEST_NAME, found)
    return output / MANIFEST_NAME


def main(arguments: Sequence[str]) -> int:
    """Exit code of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    typed = parser.parse_args(arguments)
    try:
        print(pool(typed.folders, typed.output))
    except MeritError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
