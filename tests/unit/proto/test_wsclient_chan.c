/* SPDX-License-Identifier: Apache-2.0 */
/* A device that misbehaves: each clause of what the client survives. */
#include "wsclient_testing.h"

static const struct fake_rule POWER_RULES[] = {
    FAKE_POWER("2"), FAKE_RETURN(CIM_PowerManagementService, "RequestPowerStateChange", "0"), {0}};

/* Close the channel instead of an answer, that many times; partly: after some bytes of it. */
static int close_early, close_partly;

static bool closes(struct fake *f, int chan, const struct wsman_msg *rq) {
    if (close_early == 0)
        return false;
    close_early--;
    if (close_partly)
        fake_bytes(f, chan,
                   SLICE_LIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0010\r\n<a:Envelope"));
    fake_end(f, chan);
    return true;
}

static struct wsc_result closed_early(struct fake *f, enum wsc_job_kind kind, int times, int partly) {
    close_early = times;
    close_partly = partly;
    f->rules = POWER_RULES;
    f->hook = closes;
    fake_start(f);
    return fake_job(f, kind, 8);
}

static void a_read_is_retried_once(void **s) {
    for (int partly = 0; partly < 2; partly++) {
        struct fake f = {0};
        assert_int_equal(closed_early(&f, WSC_POWER_READ, 1, partly).err, 0);
        assert_int_equal(f.executed, 2);
        fake_stop(&f);
        f = (struct fake){0};
        struct wsc_result r = closed_early(&f, WSC_POWER_READ, 2, partly);
        assert_int_equal(r.err, ERR_CLOSED);
        assert_non_null(strstr(r.why, "before the answer was complete"));
        assert_int_equal(f.executed, 2);
        fake_stop(&f);
    }
}

static void a_power_change_is_never_resent(void **s) {
    for (int partly = 0; partly < 2; partly++) {
        struct fake f = {0};
        struct wsc_result r = closed_early(&f, WSC_POWER_CHANGE, 1, partly);
        assert_true(r.err == ERR_CLOSED && r.maybe_sent && r.return_value == -1);
        assert_int_equal(f.executed, 1);
        fake_stop(&f);
    }
}

/* The firmware closes a kept channel just when the next request goes out. */
static void stale_channels(void **s) {
    struct fake f = {.rules = POWER_RULES, .hook = closes};
    close_early = 0;
    close_partly = 0;
    fake_start(&f);
    assert_int_equal(fake_job(&f, WSC_POWER_READ, 0).err, 0);
    close_early = 2; /* the stale one, and one more that is the device's fault */
    assert_int_equal(fake_job(&f, WSC_POWER_READ, 0).err, 0);
    assert_int_equal(f.executed, 4);
    /* a request that must not be resent takes no channel that lay idle for long */
    int opens = f.opens;
    f.now = mono_add_ms(f.now, 5000);
    assert_int_equal(fake_job(&f, WSC_POWER_CHANGE, 8).err, 0);
    assert_int_equal(f.opens, opens + 1);
    assert_int_equal(fake_job(&f, WSC_POWER_CHANGE, 8).err, 0);
    assert_int_equal(f.opens, opens + 1); /* but one that is fresh */
    fake_stop(&f);
}

/* Where each channel is for one request, the firmware is told so: whoever carries the bytes may wait for its
 * close. One that does not close is closed. */
static void one_request_a_channel(void **s) {
    struct wsc_limits lim = WSC_LIMITS_DEFAULT;
    for (int one = 0; one < 2; one++) {
        struct fake f = {.rules = POWER_RULES, .password = "P@ssw0rd", .keep_on_401 = true};
        lim.one_request = one;
        fake_start_with(&f, &lim);
        for (int i = 0; i < 3; i++)
            assert_int_equal(fake_job(&f, WSC_POWER_READ, 0).err, 0);
        assert_int_equal(f.requests, 4); /* the first one is told the nonce */
        assert_int_equal(f.asked_to_close, one ? f.requests : 0);
        assert_int_equal(f.opens, one ? f.requests : 1);
        assert_int_equal(f.open_now, one ? 0 : 1);
        fake_stop(&f);
    }
}

static bool endless_body(struct fake *f, int chan, const struct wsman_msg *rq) {
    struct buf b = {0};
    buf_puts(&b, "HTTP/1.1 200 OK\r\n\r\n<e:Envelope xmlns:e=\"" WT_SOAP "\"><e:Body>");
    for (int i = 0; i < 300; i++)
        buf_putf(&b, "%*s", 1000, "");
    fake_bytes(f, chan, buf_slice(&b));
    buf_free(&b);
    return true;
}

static bool endless_head(struct fake *f, int chan, const struct wsman_msg *rq) {
    struct buf b = {0};
    buf_puts(&b, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 40; i++)
        buf_putf(&b, "X: %*s\r\n", 1000, "x");
    fake_bytes(f, chan, buf_slice(&b));
    buf_free(&b);
    return true;
}

static bool huge_tree(struct fake *f, int chan, const struct wsman_msg *rq) {
    struct buf b = {0};
    for (int i = 0; i < 40; i++)
        buf_puts(&b, "<d>");
    fake_answer(f, chan, rq, buf_cstr(&b));
    buf_free(&b);
    return true;
}

static void endless_answers_are_cut(void **s) {
    fake_hook *const hooks[] = {endless_body, endless_head, huge_tree};
    for (size_t i = 0; i < 3; i++) {
        struct fake f = {.hook = hooks[i]};
        fake_start(&f);
        struct wsc_result r = fake_job(&f, WSC_POWER_READ, 0);
        assert_int_equal(r.err, ERR_LIMIT);
        assert_int_equal(f.executed, 1); /* not asked for again */
        fake_stop(&f);
    }
}

static bool wrong_relates_to(struct fake *f, int chan, const struct wsman_msg *rq) {
    static const char *const wrong[] = {"1000", "", "x", "-1"};
    struct wsman_msg other = *rq;
    other.message_id = slice_str(wrong[f->executed % 4]);
    fake_answer(f, chan, &other, POWER_RULES[0].body);
    return true;
}

static void answers_to_others_are_refused(void **s) {
    for (int i = 0; i < 4; i++) {
        struct fake f = {.hook = wrong_relates_to, .executed = i};
        fake_start(&f);
        struct wsc_result r = fake_job(&f, WSC_POWER_READ, 0);
        assert_int_equal(r.err, ERR_PROTO);
        assert_non_null(strstr(r.why, "another request"));
        fake_stop(&f);
    }
}

static void unauthorized_for_ever(void **s) {
    for (int mode = 0; mode < 8; mode++) {
        struct fake f = {.rules = POWER_RULES,
                         .password = "another",
                         .keep_on_401 = mode & 1,
                         .stale_nonce = mode & 2,
                         .qop_both = mode & 4};
        fake_start(&f);
        struct wsc_result r = fake_job(&f, mode & 1 ? WSC_POWER_READ : WSC_POWER_CHANGE, 8);
        assert_int_equal(r.err, ERR_AUTH);
        assert_string_equal(r.why, "the firmware refused the AMT user and password");
        assert_false(r.maybe_sent); /* a 401 executes nothing */
        /* a nonce that comes back after it was used is a clear word */
        assert_int_equal(f.unauthorized, mode & 2 ? 2 : 3);
        assert_int_equal(f.executed, 0);
        /* the right words work at once, and with the cached challenge */
        assert_int_equal(wsc_set_password(f.c, "admin", "another"), 0);
        f.unauthorized = 0;
        assert_int_equal(fake_job(&f, WSC_POWER_READ, 0).err, 0);
        assert_int_equal(f.unauthorized, 0);
        fake_stop(&f);
    }
}

static void a_nonce_that_expires(void **s) {
    struct fake f = {.rules = POWER_RULES, .password = "P@ssw0rd"};
    fake_start(&f);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(fake_job(&f, WSC_POWER_READ, 0).err, 0);
        f.nonce++; /* the device forgets it between two requests */
    }
    assert_int_equal(f.unauthorized, 5);
    assert_int_equal(f.executed, 5);
    fake_stop(&f);
}

static bool no_digest(struct fake *f, int chan, const struct wsman_msg *rq) {
    fake_bytes(f, chan,
               SLICE_LIT("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n"
                         "Content-Length: 0\r\n\r\n"));
    return true;
}

static void only_digest_will_do(void **s) {
    struct fake f = {.hook = no_digest};
    fake_start(&f);
    struct wsc_result r = fake_job(&f, WSC_POWER_READ, 0);
    assert_int_equal(r.err, ERR_AUTH);
    assert_non_null(strstr(r.why, "digest"));
    assert_int_equal(f.executed, 1);
    fake_stop(&f);
}

static bool silent(struct fake *f, int chan, const struct wsman_msg *rq) {
    return true;
}

static bool trickle(struct fake *f, int chan, const struct wsman_msg *rq) {
    fake_bytes(f, chan, SLICE_LIT("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<"));
    return true;
}

static void no_progress_ends_at_the_deadline(void **s) {
    fake_hook *const hooks[] = {silent, trickle};
    for (size_t i = 0; i < 2; i++) {
        struct fake f = {.hook = hooks[i]};
        fake_start(&f);
        assert_true(wsc_submit(f.c, WSC_POWER_CHANGE, 8, WSC_NORMAL, 5000, f.now, &f) > 0);
        fake_pass(&f, 4999);
        assert_int_equal(f.nresults, 0);
        fake_pass(&f, 1);
        struct wsc_result r = fake_result(&f);
        assert_true(r.err == ERR_TIMEOUT && r.maybe_sent);
        assert_string_equal(r.why, "no complete answer in time");
        assert_int_equal(f.open_now, 0); /* the answer may not reach another job */
        fake_stop(&f);
    }
    struct fake f = {.never_opens = true};
    fake_start(&f);
    struct wsc_result r = fake_job(&f, WSC_POWER_CHANGE, 8);
    assert_true(r.err == ERR_TIMEOUT && !r.maybe_sent);
    assert_string_equal(r.why, "the device did not open a channel in time");
    fake_stop(&f);
}

/* --- channels that do not open --- */

static void opening_is_tried_three_times(void **s) {
    struct fake f = {.rules = POWER_RULES, .fail_opens = 2};
    fake_start(&f);
    struct mono start = f.now;
    assert_true(fake_submit(&f, WSC_POWER_READ, 0, WSC_NORMAL) > 0);
    fake_run(&f);
    assert_int_equal(f.opens, 1);
    assert_int_equal(mono_ms_between(start, wsc_deadline(f.c)), 250);
    fake_pass(&f, 500);
    assert_int_equal(f.opens, 3);
    assert_int_equal(fake_result(&f).err, 0);
    fake_stop(&f);

    f = (struct fake){.rules = POWER_RULES, .fail_opens = 3};
    fake_start(&f);
    struct wsc_result r = fake_job(&f, WSC_POWER_CHANGE, 8);
    assert_true(r.err == ERR_UNREACHABLE && !r.maybe_sent);
    assert_int_equal(f.opens, 3);
    fake_stop(&f);

    f = (struct fake){.open_error = ERR_UNREACHABLE};
    fake_start(&f);
    assert_int_equal(fake_job(&f, WSC_POWER_READ, 0).err, ERR_UNREACHABLE);
    assert_int_equal(f.opens, 3);
    fake_stop(&f);
}

/* Each request has its three tries, and its one retry. */
static int doomed_opens;

static bool dooms(struct fake *f, int chan, const struct wsman_msg *rq) {
    f->fail_opens = doomed_opens;
    return false;
}

static void tries_count_for_each_request(void **s) {
    struct fake f = {.rules = POWER_RULES, .hook = dooms, .close_each = true, .fail_opens = 2};
    doomed_opens = 2;
    fake_start(&f);
    assert_int_equal(fake_job(&f, WSC_POWER_CHANGE, 2).err, 0);
    assert_int_equal(f.executed, 3);
    assert_int_equal(f.opens, 9);
    f.fail_opens = 0;
    fake_stop(&f);
}

static void no_slot_is_waited_for(void **s) {
    struct fake f = {.rules = POWER_RULES, .open_error = ERR_LIMIT};
    fake_start(&f);
    assert_true(fake_submit(&f, WSC_POWER_READ, 0, WSC_NORMAL) > 0);
    fake_pass(&f, 10000);
    assert_in_range(f.opens, 30, 45); /* every 250 ms */
    assert_int_equal(f.nresults, 0);
    f.open_error = 0;
    fake_pass(&f, 250);
    assert_int_equal(fake_result(&f).err, 0);
    f.open_error = ERR_LIMIT;
    f.now = mono_add_ms(f.now, 30000);
    wsc_tick(f.c, f.now);
    assert_true(fake_submit(&f, WSC_POWER_READ, 0, WSC_NORMAL) > 0);
    fake_pass(&f, 15000);
    assert_int_equal(fake_result(&f).err, ERR_TIMEOUT);
    fake_stop(&f);
}

static void sending_fails(void **s) {
    struct fake f = {.rules = POWER_RULES, .send_error = ERR_CLOSED};
    fake_start(&f);
    assert_int_equal(fake_job(&f, WSC_POWER_READ, 0).err, ERR_CLOSED);
    assert_int_equal(f.opens, 2);
    struct wsc_result r = fake_job(&f, WSC_POWER_CHANGE, 8);
    assert_true(r.err == ERR_CLOSED && r.maybe_sent);
    f.send_error = ERR_FULL; /* nothing was taken */
    r = fake_job(&f, WSC_POWER_CHANGE, 8);
    assert_true(r.err == ERR_FULL && !r.maybe_sent);
    fake_stop(&f);
}

/* --- odd HTTP --- */

static const char *odd_answer;

static bool odd(struct fake *f, int chan, const struct wsman_msg *rq) {
    fake_bytes(f, chan, slice_str(odd_answer));
    if (strstr(odd_answer, "Connection: close"))
        fake_end(f, chan);
    return true;
}

static void odd_http(void **s) {
    static const struct {
        const char *answer;
        int err;
        const char *why;
    } all[] = {
        {"HTTP/1.1 303 See Other\r\nLocation: /logon.htm\r\nContent-Length: 0\r\n\r\n", ERR_PROTO,
         "HTTP 303"},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\n\r\n<html></htm>", ERR_PROTO, "HTTP 404"},
        {"HTTP/1.1 503 Busy\r\nContent-Length: 3\r\n\r\nno!", ERR_PROTO, "HTTP 503"},
        {"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", ERR_FAULT, "HTTP 400 without a fault"},
        {"HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\n<html>", ERR_FAULT, "HTTP 500 without a fault"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ERR_PROTO, "empty"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", ERR_PROTO, "no XML"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ERR_PROTO, "not HTTP"},
        {"SSH-2.0-dropbear\r\n\r\n", ERR_PROTO, "not HTTP"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        for (int split = 0; split < 2; split++) {
            struct fake f = {.hook = odd, .split = split};
            odd_answer = all[i].answer;
            fake_start(&f);
            struct wsc_result r = fake_job(&f, WSC_POWER_READ, 0);
            if (r.err != all[i].err || !strstr(r.why, all[i].why))
                fail_msg("%s: %d %s", all[i].answer, r.err, r.why);
            fake_stop(&f);
        }
}

static bool interim(struct fake *f, int chan, const struct wsman_msg *rq) {
    fake_bytes(f, chan, SLICE_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
    return false;
}

static bool until_close(struct fake *f, int chan, const struct wsman_msg *rq) {
    struct buf b = {0};
    buf_puts(&b, "HTTP/1.1 200 OK\r\n\r\n");
    wsman_put_response_open(&b, rq, 1);
    buf_puts(&b, POWER_RULES[0].body);
    assert_int_equal(wsman_put_response_close(&b), 0);
    fake_bytes(f, chan, buf_slice(&b));
    fake_end(f, chan);
    buf_free(&b);
    return true;
}

static bool with_junk(struct fake *f, int chan, const struct wsman_msg *rq) {
    fake_answer(f, chan, rq, POWER_RULES[0].body);
    /* one piece, so that the rest comes with the answer */
    assert_int_equal(buf_puts(&f->events[f->nevents - 1].data, "HTTP/1.1 200 OK\r\n"), 0);
    return true;
}

static void answers_of_other_shapes(void **s) {
    fake_hook *const hooks[] = {interim, until_close, with_junk};
    for (size_t i = 0; i < 3; i++) {
        struct fake f = {.rules = POWER_RULES, .hook = hooks[i], .split = i == 1 ? 5 : 0};
        fake_start(&f);
        for (int k = 0; k < 2; k++)
            assert_int_equal(fake_job(&f, WSC_POWER_READ, 0).err, 0);
        assert_int_equal(f.opens, i == 0 ? 1 : 2); /* such a channel is not kept */
        fake_stop(&f);
    }
}

static void events_of_strangers(void **s) {
    struct fake f = {.rules = POWER_RULES};
    fake_start(&f);
    wsc_opened(f.c, 77, f.now);
    wsc_data(f.c, 77, SLICE_LIT("x"), f.now);
    wsc_closed(f.c, 77, ERR_CLOSED, f.now);
    assert_int_equal(fake_job(&f, WSC_POWER_READ, 0).err, 0);
    wsc_opened(f.c, 1, f.now); /* it is open */
    assert_int_equal(f.open_now, 1);
    wsc_data(f.c, 1, SLICE_LIT("HTTP/1.1 408 Request Timeout\r\n"), f.now); /* nobody asked */
    assert_int_equal(f.open_now, 0);
    /* data before the channel is open */
    f.never_opens = true;
    assert_true(fake_submit(&f, WSC_POWER_READ, 0, WSC_NORMAL) > 0);
    wsc_data(f.c, 1, SLICE_LIT("x"), f.now);
    fake_pass(&f, 15000);
    assert_int_equal(fake_result(&f).err, ERR_TIMEOUT);
    fake_stop(&f);
}

static void idle_channels_are_closed(void **s) {
    struct fake f = {.rules = POWER_RULES};
    fake_start(&f);
    assert_int_equal(fake_job(&f, WSC_POWER_READ, 0).err, 0);
    assert_int_equal(f.open_now, 1);
    fake_pass(&f, 19999);
    assert_int_equal(f.open_now, 1);
    fake_pass(&f, 1);
    assert_int_equal(f.open_now, 0);
    assert_true(mono_is_never(wsc_deadline(f.c)));
    fake_stop(&f);
}

UNIT_MAIN(T(a_read_is_retried_once), T(a_power_change_is_never_resent), T(stale_channels),
          T(one_request_a_channel), T(endless_answers_are_cut), T(answers_to_others_are_refused),
          T(unauthorized_for_ever), T(a_nonce_that_expires), T(only_digest_will_do),
          T(no_progress_ends_at_the_deadline), T(opening_is_tried_three_times),
          T(tries_count_for_each_request), T(no_slot_is_waited_for), T(sending_fails), T(odd_http),
          T(answers_of_other_shapes), T(events_of_strangers), T(idle_channels_are_closed))
