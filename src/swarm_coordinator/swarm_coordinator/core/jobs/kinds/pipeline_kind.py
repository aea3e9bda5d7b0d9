# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The job kind `pipeline`: jobs whose outputs feed the inputs of others. Owns what a valid one is.

No robot runs a pipeline: the rules of the log submit each stage when what it needs is done.
"""

import re
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import ClassVar

from swarm_coordinator.core.files.names import checked_file_name
from swarm_coordinator.core.jobs.spec import FileRef, JobSpec
from swarm_coordinator.core.jobs.work import Work

STAGES_MAX = 64
STAGE_NAME = re.compile(r'[A-Za-z0-9_-]{1,32}\Z')


@dataclass(frozen=True, slots=True)
class Feed:
    """`output` of `stage` becomes the input `name`."""

    stage: str
    output: str
    name: str


@dataclass(frozen=True, slots=True)
class Stage:
    """One job of a pipeline; `after` and the stages of `feeds` must be done before."""

    name: str
    spec: JobSpec
    after: tuple[str, ...] = ()
    feeds: tuple[Feed, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the stages that it waits for, each once, in order."""
        return tuple(dict.fromkeys((*self.after, *(feed.stage for feed in self.feeds))))


@dataclass(frozen=True, slots=True)
class PipelineWork(Work):
    """The outputs of the pipeline are named '<stage>/<output>'."""

    kind: ClassVar[str] = 'pipeline'
    stages: tuple[Stage, ...]

    def check(self, inputs: tuple[FileRef, ...], outputs: tuple[str, ...]) -> None:
        if not 1 <= len(self.stages) <= STAGES_MAX:
            raise ValueError(f'{len(self.stages)} stages: expected 1 to {STAGES_MAX}')
        if inputs:
            raise ValueError('a pipeline has no inputs of its own: its stages have')
        stages = {stage.name: stage for stage in self.stages}
        if len(stages) != len(self.stages):
            raise ValueError('two stages have the same name')
        for stage in self.stages:
            try:
                _check_stage(stage, stages)
            except ValueError as error:
                raise ValueError(f'stage {stage.name[:40]!r}: {error}') from None
        try:
            TopologicalSorter({stage.name: stage.needs for stage in self.stages}).prepare()
        except CycleError as error:
            circle = ', '.join(error.args[1])
            raise ValueError(f'the stages wait for one another: {circle}') from None
        made = {f'{stage.name}/{name}' for stage in self.stages for name in stage.spec.outputs}
        for name in outputs:
            if name not in made:
                raise ValueError(f"output {name[:80]!r}: expected '<stage>/<output>' of a stage")

    def required(self) -> tuple[str, ...]:
        return ()

    def task(self) -> str:
        return 'pipeline'

    def files(self) -> tuple[FileRef, ...]:
        return tuple(ref for stage in self.stages for ref in stage.spec.inputs)


def _check_stage(stage: Stage, stages: dict[str, Stage]) -> None:
    if not STAGE_NAME.match(stage.name):
        raise ValueError('expected a name of 1 to 32 letters, digits, "_" and "-"')
    if isinstance(stage.spec.work, PipelineWork):
        raise ValueError('a pipeline cannot be a stage of another one')
    for needed in stage.needs:
        if needed not in stages:
            raise ValueError(f'waits for {needed[:40]!r}: expected one of {", ".join(stages)}')
    names = [ref.name for ref in stage.spec.inputs]
    for feed in stage.feeds:
        if feed.output not in stages[feed.stage].spec.outputs:
            raise ValueError(f'{feed.stage} has no output {feed.output[:80]!r}')
        names.append(checked_file_name(feed.name))
    if len(set(names)) != len(names):
        raise ValueError('two inputs have the same name')
    if stage.spec.deadline_ms:
        raise ValueError('deadline_ms is for the pipeline as a whole')
    # What is fed has no size or hash yet; its name is all that the kind may look at.
    fed = tuple(FileRef(feed.name, 0, '0' * 64) for feed in stage.feeds)
    replace(stage.spec, inputs=(*stage.spec.inputs, *fed)).check()
