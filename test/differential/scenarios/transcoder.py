"""The filter grpc_json_transcoder: JSON in and out of gRPC upstreams, for the service of test/data/transcoder/shop.proto."""
import base64
import functools
import pathlib
import struct
import subprocess

from harness.dsl import *
from harness.h2 import *

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "data" / "transcoder"
KIND = "type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder"
LOG = {"line": "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %REQ(:METHOD)% %REQ(:PATH)% %REQ(CONTENT-TYPE)% %BYTES_SENT% "
               "%GRPC_STATUS%"}


def protoc(*arguments, **kw):
    return subprocess.run(["protoc", "-I", FOLDER, *arguments], cwd=FOLDER, check=True, stdout=subprocess.PIPE, **kw).stdout


@functools.cache
def descriptors(name, *options):
    return protoc(*options or ["--include_imports"], "--descriptor_set_out=/dev/stdout", name)


@functools.cache
def wire(kind, text):
    """A message as it is on the wire, of protobuf's text."""
    return protoc(f"--encode={kind}", "--deterministic_output", "shop.proto", input=text.encode())


def frame(data=b"", flags=0):
    return bytes([flags]) + struct.pack(">I", len(data)) + data


def item(text=""):
    return frame(wire("test.shop.Item", text))


def answer(*messages, status=0, trailers=(), fields=()):
    """A whole answer; each part in a DATA frame of its own."""
    return h2_frames(HEADERS(S, block(":status: 200", "content-type: application/grpc", *fields), False), *(DATA(S, m) for m in messages),
                     HEADERS(S, block(f"grpc-status: {status}", *trailers)))


def alone(status, *fields):
    return h2_frames(HEADERS(S, block(":status: 200", "content-type: application/grpc", f"grpc-status: {status}", *fields)))


def config(more="", services="test.shop.Shop", proto="shop.proto", bin=None):
    bin = base64.b64encode(descriptors(proto) if bin is None else bin).decode()
    return f'{{"@type": {KIND}, proto_descriptor_bin: "{bin}", services: [{services}]{", " + more if more else ""}}}'


def filter_of(*args, **kw):
    return f"- {{name: envoy.filters.http.grpc_json_transcoder, typed_config: {config(*args, **kw)}}}\n"


ITEM = item('id: 7 title: "a b" tags: "x" tags: "y"')


def case(name, client, up=None, more="", **kw):
    kw.setdefault("log_format", LOG)
    kw["mask"] = [(r"(service-time: )\d+", r"\1<ms>")]
    kw.setdefault("filters", filter_of(more))
    up = [answer(ITEM)] if up is None else up
    scenario("transcoder_" + name, up=up if isinstance(up, dict) else {"up": up if up == REFUSE else H2(up)}, client=client, **kw)


def get(path, *fields, **kw):
    return req(path, *fields, **kw)


def post(path, body, *fields, method="POST", **kw):
    return req(path, "content-type: application/json", *fields, method=method, body=body, **kw)


def refused(why, text, path="Look", when="early_grpc_json_transcode_failure", more=None):
    """Another text of an error than Envoy's."""
    headers = [f"content-length: {len(text)}", "content-type: text/plain", "date: <date>", "server: envoy", "connection: close"]
    return {"differs": why, "outrigger": {
        "log": [{"line": f"400 - {when}{{INVALID_ARGUMENT}} POST /test.shop.Shop/{path} application/grpc {len(text)} Internal"}],
        "steps": [{"body": text, "headers": headers, "status": "HTTP/1.1 400 Bad Request"}],
        **(more or {})}}


LIBRARY = "Debian's protobuf says it otherwise than Envoy's"
DIFFERENCES = {
    "query_timestamp_wrong": refused(LIBRARY, "made: invalid value Field 'made', Invalid time format: yesterday for type type.googleapis.com/google.protobuf.Timestamp"),
    "body_field_list": refused(LIBRARY, "item: Proto field is not repeating, cannot start list.", path="Create", when="grpc_json_transcode_failure"),
}
# What a path and a query say.
for _name, _path in {
    "path": "/shelves/12/items/pen", "path_escapes": "/shelves/12/items/a%20b%2Fc%3F", "path_of_segments": "/items/some/pen%20x%2Fy%3F", "path_rest": "/all/a/b/c%2Fd:read",
    "path_rest_of_none": "/all:read", "path_rest_no_verb": "/all/a", "path_other_verb": "/all/a:write", "path_no_number": "/shelves/many/items/pen", "path_large_number": "/shelves/9223372036854775808/items/pen",
    "path_negative": "/shelves/-3/items/pen", "path_fraction": "/shelves/1.5/items/pen", "path_slashes": "/shelves//12/items/pen", "path_slash_at_end": "/shelves/12/items/pen//",
    "path_empty_part": "/shelves/12/items/", "path_plus": "/shelves/+1/items/a+b", "path_percent": "/shelves/1/items/%zz%4", "unknown_path": "/nothing",
    "query": "/shelves/1/items/pen?color=RED&tags=a&tags=b%20c", "query_nested": "/shelves/1/items/pen?item.part.inner.name=n&item.part.size=3&item.title=t",
    "query_camel_case": "/shelves/1/items/pen?item.longName=l&item.kind_name=k", "query_unknown": "/shelves/1/items/pen?nothing=1", "query_unknown_inner": "/shelves/1/items/pen?item.nothing=1",
    "query_of_scalar": "/shelves/1/items/pen?name.x=1", "query_no_value": "/shelves/1/items/pen?color", "query_empty_value": "/shelves/1/items/pen?item.title=", "query_no_name": "/shelves/1/items/pen?=3",
    "query_enum_number": "/shelves/1/items/pen?color=2", "query_enum_wrong": "/shelves/1/items/pen?color=PINK", "query_enum_lower": "/shelves/1/items/pen?color=red",
    "query_bool": "/look?sold=true", "query_bool_wrong": "/look?sold=yes", "query_numbers": "/look?id=5&price=1.5&weight=2e3&stock=4294967295&big=18446744073709551615&rank=0",
    "query_number_wrong": "/look?stock=-1", "query_number_not": "/look?price=x", "query_infinite": "/look?price=Infinity&weight=NaN", "query_bytes": "/look?raw=aGk%3D", "query_bytes_url": "/look?raw=_-8",
    "query_timestamp": "/look?made=2026-01-31T10:00:00.25Z", "query_timestamp_wrong": "/look?made=yesterday", "query_duration": "/look?age=1.5s", "query_duration_wrong": "/look?age=5",
    "query_mask": "/look?mask=a.b,longName", "query_wrapper": "/look?note=hello", "query_repeated_numbers": "/look?numbers=1&numbers=2&numbers=3", "query_oneof": "/look?kind_name=a",
    "query_oneof_twice": "/look?kind_name=a&kind_number=1", "query_plus": "/look?title=a+b", "query_escaped_name": "/look?long%5Fname=a", "query_message": "/look?part=x", "query_map": "/look?counts.a=1",
    "query_text": "/look?title=%22%5C%00%0A%C3%A9%3C", "query_same_scalar": "/look?title=a&title=b", "query_of_list": "/look?parts.name=a", "query_ampersands": "/look?&&title=a&", "query_equals": "/look?title=a=b",
}.items():
    case(_name, get(_path), **DIFFERENCES.get(_name, {}))
case("query_not_utf8", get("/look?title=%FF"), **refused("text that is none would be refused by the upstream; Envoy hands it on",
                                                         "Encountered non UTF-8 code points.\n\xff\"}\n^", more={"end": {"c": "FIN"}, "upstream": {}}))

# Bodies.
for _name, (_path, _body) in {
    "body": ("/look", '{"id": "5", "title": "t", "tags": ["a"], "part": {"name": "n"}, "color": "DARK_BLUE"}'), "body_empty_object": ("/look", "{}"), "body_none": ("/look", ""),
    "body_space": ("/look", "  "), "body_field": ("/shelves/3/items", '{"title": "t", "price": 2}'), "body_field_query": ("/shelves/3/items?name=n&item.title=q&item.note=w", '{"title": "t", "price": 2}'),
    "body_field_empty": ("/shelves/3/items", ""), "body_field_scalar": ("/shelves/3/items", "5"), "body_field_null": ("/shelves/3/items", "null"), "body_field_list": ("/shelves/3/items", "[]"),
    "body_query_same": ("/look?id=3", '{"id": 4}'), "body_query_same_camel": ("/look?long_name=a", '{"longName": "b"}'), "body_query_nested": ("/look?part.name=q&part.size=2&part.inner.name=z", '{"part": {"name": "b", "inner": {}}, "id": 1}'),
    "body_query_repeated": ("/look?tags=a&tags=b", '{"tags": "c"}'), "body_query_list": ("/look?tags=a&tags=b", '{"tags": ["c"]}'), "body_query_null": ("/look?title=q", '{"title": null}'),
    "body_query_in_list": ("/look?part.name=q", '{"parts": [{"name": "b"}]}'), "body_unknown_field": ("/look", '{"nothing": {"a": [1, {"b": 2}]}, "id": 1}'), "body_unknown_enum": ("/look", '{"color": "PINK"}'),
    "body_enum_number": ("/look", '{"color": 2}'), "body_wrong_type": ("/look", '{"id": "x"}'), "body_wrong_nested": ("/look", '{"part": {"size": {}}}'), "body_wrong_in_list": ("/look", '{"parts": [{"size": "x"}]}'),
    "body_array": ("/look", "[1]"), "body_scalar": ("/look", '"x"'), "body_cut": ("/look", '{"id": 1'), "body_cut_text": ("/look", '{"title": "a'), "body_no_json": ("/look", "nope"), "body_more": ("/look", '{} {}'),
    "body_comma": ("/look", '{"id": 1,}'), "body_single_quotes": ("/look?title=x", "{'id': 1}"), "body_bare_names": ("/look?title=x", "{id: 1}"), "body_escapes": ("/look", r'{"title": "\u00e9\ud83d\ude00\n\"\\"}'),
    "body_bad_escape": ("/look", r'{"title": "\ud800"}'), "body_duplicate": ("/look", '{"id": 1, "id": 2}'), "body_oneof": ("/look", '{"kindName": "a", "kindNumber": 2}'), "body_large_number": ("/look", '{"id": 1e400}'),
    "body_number_exact": ("/look", '{"big": 18446744073709551615, "price": 0.1, "weight": 16777217}'), "body_known_types": ("/look", '{"made": "2026-01-01T00:00:00Z", "age": "3.000000001s", "mask": "aB,c", "note": "n", "extra": {"a": [1, null, true]}}'),
    "body_bytes": ("/look", '{"raw": "AQID"}'), "body_bytes_wrong": ("/look", '{"raw": "*"}'), "body_map": ("/look", '{"counts": {"a": 1, "b": 2}}'), "body_map_wrong": ("/look", '{"counts": {"a": "x"}}'),
    "body_deep": ("/look", '{"part": ' + '{"inner": ' * 30 + "{}" + "}" * 31), "body_too_deep": ("/look", '{"part": ' + '{"inner": ' * 120 + "{}" + "}" * 121),
    "body_syntax_with_query": ("/look?title=q", '{"id": 1, "part": {"name" "x"}}'), "body_syntax_in_field": ("/shelves/3/items", '{"id": 1, ]'),
}.items():
    case(_name, post(_path, _body), **DIFFERENCES.get(_name, {}))
case("body_not_utf8", post("/look", b'{"title": "\xff"}'))
case("body_chunked", post("/look", '{"title": "t"}', chunked=True))
case("body_of_delete", post("/shelves/1", '{"name": "n"}', method="DELETE"), [answer(frame())])
case("body_of_get", post("/look?id=1", '{"title": "t"}', method="GET"))
case("patch", post("/shelves/5?name=q", '{"name": "n", "tags": ["a"]}', method="PATCH"))
case("put", post("/shelves/5", '{"name": "n"}', method="PUT"))
case("custom_method", post("/look", '{"id": 1}', method="LOOK"))
case("wrong_method", post("/look", '{"id": 1}', method="PUT"))
case("other_type", req("/look", "content-type: text/plain", method="POST", body='{"id": 1}'))
case("grpc_passes", req("/test.shop.Shop/Plain", "content-type: application/grpc", "te: trailers", method="POST", body=frame(b"\x08\x01")))
case("over_h2", h2() + h2_req("/look", "content-type: application/json", method="POST", body='{"id": 1}'), hcm="codec_type: HTTP2\n")
case("over_h2_trailers", h2() + h2_req("/look", "content-type: application/json", method="POST", body='{"id": 1}', trailers=["x-a: b"]), hcm="codec_type: HTTP2\n")
case("over_h2_get", h2() + h2_req("/shelves/1/items/pen"), hcm="codec_type: HTTP2\n")

# Answers.
FULL = r'''id: 5 title: "a<b>\"\303\251" price: 0.1 sold: true color: DARK_BLUE tags: "x" part {name: "n" size: 3} parts {} parts {name: "p"}
counts {key: "k" value: 1} raw: "\001\002" made {seconds: 1769853600 nanos: 250000000} age {seconds: 1 nanos: 500000000}
mask {paths: "a.b" paths: "long_name"} note {value: "w"} weight: 1.25 stock: 7 rank: 0 long_name: "l" numbers: 1 numbers: 2 kind_number: 0
big: 18446744073709551615
extra {fields {key: "a" value {list_value {
  values {number_value: 1.5} values {null_value: NULL_VALUE} values {bool_value: true} values {string_value: "s"}}}}}'''
LOOK = get("/look")
case("answer_all", LOOK, [answer(item(FULL))])
case("answer_empty", LOOK, [answer(frame())])
case("answer_unknown_enum", LOOK, [answer(frame(b"\x28\x63"))])
case("answer_unknown_field", LOOK, [answer(frame(b"\xf8\x06\x01\x08\x02"))])
case("answer_pieces", LOOK, [answer(*(ITEM[i:i + 2] for i in range(0, len(ITEM), 2)))])
case("answer_trailers_kept", h2() + h2_req("/look"), [answer(ITEM, trailers=["grpc-message: fine", "x-t: v"], fields=["x-h: v", "trailer: x-t"])], hcm="codec_type: HTTP2\n")
case("answer_trailers_dropped", LOOK, [answer(ITEM, trailers=["grpc-message: fine", "x-t: v"], fields=["x-h: v", "trailer: x-t"])])
for _status in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 99, -1, "x", ""):
    case(f"answer_status_{_status}".replace("-", "minus"), LOOK, [alone(_status, "grpc-message: no%20way")])
case("answer_status_in_trailers", LOOK, [answer(status=5, trailers=["grpc-message: gone"])])
case("answer_status_with_body", LOOK, [answer(ITEM, status=9)])
case("answer_alone_ok", LOOK, [alone(0)])
case("answer_no_status", LOOK, [h2_frames(HEADERS(S, block(":status: 200", "content-type: application/grpc"), False), DATA(S, ITEM, True))])
case("answer_no_status_in_trailers", LOOK, [h2_frames(HEADERS(S, block(":status: 200", "content-type: application/grpc"), False), DATA(S, ITEM), HEADERS(S, block("x-t: v")))])
case("answer_two_messages", LOOK, [answer(ITEM, item('id: 8'))])
case("answer_compressed", LOOK, [answer(frame(b"abc", 1))])
case("answer_cut", LOOK, [answer(ITEM[:-2])])
case("answer_cut_head", LOOK, [answer(ITEM[:3])])
case("answer_not_grpc", LOOK, [h2_ok("hello", "content-type: text/plain", status=404)])
case("answer_refused", LOOK, REFUSE, clusters={"up": {"h2": ""}})
case("answer_reset", LOOK, [h2_frames(RST(S, "INTERNAL_ERROR"))])

# How answers are printed.
for _name, _print in {"whitespace": "add_whitespace: true", "primitive": "always_print_primitive_fields: true", "ints": "always_print_enums_as_ints: true", "proto_names": "preserve_proto_field_names: true",
                      "several": "add_whitespace: true, preserve_proto_field_names: true, always_print_enums_as_ints: true"}.items():
    case("print_" + _name, LOOK, [answer(item(FULL))], f"print_options: {{{_print}}}")
case("print_primitive_of_none", LOOK, [answer(frame())], "print_options: {always_print_primitive_fields: true}")

# Statuses as JSON.
CONVERT = "convert_grpc_status: true"
DETAILS = base64.b64encode(b"\x08\x05\x12\x04gone").decode()
case("convert", LOOK, [alone(5, "grpc-message: no%20way")], CONVERT)
case("convert_details", LOOK, [alone(5, f"grpc-status-details-bin: {DETAILS}")], CONVERT)
case("convert_details_unpadded", LOOK, [alone(5, f"grpc-status-details-bin: {DETAILS.rstrip('=')}")], CONVERT)
case("convert_details_wrong", LOOK, [alone(5, "grpc-status-details-bin: ***", "grpc-message: m")], CONVERT)
case("convert_in_trailers", LOOK, [answer(status=7, trailers=["grpc-message: gone"])], CONVERT)
case("convert_with_body", LOOK, [answer(ITEM, status=7)], CONVERT)
case("convert_ok", LOOK, [alone(0)], CONVERT)
case("convert_unknown", LOOK, [alone(77)], CONVERT)
case("convert_stream", get("/watch"), [alone(5)], CONVERT)

# Streams.
for _name, _print in {"array": "", "lines": "print_options: {stream_newline_delimited: true}", "events": "print_options: {stream_sse_style_delimited: true}"}.items():
    case(f"watch_{_name}", get("/watch?id=1"), [answer(ITEM, item('id: 8'), item())], _print)
    case(f"watch_{_name}_of_none", get("/watch?id=1"), [answer()], _print)
    case(f"watch_{_name}_alone", get("/watch?id=1"), [alone(0)], _print)
case("watch_failure", get("/watch?id=1"), [answer(ITEM, status=13)])
case("watch_failure_alone", get("/watch?id=1"), [alone(13)])
case("send", post("/send", '[{"id": 1}, {"id": 2, "tags": ["]", "}"]} , {}]'))
case("send_none", post("/send", "[]"))
case("send_field", post("/send/4?title=t", '[{"name": "a"}, {"name": "b"}]'))
for _name, _body in {"object": "{}", "scalar": "5", "nothing": "", "cut": '[{"id": 1}, {"id"', "no_end": '[{"id": 1}', "wrong": '[{"id": 1}, {"id": "x"}]', "scalars": "[1]", "wrong_bracket": '[{"id": 1}}'}.items():
    case("send_" + _name, post("/send", _body))
case("send_get", post("/send", None))
case("talk", post("/talk", '[{"id": 1}, {"id": 2}]'), [answer(ITEM, item('id: 8'))])

# HttpBody.
def body(type="text/plain", data="hello"):
    return wire("google.api.HttpBody", f'content_type: "{type}" data: "{data}"')


UPLOAD = wire("test.shop.Upload", r'name: "n" file {content_type: "image/png" data: "\001\002\003"}')
case("download", get("/download"), [answer(frame(body()))])
case("download_no_type", get("/download"), [answer(frame(body("")))])
case("download_bad_type", get("/download"), [answer(frame(body(r"a\r\nx-y: z")))], no_upstream=True,
     differs="what can be no header is none; Envoy writes the line end to the client",
     outrigger={"end": {"c": "FIN"}, "steps": [{"cut": "FIN", "rest": ""}],
                "log": [{"line": "200 - via_upstream POST /test.shop.Shop/Download application/grpc 0 Unknown"}]})
case("download_empty", get("/download"), [answer(frame())])
case("download_field", get("/download-part"), [answer(frame(UPLOAD))])
case("download_all", get("/download-all"), [answer(frame(body()), frame(body("x/y", " you")))])
case("download_failure", get("/download"), [answer(status=5)])
case("upload", req("/put", "content-type: image/png", method="POST", body=b"\0\1\2"))
case("upload_nothing", req("/put", method="POST"))
case("upload_query", req("/put?content_type=a", "content-type: image/png", method="POST", body=b"\0\1\2"))
case("upload_field", req("/put/n%20m", "content-type: image/png", method="POST", body=b"\0\1\2"))
case("upload_stream", req("/put-all", "content-type: image/png", method="POST", body=b"\0\1\2"))
case("upload_unknown_parameters", req("/put?a.b=1&a.b=2", method="POST", body=b"x"), more="capture_unknown_query_parameters: true")

# Options.
case("automatic", post("/test.shop.Shop/Plain", '{"id": 3}'), more="auto_mapping: true")
case("not_automatic", post("/test.shop.Shop/Plain", '{"id": 3}'))
case("ignored", get("/look?key=1&id=2"), more="ignored_query_parameters: [key, other]")
case("ignore_unknown", get("/look?key=1&id=2&part.x=1"), more="ignore_unknown_query_parameters: true")
case("keep_route", get("/look"), more="match_incoming_request_route: true", routes='- {match: {prefix: /look}, route: {cluster: "{{up}}"}}')
case("new_route", get("/look"), routes='- {match: {prefix: /test.shop.Shop/Look}, route: {cluster: "{{up}}"}}')
case("new_route_not_there", get("/look"), routes='- {match: {prefix: /look}, route: {cluster: "{{up}}"}}')
for _name in ("ALL_CHARACTERS", "ALL_CHARACTERS_EXCEPT_SLASH"):
    case("unescape_" + _name.lower(), get("/items/some/pen%20x%2Fy%3F"), more=f"url_unescape_spec: {_name}")
case("plus", get("/look?title=a+b%2B"), more="query_param_unescape_plus: true")
case("unregistered_verb", get("/look:shout"), more="match_unregistered_custom_verb: true")
case("unregistered_verb_off", get("/shelves/1/items/a:shout"))
case("any_case", get("/look?color=dark_blue"), more="case_insensitive_enum_parsing: true")
case("reject_method", get("/nothing"), more="request_validation_options: {reject_unknown_method: true}")
case("reject_parameter", get("/look?nothing=1"), more="request_validation_options: {reject_unknown_query_parameters: true}")
for _name, (_path, _body) in {"same": ("id=3", '{"id": 3}'), "other": ("id=3", '{"id": 4}'), "text": ("title=a", '{"title": "b"}'), "text_same": ("title=a", '{"title": "a"}'), "wrong": ("id=x", '{"id": 4}'),
                              "bool": ("sold=true", '{"sold": false}'), "double": ("price=1.5", '{"price": 2.5}'), "negative": ("id=-3", '{"id": -3}')}.items():
    case("reject_collision_" + _name, post("/look?" + _path, _body), more="request_validation_options: {reject_binding_body_field_collisions: true}")
case("request_too_large", post("/look", '{"title": "0123456789"}'), more="max_request_body_size: 10")
case("request_not_too_large", post("/look", '{"title": "0123456789"}'), more="max_request_body_size: 100")
case("upload_too_large", req("/put", method="POST", body=b"0123456789a"), more="max_request_body_size: 10")
case("send_too_large", post("/send", '[{"title": "0123456789"}]'), more="max_request_body_size: 10")
case("send_each_too_large", post("/send", '[{"id": 1}, {"id": 2}, {"id": 3}]', chunked=True), more="max_request_body_size: 14")
case("upload_stream_too_large", req("/put-all", method="POST", body=b"0123456789a"), more="max_request_body_size: 10")
case("response_too_large", LOOK, more="max_response_body_size: 10")
OFF = f'{{envoy.filters.http.grpc_json_transcoder: {config(services="")}}}'
case("off_by_route", LOOK, routes='- {match: {prefix: /}, route: {cluster: "{{up}}"}, typed_per_filter_config: %s}' % OFF)
case("own_of_route", LOOK, [answer(item(FULL))], routes='- {match: {prefix: /}, route: {cluster: "{{up}}"}, typed_per_filter_config: {envoy.filters.http.grpc_json_transcoder: %s}}' % config(
    "print_options: {preserve_proto_field_names: true}"))
case("unused", LOOK, filters=filter_of(services=""))
case("stats", post("/look", '{"id": 1}'), stats=["re:http\\.{{name}}\\..*transcoder.*"],
     differs="in Envoy the bytes of the last response stay", outrigger={"stats": {f"http.transcoder_stats.transcoder_{_d}_buffer_bytes": "0" for _d in ("request", "response")}})
for _service in ("Variable", "Twice"):
    case("odd_" + _service.lower(), get("/a/b"), filters=filter_of(proto="wrong.proto", services=f"test.wrong.{_service}"))

# What is refused.
def wrong(name, filter):
    scenario("transcoder_wrong_" + name, kind="validate", config=manager_config([filter.strip().removeprefix("- ")]))


wrong("service", filter_of(services="test.shop.Nothing"))
wrong("set", filter_of(bin=b"nothing"))
wrong("imports", filter_of(bin=descriptors("shop.proto", "--experimental_allow_proto3_optional")))
for _service in ("Template", "Body", "ResponseBody"):
    wrong(_service.lower(), filter_of(proto="wrong.proto", services=f"test.wrong.{_service}"))
wrong("file", f'- {{name: t, typed_config: {{"@type": {KIND}, proto_descriptor: /nothing/there, services: [a.B]}}}}')
wrong("no_set", f'- {{name: t, typed_config: {{"@type": {KIND}, services: [a.B]}}}}')
wrong("no_set_nor_services", f'- {{name: t, typed_config: {{"@type": {KIND}}}}}')
wrong("size", filter_of("max_request_body_size: 0"))
wrong("unescape", filter_of("url_unescape_spec: 7"))
