# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The batch file: many jobs in one YAML file. Owns the format (docs/JOBS.md) and how its jobs
become orders; every problem is told with its line and column, all at once.

Jobs that read the outputs of others, or come after others, become one pipeline together.
"""

import contextlib
import glob
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from swarm_coordinator.batch_copies import Copies, Item, copy_name, filled
from swarm_coordinator.core.jobs.kinds.pipeline_kind import STAGE_NAME, STAGES_MAX
from swarm_coordinator.core.jobs.work import Work
from swarm_coordinator.marked_yaml import PROBLEMS_MAX, Marked, Problem, TooManyProblems
from swarm_coordinator.orders import (
    JobOptions,
    JobOrder,
    Pipeline,
    json_text,
    key_of,
    order,
    work_of,
)

JOBS_MAX = 10_000  # ended jobs that the swarm remembers


class BatchErrors(Exception):
    """`problems` in the order of the file."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.file = file
        self.problems = tuple(sorted(problems))
        super().__init__('\n'.join(self.lines()))

    def lines(self) -> list[str]:
        """'file:line:column: what is wrong'."""
        shown = [f'{self.file}:{one.line}:{one.column}: {one.text}' for one in self.problems]
        return [*shown, f'{self.file}: and more'] if len(shown) >= PROBLEMS_MAX else shown


@dataclass(frozen=True)
class BatchJob:
    """`name` is unique in its batch; a pipeline has that of its first job. `names`: all of its
    jobs."""

    name: str
    names: tuple[str, ...]
    order: JobOrder


@dataclass(frozen=True)
class Batch:
    name: str
    jobs: tuple[BatchJob, ...]


@dataclass(frozen=True)
class _Feed:
    job: str
    output: str  # '' = the only one
    name: str  # '' = as it is called there
    node: yaml.Node


@dataclass
class _Draft:
    """One job of the file, or one copy of it."""

    name: str
    node: yaml.Node
    work: Work
    options: JobOptions
    feeds: tuple[_Feed, ...]
    after: tuple[tuple[str, yaml.Node], ...]
    base: str  # name of the job of the file
    item: Item | None


# How each option is read; their names and meaning are those of JobOptions.
_INTEGERS = ('attempts_max', 'retries', 'priority')
_NUMBERS = ('timeout_s', 'deadline_s', 'retry_delay_s', 'memory_mb', 'cpu', 'file_mb',
            'battery_percent')
_LISTS = ('outputs', 'requires', 'labels')
_OPTIONS = tuple(one.name for one in fields(JobOptions) if one.name not in ('inputs', 'key'))
_WORKS = ('exec', 'python', 'record', 'call', 'encode')
_JOB_KEYS = dict.fromkeys(('name', *_WORKS, 'inputs', 'foreach', 'after', *_OPTIONS))
_DEFAULT_KEYS = dict.fromkeys(_OPTIONS)
_FILE_KEYS = dict.fromkeys(('name', 'defaults', 'jobs'))
_INPUT_KEYS = dict.fromkeys(('from', 'output', 'name'))


def read_batch(text: str, file: str, folder: Path, run: str) -> Batch:
    """The jobs of a batch file.

    file    what the file is called, for problems
    folder  what relative paths start from; absolute
    run     name of this run: the same run of the same file has the same idempotency keys
    Raises BatchErrors.
    """
    reading = _Reading(Marked(), folder, run)
    batch = None
    with contextlib.suppress(TooManyProblems):
        batch = reading.batch(text, Path(file).stem)
    if reading.marked.problems or batch is None:
        raise BatchErrors(file, reading.marked.problems)
    return batch


@dataclass
class _Reading:
    marked: Marked
    folder: Path
    run: str
    drafts: dict[str, _Draft] = field(default_factory=dict)  # by name
    copies: dict[str, Copies] = field(default_factory=dict)  # by name of the job of the file
    _named: set[str] = field(default_factory=set)
    _mentions: list[tuple[str, yaml.Node]] = field(default_factory=list)  # jobs, by other jobs

    # ---- the file

    def batch(self, text: str, stem: str) -> Batch | None:
        root = self.marked.compose(text)
        if root is None:
            if not self.marked.problems:
                self.marked.problems.append(Problem(1, 1, 'empty: expected a mapping with "jobs"'))
            return None
        top = self.marked.mapping(root, 'the file', _FILE_KEYS)
        if top is None:
            return None
        name = (self.marked.text(top['name'], 'name') if 'name' in top else stem) or stem
        defaults: dict[str, yaml.Node] = {}
        if 'defaults' in top:
            defaults = self.marked.mapping(top['defaults'], 'defaults', _DEFAULT_KEYS) or {}
        if 'jobs' not in top:
            self.marked.wrong(root, 'the file: expected "jobs", a list of jobs')
            return None
        self._collect(top['jobs'], defaults)
        return Batch(name, tuple(self._ordered(name)))

    def _collect(self, node: yaml.Node, defaults: Mapping[str, yaml.Node]) -> None:
        number = 0

        def read(item: yaml.Node, what: str) -> None:
            nonlocal number
            number += 1
            self._job(item, number, defaults)

        if self.marked.items(node, 'jobs', read) is None:
            return
        if not number:
            self.marked.wrong(node, 'jobs: expected at least one')

    # ---- one job

    def _job(self, node: yaml.Node, number: int, defaults: Mapping[str, yaml.Node]) -> None:
        found = self.marked.mapping(node, f'job {number}', _JOB_KEYS)
        if found is None:
            return
        name = self._name(found.get('name'), number)
        what = f'job {name!r}'
        copies = self._foreach(found['foreach'], name) if 'foreach' in found else Copies((None,))
        self._named.add(name)
        self.copies[name] = copies
        if len(self.drafts) + len(copies.items) > JOBS_MAX:
            self.marked.wrong(node, f'more than {JOBS_MAX} jobs: split the file')
            raise TooManyProblems
        for item in copies.items:
            draft = self._draft(node, name, what, {**defaults, **found}, item)
            if draft is None:
                continue
            known = self.drafts.setdefault(draft.name, draft)
            if known.base != name:
                self.marked.wrong(node, f'two jobs or copies are called {draft.name!r}')

    def _name(self, node: yaml.Node | None, number: int) -> str:
        name = self.marked.text(node, 'name') if node is not None else None
        if node is None or name is None:
            return f'job-{number}'
        if not STAGE_NAME.match(name):
            self.marked.wrong(node, f'name {name[:40]!r}: expected 1 to 32 letters, digits, "_" '
                                    'and "-"')
        elif name in self._named:
            self.marked.wrong(node, f'two jobs are called {name!r}')
        return name

    def _draft(
        self, node: yaml.Node, name: str, what: str, found: Mapping[str, yaml.Node],
        item: Item | None,
    ) -> _Draft | None:
        filling = _Filling(self.marked, item)
        works = [key for key in _WORKS if key in found]
        if len(works) != 1:
            given = ' and '.join(works) if works else 'none'
            self.marked.wrong(node, f'{what}: expected one of {", ".join(_WORKS)}; it has {given}')
            return None
        before = len(self.marked.problems)
        work = self._work(works[0], found[works[0]], what, filling)
        paths, feeds = self._inputs(found.get('inputs'), what, filling)
        options = self._options(found, what, filling, paths)
        after = self._after(found.get('after'), what)
        if work is None or len(self.marked.problems) > before:
            return None
        return _Draft(copy_name(name, item), node, work, options, feeds, after, name, item)

    def _work(
        self, kind: str, node: yaml.Node, what: str, filling: '_Filling'
    ) -> Work | None:
        given: dict[str, Any] | None = getattr(self, f'_{kind}')(node, f'{what}: {kind}', filling)
        if given is None:
            return None
        try:
            return work_of(kind, **given)
        except (ValueError, TypeError) as error:
            missing = "missing: expected 'callable', 'name', 'interface_type' or 'codec'"
            said = missing if isinstance(error, TypeError) else error
            self.marked.wrong(node, f'{what}: {kind}: {said}')
            return None

    def _exec(self, node: yaml.Node, what: str, filling: '_Filling') -> dict[str, Any] | None:
        if isinstance(node, yaml.SequenceNode) and node.tag.endswith(':seq'):
            return {'argv': filling.texts(node, what) or ()}
        return self._fields(node, what, {
            'argv': filling.texts,
            'environment': filling.pairs,
            'stdin': filling.text,
            'folder': filling.text,
        }, needed=('argv',))

    def _python(self, node: yaml.Node, what: str, filling: '_Filling') -> dict[str, Any] | None:
        if isinstance(node, yaml.ScalarNode):
            return {'callable': filling.text(node, what) or ''}
        return self._fields(node, what, {
            'callable': filling.text, 'arguments': filling.json_text,
        }, needed=('callable',))

    def _record(self, node: yaml.Node, what: str, filling: '_Filling') -> dict[str, Any] | None:
        found = self._fields(node, what, {
            'topics': filling.texts, 'for_s': self.marked.number, 'messages_max':
            self.marked.integer,
        }, needed=('topics',))
        if found is not None and 'for_s' in found:
            found['duration_ms'] = round(min(found.pop('for_s'), 1e9) * 1000)
        return found

    def _call(self, node: yaml.Node, what: str, filling: '_Filling') -> dict[str, Any] | None:
        found = self._fields(node, what, {
            'name': filling.text, 'type': filling.text, 'request': filling.json_text,
        }, needed=('name', 'type'))
        if found is not None:
            found['interface_type'] = found.pop('type')
        return found

    def _encode(self, node: yaml.Node, what: str, filling: '_Filling') -> dict[str, Any] | None:
        if isinstance(node, yaml.ScalarNode):
            return {'codec': filling.text(node, what) or ''}
        whole = self.marked.integer
        return self._fields(node, what, {
            'codec': filling.text, 'bitrate_kbps': whole, 'width': whole, 'height': whole,
        }, needed=('codec',))

    def _fields(
        self, node: yaml.Node, what: str, readers: Mapping[str, Callable[[yaml.Node, str], Any]],
        needed: Sequence[str],
    ) -> dict[str, Any] | None:
        found = self.marked.mapping(node, what, readers)
        if found is None:
            return None
        for key in needed:
            if key not in found:
                self.marked.wrong(node, f'{what}: expected {key!r}')
        values = {key: readers[key](value, f'{what}.{key}') for key, value in found.items()}
        complete = all(value is not None for value in values.values())
        return values if complete and all(key in found for key in needed) else None

    # ---- what any job has

    def _options(
        self, found: Mapping[str, yaml.Node], what: str, filling: '_Filling',
        paths: tuple[str, ...],
    ) -> JobOptions:
        values: dict[str, Any] = {}
        for key in _OPTIONS:
            if key not in found:
                continue
            node = found[key]
            if key in _INTEGERS:
                values[key] = self.marked.integer(node, f'{what}: {key}')
            elif key in _NUMBERS:
                values[key] = self.marked.number(node, f'{what}: {key}')
            elif key in _LISTS:
                values[key] = filling.texts(node, f'{what}: {key}')
            else:
                values[key] = filling.text(node, f'{what}: {key}')
        given = {key: value for key, value in values.items() if value is not None}
        if given.get('output_dir'):
            given['output_dir'] = self._path(given['output_dir'])
        return JobOptions(inputs=paths, **given)

    def _path(self, text: str) -> str:
        return os.path.normpath(self.folder / os.path.expanduser(text))

    def _inputs(
        self, node: yaml.Node | None, what: str, filling: '_Filling'
    ) -> tuple[tuple[str, ...], tuple[_Feed, ...]]:
        if node is None:
            return (), ()
        paths: list[str] = []
        feeds: list[_Feed] = []

        def read(item: yaml.Node, where: str) -> None:
            if isinstance(item, yaml.MappingNode):
                feed = self._feed(item, where, filling)
                feeds.extend([feed] if feed else [])
            elif (text := filling.text(item, where)) is not None:
                paths.extend(self._files(item, text, where))

        self.marked.items(node, f'{what}: inputs', read)
        return tuple(paths), tuple(feeds)

    def _feed(self, node: yaml.Node, what: str, filling: '_Filling') -> _Feed | None:
        found = self.marked.mapping(node, what, _INPUT_KEYS)
        if found is None:
            return None
        if 'from' not in found:
            self.marked.wrong(node, f'{what}: expected "from", the name of a job')
            return None
        texts = {key: filling.text(value, f'{what}.{key}') for key, value in found.items()}
        self._mentions.append((texts['from'] or '', found['from']))
        return _Feed(texts['from'] or '', texts.get('output') or '', texts.get('name') or '', node)

    def _files(self, node: yaml.Node, text: str, what: str) -> list[str]:
        """Files by path or pattern; noted where there is none."""
        path = self._path(text)
        found = sorted(glob.glob(path, recursive=True)) if glob.has_magic(path) else [path]
        files = [one for one in found if os.path.isfile(one)]
        if not files:
            self.marked.wrong(node, f'{what}: {text[:120]!r}: no such file below {self.folder}')
        return files

    def _after(
        self, node: yaml.Node | None, what: str
    ) -> tuple[tuple[str, yaml.Node], ...]:
        if node is None:
            return ()

        def read(item: yaml.Node, where: str) -> tuple[str, yaml.Node] | None:
            name = self.marked.text(item, where)
            if name is None:
                return None
            self._mentions.append((name, item))
            return name, item

        return self.marked.items(node, f'{what}: after', read) or ()

    # ---- foreach

    def _foreach(self, node: yaml.Node, name: str) -> Copies:
        what = f'job {name!r}: foreach'
        if isinstance(node, yaml.SequenceNode):
            values = self.marked.json(node, what)
            return Copies.of_values(values)
        found = self.marked.mapping(node, what, dict.fromkeys(('files', 'each'))) or {}
        if len(found) != 1:
            self.marked.wrong(node, f'{what}: expected a list of values, "files" or "each"')
            return Copies(())
        if 'each' in found:
            return self._each(found['each'], what)
        files = self._foreach_files(found['files'], what)
        return Copies.of_files(files)

    def _foreach_files(self, node: yaml.Node, what: str) -> list[str]:
        if isinstance(node, yaml.ScalarNode):
            text = self.marked.text(node, what)
            return [] if text is None else self._files(node, text, what)
        texts = self.marked.items(node, what, lambda one, _: (one, self.marked.text(one, what)))
        found = [self._files(one, text, what) for one, text in texts or () if text is not None]
        return list(dict.fromkeys(path for paths in found for path in paths))

    def _each(self, node: yaml.Node, what: str) -> Copies:
        other = self.marked.text(node, what)
        if other not in self.copies or self.copies[other].items == (None,):
            known = [name for name, one in self.copies.items() if one.items != (None,)]
            self.marked.wrong(node, f'{what}: each: {other!r} is no earlier job with "foreach"; '
                                    f'there is {", ".join(known) or "none"}')
            return Copies(())
        assert other is not None
        return Copies(self.copies[other].items, self.copies[other].root or other)

    # ---- links between jobs

    def _ordered(self, batch: str) -> Iterator[BatchJob]:
        for job, node in self._mentions:
            if job not in self.copies:
                self.marked.wrong(node, f'there is no job {job[:40]!r}: expected one of '
                                        f'{", ".join(list(self.copies)[:20])}')
        links = {name: self._links(draft) for name, draft in self.drafts.items()}
        for group in _groups(links):
            made = (
                self._single(group[0], batch) if len(group) == 1 and not links[group[0]]
                else self._pipeline(group, links, batch)
            )
            if made is not None:
                yield BatchJob(group[0], tuple(group), made)

    def _links(self, draft: _Draft) -> list[tuple[str, _Feed | None]]:
        """(name of a job or copy, how it feeds this one or None for "after")."""
        found: list[tuple[str, _Feed | None]] = []
        wanted: list[tuple[str, _Feed | None]] = [(feed.job, feed) for feed in draft.feeds]
        for job, feed in [*wanted, *((job, None) for job, _ in draft.after)]:
            for item in self._copies_for(draft, job) if job in self.copies else ():
                if copy_name(job, item) in self.drafts:
                    found.append((copy_name(job, item), feed))
        return found

    def _copies_for(self, draft: _Draft, job: str) -> Sequence[Item | None]:
        """The copy with the same item, where both are made for each of the same; else all."""
        mine, theirs = self.copies[draft.base], self.copies[job]
        same = (mine.root or draft.base) == (theirs.root or job)
        return (draft.item,) if same else theirs.items

    def _single(self, name: str, batch: str) -> JobOrder | None:
        draft = self.drafts[name]
        options = _labelled(draft.options, batch, name)
        try:
            made = order(draft.work, options)
        except ValueError as error:
            self.marked.wrong(draft.node, f'job {draft.base!r}: {error}')
            return None
        return made.keyed(key_of(self.run, name, made, _file_facts(options.inputs)))

    def _pipeline(
        self, group: Sequence[str], links: Mapping[str, list[tuple[str, _Feed | None]]], batch: str
    ) -> JobOrder | None:
        drafts = [self.drafts[name] for name in group]
        first = drafts[0]
        if len(group) > STAGES_MAX:
            self.marked.wrong(first.node, f'{len(group)} jobs depend on one another: expected at '
                                          f'most {STAGES_MAX}')
            return None
        before = len(self.marked.problems)
        try:
            made = self._build(drafts, links, batch).order()
        except ValueError as error:
            self.marked.wrong(first.node, f'job {first.base!r} and those it is linked to: {error}')
            return None
        if len(self.marked.problems) > before:
            return None
        facts = [_file_facts(paths) for _, paths in made.stage_paths]
        return made.keyed(key_of(self.run, first.name, made, facts))

    def _build(
        self, drafts: Sequence[_Draft],
        links: Mapping[str, list[tuple[str, _Feed | None]]], batch: str,
    ) -> Pipeline:
        folders = {draft.options.output_dir for draft in drafts if draft.options.output_dir}
        deadlines = {draft.options.deadline_s for draft in drafts}
        if len(folders) > 1 or len(deadlines) > 1:
            what = 'output_dir' if len(folders) > 1 else 'deadline_s'
            raise ValueError(f'expected one {what} for all of them: they are one pipeline')
        returned = [
            f'{draft.name}/{output}' for draft in drafts if draft.options.output_dir
            for output in draft.options.outputs
        ]
        whole = JobOptions(
            outputs=tuple(returned),
            output_dir=next(iter(folders), ''),
            deadline_s=deadlines.pop(),
            priority=max(draft.options.priority for draft in drafts),
        )
        pipeline = Pipeline(_labelled(whole, batch, drafts[0].name))
        for draft in drafts:
            feeds = self._fed(draft, links[draft.name])
            after = tuple(dict.fromkeys(job for job, feed in links[draft.name] if feed is None))
            options = _labelled(draft.options, batch, draft.name, output_dir='', deadline_s=0.0)
            pipeline.stage(draft.name, draft.work, options, after, feeds)
        return pipeline

    def _fed(
        self, draft: _Draft, links: Sequence[tuple[str, _Feed | None]]
    ) -> dict[str, tuple[str, str]]:
        feeds: dict[str, tuple[str, str]] = {}
        for job, feed in links:
            if feed is None:
                continue
            outputs = self.drafts[job].options.outputs
            output = feed.output or (outputs[0] if len(outputs) == 1 else '')
            if output not in outputs:
                known = f'expected "output", one of {", ".join(outputs) or "none"}'
                said = f'no output {output[:60]!r}' if output else f'{len(outputs)} outputs'
                self.marked.wrong(feed.node, f'job {draft.base!r}: {job} has {said}: {known}')
                continue
            name = feed.name or output.rpartition('/')[2]
            if name in feeds:
                self.marked.wrong(feed.node, f'job {draft.base!r}: two inputs are called {name!r}')
                continue
            feeds[name] = (job, output)
        return feeds


@dataclass(frozen=True)
class _Filling:
    """Readers that put the item of a copy in the place of {path}, {name}, ..."""

    marked: Marked
    item: Item | None

    def text(self, node: yaml.Node, what: str) -> str | None:
        text = self.marked.text(node, what)
        if text is None or self.item is None:
            return text
        value = filled(text, self.item)
        return value if isinstance(value, str) else json_text(value, what)

    def texts(self, node: yaml.Node, what: str) -> tuple[str, ...] | None:
        return self.marked.items(node, what, self.text)

    def pairs(self, node: yaml.Node, what: str) -> tuple[tuple[str, str], ...] | None:
        found = self.marked.mapping(node, what, None)
        if found is None:
            return None
        texts = {key: self.text(value, f'{what}.{key}') for key, value in found.items()}
        return tuple((key, value) for key, value in texts.items() if value is not None)

    def json_text(self, node: yaml.Node, what: str) -> str | None:
        before = len(self.marked.problems)
        value = self.marked.json(node, what)
        if len(self.marked.problems) > before:
            return None
        return json_text(filled(value, self.item) if self.item else value, what)


def _labelled(options: JobOptions, batch: str, name: str, **changes: Any) -> JobOptions:
    own = (f'batch:{batch}'[:128], f'job:{name}')
    values = {one.name: getattr(options, one.name) for one in fields(JobOptions)}
    return JobOptions(**{**values, 'labels': (*own, *options.labels), **changes})


def _file_facts(paths: Sequence[Any]) -> list[tuple[int, int]]:
    """A file that was changed since makes another job."""
    stats = [os.stat(path) for path in paths if os.path.isfile(path)]
    return [(one.st_size, one.st_mtime_ns) for one in stats]


def _groups(links: Mapping[str, list[tuple[str, Any]]]) -> list[list[str]]:
    """Jobs that are linked, however far apart, in the order of the file."""
    group_of: dict[str, list[str]] = {name: [name] for name in links}
    for name, others in links.items():
        for other, _ in others:
            mine, theirs = group_of[name], group_of[other]
            if mine is not theirs:
                small, large = sorted((mine, theirs), key=len)
                large.extend(small)
                for member in small:
                    group_of[member] = large
    place = {name: number for number, name in enumerate(links)}
    groups = {id(group): sorted(group, key=place.__getitem__) for group in group_of.values()}
    return sorted(groups.values(), key=lambda group: place[group[0]])
