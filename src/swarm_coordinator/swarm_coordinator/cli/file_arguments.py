# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Arguments of swarmctl for stored files. Imports no ROS."""

import argparse
import re
from typing import Any

USES = ('needed', 'kept', 'cached', 'fetching')  # in the order of FileEntry.USE_*
UNITS = {'': 1, 'k': 1000, 'm': 1000**2, 'g': 1000**3}
HASH = re.compile('[0-9a-f]{4,64}')


def add_files(commands: Any) -> None:
    files = commands.add_parser('files', help='stored files, by content').add_subparsers(
        dest='what', required=True, metavar='COMMAND'
    )
    listing = files.add_parser('list', help='what a robot has, longest unused first')
    listing.add_argument('prefix', nargs='?', type=_prefix, metavar='SHA256')
    listing.add_argument('--use', action='append', default=[], choices=USES)
    listing.set_defaults(run='file_commands.list_files')
    put = files.add_parser('put', help='store a file, so that jobs can name it by its sha256')
    put.add_argument('path', metavar='FILE', help="on the asked robot's machine")
    put.add_argument('--name', default='', help='what it is to be called (default: as it is)')
    put.add_argument(
        '--keep', action='store_true', help='until "files gc SHA256"; default: while there is room'
    )
    put.set_defaults(run='file_commands.put')
    get = files.add_parser('get', help='have a file here, from whichever robot has it')
    get.add_argument('sha256', type=_prefix, metavar='SHA256', help='whole, or its beginning')
    get.add_argument('path', nargs='?', default='', metavar='FILE', help='default: only stored')
    get.add_argument('--from', dest='holder', default='', metavar='ROBOT', help='ask it first')
    get.set_defaults(run='file_commands.get')
    verify = files.add_parser('verify', help='read stored files again; damaged ones are set aside')
    verify.add_argument('hashes', nargs='*', type=_prefix, metavar='SHA256', help='default: all')
    verify.set_defaults(run='file_commands.verify')
    collect = files.add_parser('gc', help='let go of files that no job needs')
    collect.add_argument(
        'hashes', nargs='*', type=_prefix, metavar='SHA256', help='these, also if kept'
    )
    collect.add_argument(
        '--keep', dest='keep_bytes', type=_octets, default=0, metavar='BYTES',
        help='leave so much of the cache (500M, 2G)',
    )
    collect.set_defaults(run='file_commands.collect')


def _prefix(text: str) -> str:
    if not HASH.fullmatch(text.lower()):
        raise argparse.ArgumentTypeError(
            f'{text!r}: expected a sha256 or its first digits, at least 4'
        )
    return text.lower()


def _octets(text: str) -> int:
    number, unit = (text[:-1], text[-1].lower()) if text[-1:].isalpha() else (text, '')
    if not number.isascii() or not number.isdigit() or unit not in UNITS:
        raise argparse.ArgumentTypeError(f'{text!r}: expected a number of bytes, as 500M or 2G')
    return int(number) * UNITS[unit]
