"""From what a recipe says of a component, a name or a mapping with ``name``, to its config."""

from collections.abc import Mapping

from merit_cli.config.frozen import FrozenConfig
from merit_cli.config.load import validated
from merit_cli.errors import UsageError
from merit_cli.registry import Registry


def component_config(registry: Registry, value: object, *, default: str) -> FrozenConfig:
    """The config of a registered component.

    Args:
        registry: Where its name stands.
        value: A config; a name; or a mapping with ``name`` (``default`` without it) and parameters.
        default: The name of a mapping without one.

    Raises:
        UsageError: The name or a parameter is unknown, or a value is out of range.
        Unavailable: The component needs an extra that is not installed.
    """
    if isinstance(value, FrozenConfig):
        return value
    parameters = dict(value) if isinstance(value, Mapping) else {"name": value}
    name = str(parameters.pop("name", default))
    kind = registry.load(name, place=registry.kind)
    if not (isinstance(kind, type) and issubclass(kind, FrozenConfig)):
        raise UsageError(f"the {registry.kind} {name!r} is not a FrozenConfig", hint="mend the plug-in package")
    return validated(kind, {"name": name, **parameters}, place=f"{registry.kind} {name}")
