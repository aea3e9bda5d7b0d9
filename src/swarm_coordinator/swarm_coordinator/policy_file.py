# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The YAML file that says who may ask a robot for what:

    version: 1
    roles:
      anonymous: [look]
      operator: [all]
    names:
      anna: [jobs.submit.exec]      # besides what her roles have

Owns its shape. A role that is not named has nothing; without a file the default of
core/identity/policy.py holds. Refuses to know who asks.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import yaml

from swarm_coordinator.core.identity.policy import (
    PERMISSIONS,
    ROLES,
    Policy,
    unknown,
)
from swarm_coordinator.core.ids import checked_name
from swarm_coordinator.marked_yaml import Marked, TooManyProblems

VERSION = 1
KEYS = {'version': None, 'roles': None, 'names': None}
FILE_BYTES_MAX = 256 * 1024


def load(path: str) -> Policy:
    """'' = the default. Raises ValueError that names file, line, key and what was expected."""
    if not path:
        return Policy()
    file = Path(path).expanduser()
    try:
        with file.open('rb') as opened:
            raw = opened.read(FILE_BYTES_MAX + 1)
        if len(raw) > FILE_BYTES_MAX:
            raise ValueError(f'policy_file: {file}: expected at most {FILE_BYTES_MAX} bytes')
        text = raw.decode()
    except OSError as error:
        raise ValueError(f'policy_file: {file}: {error.strerror or error}') from None
    except UnicodeDecodeError:
        raise ValueError(f'policy_file: {file}: expected text in UTF-8') from None
    return read(text, f'policy_file: {file}')


def read(text: str, name: str) -> Policy:
    """`name`: of the text, for errors. Raises ValueError."""
    reader = _Reader()
    policy = None
    with contextlib.suppress(TooManyProblems):
        policy = reader.policy(text)
    problems = sorted(reader.marked.problems)
    if problems or policy is None:
        said = '\n'.join(f'{name}:{one.line}:{one.column}: {one.text}' for one in problems)
        raise ValueError(said or f'{name}: nothing in it')
    return policy


def write(policy: Policy) -> str:
    """As read() reads it."""
    lines = [f'version: {VERSION}', 'roles:']
    lines += [f'  {role}: {_listed(policy.roles.get(role, ()))}' for role in ROLES]
    lines.append('names:' if policy.names else 'names: {}')
    lines += [f'  {name}: {_listed(policy.names[name])}' for name in sorted(policy.names)]
    return '\n'.join(lines) + '\n'


def _listed(granted: tuple[str, ...]) -> str:
    order = list(PERMISSIONS)
    return f'[{", ".join(sorted(granted, key=order.index))}]'


class _Reader:
    def __init__(self) -> None:
        self.marked = Marked()

    def policy(self, text: str) -> Policy | None:
        node = self.marked.compose(text)
        if node is None:
            return None
        found = self.marked.mapping(node, 'the policy', KEYS)
        if found is None:
            return None
        self._version(node, found)
        roles = self._table(found.get('roles'), 'roles', {role: None for role in ROLES})
        names = self._table(found.get('names'), 'names', None)
        if 'roles' not in found:
            self.marked.wrong(node, 'roles: expected, with the permissions of each role; '
                                    'swarmctl policy show prints the default')
        return None if self.marked.problems else Policy(roles, names)

    def _version(self, node: yaml.Node, found: dict[str, yaml.Node]) -> None:
        given = found.get('version')
        number = None if given is None else self.marked.integer(given, 'version')
        if given is None or (number is not None and number != VERSION):
            self.marked.wrong(given or node, f'version: expected {VERSION}')

    def _table(
        self, node: yaml.Node | None, what: str, known: dict[str, None] | None
    ) -> dict[str, tuple[str, ...]]:
        if node is None:
            return {}
        found = self.marked.mapping(node, what, known) or {}
        table = {}
        for key, value in found.items():
            if known is None:
                try:
                    checked_name(key, what)
                except ValueError as error:
                    self.marked.wrong(value, str(error))
            table[key] = self.marked.items(value, f'{what}.{key}', self._permission) or ()
        return table

    def _permission(self, node: yaml.Node, what: str) -> str | None:
        name = self.marked.text(node, what)
        if name is not None and name not in PERMISSIONS:
            self.marked.wrong(node, f'{what}: {unknown(name)}')
            return None
        return name
