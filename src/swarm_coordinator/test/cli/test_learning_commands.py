# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""swarmctl learning: arguments, tables, JSON and exit codes, against answers that are made up."""

import json
from typing import Any

import pytest

pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')

from swarm_msgs import msg, srv  # noqa: E402

from swarm_coordinator.cli import learning_commands  # noqa: E402
from swarm_coordinator.cli.answers import FAILED, OK, REFUSED, UNAVAILABLE  # noqa: E402
from swarm_coordinator.cli.swarmctl import build_parser  # noqa: E402

SHADOW = msg.PolicyVersion(name='mode', version=2, phase=0, kind='network', reason='just loaded')


class Client:
    """Answers every call with the same answer and keeps the request."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, None

    def call(self, kind: Any, name: str, request: Any, **named: Any) -> Any:
        self.asked = (name, request)
        return self.answer


def run(line: list[str], answer: Any) -> tuple[int, Client]:
    options = build_parser().parse_args(line)
    client = Client(answer)
    command = getattr(learning_commands, options.run.partition('.')[2])
    return command(client, options), client


def test_phases_and_actions_are_the_numbers_of_the_messages() -> None:
    for number, name in enumerate(learning_commands.PHASES):
        constant = f'PHASE_{name.upper().replace(" ", "_")}'
        assert getattr(msg.PolicyVersion, constant) == number
    names = {'load': 'LOAD', 'promote': 'PROMOTE', 'rollback': 'ROLL_BACK', 'remove': 'REMOVE'}
    for action, number in learning_commands.ACTIONS.items():
        assert getattr(srv.ChangePolicy.Request, names[action]) == number


def test_explanation_is_printed_line_by_line(capsys: Any) -> None:
    answer = srv.ExplainLearning.Response(found=True, lines=['because', 'of\nthis'])
    code, client = run(['learning', 'explain', 'route', 'exec:xz/r1'], answer)
    assert code == OK and capsys.readouterr().out == 'because\nof this\n'
    assert client.asked[1].subject == 'route' and client.asked[1].id == 'exec:xz/r1'


def test_what_is_not_known_fails_with_its_reason(capsys: Any) -> None:
    answer = srv.ExplainLearning.Response(found=False, reason='no such robot')
    assert run(['learning', 'explain', 'reputation', 'r9'], answer)[0] == FAILED
    assert 'no such robot' in capsys.readouterr().err


def test_memory_is_asked_for_a_window_and_shown_with_its_quantiles(capsys: Any) -> None:
    answer = srv.QueryMemory.Response(
        begin_ns=0, end_ns=3600 * 10**9, edge_ns=10**9, events=7, robots=['r1'],
        channels=[msg.MemoryStatistics(
            channel='arousal', n=7, mean=0.5, min=0.1, max=0.9, quantiles=[0.4, 0.8])],
        counted=['job'], counts=[3],
        exemplars=[msg.MemoryExemplar(stamp_ns=1, kind='fault', subject='r1', text='hot')],
    )
    code, client = run(['learning', 'memory', 'arousal', '--last', '2h', '--of', 'r1'], answer)
    request, shown = client.asked[1], capsys.readouterr().out
    assert code == OK and request.end_ns - request.begin_ns == 7200 * 10**9
    assert (request.robot_id, list(request.channels)) == ('r1', ['arousal'])
    for word in ('arousal', '0.8', '95%', 'job', 'hot', '7 events in 60 min'):
        assert word in shown, word
    code, _ = run(['--json', 'learning', 'memory'], answer)
    assert json.loads(capsys.readouterr().out)['figures'][0]['quantiles']['0.95'] == 0.8


def test_empty_memory_says_so(capsys: Any) -> None:
    assert run(['learning', 'memory'], srv.QueryMemory.Response())[0] == OK
    assert 'nothing is remembered' in capsys.readouterr().out


@pytest.mark.parametrize(('line', 'frozen', 'duration_ms'), [
    (['learning', 'freeze', '--reason', 'demo', '--for', '2.5'], True, 2500),
    (['learning', 'freeze', '--reason', 'demo'], True, 0),
    (['learning', 'resume'], False, 0),
])
def test_learning_is_frozen_and_resumed(line: list[str], frozen: bool, duration_ms: int) -> None:
    code, client = run(line, srv.FreezeLearning.Response())
    request = client.asked[1]
    assert code == OK and (request.frozen, request.duration_ms) == (frozen, duration_ms)
    assert request.reason and request.owner


@pytest.mark.parametrize(('code', 'wanted'), [(1, REFUSED), (2, UNAVAILABLE)])
def test_refusal_is_the_exit_code(code: int, wanted: int, capsys: Any) -> None:
    answer = srv.ChangePolicy.Response(code=code, reason='expected another phase')
    line = ['learning', 'policy', 'promote', 'mode', '2', '--reason', 'good']
    assert run(line, answer)[0] == wanted
    assert 'another phase' in capsys.readouterr().err


def test_policies_are_listed_and_changed(capsys: Any) -> None:
    listing = srv.ListPolicies.Response(policies=[SHADOW])
    assert run(['learning', 'policies'], listing)[0] == OK
    assert 'mode@2' in capsys.readouterr().out
    line = ['learning', 'policy', 'load', 'x/manifest.json', '--reason', 'try it']
    code, client = run(line, srv.ChangePolicy.Response(policy=SHADOW))
    request = client.asked[1]
    assert code == OK and request.action == request.LOAD and request.path.startswith('/')
    assert 'mode@2 is shadow' in capsys.readouterr().out


def test_models_are_listed(capsys: Any) -> None:
    model = msg.ModelRef(name='mode_policy', version=3, sha256='ab' * 32, holder='r1')
    assert run(['learning', 'models'], srv.ListModels.Response(models=[model]))[0] == OK
    assert 'mode_policy' in capsys.readouterr().out


@pytest.mark.parametrize('line', [
    ['learning', 'memory', '--last', '5 weeks'],
    ['learning', 'memory', '--quantile', '1.5'],
    ['learning', 'explain', 'everything'],
    ['learning', 'freeze'],
    ['learning', 'policy', 'promote', 'mode'],
])
def test_wrong_arguments_are_refused_before_anything_is_asked(line: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args(line)
    assert ended.value.code == 2
