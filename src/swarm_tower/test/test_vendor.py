# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What others made is as they made it, and comes with its licence."""

from __future__ import annotations

import hashlib

import pytest

from swarm_tower.web.server import STATIC

VENDOR = STATIC / 'vendor'
FILES = {  # of uPlot 1.6.32 as published in the npm registry
    'uPlot.iife.min.js': '19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f',
    'uPlot.min.css': 'df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04',
}


@pytest.mark.parametrize('name', FILES)
def test_file_is_as_it_was_published(name: str) -> None:
    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == FILES[name]


def test_nothing_is_there_that_is_not_named_here_and_the_licence_is() -> None:
    assert {path.name for path in VENDOR.iterdir()} == {*FILES, 'LICENSE-uPlot'}
    assert 'MIT License' in (VENDOR / 'LICENSE-uPlot').read_text()
