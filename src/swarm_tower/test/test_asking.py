# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Questions that the tower passes on to robots: what is asked, and what becomes of the answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('jsonschema', reason='no validator: pip install jsonschema')

from api_checks import check_answer  # noqa: E402
from swarm_facts import beacon  # noqa: E402
from test_command_api import Site as CommandSite  # noqa: E402
from tornado.httpclient import HTTPRequest  # noqa: E402

from swarm_tower.web.site import Unreachable  # noqa: E402

SHA = 'a' * 64


class Site(CommandSite):
    def read(self, path: str, answer: Any = None) -> tuple[int, dict[str, Any]]:
        """Ask, while robots answer with this, and hold the answer against the document."""
        made: Callable[..., Any] = answer if callable(answer) else lambda *_: answer
        self.robots.answer = lambda robot, service: {'answered_by': 'r1', **made(robot, service)}
        status, found = self._ask(HTTPRequest(f'http://{self.host}{path}'))
        check_answer('GET', path, status, found)
        return status, found

    def asked(self, service: str) -> tuple[str, dict[str, Any]]:
        robot, _, fields = self.robots.of(service)[-1]
        return robot, fields


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.web.close()


MEMORY = {
    'code': 0, 'begin_ns': 5_000_000, 'end_ns': 9_999_999, 'edge_ns': 0, 'blocks': 2,
    'events': 7, 'channels': [], 'counted': ['job'], 'counts': [7], 'robots': ['r1'],
    'exemplars': [{'stamp_ns': 6_000_000, 'kind': 'job', 'text': 'x'}],
}


def test_memory_is_asked_in_nanoseconds_and_told_in_milliseconds(site: Site) -> None:
    path = '/api/v1/memory?robot=r2&whose=r3&channels=a,b&begin_ms=5&quantiles=0.5,1&kind=job'
    status, found = site.read(path, MEMORY)
    robot, fields = site.asked('query_memory')
    assert (status, robot, fields['robot_id']) == (200, 'r2', 'r3')
    assert fields['begin_ns'] == 5_000_000 and fields['end_ns'] == 0
    assert fields['channels'] == ['a', 'b'] and fields['quantiles'] == [0.5, 1.0]
    assert (found['begin_ms'], found['end_ms'], found['counts']) == (5, 9, {'job': 7})
    assert found['exemplars'] == [{'stamp_ms': 6, 'kind': 'job', 'text': 'x'}]


@pytest.mark.parametrize(('path', 'word'), [
    ('/api/v1/memory?quantiles=2', 'quantiles'),
    ('/api/v1/memory?quantiles=nan', 'quantiles'),
    ('/api/v1/memory?robot=../x', 'robot'),
    ('/api/v1/memory?exemplars=999', 'exemplars'),
    ('/api/v1/explain?subject=love', 'subject'),
    ('/api/v1/jobs/j1/log?stream=video', 'stream'),
    ('/api/v1/jobs/j1/log?offset=x', 'offset'),
    ('/api/v1/files?uses=any', 'uses'),
    (f'/api/v1/leases?resource={"x" * 300}', 'resource'),
])
def test_wrong_question_is_turned_away_with_the_name_of_what_is_wrong(
    site: Site, path: str, word: str
) -> None:
    status, found = site.read(path, {})
    assert status == 400 and found['error'].startswith(word)
    assert site.robots.asked == []


@pytest.mark.parametrize(('path', 'refused'), [
    ('/api/v1/memory', 400), ('/api/v1/leases', 400), ('/api/v1/services', 400),
    ('/api/v1/files', 400), ('/api/v1/jobs/j1/log', 404),
    ('/api/v1/robots/r1/device?device=x', 404),
])
def test_refusal_and_silence_are_told_with_their_reasons(
    site: Site, path: str, refused: int
) -> None:
    assert site.read(path, {'code': 1, 'reason': 'because'}) == (
        refused, {'error': 'because'})
    assert site.read(path, {'code': 2, 'reason': 'no quorum'}) == (503, {'error': 'no quorum'})

    def nobody(robot: str, service: str) -> Any:
        raise Unreachable('no robot is heard')

    assert site.read(path, nobody) == (503, {'error': 'no robot is heard'})


def test_explanation_comes_in_lines_or_says_that_there_is_none(site: Site) -> None:
    path = '/api/v1/explain?subject=route&id=exec:xz/r1'
    assert site.read(path, {'found': True, 'reason': '', 'lines': ['a', 'b']})[1]['lines'] == [
        'a', 'b']
    assert site.asked('explain_learning')[1] == {'subject': 'route', 'id': 'exec:xz/r1'}
    assert site.read(path, {'found': False, 'reason': 'no such route', 'lines': []}) == (
        404, {'error': 'no such route'})


def test_story_of_a_job_has_times_a_browser_can_hold(site: Site) -> None:
    line = {'stamp_ns': 1_700_000_000_123_456_789, 'log_index': 4, 'what': 'w', 'cause': 'c'}
    unknown = {**line, 'stamp_ns': 0}
    answer = {'found': True, 'reason': '', 'story': [line, unknown], 'candidates': [{'a': 1}]}
    status, found = site.read('/api/v1/jobs/job-1/story', answer)
    assert status == 200
    assert [one['at_ms'] for one in found['story']] == [1_700_000_000_123, None]
    assert site.read('/api/v1/jobs/x/story', {'found': False, 'reason': ''})[0] == 404


def log(data: bytes, offset: int = 0, ended: bool = False, size: int = 0) -> dict[str, Any]:
    return {
        'code': 0, 'data': data.hex(), 'offset': offset, 'size_bytes': size or len(data),
        'dropped_bytes': 0, 'ended': ended, 'attempt': 1, 'robot_id': 'r1',
    }


@pytest.mark.parametrize('word', ['plain', 'na\u00efve', '\u20ac', '\U0001f916 ok'])
def test_log_read_in_pieces_of_any_size_loses_no_letter(site: Site, word: str) -> None:
    whole = f'<{word}>'.encode()
    for cut in range(1, len(whole)):
        first = site.read('/api/v1/jobs/j1/log?offset=0', log(whole[:cut], size=len(whole)))[1]
        rest = whole[first['next_offset']:]
        then = site.read('/api/v1/jobs/j1/log', log(rest, first['next_offset'], True, 99))[1]
        assert first['text'] + then['text'] == whole.decode()


def test_log_that_is_no_text_is_shown_all_the_same(site: Site) -> None:
    found = site.read('/api/v1/jobs/j1/log', log(b'a\xff\xfeb\xc3', ended=True))[1]
    assert found['text'] == 'a\ufffd\ufffdb\ufffd' and found['next_offset'] == 5


def test_leases_and_services_tell_times_in_milliseconds(site: Site) -> None:
    lease = {'resource': 'dock', 'granted_ns': 3_000_000, 'expires_ns': 0}
    found = site.read('/api/v1/leases', {'code': 0, 'log_index': 9, 'leases': [lease]})[1]
    assert found['leases'] == [{'resource': 'dock', 'granted_ms': 3, 'expires_ms': None}]
    answer = {'code': 0, 'log_index': 9, 'services': []}
    found = site.read('/api/v1/services?name=map&of=r2&where=floor%20%3E=%202', answer)[1]
    assert found['found'] == 0
    assert site.asked('find_service')[1] == {
        'name': 'map', 'robot_id': 'r2', 'where': 'floor >= 2'}


def test_files_are_asked_for_by_words_and_told_by_words(site: Site) -> None:
    counts = dict.fromkeys((
        'matched', 'used_bytes', 'cached_bytes', 'quota_bytes', 'free_bytes', 'damaged',
        'sent_bytes', 'received_bytes'), 1)
    answer = {'code': 0, **counts, 'files': [{'name': 'a', 'use': 2}, {'name': 'b', 'use': 77}]}
    found = site.read(f'/api/v1/files?robot=r2&uses=kept,cached&after={SHA}', answer)[1]
    robot, fields = site.asked('list_files')
    assert (robot, fields['uses'], fields['after']) == ('r2', '0102', SHA)
    assert [one['use'] for one in found['files']] == ['cached', 'unknown_77']


def test_look_at_a_robot_opens_its_rows_and_one_unheard_is_unknown(site: Site) -> None:
    assert site.read('/api/v1/robots/robot_a/look', {})[0] == 404
    site.hub.fold([beacon()])
    assert site.read('/api/v1/robots/robot_a/look', {}) == (200, {'looking': True})
    wanted = site.hub.ask(lambda view, now: view.section('live').wanted(now))
    assert wanted == ['robot_a']


def test_one_round_of_questions_serves_all_who_ask_who_sees_whom(site: Site) -> None:
    site.hub.fold([beacon('robot_a'), beacon('robot_b', role='follower')])
    status = {
        'role': 3, 'first_index': 1, 'last_index': 9, 'applied_index': 9, 'fsync_p99_us': 5,
        'lineage': 0, 'has_vote': True,
        'state': {
            'term': 7, 'leader': 'robot_a', 'voters_heard': 2, 'voters': 3, 'quorum': 2,
            'commit_index': 9,
            'robots': [
                {'robot_id': 'robot_b', 'heard_ms_ago': 40},
                {'robot_id': 'robot_c', 'heard_ms_ago': 2**32 - 1},
            ],
        },
    }

    def answer(robot: str, service: str) -> dict[str, Any]:
        if robot == 'robot_b':
            raise Unreachable('robot_b is silent')
        return {**status, 'answered_by': robot}

    found = site.read('/api/v1/sights', answer)[1]
    again = site.read('/api/v1/sights', answer)[1]
    assert found == again and len(site.robots.of('status')) == 2
    one, other = found['robots']
    assert one['role'] == 'leader' and one['hears'] == {'robot_b': 40, 'robot_c': None}
    assert other == {'robot_id': 'robot_b', 'error': 'robot_b is silent'}
    assert json.dumps(found)
