// SPDX-License-Identifier: Apache-2.0
// orch-cli's local page in Debian's chromium, for scenarios: node tests/scenario/page.mjs URL
// What the page says of its state is told in lines: `state WORDS`, `overlay WORDS`. A line of input is an order:
// `type TEXT`, `png FILE` (the canvas, pixel by pixel), `second` (the same page in another tab), `close`. `ok` when it is done.
// @ts-check
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { complaints, launch } from '../browser/world.mjs';

const say = (/** @type {string} */ text) => process.stdout.write(`${text.replaceAll('\n', ' ')}\n`);
const browser = await launch();
const context = await browser.newContext();

/** Tell what is to be read on a page when it changes. @param {import('playwright-core').Page} page @param {string} prefix */
function watch(page, prefix) {
  /** @type {Record<string, string>} */ const last = {};
  const look = async () => {
    for (const [what, selector] of [['state', '#state'], ['overlay', '#overlay:not([hidden]) .sheet']]) {
      const text = await page.evaluate((s) => /** @type {HTMLElement|null} */ (document.querySelector(s))?.innerText?.trim() || '', selector);
      if (text !== (last[what] || '')) say(`${prefix}${what} ${last[what] = text}`);
    }
  };
  const timer = setInterval(() => look().catch(() => {}), 50);
  page.on('close', () => clearInterval(timer));
}

const page = await context.newPage(), bad = complaints(page);
const canvas = page.locator('canvas');
watch(page, '');
say(`opened ${(await page.goto(process.argv[2]))?.status()} ${page.url()}`);

/** @type {Record<string, (rest: string) => Promise<void>>} */
const ORDERS = {
  type: async (text) => {
    await canvas.focus();
    for (const c of text) await page.keyboard.press(/[A-Z!?]/.test(c) ? `Shift+${c}` : c === ' ' ? 'Space' : c); /* as fingers do */
  },
  png: async (file) => {
    const url = await canvas.evaluate((c) => /** @type {HTMLCanvasElement} */ (c).toDataURL('image/png'));
    writeFileSync(file, Buffer.from(url.slice(url.indexOf(',') + 1), 'base64'));
  },
  second: async () => {
    const other = await context.newPage();
    watch(other, 'second ');
    await other.goto(page.url());
  },
  close: async () => {
    for (const text of bad) say(`complaint ${text}`);
    await browser.close();
    process.exit(0);
  },
};
for await (const line of createInterface({ input: process.stdin })) {
  const [, verb, rest] = /^(\S+) ?(.*)$/.exec(line) || [];
  try {
    await ORDERS[verb](rest);
    say('ok');
  } catch (e) { say(`failed ${verb}: ${e}`); }
}
