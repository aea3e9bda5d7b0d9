# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Definitions of messages as MCAP files carry them (`ros2msg`): the .msg file of the package's
share, then those that it uses, each after a line of 80 `=`. Owns where they are found.
"""

from __future__ import annotations

import importlib
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

LINE = '=' * 80
FIELD = re.compile(r'^\s*(?:([a-zA-Z][\w]*)/)?(?:msg/)?([A-Z]\w*)(?:<=\d+)?(?:\[[^\]]*\])?\s+\w')
DEFINITIONS_MAX = 100
KIND = re.compile(r'([a-z][a-z0-9_]{0,63})/msg/([A-Za-z][A-Za-z0-9]{0,63})')


def message_type(kind: str) -> Any:
    """Return the class of e.g. 'swarm_msgs/msg/Heartbeat'. Raises KeyError."""
    match = KIND.fullmatch(kind)
    if match is None or not match.group(1).endswith(('_msgs', '_interfaces')):
        raise KeyError(kind)
    try:
        return getattr(importlib.import_module(f'{match.group(1)}.msg'), match.group(2))
    except (ImportError, AttributeError):
        raise KeyError(kind) from None


@lru_cache(maxsize=256)
def schema_of(kind: str) -> bytes:
    """Return the definition of e.g. 'swarm_msgs/msg/Heartbeat'. Raises KeyError."""
    texts: dict[str, str] = {}
    waiting = [kind]
    while waiting and len(texts) < DEFINITIONS_MAX:
        name = waiting.pop(0)
        if name not in texts:
            texts[name] = _definition(name)
            waiting.extend(_used(texts[name], name.partition('/')[0]))
    (_, own), *others = texts.items()
    parts = [own, *(f'{LINE}\nMSG: {_short(name)}\n{text}' for name, text in others)]
    return '\n'.join(part.rstrip('\n') for part in parts).encode()


def _used(text: str, package: str) -> list[str]:
    found = []
    for line in text.splitlines():
        match = FIELD.match(line.partition('#')[0])
        if match:
            found.append(f'{match.group(1) or package}/msg/{match.group(2)}')
    return found


def _short(name: str) -> str:
    package, _, word = name.partition('/msg/')
    return f'{package}/{word}'


def _definition(name: str) -> str:
    package, _, word = name.partition('/msg/')
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        path = Path(prefix) / 'share' / package / 'msg' / f'{word}.msg'
        if prefix and path.is_file():
            return path.read_text()
    raise KeyError(name)
