/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/hosts.h"

#include "cli/provisionings.h"
#include "core/power.h"

#include <inttypes.h>

enum { PAGE = 500, STALE_MS = 60000 };

const char *power_word(const char *emf) {
    enum power_state s;
    if (!*emf || !power_state_parse(slice_str(emf), &s) || s == POWER_UNKNOWN)
        return "-";
    return power_state_text(s);
}

const char *host_label(const json_t *host) {
    const char *name = jget_str(host, "name");
    return *name ? name : jget_str(host, "resourceId");
}

const char *host_power_text(const json_t *host, char out[SAY_CAP]) {
    char age[WALL_TEXT_CAP];
    const char *state = jget_str(host, "oob.power.state"), *was = jget_str(host, "oob.power.lastKnown.state");
    if (*state && strcmp(state, "unknown") != 0) {
        int64_t ms = jget_int(host, "oob.power.ageMs", 0);
        if (ms > STALE_MS)
            snprintf(out, SAY_CAP, "%s (%s ago)", state, age_text(ms, age));
        else
            snprintf(out, SAY_CAP, "%s", state);
        return out;
    }
    if (!*was || strcmp(was, "unknown") == 0)
        snprintf(out, SAY_CAP, "unknown (never seen)");
    else
        snprintf(out, SAY_CAP, "unknown (was %s, %s ago)", was,
                 age_text(jget_int(host, "oob.power.lastKnown.ageMs", 0), age));
    return out;
}

static unsigned severity_rank(const char *severity) {
    return strcmp(severity, "error") == 0 ? 3 : strcmp(severity, "warning") == 0 ? 2 : 1;
}
enum colour severity_colour(const char *severity) {
    return severity_rank(severity) == 3   ? COLOUR_BAD
           : severity_rank(severity) == 2 ? COLOUR_DOUBT
                                          : COLOUR_FAINT;
}

static const json_t *worst_finding(const json_t *host) {
    const json_t *worst = NULL, *list = jget(host, "oob.findings");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *f = json_array_get(list, i);
        if (!worst || severity_rank(jget_str(f, "severity")) > severity_rank(jget_str(worst, "severity")))
            worst = f;
    }
    return worst;
}

const char *host_problem(const json_t *host, char out[SAY_CAP]) {
    const json_t *f = worst_finding(host), *op = jget(host, "oob.operation");
    const char *link = jget_str(host, "oob.link.state");
    out[0] = 0;
    if (f)
        snprintf(out, SAY_CAP, "%s", jget_str(f, "sentence"));
    else if (json_is_object(op))
        snprintf(out, SAY_CAP, "%s %s%s%s", jget_str(op, "kind"), jget_str(op, "state"),
                 *jget_str(op, "text") ? ": " : "", jget_str(op, "text"));
    else if (strcmp(jget_str(host, "powerStatusIndicator"), "STATUS_INDICATION_ERROR") == 0)
        snprintf(out, SAY_CAP, "%s", jget_str(host, "powerStatus"));
    else if (strcmp(link, "down") == 0 || strcmp(link, "suspect") == 0)
        snprintf(out, SAY_CAP, "link %s: %s", link, jget_str(host, "oob.link.reason"));
    return out;
}

enum colour link_colour(const char *state) {
    return strcmp(state, "up") == 0      ? COLOUR_GOOD
           : strcmp(state, "down") == 0  ? COLOUR_BAD
           : strcmp(state, "never") == 0 ? COLOUR_FAINT
                                         : COLOUR_DOUBT;
}

struct table *hosts_table_new(bool wide) {
    static const char *const heads[] = {"NAME", "ID", "DESIRED", "POWER", "LINK", "PROBLEM"};
    static const char *const wide_heads[] = {"NAME",      "ID",       "DESIRED", "POWER", "LINK",
                                             "SINCE",     "PEER",     "AMT",     "AGENT", "RECOVERY",
                                             "OPERATION", "FIRMWARE", "PROBLEM"};
    return wide ? table_new(sizeof wide_heads / sizeof *wide_heads, wide_heads)
                : table_new(sizeof heads / sizeof *heads, heads);
}

static const char *or_dash(const char *s) {
    return *s ? s : "-";
}

/* Is the agent there? "-": the host has none. */
static const char *agent_word(const json_t *host) {
    const json_t *agent = jget(host, "oob.agent");
    return !json_is_object(agent) ? "-" : jget_bool(agent, "here") ? "here" : "away";
}

/* "provisioned/ccm", "unprovisioned (activate waiting)"; "-": nothing is known. */
static const char *amt_word(const json_t *host, char out[SAY_CAP]) {
    const json_t *p = jget(host, "oob.provisioning");
    const char *state = jget_str(host, "oob.amt.state"), *mode = control_mode_word(host);
    bool up = strcmp(state, "provisioned") == 0 && *mode, open = json_is_object(p) && !provisioning_ended(p);
    snprintf(out, SAY_CAP, "%s%s%s%s%s%s%s%s", or_dash(state), up ? "/" : "", up ? mode : "",
             open ? " (" : "", open ? jget_str(p, "goal") : "", open ? " " : "",
             open ? jget_str(p, "state") : "", open ? ")" : "");
    return out;
}

void hosts_table_row(struct table *t, const json_t *host, bool wide) {
    char say[SAY_CAP], when[WALL_TEXT_CAP];
    const char *link = jget_str(host, "oob.link.state"),
               *wanted = power_word(jget_str(host, "desiredPowerState"));
    const char *power = host_power_text(host, say);
    bool doubt = strncmp(power, "unknown", 7) == 0;
    bool as_wanted = strcmp(jget_str(host, "oob.power.state"), wanted) == 0;
    table_cell(t, COLOUR_NONE, "%s", or_dash(jget_str(host, "name")));
    table_cell(t, COLOUR_NONE, "%s", jget_str(host, "resourceId"));
    table_cell(t, COLOUR_NONE, "%s", wanted);
    table_cell(t, doubt ? COLOUR_DOUBT : as_wanted ? COLOUR_GOOD : COLOUR_BAD, "%s", power);
    table_cell(t, link_colour(link), "%s", or_dash(link));
    if (wide) {
        const json_t *op = jget(host, "oob.operation");
        table_cell(t, COLOUR_NONE, "%s", when_text(jget_str(host, "oob.link.since"), when));
        table_cell(t, COLOUR_NONE, "%s", or_dash(jget_str(host, "oob.link.peer")));
        table_cell(t, COLOUR_NONE, "%s", amt_word(host, say));
        table_cell(t, COLOUR_NONE, "%s", agent_word(host));
        table_cell(t, COLOUR_NONE, "%s", or_dash(jget_str(host, "oob.recoveryPolicy")));
        if (json_is_object(op))
            table_cell(t, COLOUR_NONE, "%s %s", jget_str(op, "kind"), jget_str(op, "state"));
        else
            table_cell(t, COLOUR_NONE, "-");
        table_cell(t, COLOUR_NONE, "%s", or_dash(jget_str(host, "oob.firmware.version")));
    }
    table_cell(t, COLOUR_NONE, "%s", host_problem(host, say));
}

/* "14:02:11" of an RFC 3339 text; "-" when there is none. */
static const char *hms(const char *rfc3339, char out[WALL_TEXT_CAP]) {
    struct wall w;
    return wall_parse(rfc3339, &w) && w.us ? wall_hms(w, out) : "-";
}

void host_state_line(struct cli *c, const json_t *host) {
    char power[SAY_CAP], problem[SAY_CAP], since[WALL_TEXT_CAP];
    host_problem(host, problem);
    term_line(&c->term, "%s (%s): %s, wanted %s; link %s since %s%s%s", host_label(host),
              jget_str(host, "resourceId"), host_power_text(host, power),
              power_word(jget_str(host, "desiredPowerState")), or_dash(jget_str(host, "oob.link.state")),
              hms(jget_str(host, "oob.link.since"), since), *problem ? "; " : "", problem);
}

static void line(struct cli *c, const char *key, enum colour colour, const char *value) {
    if (!*value)
        return;
    char head[32];
    snprintf(head, sizeof head, "%s:", key);
    fprintf(c->term.out, "%-18s", head);
    term_line_head(&c->term, colour, value, "%s", "");
}

static void describe_power(struct cli *c, const json_t *host) {
    char say[SAY_CAP], text[2 * SAY_CAP], when[WALL_TEXT_CAP];
    const char *wanted = power_word(jget_str(host, "desiredPowerState"));
    const char *state = jget_str(host, "oob.power.state");
    bool doubt = !*state || strcmp(state, "unknown") == 0;
    snprintf(text, sizeof text, "%s%s%s%s", host_power_text(host, say), doubt ? "" : ", seen by ",
             doubt ? "" : or_dash(jget_str(host, "oob.power.source")), "");
    line(c, "Desired power", COLOUR_NONE, wanted);
    line(c, "Power", doubt ? COLOUR_DOUBT : strcmp(state, wanted) == 0 ? COLOUR_GOOD : COLOUR_BAD, text);
    line(c, "Power detail", COLOUR_NONE, jget_str(host, "oob.power.detail"));
    line(c, "Power status", COLOUR_NONE, jget_str(host, "powerStatus"));
    snprintf(text, sizeof text, "%s%s%s", jget_str(host, "oob.recoveryPolicy"),
             *jget_str(host, "oob.holdUntil") ? " until " : "",
             *jget_str(host, "oob.holdUntil") ? when_text(jget_str(host, "oob.holdUntil"), when) : "");
    line(c, "Recovery policy", COLOUR_NONE, text);
}

static void describe_operation(struct cli *c, const char *key, const json_t *op) {
    if (!json_is_object(op))
        return;
    char text[2 * SAY_CAP];
    snprintf(text, sizeof text, "%s %s %s by %s%s%s", jget_str(op, "id"), jget_str(op, "kind"),
             jget_str(op, "state"), jget_str(op, "actor"), *jget_str(op, "text") ? ": " : "",
             jget_str(op, "text"));
    line(c, key, COLOUR_NONE, text);
}

void decision_text(const json_t *o, char *out, size_t cap) {
    char when[WALL_TEXT_CAP];
    const char *next = jget_str(o, "nextLookAt");
    snprintf(out, cap, "%s, because %s%s%s", jget_str(o, "action"), jget_str(o, "why"),
             *next ? "; looks again at " : "", *next ? when_text(next, when) : "");
}

static enum colour amt_colour(const char *state) {
    return strcmp(state, "provisioned") == 0         ? COLOUR_GOOD
           : *state && strcmp(state, "unknown") != 0 ? COLOUR_NONE
                                                     : COLOUR_DOUBT;
}

static void describe_amt(struct cli *c, const json_t *host) {
    char text[2 * SAY_CAP], age[WALL_TEXT_CAP];
    const char *state = jget_str(host, "oob.amt.state"), *mode = control_mode_word(host),
               *source = jget_str(host, "oob.amt.source"), *want = jget_str(host, "desiredAmtState");
    bool seen = json_is_string(jget(host, "oob.amt.observedAt"));
    snprintf(text, sizeof text, "%s%s%s%s", or_dash(state), *mode ? " (" : "", mode, *mode ? ")" : "");
    if (seen) {
        size_t at = strlen(text);
        snprintf(text + at, sizeof text - at, ", told by %s %s ago", source,
                 age_text(jget_int(host, "oob.amt.ageMs", 0), age));
    }
    line(c, "AMT", amt_colour(state), text);
    line(c, "Desired AMT", COLOUR_NONE,
         strcmp(want, "AMT_STATE_PROVISIONED") == 0     ? "provisioned"
         : strcmp(want, "AMT_STATE_UNPROVISIONED") == 0 ? "unprovisioned"
                                                        : "");
    const json_t *p = jget(host, "oob.provisioning");
    if (!json_is_object(p))
        return;
    bool failed = strcmp(jget_str(p, "state"), "failed") == 0;
    provisioning_text(p, text, sizeof text);
    line(c, "Provisioning", failed ? COLOUR_BAD : provisioning_ended(p) ? COLOUR_NONE : COLOUR_DOUBT, text);
    line(c, "  remedy", COLOUR_NONE, jget_str(p, "remedy"));
}

static void describe_console(struct cli *c, const json_t *host) {
    char text[2 * SAY_CAP];
    const json_t *s = jget(host, "oob.agent.serialConsole");
    const char *tty = jget_str(s, "tty"), *note = jget_str(s, "result");
    if (!json_is_object(s) || (!*tty && !jget_bool(s, "wanted")))
        return;
    if (!*note)
        note = jget_str(s, "text");
    snprintf(text, sizeof text, "%s, login %s%s%s%s", *tty ? tty : "no port found",
             jget_bool(s, "getty") ? "running" : "not running", jget_bool(s, "wanted") ? ", wanted" : "",
             *note ? ": " : "", note);
    line(c, "Serial console", COLOUR_NONE, text);
}

static void describe_agent(struct cli *c, const json_t *host) {
    char text[2 * SAY_CAP], when[WALL_TEXT_CAP];
    const char *found = jget_str(host, "oob.amtBiosSwitch.state"),
               *by = jget_str(host, "oob.amtBiosSwitch.source"),
               *version = jget_str(host, "oob.agent.agentVersion");
    if (json_is_object(jget(host, "oob.agent"))) {
        snprintf(text, sizeof text, "%s, heard %s%s%s", agent_word(host),
                 when_text(jget_str(host, "oob.agent.seenAt"), when), *version ? ", version " : "", version);
        line(c, "Agent", COLOUR_NONE, text);
    }
    describe_console(c, host);
    if (*by) {
        snprintf(text, sizeof text, "%s (%s)", found, by);
        line(c, "AMT BIOS switch", COLOUR_NONE, text);
    }
}

void host_describe(struct cli *c, const json_t *host) {
    char text[2 * SAY_CAP], when[WALL_TEXT_CAP];
    const char *link = jget_str(host, "oob.link.state"), *reason = jget_str(host, "oob.link.reason");
    line(c, "Name", COLOUR_NONE, or_dash(jget_str(host, "name")));
    line(c, "ID", COLOUR_NONE, jget_str(host, "resourceId"));
    line(c, "Project", COLOUR_NONE, jget_str(host, "projectId"));
    describe_power(c, host);
    snprintf(text, sizeof text, "%s since %s%s%s%s", or_dash(link),
             when_text(jget_str(host, "oob.link.since"), when), *reason ? " (" : "", reason,
             *reason ? ")" : "");
    line(c, "Link", link_colour(link), text);
    line(c, "Peer", COLOUR_NONE, jget_str(host, "oob.link.peer"));
    decision_text(jget(host, "oob.decision"), text, sizeof text);
    line(c, "Decision", COLOUR_NONE, text);
    describe_operation(c, "Operation", jget(host, "oob.operation"));
    describe_operation(c, "Next operation", jget(host, "oob.nextOperation"));
    describe_amt(c, host);
    describe_agent(c, host);
    line(c, "Firmware", COLOUR_NONE, jget_str(host, "oob.firmware.version"));
    line(c, "Model", COLOUR_NONE, jget_str(host, "oob.firmware.model"));
    line(c, "BIOS", COLOUR_NONE, jget_str(host, "oob.firmware.biosVersion"));
    line(c, "SMBIOS UUID", COLOUR_NONE, jget_str(host, "uuid"));
    line(c, "AMT UUID", COLOUR_NONE, jget_str(host, "oob.aliases.amtUuid"));
    line(c, "Seen UUID", COLOUR_NONE, jget_str(host, "oob.aliases.seenUuid"));
    line(c, "UUID order", COLOUR_NONE, jget_str(host, "oob.aliases.uuidOrder"));
    line(c, "Serial", COLOUR_NONE, jget_str(host, "serialNumber"));
    snprintf(text, sizeof text, "%s%s", jget_str(host, "oob.aliases.ciraUser"),
             jget_bool(host, "oob.aliases.ciraShared") ? " (shared: told apart by AMT UUID)" : "");
    line(c, "CIRA user", COLOUR_NONE, text);
    const json_t *findings = jget(host, "oob.findings");
    for (size_t i = 0; i < json_array_size(findings); i++) {
        const json_t *f = json_array_get(findings, i);
        snprintf(text, sizeof text, "%s: %s", jget_str(f, "id"), jget_str(f, "sentence"));
        line(c, "Finding", severity_colour(jget_str(f, "severity")), text);
        line(c, "  remedy", COLOUR_NONE, jget_str(f, "remedy"));
    }
}

int hosts_fetch(struct cli *c, const char *filter, const char *order, json_t **out) {
    json_t *all = json_array();
    struct buf path = {0};
    int code = all ? EXIT_OK : EXIT_FAILED;
    bool more = true;
    while (code == EXIT_OK && more) {
        json_t *page = NULL;
        char offset[24], size[24];
        snprintf(offset, sizeof offset, "%zu", json_array_size(all));
        snprintf(size, sizeof size, "%d", PAGE);
        cli_path(c, &path, "/hosts");
        path_query(&path, "filter", filter);
        path_query(&path, "orderBy", order);
        path_query(&path, "pageSize", size);
        if (json_array_size(all))
            path_query(&path, "offset", offset);
        code = cli_get(c, buf_cstr(&path), &page);
        const json_t *hosts = jget(page, "hosts");
        if (code == EXIT_OK && json_array_extend(all, (json_t *)(uintptr_t)hosts) < 0) {
            term_say(&c->term, "the server's list of hosts is malformed");
            code = EXIT_FAILED;
        }
        more = jget_bool(page, "hasNext") && json_array_size(hosts) > 0;
        json_decref(page);
    }
    buf_free(&path);
    if (code != EXIT_OK) {
        json_decref(all);
        all = NULL;
    }
    *out = all;
    return code;
}
