"""tcp_proxy through HTTP (tunneling_config): CONNECT and POST over both protocols, what is added and kept, refusals, attempts,
ends of either side."""
from harness.dsl import *
from harness.h2 import *

LOG = {"type": "%ACCESS_LOG_TYPE%", "flags": "%RESPONSE_FLAGS%", "code": "%RESPONSE_CODE%", "details": "%RESPONSE_CODE_DETAILS%", "host": "%UPSTREAM_HOST%", "received": "%BYTES_RECEIVED%",
       "sent": "%BYTES_SENT%", "cluster": "%UPSTREAM_CLUSTER%", "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "why": "%DOWNSTREAM_LOCAL_CLOSE_REASON%", "failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
       "wire": "%DOWNSTREAM_WIRE_BYTES_RECEIVED% %DOWNSTREAM_WIRE_BYTES_SENT% %UPSTREAM_WIRE_BYTES_SENT% %UPSTREAM_WIRE_BYTES_RECEIVED%"}
BRIEF = {k: v for k, v in LOG.items() if k != "wire"}
STATS = ["+re:^tcp\\.{{name}}\\.(downstream_cx_(rx|tx)|idle|max|early)",
         "+re:^cluster\\.{{up}}\\.upstream_(cx_(connect_fail|connect_attempts|total|rx_bytes_total|tx_bytes_total|destroy_(local|remote)|close_notify|protocol)|rq_(total|active|completed|tx|rx|pending_(overflow|failure)|cancel))"]
HOST = "tunneling_config: {hostname: 'target.example:443'}"
OPEN = raw("HTTP/1.1 200 OK\r\n\r\n")
TALK = send("hello") + read_bytes(5) + half_close() + raw_all() + gone(1) + logged(1)
LEAVE = send("hello") + read_bytes(5) + close() + gone(1) + logged(1)


def with_tunnel(more):
    return HOST[:-1] + ", " + more + "}"


def case(name, tcp=HOST, up=None, client=TALK, **kw):
    kw.setdefault("log_format", LOG)
    kw.setdefault("stats", STATS)
    scenario("tunnel_" + name, kind="tcp", tcp=tcp, up=[OPEN + tunnel_echo()] if up is None else up, client=client, **kw)


ANY_END = (r"^(FIN|RST)$", "<ended>")  # of the upstream: by RST when something of its is unread

# What is asked.
case("h1")
case("h1_client_leaves", client=LEAVE)
case("h1_large", client=send("x" * 300000) + read_bytes(300000) + close() + gone(1) + logged(1))
case("h1_headers", with_tunnel("headers_to_add: [{header: {key: x-a, value: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%'}}, {header: {key: x-A, value: more}}, {header: {key: baggage, value: k=v}, "
                                "append_action: OVERWRITE_IF_EXISTS_OR_ADD}, {header: {key: x-empty, value: ''}}, {header: {key: x-keep, value: ''}, keep_empty_value: true}, {header: {key: x-none, value: "
                                "'%FILTER_STATE(none:PLAIN)%'}}, {header: {key: x-cluster, value: '%UPSTREAM_CLUSTER%'}}, {header: {key: x-host, value: '%UPSTREAM_HOST%'}}]"), mask=[(r"127\.0\.0\.1:\d+", "<host>")])
case("h1_host_header", with_tunnel("headers_to_add: [{header: {key: proxy-authorization, value: Basic eA==}, append_action: ADD_IF_ABSENT}]"))
case("h1_hostname_format", "tunneling_config: {hostname: '%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%:77'}")
case("h1_hostname_without_value", "tunneling_config: {hostname: '%REQUESTED_SERVER_NAME%'}")
case("h1_hostname_with_dynamic_metadata", "tunneling_config: {hostname: 'x%DYNAMIC_METADATA(a:b)%:1'}")
case("h1_post", with_tunnel("use_post: true"), up=[early() + raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n") + expect(b"5\r\nhello\r\n0\r\n\r\n") + raw("0\r\n\r\n") + hold()], mask=[ANY_END])
case("h1_post_path", with_tunnel("use_post: true, post_path: '/a?b'"), up=[early() + raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n") + expect(b"5\r\nhello\r\n0\r\n\r\n") + raw("0\r\n\r\n") + hold()], mask=[ANY_END])
case("h1_qualified", clusters={"up": {"yaml": """
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config: {http_protocol_options: {header_key_format: {proper_case_words: {}}}}
"""}})

# What is answered.
for _status in (201, 204, 299):
    case(f"h1_status_{_status}", up=[raw(f"HTTP/1.1 {_status} X\r\n\r\n") + tunnel_echo()])
for _status in (301, 403, 500):
    case(f"h1_status_{_status}", up=[ok("no", status=_status)], client=new() + raw_all() + logged(1))
case("h1_100_first", up=[raw("HTTP/1.1 100 Continue\r\n\r\n") + OPEN + tunnel_echo()])
case("h1_103_first", up=[raw("HTTP/1.1 103 Early\r\nlink: x\r\n\r\n") + OPEN + tunnel_echo()])
case("h1_101", up=[raw("HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n") + tunnel_echo()], client=new() + raw_all() + logged(1))
case("h1_length_with_200", up=[raw("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") + tunnel_echo()])
case("h1_close_with_200", up=[raw("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n") + tunnel_echo()])
case("h1_data_with_answer", up=[raw("HTTP/1.1 200 OK\r\n\r\ngreeting") + tunnel_echo()], client=read_bytes(8) + LEAVE)
case("h1_garbage", up=[raw("garbage\r\n\r\n") + hold()], client=new() + raw_all() + logged(1))
case("h1_closes_instead", up=[fin()], client=new() + raw_all() + logged(1))
case("h1_resets_instead", up=[rst()], client=new() + raw_all() + logged(1))
case("h1_refuses", up=REFUSE, client=new() + raw_all() + logged(1))
case("h1_refused_connection_close", up=[raw("HTTP/1.1 403 No\r\nconnection: close\r\ncontent-length: 0\r\n\r\n") + fin()], client=new() + raw_all() + logged(1))

# Attempts.
TRIES = HOST + "\nmax_connect_attempts: 3"
case("h1_refused_thrice", TRIES, up=[ok("no", status=503)], client=new() + raw_all() + logged(1))
case("h1_refused_once", TRIES, up=[ok("no", status=503), OPEN + tunnel_echo()], client=LEAVE)
case("h1_closed_once", TRIES, up=[fin(), OPEN + tunnel_echo()], client=LEAVE)
case("h1_backoff", TRIES + "\nbackoff_options: {base_interval: 0.05s}", up=[ok("no", status=503), OPEN + tunnel_echo()], client=LEAVE)
case("h1_refuses_thrice", TRIES, up=REFUSE, client=new() + raw_all() + logged(1))
case("h1_connect_timeout", up=BLACKHOLE, clusters={"up": {"yaml": "connect_timeout: 0.2s"}}, client=new() + raw_all() + logged(1))
case("h1_no_host", clusters={"up": {}}, up={"x": [ok()]}, client=new() + raw_all() + logged(1), stats=[])
case("h1_overflow", clusters={"up": {"yaml": "circuit_breakers: {thresholds: [{max_connections: 0, max_pending_requests: 0}]}"}}, client=new() + raw_all() + logged(1))
case("h1_requests_overflow", clusters={"up": {"yaml": "circuit_breakers: {thresholds: [{max_requests: 0}]}"}}, client=new() + raw_all() + logged(1))

# Ends.
case("h1_client_ends_before_answer", up=[until("go") + OPEN + tunnel_echo()], client=send("hello") + half_close() + seen(1) + signal("go") + raw_all() + logged(1))
case("h1_idle_before_answer", HOST + "\nidle_timeout: 0.2s", up=[hold()], client=new() + raw_all() + gone(1) + logged(1))
case("h1_idle", HOST + "\nidle_timeout: 0.2s", client=send("hello") + read_bytes(5) + raw_all() + gone(1) + logged(1))
case("h1_max_duration", HOST + "\nmax_downstream_connection_duration: 0.2s", client=send("hello") + read_bytes(5) + raw_all() + gone(1) + logged(1))
case("h1_client_resets", client=send("hello") + read_bytes(5) + reset() + gone(1) + logged(1))
case("h1_upstream_closes", up=[OPEN + expect(b"hello") + raw("bye") + fin()], client=send("hello") + raw_all() + logged(1))
case("h1_upstream_resets", up=[OPEN + expect(b"hello") + rst()], client=send("hello") + raw_all() + logged(1))
case("h1_upstream_half_closes", up=[OPEN + expect(b"hello") + raw("bye") + half() + hold()], client=send("hello") + read_bytes(3) + raw_all() + gone(1) + logged(1))
case("h1_client_half_closes", up=[OPEN + expect(b"hello") + ended() + raw("bye") + fin()], client=send("hello") + half_close() + raw_all() + logged(1))
case("h1_early_data", HOST + "\nmax_early_data_bytes: 100", client=LEAVE)
case("h1_on_data", HOST + "\nmax_early_data_bytes: 100\nupstream_connect_mode: ON_DOWNSTREAM_DATA", client=LEAVE)
case("h1_log_on_connected", HOST + "\naccess_log_options: {flush_access_log_on_connected: true, flush_access_log_on_start: true}", client=LEAVE, log_format=BRIEF)
case("h1_two_clients", client=send("hello") + read_bytes(5) + send("again", c="d") + read_bytes(5, c="d") + close() + close("d") + gone(2) + logged(2))

# An id of the request.
UUID = "request_id_extension: {typed_config: {'@type': type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig}}"
TOLD = {"id": "%DYNAMIC_METADATA(envoy.filters.network.tcp_proxy:tunnel_request_id)%", "mine": "%DYNAMIC_METADATA(envoy.filters.network.tcp_proxy:mine)%", "all": "%DYNAMIC_METADATA(envoy.filters.network.tcp_proxy)%", "flags": "%RESPONSE_FLAGS%"}


def identified(name, more, client=LEAVE, **kw):
    case("id_" + name, with_tunnel(more), client=client, log_format=TOLD, stats=[], **kw)


identified("none", "propagate_response_headers: false")
identified("uuid", UUID)
identified("empty", "request_id_extension: {}")
identified("header", UUID + ", request_id_header: X-Mine")
identified("metadata_key", UUID + ", request_id_metadata_key: mine")
identified("header_and_key", UUID + ", request_id_header: x-mine, request_id_metadata_key: mine")
identified("header_without_extension", "request_id_header: x-mine, request_id_metadata_key: mine")
identified("added_headers", UUID + ", headers_to_add: [{header: {key: x-a, value: '1'}}, {header: {key: x-b, value: '%DYNAMIC_METADATA(envoy.filters.network.tcp_proxy:tunnel_request_id)%'}}]")
identified("added_by_config_too", UUID + ", headers_to_add: [{header: {key: x-request-id, value: mine}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}]")
identified("added_by_config_too_if_absent", UUID + ", headers_to_add: [{header: {key: x-request-id, value: mine}, append_action: ADD_IF_ABSENT}]")
identified("post", UUID + ", use_post: true", up=[early() + raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n") + hold()], client=send("hello") + read_bytes(5) + close() + logged(1), no_upstream=True)
case("id_new_for_each_attempt", with_tunnel(UUID) + "\nmax_connect_attempts: 2", up=[ok("no", status=503), OPEN + tunnel_echo()], client=LEAVE, log_format={**TOLD, "id": "%DYNAMIC_METADATA(envoy.filters.network.tcp_proxy:tunnel_request_id)%"}, stats=[])
REQ_FORMAT = "formatters: [{name: f, typed_config: {'@type': type.googleapis.com/envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery}}]"
case("formatters", with_tunnel(REQ_FORMAT + ", headers_to_add: [{header: {key: x-a, value: 'a%REQ_WITHOUT_QUERY(:PATH)%b'}}]"), client=LEAVE, stats=[])
case("formatters_metadata", with_tunnel("formatters: [{name: f, typed_config: {'@type': type.googleapis.com/envoy.extensions.formatter.metadata.v3.Metadata}}], headers_to_add: [{header: {key: x-a, value: 'a%METADATA(LISTENER:a:b)%b'}}]"),
     client=LEAVE, stats=[], listener="{metadata: {filter_metadata: {a: {b: c}}}}")

# Kept for filters, routes and logs behind.
KEPT = {"headers": "%FILTER_STATE(envoy.tcp_proxy.propagate_response_headers)%", "plain": "%FILTER_STATE(envoy.tcp_proxy.propagate_response_headers:PLAIN)%",
        "trailers": "%FILTER_STATE(envoy.tcp_proxy.propagate_response_trailers)%", "field": "%FILTER_STATE(envoy.tcp_proxy.propagate_response_headers:FIELD:x-a)%"}
ANSWER = [raw("HTTP/1.1 200 OK\r\nx-a: 1\r\nX-B: two\r\nx-a: 3\r\n\r\n") + tunnel_echo()]
case("h1_response_headers", with_tunnel("propagate_response_headers: true"), up=ANSWER, client=LEAVE, log_format=KEPT, stats=[])
case("h1_response_headers_not_kept", up=ANSWER, client=LEAVE, log_format=KEPT, stats=[])
case("h1_response_headers_of_refusal", with_tunnel("propagate_response_headers: true"), up=[ok("no", "x-a: 1", status=403)], client=new() + raw_all() + logged(1), log_format=KEPT, stats=[])

# The same over HTTP/2.
HEAD = HEADERS(S, block((":status", "200")), False)


def over_h2(name, up=None, client=TALK, tcp=HOST, options="", **kw):
    up = up if up is not None else [early() + h2_frames(HEAD) + h2_echo()]
    kw.setdefault("clusters", {"up": {"h2": options}})
    kw.setdefault("log_format", BRIEF)
    case("h2_" + name, tcp, H2(up) if isinstance(up, list) else up, client, **kw)


END = pause(0.05) + logged(1)
LEAVE2 = send("hello") + read_bytes(5) + close() + logged(1)
over_h2("plain", client=send("hello") + read_bytes(5) + half_close() + raw_all() + logged(1))
over_h2("client_leaves", client=LEAVE2)
over_h2("more_than_a_frame", client=send("x" * 10000) + read_bytes(10000) + send("y" * 10000) + read_bytes(10000) + close() + logged(1))
over_h2("headers", client=LEAVE2, tcp=with_tunnel("headers_to_add: [{header: {key: x-a, value: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%'}}, {header: {key: baggage, value: k=v}}]"))
over_h2("post", client=send("hello") + read_bytes(5) + half_close() + raw_all() + logged(1), tcp=with_tunnel("use_post: true"))
over_h2("post_path", client=send("hello") + read_bytes(5) + half_close() + raw_all() + logged(1), tcp=with_tunnel("use_post: true, post_path: /p"))
over_h2("refused", [early() + h2_ok("no", status=403)], client=new() + raw_all() + logged(1))
over_h2("refused_thrice", [early() + h2_ok("no", status=503)], client=new() + raw_all() + logged(1), tcp=TRIES)
over_h2("refused_once", [early() + h2_ok("no", status=503), early() + h2_frames(HEAD) + h2_echo()], client=LEAVE2, tcp=TRIES)
over_h2("status_204", [early() + h2_frames(HEADERS(S, block((":status", "204")), False)) + h2_echo()], client=LEAVE2)
over_h2("reset", [early() + h2_frames(RST(S, "REFUSED_STREAM"))], client=new() + raw_all() + logged(1))
over_h2("reset_connect_error", [early() + h2_frames(RST(S, "CONNECT_ERROR"))], client=new() + raw_all() + logged(1))
over_h2("ends_with_answer", [early() + h2_frames(HEADERS(S, block((":status", "200")), True))], client=send("hello") + raw_all() + logged(1))
over_h2("reset_later", [early() + h2_frames(HEAD, DATA(S, "abc")) + until("go") + h2_frames(RST(S, "CANCEL"))], client=read_bytes(3) + signal("go") + raw_all() + logged(1))
over_h2("upstream_ends", [early() + h2_frames(HEAD, DATA(S, "bye", True)) + h2_wait_end()], client=send("hello") + raw_all() + logged(1))
over_h2("upstream_ends_client_goes_on", [early() + h2_frames(HEAD, DATA(S, "bye", True)) + h2_wait_end()], client=read_bytes(3) + send("more") + half_close() + raw_all() + logged(1), stats=[])
over_h2("client_half_closes", [early() + h2_frames(HEAD) + h2_wait_end() + h2_frames(DATA(S, "bye", True))], client=send("hello") + half_close() + raw_all() + logged(1), stats=[])
over_h2("client_resets", client=send("hello") + read_bytes(5) + reset() + logged(1))
over_h2("connection_closed", [early() + h2_frames(HEAD, DATA(S, "abc")) + until("go") + fin()], client=read_bytes(3) + signal("go") + raw_all() + logged(1))
over_h2("goaway", [early() + h2_frames(HEAD, DATA(S, "abc"), GOAWAY(1)) + h2_echo()], client=read_bytes(3) + LEAVE2)
over_h2("trailers", [early() + h2_frames(HEADERS(S, block((":status", "200"), "x-a: 1"), False), DATA(S, "bye"), HEADERS(S, block("x-t: 1", "x-u: 2"), True)) + h2_wait_end()], client=read_bytes(3) + half_close() + raw_all() + logged(1),
   tcp=with_tunnel("propagate_response_headers: true, propagate_response_trailers: true"), log_format=KEPT, stats=[])
over_h2("shared", client=send("hello") + read_bytes(5) + send("again", c="d") + read_bytes(5, c="d") + close() + close("d") + logged(2))
over_h2("idle", client=send("hello") + read_bytes(5) + raw_all() + logged(1), tcp=HOST + "\nidle_timeout: 0.2s")
over_h2("no_preface", up=REFUSE, client=new() + raw_all() + logged(1))
over_h2("streams_at_once", client=send("hello") + read_bytes(5) + send("again", c="d") + read_bytes(5, c="d") + close() + close("d") + logged(2), options="max_concurrent_streams: 1")

# What is refused before it runs.
for _name, _text in {"no_hostname": "tunneling_config: {}", "post_path_alone": "tunneling_config: {hostname: 'a:1', post_path: /x}", "bad_hostname": "tunneling_config: {hostname: '%NOPE%'}",
                     "bad_header_value": "tunneling_config: {hostname: 'a:1', headers_to_add: [{header: {key: x, value: '%NOPE%'}}]}", "host_header": "tunneling_config: {hostname: 'a:1', headers_to_add: [{header: {key: host, value: x}}]}",
                     "pseudo_header": "tunneling_config: {hostname: 'a:1', headers_to_add: [{header: {key: ':path', value: x}}]}", "no_header": "tunneling_config: {hostname: 'a:1', headers_to_add: [{}]}",
                     "request_id_unknown": "tunneling_config: {hostname: 'a:1', request_id_extension: {typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}}", "request_id_empty": "tunneling_config: {hostname: 'a:1', request_id_extension: {}}", "req_without_query": "tunneling_config: {hostname: 'a:1', headers_to_add: [{header: {key: x, value: '%REQ_WITHOUT_QUERY(x)%'}}]}",
                     "bad_header_key": "tunneling_config: {hostname: 'a:1', headers_to_add: [{header: {key: \"a\\nb\", value: x}}]}"}.items():
    scenario("tunnel_validate_" + _name, kind="validate", config="""
static_resources:
  listeners:
  - name: l
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: t
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: t
          cluster: c
          """ + _text.replace("\n", "\n          ") + """
  clusters: [{name: c}]
""")
