/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/deactivate.h"

#include "http/now.h"
#include "rpc/ready.h"

enum { LOOK_MS = 250, MODE_NONE = 0, MODE_ADMIN = 2, STATE_IN = 1 };

static int admin_control(struct errinfo *ei) {
    err_set(ei, ERR_DENIED, "local",
            "the firmware is in admin control mode: it does not end that without its password");
    err_remedy(ei, "Deactivate through the server that manages it (rpc deactivate --url …), or in the BIOS's "
                   "MEBx menu: Unconfigure Network Access.");
    return ERR_DENIED;
}

static int not_activated(struct errinfo *ei) {
    return err_set(ei, ERR_STATE, "", "the firmware is not activated: there is nothing to undo");
}

/* A set-up that was begun and not ended keeps the next one out. */
static int stop_configuration(struct fw *f, bool *stopped, struct errinfo *ei) {
    uint32_t state = 0;
    int rc = fw_number(f, PTHI_CMD_PROVISIONING_STATE, &state, ei);
    *stopped = rc == 0 && state == STATE_IN;
    return *stopped ? fw_stop_configuration(f, ei) : rc;
}

static int see_it_done(struct fw *f, struct errinfo *ei) {
    struct mono deadline = mono_add_ms(now_mono(), DEACTIVATE_SEEN_MS);
    for (;;) {
        uint32_t mode = MODE_ADMIN;
        if (fw_number(f, PTHI_CMD_CONTROL_MODE, &mode, NULL) == 0 && mode == MODE_NONE)
            return 0;
        if (mono_due(deadline, now_mono()))
            break;
        ready_sleep_ms(LOOK_MS);
    }
    err_set(ei, ERR_UNKNOWN_OUTCOME, "", "the firmware took the order but still says that it is activated");
    err_remedy(ei, "Look again with rpc amtinfo in a minute.");
    return ERR_UNKNOWN_OUTCOME;
}

int deactivate_local(struct fw *f, struct errinfo *ei) {
    uint32_t mode, status = 0;
    bool stopped = false;
    int rc = fw_number(f, PTHI_CMD_CONTROL_MODE, &mode, ei);
    if (rc < 0)
        return rc;
    if (mode == MODE_ADMIN)
        return admin_control(ei);
    if (mode == MODE_NONE) {
        rc = stop_configuration(f, &stopped, ei);
        return rc == 0 && !stopped ? not_activated(ei) : rc;
    }
    rc = fw_unprovision(f, &status, ei);
    if (rc == ERR_REFUSED && status == PTHI_STATUS_INVALID_MODE)
        return admin_control(ei);
    /* a reset right behind the order: what became of it is seen below */
    if (rc < 0 && rc != ERR_CLOSED && rc != ERR_TIMEOUT)
        return rc;
    rc = see_it_done(f, ei);
    return rc < 0 ? rc : stop_configuration(f, &stopped, ei);
}
