/* SPDX-License-Identifier: Apache-2.0 */
#include "core/identity.h"
#include "core/known.h"
#include "rig.h"

#define SMBIOS  "5b006b9c-09bf-0000-0000-000000000000"
#define FACTORY "03000200-0400-0500-0006-000700080009"

static struct uuid uuid_of(const char *text) {
    struct uuid u = {{0}};
    assert_true(uuid_parse(slice_str(text), &u));
    return u;
}

/* A host with an agent that told something. */
static struct rig *rig_agent(void) {
    struct rig *r = rig_new();
    r->h.agent = calloc(1, sizeof *r->h.agent);
    r->h.agent->facts_at = rig_now(r).wall;
    r->h.agent->here = true;
    snprintf(r->p.mps_host, sizeof r->p.mps_host, "oob.example");
    snprintf(r->p.mps_root, sizeof r->p.mps_root, "%064d", 7);
    return r;
}
static struct finding found(struct rig *r, enum finding_id id) {
    struct finding f[FINDING_COUNT];
    size_t n = diagnose(&r->h, &r->p, rig_now(r), f);
    for (size_t i = 0; i < n; i++)
        if (f[i].id == id)
            return f[i];
    return (struct finding){.id = FINDING_COUNT};
}
static bool holds(struct rig *r, enum finding_id id) {
    return found(r, id).id == id;
}

static void the_agents_uuids_count(void **s) {
    struct rig *r = rig_agent();
    struct agent_facts *f = &r->h.agent->facts;
    assert_int_equal(host_uuid_order(&r->h), UUID_ORDER_UNKNOWN);
    f->smbios_uuid = uuid_of(SMBIOS);
    f->amt_uuid = uuid_of(FACTORY);
    assert_int_equal(host_uuid_order(&r->h), UUID_ORDER_DIFFERENT);
    struct finding x = found(r, FINDING_UUID_MISMATCH);
    assert_int_equal(x.id, FINDING_UUID_MISMATCH);
    assert_non_null(strstr(x.sentence, SMBIOS));
    assert_non_null(strstr(x.sentence, FACTORY));
    assert_non_null(strstr(x.sentence, "read by the agent"));
    /* the steps of the vendor's procedure, whole */
    assert_non_null(strstr(x.remedy, "dmidecode -s system-uuid"));
    assert_non_null(strstr(x.remedy, "manufacturing or service mode"));
    assert_non_null(strstr(x.remedy, "test a power operation."));
    f->amt_uuid = uuid_swap(f->smbios_uuid);
    assert_int_equal(host_uuid_order(&r->h), UUID_ORDER_SWAPPED);
    assert_string_equal(uuid_order_text(host_uuid_order(&r->h)), "swapped");
    assert_false(holds(r, FINDING_UUID_MISMATCH));
    r->h.seen_uuid = uuid_of(SMBIOS); /* what the firmware says itself counts more */
    assert_int_equal(host_uuid_order(&r->h), UUID_ORDER_SAME);
    rig_free(r);
}

static void a_foreign_owner_is_told(void **s) {
    struct rig *r = rig_agent();
    struct agent_facts *f = &r->h.agent->facts;
    rig_lost(r, LINK_WHY_RESET);
    f->control_mode = AMT_MODE_ACM;
    snprintf(f->mps_address, sizeof f->mps_address, "OOB.example.:4433");
    assert_false(holds(r, FINDING_FOREIGN));
    snprintf(f->mps_address, sizeof f->mps_address, "mps.other.example");
    struct finding x = found(r, FINDING_FOREIGN);
    assert_non_null(strstr(x.sentence, "mps.other.example"));
    assert_non_null(strstr(x.sentence, "oob.example"));
    assert_non_null(strstr(x.remedy, "MEBx"));
    f->control_mode = AMT_MODE_CCM;
    assert_non_null(strstr(found(r, FINDING_FOREIGN).remedy, "--local"));
    f->control_mode = AMT_MODE_NONE; /* it is free: whatever is left in its tables */
    assert_false(holds(r, FINDING_FOREIGN));
    /* the address says nothing, the root does */
    f->control_mode = AMT_MODE_CCM;
    f->mps_address[0] = 0;
    snprintf(f->mps_root, sizeof f->mps_root, "%064d", 8);
    assert_non_null(strstr(found(r, FINDING_FOREIGN).sentence, "root certificate"));
    snprintf(f->mps_root, sizeof f->mps_root, "%064d", 7);
    assert_false(holds(r, FINDING_FOREIGN));
    /* its tunnel is here: then it is ours */
    snprintf(f->mps_address, sizeof f->mps_address, "mps.other.example");
    rig_up(r);
    assert_false(holds(r, FINDING_FOREIGN));
    rig_free(r);
}

static void set_up_by_nobody_here(void **s) {
    struct rig *r = rig_agent();
    r->h.agent->facts.control_mode = AMT_MODE_CCM;
    rig_lost(r, LINK_WHY_RESET);
    assert_false(holds(r, FINDING_FOREIGN)); /* only away */
    r->h.link.state = LINK_NEVER;
    assert_true(holds(r, FINDING_FOREIGN));
    r->h.amt_intent.desired = AMT_STATE_PROVISIONED; /* we are about to */
    assert_false(holds(r, FINDING_FOREIGN));
    rig_free(r);
}

static void an_orphan_is_told_for_an_hour(void **s) {
    struct rig *r = rig_new();
    assert_false(holds(r, FINDING_ORPHAN));
    r->h.orphan_at = rig_now(r).wall;
    snprintf(r->h.orphan_peer, sizeof r->h.orphan_peer, "192.0.2.9:40000");
    assert_non_null(strstr(found(r, FINDING_ORPHAN).sentence, "192.0.2.9:40000"));
    rig_run(r, 3601000);
    assert_false(holds(r, FINDING_ORPHAN));
    rig_free(r);
}

static void a_board_without_a_switch(void **s) {
    struct rig *r = rig_agent();
    struct agent_facts *f = &r->h.agent->facts;
    assert_false(holds(r, FINDING_NO_SWITCH));
    snprintf(f->vendor, sizeof f->vendor, "OnLogic");
    snprintf(f->product, sizeof f->product, "k804-12345");
    struct finding x = found(r, FINDING_NO_SWITCH);
    assert_non_null(strstr(x.sentence, "OnLogic k804-12345"));
    assert_non_null(strstr(x.sentence, "board-table"));
    assert_non_null(strstr(x.remedy, "exception"));
    assert_non_null(strstr(finding_paragraph(FINDING_NO_SWITCH), "K804"));
    f->bios_switch = AGENT_SWITCH_PRESENT; /* a look at the machine counts more than the table */
    assert_false(holds(r, FINDING_NO_SWITCH));
    assert_string_equal(host_bios_switch(&r->h).source, "agent");
    /* without an agent the device card tells the board */
    free(r->h.agent);
    r->h.agent = NULL;
    assert_non_null(r->h.info);
    snprintf(r->h.info->manufacturer, sizeof r->h.info->manufacturer, "ONLOGIC INC");
    snprintf(r->h.info->model, sizeof r->h.info->model, "K804");
    assert_true(holds(r, FINDING_NO_SWITCH));
    rig_free(r);
}

static void boards_are_found_by_pattern(void **s) {
    assert_null(known_board("OnLogic", "K410", ""));
    assert_null(known_board("", "", ""));
    assert_null(known_board("Dell", "K804", "")); /* somebody else's */
    assert_int_equal(known_board_switch(known_board("OnLogic", "Helix", "K804-MB")), AGENT_SWITCH_ABSENT);
    assert_int_equal(known_board_switch(NULL), AGENT_SWITCH_UNKNOWN);
}

static void advisories_by_version(void **s) {
    assert_null(known_advisory(""));
    assert_null(known_advisory("16.1.25"));
    assert_null(known_advisory("16.1.25.1424"));
    assert_null(known_advisory("nonsense"));
    assert_null(known_advisory("11.6.27")); /* its build is not known */
    assert_null(known_advisory("11.6.27.3264"));
    assert_non_null(strstr(known_advisory("11.6.20.1221")->id, "CVE-2017-5689"));
    assert_non_null(known_advisory("7.0.1.900"));
    assert_null(known_advisory("6.2.1.900"));
    assert_non_null(strstr(known_advisory("11.8.50.3460")->what, "tunnel"));
    assert_null(known_advisory("11.8.90.3950"));
    struct rig *r = rig_agent();
    snprintf(r->h.agent->facts.firmware_version, AGENT_TEXT_CAP, "9.1.20.1035");
    assert_non_null(strstr(found(r, FINDING_ADVISORY).sentence, "9.1.20.1035"));
    rig_free(r);
}

static void power_policy_clock_and_certificates(void **s) {
    struct rig *r = rig_agent();
    struct agent_facts *f = &r->h.agent->facts;
    assert_false(holds(r, FINDING_ME_POWER));
    snprintf(f->power_policy, sizeof f->power_policy, "Mobile: ON in S0");
    assert_non_null(strstr(found(r, FINDING_ME_POWER).remedy, "ME on in Host Sleep Status"));
    snprintf(f->power_policy, sizeof f->power_policy, "Mobile: ON in S0, ME Wake in S3, S4-5 (AC only)");
    assert_false(holds(r, FINDING_ME_POWER));

    assert_false(holds(r, FINDING_CLOCK));
    r->h.clock_at = rig_now(r).wall;
    r->h.clock_skew_ms = -301000;
    r->h.clock_source = SOURCE_FIRMWARE;
    assert_non_null(strstr(found(r, FINDING_CLOCK).sentence, "behind"));
    r->h.clock_skew_ms = 299000;
    assert_false(holds(r, FINDING_CLOCK));

    assert_false(holds(r, FINDING_CERTIFICATE));
    r->h.agent->cert_until = wall_add_ms(rig_now(r).wall, 4 * 86400000ll);
    assert_non_null(strstr(found(r, FINDING_CERTIFICATE).sentence, "agent ends on 20"));
    r->h.agent->cert_until = wall_add_ms(rig_now(r).wall, 6 * 86400000ll);
    assert_false(holds(r, FINDING_CERTIFICATE));
    r->h.leaf_until = wall_add_ms(rig_now(r).wall, -1000);
    assert_non_null(strstr(found(r, FINDING_CERTIFICATE).sentence, "AMT TLS server ended"));
    rig_free(r);
}

static void a_mute_serial_port_and_its_agent(void **s) {
    struct rig *r = rig_agent();
    struct host_sessions *hs = r->h.sessions = calloc(1, sizeof *hs);
    hs->sol_mute = true;
    snprintf(r->h.agent->facts.tty_text, AGENT_LONG_CAP, "no port of vendor 0x8086");
    assert_non_null(strstr(found(r, FINDING_SOL_MUTE).remedy, "no port of vendor 0x8086"));
    snprintf(r->h.agent->facts.tty, AGENT_TTY_CAP, "ttyS5");
    struct finding x = found(r, FINDING_SOL_MUTE);
    assert_non_null(strstr(x.remedy, "set host n1 --serial-console enable"));
    assert_non_null(strstr(x.sentence, "ttyS5"));
    rig_free(r);
}

static void addresses_are_compared_bare(void **s) {
    assert_true(mps_host_eq("oob.example", "OOB.EXAMPLE:4433"));
    assert_true(mps_host_eq("[2001:db8::1]:4433", "2001:db8::1"));
    assert_false(mps_host_eq("2001:db8::1", "2001:db8::2"));
    assert_false(mps_host_eq("oob.example", "oob.example.org"));
}

UNIT_MAIN(T(the_agents_uuids_count), T(a_foreign_owner_is_told), T(set_up_by_nobody_here),
          T(an_orphan_is_told_for_an_hour), T(a_board_without_a_switch), T(boards_are_found_by_pattern),
          T(advisories_by_version), T(power_policy_clock_and_certificates),
          T(a_mute_serial_port_and_its_agent), T(addresses_are_compared_bare))
