/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

static bool found(struct rig *r, enum finding_id id, struct finding *out) {
    struct finding f[FINDING_COUNT];
    size_t n = diagnose(&r->h, &r->p, rig_now(r), f);
    for (size_t i = 0; i < n; i++)
        if (f[i].id == id) {
            *out = f[i];
            return true;
        }
    return false;
}

static void a_calm_host_has_none(void **s) {
    struct rig *r = rig_new();
    assert_int_equal(diagnose_bits(&r->h, &r->p, rig_now(r)),
                     1u << FINDING_UUID_PLACEHOLDER); /* the rig's UUID is nil */
    rig_free(r);
}

static void drops_at_s5_names_the_bios_setting(void **s) {
    struct rig *r = rig_new();
    struct finding f;
    r->me_sleep_off = true;
    r->h.info_at = WALL_NEVER; /* the device card is old */
    rig_lost(r, LINK_WHY_RESET);
    rig_up(r);
    rig_run(r, 10000); /* the device card is read */
    assert_true(found(r, FINDING_DROPS_AT_S5, &f));
    assert_non_null(strstr(f.sentence, "ON in S0"));
    assert_non_null(strstr(f.remedy, "ME on in Host Sleep Status"));
    assert_non_null(strstr(f.remedy, "Advanced -> Power -> ME Configuration -> Power Control"));
    rig_free(r);
}

static void drops_just_after_an_off_are_evidence(void **s) {
    struct rig *r = rig_new();
    struct finding f;
    rig_command(r, (struct host_command){.kind = CMD_INTENT, .desired = POWER_OFF});
    rig_run(r, 300);
    assert_int_equal(r->h.op->state, OP_CONFIRMING);
    rig_lost(r, LINK_WHY_RESET);
    assert_true(found(r, FINDING_DROPS_AT_S5, &f));
    assert_true(found(r, FINDING_LINK_LOST, &f));
    rig_free(r);
}

static void an_end_we_chose_is_no_evidence(void **s) {
    struct rig *r = rig_new();
    struct finding f;
    rig_command(r, (struct host_command){.kind = CMD_INTENT, .desired = POWER_OFF});
    rig_run(r, 300);
    assert_int_equal(r->h.op->state, OP_CONFIRMING);
    rig_lost(r, LINK_WHY_SERVER_STOP);
    assert_false(found(r, FINDING_DROPS_AT_S5, &f));
    rig_free(r);
}

static void uuids(void **s) {
    struct rig *r = rig_new();
    struct finding f;
    assert_true(uuid_parse(SLICE_LIT("5b006b9c-09bf-0000-0000-000000000000"), &r->h.smbios_uuid));
    assert_true(uuid_parse(SLICE_LIT("03000200-0400-0500-0006-000700080009"), &r->h.seen_uuid));
    assert_true(found(r, FINDING_UUID_MISMATCH, &f));
    assert_non_null(strstr(f.sentence, "5b006b9c-09bf-0000-0000-000000000000"));
    assert_non_null(strstr(f.sentence, "03000200-0400-0500-0006-000700080009"));
    assert_true(found(r, FINDING_UUID_PLACEHOLDER, &f));
    r->h.smbios_uuid = uuid_swap(r->h.seen_uuid); /* the other byte order is the same node */
    assert_false(found(r, FINDING_UUID_MISMATCH, &f));
    r->h.duplicate_uuid = true;
    assert_true(found(r, FINDING_UUID_DUPLICATE, &f));
    rig_free(r);
}

static void a_mute_firmware_and_a_wrong_secret_differ(void **s) {
    struct rig *r = rig_new();
    struct finding f;
    r->mute = true;
    rig_run(r, 180000);
    assert_true(found(r, FINDING_FIRMWARE_MUTE, &f));
    assert_false(found(r, FINDING_AMT_SECRET, &f));
    r->mute = false;
    r->refuses_auth = true;
    rig_run(r, 180000);
    assert_true(found(r, FINDING_AMT_SECRET, &f));
    assert_false(found(r, FINDING_FIRMWARE_MUTE, &f));
    assert_true(rig_logged(r, "finding: amt-secret"));
    r->refuses_auth = false;
    rig_run(r, 60000);
    assert_true(rig_logged(r, "finding-cleared: amt-secret"));
    rig_free(r);
}

UNIT_MAIN(T(a_calm_host_has_none), T(drops_at_s5_names_the_bios_setting),
          T(drops_just_after_an_off_are_evidence), T(an_end_we_chose_is_no_evidence), T(uuids),
          T(a_mute_firmware_and_a_wrong_secret_differ))
