/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: what is wrong with all hosts. doctor host: the ladder of what was seen of one, each step standing
 * on the one below, and what to do. */
#include "cli/handlers.h"
#include "cli/hosts.h"

#include <inttypes.h>

enum step_state { STEP_GOOD, STEP_BAD, STEP_UNKNOWN };

struct step {
    const char *name;
    enum step_state state;
    char seen[2 * SAY_CAP];
    const char *remedy; /* "" none */
};

static const json_t *finding_of(const json_t *findings, const char *id) {
    for (size_t i = 0; i < json_array_size(findings); i++)
        if (strcmp(jget_str(json_array_get(findings, i), "id"), id) == 0)
            return json_array_get(findings, i);
    return NULL;
}

/* A device of this host's CIRA user that knocked and was refused; admins only see it. Borrowed from *list. */
static const json_t *refused_login(struct cli *c, const json_t *host, json_t **list) {
    const char *user = jget_str(host, "oob.aliases.ciraUser");
    const struct request rq = {.method = "GET", .target = "/api/v1/quarantine"};
    struct answer a;
    struct errinfo ei = {0};
    *list = NULL;
    if (!*user || client_call(c->client, &rq, &a, &ei) < 0)
        return NULL;
    if (a.status == 200)
        *list = json_incref(a.json);
    answer_free(&a);
    const json_t *entries = jget(*list, "entries");
    for (size_t i = 0; i < json_array_size(entries); i++)
        if (strcmp(jget_str(json_array_get(entries, i), "user"), user) == 0)
            return json_array_get(entries, i);
    return NULL;
}

static void step_link(struct step *s, const json_t *host, const json_t *findings) {
    char when[WALL_TEXT_CAP];
    const char *state = jget_str(host, "oob.link.state"), *reason = jget_str(host, "oob.link.reason");
    bool up = strcmp(state, "up") == 0, never = strcmp(state, "never") == 0;
    *s = (struct step){.name = "link", .state = up ? STEP_GOOD : STEP_BAD, .remedy = ""};
    if (never)
        snprintf(s->seen, sizeof s->seen, "no tunnel was ever opened by this host");
    else
        snprintf(s->seen, sizeof s->seen, "%s since %s%s%s, generation %" PRId64 "%s%s", state,
                 when_text(jget_str(host, "oob.link.since"), when), *reason ? ": " : "", reason,
                 jget_int(host, "oob.link.generation", 0), up ? ", from " : "",
                 up ? jget_str(host, "oob.link.peer") : "");
    const json_t *f = finding_of(findings, "drops-at-s5");
    if (!f)
        f = finding_of(findings, "link-lost");
    if (!up && f)
        s->remedy = jget_str(f, "remedy");
    else if (!up)
        s->remedy =
            never ? "Check that the device is activated, and that its MPS address and port are this server's."
                  : "Check mains power and network of the host; the link comes back by itself.";
}

static void step_login(struct step *s, const json_t *host, const json_t *refused) {
    const char *state = jget_str(host, "oob.link.state");
    bool never = strcmp(state, "never") == 0, up = strcmp(state, "up") == 0;
    *s = (struct step){.name = "login", .state = never ? STEP_UNKNOWN : STEP_GOOD, .remedy = ""};
    snprintf(s->seen, sizeof s->seen, never ? "no login was seen" : "%s as %s",
             up ? "logged in" : "logged in when last up,", jget_str(host, "oob.aliases.ciraUser"));
    if (!refused || up)
        return;
    s->state = STEP_BAD;
    snprintf(s->seen, sizeof s->seen, "refused %" PRId64 " times, last from %s: %s",
             jget_int(refused, "count", 1), jget_str(refused, "peer"), jget_str(refused, "reason"));
    s->remedy = "Set the host's CIRA password to the device's, or activate the device again.";
}

static void step_firmware(struct step *s, const json_t *host, const json_t *findings) {
    char age[WALL_TEXT_CAP];
    const json_t *f = finding_of(findings, "amt-secret");
    if (!f)
        f = finding_of(findings, "firmware-mute");
    const char *seen = jget_str(host, "oob.power.lastKnown.observedAt"),
               *version = jget_str(host, "oob.firmware.version");
    *s = (struct step){.name = "WS-MAN",
                       .state = f       ? STEP_BAD
                                : *seen ? STEP_GOOD
                                        : STEP_UNKNOWN,
                       .remedy = ""};
    if (f) {
        snprintf(s->seen, sizeof s->seen, "%s", jget_str(f, "sentence"));
        s->remedy = jget_str(f, "remedy");
    } else if (*seen) {
        snprintf(s->seen, sizeof s->seen, "the firmware%s%s answered %s ago", *version ? " " : "", version,
                 age_text(jget_int(host, "oob.power.lastKnown.ageMs", 0), age));
    } else {
        snprintf(s->seen, sizeof s->seen, "the firmware has not answered yet");
    }
}

static void step_power(struct step *s, const json_t *host) {
    char say[SAY_CAP];
    const char *state = jget_str(host, "oob.power.state"),
               *wanted = power_word(jget_str(host, "desiredPowerState"));
    bool known = *state && strcmp(state, "unknown") != 0, as_wanted = strcmp(state, wanted) == 0;
    *s = (struct step){.name = "power",
                       .state = !known      ? STEP_UNKNOWN
                                : as_wanted ? STEP_GOOD
                                            : STEP_BAD,
                       .remedy = ""};
    snprintf(s->seen, sizeof s->seen, "%s, wanted %s", host_power_text(host, say), wanted);
}

static void print_step(struct cli *c, const struct step *s) {
    static const struct {
        const char *text;
        enum colour colour;
    } mark[] = {[STEP_GOOD] = {"ok  ", COLOUR_GOOD},
                [STEP_BAD] = {"BAD ", COLOUR_BAD},
                [STEP_UNKNOWN] = {"?   ", COLOUR_DOUBT}};
    term_line_head(&c->term, mark[s->state].colour, mark[s->state].text, " %-7s %s", s->name, s->seen);
    if (s->state != STEP_GOOD && *s->remedy)
        term_line(&c->term, "             -> %s", s->remedy);
}

/* with_host: the findings are of many hosts. */
static void print_findings(struct cli *c, const json_t *findings, bool with_host) {
    for (size_t i = 0; i < json_array_size(findings); i++) {
        const json_t *f = json_array_get(findings, i);
        const char *severity = jget_str(f, "severity"), *paragraph = jget_str(f, "paragraph");
        const char *name = jget_str(f, "name");
        if (with_host)
            term_line(&c->term, "%s", *name ? name : jget_str(f, "host"));
        term_line_head(&c->term, severity_colour(severity), severity, " %s: %s", jget_str(f, "id"),
                       jget_str(f, "sentence"));
        if (*jget_str(f, "remedy"))
            term_line(&c->term, "  -> %s", jget_str(f, "remedy"));
        if (*paragraph)
            term_line(&c->term, "  see \"%s\"", paragraph);
    }
    if (json_array_size(findings) == 0)
        term_line(&c->term, "no findings");
}

static void print_doctor(struct cli *c, const json_t *host, const json_t *explain) {
    char text[2 * SAY_CAP];
    const json_t *findings = jget(explain, "findings"), *evidence = jget(explain, "evidence");
    json_t *quarantine;
    const json_t *refused = refused_login(c, host, &quarantine);
    term_line(&c->term, "%s (%s)", host_label(host), jget_str(host, "resourceId"));
    struct step s;
    step_link(&s, host, findings);
    print_step(c, &s);
    step_login(&s, host, refused);
    print_step(c, &s);
    step_firmware(&s, host, findings);
    print_step(c, &s);
    step_power(&s, host);
    print_step(c, &s);
    fputc('\n', c->term.out);
    decision_text(jget(explain, "decision"), text, sizeof text);
    term_line(&c->term, "decision: %s", text);
    for (size_t i = 0; i < json_array_size(evidence); i++)
        term_line(&c->term, "  - %s",
                  json_string_value(json_array_get(evidence, i))
                      ? json_string_value(json_array_get(evidence, i))
                      : "");
    print_findings(c, findings, false);
    json_decref(quarantine);
}

int cmd_doctor_host(struct cli *c, const struct args *a) {
    struct buf path = {0};
    json_t *host = NULL, *explain = NULL;
    int code = cli_get(c, cli_host_path(c, &path, a->words[0], ""), &host);
    if (code == EXIT_OK)
        code = cli_get(c, cli_host_path(c, &path, jget_str(host, "resourceId"), "/explain"), &explain);
    if (code == EXIT_OK && !cli_print_value(c, explain))
        print_doctor(c, host, explain);
    json_decref(host);
    json_decref(explain);
    buf_free(&path);
    return code;
}

int cmd_doctor(struct cli *c, const struct args *a) {
    struct buf path = {0};
    json_t *v = NULL;
    int code = cli_get(c, cli_path(c, &path, "/findings"), &v);
    const json_t *list = jget(v, "findings");
    if (code == EXIT_OK && !cli_print_value(c, v)) {
        if (json_array_size(list))
            print_findings(c, list, true);
        else
            term_say(&c->term, "nothing is wrong with any host");
    }
    json_decref(v);
    buf_free(&path);
    return code;
}
