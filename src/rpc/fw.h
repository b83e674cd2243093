/* SPDX-License-Identifier: Apache-2.0 */
/* fw: the questions that the firmware answers at the node itself (PTHI and watchdog clients of the management
 * engine), as functions. Blocking. Owner: its maker; one thread at a time.
 * Errors: as mei_open(); ERR_REFUSED: the firmware answered with a status; ERR_PROTO: no sensible answer;
 * each with a sentence. A reading request is sent once more when the firmware was reset under it. */
#pragma once

#include "proto/pthi.h"

struct fw;
/* where: as in mei_open(); must outlive f. Nothing is opened before the first question. NULL: no memory. */
struct fw *fw_new(const char *where);
void fw_free(struct fw **f);

/* Ask anything: *data is valid until the next call. *status (may be NULL): the firmware's status. */
NODISCARD int fw_call(struct fw *f, enum pthi_cmd cmd, struct slice request, struct slice *data,
                      uint32_t *status, struct errinfo *ei);
/* CONTROL_MODE, PROVISIONING_STATE, PROVISIONING_MODE, EHBC_STATE, REDIRECTION_STATE */
NODISCARD int fw_number(struct fw *f, enum pthi_cmd cmd, uint32_t *v, struct errinfo *ei);
/* DNS_SUFFIX, DNS_SUFFIX_LIST, POWER_POLICY */
NODISCARD int fw_text(struct fw *f, enum pthi_cmd cmd, char out[PTHI_TEXT_CAP], struct errinfo *ei);
NODISCARD int fw_versions(struct fw *f, struct pthi_versions *v, struct errinfo *ei);
NODISCARD int fw_uuid(struct fw *f, struct uuid *u, struct errinfo *ei);
NODISCARD int fw_ras(struct fw *f, struct pthi_ras *r, struct errinfo *ei);
/* ERR_REFUSED: there is no such interface. */
NODISCARD int fw_lan(struct fw *f, uint32_t which, struct pthi_lan *l, struct errinfo *ei);
/* All root hashes that the firmware knows, at most PTHI_HASHES_MAX; *n how many. */
NODISCARD int fw_hashes(struct fw *f, struct pthi_hash *all, size_t *n, struct errinfo *ei);
/* pthi_account_wipe() it. */
NODISCARD int fw_account(struct fw *f, struct pthi_account *a, struct errinfo *ei);
/* What the watchdog client says: WD_* bits. ERR_UNSUPPORTED: there is none. */
NODISCARD int fw_wd_state(struct fw *f, uint8_t *flags, struct errinfo *ei);
/* Ask the watchdog client to switch AMT on or off in the firmware. *status: its answer, 0 done. */
NODISCARD int fw_wd_enable(struct fw *f, bool enable, uint32_t *status, struct errinfo *ei);

/* Unprovision (client control only): *status PTHI_STATUS_INVALID_MODE in admin control. */
NODISCARD int fw_unprovision(struct fw *f, uint32_t *status, struct errinfo *ei);
/* Out of "in provisioning". Success, too, when it was not in it. */
NODISCARD int fw_stop_configuration(struct fw *f, struct errinfo *ei);
