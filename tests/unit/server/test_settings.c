/* SPDX-License-Identifier: Apache-2.0 */
#include "server/settings.h"
#include "unit.h"

#include "base/log.h"

#include <stdlib.h>
#include <unistd.h>

static struct settings fresh(void) {
    struct settings s;
    settings_defaults(&s);
    return s;
}
static int read_text(struct settings *s, const char *text, struct errinfo *ei) {
    *ei = (struct errinfo){0};
    return settings_read_ini(s, "f.ini", slice_str(text), ei);
}
static int set(struct settings *s, const char *name, const char *value) {
    struct errinfo ei = {0};
    return settings_set(s, name, value, ORIGIN_FLAG, &ei);
}

static void defaults_are_those_of_the_rooms(void **state) {
    struct settings s = fresh();
    struct host_policy p, want = HOST_POLICY_DEFAULT;
    struct wsc_limits w, ww = WSC_LIMITS_DEFAULT;
    struct apf_limits a, wa = APF_LIMITS_DEFAULT;
    struct store_opts o, wo = STORE_OPTS_DEFAULT(s.data_dir);
    struct errinfo ei = {0};
    assert_int_equal(settings_check(&s, &ei), 0);
    settings_host_policy(&s, &p);
    settings_wsc_limits(&s, &w);
    settings_apf_limits(&s, &a);
    settings_store_opts(&s, &o);
    assert_int_equal(p.poll_calm_ms, want.poll_calm_ms);
    assert_int_equal(p.poll_doubt_ms, want.poll_doubt_ms);
    assert_int_equal(p.fresh_ms, want.fresh_ms);
    assert_int_equal(p.confirm_ms, want.confirm_ms);
    assert_int_equal(p.read_timeout_ms, want.read_timeout_ms);
    assert_int_equal(p.command_read_timeout_ms, want.command_read_timeout_ms);
    assert_int_equal(p.op_deadline_ms, want.op_deadline_ms);
    assert_int_equal(p.op_confirm_total_ms, want.op_confirm_total_ms);
    assert_int_equal(p.settle_ms, want.settle_ms);
    assert_int_equal(p.attempts_max, want.attempts_max);
    assert_int_equal(p.backoff_first_ms, want.backoff_first_ms);
    assert_int_equal(p.backoff_max_ms, want.backoff_max_ms);
    assert_int_equal(p.link.quiet_ms, want.link.quiet_ms);
    assert_int_equal(p.link.probe_ms, want.link.probe_ms);
    assert_int_equal(p.link.probes, want.link.probes);
    assert_int_equal(w.in_flight_max, ww.in_flight_max);
    assert_int_equal(w.bucket_burst, ww.bucket_burst);
    assert_int_equal(w.bucket_refill_ms, ww.bucket_refill_ms);
    assert_int_equal(w.response_bytes_max, ww.response_bytes_max);
    assert_int_equal(a.channels_max, wa.channels_max);
    assert_int_equal(a.window_bytes, wa.window_bytes);
    assert_int_equal(a.preauth_bytes, wa.preauth_bytes);
    assert_int_equal(a.output_bytes, wa.output_bytes);
    assert_int_equal(o.flush_ms, wo.flush_ms);
    assert_int_equal(o.events_max, wo.events_max);
    assert_true(o.reserve_bytes == wo.reserve_bytes);
    assert_string_equal(s.https_listen, ":8443");
    assert_string_equal(s.cira_legacy_listen, "");
    assert_int_equal(s.log_level, LOG_INFO);
    assert_int_equal(s.tls_leaf_key, LEAF_KEY_RSA_2048);
}

static void values(void **state) {
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } durations[] = {
        {"10s", 10000},  {"2500ms", 2500}, {"2m", 120000}, {"2 min", 120000}, {"1h", 3600000},
        {"30", 30000},   {"30 S", 30000},  {"999ms", -1},  {"2h", -1},        {"-5s", -1},
        {"5 weeks", -1}, {"", -1},         {"s", -1},      {"1.5s", -1},      {"18446744073709551615d", -1}};
    struct settings s = fresh();
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        s.power_poll_interval_ms = 7;
        int err = set(&s, "power.poll_interval", durations[i].text);
        assert_int_equal(err, durations[i].ms < 0 ? ERR_INVALID : 0);
        assert_int_equal(s.power_poll_interval_ms, durations[i].ms < 0 ? 7 : durations[i].ms);
    }
    static const struct {
        const char *text;
        int64_t bytes;
    } sizes[] = {{"2048", 2048}, {"64KiB", 65536}, {"64k", 65536}, {"1 MiB", 1 << 20},          {"1023", -1},
                 {"2GiB", -1},   {"12X", -1},      {"-1", -1},     {"99999999999999999999", -1}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        s.http_body_max_bytes = 7;
        int err = set(&s, "http.body_max", sizes[i].text);
        assert_int_equal(err, sizes[i].bytes < 0 ? ERR_INVALID : 0);
        assert_true(s.http_body_max_bytes == (sizes[i].bytes < 0 ? 7 : (uint64_t)sizes[i].bytes));
    }
    assert_int_equal(set(&s, "cira.proxy_protocol", "Yes"), 0);
    assert_true(s.cira_proxy_protocol);
    assert_int_equal(set(&s, "cira.proxy_protocol", "maybe"), ERR_INVALID);
    assert_int_equal(set(&s, "wsman.port_policy", "plain"), 0);
    assert_int_equal(s.wsman_port_policy, PORT_POLICY_PLAIN);
    assert_int_equal(set(&s, "tls.leaf_key", "p-256"), 0);
    assert_int_equal(s.tls_leaf_key, LEAF_KEY_P_256);
    assert_int_equal(set(&s, "tls.leaf_key", "rsa"), ERR_INVALID);
    assert_int_equal(set(&s, "log.format", "json|text"), ERR_INVALID);
    assert_int_equal(set(&s, "link.probes", "0"), ERR_INVALID);
    assert_int_equal(set(&s, "link.probes", "20"), 0);
    assert_int_equal(set(&s, "https.listen", "[::1]:0"), 0);
    assert_int_equal(set(&s, "https.listen", ""), ERR_INVALID);
    assert_int_equal(set(&s, "https.listen", "127.0.0.1"), ERR_INVALID);
    assert_int_equal(set(&s, "https.listen", "127.0.0.1:65536"), ERR_INVALID);
    assert_int_equal(set(&s, "cira.legacy_listen", ""), 0);
    assert_int_equal(set(&s, "data.dir", "/x\ny"), ERR_INVALID);
    char longer[400];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    assert_int_equal(set(&s, "data.dir", longer), ERR_INVALID);
}

static void ini_sections_and_dotted_names(void **state) {
    struct settings s = fresh();
    struct errinfo ei;
    const char *text = "\xef\xbb\xbf; comment\r\nloops = 2\nlog.level = debug\n\n[power]\npoll_interval = "
                       "10s ; why\nfresh: 30\n"
                       "[cira]\nlisten = 127.0.0.1:0\r\n";
    assert_int_equal(read_text(&s, text, &ei), 0);
    assert_int_equal(s.loops, 2);
    assert_int_equal(s.log_level, LOG_DEBUG);
    assert_int_equal(s.power_poll_interval_ms, 10000);
    assert_int_equal(s.power_fresh_ms, 30000);
    assert_string_equal(s.cira_listen, "127.0.0.1:0");
    assert_int_equal(s.origin[SETTING_power_poll_interval].from, ORIGIN_FILE);
    assert_int_equal(s.origin[SETTING_power_poll_interval].line, 6);
    assert_int_equal(s.origin[SETTING_power_settle].from, ORIGIN_DEFAULT);
}

/* Each error names file, line, setting and what is accepted; nothing of the file is taken. */
static void ini_errors(void **state) {
    static const struct {
        const char *text;
        int err;
        const char *says;
    } cases[] = {
        {"loops = 2\n\n[power]\npoll_interval = soon\n", ERR_INVALID,
         "f.ini line 4: power.poll_interval = \"soon\" is not accepted; accepted is 1s to 1h"},
        {"loops = 2\n[power]\npoll = 1s\n", ERR_NOT_FOUND, "f.ini line 3: there is no setting power.poll"},
        {"loops = 2\nfrobnicate = 1\n", ERR_NOT_FOUND, "f.ini line 2: there is no setting frobnicate"},
        {"loops = 2\nloops = 3\n", ERR_EXISTS, "f.ini line 2: loops is given a second time"},
        {"loops = 2\nwhat is this\n", ERR_SYNTAX, "f.ini line 2 is neither"},
        {"loops = 2\n[power\n", ERR_SYNTAX, "f.ini line 2 is neither"},
        {"loops = 2\nhttp.body_max = 1\n", ERR_INVALID, "accepted is 1KiB to 1GiB"},
        {"log.level = loud", ERR_INVALID, "accepted is debug, info, warn, error"},
        {"loops = 65", ERR_INVALID, "accepted is 0 to 64"},
        {"https.listen = x", ERR_INVALID, "accepted is ADDRESS:PORT"},
        {"loops = \xff", ERR_SYNTAX, "f.ini is not UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct settings s = fresh(), before = s;
        struct errinfo ei;
        assert_int_equal(read_text(&s, cases[i].text, &ei), cases[i].err);
        if (!strstr(ei.text, cases[i].says))
            fail_msg("\"%s\" does not say \"%s\"", ei.text, cases[i].says);
        assert_memory_equal(&s, &before, sizeof s);
    }
    struct settings s = fresh();
    struct errinfo ei;
    struct buf b = {0};
    buf_puts(&b, "loops = 2\ndata.dir = ");
    for (int i = 0; i < 500; i++)
        buf_puts(&b, "x");
    assert_int_equal(read_text(&s, buf_cstr(&b), &ei), ERR_LIMIT);
    assert_non_null(strstr(ei.text, "f.ini line 2 is longer"));
    while (b.len <= 1 << 20)
        buf_puts(&b, "# comment\n");
    assert_int_equal(read_text(&s, buf_cstr(&b), &ei), ERR_LIMIT);
    buf_free(&b);
}

static void later_sources_win(void **state) {
    char path[] = "/tmp/outband-settings-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    static const char text[] = "power.settle = 3s\npower.fresh = 40s\npower.poll_interval = 11s\n";
    assert_int_equal(write(fd, text, sizeof text - 1), (int)sizeof text - 1);
    close(fd);
    struct settings s = fresh();
    struct errinfo ei = {0};
    char *env[] = {"PATH=/bin", "OUTBAND_POWER_FRESH=50s", "OUTBAND_POWER_POLL_INTERVAL=12s",
                   "OUTBAND_TOKEN=x", NULL};
    assert_int_equal(settings_read_file(&s, path, &ei), 0);
    assert_int_equal(settings_read_env(&s, env, &ei), 0);
    assert_int_equal(settings_set(&s, "power.poll_interval", "13s", ORIGIN_FLAG, &ei), 0);
    assert_int_equal(s.power_settle_ms, 3000);
    assert_int_equal(s.power_fresh_ms, 50000);
    assert_int_equal(s.power_poll_interval_ms, 13000);
    struct buf out = {0};
    settings_print(&s, &out);
    const char *printed = buf_cstr(&out);
    assert_non_null(strstr(printed, "power.settle = 3s "));
    assert_non_null(strstr(printed, path));
    assert_non_null(strstr(printed, " line 1\n"));
    assert_non_null(strstr(printed, "power.fresh = 50s "));
    assert_non_null(strstr(printed, "# environment\n"));
    assert_non_null(strstr(printed, "# command line\n"));
    assert_non_null(strstr(printed, "recovery.backoff_max = 10m "));
    assert_non_null(strstr(printed, "apf.window = 32KiB "));
    buf_free(&out);
    unlink(path);
    assert_int_equal(settings_read_file(&s, path, &ei), ERR_IO);
}

static void environment_errors(void **state) {
    struct settings s = fresh();
    struct errinfo ei = {0};
    char *typo[] = {"OUTBAND_POWER_POL_INTERVAL=12s", NULL}, *bad[] = {"OUTBAND_LOOPS=many", NULL};
    assert_int_equal(settings_read_env(&s, typo, &ei), ERR_NOT_FOUND);
    assert_non_null(strstr(ei.text, "OUTBAND_POWER_POL_INTERVAL"));
    assert_int_equal(settings_read_env(&s, bad, &ei), ERR_INVALID);
    assert_non_null(strstr(ei.text, "environment OUTBAND_LOOPS: loops = \"many\""));
}

static void settings_that_do_not_fit(void **state) {
    struct settings s = fresh();
    struct errinfo ei = {0};
    assert_int_equal(set(&s, "power.poll_interval", "90s"), 0);
    assert_int_equal(settings_check(&s, &ei), ERR_INVALID);
    s = fresh();
    assert_int_equal(set(&s, "recovery.backoff_first", "1h"), 0);
    assert_int_equal(settings_check(&s, &ei), ERR_INVALID);
}

/* What is printed can be read back and gives the same settings. */
static void printed_values_are_accepted(void **state) {
    struct settings s = fresh(), t = fresh();
    struct errinfo ei = {0};
    assert_int_equal(set(&s, "power.settle", "0"), 0);
    assert_int_equal(set(&s, "store.reserve", "0"), 0);
    assert_int_equal(set(&s, "wsman.refill", "1500ms"), 0);
    for (enum setting k = 0; k < SETTING_COUNT; k++) {
        struct buf v = {0};
        settings_put_value(&s, k, &v);
        assert_int_equal(settings_set(&t, settings_name(k), buf_cstr(&v), s.origin[k].from, &ei), 0);
        buf_free(&v);
    }
    assert_memory_equal(&s, &t, sizeof s);
}

static void restart_is_told(void **state) {
    struct settings a = fresh(), b = fresh();
    struct buf names = {0};
    assert_int_equal(settings_need_restart(&a, &b, &names), 0);
    assert_int_equal(set(&b, "loops", "3"), 0);
    assert_int_equal(set(&b, "https.listen", "127.0.0.1:1"), 0);
    assert_int_equal(set(&b, "link.quiet", "9s"), 0); /* live */
    assert_int_equal(settings_need_restart(&a, &b, &names), 2);
    assert_string_equal(buf_cstr(&names), "https.listen, loops");
    buf_free(&names);
}

static void docs_name_every_setting(void **state) {
    struct buf docs = {0};
    settings_print_docs(&docs);
    for (enum setting k = 0; k < SETTING_COUNT; k++) {
        char cell[80];
        snprintf(cell, sizeof cell, "| `%s` | ", settings_name(k));
        assert_non_null(strstr(buf_cstr(&docs), cell));
    }
    assert_non_null(strstr(buf_cstr(&docs), "\n## power\n"));
    assert_non_null(strstr(buf_cstr(&docs), "| `link.quiet` | `20s` | 1s to 10m | yes | "));
    buf_free(&docs);
}

/* docs/settings.md is what the table prints; remake it with `outbandd print-docs settings >
 * docs/settings.md`. */
static void docs_are_up_to_date(void **state) {
    struct buf want = {0}, have = {0};
    settings_print_docs(&want);
    FILE *f = fopen(DOCS_SETTINGS, "rb");
    assert_non_null(f);
    for (;;) {
        uint8_t *room = buf_room(&have, 4096);
        assert_non_null(room);
        size_t n = fread(room, 1, 4096, f);
        if (n == 0)
            break;
        buf_commit(&have, n);
    }
    fclose(f);
    assert_string_equal(buf_cstr(&have), buf_cstr(&want));
    buf_free(&want);
    buf_free(&have);
}

UNIT_MAIN(T(defaults_are_those_of_the_rooms), T(values), T(ini_sections_and_dotted_names), T(ini_errors),
          T(later_sources_win), T(environment_errors), T(settings_that_do_not_fit),
          T(printed_values_are_accepted), T(restart_is_told), T(docs_name_every_setting),
          T(docs_are_up_to_date))
