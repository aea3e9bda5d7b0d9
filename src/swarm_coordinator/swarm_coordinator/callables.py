# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A Python function as a job names it: owns which functions a robot can find by name, and how
their arguments become JSON. Refuses to know ROS and robots.
"""

import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from swarm_coordinator.core.jobs.kinds.python_kind import CALLABLE
from swarm_coordinator.orders import json_text

_HOW = 'put a function (def) at the top of a module that the robots have as well, and give that'


def callable_name(function: Callable[..., Any] | str) -> str:
    """'module:function'. Raises TypeError that says what to do where a robot could not find it."""
    if isinstance(function, str):
        if not CALLABLE.match(function):
            raise TypeError(f"{function[:80]!r}: expected a function or 'module:function'")
        return function
    if isinstance(function, functools.partial):
        raise TypeError(f'{function!r} is a partial: give the function, and its arguments beside')
    name = getattr(function, '__qualname__', None)
    module = _module_of(function)
    if name is None or not callable(function):
        raise TypeError(f'{function!r} is no function with a name: {_HOW}')
    if '<lambda>' in name:
        raise TypeError(f'a lambda has no name that a robot could find it by: {_HOW}')
    if '<locals>' in name:
        raise TypeError(f'{name} is made inside of a function, where no robot finds it: {_HOW}')
    bound = getattr(function, '__self__', None)
    if bound is not None and not inspect.ismodule(bound) and not inspect.isclass(bound):
        raise TypeError(f'{name} is bound to an object, which stays on this machine: {_HOW}')
    _check_found(function, module, name)
    return f'{module}:{name}'


def _module_of(function: Any) -> str:
    """A program started by `python -m package.module` is known by that name to others."""
    module = str(getattr(function, '__module__', None) or '')
    if module != '__main__':
        return _public(function, module)
    spec = getattr(sys.modules['__main__'], '__spec__', None)
    if spec is None:
        raise TypeError(
            f'{getattr(function, "__qualname__", function)} is in the script that was started '
            f'(__main__), which robots do not have: {_HOW}'
        )
    return str(spec.name)


def _public(function: Any, module: str) -> str:
    """operator.add says that it is of _operator: what people write is the name that counts."""
    public = sys.modules.get(module.lstrip('_'))
    name = getattr(function, '__name__', '')
    known = module.startswith('_') and getattr(public, name, None) is function
    return module.lstrip('_') if known else module


def _check_found(function: Any, module: str, name: str) -> None:
    try:
        found: Any = importlib.import_module(module)
        for part in name.split('.'):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError):
        raise TypeError(f'{module}:{name} cannot be imported by this name: {_HOW}') from None
    same = found is function or getattr(function, '__module__', '') == '__main__'
    if not same and found != function:
        raise TypeError(f'{module}:{name} is another object than the one given: {_HOW}')


def arguments_text(
    function: Callable[..., Any] | str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> str:
    """JSON: a list of positional or an object of named arguments; '' = none. Tuples become lists.

    Raises TypeError for what JSON cannot say, and for arguments that do not fit the function.
    """
    if not isinstance(function, str):
        _check_fit(function, args, kwargs)
    if args and kwargs:
        kwargs, args = _by_name(function, args, kwargs), ()
    for number, value in enumerate(args, 1):
        json_text(value, f'argument {number}')
    if args:
        return json_text(list(args), 'arguments')
    for name, value in kwargs.items():
        json_text(value, f'argument {name}')
    return json_text(dict(kwargs), 'arguments') if kwargs else ''


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (ValueError, TypeError):  # some functions written in C tell nothing
        return None


def _check_fit(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> None:
    signature = _signature(function)
    if signature is not None:
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f'{callable_name(function)}: {error}') from None


def _by_name(
    function: Callable[..., Any] | str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Positional arguments under the names of their parameters."""
    signature = None if isinstance(function, str) else _signature(function)
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD,)
    names = [one.name for one in signature.parameters.values()] if signature else []
    fit = signature is not None and all(
        signature.parameters[name].kind in kinds for name in names[: len(args)]
    )
    if not fit or len(names) < len(args):
        raise TypeError(
            'positional and named arguments together: expected only one of them, or a function '
            'whose parameters have names that can be looked up here'
        )
    return {**dict(zip(names, args, strict=False)), **kwargs}
