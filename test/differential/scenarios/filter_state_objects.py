"""Filter state under keys that mean something: where a connection goes, whom it asks for, what it offers, how long it may idle."""
from harness.dsl import *

TYPES = "type.googleapis.com/envoy.extensions."
NETWORK = TYPES + "filters.network.set_filter_state.v3.Config"
ON_ACCEPT = TYPES + "filters.listener.set_filter_state.v3.Config"
ECHO = Tcp(tunnel_echo())
GO = send("x") + read_bytes(1) + close()


def value(key, text, factory=None, more=""):
    return "{object_key: %s, format_string: {text_format_source: {inline_string: '%s'}}%s%s}" % (key, text, ", factory_key: " + factory if factory else "", ", " + more if more else "")


def of_connection(*values):
    return "{name: state, typed_config: {'@type': %s, on_new_connection: [%s]}}" % (NETWORK, ", ".join(values))


def of_request(*values):
    return "{name: state, typed_config: {'@type': %sfilters.http.set_filter_state.v3.Config, on_request_headers: [%s]}}" % (TYPES, ", ".join(values))


def on_accept(*values):
    return "{name: s, typed_config: {'@type': %s, on_accept: [%s]}}" % (ON_ACCEPT, ", ".join(values))


def tcp(name, *values, client=None, **kw):
    client = GO if client is None else client
    kw.setdefault("up", {"up": ECHO})
    kw.setdefault("no_upstream", True)
    scenario("object_" + name, kind="tcp", chains="filter_chains: [{filters: [%s, the]}]" % of_connection(*values), client=client, **kw)


def shown(key):
    return {"typed": "%%FILTER_STATE(%s)%%" % key, "plain": "%%FILTER_STATE(%s:PLAIN)%%" % key, "ip": "%%FILTER_STATE(%s:FIELD:ip)%%" % key, "port": "%%FILTER_STATE(%s:FIELD:port)%%" % key, "other": "%%FILTER_STATE(%s:FIELD:x)%%" % key, "flags": "%RESPONSE_FLAGS%"}


# How each is printed, and what is not one.
SNI, ALPN, NAMES = "envoy.network.upstream_server_name", "envoy.network.application_protocols", "envoy.network.upstream_subject_alt_names"
CLUSTER, NO_TUNNEL, IDLE = "envoy.tcp_proxy.cluster", "envoy.tcp_proxy.disable_tunneling", "envoy.tcp_proxy.per_connection_idle_timeout_ms"
DST, LOCAL, REMOTE = "envoy.network.transport_socket.original_dst_address", "envoy.filters.listener.original_dst.local_ip", "envoy.filters.listener.original_dst.remote_ip"
for _key, _texts in {SNI: ["a.example", "A.example", "-"], ALPN: ["h2,http/1.1", "h2", " a , b ", ",a,,b,", "-"], NAMES: ["a.example,b.example", " a , b ", ",a"], CLUSTER: ["nope"], NO_TUNNEL: ["true", "false", "yes"], IDLE: ["1500", "x", "-1"],
                     DST: ["127.0.0.1:80", "[::1]:80", "127.0.0.1", "x"], LOCAL: ["127.0.0.1:80", "x"], REMOTE: ["127.0.0.1:80", "127.0.0.1"]}.items():
    for _i, _text in enumerate(_texts):
        tcp("shown_%s_%d" % (_key.split(".")[-1], _i), value(_key, _text), client=new() + pause(0.05) + close() if _key == CLUSTER else GO, log_format=shown(_key))
tcp("other_key", value("mine", "127.0.0.1:80", DST), log_format=shown("mine"))
tcp("other_key_name", value("mine", "a.example", SNI), log_format=shown("mine"))
tcp("string_under_name", value(SNI, "a.example", "envoy.string"), log_format=shown(SNI))
tcp("string_under_cluster", value(CLUSTER, "nope", "envoy.string"), log_format=shown(CLUSTER))

# TLS to upstreams.
TLS = "transport_socket: {name: tls, typed_config: {'@type': %stransport_sockets.tls.v3.UpstreamTlsContext, common_tls_context: {%%s}%%s}}" % TYPES
PLAIN, CHECKED = TLS % ("", ""), TLS % ("validation_context: {trusted_ca: {filename: '{{certs}}/ca.pem'}}", "")
WITH = TLS % ("alpn_protocols: [x]", ", sni: configured.example")


def over_tls(name, socket, *values, **kw):
    tcp("tls_" + name, *values, clusters={"up": {"yaml": socket}}, up={"up": Tls(Tcp(tunnel_echo()), **kw.pop("options", {}))}, certs=True, client=kw.pop("client", GO + gone(1)), **kw)


def http_tls(name, socket, *values, client=None, options=None, **kw):
    kw.setdefault("clusters", {"up": {"yaml": socket}})
    scenario("object_http_tls_" + name, filters="[%s]" % of_request(*values), up={"up": Tls([ok(), ok(), ok()], **(options or {}))}, certs=True, client=client or get("/"), stats=["cluster.{{up}}.upstream_cx_total"], log_format={"code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "why": "%UPSTREAM_TRANSPORT_FAILURE_REASON%"}, **kw)


CLOSED = {"client": new() + raw_all() + logged(1), "log_format": {"flags": "%RESPONSE_FLAGS%", "why": "%UPSTREAM_TRANSPORT_FAILURE_REASON%"}}
OFFER = {"options": {"alpn": ["h2", "http/1.1", "a", "x"]}}
over_tls("name", PLAIN, value(SNI, "a.example"))
over_tls("name_configured", WITH, value(SNI, "a.example"))
over_tls("no_name", WITH)
over_tls("name_is_address", PLAIN, value(SNI, "127.0.0.1"))
over_tls("name_empty", WITH, value(SNI, "%REQUESTED_SERVER_NAME%"))
over_tls("protocols", PLAIN, value(ALPN, "a,b"), **OFFER)
over_tls("protocols_configured", WITH, value(ALPN, "a,b"), **OFFER)
over_tls("protocols_spaces", WITH, value(ALPN, " a , b "), **OFFER)
over_tls("protocols_empty", WITH, value(ALPN, ""), **OFFER)
over_tls("names", CHECKED, value(NAMES, "server.example,other.example"))
over_tls("names_wrong", CHECKED, value(NAMES, "nope.example"), **CLOSED)
over_tls("names_second", CHECKED, value(NAMES, "nope.example,server.example"))
over_tls("names_unchecked", PLAIN, value(NAMES, "nope.example"), **CLOSED)
http_tls("name", PLAIN, value(SNI, "a.example"))
http_tls("name_of_request", PLAIN, value(SNI, "%REQ(X-A)%"), client=get("/", "x-a: a.example") + get("/", "x-a: b.example") + get("/", "x-a: a.example") + get("/", "x-a: A.example"))
http_tls("protocols", PLAIN, value(ALPN, "%REQ(X-A)%"), client=get("/", "x-a: a") + get("/", "x-a: b") + get("/", "x-a: a"), **OFFER)
http_tls("names", CHECKED, value(NAMES, "%REQ(X-A)%"), client=get("/", "x-a: server.example") + get("/", "x-a: nope.example"))
AUTO = "typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {'@type': %supstreams.http.v3.HttpProtocolOptions, upstream_http_protocol_options: {auto_sni: true%%s}, explicit_http_config: {http_protocol_options: {}}}}" % TYPES
http_tls("auto_sni", PLAIN + "\n" + AUTO % "", value(SNI, "a.example"))
http_tls("auto_san", CHECKED + "\n" + AUTO % ", auto_san_validation: true", value(NAMES, "server.example"))
http_tls("auto_san_wrong", CHECKED + "\n" + AUTO % ", auto_san_validation: true", value(NAMES, "nope.example"))
scenario("object_http_plain_name_of_request", filters="[%s]" % of_request(value(SNI, "%REQ(X-A)%")), client=get("/", "x-a: a") + get("/", "x-a: b") + get("/", "x-a: a") + get("/", "x-a: B"), stats=["cluster.{{up}}.upstream_cx_total"], no_log=True, no_upstream=True)
scenario("object_http_negotiated", filters="[%s]" % of_request(value(ALPN, "http/1.1")), up={"up": Tls([ok(), ok()], alpn=["h2", "http/1.1"])}, certs=True, client=get("/"), stats=["cluster.{{up}}.upstream_cx_http1_total"],
         clusters={"up": {"yaml": PLAIN + "\ntyped_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {'@type': %supstreams.http.v3.HttpProtocolOptions, auto_config: {}}}" % TYPES}})

# tcp_proxy.
HOST = "tunneling_config: {hostname: 'target.example:443'}"
for _text in ("true", "false"):
    tcp("tunnel_disabled_" + _text, value(NO_TUNNEL, _text), tcp=HOST, up={"up": [raw("HTTP/1.1 200 OK\r\n\r\n") + tunnel_echo()]} if _text == "false" else {"up": ECHO})
tcp("idle", value(IDLE, "200"), client=send("x") + read_bytes(1) + raw_all() + logged(1), log_format={"why": "%DOWNSTREAM_LOCAL_CLOSE_REASON%"}, stats=["tcp.{{name}}.idle_timeout"])
tcp("idle_over_configured", value(IDLE, "200"), tcp="idle_timeout: 3600s", client=send("x") + read_bytes(1) + raw_all() + logged(1), log_format={"why": "%DOWNSTREAM_LOCAL_CLOSE_REASON%"}, stats=["tcp.{{name}}.idle_timeout"])
tcp("idle_0", value(IDLE, "0"), tcp="idle_timeout: 0.1s", client=new() + raw_all() + logged(1), log_format={"why": "%DOWNSTREAM_LOCAL_CLOSE_REASON%"}, stats=["tcp.{{name}}.idle_timeout"])
tcp("idle_before_upstream", value(IDLE, "200"), up={"up": BLACKHOLE}, client=new() + raw_all() + logged(1), log_format={"why": "%DOWNSTREAM_LOCAL_CLOSE_REASON%"}, stats=["tcp.{{name}}.idle_timeout"])

# Where ORIGINAL_DST goes.
TO = {"dst": {"yaml": "type: ORIGINAL_DST\nlb_policy: CLUSTER_PROVIDED", "endpoints": False}, "up": {}}
UPSTREAM = "127.0.0.1:{{up.port}}"
WHERE = {"host": "%UPSTREAM_HOST%", "flags": "%RESPONSE_FLAGS%"}
tcp("dst", value(DST, UPSTREAM), tcp="cluster: '{{dst}}'", clusters=TO, log_format=WHERE)
tcp("dst_port_override", value(DST, "127.0.0.1:1"), tcp="cluster: '{{dst}}'", clusters={**TO, "dst": {"yaml": TO["dst"]["yaml"] + "\noriginal_dst_lb_config: {upstream_port_override: {{up.port}}}", "endpoints": False}}, log_format=WHERE)
tcp("dst_string", value("x", UPSTREAM, "envoy.string"), tcp="cluster: '{{dst}}'", clusters=TO, log_format=WHERE, client=new() + raw_all() + logged(1))
tcp("dst_other_cluster", value(DST, "127.0.0.1:1"), log_format=WHERE)
scenario("object_http_dst", filters="[%s]" % of_request(value(DST, UPSTREAM)), clusters=TO, routes="- {match: {prefix: /}, route: {cluster: '{{dst}}'}}", client=get("/"), log_format=WHERE, up={"up": [ok()]})
scenario("object_http_dst_of_connection", chains="filter_chains: [{filters: [%s, the]}]" % of_connection(value(DST, UPSTREAM)), clusters=TO, routes="- {match: {prefix: /}, route: {cluster: '{{dst}}'}}", client=get("/"), log_format=WHERE, up={"up": [ok()]})
scenario("object_http_dst_header_too", filters="[%s]" % of_request(value(DST, UPSTREAM)), clusters={**TO, "dst": {"yaml": TO["dst"]["yaml"] + "\noriginal_dst_lb_config: {use_http_header: true}", "endpoints": False}}, routes="- {match: {prefix: /}, route: {cluster: '{{dst}}'}}",
         client=get("/", "x-envoy-original-dst-host: 127.0.0.1:1"), log_format=WHERE, up={"up": [ok()]})
