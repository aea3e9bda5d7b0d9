// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// What happened, newest first. Severity is told by word and shape as well as by colour.

import {badge, el, keyed, panel, setAttr, setText} from '../dom.js';
import {clock, count, dateTime, plain} from '../format.js';
import {SEVERITY, tone} from '../tones.js';

const RANK = {info: 0, warn: 1, error: 2};

export function makeEvents(root) {
  const box = panel('Events', 'events-panel');
  root.append(box);
  return [eventList(box, {rows: 500, tools: true})];
}

export function eventList(box, {rows, tools}) {
  const text = el('input', {type: 'search', placeholder: 'kind, subject, text  ( / )',
    'aria-label': 'Filter events by text', id: `${box.id}-filter`});
  const least = el('select', {'aria-label': 'Least severity', id: `${box.id}-severity`},
    el('option', {value: 0}, 'all severities'), el('option', {value: 1}, 'warnings and errors'),
    el('option', {value: 2}, 'errors only'));
  const pause = el('button', {type: 'button', 'aria-pressed': 'false', id: `${box.id}-pause`},
    'Pause');
  const note = el('span.note', {role: 'status'});
  const list = el('ol.events');
  const empty = el('p.empty', {}, 'Nothing has happened since the tower started listening.');
  if (tools) box.append(el('div.tools', {}, text, least, pause, note));
  box.append(el(tools ? 'div.scroll.tall' : 'div.scroll', {}, list), empty);
  let heldUpTo = null;
  let last = [];
  function draw(store) {
    const upTo = heldUpTo ?? Infinity;
    const all = store.events.filter((e) => e.seq <= upTo);
    const found = all.filter((e) => matches(e, Number(least.value), text.value.toLowerCase()));
    const shown = found.slice(-rows).reverse();
    keyed(list, shown, (e) => e.seq, (e) => eventRow(e, store));
    empty.hidden = all.length > 0;
    const waiting = store.events.length - all.length;
    setText(note, `${shown.length} shown of ${all.length}`
      + (waiting ? `; ${count(waiting, 'new one')} wait` : ''));
  }
  const redraw = () => last.forEach((store) => draw(store));
  text.addEventListener('input', redraw);
  least.addEventListener('change', redraw);
  pause.addEventListener('click', () => {
    const newest = last[0]?.events.at(-1)?.seq ?? 0;
    heldUpTo = heldUpTo === null ? newest : null;
    setAttr(pause, 'aria-pressed', String(heldUpTo !== null));
    setText(pause, heldUpTo === null ? 'Pause' : 'Go on');
    redraw();
  });
  return {needs: ['events'], render(store) { last = [store]; draw(store); }};
}

function matches(event, least, text) {
  if ((RANK[event.severity] ?? 0) < least) return false;
  return !text || [event.kind, event.subject, event.text, event.sender]
    .some((field) => field.toLowerCase().includes(text));
}

function eventRow(event, store) {
  const [colour, shape] = tone(SEVERITY, event.severity);
  const severity = badge();
  severity.show(colour, shape, event.severity);
  const at = event.stamp_ms ?? store.wall(event.at_ms);
  const extra = event.attributes.map(([k, v]) => `${k}=${v}`).join('  ');
  const origin = event.log_index ? `log ${event.log_index}` : `seen by ${event.sender}`;
  const node = el('li.event', {'data-kind': event.kind},
    el('time', {title: dateTime(at)}, clock(at)), severity,
    el('div.event-body', {}, el('span.kind', {}, plain(event.kind)), ' ',
      el('span.event-text', {}, event.text),
      el('span.event-extra', {}, origin, event.cause ? ` · because of ${event.cause}` : '',
        extra ? ` · ${extra}` : '')));
  node.update = () => {};
  return node;
}
