# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Runs the tests inside of the virtual machine and tells the host of each. Plain Python: pytest
alone takes seconds to import in an emulated machine.

A test is a function test_*(machine). It may be skipped by raising NotHere.
"""

import importlib
import platform
import sys
import time
import traceback
from collections.abc import Callable

from vm.machine import Host, Machine, NotHere

FILES = ('enumeration', 'hotplug', 'i2c', 'video', 'gadget', 'lidar', 'spi', 'access_rules',
         'node')
WHY_CHARS_MAX = 4000


def main(names: list[str]) -> None:
    """Run the tests of the named files, of all if none is named."""
    host = Host()
    host.tell(ready=f'Linux {platform.release()}, Python {platform.python_version()}, up '
              f'{time.monotonic():.1f} s')
    for name in names or FILES:
        begun = time.monotonic()
        try:
            module = importlib.import_module(f'vm.{name}')
        except Exception:
            host.tell(result='failed', test=f'{name} (import)', why=_why(), figures={},
                      took_s=round(time.monotonic() - begun, 2))
            continue
        for test in [t for key, t in vars(module).items() if key.startswith('test_')]:
            _run(host, name, test)
    host.tell(over=True)


def _run(host: Host, name: str, test: Callable[[Machine], None]) -> None:
    print(f'== {name} {test.__name__}', flush=True)
    machine = Machine(host)
    begun = time.monotonic()
    result, why = 'passed', ''
    try:
        test(machine)
    except NotHere as missing:
        result, why = 'skipped', f'not here: {missing}'
    except Exception:
        result, why = 'failed', _why()
    host.tell(result=result, test=f'{name} {test.__name__}', why=why, figures=machine.figures,
              took_s=round(time.monotonic() - begun, 2))


def _why() -> str:
    text = traceback.format_exc()
    print(text, flush=True)
    return text[-WHY_CHARS_MAX:]


if __name__ == '__main__':
    main(sys.argv[1:])
