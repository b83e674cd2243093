/* SPDX-License-Identifier: Apache-2.0 */
/* A device whose tunnel is right and whose answers to WS-MAN requests are not. */
#include "hostile.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\n"

/* head, then n times body. */
static void repeat(struct peer *p, uint32_t chan, const char *head, const char *body, unsigned n) {
    struct buf b = {0};
    if (!chan_puts(p, chan, head))
        return;
    for (unsigned i = 0; i < n; i++) {
        buf_puts(&b, body);
        if (b.len > 8192 || i + 1 == n) {
            bool ok = chan_put(p, chan, buf_slice(&b));
            buf_free(&b);
            if (!ok)
                return;
        }
    }
    buf_free(&b);
}

static void endless_body(struct peer *p, uint32_t chan, unsigned id) {
    repeat(p, chan, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n", "0010\r\n<a>0123456789</a>\r\n", 1u << 20);
}
static void endless_until_close(struct peer *p, uint32_t chan, unsigned id) {
    repeat(p, chan, OK_HEAD "\r\n", "<a>0123456789</a>", 1u << 20);
}
static void huge_length(struct peer *p, uint32_t chan, unsigned id) {
    repeat(p, chan, OK_HEAD "Content-Length: 18446744073709551615\r\n\r\n", "<a/>", 1000);
}
static void length_10_mb(struct peer *p, uint32_t chan, unsigned id) {
    repeat(p, chan, OK_HEAD "Content-Length: 10485760\r\n\r\n", "<a>0123456789</a>", 600000);
}
static void chunk_bomb(struct peer *p, uint32_t chan, unsigned id) {
    repeat(p, chan, OK_HEAD "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n", "x", 1000);
}
static void tiny_chunks(struct peer *p, uint32_t chan, unsigned id) {
    repeat(p, chan, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\n<\r\n", "1\r\na\r\n", 100000);
}
static void chunk_extensions(struct peer *p, uint32_t chan, unsigned id) {
    repeat(p, chan, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n1;", "name=value;", 100000);
}
static void header_bomb(struct peer *p, uint32_t chan, unsigned id) {
    repeat(p, chan, OK_HEAD, "X-Header: value\r\n", 100000);
}
static void long_header(struct peer *p, uint32_t chan, unsigned id) {
    repeat(p, chan, OK_HEAD "X-Long: ", "aaaaaaaaaaaaaaaa", 100000);
}
static void interim_forever(struct peer *p, uint32_t chan, unsigned id) {
    repeat(p, chan, "", "HTTP/1.1 100 Continue\r\n\r\n", 10000);
}
static void slow_answer(struct peer *p, uint32_t chan, unsigned id) {
    const char *s = OK_HEAD "Content-Length: 100000\r\n\r\n<a:Envelope";
    for (; *s && !p->ended && now_ms() < p->until; s++) {
        chan_put(p, chan, slice_of(s, 1));
        tunnel_run(p, 60);
    }
}
static void no_answer(struct peer *p, uint32_t chan, unsigned id) {}
static void half_answer(struct peer *p, uint32_t chan, unsigned id) {
    chan_puts(p, chan, OK_HEAD "Content-Length: 1000\r\n\r\n<a:Envelope");
}
static void close_in_the_middle(struct peer *p, uint32_t chan, unsigned id) {
    half_answer(p, chan, id);
    apf_close(p->apf, chan);
}
static void close_at_once(struct peer *p, uint32_t chan, unsigned id) {
    apf_close(p->apf, chan);
}
static void http_2(struct peer *p, uint32_t chan, unsigned id) {
    chan_puts(p, chan, "HTTP/2.0 200 OK\r\n\r\n");
}
static void no_http(struct peer *p, uint32_t chan, unsigned id) {
    chan_puts(p, chan, "SSH-2.0-OpenSSH_9.2\r\n");
}
static void smuggle(struct peer *p, uint32_t chan, unsigned id) {
    chan_puts(p, chan, OK_HEAD "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
}
static void two_lengths(struct peer *p, uint32_t chan, unsigned id) {
    chan_puts(p, chan, OK_HEAD "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef");
}
static void folded_header(struct peer *p, uint32_t chan, unsigned id) {
    chan_puts(p, chan, OK_HEAD "X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n");
}
static void nul_in_header(struct peer *p, uint32_t chan, unsigned id) {
    chan_put(p, chan, SLICE_LIT("HTTP/1.1 200 OK\r\nX-A: \0b\r\nContent-Length: 0\r\n\r\n"));
}
static void status_line(struct peer *p, uint32_t chan, unsigned id) {
    static const char *const all[] = {"HTTP/1.1 99999 X\r\n\r\n", "HTTP/1.1  200\r\n\r\n",
                                      "HTTP/1.1 -1 X\r\n\r\n",    "HTTP/9.9 200 X\r\n\r\n",
                                      "200 OK\r\n\r\n",           "\n\n\n\n\n\n\n\n\n"};
    chan_puts(p, chan, all[p->requests % 6]);
}
static void status_500(struct peer *p, uint32_t chan, unsigned id) {
    chan_puts(p, chan, "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
}
static void status_302(struct peer *p, uint32_t chan, unsigned id) {
    chan_puts(p, chan,
              "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n");
}
static void status_101(struct peer *p, uint32_t chan, unsigned id) {
    chan_puts(p, chan,
              "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nwhat follows is no HTTP");
}
static void two_answers(struct peer *p, uint32_t chan, unsigned id) {
    answer_power(p, chan, id);
    answer_power(p, chan, id);
    answer_power(p, chan, id + 1);
}
/* Answers to requests that were never made, all the time. */
static void answers_unasked(struct peer *p, uint32_t chan, unsigned id) {
    answer_power(p, chan, id);
    for (int i = 0; i < 20; i++) {
        tunnel_run(p, 10);
        answer_power(p, chan, id + (unsigned)i);
    }
}

/* --- authentication --- */

static void unauthorized(struct peer *p, uint32_t chan, const char *challenge) {
    struct buf b = {0};
    buf_puts(&b, "HTTP/1.1 401 Unauthorized\r\n");
    buf_puts(&b, challenge);
    buf_puts(&b, "Content-Length: 0\r\n\r\n");
    chan_put(p, chan, buf_slice(&b));
    buf_free(&b);
}
static void always_401(struct peer *p, uint32_t chan, unsigned id) {
    char text[128];
    snprintf(text, sizeof text, "WWW-Authenticate: Digest realm=\"Digest:1\", nonce=\"%u\",qop=\"auth\"\r\n",
             p->requests);
    unauthorized(p, chan, text);
}
static void same_401(struct peer *p, uint32_t chan, unsigned id) {
    unauthorized(p, chan, "WWW-Authenticate: Digest realm=\"Digest:1\", nonce=\"1\",qop=\"auth\"\r\n");
}
static void bare_401(struct peer *p, uint32_t chan, unsigned id) {
    unauthorized(p, chan, "");
}
static void basic_401(struct peer *p, uint32_t chan, unsigned id) {
    unauthorized(p, chan, "WWW-Authenticate: Basic realm=\"x\"\r\n");
}
static void odd_401(struct peer *p, uint32_t chan, unsigned id) {
    unauthorized(p, chan,
                 "WWW-Authenticate: Digest realm=\"a\\\"\",nonce=\"\\,qop=auth,,,===,\"\r\n"
                 "WWW-Authenticate: Digest nonce=\"x\", realm=\"r\", qop=\"auth-int\", algorithm=SHA-512\r\n"
                 "WWW-Authenticate: \"\r\n");
}
static void long_401(struct peer *p, uint32_t chan, unsigned id) {
    char text[7000];
    int n = snprintf(text, sizeof text, "WWW-Authenticate: Digest nonce=\"x\", realm=\"");
    memset(text + n, 'r', sizeof text - (size_t)n - 10);
    snprintf(text + sizeof text - 10, 10, "\"\r\n");
    unauthorized(p, chan, text);
}

/* --- SOAP and XML --- */

static void soap_bytes(struct peer *p, uint32_t chan, struct slice body) {
    char head[128];
    snprintf(head, sizeof head, OK_HEAD "Content-Length: %zu\r\n\r\n", body.n);
    if (chan_puts(p, chan, head))
        chan_put(p, chan, body);
}
/* before, n times part, after: an envelope around it where wrap says so. */
static void xml_of(struct peer *p, uint32_t chan, const char *before, const char *part, unsigned n,
                   const char *after) {
    struct buf b = {0};
    buf_puts(&b, before);
    for (unsigned i = 0; i < n; i++)
        buf_puts(&b, part);
    buf_puts(&b, after);
    soap_bytes(p, chan, buf_slice(&b));
    buf_free(&b);
}
#define ENVELOPE "<a:Envelope xmlns:a=\"http://www.w3.org/2003/05/soap-envelope\"><a:Body>"
#define END      "</a:Body></a:Envelope>"

static void wrong_relates_to(struct peer *p, uint32_t chan, unsigned id) {
    answer_power(p, chan, id + 1000);
}
static void zero_relates_to(struct peer *p, uint32_t chan, unsigned id) {
    answer_power(p, chan, 0);
}
static void xml_depth(struct peer *p, uint32_t chan, unsigned id) {
    xml_of(p, chan, ENVELOPE, "<x>", 50000, END);
}
static void xml_wide(struct peer *p, uint32_t chan, unsigned id) {
    xml_of(p, chan, ENVELOPE, "<x/>", 60000, END);
}
static void xml_attributes(struct peer *p, uint32_t chan, unsigned id) {
    struct buf b = {0};
    buf_puts(&b, ENVELOPE "<x");
    for (int i = 0; i < 20000; i++)
        buf_putf(&b, " a%d=\"\"", i);
    buf_puts(&b, "/>" END);
    soap_bytes(p, chan, buf_slice(&b));
    buf_free(&b);
}
static void xml_namespaces(struct peer *p, uint32_t chan, unsigned id) {
    struct buf b = {0};
    buf_puts(&b, ENVELOPE "<x");
    for (int i = 0; i < 10000; i++)
        buf_putf(&b, " xmlns:n%d=\"urn:%d\"", i, i);
    buf_puts(&b, "/>" END);
    soap_bytes(p, chan, buf_slice(&b));
    buf_free(&b);
}
static void xml_laughs(struct peer *p, uint32_t chan, unsigned id) {
    soap_bytes(
        p, chan,
        SLICE_LIT(
            "<?xml version=\"1.0\"?><!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;\">"
            "<!ENTITY c \"&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;\">]>" ENVELOPE
            "&d;&d;&d;" END));
}
static void xml_external(struct peer *p, uint32_t chan, unsigned id) {
    soap_bytes(p, chan,
               SLICE_LIT("<!DOCTYPE l [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>" ENVELOPE "&a;" END));
}
static void xml_instruction(struct peer *p, uint32_t chan, unsigned id) {
    xml_of(p, chan, "<?xml-stylesheet href=\"http://192.0.2.1/\"?>" ENVELOPE, "<?php x?>", 100, END);
}
static void xml_comments(struct peer *p, uint32_t chan, unsigned id) {
    xml_of(p, chan, ENVELOPE, "<!-- a comment of no use -->", 8000, END);
}
static void xml_cdata(struct peer *p, uint32_t chan, unsigned id) {
    xml_of(p, chan, ENVELOPE "<x><![CDATA[", "0123456789abcdef", 15000, "]]></x>" END);
}
static void xml_long_name(struct peer *p, uint32_t chan, unsigned id) {
    xml_of(p, chan, ENVELOPE "<", "aaaaaaaaaaaaaaaa", 15000, "/>" END);
}
static void xml_bad_utf8(struct peer *p, uint32_t chan, unsigned id) {
    soap_bytes(p, chan, SLICE_LIT(ENVELOPE "<x>\xff\xfe\xc0\x80\xed\xa0\x80</x>" END));
}
static void xml_nul(struct peer *p, uint32_t chan, unsigned id) {
    soap_bytes(p, chan, SLICE_LIT(ENVELOPE "<x>\0</x>" END));
}
static void xml_utf16(struct peer *p, uint32_t chan, unsigned id) {
    soap_bytes(p, chan, SLICE_LIT("\xff\xfe<\0a\0/\0>\0"));
}
static void xml_none(struct peer *p, uint32_t chan, unsigned id) {
    soap_bytes(p, chan, SLICE_LIT("{\"power\": \"on\"}"));
}
static void xml_empty(struct peer *p, uint32_t chan, unsigned id) {
    soap_bytes(p, chan, SLICE_EMPTY);
}
static void xml_cut(struct peer *p, uint32_t chan, unsigned id) {
    soap_bytes(p, chan, SLICE_LIT(ENVELOPE "<x><y></y>"));
}
static void power_nonsense(struct peer *p, uint32_t chan, unsigned id) {
    static const char *const all[] = {"99999999999999999999", "-1", "on", "2 2", "", "0x2", "\xe2\x82\xac"};
    char inner[256];
    snprintf(inner, sizeof inner,
             "<g:CIM_AssociatedPowerManagementService><g:PowerState>%s</g:PowerState>"
             "</g:CIM_AssociatedPowerManagementService>",
             all[p->requests % 7]);
    answer_soap(p, chan, id, inner);
}
static void power_many_states(struct peer *p, uint32_t chan, unsigned id) {
    struct buf b = {0};
    buf_puts(&b, "<g:CIM_AssociatedPowerManagementService>");
    for (int i = 0; i < 3000; i++)
        buf_putf(&b, "<g:AvailableRequestedPowerStates>%d</g:AvailableRequestedPowerStates>", i);
    buf_puts(&b, "<g:PowerState>2</g:PowerState><g:PowerState>8</g:PowerState>"
                 "</g:CIM_AssociatedPowerManagementService>");
    answer_soap(p, chan, id, buf_cstr(&b));
    buf_free(&b);
}
/* The power flips with every read: recovery must not follow it for ever. */
static void power_flips(struct peer *p, uint32_t chan, unsigned id) {
    answer_soap(p, chan, id,
                p->requests % 2 ? "<g:CIM_AssociatedPowerManagementService><g:PowerState>8</g:PowerState>"
                                  "</g:CIM_AssociatedPowerManagementService>"
                                : "<g:CIM_AssociatedPowerManagementService><g:PowerState>2</g:PowerState>"
                                  "</g:CIM_AssociatedPowerManagementService>");
}
static void enumeration_without_end(struct peer *p, uint32_t chan, unsigned id) {
    answer_soap(p, chan, id,
                "<n:PullResponse><n:EnumerationContext>more</n:EnumerationContext><n:Items></n:Items>"
                "</n:PullResponse>");
}
static void context_100_kb(struct peer *p, uint32_t chan, unsigned id) {
    struct buf b = {0};
    buf_puts(&b, "<n:EnumerateResponse><n:EnumerationContext>");
    for (int i = 0; i < 6000; i++)
        buf_puts(&b, "0123456789abcdef");
    buf_puts(&b, "</n:EnumerationContext></n:EnumerateResponse>");
    answer_soap(p, chan, id, buf_cstr(&b));
    buf_free(&b);
}
static void fault_with_markup(struct peer *p, uint32_t chan, unsigned id) {
    answer_soap(
        p, chan, id,
        "<a:Fault><a:Code><a:Value>a:Sender</a:Value><a:Subcode><a:Value>b:&lt;script&gt;&#13;&#10;</a:Value>"
        "</a:Subcode></a:Code><a:Reason><a:Text>&lt;img src=x onerror=alert(1)&gt;\xe2\x80\xae</a:Text>"
        "</a:Reason></a:Fault>");
}

#define ANSWER(name, fn)                                                                                     \
    { name, CIRA, AT_UP, STAYS, serve, fn }
const struct kind KINDS_HTTP[] = {
    ANSWER("http-endless-body", endless_body),
    ANSWER("http-endless-until-close", endless_until_close),
    ANSWER("http-huge-length", huge_length),
    ANSWER("http-length-10-mb", length_10_mb),
    ANSWER("http-chunk-bomb", chunk_bomb),
    ANSWER("http-tiny-chunks", tiny_chunks),
    ANSWER("http-chunk-extensions", chunk_extensions),
    ANSWER("http-header-bomb", header_bomb),
    ANSWER("http-long-header", long_header),
    ANSWER("http-interim-forever", interim_forever),
    ANSWER("http-slow-answer", slow_answer),
    ANSWER("http-no-answer", no_answer),
    ANSWER("http-half-answer", half_answer),
    ANSWER("http-close-in-the-middle", close_in_the_middle),
    ANSWER("http-close-at-once", close_at_once),
    ANSWER("http-version-2", http_2),
    ANSWER("http-none", no_http),
    ANSWER("http-smuggle", smuggle),
    ANSWER("http-two-lengths", two_lengths),
    ANSWER("http-folded-header", folded_header),
    ANSWER("http-nul-in-header", nul_in_header),
    ANSWER("http-status-line", status_line),
    ANSWER("http-500", status_500),
    ANSWER("http-302", status_302),
    ANSWER("http-101", status_101),
    ANSWER("http-two-answers", two_answers),
    ANSWER("http-answers-unasked", answers_unasked),
    ANSWER("auth-always-401", always_401),
    ANSWER("auth-same-401", same_401),
    ANSWER("auth-bare-401", bare_401),
    ANSWER("auth-basic-401", basic_401),
    ANSWER("auth-odd-401", odd_401),
    ANSWER("auth-long-401", long_401),
    ANSWER("soap-wrong-relates-to", wrong_relates_to),
    ANSWER("soap-zero-relates-to", zero_relates_to),
    ANSWER("xml-depth", xml_depth),
    ANSWER("xml-wide", xml_wide),
    ANSWER("xml-attributes", xml_attributes),
    ANSWER("xml-namespaces", xml_namespaces),
    ANSWER("xml-laughs", xml_laughs),
    ANSWER("xml-external", xml_external),
    ANSWER("xml-instruction", xml_instruction),
    ANSWER("xml-comments", xml_comments),
    ANSWER("xml-cdata", xml_cdata),
    ANSWER("xml-long-name", xml_long_name),
    ANSWER("xml-bad-utf8", xml_bad_utf8),
    ANSWER("xml-nul", xml_nul),
    ANSWER("xml-utf16", xml_utf16),
    ANSWER("xml-none", xml_none),
    ANSWER("xml-empty", xml_empty),
    ANSWER("xml-cut", xml_cut),
    ANSWER("power-nonsense", power_nonsense),
    ANSWER("power-many-states", power_many_states),
    ANSWER("power-flips", power_flips),
    ANSWER("enumeration-without-end", enumeration_without_end),
    ANSWER("enumeration-context-100-kb", context_100_kb),
    ANSWER("fault-with-markup", fault_with_markup),
    {0},
};
