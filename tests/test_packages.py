# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Every package is one that ROS tools accept, and what it declares is there once installed."""

from __future__ import annotations

import ast
import configparser
import importlib.metadata
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = sorted(path.parent for path in (ROOT / 'src').glob('*/package.xml'))
NAMES = [folder.name for folder in FOLDERS]
PYTHON = [folder for folder in FOLDERS if (folder / 'setup.py').exists()]
PYTHON_NAMES = [folder.name for folder in PYTHON]
HEADER = ('# Copyright 2026 Swarm Stack maintainers', '# SPDX-License-Identifier: Apache-2.0')
MODEL = (
    '<?xml-model href="http://download.ros.org/schema/package_format3.xsd" '
    'schematypens="http://www.w3.org/2001/XMLSchema"?>'
)

# rosdep keys that exist on every platform we name. A key that is not here makes
# `rosdep install` fail for everybody, so it is looked up before it is added.
ROSDEP_KEYS = {
    'python3-cryptography', 'python3-hypothesis', 'python3-jsonschema', 'python3-numpy',
    'python3-prometheus-client', 'python3-psutil', 'python3-pytest', 'python3-pyudev',
    'python3-selenium', 'python3-serial', 'python3-smbus2', 'python3-tornado', 'python3-yaml',
}
ROS_PACKAGES = {
    'action_msgs', 'ament_cmake', 'ament_index_python', 'builtin_interfaces', 'diagnostic_msgs',
    'dynamixel_sdk', 'geometry_msgs', 'launch', 'launch_ros', 'rcl_interfaces', 'rclpy',
    'ros2launch', 'rosbag2_py', 'rosbag2_storage_mcap', 'rosidl_default_generators',
    'rosgraph_msgs', 'rosidl_default_runtime', 'rosidl_parser', 'sensor_msgs', 'std_msgs',
    'std_srvs', 'trajectory_msgs', 'unique_identifier_msgs', 'visualization_msgs',
}
KEY_OF_MODULE = {
    'cryptography': 'python3-cryptography', 'numpy': 'python3-numpy',
    'prometheus_client': 'python3-prometheus-client', 'psutil': 'python3-psutil',
    'pyudev': 'python3-pyudev', 'serial': 'python3-serial', 'smbus2': 'python3-smbus2',
    'tornado': 'python3-tornado', 'yaml': 'python3-yaml',
}
# No key of rosdep is known for these: requirements/run.txt installs them, and what needs one
# says what to install where it is missing.
KEYLESS = {
    'foxglove', 'gymnasium', 'mcap', 'opentelemetry', 'pynmeagps', 'pyubx2', 'spidev', 'zeroconf',
    'zstandard',
}
PARTS = {'coordinator', 'hw_discovery', 'learning', 'tower'}


def manifest(folder: Path):  # type: ignore[no-untyped-def]
    from catkin_pkg.package import parse_package

    warnings: list[str] = []
    package = parse_package(str(folder), warnings=warnings)
    assert not warnings
    return package


@pytest.mark.parametrize('folder', FOLDERS, ids=NAMES)
def test_manifest_is_valid_format_3(folder: Path) -> None:
    package = manifest(folder)
    assert package.package_format == 3
    assert package.name == folder.name
    assert package.licenses == ['Apache-2.0']
    assert package.version == '0.1.0'
    assert [person.email for person in package.maintainers] == ['maintainers@swarm-stack.example']
    assert MODEL in (folder / 'package.xml').read_text().splitlines()[1]


@pytest.mark.parametrize('folder', FOLDERS, ids=NAMES)
def test_manifest_is_well_formed_for_a_strict_parser(folder: Path) -> None:
    lxml = pytest.importorskip('lxml.etree', reason='missing: lxml')
    tree = lxml.parse(str(folder / 'package.xml'), lxml.XMLParser(recover=False))
    wanted = ['name', 'version', 'description', 'maintainer', 'license']
    assert [element.tag for element in tree.getroot()][: len(wanted)] == wanted


def dependencies(folder: Path, kinds: tuple[str, ...]) -> set[str]:
    package = manifest(folder)
    return {one.name for kind in kinds for one in getattr(package, f'{kind}_depends')}


@pytest.mark.parametrize('folder', FOLDERS, ids=NAMES)
def test_every_dependency_is_a_key_that_rosdep_knows(folder: Path) -> None:
    kinds = ('build', 'buildtool', 'build_export', 'buildtool_export', 'exec', 'test', 'doc')
    assert dependencies(folder, kinds) <= ROSDEP_KEYS | ROS_PACKAGES | set(NAMES)


@pytest.mark.parametrize('folder', PYTHON, ids=PYTHON_NAMES)
def test_every_import_of_another_distribution_is_declared(folder: Path) -> None:
    declared = dependencies(folder, ('exec',))
    used = {KEY_OF_MODULE.get(name, name) for name in third_party(folder / folder.name)}
    assert used <= declared | {folder.name} | KEYLESS


def third_party(folder: Path) -> set[str]:
    names = set()
    for file in folder.rglob('*.py'):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition('.')[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add((node.module or '').partition('.')[0])
    return names - set(sys.stdlib_module_names) - {'__future__'}


@pytest.mark.parametrize('folder', FOLDERS, ids=NAMES)
def test_package_has_a_readme_and_a_changelog_of_its_version(folder: Path) -> None:
    from catkin_pkg.changelog import get_changelog_from_path

    assert (folder / 'README.md').read_text().startswith('# ')
    changelog = get_changelog_from_path(str(folder / 'CHANGELOG.rst'), folder.name)
    assert [version for version, _, _ in changelog.foreach_version()] == ['0.1.0']


@pytest.mark.parametrize('folder', PYTHON, ids=PYTHON_NAMES)
def test_scripts_are_installed_where_ros2_run_looks(folder: Path) -> None:
    config = configparser.ConfigParser()
    config.read(folder / 'setup.cfg')
    target = f'$base/lib/{folder.name}'
    assert config['develop']['script_dir'] == target
    assert config['install']['install_scripts'] == target


@pytest.mark.parametrize('folder', PYTHON, ids=PYTHON_NAMES)
def test_installed_version_is_that_of_the_manifest(folder: Path) -> None:
    assert importlib.metadata.version(folder.name) == manifest(folder).version


@pytest.mark.parametrize('folder', PYTHON, ids=PYTHON_NAMES)
def test_resource_marker_is_there_and_empty(folder: Path) -> None:
    assert (folder / 'resource' / folder.name).read_bytes() == b''


@pytest.mark.parametrize('folder', FOLDERS, ids=NAMES)
def test_installed_share_has_every_launch_and_config_file(folder: Path) -> None:
    from ament_index_python.packages import get_package_share_directory

    share = Path(get_package_share_directory(folder.name))
    wanted = [folder / 'package.xml', *folder.glob('launch/*.launch.py')]
    for shared in ('config/*.yaml', 'grafana/*.json', 'rqt/*.perspective', 'rviz/*.rviz'):
        wanted += folder.glob(shared)
    missing = [
        str(file.relative_to(folder))
        for file in wanted
        if not (share / file.relative_to(folder)).is_file()
    ]
    assert not missing


def test_shortcuts_at_the_top_lead_to_the_packages_folders() -> None:
    for name in ('launch', 'config'):
        assert (ROOT / name).resolve() == ROOT / 'src' / 'swarm_coordinator' / name


def entry_points(package: str) -> list[importlib.metadata.EntryPoint]:
    ours = ('console_scripts', 'swarm.parts')
    return [one for one in importlib.metadata.distribution(package).entry_points
            if one.group in ours]


@pytest.mark.parametrize('folder', PYTHON, ids=PYTHON_NAMES)
def test_everything_declared_as_an_entry_point_loads(folder: Path) -> None:
    points = entry_points(folder.name)
    assert points
    for point in points:
        loaded = point.load()
        assert callable(loaded) if point.group == 'console_scripts' else loaded.node_name


@pytest.mark.parametrize('folder', PYTHON, ids=PYTHON_NAMES)
def test_every_console_script_is_an_executable_of_the_package(folder: Path) -> None:
    from ament_index_python.packages import get_package_prefix

    library = Path(get_package_prefix(folder.name)) / 'lib' / folder.name
    for point in entry_points(folder.name):
        if point.group == 'console_scripts':
            assert os.access(library / point.name, os.X_OK), f'{library}/{point.name}'


def test_parts_of_a_robot_are_found_under_their_names() -> None:
    found = [one.name for one in importlib.metadata.entry_points(group='swarm.parts')]
    assert set(found) == PARTS


def sources() -> list[Path]:
    places = [path for name in ('src', 'tests', 'bench', 'scripts', 'docs', 'examples')
              for path in (ROOT / name).rglob('*') if path.suffix in ('.py', '.sh', '.cmake')]
    return sorted([*places, *ROOT.glob('*.py'), ROOT / 'Makefile'])


def test_every_source_file_starts_with_the_licence() -> None:
    wrong = []
    for file in sources():
        lines = file.read_text().splitlines()
        lines = lines[1:] if lines and lines[0].startswith('#!') else lines
        if tuple(lines[:2]) != HEADER:
            wrong.append(str(file.relative_to(ROOT)))
    assert not wrong


def test_every_module_says_what_it_owns() -> None:
    silent = [
        str(file.relative_to(ROOT))
        for file in sources()
        if file.suffix == '.py' and not ast.get_docstring(ast.parse(file.read_text()))
    ]
    assert not silent


def test_licence_is_the_whole_apache_licence() -> None:
    text = (ROOT / 'LICENSE').read_text()
    assert 'Apache License' in text and 'Version 2.0, January 2004' in text
    assert 'END OF TERMS AND CONDITIONS' in text
