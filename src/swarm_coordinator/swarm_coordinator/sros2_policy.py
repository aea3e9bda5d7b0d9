# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Policies of DDS-Security for the roles of a swarm: what each may publish, subscribe to and call.

The files are in sros2/, in the form of the package sros2. Owns reading and merging them for a
name. Refuses to know what becomes of a policy (cli/sros2_command.py).
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from swarm_coordinator.core.ids import checked_name

FOLDER = Path(__file__).resolve().parent / 'sros2'
ROLES = ('robot', 'tower', 'operator', 'observer')
PLACE = 'NAME'  # in the files; names of ROS nodes have small letters here


def enclave_of(name: str) -> str:
    """Raises ValueError."""
    return f'/swarm/{checked_name(name, "name")}'


def policy_for(name: str, roles: tuple[str, ...]) -> str:
    """The text of a policy for one enclave that has all of `roles`. Raises ValueError."""
    if not roles:
        raise ValueError(f'no role given: expected some of {", ".join(ROLES)}')
    root = ElementTree.Element('policy', version='0.2.0')
    enclaves = ElementTree.SubElement(root, 'enclaves')
    enclave = ElementTree.SubElement(enclaves, 'enclave', path=enclave_of(name))
    profiles = ElementTree.SubElement(enclave, 'profiles')
    for role in roles:
        for profile in _profiles(role):
            for one in profile.iter():
                one.text = (one.text or '').replace(PLACE, name)
            profile.set('ns', profile.get('ns', '').replace(PLACE, name))
            profiles.append(profile)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, "unicode")}\n'


def _profiles(role: str) -> list[ElementTree.Element]:
    if role not in ROLES:
        raise ValueError(f'role {role!r}: expected one of {", ".join(ROLES)}')
    file = FOLDER / f'{role}.policy.xml'
    return list(ElementTree.parse(file).getroot().iter('profile'))
