"""The filter ext_authz: requests are shown to a service first, over HTTP or gRPC, which says what becomes of them."""
import json

from harness.dsl import *
from harness.h2 import *
from harness.side_services import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3."
FORM = {"code": "%RESPONSE_CODE%", "details": "%RESPONSE_CODE_DETAILS%", "flags": "%RESPONSE_FLAGS%", "metadata": "of it: %DYNAMIC_METADATA(envoy.filters.http.ext_authz)%",
        "cluster": "%UPSTREAM_CLUSTER%"}
COUNTS = ["+re:\\.ext_authz\\."]
GRPC = ("content-type: application/grpc", "te: trailers")
YES, NO = ok(""), ok("no", "x-why: not you", status=403, reason="Forbidden")


def service_of(kind, service, timeout="2s"):
    if kind == "grpc":
        return {"grpc_service": {"envoy_grpc": {"cluster_name": "{{authz}}"}, "timeout": timeout, **service}}
    return {"http_service": {"server_uri": {"uri": "http://authz.example:80/ignored", "cluster": "{{authz}}", "timeout": timeout}, **service}}


def filters_of(*configs, before=(), name="ext_authz"):
    return [*before, *({"name": name, "typed_config": {"@type": TYPE + "ExtAuthz", "transport_api_version": "V3", **c}} for c in configs)]


def case(kind, name, answer, client=None, service=None, *, timeout="2s", config=None, before=(), **kw):
    more = {k: kw.pop(k) for k in list(kw) if k in CONFIG}
    config = {**service_of(kind, service or {}, timeout), **more} if config is None else config
    if kind == "grpc":
        answer = answer if isinstance(answer, (H2, Tcp)) or answer in (REFUSE, BLACKHOLE) else H2([answer] if answer and isinstance(answer[0], tuple) else answer)
        kw.setdefault("clusters", {"authz": {"h2": ""}} if answer in (REFUSE, BLACKHOLE) else {})
    else:
        kw.setdefault("clusters", {})
    kw.setdefault("views", {"authz": check_request if kind == "grpc" else sorted_fields})
    kw.setdefault("log_format", FORM)
    kw.setdefault("stats", COUNTS)
    kw["mask"] = [(r'("(?:ext_authz_duration|x-envoy-upstream-service-time)":"?)[\d.e-]+', r"\1<ms>"), *kw.get("mask", [])]
    kw.setdefault("up", {"up": [ok()], "authz": answer})
    scenario(f"ext_authz_{kind}_{name}", filters=json.dumps(filters_of(config, before=before)), client=get("/a") if client is None else client, **kw)


CONFIG = {"failure_mode_allow", "failure_mode_allow_header_add", "with_request_body", "clear_route_cache", "status_on_error", "metadata_context_namespaces",
          "route_metadata_context_namespaces", "filter_enabled", "filter_enabled_metadata", "deny_at_disable", "include_peer_certificate", "stat_prefix", "allowed_headers",
          "disallowed_headers", "include_tls_session", "charge_cluster_response_stats", "encode_raw_headers", "enable_dynamic_metadata_ingestion"}


def http(name, answer=YES, *a, **kw):
    case("http", name, answer, *a, **kw)


def grpc(name, answer, *a, **kw):
    case("grpc", name, answer, *a, **kw)


def exact(*names, **kw):
    return {"patterns": [{"exact": n, **kw} for n in names]}


# ---- over HTTP: what is asked

REQUEST = get("/a/b?c=d", "x-one: 1", "x-two: 2", "authorization: Basic abc", "cookie: a=b", "user-agent: me")
http("ok", client=REQUEST)
http("post", client=req("/a", "content-type: text/plain", method="POST", body="hello"))
http("chunked", client=req("/a", method="POST", body="hello", chunked=True))
http("allowed_headers", client=REQUEST + get("/c", "x-one: 1", "X-One: 2", "x-two-b: 3"), allowed_headers={"patterns": [{"exact": "X-ONE", "ignore_case": True}, {"prefix": "x-two"}]})
http("allowed_headers_of_request", client=REQUEST, service={"authorization_request": {"allowed_headers": exact("x-one")}})
http("disallowed_headers", client=REQUEST, allowed_headers={"patterns": [{"prefix": "x-"}]}, disallowed_headers=exact("x-two"))
http("headers_to_add", client=REQUEST, service={"authorization_request": {"headers_to_add": [{"key": "x-who", "value": "%REQ(x-one)%-%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"},
                                                                                           {"key": "authorization", "value": "mine"}]}})
http("path_prefix", client=REQUEST, service={"path_prefix": "/check"})
http("path_override", client=REQUEST, service={"path_override": "/always"})
http("two_in_a_row", client=get("/1") + get("/2"), answer=[YES, NO])
http("head_request", client=req("/a", method="HEAD"))
http("non_utf8", client=get("/a", "x-one: a\xffb"), allowed_headers=exact("x-one"))

# ---- what its answer does

ANSWER = ok("body", "x-one: new", "x-two: b", "x-three: c", "x-three: d", "content-type: text/html", "set-cookie: s=1", "set-cookie: s=2", "x-envoy-auth-headers-to-remove: x-gone, x-far")
http("no_headers_taken", ANSWER, client=REQUEST)
http("upstream_headers", ANSWER, client=get("/a", "x-one: 1", "x-two: 2", "x-gone: 1", "x-far: 2"), service={"authorization_response": {"allowed_upstream_headers": exact("X-ONE", "x-three", ignore_case=True)}})
http("upstream_headers_append", ANSWER, client=get("/a", "x-one: 1", "x-two: 2"), service={"authorization_response": {"allowed_upstream_headers_to_append": {"patterns": [{"prefix": "x-t"}]}}})
http("client_headers_on_success", ANSWER, client=get("/a"), service={"authorization_response": {"allowed_client_headers_on_success": exact("x-one", "set-cookie")}})
http("metadata_from_headers", ANSWER, client=get("/a"), service={"authorization_response": {"dynamic_metadata_from_headers": {"patterns": [{"prefix": "x-"}]}}})
DENIED = ok("go away", "x-one: new", "x-two: b", "content-type: text/html", "set-cookie: s=1", "set-cookie: s=2", "location: /login", "www-authenticate: Basic", "date: today", "server: it",
            "connection: keep-alive", status=401, reason="Unauthorized")
http("denied", DENIED)
http("denied_client_headers", DENIED, service={"authorization_response": {"allowed_client_headers": exact("x-two")}})
http("denied_empty", ok("", "content-type: text/plain", status=302, reason="Found"))
http("denied_head", DENIED, client=req("/a", method="HEAD"))
http("denied_post", NO, client=req("/a", method="POST", body="hello") + get("/b"))
http("denied_grpc_client", NO, client=get("/a", *GRPC))
http("denied_mapped", NO, hcm="local_reply_config: {mappers: [{filter: {response_flag_filter: {flags: [UAEX]}}, status_code: 418, body: {inline_string: mapped}}]}")
for _status in (201, 204, 301, 404, 429):
    http(f"status_{_status}", ok("x", status=_status, reason="R"))

# ---- when it fails

http("status_500", ok("x", status=500, reason="R"))
http("status_503_allowed", ok("x", status=503, reason="R"), failure_mode_allow=True)
http("refused", REFUSE, stats=COUNTS + ["+re:^cluster\\.{{authz}}\\.(internal|external|upstream_rq|upstream_cx_connect_fail)"])
http("refused_allowed", REFUSE, failure_mode_allow=True, failure_mode_allow_header_add=True)
http("status_on_error", REFUSE, status_on_error={"code": 503})
http("timeout", [wait(1) + YES], timeout="0.1s", stats=COUNTS + ["+re:^cluster\\.{{authz}}\\.(internal|external|upstream_rq)"])
http("timeout_allowed", [wait(1) + YES], timeout="0.1s", failure_mode_allow=True)
http("reset", [rst()])
http("cut_off", [raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhal") + fin()])
http("no_such_cluster", config={"http_service": {"server_uri": {"uri": "http://a", "cluster": "none", "timeout": "1s"}}}, client=get("/a"))
http("counts_of_service", NO, stats=COUNTS + ["+re:^cluster\\.{{authz}}\\.(internal|external|upstream_rq)", "+re:^cluster\\.{{up}}\\.(internal|external|upstream_rq)"])
http("no_charge", NO, charge_cluster_response_stats=False, stats=COUNTS + ["+re:^cluster\\.{{up}}\\.(internal|external|upstream_rq)"])
http("stat_prefix", [YES, NO], client=get("/1") + get("/2"), stat_prefix="mine")
http("no_route", NO, client=get("/a") + get("/b"), routes='- {match: {path: /b}, direct_response: {status: 200}}')

# ---- bodies

BODY = {"max_request_bytes": 8}
http("body", client=req("/a", method="POST", body="hello") + get("/b"), with_request_body=BODY)
http("body_chunked_empty", client=send("POST /a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n") + read(), with_request_body=BODY)
http("body_too_large", client=req("/a", method="POST", body="123456789"), with_request_body=BODY)
http("body_exact", client=req("/a", method="POST", body="12345678"), with_request_body=BODY)
http("body_partial", client=req("/a", method="POST", body="123456789abcdef"), with_request_body={**BODY, "allow_partial_message": True}, allowed_headers={"patterns": [{"prefix": "x-"}]})
http("body_partial_short", client=req("/a", method="POST", body="123"), with_request_body={**BODY, "allow_partial_message": True})
http("body_partial_first", client=send("POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 12\r\n\r\n123456789") + seen(1, "authz") + send("abc") + read(), with_request_body={**BODY, "allow_partial_message": True})
http("body_denied", NO, client=req("/a", method="POST", body="hello"), with_request_body=BODY)
http("body_large", client=req("/a", method="POST", body="z" * 200000), with_request_body={"max_request_bytes": 300000}, brief_upstream=True)
http("body_with_trailers", client=send("POST /a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\ntrailer: x-t\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n") + read(), with_request_body=BODY,
     hcm="http_protocol_options: {enable_trailers: true}")

# ---- which requests are asked about

SHADOW = {"name": "rbac", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC", "shadow_rules": {"action": "DENY", "policies": {
    "istio-ext-authz-http": {"permissions": [{"url_path": {"path": {"prefix": "/admin"}}}], "principals": [{"any": True}]}}}, "shadow_rules_stat_prefix": "istio_ext_authz_"}}
ISTIO = {"filter": "envoy.filters.http.rbac", "path": [{"key": "istio_ext_authz_shadow_effective_policy_id"}], "value": {"string_match": {"prefix": "istio-ext-authz"}}}
http("istio", NO, client=get("/a") + get("/admin"), before=[SHADOW], filter_enabled_metadata=ISTIO, allowed_headers=exact("x-ext-authz", ignore_case=True))
http("enabled_never", NO, filter_enabled={"default_value": {"numerator": 0}})
http("enabled_always", NO, filter_enabled={"default_value": {"numerator": 100}})
http("disabled_denied", filter_enabled={"default_value": {"numerator": 0}}, deny_at_disable={"default_value": True, "runtime_key": "x.y"}, status_on_error={"code": 401})


def per_route(**config):
    return json.dumps({"ext_authz": {"@type": TYPE + "ExtAuthzPerRoute", **config}})


def settings(**kw):
    return per_route(check_settings=kw)


TWO = '[{{match: {{prefix: /own}}, route: {{cluster: "{{{{up}}}}"}}, typed_per_filter_config: {}}}, {{match: {{prefix: /}}, route: {{cluster: "{{{{up}}}}"}}}}]'
http("route_disabled", NO, client=get("/own") + get("/a"), routes=TWO.format(per_route(disabled=True)))
http("route_no_body", client=req("/own", method="POST", body="hello") + req("/a", method="POST", body="hello"), with_request_body=BODY,
     routes=TWO.format(settings(disable_request_body_buffering=True)))
http("route_own_body", client=req("/own", method="POST", body="hello") + req("/a", method="POST", body="hello"),
     routes=TWO.format(settings(with_request_body={"max_request_bytes": 3, "allow_partial_message": True})))
http("route_cache_kept", ok("", "x-to: b"), client=get("/a"), service={"authorization_response": {"allowed_upstream_headers": exact("x-to")}},
     routes='[{match: {prefix: /, headers: [{name: x-to, string_match: {exact: b}}]}, direct_response: {status: 202}}, {match: {prefix: /}, route: {cluster: "{{up}}"}}]')
http("route_cache_cleared", ok("", "x-to: b"), client=get("/a"), service={"authorization_response": {"allowed_upstream_headers": exact("x-to")}}, clear_route_cache=True,
     routes='[{match: {prefix: /, headers: [{name: x-to, string_match: {exact: b}}]}, direct_response: {status: 202}}, {match: {prefix: /}, route: {cluster: "{{up}}"}}]')

# ---- over gRPC: what is asked

OK = reply(f(1, b""))


def option(key, value, append=None, action=None, raw=None):
    return f(1, f(1, key) + (f(2, value) if raw is None else f(3, raw))) + (b"" if append is None else f(2, f(1, append) if append else b"")) + (b"" if action is None else f(3, action))


def allowed(*parts, outer=b""):
    return reply(f(1, b"") + f(3, b"".join(parts)) + outer)


def denied(*parts, code=7, outer=b""):
    return reply(f(1, f(1, code)) + f(2, b"".join(parts)) + outer)


grpc("ok", OK, client=REQUEST)
grpc("post", OK, client=req("/a", "content-type: text/plain", method="POST", body="hello"))
grpc("same_names", OK, client=get("/a", "x-one: 1", "X-One: 2", "cookie: a=1", "cookie: b=2"))
grpc("non_utf8", OK, client=get("/a", "x-one: a\xff\xc3\xa9b\xed\xa0\x80"))
grpc("raw_headers", OK, client=get("/a", "x-one: a\xffb", "x-one: 2"), encode_raw_headers=True)
grpc("allowed_headers", OK, client=REQUEST, allowed_headers={"patterns": [{"prefix": "x-"}]}, disallowed_headers=exact("x-two"))
grpc("service_cluster", OK, client=get("/a", "x-envoy-downstream-service-cluster: front"), hcm="use_remote_address: true")
grpc("http2_client", OK, client=h2() + h2_req("/a", "x-one: 1"), hcm="codec_type: HTTP2")
grpc("body", OK, client=req("/a", method="POST", body="h\xe9llo".encode("latin-1")), with_request_body=BODY)
grpc("body_as_bytes", OK, client=req("/a", method="POST", body="h\xe9llo".encode("latin-1")), with_request_body={**BODY, "pack_as_bytes": True})
grpc("body_partial", OK, client=req("/a", method="POST", body="123456789abc"), with_request_body={**BODY, "allow_partial_message": True})
grpc("initial_metadata", OK, service={"initial_metadata": [{"key": "x-from", "value": "us"}, {"key": "x-path", "value": "%REQ(:path)%"}]})
grpc("authority", OK, service={"envoy_grpc": {"cluster_name": "{{authz}}", "authority": "authz.example"}})
grpc("context_extensions", OK, client=get("/own") + get("/a"),
     vhosts='[{name: all, domains: ["*"], typed_per_filter_config: %s, routes: %s}]' % (settings(context_extensions={"a": "1", "b": "2"}), TWO.format(settings(context_extensions={"b": "3", "c": "4"}))))
grpc("metadata_context", OK, client=get("/admin"), before=[SHADOW], metadata_context_namespaces=["envoy.filters.http.rbac", "none"], route_metadata_context_namespaces=["of.route"],
     routes='[{match: {prefix: /}, route: {cluster: "{{up}}"}, metadata: {filter_metadata: {of.route: {a: 1, b: [true, null, {c: d}]}, other: {x: y}}}}]')

# ---- what its answer does

grpc("ok_headers", allowed(f(2, option("x-one", "new")), f(2, option("x-two", "b", append=1)), f(2, option("x-three", "c")), f(2, option("x-four", "d", append=1)), f(2, option("x-five", "e", append=0)),
                           f(5, "x-gone"), f(5, "x-nowhere"), f(5, "host"), f(5, ":path")),
     client=get("/a", "x-one: 1", "x-two: 2", "x-five: 5", "x-gone: 1"))
grpc("ok_header_actions", allowed(*(f(2, option(f"x-{n}-{there}", "new", action=n)) for n in range(4) for there in ("here", "not"))), client=get("/a", *(f"x-{n}-here: old" for n in range(4))))
grpc("ok_raw_value", allowed(f(2, option("x-one", "", raw=b"r\xc3\xa9")), f(2, option("X-Upper", "u"))))
grpc("ok_pseudo_headers", allowed(f(2, option(":path", "/changed")), f(2, option(":method", "PUT")), f(2, option("host", "other.example"))), client=get("/a"))
grpc("ok_query", allowed(f(7, f(1, "b") + f(2, "new value&")), f(7, f(1, "z") + f(2, "1")), f(8, "c")), client=get("/a?a=1&b=2&c=3&d"))
grpc("ok_response_headers", allowed(f(6, option("x-set", "1")), f(6, option("x-add", "2", append=1)), f(6, option("content-type", "text/x")), f(6, option("x-add", "3", append=1))),
     up={"up": [ok("ok", "x-set: up", "x-add: up")], "authz": H2([allowed(f(6, option("x-set", "1")), f(6, option("x-add", "2", append=1)), f(6, option("content-type", "text/x")),
                                                                          f(6, option("x-add", "3", append=1)))])})
_actions = allowed(*(f(6, option(f"x-{n}-{there}", "new", action=n)) for n in range(4) for there in ("here", "not")))
grpc("ok_response_header_actions", _actions, up={"up": [ok("ok", *(f"x-{n}-here: old" for n in range(4)))], "authz": H2([_actions])})
grpc("metadata", reply(f(1, b"") + f(4, struct_of({"who": "me", "n": 1.5, "deep": {"l": [1, "x"]}}))))
grpc("metadata_of_ok", allowed(f(3, struct_of({"inner": "yes"})), outer=f(4, struct_of({"outer": "yes"}))))
grpc("metadata_of_denied", denied(outer=f(4, struct_of({"why": "no"}))))
grpc("metadata_not_taken", reply(f(1, b"") + f(4, struct_of({"who": "me"}))), enable_dynamic_metadata_ingestion=False)
grpc("denied", denied(f(1, f(1, 401)), f(2, option("x-why", "so")), f(2, option("set-cookie", "a")), f(2, option("set-cookie", "b", append=1)), f(3, "go away")))
grpc("denied_bare", reply(f(1, f(1, 16))))
grpc("denied_no_status", reply(b""))
grpc("denied_grpc_client", denied(f(3, "go away")), client=get("/a", *GRPC))
grpc("denied_type", denied(f(1, f(1, 402)), f(2, option("content-type", "application/json")), f(3, "{}")))
grpc("error_response", reply(f(1, f(1, 13)) + f(5, f(1, f(1, 502)) + f(2, option("x-why", "so")) + f(3, "broken"))))
grpc("error_response_allowed", reply(f(1, f(1, 13)) + f(5, f(1, f(1, 502)) + f(3, "broken"))), failure_mode_allow=True)

# ---- when it fails

grpc("refused", REFUSE)
grpc("refused_allowed", REFUSE, failure_mode_allow=True, failure_mode_allow_header_add=True)
grpc("timeout", [wait(1) + OK], timeout="0.1s")
grpc("status", reply(f(1, b""), 14))
grpc("trailers_only", h2_frames(HEADERS(S, block(":status: 200", "content-type: application/grpc", "grpc-status: 13"))))
grpc("http_status", h2_ok("no", "content-type: text/plain", status=503))
grpc("no_message", h2_frames(HEADERS(S, block(":status: 200", "content-type: application/grpc"), False), HEADERS(S, block("grpc-status: 0"))))
grpc("garbage", reply(b"\xff\xff\xff"))
grpc("compressed", h2_frames(HEADERS(S, block(":status: 200", "content-type: application/grpc"), False), DATA(S, framed(f(1, b""), 1)), HEADERS(S, block("grpc-status: 0"))))
grpc("two_messages", h2_frames(HEADERS(S, block(":status: 200", "content-type: application/grpc"), False), DATA(S, framed(f(1, b"")) + framed(f(1, f(1, 7)))), HEADERS(S, block("grpc-status: 0"))))
grpc("no_trailers", h2_frames(HEADERS(S, block(":status: 200", "content-type: application/grpc"), False), DATA(S, framed(f(1, b"")), True)))
grpc("reset", h2_frames(RST(S, "INTERNAL_ERROR")))
def no_answer(name):
    return {"log": [{"cluster": f"ext_authz_grpc_{name}_up", "code": 403, "details": "ext_authz_error", "flags": "UAEX", "metadata": "of it: -"}],
            "stats": {f"cluster.ext_authz_grpc_{name}_up.ext_authz.error": "+1", f"http.ext_authz_grpc_{name}.ext_authz.error": "+1"},
            "steps": [{"body": "", "headers": ["date: <date>", "server: envoy", "content-length: 0"], "status": "HTTP/1.1 403 Forbidden"}]}


grpc("bad_header", allowed(f(2, option("x-one", "a\nb")), f(2, option("x y", "1"))), client=get("/a", "x-one: 1"),
     differs="an answer with what can be no header is none, so the request is denied; Envoy finds out when it sends the request", outrigger=no_answer("bad_header"))
grpc("denied_bad_header", denied(f(2, option("x-one", "a\nb"))), differs="an answer with what can be no header is none; Envoy writes the line end to the client", outrigger=no_answer("denied_bad_header"))
grpc("message_too_long", allowed(f(2, option("x-one", "z" * 100))), service={"envoy_grpc": {"cluster_name": "{{authz}}", "max_receive_message_length": 20}})

# ---- with TLS

CHAIN = secure_chain("both")
grpc("tls", OK, client=tls(cert="client", sni="a.example") + get("/"), chains=CHAIN, certs=True, include_peer_certificate=True, include_tls_session=True)
grpc("tls_no_certificate", OK, client=tls() + get("/"), chains=CHAIN, certs=True, include_peer_certificate=True, include_tls_session=True)

# ---- configs

GRPC_SERVICE, HTTP_SERVICE = service_of("grpc", {"envoy_grpc": {"cluster_name": "a"}}), service_of("http", {"server_uri": {"uri": "http://a", "cluster": "a", "timeout": "1s"}})
for _name, _config in {
    "no_service": {}, "grpc": GRPC_SERVICE, "http": HTTP_SERVICE,
    "grpc_version_auto": {**GRPC_SERVICE, "transport_api_version": "AUTO"}, "http_version_auto": {**HTTP_SERVICE, "transport_api_version": "AUTO"},
    "no_server_uri": {"http_service": {}},
    "prefix_without_slash": service_of("http", {"path_prefix": "x"}), "override_without_slash": service_of("http", {"path_override": "x"}),
    "prefix_and_override": service_of("http", {"path_prefix": "/x", "path_override": "/y"}),
    "allowed_twice": {**service_of("http", {"authorization_request": {"allowed_headers": exact("a")}}), "allowed_headers": exact("a")},
    "body_of_nothing": {**GRPC_SERVICE, "with_request_body": {"max_request_bytes": 0}}, "raw_headers_http": {**HTTP_SERVICE, "encode_raw_headers": True},
    "status_unknown": {**GRPC_SERVICE, "status_on_error": {"code": 999}},
}.items():
    _differs = {"no_service": "a filter without a service can only deny", "raw_headers_http": "no header would reach the service, in Envoy neither does the path"}.get(_name)
    scenario("ext_authz_config_" + _name, kind="validate", **({"differs": _differs, "outrigger": {"exit": 1, "ok": None}} if _differs else {}),
             config=manager_config(filters_of(_config)).replace("{{authz}}", "a"))
