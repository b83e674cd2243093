/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/provisionings.h"

#include "core/provision.h"

#include <stdio.h>

bool provisioning_ended(const json_t *p) {
    const char *state = jget_str(p, "state");
    for (unsigned s = 0; s < PROV_STATE_COUNT; s++)
        if (strcmp(prov_state_text((enum prov_state)s), state) == 0)
            return prov_state_ended((enum prov_state)s);
    return true;
}

void provisioning_text(const json_t *p, char *out, size_t cap) {
    const char *text = jget_str(p, "text"), *phase = provisioning_ended(p) ? "" : jget_str(p, "phase");
    snprintf(out, cap, "%s %s%s%s%s%s", jget_str(p, "goal"), jget_str(p, "state"), *phase ? ", " : "", phase,
             *text ? ": " : "", text);
}

const char *control_mode_word(const json_t *host) {
    const char *mode = jget_str(host, "amtControlMode");
    return strcmp(mode, "AMT_CONTROL_MODE_ACM") == 0   ? "acm"
           : strcmp(mode, "AMT_CONTROL_MODE_CCM") == 0 ? "ccm"
                                                       : "";
}

static void say_change(void *ctx, const json_t *p) {
    const struct follow_say *say = ctx;
    char text[512], when[WALL_TEXT_CAP];
    if (!say->c || provisioning_ended(p))
        return;
    provisioning_text(p, text, sizeof text);
    when_text(jget_str(p, "updatedAt"), when);
    term_line(&say->c->term, "%s  %s", strlen(when) > 11 ? when + 11 : when, text);
    fflush(say->c->term.out);
}

void provisioning_follow(const struct cli *c, struct client *cl, const char *host,
                         const struct follow_say *say, struct outcome *o) {
    struct buf path = {0};
    struct follow_say to = *say;
    char later[160];
    snprintf(later, sizeof later, "It goes on at the server: orch-cli get provisioning %.100s", host);
    const struct followed f = {.target = cli_host_path(c, &path, host, "/provisioning"),
                               .later = later,
                               .ended = provisioning_ended,
                               .text = provisioning_text,
                               .changed = say_change,
                               .ctx = &to};
    follow(c, cl, &f, mono_add_ms(now_mono(), cli_timeout_ms(c, PROVISIONING_WAIT_MS)), o);
    buf_free(&path);
}

void provisioning_begun(const struct cli *c, struct client *cl, const char *host, const char *wanted,
                        bool wait, const struct follow_say *say, struct outcome *o) {
    const json_t *p = jget(o->json, "oob.provisioning");
    bool up = strcmp(wanted, "AMT_STATE_PROVISIONED") == 0;
    const char *state = jget_str(o->json, "oob.amt.state"), *mode = control_mode_word(o->json);
    /* an old one that has ended says nothing of a node that is as wanted */
    if ((!json_is_object(p) || provisioning_ended(p)) &&
        strcmp(state, up ? "provisioned" : "unprovisioned") == 0)
        snprintf(o->text, sizeof o->text, "it is %s already%s%s%s", state, up && *mode ? " (" : "",
                 up ? mode : "", up && *mode ? ")" : "");
    else if (wait)
        provisioning_follow(c, cl, host, say, o);
    else if (json_is_object(p))
        provisioning_text(p, o->text, sizeof o->text);
}
