# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Host facts from files of several kinds of computer."""

from pathlib import Path

import pytest

from hw_discovery.buses.platform import host_facts


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    made = tmp_path / 'proc'
    made.mkdir()
    return made


@pytest.fixture
def sys_root(tmp_path: Path) -> Path:
    made = tmp_path / 'sys'
    (made / 'devices/system/cpu').mkdir(parents=True)
    return made


def test_an_arm_board_says_its_model_through_the_device_tree(sys_root: Path, proc: Path) -> None:
    (sys_root / 'devices/system/cpu/online').write_text('0-3,6\n')
    (sys_root / 'firmware/devicetree/base').mkdir(parents=True)
    (sys_root / 'firmware/devicetree/base/model').write_bytes(b'Raspberry Pi 5 Model B\0')
    (proc / 'cpuinfo').write_text(
        'processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n\nModel\t\t: Pi\n')
    (proc / 'meminfo').write_text('MemTotal:        8130000 kB\nMemFree: 1 kB\n')
    facts = host_facts(sys_root, proc)
    assert (facts.cpu_cores, facts.memory_bytes) == (5, 8130000 * 1024)
    assert facts.cpu_model == 'ARM implementer 0x41 part 0xd0b'
    assert facts.model == 'Raspberry Pi 5 Model B'


def test_a_pc_says_its_model_through_dmi(sys_root: Path, proc: Path) -> None:
    (sys_root / 'class/dmi/id').mkdir(parents=True)
    (sys_root / 'class/dmi/id/sys_vendor').write_text('Acme\n')
    (sys_root / 'class/dmi/id/product_name').write_text('Default string\n')
    (proc / 'cpuinfo').write_text('processor\t: 0\nmodel name\t: X  1\nprocessor\t: 1\n')
    facts = host_facts(sys_root, proc)
    assert (facts.model, facts.cpu_model, facts.cpu_cores) == ('Acme', 'X 1', 2)


def test_what_cannot_be_read_is_unknown_and_not_made_up(tmp_path: Path) -> None:
    facts = host_facts(tmp_path / 'a', tmp_path / 'b')
    assert (facts.cpu_cores, facts.memory_bytes, facts.model, facts.cpu_model) == (0, 0, '', '')


@pytest.mark.parametrize('online', ['', 'garbage', '5-1', '99999999999-1', '-'])
def test_a_broken_list_of_processors_falls_back_to_cpuinfo(
    online: str, sys_root: Path, proc: Path,
) -> None:
    (sys_root / 'devices/system/cpu/online').write_text(online)
    (proc / 'cpuinfo').write_text('processor\t: 0\n')
    assert host_facts(sys_root, proc).cpu_cores == 1
