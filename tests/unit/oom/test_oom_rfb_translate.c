/* SPDX-License-Identifier: Apache-2.0 */
/* The translator between viewer and firmware with failing allocations. */
#include "oom/failmalloc.h"

#include "proto/rfb_testing.h"
#include "unit.h"

/* Both sides' bytes; what is queued goes out now and then only, so that queues grow. */
static int feed(struct rfb_translate *t, enum rfb_side from, struct slice in, struct buf *shown) {
    int r = 0;
    for (size_t before = 0; in.n && in.n != before && r == 0;) {
        before = in.n;
        r = rfb_translate_input(t, from, &in);
        for (int i = 0; i < RFB_SIDES; i++) {
            struct slice out = rfb_translate_output(t, (enum rfb_side)i);
            failmalloc_pause();
            if (i == RFB_VIEWER)
                assert_int_equal(buf_put(shown, out), 0);
            failmalloc_resume();
            rfb_translate_sent(t, (enum rfb_side)i, out.n);
        }
    }
    return r;
}

static void build(struct buf *hello, struct buf *wish, struct buf *picture) {
    static const struct rfb_format bgrx = {32, 24, false, true, {255, 255, 255}, {16, 8, 0}};
    device_hello(hello, 100, 100);
    viewer_set_format(wish, &bgrx);
    viewer_encodings(wish, 1, (const int32_t[]){-223});
    viewer_request(wish, false, 0, 0, 100, 100);
    device_update(picture, 1);
    device_rect(picture, 0, 0, 100, 100, 0);
    for (int i = 0; i < 100 * 100; i++)
        put16(picture, 0xffff);
}

static int session(void *ctx) {
    const struct rfb_translate_limits lim = RFB_TRANSLATE_LIMITS_DEFAULT;
    struct buf hello = {0}, wish = {0}, picture = {0}, shown = {0};
    failmalloc_pause();
    build(&hello, &wish, &picture);
    failmalloc_resume();
    struct rfb_translate *t = rfb_translate_new(&lim);
    int r = t ? 0 : ERR_NOMEM;
    if (r == 0)
        r = feed(t, RFB_VIEWER, SLICE_LIT("RFB 003.008\n"), &shown);
    if (r == 0)
        r = feed(t, RFB_DEVICE, buf_slice(&hello), &shown);
    if (r == 0)
        r = feed(t, RFB_VIEWER, SLICE_LIT("\x01\x01"), &shown);
    if (r == 0)
        r = feed(t, RFB_VIEWER, buf_slice(&wish), &shown);
    if (r == 0)
        r = feed(t, RFB_DEVICE, slice_head(buf_slice(&picture), 5000), &shown);
    if (r == 0)
        r = rfb_translate_device_lost(t);
    if (r == 0)
        r = feed(t, RFB_DEVICE, buf_slice(&hello), &shown);
    if (r == 0)
        r = feed(t, RFB_DEVICE, buf_slice(&picture), &shown);
    if (r == 0)
        assert_int_equal(shown.len, 12 + 2 + 4 + 24 + 17 + 2 * (4 + 12 + 40000));
    else
        assert_int_equal(r, ERR_NOMEM);
    rfb_translate_free(&t);
    buf_free(&hello);
    buf_free(&wish);
    buf_free(&picture);
    buf_free(&shown);
    return r;
}

static int refusal(void *ctx) {
    const struct rfb_translate_limits lim = RFB_TRANSLATE_LIMITS_DEFAULT;
    struct rfb_translate *t = rfb_translate_new(&lim);
    struct slice banner = SLICE_LIT("RFB 003.008\n");
    int r = t ? rfb_translate_input(t, RFB_VIEWER, &banner) : ERR_NOMEM;
    if (r == 0) /* makes its queue grow */
        r = rfb_translate_refuse(
                t, "another viewer has this screen; it is to be closed before this one may come "
                   "in, or its session taken over")
                ? 0
                : ERR_NOMEM;
    if (r == 0)
        assert_true(rfb_translate_told(t));
    rfb_translate_free(&t);
    return r;
}

static void a_session_with_a_break(void **s) {
    failmalloc_each(session, NULL);
}
static void a_refusal(void **s) {
    failmalloc_each(refusal, NULL);
}

UNIT_MAIN(T(a_session_with_a_break), T(a_refusal))
