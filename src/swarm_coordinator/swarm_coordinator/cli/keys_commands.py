# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Commands of swarmctl about the identity of robots. They work on files; no swarm has to run.

Owns the words and the exit codes: 1 something is not there or not in order, 2 refused.
"""

import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from swarm_coordinator.cli import tables
from swarm_coordinator.cli.answers import FAILED, OK, REFUSED, print_json, say
from swarm_coordinator.core.identity.canonical import key_id
from swarm_coordinator.core.identity.certificate import (
    Certificate,
    Role,
    SignedCertificate,
    check,
    date,
    span,
)
from swarm_coordinator.core.identity.papers import (
    PAPERS_BYTES_MAX,
    REQUEST_BYTES_MAX,
    KeyRequest,
    Papers,
)
from swarm_coordinator.core.identity.refusal import IdentityRefused
from swarm_coordinator.core.ids import checked_name
from swarm_coordinator.security.callers import FOLDER, keys_folder

AUTHORITY = '_authority'
ENDS_SOON_S = 30 * 86_400
CLOCK_S_MIN = 1_735_689_600  # 2025-01-01: this program is younger than that


def run(options: Namespace) -> int:
    try:
        swarm_id = _name(options.swarm_id, 'swarm_id')
        folder = keys_folder(options.keys or options.keys_dir, swarm_id)
        return COMMANDS[options.what](options, folder)
    except IdentityRefused as error:
        return say(str(error), FAILED if error.reason == 'missing' else REFUSED)
    except ImportError as error:  # cryptography; the message says what to install
        return say(str(error), FAILED)


def init(options: Namespace, folder: Path) -> int:
    from swarm_coordinator.security.authority import Authority

    authority = Authority.create(folder / AUTHORITY, options.swarm_id, _now_s())
    name = key_id(authority.register.authorities[-1])
    if options.json:
        return print_json({
            'swarm_id': options.swarm_id, 'authority': name, 'folder': str(authority.folder)
        })
    print(f'authority {name} of swarm {options.swarm_id}, in {authority.folder}')
    print('Whoever has this folder decides who belongs to the swarm: keep it off the robots, and '
          'a copy in a safe place.')
    return OK


def request(options: Namespace, folder: Path) -> int:
    from swarm_coordinator.security import robot_folder
    from swarm_coordinator.security.key_files import make_private_folder, write_public

    name = _name(options.name)
    make_private_folder(folder)
    made = robot_folder.request(folder / name, options.swarm_id, name, options.new_keys)
    path = Path(options.out or f'{name}.request')
    write_public(path, made.encode())
    if options.json:
        return print_json({
            'robot_id': name, 'swarm_id': made.swarm_id, 'key': key_id(made.sign_key),
            'folder': str(folder / name), 'request': str(path),
        })
    print(f'{name} asks to be in swarm {made.swarm_id} with key {key_id(made.sign_key)}: {path}')
    print(f'Bring it to whoever has the authority: swarmctl keys issue --request {path} '
          '--role voter')
    return OK


def issue(options: Namespace, folder: Path) -> int:
    from swarm_coordinator.security.authority import Authority
    from swarm_coordinator.security.key_files import read_public, write_public

    if (options.name is None) == (options.request is None):
        return say('expected the NAME of a robot, or --request FILE', REFUSED)
    authority = Authority.open(folder / AUTHORITY)
    if options.name is not None:
        return _issue_folder(options, folder, authority)
    asked = KeyRequest.decode(read_public(Path(options.request), REQUEST_BYTES_MAX))
    signed = authority.issue(
        asked, _roles(options), _now_s(), options.days, options.new_keys
    )
    path = Path(options.out or f'{asked.robot_id}.papers')
    write_public(path, authority.papers(signed).encode())
    return _told(options, signed, path, f'On the robot: swarmctl keys install {path.name}')


def _issue_folder(options: Namespace, folder: Path, authority: Any) -> int:
    """Keys, request, certificate and installation in one."""
    from swarm_coordinator.security import robot_folder
    from swarm_coordinator.security.local_keys import enrol

    name = _name(options.name)
    path = Path(options.out).expanduser() if options.out else folder / name
    if (path / robot_folder.CERTIFICATE).exists():
        return say(
            f'{path}: has a certificate already: swarmctl keys renew {name}, or --out DIR',
            REFUSED,
        )
    now_s = _now_s()
    enrol(authority, path, name, _roles(options), now_s, options.days, options.new_keys)
    signed = robot_folder.load(path).signed
    swarm_id = signed.certificate.swarm_id
    hint = f'It holds private keys: move it to {name} as {FOLDER}/{swarm_id}/{name}, mode 0700'
    return _told(options, signed, path, hint)


def renew(options: Namespace, folder: Path) -> int:
    from swarm_coordinator.security.authority import Authority
    from swarm_coordinator.security.key_files import write_public

    if bool(options.names) == options.all:
        return say('expected the NAMEs of robots, or --all', REFUSED)
    authority, now_s = Authority.open(folder / AUTHORITY), _now_s()
    names = options.names or sorted({
        one.certificate.robot_id
        for one in authority.issued()
        if one.revoked is None and one.certificate.not_after > now_s
    })
    facts = []
    for name in names:
        signed = authority.renew(name, now_s, options.days, _roles(options))
        path = Path(options.out) / f'{name}.papers'
        write_public(path, authority.papers(signed).encode())
        facts.append(_certificate_facts(signed) | {'path': str(path)})
    if options.json:
        return print_json(facts)
    for one in facts:
        print(f'{one["robot_id"]}: until {date(one["not_after"])}: {one["path"]}')
    print('On each robot: swarmctl keys install FILE. Until then its former certificate counts.')
    return OK


def install(options: Namespace, folder: Path) -> int:
    from swarm_coordinator.security import robot_folder
    from swarm_coordinator.security.key_files import read_public

    papers = Papers.decode(read_public(Path(options.file), PAPERS_BYTES_MAX))
    if options.name:
        names = [_name(options.name)]
    elif papers.certificate:
        names = [papers.certificate.certificate.robot_id]
    else:
        names = _robots_in(folder)
    facts: list[dict[str, Any]] = []
    for name in names:
        in_force = robot_folder.install(
            folder / name, papers, _now_s(), options.authority, robot_id=name
        )
        facts.append({
            'robot_id': name,
            'folder': str(folder / name),
            'revocations': in_force.number,
            'authorities': [key_id(public) for public in in_force.authorities],
        })
    if options.json:
        return print_json(facts)
    for one in facts:
        print(f'{one["robot_id"]}: installed in {one["folder"]}; trusts authority '
              f'{", ".join(one["authorities"])}, revocation list {one["revocations"]}')
    return OK


def revoke(options: Namespace, folder: Path) -> int:
    from swarm_coordinator.security.authority import REVOCATIONS, Authority

    authority = Authority.open(folder / AUTHORITY)
    revoked = authority.revoke(options.which, _now_s(), options.reason)
    number, path = authority.register.number, authority.folder / REVOCATIONS
    if options.json:
        return print_json({
            'revoked': [{'robot_id': one.robot_id, 'serial': one.serial} for one in revoked],
            'number': number, 'path': str(path),
        })
    for one in revoked:
        print(f'{one.robot_id}: certificate {one.serial} is revoked')
    print(f'Robots know of it when they have list {number}: {path}')
    return OK


def rotate(options: Namespace, folder: Path) -> int:
    from swarm_coordinator.security.authority import REVOCATIONS, Authority

    authority = Authority.open(folder / AUTHORITY)
    name = authority.rotate(_now_s())
    names, number = _counting(authority), authority.register.number
    if options.json:
        return print_json({'authority': name, 'authorities': names, 'number': number})
    print(f'new key of the authority: {name}; counting: {", ".join(names)}')
    print(f'1. give every robot list {number}: {authority.folder / REVOCATIONS}')
    print('2. swarmctl keys renew --all, and install the papers')
    print(f'3. swarmctl keys retire {names[0]}')
    return OK


def retire(options: Namespace, folder: Path) -> int:
    from swarm_coordinator.security.authority import REVOCATIONS, Authority

    authority = Authority.open(folder / AUTHORITY)
    name = authority.retire(options.authority, _now_s(), options.force)
    names, number = _counting(authority), authority.register.number
    if options.json:
        return print_json({'retired': name, 'authorities': names, 'number': number})
    print(f'{name} is retired; counting: {", ".join(names)}')
    print(f'Robots know of it when they have list {number}: {authority.folder / REVOCATIONS}')
    return OK


def listing(options: Namespace, folder: Path) -> int:
    from swarm_coordinator.security.authority import Authority

    authority, now_s = Authority.open(folder / AUTHORITY), _now_s()
    held = authority.register
    rows = [
        _certificate_facts(one.signed) | {'standing': _standing(one, now_s)}
        for one in authority.issued()
        if one.is_latest or options.all
    ]
    rows.sort(key=lambda row: (row['robot_id'], row['not_before']))
    names = _counting(authority)
    if options.json:
        return print_json({
            'swarm_id': held.swarm_id, 'authorities': names, 'number': held.number,
            'certificates': rows,
        })
    print(f'swarm {held.swarm_id}, authority {", ".join(names)}, revocation list {held.number}')
    print(tables.table(
        ('robot', 'roles', 'serial', 'until', 'standing'),
        [
            (
                row['robot_id'], ', '.join(row['roles']), row['serial'][:8],
                date(row['not_after']), row['standing'],
            )
            for row in rows
        ],
        flexible=('standing', 'roles'),
    ))
    return OK


def _standing(one: Any, now_s: float) -> str:
    if one.revoked is not None:
        return f'revoked {date(one.revoked.at)}: {one.revoked.reason}'
    if not one.authority_counts:
        return 'its authority key is retired'
    left_s = one.certificate.not_after - now_s
    return f'{span(left_s)} left' if left_s > 0 else f'expired {span(-left_s)} ago'


def check_keys(options: Namespace, folder: Path) -> int:
    """Everything that can be found out without the swarm, of each robot here."""
    names = [_name(name) for name in options.names] or _robots_in(folder)
    rows = [_checked(folder / name, name) for name in names]
    is_good = all(row['reason'] is None for row in rows)
    if options.json:
        print_json(rows)
        return OK if is_good else FAILED
    print(tables.table(
        ('robot', 'roles', 'until', 'authority', 'list', 'standing'),
        [
            (
                row['robot_id'], ', '.join(row['roles']) or '-',
                date(row['not_after']) if row['not_after'] else '-', row['authority'][:8] or '-',
                row['revocations'] or '-',
                row['reason'] or 'good',
            )
            for row in rows
        ],
        flexible=('roles',),
    ))
    for row in rows:
        if row['sentence']:
            print(f'{row["robot_id"]}: {row["sentence"]}')
    return OK if is_good else FAILED


def _checked(path: Path, name: str) -> dict[str, Any]:
    from swarm_coordinator.security import robot_folder

    row: dict[str, Any] = {
        'robot_id': name, 'roles': [], 'not_after': None, 'authority': '', 'revocations': 0,
        'reason': None, 'sentence': '',
    }
    try:
        identity = robot_folder.load(path)
    except IdentityRefused as error:
        return row | {'reason': error.reason, 'sentence': str(error)}
    certificate, now_s = identity.certificate, _now_s()
    row |= _certificate_facts(identity.signed) | {'revocations': identity.revocations.number}
    if certificate.robot_id != name:
        return row | {
            'robot_id': name,
            'reason': 'wrong_robot',
            'sentence': f'{path}: the certificate in it is for {certificate.robot_id}',
        }
    refusal = check(
        certificate, now_s, certificate.swarm_id, identity.revocations.revoked
    )
    if refusal is not None:
        return row | {'reason': refusal.reason, 'sentence': refusal.sentence}
    left_s = certificate.not_after - now_s
    if left_s < ENDS_SOON_S:
        row['sentence'] = f'its certificate ends in {span(left_s)}: swarmctl keys renew {name}'
    return row


def _told(options: Namespace, signed: SignedCertificate, path: Path, hint: str) -> int:
    facts = _certificate_facts(signed) | {'path': str(path)}
    if options.json:
        return print_json(facts)
    print(f'{facts["robot_id"]}: {", ".join(facts["roles"])} of swarm {facts["swarm_id"]} until '
          f'{date(facts["not_after"])}, with key {facts["key"]}, by authority '
          f'{facts["authority"]}: {path}')
    print(hint)
    return OK


def _certificate_facts(signed: SignedCertificate) -> dict[str, Any]:
    certificate: Certificate = signed.certificate
    return {
        'robot_id': certificate.robot_id,
        'swarm_id': certificate.swarm_id,
        'roles': [role.value for role in certificate.roles],
        'serial': certificate.serial,
        'key': key_id(certificate.sign_key),
        'authority': signed.authority,
        'not_before': certificate.not_before,
        'not_after': certificate.not_after,
    }


def _robots_in(folder: Path) -> list[str]:
    found = sorted(path.name for path in folder.glob('*') if path.is_dir())
    names = [name for name in found if name != AUTHORITY]
    if not names:
        raise IdentityRefused(
            'missing', f'{folder}: no robot has keys there: swarmctl keys request NAME'
        )
    return names


def _now_s() -> float:
    """A wrong clock would make certificates that nobody accepts, so it is told here."""
    now_s = time.time()
    if now_s < CLOCK_S_MIN:
        raise IdentityRefused(
            'clock_off', f'the clock of this machine says {date(now_s)}: set it (timedatectl)'
        )
    return now_s


def _counting(authority: Any) -> list[str]:
    """Oldest first."""
    return [key_id(public) for public in authority.register.authorities]


def _roles(options: Namespace) -> list[Role]:
    return [Role(name) for name in options.role or ()]


def _name(text: str, what: str = 'robot_id') -> str:
    try:
        return checked_name(text, what)
    except ValueError as error:
        raise IdentityRefused('damaged', str(error)) from None


COMMANDS: dict[str, Callable[[Namespace, Path], int]] = {
    'init': init,
    'request': request,
    'issue': issue,
    'install': install,
    'renew': renew,
    'revoke': revoke,
    'rotate': rotate,
    'retire': retire,
    'list': listing,
    'check': check_keys,
}
