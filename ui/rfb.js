// SPDX-License-Identifier: Apache-2.0
// An RFB client as Intel AMT wants one: bytes in by input(), bytes out by a call-back, the picture straight into 32-bit pixels.
// No DOM, no socket, no clock. The server is not trusted: what breaks the protocol ends the session with a sentence.
// @ts-check

import { Inflate, isZlibHeader } from './inflate.js';
import { FORMATS, TILE_MAX, drawPixels, drawTile, tileBytesMax } from './pixels.js';

/* Firmware closes without a word when bytes a pixel * width * height is more. With one byte it is the largest picture there is. */
export const FRAMEBUFFER_MAX = 9216000;
const BLOCK_MAX = 32768; /* a block of one tile: 13 KB of pixels at most, and what deflate may add */
const TEXT_MAX = 4096; /* a reason, a name, a message of an extension; longer ones are skipped */
const SIZES_MAX = 8; /* of an update: stops allocation storms */
const ZLIB_ERRORS_MAX = 4096; /* tiles on the way while compression is being switched off */
const ENCODING = { RLE: 16, RAW: 0, DATA_CHANNEL: 1092, DESKTOP_SIZE: -223 }; /* as they are offered */
const EXT_MARK = '\0KvmExtCmd\0', EXT_COMPRESSION = 3, EXT_SET_ZLIB = 4;

/** What came in and was not used yet. */
class Queue {
  constructor() {
    /** @type {Uint8Array[]} */ this.chunks = [];
    this.at = 0; /* in the first chunk */
    this.length = 0;
  }

  /** @param {Uint8Array} chunk */
  put(chunk) {
    if (chunk.length === 0) return;
    this.chunks.push(chunk);
    this.length += chunk.length;
  }

  /** n bytes in one piece, or null when there are fewer. @param {number} n */
  take(n) {
    if (this.length < n) return null;
    if (n === 0) return new Uint8Array(0);
    const head = this.some(n);
    if (head.length === n) return head;
    const all = new Uint8Array(n);
    all.set(head);
    for (let have = head.length; have < n;) {
      const part = this.some(n - have);
      all.set(part, have);
      have += part.length;
    }
    return all;
  }

  /** Up to n bytes, uncopied; empty when there are none. @param {number} n */
  some(n) {
    if (this.length === 0) return new Uint8Array(0);
    const head = this.chunks[0], end = Math.min(head.length, this.at + n), part = head.subarray(this.at, end);
    this.length -= part.length;
    this.at = end;
    if (end === head.length) { this.chunks.shift(); this.at = 0; }
    return part;
  }

  /** Bytes that some() would give. */
  ready() {
    return this.chunks.length ? this.chunks[0].length - this.at : 0;
  }
}

/** @param {Uint8Array} b */
const latin1 = (b) => String.fromCharCode(...b);
/** Texts of a device are shown: no control characters. @param {Uint8Array} b */
const plain = (b) => latin1(b).replace(/[^\x20-\x7e]/g, '').trim();
/** @param {Uint8Array} b @param {number} i */
const u16 = (b, i) => (b[i] << 8) | b[i + 1];
/** @param {Uint8Array} b @param {number} i */
const u32 = (b, i) => ((b[i] << 24) | (b[i + 1] << 16) | (b[i + 2] << 8) | b[i + 3]) >>> 0;

/** What the server's bytes must not do. */
class Broken extends Error {}

/**
 * @typedef {object} Handlers
 * @property {(bytes: Uint8Array) => void} send
 * @property {(w: number, h: number) => Uint32Array} resize makes room for w * h pixels, and gives it
 * @property {(x: number, y: number, w: number, h: number) => void} frame an update is complete and this part changed (w 0: nothing);
 *   the next is asked for when drawn() is called
 * @property {(text: string) => void} end the server broke the protocol or refused: close the connection
 * @property {(name: string) => void} [open] the handshake is done
 * @property {() => void} [bell]
 */

export class Rfb {
  /** @param {Handlers} on
   * @param {{colours?: string, raw?: boolean, zlib?: boolean, viewOnly?: boolean}} [options]
   * colours: a name of FORMATS, 'auto': as many as the firmware can. raw: no other encoding. zlib: switch it on when the firmware can. */
  constructor(on, options = {}) {
    this.on = on;
    this.wish = options.colours || 'auto';
    this.rawOnly = options.raw === true;
    this.zlibWanted = options.zlib !== false;
    this.viewOnly = options.viewOnly === true;
    this.queue = new Queue();
    this.width = this.height = 0;
    /** @type {Uint32Array} */ this.pixels = new Uint32Array(0);
    this.format = FORMATS[565];
    this.inflate = new Inflate(tileBytesMax(TILE_MAX, TILE_MAX));
    this.zlib = 'unknown'; /* 'off' | 'asked' | 'on' | 'broken': what the firmware said */
    this.zlibErrors = 0;
    this.stats = { bytes: 0, updates: 0, raw: 0, stored: 0, zlib: 0 };
    this.phase = 'version'; /* how far it got: a close means something else in each */
    this.waiting = false; /* an update is complete and not drawn */
    this.wantFull = true;
    this.changing = ''; /* a format that waits for an update of the whole screen: the next safe place */
    this.tooLarge = false; /* the screen grew: the format changes before anything else is asked for */
    this.rects = this.left = this.skip = this.sizes = this.area = 0;
    this.rect = { x: 0, y: 0, w: 0, h: 0, at: 0 };
    this.dirty = { left: 0, top: 0, right: 0, bottom: 0 };
    /** @type {Set<number>} */ this.keysDown = new Set();
    this.mask = this.pointerX = this.pointerY = 0;
    this.want = 12;
    this.then = this.onVersion;
  }

  // --- in ---

  /** Takes all of it; any split gives the same picture. @param {Uint8Array} bytes */
  input(bytes) {
    if (this.phase === 'ended') return;
    this.stats.bytes += bytes.length;
    this.queue.put(bytes);
    try {
      while (this.phase !== 'ended' && this.step());
    } catch (e) {
      if (!(e instanceof Broken)) throw e;
      this.end(`The firmware's picture cannot be read: ${e.message}.`);
    }
  }

  step() {
    if (this.skip > 0) {
      this.skip -= this.queue.some(this.skip).length;
      return this.skip === 0;
    }
    if (this.left > 0) return this.drawRaw();
    const bytes = this.queue.take(this.want);
    if (!bytes) return false;
    this.then(bytes);
    return true;
  }

  /** @param {number} want @param {(this: Rfb, bytes: Uint8Array) => void} then */
  expect(want, then) {
    this.want = want;
    this.then = then;
  }

  /** The server's end, or ours. @param {string} text */
  end(text) {
    if (this.phase === 'ended') return;
    this.phase = 'ended';
    this.on.end(text);
  }

  // --- handshake ---

  /** @param {Uint8Array} b */
  onVersion(b) {
    const m = /^RFB (\d{3})\.(\d{3})\n$/.exec(latin1(b));
    if (!m) { this.end('What answers is no RFB server.'); return; }
    if (m[1] + m[2] < '003008') { this.end(`RFB ${Number(m[1])}.${Number(m[2])} is too old; Intel AMT speaks 3.8 or 4.0.`); return; }
    this.phase = 'security';
    this.send(Uint8Array.from('RFB 003.008\n', (c) => c.charCodeAt(0))); /* firmware of 4.0 speaks 3.8 then */
    this.expect(1, (n) => (n[0] ? this.expect(n[0], this.onSecurity) : this.expectReason()));
  }

  /** @param {Uint8Array} types */
  onSecurity(types) {
    if (!types.includes(1)) { this.end(`The firmware wants RFB security ${types.join(', ')}; only None (1) is spoken here.`); return; }
    this.send(Uint8Array.of(1));
    this.expect(4, (b) => {
      if (u32(b, 0) !== 0) { this.expectReason(); return; }
      this.phase = 'init';
      this.send(Uint8Array.of(1)); /* ClientInit, shared */
      this.expect(24, this.onServerInit);
    });
  }

  expectReason() {
    this.expect(4, (n) => {
      if (u32(n, 0) > TEXT_MAX) throw new Broken('a reason of more than 4096 characters');
      this.expect(u32(n, 0), (text) => this.end(`The firmware refused: ${plain(text) || 'no reason given'}.`));
    });
  }

  /** Its pixel format is not looked at: firmware is not to be relied on here. @param {Uint8Array} b */
  onServerInit(b) {
    const w = u16(b, 0), h = u16(b, 2), n = u32(b, 20);
    if (n > TEXT_MAX) throw new Broken('a name of more than 4096 characters');
    this.expect(n, (name) => {
      this.resize(w, h);
      this.phase = 'setup';
      this.send(Uint8Array.of(0, 0, 0, 0, ...this.format.wire));
      this.sendEncodings();
      if (this.zlibWanted && !this.rawOnly) this.sendExt(EXT_COMPRESSION);
      this.request();
      this.expect(1, this.onMessage);
      this.on.open?.(plain(name));
    });
  }

  // --- messages ---

  /** @param {Uint8Array} b */
  onMessage(b) {
    if (b[0] === 0) this.expect(3, this.onUpdate);
    else if (b[0] === 2) { this.on.bell?.(); this.expect(1, this.onMessage); } else if (b[0] === 3) this.expect(7, this.onCutText);
    else throw new Broken(`a message of the unknown type ${b[0]}`);
  }

  /** @param {Uint8Array} b */
  onCutText(b) {
    const n = u32(b, 3);
    if (n > TEXT_MAX) { this.skip = n; this.expect(1, this.onMessage); return; }
    this.expect(n, (text) => {
      this.expect(1, this.onMessage);
      if (latin1(text.subarray(0, EXT_MARK.length)) === EXT_MARK) this.onExt(text[EXT_MARK.length], text[EXT_MARK.length + 1]);
    });
  }

  /** The firmware's answer to an extension. @param {number} command @param {number} value */
  onExt(command, value) {
    if (command === EXT_COMPRESSION) {
      if (this.zlib === 'broken') return;
      const first = this.zlib === 'unknown';
      this.zlib = value === 1 ? 'on' : first ? 'asked' : 'off';
      if (this.zlib === 'asked') this.sendExt(EXT_SET_ZLIB, 1);
    } else if (command === EXT_SET_ZLIB) this.sendExt(EXT_COMPRESSION); /* acknowledged: what is it now? */
  }

  /** @param {Uint8Array} b */
  onUpdate(b) {
    this.rects = u16(b, 1);
    this.sizes = this.area = 0;
    if (!this.waiting) this.dirty = { left: this.width, top: this.height, right: 0, bottom: 0 };
    this.nextRect();
  }

  nextRect() {
    if (this.rects-- > 0) this.expect(12, this.onRect);
    else this.updated();
  }

  updated() {
    const { left, top, right, bottom } = this.dirty, some = right > left && bottom > top;
    this.stats.updates++;
    this.phase = 'open';
    this.waiting = true;
    this.expect(1, this.onMessage);
    this.on.frame(some ? left : 0, some ? top : 0, some ? right - left : 0, some ? bottom - top : 0);
  }

  /** The frame is on the screen: ask for the next. Firmware knows no other flow control. */
  drawn() {
    if (!this.waiting || this.phase === 'ended') return;
    this.waiting = false;
    if (this.changing && (this.tooLarge || this.area >= this.width * this.height)) this.changeFormat(this.changing);
    this.request();
  }

  /** @param {Uint8Array} b */
  onRect(b) {
    const x = u16(b, 0), y = u16(b, 2), w = u16(b, 4), h = u16(b, 6), encoding = u32(b, 8) | 0;
    if (encoding === ENCODING.DESKTOP_SIZE) {
      if (++this.sizes > SIZES_MAX) throw new Broken(`more than ${SIZES_MAX} sizes of the screen in one update`);
      this.resize(w, h);
      this.nextRect();
      return;
    }
    if (encoding !== ENCODING.RAW && encoding !== ENCODING.RLE) throw new Broken(`a rectangle of the unknown encoding ${encoding}`);
    if (x + w > this.width || y + h > this.height)
      throw new Broken(`a rectangle of ${w} × ${h} at ${x}, ${y} is outside the screen of ${this.width} × ${this.height}`);
    this.rect = { x, y, w, h, at: 0 };
    if (encoding === ENCODING.RAW) {
      this.left = w * h;
      this.stats.raw++;
      if (this.left === 0) this.nextRect();
      else this.touch();
      return;
    }
    if (w > TILE_MAX || h > TILE_MAX) throw new Broken(`a tile of ${w} × ${h}; 64 × 64 is the largest`);
    this.expect(4, (n) => {
      if (u32(n, 0) > BLOCK_MAX) throw new Broken(`a tile of ${u32(n, 0)} bytes; ${BLOCK_MAX} is the most`);
      this.expect(u32(n, 0), this.onBlock);
    });
  }

  touch() {
    const { x, y, w, h } = this.rect, d = this.dirty;
    d.left = Math.min(d.left, x);
    d.top = Math.min(d.top, y);
    d.right = Math.max(d.right, x + w);
    d.bottom = Math.max(d.bottom, y + h);
    this.area += w * h;
  }

  /** As many pixels of a RAW rectangle as there are: it is never held as a whole. */
  drawRaw() {
    const { rect, format, queue } = this, { bytes } = format;
    const n = Math.min(this.left, Math.max(1, Math.floor(queue.ready() / bytes)));
    const b = queue.take(n * bytes);
    if (!b) return false;
    for (let done = 0; done < n;) { /* row by row: `at` is where in the rectangle */
      const column = rect.at % rect.w, row = (rect.at - column) / rect.w, part = Math.min(n - done, rect.w - column);
      drawPixels(b, done * bytes, part, format, this.pixels, (rect.y + row) * this.width + rect.x + column);
      rect.at += part;
      done += part;
    }
    this.left -= n;
    if (this.left === 0) this.nextRect();
    return true;
  }

  /** One tile's block: stored (compression off, the default), or a piece of the session's deflate stream. @param {Uint8Array} b */
  onBlock(b) {
    const { x, y, w, h } = this.rect;
    /* A stored block is not part of the stream: it must not reach the inflater. It has no flush after it. */
    const stored = b.length >= 5 && b[0] === 0 && (b[1] | (b[2] << 8)) === b.length - 5 && (b[3] | (b[4] << 8)) === ((b.length - 5) ^ 0xffff);
    if (w > 0 && h > 0) {
      try {
        this.stats[stored ? 'stored' : 'zlib']++;
        drawTile(stored ? b.subarray(5) : this.inflated(b), this.format, w, h, this.pixels, y * this.width + x, this.width);
      } catch (e) {
        const text = e instanceof Error ? e.message : '';
        if (stored || ++this.zlibErrors > ZLIB_ERRORS_MAX) throw new Broken(text);
        this.zlibFailed();
      }
      this.touch();
    }
    this.nextRect();
  }

  /** @param {Uint8Array} b @returns {Uint8Array} */
  inflated(b) {
    if (this.zlib === 'broken' && this.inflate.fresh && !isZlibHeader(b)) throw new Error('the compressed stream was lost');
    try {
      return this.inflate.push(b);
    } catch (e) { /* a stream that begins anew looks like damage */
      this.inflate.reset();
      if (!isZlibHeader(b)) throw e;
      return this.inflate.push(b);
    }
  }

  /** The compressed stream is lost: go on without, from a whole picture. */
  zlibFailed() {
    this.inflate.reset();
    if (this.zlib !== 'broken') this.sendExt(EXT_SET_ZLIB, 0);
    this.zlib = 'broken';
    this.wantFull = true;
  }

  /** @param {number} w @param {number} h */
  resize(w, h) {
    if (w === 0 || h === 0 || w * h > FRAMEBUFFER_MAX)
      throw new Broken(`a screen of ${w} × ${h} (is a display attached to the machine's Intel graphics?)`);
    const format = FORMATS[this.wish] || FORMATS[565];
    const fits = format.bytes * w * h <= FRAMEBUFFER_MAX ? format : FORMATS[332];
    if (this.phase === 'init') this.format = fits;
    else if (fits.bytes < this.format.bytes) { this.changing = fits.name; this.tooLarge = true; }
    this.wantFull = true;
    if (w === this.width && h === this.height) return;
    this.width = w;
    this.height = h;
    this.pixels = this.on.resize(w, h);
    this.area = 0;
    this.dirty = { left: 0, top: 0, right: w, bottom: h };
  }

  // --- out ---

  /** @param {Uint8Array} bytes */
  send(bytes) {
    this.on.send(bytes);
  }

  sendEncodings() {
    const list = this.rawOnly ? [ENCODING.RAW, ENCODING.DESKTOP_SIZE] : Object.values(ENCODING);
    const b = new DataView(new ArrayBuffer(4 + 4 * list.length));
    b.setUint8(0, 2);
    b.setUint16(2, list.length);
    list.forEach((e, i) => b.setInt32(4 + 4 * i, e));
    this.send(new Uint8Array(b.buffer));
  }

  /** An extension of Intel: text of the clipboard message. @param {...number} command */
  sendExt(...command) {
    const text = [...EXT_MARK].map((c) => c.charCodeAt(0)).concat(command);
    this.send(Uint8Array.of(6, 0, 0, 0, 0, 0, 0, text.length, ...text));
  }

  request() {
    const w = this.width, h = this.height;
    this.send(Uint8Array.of(3, this.wantFull ? 0 : 1, 0, 0, 0, 0, w >> 8, w & 255, h >> 8, h & 255));
    this.wantFull = false;
  }

  /** @param {string} name of FORMATS */
  changeFormat(name) {
    this.changing = '';
    this.tooLarge = false;
    this.format = FORMATS[name];
    this.send(Uint8Array.of(0, 0, 0, 0, ...this.format.wire));
    this.wantFull = true;
  }

  /** Other colours from now on. What is on its way still has the old ones, so a picture of the whole screen is asked for first.
   * @param {string} wish */
  setColours(wish) {
    this.wish = wish;
    const format = FORMATS[wish] || FORMATS[565];
    const name = format.bytes * this.width * this.height <= FRAMEBUFFER_MAX ? format.name : '332';
    if (this.phase !== 'open' || name === this.format.name) return;
    this.changing = name;
    this.wantFull = true;
    if (!this.waiting) this.request();
  }

  /** @param {boolean} raw no other encoding: for firmware whose tiles cannot be read */
  setRawOnly(raw) {
    this.rawOnly = raw;
    if (this.phase === 'open') this.sendEncodings();
  }

  /** A keysym as of a US keyboard: firmware makes USB codes of it. @param {number} keysym @param {boolean} down */
  key(keysym, down) {
    if (this.phase !== 'open' || this.viewOnly) return;
    if (down) this.keysDown.add(keysym);
    else this.keysDown.delete(keysym);
    this.send(Uint8Array.of(4, down ? 1 : 0, 0, 0, keysym >>> 24, (keysym >> 16) & 255, (keysym >> 8) & 255, keysym & 255));
  }

  /** mask: 1 left, 2 middle, 4 right, 8 wheel up, 16 wheel down. @param {number} mask @param {number} x @param {number} y */
  pointer(mask, x, y) {
    if (this.phase !== 'open' || this.viewOnly) return;
    this.mask = mask;
    this.pointerX = x = Math.max(0, Math.min(this.width - 1, Math.round(x)));
    this.pointerY = y = Math.max(0, Math.min(this.height - 1, Math.round(y)));
    this.send(Uint8Array.of(5, mask, x >> 8, x & 255, y >> 8, y & 255));
  }

  /** Nothing stays pressed on a machine whose operator went away. */
  releaseAll() {
    for (const k of [...this.keysDown].reverse()) this.key(k, false);
    if (this.mask) this.pointer(0, this.pointerX, this.pointerY);
  }

  /** Why the server may have closed now; `fewer`: fewer bits a pixel may help, as the frame buffer's limit is met in silence. */
  closeMeans() {
    const early = this.phase === 'init' || this.phase === 'setup';
    const big = this.width * this.height * this.format.bytes > FRAMEBUFFER_MAX / 2 || this.width === 0;
    if (!early) return { text: '', fewer: false };
    return { text: 'The firmware closed before its first picture: no display is attached to the Intel graphics, it is too large, or consent was refused.',
      fewer: big && (this.wish === 'auto' || this.wish === '565') };
  }
}
