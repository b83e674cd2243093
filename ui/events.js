// SPDX-License-Identifier: Apache-2.0
// The server's events as they come. By fetch and not EventSource, for the status of a refusal and our own pace of coming back.
// @ts-check

export class EventStream {
  /** @param {{event: (e: any) => void, live: (up: boolean, text: string) => void, refused: () => void, back: () => void}} use
   * refused: the sign-in has ended; back: some events may be lost */
  constructor(use) {
    this.use = use;
    this.lastId = '';
    /** @type {AbortController|null} */ this.stop = null;
  }

  end() { this.stop?.abort(); }

  /** One block of the stream. @param {string} block */
  block(block) {
    let data = '';
    for (const line of block.split('\n')) {
      if (line.startsWith('id: ')) this.lastId = line.slice(4);
      if (line.startsWith('data: ')) data += line.slice(6);
    }
    if (data) this.use.event(JSON.parse(data));
  }

  /** @param {AbortSignal} signal */
  async read(signal) {
    /** @type {Record<string, string>} */
    const headers = this.lastId ? { 'Last-Event-ID': this.lastId } : {};
    const answer = await fetch('/v1/events', { headers, credentials: 'same-origin', signal });
    if (answer.status === 401) { this.use.refused(); return; }
    if (!answer.ok || !answer.body) throw new Error(`status ${answer.status}`);
    this.use.live(true, 'live');
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ''; ;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split('\n\n');
      rest = blocks.pop() || '';
      for (const b of blocks) this.block(b);
    }
  }

  /** Until end() is called. */
  async follow() {
    this.end();
    const { signal } = this.stop = new AbortController();
    for (let wait = 1000; !signal.aborted;) {
      const began = performance.now();
      try { await this.read(signal); } catch { /* comes back below */ }
      if (signal.aborted) return;
      wait = performance.now() - began > 10000 ? 1000 : Math.min(wait * 2, 15000);
      this.use.live(false, 'connection lost, coming back');
      await new Promise((r) => setTimeout(r, wait + Math.random() * 500));
      this.use.back();
    }
  }
}
