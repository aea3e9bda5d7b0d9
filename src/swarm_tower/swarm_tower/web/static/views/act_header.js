// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// What can be done from every view: stop all robots, decide the mode for a time, say who you are.

import {
  actButton, confirmAct, mayAct, onActs, recheck, showPast, tokenTrouble, visitor,
} from '../acts.js';
import {el, icon, setAttr, setClass, setText} from '../dom.js';
import {plain} from '../format.js';
import {ACT_HEADER as WORDS} from '../words.js';
import {askForToken, followVisitor} from './act_dialog.js';
import {makeTray} from './act_tray.js';

const STOP_KEY = 'F9';
const MODES = ['normal', 'explore', 'conserve', 'defensive', 'hyperfocus', 'recovery',
  'maintenance'];

export function makeActHeader(page) {
  const store = {now: null};
  let link = '';
  followVisitor();
  makeTray(page);
  const bar = actBar(page);
  const stopped = stopBanner(page, store);
  const mode = modeButtons(page, store);
  addEventListener('keydown', (event) => {
    if (event.key !== STOP_KEY || event.repeat) return;
    event.preventDefault();
    askStop();
  });
  return {
    render(picture) {
      store.now = picture;
      if (link === 'down' && picture.link.phase === 'live') recheck();
      link = picture.link.phase;
      showPast(Boolean(picture.recorded));
      stopped(picture);
      mode(picture);
      bar(emergency(picture) !== null);
    },
  };
}

/** The emergency under which robots have stopped, by their own word; null = there is none. */
export function emergency(store) {
  const told = store.section('emergency').get('register');
  const heard = store.robotList().filter((r) => r.presence === 'fresh');
  const stopped = heard.filter((r) => r.emergency_active);
  if (!stopped.length && (heard.length || !told?.active)) return null;
  const epoch = stopped.length ? Math.max(...stopped.map((r) => r.emergency_epoch)) : told.epoch;
  const known = told?.active && told.epoch === epoch ? told : {raised_by: '', reason: ''};
  return {epoch, raised_by: known.raised_by, reason: known.reason, stopped: stopped.length,
    heard: heard.length};
}

function actBar(page) {
  const stop = el('button.act-stop', {type: 'button', id: 'act-stop',
    title: WORDS.stopTitle(STOP_KEY), 'aria-keyshortcuts': STOP_KEY, onclick: askStop}, icon('error'), WORDS.stop,
  el('kbd', {'aria-hidden': 'true'}, STOP_KEY));
  const words = el('span');
  const who = el('button.act-who', {type: 'button', id: 'act-who', title: WORDS.whoTitle,
    onclick: () => askForToken()}, icon('none'), words);
  page.getElementById('tabs').after(el('div.act-bar', {}, who, stop));
  const draw = () => {
    const {name, role} = visitor();
    const trouble = tokenTrouble();
    const known = name ? WORDS.who(name, role) : WORDS.nobody;
    setText(words, trouble ? WORDS.trouble(known) : known);
    setClass(who, 'known', Boolean(name));
    setClass(who, 'trouble', Boolean(trouble));
    setAttr(who, 'title', trouble || WORDS.whoTitle);
    who.firstChild.replaceWith(icon(trouble ? 'warn' : name ? 'ok' : 'none'));
    setClass(stop, 'locked', !mayAct('emergency'));
  };
  onActs(draw);
  draw();
  return (active) => setClass(stop, 'active', active);
}

let stopAsked = false;

/** Opens the question; the focus is on its button, so that one more keystroke does it. */
export async function askStop() {
  if (stopAsked) return;
  stopAsked = true;
  try {
    await confirmAct({
      command: 'emergency', title: WORDS.stopAsk, text: WORDS.stopText, go: WORDS.stopGo,
      danger: true, now: true,
      fields: [{name: 'reason', label: WORDS.reason, value: WORDS.stopReason}],
      body: ({reason}) => ({reason: reason.trim() || WORDS.stopReason}),
    });
  } finally {
    stopAsked = false;
  }
}

function stopBanner(page, store) {
  const text = el('p.banner-title');
  const clear = actButton(WORDS.clearStop, 'clear_emergency', () => {
    const row = emergency(store.now);
    if (!row) return null;
    return {title: WORDS.clearStopAsk, text: WORDS.clearStopText(row), go: WORDS.clearGo,
      fields: [reasonField()], body: ({reason}) => ({epoch: row.epoch, reason})};
  }, {id: 'act-clear-emergency'});
  const box = el('div.banner.t-error.act-stopped', {id: 'act-stopped', role: 'alert'},
    icon('error'), el('div', {}, text), clear);
  box.hidden = true;
  page.getElementById('banner').before(box);
  return (picture) => {
    const row = emergency(picture);
    setAttr(box, 'hidden', row ? null : '');
    if (row) setText(text, (picture.recorded ? WORDS.then : '') + WORDS.stopped(row));
  };
}

/** A field for why something is asked for. */
export function reasonField(value = '') {
  return {name: 'reason', label: WORDS.reason, value, required: true, help: WORDS.reasonHelp};
}

function modeButtons(page, store) {
  const override = actButton(WORDS.override, 'override', () => ({
    title: WORDS.overrideAsk, text: WORDS.overrideText, go: WORDS.overrideGo,
    fields: [
      {name: 'mode', label: WORDS.mode, kind: 'select', value: store.now.swarm.mode?.mode,
        options: MODES.map((mode) => [mode, plain(mode)])},
      {name: 'minutes', label: WORDS.duration, kind: 'number', value: 10, min: 1, max: 10080,
        required: true, help: WORDS.minutes},
      reasonField(),
    ],
    body: ({mode, minutes, reason}) => ({mode, reason, duration_s: Math.round(minutes * 60)}),
  }), {id: 'act-override'});
  const clear = actButton(WORDS.clear, 'clear_override', () => ({
    title: WORDS.clearAsk, text: WORDS.clearText(store.now.swarm.mode?.policy_mode),
    go: WORDS.clearGo, fields: [reasonField()],
  }), {id: 'act-clear-override'});
  page.querySelector('.kpi[data-kpi=mode] dd')?.append(
    el('span.act-mode', {}, override, clear));
  return (picture) => { clear.hidden = !picture.swarm.mode?.overridden; };
}
