"""Everything an evaluation found, on its way to tables, sentences and JSON."""

from dataclasses import dataclass

from merit_cli.workflows.evaluate.attributes import Rated
from merit_cli.workflows.evaluate.emotion import Classified
from merit_cli.workflows.evaluate.enhancement import Scored
from merit_cli.workflows.evaluate.groups import Grouping
from merit_cli.workflows.evaluate.inputs import Material
from merit_cli.workflows.evaluate.scores import Pairs


@dataclass(frozen=True)
class Findings:
    """Everything that was scored.

    Args:
        material: What was scored.
        pairs: Utterances with a clean reference, and their files.
        scored: Enhancement, or None.
        classified: Classification, or None.
        rated: Attributes, or None.
        groupings: That tables are split by.
        notes: What was left out, and why.
    """

    material: Material
    pairs: Pairs
    scored: Scored | None
    classified: Classified | None
    rated: Rated | None
    groupings: tuple[Grouping, ...]
    notes: tuple[str, ...]
