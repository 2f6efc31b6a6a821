# Network filters in front of the terminal one, and terminal ones other than tcp_proxy and the HTTP connection manager.
import json

from harness.dsl import *
from harness.hello import hello

NETWORK = "type.googleapis.com/envoy.extensions.filters.network."
LISTENER = "type.googleapis.com/envoy.extensions.filters.listener."
TLS = "{name: envoy.filters.listener.tls_inspector, typed_config: {'@type': %stls_inspector.v3.TlsInspector}}" % LISTENER
FORM = {"flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%", "term": "%CONNECTION_TERMINATION_DETAILS%", "reason": "%DOWNSTREAM_LOCAL_CLOSE_REASON%", "received": "%BYTES_RECEIVED%",
        "sent": "%BYTES_SENT%", "cluster": "%UPSTREAM_CLUSTER%", "close": "%DOWNSTREAM_DETECTED_CLOSE_TYPE%", "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "chain": "%FILTER_CHAIN_NAME%"}
CX = "re:^listener\\.127\\.0\\.0\\.1_{{port}}\\.(downstream_cx_(total|active|destroy)|no_filter)"


def file_log(name, form):
    return ('{name: l, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: "{{log}}", '
            'log_format: {json_format: %s}}}' % json.dumps({"log": name, **form}))


def nf(name, fields="", kind=None):
    kind = kind or "".join(p.title() for p in name.split("_"))
    return "{name: envoy.filters.network.%s, typed_config: {'@type': %s%s.v3.%s%s}}" % (name, NETWORK, name, kind, ", " + fields if fields else "")


def through(name, filters, client, kind="tcp", form=FORM, more="", **kw):
    """The filters stand in front of tcp_proxy (or the manager): \"the\"."""
    kw.setdefault("up", {"up": Tcp(tunnel_echo())} if kind == "tcp" else {"up": [ok()]})
    if kind == "tcp":
        kw.setdefault("access_log", "[%s]" % file_log("chain", form))
    listener = "{access_log: [%s]%s}" % (file_log("listener", form), ", " + more if more else "")
    scenario("nf_" + name, kind=kind, chains="filter_chains: [{name: only, filters: [%s]}]" % ", ".join(filters), listener=listener, client=client,
             unordered_log=True, **kw)


ECHO = nf("echo")
REPLY = nf("direct_response", "response: {inline_string: 'hello there'}", kind="Config")
ONE = say = lambda data="x", c="c": new(c) + send(data, c) + read_bytes(len(data), c) + half_close(c) + raw_all(c)

# ---- echo

through("echo", [ECHO], ONE("hello"), stats=[CX])
through("echo_twice", [ECHO], send("a") + read_bytes(1) + send("bc") + read_bytes(2) + half_close() + raw_all())
through("echo_nothing", [ECHO], new() + half_close() + raw_all())
through("echo_big", [ECHO], send("x" * 300000) + read_bytes(300000) + half_close() + raw_all())
through("echo_reset", [ECHO], send("x") + read_bytes(1) + reset() + logged(1))
through("echo_drain", [ECHO], send("x") + read_bytes(1) + admin("/healthcheck/fail", "POST") + send("y") + read_bytes(1), own=True)

# ---- direct_response

through("reply", [REPLY], new() + raw_all(), stats=[CX])
through("reply_empty", [nf("direct_response", kind="Config")], new() + raw_all())
through("reply_big", [nf("direct_response", "response: {inline_string: '%s'}" % ("y" * 300000), kind="Config")], new() + raw_all())
through("reply_bytes", [nf("direct_response", "response: {inline_bytes: AAEC/w==}", kind="Config")], new() + raw_all())

# ---- sni_cluster

SNI = nf("sni_cluster")
through("sni_cluster", [SNI, "the"], send(hello("{{one}}")) + read_bytes(1) + half_close() + raw_all(), more="listener_filters: [%s]" % TLS,
        up={"up": Tcp(raw("u") + ended() + fin()), "one": Tcp(raw("1") + ended() + fin())}, no_upstream=True)
scenario("nf_sni_cluster_names", kind="tcp", up={"up": Tcp(raw("u") + ended() + fin())}, clusters={"up": {}, "named": {"hosts": ["up"], "yaml": "name: outbound_.80_._.a.example"}}, no_upstream=True,
         chains="filter_chains: [{filters: [%s, the]}]" % SNI, listener="listener_filters: [%s]" % TLS, access_log="[%s]" % file_log("chain", FORM),
         client=send(hello("outbound_.80_._.a.example")) + read_bytes(1) + half_close() + raw_all() + new("d") + send(hello("outbound_.81_._.a.example"), "d") + raw_all("d") + new("e") + send(hello(), "e") + read_bytes(1, "e") + half_close("e") + raw_all("e"))
through("sni_cluster_plain", [SNI, "the"], send("abc") + read_bytes(1) + half_close() + raw_all(), up={"up": Tcp(raw("u") + ended() + fin())}, more="listener_filters: [%s]" % TLS)
through("sni_cluster_without_inspector", [SNI, "the"], send(hello("{{one}}")) + read_bytes(1) + half_close() + raw_all(), up={"up": Tcp(raw("u") + ended() + fin()), "one": Tcp(raw("1") + ended() + fin())}, no_upstream=True)
through("sni_cluster_weighted", [SNI, "the"], send(hello("{{one}}")) + read_bytes(1) + half_close() + raw_all(), more="listener_filters: [%s]" % TLS, no_upstream=True,
        tcp="cluster: null\nweighted_clusters: {clusters: [{name: '{{up}}', weight: 1}]}", up={"up": Tcp(raw("u") + ended() + fin()), "one": Tcp(raw("1") + ended() + fin())})

# ---- connection_limit


def limit(fields):
    return nf("connection_limit", fields)


LIMIT = ["re:^connection_limit\\.{{name}}\\."]
ONE_MAX = "stat_prefix: '{{name}}', max_connections: 1"
SECOND = send("x") + read_bytes(1) + new("d") + raw_all("d") + logged(2)
through("limit", [limit(ONE_MAX), "the"], SECOND, stats=LIMIT + [CX, "re:^tcp\\.{{name}}\\.downstream_cx"])
through("limit_active", [limit(ONE_MAX), "the"], send("x") + read_bytes(1) + stat_is("connection_limit.{{name}}.active_connections", 1))
through("limit_freed", [limit(ONE_MAX), "the"], ONE() + close() + logged(2) + stat_is("connection_limit.{{name}}.active_connections", 0) + ONE("y", "d"), stats=LIMIT)
through("limit_delay", [limit(ONE_MAX + ", delay: 0.2s"), "the"], send("x") + read_bytes(1) + new("d") + raw_all("d") + logged(2), stats=LIMIT)
through("limit_delay_client_goes", [limit(ONE_MAX + ", delay: 0.6s"), "the"], send("x") + read_bytes(1) + new("d") + pause(0.1) + half_close("d") + raw_all("d") + logged(2), stats=LIMIT + [CX])
through("limit_delay_client_sends", [limit(ONE_MAX + ", delay: 0.2s"), "the"], send("x") + read_bytes(1) + new("d") + send("zzz", "d") + raw_all("d") + logged(2), stats=LIMIT)
through("limit_delay_first_goes", [limit(ONE_MAX + ", delay: 0.3s"), "the"], send("x") + read_bytes(1) + new("d") + pause(0.1) + half_close() + raw_all() + raw_all("d") + logged(4), stats=LIMIT)
through("limit_off", [limit(ONE_MAX + ", runtime_enabled: {default_value: false}"), "the"], send("x") + read_bytes(1) + send("y", "d") + read_bytes(1, "d"), stats=["connection_limit.{{name}}.limited_connections"])  # the gauge is off in Envoy
through("limit_off_by_runtime", [limit(ONE_MAX + ", runtime_enabled: {default_value: true, runtime_key: limit.on}"), "the"], admin("/runtime_modify?limit.on=false", "POST", head=False) + send("x") + read_bytes(1) + send("y", "d") + read_bytes(1, "d"), own=True, stats=["connection_limit.{{name}}.limited_connections"])
through("limit_two_chains_of_filters", [limit(ONE_MAX), limit("stat_prefix: '{{name}}2', max_connections: 5"), "the"], SECOND, stats=["re:^connection_limit\\.{{name}}\\."])
through("limit_http", [limit(ONE_MAX), "the"], get("/") + new("d") + raw_all("d") + logged(2), kind="http", stats=LIMIT + [CX, "re:^http\\.{{name}}\\.downstream_cx"])
through("limit_echo", [limit(ONE_MAX), ECHO], SECOND, stats=LIMIT)
through("limit_reply", [limit(ONE_MAX), REPLY], new() + raw_all() + new("d") + raw_all("d"), stats=LIMIT)

# ---- local_ratelimit


def rate(fields="", tokens=1, fill="3600s"):
    return nf("local_ratelimit", "stat_prefix: '{{name}}', token_bucket: {max_tokens: %d, fill_interval: %s}%s" % (tokens, fill, ", " + fields if fields else ""), kind="LocalRateLimit")


RATE = ["re:^local_rate_limit\\.{{name}}\\."]
through("rate", [rate(), "the"], send("x") + read_bytes(1) + new("d") + raw_all("d") + logged(1), stats=RATE + [CX, "re:^tcp\\.{{name}}\\.downstream_cx"])
through("rate_two", [rate(tokens=2), "the"], send("x") + read_bytes(1) + send("y", "d") + read_bytes(1, "d") + new("e") + raw_all("e"), stats=RATE)
through("rate_refill", [rate(fill="0.2s"), "the"], ONE() + new("d") + raw_all("d") + pause(0.35) + ONE("y", "e"), stats=RATE)
through("rate_off", [rate("runtime_enabled: {default_value: false}"), "the"], send("x") + read_bytes(1) + send("y", "d") + read_bytes(1, "d"), stats=RATE)
through("rate_off_by_runtime", [rate("runtime_enabled: {default_value: true, runtime_key: rate.on}"), "the"], admin("/runtime_modify?rate.on=false", "POST", head=False) + send("x") + read_bytes(1) + send("y", "d") + read_bytes(1, "d"), own=True, stats=RATE)
through("rate_http", [rate(), "the"], get("/") + new("d") + raw_all("d") + logged(1), kind="http", stats=RATE + [CX, "re:^http\\.{{name}}\\.downstream_cx"])
through("rate_echo", [rate(), ECHO], send("x") + read_bytes(1) + new("d") + raw_all("d") + logged(1), stats=RATE)
through("rate_own_buckets", [rate(), rate(tokens=5), "the"], send("x") + read_bytes(1) + new("d") + raw_all("d"), stats=RATE)
through("rate_shared_in_chain", [rate("share_key: k1", tokens=2), rate("share_key: k1", tokens=2), "the"], send("x") + read_bytes(1) + new("d") + raw_all("d"), stats=RATE)
through("rate_shared_other_key", [rate("share_key: k2", tokens=2), rate("share_key: k3", tokens=2), "the"], send("x") + read_bytes(1) + send("y", "d") + read_bytes(1, "d") + new("e") + raw_all("e"), stats=RATE)
through("rate_then_limit", [rate(tokens=2), limit(ONE_MAX), "the"], send("x") + read_bytes(1) + new("d") + raw_all("d") + new("e") + raw_all("e"), stats=RATE + ["connection_limit.{{name}}.limited_connections"])
through("limit_then_rate", [limit(ONE_MAX), rate(tokens=2), "the"], send("x") + read_bytes(1) + new("d") + raw_all("d") + new("e") + raw_all("e"), stats=RATE + LIMIT)
scenario("nf_listener_rate", kind="tcp", up=Tcp(tunnel_echo()), access_log="[%s]" % file_log("chain", FORM),
         listener="{access_log: [%s], listener_filters: [{name: r, typed_config: {'@type': %slocal_ratelimit.v3.LocalRateLimit, stat_prefix: '{{name}}', token_bucket: {max_tokens: 1, fill_interval: 3600s}}}]}" % (file_log("listener", FORM), LISTENER),
         client=send("x") + read_bytes(1) + new("d") + raw_all("d") + new("e") + raw_all("e"), unordered_log=True, stats=["re:^listener_local_ratelimit\\.{{name}}\\.", CX])
scenario("nf_listener_rate_off", kind="tcp", up=Tcp(tunnel_echo()), access_log="[%s]" % file_log("chain", FORM),
         listener="{listener_filters: [{name: r, typed_config: {'@type': %slocal_ratelimit.v3.LocalRateLimit, stat_prefix: '{{name}}', token_bucket: {max_tokens: 1, fill_interval: 3600s}, runtime_enabled: {default_value: false, runtime_key: no.such}}}]}" % LISTENER,
         client=send("x") + read_bytes(1) + send("y", "d") + read_bytes(1, "d"), unordered_log=True, stats=["re:^listener_local_ratelimit\\.{{name}}\\."])

# ---- set_filter_state


def value(key, text, factory="envoy.string", more=""):
    return "{object_key: %s, factory_key: %s, format_string: {text_format_source: {inline_string: '%s'}}%s}" % (key, factory, text, ", " + more if more else "")


def state(*values):
    return nf("set_filter_state", "on_new_connection: [%s]" % ", ".join(values), kind="Config")


def on_accept(*values):
    return "listener_filters: [{name: s, typed_config: {'@type': %sset_filter_state.v3.Config, on_accept: [%s]}}]" % (LISTENER, ", ".join(values))


SAID = {"k": "%FILTER_STATE(k)%", "plain": "%FILTER_STATE(k:PLAIN)%", "typed": "%FILTER_STATE(k:TYPED)%", "cut": "%FILTER_STATE(k:PLAIN):2%", "other": "%FILTER_STATE(nope:PLAIN)%", "field": "%FILTER_STATE(k:FIELD:a)%"}
HTTP_LOG = {**SAID, "code": "%RESPONSE_CODE%"}
through("state", [state(value("k", "hello")), "the"], ONE(), form=SAID)
through("state_text_log", [state(value("k", "hello")), "the"], ONE(), access_log='[{name: l, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: "{{log}}", '
        'log_format: {text_format_source: {inline_string: "%FILTER_STATE(k)% %FILTER_STATE(k:PLAIN)% %FILTER_STATE(nope)%\\n"}}}}]')
through("state_formatted", [state(value("k", "%DOWNSTREAM_LOCAL_ADDRESS% %REQUESTED_SERVER_NAME% %FILTER_CHAIN_NAME%")), "the"], ONE(), form=SAID)
through("state_missing_value", [state(value("k", "%REQUESTED_SERVER_NAME%")), "the"], ONE(), form=SAID)
through("state_missing_value_omitted", [state("{object_key: k, factory_key: envoy.string, format_string: {omit_empty_values: true, text_format_source: {inline_string: '%REQUESTED_SERVER_NAME%'}}}"), "the"], ONE(), form=SAID)
through("state_skip_if_empty", [state("{object_key: k, factory_key: envoy.string, skip_if_empty: true, format_string: {omit_empty_values: true, text_format_source: {inline_string: '%REQUESTED_SERVER_NAME%'}}}"), "the"], ONE(), form=SAID)
through("state_later_reads_earlier", [state(value("j", "one"), value("k", "%FILTER_STATE(j:PLAIN)% two")), "the"], ONE(), form=SAID)
through("state_twice", [state(value("k", "one"), value("k", "two")), "the"], ONE(), form=SAID)
through("state_two_filters", [state(value("k", "one")), state(value("k", "%FILTER_STATE(k:PLAIN)% two")), "the"], ONE(), form=SAID)
through("state_json_characters", [state(value("k", 'a"b\\\\c')), "the"], ONE(), form=SAID)
through("state_hashable", [state(value("k", "v", "envoy.hashable_string")), "the"], ONE(), form=SAID)
through("state_http", [state(value("k", "hello")), "the"], get("/") + close(), kind="http", form=SAID, log_format=HTTP_LOG)
through("state_http_header", [state(value("k", "hello")), "the"], get("/"), kind="http", route_config="request_headers_to_add: [{header: {key: x-k, value: '%FILTER_STATE(k:PLAIN)%'}}]")
through("state_accept", ["the"], ONE(), form=SAID, more=on_accept(value("k", "hello %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %FILTER_CHAIN_NAME%")))
through("state_accept_http", ["the"], get("/") + close(), kind="http", form=SAID, log_format=HTTP_LOG, more=on_accept(value("k", "hello")))
through("state_accept_then_chain", [state(value("k", "%FILTER_STATE(k:PLAIN)% more")), "the"], ONE(), form=SAID, more=on_accept(value("k", "first")))
through("state_accept_refused", [ECHO], new() + raw_all(), form=SAID, more=on_accept(value("k", "hello")) + ", filter_chains: [{filters: [%s], filter_chain_match: {destination_port: 1}}]" % ECHO)
through("state_cluster", [state(value("envoy.tcp_proxy.cluster", "{{one}}", "envoy.tcp_proxy.cluster")), "the"], send("x") + read_bytes(1) + half_close() + raw_all(), up={"up": Tcp(raw("u") + ended() + fin()), "one": Tcp(raw("1") + ended() + fin())}, no_upstream=True)
through("state_cluster_unknown", [state(value("envoy.tcp_proxy.cluster", "nope", "envoy.tcp_proxy.cluster")), "the"], new() + raw_all())
through("state_cluster_accept", ["the"], send("x") + read_bytes(1) + half_close() + raw_all(), more=on_accept(value("envoy.tcp_proxy.cluster", "{{one}}", "envoy.tcp_proxy.cluster")), up={"up": Tcp(raw("u") + ended() + fin()), "one": Tcp(raw("1") + ended() + fin())}, no_upstream=True)
ROUTES = '- {match: {prefix: "/", filter_state: [{key: k, string_match: {exact: v}}]}, direct_response: {status: 201}}\n- {match: {prefix: "/"}, direct_response: {status: 202}}'
through("state_route", [state(value("k", "v")), "the"], get("/"), kind="http", routes=ROUTES)
through("state_route_other", [state(value("k", "w")), "the"], get("/"), kind="http", routes=ROUTES)

# ---- order, and what a config may say


def checked(name, *filters, default=False):
    chain = "{filters: [%s]}" % ", ".join(filters)
    scenario("nf_config_" + name, kind="validate", config="static_resources: {listeners: [{name: l, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, %s}], clusters: [{name: c}]}" % (
        "default_filter_chain: " + chain if default else "filter_chains: [%s]" % chain))


PROXY = nf("tcp_proxy", "stat_prefix: a, cluster: c")
BUCKET = "stat_prefix: a, token_bucket: {max_tokens: 1, fill_interval: %s}"
checked("good", nf("sni_cluster"), PROXY)
checked("two_terminals", PROXY, PROXY)
checked("echo_before_echo", ECHO, ECHO)
checked("no_terminal", nf("sni_cluster"))
checked("terminal_first", PROXY, nf("sni_cluster"))
checked("none")
checked("none_default", default=True)
checked("reply_before_proxy", REPLY, PROXY)
checked("limit_no_prefix", nf("connection_limit", "max_connections: 1"), PROXY)
checked("limit_zero", nf("connection_limit", "stat_prefix: a, max_connections: 0"), PROXY)
checked("limit_no_max", nf("connection_limit", "stat_prefix: a"), PROXY)
checked("limit_negative_delay", nf("connection_limit", "stat_prefix: a, max_connections: 1, delay: -1s"), PROXY)
checked("rate_short_fill", nf("local_ratelimit", BUCKET % "0.04s", kind="LocalRateLimit"), PROXY)
checked("rate_50ms", nf("local_ratelimit", BUCKET % "0.05s", kind="LocalRateLimit"), PROXY)
checked("rate_no_bucket", nf("local_ratelimit", "stat_prefix: a", kind="LocalRateLimit"), PROXY)
checked("rate_zero_tokens", nf("local_ratelimit", "stat_prefix: a, token_bucket: {max_tokens: 0, fill_interval: 1s}", kind="LocalRateLimit"), PROXY)
checked("rate_zero_fill", nf("local_ratelimit", "stat_prefix: a, token_bucket: {max_tokens: 1, tokens_per_fill: 0, fill_interval: 1s}", kind="LocalRateLimit"), PROXY)
checked("state_no_factory", state(value("k", "v", "''")), PROXY)
checked("state_unknown_factory", state(value("k", "v", "nope")), PROXY)
checked("state_no_key", state("{factory_key: envoy.string, format_string: {text_format_source: {inline_string: a}}}"), PROXY)
checked("state_no_value", state("{object_key: k, factory_key: envoy.string}"), PROXY)
checked("state_bad_format", state(value("k", "%NOPE%")), PROXY)
checked("listener_filter_as_network_filter", "{name: t, typed_config: {'@type': %stls_inspector.v3.TlsInspector}}" % LISTENER, PROXY)
checked("http_filter_as_network_filter", "{name: t, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}", PROXY)

# ---- mongo_proxy: what passes is as it was; Outrigger makes no stats of it

MONGO = nf("mongo_proxy", "stat_prefix: m")
through("mongo", [MONGO, "the"], ONE("hello"), stats=[CX])
through("mongo_big", [MONGO, "the"], send("x" * 300000) + read_bytes(300000) + half_close() + raw_all())
through("mongo_behind", [nf("connection_limit", "stat_prefix: l, max_connections: 1"), MONGO, "the"], new() + send("a") + read_bytes(1) + new("b") + raw_all("b"))
for _name, _fields in {"good": "stat_prefix: m, emit_dynamic_metadata: true, commands: [a], max_bson_depth: 5", "no_prefix": "", "no_depth": "stat_prefix: m, max_bson_depth: 0",
                       "log_missing": "stat_prefix: m, access_log: /no/such/folder/x", "no_delay": "stat_prefix: m, delay: {fixed_delay: 0s}"}.items():
    scenario("nf_mongo_config_" + _name, kind="validate", config="static_resources: {clusters: [{name: c}], listeners: [{name: l, address: {socket_address: {address: 127.0.0.1, port_value: 19999}}, "
             "filter_chains: [{filters: [%s, %s]}]}]}" % (nf("mongo_proxy", _fields), nf("tcp_proxy", "stat_prefix: t, cluster: c")))
scenario("nf_mongo_config_last", kind="validate", config="static_resources: {listeners: [{name: l, address: {socket_address: {address: 127.0.0.1, port_value: 19999}}, filter_chains: [{filters: [%s]}]}]}" % MONGO)
scenario("nf_mongo_config_delay", kind="validate", differs="faults of Mongo's messages are not implemented: it is refused", outrigger={"exit": 1, "ok": None},
         config="static_resources: {clusters: [{name: c}], listeners: [{name: l, address: {socket_address: {address: 127.0.0.1, port_value: 19999}}, filter_chains: [{filters: [%s, %s]}]}]}" % (
             nf("mongo_proxy", "stat_prefix: m, delay: {fixed_delay: 1s, percentage: {numerator: 100}}"), nf("tcp_proxy", "stat_prefix: t, cluster: c")))
