/* SPDX-License-Identifier: Apache-2.0 */
/* The two ends inside a node: a host and a firmware, joined message by message as MEI does it. */
#include "proto/apf.h"
#include "unit.h"

#include <stdlib.h>

enum { HOST, FW };
static struct apf *side[2];
static struct slice seen_data;
static uint8_t data_mem[70000];
static size_t nseen[2][APF_EV_DISCONNECT + 1], longest, messages;
static uint32_t last_chan[2], last_port;
static int failed[2];
static const uint32_t PORTS[] = {16992, 623, 16993, 664};
static const struct apf_login LOGIN = {
    .uuid = {{0x55, 0xe3, 0xae, 0x13}}, .trigger = 1, .ports = PORTS, .nports = 4};

static void note(int at, const struct apf_ev *ev) {
    nseen[at][ev->kind]++;
    last_chan[at] = ev->chan;
    if (ev->kind == APF_EV_OPEN)
        last_port = ev->port;
    if (ev->kind == APF_EV_DATA) {
        memcpy(data_mem + seen_data.n, ev->data.p, ev->data.n);
        seen_data = slice_of(data_mem, seen_data.n + ev->data.n);
        apf_consumed(side[at], ev->chan, ev->data.n);
    }
    if (at == FW && ev->kind == APF_EV_VERSION)
        assert_int_equal(apf_login(side[FW], &LOGIN), 0);
    if (at == FW && ev->kind == APF_EV_OPEN)
        assert_int_equal(apf_accept(side[FW], ev->chan, NULL), 0);
}

static bool step(int from) {
    struct slice out = apf_output(side[from]);
    if (out.n == 0)
        return false;
    uint8_t copy[20000];
    assert_true(out.n <= sizeof copy);
    memcpy(copy, out.p, out.n);
    longest = out.n > longest ? out.n : longest;
    messages++;
    struct slice in = slice_of(copy, out.n);
    apf_sent(side[from], out.n);
    struct apf_ev ev;
    int r;
    while ((r = apf_input(side[!from], &in, (struct mono){0}, &ev)) == 1)
        note(!from, &ev);
    failed[!from] = r;
    return true;
}

static void run(void) {
    bool moved = true;
    while (moved) {
        moved = step(HOST);
        moved = step(FW) || moved;
    }
}

static int setup(void **s) {
    struct apf_limits lim = APF_LIMITS_DEFAULT;
    lim.window_bytes = 4096; /* reference 5.3 */
    side[HOST] = apf_new(APF_HOST, &lim);
    side[FW] = apf_new(APF_FIRMWARE, &lim);
    memset(nseen, 0, sizeof nseen);
    memset(failed, 0, sizeof failed);
    seen_data = SLICE_EMPTY;
    longest = messages = 0;
    return side[HOST] && side[FW] ? 0 : -1;
}

static int teardown(void **s) {
    apf_free(&side[HOST]);
    apf_free(&side[FW]);
    return 0;
}

static void versions_services_and_forwards(void **s) {
    struct slice hello = apf_output(side[HOST]);
    assert_int_equal(hello.n, 93);
    assert_memory_equal(hello.p, "\xc0\0\0\0\1\0\0\0\0\0\0\0\x09", 13);
    run();
    assert_int_equal(nseen[HOST][APF_EV_VERSION], 1);
    assert_int_equal(nseen[HOST][APF_EV_READY], 1);
    assert_int_equal(nseen[FW][APF_EV_READY], 1);
    assert_int_equal(nseen[HOST][APF_EV_AUTH], 0);
    assert_int_equal(nseen[HOST][APF_EV_FORWARD], 4);
    assert_int_equal(nseen[FW][APF_EV_FORWARD], 4);
    assert_true(apf_forwards(side[HOST], 16992) && apf_forwards(side[HOST], 16993));
    assert_int_equal(failed[HOST] | failed[FW], 0);
    /* version, 2 services and their answers, 4 requests and theirs: each a message of its own */
    assert_int_equal(messages, 2 + 4 + 8);
}

static void a_channel_both_ways(void **s) {
    run();
    assert_int_equal(apf_open(side[HOST], 16994, (struct mono){0}, NULL), ERR_NOT_FOUND);
    int chan = apf_open(side[HOST], 16992, (struct mono){0}, NULL);
    assert_true(chan >= 1);
    struct slice open = apf_output(side[HOST]);
    assert_non_null(memmem(open.p, open.n, "forwarded-tcpip", 15));
    assert_non_null(memmem(open.p, open.n, "127.0.0.1", 9));
    run();
    assert_int_equal(nseen[HOST][APF_EV_OPENED], 1);
    assert_int_equal(last_port, 16992);
    /* more than a window, and no message longer than the limit */
    uint8_t *big = malloc(60000);
    for (size_t i = 0; i < 60000; i++)
        big[i] = (uint8_t)(i * 7);
    assert_int_equal(apf_send(side[HOST], (uint32_t)chan, slice_of(big, 60000)), 0);
    run();
    assert_true(slice_eq(seen_data, slice_of(big, 60000)));
    assert_int_equal(longest, APF_MESSAGE_LOCAL);
    seen_data = SLICE_EMPTY;
    apf_message_max(side[FW], 4000);
    assert_int_equal(apf_send(side[FW], last_chan[FW], slice_of(big, 60000)), 0);
    run();
    assert_true(slice_eq(seen_data, slice_of(big, 60000)));
    assert_int_equal(longest, 4000);
    free(big);
    /* the firmware closes after its answer */
    apf_close(side[FW], last_chan[FW]);
    run();
    assert_int_equal(nseen[HOST][APF_EV_CLOSED], 1);
    assert_int_equal(apf_channels(side[HOST]) + apf_channels(side[FW]), 0);
    assert_int_equal(failed[HOST] | failed[FW], 0);
}

static int host_gets(struct slice in) {
    struct apf_ev ev;
    int r;
    while ((r = apf_input(side[HOST], &in, (struct mono){0}, &ev)) == 1)
        note(HOST, &ev);
    return r;
}

static void udp_is_refused_and_late_closes_are_ignored(void **s) {
    run();
    assert_int_equal(host_gets(SLICE_LIT("\x50\0\0\0\x19udp-send-to@amt.intel.com\0"
                                         "\0\0\0\1a\0\0\0\1\0\0\0\1b\0\0\0\2\0\0\0\1x")),
                     0);
    assert_true(slice_eq(apf_output(side[HOST]), SLICE_LIT("\x52")));
    apf_sent(side[HOST], 1);
    assert_int_equal(host_gets(SLICE_LIT("\x61\0\0\0\0")), 0);
    assert_int_equal(apf_strays(side[HOST]), 1);
    assert_int_equal(apf_output(side[HOST]).n, 0);
    /* a port that is none */
    assert_int_equal(host_gets(SLICE_LIT("\x50\0\0\0\x0dtcpip-forward\1\0\0\0\0\0\1\0\0")), 0);
    assert_true(slice_eq(apf_output(side[HOST]), SLICE_LIT("\x52")));
}

static void services_in_any_order(void **s) {
    static const uint8_t version[93] = {192, 0, 0, 0, 1};
    assert_int_equal(host_gets(slice_of(version, sizeof version)), 0);
    assert_int_equal(host_gets(SLICE_LIT("\5\0\0\0\x12pfwd@amt.intel.com")), 0);
    assert_int_equal(nseen[HOST][APF_EV_READY], 1);
    assert_int_equal(host_gets(SLICE_LIT("\x50\0\0\0\x0dtcpip-forward\1\0\0\0\0\0\0\x42\x60")), 0);
    assert_true(apf_forwards(side[HOST], 16992));
    /* a login has no place here */
    assert_int_equal(host_gets(SLICE_LIT("\x32\0\0\0\1a\0\0\0\1b\0\0\0\4none")), ERR_PROTO);
    assert_string_equal(apf_error(side[HOST]), "USERAUTH_REQUEST in a running tunnel");
}

static void another_version_ends_it(void **s) {
    static const uint8_t version[93] = {192};
    assert_int_equal(host_gets(slice_of(version, sizeof version)), ERR_PROTO);
    assert_int_equal(apf_output(side[HOST]).n, 93); /* our own version, then the disconnect */
    apf_sent(side[HOST], 93);
    assert_true(slice_eq(apf_output(side[HOST]), SLICE_LIT("\1\0\0\0\x08\0\0")));
}

static void too_many_channels(void **s) {
    run();
    for (int i = 0; i < 8; i++)
        assert_true(apf_open(side[HOST], 16992, (struct mono){0}, NULL) > 0);
    assert_int_equal(apf_open(side[HOST], 16992, (struct mono){0}, NULL), ERR_LIMIT);
    run();
    assert_int_equal(nseen[HOST][APF_EV_OPENED], 8);
}

#define EACH(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
UNIT_MAIN(EACH(versions_services_and_forwards), EACH(a_channel_both_ways),
          EACH(udp_is_refused_and_late_closes_are_ignored), EACH(services_in_any_order),
          EACH(another_version_ends_it), EACH(too_many_channels))
