// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Curves over time, by uPlot (vendor/), which is loaded when the first one is drawn. Owns colours,
// sizes, and that every curve can be told apart without colours: by its dashes and its name.

import {el, setAttr, setText} from './dom.js';
import {PLOT as WORDS} from './words.js';

const DASHES = [[], [6, 4], [2, 3], [10, 3, 2, 3], [1, 2]];
const TONES = ['--error', '--ok', '--warn', '--info', '--odd'];
const SCHEME = matchMedia('(prefers-color-scheme: dark)');
let loading = null;

function load() {
  loading ??= new Promise((resolve, reject) => {
    document.head.append(el('link', {rel: 'stylesheet', href: '/vendor/uPlot.min.css'}));
    const script = el('script', {src: '/vendor/uPlot.iife.min.js'});
    script.addEventListener('load', () => resolve(globalThis.uPlot));
    script.addEventListener('error', () => { loading = null; reject(new Error(WORDS.failed)); });
    document.head.append(script);
  });
  return loading;
}

/**
 * A plot: node.show(times in s, [values of each curve]). names: of the curves; tones: names of
 * colours ('--ok'); range: [low, high] or null for as it comes; height in px.
 */
export function plot({label, names, tones = TONES, range = null, height = 150}) {
  const legend = el('ul.plot-legend', {}, ...names.map((name, i) => {
    const sample = el('span.plot-key', {'aria-hidden': 'true'});
    sample.dataset.dash = String(i % DASHES.length);
    sample.style.setProperty('--tone', `var(${tones[i % tones.length]})`);
    return el('li', {}, sample, `${name} `, el('b', {}, '–'));
  }));
  const area = el('div.plot-area', {role: 'img', 'aria-label': label});
  const note = el('p.empty', {}, WORDS.none);
  const node = el('div.plot', {}, area, note, legend);
  const numbers = [...legend.querySelectorAll('b')];
  let made = null;
  let data = null;
  const make = (uPlot) => {
    made?.destroy();
    made = new uPlot(options(names, tones, range, area, height), data, area);
  };
  const resize = new ResizeObserver(() => {
    if (made && area.clientWidth) made.setSize({width: area.clientWidth, height});
  });
  resize.observe(area);
  SCHEME.addEventListener('change', () => { if (made) load().then(make); });
  node.show = (times, curves) => {
    data = [times, ...curves];
    curves.forEach((values, i) => setText(numbers[i], written(last(values))));
    note.hidden = times.length > 0;
    area.hidden = times.length === 0;
    setAttr(area, 'aria-label', `${label}: ${names.map((n, i) => `${n} ${written(last(curves[i]))}`).join(', ')}`);
    if (!times.length || !area.clientWidth) return;
    if (made) made.setData(data);
    else load().then((uPlot) => { if (!made) make(uPlot); }, (wrong) => setText(note, wrong.message));
  };
  return node;
}

function last(values) {
  for (let i = values.length - 1; i >= 0; i -= 1) {
    if (typeof values[i] === 'number') return values[i];
  }
  return null;
}

function written(value) {
  return value === null || value === undefined ? '–' : String(Number(value.toPrecision(3)));
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function options(names, tones, range, area, height) {
  const axis = {
    stroke: colour('--dim'), font: '11px system-ui', size: 44,
    grid: {stroke: colour('--line'), width: 1}, ticks: {stroke: colour('--line'), width: 1},
  };
  return {
    width: area.clientWidth, height, legend: {show: false},
    cursor: {points: {size: 6}, drag: {x: false, y: false}},
    scales: {x: {time: true}, y: range ? {range} : {auto: true}},
    axes: [{...axis, size: 28, values: (_, times) => times.map(hour)}, axis],
    series: [{}, ...names.map((name, i) => ({
      label: name, stroke: colour(tones[i % tones.length]), width: 2,
      dash: DASHES[i % DASHES.length], points: {show: false}, spanGaps: false,
    }))],
  };
}

function hour(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString('en-GB');
}
