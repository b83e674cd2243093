/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware's web server from inside: by LME against a scripted engine, and by a port as LMS has it. */
#include "mei_rig.h"
#include "rpc/lme.h"
#include "rpc/lms.h"
#include "rpc/local.h"
#include "unit.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct mei_rig rig;
static struct local *l;
static struct errinfo ei;
static struct buf answer;

#define REQUEST "POST /wsman HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
#define ANSWER  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define CHUNKED "HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n0003\r\nabc\r\n0\r\n\r\n"

static int setup(void **s) {
    mei_rig_init(&rig);
    ei = (struct errinfo){0};
    rig.answers[0] = ANSWER;
    rig.nanswers = 1;
    const struct local_opts o = {.where = rig.where, .lms_host = ""};
    l = local_new(&o);
    return l ? 0 : -1;
}
static int teardown(void **s) {
    local_free(&l);
    mei_rig_stop(&rig);
    buf_free(&answer);
    return 0;
}

static int ask(void) {
    buf_free(&answer);
    return local_exchange(l, LOCAL_PORT, SLICE_LIT(REQUEST), &answer, &ei);
}

static void exchanges_share_a_session(void **s) {
    rig.answers[1] = CHUNKED;
    rig.nanswers = 2;
    mei_rig_start(&rig);
    assert_int_equal(ask(), 0);
    assert_true(slice_is(buf_slice(&answer), ANSWER));
    for (int i = 0; i < 10; i++) { /* more than there are channels at a time: each is closed */
        assert_int_equal(ask(), 0);
        assert_true(slice_is(buf_slice(&answer), CHUNKED));
    }
    assert_int_equal(rig.lme_sessions, 1);
    assert_int_equal(rig.channels, 11);
}

static void the_end_of_an_answer_is_known_before_the_close(void **s) {
    rig.keep_open = true;
    mei_rig_start(&rig);
    assert_int_equal(ask(), 0);
    assert_int_equal(ask(), 0);
}

static void a_long_answer_crosses_windows(void **s) {
    char *big = malloc(40100);
    int head = snprintf(big, 100, "HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n");
    memset(big + head, 'x', 40000);
    big[head + 40000] = 0;
    rig.answers[0] = big;
    mei_rig_start(&rig);
    assert_int_equal(ask(), 0);
    assert_int_equal(answer.len, head + 40000);
    free(big);
}

static void an_answer_that_breaks_off(void **s) {
    rig.answers[0] = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhel";
    mei_rig_start(&rig);
    assert_int_equal(ask(), ERR_CLOSED);
    assert_non_null(strstr(ei.text, "before its answer was whole"));
}

static void an_answer_that_is_none(void **s) {
    rig.answers[0] = "SSH-2.0-something\r\n\r\n";
    mei_rig_start(&rig);
    assert_int_equal(ask(), ERR_PROTO);
}

static void a_session_that_died_is_made_anew(void **s) {
    mei_rig_start(&rig);
    assert_int_equal(ask(), 0);
    mei_rig_stop(&rig); /* the firmware was reset */
    mei_rig_start(&rig);
    assert_int_equal(ask(), 0);
    assert_int_equal(rig.lme_sessions, 2);
}

static void an_engine_without_lme_forwards(void **s) {
    mei_rig_start(&rig);
    struct lme *m;
    assert_int_equal(lme_open(&m, rig.where, 16992, &ei), 0);
    assert_int_equal(lme_channel_open(m, 16994, &ei), ERR_REFUSED);
    lme_close(&m);
}

static void raw_bytes_both_ways(void **s) {
    rig.echo = true;
    mei_rig_start(&rig);
    assert_int_equal(local_connect(l, LOCAL_PORT_TLS, &ei), 0);
    struct mono soon = {INT64_MAX - 1};
    uint8_t sent[20000], got[20000];
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (uint8_t)(i * 13);
    size_t n = 0;
    for (size_t at = 0; at < sizeof sent; at += 5000) {
        assert_int_equal(local_write(l, slice_of(sent + at, 5000), soon, &ei), 0);
        while (n < at + 5000) {
            int more = local_read(l, got + n, sizeof got - n, soon, &ei);
            assert_true(more > 0);
            n += (size_t)more;
        }
    }
    assert_memory_equal(sent, got, sizeof sent);
    assert_true(local_fd(l) >= 0);
    assert_int_equal(local_read(l, got, 1, (struct mono){0}, &ei), ERR_TIMEOUT);
}

/* --- LMS --- */

static int listen_at(uint16_t *port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static void *lms_once(void *arg) {
    int fd = accept(*(int *)arg, NULL, NULL);
    char got[512];
    assert_true(read(fd, got, sizeof got) > 0);
    assert_int_equal(write(fd, ANSWER, sizeof ANSWER - 1), sizeof ANSWER - 1);
    close(fd);
    return NULL;
}

static void lms_comes_first_where_it_listens(void **s) {
    uint16_t port;
    int fd = listen_at(&port);
    pthread_t t;
    mei_rig_start(&rig);
    local_free(&l);
    const struct local_opts o = {.where = rig.where, .lms_port = port};
    l = local_new(&o);
    assert_int_equal(pthread_create(&t, NULL, lms_once, &fd), 0);
    assert_int_equal(ask(), 0);
    assert_true(slice_is(buf_slice(&answer), ANSWER));
    pthread_join(t, NULL);
    assert_int_equal(rig.lme_sessions, 0);
    assert_true(local_has_lms(l, 16992)); /* the kernel's backlog takes it */
    close(fd);
    assert_false(local_has_lms(l, 16992));
    assert_int_equal(lms_connect("not an address", 1, (struct mono){0}), ERR_INVALID);
    assert_int_equal(ask(), 0); /* without LMS: LME */
    assert_int_equal(rig.lme_sessions, 1);
}

#define EACH(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
UNIT_MAIN(EACH(exchanges_share_a_session), EACH(the_end_of_an_answer_is_known_before_the_close),
          EACH(a_long_answer_crosses_windows), EACH(an_answer_that_breaks_off), EACH(an_answer_that_is_none),
          EACH(a_session_that_died_is_made_anew), EACH(an_engine_without_lme_forwards),
          EACH(raw_bytes_both_ways), EACH(lms_comes_first_where_it_listens))
