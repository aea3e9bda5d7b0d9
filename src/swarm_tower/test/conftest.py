# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Lets the tests import their own fact makers and the fake swarm, wherever pytest is started, and
gives those that want ROS 2 a tower with robots on the air."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

TEST = Path(__file__).parent
sys.path[:0] = [str(TEST), str(TEST / 'ros')]

if TYPE_CHECKING:
    from fake_mind import FakeMind
    from robots_on_air import OnAir


@pytest.fixture
def air() -> Iterator[OnAir]:
    from robots_on_air import OnAir

    made = OnAir()
    yield made
    made.close()


@pytest.fixture
def mind(air: OnAir) -> FakeMind:
    from fake_mind import FakeMind

    return FakeMind(air.swarm)
