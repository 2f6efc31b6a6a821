"""The dynamic forward proxy: where requests name their upstream."""
import json

from harness.dsl import *
from harness.hello import hello

TYPE = "type.googleapis.com/envoy."
RESOLVER = {"typed_dns_resolver_config": {"name": "envoy.network.dns_resolver.cares", "typed_config": {
    "@type": TYPE + "extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig", "resolvers": [{"socket_address": {"address": "127.0.0.1", "port_value": "{{dns.port}}"}}],
    "dns_resolver_options": {"no_default_search_domain": True}}}}
BRIEF = {"path": "%REQ(:PATH)%", "authority": "%REQ(:AUTHORITY)%", "code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%", "host": "%UPSTREAM_HOST%",
         "cluster": "%UPSTREAM_CLUSTER%", "failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%"}
CACHE = ["dns_query_attempt", "dns_query_success", "dns_query_failure", "dns_query_timeout", "host_added", "host_removed", "host_address_changed", "host_overflow", "num_hosts",
         "dns_rq_pending_overflow", "cache_load"]
MEMBERS = ["membership_change", "membership_total", "membership_healthy", "upstream_cx_none_healthy", "upstream_rq_total", "update_no_rebuild"]
STEADY = ["dns_cache.{{dfp}}." + s for s in CACHE if not s.startswith("dns_query")] + ["cluster.{{dfp}}." + s for s in MEMBERS]  # of names that are asked again and again
STATS = ["dns_cache.{{dfp}}." + s for s in CACHE] + ["cluster.{{dfp}}." + s for s in MEMBERS]


def dns_cache(name="{{dfp}}", resolver=RESOLVER, **more):
    return {k: v for k, v in {"name": name, "dns_lookup_family": "V4_ONLY", **resolver, **more}.items() if v is not None}


def dfp_cluster(cache=None, config=None, **more):
    typed = {"@type": TYPE + "extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig", "dns_cache_config": cache or dns_cache(), **(config or {})}
    return json.dumps({"type": None, "lb_policy": "CLUSTER_PROVIDED",
                       "cluster_type": {"name": "envoy.clusters.dynamic_forward_proxy", "typed_config": {k: v for k, v in typed.items() if v is not None}}, **more})


def dfp_filter(cache=None, **more):
    return {"name": "dfp", "typed_config": {"@type": TYPE + "extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig", "dns_cache_config": cache or dns_cache(), **more}}


def forward(name, records, client, cache=None, cluster=None, config=None, filter=None, per_route=None, filters=(), stats=STATS, alone=False, **kw):
    cache = dns_cache(**(cache or {}))
    kw.setdefault("up", On(("127.0.0.2", "127.0.0.3"), [tell_local()]))
    kw["mask"] = kw.pop("mask", []) + [(r"(127\.0\.0\.\d|localhost|\[::1\]):<any>", r"\1:<up>")]
    route = {"match": {"prefix": "/"}, "route": {"cluster": "{{dfp}}"}}
    if per_route:
        route["typed_per_filter_config"] = {"dfp": {"@type": TYPE + "extensions.filters.http.dynamic_forward_proxy.v3.PerRouteConfig", **per_route}}
    kw.setdefault("routes", json.dumps([route]))
    scenario("dfp_" + name, dns=records, clusters={"dfp": {"endpoints": False, "yaml": dfp_cluster(cache, config, **(cluster or {}))}, **kw.pop("clusters", {})},
             filters=json.dumps([*filters, *([] if alone else [dfp_filter(cache, **(filter or {}))])]), client=client, log_format=kw.pop("log_format", BRIEF), no_upstream=kw.pop("no_upstream", True), stats=stats, **kw)


def to(host, path="/", *headers, **kw):
    return get(path, *headers, host=host, **kw)


def members():
    return admin("/clusters", keep=r"{{dfp}}::", head=False)


A = {"a.test": ["127.0.0.1"]}
# The distribution's c-ares does not say what the last server's answer was.
WHICH = [(r"DNS_server_returned_general_failure|DNS_server_refused_query|Could_not_contact_DNS_servers", "<no_good_answer>")]
UP = "a.test:{{up.port}}"

forward("name", A, to(UP) + to(UP) + members() + dns_log("a.test"))
forward("name_default_port", A, to("a.test") + members())
forward("ip", {}, to("127.0.0.1:{{up.port}}") + members())
forward("ipv6", {}, to("[::1]:{{up.port}}") + members())
forward("ip_default_port", {}, to("127.0.0.9") + members())
forward("localhost", {}, to("localhost:{{up.port}}") + members(), cache={"resolver": {}})
forward("nxdomain", {}, to(UP) + to(UP) + members())
forward("empty_answer", {"a.test": []}, to(UP) + to(UP) + members())
forward("servfail", {"a.test": "servfail"}, to(UP) + to(UP), mask=WHICH)
forward("refused", {"a.test": "refused"}, to(UP), mask=WHICH)
forward("silent", {"a.test": "silent"}, to(UP) + to(UP), cache={"dns_query_timeout": "0.2s"}, own=True)
forward("no_host", A, send("GET / HTTP/1.0\r\n\r\n") + read_all(), hcm="{http_protocol_options: {accept_http_10: true}}")
forward("empty_host", A, send("GET / HTTP/1.1\r\nhost:\r\n\r\n") + read_all())
for _name, _host in {"long_label": "a" * 64 + ".test", "long_name": ".".join(["a" * 60] * 5), "longer_name": "a" * 2000, "control": "a\x01b.test", "space": "a b", "underscore": "a_b.test", "port_0": "a.test:0",
                     "port_65536": "a.test:65536", "port_text": "a.test:http", "port_empty": "a.test:", "two_ports": "a.test:80:80", "bracket": "[::1", "brackets_name": "[a.test]:80",
                     "ipv6_bare": "::1", "ipv6_zone": "[fe80::1%lo]:80", "dot": ".", "trailing_dot": "a.test.:{{up.port}}", "upper": "A.TEST:{{up.port}}", "at": "user@a.test", "only_port": ":80", "star": "*",
                     "quote": "\"", "high": "\xe4.test", "ip_short": "127.1", "ip_large": "999.0.0.1", "ip_number": "2130706433", "percent": "a%2etest", "dots": "a..test"}.items():
    forward("host_" + _name, {**A, "a.test.": ["127.0.0.1"], "a_b.test": ["127.0.0.9"]}, to(_host) + members())

ANY = {"dns_lookup_family": "AUTO"}
forward("ipv6_any", {}, to("[::1]:{{up.port}}") + members(), cache=ANY)
forward("ip_any", {}, to("127.0.0.1:{{up.port}}") + members(), cache=ANY)
forward("all_families", {"a.test": {"A": ["127.0.0.1"], "AAAA": ["::1"]}}, to(UP) + members() + dns_log("a.test"), cache={"dns_lookup_family": "ALL"})
forward("many_addresses", {"a.test": ["127.0.0.5", "127.0.0.2"]}, to(UP) + members())
forward("address_changes", A, to(UP) + dns("a.test", ["127.0.0.2"]) + stat_is("dns_cache.{{dfp}}.host_address_changed", 2) + to(UP) + close() + new() + to(UP) + members(), cache={"dns_min_refresh_rate": "1s"}, stats=STEADY, own=True)
forward("answer_lost", A, to(UP) + dns("a.test", "nxdomain") + dns_asked("a.test") + to(UP) + members(), cache={"dns_min_refresh_rate": "1s"}, stats=STEADY, own=True)
forward("answer_fails_later", A, to(UP) + dns("a.test", "servfail") + stat_is("dns_cache.{{dfp}}.dns_query_failure", 1) + to(UP) + members(), cache={"dns_min_refresh_rate": "1s"}, stats=STEADY, own=True)
forward("answer_comes_later", {}, to(UP) + dns("a.test", ["127.0.0.1"]) + stat_is("dns_cache.{{dfp}}.host_address_changed", 1) + to(UP) + members(), cache={"dns_refresh_rate": "1s"}, own=True, stats=STEADY)
forward("no_refresh_on_failure", {"a.test": "servfail"}, to(UP) + dns("a.test", ["127.0.0.1"]) + to(UP) + members(), cache={"disable_dns_refresh_on_failure": True}, mask=WHICH)
forward("host_leaves", A, to(UP) + stat_is("dns_cache.{{dfp}}.num_hosts", 0) + members(), cache={"dns_min_refresh_rate": "1s", "host_ttl": "0.5s"}, own=True)
forward("failed_host_leaves", {}, to(UP) + stat_is("dns_cache.{{dfp}}.num_hosts", 0), cache={"dns_refresh_rate": "1s", "host_ttl": "0.5s"}, own=True)
forward("overflow", {"a.test": ["127.0.0.1"], "b.test": ["127.0.0.1"]}, to(UP) + to("b.test:{{up.port}}") + to(UP) + members(), cache={"max_hosts": 1})
forward("overflow_alone", {"a.test": ["127.0.0.1"], "b.test": ["127.0.0.1"]}, to(UP) + to("b.test:{{up.port}}") + to(UP) + members(), cache={"max_hosts": 1}, alone=True)
CIRCUIT = STATS + ["dns_cache.{{dfp}}.circuit_breakers." + s for s in ("rq_pending_open", "rq_pending_remaining")]
forward("circuit", A, to(UP), cache={"dns_cache_circuit_breaker": {"max_pending_requests": 1}}, stats=CIRCUIT)
forward("circuit_default", A, to(UP), stats=CIRCUIT)
forward("circuit_none", A, to(UP), cache={"dns_cache_circuit_breaker": {"max_pending_requests": 0}}, stats=CIRCUIT)
forward("circuit_alone", A, to(UP), cache={"dns_cache_circuit_breaker": {"max_pending_requests": 0}}, stats=CIRCUIT, alone=True)
forward("circuit_full", {"a.test": "silent", "b.test": ["127.0.0.1"]}, send("GET / HTTP/1.1\r\nhost: a.test\r\n\r\n", c="w") + stat_is("dns_cache.{{dfp}}.dns_query_attempt", 1) + to("b.test:{{up.port}}")
        + admin("/stats?filter=dns_cache.{{dfp}}.circuit", head=False) + read(c="w"), cache={"dns_cache_circuit_breaker": {"max_pending_requests": 1}, "dns_query_timeout": "4s"}, stats=CIRCUIT, own=True)
forward("alone", A, to(UP) + to(UP) + members() + dns_log("a.test"), alone=True)
forward("alone_nxdomain", {}, to(UP) + to(UP) + members(), alone=True)
forward("alone_ipv6", {}, to("[::1]:{{up.port}}") + members(), alone=True, cache=ANY)
forward("alone_empty_host", A, send("GET / HTTP/1.1\r\nhost:\r\n\r\n") + read_all(), alone=True)
forward("alone_ports", A, to("a.test:80:80") + to("a.test:99999") + members(), alone=True)
forward("alone_silent", {"a.test": "silent"}, to(UP), cache={"dns_query_timeout": "0.2s"}, own=True, alone=True)
forward("body", A, req("/", method="POST", host=UP, body="x" * 100000))
forward("body_alone", A, req("/", method="POST", host=UP, body="x" * 100000), alone=True)
forward("client_leaves", {"a.test": "silent"}, send("GET / HTTP/1.1\r\nhost: a.test\r\n\r\n") + stat_is("dns_cache.{{dfp}}.dns_query_attempt", 1) + close() + logged(1) + admin("/stats?filter=dns_cache.{{dfp}}.circuit", head=False), own=True)
forward("route_literal", A, to("x.example") + members(), per_route={"host_rewrite_literal": UP})
forward("route_literal_empty", A, to(UP), per_route={"host_rewrite_literal": ""})
forward("route_header", A, to("x.example", "/", "x-to: " + UP) + to(UP) + to("x.example", "/", "x-to: " + UP, "x-to: b.test") + to(UP, "/", "x-to:") + members(), per_route={"host_rewrite_header": "X-To"})
forward("route_nothing", A, to(UP), per_route={})
forward("host_rewrite_of_route", A, to(UP), routes='[{match: {prefix: /}, route: {cluster: "{{dfp}}", host_rewrite_literal: x.example}}]', no_upstream=False)
SAVED = {**BRIEF, "state": "%FILTER_STATE(envoy.stream.upstream_address)%", "plain": "%FILTER_STATE(envoy.stream.upstream_address:PLAIN)%", "typed": "%FILTER_STATE(envoy.stream.upstream_address:TYPED)%"}
forward("save_address", A, to(UP) + to("nx.test"), filter={"save_upstream_address": True}, log_format=SAVED)
forward("not_save_address", A, to(UP), log_format=SAVED)
forward("static_cluster", {}, to("nx.test"), routes='[{match: {prefix: /}, route: {cluster: "{{up}}"}}]', clusters={"up": {}})
forward("no_route", {}, to("nx.test", "/x"), routes='[{match: {path: /}, route: {cluster: "{{dfp}}"}}]')
forward("direct_response", {}, to("nx.test", "/x"), routes='[{match: {prefix: /}, direct_response: {status: 201}}]')
forward("unknown_cluster", {}, to("nx.test", "/x"), routes='[{match: {prefix: /}, route: {cluster_header: x-cluster}}]')
STATE = TYPE + "extensions.filters.http.set_filter_state.v3.Config"


def set_state(**values):
    return {"name": "state", "typed_config": {"@type": STATE, "on_request_headers": [
        {"object_key": "envoy.upstream.dynamic_" + k, "format_string": {"text_format_source": {"inline_string": v}}} for k, v in values.items()]}}


for _allow in (False, True):
    _more = {"filter": {"allow_dynamic_host_from_filter_state": _allow}}
    forward(f"state_host_{_allow}", A, to("x.example") + members(), filters=[set_state(host=UP)], **_more)
    forward(f"state_host_port_{_allow}", A, to("x.example") + members(), filters=[set_state(host="a.test", port="{{up.port}}")], **_more)
    forward(f"state_port_{_allow}", A, to("a.test"), filters=[set_state(port="{{up.port}}")], **_more)
    forward(f"state_port_of_authority_{_allow}", A, to("a.test:1"), filters=[set_state(port="{{up.port}}")], **_more)
    forward(f"state_port_0_{_allow}", A, to(UP) + members(), filters=[set_state(port="0")], **_more)
forward("state_alone", A, to("x.example") + members(), alone=True, filters=[set_state(host="a.test", port="{{up.port}}")])
forward("preresolve", A, stat_is("dns_cache.{{dfp}}.num_hosts", 1) + stat_is("cluster.{{dfp}}.membership_total", 1) + members() + to(UP), cache={"preresolve_hostnames": [{"address": "a.test", "port_value": "{{up.port}}"}]})
forward("retry", A, to("a.test:1"), routes='[{match: {prefix: /}, route: {cluster: "{{dfp}}", retry_policy: {retry_on: connect-failure, num_retries: 2}}}]')
forward("pending_many", {"a.test": ["127.0.0.1"]}, to(UP) + to("a.test:{{up.port}}", "/x") + to("a.test:1"))
forward("stats_page", A, to(UP) + admin("/stats?filter=dns_cache.{{dfp}}", head=False))
forward("prometheus", A, admin("/stats/prometheus?filter=dns_cache.{{dfp}}.host_added", head=False))
forward("config_dump", A, admin("/config_dump?resource=static_clusters&mask=cluster.name,cluster.cluster_type,cluster.lb_policy", head=False), own=True)
forward("clusters_json", A, to(UP) + admin("/clusters?format=json", head=False), own=True)
forward("explicit_options", A, to(UP), cluster={"typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {"@type": TYPE + "extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http_protocol_options": {}}, "upstream_http_protocol_options": {"auto_sni": True, "auto_san_validation": True}}}})
SNI = {"name": "sni", "typed_config": {"@type": TYPE + "extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig"}}
INSPECTOR = [{"name": "tls", "typed_config": {"@type": TYPE + "extensions.filters.listener.tls_inspector.v3.TlsInspector"}}]
TCP = {k: v for k, v in BRIEF.items() if k not in ("path", "authority")} | {"term": "%CONNECTION_TERMINATION_DETAILS%", "reason": "%DOWNSTREAM_LOCAL_CLOSE_REASON%"}
NET = ["tcp.{{name}}." + s for s in ("downstream_cx_total", "downstream_cx_no_route")] + ["cluster.{{dfp}}.upstream_cx_total", "cluster.{{dfp}}.upstream_cx_none_healthy"]


def sni(name, records, client, cache=None, filters=(), alone=False, fields=None, cluster=None, **kw):
    cache = dns_cache(**(cache or {}))
    own = {**SNI, "typed_config": {**SNI["typed_config"], "dns_cache_config": cache, **({"port_value": "{{up.port}}"} if fields is None else fields)}}
    kw["mask"] = kw.pop("mask", []) + [(r"(127\.0\.0\.\d|localhost|\[::1\]):<any>", r"\1:<up>")]
    scenario("dfp_sni_" + name, kind="tcp", dns=records, up={"up": Tcp(raw("u") + ended() + fin())}, clusters={"dfp": {"endpoints": False, "yaml": dfp_cluster(cache, **(cluster or {}))}},
             chains=json.dumps({"filter_chains": [{"filters": [*filters, *([] if alone else [own]), "the"]}]}), listener=json.dumps({"listener_filters": INSPECTOR}), tcp='cluster: "{{dfp}}"',
             client=client, log_format=TCP, no_upstream=True, stats=STATS + NET, **kw)


def greet(name="a.test", c="c"):
    return new(c) + send(hello(name), c) + raw_all(c)


GONE = stat_is("cluster.{{dfp}}.upstream_cx_active", 0)  # the proxy closes to the upstream a little later
GREETED = new() + send(hello("a.test")) + read_bytes(1) + half_close() + raw_all() + GONE
sni("name", A, GREETED + members() + dns_log("a.test"))
sni("twice", A, GREETED + GREETED)
sni("nxdomain", {}, greet() + greet())
sni("silent", {"a.test": "silent"}, greet(), cache={"dns_query_timeout": "0.2s"}, own=True)
sni("none", A, new() + send("GET / HTTP/1.1\r\n\r\n") + raw_all())
sni("no_port", A, greet() + stat_is("cluster.{{dfp}}.membership_total", 2), fields={})
sni("overflow", {"a.test": ["127.0.0.1"], "b.test": ["127.0.0.1"]}, GREETED + greet("b.test"), cache={"max_hosts": 1})
sni("circuit_none", A, greet(), cache={"dns_cache_circuit_breaker": {"max_pending_requests": 0}})
sni("alone", A, greet() + stat_is("cluster.{{dfp}}.membership_total", 1), alone=True)
sni("long", {}, greet("a" * 300))
sni("client_leaves", {"a.test": "silent"}, new() + send(hello("a.test")) + stat_is("dns_cache.{{dfp}}.dns_query_attempt", 1) + close() + logged(1), cache={"dns_query_timeout": "1s"}, own=True)
sni("upper", A, new() + send(hello("A.Test")) + read_bytes(1) + half_close() + raw_all() + GONE + members())
NET_STATE = TYPE + "extensions.filters.network.set_filter_state.v3.Config"


def net_state(**values):
    return {"name": "state", "typed_config": {"@type": NET_STATE, "on_new_connection": [
        {"object_key": "envoy.upstream.dynamic_" + k, "format_string": {"text_format_source": {"inline_string": v}}} for k, v in values.items()]}}


sni("state_host", A, new() + send(hello("x.example")) + read_bytes(1) + half_close() + raw_all() + GONE + members(), filters=[net_state(host="a.test")])
sni("state_port", A, GREETED + members(), filters=[net_state(port="{{up.port}}")], fields={"port_value": 1})
sni("state_plain", A, new() + send("GET / HTTP/1.1\r\n\r\n") + read_bytes(1) + half_close() + raw_all(), filters=[net_state(host="a.test")])

for _name, _key in {"limit": "dns_cache.{{dfp}}.circuit_breakers", "other_key": "dns_cache.{{dfp}}.circuit_breakers.max_pending_requests"}.items():
    forward("runtime_" + _name, A, admin("/runtime_modify?" + _key + "=0", "POST", head=False) + to(UP) + admin("/runtime_modify?" + _key + "=", "POST", head=False) + to(UP), own=True)

# ---- TLS

CLIENT = {"name": "tls", "typed_config": {"@type": TYPE + "extensions.transport_sockets.tls.v3.UpstreamTlsContext", "common_tls_context": {"validation_context": {"trusted_ca": {"filename": "{{certs}}/ca.pem"}}}}}
SECURE = {"transport_socket": CLIENT}
HANDSHAKE = ["cluster.{{dfp}}.ssl.handshake", "cluster.{{dfp}}.ssl.fail_verify_san", "cluster.{{dfp}}.ssl.connection_error"]


def secure(name, records, client, **kw):
    kw.setdefault("cluster", SECURE)
    kw.setdefault("up", {"up": Tls([ok()])})
    forward("tls_" + name, records, client, certs=True, stats=STATS + HANDSHAKE, **kw)


EXAMPLE = {"server.example": ["127.0.0.1"], "else.example": ["127.0.0.1"]}
secure("name", EXAMPLE, to("server.example:{{up.port}}") + to("server.example:{{up.port}}"), no_upstream=False)
secure("wrong_name", EXAMPLE, to("else.example:{{up.port}}"))
secure("ip", EXAMPLE, to("127.0.0.1:{{up.port}}"))
secure("default_port", {"server.example": ["127.0.0.9"]}, to("server.example") + members())
secure("insecure", EXAMPLE, to("else.example:{{up.port}}"), config={"allow_insecure_cluster_options": True}, cluster={**SECURE, "upstream_http_protocol_options": {}}, no_upstream=False)
secure("rewritten", EXAMPLE, to("x.example"), per_route={"host_rewrite_literal": "server.example:{{up.port}}"}, no_upstream=False)

# ---- configs

HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def options(**names):
    return {"typed_extension_protocol_options": {HTTP: {"@type": TYPE + HTTP[6:], "explicit_http_config": {"http_protocol_options": {}}, **names}}}


def whole(name, *clusters, listener=None):
    out = {"static_resources": {"clusters": [{"name": f"c{i}", "connect_timeout": "1s", **{k: v for k, v in c.items() if v is not None}} for i, c in enumerate(clusters)],
                                "listeners": [{"name": "l", "address": {"socket_address": {"address": "127.0.0.1", "port_value": 19999}}, "filter_chains": [{"filters": listener}]}] if listener else []}}
    scenario("dfp_config_" + name, kind="validate", config=json.dumps(out))


def plain(config=None, cache=None, **more):
    return json.loads(dfp_cluster(cache or {"name": "d"}, config, **more))


def managed(cache, **fields):
    http = {k: v for k, v in {"@type": TYPE + "extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig", "dns_cache_config": cache, **fields}.items() if v is not None}
    return [{"name": "h", "typed_config": {"@type": TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "h", "route_config": {},
             "http_filters": [{"name": "dfp", "typed_config": http}, {"name": "r", "typed_config": {"@type": TYPE + "extensions.filters.http.router.v3.Router"}}]}}]


def named(**fields):
    return [{"name": "sni", "typed_config": {**SNI["typed_config"], **fields}},
            {"name": "t", "typed_config": {"@type": TYPE + "extensions.filters.network.tcp_proxy.v3.TcpProxy", "stat_prefix": "t", "cluster": "c0"}}]


PROVIDED = {"policies": [{"typed_extension_config": {"name": "p", "typed_config": {"@type": TYPE + "extensions.load_balancing_policies.cluster_provided.v3.ClusterProvided"}}}]}
ROUND = {"policies": [{"typed_extension_config": {"name": "p", "typed_config": {"@type": TYPE + "extensions.load_balancing_policies.round_robin.v3.RoundRobin"}}}]}
whole("good", plain())
whole("round_robin", plain(lb_policy="ROUND_ROBIN"))
whole("policy", plain(lb_policy="LOAD_BALANCING_POLICY_CONFIG", load_balancing_policy=PROVIDED))
whole("policy_round_robin", plain(lb_policy="LOAD_BALANCING_POLICY_CONFIG", load_balancing_policy=ROUND))
whole("no_names", plain(**options()))
whole("sni_only", plain(**options(upstream_http_protocol_options={"auto_sni": True})))
whole("san_only", plain(**options(upstream_http_protocol_options={"auto_san_validation": True})))
whole("both", plain(**options(upstream_http_protocol_options={"auto_sni": True, "auto_san_validation": True})))
whole("insecure", plain({"allow_insecure_cluster_options": True}, **options()))
whole("old_sni_only", plain(upstream_http_protocol_options={"auto_sni": True}))
whole("old_none", plain(upstream_http_protocol_options={}))
whole("old_http2", plain(http2_protocol_options={}))
whole("no_cache", plain({"dns_cache_config": None}))
whole("no_message", {"lb_policy": "CLUSTER_PROVIDED", "cluster_type": {"name": "envoy.clusters.dynamic_forward_proxy"}})
whole("endpoints", plain(load_assignment={"cluster_name": "c0", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 1}}}}]}]}))
whole("same_cache", plain(), plain())
whole("other_cache", plain(), plain(cache={"name": "d", "max_hosts": 2}))
whole("default_said", plain(), plain(cache={"name": "d", "max_hosts": 1024}))
whole("filter", plain(), listener=managed({"name": "d"}))
whole("filter_other_cache", plain(), listener=managed({"name": "d", "host_ttl": "1s"}))
whole("filter_no_cache", plain(), listener=managed(None))
whole("sni", plain(), listener=named(dns_cache_config={"name": "d"}, port_value=443))
whole("sni_no_port", plain(), listener=named(dns_cache_config={"name": "d"}))
whole("sni_port_0", plain(), listener=named(dns_cache_config={"name": "d"}, port_value=0))
whole("sni_port_65536", plain(), listener=named(dns_cache_config={"name": "d"}, port_value=65536))
whole("sni_no_cache", plain(), listener=named(port_value=1))
whole("sni_other_cache", plain(), listener=named(dns_cache_config={"name": "d", "max_hosts": 2}, port_value=1))
whole("sni_last", plain(), listener=named(dns_cache_config={"name": "d"})[:1])
for _name, _cache in {"preresolve_many": {"max_hosts": 1, "preresolve_hostnames": [{"address": "a", "port_value": 1}, {"address": "b", "port_value": 1}]},
                      "preresolve_no_port": {"preresolve_hostnames": [{"address": "a"}]}, "failure_base": {"dns_failure_refresh_rate": {"base_interval": "0.0001s"}}, "refresh_min": {"dns_min_refresh_rate": "0.5s"},
                      "refresh_0": {"dns_refresh_rate": "0s"}, "max_hosts_0": {"max_hosts": 0}, "ttl_0": {"host_ttl": "0s"}, "timeout_0": {"dns_query_timeout": "0s"}, "name": {"name": ""},
                      "resolver": {"typed_dns_resolver_config": {"name": "x", "typed_config": {"@type": TYPE + "extensions.filters.http.router.v3.Router"}}}}.items():
    whole("cache_" + _name, plain(cache={"name": "d", **_cache}))
whole("hash_of_hostname", plain(common_lb_config={"consistent_hashing_lb_config": {"use_hostname_for_hashing": True}}))
whole("subsets", plain(lb_subset_config={"subset_selectors": [{"keys": ["a"]}]}))
whole("eds", plain(eds_cluster_config={"service_name": "x"}))
