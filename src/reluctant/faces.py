"""The faces of rooms: public names that load their module on first use, and nothing else in `dir`."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any


def face(package: str, home_of: Mapping[str, str], loaded: tuple[str, ...] = ()) -> tuple[Callable, Callable]:
    """The module-level ``__getattr__`` and ``__dir__`` of a package.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    home_of : mapping of str to str
        The module that holds each public name; a name whose home is the package itself is one of its rooms.
    loaded : tuple of str
        Public names that the package imports by itself.
    """

    def load(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = home_of[name]
        value = (
            importlib.import_module(f"{package}.{name}")
            if home == package
            else getattr(importlib.import_module(home), name)
        )
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*home_of, *loaded})

    if any(home == f"{package}.{name}" for name, home in home_of.items()):
        sys.modules[package].__class__ = _NamesBeforeModules
    return load, names


class _NamesBeforeModules(types.ModuleType):
    """A package in which a module may have the name of what it holds: that is what the name means there.

    The import system binds every module of a package to its name in the package, over what stands there.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, types.ModuleType) and value.__name__ == f"{self.__name__}.{name}":
            value = getattr(value, name, value)
        super().__setattr__(name, value)
