// SPDX-License-Identifier: Apache-2.0
// The question before what cannot be taken back.
// @ts-check

import { $, dialog, input, make } from './dom.js';

/** @typedef {{title: string, text: string, yes: string, points?: string[], check?: string}} Question points are listed below the text;
 * with check the answer is only taken when that sentence was ticked */

/** Whether the answer was yes; closing it any other way is a no. @param {Question} q @returns {Promise<boolean>} */
export function ask(q) {
  const d = dialog('confirm'), yes = /** @type {HTMLButtonElement} */ ($('confirm-yes')), box = input('confirm-box');
  $('confirm-title').textContent = q.title;
  $('confirm-text').textContent = q.text;
  $('confirm-points').replaceChildren(...(q.points || []).map((t) => make('li', t)));
  $('confirm-points').hidden = !q.points;
  $('confirm-check').hidden = !q.check;
  $('confirm-check-text').textContent = q.check || '';
  box.checked = false;
  box.onchange = () => { yes.disabled = !box.checked; };
  yes.disabled = q.check !== undefined;
  yes.textContent = q.yes;
  d.returnValue = 'no';
  d.showModal();
  return new Promise((done) => d.addEventListener('close', () => done(d.returnValue === 'yes'), { once: true }));
}
