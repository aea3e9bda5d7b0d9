# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Definitions of message types as recordings hold them: owns finding and joining their texts.

The form is that of the MCAP registry's "ros2msg" and "ros2idl": the text of the type itself, then
that of each type it uses, each after a line of '=' and a line with its name.
https://mcap.dev/spec/registry. Reads files of the installed packages only.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

RULE = '=' * 80
DEFINITION_BYTES_MAX = 256 * 1024  # of one file; the longest of the common interfaces has 20 KiB
TYPES_MAX = 500  # that one type may use
MESSAGE_TYPE = re.compile(r'([a-z][a-z0-9_]*)/msg/([A-Za-z][A-Za-z0-9_]*)\Z')
PRIMITIVES = frozenset(
    (
        'bool', 'byte', 'char', 'float32', 'float64', 'int8', 'uint8', 'int16', 'uint16',
        'int32', 'uint32', 'int64', 'uint64', 'string', 'wstring',
    )
)
_FIELD = re.compile(
    r'^[ \t]*([A-Za-z][A-Za-z0-9_/]*)(?:<=\d+)?(?:\[[^\]\n]*\])?[ \t]+[A-Za-z]', re.M
)
_INCLUDE = re.compile(
    r'^[ \t]*#include[ \t]+["<]([A-Za-z0-9_]+/msg/[A-Za-z0-9_]+)\.idl[">]', re.M
)


class DefinitionMissing(Exception):
    """The text of a type is not installed here; the message names the type."""


@dataclass(frozen=True)
class Definition:
    """`encoding`: 'ros2msg' or 'ros2idl'."""

    encoding: str
    text: str


def definition_of(
    message_type: str, share: Callable[[str], str] = get_package_share_directory
) -> Definition:
    """All that is needed to read messages of `message_type`. Raises DefinitionMissing."""
    try:
        return Definition('ros2msg', _joined(message_type, 'msg', share))
    except DefinitionMissing:
        text = _joined(message_type, 'idl', share)
        return Definition('ros2idl', f'{RULE}\nIDL: {_short(message_type, "idl")}\n{text}')


def _joined(root: str, form: str, share: Callable[[str], str]) -> str:
    seen = {root}
    waiting = [root]
    parts: list[str] = []
    while waiting:
        one = waiting.pop(0)
        text = _read(one, form, share)
        head = f'{RULE}\n{form.upper()}: {_short(one, form)}\n' if parts else ''
        parts.append(head + text)
        for used in _used(text, one.partition('/')[0], form):
            if used not in seen:
                seen.add(used)
                waiting.append(used)
        if len(seen) > TYPES_MAX:
            raise DefinitionMissing(f'{root} uses more than {TYPES_MAX} types')
    return '\n'.join(parts)


def _short(message_type: str, form: str) -> str:
    return message_type.replace('/msg/', '/') if form == 'msg' else message_type


def _read(message_type: str, form: str, share: Callable[[str], str]) -> str:
    found = MESSAGE_TYPE.match(message_type)
    if found is None:
        raise DefinitionMissing(f'{message_type} is not the type of a message')
    package, name = found.groups()
    try:
        path = Path(share(package), 'msg', f'{name}.{form}')
        with open(path, encoding='utf-8', errors='replace', newline='') as file:
            text = file.read(DEFINITION_BYTES_MAX + 1)
    except (PackageNotFoundError, LookupError, OSError):
        raise DefinitionMissing(f'the definition of {message_type} is not installed') from None
    if len(text) > DEFINITION_BYTES_MAX:
        raise DefinitionMissing(f'the definition of {message_type} is too long')
    return text


def _used(text: str, package: str, form: str) -> list[str]:
    """The types that a definition names, in the order of their first use."""
    if form == 'idl':
        return list(dict.fromkeys(_INCLUDE.findall(text)))
    found = []
    for name in _FIELD.findall(text):
        if name in PRIMITIVES:
            continue
        parts = name.split('/')
        if len(parts) == 1:
            parts = [package, name]
        found.append(f'{parts[0]}/msg/{parts[-1]}')
    return list(dict.fromkeys(found))
