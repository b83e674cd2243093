/* SPDX-License-Identifier: Apache-2.0 */
/* Two ends of a WebSocket with failing allocations: an end that runs out of memory says so and stays so; what
 * was sent before is whole. */
#include "oom/failmalloc.h"

#include "proto/ws.h"
#include "unit.h"

enum { BIG = 9000 };

struct end {
    struct ws *w;
    size_t texts, binary, pongs, closes;
};

/* What one has to say is heard by the other, in small pieces. */
static int pass(struct end *from, struct end *to) {
    struct ws_ev ev;
    int r = 0;
    while (r == 0 && ws_output(from->w).n) {
        struct slice in = slice_head(ws_output(from->w), 700);
        size_t n = in.n;
        while ((r = ws_input(to->w, &in, &ev)) == 1) {
            to->texts += ev.kind == WS_EV_TEXT && slice_is(ev.data, "a note");
            to->binary += ev.kind == WS_EV_BINARY ? ev.data.n : 0;
            to->pongs += ev.kind == WS_EV_PONG;
            to->closes += ev.kind == WS_EV_CLOSE && ev.code == 4001 && slice_is(ev.data, "stopped");
        }
        ws_sent(from->w, n);
    }
    return r;
}

static int talk(struct end *server, struct end *client) {
    static const uint8_t big[BIG];
    int r = ws_text(client->w, SLICE_LIT("a note"));
    if (r == 0)
        r = ws_binary(client->w, slice_of(big, sizeof big));
    if (r == 0)
        r = ws_ping(client->w);
    if (r == 0)
        r = pass(client, server);
    if (r == 0)
        r = ws_text(server->w, SLICE_LIT("a note"));
    if (r == 0)
        ws_close(server->w, 4001, "stopped");
    if (r == 0)
        r = pass(server, client);
    return r ? r : pass(client, server);
}

static int scenario(void *ctx) {
    struct end server = {.w = ws_new(WS_SERVER, 100, NULL)};
    struct end client = {.w = ws_new(WS_CLIENT, 100, (const uint8_t *)"sixteen bytes...")};
    int r = server.w && client.w ? talk(&server, &client) : ERR_NOMEM;
    struct ws *const ends[] = {server.w, client.w};
    if (r == 0 && failmalloc_hit() && client.closes == 0) /* ws_close() cannot say it: the next call does */
        r = ws_ping(server.w) == ERR_NOMEM ? ERR_NOMEM : ERR_INTERNAL;
    if (r == 0) {
        assert_int_equal(server.texts, 1);
        assert_int_equal(server.binary, BIG);
        assert_int_equal(client.texts, 1);
        assert_int_equal(client.pongs, 1);
        assert_int_equal(client.closes, 1);
    }
    failmalloc_pause();
    for (size_t i = 0; i < 2 && r && ends[0] && ends[1]; i++)
        if (ws_error(ends[i])[0]) {
            struct slice in = SLICE_LIT("\x81\0");
            struct ws_ev ev;
            assert_string_equal(ws_error(ends[i]), "out of memory");
            assert_int_equal(ws_input(ends[i], &in, &ev), ERR_NOMEM);
            assert_int_equal(ws_binary(ends[i], SLICE_LIT("x")), ERR_NOMEM);
            ws_close(ends[i], 1001, "");
            assert_true(ws_closing(ends[i]));
        }
    failmalloc_resume();
    ws_free(&server.w);
    ws_free(&client.w);
    return r;
}

static void two_ends(void **s) {
    failmalloc_each(scenario, NULL);
}

UNIT_MAIN(T(two_ends))
