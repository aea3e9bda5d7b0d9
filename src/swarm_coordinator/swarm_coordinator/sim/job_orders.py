# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a step of a schedule says about a job, and the specification that follows from it.

Owns the words. Refuses to know who submits a job and who runs it.

    does=ok        ends well after run=MS        does=fail      exit code 3 after run=MS
    does=hang      never ends by itself          does=poison    kills its robot after run=MS
    does=stubborn  ok, but takes no notice of being asked to stop
    does=unable    cannot be started where fewer than two attempts came before

    in=N, out=N    files; same=1: with the same contents as those of other jobs
    effects=...    none, idempotent, fenced, once
    key=K          idempotency key; needs=NAME a program that not every robot has
    prio=N tries=N limit=MS folder=1 retries=N rest=MS due=MS (after its submission)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields

from swarm_coordinator.core.jobs.kinds.exec_kind import ExecWork
from swarm_coordinator.core.jobs.spec import Effects, FileRef, JobSpec

DOES = ('ok', 'fail', 'hang', 'poison', 'stubborn', 'unable')
COMMON_PROGRAM = 'work'     # every robot has it
RARE_PROGRAM = 'forge'      # some robots have it
NO_PROGRAM = 'alchemy'      # no robot has it


@dataclass(frozen=True)
class JobOrder:
    """See the module's text. `files` is what the origin has stored for it."""

    does: str = 'ok'
    run: int = 100
    inputs: int = 0
    outputs: int = 0
    same: int = 0
    effects: str = 'idempotent'
    key: str = ''
    needs: str = COMMON_PROGRAM
    prio: int = 0
    tries: int = 3
    limit: int = 0
    folder: int = 0
    retries: int = 0
    rest: int = 500
    due: int = 0

    def __post_init__(self) -> None:
        if self.does not in DOES:
            raise ValueError(f'does={self.does!r}: expected one of {", ".join(DOES)}')
        known = [one.value for one in Effects]
        if self.effects not in known:
            raise ValueError(f'effects={self.effects!r}: expected one of {", ".join(known)}')

    @property
    def words(self) -> tuple[str, ...]:
        """Only what differs from the defaults."""
        plain = JobOrder()
        named = ((ALIASES.get(one.name, one.name), one.name) for one in fields(self))
        return tuple(
            f'{word}={getattr(self, name)}' for word, name in named
            if getattr(self, name) != getattr(plain, name)
        )

    def input_files(self, name: str) -> tuple[FileRef, ...]:
        whose = 'everybody' if self.same else name
        return tuple(made_file(f'in{n}', f'{whose} {n}') for n in range(self.inputs))

    def spec(self, name: str) -> JobSpec:
        argv = (self.needs, self.does, str(self.run))
        return JobSpec(
            work=ExecWork(argv),
            inputs=self.input_files(name),
            outputs=tuple(f'out{n}' for n in range(self.outputs)),
            timeout_ms=self.limit,
            attempts_max=self.tries,
            effects=Effects(self.effects),
            priority=self.prio,
            retries=self.retries,
            retry_delay_ms=self.rest,
            deadline_ms=self.due,
        )


ALIASES = {'inputs': 'in', 'outputs': 'out'}
NAMES = {ALIASES.get(one.name, one.name): one for one in fields(JobOrder)}


def order_of(words: tuple[str, ...]) -> JobOrder:
    """Raises ValueError that says which words there are."""
    found: dict[str, int | str] = {}
    for word in words:
        name, _, value = word.partition('=')
        if name not in NAMES:
            raise ValueError(f'{word!r}: expected one of {", ".join(NAMES)} with a value')
        one = NAMES[name]
        found[one.name] = int(value) if isinstance(one.default, int) else value
    return JobOrder(**found)    # type: ignore[arg-type]


def made_file(name: str, content: str) -> FileRef:
    return FileRef(name, len(content), hashlib.sha256(content.encode()).hexdigest())


def made_output(name: str, job_id: str, token: int) -> FileRef:
    """What an attempt makes tells who made it."""
    return made_file(name, f'{name} of {job_id} under {token}')


@dataclass(frozen=True)
class Behaviour:
    """What a simulated process reads from its arguments."""

    does: str
    run_ms: int

    @classmethod
    def of(cls, spec: JobSpec) -> Behaviour:
        argv = argv_of(spec)
        return cls(argv[1], int(argv[2]))


def argv_of(spec: JobSpec) -> tuple[str, ...]:
    assert isinstance(spec.work, ExecWork)
    return spec.work.argv
