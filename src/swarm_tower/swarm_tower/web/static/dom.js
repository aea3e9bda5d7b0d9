// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Building blocks of the page. All text goes in as text nodes: what the network says is never
// markup.

const SVG = 'http://www.w3.org/2000/svg';

/** Make an element: el('td.num', {title: 'x'}, child, 'text'). */
export function el(spec, attributes = {}, ...children) {
  const [tag, ...classes] = spec.split('.');
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(' ');
  return fill(node, attributes, children);
}

/** Make an SVG element. */
export function svg(spec, attributes = {}, ...children) {
  const [tag, ...classes] = spec.split('.');
  const node = document.createElementNS(SVG, tag);
  if (classes.length) node.setAttribute('class', classes.join(' '));
  return fill(node, attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(name, String(value));
  }
  node.append(...children.filter((c) => c !== null && c !== undefined).map(asNode));
  return node;
}

function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

/** Set text only if it differs, so that an unchanged page costs no layout. */
export function setText(node, text) {
  const value = String(text);
  if (node.textContent !== value) node.textContent = value;
}

export function setAttr(node, name, value) {
  if (value === null || value === undefined) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
}

export function setClass(node, name, on) {
  if (node.classList.contains(name) !== Boolean(on)) node.classList.toggle(name, Boolean(on));
}

const held = new WeakMap();

/** Keep one child per item, in order; make(item) -> node with node.update(item). */
export function keyed(parent, items, keyOf, make) {
  const before = held.get(parent) ?? new Map();
  const now = new Map();
  let cursor = parent.firstChild;
  for (const item of items) {
    const key = keyOf(item);
    if (now.has(key)) continue;
    const node = before.get(key) ?? make(item);
    now.set(key, node);
    node.update(item);
    if (node === cursor) cursor = cursor.nextSibling;
    else parent.insertBefore(node, cursor);
  }
  for (const [key, node] of before) if (now.get(key) !== node) node.remove();
  held.set(parent, now);
}

const SHAPES = {
  ok: ['circle', {cx: 8, cy: 8, r: 5.5}],
  slow: ['path', {d: 'M8 2.5a5.5 5.5 0 0 1 0 11z M8 2.5a5.5 5.5 0 0 0 0 11'}],
  info: ['path', {d: 'M8 1.8 14.2 8 8 14.2 1.8 8z'}],
  warn: ['path', {d: 'M8 1.8 15 14H1z'}],
  error: ['path', {d: 'M5.2 1.8h5.6L14.2 5.2v5.6l-3.4 3.4H5.2l-3.4-3.4V5.2z'}],
  gone: ['path', {d: 'M3 3l10 10M13 3 3 13'}],
  none: ['circle', {cx: 8, cy: 8, r: 4.8}],
  square: ['rect', {x: 3, y: 3, width: 10, height: 10, rx: 1.5}],
  play: ['path', {d: 'M4 2.5 13.5 8 4 13.5z'}],
  crown: ['path', {d: 'M1.5 4.5l3.4 3L8 2.5l3.1 5 3.4-3-1.4 8.5H2.9z'}],
};

/** A small picture whose shape, not only colour, tells the tone. */
export function icon(name) {
  const [tag, attributes] = SHAPES[name] ?? SHAPES.none;
  return svg(`svg.icon.i-${name}`, {viewBox: '0 0 16 16', 'aria-hidden': 'true'},
    svg(tag, attributes));
}

/** A word with a shape: badge('warn', 'suspect'). */
export function badge() {
  const text = el('span');
  const node = el('span.badge', {}, text);
  let shown = null;
  node.show = (tone, shape, words) => {
    const key = `${tone}/${shape}`;
    if (key !== shown) {
      shown = key;
      node.className = `badge t-${tone}`;
      node.replaceChildren(icon(shape), text);
    }
    setText(text, words);
  };
  return node;
}

/** A horizontal bar with its number beside it. */
export function bar() {
  const inner = el('span.bar-fill');
  const label = el('span.bar-text');
  const node = el('span.meter', {}, el('span.bar-track', {'aria-hidden': 'true'}, inner), label);
  node.show = (share, words) => {
    const width = `${Math.round(Math.max(0, Math.min(1, share ?? 0)) * 100)}%`;
    if (inner.style.width !== width) inner.style.width = width;
    setClass(node, 'unknown', share === null || share === undefined);
    setText(label, words);
  };
  return node;
}

export function panel(title, id, ...children) {
  return el('section.panel', {'aria-labelledby': `${id}-title`, id},
    el('div.panel-head', {}, el('h2', {id: `${id}-title`}, title)), ...children);
}
