# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The kinds of job, one file each; JOB_KINDS is the only list of them."""

from swarm_coordinator.core.jobs.kinds.exec_kind import EXEC, JobKind

JOB_KINDS: dict[str, JobKind] = {kind.name: kind for kind in (EXEC,)}
