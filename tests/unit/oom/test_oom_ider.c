/* SPDX-License-Identifier: Apache-2.0 */
/* The IDE-R client with failing allocations: one that runs out of memory says so and stays closed; one that
 * does not say so has answered everything. */
#include "oom/failmalloc.h"

#include "base/buf.h"
#include "proto/ider.h"
#include "proto/ider_wire.h"
#include "unit.h"

enum { BLOCKS = 9, ANSWERS = 18 + 13 + 8 + 31 + 34 + 8 + 8 };

static void say(struct buf *b, uint32_t *seq, uint8_t id, struct slice body) {
    uint8_t head[IDER_HEAD];
    struct wr w = wr_of(head, sizeof head);
    ider_put_head(&w, id, 0, seq);
    assert_int_equal(buf_put(b, wr_done(&w)), 0);
    assert_int_equal(buf_put(b, body), 0);
}

/* What the firmware says in a session, from its first word to its last. */
static void session(struct buf *b) {
    static const uint8_t open[22] = {1, 0, 15, 0, [9] = 0x20}, enabled[5] = {3, 1};
    static const uint8_t ready[20] = {[6] = 0xb0, 0xa0};
    static const uint8_t capacity[20] = {[6] = 0xb0, 0xa0, 0x25};
    static const uint8_t read[20] = {[6] = 0xb0, 0xa0, 0x28, [16] = BLOCKS};
    uint32_t seq = 0;
    say(b, &seq, IDER_MSG_OPEN_REPLY, slice_of(open, sizeof open));
    say(b, &seq, IDER_MSG_FEATURES_REPLY, slice_of(enabled, sizeof enabled));
    say(b, &seq, IDER_MSG_PING, SLICE_EMPTY);
    say(b, &seq, IDER_MSG_COMMAND, slice_of(ready, sizeof ready));
    say(b, &seq, IDER_MSG_COMMAND, slice_of(capacity, sizeof capacity));
    say(b, &seq, IDER_MSG_COMMAND, slice_of(read, sizeof read));
    say(b, &seq, IDER_MSG_RESET, SLICE_LIT("\1"));
    say(b, &seq, IDER_MSG_CLOSE, SLICE_EMPTY);
}

/* Take output only now and then: memory grows. Returns what was sent. */
static int talk(struct ider *i, struct slice all, size_t piece, size_t *sent) {
    static const uint8_t image[IDER_CHUNK_MAX];
    struct ider_ev ev;
    int r = 0;
    while (all.n && r >= 0) {
        struct slice in = slice_head(all, piece);
        all = slice_skip(all, in.n);
        while ((r = ider_input(i, &in, (struct mono){0}, &ev)) == 1)
            if (ev.kind == IDER_EV_READ && (r = ider_data(i, slice_of(image, ev.n))) < 0)
                break;
        *sent += ider_output(i).n;
        ider_sent(i, ider_output(i).n);
    }
    return r;
}

static int scenario(void *ctx) {
    const struct ider_config cfg = {.media = {[IDER_CD] = {true, BLOCKS}}};
    struct buf says = {0};
    size_t sent = 0;
    failmalloc_pause();
    session(&says);
    failmalloc_resume();
    struct ider *i = ider_new(&cfg, (struct mono){0});
    int r = i ? talk(i, buf_slice(&says), *(size_t *)ctx, &sent) : ERR_NOMEM;
    if (r == 0) {
        assert_int_equal(ider_read_bytes(i), BLOCKS * IDER_CD_BLOCK);
        assert_int_equal(sent, ANSWERS + 8 + 3 * 34 + BLOCKS * IDER_CD_BLOCK);
    } else if (i) {
        struct slice more = SLICE_LIT("\x44\0\0\0\0\0\0\0");
        struct ider_ev ev;
        assert_int_equal(r, ERR_NOMEM);
        assert_int_equal(ider_input(i, &more, (struct mono){0}, &ev), ERR_NOMEM);
        assert_string_equal(ider_error(i), "out of memory");
        ider_close(i);
        assert_int_equal(ider_output(i).n, 0);
    }
    ider_free(&i);
    failmalloc_pause();
    buf_free(&says);
    failmalloc_resume();
    return r;
}

static void a_session_at_once(void **s) {
    size_t piece = 4096;
    failmalloc_each(scenario, &piece);
}
/* pieces of messages are kept: more allocations */
static void a_session_in_small_pieces(void **s) {
    size_t piece = 3;
    failmalloc_each(scenario, &piece);
}

UNIT_MAIN(T(a_session_at_once), T(a_session_in_small_pieces))
