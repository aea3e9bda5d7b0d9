// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// The list of alarms on the overview: what holds now, what was, and what was acknowledged here.

import {badge, el, keyed, panel, setAttr, setClass, setText} from '../dom.js';
import {clock, dateTime} from '../format.js';
import {ALARMS} from '../words.js';

export function alarmPanel(alarms) {
  const all = el('button.small', {type: 'button', id: 'alarms-all', title: ALARMS.help},
    ALARMS.seenAll);
  const more = el('button.small', {type: 'button', id: 'alarms-more', 'aria-pressed': 'false'},
    ALARMS.show);
  const list = el('ul.alarms');
  const calm = badge();
  const none = el('p.empty', {}, calm);
  const box = panel(ALARMS.title, 'alarms', list, none);
  box.querySelector('.panel-head').append(el('span.head-tools', {}, more, all));
  let open = false;
  let picture = null;
  const draw = () => {
    if (!picture) return;
    const shown = alarms.list.filter((one) => open || !one.seen || one.ongoing);
    const waiting = alarms.waiting().length;
    const seen = alarms.list.length - waiting;
    keyed(list, shown, (one) => one.key, (one) => alarmRow(one, picture, (key) => see([key])));
    setClass(box, 'alarmed', waiting > 0);
    none.hidden = shown.length > 0;
    const heard = picture.swarm.leader && picture.swarm.leader.kind !== 'silent';
    if (!heard) calm.show('dim', 'none', ALARMS.notYet);
    else calm.show('ok', 'ok', seen ? ALARMS.noneSeen(seen) : ALARMS.none);
    all.hidden = waiting < 2;
    more.hidden = !open && alarms.list.length === shown.length;
    setText(more, open ? ALARMS.hide : ALARMS.show);
    setAttr(more, 'aria-pressed', String(open));
  };
  const see = (keys) => {
    alarms.acknowledge(keys);
    draw();
    if (!box.contains(document.activeElement)) box.querySelector('h2').focus();
  };
  setAttr(box.querySelector('h2'), 'tabindex', '-1');
  all.addEventListener('click', () => see(alarms.waiting().map((one) => one.key)));
  more.addEventListener('click', () => { open = !open; draw(); });
  return {box, needs: ['swarm', 'robots', 'events', 'emergency', 'regime', 'time'],
    render(store) { picture = store; draw(); }};
}

function alarmRow(alarm, store, see) {
  const state = badge();
  const text = el('a.alarm-text', {href: `#${alarm.view}`}, alarm.text);
  const at = el('time');
  const button = el('button.small', {type: 'button', onclick: () => see(alarm.key)}, ALARMS.seen);
  const done = el('span.note', {}, ALARMS.isSeen);
  const row = el('li.alarm', {'data-alarm': alarm.kind}, at, state, text, button, done);
  row.update = (one) => {
    const wall = store.wall(one.at);
    setText(at, clock(wall));
    setAttr(at, 'title', dateTime(wall));
    state.show(one.ongoing ? 'error' : 'warn', one.ongoing ? 'error' : 'info',
      one.ongoing ? ALARMS.ongoing : ALARMS.past);
    setText(text, one.text);
    setAttr(button, 'aria-label', ALARMS.seenLabel(one.text));
    setClass(row, 'seen', one.seen);
    button.hidden = one.seen;
    done.hidden = !one.seen;
  };
  return row;
}
