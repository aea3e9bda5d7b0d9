# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Types of messages, services and actions by name: owns importing them. Names come from jobs and
from other robots, so only packages that read like interfaces are ever imported."""

import importlib
import re
from typing import Any

_NAME = re.compile(r'([a-z][a-z0-9_]*)/(msg|srv|action)/([A-Za-z][A-Za-z0-9_]*)\Z')
_PARTS = {'msg': (), 'srv': ('Request', 'Response'), 'action': ('Goal', 'Result', 'Feedback')}


class UnknownInterface(Exception):
    """The type cannot be used here; the message says why."""


def message_class(name: str) -> Any:
    """The class of 'package/msg/Type'. Raises UnknownInterface."""
    return _imported(name, ('msg',))


def interface_class(name: str) -> Any:
    """The class of 'package/srv/Type' or 'package/action/Type'. Raises UnknownInterface."""
    return _imported(name, ('srv', 'action'))


def _imported(name: str, groups: tuple[str, ...]) -> Any:
    found = _NAME.match(name)
    if found is None or found[2] not in groups:
        expected = ' or '.join(f'"package/{group}/Type"' for group in groups)
        raise UnknownInterface(f'type {name[:80]!r}: expected {expected}')
    package, group, kind = found.groups()
    try:
        module = importlib.import_module(f'{package}.{group}')
    except ModuleNotFoundError:
        raise UnknownInterface(
            f'type {name}: the package {package} is not installed on this robot, or has no {group}'
        ) from None
    except Exception as error:
        raise UnknownInterface(f'type {name}: {package} cannot be imported: {error}') from None
    made = getattr(module, kind, None)
    # A package can bear the name of an interface without being one.
    if made is None or not hasattr(made, '_TYPE_SUPPORT') or not all(
        hasattr(made, part) for part in _PARTS[group]
    ):
        names = sorted(one for one in vars(module) if one[:1].isupper() and '_' not in one)[:20]
        raise UnknownInterface(
            f'type {name}: {package} has no {group} {kind}; it has: {", ".join(names) or "none"}'
        )
    try:
        support = type(made)
        support.__import_type_support__()
    except Exception as error:
        raise UnknownInterface(f'type {name}: its support library is missing: {error}') from None
    return made
