"""The filter compressor: what is compressed, by which of several filters, and what is said of it."""
import json

from harness.dsl import *
from harness.h2 import *

T = "type.googleapis.com/envoy."
NAME = "envoy.filters.http.compressor"
LIBRARY = {"gzip": "gzip.compressor.v3.Gzip", "br": "brotli.compressor.v3.Brotli", "zstd": "zstd.compressor.v3.Zstd"}
FORM = {"code": "%RESPONSE_CODE%", "details": "%RESPONSE_CODE_DETAILS%", "flags": "%RESPONSE_FLAGS%", "received": "%BYTES_RECEIVED%"}
STATS = ["re:^http\\.{{name}}\\.compressor\\.(?!.*total_compressed_bytes)"]
TEXT = "hello hello hello hello hello hello hello"
PLAIN = "content-type: text/plain"


def library(coding, name="lib", **fields):
    return {"name": name, "typed_config": {"@type": T + "extensions.compression." + LIBRARY[coding], **fields}}


def packer(coding="gzip", filter_name=NAME, name="lib", fields=None, **config):
    return {"name": filter_name, "typed_config": {"@type": T + "extensions.filters.http.compressor.v3.Compressor",
                                                  "compressor_library": library(coding, name, **(fields or {})), **config}}


def response(common=None, **config):
    return {"response_direction_config": {**({"common_config": common} if common is not None else {}), **config}}


def request_config(**common):
    return {"request_direction_config": {"common_config": common} if common else {}}


def per(**config):
    return {"typed_per_filter_config": {NAME: {"@type": T + "extensions.filters.http.compressor.v3.CompressorPerRoute", **config}}}


def accept(value="gzip", **kw):
    return get("/", "accept-encoding: " + value, **kw)


def case(name, filters, client, *, route=None, vhost=None, **kw):
    kw.setdefault("log_format", FORM)
    kw.setdefault("stats", STATS)
    kw.setdefault("up", [ok(TEXT, PLAIN)])
    if route or vhost:
        kw["vhosts"] = json.dumps([{"name": "all", "domains": ["*"], **(vhost or {}), "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "{{up}}"}, **(route or {})}]}])
    filters = filters if isinstance(filters, list) else [filters]
    scenario("compression_" + name, filters=json.dumps(filters), client=client, **kw)


CHUNKED = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"
for _coding in LIBRARY:
    case(_coding, packer(_coding), accept(_coding))
    case(_coding + "_with_response_config", packer(_coding, **response()), accept(_coding))
    case(_coding + "_chunked", packer(_coding, **response()), accept(_coding), up=[raw(CHUNKED + f"{len(TEXT):x}\r\n{TEXT}\r\n0\r\n\r\n")])
    case(_coding + "_large", packer(_coding, **response()), accept(_coding), up=[ok("abcdefgh" * 40000, PLAIN)])
    case(_coding + "_streams", packer(_coding, **response()), send("GET / HTTP/1.1\r\nhost: h.example\r\naccept-encoding: " + _coding + "\r\n\r\n") + read_head() + read_unpacked(_coding, 5) + signal("on") + read_unpacked(_coding, 11) + pause(0.1) + close(),
         up=[raw(CHUNKED + "5\r\nabcde\r\n") + until("on") + raw("6\r\nfghijk\r\n0\r\n\r\n")])
    case(_coding + "_upstream_dies", packer(_coding, **response()), accept(_coding), up=[raw(CHUNKED + "20\r\n" + "a" * 32 + "\r\n") + wait(0.1) + fin()])
    case(_coding + "_trailers", packer(_coding, **response()), accept(_coding), up=[raw(CHUNKED + f"{len(TEXT):x}\r\n{TEXT}\r\n0\r\nx-t: 1\r\n\r\n")],
         hcm="http_protocol_options: {enable_trailers: true}", clusters={"up": {"yaml": "http_protocol_options: {enable_trailers: true}"}})
    case(_coding + "_empty_body", packer(_coding, **response()), accept(_coding), up=[raw(CHUNKED + "0\r\n\r\n")])
    case(_coding + "_request", packer(_coding, **request_config()), get("/", PLAIN, method="POST", body=TEXT) + get("/", PLAIN, method="POST", body=TEXT, chunked=True))
    case(_coding + "_h2", packer(_coding, **response()), h2() + h2_req("/", f"accept-encoding: {_coding}"), hcm="codec_type: HTTP2")
    case(_coding + "_h2_trailers", packer(_coding, **response(), **request_config()), h2() + h2_req("/", f"accept-encoding: {_coding}", PLAIN, method="POST", body=TEXT, trailers=["x-t: 1"]), hcm="codec_type: HTTP2",
         up=H2([h2_ok(TEXT, ("content-type", "text/plain"), trailers=["x-u: 2"])]))

for _name, _fields in {"level": {"compression_level": "BEST_SPEED"}, "best": {"compression_level": "BEST_COMPRESSION", "memory_level": 9, "window_bits": 15}, "small": {"window_bits": 9, "memory_level": 1, "chunk_size": 4096},
                       "huffman": {"compression_strategy": "HUFFMAN_ONLY"}, "rle": {"compression_strategy": "RLE"}, "fixed": {"compression_strategy": "FIXED"}, "filtered": {"compression_strategy": "FILTERED"}}.items():
    case("gzip_" + _name, packer("gzip", fields=_fields, **response()), accept(), up=[ok(TEXT * 30, PLAIN)])
for _name, _fields in {"best": {"quality": 11, "window_bits": 24}, "zero": {"quality": 0, "window_bits": 10}, "modes": {"encoder_mode": "TEXT", "disable_literal_context_modeling": True, "input_block_bits": 16}, "font": {"encoder_mode": "FONT"}}.items():
    case("br_" + _name, packer("br", fields=_fields, **response()), accept("br"), up=[ok(TEXT * 30, PLAIN)])
for _name, _fields in {"checksum": {"enable_checksum": True}, "level": {"compression_level": 19}, "level_huge": {"compression_level": 1000}, "strategy": {"strategy": "BTULTRA2"}, "fast": {"strategy": "FAST", "compression_level": 1}}.items():
    case("zstd_" + _name, packer("zstd", fields=_fields, **response()), accept("zstd"), up=[ok(TEXT * 30, PLAIN)])

# Who asks for what.
for _name, _value in {"none": None, "empty": "", "other": "br", "deflate": "deflate, gzip", "upper": "GZIP", "zero": "gzip;q=0", "zero_dot": "gzip;q=0.000", "wildcard": "*", "wildcard_zero": "*;q=0", "wildcard_low": "gzip;q=0, *;q=1",
                      "wildcard_off": "*;q=0, gzip;q=1", "identity": "identity", "identity_higher": "identity;q=1, gzip;q=0.5", "identity_lower": "identity;q=0.2, gzip;q=0.5", "same": "identity, gzip", "gzip_first": "gzip, identity", "bad_q": "gzip;q=x", "bad_q_other": "gzip;q=x, *",
                      "spaces": " gzip ; q = 0.5 ", "q_upper": "gzip;Q=0", "q_large": "gzip;q=2", "q_negative": "gzip;q=-1", "other_parameter": "gzip;a=0", "two_parameters": "gzip;a=1;q=0", "x_gzip": "x-gzip", "commas": ",,gzip,,", "semicolon": "gzip;", "q_exponent": "gzip;q=1e-2, identity;q=0.1", "q_nan": "gzip;q=nan", "q_inf": "gzip;q=inf", "q_hex": "gzip;q=0x1p-3,identity;q=0.2", "q_plus": "gzip;q=+1", "q_double_plus": "gzip;q=++1", "q_empty": "gzip;q="}.items():
    case("accept_" + _name, packer(**response()), get("/") if _value is None else accept(_value))
case("accept_two_lines", packer(**response()), get("/", "accept-encoding: br", "accept-encoding: gzip"))

# What is compressed.
for _name, _headers in {"no_type": [], "html": ["content-type: text/html; charset=utf-8"], "type_upper": ["content-type: TEXT/HTML"], "type_blanks": ["content-type:   text/html ;a=b"], "type_other": ["content-type: image/png"], "type_prefix": ["content-type: text/plainer"], "type_empty": ["content-type:"],
                        "no_transform": [PLAIN, "cache-control: no-transform"], "no_transform_list": [PLAIN, "cache-control: public, No-Transform ,x"], "transform": [PLAIN, "cache-control: no-transforms"], "encoded": [PLAIN, "content-encoding: br"], "encoded_identity": [PLAIN, "content-encoding: identity"],
                        "etag": [PLAIN, 'etag: "abc"'], "etag_weak": [PLAIN, 'etag: W/"abc"'], "etag_weak_lower": [PLAIN, 'etag: w/"abc"'], "etag_short": [PLAIN, "etag: ab"], "etag_one": [PLAIN, "etag: a"], "etag_w": [PLAIN, "etag: W/"], "etag_empty": [PLAIN, "etag:"], "vary": [PLAIN, "vary: cookie"], "vary_there": [PLAIN, "vary: cookie, Accept-Encoding"], "vary_lower": [PLAIN, "vary: accept-encoding"], "vary_star": [PLAIN, "vary: *"],
                        "two_lines": [PLAIN, "vary: a", "vary: b", "cache-control: a", "cache-control: no-transform"], "vary_empty": [PLAIN, "vary:"]}.items():
    case("response_" + _name, packer(**response()), accept() + accept("br"), up=[ok(TEXT, *_headers)])
    if _name.startswith("etag"):
        case("response_weaken_" + _name, packer(**response(weaken_etag_on_compress=True)), accept() + accept("br"), up=[ok(TEXT, *_headers)])
        case("response_disable_" + _name, packer(**response(disable_on_etag_header=True)), accept() + accept("br"), up=[ok(TEXT, *_headers)])
        case("response_both_" + _name, packer(**response(disable_on_etag_header=True, weaken_etag_on_compress=True)), accept() + accept("br"), up=[ok(TEXT, *_headers)])
for _type in ("text/html", "text/plain", "text/css", "application/javascript", "application/x-javascript", "text/javascript", "text/x-javascript", "text/ecmascript", "text/js", "text/jscript", "text/x-js", "application/ecmascript", "application/x-json", "application/xml", "application/json", "image/svg+xml", "text/xml",
              "application/xhtml+xml", "application/grpc-web", "application/grpc-web+proto", "application/grpc", "text/markdown", "application/wasm"):
    case("type_" + _type.replace("/", "_").replace("+", "_").replace("-", "_"), packer(**response()), accept(), up=[ok(TEXT, "content-type: " + _type)], stats=[])
for _name, _size in {"29": 29, "30": 30, "0": 0}.items():
    case("length_" + _name, packer(**response()), accept(), up=[ok("x" * _size, PLAIN)])
case("length_own", packer(**response({"min_content_length": 100})), accept() * 2, up=[[*ok("x" * 99, PLAIN)], [*ok("x" * 100, PLAIN)]])
case("length_zero", packer(**response({"min_content_length": 0})), accept() * 2, up=[[*ok("x" * 29, PLAIN)], [*ok("x" * 30, PLAIN)]])
case("length_one", packer(**response({"min_content_length": 1})), accept(), up=[ok("x", PLAIN)])
case("types_own", packer(**response({"content_type": ["image/png", "Text/A"]})), accept() * 4, up=[[*ok(TEXT, PLAIN)], [*ok(TEXT, "content-type: image/PNG")], [*ok(TEXT, "content-type: text/a")], [*ok(TEXT)]])
case("types_matcher", packer(**response({"content_type": ["text/plain"], "content_type_matcher": [{"prefix": "image/"}, {"safe_regex": {"regex": "a/.*"}}, {"exact": "X/Y", "ignore_case": True}]})), accept() * 6,
     up=[[*ok(TEXT, PLAIN)], [*ok(TEXT, "content-type: image/png; x=y")], [*ok(TEXT, "content-type: a/b;c=d")], [*ok(TEXT)], [*ok(TEXT, "content-type: x/y")], [*ok(TEXT, "content-type: IMAGE/png")]])
case("codes", packer(**response(uncompressible_response_codes=[206, 404])), accept() * 3, up=[[*ok(TEXT, PLAIN, status=206)], [*ok(TEXT, PLAIN, status=404)], [*ok(TEXT, PLAIN, status=500)]])
case("statuses", packer(**response()), accept() * 3, up=[[*ok(TEXT, PLAIN, status=206)], [*ok("", PLAIN, status=204)], [*ok("", PLAIN, status=304)]])
case("head", packer(**response()), accept(method="HEAD"), up=[raw("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\n")])
case("disabled", packer(**response({"enabled": {"default_value": False}})), accept())
case("disabled_by_runtime", packer(**response({"enabled": {"default_value": True, "runtime_key": "zip.on"}})), accept() + admin("/runtime_modify?zip.on=false", method="POST", head=False) + accept() + admin("/runtime_modify?zip.on=", method="POST", head=False), own=True)
case("remove_accept", packer(**response(remove_accept_encoding_header=True)), accept("br, gzip"))
case("remove_accept_disabled", packer(**response({"enabled": {"default_value": False}}, remove_accept_encoding_header=True)), accept("br, gzip"))
case("deprecated_fields", packer(content_length=10, content_type=["a/b"], disable_on_etag_header=True, remove_accept_encoding_header=True), accept() * 3, up=[[*ok("x" * 10, "content-type: a/b")], [*ok("x" * 9, "content-type: a/b")], [*ok(TEXT, "content-type: a/b", "etag: x")]])
case("deprecated_runtime", packer(runtime_enabled={"default_value": False, "runtime_key": "zip.no"}), accept())
case("deprecated_ignored", packer(content_length=1000, runtime_enabled={"default_value": False, "runtime_key": "zip.no"}, **response()), accept())
case("transfer_encoding_gzip", packer(**response()), accept(), up=[raw("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n")])
case("direct_response", packer(**response()), accept(), routes="- {match: {prefix: /}, direct_response: {status: 200, body: {inline_string: 'direct direct direct direct direct'}}}", no_upstream=True)
case("local_reply", packer(**response({"min_content_length": 1})), accept(), up=REFUSE, mask=[("delayed connect error: .*", "")])
case("no_route", packer(**response()), accept(), routes='- {match: {prefix: /a}, route: {cluster: "{{up}}"}}', no_upstream=True)
case("upgrade", packer(**response(), **request_config()), send("GET / HTTP/1.1\r\nhost: h.example\r\nconnection: upgrade\r\nupgrade: w\r\naccept-encoding: gzip\r\n\r\n") + read_head() + send("abc") + read_bytes(3) + close(),
     up=[raw("HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: w\r\n\r\n") + tunnel_echo()], hcm="upgrade_configs: [{upgrade_type: w}]")
case("other_prefix", [packer("gzip", name="a.b:c", **response())], accept())

# Several filters.
BOTH = [packer("br", name="b", **response()), packer("gzip", name="g", **response())]
CHOSEN = [packer("br", name="b", **response()), packer("gzip", name="g", choose_first=True, **response()), packer("zstd", name="z", **response())]
for _name, _value in {"br": "br", "gzip": "gzip", "equal": "gzip, br", "equal_other": "br, gzip", "q": "br;q=0.5, gzip;q=0.6", "wildcard": "*", "wildcard_not_br": "br;q=0, *", "none": "deflate", "wildcard_low": "gzip;q=0.1, *;q=0.5", "zstd": "zstd", "all": "gzip, br, zstd", "all_other": "zstd, br, gzip"}.items():
    case("two_filters_" + _name, BOTH, accept(_value))
    case("choose_first_" + _name, CHOSEN, accept(_value))
case("two_filters_types", [packer("br", name="b", **response({"content_type": ["a/b"]})), packer("gzip", name="g", **response())], accept("br, gzip") * 2, up=[[*ok(TEXT, "content-type: a/b")], [*ok(TEXT, PLAIN)]])
case("two_filters_lengths", [packer("br", name="b", **response({"min_content_length": 100})), packer("gzip", name="g", **response())], accept("br, gzip"))
case("two_filters_disabled", [packer("br", name="b", **response({"enabled": {"default_value": False}})), packer("gzip", name="g", **response())], accept("br, gzip"))
case("two_filters_same", [packer("gzip", name="a", **response({"min_content_length": 100})), packer("gzip", name="b", **response())], accept("gzip"))
case("two_filters_off", [packer("br", "one", name="b", **response()), {**packer("gzip", "two", name="g", **response()), "disabled": True}], accept("gzip, br"))
case("two_choose_first", [packer("br", name="b", choose_first=True, **response()), packer("gzip", name="g", choose_first=True, **response())], accept("gzip, br") + accept("br, gzip"))
for _coding in LIBRARY:
    case("odd_wildcards_" + _coding, [packer(_coding, name="a", **response())], sum((accept(v) for v in ("*, *", "*, identity", "identity, *", "*;q=0.5, identity;q=0.5, *")), []))
case("odd_wildcards_second", [packer("br", name="b", **response()), packer("zstd", name="z", **response())], sum((accept(v) for v in ("br;q=0, *, identity", "br;q=0, *", "*, identity", "zstd;q=0.5, *;q=0.6, identity;q=0.6")), []))
case("choose_first_wildcard_equal", [packer("br", name="b", **response()), packer("gzip", name="g", choose_first=True, **response())], accept("*, gzip") + accept("gzip, *") + accept("identity, gzip"))
case("removes_for_next", [packer("br", name="b", **response(remove_accept_encoding_header=True)), packer("gzip", name="g", **response())], accept("gzip"))

# What the status header says.
for _name, _headers in {"good": [PLAIN], "type": ["content-type: a/b"], "etag": [PLAIN, 'etag: "x"'], "no_transform": [PLAIN, "cache-control: no-transform"], "encoded": [PLAIN, "content-encoding: br"], "there": [PLAIN, "x-envoy-compression-status: up"]}.items():
    case("status_" + _name, packer(**response(status_header_enabled=True)), accept() + accept("br"), up=[ok(TEXT, *_headers)])
case("status_etag_disables", packer(**response(status_header_enabled=True, disable_on_etag_header=True)), accept() + accept("br"), up=[ok(TEXT, PLAIN, 'etag: "x"')])
case("status_etag_and_small", packer(**response(status_header_enabled=True, disable_on_etag_header=True)), accept(), up=[ok("x", PLAIN, 'etag: "x"')])
case("status_etag_weakened", packer(**response(status_header_enabled=True, disable_on_etag_header=True, weaken_etag_on_compress=True)), accept(), up=[ok(TEXT, PLAIN, 'etag: "x"')])
case("status_small", packer(**response(status_header_enabled=True)), accept() + accept("br"), up=[ok("x", PLAIN)])
case("status_type_and_etag", packer(**response(status_header_enabled=True, disable_on_etag_header=True)), accept(), up=[ok(TEXT, "content-type: a/b", 'etag: "x"')])
case("status_type_and_code", packer(**response(status_header_enabled=True, uncompressible_response_codes=[404])), accept(), up=[ok(TEXT, "content-type: a/b", status=404)])
case("status_etag_and_code", packer(**response(status_header_enabled=True, disable_on_etag_header=True, uncompressible_response_codes=[404])), accept(), up=[ok(TEXT, PLAIN, 'etag: "x"', status=404)])
case("status_no_transform_and_small", packer(**response(status_header_enabled=True)), accept(), up=[ok("x", PLAIN, "cache-control: no-transform")])
case("status_encoded_and_small", packer(**response(status_header_enabled=True)), accept(), up=[ok("x", PLAIN, "content-encoding: br")])
case("status_two_lines", [packer("gzip", name="g", **response(status_header_enabled=True)), packer("br", name="b", **response({"content_type": ["a/b"]}, status_header_enabled=True))], accept("gzip"))
case("status_upgrade", packer(**response(status_header_enabled=True)), send("GET / HTTP/1.1\r\nhost: h.example\r\nconnection: upgrade\r\nupgrade: w\r\naccept-encoding: gzip\r\n\r\n") + read_head() + send("abc") + read_bytes(3) + close(),
     up=[raw("HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: w\r\n\r\n") + tunnel_echo()], hcm="upgrade_configs: [{upgrade_type: w}]")
case("status_small_type", packer(**response(status_header_enabled=True)), accept(), up=[ok("x", "content-type: a/b")])
case("status_code", packer(**response(status_header_enabled=True, uncompressible_response_codes=[404])), accept(), up=[ok("x", "content-type: a/b", 'etag: "x"', status=404)])
case("status_code_large", packer(**response(status_header_enabled=True, uncompressible_response_codes=[404])), accept(), up=[ok(TEXT, PLAIN, status=404)])
case("status_chunked", packer(**response(status_header_enabled=True)), accept(), up=[raw(CHUNKED + f"{len(TEXT):x}\r\n{TEXT}\r\n0\r\n\r\n")])
case("status_no_accept", packer(**response(status_header_enabled=True)), get("/"))
case("status_disabled", packer(**response({"enabled": {"default_value": False}}, status_header_enabled=True)), accept())
case("status_head", packer(**response(status_header_enabled=True)), accept(method="HEAD"), up=[raw("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\n")])
case("status_no_body", packer(**response(status_header_enabled=True)), accept(), up=[ok("", PLAIN)])
case("status_two", [packer("br", name="b", **response(status_header_enabled=True)), packer("gzip", name="g", **response(status_header_enabled=True))], accept("gzip") + accept("br") + accept("x"))
case("status_two_types", [packer("br", name="b", **response({"content_type": ["a/b"]}, status_header_enabled=True)), packer("gzip", name="g", **response(status_header_enabled=True))], accept("gzip"))

# Requests.
for _name, _config, _client in (
        ("off", {}, get("/", PLAIN, method="POST", body=TEXT)),
        ("small", request_config(), get("/", PLAIN, method="POST", body="x" * 29)),
        ("encoded", request_config(), get("/", PLAIN, "content-encoding: br", method="POST", body=TEXT)),
        ("type", request_config(content_type=["a/b"]), get("/", PLAIN, method="POST", body=TEXT)),
        ("no_type", request_config(), get("/", method="POST", body=TEXT)),
        ("disabled", request_config(enabled={"default_value": False}), get("/", PLAIN, method="POST", body=TEXT)),
        ("no_body", request_config(), get("/", PLAIN)),
        ("large", request_config(), get("/", PLAIN, method="POST", body="abcdefgh" * 20000)),
        ("length", request_config(min_content_length=5), get("/", PLAIN, method="POST", body="xxxxx"))):
    case("request_" + _name, packer(**_config), _client)

# Routes.
case("route_disabled", packer(**response()), accept(), route=per(disabled=True))
case("route_disabled_request", packer(**response(), **request_config()), get("/", PLAIN, "accept-encoding: gzip", method="POST", body=TEXT), route=per(disabled=True))
case("route_enables", packer(**response({"enabled": {"default_value": False}})), accept(), route=per(overrides={"response_direction_config": {}}))
case("route_empty", packer(**response({"enabled": {"default_value": False}})), accept(), route=per(overrides={}))
case("route_removes_accept", packer(**response()), accept(), route=per(overrides={"response_direction_config": {"remove_accept_encoding_header": True}}))
case("route_keeps_accept", packer(**response(remove_accept_encoding_header=True)), accept(), route=per(overrides={"response_direction_config": {"remove_accept_encoding_header": False}}))
case("route_over_vhost", packer(**response()), accept(), route=per(overrides={"response_direction_config": {}}), vhost=per(disabled=True))
case("vhost_disabled", packer(**response()), accept(), vhost=per(disabled=True))
case("route_library", packer(**response(status_header_enabled=True), **request_config()), accept("gzip") + accept("*") + get("/", PLAIN, method="POST", body=TEXT), route=per(overrides={"compressor_library": library("br", "other")}), up=[[*ok(TEXT, PLAIN)], [*ok("x", PLAIN)], [*ok(TEXT, PLAIN)]])
case("route_library_with_status", packer(**response(status_header_enabled=True)), accept("br"), route=per(overrides={"compressor_library": library("br", "other")}), no_log=True, differs="Envoy compresses with the filter's library what it calls by the name of the route's",
     outrigger={"steps": [{"status": "HTTP/1.1 200 OK", "headers": ["content-type: text/plain", "x-envoy-upstream-service-time: <ms>", "vary: Accept-Encoding", "content-encoding: br", "x-envoy-compression-status: br;Compressed;OriginalLength=41", "date: <date>", "server: envoy", "transfer-encoding: chunked"], "unpacked": TEXT}]})
case("route_library_two", [packer("zstd", "first", name="z", **response()), packer(**response())], accept("br") + accept("gzip") + accept("zstd, br") + accept("br, gzip"), route=per(overrides={"compressor_library": library("br", "other")}))
case("route_library_two_reversed", [packer(name="g", **response()), packer("zstd", "last", name="z", **response())], accept("br") + accept("gzip") + accept("zstd, br") + accept("br, gzip") + accept("*;q=0.5, zstd;q=0"), route=per(overrides={"compressor_library": library("br", "other")}))
case("route_library_plain", packer(**response()), accept("br") + accept("gzip"), route=per(overrides={"compressor_library": library("br", "other")}))
case("filter_disabled", packer(**response()), accept(), route={"typed_per_filter_config": {NAME: {"@type": T + "config.route.v3.FilterConfig", "disabled": True}}})

for _name, _config in {"good": {}, "none": None, "unknown_library": {"compressor_library": {"name": "x", "typed_config": {"@type": T + "extensions.filters.http.router.v3.Router"}}}, "no_library_config": {"compressor_library": {"name": "x"}}, "code_low": response(uncompressible_response_codes=[199]), "code_high": response(uncompressible_response_codes=[600]),
                       "codes_twice": response(uncompressible_response_codes=[200, 200]), "code_edges": response(uncompressible_response_codes=[200, 599]), "bad_regex": response({"content_type_matcher": [{"safe_regex": {"regex": "("}}]}), "window_low": {"compressor_library": library("gzip", window_bits=8)}, "window_high": {"compressor_library": library("gzip", window_bits=16)},
                       "memory": {"compressor_library": library("gzip", memory_level=0)}, "chunk": {"compressor_library": library("gzip", chunk_size=4095)}, "br_quality": {"compressor_library": library("br", quality=12)}, "br_window": {"compressor_library": library("br", window_bits=9)}, "br_block": {"compressor_library": library("br", input_block_bits=15)},
                       "zstd_chunk": {"compressor_library": library("zstd", chunk_size=70000)}, "zstd_dictionary": {"compressor_library": library("zstd", dictionary={"inline_string": "hello hello"})}, "zstd_no_dictionary_file": {"compressor_library": library("zstd", dictionary={"filename": "/none"})}, "library_no_name": {"compressor_library": {**library("gzip"), "name": ""}}}.items():
    _f = packer() if _config is not None else {"name": NAME, "typed_config": {"@type": T + "extensions.filters.http.compressor.v3.Compressor"}}
    _f["typed_config"].update(_config or {})
    scenario("compression_config_" + _name, kind="validate", config=manager_config([_f]), **({"differs": "Envoy aborts", "outrigger": {"exit": 1}} if _name == "zstd_dictionary" else {}))
for _name, _config in {"disabled": {"disabled": True}, "not_disabled": {"disabled": False}, "none": {}, "overrides": {"overrides": {}}, "library": {"overrides": {"compressor_library": library("zstd")}}, "bad_library": {"overrides": {"compressor_library": library("gzip", window_bits=3)}}, "unknown_library": {"overrides": {"compressor_library": {"name": "x", "typed_config": {"@type": T + "extensions.filters.http.router.v3.Router"}}}}}.items():
    scenario("compression_route_config_" + _name, kind="validate", config=manager_config([packer()], "virtual_hosts: [" + json.dumps({"name": "a", "domains": ["*"], **per(**_config)}) + "]"))
