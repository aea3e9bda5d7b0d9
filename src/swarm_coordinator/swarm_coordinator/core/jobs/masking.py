# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which values of a job's environment are not shown.

Owns the rule: a name that holds one of these words, in any case, marks its value as a secret. The
log and the robot that runs the job have the value; no view does. Arguments, results and what a job
prints are shown as they are: a secret belongs into the environment or a file.
"""

from __future__ import annotations

MASK = '(not shown)'
WORDS = ('PASS', 'SECRET', 'TOKEN', 'KEY', 'CREDENTIAL', 'PRIVATE')


def is_secret(name: str) -> bool:
    upper = name.upper()
    return any(word in upper for word in WORDS)


def shown(name: str, value: str) -> str:
    return MASK if value and is_secret(name) else value
