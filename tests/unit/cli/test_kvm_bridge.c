/* SPDX-License-Identifier: Apache-2.0 */
/* The real orch-cli between a VNC viewer of others (libvncclient) and a fake device behind a scripted server:
 * the picture, keys, a second viewer, a break behind the viewer, the ends. */
#include "background.h"
#include "screen.h"

#include <rfb/rfbclient.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOSTS "/v1/projects/default/compute/hosts"
#define READY                                                                                                \
    "{\"id\":\"ses-1\",\"host\":\"host-1\",\"hostName\":\"node003\",\"kind\":\"kvm\",\"state\":\"ready\","   \
    "\"user\":\"admin\"}"

#define ROWS(...)                                                                                            \
    {                                                                                                        \
        {.method = "POST",                                                                                   \
         .target = HOSTS "/n1/sessions/ses-1/ticket",                                                        \
         .status = 201,                                                                                      \
         .body = "{\"ticket\":\"T1\"}"},                                                                     \
            __VA_ARGS__,                                                                                     \
            {.method = "GET", .target = HOSTS "/n1/sessions/ses-1", .status = 200, .body = READY},           \
            {.method = "DELETE", .target = HOSTS "/n1/sessions/ses-1", .status = 204},                       \
            {.method = "POST", .target = HOSTS "/n1/sessions", .status = 201, .body = READY},                \
            {.method = "GET", .target = HOSTS "/n1", .status = 200, .body = "{\"name\":\"node003\"}"}, {     \
            0                                                                                                \
        }                                                                                                    \
    }
#define STREAM(fn, n)                                                                                        \
    { .method = "GET", .target = HOSTS "/n1/sessions/ses-1/stream", .status = 101, .play = fn, .times = n }

/* --- a viewer --- */

struct viewer {
    rfbClient *c;
    unsigned updates;
};

static void on_update(rfbClient *c) {
    struct viewer *v = rfbClientGetClientData(c, on_update);
    v->updates++;
}

static void quiet(const char *fmt, ...) {}

/* bits: 32 or 16 */
static void viewer_open(struct viewer *v, int bits, unsigned port) {
    rfbClientLog = rfbClientErr = quiet;
    v->updates = 0;
    v->c = bits == 32 ? rfbGetClient(8, 3, 4) : rfbGetClient(5, 3, 2);
    v->c->canHandleNewFBSize = TRUE;
    free(v->c->serverHost);
    v->c->serverHost = strdup("127.0.0.1");
    v->c->serverPort = (int)port;
    v->c->FinishedFrameBufferUpdate = on_update;
    rfbClientSetClientData(v->c, on_update, v);
    assert_true(rfbInitClient(v->c, NULL, NULL));
    assert_int_equal(v->c->width, SCREEN_W);
    assert_int_equal(v->c->height, SCREEN_H);
    assert_string_equal(v->c->desktopName, "Intel(r) AMT KVM?");
}

static void viewer_wait(struct viewer *v, unsigned updates) {
    for (int i = 0; v->updates < updates; i++) {
        int n = WaitForMessage(v->c, 100000);
        assert_true(n >= 0 && i < 200);
        if (n > 0)
            assert_true(HandleRFBServerMessage(v->c));
    }
}

static void viewer_close(struct viewer *v) {
    free(v->c->frameBuffer);
    rfbClientCleanup(v->c);
}

static void viewer_key(struct viewer *v, uint32_t key) {
    assert_true(SendKeyEvent(v->c, key, TRUE));
    assert_true(SendKeyEvent(v->c, key, FALSE));
}

static unsigned scaled(unsigned v, unsigned from, unsigned to) {
    return (2 * v * to + from) / (2 * from);
}

static void expect_picture(const struct viewer *v, unsigned turn) {
    const rfbPixelFormat *f = &v->c->format;
    for (unsigned y = 0; y < SCREEN_H; y++)
        for (unsigned x = 0; x < SCREEN_W; x++) {
            unsigned px = screen_pixel(x, y, turn), bytes = f->bitsPerPixel / 8u;
            uint32_t got = 0, want = scaled(px >> 11, 31, f->redMax) << f->redShift |
                                     scaled(px >> 5 & 63, 63, f->greenMax) << f->greenShift |
                                     scaled(px & 31, 31, f->blueMax) << f->blueShift;
            memcpy(&got, v->c->frameBuffer + (y * SCREEN_W + x) * bytes, bytes); /* its own byte order */
            if (got != want)
                fail_msg("pixel %u,%u: %x, wanted %x", x, y, got, want);
        }
}

/* --- the bridge --- */

static unsigned bridge_start(struct background *b, const struct script *rows, const char *once) {
    background_start(b, rows, "kvm-bridge", "host", "n1", "--listen", "127.0.0.1:0", once, NULL);
    return background_port(b, "node003: waiting for a VNC viewer on 127.0.0.1:");
}

static void a_picture(int bits) {
    const struct script rows[] = ROWS(STREAM(screen_first, 1));
    struct background b;
    struct viewer v;
    viewer_open(&v, bits, bridge_start(&b, rows, "--once"));
    viewer_wait(&v, 1);
    expect_picture(&v, 0);
    viewer_key(&v, 'x');
    background_expect_log("ws: key 0078", 1);
    viewer_close(&v);
    assert_int_equal(background_end(&b), 0);
    background_expect_log("DELETE " HOSTS "/n1/sessions/ses-1", 1);
    if (!strstr(b.err, "the session ends in 60 s for want of input") ||
        !strstr(b.err, "node003: the viewer has gone"))
        fail_msg("%s", b.err);
    char *log = scripted_log(rig.server);
    assert_null(strstr(log, "AMT does not know"));
    assert_null(strstr(log, "not 565"));
    free(log);
}
static void a_picture_in_32_bits(void **state) {
    a_picture(32);
}
static void a_picture_in_16_bits(void **state) {
    a_picture(16);
}

/* The link breaks: the viewer stays, and the picture of the next session comes by itself. */
static void a_break_behind_the_viewer(void **state) {
    const struct script rows[] = ROWS(STREAM(screen_first, 1), STREAM(screen_next, 1));
    struct background b;
    struct viewer v;
    viewer_open(&v, 32, bridge_start(&b, rows, "--once"));
    viewer_wait(&v, 1);
    expect_picture(&v, 0);
    viewer_key(&v, 'b');
    viewer_wait(&v, 2);
    expect_picture(&v, 1);
    viewer_key(&v, 'y');
    background_expect_log("ws: key 0079", 1);
    viewer_close(&v);
    assert_int_equal(background_end(&b), 0);
    assert_non_null(strstr(b.err, "the link was lost"));
    assert_non_null(strstr(b.err, "back after"));
}

static void a_second_viewer_is_told(void **state) {
    const struct script rows[] = ROWS(STREAM(screen_first, 1));
    struct background b;
    struct viewer v;
    unsigned port = bridge_start(&b, rows, "--once");
    viewer_open(&v, 32, port);
    char answer[200];
    raw_exchange(port, "RFB 003.008\n", answer, sizeof answer);
    assert_memory_equal(answer, "RFB 003.008\n\0\0\0\0", 16);
    assert_non_null(strstr(answer + 17, "another viewer has this screen"));
    viewer_wait(&v, 1);
    expect_picture(&v, 0);
    viewer_close(&v);
    assert_int_equal(background_end(&b), 0);
}

static void who_is_no_viewer_opens_no_session(void **state) {
    const struct script rows[] = ROWS(STREAM(screen_first, 1));
    struct background b;
    char answer[200];
    unsigned port = bridge_start(&b, rows, NULL);
    raw_exchange(port, "GET / HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_string_equal(answer, "RFB 003.008\n");
    char *log = scripted_log(rig.server);
    assert_null(strstr(log, "POST"));
    free(log);
    kill(b.pid, SIGINT);
    assert_int_equal(background_end(&b), 0);
    assert_non_null(strstr(b.err, "not an RFB viewer"));
}

/* Why there is no session is told to the viewer, too, and the next one may try. */
static void a_refused_session(void **state) {
    static const struct script rows[] = {
        {.method = "POST",
         .target = HOSTS "/n1/sessions",
         .status = 409,
         .body =
             "{\"type\":\"/problems/conflict\",\"message\":\"admin2 has the KVM of node003 since 14:02\"}"},
        {.method = "GET", .target = HOSTS "/n1", .status = 200, .body = "{\"name\":\"node003\"}"},
        {0}};
    struct background b;
    char answer[300];
    unsigned port = bridge_start(&b, rows, NULL);
    for (int i = 0; i < 2; i++) {
        raw_exchange(port, "RFB 003.008\n", answer, sizeof answer);
        assert_memory_equal(answer, "RFB 003.008\n\0\0\0\0", 16);
        assert_non_null(strstr(answer + 17, "admin2 has the KVM"));
    }
    kill(b.pid, SIGTERM);
    assert_int_equal(background_end(&b), 0);
    assert_non_null(strstr(b.err, "--take-over"));
}

static void firmware_that_refuses(void **state) {
    const struct script rows[] = ROWS(STREAM(screen_refuses, 1));
    struct background b;
    char answer[300];
    raw_exchange(bridge_start(&b, rows, "--once"), "RFB 003.008\n", answer, sizeof answer);
    assert_memory_equal(answer, "RFB 003.008\n\0\0\0\0", 16);
    assert_non_null(strstr(answer + 17, "the firmware refused KVM: no display!"));
    assert_int_equal(background_end(&b), 5);
    background_expect_log("DELETE " HOSTS "/n1/sessions/ses-1", 1);
}

/* Ended at the server: the viewer's connection ends, and the next viewer gets a session again. */
static void an_end_and_the_next_viewer(void **state) {
    const struct script rows[] = ROWS(STREAM(screen_first, 1), STREAM(screen_next, 1));
    struct background b;
    struct viewer v;
    unsigned port = bridge_start(&b, rows, NULL);
    viewer_open(&v, 32, port);
    viewer_wait(&v, 1);
    viewer_key(&v, 'e');
    for (int i = 0; i < 200; i++) /* until it is closed */
        if (WaitForMessage(v.c, 100000) > 0 && !HandleRFBServerMessage(v.c))
            break;
    viewer_close(&v);
    viewer_open(&v, 16, port);
    viewer_wait(&v, 1);
    expect_picture(&v, 1);
    kill(b.pid, SIGINT); /* ends session and listener */
    assert_int_equal(background_end(&b), 0);
    viewer_close(&v);
    assert_non_null(strstr(b.err, "stopped by admin"));
    background_expect_log("DELETE " HOSTS "/n1/sessions/ses-1", 1);
}

static void take(int fd, void *into, size_t n) {
    assert_int_equal(recv(fd, into, n, MSG_WAITALL), n);
}

/* … stops us, and we the server: what is held stays small. */
static void a_viewer_that_does_not_read(void **state) {
    const struct script rows[] = ROWS(STREAM(screen_floods, 1));
    struct background b;
    static uint8_t screen[1 << 18];
    int fd = raw_connect(bridge_start(&b, rows, "--once"));
    assert_int_equal(send(fd, "RFB 003.008\n", 12, MSG_NOSIGNAL), 12);
    take(fd, screen, 14);
    assert_int_equal(send(fd, "\x01\x01", 2, MSG_NOSIGNAL), 2);
    take(fd, screen, 4 + 24 + 17);
    /* SetPixelFormat 565, then a request */
    assert_int_equal(send(fd,
                          "\0\0\0\0\x10\x10\0\x01\0\x1f\0\x3f\0\x1f\x0b\x05\0\0\0\0"
                          "\x03\0\0\0\0\0\x01\x40\0\xc8",
                          30, MSG_NOSIGNAL),
                     30);
    usleep(700000);
    char *log = scripted_log(rig.server);
    assert_null(strstr(log, "all is sent"));
    free(log);
    assert_in_range(background_memory(&b), 1, SCREEN_FLOOD * screen_bytes() / 2);
    for (int i = 0; i < SCREEN_FLOOD; i++) {
        take(fd, screen, screen_bytes());
        assert_int_equal(screen[16] | screen[17] << 8, screen_pixel(0, 0, 0));
    }
    background_expect_log("ws: all is sent", 1);
    close(fd);
    assert_int_equal(background_end(&b), 0);
}

static void addresses(void **state) {
    static const struct script rows[] = {
        {.method = "GET", .target = HOSTS "/n1", .status = 200, .body = "{\"name\":\"node003\"}"}, {0}};
    struct background b;
    rig_run(rows, "kvm-bridge", "host", "n1", "--listen", "127.0.0.1:66000", NULL);
    rig_expect(2, "", "\"127.0.0.1:66000\" is not an address to listen on");
    rig_run(rows, "kvm-bridge", "host", "n1", "--listen", "::1:5900", NULL);
    rig_expect(2, "", "It looks like 127.0.0.1:5900, [::1]:5900 or 5900");
    rig_run(rows, "kvm-bridge", "host", "n2", "--listen", "127.0.0.1:0", NULL);
    rig_expect(3, "", "no such row");
    background_start(&b, rows, "kvm-bridge", "host", "n1", "--listen", "127.0.0.1:0", NULL);
    char taken[32];
    snprintf(taken, sizeof taken, "127.0.0.1:%u", background_port(&b, "on 127.0.0.1:"));
    rig_run(rows, "kvm-bridge", "host", "n1", "--listen", taken, NULL);
    rig_expect(1, "", "port 0 picks a free one");
    kill(b.pid, SIGINT);
    assert_int_equal(background_end(&b), 0);
    assert_null(strstr(b.err, "warning"));
    background_start(&b, rows, "kvm-bridge", "host", "n1", "--listen", "0.0.0.0:0", NULL);
    background_port(&b, "on 0.0.0.0:");
    kill(b.pid, SIGINT);
    assert_int_equal(background_end(&b), 0);
    assert_non_null(strstr(b.err, "no password"));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {T(a_picture_in_32_bits),
                                       T(a_picture_in_16_bits),
                                       T(a_break_behind_the_viewer),
                                       T(a_second_viewer_is_told),
                                       T(who_is_no_viewer_opens_no_session),
                                       T(a_refused_session),
                                       T(firmware_that_refuses),
                                       T(an_end_and_the_next_viewer),
                                       T(a_viewer_that_does_not_read),
                                       T(addresses)};
    if (argc < 2 || rig_begin(argv[1]) < 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return rig_end() != 0 || failed;
}
