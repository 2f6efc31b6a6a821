"""RBAC: who may do what, by rules of the filter and of routes, with what is counted, logged and told to other filters."""
import json

from harness.dsl import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3."
TEMPLATE = "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig"
FORM = {"code": "%RESPONSE_CODE%", "details": "%RESPONSE_CODE_DETAILS%", "flags": "%RESPONSE_FLAGS%", "metadata": "%DYNAMIC_METADATA(envoy.filters.http.rbac)%", "common": "%DYNAMIC_METADATA(envoy.common)%"}
DIRECT = "[{name: r, match: {prefix: /}, direct_response: {status: 200, body: {inline_string: hi}}}]"
ANY = [{"any": True}]
STATS = ["re:^http\\.{{name}}\\.rbac\\."]


def policy(permissions=ANY, principals=ANY):
    return {"permissions": permissions if isinstance(permissions, list) else [permissions], "principals": principals if isinstance(principals, list) else [principals]}


def rules(action=None, **policies):
    return {**({"action": action} if action else {}), "policies": {k.replace("__", " "): v for k, v in policies.items()}}


def rbac(name, config, client=get("/a") + get("/b"), filters=None, stats=STATS, **kw):
    filters = ([{"name": "rbac", "typed_config": {"@type": TYPE + "RBAC", **config}}] if config is not None else []) if filters is None else filters
    kw.setdefault("routes", DIRECT)
    kw.setdefault("log_format", FORM)
    scenario("rbac_" + name, filters=json.dumps(filters), client=client, stats=stats, **kw)


def permits(name, permission, client=get("/a") + get("/b"), **kw):
    rbac("permission_" + name, {"rules": rules(p=policy(permission))}, client, stats=[], **kw)


def principal(name, who, client=get("/a"), **kw):
    rbac("principal_" + name, {"rules": rules(p=policy(principals=who))}, client, stats=[], **kw)


def path(p):
    return {"url_path": {"path": {"exact": p}}}


def header(name, **kw):
    return {"header": {"name": name, **kw}}


A = path("/a")

# ---- actions, prefixes, shadow rules

rbac("allow", {"rules": rules(p=policy(A))})
rbac("allow_names", {"rules": rules(b__1=policy(A), a__2=policy({"url_path": {"path": {"prefix": "/"}}}, header("x-a", present_match=True)))}, get("/a") + get("/a", "x-a: 1") + get("/b", "x-a: 1") + get("/b"))
rbac("deny", {"rules": rules("DENY", the__policy=policy(A))})
rbac("deny_tab_in_name", {"rules": {"action": "DENY", "policies": {"a\tb\n c]": policy(A)}}})
rbac("log", {"rules": rules("LOG", p=policy(A)), "shadow_rules": rules("LOG", s=policy(A))})
rbac("no_rules", {})
rbac("empty_rules", {"rules": {}})
rbac("empty_deny", {"rules": {"action": "DENY"}})
rbac("shadow", {"shadow_rules": rules(s=policy(A))})
rbac("shadow_and_rules", {"rules": rules("DENY", p=policy(A)), "shadow_rules": rules("DENY", s=policy(path("/b"))), "shadow_rules_stat_prefix": "istio_dry_run_deny_"})
rbac("prefixes", {"rules": rules(p=policy(A)), "rules_stat_prefix": "mine", "shadow_rules": rules(s=policy(A)), "shadow_rules_stat_prefix": "dotted."})
rbac("per_policy", {"rules": rules(p=policy(A)), "shadow_rules": rules("DENY", s__1=policy(path("/b"))), "track_per_rule_stats": True}, get("/a") + get("/a") + get("/b"))
rbac("per_policy_prefix", {"rules": rules("DENY", p=policy(A)), "rules_stat_prefix": "mine", "track_per_rule_stats": True})
rbac("two_filters", None, get("/a") + get("/b") + get("/c"), filters=[
    {"name": "deny", "typed_config": {"@type": TYPE + "RBAC", "rules": rules("DENY", d=policy(A))}}, {"name": "allow", "typed_config": {"@type": TYPE + "RBAC", "rules": rules(w=policy(path("/b")))}}])
rbac("sees_metadata_of_shadow", None, get("/a") + get("/b"), filters=[
    {"name": "shadow", "typed_config": {"@type": TYPE + "RBAC", "shadow_rules": rules(s=policy(A)), "shadow_rules_stat_prefix": "x_"}},
    {"name": "deny", "typed_config": {"@type": TYPE + "RBAC", "rules": rules("DENY", d=policy({"metadata": {"filter": "envoy.filters.http.rbac", "path": [{"key": "x_shadow_engine_result"}], "value": {"string_match": {"exact": "allowed"}}}}))}}])
rbac("grpc", {"rules": rules("DENY", p=policy())}, req("/s/m", "content-type: application/grpc", method="POST", body="x"))
rbac("local_reply_config", {"rules": rules("DENY", p=policy())}, get("/"), hcm="local_reply_config: {body_format: {text_format_source: {inline_string: '%LOCAL_REPLY_BODY%|%RESPONSE_CODE_DETAILS%|%RESPONSE_CODE%'}}}")
rbac("body", {"rules": rules("DENY", p=policy())}, req("/", method="POST", body="x" * 1000))
rbac("head", {"rules": rules("DENY", p=policy())}, req("/", method="HEAD"))
rbac("before_route", {"rules": rules("DENY", p=policy(path("/none")))}, get("/none") + get("/other"), routes="[{match: {prefix: /x}, direct_response: {status: 200}}]")

# ---- per route


def per_route(config):
    return "typed_per_filter_config: " + json.dumps({"rbac": {"@type": TYPE + "RBACPerRoute", **config}})


ROUTES = f"""
- {{match: {{prefix: /off}}, direct_response: {{status: 200}}, {per_route({})}}}
- {{match: {{prefix: /empty}}, direct_response: {{status: 200}}, {per_route({"rbac": {}})}}}
- {{match: {{prefix: /none}}, direct_response: {{status: 200}}, {per_route({"rbac": {"rules": {}}})}}}
- match: {{prefix: /own}}
  direct_response: {{status: 200}}
  {per_route({"rbac": {"rules": rules(r=policy(path("/own"))), "rules_stat_prefix": "route_", "shadow_rules": rules(), "shadow_rules_stat_prefix": "rs_", "track_per_rule_stats": True}})}
- {{match: {{prefix: /}}, direct_response: {{status: 200}}}}
"""
rbac("routes", {"rules": rules("DENY", p=policy()), "rules_stat_prefix": "a_", "shadow_rules_stat_prefix": "sp_"}, get("/off") + get("/empty") + get("/none") + get("/own") + get("/own/x") + get("/other"), routes=ROUTES)
rbac("route_adds", {}, get("/off") + get("/none") + get("/own") + get("/other"), routes=ROUTES)
rbac("vhost", {"rules": {}}, get("/a") + get("/b"), routes=None, vhosts=f"""
- name: all
  domains: ["*"]
  {per_route({"rbac": {"rules": rules(v=policy(A))}})}
  routes: [{{match: {{prefix: /}}, direct_response: {{status: 200}}}}]
""")

# ---- permissions

permits("path", A, get("/a") + get("/a?x") + get("/a#x".replace("#x", "")) + get("/A") + get("/a/") + get("/%61") + get("//a") + get("/x/../a") + get("/a;x"))
permits("path_normalized", A, get("/%61") + get("//a") + get("/x/../a") + get("/a;x") + get("/x%2f..%2fa"), hcm="normalize_path: true\nmerge_slashes: true")
permits("path_case", {"url_path": {"path": {"prefix": "/A", "ignore_case": True}}}, get("/a/b") + get("/AB") + get("/b"))
permits("path_regex", {"url_path": {"path": {"safe_regex": {"regex": "/[a-z]+"}}}}, get("/abc") + get("/abc?x=1") + get("/abc/d"))
permits("path_suffix", {"url_path": {"path": {"suffix": ".html"}}}, get("/x.html") + get("/x?y.html") + get("/x.html?y"))
permits("template", {"uri_template": {"name": "t", "typed_config": {"@type": TEMPLATE, "path_template": "/a/{x}/c/*"}}}, get("/a/b/c/d") + get("/a/b/c") + get("/a/b/c/d?x=1") + get("/a/b/c/d/e") + get("/a/*/c/*"))
permits("template_rest", {"uri_template": {"name": "t", "typed_config": {"@type": TEMPLATE, "path_template": "/a/**"}}}, get("/a/b/c") + get("/a/") + get("/a") + get("/b"))
permits("header", header("x-a", string_match={"exact": "1"}), get("/") + get("/", "x-a: 1") + get("/", "X-A: 1") + get("/", "x-a: 2") + get("/", "x-a: 1", "x-a: 2") + get("/", "x-a: 2", "x-a: 1") + get("/", "x-a: 1,1"))
permits("header_inverted", header("x-a", string_match={"exact": "1"}, invert_match=True), get("/") + get("/", "x-a: 1") + get("/", "x-a: 2") + get("/", "x-a: 2", "x-a: 1"))
permits("header_method", header(":method", string_match={"exact": "GET"}), get("/") + req("/", method="POST", body="x") + get("/", "x-http-method-override: POST"))
permits("header_authority", header(":authority", string_match={"prefix": "a.example"}), get("/", host="a.example") + get("/", host="a.example:80") + get("/", host="A.example") + get("/", host="b"))
permits("header_host", header("host", string_match={"exact": "a.example"}), get("/", host="a.example") + get("/", host="b"))
permits("header_range", header("x-a", range_match={"start": 1, "end": 5}), get("/", "x-a: 1") + get("/", "x-a: 5") + get("/", "x-a: x"))
permits("header_absent", header("x-a", present_match=False), get("/") + get("/", "x-a: "))
permits("and", {"and_rules": {"rules": [A, header("x-a", present_match=True)]}}, get("/a") + get("/a", "x-a: 1") + get("/b", "x-a: 1"))
permits("or", {"or_rules": {"rules": [A, {"not_rule": header("x-a", present_match=True)}]}}, get("/a") + get("/a", "x-a: 1") + get("/b", "x-a: 1") + get("/b"))
permits("not", {"not_rule": {"not_rule": {"not_rule": A}}})
permits("several", [A, path("/b")], get("/a") + get("/b") + get("/c"))
permits("port", {"destination_port": "{{port}}"}, get("/"))
permits("port_other", {"destination_port": 1}, get("/"))
permits("port_range", {"destination_port_range": {"start": 1024, "end": 65536}}, get("/"))
permits("port_range_end", {"destination_port_range": {"start": 1, "end": "{{port}}"}}, get("/"))
permits("address", {"destination_ip": {"address_prefix": "127.0.0.0", "prefix_len": 8}}, get("/"))
permits("address_other", {"destination_ip": {"address_prefix": "10.0.0.0", "prefix_len": 8}}, get("/"))
permits("server_name", {"requested_server_name": {"exact": ""}}, get("/"))
permits("server_name_other", {"requested_server_name": {"suffix": ".example"}}, get("/"))
permits("metadata", {"metadata": {"filter": "x", "path": [{"key": "k"}], "value": {"present_match": True}}}, get("/"))
permits("metadata_inverted", {"metadata": {"filter": "x", "path": [{"key": "k"}], "value": {"present_match": True}, "invert": True}}, get("/"))
SOURCED = {"sourced_metadata": {"metadata_matcher": {"filter": "x", "path": [{"key": "k"}], "value": {"string_match": {"exact": "v"}}}, "metadata_source": "ROUTE"}}
permits("route_metadata", SOURCED, get("/a") + get("/b"), routes="[{match: {prefix: /a}, direct_response: {status: 200}, metadata: {filter_metadata: {x: {k: v}}}}, {match: {prefix: /}, direct_response: {status: 200}}]")

# ---- principals

principal("source", {"source_ip": {"address_prefix": "127.0.0.1", "prefix_len": 32}}, get("/") + get("/", "x-forwarded-for: 10.1.1.1"), hcm="use_remote_address: false")
principal("direct", {"direct_remote_ip": {"address_prefix": "127.0.0.1", "prefix_len": 32}}, get("/") + get("/", "x-forwarded-for: 10.1.1.1"), hcm="use_remote_address: false")
principal("remote", {"remote_ip": {"address_prefix": "127.0.0.1", "prefix_len": 32}}, get("/") + get("/", "x-forwarded-for: 10.1.1.1"), hcm="use_remote_address: false")
principal("remote_forwarded", {"remote_ip": {"address_prefix": "10.0.0.0", "prefix_len": 8}}, get("/") + get("/", "x-forwarded-for: 10.1.1.1") + get("/", "x-forwarded-for: 10.1.1.1, 11.1.1.1"), hcm="use_remote_address: false")
principal("remote_v6", {"remote_ip": {"address_prefix": "::", "prefix_len": 0}})
principal("remote_all", {"remote_ip": {"address_prefix": "0.0.0.0", "prefix_len": 0}})
principal("header", header("x-who", string_match={"exact": "me"}), get("/", "x-who: me") + get("/", "x-who: you"))
principal("path", A, get("/a") + get("/b"))
principal("and_or_not", {"and_ids": {"ids": [{"or_ids": {"ids": [A, path("/b")]}}, {"not_id": header("x-a", present_match=True)}]}}, get("/a") + get("/b") + get("/c") + get("/a", "x-a: 1"))
principal("several", [A, path("/b")], get("/a") + get("/b") + get("/c"))
principal("authenticated_plain", {"authenticated": {}})
principal("filter_state", {"filter_state": {"key": "who", "string_match": {"exact": "me"}}}, get("/", "x-who: me") + get("/", "x-who: you"), filters=[
    {"name": "s", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config", "on_request_headers": [
        {"object_key": "who", "factory_key": "envoy.string", "format_string": {"text_format_source": {"inline_string": "%REQ(x-who)%"}}}]}},
    {"name": "rbac", "typed_config": {"@type": TYPE + "RBAC", "rules": rules(p=policy(principals={"filter_state": {"key": "who", "string_match": {"exact": "me"}}}))}}])

SECURE = secure_chain()


def certified(name, who, *certs):
    client = []
    for i, cert in enumerate(certs or ("client", "client_wrong", "client_no_san", None)):
        client += tls(f"c{i}", versions="1.3", sni="a.example", **({"cert": cert} if cert else {})) + get("/", c=f"c{i}")
    principal("tls_" + name, who, client, certs=True, chains=SECURE)


def named(**kw):
    return {"authenticated": {"principal_name": kw}}


certified("any", {"authenticated": {}})
certified("uri", named(exact="spiffe://td/client"))
certified("dns", named(exact="client.example"))
certified("subject", named(contains="CN="))
certified("empty", named(exact=""))
certified("regex", named(safe_regex={"regex": "spiffe://td/[^/]+"}))
certified("many", named(exact="two.example"), "client_many")
certified("not", {"not_id": named(prefix="spiffe://td/client")})
principal("tls_server_name", ANY, tls("a", versions="1.3", sni="a.example") + get("/", c="a") + tls("b", versions="1.3", sni="b.example") + get("/", c="b"), certs=True, chains=SECURE, filters=[
    {"name": "rbac", "typed_config": {"@type": TYPE + "RBAC", "rules": rules(p=policy({"requested_server_name": {"exact": "a.example"}}))}}])

# ---- connections

NETWORK = "type.googleapis.com/envoy.extensions.filters.network."
NET_FORM = {"flags": "%RESPONSE_FLAGS%", "term": "%CONNECTION_TERMINATION_DETAILS%", "reason": "%DOWNSTREAM_LOCAL_CLOSE_REASON%", "received": "%BYTES_RECEIVED%", "sent": "%BYTES_SENT%",
            "metadata": "%DYNAMIC_METADATA(envoy.filters.network.rbac)%", "common": "%DYNAMIC_METADATA(envoy.common)%"}
NET_STATS = ["re:^{{name}}\\.rbac\\.", "re:^listener\\.127\\.0\\.0\\.1_{{port}}\\.downstream_cx_(total|active|destroy)$"]


def file_log(name, form):
    return {"name": "l", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": "{{log}}", "log_format": {"json_format": {"log": name, **form}}}}


def connection(name, config, client=send("abc") + raw_all(), last=None, kind="tcp", stats=NET_STATS, **kw):
    """Before echo, or before the filter of the kind: "the"."""
    last = last or {"name": "echo", "typed_config": {"@type": NETWORK + "echo.v3.Echo"}}
    filters = [{"name": "rbac", "typed_config": {"@type": NETWORK + "rbac.v3.RBAC", "stat_prefix": "{{name}}", **config}}, last]
    kw.setdefault("listener", json.dumps({"access_log": [file_log("listener", NET_FORM)]}))
    scenario("rbac_connection_" + name, kind=kind, chains=json.dumps({"filter_chains": [{"filters": filters}]}), client=client, stats=stats, unordered_log=True, **kw)


NO = {"destination_port": 1}
ECHOED = send("abc") + read_bytes(3) + half_close() + raw_all()
connection("allow", {"rules": rules(p=policy())}, ECHOED)
connection("deny", {"rules": rules("DENY", the__policy=policy())})
connection("deny_none", {"rules": rules(p=policy(NO)), "stat_prefix": "{{name}}."})
connection("empty", {"rules": {}})
connection("no_rules", {}, ECHOED)
connection("log", {"rules": rules("LOG", p=policy())}, ECHOED)
connection("shadow", {"shadow_rules": rules("DENY", s=policy()), "shadow_rules_stat_prefix": "istio_dry_run_deny_"}, ECHOED)
connection("shadow_and_rules", {"rules": rules("DENY", p=policy()), "shadow_rules": rules(s=policy(NO)), "shadow_rules_stat_prefix": "x."})
connection("nothing_sent", {"rules": rules("DENY", p=policy())}, new() + half_close() + raw_all())
connection("path", {"rules": rules(p=policy({"not_rule": A}))}, ECHOED)
connection("source", {"rules": rules(p=policy(principals={"direct_remote_ip": {"address_prefix": "127.0.0.0", "prefix_len": 8}}))}, ECHOED)
connection("tcp_proxy", {"rules": rules("DENY", p=policy())}, send("abc") + raw_all(), last="the", up={"up": Tcp(tunnel_echo())}, log_format={"log": "chain", **NET_FORM}, stats=NET_STATS + ["re:^tcp\\.{{name}}\\.downstream_cx_(total|rx)"],
           no_upstream=True)
connection("tcp_proxy_allow", {"rules": rules(p=policy())}, ECHOED, last="the", up={"up": Tcp(tunnel_echo())}, log_format={"log": "chain", **NET_FORM})
connection("http", {"rules": rules("DENY", p=policy())}, send("GET / HTTP/1.1\r\nhost: a\r\n\r\n") + raw_all(), last="the", kind="http", routes=DIRECT, log_format={"log": "chain", **NET_FORM},
           stats=NET_STATS + ["re:^http\\.{{name}}\\.downstream_(cx_(total|destroy|destroy_local|destroy_remote)|rq_total)$"])
connection("http_allow", {"rules": rules(p=policy())}, get("/"), last="the", kind="http", routes=DIRECT, log_format={"log": "chain", **NET_FORM})
CERTIFIED = {"filter_chains": [{"filters": [{"name": "rbac", "typed_config": {"@type": NETWORK + "rbac.v3.RBAC", "stat_prefix": "{{name}}", "rules": rules(p=policy(principals=named(exact="spiffe://td/client")))}}, "the"],
    "transport_socket": {"name": "t", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", "common_tls_context": {
        "tls_certificates": [{"certificate_chain": {"filename": "{{certs}}/server.pem"}, "private_key": {"filename": "{{certs}}/server.key"}}], "validation_context": {"trusted_ca": {"filename": "{{certs}}/ca.pem"}}}}}}]}
for cert, end in (("client", send("abc", "a") + read_bytes(3, "a") + half_close("a") + raw_all("a")), ("client_wrong", send("abc", "a") + raw_all("a")), (None, send("abc", "a") + raw_all("a"))):
    scenario("rbac_connection_tls_" + (cert or "none"), kind="tcp", certs=True, chains=json.dumps(CERTIFIED), up={"up": Tcp(tunnel_echo())}, no_upstream=True, log_format={"log": "chain", **NET_FORM},
             client=tls("a", versions="1.3", **({"cert": cert} if cert else {})) + end, stats=NET_STATS[:1])

# ---- refused

for name, config in (("no_permission", {"rules": rules(p={"principals": ANY})}), ("no_principal", {"rules": rules(p={"permissions": ANY})}), ("not_any", {"rules": rules(p=policy({"any": False}))}),
                     ("port", {"rules": rules(p=policy({"destination_port": 65536}))}), ("regex", {"rules": rules(p=policy({"url_path": {"path": {"safe_regex": {"regex": "["}}}}))}),
                     ("range", {"rules": rules(p=policy(principals={"remote_ip": {"address_prefix": "x", "prefix_len": 8}}))}), ("empty_set", {"rules": rules(p=policy({"and_rules": {"rules": []}}))}),
                     ("template", {"rules": rules(p=policy({"uri_template": {"name": "t", "typed_config": {"@type": TEMPLATE, "path_template": "a{"}}}))})):
    other = {"differs": "Envoy aborts", "outrigger": {"exit": 1}} if name == "template" else {}
    scenario("rbac_refused_" + name, kind="validate", **other, config=manager_config([{"name": "rbac", "typed_config": {"@type": TYPE + "RBAC", **config}}]))
