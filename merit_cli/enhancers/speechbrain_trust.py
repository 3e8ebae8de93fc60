"""What a SpeechBrain folder's YAML may name: read as text, before anything in it is run."""

import pydoc
from collections.abc import Iterator
from pathlib import Path

import yaml

from merit_cli import torchaudio_bridge
from merit_cli.errors import BadData, NoInput

HYPERPARAMS = "hyperparams.yaml"
TRUSTED = (
    "speechbrain.lobes.models.",
    "speechbrain.nnet.",
    "speechbrain.processing.",
    "speechbrain.utils.parameter_transfer.Pretrainer",
    "torch.nn.",
)
"""Networks, layers, transforms, and the loader of parameters: none runs a program or touches the network."""
_NOT_TRUSTED = ("speechbrain.lobes.models.huggingface", "speechbrain.lobes.models.fairseq", "torch.nn.modules.module.")
_MAKERS = ("!new:", "!name:")
_HARMLESS = ("!ref", "!copy", "!tuple", "!list")


def check_hyperparams(path: Path) -> None:
    """Refuse a file that names what is not trusted; nothing in it is run.

    Raises:
        NoInput: There is no such file.
        BadData: It is not YAML, or names an object outside `TRUSTED`.
    """
    if not path.is_file():
        raise NoInput(f"the folder holds no {HYPERPARAMS}", place=str(path.parent), hint="give a SpeechBrain model")
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadData("the file is not valid YAML", place=str(path)) from error
    for node in _nodes(root):
        if not _is_trusted(str(node.tag)):
            raise BadData(
                f"the file would run {node.tag!r}",
                place=f"{path}:{node.start_mark.line + 1}",
                hint="if you trust its authors with this machine: --set enhancer.trust=true",
            )


def _nodes(root: yaml.Node | None) -> Iterator[yaml.Node]:
    waiting, seen = [root] if root is not None else [], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, yaml.MappingNode):
            waiting += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


def _is_trusted(tag: str) -> bool:
    """Whether a YAML tag makes nothing, or an object of `TRUSTED`.

    >>> [_is_trusted(tag) for tag in ("!new:torch.nn.GELU", "!apply:torch.nn.GELU", "!name:os.system", "!ref")]
    [True, False, False, True]
    >>> _is_trusted("!name:torch.nn.modules.activation.torch.hub.load")
    False
    """
    if not tag.startswith("!"):
        return tag.startswith("tag:yaml.org,2002:") and "python" not in tag
    maker = next((maker for maker in _MAKERS if tag.startswith(maker)), None)
    if maker is None:
        return tag in _HARMLESS
    name = tag.removeprefix(maker)
    return _is_inside(name) and _is_inside(_defined_in(name))


def _is_inside(name: str) -> bool:
    return name.startswith(TRUSTED) and not name.startswith(_NOT_TRUSTED)


def _defined_in(name: str) -> str:
    """Full name by which an object was defined, so that no way leads through a module that another imports."""
    torchaudio_bridge.install()  # speechbrain imports torchaudio
    try:
        found = pydoc.locate(name)
    except pydoc.ErrorDuringImport:
        return ""
    return f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', '')}"
