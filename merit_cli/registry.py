"""Lazy tables of named components.

Each package that has named components keeps a literal table ``name -> "module:attribute"`` and
wraps it in a `Registry`. Nothing is imported until a name is asked for. Third parties add names
through entry points of the group ``merit.<kind>s``; a built-in name cannot be replaced.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points

from merit_cli.errors import Unavailable, UsageError, unknown_name


@dataclass(frozen=True)
class Registry:
    """Named components of one kind, resolved when asked for.

    Args:
        kind: Singular, as messages say it: ``"enhancer"``.
        table: Built-in names to ``"module:attribute"``.
        extras: Names that need an optional extra, to that extra's name.
        plural: Where it is not ``kind`` + ``s``.
    """

    kind: str
    table: Mapping[str, str]
    extras: Mapping[str, str] = field(default_factory=dict)
    plural: str = ""

    @property
    def group(self) -> str:
        """The entry-point group third parties register under."""
        return f"merit.{self.plural or self.kind + 's'}"

    def plugins(self) -> dict[str, EntryPoint]:
        """Names added by installed packages.

        Raises:
            UsageError: A plug-in takes a built-in name or two plug-ins take the same one.
        """
        found: dict[str, EntryPoint] = {}
        for point in entry_points(group=self.group):
            if point.name in self.table or point.name in found:
                raise UsageError(
                    f"{self.kind} {point.name!r} is registered twice",
                    place=point.value,
                    hint="rename or uninstall the plug-in package",
                )
            found[point.name] = point
        return found

    def names(self) -> list[str]:
        """Every known name, sorted."""
        return sorted([*self.table, *self.plugins()])

    def load(self, name: str, *, place: str = "") -> object:
        """The component registered under ``name``.

        Raises:
            UsageError: The name is unknown; the nearest known one is named.
            Unavailable: The component needs an extra that is not installed.
        """
        try:
            if name in self.table:
                module, _, attribute = self.table[name].partition(":")
                return getattr(importlib.import_module(module), attribute)
            plugins = self.plugins()
            if name in plugins:
                return plugins[name].load()
        except ModuleNotFoundError as error:
            extra = self.extras.get(name)
            how = f"pip install 'merit-cli[{extra}]'" if extra else f"install {error.name}"
            raise Unavailable(
                f"{self.kind} {name!r} needs the package {error.name!r}", place=place, hint=how
            ) from error
        raise unknown_name(self.kind, name, [*self.table, *plugins], place=place)
