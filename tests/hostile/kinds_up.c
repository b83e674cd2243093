/* SPDX-License-Identifier: Apache-2.0 */
/* Bad behaviour of a device that has logged in: what a stolen or broken machine may send. */
#include "hostile.h"

#include <sys/socket.h>

enum { UNUSED = 0xffffff };

/* Raw bytes behind what the device role has said. */
static bool raw(struct peer *p, struct buf *b) {
    tunnel_flush(p);
    return peer_send_buf(p, b);
}

/* The server opens a channel to read the power state: wait for it. */
static void wait_open(struct peer *p) {
    for (int64_t until = now_ms() + 6000; p->opens == 0 && !p->ended && now_ms() < until;)
        tunnel_run(p, 20);
    must(p, p->opens > 0, "the server opened no channel");
    tunnel_run(p, 100);
}

/* --- forwards --- */

static void forward_flood(struct peer *p) {
    struct buf b = {0};
    for (uint32_t i = 0; i < 5000; i++)
        put_forward(&b, "tcpip-forward", SLICE_LIT("0.0.0.0"), 1 + i);
    raw(p, &b);
    tunnel_run(p, 1000);
    p->ended = false; /* our own machine does not like the answers: look at the connection alone */
}
static void forward_odd_ports(struct peer *p) {
    struct buf b = {0};
    static const uint32_t ports[] = {0, 65536, 0x7fffffff, UINT32_MAX};
    for (size_t i = 0; i < 4; i++)
        put_forward(&b, "tcpip-forward", SLICE_EMPTY, ports[i]);
    for (size_t i = 0; i < 4; i++)
        put_forward(&b, "cancel-tcpip-forward", SLICE_EMPTY, ports[i]);
    raw(p, &b);
}
static void forward_address(struct peer *p, size_t n) {
    struct buf b = {0};
    char address[4096];
    memset(address, 'a', sizeof address);
    put_forward(&b, "tcpip-forward", slice_of(address, n), 5900);
    raw(p, &b);
}
static void forward_address_2048(struct peer *p) {
    forward_address(p, 2048);
}
static void forward_address_2049(struct peer *p) {
    forward_address(p, 2049);
}
static void forward_flapping(struct peer *p) {
    struct buf b = {0};
    for (uint32_t i = 0; i < 2000; i++)
        put_forward(&b, i % 2 ? "tcpip-forward" : "cancel-tcpip-forward", SLICE_EMPTY, 16992);
    raw(p, &b);
    tunnel_run(p, 500);
}
static void global_unknown(struct peer *p) {
    struct buf b = {0};
    put_forward(&b, "make-coffee", SLICE_EMPTY, 1);
    raw(p, &b);
}
static void udp_alerts(struct peer *p) {
    struct buf b = {0};
    for (int i = 0; i < 1000; i++) {
        put_u8(&b, 80);
        put_str(&b, SLICE_LIT("udp-send-to@amt.intel.com"));
        put_u8(&b, 0);
        put_str(&b, SLICE_LIT("192.0.2.1"));
        put_be32(&b, 162);
        put_str(&b, SLICE_LIT("192.0.2.2"));
        put_be32(&b, 162);
        put_str(&b, SLICE_LIT("\x30\x82 a trap"));
    }
    raw(p, &b);
}
static void answers_unasked(struct peer *p) {
    struct buf b = {0};
    put_u32s(&b, 81, 1, 16992u);
    put_u8(&b, 82);
    raw(p, &b);
}

/* --- channels --- */

static void open_flood(struct peer *p) {
    struct buf b = {0};
    for (uint32_t i = 0; i < 2000; i++) {
        put_u8(&b, 90);
        put_str(&b, i % 2 ? SLICE_LIT("direct-tcpip") : SLICE_LIT("forwarded-tcpip"));
        put_be32(&b, UNUSED + i);
        put_be32(&b, 32768);
        put_be32(&b, UINT32_MAX);
        put_str(&b, SLICE_LIT("127.0.0.1"));
        put_be32(&b, 22);
        put_str(&b, SLICE_LIT("127.0.0.1"));
        put_be32(&b, 22);
    }
    tunnel_flush(p);
    apf_free(&p->apf); /* it would not like the refusals */
    peer_send_buf(p, &b);
    for (int64_t until = now_ms() + 1500; now_ms() < until;)
        peer_read(p, 50);
    must(p, p->got.len > 1000 && p->got.mem[p->got.head] != 1, "the opens were not refused one by one");
}
static void data_for_nobody(struct peer *p) {
    struct buf b = {0};
    put_u32s(&b, 94, 2, (uint32_t)UNUSED, 4u);
    put_be32(&b, 0x61626364);
    raw(p, &b);
}
static void data_without_end(struct peer *p) {
    struct buf b = {0};
    put_u32s(&b, 94, 2, (uint32_t)UNUSED, UINT32_MAX);
    raw(p, &b);
}
static void data_over_the_window(struct peer *p) {
    wait_open(p);
    struct buf b = {0};
    put_u32s(&b, 94, 2, 1u, 10u << 20);
    raw(p, &b);
}
/* All that the window allows, of nonsense, and no more. */
static void data_fills_the_window(struct peer *p) {
    wait_open(p);
    char fill[32768];
    memset(fill, 0, sizeof fill);
    p->until = now_ms() + 2000;
    chan_put(p, p->last_chan, slice_of(fill, sizeof fill));
    tunnel_run(p, 500);
}
static void close_for_nobody(struct peer *p) {
    struct buf b = {0};
    for (uint32_t i = 0; i < 500; i++)
        put_u32s(&b, 97, 1, (uint32_t)UNUSED + i);
    raw(p, &b);
}
static void close_twice(struct peer *p) {
    wait_open(p);
    struct buf b = {0};
    for (int i = 0; i < 5; i++)
        put_u32s(&b, 97, 1, 1u);
    raw(p, &b);
    tunnel_run(p, 300);
}
static void adjust_for_nobody(struct peer *p) {
    struct buf b = {0};
    for (uint32_t i = 0; i < 2000; i++)
        put_u32s(&b, 93, 2, (uint32_t)UNUSED + i, UINT32_MAX);
    raw(p, &b);
}
static void adjust_overflow(struct peer *p) {
    wait_open(p);
    struct buf b = {0};
    for (uint32_t i = 0; i < 2000; i++)
        put_u32s(&b, 93, 2, 1u, UINT32_MAX);
    raw(p, &b);
    tunnel_run(p, 300);
}
static void confirm_unasked(struct peer *p) {
    struct buf b = {0};
    put_u32s(&b, 91, 4, (uint32_t)UNUSED, 1u, 1000u, UINT32_MAX);
    raw(p, &b);
}
static void confirm_twice(struct peer *p) {
    wait_open(p);
    struct buf b = {0};
    put_u32s(&b, 91, 4, 1u, 1u, 1000u, UINT32_MAX);
    put_u32s(&b, 91, 4, 1u, 1u, 1000u, UINT32_MAX);
    raw(p, &b);
}
static void failure_unasked(struct peer *p) {
    struct buf b = {0};
    put_u32s(&b, 92, 4, (uint32_t)UNUSED, 2u, 0u, 0u);
    raw(p, &b);
}

/* A device that answers each CHANNEL_OPEN by hand. */
static uint32_t window_of_all;
static bool refuse_all, all_the_same;
static void by_hand(struct peer *p, const struct apf_ev *ev) {
    struct buf b = {0};
    if (ev->kind == APF_EV_KEEPALIVE_REPLY)
        p->replied |= ev->cookie == 0xc0ffee;
    if (ev->kind != APF_EV_OPEN)
        return;
    p->opens++;
    /* the server counts its channels from 1 up */
    if (refuse_all)
        put_u32s(&b, 92, 4, (uint32_t)p->opens, 2u, 0u, 0u);
    else
        put_u32s(&b, 91, 4, (uint32_t)p->opens, all_the_same ? 7u : (uint32_t)p->opens, window_of_all,
                 UINT32_MAX);
    raw(p, &b);
}
static void answer_by_hand(struct peer *p) {
    p->on_event = by_hand;
    tunnel_run(p, 3500);
    must(p, p->opens > 0, "the server opened no channel");
}
static void window_zero(struct peer *p) {
    window_of_all = 0;
    answer_by_hand(p);
}
static void window_one(struct peer *p) {
    window_of_all = 1;
    answer_by_hand(p);
}
static void refuse_opens(struct peer *p) {
    refuse_all = true;
    answer_by_hand(p);
}
static void same_number_for_all(struct peer *p) {
    all_the_same = true;
    window_of_all = 32768;
    answer_by_hand(p);
}
static void never_answer_opens(struct peer *p) {
    p->no_accept = true;
    tunnel_run(p, 3500);
    must(p, p->opens > 0, "the server opened no channel");
}

/* --- keepalives and storms --- */

static void keepalive_storm(struct peer *p) {
    struct buf b = {0};
    for (uint32_t i = 0; i < 2000; i++)
        put_u32s(&b, 208, 1, i);
    tunnel_flush(p);
    for (int round = 0; round < 20; round++) {
        must(p, peer_send(p, buf_slice(&b)), "the storm was cut off");
        for (int64_t until = now_ms() + 300; now_ms() < until && peer_read(p, 1);)
            ;
    }
    buf_free(&b);
    tunnel_run(p, 1000);
}
/* Answers pile up at one that does not read: it is let go, the memory with it. */
static void keepalive_storm_unread(struct peer *p) {
    struct buf b = {0};
    int small = 4096;
    setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (uint32_t i = 0; i < 2000; i++)
        put_u32s(&b, 208, 1, i);
    tunnel_flush(p);
    int64_t until = now_ms() + 20000;
    while (now_ms() < until && peer_send(p, buf_slice(&b)))
        ;
    buf_free(&b);
    must(p, now_ms() < until, "one that asks and does not read is kept");
    p->ended = false;
    apf_free(&p->apf); /* read what is left, until the end */
}
static void replies_unasked(struct peer *p) {
    struct buf b = {0};
    for (uint32_t i = 0; i < 5000; i++)
        put_u32s(&b, 209, 1, i);
    raw(p, &b);
}
static void options_replies(struct peer *p) {
    struct buf b = {0};
    for (uint32_t i = 0; i < 1000; i++)
        put_u32s(&b, 211, 2, UINT32_MAX, i);
    raw(p, &b);
}
static void options_from_the_device(struct peer *p) {
    struct buf b = {0};
    put_u32s(&b, 210, 2, 0u, 0u);
    raw(p, &b);
}
static void tiny_records(struct peer *p) {
    struct buf b = {0};
    put_u32s(&b, 208, 1, 1u);
    tunnel_flush(p);
    for (int i = 0; i < 1500 && !p->ended; i++) {
        for (size_t k = 0; k < b.len; k++)
            peer_send(p, slice_of(b.mem + b.head + k, 1));
        if (i % 16 == 0)
            peer_read(p, 0);
    }
    buf_free(&b);
}
static void all_numbers(struct peer *p) {
    for (unsigned type = 0; type < 256; type += 7) {
        struct buf b = {0};
        put_u8(&b, (uint8_t)type);
        for (int i = 0; i < 40; i++)
            put_be32(&b, (uint32_t)noise(p) % 5);
        raw(p, &b);
        tunnel_run(p, 10);
        peer_drop(p, type % 2);
        peer_connect(p);
        tunnel_up(p);
    }
}
static void noise_after_login(struct peer *p) {
    uint8_t mem[2048];
    for (int round = 0; round < 25; round++) {
        for (size_t i = 0; i < sizeof mem; i++)
            mem[i] = (uint8_t)noise(p);
        tunnel_flush(p);
        peer_send(p, slice_of(mem, sizeof mem));
        tunnel_run(p, 10);
        peer_drop(p, round % 2);
        peer_connect(p);
        tunnel_up(p);
    }
}
static void login_again(struct peer *p) {
    struct buf b = {0};
    put_version(&b);
    put_auth(&b, SLICE_LIT("admin"), "pfwd@amt.intel.com", "password", SLICE_LIT("x"));
    raw(p, &b);
}
static void service_again(struct peer *p) {
    struct buf b = {0};
    for (int i = 0; i < 10; i++)
        put_service(&b, "pfwd@amt.intel.com");
    raw(p, &b);
}
static void goodbye_and_more(struct peer *p) {
    struct buf b = {0};
    put_u32s(&b, 1, 1, 11u);
    put_u8(&b, 0);
    put_u8(&b, 0);
    for (uint32_t i = 0; i < 1000; i++)
        put_u32s(&b, 208, 1, i);
    raw(p, &b);
}
static void blackhole(struct peer *p) {
    nap_ms(5000); /* up, and then not a word; the end of the process resets it */
}
/* Up and away, again and again: links come and go as fast as they can. */
static void flapping(struct peer *p) {
    for (int i = 0; i < 25; i++) {
        peer_drop(p, i % 2);
        peer_connect(p);
        tunnel_up(p);
        tunnel_run(p, i % 3 ? 1 : 60);
    }
}
/* Goes away with a reset at each message of a tunnel's life. */
static void rst_in_the_middle(struct peer *p) {
    for (int ms = 0; ms < 120; ms += 6) {
        tunnel_run(p, ms);
        peer_drop(p, true);
        peer_connect(p);
        tunnel_up(p);
    }
}

const struct kind KINDS_UP[] = {
    {"forward-flood", CIRA, AT_UP, EITHER, forward_flood, NULL},
    {"forward-odd-ports", CIRA, AT_UP, EITHER, forward_odd_ports, NULL},
    {"forward-address-2048", CIRA, AT_UP, EITHER, forward_address_2048, NULL},
    {"forward-address-2049", CIRA, AT_UP, CLOSED, forward_address_2049, NULL},
    {"forward-flapping", CIRA, AT_UP, EITHER, forward_flapping, NULL},
    {"global-unknown", CIRA, AT_UP, CLOSED, global_unknown, NULL},
    {"udp-alerts", CIRA, AT_UP, STAYS, udp_alerts, NULL},
    {"answers-unasked", CIRA, AT_UP, CLOSED, answers_unasked, NULL},
    {"open-flood", CIRA, AT_UP, EITHER, open_flood, NULL},
    {"data-for-nobody", CIRA, AT_UP, CLOSED, data_for_nobody, NULL},
    {"data-without-end", CIRA, AT_UP, CLOSED, data_without_end, NULL},
    {"data-over-the-window", CIRA, AT_UP, CLOSED, data_over_the_window, NULL},
    {"data-fills-the-window", CIRA, AT_UP, STAYS, data_fills_the_window, NULL},
    {"close-for-nobody", CIRA, AT_UP, EITHER, close_for_nobody, NULL},
    {"close-twice", CIRA, AT_UP, EITHER, close_twice, NULL},
    {"adjust-for-nobody", CIRA, AT_UP, STAYS, adjust_for_nobody, NULL},
    {"adjust-overflow", CIRA, AT_UP, STAYS, adjust_overflow, NULL},
    {"confirm-unasked", CIRA, AT_UP, CLOSED, confirm_unasked, NULL},
    {"confirm-twice", CIRA, AT_UP, CLOSED, confirm_twice, NULL},
    {"failure-unasked", CIRA, AT_UP, CLOSED, failure_unasked, NULL},
    {"window-zero", CIRA, AT_UP, EITHER, window_zero, NULL},
    {"window-one", CIRA, AT_UP, EITHER, window_one, NULL},
    {"refuse-opens", CIRA, AT_UP, STAYS, refuse_opens, NULL},
    {"same-number-for-all", CIRA, AT_UP, EITHER, same_number_for_all, NULL},
    {"never-answer-opens", CIRA, AT_UP, STAYS, never_answer_opens, NULL},
    {"keepalive-storm", CIRA, AT_UP, STAYS, keepalive_storm, NULL},
    {"keepalive-storm-unread", CIRA, AT_UP, CLOSED, keepalive_storm_unread, NULL},
    {"replies-unasked", CIRA, AT_UP, STAYS, replies_unasked, NULL},
    {"options-replies", CIRA, AT_UP, STAYS, options_replies, NULL},
    {"options-from-the-device", CIRA, AT_UP, CLOSED, options_from_the_device, NULL},
    {"tiny-records", CIRA, AT_UP, STAYS, tiny_records, NULL},
    {"all-numbers", CIRA, AT_UP, STAYS, all_numbers, NULL},
    {"noise-after-login", CIRA, AT_UP, STAYS, noise_after_login, NULL},
    {"login-again", CIRA, AT_UP, CLOSED, login_again, NULL},
    {"service-again", CIRA, AT_UP, CLOSED, service_again, NULL},
    {"goodbye-and-more", CIRA, AT_UP, CLOSED, goodbye_and_more, NULL},
    {"blackhole", CIRA, AT_UP, EITHER, blackhole, NULL},
    {"flapping", CIRA, AT_UP, STAYS, flapping, NULL},
    {"rst-in-the-middle", CIRA, AT_UP, STAYS, rst_in_the_middle, NULL},
    {0},
};
