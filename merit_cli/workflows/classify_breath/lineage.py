"""Whether the enhancer in front of a breath classifier has heard the patients who are scored."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from merit_cli.backbones.model_folder import find_model_folder
from merit_cli.config.load import read_yaml
from merit_cli.enhancers.contract import EnhancerConfig
from merit_cli.enhancers.from_checkpoint import CheckpointConfig
from merit_cli.enhancers.select import CHECKPOINT, enhancer_config
from merit_cli.errors import NoInput
from merit_cli.manifests.lineage import check_lineage, read_lineage
from merit_cli.manifests.utterance import Utterance


def check_enhancer(enhancer: EnhancerConfig | None, scored: Sequence[Utterance], *, allow_leak: bool) -> list[str]:
    """Notes on what was allowed; an enhancer that was not trained by us has heard no patient.

    Raises:
        CheckFailed: It was trained on patients who are scored, or does not say on whom.
    """
    if not isinstance(enhancer, CheckpointConfig):
        return []
    try:
        lineage = read_lineage(find_model_folder(enhancer.folder))
    except NoInput:  # moved away since it was used
        lineage = None
    return check_lineage(lineage, scored, name=f"the enhancer {enhancer.folder}", allow_leak=allow_leak)


def check_enhanced_manifest(manifest: Path, scored: Sequence[Utterance], *, allow_leak: bool) -> list[str]:
    """The same for recordings that were enhanced before, by ``merit enhance``, into the folder of this manifest.

    Raises:
        CheckFailed: A trained enhancer made them that heard patients who are scored, or that is gone.
    """
    chains = {utterance.enhancer for utterance in scored}
    num_trained = max((chain.split("+").count(CHECKPOINT) for chain in chains), default=0)
    if not num_trained:
        return []
    recipe = manifest.parent / "recipe.yaml"
    tree: Any = read_yaml(recipe).get("enhancer") if recipe.is_file() else None
    folder = Path(tree["folder"]) if isinstance(tree, dict) and "folder" in tree else None
    if num_trained > 1 or folder is None or not folder.is_dir():  # the recipe knows the last one only
        name = f"the enhancer behind {manifest}"
        return check_lineage(None, scored, name=name, allow_leak=allow_leak)
    made_by = enhancer_config({"name": CHECKPOINT, "folder": str(folder)})
    return check_enhancer(made_by, scored, allow_leak=allow_leak)
