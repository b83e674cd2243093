// SPDX-License-Identifier: Apache-2.0
// KVM in the page: the machine's screen on a canvas, its keyboard and pointer.
// @ts-check

import { amount, button, choice, download, fileName, kept, keep, make, menu, tick, toggle } from './dom.js';
import { CHORDS, KEYSYMS, MODIFIERS, WAY_OUT, WayOut, chord, typing } from './keys.js';
import { openPaste } from './paste.js';
import { FORMATS } from './pixels.js';
import { Rfb } from './rfb.js';

const MOVE_MS = 50; /* the pointer's moves are gathered this long, its buttons never */
const WHEEL_PIXELS = 100, WHEEL_MAX = 5;
const KEY_GAP_MS = 10; /* between the strokes of a chord */
const SIZES = ['fit', 'natural'];
const DEVICE_CLOSED = 4008; /* docs/sessions.md */

/** @typedef {import('./session.js').Session} Session */
/**
 * What a view is given. @typedef {object} Place
 * @property {HTMLElement} screen
 * @property {HTMLElement} tools
 * @property {Session} session
 * @property {(text: string) => void} say for a screen reader and the hint line
 * @property {(text: string) => void} hint
 * @property {() => void} leave focus goes back to the page
 */

export class Kvm {
  /** @param {Place} place */
  constructor(place) {
    this.place = place;
    this.session = place.session;
    this.host = '';
    this.colours = kept('colours', 'auto', ['auto', ...Object.keys(FORMATS)]);
    this.fewer = false; /* the firmware closed early: try 8 bits */
    this.raw = false;
    this.viewOnly = false;
    this.size = kept('size', 'fit', SIZES);
    this.way = new WayOut();
    /** @type {Set<string>} codes that are pressed */ this.held = new Set();
    /** @type {Map<string, HTMLButtonElement>} sticky modifiers that are pressed */ this.sticky = new Map();
    this.move = { x: 0, y: 0, timer: 0 };
    this.wheel = 0;
    this.viewOnlyBox = /** @type {HTMLInputElement} */ (make('input'));
    this.encodingBox = /** @type {HTMLSelectElement} */ (make('select'));
    /** @type {HTMLElement[]} */ this.keyTools = [];
    this.canvas = /** @type {HTMLCanvasElement} */ (make('canvas'));
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute('role', 'application');
    this.picture = new ImageData(1, 1);
    this.dirty = { left: 0, top: 0, right: 0, bottom: 0 };
    this.drawing = false;
    this.last = { at: performance.now(), updates: 0, bytes: 0, raw: 0, stored: 0, zlib: 0 };
    this.rfb = this.newRfb();
    place.screen.append(this.canvas);
    this.buildTools();
    this.listen();
    new ResizeObserver(() => this.layout()).observe(place.screen);
    this.setSize(this.size);
  }

  newRfb() {
    return new Rfb({
      send: (b) => this.session.send(b),
      resize: (w, h) => this.resize(w, h),
      frame: (x, y, w, h) => this.frame(x, y, w, h),
      end: (text) => {
        const again = !this.raw && this.rfb.width > 0;
        if (again) this.setRaw(true);
        this.session.close(again ? `${text} Opened again, it is asked for RAW only.` : text);
      },
    }, { colours: this.fewer && this.colours !== 'grey8' && this.colours !== 'grey4' ? '332' : this.colours, raw: this.raw, viewOnly: this.viewOnly });
  }

  // --- the session's words ---

  /** @param {import('./session.js').Info} info */
  setInfo(info) {
    this.host = info.host;
    if (info.viewOnly) {
      this.viewOnly = true;
      this.viewOnlyBox.disabled = true;
    }
    this.applyViewOnly();
    this.canvas.setAttribute('aria-label', `Screen of ${info.host}. Keys go to it while it has the focus; ${WAY_OUT} leaves it.`);
  }

  opened() {
    this.rfb = this.newRfb();
    this.last = { at: performance.now(), updates: 0, bytes: 0, raw: 0, stored: 0, zlib: 0 };
    this.drawing = false;
    this.canvas.focus({ preventScroll: true });
  }

  /** @param {Uint8Array} bytes */
  data(bytes) { this.rfb.input(bytes); }

  /** The stream is gone; what that means here. @param {number} code */
  closed(code) {
    this.held.clear();
    this.paste?.stop();
    if (code !== DEVICE_CLOSED) return '';
    const { text, fewer } = this.rfb.closeMeans();
    if (fewer && !this.fewer) { this.fewer = true; return `${text} Trying again with fewer colours.`; }
    return text;
  }

  note() {}

  /** Input that changes nothing, against the idle end. */
  wake() { this.rfb.pointer(this.rfb.mask, this.rfb.pointerX, this.rfb.pointerY); }

  /** A line of facts; called once a second. */
  facts() {
    const { stats, width, height, format } = this.rfb, now = performance.now(), was = this.last;
    if (!width) return '';
    const kinds = [stats.zlib > was.zlib && 'zlib', stats.stored > was.stored && 'RLE', stats.raw > was.raw && 'RAW'].filter(Boolean);
    if (kinds.length) this.encoding = kinds.join('+');
    const s = (now - was.at) / 1000, rate = (stats.updates - was.updates) / s, speed = (stats.bytes - was.bytes) / s;
    this.last = { at: now, ...stats };
    return [`${width} × ${height}`, format.label, this.encoding, `${rate.toFixed(0)} frames/s`, `${amount(speed)}/s`, `${amount(stats.bytes)} received`]
      .filter(Boolean).join(' · ');
  }

  // --- the picture ---

  /** @param {number} w @param {number} h */
  resize(w, h) {
    this.canvas.width = w;
    this.canvas.height = h;
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext('2d', { alpha: false }));
    this.picture = new ImageData(w, h);
    this.dirty = { left: 0, top: 0, right: w, bottom: h };
    this.layout();
    return new Uint32Array(this.picture.data.buffer).fill(0xff000000); /* black until something is drawn */
  }

  /** @param {number} x @param {number} y @param {number} w @param {number} h */
  frame(x, y, w, h) {
    const d = this.dirty;
    if (w > 0) this.dirty = { left: Math.min(d.left, x), top: Math.min(d.top, y), right: Math.max(d.right, x + w), bottom: Math.max(d.bottom, y + h) };
    if (this.drawing) return;
    this.drawing = true; /* a hidden page draws nothing, and asks for nothing */
    requestAnimationFrame(() => { this.drawing = false; this.draw(); });
  }

  draw() {
    const { left, top, right, bottom } = this.dirty;
    if (right > left && bottom > top) this.context?.putImageData(this.picture, 0, 0, left, top, right - left, bottom - top);
    this.dirty = { left: this.canvas.width, top: this.canvas.height, right: 0, bottom: 0 };
    this.rfb.drawn();
  }

  /** @param {string} size */
  setSize(size) {
    this.size = size;
    keep('size', size);
    for (const s of SIZES) this.place.screen.classList.toggle(s, s === size);
    this.layout();
  }

  layout() {
    const { screen } = this.place, { canvas } = this, fit = this.size === 'fit' && this.rfb?.width > 0;
    const scale = fit ? Math.min(screen.clientWidth / canvas.width, screen.clientHeight / canvas.height) : 1;
    canvas.style.width = fit ? `${Math.floor(canvas.width * scale)}px` : '';
    canvas.style.height = fit ? `${Math.floor(canvas.height * scale)}px` : '';
  }

  screenshot() {
    this.canvas.toBlob((blob) => {
      if (blob) download(blob, fileName(this.host, '.png'));
    }, 'image/png');
  }

  async fullScreen() {
    await document.documentElement.requestFullscreen().catch((e) => this.place.say(`Full screen is not possible: ${e.message}`));
    /** @type {any} */ (navigator).keyboard?.lock?.().catch(() => {}); /* Alt-Tab and Win then go to the machine, where a browser can */
    this.canvas.focus();
  }

  // --- tools ---

  buildTools() {
    const { tools } = this.place, keys = make('div', '', 'grid');
    const cad = CHORDS[0][1];
    keys.append(...CHORDS.slice(1).map(([name, codes]) => button(name, () => this.send(codes))));
    const modifiers = make('div', '', 'group');
    modifiers.addEventListener('pointerdown', (e) => e.preventDefault()); /* the screen keeps the focus, and what stays pressed */
    modifiers.setAttribute('role', 'group');
    modifiers.setAttribute('aria-label', 'Keys that stay pressed until the next key');
    for (const [name, code] of Object.entries(MODIFIERS)) {
      const b = toggle(name, (on) => this.stick(code, on, b));
      modifiers.append(b);
    }
    this.keyTools = [button('Ctrl-Alt-Del', () => this.send(cad)), menu('Keys', [keys], 'wide'), modifiers, button('Paste…', () => this.openPaste())];
    const viewOnly = tick('View only: no keys, no pointer', false, (on) => { this.viewOnly = on; this.applyViewOnly(); });
    this.viewOnlyBox = /** @type {HTMLInputElement} */ (viewOnly.querySelector('input'));
    const encoding = choice('Encoding', [['auto', 'Automatic'], ['raw', 'RAW only']], 'auto', (v) => this.setRaw(v === 'raw'));
    this.encodingBox = /** @type {HTMLSelectElement} */ (encoding.querySelector('select'));
    const screen = menu('Screen', [
      choice('Size', [['fit', 'Fit the window'], ['natural', '1:1']], this.size, (v) => this.setSize(v)),
      choice('Colours', [['auto', 'Automatic'], ...Object.values(FORMATS).map((f) => /** @type {[string, string]} */ ([f.name, f.label]))], this.colours,
        (v) => { this.colours = v; keep('colours', v); this.rfb.setColours(v); }),
      encoding,
      viewOnly,
      button('Save a picture (PNG)', () => this.screenshot()),
    ]);
    tools.append(...this.keyTools, screen, button('Full screen', () => this.fullScreen()));
  }

  /** @param {boolean} raw */
  setRaw(raw) {
    this.raw = raw;
    this.encodingBox.value = raw ? 'raw' : 'auto';
    this.rfb.setRawOnly(raw);
  }

  applyViewOnly() {
    if (this.viewOnly) this.letGo();
    this.rfb.viewOnly = this.viewOnly;
    this.viewOnlyBox.checked = this.viewOnly;
    this.canvas.classList.toggle('view-only', this.viewOnly);
    for (const t of this.keyTools) t.hidden = this.viewOnly;
    this.showHint();
  }

  showHint() {
    if (this.viewOnly) this.place.hint('View only: your keys and pointer stay here.');
    else if (document.activeElement === this.canvas) this.place.hint(`Keys go to ${this.host || 'the node'}. Press and let go ${WAY_OUT} to leave.`);
    else this.place.hint('Keys stay here. Click the screen, or press Tab to it, to send them to the node.');
  }

  /** @param {string} code @param {boolean} on @param {HTMLButtonElement} b */
  stick(code, on, b) {
    if (on) this.sticky.set(code, b);
    else this.sticky.delete(code);
    this.rfb.key(KEYSYMS[code], on);
    this.canvas.focus({ preventScroll: true });
  }

  /** The key came that sticky modifiers waited for. */
  unstick() {
    for (const [code, b] of this.sticky) {
      this.rfb.key(KEYSYMS[code], false);
      b.setAttribute('aria-pressed', 'false');
    }
    this.sticky.clear();
  }

  /** @param {string[]} codes */
  async send(codes) {
    for (const [sym, down] of chord(codes)) {
      this.rfb.key(sym, down);
      await new Promise((r) => setTimeout(r, KEY_GAP_MS));
    }
    this.unstick();
    this.canvas.focus({ preventScroll: true });
  }

  openPaste() {
    this.letGo();
    this.paste = openPaste((codes) => { for (const [sym, down] of chord(codes)) this.rfb.key(sym, down); }, () => this.canvas.focus());
  }

  // --- keyboard and pointer ---

  listen() {
    const c = this.canvas;
    c.addEventListener('keydown', (e) => this.key(e));
    c.addEventListener('keyup', (e) => this.key(e));
    c.addEventListener('focus', () => this.showHint());
    c.addEventListener('blur', (e) => {
      if (this.place.tools.contains(/** @type {Node|null} */ (e.relatedTarget))) this.letHeldGo();
      else this.letGo();
      this.showHint();
    });
    window.addEventListener('blur', () => this.letGo());
    for (const type of ['pointerdown', 'pointerup', 'pointermove', 'pointercancel'])
      c.addEventListener(type, (e) => this.pointer(/** @type {PointerEvent} */ (e)));
    c.addEventListener('contextmenu', (e) => e.preventDefault());
    c.addEventListener('wheel', (e) => this.turn(e), { passive: false });
  }

  /** @param {KeyboardEvent} e */
  key(e) {
    if (this.viewOnly || e.isComposing) return;
    const down = e.type === 'keydown';
    if (!(down && e.repeat) && this.way.key(e)) { this.leave(); return; }
    const sym = KEYSYMS[e.code];
    if (sym === undefined) { this.typeKey(e, down); return; }
    e.preventDefault();
    e.stopPropagation();
    if (down && e.repeat) return; /* a key that stays down repeats there by itself */
    if (down && e.code === 'AltRight' && e.key === 'AltGraph' && this.held.has('ControlLeft')) { /* Windows makes AltGr of two keys */
      this.held.delete('ControlLeft');
      this.rfb.key(KEYSYMS.ControlLeft, false);
    }
    if (down) this.held.add(e.code);
    else this.held.delete(e.code);
    this.rfb.key(sym, down);
    if (down) return;
    if (e.code.startsWith('Meta')) this.letGo(); /* macOS tells no more of keys pressed with it */
    else if (!/^(Control|Alt|Shift)/.test(e.code)) this.unstick();
  }

  /** A keyboard on glass has no codes: its characters are typed. @param {KeyboardEvent} e @param {boolean} down */
  typeKey(e, down) {
    if (e.code !== '' || [...e.key].length !== 1) return;
    e.preventDefault();
    if (down) for (const codes of typing(e.key, kept('layout', 'us')).strokes.flat()) this.send(codes);
  }

  /** Keys of the keyboard go up; sticky ones wait for the next key. */
  letHeldGo() {
    for (const code of [...this.held].reverse()) this.rfb.key(KEYSYMS[code], false);
    this.held.clear();
    this.way.reset();
  }

  /** Nothing stays pressed where nobody is. */
  letGo() {
    this.letHeldGo();
    this.unstick();
    this.rfb.releaseAll();
  }

  leave() {
    this.letHeldGo();
    this.place.leave();
    this.place.say('The keyboard is yours again.');
  }

  /** @param {PointerEvent} e */
  pointer(e) {
    if (this.viewOnly || this.canvas.width < 2) return;
    const box = this.canvas.getBoundingClientRect();
    const x = ((e.clientX - box.left) / box.width) * this.canvas.width, y = ((e.clientY - box.top) / box.height) * this.canvas.height;
    const mask = e.type === 'pointercancel' ? 0 : (e.buttons & 1) | ((e.buttons & 4) >> 1) | ((e.buttons & 2) << 1);
    if (e.type === 'pointerdown') {
      this.canvas.focus({ preventScroll: true });
      this.canvas.setPointerCapture(e.pointerId);
      e.preventDefault();
    }
    this.move.x = x;
    this.move.y = y;
    if (mask !== this.rfb.mask) this.flushMove(mask);
    else if (!this.move.timer) this.move.timer = window.setTimeout(() => this.flushMove(this.rfb.mask), MOVE_MS);
  }

  /** @param {number} mask */
  flushMove(mask) {
    clearTimeout(this.move.timer);
    this.move.timer = 0;
    this.rfb.pointer(mask, this.move.x, this.move.y);
  }

  /** @param {WheelEvent} e */
  turn(e) {
    if (this.viewOnly) return;
    e.preventDefault();
    this.wheel += e.deltaY * (e.deltaMode === 1 ? WHEEL_PIXELS / 3 : e.deltaMode === 2 ? WHEEL_PIXELS * 3 : 1);
    const steps = Math.trunc(this.wheel / WHEEL_PIXELS), bit = steps < 0 ? 8 : 16;
    this.wheel -= steps * WHEEL_PIXELS;
    for (let i = 0; i < Math.min(Math.abs(steps), WHEEL_MAX); i++) {
      this.flushMove(this.rfb.mask | bit);
      this.flushMove(this.rfb.mask & ~bit);
    }
  }
}
