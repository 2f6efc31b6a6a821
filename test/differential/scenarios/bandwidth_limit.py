"""The filter bandwidth_limit: bodies wait for their turn, per route too, and trailers tell for how long."""
import json

from harness.dsl import *
from harness.h2 import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit"
NAME = "envoy.filters.http.bandwidth_limit"
FORM = {"code": "%RESPONSE_CODE%", "details": "%RESPONSE_CODE_DETAILS%", "flags": "%RESPONSE_FLAGS%", "received": "%BYTES_RECEIVED%", "sent": "%BYTES_SENT%"}
STATS = [f"re:^{{{{name}}}}_{whose}\\.http_bandwidth_limit\\.{what}" for whose in ("own", "route") for what in (".*(enabled|pending)$", ".*total_size$")]  # how often something waits depends on the machine
QUIET = ["re:^{{name}}_own\\.http_bandwidth_limit\\.(?!.*duration|.*_allowed_size)"]  # nothing had to wait
TRAILERS = {"hcm": "http_protocol_options: {enable_trailers: true}", "clusters": {"up": {"yaml": "http_protocol_options: {enable_trailers: true}"}}}
TIMES = [("(delay-ms: )\\d+", "\\1<n>")]


def limit(filter_name=NAME, **config):
    return {"name": filter_name, "typed_config": {"@type": TYPE, "stat_prefix": "{{name}}_own", **config}}


def per(**config):
    return {"typed_per_filter_config": {NAME: {"@type": TYPE, "stat_prefix": "{{name}}_route", **config}}}


def case(name, filters, client, *, route=None, vhost=None, **kw):
    kw.setdefault("log_format", FORM)
    kw.setdefault("stats", STATS)
    kw.setdefault("mask", TIMES)
    if route or vhost:
        kw["vhosts"] = json.dumps([{"name": "all", "domains": ["*"], **(vhost or {}), "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "{{up}}"}, **(route or {})}]}])
    scenario("bandwidth_" + name, filters=json.dumps(filters if isinstance(filters, list) else [filters]), client=client, **kw)


def post(n=100, **kw):
    return get("/", method="POST", body="x" * n, **kw)


def trailing(body, *trailers):
    return raw(f"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{len(body):x}\r\n{body}\r\n0\r\n" + "".join(t + "\r\n" for t in trailers) + "\r\n")


# Within the limit nothing waits.
for _mode in ("DISABLED", "REQUEST", "RESPONSE", "REQUEST_AND_RESPONSE"):
    case("mode_" + _mode.lower(), limit(enable_mode=_mode, limit_kbps=100), post() + post(), up=[ok("y" * 200)], stats=QUIET)
case("no_mode", limit(limit_kbps=100), post(), stats=QUIET)
case("no_body", limit(enable_mode="REQUEST_AND_RESPONSE", limit_kbps=100), get("/"), up=[ok("")], stats=QUIET)
case("chunked", limit(enable_mode="REQUEST_AND_RESPONSE", limit_kbps=100), post(chunked=True), up=[trailing("abc")], stats=QUIET)
case("trailers_pass", limit(enable_mode="REQUEST_AND_RESPONSE", limit_kbps=100), send("POST / HTTP/1.1\r\nhost: h.example\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n") + read(), up=[trailing("def", "x-u: 2")], stats=QUIET, **TRAILERS)
case("h2", limit(enable_mode="REQUEST_AND_RESPONSE", limit_kbps=100), h2() + h2_req("/", method="POST", body=b"abc", trailers=["x-t: 1"]), hcm="codec_type: HTTP2", up=H2([h2_ok("def", trailers=["x-u: 2"])]), stats=QUIET)
case("h2_no_trailers", limit(enable_mode="REQUEST_AND_RESPONSE", limit_kbps=100), h2() + h2_req("/", method="POST", body=b"abc"), hcm="codec_type: HTTP2", up=H2([h2_ok("def")]), stats=QUIET)
case("direct_response", limit(enable_mode="REQUEST_AND_RESPONSE", limit_kbps=100), get("/"), routes="- {match: {prefix: /}, direct_response: {status: 200, body: {inline_string: direct}}}", no_upstream=True)
case("local_reply", limit(enable_mode="REQUEST_AND_RESPONSE", limit_kbps=100), get("/"), routes='- {match: {prefix: /a}, route: {cluster: "{{up}}"}}', no_upstream=True)
# What must wait.
case("response_waits", limit(enable_mode="RESPONSE", limit_kbps=4), get("/"), up=[ok("y" * 5000)])
case("request_waits", limit(enable_mode="REQUEST", limit_kbps=4), post(5000), brief_upstream=True)
case("both_wait", limit(enable_mode="REQUEST_AND_RESPONSE", limit_kbps=4, fill_interval="0.02s"), post(2500), up=[ok("y" * 3000)], brief_upstream=True)
case("request_trailers_wait", limit(enable_mode="REQUEST", limit_kbps=1), send(b"POST / HTTP/1.1\r\nhost: h.example\r\ntransfer-encoding: chunked\r\n\r\n500\r\n" + b"x" * 0x500 + b"\r\n0\r\nx-t: 1\r\n\r\n") + read(), **TRAILERS)
case("response_trailers_wait", limit(enable_mode="RESPONSE", limit_kbps=1), get("/"), up=[trailing("y" * 1280, "x-u: 2")], **TRAILERS)
case("second_waits", limit(enable_mode="RESPONSE", limit_kbps=1), get("/") * 2, up=[ok("y" * 700)])
case("comes_while_waiting", limit(enable_mode="REQUEST", limit_kbps=1, fill_interval="0.3s"), send(b"POST / HTTP/1.1\r\nhost: h.example\r\ncontent-length: 1400\r\n\r\n" + b"x" * 1200) + pause(0.1) + send(b"y" * 200) + read(), brief_upstream=True)
case("large", limit(enable_mode="REQUEST_AND_RESPONSE", limit_kbps=500), post(600000), up=[ok("y" * 600000)], listener="per_connection_buffer_limit_bytes: 32768", brief_upstream=True)
case("client_leaves", limit(enable_mode="RESPONSE", limit_kbps=1), send("GET / HTTP/1.1\r\nhost: h.example\r\n\r\n") + read_head() + reset() + logged(1), up=[ok("y" * 5000)], log_format={k: v for k, v in FORM.items() if k != "sent"}, stats=["{{name}}_own.http_bandwidth_limit.response_enabled"])
case("upstream_dies", limit(enable_mode="RESPONSE", limit_kbps=100), get("/"), stats=["{{name}}_own.http_bandwidth_limit.response_allowed_total_size"], up=[raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc") + wait(0.1) + fin()])
# Trailers that tell.
for _name, _config in {"plain": {}, "prefixed": {"response_trailer_prefix": "My-Own"}}.items():
    case("tells_" + _name, limit(enable_mode="REQUEST_AND_RESPONSE", limit_kbps=4, enable_response_trailers=True, **_config), post(5000), up=[ok("y" * 5000)], brief_upstream=True, **TRAILERS)
case("tells_response_only", limit(enable_mode="RESPONSE", limit_kbps=4, enable_response_trailers=True), post(5000), up=[ok("y" * 5000)], brief_upstream=True, **TRAILERS)
case("tells_request_only", limit(enable_mode="REQUEST", limit_kbps=4, enable_response_trailers=True), post(5000), up=[ok("y" * 5000)], brief_upstream=True, **TRAILERS)
case("tells_with_others", limit(enable_mode="RESPONSE", limit_kbps=1, enable_response_trailers=True), get("/"), up=[trailing("y" * 1500, "x-u: 2")], **TRAILERS)
for _name, _config in {"plain": {}, "prefixed": {"response_trailer_prefix": "My-Own"}}.items():
    case("tells_h2_" + _name, limit(enable_mode="REQUEST_AND_RESPONSE", limit_kbps=1, enable_response_trailers=True, **_config), h2() + h2_req("/", method="POST", body=b"x" * 1500), hcm="codec_type: HTTP2", up=H2([h2_ok("d" * 1500)]), brief_upstream=True)
case("tells_h2", limit(enable_mode="RESPONSE", limit_kbps=1, enable_response_trailers=True), h2() + h2_req("/"), hcm="codec_type: HTTP2", up=H2([h2_ok("d" * 1500)]))
# Routes, runtime.
case("route_limits", limit(), get("/"), route=per(enable_mode="RESPONSE", limit_kbps=1), up=[ok("y" * 1280)])
case("route_over_vhost", limit(enable_mode="RESPONSE", limit_kbps=1), get("/"), route=per(enable_mode="RESPONSE", limit_kbps=100), vhost=per(enable_mode="RESPONSE", limit_kbps=1), up=[ok("y" * 1280)])
case("route_off", limit(enable_mode="RESPONSE", limit_kbps=1), get("/"), route=per(enable_mode="DISABLED", limit_kbps=1), up=[ok("y" * 1280)])
case("filter_disabled", limit(enable_mode="RESPONSE", limit_kbps=1), get("/"), route={"typed_per_filter_config": {NAME: {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}}}, up=[ok("y" * 1280)])
case("runtime_off", limit(enable_mode="RESPONSE", limit_kbps=1, runtime_enabled={"default_value": False, "runtime_key": "bandwidth.on"}), get("/"), up=[ok("y" * 1280)])
case("no_limit", limit(enable_mode="RESPONSE"), send("GET / HTTP/1.1\r\nhost: h.example\r\n\r\n") + read_head() + pause(0.2) + close() + logged(1), up=[ok("y")], log_format={"code": "%RESPONSE_CODE%", "sent": "%BYTES_SENT%"}, stats=["{{name}}_own.http_bandwidth_limit.response_enabled"])

for _name, _config in {"good": {"limit_kbps": 1}, "no_limit": {}, "no_prefix": {"stat_prefix": ""}, "zero": {"limit_kbps": 0}, "interval_low": {"limit_kbps": 1, "fill_interval": "0.019s"}, "interval_high": {"limit_kbps": 1, "fill_interval": "1.001s"}, "interval_edge": {"limit_kbps": 1, "fill_interval": "1s"}, "mode": {"enable_mode": 9},
                       "bad_prefix": {"limit_kbps": 1, "response_trailer_prefix": "a\nb"}}.items():
    _f = limit()
    _f["typed_config"].update({"stat_prefix": "s", **_config})
    scenario("bandwidth_config_" + _name, kind="validate", config=manager_config([_f]))
    _r = per()
    _r["typed_per_filter_config"][NAME].update({"stat_prefix": "s", **_config})
    scenario("bandwidth_route_config_" + _name, kind="validate", config=manager_config([limit(stat_prefix="s")], "virtual_hosts: [" + json.dumps({"name": "a", "domains": ["*"], **_r}) + "]"))
