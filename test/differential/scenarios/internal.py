"""Internal listeners: connections from a cluster to a listener of the same process, without a socket; what is passed along, ends of
either side, what is refused."""
from harness.dsl import *

TYPES = "type.googleapis.com/envoy.extensions."
EXTENSION = 'bootstrap_extensions: [{name: internal, typed_config: {"@type": ' + TYPES + "bootstrap.internal_listener.v3.InternalListener}}]"
LOG = {"flags": "%RESPONSE_FLAGS%", "host": "%UPSTREAM_HOST%", "received": "%BYTES_RECEIVED%", "sent": "%BYTES_SENT%", "cluster": "%UPSTREAM_CLUSTER%", "why": "%DOWNSTREAM_LOCAL_CLOSE_REASON%",
       "failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%", "local": "%DOWNSTREAM_LOCAL_ADDRESS%", "remote": "%DOWNSTREAM_REMOTE_ADDRESS%", "bare": "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
       "direct": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%", "upstream": "%UPSTREAM_LOCAL_ADDRESS%"}
STATS = ["+re:^cluster\\.{{inner}}\\.upstream_(cx_(total|connect_fail|none|destroy_(local|remote)|rx_bytes_total|tx_bytes_total|http)|rq_(total|pending_failure|completed|active))", "+re:^listener\\.envoy_internal_{{name}}_in\\.(downstream_cx|no_filter)",
         "+re:^cluster\\.{{up}}\\.upstream_cx_(total|destroy_(local|remote))", "+re:^tcp\\.{{name}}_in\\."]
FEW = ["+re:^cluster\\.{{inner}}\\.upstream_(cx_(total|connect_fail|destroy_(local|remote))|rq_(total|pending_failure|completed))"]
HTTP_STATS = [STATS[0].replace("rx_bytes_total|", ""), *STATS[1:]]  # those bytes hold the digits of a time
ECHO = Tcp(tunnel_echo())
TALK = send("hello") + read_bytes(5) + half_close() + raw_all() + gone(1) + logged(2)
LEAVE = send("hello") + read_bytes(5) + close() + gone(1) + logged(2)



def endpoint(listener="{{name}}_in", more="", metadata=""):
    return f"""
load_assignment:
  endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{envoy_internal_address: {{server_listener_name: "{listener}"{more}}}}}}}{metadata}}}]}}]"""


def inner(filters, more="", name="{{name}}_in"):
    return f"""
- name: "{name}"
  internal_listener: {{}}
{more}
  filter_chains:
  - filters:
{filters}
"""


def tcp_filter(cluster="{{up}}", form=LOG):
    return f"""
    - name: tcp
      typed_config:
        "@type": {TYPES}filters.network.tcp_proxy.v3.TcpProxy
        stat_prefix: "{{{{name}}}}_in"
        cluster: "{cluster}"
        access_log: [{{name: log, typed_config: {{"@type": {TYPES}access_loggers.file.v3.FileAccessLog, path: "{{{{log}}}}", log_format: {{json_format: {form}}}}}}}]"""


def case(name, up=ECHO, client=TALK, listeners=None, cluster=None, **kw):
    kw.setdefault("log_format", LOG)
    kw.setdefault("stats", STATS)
    kw.setdefault("bootstrap", EXTENSION)
    kw.setdefault("tcp", 'cluster: "{{inner}}"')
    scenario("internal_" + name, kind=kw.pop("kind", "tcp"), up={"up": up}, client=client, listeners=inner(tcp_filter()) if listeners is None else listeners,
             clusters={"inner": {"yaml": endpoint() if cluster is None else cluster}, "up": {}, **kw.pop("clusters", {})}, unordered_log=True, **kw)


case("tcp")
case("tcp_client_leaves", client=LEAVE)
case("endpoint_id", cluster=endpoint(more=", endpoint_id: id-1"), client=LEAVE)
case("large", client=send("x" * 300000) + read_bytes(300000) + close() + gone(1) + logged(2))
case("unknown_listener", cluster=endpoint("nope"), client=new() + raw_all() + logged(1))
case("client_resets", client=send("hello") + read_bytes(5) + reset() + gone(1) + logged(2))
case("upstream_resets", up=Tcp(expect(b"hello") + rst()), client=send("hello") + raw_all() + logged(2))
case("upstream_closes", up=Tcp(expect(b"hello") + raw("bye") + fin()), client=send("hello") + raw_all() + logged(2))
case("upstream_half_closes", up=Tcp(expect(b"hello") + raw("bye") + half() + hold()), client=send("hello") + read_bytes(3) + send("more") + half_close() + raw_all() + gone(1) + logged(2))
case("two_clients", client=send("hello") + read_bytes(5) + send("again", c="d") + read_bytes(5, c="d") + close() + close("d") + gone(2) + logged(4))

# HTTP, and a tunnel to it.
HCM = """
    - name: hcm
      typed_config:
        "@type": TYPESfilters.network.http_connection_manager.v3.HttpConnectionManager
        stat_prefix: "{{name}}_in"
        OPTIONS
        http_filters: [{name: router, typed_config: {"@type": TYPESfilters.http.router.v3.Router}}]
        access_log: [{name: log, typed_config: {"@type": TYPESaccess_loggers.file.v3.FileAccessLog, path: "{{log}}", log_format: {json_format: FORM}}}]
        route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: [ROUTE]}]}""".replace("TYPES", TYPES).replace("FORM", str({**LOG, "path": "%REQ(:PATH)%", "code": "%RESPONSE_CODE%"}))
HTTP = HCM.replace("OPTIONS", "").replace("ROUTE", '{match: {prefix: /}, route: {cluster: "{{up}}"}}')
CONNECT = HCM.replace("OPTIONS", "upgrade_configs: [{upgrade_type: CONNECT}]\n        http2_protocol_options: {allow_connect: true}").replace(
    "ROUTE", '{match: {connect_matcher: {}}, route: {cluster: "{{up}}", upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}}')
H2_OPTIONS = """
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config: {http2_protocol_options: {}}
"""
ROUTES = '- {match: {prefix: /}, route: {cluster: "{{inner}}"}}'
case("http", stats=HTTP_STATS, kind="http", up=[ok("one"), ok("two")], routes=ROUTES, listeners=inner(HTTP), client=get("/a") + get("/b") + close() + logged(4))
case("http_body", stats=HTTP_STATS, kind="http", up=[ok("x" * 100000)], routes=ROUTES, listeners=inner(HTTP), client=req("/a", method="POST", body="y" * 100000) + close() + logged(2))
case("http_unknown_listener", stats=FEW, kind="http", up=[ok()], routes=ROUTES, cluster=endpoint("nope"), listeners=inner(HTTP), client=get("/a") + logged(1))
case("http_closes", stats=HTTP_STATS, kind="http", up=[ok("one", "connection: close")], routes=ROUTES, listeners=inner(HTTP), client=get("/a") + get("/b") + close() + logged(4))
case("tunnel", stats=FEW, tcp='cluster: "{{inner}}"\ntunneling_config: {hostname: "a:1"}', cluster=endpoint() + H2_OPTIONS, listeners=inner(CONNECT), client=LEAVE)
case("tunnel_large", stats=[], tcp='cluster: "{{inner}}"\ntunneling_config: {hostname: "a:1"}', cluster=endpoint() + H2_OPTIONS, listeners=inner(CONNECT),
     client=send("x" * 300000) + read_bytes(300000) + close() + gone(1) + logged(2))
case("no_chain", listeners=inner(tcp_filter()).replace("- filters:", "- filter_chain_match: {destination_port: 1}\n    filters:"), client=new() + raw_all() + logged(1), stats=[])
case("small_buffer", bootstrap=EXTENSION.replace("InternalListener}", "InternalListener, buffer_size_kb: 1}"), own=True, client=send("x" * 300000) + read_bytes(300000) + close() + gone(1) + logged(2))
case("admin", client=LEAVE + admin("/clusters", keep="inner::envoy.*(cx_total|rq_total|hostname)") + admin("/listeners", keep="_in") + admin("/listeners?format=json") + admin("/clusters?format=json", keep="internal_address|listener_name|endpoint_id"), cluster=endpoint(more=", endpoint_id: id"), own=True, stats=[])
case("stat_prefix", listeners=inner(tcp_filter(), more="  stat_prefix: other"), client=LEAVE, stats=["+re:^listener\\.other\\.downstream_cx_total"])

# What goes along.
SOCKET = """
transport_socket:
  name: internal
  typed_config:
    "@type": TYPEStransport_sockets.internal_upstream.v3.InternalUpstreamTransport
    passthrough_metadata: [SOURCES]
    transport_socket: {name: raw, typed_config: {"@type": TYPEStransport_sockets.raw_buffer.v3.RawBuffer}}
""".replace("TYPES", TYPES)
OF_HOST, OF_CLUSTER = "{kind: {host: {}}, name: NAME}", "{kind: {cluster: {}}, name: NAME}"
SEEN = {"a": "%DYNAMIC_METADATA(a)%", "b": "%DYNAMIC_METADATA(b)%", "c": "%DYNAMIC_METADATA(a:x)%", "local": "%DOWNSTREAM_LOCAL_ADDRESS%", "host": "%UPSTREAM_HOST%", "cluster": "%UPSTREAM_CLUSTER%", "flags": "%RESPONSE_FLAGS%"}


def host(metadata):
    return ", metadata: {filter_metadata: {" + metadata + "}}"


def passed(name, sources, metadata="", more="", listeners=None, client=LEAVE, **kw):
    case("passed_" + name, cluster=endpoint(metadata=host(metadata)) + (SOCKET.replace("SOURCES", sources) if sources is not None else "") + more, client=client, log_format=SEEN, stats=[],
         listeners=listeners or inner(tcp_filter(form=SEEN)), **kw)


def of(form, *names):
    return ", ".join(form.replace("NAME", n) for n in names)


passed("host", of(OF_HOST, "a"), "a: {x: 1, y: [1, {z: s}]}, b: {x: 2}")
passed("two_of_host", of(OF_HOST, "a", "b", "none"), "a: {x: 1}, b: {x: 2}")
passed("cluster", of(OF_CLUSTER, "a"), more="\nmetadata: {filter_metadata: {a: {x: 1}, b: {x: 2}}}")
passed("host_and_cluster", of(OF_CLUSTER, "a") + ", " + of(OF_HOST, "a"), "a: {x: 1, y: 1}", more="\nmetadata: {filter_metadata: {a: {x: 2, z: 2}}}")
passed("cluster_and_host", of(OF_HOST, "a") + ", " + of(OF_CLUSTER, "a"), "a: {x: 1, y: 1}", more="\nmetadata: {filter_metadata: {a: {x: 2, z: 2}}}")
passed("nothing", "", "a: {x: 1}")
passed("without_socket", None, "a: {x: 1}")
DST = "envoy.filters.listener.original_dst"
RESTORES = '  listener_filters: [{name: o, typed_config: {"@type": ' + TYPES + "filters.listener.original_dst.v3.OriginalDst}}]"
TO = {"dst": {"yaml": "type: ORIGINAL_DST\nlb_policy: CLUSTER_PROVIDED", "endpoints": False}}


def to(more):
    return {"dst": {"yaml": "type: ORIGINAL_DST\nlb_policy: CLUSTER_PROVIDED\noriginal_dst_lb_config: {" + more + "}", "endpoints": False}}


def destined(name, metadata, clusters=TO, target="{{dst}}", more=RESTORES, client=LEAVE, listeners=None):
    passed("destination_" + name, of(OF_HOST, DST), DST + ": {" + metadata + "}", listeners=listeners or inner(tcp_filter(target, SEEN), more=more), clusters=clusters, client=client)


UP = 'local: "127.0.0.1:{{up.port}}"'
KEY = "metadata_key: {key: " + DST + ", path: [{key: waypoint}]}"
LOST = new() + raw_all() + logged(2)
destined("goes_on", UP)
destined("without_filter", UP, more="", client=LOST)
destined("nonsense", "local: nonsense", client=LOST)
destined("number", "local: 5", client=LOST)
destined("port_override", 'local: "127.0.0.1:1"', clusters=to("upstream_port_override: {{up.port}}"))
destined("metadata_key", 'local: "127.0.0.1:1", waypoint: "127.0.0.1:{{up.port}}"', clusters=to(KEY))
destined("metadata_key_alone", 'waypoint: "127.0.0.1:{{up.port}}"', clusters=to(KEY), more="")
destined("metadata_key_absent", UP, clusters=to(KEY))
destined("metadata_key_nonsense", UP + ", waypoint: nonsense", clusters=to(KEY))
destined("metadata_key_number", UP + ", waypoint: 5", clusters=to(KEY))
destined("metadata_key_port_override", 'waypoint: "127.0.0.1:1"', clusters=to(KEY + ", upstream_port_override: {{up.port}}"))
destined("chain", UP, listeners=inner(tcp_filter("{{up}}", SEEN), more=RESTORES).replace("- filters:", "- filter_chain_match: {destination_port: {{up.port}}, prefix_ranges: [{address_prefix: 127.0.0.1, prefix_len: 32}]}\n    filters:"), clusters={})

# What is refused before it runs.
LISTENER = """
  - name: in
    internal_listener: {}
    filter_chains: [{filters: [{name: t, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: c}}]}]
"""
ADDRESS = "address: {socket_address: {address: 127.0.0.1, port_value: 0}}"
CLUSTER = "  - name: c\n    load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: {address: {envoy_internal_address: {ADDRESS}}}}]}]}\n"
for _name, (_extension, _listener, _address) in {
        "good": (EXTENSION, LISTENER, "server_listener_name: in"), "no_extension": ("", LISTENER, "server_listener_name: in"), "no_extension_no_listener": ("", "", "server_listener_name: in"),
        "with_address": (EXTENSION, LISTENER.replace("internal_listener: {}", "internal_listener: {}\n    " + ADDRESS), "server_listener_name: in"),
        "without_name": (EXTENSION, LISTENER.replace("- name: in\n    internal", "- internal"), "server_listener_name: in"),
        "no_target": (EXTENSION, LISTENER, "endpoint_id: x"), "no_such_target": (EXTENSION, LISTENER, "server_listener_name: other"),
        "buffer_0": (EXTENSION.replace("InternalListener}", "InternalListener, buffer_size_kb: 0}"), LISTENER, "server_listener_name: in"),
        "buffer_large": (EXTENSION.replace("InternalListener}", "InternalListener, buffer_size_kb: 8193}"), LISTENER, "server_listener_name: in"),
        "transparent": (EXTENSION, LISTENER + "    transparent: true\n", "server_listener_name: in"), "freebind": (EXTENSION, LISTENER + "    freebind: true\n", "server_listener_name: in"),
        "backlog": (EXTENSION, LISTENER + "    tcp_backlog_size: 5\n", "server_listener_name: in"), "keepalive": (EXTENSION, LISTENER + "    tcp_keepalive: {}\n", "server_listener_name: in"),
        "reuse_port": (EXTENSION, LISTENER + "    enable_reuse_port: false\n", "server_listener_name: in"), "fast_open": (EXTENSION, LISTENER + "    tcp_fast_open_queue_length: 5\n", "server_listener_name: in"),
        "balance": (EXTENSION, LISTENER + "    connection_balance_config: {exact_balance: {}}\n", "server_listener_name: in"), "mptcp": (EXTENSION, LISTENER + "    enable_mptcp: true\n", "server_listener_name: in"),
        "socket_options": (EXTENSION, LISTENER + "    socket_options: [{level: 1, name: 9, int_value: 1}]\n", "server_listener_name: in"),
        "more_addresses": (EXTENSION, LISTENER + "    additional_addresses: [{address: {socket_address: {address: 127.0.0.1, port_value: 0}}}]\n", "server_listener_name: in"),
        "no_bind": (EXTENSION, LISTENER + "    bind_to_port: false\n", "server_listener_name: in"), "typed_struct": (EXTENSION.replace(
            '"@type": ' + TYPES + "bootstrap.internal_listener.v3.InternalListener", '"@type": type.googleapis.com/udpa.type.v1.TypedStruct, type_url: ' + TYPES + "bootstrap.internal_listener.v3.InternalListener, value: {buffer_size_kb: 64}"),
            LISTENER, "server_listener_name: in"),
        "listener_at_internal_address": (EXTENSION, LISTENER.replace("internal_listener: {}", "address: {envoy_internal_address: {server_listener_name: x}}"), "server_listener_name: in")}.items():
    scenario("internal_validate_" + _name, kind="validate", config=_extension + "\nstatic_resources:\n" + ("  listeners:" + _listener if _listener else "") + "  clusters:\n" + CLUSTER.replace("ADDRESS", _address))
