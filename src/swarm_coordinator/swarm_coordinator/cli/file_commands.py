# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Commands of swarmctl about stored files."""

import argparse
import os
import time
from collections.abc import Sequence
from typing import Any

from swarm_msgs import srv

from swarm_coordinator.cli import tables
from swarm_coordinator.cli.answers import FAILED, OK, exit_code, print_json, say
from swarm_coordinator.cli.file_arguments import USES

PAGE = 500
LOOK_S = 0.2  # between two looks at how far something is
MIB = 1024 * 1024
SHORT = 16  # digits of a sha256 in a table


class Unclear(Exception):
    """What was given does not name one file; the text says why."""


def list_files(client: Any, options: argparse.Namespace) -> int:
    uses = [USES.index(use) for use in options.use]
    code, entries, sums = _listed(client, options.prefix or '', uses)
    if code != OK:
        return code
    if options.json:
        return print_json({**_sums(sums), 'files': [_facts(one) for one in entries]})
    if entries:
        print(
            tables.table(
                ('sha256', 'size', 'use', 'unused', 'name'),
                [
                    (
                        one.sha256[:SHORT], tables.size(one.size_bytes), _use(one),
                        tables.age(one.unused_ms / 1000), one.name or '-',
                    )
                    for one in entries
                ],
            )
        )
    print(
        f'{len(entries)} files; {tables.size(sums.used_bytes)} of '
        f'{tables.size(sums.quota_bytes)} in use, {tables.size(sums.cached_bytes)} of it cached; '
        f'{tables.size(sums.free_bytes)} free on the disk'
        + (f'; {sums.damaged} damaged ones set aside' if sums.damaged else '')
    )
    return OK


def _listed(client: Any, prefix: str, uses: Sequence[int]) -> tuple[int, list[Any], Any]:
    """All matching files, page by page, and the last answer."""
    found: list[Any] = []
    while True:
        request = srv.ListFiles.Request(
            sha256=prefix, uses=list(uses), after=found[-1].sha256 if found else '', limit=PAGE
        )
        answer = client.call(srv.ListFiles, 'list_files', request)
        if (code := exit_code(answer)) != OK:
            return code, [], answer
        found += answer.files
        if len(answer.files) < PAGE:
            return OK, found, answer


def _use(entry: Any) -> str:
    if entry.use != entry.USE_FETCHING:
        return USES[entry.use]
    share = entry.here_bytes / entry.size_bytes if entry.size_bytes else 1.0
    return f'{share:.0%} from {entry.holder or "?"}'


def _facts(entry: Any) -> dict[str, Any]:
    return {
        'sha256': entry.sha256,
        'name': entry.name or None,
        'size_bytes': entry.size_bytes,
        'here_bytes': entry.here_bytes,
        'use': USES[entry.use],
        'unused_ms': entry.unused_ms,
        'holder': entry.holder or None,
    }


def _sums(answer: Any) -> dict[str, int]:
    names = (
        'used_bytes', 'cached_bytes', 'quota_bytes', 'free_bytes', 'damaged', 'sent_bytes',
        'received_bytes',
    )
    return {name: getattr(answer, name) for name in names}


def put(client: Any, options: argparse.Namespace) -> int:
    request = srv.StoreFile.Request(
        path=os.path.abspath(options.path), name=options.name, keep=options.keep
    )
    answer = _followed(client, srv.StoreFile, 'store_file', request)
    if (code := exit_code(answer)) != OK:
        return code
    sha256 = bytes(answer.file.sha256).hex()
    if options.json:
        return print_json(
            {'sha256': sha256, 'name': answer.file.name, 'size_bytes': answer.file.size_bytes}
        )
    print(f'{sha256}  {answer.file.name}  {tables.size(answer.file.size_bytes)}')
    return OK


def get(client: Any, options: argparse.Namespace) -> int:
    try:
        sha256 = _whole(client, options.sha256)
    except Unclear as error:
        return say(str(error), FAILED)
    request = srv.FetchFile.Request(
        sha256=sha256,
        holder=options.holder,
        path=os.path.abspath(options.path) if options.path else '',
    )
    try:
        answer = _followed(client, srv.FetchFile, 'fetch_file', request)
    except KeyboardInterrupt:
        request.forget = True
        client.call(srv.FetchFile, 'fetch_file', request, timeout_s=2.0)
        raise
    if answer.code != answer.ACCEPTED:
        return say(answer.reason, FAILED)
    if options.json:
        return print_json(
            {'sha256': sha256, 'size_bytes': answer.total_bytes, 'holder': answer.holder or None}
        )
    where = f'from {answer.holder}' if answer.holder else 'it was here'
    print(f'{sha256}  {tables.size(answer.total_bytes)}, {where}')
    return OK


def verify(client: Any, options: argparse.Namespace) -> int:
    try:
        hashes = [_whole(client, one) for one in options.hashes]
    except Unclear as error:
        return say(str(error), FAILED)
    request = srv.VerifyFiles.Request(sha256=hashes)
    answer = _followed(client, srv.VerifyFiles, 'verify_files', request)
    if (code := exit_code(answer)) != OK:
        return code
    if options.json:
        print_json(
            {
                'files': answer.files,
                'bytes': answer.done_bytes,
                'damaged': [_facts(one) for one in answer.damaged],
                'fetching': answer.fetching,
            }
        )
    else:
        for one in answer.damaged:
            again = ', fetched again' if one.use == one.USE_NEEDED else ''
            print(f'damaged and set aside{again}: {one.sha256}  {one.name}')
        print(
            f'{answer.files} files, {tables.size(answer.done_bytes)} read: '
            f'{len(answer.damaged) or "none"} damaged'
        )
    return FAILED if answer.damaged else OK


def collect(client: Any, options: argparse.Namespace) -> int:
    try:
        hashes = [_whole(client, one) for one in options.hashes]
    except Unclear as error:
        return say(str(error), FAILED)
    request = srv.CollectFiles.Request(sha256=hashes, keep_bytes=options.keep_bytes)
    answer = client.call(srv.CollectFiles, 'collect_files', request)
    code = exit_code(answer)
    if options.json:
        print_json({'files': answer.files, 'freed_bytes': answer.freed_bytes})
    else:
        print(f'{answer.files} files are gone, {tables.size(answer.freed_bytes)} free')
    return code


def _whole(client: Any, prefix: str) -> str:
    """The sha256 that begins so. Raises Unclear."""
    if len(prefix) == 64:
        return prefix
    _, entries, _ = _listed(client, prefix, ())
    if len(entries) != 1:
        count = f'{len(entries)} files' if entries else 'no file'
        raise Unclear(
            f'{prefix}: {count} of {client.robot} begin so; expected more digits, and all 64 of a '
            'file that is elsewhere'
        )
    return str(entries[0].sha256)


def _followed(client: Any, kind: Any, service: str, request: Any) -> Any:
    """The last answer of something that takes long; a bar shows how far it is."""
    line = tables.Live()
    began_s = time.monotonic()
    while True:
        answer = client.call(kind, service, request)
        if answer.ended:
            line.end()
            return answer
        rate = answer.done_bytes / max(0.001, time.monotonic() - began_s)
        bar = tables.bar(answer.done_bytes // MIB, max(1, answer.total_bytes // MIB))
        line.show([f'{bar} MiB, {tables.size(rate)}/s'])
        client.spin_until(lambda: False, LOOK_S)
