/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/options.h"
#include "unit.h"

static int parse(struct sim_options *o, struct errinfo *ei, const char *line) {
    static char text[512], *argv[48];
    int argc = 0;
    *ei = (struct errinfo){0};
    snprintf(text, sizeof text, "amtsim %s", line);
    for (char *p = text; *p;) {
        argv[argc++] = p;
        p += strcspn(p, " ");
        while (*p == ' ')
            *p++ = 0;
    }
    argv[argc] = NULL;
    return sim_options_parse(o, argc, argv, ei);
}

static void defaults(void **state) {
    struct sim_options o;
    struct errinfo ei;
    assert_int_equal(parse(&o, &ei, "--server h:4433"), 0);
    assert_string_equal(o.server, "h:4433");
    assert_int_equal(o.plan.count, 25);
    assert_int_equal(o.plan.seed, 1);
    assert_int_equal(o.plan.profile, SIM_A15);
    assert_string_equal(o.plan.prefix, "node");
    assert_int_equal(o.threads, 1);
    assert_int_equal(o.times.reconnect_max_ms, 30000);
}

static void everything_is_taken(void **state) {
    struct sim_options o;
    struct errinfo ei;
    assert_int_equal(
        parse(&o, &ei,
              "--server h:1 --ca c.pem --count 9 --csv-out f --seed 7 --name-prefix n --profile A19 "
              "--start-state off --desired on --ccm 2 --bios me-in-sleep=off:3 --uuid placeholder:4"),
        0);
    assert_string_equal(o.ca, "c.pem");
    assert_string_equal(o.csv_out, "f");
    assert_int_equal(o.plan.count, 9);
    assert_int_equal(o.plan.seed, 7);
    assert_string_equal(o.plan.prefix, "n");
    assert_int_equal(o.plan.profile, SIM_A19);
    assert_true(o.plan.start_off && o.plan.desired_set && !o.plan.desired_off);
    assert_int_equal(o.plan.ccm_first, 2);
    assert_int_equal(o.plan.me_off_first, 3);
    assert_int_equal(o.plan.placeholder_first, 4);
    assert_int_equal(parse(&o, &ei,
                           "--server h:1 --uuid same:5 --bios me-in-sleep=off --latency 5-9 --transition 0 "
                           "--reconnect 10-20 --connect-rate 50/s --listen-direct 127.0.0.1:0 "
                           "--redirection-listen 127.0.0.1:1 --direct 2 "
                           "--control s --threads 3 --no-lms --wait --hold"),
                     0);
    assert_int_equal(o.plan.same_first, 5);
    assert_string_equal(o.redirection_listen, "127.0.0.1:1");
    assert_int_equal(o.plan.me_off_first, UINT32_MAX);
    assert_int_equal(o.times.latency_min_ms, 5);
    assert_int_equal(o.times.latency_max_ms, 9);
    assert_int_equal(o.times.host.post_ms, 0);
    assert_int_equal(o.times.reconnect_ms, 10);
    assert_int_equal(o.times.reconnect_max_ms, 20);
    assert_int_equal(o.connect_rate, 50);
    assert_int_equal(o.direct, 2);
    assert_int_equal(o.threads, 3);
    assert_true(o.plan.no_lms && o.wait && o.hold);
    assert_int_equal(parse(&o, &ei, "--server h:1 --provisioning-root r.pem --dns-suffix acme.example"), 0);
    assert_string_equal(o.provisioning_root, "r.pem");
    assert_string_equal(o.dns_suffix, "acme.example");
    assert_int_equal(
        parse(&o, &ei, "--server h:1 --unprovisioned-first 3 --foreign 2:other.example:99 --mei m"), 0);
    assert_int_equal(o.plan.unprovisioned_first, 3);
    assert_int_equal(o.plan.foreign_first, 2);
    assert_true(slice_is(o.plan.foreign, "other.example:99"));
    assert_string_equal(o.mei, "m");
    assert_int_equal(parse(&o, &ei, "--server h:1 --unprovisioned"), 0);
    assert_int_equal(o.plan.unprovisioned_first, UINT32_MAX);
    assert_int_equal(parse(&o, &ei, "--server h:1 --latency 0 --transition 100"), 0);
    assert_int_equal(o.times.latency_max_ms, 0);
    assert_int_equal(o.times.host.cycle_ms, 200);
}

static void wrong_ones_are_named(void **state) {
    static const struct {
        const char *line, *text;
    } CASES[] = {
        {"", "--server HOST:PORT is missing; --help lists the options"},
        {"--server", "option --server is unknown or lacks its argument; --help lists them"},
        {"--warp 9", "option --warp is unknown or lacks its argument; --help lists them"},
        {"--server h:1 extra", "\"extra\" is no option; --help lists them"},
        {"--server nowhere", "--server takes HOST:PORT, not \"nowhere\""},
        {"--server h:1 --count many", "--count takes N, not \"many\""},
        {"--server h:1 --count 0", "--count must be above 0"},
        {"--server h:1 --profile A99", "--profile takes A11|A12|A14|A15|A16|A18|A19, not \"A99\""},
        {"--server h:1 --latency 9-1", "--latency takes MIN-MAX, not \"9-1\""},
        {"--server h:1 --uuid same", "--uuid takes placeholder:K|same:K, not \"same\""},
        {"--server h:1 --unprovisioned-first few", "--unprovisioned-first takes K, not \"few\""},
        {"--server h:1 --foreign 3", "--foreign takes K:HOST[:PORT], not \"3\""},
        {"--server h:1 --foreign h:1", "--foreign takes K:HOST[:PORT], not \"h:1\""},
        {"--server h:1 --bios me-in-sleep=maybe",
         "--bios takes me-in-sleep=off[:K], not \"me-in-sleep=maybe\""},
        {"--server h:1 --start-state up", "--start-state takes on|off, not \"up\""},
        {"--server h:1 --dns-suffix a,b", "--dns-suffix takes S, not \"a,b\""},
        {"--server h:1 --threads 0", "--threads takes N, not \"0\""},
        {"--server h:1 --name-prefix a,b", "--name-prefix takes P, not \"a,b\""},
    };
    struct sim_options o;
    struct errinfo ei;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_int_equal(parse(&o, &ei, CASES[i].line), ERR_INVALID);
        assert_string_equal(ei.text, CASES[i].text);
    }
}

static void help_needs_nothing(void **state) {
    struct sim_options o;
    struct errinfo ei;
    struct buf text = {0};
    assert_int_equal(parse(&o, &ei, "--help"), 0);
    assert_true(o.help);
    assert_int_equal(sim_options_help(&text), 0);
    assert_non_null(strstr(buf_cstr(&text), "--csv-out FILE"));
    buf_free(&text);
}

UNIT_MAIN(T(defaults), T(everything_is_taken), T(wrong_ones_are_named), T(help_needs_nothing))
