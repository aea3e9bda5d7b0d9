# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ids are stable as far as the evidence allows, and never shared."""

from collections.abc import Callable

from hw_discovery.core.finding import Finding
from hw_discovery.core.identity import assign_ids

Make = Callable[..., Finding]
A, B = '/devices/pci/usb1/1-1', '/devices/pci/usb1/1-2'


def ids(findings: list[Finding], held: dict[str, str] | None = None) -> dict[str, str]:
    return {i.finding.sysfs_path: i.device_id for i in assign_ids(findings, held or {})}


def test_a_serial_number_beats_the_port(make_finding: Make) -> None:
    assert ids([make_finding(A, strong_id='s')]) == {A: 's'}


def test_a_device_moved_to_another_port_keeps_its_id(make_finding: Make) -> None:
    assert ids([make_finding(B, strong_id='s')], {A: 's'}) == {B: 's'}


def test_twins_that_arrive_together_are_told_apart_by_port(make_finding: Make) -> None:
    twins = [make_finding(A, strong_id='s', port_id='a'),
             make_finding(B, strong_id='s', port_id='b')]
    assert ids(twins) == ids(twins[::-1]) == {A: 'a', B: 'b'}


def test_the_twin_that_was_first_keeps_the_serial_id(make_finding: Make) -> None:
    twins = [make_finding(A, strong_id='s', port_id='a'),
             make_finding(B, strong_id='s', port_id='b')]
    assert ids(twins, {B: 's'}) == {A: 'a', B: 's'}


def test_a_twin_known_by_port_keeps_that_id_when_the_other_goes(make_finding: Make) -> None:
    assert ids([make_finding(A, strong_id='s', port_id='a')], {A: 'a', B: 'b'}) == {A: 'a'}


def test_equal_port_ids_are_numbered_and_the_number_is_kept(make_finding: Make) -> None:
    two = [make_finding(A, port_id='p'), make_finding(B, port_id='p')]
    assert ids(two) == {A: 'p', B: 'p#2'}
    assert ids(two[1:], {A: 'p', B: 'p#2'}) == {B: 'p#2'}


def test_a_nested_device_has_its_parents_id_in_its_own(make_finding: Make) -> None:
    child = make_finding(f'{A}/1-1:1.0/ttyUSB0/tty/ttyUSB0', nested_id='if00/serial',
                         port_id='serial:ttyUSB0')
    found = assign_ids([child, make_finding(A, strong_id='s')], {})
    assert [(i.device_id, i.parent_id) for i in found] == [('s', ''), ('s/if00/serial', 's')]


def test_a_nested_device_without_a_parent_falls_back_to_its_port(make_finding: Make) -> None:
    assert ids([make_finding(A, nested_id='if00', port_id='p')]) == {A: 'p'}


def test_a_new_attachment_of_the_parent_is_one_of_the_child(make_finding: Make) -> None:
    def child_attachment(devnum: str) -> str:
        return assign_ids([make_finding(A, strong_id='s', attachment=devnum),
                           make_finding(f'{A}/x', nested_id='n')], {})[1].attachment
    assert child_attachment('1.5') != child_attachment('1.6')
