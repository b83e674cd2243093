/* SPDX-License-Identifier: Apache-2.0 */
#include "server/fleet_reseal.h"

#include <stdio.h>
#include <string.h>

static int reseal(const struct app *a, const char *from, const char *to, const char *what, struct sealed *s) {
    char secret[SEALED_MAX], context[HOST_ID_CAP + 8];
    if (!s->n)
        return 0;
    snprintf(context, sizeof context, "%s/%s", from, what);
    int r = seal_open(a->seal, context, s, secret, sizeof secret);
    snprintf(context, sizeof context, "%s/%s", to, what);
    if (r == 0)
        r = seal_put(a->seal, context, slice_str(secret), s);
    explicit_bzero(secret, sizeof secret);
    return r;
}

int fleet_reseal(const struct app *a, const char *from, struct store_host *row) {
    int r = reseal(a, from, row->id, "cira", &row->cira_secret);
    if (r == 0)
        r = reseal(a, from, row->id, "amt", &row->amt_secret);
    if (r == 0)
        r = reseal(a, from, row->id, "mebx", &row->mebx_secret);
    return r < 0 ? r
                 : reseal(a, from, row->id, "mebx", &row->mebx_next); /* one the firmware may have taken */
}
