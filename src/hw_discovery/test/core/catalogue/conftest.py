# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The bundled catalogue, read once; files written in tests."""

from collections.abc import Callable

import pytest

from hw_discovery.catalogue_files import bundled, parse
from hw_discovery.core.catalogue.catalogue import Catalogue
from hw_discovery.core.catalogue.marked import Problem
from hw_discovery.core.catalogue.schema import ReadEntry, read_devices

Read = Callable[[str], tuple[list[ReadEntry], list[Problem]]]


@pytest.fixture(scope='session')
def catalogue() -> Catalogue:
    return bundled()


@pytest.fixture
def read() -> Read:
    """Reads text as a file of devices: entries and problems."""
    def reading(text: str) -> tuple[list[ReadEntry], list[Problem]]:
        value, problems = parse(text.encode(), 'mine.yaml')
        entries = read_devices(value, problems) if value is not None else []
        return entries, problems.found
    return reading
