# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Modules of the page fit together: a browser loads none of them where one name is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from swarm_tower.web.server import STATIC

MODULES = sorted(p for p in STATIC.rglob('*.js') if 'vendor' not in p.parts)
IMPORT = re.compile(r"^(?:import|export) (?:\{([^}]*)\} from )?'(\.[^']*)';", re.MULTILINE)
OWN = re.compile(r'^export (?:async )?(?:function|class|const|let) (\w+)', re.MULTILINE)
LISTED = re.compile(r'^export \{([^}]*)\}', re.MULTILINE)


def names(listed: str) -> list[str]:
    """'a, b as c' -> the names that the other module must have."""
    return [part.split(' as ')[0].strip() for part in listed.split(',') if part.strip()]


def exported(path: Path) -> set[str]:
    text = path.read_text()
    given = [part for listed in LISTED.findall(text) for part in listed.split(',')]
    return {*OWN.findall(text), *(part.split(' as ')[-1].strip() for part in given)}


@pytest.mark.parametrize('path', MODULES, ids=lambda p: str(p.relative_to(STATIC)))
def test_every_name_that_is_imported_is_exported(path: Path) -> None:
    for listed, other in IMPORT.findall(path.read_text()):
        target = (path.parent / other).resolve()
        assert target.is_file(), f'{other} is not there'
        assert set(names(listed)) <= exported(target), f'{other} lacks a name'


def test_every_module_is_reached_from_the_page() -> None:
    reached, waiting = set(), [STATIC / 'app.js']
    while waiting:
        path = waiting.pop()
        if path in reached:
            continue
        reached.add(path)
        found = IMPORT.findall(path.read_text())
        waiting += [(path.parent / other).resolve() for _, other in found]
    assert {p.resolve() for p in MODULES} == {p.resolve() for p in reached}
