# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The kinds of job, one file each; JOB_KINDS is the only list of them."""

from swarm_coordinator.core.jobs.kinds.call_kind import CallWork
from swarm_coordinator.core.jobs.kinds.encode_kind import EncodeWork
from swarm_coordinator.core.jobs.kinds.exec_kind import ExecWork
from swarm_coordinator.core.jobs.kinds.pipeline_kind import PipelineWork
from swarm_coordinator.core.jobs.kinds.python_kind import PythonWork
from swarm_coordinator.core.jobs.kinds.record_kind import RecordWork
from swarm_coordinator.core.jobs.work import Work
from swarm_coordinator.core.replicated.codec import add_family

JOB_KINDS: dict[str, type[Work]] = {
    kind.kind: kind
    for kind in (ExecWork, PythonWork, RecordWork, CallWork, EncodeWork, PipelineWork)
}
add_family(Work, JOB_KINDS)
