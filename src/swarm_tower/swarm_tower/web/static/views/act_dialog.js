// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Dialogs: one that asks before something is done, and one that asks for the token. Native
// <dialog>: Escape closes, focus stays inside and goes back to where it was.

import {act, askAgain, isPast, mayAct, onActs, tokenTrouble, useToken, visitor} from '../acts.js';
import {el, icon, setAttr, setClass, setText} from '../dom.js';
import {ACT_DIALOG as WORDS} from '../words.js';

const locks = new WeakMap(); // buttons and what they need; no list, so none is kept alive
let count = 0;

/**
 * Ask, do, and tell. Resolves to {outcome, reason, answer}, or null when it was given up.
 * title, text: what it is about. command: its name. go: words of the button that does it.
 * fields: [{name, label, kind: 'text'|'number'|'select'|'lines', value, required,
 *   options: [[value, words]], min, max, help, when: (values) => whether it is shown}].
 * body: an object, or (values by name) => object, which may throw an Error with words for people.
 * danger: it stops or removes something.
 * done: (result) => what follows when it was committed (actButton only).
 * now: the focus is on the button and the dialog closes as soon as it is asked for.
 */
export async function confirmAct(asked) {
  if (!mayAct(asked.command) && !await askForToken(asked.command)) return null;
  return new Promise((resolve) => open(asked, resolve));
}

function open(asked, resolve) {
  const rows = (asked.fields ?? []).map(field);
  const said = el('p.act-said', {role: 'status'});
  const go = el('button.act-go', {type: 'submit'}, asked.go ?? WORDS.go);
  const past = isPast() ? el('p.act-past', {}, icon('warn'), WORDS.past) : null;
  const form = el('form', {method: 'dialog'}, past, ...rows.map((row) => row.node), said,
    el('div.act-buttons', {}, cancelButton(), go));
  const dialog = makeDialog(asked.title, asked.text, form);
  form.addEventListener('change', () => showWanted(asked, rows));
  showWanted(asked, rows);
  setClass(go, 'danger', asked.danger);
  if (asked.command) dialog.dataset.command = asked.command;
  setClass(dialog, 'wide', rows.length > 5);
  let result = null;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (dialog.dataset.state === 'pending') return;
    const body = bodyOf(asked, rows, said);
    if (body === null) return;
    dialog.dataset.state = 'pending';
    setText(said, WORDS.pending);
    setAttr(go, 'aria-disabled', 'true');
    const doing = actOnce(asked.command, body, result);
    if (asked.now) { result = doing; dialog.close(); return; }
    result = await doing;
    dialog.dataset.state = result.outcome;
    setAttr(go, 'aria-disabled', null);
    if (result.outcome === 'committed') { dialog.close(); return; }
    setText(said, WORDS[result.outcome](result.reason));
    setText(go, WORDS.again);
  });
  show(dialog, () => resolve(result));
  (asked.now ? go : rows[0]?.input ?? go).focus();
}

/** The same once more after no answer came is the same deed, under the same key. */
function actOnce(command, body, before) {
  const {idempotency_key: key, ...same} = before?.entry.body ?? {};
  const again = before?.outcome === 'unknown' && JSON.stringify(same) === JSON.stringify(body);
  return again ? askAgain(before.entry) : act(command, body);
}

/** Fields that do not matter by what was chosen are not there. */
function showWanted(asked, rows) {
  const values = Object.fromEntries(rows.map((row) => [row.name, row.read()]));
  (asked.fields ?? []).forEach(({when}, i) => {
    rows[i].node.hidden = when ? !when(values) : false;
  });
}

function bodyOf(asked, rows, said) {
  try {
    const values = Object.fromEntries(rows.map((row) => [row.name, row.read()]));
    return typeof asked.body === 'function' ? asked.body(values) : {...asked.body, ...values};
  } catch (error) {
    setText(said, error.message);
    return null;
  }
}

function field(about) {
  count += 1;
  const id = `act-field-${count}`;
  const help = about.help ? el('small.note', {id: `${id}-help`}, about.help) : null;
  const common = {id, name: about.name, 'aria-describedby': help ? help.id : null,
    autocomplete: 'off', required: about.required ? '' : null};
  const input = inputOf(about, common);
  if (about.kind !== 'select') input.value = about.value ?? '';
  return {
    name: about.name, input,
    node: el('div.act-field', {}, el('label', {for: id}, about.label), input, help),
    read: () => (about.kind === 'number' ? Number(input.value) : input.value),
  };
}

function inputOf(about, common) {
  if (about.kind === 'select') {
    return el('select', common, ...about.options.map(([value, words]) => el('option',
      {value, selected: value === about.value ? '' : null}, words)));
  }
  if (about.kind === 'lines') return el('textarea', {...common, rows: about.rows ?? 3});
  if (about.kind === 'number') {
    return el('input', {...common, type: 'number', min: about.min, max: about.max,
      step: about.step ?? 1});
  }
  return el('input', {...common, type: about.kind ?? 'text', maxlength: about.max ?? 500});
}

function cancelButton(words = WORDS.cancel) {
  return el('button', {type: 'button', onclick: (event) => event.target.closest('dialog').close()},
    words);
}

/** A dialog that is taken out of the page when it closes. */
export function makeDialog(title, text, ...children) {
  count += 1;
  const id = `act-dialog-${count}`;
  return el('dialog.act', {'aria-labelledby': id, 'aria-describedby': text ? `${id}-text` : null},
    el('h2', {id}, title), text ? el('p', {id: `${id}-text`}, text) : null, ...children);
}

export function show(dialog, closed = () => {}) {
  const before = document.activeElement;
  dialog.addEventListener('close', () => {
    dialog.remove();
    if (before?.isConnected) before.focus();
    else if (document.activeElement === document.body) document.getElementById('main').focus();
    closed();
  });
  document.body.append(dialog);
  dialog.showModal();
}

/** Ask for a token until the command may be asked for; resolves to whether it may. */
export function askForToken(command = '') {
  return new Promise((resolve) => {
    const who = el('p');
    const where = el('p.note.id');
    const said = el('p.act-said', {role: 'status', id: 'token-said'});
    const token = field({name: 'token', label: WORDS.token, kind: 'password', max: 256});
    const forget = el('button', {type: 'button', onclick: () => useToken('')}, WORDS.forget);
    const form = el('form', {method: 'dialog'}, token.node, said, el('div.act-buttons', {},
      cancelButton(WORDS.close), forget, el('button.act-go', {type: 'submit'}, WORDS.use)));
    const dialog = makeDialog(WORDS.title, '', who, el('p.note', {}, WORDS.how), where, form);
    dialog.dataset.command = 'token';
    const draw = () => {
      const {name, role, token_file: file} = visitor();
      setText(who, !name ? WORDS.readOnly : mayAct(command || 'override') ? WORDS.you(name, role)
        : WORDS.observer(name));
      setText(where, file ? WORDS.file(file) : '');
      setText(said, tokenTrouble());
      forget.hidden = !name;
    };
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const wrong = await useToken(token.input.value);
      if (wrong) { token.input.select(); token.input.focus(); }
      else if (visitor().name && (!command || mayAct(command))) dialog.close();
    });
    draw();
    const forgotten = onActs(draw);
    show(dialog, () => { forgotten(); resolve(command !== '' && mayAct(command)); });
    token.input.focus();
  });
}

/** A button that opens confirmAct(make()); without a token it says so and asks for one. */
export function actButton(words, command, make, attributes = {}) {
  const node = el('button.act-button', {type: 'button', 'data-command': command, ...attributes},
    words);
  const lock = el('span.hidden-visually');
  node.append(lock);
  node.addEventListener('click', (event) => {
    event.stopPropagation();
    const asked = make();
    if (asked) confirmAct({command, ...asked}).then((found) => followUp(asked, found));
  });
  locks.set(node, {command, lock, title: attributes.title ?? null});
  drawLock(node);
  return node;
}

function followUp(asked, found) {
  if (found?.outcome === 'committed') asked.done?.(found);
}

function drawLock(node) {
  const {command, lock, title} = locks.get(node);
  const may = mayAct(command);
  setClass(node, 'locked', !may);
  setAttr(node, 'title', may ? title : WORDS.locked);
  setText(lock, may ? '' : ` (${WORDS.locked})`);
}

/** Once by whoever starts the page: buttons follow what the visitor may do. */
export function followVisitor() {
  onActs(() => {
    for (const node of document.querySelectorAll('.act-button')) {
      if (locks.has(node)) drawLock(node);
    }
  });
}
