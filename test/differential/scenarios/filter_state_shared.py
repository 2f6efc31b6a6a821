"""Filter state that goes along with connections to internal listeners: how far, and which requests share such connections."""
from harness.dsl import *

TYPES = "type.googleapis.com/envoy.extensions."
HTTP = TYPES + "filters.http.set_filter_state.v3.Config"
NETWORK = TYPES + "filters.network.set_filter_state.v3.Config"
ON_ACCEPT = TYPES + "filters.listener.set_filter_state.v3.Config"
ECHO = Tcp(tunnel_echo())
DATA = "on_downstream_data"


def value(key, text, factory="envoy.string", more=""):
    return "{object_key: %s, factory_key: %s, format_string: {text_format_source: {inline_string: '%s'}}%s}" % (key, factory, text, ", " + more if more else "")


def of_request(*values, name="state"):
    return "{name: %s, typed_config: {'@type': %s, on_request_headers: [%s]}}" % (name, HTTP, ", ".join(values))


def at(field, *values):
    return "{name: state, typed_config: {'@type': %s, %s: [%s]}}" % (NETWORK, field, ", ".join(values))


EXTENSION = 'bootstrap_extensions: [{name: internal, typed_config: {"@type": ' + TYPES + "bootstrap.internal_listener.v3.InternalListener}}]"
SOCKET = "\ntransport_socket: {name: internal, typed_config: {'@type': %stransport_sockets.internal_upstream.v3.InternalUpstreamTransport, transport_socket: {name: raw, typed_config: {'@type': %stransport_sockets.raw_buffer.v3.RawBuffer}}}}" % (TYPES, TYPES)
SEEN = {"k": "%FILTER_STATE(k:PLAIN)%", "typed": "%FILTER_STATE(k)%", "j": "%FILTER_STATE(j:PLAIN)%", "cluster": "%UPSTREAM_CLUSTER%"}


def file_log(form):
    return "[{name: log, typed_config: {'@type': %saccess_loggers.file.v3.FileAccessLog, path: '{{log}}', log_format: {json_format: %s}}}]" % (TYPES, form)


def inner_tcp(name, cluster, form, before=()):
    return "\n- {name: '{{name}}_%s', internal_listener: {}, filter_chains: [{filters: [%s]}]}" % (name, ", ".join([*before, (
        "{name: t, typed_config: {'@type': %sfilters.network.tcp_proxy.v3.TcpProxy, stat_prefix: '{{name}}_%s', cluster: '{{%s}}', access_log: %s}}" % (TYPES, name, cluster, file_log({"at": name, **form})))]))


def inner_http(name, cluster, form, before=(), more=""):
    return "\n- {name: '{{name}}_%s', internal_listener: {}, filter_chains: [{filters: [%s]}]}" % (name, ", ".join([*before, (
        "{name: h, typed_config: {'@type': %sfilters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: '{{name}}_%s', access_log: %s, http_filters: [{name: r, typed_config: {'@type': %sfilters.http.router.v3.Router}}], "
        "route_config: {virtual_hosts: [{name: v, domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: '{{%s}}'}}]}]}%s}}" % (TYPES, name, file_log({"at": name, "path": "%REQ(:PATH)%", **form}), TYPES, cluster, more))]))


def to(listener, socket=SOCKET, more=""):
    return {"yaml": "load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {envoy_internal_address: {server_listener_name: '{{name}}_%s'}}}}]}]}%s%s" % (listener, socket, more)}


def shared(name, client, *filters, form=SEEN, listeners=None, clusters=None, lines=2, **kw):
    kw.setdefault("up", {"up": ECHO} if kw.get("kind") == "tcp" else {"up": [ok("one"), ok("two"), ok("three")]})
    kw.setdefault("log_format", {"at": "outer", **form})
    if kw.get("kind") == "tcp":
        kw.setdefault("tcp", "cluster: '{{inner}}'")
        kw.setdefault("chains", "filter_chains: [{filters: [%s]}]" % ", ".join([*filters, "the"]))
        listeners = listeners or inner_tcp("in", "up", form)
    else:
        kw.setdefault("filters", "[%s]" % ", ".join(filters))
        kw.setdefault("routes", "- {match: {prefix: /}, route: {cluster: '{{inner}}'}}")
        listeners = listeners or inner_http("in", "up", form)
    kw.setdefault("no_upstream", True)
    scenario("shared_" + name, client=client + logged(lines), listeners=listeners, clusters={"inner": to("in"), **(clusters or {}), "up": {}}, bootstrap=EXTENSION, unordered_log=True, **kw)


def new_state(*values):
    return at("on_new_connection", *values)


ONCE, ALWAYS = "shared_with_upstream: ONCE", "shared_with_upstream: TRANSITIVE"
GO = send("x") + read_bytes(1) + close()
for _how, _more in (("none", "shared_with_upstream: NONE"), ("once", ONCE), ("transitive", ALWAYS)):
    shared("tcp_" + _how, GO, new_state(value("k", "v", more=_more)), kind="tcp")
    shared("http_" + _how, get("/") + close(), of_request(value("k", "v", more=_more)))
    shared("two_hops_" + _how, GO, new_state(value("k", "v", more=_more)), kind="tcp", lines=3, listeners=inner_tcp("in", "second", SEEN) + inner_tcp("in2", "up", SEEN), clusters={"second": to("in2")})
    shared("two_hops_http_" + _how, get("/") + close(), of_request(value("k", "v", more=_more)), lines=3, listeners=inner_http("in", "second", SEEN) + inner_http("in2", "up", SEEN), clusters={"second": to("in2")})
shared("tcp_accept", GO, kind="tcp", listener="{listener_filters: [{name: s, typed_config: {'@type': %s, on_accept: [%s]}}]}" % (ON_ACCEPT, value("k", "v", more=ONCE)))
shared("tcp_data", GO, at(DATA, value("k", "v", more=ONCE)), kind="tcp")
shared("tcp_data_in_time", GO, at(DATA, value("k", "v", more=ONCE)), kind="tcp", tcp="cluster: '{{inner}}'\nmax_early_data_bytes: 100\nupstream_connect_mode: ON_DOWNSTREAM_DATA")
shared("without_socket", GO, new_state(value("k", "v", more=ONCE)), kind="tcp", clusters={"inner": to("in", "")})
shared("two_values", GO, new_state(value("k", "v", more=ONCE), value("j", "w", more=ALWAYS)), kind="tcp")
shared("hashable", GO, new_state(value("k", "v", "envoy.hashable_string", ONCE)), kind="tcp")
shared("connection_http", get("/") + get("/") + close(), chains="filter_chains: [{filters: [%s, the]}]" % new_state(value("k", "v", more=ONCE)), lines=4)
shared("replaced", GO, new_state(value("k", "v", more=ONCE), value("k", "w")), kind="tcp")
shared("replaced_by_shared", GO, new_state(value("k", "v"), value("k", "w", more=ONCE)), kind="tcp")
shared("inner_sets_too", GO, new_state(value("k", "v", more=ONCE)), kind="tcp", listeners=inner_tcp("in", "up", SEEN, [new_state(value("k", "%FILTER_STATE(k:PLAIN)% inner"))]))
shared("inner_sets_read_only", GO, new_state(value("k", "v", more=ONCE + ", read_only: true")), kind="tcp", listeners=inner_tcp("in", "up", SEEN, [new_state(value("k", "%FILTER_STATE(k:PLAIN)% inner"))]))
shared("names_cluster", GO, new_state(value("envoy.tcp_proxy.cluster", "{{other}}", "envoy.tcp_proxy.cluster", ONCE)), kind="tcp", up={"up": ECHO, "other": ECHO}, lines=1)
shared("chain_matcher", GO, new_state(value("k", "v", more=ONCE)), kind="tcp", lines=2, form={**SEEN, "chain": "%FILTER_CHAIN_NAME%"}, listeners=inner_tcp("in", "up", {**SEEN, "chain": "%FILTER_CHAIN_NAME%"}).replace(
    "filter_chains: [{", "filter_chain_matcher: {matcher_tree: {input: {name: i, typed_config: {'@type': %smatching.common_inputs.network.v3.FilterStateInput, key: k}}, exact_match_map: {map: {v: {action: {name: a, typed_config: {'@type': type.googleapis.com/google.protobuf.StringValue, "
    "value: one}}}}}}}, filter_chains: [{name: one, " % TYPES))

# Which requests share a connection.
CX = ["cluster.{{inner}}.upstream_cx_total"]


def pooled(name, factory, *headers, more=ONCE, key="k", text="%REQ(X-A)%", **kw):
    client = []
    for h in headers:
        client += get("/", "x-a: " + h)
    shared("pool_" + name, client + close(), of_request(value(key, text, factory, more)), stats=CX, lines=2 * len(headers), **kw)


pooled("string", "envoy.string", "one", "two", "one")
pooled("hashable", "envoy.hashable_string", "one", "two", "one")
pooled("hashable_equal", "envoy.hashable_string", "one", "one")
pooled("hashable_not_shared", "envoy.hashable_string", "one", "two", more="shared_with_upstream: NONE")
pooled("hashable_transitive", "envoy.hashable_string", "one", "two", more=ALWAYS)
shared("pool_other_key", get("/", "x-a: k") + get("/", "x-a: j") + close(), of_request(value("k", "same", "envoy.hashable_string", ONCE)), of_request(value("j", "same", "envoy.hashable_string", ONCE), name="other"), stats=CX, lines=4,
       routes="- {match: {prefix: /, headers: [{name: x-a, string_match: {exact: k}}]}, route: {cluster: '{{inner}}'}, typed_per_filter_config: {other: {'@type': type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}}\n"
              "- {match: {prefix: /}, route: {cluster: '{{inner}}'}, typed_per_filter_config: {state: {'@type': type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}}")
scenario("shared_pool_without_internal", client=get("/", "x-a: one") + get("/", "x-a: two") + get("/", "x-a: one"), filters="[%s]" % of_request(value("k", "%REQ(X-A)%", "envoy.hashable_string", ONCE)), stats=["cluster.{{up}}.upstream_cx_total"], no_log=True, no_upstream=True)
scenario("shared_pool_string_without_internal", client=get("/", "x-a: one") + get("/", "x-a: two") + get("/", "x-a: one"), filters="[%s]" % of_request(value("k", "%REQ(X-A)%", "envoy.string", ONCE)), stats=["cluster.{{up}}.upstream_cx_total"], no_log=True, no_upstream=True)
# A tunnel through an internal listener, the base of ambient's HBONE.
H2 = "\ntyped_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {'@type': %supstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http2_protocol_options: {}}}}" % TYPES
CONNECT = ", upgrade_configs: [{upgrade_type: CONNECT}], http2_protocol_options: {allow_connect: true}"
TUNNEL = inner_http("in", "up", SEEN, more=CONNECT).replace("{match: {prefix: /}, route: {cluster: '{{up}}'}}", "{match: {connect_matcher: {}}, route: {cluster: '{{up}}', upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}}")
shared("tunnel", GO, new_state(value("k", "v", more=ONCE)), kind="tcp", tcp="cluster: '{{inner}}'\ntunneling_config: {hostname: 'a:1'}", clusters={"inner": to("in", more=H2)}, listeners=TUNNEL)
shared("tunnel_pool", send("x") + read_bytes(1) + send("y", "d") + read_bytes(1, "d") + close() + close("d"), new_state(value("k", "%DOWNSTREAM_REMOTE_PORT%", "envoy.hashable_string", ONCE)), kind="tcp", tcp="cluster: '{{inner}}'\ntunneling_config: {hostname: 'a:1'}", clusters={"inner": to("in", more=H2)}, listeners=TUNNEL.replace(file_log({"at": "in", "path": "%REQ(:PATH)%", **SEEN}), file_log({"at": "in"})), lines=4, stats=CX, form={"cluster": "%UPSTREAM_CLUSTER%"})
shared("terminated_tunnel", GO, kind="tcp", tcp="cluster: '{{inner}}'\ntunneling_config: {hostname: 'a:1'}", clusters={"inner": to("in", more=H2), "second": to("in2")}, lines=3,
       listeners=TUNNEL.replace("{{up}}", "{{second}}").replace("filters: [{name: h,", "filters: [%s, {name: h," % new_state(value("k", "v", more=ONCE))) + inner_tcp("in2", "up", SEEN))

# Where a connection to an internal listener was meant to go, and whom it comes from.
LOCAL, REMOTE = "envoy.filters.listener.original_dst.local_ip", "envoy.filters.listener.original_dst.remote_ip"
RESTORES = ", listener_filters: [{name: o, typed_config: {'@type': %sfilters.listener.original_dst.v3.OriginalDst}}]" % TYPES
WHERE = {"local": "%DOWNSTREAM_LOCAL_ADDRESS%", "remote": "%DOWNSTREAM_REMOTE_ADDRESS%", "direct": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%", "host": "%UPSTREAM_HOST%", "flags": "%RESPONSE_FLAGS%"}
DST = {"dst": {"yaml": "type: ORIGINAL_DST\nlb_policy: CLUSTER_PROVIDED", "endpoints": False}}
UP = "127.0.0.1:{{up.port}}"


def destined(name, *values, cluster="dst", client=GO, more=RESTORES, clusters=DST, **kw):
    shared("destination_" + name, client, new_state(*values), kind="tcp", form=WHERE, clusters=clusters, mask=[(r"127\.0\.0\.1:\d{4,5}", "<address>")],
           listeners=inner_tcp("in", cluster, WHERE).replace("internal_listener: {}", "internal_listener: {}" + more), **kw)


LOST = new() + raw_all()
destined("local", value(LOCAL, UP, LOCAL, ONCE))
destined("local_not_shared", value(LOCAL, UP, LOCAL), client=LOST)
destined("local_without_filter", value(LOCAL, UP, LOCAL, ONCE), more="", client=LOST)
destined("local_string", value(LOCAL, UP, "envoy.string", ONCE), client=LOST)
destined("remote", value(REMOTE, "127.0.0.9:99", REMOTE, ONCE), cluster="up")
destined("both", value(LOCAL, UP, LOCAL, ONCE), value(REMOTE, "127.0.0.9:99", REMOTE, ONCE))
destined("of_the_cluster", value("envoy.network.transport_socket.original_dst_address", UP, "envoy.network.transport_socket.original_dst_address", ONCE), more="")


def matched(name, field, expected):
    tree = ("filter_chain_matcher: {matcher_tree: {input: {name: i, typed_config: {'@type': %smatching.common_inputs.network.v3.FilterStateInput, key: k%s}}, exact_match_map: {map: {'%s': {action: "
            "{name: a, typed_config: {'@type': type.googleapis.com/google.protobuf.StringValue, value: one}}}}}}, on_no_match: {action: {name: a, typed_config: {'@type': type.googleapis.com/google.protobuf.StringValue, value: other}}}}") % (TYPES, field, expected)
    scenario("shared_field_" + name, client=GO, kind="tcp", up={"up": ECHO}, log_format={"chain": "%FILTER_CHAIN_NAME%"}, no_upstream=True,
             chains="filter_chains: [{name: one, filters: [the]}, {name: other, filters: [the]}]", listener="{%s, listener_filters: [{name: s, typed_config: {'@type': %s, on_accept: [%s]}}]}" % (tree, ON_ACCEPT, value("k", "127.0.0.1:80", LOCAL if name != "of_string" else "envoy.string")))


matched("none", "", "127.0.0.1:80")
matched("ip", ", field: ip", "127.0.0.1")
matched("port", ", field: port", "80")
matched("unknown", ", field: x", "127.0.0.1:80")
matched("of_string", ", field: ip", "127.0.0.1:80")
