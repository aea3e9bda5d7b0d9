# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What robot_api.py serves, as OpenAPI describes it. Owns words and schemas."""

from __future__ import annotations

from swarm_tower.web.apis.openapi import an_object, in_path, list_of, operation, query, text, whole

_ROBOT_ID = in_path('robot_id', 'The robot.', 'robot_a')
PATHS = {
    '/api/v1/robots/{robot_id}/look': {
        'get': operation(
            'Have the tower listen to a robot from close by for some seconds.',
            {200: an_object({'looking': {'const': True}})},
            about="Its sensors, signals and learner then are rows of the section 'live'.",
            parameters=(_ROBOT_ID,),
            errors=(404,),
            tag='robots',
        ),
    },
    '/api/v1/robots/{robot_id}/device': {
        'get': operation(
            'How a device was identified and what was ruled out.',
            {200: an_object({
                'lines': list_of(text()), 'launch_fragment': text(), 'catalogue_stanza': text(),
                'notices': list_of(text()),
            })},
            parameters=(
                _ROBOT_ID,
                query('device', 'Its id, its path or a part that fits one only.', text()),
            ),
            errors=(400, 404, 503),
            tag='robots',
        ),
    },
    '/api/v1/sights': {
        'get': operation(
            'Every robot that is heard: its log, and how long ago it heard each of the others.',
            {200: an_object({'robots': list_of(an_object({
                'robot_id': text(), 'error': text('Why there is nothing else.'),
                'term': whole(), 'hears': {'type': 'object'},
            }, optional=('error', 'term', 'hears'), open_ended=True))})},
            tag='robots',
        ),
    },
}
