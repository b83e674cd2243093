/* SPDX-License-Identifier: Apache-2.0 */
/* fw_rig: a simulated node without a network, asked as a WS-MAN client asks. Owner: one test. */
#pragma once

#include "sim/firmware.h"

struct bench {
    struct loop *loop;
    struct sim_fleet *fleet;
    struct sim_node *node;
    enum fw_user who; /* asks; FW_ADMIN at first */
    char text[4096];  /* of bench_text() */
};

struct bench bench_made(enum sim_profile profile, enum sim_mode mode);
void bench_free(struct bench *b);
/* Ask the firmware as a client does; the answer parses, always. */
struct wsman_msg *bench_ask(struct bench *b, const struct wsman_request *rq, int *status);
/* Of the first instance; it must be there. */
struct wsman_msg *bench_get(struct bench *b, enum wsman_class cls);
/* A method with the inner XML of its input; its ReturnValue, or -status when it faults. */
int64_t bench_call(struct bench *b, enum wsman_class cls, const char *method, const char *inner,
                   const struct wsman_selector *selectors);
/* Put and Create: the status. */
int bench_put(struct bench *b, enum wsman_class cls, const char *inner);
int bench_create(struct bench *b, enum wsman_class cls, const char *inner);
/* Delete by a selector (NULL: none): the status. */
int bench_delete(struct bench *b, enum wsman_class cls, const char *name, const char *value);
/* Enumerate and pull; the number of instances, each of which must be of class shown. */
unsigned bench_pull_all(struct bench *b, enum wsman_class cls, enum wsman_class shown);
/* Text of a member of the first instance, in the bench; "" when absent. */
const char *bench_text(struct bench *b, enum wsman_class cls, const char *member);
