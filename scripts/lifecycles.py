# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/lifecycles/*.md from the transition tables; --check only compares.

Owns the look of the diagrams. Refuses to know a transition by itself: all come from the tables.
"""

import argparse
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'src' / 'swarm_coordinator'))
sys.path.insert(0, str(ROOT / 'src' / 'swarm_learning'))

from swarm_coordinator.core.jobs.job import ENDED_PHASES, JOB_TRANSITIONS, JobPhase  # noqa: E402
from swarm_coordinator.core.modes import mode, policy  # noqa: E402
from swarm_learning.core.policies import lifecycle  # noqa: E402

MODE_HEAD = """# The modes of the swarm

Drawn by `scripts/lifecycles.py` from `MODES` in
`src/swarm_coordinator/swarm_coordinator/core/modes/mode.py` and `RULES` in `policy.py` beside it.
The leader commits the mode, every robot acts under it. A robot may be more cautious than its swarm
(further down in the table), never bolder: `local.py` says when. Running jobs go on in every mode.

"""

POLICY_HEAD = """
The first rule that applies decides; from any mode the swarm can change to any other. An operator's
override puts any mode in force, with a reason and an end, whatever the rules want.

"""

VERSION_HEAD = """# The life of a version of a learned policy

Drawn by `scripts/lifecycles.py` from `VERSION_TRANSITIONS` in
`src/swarm_learning/swarm_learning/core/policies/lifecycle.py`. A shadow is asked and not followed,
a canary is followed for a part of the decisions. What has no arrow is refused and changes nothing;
`judgement.py` beside it says what a version must show.

"""

Phase = TypeVar('Phase', bound=Enum)
Event = TypeVar('Event', bound=Enum)

JOB_HEAD = """# The life of a job

Drawn by `scripts/lifecycles.py` from `JOB_TRANSITIONS` in
`src/swarm_coordinator/swarm_coordinator/core/jobs/job.py`. Every arrow is an entry of the log;
what has no arrow is refused and changes nothing.

"""


def diagram(
    first: Phase, table: Mapping[tuple[Phase, Event], Phase], ended: frozenset[Phase]
) -> str:
    """A mermaid state diagram with the arrows in the order of the table."""
    lines = ['stateDiagram-v2', f'    [*] --> {first.value}']
    lines += [
        f'    {phase.value} --> {to.value}: {event.value}' for (phase, event), to in table.items()
    ]
    lines += [f'    {phase.value} --> [*]' for phase in type(first) if phase in ended]
    return '\n'.join(['```mermaid', *lines, '```', ''])


def documents() -> dict[Path, str]:
    job = JOB_HEAD + diagram(JobPhase.SUBMITTED, JOB_TRANSITIONS, ENDED_PHASES)
    modes = MODE_HEAD + mode.table_text() + POLICY_HEAD + policy.diagram()
    folder = ROOT / 'docs' / 'lifecycles'
    version = VERSION_HEAD + lifecycle.diagram()
    return {folder / 'job.md': job, folder / 'mode.md': modes, folder / 'policy.md': version}


def main() -> int:
    parser = argparse.ArgumentParser(description='Draw the lifecycles in docs/lifecycles.')
    parser.add_argument(
        '--check', action='store_true', help='only say whether they are up to date'
    )
    options = parser.parse_args()
    stale = [path for path, text in documents().items() if _old(path) != text]
    if options.check:
        for path in stale:
            print(f'{path} is out of date: run python scripts/lifecycles.py', file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(documents()[path])
        print(path)
    return 0


def _old(path: Path) -> str:
    return path.read_text() if path.exists() else ''


if __name__ == '__main__':
    sys.exit(main())
