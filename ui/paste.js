// SPDX-License-Identifier: Apache-2.0
// Paste as typing: a text becomes the keys of the machine's own keyboard, one by one, at a speed it can follow.
// @ts-check

import { $, dialog, input, keep, kept } from './dom.js';
import { LAYOUTS, typing } from './keys.js';

const SHOW_MAX = 12; /* characters that are named */
const names = (/** @type {string[]} */ list) => list.slice(0, SHOW_MAX)
  .map((c) => (/[\x00-\x20\x7f-\xa0]/.test(c) ? `U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}` : c)).join(' ')
  + (list.length > SHOW_MAX ? ` and ${list.length - SHOW_MAX} more` : '');

/** The dialog is one, and so is who uses it. @type {{press: (codes: string[]) => void, done: () => void}|null} */
let user = null;
let timer = 0;
/** @type {string[][][]} */ let strokes = [];
let at = 0;
const speed = () => Number(input('paste-speed').value);

function stop() {
  clearTimeout(timer);
  timer = 0;
  $('paste-run').hidden = true;
  for (const id of ['paste-go', 'paste-text', 'paste-layout']) input(id).disabled = false;
}

function close() {
  stop();
  dialog('paste').close();
}

/** What can be typed is known before anything is. */
function check() {
  const { strokes: all, missing } = typing(input('paste-text').value, input('paste-layout').value);
  const { name } = LAYOUTS[input('paste-layout').value];
  $('paste-error').textContent = missing.length
    ? `A ${name} keyboard cannot type: ${names(missing)}. Remove ${missing.length === 1 ? 'it' : 'them'}, or choose the keyboard that the node is set to.` : '';
  input('paste-go').disabled = missing.length > 0 || all.length === 0;
  return all;
}

function next() {
  if (at >= strokes.length) { close(); return; }
  for (const codes of strokes[at]) user?.press(codes);
  at++;
  /** @type {HTMLProgressElement} */ (/** @type {any} */ ($('paste-bar'))).value = at / strokes.length;
  $('paste-count').textContent = `${at} of ${strokes.length}, ${Math.ceil((strokes.length - at) / speed())} s left`;
  timer = window.setTimeout(next, 1000 / speed());
}

function build() {
  const select = /** @type {HTMLSelectElement} */ (/** @type {any} */ ($('paste-layout')));
  for (const [id, { name }] of Object.entries(LAYOUTS)) select.add(new Option(name, id));
  select.value = kept('layout', 'us', Object.keys(LAYOUTS));
  input('paste-speed').value = kept('speed', '25', ['10', '25', '50', '100']);
  select.addEventListener('change', () => { keep('layout', select.value); check(); });
  input('paste-speed').addEventListener('change', () => keep('speed', input('paste-speed').value));
  input('paste-text').addEventListener('input', check);
  $('paste-form').addEventListener('submit', (e) => {
    e.preventDefault();
    strokes = check();
    if (input('paste-go').disabled) return;
    for (const id of ['paste-go', 'paste-text', 'paste-layout']) input(id).disabled = true;
    $('paste-run').hidden = false;
    at = 0;
    next();
  });
  $('paste-cancel').addEventListener('click', close);
  dialog('paste').addEventListener('close', () => { stop(); input('paste-text').value = ''; user?.done(); user = null; });
}

/** @param {(codes: string[]) => void} press one stroke @param {() => void} done */
export function openPaste(press, done) {
  if (!$('paste-layout').firstChild) build();
  user = { press, done };
  stop();
  check();
  dialog('paste').showModal();
  input('paste-text').focus();
  return { stop: () => { if (user?.press === press) close(); } };
}
