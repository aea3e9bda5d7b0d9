// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Time travel: one slider over what was recorded. Owns which time is shown and how it goes on;
// what a time looked like is asked of the tower.

import {get, past} from './api.js';
import {badge, el, setAttr, setClass, setText} from './dom.js';
import {clock, dateTime, span} from './format.js';
import {TRAVEL as WORDS} from './words.js';

const SPEEDS = [0.5, 1, 2, 5, 10, 30, 60];
const TICK_MS = 250;
const STEP_MS = 10000;
const ASK_MS = 5000;

/** The bar and what it does. take(frame) shows a recorded frame; live() goes back. */
export function makeTravel(page, store, {take, live}) {
  const now = {on: false, replay: null, name: '', at: 0, start: 0, end: 0, playing: false,
    wanted: null, asking: false, span: null, note: ''};
  const parts = build(page);

  async function look() {
    let found;
    try {
      found = await get('recordings');
    } catch {
      return; // told by the link already
    }
    now.span = found.span;
    parts.open.hidden = !found.span || now.on;
    if (found.replay && !now.on) {
      now.replay = found.replay;
      if (found.span) begin('', found.span.start_ms);
    }
  }

  function begin(name, at) {
    now.on = true;
    now.name = name;
    now.playing = false;
    store.samples = [];
    past.shown = true;
    document.body.classList.add('travelling');
    document.body.classList.toggle('replaying', Boolean(now.replay));
    parts.open.hidden = true;
    parts.bar.hidden = false;
    parts.live.hidden = Boolean(now.replay);
    jump(at);
    parts.slider.focus({preventScroll: true});
  }

  function end() {
    Object.assign(now, {on: false, playing: false, wanted: null, name: '', note: ''});
    store.recorded = null;
    past.shown = false;
    document.body.classList.remove('travelling');
    parts.bar.hidden = true;
    parts.open.hidden = !now.span;
    live();
    parts.open.focus({preventScroll: true});
  }

  function jump(at) {
    now.at = now.end ? Math.max(now.start, Math.min(at, now.end)) : at;
    now.wanted = now.at;
    draw();
    ask();
  }

  /** One question at a time; of several wishes the last one counts. */
  async function ask() {
    if (now.asking || now.wanted === null) return;
    now.asking = true;
    const at = now.wanted;
    now.wanted = null;
    const name = now.name;
    try {
      const frame = await get('at', {t: Math.round(at), recording: name});
      if (now.on && now.name === name) show(frame);
    } catch (error) {
      now.note = WORDS.wrong(error.message);
      now.playing = false;
    }
    now.asking = false;
    draw();
    ask();
  }

  function show(frame) {
    const {start_ms: start, end_ms: last, at_ms: at, notes} = frame.recorded;
    Object.assign(now, {start, end: last, note: notes.join('; ')});
    if (now.wanted === null && !now.playing) now.at = at;
    store.recorded = frame.recorded;
    take(frame);
  }

  function draw() {
    const {slider} = parts;
    setAttr(slider, 'min', now.start);
    setAttr(slider, 'max', Math.max(now.end, now.start + 1));
    if (now.end) slider.value = String(now.at);
    setAttr(slider, 'aria-valuetext', dateTime(now.at));
    const age = now.replay ? '' : WORDS.ago(Date.now() - now.at);
    setText(parts.when, WORDS.of(dateTime(now.at), age));
    setText(parts.first, clock(now.start));
    setText(parts.last, clock(now.end));
    setText(parts.name, now.replay ?? now.name);
    setText(parts.play, now.playing ? WORDS.pause : WORDS.play);
    setAttr(parts.play, 'aria-pressed', String(now.playing));
    setText(parts.note, now.note || (now.replay ? WORDS.replay : WORDS.past));
    setClass(parts.note, 'wrong', Boolean(now.note));
  }

  function tick() {
    if (!now.on || !now.playing || now.asking) return;
    if (now.at >= now.end && now.end) {
      now.playing = false;
      draw();
      return;
    }
    jump(now.at + TICK_MS * Number(parts.speed.value));
  }

  parts.open.addEventListener('click', () => begin('', now.span.end_ms));
  parts.live.addEventListener('click', end);
  parts.slider.addEventListener('input', () => jump(Number(parts.slider.value)));
  parts.back.addEventListener('click', () => jump(now.at - STEP_MS));
  parts.on.addEventListener('click', () => jump(now.at + STEP_MS));
  parts.play.addEventListener('click', () => {
    now.playing = !now.playing;
    if (now.playing && now.at >= now.end) jump(now.start);
    draw();
  });
  setInterval(tick, TICK_MS);
  setInterval(() => { if (!now.on) look(); }, ASK_MS);
  look();
  return {
    active: () => now.on,
    /** Show a recording from its beginning. */
    show: (row) => begin(now.replay ? '' : row.name, row.start_ms),
  };
}

function build(page) {
  const mark = badge();
  mark.show('odd', 'play', WORDS.recording);
  const button = (words, attributes = {}) => el('button', {type: 'button', ...attributes}, words);
  const parts = {
    open: button(WORDS.open, {id: 'travel-open'}),
    when: el('strong.travel-when', {id: 'travel-when'}),
    name: el('span.id.travel-name'),
    slider: el('input.travel-slider', {type: 'range', id: 'travel-slider', step: 1000,
      'aria-label': WORDS.slider}),
    first: el('span.note'), last: el('span.note'),
    play: button(WORDS.play, {id: 'travel-play'}),
    back: button(WORDS.back, {title: WORDS.backTitle}),
    on: button(WORDS.on, {title: WORDS.onTitle}),
    speed: el('select', {'aria-label': WORDS.speed, id: 'travel-speed'},
      ...SPEEDS.map((s) => el('option', {value: s}, `${s}×`))),
    live: button(WORDS.live, {id: 'travel-live'}),
    note: el('span.note.travel-note', {id: 'travel-note', role: 'status'}),
  };
  parts.speed.value = '1';
  parts.open.hidden = true;
  parts.bar = el('section.travel.t-odd', {'aria-label': WORDS.label, id: 'travel'},
    el('div.travel-told', {}, mark, parts.when, parts.name, parts.note),
    el('div.travel-line', {}, parts.first, parts.slider, parts.last),
    el('div.travel-keys', {}, parts.back, parts.play, parts.on, parts.speed, parts.live));
  parts.bar.hidden = true;
  page.getElementById('banner').before(parts.bar);
  page.querySelector('.kpi[data-kpi=link] dd')?.append(el('span.act-mode', {}, parts.open));
  return parts;
}
