# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Jobs that fill the disk: a small tmpfs in a mount namespace of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from swarm_coordinator.runner import disk_guard

DISK_MB = 64
OWN_NAMESPACE = ('unshare', '--user', '--map-root-user', '--mount')
START = """
import os, sys
from pathlib import Path
from runner_bench import Bench, shell
from swarm_coordinator.runner import disk_guard, job_logs, process_group
from swarm_coordinator.runner.limits import RunLimits
process_group.TERM_GRACE_S = 0.2
MIB = 1 << 20
FILL = 'n=0; while head -c 400000 /dev/zero > f$n; do n=$((n+1)); done 2>/dev/null; '

def bench(reserve_bytes):
    disk_guard.RESERVE_BYTES, disk_guard.LOOK_S = reserve_bytes, 0.02
    job_logs.FREE_BYTES_MIN = 0
    disk_guard.BLAME_BYTES_MIN = 2 * MIB
    return Bench(Path(sys.argv[1]), RunLimits(60_000, MIB))

def free():
    return os.statvfs(sys.argv[1]).f_bavail * 4096

def goes_on(bench):
    end = bench.run(shell('echo fine; echo made > o', outputs=('o',)))
    assert end.exit_code == 0 and bench.output(end) == 'made\\n', end
    assert bench.printed(end) == 'fine\\n'
    bench.close()
    print('went on')
"""
CROWDED = START + """
b = bench(16 * MIB)
small = b.start(shell('echo small > s; sleep 600'), token=7)
end = b.run(shell(FILL + 'sleep 600'))
assert end.unable and not end.stopped and end.exit_code is None, end
assert 'the disk has only' in end.reason and 'the folder of this job holds' in end.reason, end
assert free() > 50 * MIB, free()
b.runner.stop(small, 7, 'enough')
assert b.end().reason == 'enough', 'the others were left alone'
goes_on(b)
"""
FULL = START + """
b = bench(0)
end = b.run(shell(FILL + 'head -c 100000 /dev/zero; echo lost; echo why >&2; exit 4'))
assert end.exit_code == 4 and end.reason == 'exit code 4: why', end
read = b.logs.read(end.job_id, 1, 'stdout', 0, 10)
assert read.dropped, read
end = b.run(shell('head -c 1000000 /dev/zero > o; ' + FILL, outputs=('o',)))
assert end.unable and 'bytes' in end.reason, end
assert free() > 50 * MIB, free()
goes_on(b)
"""


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    if shutil.which('unshare') is None:
        pytest.skip('not here: unshare')
    tried = subprocess.run(
        [*OWN_NAMESPACE, 'mount', '-t', 'tmpfs', 'none', tmp_path],
        capture_output=True, text=True, check=False,
    )
    if tried.returncode:
        pytest.skip(f'not here: a mount namespace with a tmpfs ({tried.stderr.strip()})')
    return tmp_path


@pytest.mark.parametrize('scenario', [CROWDED, FULL], ids=['guarded', 'full'])
def test_job_that_fills_the_disk_harms_no_other(disk: Path, scenario: str) -> None:
    command = f'mount -t tmpfs -o size={DISK_MB}m none "$1" && exec "$2" -c "$3" "$1"'
    done = subprocess.run(
        [*OWN_NAMESPACE, 'sh', '-c', command, 'sh', disk, sys.executable, scenario],
        capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
    )
    assert done.stdout == 'went on\n', done.stderr


def test_largest_folder_is_to_blame_unless_that_would_not_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_guard, 'BLAME_BYTES_MIN', 100_000)
    folders = [tmp_path / name for name in ('a', 'b', 'c')]
    for folder in folders[:2]:
        (folder / 'deep').mkdir(parents=True)
    (folders[0] / 'f').write_bytes(bytes(50_000))
    assert disk_guard.to_blame(folders) is None and disk_guard.to_blame([]) is None
    for number in range(5):
        (folders[1] / 'deep' / str(number)).write_bytes(bytes(40_000))
    (folders[1] / 'link').symlink_to('/')
    blamed = disk_guard.to_blame(folders)
    assert blamed is not None and blamed[0] == folders[1]
    assert 200_000 <= blamed[1] < 300_000
