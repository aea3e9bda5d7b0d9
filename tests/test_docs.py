# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the documentation names exists: files, make targets, command lines, arguments, topics."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SKIPPED = {'.venv', 'build', 'install', 'log', '.git', 'node_modules'}
PAGES = sorted(
    page for page in ROOT.rglob('*.md') if not SKIPPED & set(page.relative_to(ROOT).parts)
)
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
FENCE = re.compile(r'^```.*?^```', re.MULTILINE | re.DOTALL)
SPAN = re.compile(r'`([^`\n]+)`')
LINK = re.compile(r'\]\(([^)\s]+)\)|\bsrc="([^"]+)"|\bhref="([^"]+)"')


def code(page: Path) -> Iterator[str]:
    """Every line of a code block, joined at a trailing backslash, and every `span`."""
    text = page.read_text()
    for block in FENCE.findall(text):
        yield from block.replace('\\\n', ' ').splitlines()[1:-1]
    yield from SPAN.findall(FENCE.sub('', text))


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each command line, one for each part of a pipe or chain."""
    for line in code(page):
        try:
            lexer = shlex.shlex(line.strip().removeprefix('$ '), posix=True,
                                punctuation_chars='|&;')
            lexer.whitespace_split = True
            words = list(lexer)
        except ValueError:
            continue  # prose or another language with an odd quote
        command: list[str] = []
        for word in [*words, ';']:
            if word and set(word) <= set('|&;'):
                if command:
                    yield command
                command = []
            else:
                command.append(word)


def anchors(page: Path) -> set[str]:
    """The names that headings get on the usual code hosts."""
    heads = re.findall(r'^#+\s+(.*)$', FENCE.sub('', page.read_text()), re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', head.strip().lower()).replace(' ', '-') for head in heads}


def leads_somewhere(file: Path, anchor: str) -> bool:
    if not file.exists():
        return False
    return not anchor or file.suffix != '.md' or anchor in anchors(file)


@pytest.mark.parametrize('page', PAGES, ids=IDS)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for found in LINK.findall(FENCE.sub('', page.read_text())):
        target = next(part for part in found if part)
        if re.match(r'[a-z]+:', target):
            continue
        path, _, anchor = target.partition('#')
        if not leads_somewhere((page.parent / path).resolve() if path else page, anchor):
            broken.append(target)
    assert not broken


def make_targets() -> set[str]:
    lines = (ROOT / 'Makefile').read_text().splitlines()
    return {match[1] for line in lines if (match := re.match(r'([a-z][\w-]*):(?!=)', line))}


@pytest.mark.parametrize('page', PAGES, ids=IDS)
def test_every_make_target_named_exists(page: Path) -> None:
    named = set()
    for words in commands(page):
        if words[0] == 'make':
            plain = [word for word in words[1:] if re.fullmatch(r'[a-z][\w-]*', word)]
            named |= set(plain[:1])
    assert named <= make_targets()


def command_lines(page: Path, program: str) -> Iterator[list[str]]:
    for words in commands(page):
        words = [word for word in words if not re.fullmatch(r'[A-Z_]+=\S*', word)]
        if words[:3] == ['ros2', 'run', 'swarm_coordinator']:
            words = words[3:]
        if words[:1] == [program] and len(words) > 1:
            yield words[1:]


def spoken(words: list[str]) -> list[str]:
    """Up to a comment or a redirection; `...` stands for what the reader fills in."""
    kept: list[str] = []
    for word in words:
        if word.startswith(('#', '>', '2>', '<')) and not re.fullmatch(r'<\w+>', word):
            break
        kept.append(word)
    return kept


@pytest.mark.parametrize('page', PAGES, ids=IDS)
def test_every_swarmctl_line_is_accepted_by_the_real_parser(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from swarm_coordinator.cli.swarmctl import build_parser

    refused = []
    for words in command_lines(page, 'swarmctl'):
        try:
            build_parser().parse_args(spoken(words))
        except SystemExit as end:
            if end.code:
                said = capsys.readouterr().err.strip().splitlines()[-1:]
                refused.append(f'swarmctl {" ".join(words)}: {said}')
    assert not refused


@pytest.mark.parametrize('page', PAGES, ids=IDS)
def test_every_launch_argument_is_accepted(page: Path) -> None:
    from swarm_coordinator.launch_plan import plan

    for words in commands(page):
        if words[:2] == ['ros2', 'launch'] and 'swarm.launch.py' in ' '.join(words):
            given = dict(word.split(':=', 1) for word in words if ':=' in word)
            assert plan(given, host_name='host', home='/home/user')


def test_readme_has_a_table_row_for_every_topic() -> None:
    from swarm_coordinator.ros.topics import TOPICS

    rows = [line for line in (ROOT / 'README.md').read_text().splitlines() if line[:1] == '|']
    assert TOPICS
    missing = [
        name
        for name in TOPICS
        if not any(f'`{name}`' in row or f'/{name}`' in row for row in rows)
    ]
    assert not missing


@pytest.mark.parametrize('page', PAGES, ids=IDS)
def test_every_swarm_topic_named_exists(page: Path) -> None:
    named = set(re.findall(r'`(/swarm/[a-z_]+)`', page.read_text()))
    assert named <= topics_in_code()


def topics_in_code() -> set[str]:
    """Also those of the parts that are not the coordinator."""
    files = (ROOT / 'src').glob('*/*/**/*.py')
    return {name for file in files if '/ros/' in str(file)
            for name in re.findall(r"'(/swarm/[a-z_]+)'", file.read_text())}


def test_readme_shows_how_to_start() -> None:
    said = {' '.join(words[:2]) for words in commands(ROOT / 'README.md')}
    assert {'make demo', 'make test'} <= said


def test_a_wrong_command_line_would_be_noticed(tmp_path: Path) -> None:
    """The reading of pages must be able to fail."""
    page = tmp_path / 'page.md'
    page.write_text('Run `make nonsense`.\n\n```\n$ swarmctl --json status | cat  # x\n```\n')
    assert ['make', 'nonsense'] in list(commands(page))
    assert list(command_lines(page, 'swarmctl')) == [['--json', 'status']]
