// SPDX-License-Identifier: Apache-2.0
// Inflate (RFC 1951) for a stream that is flushed piece by piece: each push() gives all that its bytes make known.
// The browser's DecompressionStream promises no such thing, so this is ours. No DOM, no dependency.
// @ts-check

const WINDOW = 32768; /* RFC 1951: how far back a copy may reach */
const FAST = 9; /* codes up to this length are one look-up */
const MORE = new Error('more input is wanted'); /* never leaves this module */

/* RFC 1951 3.2.5: what a length or distance code begins with, and its extra bits. */
const LENGTH_EXTRA = Uint8Array.from({ length: 29 }, (_, i) => (i < 8 || i === 28 ? 0 : (i >> 2) - 1));
const LENGTH_BASE = bases(LENGTH_EXTRA, 3);
LENGTH_BASE[28] = 258;
const DIST_EXTRA = Uint8Array.from({ length: 30 }, (_, i) => (i < 4 ? 0 : (i >> 1) - 1));
const DIST_BASE = bases(DIST_EXTRA, 1);
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** @param {Uint8Array} extra @param {number} first */
function bases(extra, first) {
  let next = first;
  return Uint16Array.from(extra, (bits) => { const base = next; next += 1 << bits; return base; });
}

/** A canonical Huffman code: a table for short codes, counts and symbols for the rest. */
class Code {
  constructor() {
    this.fast = new Uint16Array(1 << FAST); /* symbol << 4 | length; 0: not here */
    this.count = new Uint16Array(16);
    this.symbol = new Uint16Array(288);
  }

  /** @param {Uint8Array} lengths of each symbol's code, 0: none @returns this */
  build(lengths) {
    const { fast, count, symbol } = this;
    fast.fill(0);
    count.fill(0);
    for (const n of lengths) count[n]++;
    count[0] = 0;
    const offset = new Uint16Array(16), next = new Uint16Array(16);
    for (let n = 1, left = 1; n < 16; n++) {
      left = left * 2 - count[n];
      if (left < 0) throw new Error('a Huffman code has more words than fit');
      offset[n] = offset[n - 1] + count[n - 1];
      next[n] = (next[n - 1] + count[n - 1]) << 1;
    }
    for (let s = 0; s < lengths.length; s++) {
      const n = lengths[s];
      if (n === 0) continue;
      symbol[offset[n]++] = s;
      const word = next[n]++;
      if (n > FAST) continue;
      let back = 0; /* words come with their first bit lowest */
      for (let i = 0; i < n; i++) back |= ((word >> i) & 1) << (n - 1 - i);
      for (; back < 1 << FAST; back += 1 << n) fast[back] = (s << 4) | n;
    }
    return this;
  }

  /** The symbol whose code `hold` begins with, as symbol << 4 | length; 0 when its bits are not all there.
   * @param {number} hold @param {number} bits */
  find(hold, bits) {
    const e = this.fast[hold & ((1 << FAST) - 1)];
    if (e !== 0) return (e & 15) <= bits ? e : 0;
    for (let n = 1, word = 0, first = 0, index = 0; n < 16; n++) {
      if (n > bits) return 0;
      word |= (hold >> (n - 1)) & 1;
      if (word - first < this.count[n]) return (this.symbol[index + word - first] << 4) | n;
      index += this.count[n];
      first = (first + this.count[n]) << 1;
      word <<= 1;
    }
    throw new Error('a Huffman word means nothing');
  }
}

const FIXED = [new Code().build(Uint8Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8))),
  new Code().build(new Uint8Array(30).fill(5))];

/** Do these bytes begin as a zlib stream does (RFC 1950 2.2)? @param {Uint8Array} b */
export const isZlibHeader = (b) => b.length >= 2 && (b[0] & 15) === 8 && (b[0] * 256 + b[1]) % 31 === 0;

export class Inflate {
  /** @param {number} outputMax what one push() may give: stops a bomb */
  constructor(outputMax) {
    this.outputMax = outputMax;
    this.out = new Uint8Array(2 * WINDOW + outputMax);
    this.ownCodes = [new Code(), new Code()];
    this.codes = FIXED;
    /** @type {Uint8Array} */ this.src = new Uint8Array(0);
    this.pos = this.hold = this.bits = 0; /* hold has fewer than 25 bits */
    this.at = this.limit = 0; /* out[0..at) was made, and can be copied from */
    this.stored = 0; /* bytes of a stored block to come */
    this.mode = 'block'; /* 'codes' | 'stored' | 'end' */
    this.last = false;
    this.fresh = true;
  }

  /** Forget all: the next push() is the start of a stream. */
  reset() {
    this.fresh = true;
    this.src = new Uint8Array(0);
    this.pos = this.hold = this.bits = this.at = this.limit = this.stored = 0;
    this.mode = 'block';
    this.last = false;
  }

  /** All that these bytes make known, valid until the next call. Throws on damage, and then wants a reset().
   * Takes a zlib stream or a bare one. @param {Uint8Array} input */
  push(input) {
    if (this.mode === 'end') this.reset();
    if (this.fresh && input.length > 0) {
      if (isZlibHeader(input)) input = input.subarray(2);
      this.fresh = false;
    }
    if (this.src.length) { /* what was too little for a step */
      const all = new Uint8Array(this.src.length + input.length);
      all.set(this.src);
      all.set(input, this.src.length);
      this.src = all;
    } else this.src = input;
    this.pos = 0;
    if (this.at > 2 * WINDOW) {
      this.out.copyWithin(0, this.at - WINDOW, this.at);
      this.at = WINDOW;
    }
    const start = this.at;
    this.limit = start + this.outputMax;
    while (this.step());
    this.src = this.src.slice(this.pos);
    return this.out.subarray(start, this.at);
  }

  /** One part of the stream; false when its bytes are not all there: then nothing of it was taken. */
  step() {
    if (this.mode === 'codes') return this.inCodes();
    if (this.mode === 'stored') return this.inStored();
    if (this.mode === 'end' || (this.bits === 0 && this.pos === this.src.length)) return false;
    const { pos, hold, bits } = this;
    try {
      this.block();
      return true;
    } catch (e) {
      if (e !== MORE) throw e;
      this.pos = pos;
      this.hold = hold;
      this.bits = bits;
      return false;
    }
  }

  /** @param {number} n up to 16 */
  take(n) {
    while (this.bits < n) {
      if (this.pos === this.src.length) throw MORE;
      this.hold |= this.src[this.pos++] << this.bits;
      this.bits += 8;
    }
    const v = this.hold & ((1 << n) - 1);
    this.hold >>>= n;
    this.bits -= n;
    return v;
  }

  /** @param {Code} code */
  word(code) {
    for (;;) {
      const e = code.find(this.hold, this.bits);
      if (e !== 0) { this.take(e & 15); return e >> 4; }
      if (this.pos === this.src.length) throw MORE;
      this.hold |= this.src[this.pos++] << this.bits;
      this.bits += 8;
    }
  }

  /** The head of a block: RFC 1951 3.2.3. */
  block() {
    const last = this.take(1) === 1, type = this.take(2);
    if (type === 0) {
      this.take(this.bits & 7);
      const n = this.take(16);
      if (this.take(16) !== (n ^ 0xffff)) throw new Error('the length of a stored block is damaged');
      this.stored = n;
      this.mode = 'stored';
    } else if (type === 1) {
      this.codes = FIXED;
      this.mode = 'codes';
    } else if (type === 2) {
      this.dynamic();
      this.mode = 'codes';
    } else throw new Error('a block has no known type');
    this.last = last;
  }

  /** RFC 1951 3.2.7 */
  dynamic() {
    const n = this.take(5) + 257, nDist = this.take(5) + 1, nOrder = this.take(4) + 4;
    if (n > 286 || nDist > 30) throw new Error('a Huffman code has too many symbols');
    const lengths = new Uint8Array(316);
    for (let i = 0; i < nOrder; i++) lengths[ORDER[i]] = this.take(3);
    const code = this.ownCodes[0].build(lengths.subarray(0, 19));
    const read = new Uint8Array(n + nDist);
    for (let i = 0; i < read.length;) {
      const s = this.word(code);
      if (s < 16) { read[i++] = s; continue; }
      if (s === 16 && i === 0) throw new Error('a length repeats nothing');
      const value = s === 16 ? read[i - 1] : 0;
      const times = s === 16 ? 3 + this.take(2) : s === 17 ? 3 + this.take(3) : 11 + this.take(7);
      if (i + times > read.length) throw new Error('lengths run over their end');
      read.fill(value, i, i + times);
      i += times;
    }
    this.ownCodes[0].build(read.subarray(0, n));
    this.ownCodes[1].build(read.subarray(n));
    this.codes = this.ownCodes;
  }

  inStored() {
    if (this.bits > 0 && this.stored > 0) { /* whole bytes that were read ahead */
      if (this.at === this.limit) this.tooMuch();
      this.out[this.at++] = this.take(8);
      this.stored--;
      return true;
    }
    const n = Math.min(this.stored, this.src.length - this.pos);
    if (this.at + n > this.limit) this.tooMuch();
    this.out.set(this.src.subarray(this.pos, this.pos + n), this.at);
    this.at += n;
    this.pos += n;
    this.stored -= n;
    if (this.stored > 0) return false;
    this.mode = this.last ? 'end' : 'block';
    return true;
  }

  /** The hot loop: variables and not fields. True at the end of the block, false at the end of the input. */
  inCodes() {
    const { src, out, limit } = this, end = src.length, [literals, distances] = this.codes;
    let { pos, hold, bits, at } = this, wasPos = pos, wasHold = hold, wasBits = bits, done = false;
    for (;;) {
      wasPos = pos; wasHold = hold; wasBits = bits;
      while (bits <= 16 && pos < end) { hold |= src[pos++] << bits; bits += 8; }
      let e = literals.find(hold, bits);
      if (e === 0) break;
      hold >>>= e & 15; bits -= e & 15;
      const s = e >> 4;
      if (s < 256) {
        if (at === limit) this.tooMuch();
        out[at++] = s;
        continue;
      }
      if (s === 256) { done = true; break; }
      if (s > 285) throw new Error('a length has no meaning');
      while (bits <= 16 && pos < end) { hold |= src[pos++] << bits; bits += 8; }
      let extra = LENGTH_EXTRA[s - 257];
      if (bits < extra) break;
      const length = LENGTH_BASE[s - 257] + (hold & ((1 << extra) - 1));
      hold >>>= extra; bits -= extra;
      while (bits <= 16 && pos < end) { hold |= src[pos++] << bits; bits += 8; }
      e = distances.find(hold, bits);
      if (e === 0) break;
      hold >>>= e & 15; bits -= e & 15;
      while (bits <= 16 && pos < end) { hold |= src[pos++] << bits; bits += 8; }
      extra = DIST_EXTRA[e >> 4];
      if (bits < extra) break;
      const distance = DIST_BASE[e >> 4] + (hold & ((1 << extra) - 1));
      hold >>>= extra; bits -= extra;
      if (distance > at) throw new Error('a copy reaches before the start');
      if (at + length > limit) this.tooMuch();
      for (const stop = at + length; at < stop; at++) out[at] = out[at - distance];
    }
    if (!done) { pos = wasPos; hold = wasHold; bits = wasBits; }
    this.pos = pos; this.hold = hold; this.bits = bits; this.at = at;
    if (done) this.mode = this.last ? 'end' : 'block';
    return done;
  }

  tooMuch() {
    throw new Error(`more than ${this.outputMax} bytes come out of one piece`);
  }
}
