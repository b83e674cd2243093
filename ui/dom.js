// SPDX-License-Identifier: Apache-2.0
// Small words for the page. Text is set by textContent only.
// @ts-check

export const $ = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
export const input = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (document.getElementById(id));
export const dialog = (/** @type {string} */ id) => /** @type {HTMLDialogElement} */ (document.getElementById(id));

/** @param {string} tag @param {string} [text] @param {string} [className] */
export function make(tag, text = '', className = '') {
  const e = document.createElement(tag);
  if (text) e.textContent = text;
  if (className) e.className = className;
  return e;
}

/** @param {string} text @param {() => void} act @param {string} [className] */
export function button(text, act, className = '') {
  const b = /** @type {HTMLButtonElement} */ (make('button', text, className));
  b.type = 'button';
  b.addEventListener('click', act);
  return b;
}

/** A cell that has its column's heading with it: where there is no room for columns, the row is a card (style.css, `fold`).
 * The role stays a cell's whatever the style makes of it. @param {string} label @param {string} [className] */
export function cell(label, className = '') {
  const td = make('td', '', className);
  td.dataset.label = label;
  td.setAttribute('role', 'cell');
  return td;
}

/** A row of such cells behind its heading. @param {string} key what it is known by @param {Node} head what names it to people @param {HTMLElement[]} cells */
export function tableRow(key, head, cells) {
  const tr = make('tr'), th = make('th');
  tr.dataset.key = key;
  tr.setAttribute('role', 'row');
  th.setAttribute('role', 'rowheader');
  th.setAttribute('scope', 'row');
  th.append(head);
  tr.append(th, ...cells);
  return tr;
}

/** Other rows, or the same in another order; who is at a button of a row stays there. @param {HTMLElement} body @param {HTMLElement[]} rows */
export function replaceRows(body, rows) {
  if (rows.length === body.children.length && rows.every((r, i) => r === body.children[i])) return;
  const controls = (/** @type {Element} */ tr) => /** @type {HTMLElement[]} */ ([...tr.querySelectorAll('button, a')]);
  const at = /** @type {HTMLElement} */ (document.activeElement), tr = /** @type {HTMLElement|null} */ (body.contains(at) ? at.closest('tr') : null);
  const nth = tr ? controls(tr).indexOf(at) : -1;
  body.replaceChildren(...rows);
  const same = tr && rows.find((r) => r.dataset.key === tr.dataset.key);
  if (same) controls(same)[nth]?.focus({ preventScroll: true });
}

/** A heading and a list; nothing when there are no items. @param {string} title @param {Node[]} items */
export function section(title, items) {
  const ul = make('ul');
  ul.append(...items.map((n) => { const li = make('li'); li.append(n); return li; }));
  return items.length ? [make('h3', title), ul] : [];
}

/** Run fn soon, and no more often than each ms. @param {() => void} fn @param {number} ms */
export function calmly(fn, ms) {
  let timer = 0, last = -ms;
  return () => {
    if (timer) return;
    timer = window.setTimeout(() => { timer = 0; last = performance.now(); fn(); }, Math.max(100, last + ms - performance.now()));
  };
}

/** A button that stays pressed. @param {string} text @param {(on: boolean) => void} act */
export function toggle(text, act) {
  const b = button(text, () => {
    const on = b.getAttribute('aria-pressed') !== 'true';
    b.setAttribute('aria-pressed', String(on));
    act(on);
  });
  b.setAttribute('aria-pressed', 'false');
  return b;
}

/** A labelled choice. @param {string} label @param {[string, string][]} options value and text @param {string} value @param {(value: string) => void} act */
export function choice(label, options, value, act) {
  const l = make('label', label), s = /** @type {HTMLSelectElement} */ (make('select'));
  s.append(...options.map(([v, text]) => { const o = /** @type {HTMLOptionElement} */ (make('option', text)); o.value = v; return o; }));
  s.value = value;
  s.addEventListener('change', () => act(s.value));
  l.append(s);
  return l;
}

/** A labelled box to tick. @param {string} label @param {boolean} on @param {(on: boolean) => void} act */
export function tick(label, on, act) {
  const l = make('label', '', 'check'), box = /** @type {HTMLInputElement} */ (make('input'));
  box.type = 'checkbox';
  box.checked = on;
  box.addEventListener('change', () => act(box.checked));
  l.append(box, label);
  return l;
}

/** A menu under a word; it closes with Escape, a click elsewhere, or one of its own buttons. @param {string} label @param {Node[]} items @param {string} [className] */
export function menu(label, items, className = '') {
  const d = /** @type {HTMLDetailsElement} */ (make('details', '', 'menu')), body = make('div', '', className);
  body.append(...items);
  d.append(make('summary', label), body);
  const close = () => { d.open = false; };
  document.addEventListener('pointerdown', (e) => { if (d.open && !d.contains(/** @type {Node} */ (e.target))) close(); });
  d.addEventListener('keydown', (e) => {
    if (e.key !== 'Escape') return;
    close();
    d.querySelector('summary')?.focus();
  });
  body.addEventListener('click', (e) => { if (/** @type {Element} */ (e.target).closest('button')) close(); });
  return d;
}

/** Give the user a file. @param {Blob} blob @param {string} name */
export function download(blob, name) {
  const a = /** @type {HTMLAnchorElement} */ (make('a'));
  a.href = URL.createObjectURL(blob);
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 60000);
}

/** A name for a file of this host, now. @param {string} host @param {string} what */
export const fileName = (host, what) => `${host.replace(/[^A-Za-z0-9._-]/g, '_')}-${new Date().toISOString().slice(0, 19).replace(/[:T]/g, '-')}${what}`;

/** m:ss, never below zero. @param {number} ms */
export function minutes(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, '0')}`;
}
/** A day and a time, as the reader's browser writes them. @param {string} t */
export const when = (t) => new Date(t).toLocaleString([], { hour12: false, dateStyle: 'medium', timeStyle: 'short' });
export const clock = (/** @type {string|number|null} */ t) => (t ? new Date(t).toLocaleTimeString([], { hour12: false }) : '');

/** @param {number} n */
export const amount = (n) => (n < 1e3 ? `${n} B` : n < 1e6 ? `${(n / 1e3).toFixed(0)} kB` : n < 1e9 ? `${(n / 1e6).toFixed(1)} MB` : `${(n / 1e9).toFixed(2)} GB`);

/** A wish that the browser keeps. @param {string} name @param {string} fallback @param {string[]} [allowed] */
export function kept(name, fallback, allowed) {
  const v = localStorage.getItem(`outband.${name}`);
  return v !== null && (!allowed || allowed.includes(v)) ? v : fallback;
}
export const keep = (/** @type {string} */ name, /** @type {string} */ value) => localStorage.setItem(`outband.${name}`, value);
