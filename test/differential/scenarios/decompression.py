"""The filter decompressor: what is decompressed, what it tells of that, and what becomes of bodies that are wrong."""
import json
import random

from harness.dsl import *
from harness.h2 import *
from harness.packing import pack

T = "type.googleapis.com/envoy."
NAME = "envoy.filters.http.decompressor"
LIBRARY = {"gzip": "gzip.decompressor.v3.Gzip", "br": "brotli.decompressor.v3.Brotli", "zstd": "zstd.decompressor.v3.Zstd"}
FORM = {"code": "%RESPONSE_CODE%", "details": "%RESPONSE_CODE_DETAILS%", "flags": "%RESPONSE_FLAGS%", "received": "%BYTES_RECEIVED%", "sent": "%BYTES_SENT%"}
STATS = ["re:^http\\.{{name}}\\.decompressor\\."]
TEXT = "hello hello hello hello hello hello hello"
TRAILERS = {"hcm": "http_protocol_options: {enable_trailers: true}", "clusters": {"up": {"yaml": "http_protocol_options: {enable_trailers: true}"}}}


def library(coding, name="lib", **fields):
    return {"name": name, "typed_config": {"@type": T + "extensions.compression." + LIBRARY[coding], **fields}}


def unpacker(coding="gzip", name="lib", filter_name=NAME, fields=None, **config):
    return {"name": filter_name, "typed_config": {"@type": T + "extensions.filters.http.decompressor.v3.Decompressor", "decompressor_library": library(coding, name, **(fields or {})), **config}}


def case(name, filters, client=None, **kw):
    kw.setdefault("log_format", FORM)
    kw.setdefault("stats", STATS)
    filters = filters if isinstance(filters, list) else [filters]
    scenario("decompression_" + name, filters=json.dumps(filters), client=get("/") if client is None else client, **kw)


def packed(coding, data=TEXT, *headers, **kw):
    return ok(pack(coding, data), "content-encoding: " + coding, *headers, **kw)


def in_chunks(body, *headers, size=0, trailers="", pause=0.0):
    size = size or len(body) or 1
    out = raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n" + "".join(h + "\r\n" for h in headers) + "\r\n")
    for i in range(0, len(body), size):
        part = body[i:i + size]
        out += raw(b"%x\r\n%s\r\n" % (len(part), part)) + (wait(pause) if pause else [])
    return out + raw("0\r\n" + trailers + "\r\n")


def post(coding, data=TEXT, *headers, **kw):
    return get("/", "content-encoding: " + coding, *headers, method="POST", body=data if isinstance(data, bytes) else pack(coding, data), **kw)


_random = random.Random(1)
noise = bytes(_random.randrange(256) for _ in range(5000))
for _coding in LIBRARY:
    _enc = "content-encoding: " + _coding
    case(_coding + "_response", unpacker(_coding), up=[packed(_coding)])
    case(_coding + "_request", unpacker(_coding), post(_coding) + post(_coding, chunked=True))
    case(_coding + "_trailers", unpacker(_coding), up=[packed(_coding)], **TRAILERS)
    case(_coding + "_trailers_there", unpacker(_coding), up=[in_chunks(pack(_coding, TEXT), _enc, trailers="x-t: 1\r\n")], **TRAILERS)
    case(_coding + "_request_trailers", unpacker(_coding), post(_coding), **TRAILERS)
    case(_coding + "_request_trailers_there", unpacker(_coding), send(b"POST / HTTP/1.1\r\nhost: h.example\r\n" + _enc.encode() + b"\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\nx-t: 1\r\n\r\n" % (len(pack(_coding, TEXT)), pack(_coding, TEXT))) + read(), **TRAILERS)
    case(_coding + "_h2", unpacker(_coding), h2() + h2_req("/", _enc, method="POST", body=pack(_coding, TEXT)), hcm="codec_type: HTTP2", up=H2([h2_ok(pack(_coding, "answer"), ("content-encoding", _coding))]))
    case(_coding + "_h2_trailers", unpacker(_coding), h2() + h2_req("/", _enc, method="POST", body=pack(_coding, TEXT), trailers=["x-t: 1"]), hcm="codec_type: HTTP2", up=H2([h2_ok(pack(_coding, "answer"), ("content-encoding", _coding), trailers=["x-u: 1"])]))
    case(_coding + "_noise", unpacker(_coding), up=[packed(_coding, noise)])
    case(_coding + "_dense", unpacker(_coding), up=[packed(_coding, "D" * 5000)])
    case(_coding + "_large", unpacker(_coding), up=[packed(_coding, "".join(f"{i} bottles of beer on the wall, " for i in range(5000)))])
    case(_coding + "_large_request", unpacker(_coding), post(_coding, "".join(f"{i} bottles of beer on the wall, " for i in range(5000))))
    case(_coding + "_small_pieces", unpacker(_coding, fields={"chunk_size": 4096}), up=[packed(_coding, noise * 2)])
    case(_coding + "_h2_garbage", unpacker(_coding), h2() + h2_req("/", _enc, method="POST", body=b"not compressed"), hcm="codec_type: HTTP2", up=H2([h2_ok("not compressed either", ("content-encoding", _coding))]))
    case(_coding + "_in_pieces", unpacker(_coding), up=[in_chunks(pack(_coding, TEXT), _enc, size=7, pause=0.02)])
    case(_coding + "_text_in_pieces", unpacker(_coding), up=[in_chunks(pack(_coding, "".join(f"{i} bottles of beer on the wall, " for i in range(300))), _enc, size=50, pause=0.01)])
    case(_coding + "_garbage", unpacker(_coding), up=[ok("this is not compressed at all, not at all", _enc)])
    case(_coding + "_garbage_in_pieces", unpacker(_coding), up=[in_chunks(b"this is not compressed at all, not at all" * 3, _enc, size=40, pause=0.05)])
    case(_coding + "_garbage_request", unpacker(_coding), post(_coding, b"this is not compressed at all, not at all"))
    case(_coding + "_cut", unpacker(_coding), up=[ok(pack(_coding, TEXT)[:-6], _enc)])
    case(_coding + "_bad_end", unpacker(_coding), up=[ok(pack(_coding, noise)[:-6] + b"\0\1\2\3\4\5", _enc)])
    case(_coding + "_after_the_end", unpacker(_coding), up=[ok(pack(_coding, TEXT) + b"more", _enc)])
    case(_coding + "_twice", unpacker(_coding), up=[ok(pack(_coding, TEXT) + pack(_coding, "again"), _enc)])
    case(_coding + "_twice_in_pieces", unpacker(_coding), up=[in_chunks(pack(_coding, TEXT), _enc)[:-1] + wait(0.1) + raw(b"%x\r\n%s\r\n0\r\n\r\n" % (len(pack(_coding, "again")), pack(_coding, "again")))])
    case(_coding + "_bomb", unpacker(_coding), up=[packed(_coding, "\0" * 3000000)])
    case(_coding + "_bomb_request", unpacker(_coding), post(_coding, "\0" * 3000000), brief_upstream=True)
    case(_coding + "_bomb_then_more", unpacker(_coding), up=[in_chunks(pack(_coding, "\0" * 3000000), _enc)[:-1] + wait(0.1) + raw(b"4\r\nmore\r\n0\r\n\r\n")])
    case(_coding + "_empty", unpacker(_coding), up=[in_chunks(b"", _enc)])
    case(_coding + "_nothing_in_it", unpacker(_coding), up=[packed(_coding, "")])
    case(_coding + "_upstream_dies", unpacker(_coding), up=[in_chunks(pack(_coding, TEXT), _enc)[:-1] + wait(0.1) + fin()])
    case(_coding + "_advertised", unpacker(_coding), get("/") + get("/", "accept-encoding: a") + get("/", "accept-encoding: a, " + _coding) + get("/", "accept-encoding: " + _coding + ";q=0, b") + get("/", "accept-encoding:"))
case("gzip_window_small", unpacker(fields={"window_bits": 9}), up=[packed("gzip", (noise * 10)[:30000])])
case("gzip_own_ratio", unpacker(fields={"max_inflate_ratio": 2}), up=[packed("gzip", "a" * 10000)])
case("gzip_own_ratio_chunk", unpacker(fields={"max_inflate_ratio": 1, "chunk_size": 65536}), up=[packed("gzip", "a" * 200000)])
case("gzip_own_ratio_large", unpacker(fields={"max_inflate_ratio": 1032}), up=[packed("gzip", "a" * 200000)])
case("br_no_reallocation", unpacker("br", fields={"disable_ring_buffer_reallocation": True, "chunk_size": 65536}), up=[packed("br", (noise * 10)[:30000])])
case("zstd_checksum", unpacker("zstd"), up=[ok(pack("zstd", noise, checksum=True), "content-encoding: zstd")])
case("zstd_checksum_wrong", unpacker("zstd"), up=[ok(pack("zstd", noise, checksum=True)[:-4] + b"\0\1\2\3", "content-encoding: zstd")])
case("zstd_unsized", unpacker("zstd"), up=[ok(pack("zstd", noise, sized=False), "content-encoding: zstd")])
case("zstd_window_large", unpacker("zstd"), up=[ok(b"\x28\xb5\x2f\xfd\x00\x90\x29\x00\x00hello", "content-encoding: zstd")])

# Which messages.
for _name, _headers in {"none": [], "upper": ["content-encoding: GZIP"], "other": ["content-encoding: br"], "first": ["content-encoding: gzip, br"], "second": ["content-encoding: br, gzip"], "blanks": ["content-encoding:  gzip , x"], "two_lines": ["content-encoding: gzip", "content-encoding: br"], "x_gzip": ["content-encoding: x-gzip"], "identity": ["content-encoding: identity"],
                        "empty": ["content-encoding:"], "comma": ["content-encoding: gzip,"], "parameter": ["content-encoding: gzip;q=1"], "no_transform": ["content-encoding: gzip", "cache-control: public, No-Transform"], "cached": ["content-encoding: gzip", "cache-control: public"]}.items():
    case("coding_" + _name, unpacker(), up=[ok(pack("gzip", TEXT), *_headers)])
    case("request_coding_" + _name, unpacker(), get("/", *_headers, method="POST", body=pack("gzip", TEXT)))
for _name, _config in {"request_off": {"request_direction_config": {"common_config": {"enabled": {"default_value": False, "runtime_key": "a.b"}}}}, "response_off": {"response_direction_config": {"common_config": {"enabled": {"default_value": False, "runtime_key": "a.b"}}}},
                       "not_advertised": {"request_direction_config": {"advertise_accept_encoding": False}}, "advertised": {"request_direction_config": {"advertise_accept_encoding": True}},
                       "request_no_transform": {"request_direction_config": {"common_config": {"ignore_no_transform_header": True}}}, "response_no_transform": {"response_direction_config": {"common_config": {"ignore_no_transform_header": True}}}}.items():
    case("config_" + _name, unpacker(**_config), post("gzip", TEXT, "cache-control: no-transform") + post("gzip", TEXT, "accept-encoding: x"), up=[packed("gzip", TEXT, "cache-control: no-transform")])
case("head", unpacker(), get("/", method="HEAD"), up=[raw("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 100\r\n\r\n")])
case("no_content", unpacker(), up=[ok("", "content-encoding: gzip", status=204)])
case("length_zero", unpacker(), up=[ok("", "content-encoding: gzip")])
# Envoy names the trailers of all such filters in a process after the first one that it meets.
case("library_name", unpacker(name="A.b:c"), up=[packed("gzip")], own=True, **TRAILERS)
_z = pack("gzip", TEXT)
case("list_behind_length", unpacker(), up=[raw(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\ncontent-encoding: gzip, br\r\nx: y\r\n\r\n" % len(_z) + _z)])
case("list_behind_length_request", unpacker(), send(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\ncontent-encoding: gzip, br\r\nx: y\r\n\r\n" % len(_z) + _z) + read_all())
case("two", [unpacker("br"), unpacker("gzip")], up=[ok(pack("br", pack("gzip", TEXT)), "content-encoding: br, gzip")], **TRAILERS)
case("two_reversed", [unpacker("br"), unpacker("gzip")], up=[ok(pack("gzip", pack("br", TEXT)), "content-encoding: gzip, br")], **TRAILERS)
case("two_request", [unpacker("br"), unpacker("gzip")], get("/", "content-encoding: br, gzip", method="POST", body=pack("br", pack("gzip", TEXT))), **TRAILERS)
case("upgrade", unpacker(), send("GET / HTTP/1.1\r\nhost: h.example\r\nconnection: upgrade\r\nupgrade: w\r\ncontent-encoding: gzip\r\n\r\n") + read_head() + send(pack("gzip", "abc")) + pause(0.1) + close(),
     up=[raw("HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: w\r\n\r\n") + tunnel_echo()], hcm="upgrade_configs: [{upgrade_type: w}]")
PACKER = {"name": "envoy.filters.http.compressor", "typed_config": {"@type": T + "extensions.filters.http.compressor.v3.Compressor", "compressor_library": {"name": "z", "typed_config": {"@type": T + "extensions.compression.zstd.compressor.v3.Zstd"}}}}
case("then_compressed", [PACKER, unpacker()], get("/", "accept-encoding: zstd"), up=[packed("gzip", TEXT, "content-type: text/plain")], **TRAILERS)
BUFFER = {"name": "b", "typed_config": {"@type": T + "extensions.filters.http.buffer.v3.Buffer", "max_request_bytes": 100}}
case("then_buffered", [unpacker(), BUFFER], post("gzip") + post("gzip", chunked=True) + post("gzip", "x" * 101, c="d"))
case("then_buffered_bomb", [unpacker(), BUFFER], post("gzip", "\0" * 3000000, c="d"))
case("buffered_first", [BUFFER, unpacker()], post("gzip"))
case("retried", unpacker(), post("gzip"), up=[[*ok("bad", status=503)], [*packed("gzip")]], routes='- {match: {prefix: /}, route: {cluster: "{{up}}", timeout: 0s, retry_policy: {retry_on: 5xx}}}')
case("direct_response", unpacker(), post("gzip"), routes="- {match: {prefix: /}, direct_response: {status: 200, body: {inline_string: direct}}, response_headers_to_add: [{header: {key: content-encoding, value: gzip}}]}", no_upstream=True)
case("disabled_by_route", unpacker(), up=[packed("gzip")], vhosts=json.dumps([{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "{{up}}"}, "typed_per_filter_config": {NAME: {"@type": T + "config.route.v3.FilterConfig", "disabled": True}}}]}]))
case("disabled_by_runtime", unpacker(response_direction_config={"common_config": {"enabled": {"default_value": True, "runtime_key": "unzip.on"}}}), get() + admin("/runtime_modify?unzip.on=false", method="POST", head=False) + get() + admin("/runtime_modify?unzip.on=", method="POST", head=False), up=[packed("gzip")], own=True)

for _name, _config in {"good": {}, "none": None, "unknown_library": {"decompressor_library": {"name": "x", "typed_config": {"@type": T + "extensions.filters.http.router.v3.Router"}}}, "compressor": {"decompressor_library": {"name": "x", "typed_config": {"@type": T + "extensions.compression.gzip.compressor.v3.Gzip"}}}, "ratio_zero": {"decompressor_library": library("gzip", max_inflate_ratio=0)},
                       "ratio_high": {"decompressor_library": library("gzip", max_inflate_ratio=1033)}, "window": {"decompressor_library": library("gzip", window_bits=8)}, "chunk": {"decompressor_library": library("br", chunk_size=100)}, "zstd_chunk": {"decompressor_library": library("zstd", chunk_size=65537)}, "bad_dictionary": {"decompressor_library": library("zstd", dictionaries=[{"inline_string": "hello"}])},
                       "no_default": {"request_direction_config": {"common_config": {"enabled": {"runtime_key": "k"}}}}, "no_key": {"request_direction_config": {"common_config": {"enabled": {"default_value": True}}}}}.items():
    _f = unpacker() if _config is not None else {"name": NAME, "typed_config": {"@type": T + "extensions.filters.http.decompressor.v3.Decompressor"}}
    _f["typed_config"].update(_config or {})
    scenario("decompression_config_" + _name, kind="validate", config=manager_config([_f]), **({"differs": "Envoy aborts", "outrigger": {"exit": 1}} if _name == "bad_dictionary" else {}))
scenario("decompression_route_config", kind="validate", config=manager_config([unpacker()], "virtual_hosts: [" + json.dumps({"name": "a", "domains": ["*"], "typed_per_filter_config": {NAME: unpacker()["typed_config"]}}) + "]"))
