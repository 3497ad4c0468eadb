"""Function references: dotted names of authors' functions and of the built-in policies."""

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from orchestra.domain.definitions.problems import Place, nearest
from orchestra.domain.definitions.shapes import (
    JSON,
    Anything,
    Key,
    ListOf,
    MapOf,
    Object,
    Text,
    type_name,
)
from orchestra.errors import Invalid

Function = Callable[..., Any]

ALWAYS_CREATE = "orchestra.creation_policies.always_create"
ANYONE_CERTIFIED = "orchestra.assignment_policies.anyone_certified"
SPECIFIED_WORKER = "orchestra.assignment_policies.specified_worker"
PREVIOUSLY_COMPLETED_STEPS = "orchestra.assignment_policies.previously_completed_steps"
STAFFBOT_AUTOASSIGN = "orchestra.bots.assignment_policies.staffbot_autoassign"

NO_KWARGS = Object({}, code="bad_policy", allowed="no kwargs")
CREATION_POLICIES: Mapping[str, Object] = {ALWAYS_CREATE: NO_KWARGS}
ASSIGNMENT_POLICIES: Mapping[str, Object] = {
    ANYONE_CERTIFIED: NO_KWARGS,
    SPECIFIED_WORKER: Object(
        {"username": Key(Text(1), required=True)},
        code="bad_policy",
        allowed='{"username": text}',
    ),
    PREVIOUSLY_COMPLETED_STEPS: Object(
        {"related_steps": Key(ListOf(Text(1), low=1), required=True)},
        code="bad_policy",
        allowed='{"related_steps": [slug, …]}',
    ),
    STAFFBOT_AUTOASSIGN: NO_KWARGS,
}
BUILT_IN = frozenset({*CREATION_POLICIES, *ASSIGNMENT_POLICIES})


def resolve(path: str) -> Function:
    """The function that a dotted name stands for; built-in policies are not functions.

    :raises Invalid: nothing callable can be imported by that name; says what went wrong.
    """
    try:
        found = _attribute(path)
    except ImportError as error:
        raise Invalid(
            f"The function {path} cannot be imported: {error}. If its file was changed, restart "
            "the worker processes: they keep what they imported."
        ) from error
    if not callable(found):
        raise Invalid(f"{path} is {type_name_of(found)}, not a function.")
    return found


def accepts(function: Function, keyword: str) -> bool:
    """Whether the function can be called with the keyword argument."""
    parameters = _signature(function).parameters.values()
    return any(
        parameter.kind is parameter.VAR_KEYWORD
        or (parameter.name == keyword and parameter.kind is not parameter.POSITIONAL_ONLY)
        for parameter in parameters
    )


@dataclass(frozen=True)
class FunctionShape:
    """A reference to a function of one role: resolved, and bound to what it will be called with."""

    arguments: tuple[str, ...]
    optional: tuple[str, ...] = ()  # keyword arguments that it gets if it accepts them
    built_in: Mapping[str, Object] = field(default_factory=dict)

    OBJECT = Object({"path": Key(Text(1), required=True), "kwargs": Key(MapOf(Anything()))})

    def check(self, value: Any, place: Place) -> None:
        self.OBJECT.check(value, place)
        place = place.under(None)  # an import error keeps its code everywhere
        path, kwargs = _parts(value)
        if path is None or kwargs is None:
            return
        if path in self.built_in:
            self.built_in[path].check(kwargs, place / "kwargs")
        elif path in BUILT_IN:
            allowed = ", ".join(self.built_in) or "a function of your own"
            (place / "path").error("bad_policy", f"{path} does not fit here; allowed: {allowed}")
        else:
            self._check_function(path, kwargs, place)

    def _check_function(self, path: str, kwargs: JSON, place: Place) -> None:
        try:
            function = _attribute(path)
        except ImportError as error:
            hint = nearest(path, self.built_in) if path.startswith("orchestra.") else ""
            (place / "path").error("cannot_import", f"{path}: {error}{hint}")
            return
        if not callable(function):
            found = type_name_of(function)
            (place / "path").error("not_callable", f"{path} is {found}, not a function")
            return
        self._bind(function, path, kwargs, place)

    def _bind(self, function: Function, path: str, kwargs: JSON, place: Place) -> None:
        signature = _signature(function)
        extra = {name: None for name in self.optional if accepts(function, name)}
        call = f"{path}({', '.join((*self.arguments, *(f'{key}=…' for key in kwargs)))})"
        try:
            signature.bind_partial(*self.arguments)
        except TypeError as error:
            (place / "path").error("bad_signature", f"cannot call {call}: {error}")
            return
        try:
            signature.bind(*self.arguments, **(extra | kwargs))
        except TypeError as error:
            where = place / ("kwargs" if kwargs else "path")
            where.error("bad_signature", f"cannot call {call}: {error}")

    def schema(self) -> JSON:
        return self.OBJECT.schema()


def type_name_of(value: object) -> str:
    return "a module" if inspect.ismodule(value) else type_name(value)


def _parts(value: Any) -> tuple[str | None, JSON | None]:
    """Path and kwargs of a reference, as far as they have the right types."""
    if not isinstance(value, dict):
        return None, None
    path, kwargs = value.get("path"), value.get("kwargs", {})
    return path if isinstance(path, str) and path else None, (
        kwargs if isinstance(kwargs, dict) else None
    )


def _attribute(path: str) -> object:
    """:raises ImportError: the module or the name in it is not there, or the module failed."""
    module_name, _, name = path.rpartition(".")
    wrong = next((part for part in path.split(".") if not part.isidentifier()), None)
    if not module_name or wrong is not None:
        named = "" if wrong is None else f"; {wrong!r} is no name in Python"
        raise ImportError(f"must be a dotted name, such as package.module.function{named}")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        raise ImportError(f"{error}{_whereabouts(error, module_name)}") from error
    except ImportError:
        raise
    except (Exception, SystemExit) as error:  # a module of an author may fail in any way
        raise ImportError(f"{type(error).__name__}: {error}") from error
    if not hasattr(module, name):
        raise ImportError(f"module {module_name} has no {name!r}{nearest(name, vars(module))}")
    return getattr(module, name)


def _whereabouts(error: ModuleNotFoundError, module_name: str) -> str:
    """Where the package is that lacks the module: perhaps another one of that name."""
    package = module_name.partition(".")[0]
    file = getattr(sys.modules.get(package), "__file__", None)
    is_inside = (error.name or "").startswith(f"{package}.")
    return f"; {package} is {file}" if file and is_inside else ""


def _signature(function: Function) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # some functions written in C do not tell
        return inspect.Signature(
            [
                inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL),
                inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
            ]
        )
