# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""swarmctl sros2: papers of DDS-Security for a robot, a tower or a person, by `ros2 security`.

Owns which of its commands are run, in which order. Makes no keys and signs nothing itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from swarm_coordinator.cli.answers import FAILED, OK, REFUSED, say
from swarm_coordinator.sros2_policy import enclave_of, policy_for

ROS2_S = 60.0
MISSING = (
    'the command "ros2 security" is not here. It is of the package sros2 (apt: '
    "ros-$ROS_DISTRO-sros2), and of use only with an RMW that has DDS-Security: apt's Fast DDS "
    'has it, that of the PyPI wheels has not'
)
AFTER = """\
Copy {enclave} to where {name} runs (its links as files; {private} is the authority and stays
here), and start it with
  export ROS_SECURITY_ENABLE=true ROS_SECURITY_STRATEGY=Enforce ROS_SECURITY_KEYSTORE={keystore}
  ... --ros-args --enclave {path}"""


def policy(options: Namespace) -> int:
    """Print the policy; needs no ROS."""
    try:
        print(policy_for(options.name, tuple(options.role)), end='')
    except ValueError as error:
        return say(str(error), REFUSED)
    return OK


def create(options: Namespace) -> int:
    """Keystore (where there is none), enclave, permissions. Exit codes: 0 made, 1 `ros2 security`
    failed, 2 refused or it is missing."""
    try:
        text, path = policy_for(options.name, tuple(options.role)), enclave_of(options.name)
    except ValueError as error:
        return say(str(error), REFUSED)
    if (ros2 := shutil.which('ros2')) is None or not _ran([ros2, 'security', '--help']):
        return say(MISSING, REFUSED)
    keystore = Path(options.keystore).expanduser().resolve()
    file = keystore / 'policies' / f'{options.name}.policy.xml'
    steps: list[Sequence[str]] = []
    if not (keystore / 'enclaves').is_dir():
        steps.append(['create_keystore', str(keystore)])
    if not (keystore / 'enclaves' / path[1:]).is_dir():
        steps.append(['create_enclave', str(keystore), path])
    steps.append(['create_permission', str(keystore), path, str(file)])
    for step in steps:
        if step[0] == 'create_permission':
            file.parent.mkdir(mode=0o700, exist_ok=True)
            file.write_text(text)
        if problem := _problem([ros2, 'security', *step]):
            return say(f'ros2 security {step[0]}: {problem}', FAILED)
    if 'ROS_DOMAIN_ID' not in os.environ:
        say('ROS_DOMAIN_ID is not set: the permissions are for domain 0', OK)
    print(AFTER.format(
        enclave=keystore / 'enclaves' / path[1:], private=keystore / 'private',
        name=options.name, keystore=keystore, path=path,
    ))
    return OK


def _ran(command: Sequence[str]) -> bool:
    return not _problem(command)


def _problem(command: Sequence[str]) -> str:
    """Why it failed, in its own words; '' = it did not."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=ROS2_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ''
    words = (done.stderr or done.stdout).strip().splitlines()
    return words[-1] if words else f'exit code {done.returncode}'
