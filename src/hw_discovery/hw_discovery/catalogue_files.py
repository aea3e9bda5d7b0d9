# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The files of the catalogue: those that come with the package, and a user's.

Owns reading files and YAML within limits. Refuses to know what the keys mean. Checks a file:
`python -m hw_discovery.catalogue_files check file.yaml`.
"""

import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from hw_discovery.core.catalogue.catalogue import Catalogue, LoadedCatalogue, build
from hw_discovery.core.catalogue.marked import Items, Mapping, Problem, Problems, Scalar, Value

FILE_BYTES_MAX = 1 << 20  # the bundled files have about 60 KiB at most
DEPTH_MAX = 12  # the format needs 7
VALUES_MAX = 100_000
USER_FILES_MAX = 32
_TAG = 'tag:yaml.org,2002:'
_PLAIN_TAGS = {_TAG + name for name in (
    'null', 'bool', 'int', 'float', 'str', 'timestamp', 'value', 'merge')}
_LOADER: Any = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)


def bundled() -> Catalogue:
    """The catalogue that comes with the package. Raises ValueError if it is broken, which a
    test refuses."""
    loaded = load()
    if loaded.problems:
        raise ValueError('\n'.join(str(problem) for problem in loaded.problems))
    return loaded.catalogue


def load(user_files: Sequence[Path] = ()) -> LoadedCatalogue:
    """The bundled files, then the user's, which override and add. A broken user's file is left
    out as a whole and said; what was before it stays."""
    folder = resources.files('hw_discovery').joinpath('catalogue')
    bundled_documents: list[tuple[Value, Problems]] = []
    problems: list[Problem] = []
    for item in sorted(folder.iterdir(), key=lambda one: one.name):
        if item.name.endswith('.yaml'):
            _add(item.name, item.read_bytes(), bundled_documents, problems)
    user_documents: list[tuple[Value, Problems]] = []
    for path in user_files[:USER_FILES_MAX]:
        data = _read(path, problems)
        if data is not None:
            _add(str(path), data, user_documents, problems)
    if len(user_files) > USER_FILES_MAX:
        problems.append(Problem('user files', 0, '', f'expected at most {USER_FILES_MAX}'))
    return build(bundled_documents, user_documents, problems)


def parse(data: bytes, name: str) -> tuple[Value | None, Problems]:
    """One YAML document as values with lines; None and the problem if it is none."""
    problems = Problems(name)
    if len(data) > FILE_BYTES_MAX:
        problems.add(0, '', f'expected at most {FILE_BYTES_MAX >> 10} KiB')
        return None, problems
    try:
        text = data.decode('utf-8')
        if not _within_limits(text, problems):
            return None, problems
        node = yaml.compose(text, _LOADER)
        if node is None:
            problems.add(1, '', 'is empty; expected a mapping')
            return None, problems
        value = _value(node, problems)
        return (None if problems.found else value), problems
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ' '.join(filter(None, (error.context, error.problem)))
        problems.add(mark.line + 1 if mark else 1, '', f'not YAML: {said}')
    except (yaml.YAMLError, ValueError) as error:
        said = str(error).splitlines()[0] if str(error) else 'unreadable'
        problems.add(1, '', f'not YAML: {said}')
    return None, problems


def main(arguments: Sequence[str]) -> int:
    """`check file.yaml...`: 0 when all is well, 1 with problems, 2 for wrong arguments."""
    if len(arguments) < 2 or arguments[0] != 'check':
        print('expected: check file.yaml [more.yaml]', file=sys.stderr)
        return 2
    loaded = load([Path(name) for name in arguments[1:]])
    for problem in loaded.problems:
        print(problem, file=sys.stderr)
    for entry in loaded.catalogue.entries:
        where = loaded.where.get(entry.id, '')
        if where.rpartition(':')[0] in arguments[1:]:
            print(f'{where}: {entry.id}: good')
    for name in loaded.overridden:
        print(f'{name}: overrides what came before')
    return 1 if loaded.problems else 0


def _read(path: Path, problems: list[Problem]) -> bytes | None:
    try:
        with path.open('rb') as file:
            return file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        problems.append(Problem(str(path), 0, '', error.strerror or 'cannot be read'))
        return None


def _add(
    name: str, data: bytes, documents: list[tuple[Value, Problems]], problems: list[Problem],
) -> None:
    value, found = parse(data, name)
    if value is None:
        problems.extend(found.found)
    else:
        documents.append((value, found))


def _within_limits(text: str, problems: Problems) -> bool:
    """Before composing, which follows nesting and aliases by recursion."""
    depth = documents = 0
    for count, event in enumerate(yaml.parse(text, _LOADER), 1):
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        for wrong, said in (
            (isinstance(event, yaml.AliasEvent) or getattr(event, 'anchor', None),
             'anchors and aliases are not read: write it out'),
            (documents > 1, 'expected one document to a file'),
            (depth > DEPTH_MAX, f'nested more than {DEPTH_MAX} deep'),
            (count > VALUES_MAX, f'more than {VALUES_MAX} values'),
        ):
            if wrong:
                problems.add(event.start_mark.line + 1 if event.start_mark else 1, '', said)
                return False
    return True


def _value(node: yaml.Node, problems: Problems) -> Value:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode) and node.tag == f'{_TAG}map':
        pairs = []
        for key, value in node.value:
            name = _value(key, problems)
            if isinstance(name, Scalar):
                pairs.append((name, _value(value, problems)))
            else:
                problems.add(name.line, '', 'expected text as a key')
        return Mapping(tuple(pairs), line)
    if isinstance(node, yaml.SequenceNode) and node.tag == f'{_TAG}seq':
        return Items(tuple(_value(item, problems) for item in node.value), line)
    if isinstance(node, yaml.ScalarNode) and node.tag in _PLAIN_TAGS:
        nothing = node.tag == f'{_TAG}null' and not node.style
        return Scalar('' if nothing else str(node.value), bool(node.style), line)
    problems.add(line, '', f'the tag {node.tag[:60]!r} is not read')
    return Scalar('', True, line)


if __name__ == '__main__':
    raise SystemExit(main(sys.argv[1:]))
