// SPDX-License-Identifier: Apache-2.0
// Serial over LAN in the page: xterm's terminal over the session's bytes.
// @ts-check

import { amount, button, choice, download, fileName, kept, keep, menu, tick } from './dom.js';
import { WAY_OUT, WayOut } from './keys.js';
import { Terminal } from './xterm.js';

const CHUNK = 256, CHUNK_MS = 25; /* what is pasted goes at the pace of a line of 115200 baud */
const LOG_MAX = 8 << 20;
const SIZES = ['80x24', '80x25', '100x31', '132x43'];
/* The upper half of code page 437: what BIOS screens draw their frames with. */
const CP437 = 'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0';
/* F1 to F12 as terminals of BIOS setups know them: Escape and one of these. */
const BIOS_KEYS = '1234567890!@';

/** xterm makes <style> elements and style attributes, which the page's policy refuses. It gets sheets of our own for them:
 * better than a page that takes any style. */
function stylesWithoutInline() {
  const create = document.createElement.bind(document);
  /** @param {string} tag @param {any} [options] */
  const ours = (tag, options) => {
    const e = create(tag === 'style' ? 'template' : tag, options);
    if (tag === 'style') {
      const sheet = new CSSStyleSheet();
      document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
      Object.defineProperty(e, 'textContent', { set: (text) => sheet.replaceSync(text) });
      e.remove = () => { document.adoptedStyleSheets = document.adoptedStyleSheets.filter((s) => s !== sheet); };
    } else if (tag === 'span')
      e.setAttribute = (name, value) => {
        if (name === 'style') e.style.cssText = value;
        else Element.prototype.setAttribute.call(e, name, value);
      };
    return e;
  };
  document.createElement = /** @type {any} */ (ours);
}

export class Sol {
  /** @param {import('./kvm.js').Place} place */
  constructor(place) {
    stylesWithoutInline();
    this.place = place;
    this.session = place.session;
    this.host = '';
    this.viewOnly = false;
    this.backspace = kept('backspace', 'del', ['del', 'bs']);
    this.functionKeys = kept('fkeys', 'xterm', ['xterm', 'bios']);
    this.charset = kept('charset', 'utf-8', ['utf-8', 'cp437']);
    const [cols, rows] = kept('terminal', '80x24', SIZES).split('x').map(Number);
    this.term = new Terminal({ cols, rows, scrollback: 10000, fontSize: 15, cursorBlink: false, minimumContrastRatio: 4.5,
      fontFamily: 'ui-monospace, "DejaVu Sans Mono", "Liberation Mono", Menlo, Consolas, monospace', theme: { background: '#000000', foreground: '#e5e9ef' } });
    /** @type {Uint8Array[]} */ this.log = [];
    this.logBytes = this.received = this.sent = 0;
    /** @type {number[]} */ this.outgoing = [];
    this.timer = 0;
    this.power = '';
    this.way = new WayOut();
    place.screen.classList.add('terminal');
    this.term.open(place.screen);
    this.term.attachCustomKeyEventHandler((e) => this.key(e));
    this.term.onData((text) => this.type([...new TextEncoder().encode(text)]));
    this.term.onBinary((text) => this.type([...text].map((c) => c.charCodeAt(0))));
    this.buildTools();
  }

  // --- the session's words ---

  /** @param {import('./session.js').Info} info */
  setInfo(info) {
    this.host = info.host;
    this.viewOnly = info.viewOnly;
    this.term.options.disableStdin = this.viewOnly;
    this.place.hint(this.viewOnly ? 'View only: your keys stay here.' : `Keys go to ${info.host} while the terminal has the focus. Press and let go ${WAY_OUT} to leave it.`);
  }

  opened() { this.term.focus(); }

  /** @param {Uint8Array} bytes */
  data(bytes) {
    this.received += bytes.length;
    this.log.push(bytes);
    this.logBytes += bytes.length;
    while (this.logBytes > LOG_MAX) this.logBytes -= /** @type {Uint8Array} */ (this.log.shift()).length;
    this.term.write(this.charset === 'utf-8' ? bytes : Array.from(bytes, (b) => (b < 128 ? String.fromCharCode(b) : CP437[b - 128])).join(''));
  }

  /** @param {number} _code */
  closed(_code) {
    this.outgoing.length = 0;
    return '';
  }

  /** @param {any} note */
  note(note) {
    if (note.type === 'power') this.power = note.on ? '' : 'the node has no power';
  }

  /** There is no byte that does nothing here: the operator presses a key. */
  wake() { this.term.focus(); }

  facts() {
    return [`${this.term.cols} × ${this.term.rows}`, this.charset.toUpperCase(), this.power, `${amount(this.received)} received`, `${amount(this.sent)} sent`]
      .filter(Boolean).join(' · ');
  }

  // --- keys ---

  /** @param {KeyboardEvent} e @returns {boolean} whether xterm takes it */
  key(e) {
    if (e.type === 'keypress') return true;
    if (!e.repeat && this.way.key(e)) {
      this.place.leave();
      this.place.say('The keyboard is yours again.');
      return false;
    }
    const f = /^F(\d+)$/.exec(e.code);
    if (!f || this.functionKeys !== 'bios' || e.ctrlKey || e.altKey || e.metaKey || Number(f[1]) > BIOS_KEYS.length) return true;
    e.preventDefault();
    if (e.type === 'keydown') this.type([27, BIOS_KEYS.charCodeAt(Number(f[1]) - 1)]);
    return false;
  }

  /** @param {number[]} bytes */
  type(bytes) {
    if (this.viewOnly || this.session.view.state !== 'active') return;
    this.outgoing.push(...(this.backspace === 'bs' ? bytes.map((b) => (b === 127 ? 8 : b)) : bytes));
    if (!this.timer) this.flush();
  }

  flush() {
    const part = this.outgoing.splice(0, CHUNK);
    if (part.length === 0) { this.timer = 0; return; }
    this.session.send(Uint8Array.from(part));
    this.sent += part.length;
    this.timer = window.setTimeout(() => this.flush(), CHUNK_MS);
  }

  // --- tools ---

  async copy() {
    const { term } = this, some = term.hasSelection();
    if (!some) term.selectAll();
    const text = term.getSelection();
    if (!some) term.clearSelection();
    try {
      await navigator.clipboard.writeText(text);
      this.place.say(some ? 'The selection is copied.' : 'All of the terminal is copied.');
    } catch (e) { this.place.say(`Copying is not possible: ${e instanceof Error ? e.message : e}`); }
    term.focus();
  }

  buildTools() {
    const { tools } = this.place;
    const remember = (/** @type {'backspace'|'functionKeys'|'charset'} */ field, /** @type {string} */ name) => (/** @type {string} */ v) => {
      this[field] = v;
      keep(name, v);
    };
    tools.append(
      button('Copy', () => this.copy()),
      button('Save the log', () => download(new Blob(/** @type {BlobPart[]} */ (this.log), { type: 'application/octet-stream' }), fileName(this.host, '.log'))),
      button('Clear', () => { this.term.clear(); this.term.focus(); }),
      menu('Terminal', [
        choice('Size, as the node has it', SIZES.map((s) => /** @type {[string, string]} */ ([s, s.replace('x', ' × ')])), kept('terminal', '80x24', SIZES), (v) => {
          const [cols, rows] = v.split('x').map(Number);
          keep('terminal', v);
          this.term.resize(cols, rows);
          this.place.say(`A serial line does not tell the node its size: there, stty rows ${rows} cols ${cols} does.`);
        }),
        choice('Backspace sends', [['del', 'DEL (7F)'], ['bs', 'BS (08)']], this.backspace, remember('backspace', 'backspace')),
        choice('Function keys', [['xterm', 'xterm (Linux)'], ['bios', 'Escape and a digit (BIOS)']], this.functionKeys, remember('functionKeys', 'fkeys')),
        choice('Characters', [['utf-8', 'UTF-8'], ['cp437', 'Code page 437 (BIOS)']], this.charset, remember('charset', 'charset')),
        tick('Screen reader reads the terminal', false, (on) => { this.term.options.screenReaderMode = on; }),
      ]),
    );
  }
}
