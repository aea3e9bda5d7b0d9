# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The rules file that is shipped: udev takes it, and it claims no more than it should."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hw_discovery.buses.access import RULES_FILE
from hw_discovery.core.recognition.usb_shared import SHARED_IDS

PACKAGE = Path(__file__).resolve().parent.parent
RULES = PACKAGE / 'udev' / RULES_FILE
GROUPS = {'dialout', 'i2c', 'spi', 'video', 'plugdev'}
TOKEN = re.compile(r'([A-Z]+)(?:\{([A-Za-z_]+)\})?(==|!=|=)"([^"]*)"')
MATCHED = {'ACTION', 'SUBSYSTEM', 'KERNEL', 'ATTR', 'ATTRS', 'ENV'}
ASSIGNED = {'GOTO', 'LABEL', 'GROUP', 'MODE', 'ENV'}
LEFT_TO_MODEMS = {'067b:2303', '067b:23a3', '1a86:5512'}

Rule = list[tuple[str, str, str, str]]


def rules() -> list[Rule]:
    """Return the tokens of each rule; a line that is not made of tokens fails."""
    found = []
    for number, line in enumerate(RULES.read_text('ascii').splitlines(), 1):
        if not line or line.startswith('#'):
            continue
        tokens = TOKEN.findall(line)
        assert ', '.join(
            f'{key}{{{name}}}{how}"{value}"' if name else f'{key}{how}"{value}"'
            for key, name, how, value in tokens) == line, f'line {number} is no rule: {line}'
        found.append(tokens)
    return found


def ignored_by_modem_manager(vendor: str, product: str) -> bool:
    return any(
        ('ENV', 'ID_MM_DEVICE_IGNORE', '=', '1') in rule
        and all(fits(rule, name, value) for name, value in (
            ('idVendor', vendor), ('idProduct', product)))
        for rule in rules())


def fits(rule: Rule, name: str, value: str) -> bool:
    asked = [text for key, n, _, text in rule if key == 'ATTR' and n == name]
    return not asked or any(
        re.fullmatch(one.replace('*', '.*'), value) for one in asked[0].split('|'))


def test_every_line_is_a_rule_with_known_keys_and_does_something() -> None:
    for rule in rules():
        for key, _, how, _ in rule:
            assert key in (ASSIGNED if how == '=' else MATCHED), rule
        assert any(how == '=' for _, _, how, _ in rule), f'without effect: {rule}'
        assert all(key == 'LABEL' or how != '=' or any(h != '=' for _, _, h, _ in rule)
                   for key, _, how, _ in rule), f'applies to everything: {rule}'


def test_jumps_lead_forward_to_a_label() -> None:
    labels = [value for rule in rules() for key, _, _, value in rule if key == 'LABEL']
    jumps = {value for rule in rules() for key, _, _, value in rule if key == 'GOTO'}
    assert jumps == set(labels) and len(labels) == 1
    assert rules()[-1][0][0] == 'LABEL'


def test_access_goes_to_the_named_groups_and_never_to_everybody() -> None:
    given = {value for rule in rules() for key, _, _, value in rule if key == 'GROUP'}
    modes = {value for rule in rules() for key, _, _, value in rule if key == 'MODE'}
    assert given == GROUPS
    assert modes == {'0660'}


def test_only_named_hid_bridges_are_opened_to_a_group() -> None:
    for rule in rules():
        if ('SUBSYSTEM', '', '==', 'hidraw') in rule:
            assert {n for key, n, _, _ in rule if key == 'ATTRS'} == {'idVendor', 'idProduct'}


def test_modem_manager_is_kept_from_every_shared_bridge_but_those_of_modem_cables() -> None:
    kept = {ids for ids in SHARED_IDS if ignored_by_modem_manager(*ids.split(':'))}
    assert set(SHARED_IDS) - kept == LEFT_TO_MODEMS & set(SHARED_IDS)


@pytest.mark.parametrize('ids', [
    '1546:1146',     # u-blox TOBY, a modem
    '12d1:1506', '1199:9071', '2c7c:0125', '1bc7:1201', '0483:3748', '1209:c1aa'])
def test_modems_and_unrelated_ids_are_left_to_modem_manager(ids: str) -> None:
    assert not ignored_by_modem_manager(*ids.split(':'))


def test_the_file_is_installed_with_the_package() -> None:
    assert f'udev/{RULES_FILE}' in (PACKAGE / 'setup.py').read_text('utf-8')


def test_udev_itself_accepts_the_file() -> None:
    udevadm = shutil.which('udevadm')
    if udevadm is None:
        pytest.skip('not here: udevadm')
    version = subprocess.run([udevadm, '--version'], capture_output=True, text=True, timeout=10)
    if int(version.stdout.split()[0].split('.')[0].split('~')[0] or 0) < 254:
        pytest.skip('not here: udevadm verify, which came with version 254')
    checked = subprocess.run(
        [udevadm, 'verify', '--resolve-names=never', str(RULES)], capture_output=True, text=True,
        timeout=20)
    assert checked.returncode == 0, checked.stdout + checked.stderr
