# What listener filters see in the first bytes, what becomes of the connection, and which filter chain it gets.
import json

from harness import hello as wire
from harness.dsl import *
from harness.hello import hello

TYPE = "type.googleapis.com/envoy.extensions.filters.listener."
FORM = {"chain": "%FILTER_CHAIN_NAME%", "sni": "%REQUESTED_SERVER_NAME%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%",
        "failure": "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%", "found": "%DYNAMIC_METADATA(envoy.filters.listener.tls_inspector)%",
        "received": "%BYTES_RECEIVED%", "sent": "%BYTES_SENT%", "close": "%DOWNSTREAM_DETECTED_CLOSE_TYPE%"}
STATS = ["re:^listener\\.127\\.0\\.0\\.1_{{port}}\\.downstream_(pre_cx|listener_filter)", "re:^listener\\.127\\.0\\.0\\.1_{{port}}\\.(no_filter|downstream_cx_(total|destroy|active))"]


def file_log(name, form):
    return ('{name: l, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: "{{log}}", '
            'log_format: {json_format: %s}}}' % json.dumps({"log": name, **form}))


def chain(name, match=None):
    return "- {name: %s, filters: [the]%s}\n" % (name, ", filter_chain_match: " + match if match else "")


def filtered(name, filters, client, chains=(), default="", form=FORM, more="", **kw):
    """A TCP listener that greets: which chain it was is in the log."""
    text = "filter_chains:\n" + "".join(chains or [chain("tls", "{transport_protocol: tls}"), chain("plain")])
    if default:
        text += "default_filter_chain: {name: %s, filters: [the]}\n" % default
    listener = "{listener_filters: [%s], access_log: [%s]%s}" % (", ".join(filters), file_log("listener", form), ", " + more if more else "")
    kw.setdefault("up", Tcp(raw("hi") + ended() + fin()))
    kw.setdefault("unordered_log", True)
    kw.setdefault("no_upstream", True)
    scenario(name, kind="tcp", chains=text, listener=listener, client=client, access_log="[%s]" % file_log("chain", form), **kw)


def lf(name, fields="", kind=None, disabled=None):
    text = "{name: envoy.filters.listener.%s, typed_config: {'@type': %s%s.v3.%s%s}" % (
        name, TYPE, name, kind or "".join(p.title() for p in name.split("_")), ", " + fields if fields else "")
    return text + (", filter_disabled: %s}" % disabled if disabled else "}")


TLS = lf("tls_inspector")
HTTP = lf("http_inspector")


def say(data, c="c"):
    """Sends, reads the greeting if one comes, ends, and reads to the end."""
    return new(c) + send(data, c) + read_bytes(2, c) + half_close(c) + raw_all(c)


def wait_for(data, c="c"):
    """Sends what does not suffice."""
    return new(c) + send(data, c) + pause(0.1) + half_close(c) + raw_all(c)


# ---- tls_inspector: what is a ClientHello

def inspected(name, data, **kw):
    filtered("tls_" + name, [TLS], say(data), **kw)


inspected("hello", hello("a.example"))
inspected("hello_without_name", hello())
inspected("name_in_capitals", hello("A.EXAMPLE"))
inspected("name_with_trailing_dot", hello("a.example."))
inspected("name_is_an_address", hello("127.0.0.1"))
inspected("name_empty", hello(""))
inspected("name_with_zero", hello(b"a\0b"))
inspected("name_of_255", hello("a" * 255))
inspected("name_of_256", hello("a" * 256))
inspected("name_of_other_kind", hello(None, (), wire.server_name("a", kind=1)))
inspected("name_list_empty", hello(None, (), wire.extension(0, wire.u16(0))))
inspected("name_list_too_long", hello(None, (), wire.extension(0, b"\0\x20\0\0\x01a")))
inspected("name_extension_empty", hello(None, (), wire.extension(0, b"")))
inspected("name_twice", hello("a.example", (), wire.server_name("b.example")))
inspected("two_names_in_list", hello(None, (), wire.extension(0, wire.vector(2, b"\0\0\x01a\0\0\x01b"))))
inspected("extension_twice", hello("a", (), wire.extension(0x1234, b""), wire.extension(0x1234, b"")))
inspected("alpn_empty", hello("a", (), wire.extension(16, b"")))
inspected("alpn_list_empty", hello("a", (), wire.extension(16, wire.u16(0))))
inspected("alpn_empty_name", hello("a", (), wire.extension(16, b"\0\3\0\1h")))
inspected("alpn_overrun", hello("a", (), wire.extension(16, b"\0\3\5ab")))
inspected("no_extensions_block", wire.records(wire.message(wire.body(block=False))))
inspected("extensions_block_empty", wire.records(wire.message(wire.body())))
inspected("usual_off", hello("a", usual=False))
inspected("tls10_only", hello("a", usual=False, version=0x0301))
inspected("tls11_only", hello("a", usual=False, version=0x0302))
inspected("ssl3", hello("a", usual=False, version=0x0300))
inspected("ssl2_version", hello("a", usual=False, version=0x0002))
inspected("version_above", hello("a", usual=False, version=0x0305))
inspected("version_below_256", hello("a", usual=False, version=0x00FF))
inspected("supported_versions_unknown", hello("a", (), wire.versions(0x7F1C), usual=False))
inspected("supported_versions_grease", hello("a", (), wire.versions(0x1A1A, 0x0304), wire.key_share((0x1D, bytes(32))), wire.groups(0x1D), wire.signatures(0x0403), usual=False))
inspected("supported_versions_odd", hello("a", (), wire.extension(43, b"\3\3\4\3"), usual=False))
inspected("supported_versions_empty", hello("a", (), wire.extension(43, b"\0"), usual=False))
inspected("tls13_without_key_share", hello("a", (), wire.versions(0x0304), wire.groups(0x1D), wire.signatures(0x0403), usual=False))
inspected("no_ciphers", hello("a", ciphers=()))
inspected("unknown_ciphers", hello("a", ciphers=(0x0001,)))
inspected("no_compression", hello("a", compression=b""))
inspected("other_compression", hello("a", compression=b"\1"))
inspected("two_compressions", hello("a", compression=b"\1\0"))
inspected("session_of_32", hello("a", session=bytes(32)))
inspected("session_of_33", hello("a", session=bytes(33)))
inspected("bytes_behind", wire.records(wire.message(wire.body(wire.server_name("a"), tail=b"x"))))
inspected("another_message", hello("a") + wire.records(b"more"))
inspected("message_too_short", wire.records(wire.message(wire.body(wire.server_name("a"))[:-3])))
inspected("message_of_3_bytes", wire.records(wire.message(b"\3\3\0")))
inspected("message_empty", wire.records(wire.message(b"")))
inspected("server_hello", wire.records(wire.message(wire.body(wire.server_name("a")), kind=2)))
inspected("hello_request", wire.records(wire.message(b"", kind=0)))
inspected("two_records", wire.records(wire.message(wire.body(wire.server_name("a.example"), *wire.USUAL)), size=60))
inspected("records_of_one_byte", wire.records(wire.message(wire.body(wire.server_name("a.example"), *wire.USUAL)), size=1))
inspected("empty_record_first", wire.records(b"", size=1) + b"\x16\3\1\0\0" + hello("a"))
inspected("empty_records", b"\x16\3\1\0\0" * 40 + hello("a"))
inspected("alert", b"\x15\3\1\0\2\2\x28")
inspected("alert_warning_first", b"\x15\3\1\0\2\1\x5a" + hello("a"))
inspected("alert_close_notify", b"\x15\3\1\0\2\1\0")
inspected("alert_short", b"\x15\3\1\0\1\2")
inspected("change_cipher_spec", b"\x14\3\1\0\1\1" + hello("a"))
inspected("application_data", b"\x17\3\3\0\5hello")
inspected("unknown_record", b"\x20\3\3\0\5hello")
inspected("record_version_200", b"\x16\2\0\0\5hello")
inspected("record_version_3ff", b"\x16\3\xff" + hello("a")[3:])
inspected("record_version_400", b"\x16\4\0" + hello("a")[3:])
inspected("record_too_long", b"\x16\3\1\x48\1" + b"x" * 100)
inspected("record_of_16k_and_more", b"\x16\3\1\x40\1" + wire.message(b"x" * (0x4001 - 4)))
inspected("message_of_16m", b"\x16\3\1\0\x20\1\xff\xff\xff" + b"x" * 40)
for method in ("GET ", "POST ", "HEAD ", "PUT ", "CONNECT ", "DELETE ", "OPTIONS ", "PRI "):
    inspected("plain_" + method.strip().lower(), method + "/ HTTP/1.1\r\n\r\n")
inspected("plain_ssh", "SSH-2.0-OpenSSH_9.2\r\n")
inspected("plain_zeros", bytes(20))
inspected("plain_ones", b"\xff" * 20)
inspected("plain_five_bytes", "hello")
inspected("plain_16k", b"x" * 20000)
V2 = b"\x12\0\0\0\x10\1\0\x80\3\0\x80\7\0\xc0\6\0\x40\2\0\x80\0\0\x2f" + bytes(range(16))
inspected("ssl2_hello", b"\x80\x2b\1\3\1\0" + V2)
inspected("ssl2_hello_ssl2_version", b"\x80\x2b\1\0\2\0" + V2)
inspected("ssl2_hello_too_short", b"\x80\x0a\1\3\1\0\3\0\0\0\2\0")
inspected("ssl2_hello_lengths_wrong", b"\x80\x2b\1\3\1\0\x15" + V2[1:])
inspected("ssl2_hello_version_304", b"\x80\x2b\1\3\4\0" + V2)
inspected("ssl2_hello_version_309", b"\x80\x2b\1\3\x09\0" + V2)
inspected("ssl2_hello_version_300", b"\x80\x2b\1\3\0\0" + V2)
inspected("version_304", hello("a", usual=False, version=0x0304))
inspected("version_0", hello("a", usual=False, version=0))
inspected("version_ffff", hello("a", usual=False, version=0xFFFF))
inspected("alert_fatal_unknown", b"\x15\3\1\0\2\2\xfe")
inspected("alert_fatal_close_notify", b"\x15\3\1\0\2\2\0")
inspected("alert_level_3", b"\x15\3\1\0\2\3\x28")
inspected("alert_warnings", b"\x15\3\1\0\2\1\x5a" * 6 + hello("a"))
inspected("alert_warnings_four", b"\x15\3\1\0\2\1\x5a" * 4 + hello("a"))
inspected("alert_empty", b"\x15\3\1\0\0" + hello("a"))
inspected("alert_after_part", wire.records(wire.message(wire.body(wire.server_name("a"))), size=40)[:45] + b"\x15\3\1\0\2\2\x28")
inspected("data_after_part", wire.records(wire.message(wire.body(wire.server_name("a"))), size=40)[:45] + b"\x17\3\1\0\1x")
inspected("wrong_version_after_part", wire.records(wire.message(wire.body(wire.server_name("a"))), size=40)[:45] + b"\x16\2\1\0\1x")
inspected("http_after_part", wire.records(wire.message(wire.body(wire.server_name("a"))), size=40)[:45] + b"GET / HTTP/1.1\r\n")
inspected("odd_ciphers", wire.records(wire.message(b"\3\3" + bytes(32) + b"\0" + b"\0\3\x13\1\x13" + b"\1\0")))
inspected("extensions_overrun", wire.records(wire.message(wire.body(block=False) + b"\0\x20\0\0\0\x10a")))
inspected("extension_overrun", wire.records(wire.message(wire.body(block=False) + b"\0\5\0\0\0\x10a")))
inspected("extension_bits_left", wire.records(wire.message(wire.body(block=False) + b"\0\2\0\0")))
inspected("one_byte_of_extensions", wire.records(wire.message(wire.body(block=False) + b"\0")))
inspected("message_16384", wire.records(b"\1\0\x40\0" + b"x" * 100))
inspected("message_16385", wire.records(b"\1\0\x40\1" + b"x" * 100))
inspected("name_with_newline", hello("a\r\nb"))
inspected("name_not_ascii", hello(b"\xc3\xa4.\xff\x01"))

for number, name in enumerate(("a_b.c", "a-b", "a:b", "a*b", "a/b", "a b", "[::1]", "a%b", "a@b", "a~b", "a!b", "a,b", "a+b", "a=b", "a\tb", "*.a", "a$b", "a;b", "a'b", "a(b", "a#b", "-a", "_a", ".", "..")):
    inspected(f"name_printed_{number}", hello(name))

# ---- in pieces, too late, not at all

def bits(data, size, c="c", gap=0.0):
    return new(c) + sum((send(data[i:i + size], c) + pause(gap) for i in range(0, len(data), size)), []) + read_bytes(2, c) + half_close(c) + raw_all(c)


HELLO = hello("a.example", ("h2", "http/1.1"))
NOW = "listener_filters_timeout: 0.2s"
ON = NOW + ", continue_on_listener_filters_timeout: true"
filtered("tls_in_bytes", [TLS], bits(HELLO, 1, gap=0.002))
filtered("tls_in_two", [TLS], bits(HELLO, 6, gap=0.01))
filtered("tls_records_in_bytes", [TLS], bits(wire.records(wire.message(wire.body(wire.server_name("a.example"))), size=11), 3, gap=0.005))
filtered("tls_first_byte_then_end", [TLS], wait_for(b"\x16"), stats=STATS)
filtered("tls_nothing_then_end", [TLS], wait_for(b""), stats=STATS)
filtered("tls_nothing_then_reset", [TLS], new() + pause(0.1) + reset() + logged(1), stats=STATS)
filtered("tls_part_then_end", [TLS], wait_for(HELLO[:20]), stats=STATS)
filtered("timeout_nothing", [TLS], new() + raw_all(), more=NOW, stats=STATS)
filtered("timeout_part", [TLS], send(HELLO[:20]) + raw_all(), more=NOW, stats=STATS)
filtered("timeout_continue_nothing", [TLS], new() + read_bytes(2) + half_close() + raw_all(), more=ON, stats=STATS)
filtered("timeout_continue_part", [TLS], send(HELLO[:20]) + read_bytes(2) + half_close() + raw_all(), more=ON, stats=STATS)
filtered("timeout_continue_no_chain", [TLS], new() + raw_all(), more=ON, stats=STATS, chains=[chain("tls", "{transport_protocol: tls}")])
filtered("timeout_off", [TLS], new() + pause(0.3) + send(HELLO) + read_bytes(2) + half_close() + raw_all(), more="listener_filters_timeout: 0s", stats=STATS)
filtered("timeout_not_of_the_first_filter_alone", [TLS, HTTP], send("GET") + raw_all(), more=NOW, stats=STATS)
filtered("no_chain_for_plain", [TLS], say("hello"), stats=STATS, chains=[chain("tls", "{transport_protocol: tls}")])
filtered("no_chain_for_tls", [TLS], say(HELLO), stats=STATS, chains=[chain("plain", "{transport_protocol: raw_buffer}")])
filtered("no_chain_default", [TLS], say("hello"), stats=STATS, chains=[chain("tls", "{transport_protocol: tls}")], default="rest")
filtered("several_at_once", [TLS], new("a") + new("b") + new("c") + send(HELLO, "c") + read_bytes(2, "c") + send("hello", "b") + read_bytes(2, "b")
         + send(HELLO[:9], "a") + stat_is("listener.127.0.0.1_{{port}}.downstream_pre_cx_active", 1) + send(HELLO[9:], "a") + read_bytes(2, "a"), stats=STATS)
filtered("accepted_gauge", [TLS], new() + stat_is("listener.127.0.0.1_{{port}}.downstream_pre_cx_active", 1), stats=STATS)

# ---- tls_inspector: its options and stats

def counted(name, filters, client, form=FORM, stats="tls_inspector", **kw):
    filtered(name, filters, client, form=form, own=True, stats=["re:^%s\\." % stats], **kw)


counted("tls_stats_found", [TLS], say(HELLO))
counted("tls_stats_no_name_no_alpn", [TLS], say(hello()))
counted("tls_stats_plain", [TLS], say("hello"))
counted("tls_stats_short_plain", [TLS], wait_for("hi"))
counted("tls_stats_close_notify", [TLS], say(b"\x15\3\1\0\2\1\0"))
counted("tls_stats_version", [TLS], say(hello("a", ("h2",), usual=False, version=0x0300)))
counted("tls_stats_parse_error", [TLS], say(hello("a", session=bytes(33))))
BIG = hello("a", (), wire.extension(21, bytes(16100)))
FULL = hello("a", (), wire.extension(21, bytes(16384 - len(hello("a")) - 4)))
OVER = hello("a", (), wire.extension(21, bytes(16384 - len(hello("a")) - 3)))
counted("tls_large", [TLS], say(BIG))
counted("tls_largest", [TLS], say(FULL))
counted("tls_too_large", [TLS], say(OVER))
counted("tls_too_large_in_bits", [TLS], bits(OVER, 4000, gap=0.01))
counted("tls_plain_16k_stats", [TLS], say(b"x" * 20000))
counted("tls_max_size", [lf("tls_inspector", "max_client_hello_size: 400")], say(hello("a", (), wire.extension(21, bytes(400)))))
counted("tls_max_size_fits", [lf("tls_inspector", "max_client_hello_size: 400")], say(HELLO))
counted("tls_read_buffer_512", [lf("tls_inspector", "initial_read_buffer_size: 512")], say(BIG))
counted("tls_read_buffer_256", [lf("tls_inspector", "initial_read_buffer_size: 256")], say(BIG))
counted("tls_read_buffer_above_max", [lf("tls_inspector", "initial_read_buffer_size: 1000, max_client_hello_size: 300")], say(HELLO))
STRICT = [lf("tls_inspector", "close_connection_on_client_hello_parsing_errors: true")]
counted("tls_strict_plain", STRICT, say("hello"))
counted("tls_strict_parse_error", STRICT, say(hello("a", session=bytes(33))))
counted("tls_strict_good", STRICT, say(HELLO))
counted("tls_strict_plain_16k", STRICT, say(b"x" * 20000))
counted("tls_strict_max_size", [lf("tls_inspector", "close_connection_on_client_hello_parsing_errors: true, max_client_hello_size: 300")], say("x" * 400))
counted("tls_twice", [TLS, TLS], say(HELLO))
PRINTS = {**FORM, "ja3": "%TLS_JA3_FINGERPRINT%", "ja4": "%TLS_JA4_FINGERPRINT%"}
BOTH = [lf("tls_inspector", "enable_ja3_fingerprinting: true, enable_ja4_fingerprinting: true")]
for name, data in {
        "usual": HELLO, "no_name": hello(), "no_extensions": wire.records(wire.message(wire.body(block=False))), "empty_extensions": wire.records(wire.message(wire.body())),
        "grease": hello("a", ("h2",), wire.extension(0x1A1A, b""), wire.extension(0xFAFA, b"\0"), ciphers=(0x0A0A, 0x1301, 0xDADA, 0xC02F)),
        "grease_groups": hello("a", (), wire.groups(0x2A2A, 0x1D), usual=False), "many_ciphers": hello("a", ciphers=range(1, 120)),
        "tls10": hello("a", usual=False, version=0x0301), "tls12": hello("a", usual=False), "odd_alpn": hello("a", ("\x01x", "h2")), "one_letter_alpn": hello("a", ("x",)),
        "alpn_not_alphanumeric_end": hello("a", ("h2-",)), "alpn_broken": hello("a", (), wire.extension(16, b"\0\5\7ab")), "alpn_empty": hello("a", (), wire.extension(16, b"")),
        "versions_unsorted": hello("a", (), wire.versions(0x0301, 0x0304, 0x0302), usual=False), "versions_grease_only": hello("a", (), wire.versions(0x2A2A), usual=False),
        "versions_broken": hello("a", (), wire.extension(43, b"\x09\3"), usual=False), "versions_above": hello("a", (), wire.versions(0x0305), usual=False),
        "no_signatures": hello("a", (), wire.groups(0x1D), wire.points(0), usual=False), "signatures_broken": hello("a", (), wire.extension(13, b"\0\4\4\3\x08"), usual=False),
        "groups_broken": hello("a", (), wire.extension(10, b"\0\4\0\x1d\0"), wire.extension(11, b"\3\0"), usual=False),
        "groups_empty": hello("a", (), wire.extension(10, b""), wire.extension(11, b""), usual=False),
        "no_ciphers_left": hello("a", ciphers=(0x0A0A,)), "only_name": hello("a", usual=False), "name_and_alpn": hello("a", ("h2",), usual=False)}.items():
    filtered("ja_" + name, BOTH, say(data), form=PRINTS)
filtered("ja3_only", [lf("tls_inspector", "enable_ja3_fingerprinting: true")], say(HELLO), form=PRINTS)
filtered("ja4_only", [lf("tls_inspector", "enable_ja4_fingerprinting: true")], say(HELLO), form=PRINTS)
filtered("ja_off", [lf("tls_inspector", "enable_ja3_fingerprinting: false")], say(HELLO), form=PRINTS)

# ---- http_inspector

HTTP_CHAINS = [chain("one", "{application_protocols: [http/1.1]}"), chain("ten", "{application_protocols: [http/1.0]}"),
               chain("two", "{application_protocols: [h2c]}"), chain("any")]


def sniffed(name, data, **kw):
    filtered("http_" + name, [HTTP], say(data), chains=HTTP_CHAINS, **kw)


PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
for name, data in {
        "11": "GET / HTTP/1.1\r\n\r\n", "10": "GET / HTTP/1.0\r\n\r\n", "first_line_only": "GET / HTTP/1.1\r\n", "bare_lf": "GET / HTTP/1.1\n", "09": "GET /\r\n", "09_lf": "GET /\n",
        "http_20": "GET / HTTP/2.0\r\n\r\n", "http_12": "GET / HTTP/1.2\r\n\r\n", "http_30": "GET / HTTP/3.0\r\n\r\n", "http_00": "GET / HTTP/0.9\r\n", "http_odd": "GET / HTTP/x.y\r\n",
        "http_lower": "GET / http/1.1\r\n", "no_version_slash": "GET / HTTP1.1\r\n", "preface": PREFACE, "preface_and_more": PREFACE + "\0\0\0\4", "preface_short_line": "PRI * HTTP/2.0\r\n\r\n" + "xxxxxxxx",
        "pri_11": "PRI * HTTP/1.1\r\n\r\n", "custom_method": "FROB / HTTP/1.1\r\n", "method_lower": "get / HTTP/1.1\r\n", "method_with_dash": "M-SEARCH * HTTP/1.1\r\n",
        "method_odd": "GE(T / HTTP/1.1\r\n", "method_empty": " / HTTP/1.1\r\n", "crlf_first": "\r\nGET / HTTP/1.1\r\n", "lf_first": "\nGET / HTTP/1.1\r\n", "space_first": " GET / HTTP/1.1\r\n",
        "two_spaces": "GET  /  HTTP/1.1\r\n", "tab": "GET\t/\tHTTP/1.1\r\n", "trailing_space": "GET / HTTP/1.1 \r\n", "four_words": "GET / x HTTP/1.1\r\n", "control_in_path": "GET /\1 HTTP/1.1\r\n",
        "high_in_path": "GET /\xff HTTP/1.1\r\n", "zero_in_path": "GET /\0 HTTP/1.1\r\n", "cr_in_path": "GET /\rx HTTP/1.1\r\n", "absolute": "GET http://a/ HTTP/1.1\r\n", "connect": "CONNECT a:1 HTTP/1.1\r\n",
        "connect_bad": "CONNECT / HTTP/1.1\r\n", "asterisk": "OPTIONS * HTTP/1.1\r\n", "no_path": "GET HTTP/1.1\r\n", "response": "HTTP/1.1 200 OK\r\n\r\n", "ssh": "SSH-2.0-x\r\n", "smtp": "EHLO example\r\n",
        "binary": bytes(range(128, 160)), "zeros": bytes(30), "tls": hello("a"), "one_word": "hello\r\n", "long_path": "GET /" + "a" * 9000 + " HTTP/1.1\r\n",
        "longer_path": "GET /" + "a" * 40000 + " HTTP/1.1\r\n", **{"byte_%d_in_path" % n: b"GET /" + bytes([n]) + b" HTTP/1.1\r\n" for n in (7, 8, 11, 12, 14, 31, 33, 126, 127, 128)}, "java_rmi": b"JRMI\0\2K", "method_then_zero": b"GET\0 / HTTP/1.1\r\n", "method_long": "A" * 5000 + " / HTTP/1.1\r\n"}.items():
    sniffed(name, data)
filtered("http_in_bytes", [HTTP], bits("GET / HTTP/1.1\r\n", 1, gap=0.002), chains=HTTP_CHAINS)
filtered("http_preface_in_bytes", [HTTP], bits(PREFACE, 1, gap=0.002), chains=HTTP_CHAINS)
filtered("http_no_end_of_line", [HTTP], wait_for("GET / HTTP/1.1"), chains=HTTP_CHAINS, stats=STATS)
filtered("http_no_end_of_word", [HTTP], wait_for("GET"), chains=HTTP_CHAINS, stats=STATS)
filtered("http_part_of_preface", [HTTP], wait_for("PRI * HTTP/2.0\r\n"), chains=HTTP_CHAINS, stats=STATS)
filtered("http_garbage_without_end", [HTTP], send("\x01\x02") + read_bytes(2) + half_close() + raw_all(), chains=HTTP_CHAINS)
filtered("http_nothing_continue", [HTTP], new() + read_bytes(2) + half_close() + raw_all(), chains=HTTP_CHAINS, more=ON, stats=STATS)
filtered("http_server_first", [HTTP], new() + read_bytes(2) + send("x") + half_close() + raw_all(), chains=HTTP_CHAINS, more=ON, stats=STATS)
for name, data in {"11": "GET / HTTP/1.1\r\n", "10": "GET / HTTP/1.0\r\n", "h2c": PREFACE, "none": "hello\r\n", "tls_bytes": HELLO}.items():
    counted("http_stats_" + name, [HTTP], say(data), stats="http_inspector", chains=HTTP_CHAINS)
counted("http_stats_too_long", [HTTP], say("GET /" + "a" * 66000), stats="http_inspector", chains=HTTP_CHAINS)
counted("http_stats_64k_line", [HTTP], say("GET /" + "a" * 65520 + " HTTP/1.1\r\n"), stats="http_inspector", chains=HTTP_CHAINS)
ALL_CHAINS = HTTP_CHAINS[:3] + [chain("tls_h2", "{transport_protocol: tls, application_protocols: [h2]}"), chain("tls", "{transport_protocol: tls}"), chain("any")]
for name, order in {"tls_then_http": [TLS, HTTP], "http_then_tls": [HTTP, TLS]}.items():
    for what, data in {"hello": hello("a"), "hello_h2": HELLO, "get": "GET / HTTP/1.1\r\n", "preface": PREFACE, "binary": "\1\2\3\4\5\6", "short": "GE T\n"}.items():
        filtered(f"{name}_{what}", order, say(data), chains=ALL_CHAINS)

# ---- filter_disabled

ME = "destination_port_range: {start: {{port}}, end: %s}"
for name, rule in {
        "any": "any_match: true", "not_any": "not_match: {any_match: true}", "or": "or_match: {rules: [{not_match: {any_match: true}}, {any_match: true}]}",
        "and": "and_match: {rules: [{any_match: true}, {not_match: {any_match: true}}]}", "and_both": "and_match: {rules: [{any_match: true}, {any_match: true}]}",
        "port": "destination_port_range: {start: {{port}}, end: 65536}", "port_end_is_out": "destination_port_range: {start: 1, end: {{port}}}",
        "port_backwards": "destination_port_range: {start: 65000, end: 1}", "not_port": "not_match: {destination_port_range: {start: 1, end: 9}}"}.items():
    filtered("disabled_" + name, [lf("tls_inspector", disabled="{%s}" % rule)], say(HELLO))

# ---- what a config may say

def checked(name, filters, more=""):
    scenario("lf_config_" + name, kind="validate", config="static_resources: {listeners: [{name: l, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, "
             "listener_filters: [%s]%s, filter_chains: [{filters: [{name: e, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}}]}]}]}" % (filters, more))


checked("good", TLS)
checked("hello_size_above", lf("tls_inspector", "max_client_hello_size: 16385"))
checked("hello_size_below", lf("tls_inspector", "max_client_hello_size: 255"))
checked("buffer_size_below", lf("tls_inspector", "initial_read_buffer_size: 255"))
checked("buffer_size_above", lf("tls_inspector", "initial_read_buffer_size: 65537"))
checked("buffer_size_64k", lf("tls_inspector", "initial_read_buffer_size: 65535"))
checked("unknown_name_known_type", TLS.replace("envoy.filters.listener.tls_inspector", "foo"))
checked("no_config", "{name: envoy.filters.listener.tls_inspector}")
checked("unknown_type", lf("frobnicate"))
checked("network_filter_as_listener_filter", "{name: e, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}}")
checked("empty_predicate", lf("tls_inspector", disabled="{}"))
checked("or_of_one", lf("tls_inspector", disabled="{or_match: {rules: [{any_match: true}]}}"))
checked("any_match_false", lf("tls_inspector", disabled="{any_match: false}"))
checked("timeout_negative", TLS, ", listener_filters_timeout: -1s")
