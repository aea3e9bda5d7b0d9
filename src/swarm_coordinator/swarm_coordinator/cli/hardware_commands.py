# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Commands of swarmctl about the hardware of one robot."""

import argparse
import sys
from typing import Any

from swarm_msgs import msg, srv

from swarm_coordinator.cli import tables
from swarm_coordinator.cli.answers import (
    FAILED,
    OK,
    REFUSED,
    UNAVAILABLE,
    exit_code,
    print_json,
    say,
)
from swarm_coordinator.cli.hardware_arguments import BUSES, Constraint, Need

VERDICTS = ('unknown', 'ambiguous', 'identified')
PHASES = ('appeared', 'probing', 'identified', 'claimed', 'faulty', 'lost')


def list_devices(client: Any, options: argparse.Namespace) -> int:
    answer = client.call(
        srv.ListDevices,
        'list_devices',
        srv.ListDevices.Request(
            buses=[BUSES.index(name) for name in options.bus],
            capability=options.capability,
            include_lost=options.lost,
        ),
    )
    rows = [facts(device) for device in answer.devices]
    if options.json:
        return print_json(rows)
    print(
        tables.table(
            ('device', 'name', 'kind', 'path', 'phase', 'verdict', 'held by'),
            [
                (
                    row['device'],
                    row['name'],
                    row['kind'] or '-',
                    row['path'] or '-',
                    row['phase'],
                    f'{row["verdict"]} {row["confidence"]:.0%}',
                    row['claimed_by'] or '-',
                )
                for row in rows
            ],
            flexible=('name', 'device'),
        )
    )
    for row in rows:
        if row['fault']:
            print(f'{row["device"]}: {row["fault"]}')
    return _notices(answer)


def facts(device: msg.HardwareDevice) -> dict[str, Any]:
    """What scripts read of a device."""
    return {
        'device': device.device_id,
        'name': device.name,
        'kind': device.kind,
        'catalogue_id': device.catalogue_id,
        'bus': BUSES[device.bus] if device.bus < len(BUSES) else 'unknown',
        'ids': f'{device.vendor_id}:{device.product_id}'.strip(':'),
        'serial': device.serial,
        'path': device.device_path,
        'driver': device.driver,
        'phase': PHASES[device.phase] if device.phase < len(PHASES) else str(device.phase),
        'state': device.state,
        'generation': device.generation,
        'verdict': VERDICTS[device.verdict] if device.verdict < len(VERDICTS) else 'unknown',
        'confidence': round(device.confidence, 2),
        'alternatives': list(device.alternatives),
        'parent': device.parent_id,
        'claimed_by': device.claimed_by,
        'fault': device.fault,
        'topics': list(device.topics),
        'frame_id': device.frame_id,
        'capabilities': [_capability(one) for one in device.capabilities],
    }


def _capability(one: msg.Capability) -> dict[str, Any]:
    return {
        'name': one.name,
        'amount': one.amount,
        'unit': one.unit,
        'ros_type': one.ros_type,
        'properties': [
            {
                'name': each.name,
                'minimum': each.minimum if each.has_minimum else None,
                'maximum': each.maximum if each.has_maximum else None,
                'unit': each.unit,
                'choices': list(each.choices),
            }
            for each in one.properties
        ],
    }


def _asked(client: Any, device: str) -> Any:
    return client.call(
        srv.ExplainDevice, 'explain_device', srv.ExplainDevice.Request(device=device)
    )


def show(client: Any, options: argparse.Namespace) -> int:
    answer = _asked(client, options.device)
    if answer.code != answer.FOUND:
        return say(answer.reason, FAILED)
    row = facts(answer.device)
    if options.json:
        return print_json(row)
    told = [(name, value) for name, value in row.items() if value and name != 'capabilities']
    print(tables.table(
        ('what', 'value'),
        [(name, ', '.join(value) if isinstance(value, list) else value) for name, value in told],
    ))
    if row['capabilities']:
        print('\n' + tables.table(
            ('gives', 'amount', 'type', 'properties'),
            [
                (
                    one['name'],
                    f'{one["amount"]:g} {one["unit"]}'.strip(),
                    one['ros_type'] or '-',
                    '; '.join(map(_property_text, one['properties'])) or '-',
                )
                for one in row['capabilities']
            ],
            flexible=('properties',),
        ))
    return OK


def _property_text(one: dict[str, Any]) -> str:
    low, high = one['minimum'], one['maximum']
    span = '..'.join('' if limit is None else f'{limit:g}' for limit in (low, high))
    words = '|'.join(one['choices'])
    return ' '.join(filter(None, (one['name'], span.strip('.') and span, one['unit'], words)))


def explain(client: Any, options: argparse.Namespace) -> int:
    answer = _asked(client, options.device)
    if answer.code != answer.FOUND:
        return say(answer.reason, FAILED)
    if options.json:
        return print_json({
            'device': answer.device.device_id,
            'lines': list(answer.lines),
            'launch_fragment': answer.launch_fragment,
            'notices': list(answer.notices),
        })
    print('\n'.join(tables.one_line(line) for line in answer.lines))
    if answer.launch_fragment:
        print(f'\nto launch the ROS package that drives it:\n{answer.launch_fragment}')
    if answer.catalogue_stanza:
        print(f'\nthe catalogue does not know it: swarmctl hardware suggest {options.device}')
    return _notices(answer)


def suggest(client: Any, options: argparse.Namespace) -> int:
    answer = _asked(client, options.device)
    if answer.code != answer.FOUND:
        return say(answer.reason, FAILED)
    if not answer.catalogue_stanza:
        return say(
            f'the catalogue knows it as {answer.device.catalogue_id or "a part of the robot"}',
            FAILED,
        )
    if options.json:
        return print_json({'stanza': answer.catalogue_stanza})
    print(answer.catalogue_stanza, end='')
    return OK


def negotiate(client: Any, options: argparse.Namespace) -> int:
    answer = client.call(
        srv.Negotiate,
        'negotiate',
        srv.Negotiate.Request(requirements=[requirement(one) for one in options.needs]),
    )
    rows = [
        {'need': one.name, 'device': device or None}
        for one, device in zip(options.needs, answer.chosen_ids, strict=False)
    ]
    if options.json:
        print_json({
            'satisfied': answer.satisfied,
            'chosen': rows,
            'misses': list(answer.misses),
            'notices': list(answer.notices),
        })
    else:
        print(tables.table(('need', 'device'), [(r['need'], r['device'] or '-') for r in rows]))
        for miss in answer.misses:
            print(miss)
        _notices(answer)
    return OK if answer.satisfied else FAILED


def requirement(need: Need) -> msg.Capability:
    return msg.Capability(
        name=need.name,
        amount=need.amount,
        unit=need.unit,
        ros_type=need.ros_type,
        properties=[_property(one) for one in need.constraints],
    )


def _property(one: Constraint) -> msg.CapabilityProperty:
    return msg.CapabilityProperty(
        name=one.name,
        has_minimum=one.minimum is not None,
        minimum=one.minimum or 0.0,
        has_maximum=one.maximum is not None,
        maximum=one.maximum or 0.0,
        unit=one.unit,
        choices=list(one.choices),
    )


def claim(client: Any, options: argparse.Namespace) -> int:
    request = srv.ClaimDevice.Request(
        device=options.device,
        claimant=options.claimant,
        ttl_ms=round(options.seconds * 1000),
    )
    answer = client.call(srv.ClaimDevice, 'claim_device', request)
    if answer.code != answer.GRANTED:
        return say(answer.reason, REFUSED if answer.code == answer.REFUSED else UNAVAILABLE)
    if options.json:
        return print_json({
            'device': answer.device_id,
            'generation': answer.generation,
            'token': answer.token,
            'ttl_ms': answer.ttl_ms,
            'consequence': answer.reason,
        })
    where = f'token {answer.token}' if answer.token else 'on this robot only: no coordinator'
    print(f'{answer.device_id} is held for {tables.duration(answer.ttl_ms)} ({where})')
    if answer.reason:
        print(f'note: {tables.one_line(answer.reason)}', file=sys.stderr)
    return OK


def release(client: Any, options: argparse.Namespace) -> int:
    request = srv.ReleaseDevice.Request(device=options.device, claimant=options.claimant)
    answer = client.call(srv.ReleaseDevice, 'release_device', request)
    if answer.code != answer.RELEASED:
        return say(answer.reason, REFUSED if answer.code == answer.REFUSED else UNAVAILABLE)
    print(f'{options.device} is free')
    return OK


def allow(client: Any, options: argparse.Namespace) -> int:
    request = srv.AllowProbe.Request(
        place=options.place,
        entry_id=options.entry,
        operation=options.operation,
        expiry_ms=round(options.seconds * 1000),
        reason=options.reason,
        owner=options.owner,
    )
    answer = client.call(srv.AllowProbe, 'allow_probe', request)
    if (code := exit_code(answer)) == OK:
        taken = 'taken back' if not options.seconds else f'for {options.seconds:g} s'
        print(f'{options.operation} for {options.entry} at {answer.place}: {taken}')
    return code


def rescan(client: Any, options: argparse.Namespace) -> int:
    answer = client.call(
        srv.Rescan,
        'rescan',
        srv.Rescan.Request(buses=[BUSES.index(name) for name in options.buses]),
    )
    if options.json:
        return print_json({
            'revision': answer.revision,
            'appeared': answer.appeared,
            'vanished': answer.vanished,
            'notices': list(answer.notices),
        })
    print(f'{answer.appeared} appeared, {answer.vanished} vanished; asking goes on')
    return _notices(answer)


def _notices(answer: Any) -> int:
    for text in answer.notices:
        print(f'note: {tables.one_line(text)}', file=sys.stderr)
    return OK
