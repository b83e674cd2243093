// SPDX-License-Identifier: Apache-2.0
// The compliance report: where AMT can be switched off, by what, and the exceptions that were granted. Source: docs/activation.md, "Compliance".
// @ts-check

import { call } from './api.js';
import { $, button, cell, make, replaceRows, tableRow, when } from './dom.js';

/** @typedef {{host: string, name: string, vendor: string, product: string, amtState: string, controlMode: string, biosSwitch: string, knownBy: string,
 * firmwareSwitch: string, canBeDisabledBy: string[], compliant: boolean, status: string,
 * exception: {reason: string, approver: string, until: string}|null}} ComplianceRow */

/** Sign, tone, plural; what wants an answer first. @type {Record<string, [string, string, string]>} */
const STATUS = { deviation: ['✖', 'bad', 'deviations'], unknown: ['?', 'warn', 'unknown'], exception: ['◇', 'none', 'exceptions'], compliant: ['✔', 'good', 'compliant'] };
const WORDS = Object.keys(STATUS);
export const SHOWN_MAX = 500; /* a page that is read, not searched: orch-cli has the whole as CSV */

/** @param {ComplianceRow[]} rows */
export const worstFirst = (rows) => [...rows].sort((a, b) => WORDS.indexOf(a.status) - WORDS.indexOf(b.status) || a.name.localeCompare(b.name));

/** @param {ComplianceRow[]} rows */
export function tally(rows) {
  const n = (/** @type {string} */ status) => rows.filter((r) => r.status === status).length;
  return WORDS.filter(n).map((w) => `${n(w)} ${n(w) === 1 ? w : STATUS[w][2]}`).join(', ');
}

/** What switches it off, and how that is known. @param {ComplianceRow} r */
export function switches(r) {
  const by = r.canBeDisabledBy.map((w) => (w === 'bios' ? 'BIOS' : w));
  const bios = { present: 'the BIOS has a switch', absent: 'the BIOS has no switch', unknown: 'whether the BIOS has a switch is not known' };
  const source = { agent: ' (read by the agent)', 'board-table': ' (table of boards)' };
  return [by.length ? by.join(' or ') : r.status === 'unknown' ? 'not known' : 'nothing',
    `${bios[/** @type {keyof bios} */ (r.biosSwitch)] || ''}${source[/** @type {keyof source} */ (r.knownBy)] || ''}`];
}

/** @param {ComplianceRow} r @param {(id: string) => void} open */
function row(r, open) {
  const machine = cell('Machine'), amt = cell('AMT'), off = cell('Can be switched off by', 'wide'), status = cell('Status'), exception = cell('Exception', 'wide');
  const [sign, tone] = STATUS[r.status] || STATUS.unknown, [what, known] = switches(r);
  machine.append(make('span', [r.vendor, r.product].filter(Boolean).join(' ') || 'not told', r.vendor || r.product ? '' : 'none'));
  amt.append(make('span', r.amtState, 'state'));
  if (/^[ac]cm$/.test(r.controlMode)) amt.append(make('small', r.controlMode.toUpperCase()));
  off.append(make('span', what), make('small', known));
  status.append(make('span', `${sign} ${r.status}`, `state ${tone}`));
  if (r.exception)
    exception.append(make('span', r.exception.reason), make('small', `approved by ${r.exception.approver || 'nobody named'}, until ${when(r.exception.until)}`));
  else exception.append(make('span', '–', 'none'));
  const tr = tableRow(r.host, button(r.name || r.host, () => open(r.host)), [status, machine, amt, off, exception]);
  if (!r.exception) exception.classList.add('idle');
  return tr;
}

/** Read it and show it. @param {string} compute the project's address @param {(id: string) => void} open the panel of a node */
export async function showCompliance(compute, open) {
  const report = await call('GET', `${compute}/compliance`), rows = worstFirst(report.rows), shown = rows.slice(0, SHOWN_MAX);
  replaceRows($('compliance-rows'), shown.map((r) => row(r, open)));
  $('compliance-tally').textContent = rows.length ? `Control ${report.control}: ${tally(rows)}.` : 'There are no nodes yet.';
  $('compliance-more').hidden = shown.length === rows.length;
  $('compliance-more').textContent = `${rows.length - shown.length} more are not shown. All of them: orch-cli report compliance -o csv`;
}
