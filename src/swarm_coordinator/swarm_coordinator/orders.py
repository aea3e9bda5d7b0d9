# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A job as a client asks for it: owns what is given beside the work, and how it becomes a
specification with files by path. The Python API, swarmctl and batch files make their jobs here.

Refuses to know ROS and how a job is sent.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

from swarm_coordinator.core.jobs.kinds import JOB_KINDS
from swarm_coordinator.core.jobs.kinds.pipeline_kind import Feed, PipelineWork, Stage
from swarm_coordinator.core.jobs.spec import Effects, FileRef, JobSpec
from swarm_coordinator.core.jobs.work import Work

KEY_CHARS_MAX = 200
_NOT_STORED = '0' * 64  # of a file that is known by its path only


@dataclass(frozen=True)
class JobOptions:
    """What any job may be given. Paths are absolute and on the machine of the robot that is asked;
    0 and '' mean the default of the robot that runs it.

    inputs           files, each put into the job's folder under its base name
    outputs          names of files in the job's folder that come back; all must be there
    output_dir       where they are put; '' = they stay in the robot's store
    key              the same key gives the same job; '' = one of its own
    timeout_s        run time of one attempt
    deadline_s       from the submission; a job that has not ended then expires; 0 = never
    attempts_max     attempts that may be lost with their robot, before it is given up
    retries          how often a failure of the job itself is tried again
    retry_delay_s    before the first of these; doubles, at most 60 s
    effects          what running it twice would do: none, idempotent, fenced or once
    priority         higher first
    requires         capabilities that the robot must have
    memory_mb        the robot must have it, and the job gets no more (MiB)
    cpu              cores at most, 0.5 = half of one
    file_mb          at most, of each file that it writes (MiB)
    battery_percent  least charge of a robot with a battery
    compute_unit     'cpu', 'gpu', 'npu' or the id of a unit
    labels           for people and for listing
    """

    inputs: Sequence[str | PurePath] = ()
    outputs: Sequence[str] = ()
    output_dir: str | PurePath = ''
    key: str = ''
    timeout_s: float = 0.0
    deadline_s: float = 0.0
    attempts_max: int = 3
    retries: int = 0
    retry_delay_s: float = 1.0
    effects: str = 'idempotent'
    priority: int = 0
    requires: Sequence[str] = ()
    memory_mb: float = 0.0
    cpu: float = 0.0
    file_mb: float = 0.0
    battery_percent: float = 0.0
    compute_unit: str = ''
    labels: Sequence[str] = ()


@dataclass(frozen=True)
class JobOrder:
    """A job to be submitted. `stage_paths`: input files of a pipeline's stages, by stage."""

    spec: JobSpec
    input_paths: tuple[str, ...] = ()
    output_dir: str = ''
    key: str = ''
    stage_paths: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def names_files(self) -> bool:
        """Only the robot on whose machine they are can take it."""
        return bool(self.input_paths or self.output_dir or self.stage_paths)

    def keyed(self, key: str) -> 'JobOrder':
        """With this key, unless it has one."""
        return self if self.key else replace(self, key=key)


def work_of(kind: str, **given: Any) -> Work:
    """The work of a kind by the names of its fields. Raises ValueError."""
    if kind not in JOB_KINDS or kind == PipelineWork.kind:
        known = ', '.join(name for name in JOB_KINDS if name != PipelineWork.kind)
        raise ValueError(f'kind={kind[:40]!r}: expected one of {known}')
    return JOB_KINDS[kind](**given)


def order(work: Work, options: JobOptions | None = None) -> JobOrder:
    """Raises ValueError that says what was expected."""
    options = options or JobOptions()
    made = JobOrder(
        spec=_spec(work, options),
        input_paths=tuple(_absolute(path) for path in options.inputs),
        output_dir=_absolute(options.output_dir) if str(options.output_dir) else '',
        key=_checked_key(options.key),
    )
    _with_names(made.spec, made.input_paths).check()
    return made


def _spec(work: Work, options: JobOptions) -> JobSpec:
    return JobSpec(
        work=work,
        outputs=_texts('outputs', options.outputs),
        timeout_ms=_scaled('timeout_s', options.timeout_s, 1000),
        deadline_ms=_scaled('deadline_s', options.deadline_s, 1000),
        attempts_max=options.attempts_max,
        retries=options.retries,
        retry_delay_ms=_scaled('retry_delay_s', options.retry_delay_s, 1000),
        effects=_effects(options.effects),
        priority=options.priority,
        requires=_texts('requires', options.requires),
        memory_bytes=_scaled('memory_mb', options.memory_mb, 1 << 20),
        cpu_milli=_scaled('cpu', options.cpu, 1000),
        file_bytes=_scaled('file_mb', options.file_mb, 1 << 20),
        battery_permille=_scaled('battery_percent', options.battery_percent, 10),
        compute_unit=options.compute_unit,
        labels=_texts('labels', options.labels),
    )


def _texts(name: str, given: Sequence[str]) -> tuple[str, ...]:
    if isinstance(given, str):
        raise ValueError(f'{name}={given[:80]!r}: expected a list of texts, not one text')
    return tuple(given)


def _scaled(name: str, value: float, factor: int) -> int:
    if not 0 <= value < math.inf:
        raise ValueError(f'{name}={value}: expected a number from 0 on')
    return round(value * factor)


def _effects(name: str) -> Effects:
    try:
        return Effects(name)
    except ValueError:
        known = ', '.join(one.value for one in Effects)
        raise ValueError(f'effects={name!r}: expected one of {known}') from None


def _absolute(path: str | PurePath) -> str:
    if not str(path).startswith('/'):
        raise ValueError(
            f'{str(path)!r}: expected an absolute path, on the machine of the robot that is asked'
        )
    return str(path)


def _checked_key(key: str) -> str:
    if len(key) > KEY_CHARS_MAX:
        raise ValueError(f'key: {len(key)} characters, expected at most {KEY_CHARS_MAX}')
    return key


def _with_names(spec: JobSpec, paths: Sequence[str]) -> JobSpec:
    refs = tuple(FileRef(PurePath(path).name, 0, _NOT_STORED) for path in paths)
    return replace(spec, inputs=(*spec.inputs, *refs))


def key_of(run: str, name: str, made: JobOrder, files: Sequence[object] = ()) -> str:
    """The key of a job that is the same in each attempt at the same run. `files`: what is known
    of its input files; where that changed it is another job."""
    content = repr((name, replace(made, key=''), tuple(files)))
    return f'{run}-{hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]}'


# ---- JSON


def json_text(value: Any, what: str) -> str:
    """Strict JSON. Raises TypeError that says where it is none."""
    _check_json(value, what, 0)
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(',', ':'))


def _check_json(value: Any, where: str, depth: int) -> None:
    if depth > 64:
        raise TypeError(f'{where}: nested more than 64 deep')
    if value is None or isinstance(value, (bool, int, str)):
        return
    if isinstance(value, float) and math.isfinite(value):
        return
    if isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            _check_json(item, f'{where}[{number}]', depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f'{where}: key {key!r} is no text, as JSON needs it')
            _check_json(item, f'{where}[{key!r}]', depth + 1)
    else:
        raise TypeError(
            f'{where} is {type(value).__name__} {repr(value)[:60]}: expected what JSON can say '
            '(None, bool, int, finite float, str, list, dict); put other data into an input file'
        )


# ---- pipelines


@dataclass
class Pipeline:
    """Jobs whose outputs feed the inputs of others, built stage by stage."""

    options: JobOptions = field(default_factory=JobOptions)
    _stages: list[Stage] = field(default_factory=list)
    _paths: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def stage(
        self,
        name: str,
        work: Work,
        options: JobOptions | None = None,
        after: Sequence[str] = (),
        feeds: Mapping[str, tuple[str, str]] | None = None,
    ) -> 'Pipeline':
        """Add one; returns the pipeline.

        after  stages that must be done before
        feeds  input name here -> (stage, name of its output)
        Of `options`, output_dir, key and deadline_s are for the pipeline as a whole.
        """
        options = options or JobOptions()
        if str(options.output_dir) or options.key or options.deadline_s:
            raise ValueError(f'stage {name!r}: output_dir, key, deadline_s are for the pipeline')
        fed = tuple(Feed(stage, out, here) for here, (stage, out) in (feeds or {}).items())
        self._stages.append(Stage(name, _spec(work, options), tuple(after), fed))
        if options.inputs:
            self._paths.append((name, tuple(_absolute(path) for path in options.inputs)))
        return self

    def order(self) -> JobOrder:
        """Raises ValueError that says what was expected."""
        if self.options.inputs:
            raise ValueError('inputs: a pipeline has none of its own: give them to its stages')
        paths = dict(self._paths)
        named = tuple(
            replace(stage, spec=_with_names(stage.spec, paths.get(stage.name, ())))
            for stage in self._stages
        )
        _spec(PipelineWork(named), self.options).check()
        return JobOrder(
            spec=_spec(PipelineWork(tuple(self._stages)), self.options),
            output_dir=_absolute(self.options.output_dir) if str(self.options.output_dir) else '',
            key=_checked_key(self.options.key),
            stage_paths=tuple(self._paths),
        )
