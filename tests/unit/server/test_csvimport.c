/* SPDX-License-Identifier: Apache-2.0 */
#include "server/csvimport.h"
#include "unit.h"

static int parse(const char *text, struct csv_hosts *h, struct errinfo *ei, unsigned *line) {
    *ei = (struct errinfo){0};
    return csvimport_parse(slice_str(text), 1, h, ei, line);
}

static void full_row(void **state) {
    struct csv_hosts h;
    struct errinfo ei;
    unsigned line = 9;
    assert_int_equal(
        parse("Name,AmtUUID,SmbiosUUID,Serial,CiraUser,CiraPassword,AmtUser,AmtPassword,DesiredPowerState,"
              "ControlMode\n"
              "n1,55e3ae13-bfd2-61bb-17a0-88aedd7037ea,00000000000000000000000000000001,S1,c1,cirapass,admin,"
              "P@ssw0rd,POWER_STATE_ON,AMT_CONTROL_MODE_ACM\n",
              &h, &ei, &line),
        0);
    assert_int_equal(line, 0);
    assert_int_equal(h.n, 1);
    assert_int_equal(h.lines[0], 2);
    assert_string_equal(h.rows[0].name, "n1");
    assert_string_equal(h.rows[0].serial, "S1");
    assert_string_equal(h.rows[0].cira_user, "c1");
    assert_string_equal(h.rows[0].cira_password, "cirapass");
    assert_string_equal(h.rows[0].amt_user, "admin");
    assert_string_equal(h.rows[0].amt_password, "P@ssw0rd");
    assert_int_equal(h.rows[0].amt_uuid.b[0], 0x55);
    assert_int_equal(h.rows[0].smbios_uuid.b[15], 1);
    assert_int_equal(h.rows[0].desired, POWER_ON);
    assert_int_equal(h.rows[0].control_mode, AMT_MODE_ACM);
    csvimport_free(&h);
    assert_null(h.rows);
}

static void any_order_quotes_mark_and_line_ends(void **state) {
    struct csv_hosts h;
    struct errinfo ei;
    assert_int_equal(parse("\xef\xbb\xbf"
                           "CiraPassword , ciraUser,\"Name\",AmtPassword,DesiredPowerState,ControlMode\r\n"
                           "\"a,b\"\"c=d1\",u1,\"N\xc3\xb6"
                           "de 1\",,off,ccm\r\n"
                           "\r\n"
                           "=12345678,u2,n2,12345678,,\n"
                           "\n\n"
                           "-+@45678,u3,n3,,POWER_STATE_UNSPECIFIED,AMT_CONTROL_MODE_UNSPECIFIED",
                           &h, &ei, NULL),
                     0);
    assert_int_equal(h.n, 3);
    assert_string_equal(h.rows[0].cira_password, "a,b\"c=d1");
    assert_string_equal(h.rows[0].name, "N\xc3\xb6"
                                        "de 1");
    assert_int_equal(h.rows[0].desired, POWER_OFF);
    assert_int_equal(h.rows[0].control_mode, AMT_MODE_CCM);
    assert_string_equal(h.rows[0].amt_user, "");
    assert_string_equal(h.rows[1].amt_user, "admin"); /* a password without a user */
    assert_int_equal(h.rows[1].desired, POWER_UNKNOWN);
    assert_int_equal(h.rows[2].desired, POWER_UNKNOWN);
    assert_int_equal(h.lines[1], 4);
    assert_int_equal(h.lines[2], 7);
    assert_true(uuid_is_nil(h.rows[2].amt_uuid));
    csvimport_free(&h);
}

#define H "Name,CiraUser,CiraPassword"
/* Each names line and column and says what is accepted; nothing of the file is taken. */
static void errors(void **state) {
    static const struct {
        const char *text;
        int err;
        unsigned line;
        const char *field, *says;
    } cases[] = {
        {"", ERR_SYNTAX, 0, "", "the file is empty"},
        {"\xef\xbb\xbf", ERR_SYNTAX, 0, "", "the file is empty"},
        {H "\n", ERR_SYNTAX, 0, "", "no row"},
        {H "\n \n\r\n", ERR_SYNTAX, 0, "", "no row"},
        {"Name,CiraUser,Password\nx", ERR_INVALID, 1, "Password", "line 1: there is no column \"Password\""},
        {"Name;CiraUser;CiraPassword\nx", ERR_INVALID, 1, "Name;CiraUser;CiraPassword", "there is no column"},
        {"Name,Serial\na,b\n", ERR_INVALID, 1, "CiraUser, CiraPassword",
         "the header lacks CiraUser, CiraPassword"},
        {H ",name\na,b,c,d\n", ERR_INVALID, 1, "Name", "line 1, column Name: the column is there twice"},
        {H ",\na,b,c,d\n", ERR_INVALID, 1, "", "there is no column \"\""},
        {H "\nn1,u1,password\nn2,u2\n", ERR_SYNTAX, 3, "",
         "line 3: the line has 2 values, and the header names 3"},
        {H "\nn1,u1,password,x\n", ERR_SYNTAX, 2, "", "has 4 values"},
        {H "\n1,2,3,4,5,6,7,8,9,0,1,2,3\n", ERR_SYNTAX, 2, "", "more values than columns"},
        {H "\nn1,,password\n", ERR_INVALID, 2, "CiraUser", "line 2, column CiraUser: the value is missing"},
        {H "\n,,\n", ERR_INVALID, 2, "Name", "missing"},
        {H "\nn1,u1,short12\n", ERR_INVALID, 2, "CiraPassword", "has 8 to 71"},
        {H "\nn1,u1,\"password\n", ERR_SYNTAX, 2, "", "has no end on its line"},
        {H "\nn1,u1,\"pass\"word\n", ERR_SYNTAX, 2, "", "between a closing quote and the comma"},
        {H "\nn\"1,u1,password\n", ERR_SYNTAX, 2, "", "a quote inside a value"},
        {H "\nn1 ,u1,password\n", ERR_INVALID, 2, "Name", "begins or ends with a blank"},
        {H "\n=1+1,u1,password\n", ERR_INVALID, 2, "Name",
         "\"=1+1\" is not accepted: a name must not begin with"},
        {H "\n@x,u1,password\n", ERR_INVALID, 2, "Name", "formula"},
        {H "\n+x,u1,password\n", ERR_INVALID, 2, "Name", "formula"},
        {H "\n-x,u1,password\n", ERR_INVALID, 2, "Name", "formula"},
        {H "\nn1,u\xc3\xa9,password\n", ERR_INVALID, 2, "CiraUser", "printable ASCII"},
        {H "\nn\t1,u1,password\n", ERR_SYNTAX, 2, "", "control character"},
        {H "\nn\x7f,u1,password\n", ERR_SYNTAX, 2, "", "control character"},
        {H "\nn\xff,u1,password\n", ERR_SYNTAX, 2, "", "not UTF-8"},
        {H "\rn1,u1,password\r", ERR_SYNTAX, 1, "", "control character"},
        {H ",AmtUUID\nn1,u1,password,55e3ae13\n", ERR_INVALID, 2, "AmtUUID",
         "\"55e3ae13\" is not accepted: a UUID"},
        {H ",SmbiosUUID\nn1,u1,password,x\n", ERR_INVALID, 2, "SmbiosUUID", "a UUID"},
        {H ",AmtPassword\nn1,u1,password,short12\n", ERR_INVALID, 2, "AmtPassword", "8 to 32"},
        {H ",AmtUser\nn1,u1,password,admin\n", ERR_INVALID, 2, "AmtPassword", "its password is missing"},
        {H ",DesiredPowerState\nn1,u1,password,reset\n", ERR_INVALID, 2, "DesiredPowerState",
         "on, off, sleep"},
        {H ",DesiredPowerState\nn1,u1,password,unknown\n", ERR_INVALID, 2, "DesiredPowerState",
         "on, off, sleep"},
        {H ",ControlMode\nn1,u1,password,none\n", ERR_INVALID, 2, "ControlMode", "acm or ccm"},
        {H "\nn1,u1,password\n\nn2,u2,password\nn1,u3,password\n", ERR_EXISTS, 5, "Name",
         "line 5, column Name: \"n1\" is on line 2 already"},
        {H "\nn1,u1,password\nn2,u1,password\n", ERR_EXISTS, 3, "CiraUser", "\"u1\" is on line 2 already"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct csv_hosts h;
        struct errinfo ei;
        unsigned line = 99;
        int err = parse(cases[i].text, &h, &ei, &line);
        if (err != cases[i].err || line != cases[i].line || !strstr(ei.text, cases[i].says) ||
            strcmp(ei.field, cases[i].field) != 0)
            fail_msg("case %zu: %d, line %u, field %s: %s", i, err, line, ei.field, ei.text);
        assert_null(h.rows);
        assert_int_equal(h.n, 0);
    }
}

static void passwords_are_not_told(void **state) {
    struct csv_hosts h;
    struct errinfo ei;
    assert_int_equal(parse(H ",AmtPassword\nn1,u1,password,s3cr3t\n", &h, &ei, NULL), ERR_INVALID);
    assert_null(strstr(ei.text, "s3cr3t"));
    assert_int_equal(parse(H "\nn1,u1,s3cr3t\n", &h, &ei, NULL), ERR_INVALID);
    assert_null(strstr(ei.text, "s3cr3t"));
}

static void lengths(void **state) {
    static const struct {
        const char *column;
        size_t most;
    } limits[] = {{"Name", 63},   {"CiraUser", 64}, {"CiraPassword", 71},
                  {"Serial", 63}, {"AmtUser", 32},  {"AmtPassword", 32}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        for (size_t over = 0; over < 2; over++) {
            struct buf head = {0}, row = {0};
            char value[128];
            memset(value, 'x', sizeof value);
            value[limits[i].most + over] = 0;
            static const char *const all[] = {"Name",    "CiraUser",    "CiraPassword",
                                              "AmtUser", "AmtPassword", "Serial"};
            for (size_t c = 0; c < 6; c++) {
                buf_putf(&head, "%s%s", c ? "," : "", all[c]);
                buf_putf(&row, "%s%s", c ? "," : "",
                         strcmp(all[c], limits[i].column) == 0 ? value : "password");
            }
            buf_putf(&head, "\n%s\n", buf_cstr(&row));
            struct csv_hosts h;
            struct errinfo ei;
            assert_int_equal(parse(buf_cstr(&head), &h, &ei, NULL), over ? ERR_INVALID : 0);
            if (over)
                assert_string_equal(ei.field, limits[i].column);
            csvimport_free(&h);
            buf_free(&head);
            buf_free(&row);
        }
}

static void limits_of_the_file(void **state) {
    struct buf b = {0};
    struct csv_hosts h;
    struct errinfo ei = {0};
    unsigned line;
    buf_puts(&b, H "\nn1,u1,password\n");
    for (int i = 0; i < CSV_LINE_MAX; i++)
        buf_puts(&b, "x");
    assert_int_equal(csvimport_parse(buf_slice(&b), 1, &h, &ei, &line), ERR_LIMIT);
    assert_int_equal(line, 3);
    buf_clear(&b);
    buf_puts(&b, H "\n");
    for (int i = 0; i < CSV_ROWS_MAX; i++)
        buf_putf(&b, "n%d,u%d,password\n", i, i);
    assert_int_equal(csvimport_parse(buf_slice(&b), 1, &h, &ei, &line), 0);
    assert_int_equal(h.n, CSV_ROWS_MAX);
    assert_string_equal(h.rows[CSV_ROWS_MAX - 1].name, "n99999");
    csvimport_free(&h);
    buf_puts(&b, "one,more,password\n");
    assert_int_equal(csvimport_parse(buf_slice(&b), 1, &h, &ei, &line), ERR_LIMIT);
    assert_int_equal(line, 0);
    assert_non_null(strstr(ei.text, "100001 rows"));
    buf_free(&b);
}

UNIT_MAIN(T(full_row), T(any_order_quotes_mark_and_line_ends), T(errors), T(passwords_are_not_told),
          T(lengths), T(limits_of_the_file))
