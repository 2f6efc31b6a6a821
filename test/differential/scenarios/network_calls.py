"""The network filters ext_authz and ratelimit: a service is asked over gRPC about connections."""
import json

from harness.dsl import *
from harness.h2 import *
from harness.hello import hello
from harness.side_services import *

NETWORK = "type.googleapis.com/envoy.extensions.filters.network."
FORM = {"flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%", "term": "%CONNECTION_TERMINATION_DETAILS%", "reason": "%DOWNSTREAM_LOCAL_CLOSE_REASON%", "received": "%BYTES_RECEIVED%",
        "sent": "%BYTES_SENT%", "cluster": "%UPSTREAM_CLUSTER%", "authz": "of it: %DYNAMIC_METADATA(envoy.filters.network.ext_authz)%", "limit": "%DYNAMIC_METADATA(envoy.filters.network.ratelimit)%"}
SHADOW_FORM = {**FORM, **{n: "%%FILTER_STATE(envoy.filters.network.ext_authz:%s)%%" % k for n, k in (("typed", "TYPED"), ("plain", "PLAIN"), ("result", "FIELD:check_result"), ("code", "FIELD:status_code"))}}
CX = "re:^listener\\.127\\.0\\.0\\.1_{{port}}\\.downstream_cx_(total|active|destroy)$"
ECHO = {"name": "echo", "typed_config": {"@type": NETWORK + "echo.v3.Echo"}}
OK = reply(f(1, b""))
NO = reply(f(1, f(1, 7)))
ASKED = send("abc") + read_bytes(3) + half_close() + raw_all()
CLOSED = send("abc") + raw_all()


def file_log(name, form):
    return {"name": "l", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": "{{log}}", "log_format": {"json_format": {"log": name, **form}}}}


def called(name, config, answer, client, *, kind="tcp", last="the", before=(), form=FORM, views, counts, service="svc", stats=(), **kw):
    """Before tcp_proxy (or the manager): "the", or echo."""
    answer = answer if isinstance(answer, (H2, Tcp)) or answer in (REFUSE, BLACKHOLE) else H2([answer] if answer and isinstance(answer[0], tuple) else answer)
    kw.setdefault("clusters", {service: {"h2": ""}} if answer in (REFUSE, BLACKHOLE) else {})
    kw.setdefault("up", {"up": Tcp(tunnel_echo()) if kind == "tcp" else [ok()], service: answer})
    kw.setdefault("listener", json.dumps({"access_log": [file_log("listener", form)]}))
    if last == "the" and kind == "tcp":
        kw.setdefault("access_log", json.dumps([file_log("chain", form)]))
    kw.setdefault("chains", json.dumps({"filter_chains": [{"filters": [*before, config, last]}]}))
    kw["mask"] = [(r'("ext_authz_duration":"?)[\d.e-]+', r"\1<ms>"), *kw.get("mask", [])]
    scenario(name, kind=kind, client=client, views={service: views}, stats=[*counts, *stats], unordered_log=True, **kw)


def service(kind_of_authority=None, timeout="2s", **more):
    return {"envoy_grpc": {"cluster_name": "{{svc}}", **({"authority": kind_of_authority} if kind_of_authority else {})}, **({"timeout": timeout} if timeout else {}), **more}


def authz_filter(config):
    return {"name": "ext_authz", "typed_config": {"@type": NETWORK + "ext_authz.v3.ExtAuthz", "stat_prefix": "{{name}}", "transport_api_version": "V3", "grpc_service": service(), **config}}


def authz(name, answer=OK, client=ASKED, config=None, **kw):
    called("authz_connection_" + name, authz_filter(config or {}), answer, client, views=check_request, counts=["re:^ext_authz\\.{{name}}\\."], **kw)


# ---- verdicts

authz("ok", stats=[CX, "re:^tcp\\.{{name}}\\.downstream_cx_(total|rx)", "+re:^cluster\\.{{svc}}\\.(internal|external|upstream_rq)"])
authz("denied", NO, CLOSED, no_upstream=True, stats=[CX, "re:^tcp\\.{{name}}\\.downstream_cx_(total|rx)", "+re:^cluster\\.{{svc}}\\.(internal|external|upstream_rq)"])
authz("denied_http_answer", reply(f(1, f(1, 7)) + f(2, f(1, f(1, 401)) + f(3, "go away"))), CLOSED)
authz("error_response", reply(f(1, f(1, 13)) + f(5, f(1, f(1, 502)) + f(3, "broken"))), CLOSED)
authz("refused", REFUSE, CLOSED)
authz("refused_allowed", REFUSE, config={"failure_mode_allow": True})
authz("timeout", [wait(1) + OK], CLOSED, {"grpc_service": service(timeout="0.1s")})
authz("timeout_allowed", [wait(1) + OK], ASKED, {"grpc_service": service(timeout="0.1s"), "failure_mode_allow": True})
authz("status", reply(f(1, b""), 14), CLOSED)
authz("http_status", h2_ok("no", "content-type: text/plain", status=503), CLOSED)
authz("garbage", reply(b"\xff\xff\xff"), CLOSED)
authz("no_message", h2_frames(HEADERS(S, block(":status: 200", "content-type: application/grpc"), False), HEADERS(S, block("grpc-status: 0"))), CLOSED)
authz("reset", h2_frames(RST(S, "INTERNAL_ERROR")), CLOSED)
authz("denied_not_allowed", NO, CLOSED, {"failure_mode_allow": True})
authz("twice", [OK, NO], send("abc") + read_bytes(3) + half_close() + raw_all() + new("d") + send("x", "d") + raw_all("d"))

# ---- what comes meanwhile

SLOW_FORM = {k: v for k, v in FORM.items() if k not in ("received", "sent")}  # Envoy counts what waits each time that more of it comes
authz("slow", [wait(0.2) + OK], send("abc") + seen(1, "svc") + send("def") + read_bytes(6) + half_close() + raw_all(), form=SLOW_FORM)
authz("slow_large", [wait(0.2) + OK], send("x" * 400000) + read_bytes(400000) + half_close() + raw_all(), no_upstream=True, form=SLOW_FORM)
authz("slow_end", [wait(0.2) + OK], send("abc") + half_close() + raw_all(), form=SLOW_FORM)
authz("slow_denied", [wait(0.2) + NO], send("abc") + seen(1, "svc") + send("def") + raw_all(), no_upstream=True, form=SLOW_FORM)
authz("nothing_sent", OK, new() + half_close() + raw_all())
authz("nothing_sent_denied", NO, new() + half_close() + raw_all())
authz("active", [wait(1) + OK], send("abc") + stat_is("ext_authz.{{name}}.active", 1) + read_bytes(3) + half_close() + raw_all())

# ---- before others

authz("echo", last=ECHO)
authz("echo_denied", NO, CLOSED, last=ECHO, stats=[CX])
authz("echo_slow", [wait(0.2) + OK], send("abc") + seen(1, "svc") + send("def") + read_bytes(6) + half_close() + raw_all(), last=ECHO, form=SLOW_FORM)
DIRECT = '- {match: {prefix: "/"}, direct_response: {status: 200, body: {inline_string: hi}}}'
HTTP_STATS = ["re:^http\\.{{name}}\\.downstream_(cx_(total|destroy|destroy_local|destroy_remote)|rq_total)$"]
authz("http", kind="http", client=get("/") + get("/b"), routes=DIRECT, log_format={"log": "chain", **FORM}, stats=HTTP_STATS)
authz("http_denied", NO, send("GET / HTTP/1.1\r\nhost: a\r\n\r\n") + raw_all(), kind="http", routes=DIRECT, log_format={"log": "chain", **FORM}, stats=HTTP_STATS)
authz("http_slow", [wait(0.2) + OK], send("GET / HTTP/1.1\r\nhost: a\r\n\r\n") + seen(1, "svc") + send("GET /2 HTTP/1.1\r\nhost: a\r\n\r\n") + read() + read(), kind="http", routes=DIRECT, log_format={"log": "chain", **FORM}, form=SLOW_FORM)
authz("http_slow_body", [wait(0.2) + OK], kind="http", client=req("/a", method="POST", body="z" * 200000), log_format={"log": "chain", **FORM}, brief_upstream=True, form=SLOW_FORM)
TWO = [authz_filter({"stat_prefix": "{{name}}_first"})]
authz("two_filters", [OK, NO], CLOSED, before=TWO, no_upstream=True, stats=["re:^ext_authz\\.{{name}}_first\\."])
authz("two_filters_first_denies", [NO, OK], CLOSED, before=TWO, no_upstream=True, stats=["re:^ext_authz\\.{{name}}_first\\."])
authz("early_data", tcp="max_early_data_bytes: 1024\nupstream_connect_mode: ON_DOWNSTREAM_DATA")
authz("early_data_denied", NO, CLOSED, tcp="max_early_data_bytes: 1024\nupstream_connect_mode: ON_DOWNSTREAM_DATA", no_upstream=True, stats=["+re:^cluster\\.{{up}}\\.upstream_cx_total$"])

# ---- what is asked

authz("authority", config={"grpc_service": service("authz.example", initial_metadata=[{"key": "x-from", "value": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}])})
TLS_INSPECTOR = {"name": "t", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"}}
authz("server_name", client=send(hello("a.example")) + read_bytes(len(hello("a.example"))) + half_close() + raw_all(), no_upstream=True, config={"include_tls_session": True}, listener=json.dumps({"listener_filters": [TLS_INSPECTOR]}))


def secure(config):
    return json.dumps({"filter_chains": [{"filters": [authz_filter(config), "the"], "transport_socket": {"name": "t", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", "common_tls_context": {
            "tls_certificates": [{"certificate_chain": {"filename": "{{certs}}/server.pem"}, "private_key": {"filename": "{{certs}}/server.key"}}],
            "validation_context": {"trusted_ca": {"filename": "{{certs}}/ca.pem"}}}}}}]})


SAID = send("abc", "a") + read_bytes(3, "a") + half_close("a") + raw_all("a")
authz("tls", client=tls("a", versions="1.3", cert="client", sni="a.example") + SAID, chains=secure({"include_peer_certificate": True, "include_tls_session": True}), certs=True)
authz("tls_without", client=tls("a", versions="1.3", cert="client", sni="a.example") + SAID, chains=secure({}), certs=True)
authz("tls_no_certificate", client=tls("a", versions="1.3") + SAID, chains=secure({"include_peer_certificate": True, "include_tls_session": True}), certs=True)
authz("tls_denied", NO, tls("a", versions="1.3") + send("abc", "a") + raw_all("a"), chains=secure({}), certs=True)
authz("labels", config={"bootstrap_metadata_labels_key": "labels"}, own=True, bootstrap="node: {id: node, cluster: c, metadata: {labels: {app: web, version: v1, n: 1, nested: {a: b}}, other: {x: why}}}")

# ---- metadata

SHADOW = {"name": "rbac", "typed_config": {"@type": NETWORK + "rbac.v3.RBAC", "stat_prefix": "r", "shadow_rules_stat_prefix": "istio_ext_authz_", "shadow_rules": {"action": "DENY", "policies": {
    "istio-ext-authz-tcp": {"permissions": [{"destination_port_range": {"start": 1, "end": 65536}}], "principals": [{"any": True}]}}}}}
NEVER = {"name": "rbac", "typed_config": {"@type": NETWORK + "rbac.v3.RBAC", "stat_prefix": "r", "shadow_rules_stat_prefix": "istio_ext_authz_", "shadow_rules": {"action": "DENY", "policies": {
    "istio-ext-authz-tcp": {"permissions": [{"destination_port": 1}], "principals": [{"any": True}]}}}}}
ISTIO = {"filter": "envoy.filters.network.rbac", "path": [{"key": "istio_ext_authz_shadow_effective_policy_id"}], "value": {"string_match": {"prefix": "istio-ext-authz"}}}
authz("istio", NO, CLOSED, {"filter_enabled_metadata": ISTIO}, before=[SHADOW])
authz("istio_disabled", NO, send("abc") + read_bytes(3) + reset(), {"filter_enabled_metadata": ISTIO}, before=[NEVER])
authz("metadata_context", config={"metadata_context_namespaces": ["envoy.filters.network.rbac", "none"]}, before=[SHADOW])
authz("metadata", reply(f(1, b"") + f(4, struct_of({"who": "me", "n": 1.5, "deep": {"l": [1, "x"]}}))))
authz("metadata_of_ok", reply(f(1, b"") + f(3, f(3, struct_of({"inner": "yes"}))) + f(4, struct_of({"outer": "yes"}))))
authz("metadata_of_denied", reply(f(1, f(1, 7)) + f(4, struct_of({"why": "no"}))), CLOSED)

# ---- shadow mode

for _name, _answer in (("ok", OK), ("denied", NO), ("denied_http_answer", reply(f(1, f(1, 7)) + f(2, f(1, f(1, 401))))), ("refused", REFUSE), ("error_response", reply(f(1, f(1, 13)) + f(5, f(1, f(1, 502)))))):
    authz("shadow_" + _name, _answer, config={"shadow_mode": True}, form=SHADOW_FORM)

# ---- ratelimit


def limit_filter(config):
    return {"name": "ratelimit", "typed_config": {"@type": NETWORK + "ratelimit.v3.RateLimit", "stat_prefix": "{{name}}", "domain": "d", "descriptors": [{"entries": [{"key": "k", "value": "v"}]}], "timeout": "2s",
                                                  "rate_limit_service": {"transport_api_version": "V3", "grpc_service": service(timeout=None)}, **config}}


def limit(name, answer, client=ASKED, config=None, **kw):
    called("limit_connection_" + name, limit_filter(config or {}), answer, client, views=limit_request, counts=["re:^ratelimit\\.{{name}}\\."], **kw)


LIMIT_OK, OVER = reply(f(1, 1)), reply(f(1, 2))
ENDED = new() + raw_all()
limit("ok", LIMIT_OK, stats=[CX, "re:^tcp\\.{{name}}\\.downstream_cx_(total|rx)", "+re:^cluster\\.{{svc}}\\.(internal|external|upstream_rq)"])
limit("over", OVER, ENDED, stats=[CX, "re:^tcp\\.{{name}}\\.downstream_cx_(total|rx)"], no_upstream=True)
limit("over_not_enforced", OVER, own=True, bootstrap="layered_runtime: {layers: [{name: s, static_layer: {ratelimit.tcp_filter_enforcing: 0}}]}")
limit("not_enabled", OVER, own=True, bootstrap="layered_runtime: {layers: [{name: s, static_layer: {ratelimit.tcp_filter_enabled: 0}}]}")
limit("unknown", reply(b""))
limit("refused", REFUSE)
limit("refused_denied", REFUSE, ENDED, {"failure_mode_deny": True})
limit("timeout", [wait(1) + OVER], ASKED, {"timeout": "0.1s"})
limit("slow", [wait(0.2) + LIMIT_OK])
limit("slow_over", [wait(0.2) + OVER], CLOSED, no_upstream=True)
limit("echo", OVER, ENDED, last=ECHO)
limit("http", LIMIT_OK, get("/"), kind="http", routes=DIRECT, log_format={"log": "chain", **FORM}, stats=HTTP_STATS)
limit("http_over", OVER, ENDED, kind="http", routes=DIRECT, log_format={"log": "chain", **FORM}, stats=HTTP_STATS)
limit("descriptors", LIMIT_OK, config={"descriptors": [{"entries": [{"key": "a", "value": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}, {"key": "b", "value": "x%REQUESTED_SERVER_NAME%y"}]}, {"entries": [{"key": "c", "value": ""}]}]})
limit("hits", LIMIT_OK, config={"descriptors": [{"entries": [{"key": "a", "value": "b"}], "hits_addend": 3}]})
limit("metadata", reply(f(1, 1) + f(6, struct_of({"who": "me"}))))
limit("metadata_over", reply(f(1, 2) + f(6, struct_of({"who": "me"}))), ENDED)
limit("headers", reply(f(1, 1) + f(3, f(1, "x-a") + f(2, "1"))))
limit("then_authz", LIMIT_OK, CLOSED, before=[authz_filter({"grpc_service": {"envoy_grpc": {"cluster_name": "none"}}})])

# ---- configs


def chain_config(*filters):
    return json.dumps({"static_resources": {"clusters": [{"name": "a"}], "listeners": [{"name": "l", "address": {"socket_address": {"address": "127.0.0.1", "port_value": 19999}}, "filter_chains": [{"filters": [*filters, ECHO]}]}]}})


A = {"envoy_grpc": {"cluster_name": "a"}}
for _name, _config in {
    "good": {}, "no_prefix": {"stat_prefix": ""}, "no_service": {"grpc_service": None}, "version_auto": {"transport_api_version": "AUTO"},
    "no_such_cluster": {"grpc_service": {"envoy_grpc": {"cluster_name": "none"}}},
}.items():
    _merged = {**authz_filter({"stat_prefix": "p", "grpc_service": A})["typed_config"], **_config}
    _more = {"differs": "a filter without a service could only close", "outrigger": {"exit": 1, "ok": None}} if _name == "no_service" else {}
    scenario("authz_connection_config_" + _name, kind="validate", ext="json", **_more, config=chain_config({"name": "e", "typed_config": {k: v for k, v in _merged.items() if v is not None}}))
for _name, _config in {
    "good": {}, "no_prefix": {"stat_prefix": ""}, "no_domain": {"domain": ""}, "no_descriptors": {"descriptors": []}, "no_entries": {"descriptors": [{}]}, "no_service": {"rate_limit_service": None},
    "bad_format": {"descriptors": [{"entries": [{"key": "a", "value": "%NOPE%"}]}]}, "version_auto": {"rate_limit_service": {"grpc_service": A}},
    "negative_timeout": {"timeout": "-1s"},
}.items():
    _merged = {**limit_filter({"stat_prefix": "p", "rate_limit_service": {"transport_api_version": "V3", "grpc_service": A}})["typed_config"], **_config}
    scenario("limit_connection_config_" + _name, kind="validate", ext="json", config=chain_config({"name": "r", "typed_config": {k: v for k, v in _merged.items() if v is not None}}))
