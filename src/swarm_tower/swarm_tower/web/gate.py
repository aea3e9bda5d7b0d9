# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who may do what with a tower: owns the file of tokens, roles, and how often somebody may try.

Without a token a tower is read-only. The file is JSON and readable by its owner only:

    {"tokens": [{"name": "ada", "role": "operator", "token": "..."}]}

It is made with one operator's token where there is none.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import re
import secrets
import stat
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from swarm_tower.durable import make_folder, sync_folder

FILE_BYTES_MAX = 64 * 1024
TOKENS_MAX = 100
TOKEN_CHARS = (16, 256)
NAME_CHARS_MAX = 64
READS_AT_ONCE, READS_PER_S = 300.0, 100.0  # of one address; a page asks a few a second
ADDRESSES_MAX = 256  # whose tries are counted; the one that was seen longest ago is forgotten


class Role(IntEnum):
    """What somebody may do; a higher one may all that a lower one may."""

    OBSERVER = 0
    OPERATOR = 1


@dataclass(frozen=True)
class Visitor:
    """Who asks."""

    name: str
    role: Role


ANYBODY = Visitor('', Role.OBSERVER)


class Turned(Exception):
    """Somebody may not; `status` is that of HTTP, the text says what was expected."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Bucket:
    """Tokens of time: `burst` tries at once, and `per_s` more each second."""

    def __init__(self, burst: float, per_s: float, now_s: float) -> None:
        self._burst, self._per_s = burst, per_s
        self._left, self._at_s = burst, now_s

    def left(self, now_s: float) -> float:
        """Return how many tries are left now."""
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        return self._left

    def take(self, now_s: float) -> bool:
        """Use up a try; False = there is none."""
        if self.left(now_s) < 1.0:
            return False
        self._left -= 1.0
        return True


class Gate:
    """Tells visitors by their tokens and slows down who tries too often."""

    def __init__(
        self, tokens: dict[str, Visitor], clock_s: Callable[[], float], file: str = ''
    ) -> None:
        self._tokens = {token.encode(): visitor for token, visitor in tokens.items()}
        self._clock_s = clock_s
        self.file = file
        self._wrong: OrderedDict[str, Bucket] = OrderedDict()
        self._acts: OrderedDict[str, Bucket] = OrderedDict()
        self._used: OrderedDict[str, bytes] = OrderedDict()
        self._reads: OrderedDict[str, Bucket] = OrderedDict()

    def visitor(self, authorization: str | None, address: str) -> Visitor:
        """Tell who asks, by the header `Authorization: Bearer <token>`. Raises Turned."""
        if authorization is None:
            return ANYBODY
        scheme, _, text = authorization.partition(' ')
        token = text.strip().encode('utf-8', 'replace') if scheme.lower() == 'bearer' else b''
        wrong = self._bucket(self._wrong, address, burst=10.0, per_s=0.1)
        if wrong.left(self._clock_s()) < 1.0 and not self._was_used(address, token):
            raise Turned(429, 'Too many wrong tokens; wait a minute')
        found = self._find(token)
        if found is None:
            wrong.take(self._clock_s())
            raise Turned(401, 'Wrong token; expected: Authorization: Bearer <token>')
        self._use(address, token)
        return found

    def may_read(self, address: str) -> bool:
        """Tell whether an address may ask one more question; some go on to robots."""
        asked = self._bucket(self._reads, address, READS_AT_ONCE, READS_PER_S)
        return asked.take(self._clock_s())

    def _was_used(self, address: str, token: bytes) -> bool:
        """Of an address that guesses, the one token that was right there before still counts:
        else anybody who shares it, on this machine or behind a proxy, could keep an operator from
        stopping robots."""
        return hmac.compare_digest(self._used.get(address, b''), token) and token != b''

    def _use(self, address: str, token: bytes) -> None:
        self._used.pop(address, None)
        self._used[address] = token
        while len(self._used) > ADDRESSES_MAX:
            self._used.popitem(last=False)

    def admit(
        self, visitor: Visitor, least: Role, address: str = '', apart: str = ''
    ) -> None:
        """Let somebody act. Raises Turned for those who may not, or too often; who has no name
        is told by the address. What is counted `apart` is not held up by anything else."""
        if visitor.role < least:
            where = f'; the token is in {self.file}' if self.file else ''
            status = 401 if visitor is ANYBODY else 403
            raise Turned(status, f'This needs the token of an {least.name.lower()}{where}')
        who = f'name {visitor.name}' if visitor.name else f'address {address}'
        acts = self._bucket(self._acts, f'{apart} {who}', burst=20.0, per_s=2.0)
        if not acts.take(self._clock_s()):
            raise Turned(429, 'Too many commands at once; wait a second')

    def _find(self, token: bytes) -> Visitor | None:
        found = None
        for known, visitor in self._tokens.items():
            if hmac.compare_digest(known, token):
                found = visitor
        return found

    def _bucket(
        self, buckets: OrderedDict[str, Bucket], key: str, burst: float, per_s: float
    ) -> Bucket:
        bucket = buckets.pop(key, None) or Bucket(burst, per_s, self._clock_s())
        buckets[key] = bucket
        while len(buckets) > ADDRESSES_MAX:
            buckets.popitem(last=False)
        return bucket


def open_gate(path: str, clock_s: Callable[[], float]) -> Gate:
    """Read the tokens, or make them. Raises ValueError that says what is wrong with the file."""
    file = Path(path).expanduser()
    try:
        if not file.exists():
            _make(file)
        _drop_drafts(file)
        return Gate(_read(file), clock_s, str(file))
    except OSError as error:
        raise ValueError(f'tower_tokens: {file}: {error.strerror or error}') from error


def _make(file: Path) -> None:
    document = {
        'tokens': [
            {'name': 'operator', 'role': 'operator', 'token': secrets.token_urlsafe(24)}
        ]
    }
    make_folder(file.parent)
    draft = file.with_name(f'.{file.name}.{secrets.token_hex(4)}')
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, 'w') as out:
            json.dump(document, out, indent=1)
            out.write('\n')
            out.flush()
            os.fsync(out.fileno())
        # Of two towers that start together the first one's counts, and it takes our draft away.
        with contextlib.suppress(FileExistsError, FileNotFoundError):
            os.link(draft, file)
        sync_folder(file.parent)  # a token that somebody has noted counts for ever
    finally:
        draft.unlink(missing_ok=True)


def _drop_drafts(file: Path) -> None:
    """What towers left that were stopped while they made the file; it is there now."""
    name = re.compile(re.escape(f'.{file.name}.') + '[0-9a-f]{8}')
    for draft in file.parent.iterdir():
        if name.fullmatch(draft.name):
            draft.unlink(missing_ok=True)


def _read(file: Path) -> dict[str, Visitor]:
    mode = file.stat().st_mode
    if not stat.S_ISREG(mode) or stat.S_IMODE(mode) & 0o077:
        raise ValueError(
            f'tower_tokens: {file}: expected a file that only its owner can read: chmod 600'
        )
    with file.open('rb') as opened:
        raw = opened.read(FILE_BYTES_MAX + 1)
    if len(raw) > FILE_BYTES_MAX:
        raise ValueError(f'tower_tokens: {file}: expected at most {FILE_BYTES_MAX} bytes')
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'tower_tokens: {file}: expected JSON: {error}') from None
    rows = document.get('tokens') if isinstance(document, dict) else None
    if not isinstance(rows, list) or len(rows) > TOKENS_MAX:
        raise ValueError(
            f'tower_tokens: {file}: expected {{"tokens": [...]}} with at most {TOKENS_MAX}'
        )
    return dict(_token(row, f'tower_tokens: {file}: tokens[{n}]') for n, row in enumerate(rows))


def _token(row: Any, where: str) -> tuple[str, Visitor]:
    if not isinstance(row, dict) or set(row) != {'name', 'role', 'token'}:
        raise ValueError(f'{where}: expected an object with name, role and token')
    name, role, token = row['name'], row['role'], row['token']
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_CHARS_MAX or not name.isprintable():
        raise ValueError(f'{where}: name: expected 1 to {NAME_CHARS_MAX} printable characters')
    roles = [known.name.lower() for known in Role]
    if role not in roles:
        raise ValueError(f'{where}: role: expected one of {", ".join(roles)}')
    low, high = TOKEN_CHARS
    if not isinstance(token, str) or not low <= len(token) <= high or not token.isascii():
        raise ValueError(f'{where}: token: expected {low} to {high} ASCII characters')
    return token, Visitor(name, Role[role.upper()])
