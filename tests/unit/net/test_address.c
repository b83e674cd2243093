/* SPDX-License-Identifier: Apache-2.0 */
#include "net/address.h"

#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static void table(void **s) {
    static const struct {
        const char *text;
        int result;
        enum address_kind kind;
        const char *host;
        int port;
    } rows[] = {
        {"192.0.2.7:4433", 0, ADDRESS_IP, "192.0.2.7", 4433},
        {"[::]:4433", 0, ADDRESS_IP, "::", 4433},
        {"[2001:db8::1]:1", 0, ADDRESS_IP, "2001:db8::1", 1},
        {":0", 0, ADDRESS_ANY, "", 0},
        {":65535", 0, ADDRESS_ANY, "", 65535},
        {"localhost:443", 0, ADDRESS_NAME, "localhost", 443},
        {"a-b_c.example:443", 0, ADDRESS_NAME, "a-b_c.example", 443},
        {"unix:/run/x", 0, ADDRESS_UNIX, "", 0},
        {"", ERR_INVALID, 0, "", 0},
        {"localhost", ERR_INVALID, 0, "", 0},
        {"localhost:", ERR_INVALID, 0, "", 0},
        {"localhost:65536", ERR_INVALID, 0, "", 0},
        {"localhost:-1", ERR_INVALID, 0, "", 0},
        {"localhost: 1", ERR_INVALID, 0, "", 0},
        {"localhost:http", ERR_INVALID, 0, "", 0},
        {"::1:443", ERR_INVALID, 0, "", 0},
        {"[127.0.0.1]:443", ERR_INVALID, 0, "", 0},
        {"[::1:443", ERR_INVALID, 0, "", 0},
        {"[]:443", ERR_INVALID, 0, "", 0},
        {"[x::1]:443", ERR_INVALID, 0, "", 0},
        {"a b:443", ERR_INVALID, 0, "", 0},
        {"a/b:443", ERR_INVALID, 0, "", 0},
        {"unix:", ERR_INVALID, 0, "", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct address a;
        struct errinfo ei = {0};
        int r = address_parse(rows[i].text, &a, &ei);
        if (r != rows[i].result)
            fail_msg("'%s' gives %d", rows[i].text, r);
        if (r < 0) {
            assert_true(ei.text[0] && ei.remedy[0]);
            continue;
        }
        assert_int_equal(a.kind, rows[i].kind);
        assert_string_equal(a.host, rows[i].host);
        assert_int_equal(a.port, rows[i].port);
    }
    struct address a;
    char path[200] = "unix:/";
    memset(path + 6, 'x', 150);
    assert_int_equal(address_parse(path, &a, NULL), ERR_INVALID);
    assert_int_equal(address_parse(NULL, &a, NULL), ERR_INVALID);
    char longest[400];
    memset(longest, 'x', sizeof longest);
    memcpy(longest + 300, ":1", 3);
    assert_int_equal(address_parse(longest, &a, NULL), ERR_INVALID);
}

static void texts(void **s) {
    static const char *const round[] = {"192.0.2.7:4433", "[2001:db8::1]:65535", "[::]:0"};
    char text[ADDRESS_TEXT_CAP], host[ADDRESS_TEXT_CAP];
    for (size_t i = 0; i < 3; i++) {
        struct address a;
        assert_int_equal(address_parse(round[i], &a, NULL), 0);
        assert_string_equal(address_text(&a.sa.any, text, host), round[i]);
        assert_string_equal(host, a.host);
        assert_int_equal(address_port(&a.sa.any), a.port);
    }
    struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
    inet_pton(AF_INET6, "::ffff:192.0.2.7", &mapped.sin6_addr);
    assert_string_equal(address_text((struct sockaddr *)&mapped, text, host), "192.0.2.7:9");
    assert_string_equal(host, "192.0.2.7");
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    assert_string_equal(address_text((struct sockaddr *)&un, text, host), "unix");
    assert_string_equal(address_join("::1", 5, text, sizeof text), "[::1]:5");
    assert_string_equal(address_join("h", 5, text, sizeof text), "h:5");
}

UNIT_MAIN(T(table), T(texts))
