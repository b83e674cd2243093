// SPDX-License-Identifier: Apache-2.0
// Refused CIRA logins, for admins of all projects: who knocked, why it was refused, and that somebody looked at it. Source: docs/api.md, "Quarantine".
// @ts-check

import { call } from './api.js';
import { $, button, cell, make, replaceRows, tableRow, when } from './dom.js';

/** @typedef {{id: string, user: string, uuid: string, peer: string, reason: string, firstSeen: string, lastSeen: string, count: number, verdict: string}} Entry */

/** The reason taken apart: whether the device is a node of ours that was given up, what happened, what to do. @param {string} reason */
export function reasonOf(reason) {
  const orphan = reason.startsWith('orphan:'), [what, ...rest] = reason.replace(/^orphan:\s*/, '').split('; ');
  const sentence = (/** @type {string} */ s) => (s ? `${s[0].toUpperCase()}${s.slice(1).replace(/\.$/, '')}.` : '');
  return { orphan, what: sentence(what), remedy: sentence(rest.join('; ')) };
}

/** @param {Entry} e @param {(method: string, path: string) => void} order */
function row(e, order) {
  const why = cell('Refused because', 'wide'), from = cell('From'), seen = cell('Last seen'), times = cell('Times'), act = cell('', 'act wide');
  const { orphan, what, remedy } = reasonOf(e.reason), name = e.user || 'no user name';
  why.append(make('span', orphan ? `! Orphan. ${what}` : what, orphan ? 'warn' : ''), make('small', remedy));
  from.append(make('span', e.peer), make('small', e.uuid));
  seen.append(make('span', when(e.lastSeen)), make('small', `first ${when(e.firstSeen)}`));
  times.append(make('span', String(e.count)));
  const path = `/api/v1/quarantine/${encodeURIComponent(e.id)}`;
  if (e.verdict === 'denied') act.append(make('span', 'denied', 'none'));
  else act.append(button('Deny', () => order('POST', `${path}:deny`)));
  act.append(button('Forget', () => order('DELETE', path)));
  for (const b of act.querySelectorAll('button')) b.setAttribute('aria-label', `${b.textContent}: ${name} from ${e.peer}`);
  return tableRow(e.id, make('span', name), [why, from, seen, times, act]);
}

/** Read it and show it. @param {(e: any) => void} complain */
export async function showQuarantine(complain) {
  const { entries } = await call('GET', '/api/v1/quarantine');
  const order = async (/** @type {string} */ method, /** @type {string} */ path) => {
    try { await call(method, path); await showQuarantine(complain); $('quarantine').focus(); } catch (e) { complain(e); }
  };
  replaceRows($('quarantine-rows'), entries.map((/** @type {Entry} */ e) => row(e, order)));
  $('quarantine-empty').hidden = entries.length > 0;
}
