# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""CI does not skip silently: the rule of the top conftest.py, tried in a pytest of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CASES = {
    'in_a_test': 'import pytest\ndef test_x():\n    pytest.skip({reason!r})\n',
    'as_a_mark': 'import pytest\n@pytest.mark.skipif(True, reason={reason!r})\n'
                 'def test_x():\n    pass\n',
    'in_a_fixture': 'import pytest\n@pytest.fixture\ndef tool():\n    pytest.skip({reason!r})\n'
                    'def test_x(tool):\n    pass\n',
    'of_a_file': 'import pytest\npytest.skip({reason!r}, allow_module_level=True)\n'
                 'def test_x():\n    pass\n',
    'of_an_import': 'import pytest\npytest.importorskip("no_such_module", reason={reason!r})\n'
                    'def test_x():\n    pass\n',
}


def outcome(folder: Path, case: str, reason: str, require_all: bool) -> tuple[int, str]:
    shutil.copy(ROOT / 'conftest.py', folder)
    (folder / 'pytest.ini').write_text('[pytest]\n')
    (folder / 'test_case.py').write_text(CASES[case].format(reason=reason))
    environment = {**os.environ, 'SWARM_REQUIRE_ALL': '1' if require_all else '0'}
    done = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', 'test_case.py'],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize('case', CASES)
def test_skip_for_a_missing_tool_fails_where_all_is_required(case: str, tmp_path: Path) -> None:
    code, said = outcome(tmp_path, case, 'missing: chromium', require_all=True)
    assert code not in (0, 5)
    assert 'missing: chromium' in said


@pytest.mark.parametrize('case', ['in_a_test', 'of_a_file'])
def test_skip_for_what_cannot_be_installed_stays_a_skip(case: str, tmp_path: Path) -> None:
    code, said = outcome(tmp_path, case, 'not here: no netem in this kernel', require_all=True)
    assert code in (0, 5)  # 5: nothing but skipped files was there
    assert '1 skipped' in said


def test_skip_stays_a_skip_where_a_person_runs_the_tests(tmp_path: Path) -> None:
    code, said = outcome(tmp_path, 'in_a_test', 'missing: chromium', require_all=False)
    assert code == 0
    assert '1 skipped' in said
