# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A moment of `make chaos`: four kinds of fault, every promise checked. Hours of it: by hand."""

from pathlib import Path

import pytest
from chaos.run import chaos
from system.breakage import compiler
from system.netns import why_not

SEED = 1
SECONDS = 26.0
KINDS = ('kill', 'deaf', 'disk full', 'liar')

WHY_NOT = why_not() or ('' if compiler() else 'not here: no C compiler')
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


def test_swarm_under_seeded_faults_keeps_what_it_promised_and_says_what_struck(
    tmp_path: Path,
) -> None:
    report = chaos(tmp_path, SEED, SECONDS, 3, KINDS)
    print(report)
    assert {one.strike.kind for one in report.struck} == set(KINDS)
    assert report.accepted > 10 and not report.complaints
