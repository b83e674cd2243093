/* SPDX-License-Identifier: Apache-2.0 */
/* orch-cli against a scripted server: profiles, CIRA configurations, domains, enrolment keys, exceptions. */
#include "rig.h"

#include "cli/exits.h"

#define P "/v1/projects/default"

static void profiles(void **state) {
    static const struct script rows[] = {
        {.method = "GET",
         .target = P "/amt/profiles/lab",
         .status = 200,
         .body = "{\"name\":\"lab\",\"controlMode\":\"acm\",\"kvm\":false,\"domain\":\"\"}"},
        {.method = "GET",
         .target = P "/amt/profiles",
         .status = 200,
         .body = "{\"profiles\":[{\"name\":\"default_ccm\",\"controlMode\":\"ccm\",\"domain\":\"\","
                 "\"ciraConfig\":"
                 "\"default\",\"tlsMode\":\"none\",\"userConsent\":\"all\",\"sharedPasswordSet\":false,"
                 "\"builtIn\":true}]}"},
        {.method = "POST", .target = P "/amt/profiles", .status = 201, .body = "{\"name\":\"lab\"}"},
        {.method = "DELETE",
         .target = P "/amt/profiles/default_ccm",
         .status = 409,
         .body = "{\"type\":\"/problems/state\",\"message\":\"the profile default_ccm is always there\"}"},
        {.method = "DELETE", .target = P "/amt/profiles/lab", .status = 204},
        {0}};
    char file[128];
    snprintf(file, sizeof file, "%s", rig_file("shared", "P@ssw0rd\n"));
    rig_run(rows, "list", "profiles", NULL);
    rig_expect(EXIT_OK, "default_ccm  ccm   -       default  none  all      no               yes\n", "");
    rig_run(rows, "list", "profile", "-o", "name", NULL);
    assert_string_equal(rig.out, "default_ccm\n");
    rig_run(rows, "get", "profile", "lab", NULL);
    rig_expect(EXIT_OK, "controlMode  acm\nkvm          no\ndomain       -\n", "");
    rig_run(rows, "create", "profile", "lab", "--control-mode", "acm", "--domain", "corp", "--without",
            "ider,dhcp", "--user-consent", "kvm", "--shared-password-file", file, NULL);
    rig_expect(EXIT_OK, "profile lab created\n", "");
    assert_non_null(strstr(rig.log,
                           "{\"name\":\"lab\",\"controlMode\":\"acm\",\"domain\":\"corp\",\"userConsent\":"
                           "\"kvm\",\"ider\":false,\"dhcp\":false,\"sharedPassword\":\"P@ssw0rd\"}"));
    rig_run(rows, "create", "profile", "lab", NULL);
    rig_expect(EXIT_USAGE, "", "needs --control-mode");
    rig_run(rows, "create", "profile", "lab", "--control-mode", "ccm", "--without", "kvm,usb", NULL);
    rig_expect(EXIT_USAGE, "", "there is no feature \"usb\"");
    assert_string_equal(rig.log, "");
    rig_run(rows, "delete", "profile", "lab", NULL);
    rig_expect(EXIT_OK, "profile lab deleted\n", "");
    rig_run(rows, "delete", "profile", "default_ccm", NULL);
    rig_expect(EXIT_REFUSED, "", "the profile default_ccm is always there");
}

static void cira_configurations(void **state) {
    static const struct script rows[] = {
        {.method = "GET",
         .target = P "/amt/ciraconfigs",
         .status = 200,
         .body =
             "{\"ciraconfigs\":[{\"name\":\"default\",\"address\":\"mps\",\"port\":4433,\"format\":\"fqdn\","
             "\"commonName\":\"mps\",\"builtIn\":true}]}"},
        {.method = "POST", .target = P "/amt/ciraconfigs", .status = 201, .body = "{\"name\":\"site\"}"},
        {0}};
    static const struct {
        const char *given, *sent;
    } v[] = {
        {"mps.example",
         "{\"name\":\"site\",\"address\":\"mps.example\",\"rootCertificate\":\"-----BEGIN\\n\"}"},
        {"mps.example:44330", "\"address\":\"mps.example\",\"port\":44330,"},
        {"2001:db8::1", "\"address\":\"2001:db8::1\",\"root"},
        {"[2001:db8::1]:4433", "\"address\":\"2001:db8::1\",\"port\":4433,"},
    };
    char root[128];
    snprintf(root, sizeof root, "%s", rig_file("root.pem", "-----BEGIN\n"));
    rig_run(rows, "list", "ciraconfig", NULL);
    rig_expect(EXIT_OK, "default  mps      4433  fqdn    mps          yes\n", "");
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        rig_run(rows, "create", "ciraconfig", "site", "--address", v[i].given, "--root", root, NULL);
        rig_expect(EXIT_OK, "CIRA configuration site created\n", "");
        if (!strstr(rig.log, v[i].sent))
            fail_msg("%s: %s", v[i].given, rig.log);
    }
    rig_run(rows, "create", "ciraconfig", "site", "--address", "mps:x", "--root", root, NULL);
    rig_expect(EXIT_USAGE, "", "the port is no number");
    rig_run(rows, "create", "ciraconfig", "site", "--address", "mps", NULL);
    rig_expect(EXIT_USAGE, "", "--root FILE is needed");
}

static void domains(void **state) {
    static const struct script rows[] = {
        {.method = "GET",
         .target = P "/amt/domains/corp",
         .status = 200,
         .body = "{\"name\":\"corp\",\"rootHashes\":[\"aa\",\"bb\"]}"},
        {.method = "GET",
         .target = P "/amt/domains",
         .status = 200,
         .body =
             "{\"domains\":[{\"name\":\"corp\",\"suffix\":\"example.com\",\"subject\":\"CN=a\",\"notAfter\":"
             "\"2027-01-02T03:04:05Z\"}]}"},
        {.method = "POST",
         .target = P "/amt/domains",
         .status = 201,
         .body = "{\"name\":\"corp\"}",
         .times = 1},
        {.method = "POST",
         .target = P "/amt/domains",
         .status = 400,
         .body = "{\"type\":\"/problems/invalid\",\"field\":\"certificate\",\"message\":\"the chain is "
                 "incomplete\","
                 "\"remedy\":\"Export all of it.\"}"},
        {0}};
    char pfx[128], password[128];
    snprintf(pfx, sizeof pfx, "%s", rig_file("corp.pfx", "pfx!"));
    snprintf(password, sizeof password, "%s", rig_file("pfx.txt", "s3cret\n"));
    rig_run(rows, "create", "domain", "corp", "--suffix", "example.com", "--pfx", pfx, "--password-file",
            password, NULL);
    rig_expect(EXIT_OK, "domain corp created\n", "");
    assert_non_null(strstr(rig.log,
                           "{\"name\":\"corp\",\"suffix\":\"example.com\",\"certificate\":\"cGZ4IQ==\","
                           "\"password\":\"s3cret\"}"));
    rig_run(rows + 3, "create", "domain", "corp", "--suffix", "example.com", "--pfx", pfx, "--password-file",
            password, NULL);
    rig_expect(EXIT_USAGE, "", "the chain is incomplete\n  Export all of it.\n");
    rig_run(rows, "create", "domain", "corp", "--suffix", "example.com", "--password-file", password, NULL);
    rig_expect(EXIT_USAGE, "", "--pfx FILE is needed");
    rig_run(rows, "create", "domain", "corp", "--suffix", "example.com", "--pfx", pfx, NULL);
    rig_expect(EXIT_USAGE, "", "Give --password-file FILE");
    rig_run(rows, "list", "domain", NULL);
    rig_expect(EXIT_OK, "corp  example.com  CN=a     2027-01-02 03:04:05Z\n", "");
    rig_run(rows, "get", "domain", "corp", NULL);
    rig_expect(EXIT_OK, "name        corp\nrootHashes  aa\n            bb\n", "");
}

static void enrolment_keys(void **state) {
    static const struct script rows[] = {
        {.method = "POST",
         .target = P "/enrolmentkeys/k:revoke",
         .status = 200,
         .body = "{\"name\":\"k\",\"revoked\":true}"},
        {.method = "POST",
         .target = P "/enrolmentkeys",
         .status = 201,
         .body = "{\"name\":\"k\",\"key\":\"oek-abc\",\"maxUses\":2,\"expiresAt\":\"2027-01-02T03:04:05Z\"}"},
        {.method = "GET",
         .target = P "/enrolmentkeys",
         .status = 200,
         .body = "{\"enrolmentkeys\":[{\"name\":\"k\",\"uses\":1,\"maxUses\":2,\"expiresAt\":\"2027-01-02T03:"
                 "04:05Z\","
                 "\"revoked\":false,\"hostProject\":\"lab\"}]}"},
        {0}};
    rig_run(rows, "create", "enrolment-key", "k", "--uses", "2", "--host-project", "lab", "--until",
            "2126-01-01T00:00:00Z", NULL);
    rig_expect(EXIT_OK, "",
               "The key is shown this once. It is good for 2 nodes, until 2027-01-02 03:04:05Z.");
    assert_string_equal(rig.out, "oek-abc\n"); /* nothing else: for scripts */
    assert_non_null(strstr(
        rig.log,
        "{\"name\":\"k\",\"maxUses\":2,\"hostProject\":\"lab\",\"expiresAt\":\"2126-01-01T00:00:00.000Z\"}"));
    rig_run(rows, "create", "enrolment-key", "k", "-o", "json", NULL);
    rig_expect(EXIT_OK, "\"key\": \"oek-abc\"", "");
    assert_string_equal(rig.err, "");
    rig_run(rows, "create", "enrolment-key", "k", "--until", "yesterday", NULL);
    rig_expect(EXIT_USAGE, "", "--until: \"yesterday\" is not a time");
    rig_run(rows, "create", "enrolment-key", "k", "--until", "2020-01-01T00:00:00Z", NULL);
    rig_expect(EXIT_USAGE, "", "--until: 2020-01-01T00:00:00Z has passed already");
    rig_expect(EXIT_USAGE, "", "from now (90m, 12h, 30d)");
    rig_run(rows, "revoke", "enrolment-key", "k", NULL);
    rig_expect(EXIT_OK, "enrolment key k revoked", "");
    rig_run(rows, "list", "enrolment-keys", NULL);
    rig_expect(EXIT_OK, "k     1     2   2027-01-02 03:04:05Z  no       lab\n", "");
}

static void exceptions(void **state) {
    static const struct script rows[] = {
        {.method = "POST",
         .target = P "/exceptions",
         .status = 201,
         .body = "{\"name\":\"host-1.amt-bios-switch\"}"},
        {.method = "GET",
         .target = P "/exceptions",
         .status = 200,
         .body = "{\"exceptions\":[{\"name\":\"host-1.c\",\"host\":\"host-1\",\"control\":"
                 "\"c\",\"until\":\"2027-01-02T03:04:05Z\",\"approver\":\"anna\",\"reason\":"
                 "\"old\"}]}"},
        {.method = "DELETE", .target = P "/exceptions/host-1.c", .status = 204},
        {0}};
    rig_run(rows, "create", "exception", "n1", "--control", "amt-bios-switch", "--reason", "old board",
            "--until", "2126-01-01T00:00:00Z", NULL);
    rig_expect(EXIT_OK, "exception host-1.amt-bios-switch created\n", "");
    assert_non_null(strstr(rig.log, "{\"host\":\"n1\",\"control\":\"amt-bios-switch\",\"reason\":\"old "
                                    "board\",\"until\":\"2126-01-01T00:00:00.000Z\"}"));
    rig_run(rows, "create", "exception", "n1", "--control", "c", "--reason", "r", NULL);
    rig_expect(EXIT_USAGE, "", "needs --control, --reason and --until");
    rig_run(rows, "list", "exception", NULL);
    rig_expect(EXIT_OK, "host-1.c  host-1  c        2027-01-02 03:04:05Z  anna      old\n", "");
    rig_run(rows, "delete", "exception", "host-1.c", NULL);
    rig_expect(EXIT_OK, "exception host-1.c deleted\n", "");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {T(profiles), T(cira_configurations), T(domains), T(enrolment_keys),
                                       T(exceptions)};
    if (argc < 2 || rig_begin(argv[1]) < 0)
        return 99;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + (rig_end() != 0);
}
