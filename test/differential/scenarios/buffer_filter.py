"""The filter buffer: requests wait until they are whole, and are refused when they are too large."""
import json

from harness.dsl import *
from harness.h2 import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http.buffer.v3."
NAME = "envoy.filters.http.buffer"
FORM = {"code": "%RESPONSE_CODE%", "details": "%RESPONSE_CODE_DETAILS%", "flags": "%RESPONSE_FLAGS%", "received": "%BYTES_RECEIVED%"}
STATS = ["http.{{name}}.downstream_rq_too_large", "re:^http\\.{{name}}\\.buffer\\."]
HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def filter_of(most, **more):
    return {"name": NAME, "typed_config": {"@type": TYPE + "Buffer", "max_request_bytes": most}, **more}


def per(**config):
    return {"typed_per_filter_config": {NAME: {"@type": TYPE + "BufferPerRoute", **config}}}


def case(name, most, client, *, route=None, vhost=None, **kw):
    kw.setdefault("log_format", FORM)
    kw.setdefault("stats", STATS)
    if route or vhost:
        kw["vhosts"] = json.dumps([{"name": "all", "domains": ["*"], **(vhost or {}), "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "{{up}}"}, **(route or {})}]}])
    scenario("buffer_" + name, filters=json.dumps([filter_of(most)]), client=client, **kw)


def post(n, path="/", chunked=False, **kw):
    return get(path, method="POST", body="x" * n, chunked=chunked, **kw)


BEGIN = "POST / HTTP/1.1\r\nhost: h.example\r\ntransfer-encoding: chunked\r\n\r\n"
case("no_body", 10, get("/"))
case("fits", 10, post(10) + post(3) + post(0))
case("fits_chunked", 10, post(10, chunked=True) + post(3, chunked=True))
case("too_large", 10, post(11))
case("too_large_chunked", 10, post(11, chunked=True))
case("too_large_in_pieces", 10, send(BEGIN + "6\r\nabcdef\r\n") + pause(0.1) + send("6\r\nabcdef\r\n0\r\n\r\n") + read())
case("waits_for_the_end", 100, send(BEGIN + "6\r\nabcdef\r\n") + pause(0.3) + send("6\r\nghijkl\r\n") + pause(0.1) + send("0\r\n\r\n") + read())
case("empty_chunked", 10, send(BEGIN + "0\r\n\r\n") + read())
case("trailers", 100, send(BEGIN + "6\r\nabcdef\r\n0\r\nx-t: 1\r\n\r\n") + read(), hcm="http_protocol_options: {enable_trailers: true}", clusters={"up": {"yaml": "http_protocol_options: {enable_trailers: true}"}})
case("trailers_dropped", 100, send(BEGIN + "6\r\nabcdef\r\n0\r\nx-t: 1\r\n\r\n") + read())
case("client_leaves", 100, send("POST / HTTP/1.1\r\nhost: h.example\r\ncontent-length: 10\r\n\r\nabc") + pause(0.1) + reset() + logged(1))
case("above_listener_limit", 200000, post(100000), listener="per_connection_buffer_limit_bytes: 1024", brief_upstream=True)
case("above_listener_limit_chunked", 200000, post(100000, chunked=True), listener="per_connection_buffer_limit_bytes: 1024", brief_upstream=True)
case("grpc", 10, get("/", "content-type: application/grpc", method="POST", body="x" * 20))
case("direct_response", 10, post(5) + post(11, c="d"), routes="- {match: {prefix: /}, direct_response: {status: 201}}", no_upstream=True)
case("no_route", 10, post(5) + post(11, c="d"), routes='- {match: {prefix: /a}, route: {cluster: "{{up}}"}}', no_upstream=True)
case("refused_upstream", 10, post(5), up=REFUSE)
case("retried", 10, post(5), up=[[*ok("bad", status=503)], [*ok()]], routes='- {match: {prefix: /}, route: {cluster: "{{up}}", timeout: 0s, retry_policy: {retry_on: 5xx}}}')
case("expect_continue", 10, send("POST / HTTP/1.1\r\nhost: h.example\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n") + read_head() + send("abc") + read())
case("two_filters", 10, post(7) + post(11, c="d") + post(6, c="e"), hcm="http_filters: " + json.dumps([filter_of(10), filter_of(6, name="second"), {"name": "r", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]))
# Routes.
case("route_allows_more", 10, post(20), route=per(buffer={"max_request_bytes": 20}))
case("route_allows_less", 10, post(5), route=per(buffer={"max_request_bytes": 4}))
case("route_turns_off", 10, post(20), route=per(disabled=True))
case("vhost", 10, post(20) + post(31, c="d"), vhost=per(buffer={"max_request_bytes": 30}))
case("route_over_vhost", 10, post(20), route=per(buffer={"max_request_bytes": 20}), vhost=per(disabled=True))
case("route_over_vhost_off", 10, post(40), vhost=per(buffer={"max_request_bytes": 20}), route=per(disabled=True))
case("filter_disabled", 10, post(20), route={"typed_per_filter_config": {NAME: {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}}})
case("h2", 10, h2() + h2_req("/", method="POST", body=b"x" * 5), hcm="codec_type: HTTP2")
scenario("buffer_typed_struct", filters=json.dumps([{"name": NAME, "typed_config": {"@type": "type.googleapis.com/xds.type.v3.TypedStruct", "type_url": TYPE + "Buffer", "value": {"max_request_bytes": 3}}}]), client=post(4), log_format=FORM)

LISTENER = {"name": "l", "address": {"socket_address": {"address": "127.0.0.1", "port_value": 19999}}}
for _name, _config in {"good": {"max_request_bytes": 1}, "none": {}, "zero": {"max_request_bytes": 0}}.items():
    scenario("buffer_config_" + _name, kind="validate", config=json.dumps({"static_resources": {"listeners": [{**LISTENER, "filter_chains": [{"filters": [{"name": "h", "typed_config": {
        "@type": HCM, "stat_prefix": "h", "route_config": {}, "http_filters": [{"name": NAME, "typed_config": {"@type": TYPE + "Buffer", **_config}}, {"name": "r", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}]}]}]}}))
for _name, _config in {"good": {"buffer": {"max_request_bytes": 1}}, "disabled": {"disabled": True}, "not_disabled": {"disabled": False}, "none": {}, "empty": {"buffer": {}}}.items():
    scenario("buffer_route_config_" + _name, kind="validate", config=json.dumps({"static_resources": {"listeners": [{**LISTENER, "filter_chains": [{"filters": [{"name": "h", "typed_config": {
        "@type": HCM, "stat_prefix": "h", "route_config": {"virtual_hosts": [{"name": "a", "domains": ["*"], **per(**_config)}]}, "http_filters": [filter_of(1), {"name": "r", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}]}]}]}}))
