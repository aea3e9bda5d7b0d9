# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Commands of swarmctl about services of robots and about events."""

import argparse
import threading
import uuid
from typing import Any

from swarm_msgs import msg, srv

from swarm_coordinator.cli import tables
from swarm_coordinator.cli.answers import OK, exit_code, print_json
from swarm_coordinator.core.replicated.event_log import SEVERITIES
from swarm_coordinator.ros.conversions import pairs_to_msg

PAGE = 500
ASK_S = 1.0


def list_services(client: Any, options: argparse.Namespace) -> int:
    request = srv.FindService.Request(
        name=options.name,
        robot_id=options.on,
        capabilities=options.capability,
        where=options.where,
    )
    answer = client.call(srv.FindService, 'find_service', request)
    if (code := exit_code(answer)) != OK:
        return code
    rows = [
        {
            'name': one.name,
            'robot': one.robot_id,
            'type': one.interface_type,
            'address': one.address,
            'metadata': {pair.key: pair.value for pair in one.metadata},
            'log_index': one.log_index,
        }
        for one in answer.services
    ]
    if options.json:
        return print_json(rows)
    if not rows:
        print('no such service')
        return OK
    print(
        tables.table(
            ('name', 'robot', 'type', 'address', 'metadata'),
            [
                (
                    row['name'],
                    row['robot'],
                    row['type'] or '-',
                    row['address'] or '-',
                    ' '.join(f'{key}={value}' for key, value in row['metadata'].items()) or '-',
                )
                for row in rows
            ],
        )
    )
    return OK


def register(client: Any, options: argparse.Namespace) -> int:
    request = srv.RegisterService.Request(
        service=msg.ServiceEntry(
            name=options.name,
            interface_type=options.type,
            address=options.address,
            robot_id=client.robot,
            metadata=pairs_to_msg(options.meta),
        ),
        ttl_ms=round(options.ttl * 1000),
    )
    code = exit_code(client.call(srv.RegisterService, 'register_service', request))
    if code == OK:
        print(f'{client.robot} offers {options.name}')
    return code


def remove(client: Any, options: argparse.Namespace) -> int:
    request = srv.UnregisterService.Request(name=options.name, robot_id=client.robot)
    code = exit_code(client.call(srv.UnregisterService, 'unregister_service', request))
    if code == OK:
        print(f'{client.robot} no longer offers {options.name}')
    return code


def list_events(client: Any, options: argparse.Namespace) -> int:
    """Without end with --follow: the log is asked again, so none is missed."""
    from_index, pause = options.from_index, threading.Event()
    while True:
        request = srv.ReplayEvents.Request(
            from_index=from_index,
            kinds=options.kind,
            subjects=options.subject,
            severity_min=SEVERITIES.index(options.severity),
            limit=PAGE,
        )
        answer = client.call(srv.ReplayEvents, 'replay_events', request)
        for event in answer.events:
            _show(event, options.json)
        from_index = answer.next_index
        if len(answer.events) == PAGE:
            continue
        if not options.follow:
            return OK
        pause.wait(ASK_S)


def _show(event: msg.SwarmEvent, as_json: bool) -> None:
    severity = SEVERITIES[min(event.severity, len(SEVERITIES) - 1)]
    if as_json:
        print_json(
            {
                'log_index': event.log_index,
                'stamp_ns': event.stamp.sec * 10**9 + event.stamp.nanosec,
                'kind': event.kind,
                'severity': severity,
                'subject': event.subject,
                'text': event.text,
                'attributes': {pair.key: pair.value for pair in event.attributes},
            }
        )
        return
    mark = '' if severity == 'info' else f'{severity.upper()} '
    print(f'{event.log_index:8}  {event.kind:22} {mark}{event.text}', flush=True)


def publish(client: Any, options: argparse.Namespace) -> int:
    request = srv.PublishEvent.Request(
        kind=options.kind,
        severity=SEVERITIES.index(options.severity),
        subject=options.subject,
        text=options.text,
        attributes=pairs_to_msg(options.attribute),
        durable=options.durable,
        idempotency_key=uuid.uuid4().hex,
    )
    answer = client.call(srv.PublishEvent, 'publish_event', request)
    if (code := exit_code(answer)) == OK:
        where = f'entry {answer.log_index}' if options.durable else 'the topic /swarm/events'
        print(f'said in {where}')
    return code
