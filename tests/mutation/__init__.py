# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The table of the mutation gate: faults written by hand, each of which some test must notice.

`scripts/mutants.py` puts them into the core one at a time. A fault that no longer fits the code is
an error, so whoever changes the line says what the fault is now.
"""

from mutation.elections import ELECTIONS, TRANSFER
from mutation.identity import IDENTITY
from mutation.jobs import JOBS, SESSIONS
from mutation.leases import LEASES
from mutation.membership import MEMBERSHIP, SNAPSHOTS
from mutation.modes import EMERGENCY, HEALTH, MODES, SUCCESSION
from mutation.mutant import Mutant
from mutation.replication import READS, REPLICATION
from mutation.storage import STORAGE
from mutation.work import DUTIES, STEALING, WORK
from mutation.work_rules import WORK_RULES

MUTANTS: tuple[Mutant, ...] = (
    *ELECTIONS, *TRANSFER, *REPLICATION, *READS, *MEMBERSHIP, *SNAPSHOTS,
    *JOBS, *SESSIONS, *LEASES, *WORK, *DUTIES, *STEALING, *WORK_RULES, *STORAGE, *MODES,
    *EMERGENCY, *SUCCESSION, *HEALTH, *IDENTITY,
)
