# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""docs/SECURITY.md: its commands are run, word for word, and it explains every refusal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from swarm_coordinator.core.identity import REASONS
from swarm_coordinator.security.keyring import Keyring

PAGE = Path(__file__).resolve().parents[4] / 'docs' / 'SECURITY.md'
MACHINES = ('operator', 'alpha', 'beta', 'anna')
SHIM = f'#!/bin/sh\nexec {sys.executable} -m swarm_coordinator.cli.swarmctl "$@"\n'
# To another "machine": its home folder beside this one.
COPY = """#!/bin/sh
mkdir -p ../beta/.ros/swarm/keys/depot && cp -rp beta_keys "../beta/${3#*:}"
"""


def blocks() -> list[list[str]]:
    found = re.findall(r'^```bash\n(.*?)^```', PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return [block.splitlines() for block in found]


class Machines:
    """Each has a home folder; the folder where commands are given is one, so that files need not
    be carried."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.at = ''
        (folder / 'bin').mkdir()
        for name, script in (('swarmctl', SHIM), ('scp', COPY)):
            (folder / 'bin' / name).write_text(script)
            (folder / 'bin' / name).chmod(0o755)
        for name in (*MACHINES, 'carried'):
            (folder / name).mkdir()

    def run(self, line: str) -> None:
        if line.startswith('# '):
            self.at = line[2:]
            assert self.at in MACHINES
            return
        environment = {
            **os.environ,
            'HOME': str(self.folder / self.at),
            'PATH': f'{self.folder / "bin"}:{os.environ["PATH"]}',
        }
        done = subprocess.run(
            ['bash', '-c', line.replace(' ID ', f' {self.oldest_authority()} ')],
            cwd=self.folder / 'carried', env=environment, capture_output=True, text=True,
        )
        assert done.returncode == 0, f'{self.at}: {line}\n{done.stdout}{done.stderr}'

    def keys(self, machine: str) -> Path:
        return self.folder / machine / '.ros/swarm/keys/depot'

    def oldest_authority(self) -> str:
        found = (self.keys('operator') / '_authority').glob('authority-*.pem')
        by_age = sorted(found, key=lambda path: path.stat().st_mtime_ns)
        return by_age[0].stem.removeprefix('authority-') if by_age else ''

    def keyring(self, name: str) -> Keyring:
        return Keyring.load(self.keys(name) / name, 'depot', name)


def test_every_command_of_the_page_does_what_it_says(tmp_path: Path) -> None:
    machines = Machines(tmp_path)
    enrolment, new_keys, revocation = 3, 5, 6
    for number, block in enumerate(blocks(), 1):
        for line in block:
            machines.run(line)
        if number == enrolment:
            alpha, beta = machines.keyring('alpha'), machines.keyring('beta')
            now_s = alpha.certificate.not_before + 400
            assert beta.admit(alpha.encoded, now_s)
        if number == new_keys:
            former = alpha.certificate.sign_key
            assert alpha.reload() and beta.admit(alpha.encoded, now_s).sign_key != former
        if number == revocation:
            assert beta.reload()
            with pytest.raises(ValueError, match='is revoked'):
                beta.admit(alpha.encoded, now_s)
    before = beta.revocations.authorities
    assert beta.reload() and beta.refusal(now_s) is None
    assert not set(before) & set(beta.revocations.authorities), 'the old key is retired'


def test_it_explains_every_reason() -> None:
    _, _, answers = PAGE.read_text().partition('## What an answer means')
    answers, _, _ = answers.partition('\n## ')
    rows = re.findall(r'^\| `(\w+)` \|', answers, re.MULTILINE)
    assert tuple(rows) == REASONS
