# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which stored files this robot still needs, and for which job. Owns when one may go."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class References:
    """`keep` states the whole need of one job; it returns the files that nobody needs any more."""

    by_job: dict[str, frozenset[str]] = field(default_factory=dict)
    users: dict[str, int] = field(default_factory=dict)

    def needed(self, sha256: str) -> bool:
        return sha256 in self.users

    def keep(self, job_id: str, files: Iterable[str]) -> list[str]:
        before = self.by_job.get(job_id, frozenset())
        now = frozenset(files)
        if before == now:
            return []
        for sha256 in now - before:
            self.users[sha256] = self.users.get(sha256, 0) + 1
        freed = []
        for sha256 in sorted(before - now):
            self.users[sha256] -= 1
            if not self.users[sha256]:
                del self.users[sha256]
                freed.append(sha256)
        if now:
            self.by_job[job_id] = now
        else:
            self.by_job.pop(job_id, None)
        return freed

    def check_invariants(self) -> None:
        counted: dict[str, int] = {}
        for files in self.by_job.values():
            assert files
            for sha256 in files:
                counted[sha256] = counted.get(sha256, 0) + 1
        assert counted == self.users
