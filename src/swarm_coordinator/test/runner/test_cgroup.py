# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Control groups of jobs: what is written where, on a folder that looks like the kernel's, and
with the kernel itself where it lets us."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from swarm_coordinator.runner import cgroup
from swarm_coordinator.runner.cgroup import Cgroup, CgroupTree, find_tree, own_group, tree_in
from swarm_coordinator.runner.limits import RunLimits

ALL = frozenset({'memory', 'cpu', 'pids'})
FILES = ('memory.max', 'memory.swap.max', 'cpu.max', 'pids.max', 'cgroup.procs')


def own_in(folder: Path, offered: str, enabled: str, processes: str) -> Path:
    own = folder / 'own'
    own.mkdir()
    (own / 'cgroup.controllers').write_text(offered)
    (own / 'cgroup.subtree_control').write_text(enabled)
    (own / 'cgroup.procs').write_text(processes)
    (own / 'jobs').mkdir()
    (own / 'jobs' / 'cgroup.subtree_control').write_text(enabled)
    return own


def group_in(folder: Path, controllers: frozenset[str] = ALL) -> Cgroup:
    for name in FILES:
        (folder / name).write_text('')
    return Cgroup(folder, controllers)


def test_limits_are_written_in_the_kernels_words(tmp_path: Path) -> None:
    group = group_in(tmp_path)
    group.limit(RunLimits(0, 0, 0, memory_bytes=1 << 20, cpu_milli=1500, processes=7))
    told = {name: (tmp_path / name).read_text() for name in FILES}
    assert told == {
        'memory.max': '1048576', 'memory.swap.max': '0', 'cpu.max': '150000 100000',
        'pids.max': '7', 'cgroup.procs': '',
    }
    group.limit(RunLimits(0, 0))
    assert (tmp_path / 'memory.max').read_text() == 'max'
    assert (tmp_path / 'cpu.max').read_text() == 'max 100000'
    assert (tmp_path / 'pids.max').read_text() == 'max'


def test_only_what_was_handed_down_is_written(tmp_path: Path) -> None:
    group_in(tmp_path, frozenset({'pids'})).limit(RunLimits(0, 0, 0, 1 << 20, 1000, 7))
    assert (tmp_path / 'memory.max').read_text() == (tmp_path / 'cpu.max').read_text() == ''
    assert (tmp_path / 'pids.max').read_text() == '7'


def test_smallest_share_of_a_processor_is_not_no_limit(tmp_path: Path) -> None:
    group_in(tmp_path).limit(RunLimits(0, 0, cpu_milli=1))
    # The kernel takes no less than 1 ms of a period.
    assert (tmp_path / 'cpu.max').read_text() == '1000 100000'


def test_controllers_that_are_already_handed_down_are_used(tmp_path: Path) -> None:
    own = own_in(tmp_path, 'cpuset cpu memory pids', 'cpu memory pids', '')
    tree = tree_in(own, 'jobs', 77)
    assert tree is not None and tree.controllers == ALL and tree.folder == own / 'jobs'
    assert not (own / 'jobs-robot').exists(), 'nobody had to move'


def test_what_the_group_does_not_have_is_not_asked_for(tmp_path: Path) -> None:
    tree = tree_in(own_in(tmp_path, 'cpu', 'cpu', ''), 'jobs', 77)
    assert tree is not None and tree.controllers == {'cpu'}


def test_folder_that_may_not_be_written_means_no_groups(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    assert tree_in(tmp_path / 'file', 'jobs', 77) is None


def test_end_for_want_of_memory_is_told_from_other_ends(tmp_path: Path) -> None:
    group = Cgroup(tmp_path, ALL)
    assert not group.out_of_memory()
    (tmp_path / 'memory.events').write_text('low 0\noom 1\noom_kill 0\n')
    assert not group.out_of_memory()
    (tmp_path / 'memory.events').write_text('low 0\noom 1\noom_kill 2\n')
    assert group.out_of_memory()


@pytest.mark.parametrize(
    ('mounts', 'groups', 'expected'),
    [
        ('30 23 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw', '0::/a.slice/b.service',
         '/sys/fs/cgroup/a.slice/b.service'),
        ('30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw', '0::/', '/sys/fs/cgroup'),
        ('30 23 0:26 /docker/12 /sys/fs/cgroup rw - cgroup2 cgroup rw', '0::/docker/12/x',
         '/sys/fs/cgroup/x'),
        ('30 23 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory', '4:memory:/', None),
        ('30 23 0:26 / /sys/fs/cgroup/unified rw - cgroup2 none rw', '4:memory:/x\n0::/',
         '/sys/fs/cgroup/unified'),
        ('', '0::/', None),
    ],
)
def test_own_group_is_found_where_it_is_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mounts: str, groups: str,
    expected: str | None,
) -> None:
    (tmp_path / 'mountinfo').write_text(mounts + '\n')
    (tmp_path / 'cgroup').write_text(groups + '\n')
    monkeypatch.setattr(cgroup, 'PROC', tmp_path)
    assert own_group() == (None if expected is None else Path(expected))


@pytest.fixture
def tree() -> CgroupTree:
    found = find_tree(f'swarm-test-{os.getpid()}')
    if found is None:
        pytest.skip('not here: a writable cgroup v2 tree')
    return found


def test_group_ends_all_that_is_in_it(tree: CgroupTree) -> None:
    group = tree.make('job', RunLimits(0, 0))
    with subprocess.Popen(['sh', '-c', 'read go; setsid sleep 600 & wait'],
                          stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        group.add(process.pid)
        assert group.populated() and group.processes() == [process.pid]
        with pytest.raises(OSError, match='busy'):
            group.remove()
        process.stdin.write(b'go\n')
        process.stdin.flush()
        group.kill()
        assert process.wait() == -signal.SIGKILL
    while group.populated():  # the kernel takes a moment for the others
        os.sched_yield()
    group.remove()
    assert not group.folder.exists()
    tree.close()
    assert not tree.folder.exists()


def test_what_a_former_life_left_in_a_group_is_ended(tree: CgroupTree) -> None:
    group = tree.make('left', RunLimits(0, 0))
    (group.folder / 'below').mkdir()
    with subprocess.Popen(['sleep', '600']) as process:
        Cgroup(group.folder / 'below', frozenset()).add(process.pid)
        tree.clear()
        assert process.wait() == -signal.SIGKILL
    tree.clear()
    tree.close()
    assert not tree.folder.exists()
