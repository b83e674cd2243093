/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include "cli/handlers.h"

#include <stdio.h>

#define OPTS(...)                                                                                            \
    (const struct command_opt[]) {                                                                           \
        __VA_ARGS__ {                                                                                        \
            OPT_NONE, NULL, NULL                                                                             \
        }                                                                                                    \
    }
#define EXAMPLES(...)                                                                                        \
    (const char *const[]) {                                                                                  \
        __VA_ARGS__, NULL                                                                                    \
    }
#define CODE(x) (1u << EXIT_##x)

enum {
    ANY = UINT16_MAX,
    BARRIER_S = 120, /* a node is deactivated before the answer; the server gives up earlier */
};

const struct command_opt command_globals[] = {
    {OPT_API_ENDPOINT, "the server, such as https://orchestrator:8443 (default: the one logged in to)", NULL},
    {OPT_ORCH_CA, "certificates to trust, PEM (default: those given at login, else the system's)", NULL},
    {OPT_PROJECT, "the project to work in (default: the one given at login, else \"default\")", NULL},
    {OPT_TIMEOUT, "give up after so many seconds (default 30)", NULL},
    {OPT_HELP, "print the help of the command", NULL},
    {OPT_NONE, NULL, NULL},
};

#define OUTPUT(words)                                                                                        \
    { OPT_OUTPUT, "how to print", words }
#define DATA OUTPUT("table|json|yaml")
#define FANOUT                                                                                               \
    { OPT_FANOUT, "hosts worked on at a time (1 to 64, default 16)", NULL }
#define YES                                                                                                  \
    { OPT_YES, "do not ask", NULL }
#define CONSENT_CODE                                                                                         \
    {                                                                                                        \
        OPT_CONSENT_CODE,                                                                                    \
            "the six digits of the node's screen (- reads them from standard input); else asked for", NULL   \
    }
#define TAKE_OVER                                                                                            \
    { OPT_TAKE_OVER, "end the session of this kind that is open first: one's own, or as admin any", NULL }
#define FORGET_FORCE                                                                                         \
    { OPT_FORCE, "go on when the node cannot be reached, and say what is left behind", NULL }
#define FILTER_HELP                                                                                          \
    "which hosts: comparisons (= != < > <= >= and : for has) of fields, joined by AND, OR, NOT, such as "    \
    "'oob.link.state=\"up\" AND name=\"rack1-*\"'"

/* Rows of things that are listed, shown and deleted by name. fn: as in cmd_list_FN; few: what more may go
 * wrong
 */
#define LIST_ROW(what, fn, doc)                                                                              \
    {                                                                                                        \
        .verb = "list", .object = what, .words = "", .summary = doc,                                         \
        .opts = OPTS(OUTPUT("table|json|yaml|name"), ),                                                      \
        .exits = CODE(AUTH) | CODE(UNREACHABLE) | CODE(TIMEOUT), .run = cmd_list_##fn,                       \
    }
#define GET_ROW(what, fn)                                                                                    \
    {                                                                                                        \
        .verb = "get", .object = what, .words = "NAME", .word = WORD_OTHER, .words_min = 1, .words_max = 1,  \
        .summary = "Show one " what, .opts = OPTS(DATA, ),                                                   \
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(UNREACHABLE) | CODE(TIMEOUT), .run = cmd_get_##fn,      \
    }
#define DELETE_ROW(what, fn)                                                                                 \
    {                                                                                                        \
        .verb = "delete", .object = what, .words = "NAME", .word = WORD_OTHER, .words_min = 1,               \
        .words_max = 1, .summary = "Delete one " what, .opts = OPTS(YES, ),                                  \
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),           \
        .run = cmd_delete_##fn,                                                                              \
    }

const struct command commands[] = {
    {
        .verb = "login",
        .words = "USER",
        .word = WORD_OTHER,
        .words_min = 1,
        .words_max = 1,
        .summary = "Log in to a server and keep the token",
        .details =
            "The password comes from --password-file, or is asked for on the terminal; it is never an "
            "argument. The token, the address, the project and the certificates of --orch-ca are kept in "
            "~/.orch-cli (or $ORCH_CLI_CONFIG), which only its owner may read.",
        .opts = OPTS(
            {OPT_PASSWORD_FILE, "file with the password on its only line (- is standard input)", NULL}, ),
        .examples = EXAMPLES("login admin --api-endpoint https://127.0.0.1:8443 --orch-ca ca.pem",
                             "log in, asking for the password"),
        .exits = CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_login,
    },
    {
        .verb = "logout",
        .words = "",
        .summary = "End the login and forget the token",
        .opts = OPTS(),
        .exits = CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_logout,
    },
    {
        .verb = "list",
        .object = "host",
        .words = "",
        .summary = "List hosts with their wanted and observed power, link, and what is wrong",
        .details =
            "Power is what was last observed. A host that cannot be asked is shown as unknown, with what "
            "was known last and how long ago.",
        .opts = OPTS(
            {OPT_FILTER, FILTER_HELP, NULL},
            {OPT_ORDER_BY, "fields to sort by, such as \"oob.link.since desc, name\" (default: name)", NULL},
            {OPT_OUTPUT, "how to print", "table|wide|json|yaml|name"},
            {OPT_WATCH, "go on printing hosts as they change, until interrupted or --timeout", NULL}, ),
        .examples =
            EXAMPLES("list host --filter 'oob.link.state!=\"up\"'", "the hosts that cannot be reached",
                     "list host -o name --filter 'name=\"rack1-*\"'", "names only, for a script"),
        .exits = CODE(AUTH) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_list_host,
    },
    {
        .verb = "get",
        .object = "host",
        .words = "HOST",
        .word = WORD_HOST,
        .words_min = 1,
        .words_max = 1,
        .summary = "Show one host",
        .details =
            "With --watch the present state is printed, and then each event of the host with its time as "
            "it comes. A lost connection is taken up again where it broke.",
        .opts = OPTS({OPT_OUTPUT, "how to print", "table|wide|json|yaml|name"},
                     {OPT_WATCH, "tell the story of the host until interrupted or --timeout", NULL},
                     {OPT_MAX_COUNT, "with --watch: stop after so many events", NULL}, ),
        .examples = EXAMPLES("get host n1 --watch", "follow what happens to n1"),
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_get_host,
    },
    {
        .verb = "create",
        .object = "host",
        .words = "[NAME]",
        .word = WORD_OTHER,
        .words_max = 1,
        .summary = "Make a host known, or many from a CSV file",
        .details =
            "Secrets come from files only. A CSV file has a header line with columns of "
            "Name,AmtUUID,SmbiosUUID,Serial,CiraUser,CiraPassword,AmtUser,AmtPassword,DesiredPowerState,"
            "ControlMode; one bad row is reported with its line, and then nothing of the file is taken.",
        .opts =
            OPTS({OPT_CIRA_USER, "user name of the device for its tunnel", NULL},
                 {OPT_CIRA_PASSWORD_FILE, "file with the password of that user", NULL},
                 {OPT_AMT_USER, "user name at the device's firmware (default admin)", NULL},
                 {OPT_AMT_PASSWORD_FILE, "file with the password at the firmware", NULL},
                 {OPT_AMT_UUID, "UUID of the firmware", NULL}, {OPT_UUID, "UUID of the SMBIOS", NULL},
                 {OPT_SERIAL, "serial number", NULL}, {OPT_DESIRED_POWER, "power to keep the host in", NULL},
                 {OPT_CONTROL_MODE, "AMT control mode", NULL},
                 {OPT_IMPORT_FROM_CSV, "read hosts from this file (- is standard input)", NULL},
                 {OPT_DRY_RUN, "check only, change nothing", NULL}, DATA, ),
        .examples = EXAMPLES(
            "create host n1 --cira-user n1 --cira-password-file cira.txt --amt-password-file amt.txt",
            "one host", "create host --import-from-csv fleet.csv --dry-run", "check a file"),
        .exits = CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_create_host,
    },
    {
        .verb = "set",
        .object = "host",
        .words = "[HOST…]",
        .word = WORD_HOST,
        .words_max = ANY,
        .summary =
            "Change power, AMT state, recovery policy, name or AMT login of hosts; open and end sessions",
        .details =
            "on, off, sleep and hibernate set the wanted power and start the operation at once; reset and "
            "power-cycle are done once. HOST is a name or an id; node[001-250] stands for many names. With "
            "more than one host a line is printed for each, and --yes is needed for more than 10. A session "
            "is "
            "of one host: kvm is shown in a browser, sol is the serial console on this terminal, where ~. "
            "behind a newline ends it and ~? lists the keys. Where the node's user must consent, the code on "
            "its screen is asked for. An interrupted session is taken up again by itself.",
        .opts = OPTS(
            {OPT_POWER, "the power operation to do", NULL},
            {OPT_GRACEFUL, "with off or reset: ask the operating system to do it", NULL},
            {OPT_FORCE, "do it though a session or another operation is in the way", NULL},
            {OPT_WAIT, "wait until it has ended and the state was seen", NULL},
            {OPT_TIMEOUT,
             "the power operation expires after so many seconds (default: the server's); AMT: wait so long "
             "(default 900)",
             NULL},
            {OPT_AMT_STATE,
             "provisioned: the firmware is set up by the node's agent; unprovisioned: it is freed", NULL},
            {OPT_CONTROL_MODE, "with --amt-state provisioned (default ccm, or the profile's)", NULL},
            {OPT_AMT_PROFILE, "with --amt-state provisioned (default PROJECT_ccm or PROJECT_acm)", NULL},
            {OPT_RECOVERY_POLICY,
             "keep: bring the wanted power back whenever it is lost; respect-local: obey a clean shutdown at "
             "the host; hold: leave the host alone",
             NULL},
            {OPT_SERIAL_CONSOLE, "the login on the AMT serial port, which the node's agent sees to", NULL},
            {OPT_UNTIL, "end of hold: a time such as 2026-11-22T18:00:00Z, or from now: 90m, 2h, 3d", NULL},
            {OPT_NAME, "new name (one host)", NULL},
            {OPT_AMT_USER, "user name at the device's firmware (default: as it is)", NULL},
            {OPT_AMT_PASSWORD_FILE, "file with the password that the firmware has now", NULL},
            {OPT_FILTER, FILTER_HELP, NULL},
            {OPT_SESSION_TYPE, "which session; goes with --session-state", NULL},
            {OPT_SESSION_STATE, "open a session and stay in it, or end the one that is open", NULL},
            CONSENT_CODE, TAKE_OVER, {OPT_VIEW_ONLY, "kvm: look, without keyboard and mouse", NULL},
            {OPT_NO_BROWSER, "kvm: print the address of the screen only", NULL},
            {OPT_LOG, "sol: write what the node sends to this file, too", NULL},
            {OPT_LINGER, "sol on pipes: listen so long behind the end of the input (default 2)", NULL},
            {OPT_DRY_RUN, "say what would be done, change nothing", NULL}, YES, FANOUT, DATA, ),
        .examples = EXAMPLES(
            "set host n1 --power off --wait", "switch n1 off and wait until it is seen off",
            "set host n1 --recovery-policy hold --until 2h", "maintenance for two hours",
            "set host node[001-250] --power on --yes", "switch 250 hosts on",
            "set host --filter 'name=\"rack1-*\"' --power reset --dry-run", "see what would be reset",
            "set host n1 --session-type sol --session-state start", "the serial console of n1",
            "set host n1 --amt-state provisioned --control-mode ccm --wait", "activate AMT of n1"),
        .exits =
            CODE(NOT_FOUND) | CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT) | CODE(PARTIAL),
        .run = cmd_set_host,
    },
    {
        .verb = "import",
        .object = "host",
        .words = "",
        .summary = "Take over the nodes of a public MPS/RPS",
        .details =
            "Nodes come from its REST API, a CSV export (guid, hostname, mpsusername, mpspassword, amtuser, "
            "amtpassword, …), a JSON export of its Vault (devices/GUID), or of several of these: they are "
            "joined by GUID. Passwords never come over REST. What comes over, and what cannot and why, is "
            "told for each node. outbandd import-ca takes over the MPS's own root certificate, so that nodes "
            "connect without being touched.",
        .opts = OPTS(
            {OPT_FROM_MPS, "address of the MPS, such as https://mps.example/mps", NULL},
            {OPT_MPS_USER, "user name at the MPS", NULL},
            {OPT_PASSWORD_FILE, "file with its password (- is standard input); else it is asked for", NULL},
            {OPT_MPS_CA, "certificates to trust for the MPS (default: the system's)", NULL},
            {OPT_FROM_CSV, "read nodes and secrets from this file", NULL},
            {OPT_VAULT_JSON, "read secrets from this export of the MPS's Vault", NULL},
            {OPT_DRY_RUN, "tell what would come over, change nothing", NULL}, DATA, ),
        .examples = EXAMPLES(
            "import host --from-mps https://mps.example/mps --mps-user standalone --password-file p.txt "
            "--vault-json vault.json --dry-run",
            "what would come over"),
        .exits = CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT) | CODE(PARTIAL),
        .run = cmd_import_host,
    },
    {
        .verb = "merge",
        .object = "host",
        .words = "HOST OTHER",
        .word = WORD_HOST,
        .words_min = 2,
        .words_max = 2,
        .summary = "Two hosts are one machine: make them one",
        .details =
            "What belongs to the firmware is taken from the one with the live tunnel, else from the one "
            "seen last. The one with the agent keeps its id; the name is HOST's. Asks first on a "
            "terminal.",
        .opts = OPTS(YES, DATA, ),
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_merge_host,
    },
    {
        .verb = "split",
        .object = "host",
        .words = "HOST",
        .word = WORD_HOST,
        .words_min = 1,
        .words_max = 1,
        .summary = "One host is two machines: a new host takes some of its aliases",
        .opts = OPTS({OPT_ALIAS,
                      "what the new host takes, with commas between: smbiosUuid, amtUuid, serial, ciraUser "
                      "(needed); with ciraUser go its secrets and what was read of the firmware",
                      NULL},
                     {OPT_NAME, "name of the new host (needed)", NULL}, DATA, ),
        .examples = EXAMPLES("split host n1 --alias ciraUser,amtUuid --name n2",
                             "the firmware that calls as n1 is another machine"),
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_split_host,
    },
    {
        .verb = "report",
        .object = "compliance",
        .words = "",
        .summary = "Which nodes can have AMT switched off, by what, and which are exceptions",
        .details =
            "A node is compliant when its BIOS or its firmware can switch AMT off. It is known from the "
            "node's agent or from the table of boards. An exception is recorded with orch-cli create "
            "exception.",
        .opts = OPTS(OUTPUT("table|json|yaml|csv"), ),
        .exits = CODE(AUTH) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_report_compliance,
    },
    {
        .verb = "delete",
        .object = "host",
        .words = "HOST…",
        .word = WORD_HOST,
        .words_min = 1,
        .words_max = ANY,
        .summary = "Deactivate and forget hosts",
        .details =
            "The firmware is freed first; a node that cannot be reached is not deleted without --force. "
            "Asks first on a terminal. More than 10 hosts need --yes.",
        .opts = OPTS(YES, FORGET_FORCE, {OPT_DRY_RUN, "say what would be deleted, change nothing", NULL},
                     FANOUT, DATA, ),
        .exits =
            CODE(NOT_FOUND) | CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT) | CODE(PARTIAL),
        .answer_s = BARRIER_S,
        .run = cmd_delete_host,
    },
    {
        .verb = "deauthorize",
        .object = "host",
        .words = "HOST…",
        .word = WORD_HOST,
        .words_min = 1,
        .words_max = ANY,
        .summary = "Deactivate nodes and void their secrets and their agents' identity",
        .details =
            "The hosts stay in the list. A node that cannot be reached stays as it is without --force. "
            "Asks first on a terminal. More than 10 hosts need --yes.",
        .opts = OPTS(YES, FORGET_FORCE, {OPT_DRY_RUN, "say what would be done, change nothing", NULL}, FANOUT,
                     DATA, ),
        .examples = EXAMPLES("deauthorize host n1 --yes", "n1 was stolen, or is given away"),
        .exits =
            CODE(NOT_FOUND) | CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT) | CODE(PARTIAL),
        .answer_s = BARRIER_S,
        .run = cmd_deauthorize_host,
    },
    {
        .verb = "rotate",
        .object = "host",
        .words = "[HOST…]",
        .word = WORD_HOST,
        .words_max = ANY,
        .summary = "Give nodes new secrets",
        .details =
            "The new secret is stored beside the old one, set on the firmware, proved by a login, and only "
            "then takes the old one's place. More than 10 hosts need --yes.",
        .opts = OPTS({OPT_SECRET, "AMT password, CIRA password, or both (needed)", NULL},
                     {OPT_FILTER, FILTER_HELP, NULL}, {OPT_WAIT, "wait until it has ended", NULL},
                     {OPT_TIMEOUT, "wait so many seconds (default 900)", NULL},
                     {OPT_DRY_RUN, "say what would be done, change nothing", NULL}, YES, FANOUT, DATA, ),
        .examples = EXAMPLES("rotate host n1 --secret all --wait", "new secrets for n1",
                             "rotate host --filter 'name=\"rack1-*\"' --secret amt --yes", "for a rack"),
        .exits =
            CODE(NOT_FOUND) | CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT) | CODE(PARTIAL),
        .answer_s = BARRIER_S,
        .run = cmd_rotate_host,
    },
    {
        .verb = "get",
        .object = "provisioning",
        .words = "HOST",
        .word = WORD_HOST,
        .words_min = 1,
        .words_max = 1,
        .summary = "Show what is under way with the firmware of a host, or came last",
        .opts = OPTS(DATA, ),
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_get_provisioning,
    },
    {
        .verb = "delete",
        .object = "provisioning",
        .words = "HOST",
        .word = WORD_HOST,
        .words_min = 1,
        .words_max = 1,
        .summary = "Cancel what is under way with the firmware of a host",
        .details = "Behind the set-up the node is rolled back: deactivated, when it can be reached.",
        .opts = OPTS(DATA, ),
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_delete_provisioning,
    },
    {
        .verb = "delete",
        .object = "agent",
        .words = "HOST…",
        .word = WORD_HOST,
        .words_min = 1,
        .words_max = ANY,
        .summary = "Revoke the identity of hosts' agents",
        .details = "The agent is out at once; the node may be enrolled again with pm-agent enrol. The host "
                   "stays in the list.",
        .opts = OPTS(YES, {OPT_DRY_RUN, "say what would be done, change nothing", NULL}, FANOUT, DATA, ),
        .exits =
            CODE(NOT_FOUND) | CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT) | CODE(PARTIAL),
        .run = cmd_delete_agent,
    },
    {
        .verb = "kvm-bridge",
        .object = "host",
        .words = "HOST",
        .word = WORD_HOST,
        .words_min = 1,
        .words_max = 1,
        .summary = "Give any VNC viewer on this machine the screen of a host",
        .details =
            "Each viewer that connects gets a KVM session of its own; one at a time. A session that breaks "
            "is taken up again behind the viewer. The port has no password: it is for this machine only, "
            "unless "
            "--listen names another address.",
        .opts = OPTS({OPT_LISTEN, "where viewers connect (default 127.0.0.1:5900); port 0 picks one", NULL},
                     {OPT_VIEW_ONLY, "show the screen, pass no key and no mouse", NULL}, CONSENT_CODE,
                     TAKE_OVER, {OPT_ONCE, "end after the first viewer", NULL}, ),
        .examples =
            EXAMPLES("kvm-bridge host n1 --listen 127.0.0.1:5901 --once", "then: vncviewer 127.0.0.1::5901"),
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_kvm_bridge,
    },
    {
        .verb = "list",
        .object = "session",
        .words = "[host] HOST",
        .word = WORD_HOST,
        .words_min = 1,
        .words_max = 2,
        .summary = "List the KVM, SOL and IDE-R sessions of a host, open ones first",
        .opts = OPTS(OUTPUT("table|json|yaml|name"), ),
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_list_session,
    },
    {
        .verb = "iso",
        .object = "mount",
        .words = "[host] HOST FILE",
        .word = WORD_HOST,
        .words_min = 2,
        .words_max = 3,
        .summary = "Give a host an image of this machine as its CD or floppy drive (IDE-R)",
        .details = "Stays until Ctrl-C, or iso eject from elsewhere, and serves what the node reads. A .iso "
                   "is a CD; "
                   "a .ima, .flp, .vfd or a file of a floppy's size is a floppy.",
        .opts = OPTS({OPT_FLOPPY, "the image is a floppy's", NULL},
                     {OPT_WHEN, "when the drive appears (default now)", NULL}, CONSENT_CODE, TAKE_OVER, ),
        .examples = EXAMPLES("iso mount host n1 rescue.iso --when reboot", "there at the next start"),
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_iso_mount,
    },
    {
        .verb = "iso",
        .object = "eject",
        .words = "[host] HOST",
        .word = WORD_HOST,
        .words_min = 1,
        .words_max = 2,
        .summary = "End the IDE-R session of a host: its drive is gone",
        .opts = OPTS(),
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_iso_eject,
    },
    {
        .verb = "doctor",
        .object = "host",
        .words = "HOST",
        .word = WORD_HOST,
        .words_min = 1,
        .words_max = 1,
        .summary = "Explain a host: what was seen of link, login, firmware and power, and what to do",
        .opts = OPTS(DATA, ),
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_doctor_host,
    },
    {
        .verb = "doctor",
        .words = "",
        .summary = "List what is wrong, for all hosts, with remedies",
        .opts = OPTS(DATA, ),
        .exits = CODE(AUTH) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_doctor,
    },
    {
        .verb = "summary",
        .words = "",
        .summary = "Count the fleet: links, power, mismatches, findings, operations",
        .opts = OPTS(DATA, ),
        .exits = CODE(AUTH) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_summary,
    },
    {
        .verb = "operations",
        .words = "",
        .summary = "List power operations, newest first",
        .opts =
            OPTS({OPT_HOST, "of this host only", NULL}, {OPT_STATE, "in this state only", NULL},
                 {OPT_LIMIT, "at most so many (default 100)", NULL}, OUTPUT("table|wide|json|yaml|name"), ),
        .examples = EXAMPLES("operations --state waiting", "what waits, and for what"),
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_operations,
    },
    {
        .verb = "get",
        .object = "operation",
        .words = "ID",
        .word = WORD_OPERATION,
        .words_min = 1,
        .words_max = 1,
        .summary = "Show one operation",
        .details = "With --watch every change is printed until the operation has ended, and the exit code "
                   "tells how.",
        .opts = OPTS({OPT_WATCH, "wait for its end", NULL}, DATA, ),
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_get_operation,
    },
    {
        .verb = "cancel",
        .object = "operation",
        .words = "ID",
        .word = WORD_OPERATION,
        .words_min = 1,
        .words_max = 1,
        .summary = "Cancel an operation that was not sent yet",
        .opts = OPTS(),
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_cancel_operation,
    },
    {
        .verb = "events",
        .words = "",
        .summary = "Print events as they come",
        .details =
            "A lost connection is taken up again where it broke. With -o json each line is one CloudEvents "
            "object.",
        .opts = OPTS(
            {OPT_HOST, "of this host only", NULL},
            {OPT_KIND, "of this kind only, such as power-changed", NULL},
            {OPT_SINCE, "begin behind the event of this number (0: as early as the server keeps them)", NULL},
            {OPT_MAX_COUNT, "stop after so many events", NULL},
            {OPT_TIMEOUT, "stop after so many seconds", NULL}, OUTPUT("table|json"), ),
        .examples = EXAMPLES("events --since 0 --kind link-lost", "every lost link that is still remembered"),
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_events,
    },
    {
        .verb = "quarantine",
        .object = "list",
        .words = "",
        .summary = "List devices whose login was refused",
        .opts = OPTS(OUTPUT("table|json|yaml|name"), ),
        .exits = CODE(AUTH) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_quarantine_list,
    },
    {
        .verb = "quarantine",
        .object = "adopt",
        .words = "ID",
        .word = WORD_OTHER,
        .words_min = 1,
        .words_max = 1,
        .summary = "Make a host of a refused device",
        .opts = OPTS({OPT_NAME, "name of the host (needed)", NULL},
                     {OPT_CIRA_PASSWORD_FILE, "file with the password of the device's tunnel (needed)", NULL},
                     {OPT_AMT_USER, "user name at the device's firmware (default admin)", NULL},
                     {OPT_AMT_PASSWORD_FILE, "file with the password at the firmware", NULL}, DATA, ),
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_quarantine_adopt,
    },
    {
        .verb = "quarantine",
        .object = "deny",
        .words = "ID",
        .word = WORD_OTHER,
        .words_min = 1,
        .words_max = 1,
        .summary = "Refuse a device from now on",
        .opts = OPTS(),
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_quarantine_deny,
    },
    {
        .verb = "quarantine",
        .object = "forget",
        .words = "ID",
        .word = WORD_OTHER,
        .words_min = 1,
        .words_max = 1,
        .summary = "Drop an entry of the quarantine",
        .opts = OPTS(),
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_quarantine_forget,
    },
    {
        .verb = "list",
        .object = "user",
        .words = "",
        .summary = "List users",
        .opts = OPTS(OUTPUT("table|json|yaml|name"), ),
        .exits = CODE(AUTH) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_list_user,
    },
    {
        .verb = "create",
        .object = "user",
        .words = "USER",
        .word = WORD_OTHER,
        .words_min = 1,
        .words_max = 1,
        .summary = "Make a user",
        .details = "A --project on the command line binds the user to that project; without it the role "
                   "holds in all.",
        .opts = OPTS({OPT_ROLE,
                      "viewer reads; operator also changes power and policy; admin does everything (needed)",
                      NULL},
                     {OPT_PASSWORD_FILE, "file with the password (- is standard input); else it is asked for",
                      NULL}, ),
        .exits = CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_create_user,
    },
    {
        .verb = "delete",
        .object = "user",
        .words = "USER",
        .word = WORD_USER,
        .words_min = 1,
        .words_max = 1,
        .summary = "Delete a user",
        .opts = OPTS(YES, ),
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_delete_user,
    },
    {
        .verb = "set",
        .object = "password",
        .words = "[USER]",
        .word = WORD_USER,
        .words_max = 1,
        .summary = "Change a password: one's own, or as admin another user's",
        .opts = OPTS({OPT_PASSWORD_FILE,
                      "file with the new password (- is standard input); else it is asked for", NULL},
                     {OPT_OLD_PASSWORD_FILE, "file with the present password, for one's own", NULL}, ),
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_set_password,
    },
    LIST_ROW("profile", profile, "List activation profiles"),
    GET_ROW("profile", profile),
    {
        .verb = "create",
        .object = "profile",
        .words = "NAME",
        .word = WORD_OTHER,
        .words_min = 1,
        .words_max = 1,
        .summary = "Make an activation profile: how a node's firmware is to be set up",
        .details =
            "Two profiles are always there: PROJECT_ccm and PROJECT_acm. Without --shared-password-file "
            "each node gets an AMT password of its own, which is the safer way.",
        .opts =
            OPTS({OPT_CONTROL_MODE, "AMT control mode (needed)", NULL},
                 {OPT_DOMAIN, "provisioning certificate for acm (default: the one that fits the node)", NULL},
                 {OPT_CIRA_CONFIG, "the server that nodes dial (default: this one)", NULL},
                 {OPT_TLS_MODE, "TLS on the firmware's own ports (default none)", NULL},
                 {OPT_USER_CONSENT, "what the node's user must agree to (ccm: always all)", NULL},
                 {OPT_WITHOUT,
                  "switch off, with commas between: kvm, sol, ider, host-name (taken from the "
                  "operating system), dhcp",
                  NULL},
                 {OPT_SHARED_PASSWORD_FILE, "file with one AMT password for all nodes of the profile", NULL},
                 DATA, ),
        .examples = EXAMPLES("create profile lab --control-mode acm --without ider", "no media redirection"),
        .exits = CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_create_profile,
    },
    DELETE_ROW("profile", profile),
    LIST_ROW("ciraconfig", ciraconfig, "List CIRA configurations: servers that nodes may dial"),
    GET_ROW("ciraconfig", ciraconfig),
    {
        .verb = "create",
        .object = "ciraconfig",
        .words = "NAME",
        .word = WORD_OTHER,
        .words_min = 1,
        .words_max = 1,
        .summary = "Make a CIRA configuration: another server for nodes to dial",
        .details = "The configuration \"default\" is this server itself.",
        .opts = OPTS({OPT_ADDRESS, "as nodes dial it (needed; port default 4433)", NULL},
                     {OPT_ROOT, "root certificate that nodes are to trust (needed)", NULL},
                     {OPT_COMMON_NAME, "CN of the server's certificate; needed with an IP address", NULL},
                     DATA, ),
        .exits = CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_create_ciraconfig,
    },
    DELETE_ROW("ciraconfig", ciraconfig),
    LIST_ROW("domain", domain, "List domains: provisioning certificates for admin control mode"),
    GET_ROW("domain", domain),
    {
        .verb = "create",
        .object = "domain",
        .words = "NAME",
        .word = WORD_OTHER,
        .words_min = 1,
        .words_max = 1,
        .summary = "Import a provisioning certificate for a DNS suffix",
        .details =
            "The PFX file must hold the certificate, its key, and the chain up to the root whose hash the "
            "firmware knows. All of it is checked before it is taken.",
        .opts = OPTS(
            {OPT_SUFFIX, "DNS suffix of the nodes, such as example.com (needed)", NULL},
            {OPT_PFX, "the PFX (PKCS #12) file (needed)", NULL},
            {OPT_PASSWORD_FILE, "file with its password (- is standard input); else it is asked for", NULL},
            DATA, ),
        .examples = EXAMPLES("create domain corp --suffix example.com --pfx corp.pfx --password-file pfx.txt",
                             "for all nodes under example.com"),
        .exits = CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_create_domain,
    },
    DELETE_ROW("domain", domain),
    LIST_ROW("enrolment-key", enrolment_key, "List enrolment keys: what lets the agent of a new node in"),
    GET_ROW("enrolment-key", enrolment_key),
    {
        .verb = "create",
        .object = "enrolment-key",
        .words = "NAME",
        .word = WORD_OTHER,
        .words_min = 1,
        .words_max = 1,
        .summary = "Make an enrolment key and print it, this once",
        .details = "The key alone goes to standard output; the server keeps only its hash.",
        .opts = OPTS({OPT_USES, "for so many nodes (default 1)", NULL},
                     {OPT_UNTIL,
                      "its end: a time such as 2026-11-22T18:00:00Z, or from now: 90m, 12h, 30d "
                      "(default 1d)",
                      NULL},
                     {OPT_HOST_PROJECT, "project of new hosts (default: the key's)", NULL}, DATA, ),
        .examples = EXAMPLES("create enrolment-key rack1 --uses 40 --until 12h > key", "one key for a rack"),
        .exits = CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_create_enrolment_key,
    },
    {
        .verb = "revoke",
        .object = "enrolment-key",
        .words = "NAME",
        .word = WORD_OTHER,
        .words_min = 1,
        .words_max = 1,
        .summary = "Let nobody in with an enrolment key any more",
        .details = "Nodes that came in with it stay.",
        .opts = OPTS(),
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_revoke_enrolment_key,
    },
    DELETE_ROW("enrolment-key", enrolment_key),
    LIST_ROW("exception", exception, "List exceptions: deviations of hosts that somebody has approved"),
    GET_ROW("exception", exception),
    {
        .verb = "create",
        .object = "exception",
        .words = "HOST",
        .word = WORD_HOST,
        .words_min = 1,
        .words_max = 1,
        .summary = "Approve that a host deviates, for a while",
        .details = "The compliance report shows the exception beside the deviation; it hides nothing.",
        .opts = OPTS({OPT_CONTROL, "what the host does not keep, such as amt-bios-switch (needed)", NULL},
                     {OPT_REASON, "why that is accepted (needed)", NULL},
                     {OPT_UNTIL, "its end: a time, or from now: 12h, 30d (needed)", NULL},
                     {OPT_APPROVER, "who has approved it (default: you)", NULL}, DATA, ),
        .examples =
            EXAMPLES("create exception n1 --control amt-bios-switch --reason \"old board\" --until 90d",
                     "until a new board is there"),
        .exits = CODE(NOT_FOUND) | CODE(AUTH) | CODE(REFUSED) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_create_exception,
    },
    DELETE_ROW("exception", exception),
    {
        .verb = "version",
        .words = "",
        .summary = "Print the versions of orch-cli and of the server",
        .opts = OPTS(DATA, ),
        .exits = CODE(AUTH) | CODE(UNREACHABLE) | CODE(TIMEOUT),
        .run = cmd_version,
    },
    {
        .verb = "completion",
        .words = "bash|zsh|fish",
        .word = WORD_SHELL,
        .words_min = 1,
        .words_max = ANY, /* scripts ask: completion candidates -- WORDS… */
        .summary = "Print the completion for a shell",
        .details = "Names of hosts, operations and users are asked of the server, quietly.",
        .opts = OPTS(),
        .examples = EXAMPLES("completion bash > /etc/bash_completion.d/orch-cli", "for every user of bash"),
        .run = cmd_completion,
    },
    {
        .verb = "man",
        .words = "[COMMAND]",
        .word = WORD_COMMAND,
        .words_max = 2,
        .summary = "Print the manual page, in roff",
        .opts = OPTS(),
        .examples = EXAMPLES("man set host | man -l -", "read about set host"),
        .run = cmd_man,
    },
    {
        .verb = "help",
        .words = "[COMMAND]",
        .word = WORD_COMMAND,
        .words_max = 2,
        .summary = "Print the list of commands, or the help of one",
        .opts = OPTS(),
        .run = cmd_help,
    },
};
const size_t commands_n = sizeof commands / sizeof *commands;

static const struct command_opt *find_opt(const struct command_opt *opts, enum opt o) {
    for (; opts->opt != OPT_NONE; opts++)
        if (opts->opt == o)
            return opts;
    return NULL;
}

const struct command_opt *command_takes(const struct command *c, enum opt o) {
    const struct command_opt *own = find_opt(c->opts, o);
    return own ? own : find_opt(command_globals, o);
}

const char *command_opt_arg(const struct command_opt *o) {
    return o->words ? o->words : opt_row(o->opt)->arg;
}

const char *command_name(const struct command *c, char out[COMMAND_NAME_CAP]) {
    snprintf(out, COMMAND_NAME_CAP, "%s%s%s", c->verb, c->object ? " " : "", c->object ? c->object : "");
    return out;
}

/* "host" and its plural "hosts" */
static bool is_object(const char *object, const char *word) {
    size_t n = strlen(object);
    return strncmp(object, word, n) == 0 && (word[n] == 0 || (word[n] == 's' && word[n + 1] == 0));
}

const struct command *command_find(const char *const *words, size_t n, size_t *used) {
    const struct command *one = NULL;
    for (size_t i = 0; n && i < commands_n; i++) {
        const struct command *c = &commands[i];
        if (strcmp(c->verb, words[0]) != 0)
            continue;
        if (c->object && n > 1 && is_object(c->object, words[1])) {
            *used = 2;
            return c;
        }
        if (!c->object)
            one = c;
    }
    if (one)
        *used = 1;
    return one;
}
