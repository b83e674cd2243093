/* SPDX-License-Identifier: Apache-2.0 */
/* What comes over from a public MPS; merge, split and the compliance report: judged, and as orch-cli does it.
 */
#include "rig.h"

#include "cli/exits.h"
#include "cli/import.h"

#define P  "/v1/projects/default/compute"
#define G1 "55e3ae13-bfd2-61bb-17a0-88aedd7037ea"
#define G2 "5b006b9c-09bf-1122-3344-556677889900"
#define G3 "03000200-0400-0500-0006-000700080009"

static json_t *loads(const char *text) {
    json_t *v = json_loads(text, 0, NULL);
    assert_non_null(v);
    return v;
}

static void sources_are_joined_by_guid(void **s) {
    struct import_list l = {0};
    struct errinfo ei = {0};
    json_t *devices =
        loads("[{\"guid\":\"" G1 "\",\"hostname\":\"n1\",\"mpsusername\":\"admin\",\"tags\":[\"a\"]},"
              "{\"guid\":\"" G2 "\",\"hostname\":\"n1\",\"mpsusername\":\"admin\",\"tags\":[]}]");
    json_t *vault = loads("{\"devices/" G1 "\":{\"data\":{\"data\":{\"AMT_PASSWORD\":\"P@ssw0rd\","
                          "\"MPS_PASSWORD\":\"Secret123\",\"MEBX_PASSWORD\":\"M@bx1234\"}}},"
                          "\"profiles/p\":{\"AMT_PASSWORD\":\"not a device's\"}}");
    assert_int_equal(import_devices(&l, devices, &ei), 0);
    assert_int_equal(import_vault(&l, vault, &ei), 1);
    assert_int_equal(l.n, 2);
    import_judge(&l);
    assert_int_equal(l.v[0].verdict, IMPORT_WHOLE);
    assert_string_equal(l.v[0].name, "n1");
    assert_true(l.v[0].shared);
    assert_string_equal(l.v[0].mebx_password, "M@bx1234");
    assert_non_null(strstr(l.v[0].note, "tags stay behind"));
    assert_int_equal(l.v[1].verdict, IMPORT_IDENTITY);
    assert_string_equal(l.v[1].name, "n1-5b006b9c"); /* names are unique here */
    assert_non_null(strstr(l.v[1].note, "does not come over REST"));
    struct buf csv = {0};
    assert_int_equal(import_put_csv(&l, &csv), 0);
    assert_non_null(
        strstr(buf_cstr(&csv), "\"n1\",\"" G1 "\",\"admin\",\"Secret123\",\"true\",\"admin\",\"P@ssw0rd\","));
    assert_null(strstr(buf_cstr(&csv), G2));
    buf_free(&csv);
    json_decref(devices);
    json_decref(vault);
    import_free(&l);
}

static void an_export_as_csv(void **s) {
    struct import_list l = {0};
    struct errinfo ei = {0};
    assert_int_equal(
        import_csv(&l,
                   SLICE_LIT("\xef\xbb\xbfGUID,hostname,mpsusername,mpspassword,amtpassword,other\r\n" G1
                             ",\"a, b\",u1,Secret123,P@ss\"\"w0,x\r\n"),
                   &ei),
        ERR_SYNTAX); /* a quote inside */
    import_free(&l);
    assert_int_equal(import_csv(&l,
                                SLICE_LIT("guid,hostname,mpsusername,mpspassword,amtpassword,other\r\n\r\n" G1
                                          ",\"a, b\",u1,Secret123,\"P@ss\"\"w0rd\",x\r\n" G2
                                          ",n2,u2,short,P@ssw0rd,\r\n" G3 ",,shared,Secret123,P@ssw0rd,\n"
                                          "11111111-2222-3333-4444-555555555555,n4,shared,Secret123,,\n"),
                                &ei),
                     0);
    import_judge(&l);
    assert_int_equal(l.n, 4);
    assert_string_equal(l.v[0].amt_password, "P@ss\"w0rd");
    assert_string_equal(l.v[0].name, "a, b");
    assert_int_equal(l.v[1].verdict, IMPORT_IDENTITY);
    assert_non_null(strstr(l.v[1].note, "shorter than 8"));
    assert_int_equal(l.v[2].verdict, IMPORT_NOT);
    assert_non_null(strstr(l.v[2].note, "nothing tells it apart"));
    assert_string_equal(l.v[2].name, G3);
    assert_int_equal(l.v[3].verdict, IMPORT_NO_AMT);
    import_free(&l);
}

static void bad_files_say_where(void **s) {
    static const struct {
        const char *text, *part;
    } bad[] = {{"", "empty"},
               {"name,mpsusername\nx,y\n", "no column guid"},
               {"guid\nnonsense\n", "line 2: the guid is no UUID"},
               {"guid,hostname\n" G1 "\n", "line 2 has 1 values"},
               {"guid\n\"" G1 "\n", "line 2: a quoted value has no end"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct import_list l = {0};
        struct errinfo ei = {0};
        assert_true(import_csv(&l, slice_str(bad[i].text), &ei) < 0);
        assert_non_null(strstr(ei.text, bad[i].part));
        import_free(&l);
    }
    struct import_list l = {0};
    struct errinfo ei = {0};
    json_t *none = loads("{\"profiles/p\":{\"AMT_PASSWORD\":\"x\"}}"), *odd = loads("[{\"hostname\":\"n\"}]"),
           *no_list = loads("{}");
    assert_int_equal(import_vault(&l, none, &ei), ERR_INVALID);
    assert_non_null(strstr(ei.remedy, "devices/GUID"));
    assert_int_equal(import_devices(&l, odd, &ei), ERR_INVALID);
    assert_int_equal(import_devices(&l, no_list, &ei), ERR_INVALID);
    json_decref(none);
    json_decref(odd);
    json_decref(no_list);
    import_free(&l);
}

static void too_many_nodes(void **s) {
    struct import_list l = {0};
    struct errinfo ei = {0};
    struct buf b = {0};
    buf_puts(&b, "guid\n");
    for (unsigned i = 0; i <= IMPORT_NODES_MAX; i++)
        buf_putf(&b, "11111111-2222-3333-4444-%012x\n", i);
    assert_int_equal(import_csv(&l, buf_slice(&b), &ei), ERR_LIMIT);
    buf_free(&b);
    import_free(&l);
}

/* --- the program --- */

static void from_an_mps(void **s) {
    static const struct script rows[] = {
        {.method = "POST", .target = "/api/v1/authorize", .status = 404, .body = "{}"},
        {.method = "POST",
         .target = "/login/api/v1/authorize",
         .status = 200,
         .body = "{\"token\":\"mps-token\"}"},
        {.method = "GET",
         .target = "/api/v1/devices?%24top=100&%24skip=0",
         .status = 200,
         .body = "[{\"guid\":\"" G1 "\",\"hostname\":\"n1\",\"mpsusername\":\"admin\"},{\"guid\":\"" G2
                 "\",\"hostname\":\"n2\",\"mpsusername\":\"admin\"}]"},
        {.method = "POST", .target = P "/hosts:import", .status = 201, .body = "{\"created\":1}"},
        {.method = "POST", .target = P "/hosts", .status = 201, .body = "{}"},
        {0}};
    char password[128], vault[128];
    snprintf(password, sizeof password, "%s", rig_file("p.txt", "mps-password\n"));
    snprintf(vault, sizeof vault, "%s",
             rig_file("vault.json",
                      "{\"devices\":{\"" G1 "\":{\"AMT_PASSWORD\":\"P@ssw0rd\",\"MPS_PASSWORD\":"
                      "\"Secret123\"}}}"));
    rig_run(rows, "import", "hosts", "--from-mps", rig.origin, "--mps-user", "standalone", "--password-file",
            password, "--vault-json", vault, NULL);
    rig_expect(EXIT_OK, "identity only", "");
    assert_non_null(strstr(rig.out, "admin (shared)"));
    assert_non_null(strstr(rig.log, "Authorization: Bearer mps-token"));
    assert_non_null(strstr(rig.log, "{\"username\":\"standalone\",\"password\":\"mps-password\"}"));
    assert_non_null(strstr(rig.log, "\"n1\",\"" G1 "\",\"admin\",\"Secret123\",\"true\""));
    assert_non_null(strstr(rig.log, "{\"name\":\"n2\",\"amtUuid\":\"" G2 "\"}"));
    assert_null(strstr(rig.out, "Secret123")); /* no secret is shown */
    rig_run(rows, "import", "hosts", "--vault-json", vault, "--dry-run", "-o", "json", NULL);
    rig_expect(EXIT_OK, "\"imported\": false", "");
    rig_run(rows, "import", "hosts", NULL);
    rig_expect(EXIT_USAGE, "", "--from-mps, --from-csv or --vault-json");
    rig_run(rows, "import", "hosts", "--from-mps", rig.origin, NULL);
    rig_expect(EXIT_USAGE, "", "--mps-user");
    static const struct script refused[] = {
        {.method = "POST", .target = "/api/v1/authorize", .status = 401, .body = "{}"}, {0}};
    rig_run(refused, "import", "hosts", "--from-mps", rig.origin, "--mps-user", "x", "--password-file",
            password, NULL);
    rig_expect(EXIT_AUTH, "", "refuses the user x");
}

static void merging_and_splitting(void **s) {
    static const struct script rows[] = {{.method = "POST",
                                          .target = P "/hosts/n1:merge",
                                          .status = 200,
                                          .body = "{\"resourceId\":\"host-1\",\"name\":\"n1\"}"},
                                         {.method = "POST",
                                          .target = P "/hosts/n1:split",
                                          .status = 201,
                                          .body = "{\"resourceId\":\"host-2\",\"name\":\"n9\"}"},
                                         {0}};
    rig_run(rows, "merge", "host", "n1", "n1", NULL);
    rig_expect(EXIT_USAGE, "", "n1 is named twice");
    assert_string_equal(rig.log, "");
    rig_run(rows, "merge", "host", "n1", "n2", NULL);
    rig_expect(EXIT_USAGE, "", "nobody can be asked");
    rig_run(rows, "merge", "host", "n1", "n2", "--yes", NULL);
    rig_expect(EXIT_OK, "n1 and n2 are one host now: n1 (host-1)\n", "");
    assert_non_null(strstr(rig.log, "{\"with\":\"n2\"}"));
    rig_run(rows, "split", "host", "n1", "--alias", "serial, ciraUser", "--name", "n9", NULL);
    rig_expect(EXIT_OK, "n9 (host-2) was split from n1\n", "");
    assert_non_null(strstr(rig.log, "{\"name\":\"n9\",\"aliases\":[\"serial\",\"ciraUser\"]}"));
    rig_run(rows, "split", "host", "n1", "--name", "n9", NULL);
    rig_expect(EXIT_USAGE, "", "--alias and --name");
}

static void the_compliance_report(void **s) {
    static const struct script rows[] = {
        {.method = "GET",
         .target = P "/compliance",
         .status = 200,
         .body = "{\"rows\":[{\"host\":\"host-1\",\"name\":\"=n1\",\"vendor\":\"OnLogic\",\"product\":\"K804 "
                 "\\\"a\\\"\",\"biosSwitch\":\"absent\",\"status\":\"exception\",\"exception\":{\"approver\":"
                 "\"carla\",\"reason\":\"no switch\"}}]}"},
        {0}};
    rig_run(rows, "report", "compliance", NULL);
    rig_expect(EXIT_OK, "exception", "");
    assert_non_null(strstr(rig.out, "carla"));
    rig_run(rows, "report", "compliance", "-o", "csv", NULL);
    rig_expect(EXIT_OK, "\"'=n1\",\"host-1\",\"OnLogic\",\"K804 \"\"a\"\"\"", "");
    rig_run(rows, "report", "compliance", "-o", "json", NULL);
    rig_expect(EXIT_OK, "\"approver\": \"carla\"", "");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        T(sources_are_joined_by_guid),
        T(an_export_as_csv),
        T(bad_files_say_where),
        T(too_many_nodes),
        T(from_an_mps),
        T(merging_and_splitting),
        T(the_compliance_report),
    };
    if (argc != 2 || rig_begin(argv[1]) != 0)
        return 2;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rig_end();
    return failed;
}
