// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// What happened, newest first. Severity is told by word and shape as well as by colour. What is
// chosen stands in the address, so that it can be sent to somebody: #events/<number> or filters.

import {badge, el, keyed, panel, setAttr, setClass, setText} from '../dom.js';
import {clock, dateTime, plain} from '../format.js';
import {SEVERITY, tone} from '../tones.js';
import {EVENTS as WORDS} from '../words.js';

const RANK = {info: 0, warn: 1, error: 2};
const TIMES = [[60, WORDS.lastMinute], [600, 'last 10 minutes'], [3600, WORDS.lastHour]];
const SUBJECTS_MAX = 200;

export function makeEvents(root) {
  const box = panel(WORDS.title, 'events-panel');
  root.append(box);
  return [eventList(box, {rows: 500, tools: true})];
}

export function eventList(box, {rows, tools}) {
  const list = el('ol.events');
  const empty = el('p.empty', {}, WORDS.none);
  const bar = tools ? toolbar(box) : null;
  const state = {upTo: null, store: null, shown: [], rest: null};
  if (bar) box.append(bar.node, bar.marked);
  box.append(el(tools ? 'div.scroll.tall' : 'div.scroll', {}, list), empty);
  function draw() {
    const {store} = state;
    const all = store.events.filter((e) => e.seq <= (state.upTo ?? Infinity));
    const fits = bar ? bar.filter(store) : () => true;
    const found = all.filter(fits);
    state.shown = found;
    keyed(list, found.slice(-rows).reverse(), (e) => e.seq, (e) => eventRow(e, store, tools));
    empty.hidden = found.length > 0;
    setText(empty, all.length ? WORDS.noFit : WORDS.none);
    if (!bar) return;
    const waiting = store.events.length - all.length;
    setText(bar.note, WORDS.some(Math.min(rows, found.length), all.length, waiting));
  }
  bar?.listen(() => { bar.toAddress(); draw(); }, {
    pause() {
      state.upTo = state.upTo === null ? state.store?.events.at(-1)?.seq ?? 0 : null;
      bar.paused(state.upTo !== null);
      draw();
    },
    export: () => save(state.shown),
  });
  return {
    needs: tools ? ['events', 'time'] : ['events'],
    render(store, now, route) {
      state.store = store;
      const moved = bar && route.rest !== state.rest;
      if (moved) {
        state.rest = route.rest;
        bar.fromAddress(route.rest);
      }
      if (bar && !moved && !now.has('events') && !bar.timed()) return;
      bar?.choices(store.events);
      draw();
      if (bar) mark(list, bar.marked, route.rest, moved);
    },
  };
}

// -- filters

function toolbar(box) {
  const id = (name) => `${box.id}-${name}`;
  const text = el('input', {type: 'search', placeholder: WORDS.place, 'aria-label': WORDS.search,
    id: id('filter')});
  const least = select(id('severity'), WORDS.severity, [[0, WORDS.allSeverities],
    [1, WORDS.warningsAndErrors], [2, WORDS.errorsOnly]]);
  const kind = select(id('kind'), WORDS.kind, [['', WORDS.kinds]]);
  const subject = select(id('subject'), WORDS.subject, [['', WORDS.subjects]]);
  const since = select(id('since'), WORDS.since, [[0, WORDS.always], ...TIMES]);
  const pause = el('button', {type: 'button', 'aria-pressed': 'false', id: id('pause')}, WORDS.pause);
  const save_ = el('button', {type: 'button', id: id('export')}, WORDS.export);
  const note = el('span.note', {role: 'status'});
  const inputs = {text, least, kind, subject, since};
  return {
    node: el('div.tools', {}, text, kind, subject, least, since, pause, save_, note), note,
    marked: el('p.note', {role: 'status'}),
    listen(changed, acts) {
      text.addEventListener('input', changed);
      for (const one of [least, kind, subject, since]) one.addEventListener('change', changed);
      pause.addEventListener('click', acts.pause);
      save_.addEventListener('click', acts.export);
    },
    paused(on) {
      setAttr(pause, 'aria-pressed', String(on));
      setText(pause, on ? WORDS.goOn : WORDS.pause);
    },
    timed: () => since.value !== '0',
    filter(store) {
      const words = text.value.toLowerCase();
      const oldest = Number(since.value) ? store.wall(store.monoNow()) - 1000 * since.value : 0;
      return (e) => (RANK[e.severity] ?? 0) >= Number(least.value)
        && (!kind.value || e.kind === kind.value) && (!subject.value || e.subject === subject.value)
        && (!oldest || at(e, store) >= oldest) && (!words || [e.kind, e.subject, e.text, e.sender]
          .some((field) => field.toLowerCase().includes(words)));
    },
    choices(events) {
      offer(kind, events.map((e) => e.kind), WORDS.kinds);
      offer(subject, events.map((e) => e.subject).filter(Boolean), WORDS.subjects);
    },
    fromAddress(rest) {
      const asked = new URLSearchParams(rest.startsWith('?') ? rest : '');
      for (const [name, input] of Object.entries(inputs)) {
        const value = asked.get(name) ?? (input === least || input === since ? '0' : '');
        if (input.tagName === 'SELECT' && ![...input.options].some((o) => o.value === value)) {
          input.append(el('option', {value}, value));
        }
        input.value = value;
      }
    },
    toAddress() {
      const set = Object.entries(inputs).map(([name, input]) => [name, input.value])
        .filter(([, value]) => value && value !== '0');
      const words = set.length ? `/${encodeURIComponent(`?${new URLSearchParams(set)}`)}` : '';
      history.replaceState(history.state, '', `#events${words}`);
    },
  };
}

function select(id, label, options) {
  return el('select', {id, 'aria-label': label}, ...options.map(([value, words]) => el('option',
    {value}, words)));
}

/** The values there are, in a choice that keeps what was chosen. */
function offer(input, values, all) {
  const kept = [...new Set([...values, ...(input.value ? [input.value] : [])])].sort()
    .slice(0, SUBJECTS_MAX);
  const key = kept.join('\n');
  if (input.dataset.key === key) return;
  const chosen = input.value;
  input.dataset.key = key;
  input.replaceChildren(el('option', {value: ''}, all),
    ...kept.map((value) => el('option', {value}, plain(value))));
  input.value = chosen;
}

function at(event, store) {
  return event.stamp_ms ?? store.wall(event.at_ms);
}

function mark(list, note, rest, moved) {
  const seq = /^\d+$/.test(rest) ? rest : '';
  let found = null;
  for (const node of list.children) {
    const is = seq !== '' && node.dataset.seq === seq;
    setClass(node, 'marked', is);
    if (is) found = node;
  }
  setText(note, !seq ? '' : found ? WORDS.one(seq) : WORDS.gone(seq));
  note.hidden = !seq;
  if (found && moved) found.scrollIntoView({block: 'center'});
}

/** One JSON object a line, exactly what is shown, oldest first. */
function save(events) {
  const lines = events.map((e) => `${JSON.stringify(e)}\n`);
  const url = URL.createObjectURL(new Blob(lines, {type: 'application/x-ndjson'}));
  const link = el('a', {href: url, download: 'swarm-events.jsonl'});
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function eventRow(event, store, linked) {
  const [colour, shape] = tone(SEVERITY, event.severity);
  const severity = badge();
  severity.show(colour, shape, event.severity);
  const when = at(event, store);
  const extra = event.attributes.map(([k, v]) => `${k}=${v}`).join('  ');
  const origin = event.log_index ? WORDS.entry(event.log_index) : WORDS.seenBy(event.sender);
  const time = el('time', {title: dateTime(when)}, clock(when));
  const node = el('li.event', {'data-kind': event.kind, 'data-seq': event.seq},
    linked ? el('a.permalink', {href: `#events/${event.seq}`, 'aria-label': `${clock(when)}, `
      + WORDS.link(event.seq)}, time) : time, severity,
    el('div.event-body', {}, el('span.kind', {}, plain(event.kind)), ' ',
      el('span.event-text', {}, event.text),
      el('span.event-extra', {}, origin, event.cause ? WORDS.cause(event.cause) : '',
        extra ? ` · ${extra}` : '')));
  node.update = () => {};
  return node;
}
