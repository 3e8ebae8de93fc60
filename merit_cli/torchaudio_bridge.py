"""Lets ``import torchaudio`` work beside a torch that its compiled part does not fit.

The Linux wheels of torchaudio are CUDA builds. Beside a CPU torch their compiled part fails to
load (OSError), beside a torch of another CUDA they refuse (RuntimeError), and speechbrain falls
with them. Nearly all of torchaudio is pure Python, so where the compiled part does not load we go
on without it: its IIR loop is then scipy's ``lfilter``, and forced alignment says that it is
missing. Importing this module installs the hook; it costs nothing until torchaudio is imported
and changes nothing where the compiled part loads.
"""

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

_EXTENSION = "torchaudio._extension"
_FILTERING = "torchaudio.functional.filtering"


def install() -> None:
    """Put the hook in front of the import system, once, unless torchaudio is already imported."""
    if "torchaudio" not in sys.modules and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def load_error() -> str | None:
    """Why torchaudio's compiled part did not load, or None where it did; imports torchaudio."""
    importlib.import_module("torchaudio")
    error = getattr(sys.modules[_EXTENSION], "load_error", None)
    return None if error is None else f"{type(error).__name__}: {error}"


def _without_extension(module: ModuleType, error: Exception) -> None:
    """Give ``torchaudio._extension`` the attributes that the rest of torchaudio reads."""

    def fail_if_no_align(function: Callable[..., Any]) -> Callable[..., Any]:
        def refuse(*args: Any, **kwargs: Any) -> Any:
            raise RuntimeError(f"{function.__name__} needs torchaudio's compiled part, which did not load: {error}")

        return refuse

    vars(module).update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        fail_if_no_align=fail_if_no_align,
        load_error=error,
    )


def _scipy_lfilter_loop(waveform: Any, a_flipped: Any, padded: Any) -> None:
    """torchaudio's IIR core loop (batch, channel, time) by scipy; writes into ``padded``, leaves its input alone."""
    import torch
    from scipy.signal import lfilter

    order = a_flipped.size(1)
    signal = waveform.detach().cpu().double().numpy()
    denominators = a_flipped.flip(1).detach().cpu().double().numpy()
    for channel, denominator in enumerate(denominators):
        filtered = lfilter([1.0], denominator, signal[:, channel], axis=-1)
        padded[:, channel, order - 1 :] = torch.from_numpy(filtered).to(padded)


class _Loader(importlib.abc.Loader):
    """Runs the real loader, then mends what it left."""

    def __init__(self, inner: importlib.abc.Loader) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:  # inspect and pickling ask for get_source, get_filename, ...
        return getattr(self.inner, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self.inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ == _FILTERING:
            self.inner.exec_module(module)
            if not getattr(module, "_IS_TORCHAUDIO_EXT_AVAILABLE", True):
                vars(module)["_lfilter_core_loop"] = _scipy_lfilter_loop
            return
        try:
            self.inner.exec_module(module)
        except (OSError, RuntimeError, ImportError) as error:
            _without_extension(module, error)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in (_EXTENSION, _FILTERING):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, importlib.abc.Loader):
            spec.loader = _Loader(spec.loader)
        return spec


install()
