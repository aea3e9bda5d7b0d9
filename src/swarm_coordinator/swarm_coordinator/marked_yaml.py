# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""YAML that people write, with the place of everything in it: owns the limits of what is read and
how a value becomes text, a number, a list or a mapping of known keys.

All problems are gathered, none ends the reading. Refuses to know what the keys mean.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import yaml

TEXT_BYTES_MAX = 1 << 20  # a batch of 10,000 jobs written out takes about as much
DEPTH_MAX = 24  # a stage's JSON arguments are seldom nested as deeply
NODES_MAX = 200_000  # PyYAML takes about 1 s for so many
PROBLEMS_MAX = 100  # nobody reads more
_INTEGER = re.compile(r'[-+]?(0|[1-9][0-9]{0,17})\Z')
_NUMBER = re.compile(r'[-+]?(0|[1-9][0-9]{0,17})(\.[0-9]{0,18})?([eE][-+]?[0-9]{1,3})?\Z')
_TAG = 'tag:yaml.org,2002:'
_PLAIN_TAGS = ('null', 'bool', 'int', 'float', 'str', 'timestamp', 'value', 'merge')
T = TypeVar('T')


@dataclass(frozen=True, order=True)
class Problem:
    """`line` and `column` count from 1."""

    line: int
    column: int
    text: str


class TooManyProblems(Exception):
    """The rest is not looked at."""


@dataclass
class Marked:
    """Readers of nodes. Each answers None for what is wrong, and notes it."""

    problems: list[Problem] = field(default_factory=list)

    def wrong(self, node: Any, text: str) -> None:
        """`node`: anything with a start_mark."""
        mark = node.start_mark
        problem = Problem(mark.line + 1, mark.column + 1, text)
        if problem not in self.problems:
            self.problems.append(problem)
        if len(self.problems) >= PROBLEMS_MAX:
            raise TooManyProblems

    # ---- the document

    def compose(self, text: str) -> yaml.Node | None:
        """The document's node, or None with problems noted."""
        if len(text.encode('utf-8', 'surrogatepass')) > TEXT_BYTES_MAX:
            self.problems.append(Problem(1, 1, f'longer than {TEXT_BYTES_MAX >> 10} KiB'))
            return None
        try:
            # Before composing, which follows the nesting by recursion.
            if not self._within_limits(text):
                return None
            return yaml.compose(text, yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            said = ' '.join(filter(None, (error.context, error.problem)))
            place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            self.problems.append(Problem(*place, f'not YAML: {said}'))
        except (yaml.YAMLError, ValueError) as error:
            said = str(error).splitlines()[0] if str(error) else 'unreadable'
            self.problems.append(Problem(1, 1, f'not YAML: {said}'))
        return None

    def _within_limits(self, text: str) -> bool:
        depth = documents = 0
        for count, event in enumerate(yaml.parse(text, yaml.SafeLoader), 1):
            if isinstance(event, yaml.AliasEvent) or getattr(event, 'anchor', None):
                self.wrong(event, 'anchors and aliases are not read: write it out, or put it '
                                  'under "defaults"')
                return False
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            for over, what in (
                (documents > 1, 'a second document: expected one to a file'),
                (depth > DEPTH_MAX, f'nested more than {DEPTH_MAX} deep'),
                (count > NODES_MAX, f'more than {NODES_MAX} values'),
            ):
                if over:
                    self.wrong(event, what)
                    return False
        return True

    # ---- values

    def mapping(
        self, node: yaml.Node, what: str, known: Mapping[str, Any] | None
    ) -> dict[str, yaml.Node] | None:
        """Its values by key; each key once and, unless `known` is None, one of these."""
        if not isinstance(node, yaml.MappingNode) or node.tag != f'{_TAG}map':
            self.wrong(node, f'{what}: expected {_of_keys(known)}, not {_kind(node)}')
            return None
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = self.text(key, f'a key of {what}')
            if name is None:
                continue
            if known is not None and name not in known:
                self.wrong(key, f'{what}: unknown key {name[:60]!r}: expected one of '
                                f'{", ".join(known)}')
            elif name in found:
                self.wrong(key, f'{what}: key {name[:60]!r} comes twice')
            else:
                found[name] = value
        return found

    def items(
        self, node: yaml.Node, what: str, read: Callable[[yaml.Node, str], T | None]
    ) -> tuple[T, ...] | None:
        """Those items of a list that could be read; None if it is no list."""
        if not isinstance(node, yaml.SequenceNode) or node.tag != f'{_TAG}seq':
            self.wrong(node, f'{what}: expected a list, not {_kind(node)}')
            return None
        read_items = [read(item, what) for item in node.value]
        return tuple(item for item in read_items if item is not None)

    def text(self, node: Any, what: str) -> str | None:
        """A scalar as it is written: `5`, `yes` and `1.0` are these texts."""
        if not _is_plain(node) or (node.tag == f'{_TAG}null' and node.style is None):
            self.wrong(node, f'{what}: expected text, not {_kind(node)}')
            return None
        return str(node.value)

    def texts(self, node: yaml.Node, what: str) -> tuple[str, ...] | None:
        return self.items(node, what, self.text)

    def integer(self, node: Any, what: str) -> int | None:
        if not _is_plain(node) or node.style or not _INTEGER.match(node.value):
            self.wrong(node, f'{what}: expected a whole number, not {_kind(node)}')
            return None
        return int(node.value)

    def number(self, node: Any, what: str) -> float | None:
        if not _is_plain(node) or node.style or not _NUMBER.match(node.value):
            self.wrong(node, f'{what}: expected a number, not {_kind(node)}')
            return None
        return float(node.value)

    def json(self, node: Any, what: str) -> Any:
        """As JSON has it. Texts need no quotes where they look like nothing else."""
        if isinstance(node, yaml.SequenceNode):
            if node.tag != f'{_TAG}seq':
                self.wrong(node, f'{what}: the tag {node.tag[:60]!r} is not read')
            return [self.json(item, what) for item in node.value]
        if isinstance(node, yaml.MappingNode):
            found = self.mapping(node, what, None) or {}
            return {name: self.json(value, f'{what}.{name}') for name, value in found.items()}
        if node.style or node.tag in (f'{_TAG}str', f'{_TAG}timestamp'):
            return self.text(node, what)
        plain: dict[str, Any] = {'true': True, 'false': False, 'null': None, '~': None, '': None}
        if node.value in plain:
            return plain[node.value]
        if _INTEGER.match(node.value):
            return int(node.value)
        if _NUMBER.match(node.value) and abs(float(node.value)) < 1e308:
            return float(node.value)
        self.wrong(node, f'{what}: {node.value[:40]!r} is no JSON number and not true, false or '
                         'null: put it in quotes if it is text')
        return None


def _is_plain(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag in {_TAG + one for one in _PLAIN_TAGS}


def _of_keys(known: Mapping[str, Any] | None) -> str:
    return f'a mapping with {", ".join(known)}' if known else 'a mapping'


def _kind(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode) and node.tag not in (f'{_TAG}map', f'{_TAG}seq'):
        return f'the tag {node.tag[:60]!r}'
    if isinstance(node, yaml.MappingNode):
        return 'a mapping'
    if isinstance(node, yaml.SequenceNode):
        return 'a list'
    if node.tag == f'{_TAG}null':
        return 'nothing'
    if not _is_plain(node):
        return f'the tag {node.tag[:60]!r}'
    return repr(node.value[:60])
