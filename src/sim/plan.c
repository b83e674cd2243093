/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/plan.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void sim_plan_node(const struct sim_plan *p, uint32_t number, struct sim_node_config *out) {
    *out = (struct sim_node_config){.profile = p->profile,
                                    .mode = number <= p->ccm_first ? SIM_CCM : SIM_ACM,
                                    .start = p->start_off ? MACHINE_S5 : MACHINE_S0,
                                    .me_in_sleep = number > p->me_off_first,
                                    .unprovisioned = number <= p->unprovisioned_first,
                                    .board_vendor = "Simulated",
                                    .board = "SIM-1",
                                    .no_lms = p->no_lms,
                                    .modern = p->modern};
    sim_identity_make(&out->id, p->seed, p->prefix, number);
    if (p->cira_user.n) {
        slice_to_str(p->cira_user, out->id.cira_user, sizeof out->id.cira_user);
        slice_to_str(p->cira_password, out->id.cira_password, sizeof out->id.cira_password);
    }
    if (number <= p->placeholder_first) {
        (void)uuid_parse(SLICE_LIT("03000200-0400-0500-0006-000700080009"), &out->id.uuid);
    } else if (number <= p->same_first) {
        struct sim_identity first;
        sim_identity_make(&first, p->seed, p->prefix, 1);
        out->id.uuid = first.uuid;
    }
}

int sim_plan_csv(const struct sim_plan *p, struct buf *out) {
    buf_puts(out, SIM_CSV_HEADER "\n");
    bool off = p->desired_set ? p->desired_off : p->start_off;
    for (uint32_t i = 1; i <= p->count; i++) {
        struct sim_node_config c;
        char amt[UUID_TEXT_CAP], smbios[UUID_TEXT_CAP];
        sim_plan_node(p, i, &c);
        buf_putf(out, "%s,%s,%s,%s,%s,%s,%s,%s,%s,%s\n", c.id.name, uuid_text(c.id.uuid, amt),
                 uuid_text(c.id.smbios, smbios), c.id.serial, c.id.cira_user, c.id.cira_password,
                 c.id.amt_user, c.id.amt_password, off ? "POWER_STATE_OFF" : "POWER_STATE_ON",
                 c.mode == SIM_CCM ? "AMT_CONTROL_MODE_CCM" : "AMT_CONTROL_MODE_ACM");
    }
    return out->failed ? ERR_NOMEM : 0;
}

int sim_plan_write_csv(const struct sim_plan *p, const char *path, struct errinfo *ei) {
    struct buf text = {0};
    int r = sim_plan_csv(p, &text);
    r = r < 0 ? err_set(ei, r, "csv-out", "out of memory")
              : file_replace(path, buf_slice(&text), 0600, "csv-out", ei);
    if (text.mem)
        explicit_bzero(text.mem, text.cap);
    buf_free(&text);
    return r;
}
