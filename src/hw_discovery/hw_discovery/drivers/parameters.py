# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Checked reading of a driver's parameters. They come from a user's file: every refusal says
what was expected. Knows no ROS."""

from collections.abc import Mapping, Sequence

Value = bool | int | float | str | Sequence[bool] | Sequence[int] | Sequence[float] | Sequence[str]
Parameters = Mapping[str, Value]
LIST_LENGTH_MAX = 64


class ParameterFault(ValueError):
    """A parameter cannot be used; the message says what would."""


def known_only(parameters: Parameters, known: Sequence[str]) -> None:
    """Refuse keys that no driver of this family reads: a typing error must not pass unseen."""
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise ParameterFault(
            f'unknown parameter {", ".join(unknown)}; expected of: {", ".join(sorted(known))}')


def number(
    parameters: Parameters, name: str, default: float, lowest: float, highest: float,
) -> float:
    """Return a finite number in [lowest, highest]."""
    given = parameters.get(name, default)
    return _checked(name, given, lowest, highest)


def integer(
    parameters: Parameters, name: str, default: int, lowest: int, highest: int,
) -> int:
    """Return a whole number in [lowest, highest]."""
    given = parameters.get(name, default)
    if isinstance(given, bool) or not isinstance(given, int) or not lowest <= given <= highest:
        raise ParameterFault(
            f'{name}: expected a whole number from {lowest} to {highest}; given: {given!r}')
    return given


def flag(parameters: Parameters, name: str, default: bool) -> bool:
    """Return true or false."""
    given = parameters.get(name, default)
    if not isinstance(given, bool):
        raise ParameterFault(f'{name}: expected true or false; given: {given!r}')
    return given


def text(
    parameters: Parameters, name: str, default: str, choices: Sequence[str] = (),
) -> str:
    """Return a text, one of `choices` where there are any."""
    given = parameters.get(name, default)
    if not isinstance(given, str) or len(given) > 4096:
        raise ParameterFault(f'{name}: expected a text; given: {given!r:.80}')
    if choices and given not in choices:
        raise ParameterFault(f'{name}: expected one of {", ".join(choices)}; given: {given!r:.80}')
    return given


def numbers(
    parameters: Parameters, name: str, default: Sequence[float], lowest: float, highest: float,
    count: int | None = None,
) -> tuple[float, ...]:
    """Return a list of finite numbers; one number alone stands for `count` equal ones."""
    given = parameters.get(name, default)
    if isinstance(given, int | float) and not isinstance(given, bool):
        given = [given] * (count or 1)
    if isinstance(given, str) or not isinstance(given, Sequence) or len(given) > LIST_LENGTH_MAX:
        raise ParameterFault(
            f'{name}: expected a list of at most {LIST_LENGTH_MAX} numbers; given: {given!r:.80}')
    if count is not None and len(given) != count:
        raise ParameterFault(f'{name}: expected {count} numbers; given: {len(given)}')
    return tuple(_checked(name, item, lowest, highest) for item in given)


def names(parameters: Parameters, name: str, default: Sequence[str]) -> tuple[str, ...]:
    """Return a list of different, non-empty texts."""
    given = parameters.get(name, default)
    if isinstance(given, str) or not isinstance(given, Sequence) or len(given) > LIST_LENGTH_MAX:
        raise ParameterFault(
            f'{name}: expected a list of at most {LIST_LENGTH_MAX} names; given: {given!r:.80}')
    read = tuple(item for item in given if isinstance(item, str) and item)
    if len(read) != len(given) or len(set(read)) != len(read):
        raise ParameterFault(f'{name}: expected different names; given: {list(given)!r:.80}')
    return read


def _checked(name: str, given: object, lowest: float, highest: float) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) \
            or not lowest <= given <= highest:  # NaN is not
        raise ParameterFault(
            f'{name}: expected a number from {lowest:g} to {highest:g}; given: {given!r:.80}')
    return float(given)
