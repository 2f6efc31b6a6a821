"""Filter state: what network and HTTP filters set, when, and for how long."""
from harness.dsl import *

TYPES = "type.googleapis.com/envoy.extensions."
HTTP = TYPES + "filters.http.set_filter_state.v3.Config"
NETWORK = TYPES + "filters.network.set_filter_state.v3.Config"


def value(key, text, factory="envoy.string", more=""):
    return "{object_key: %s, factory_key: %s, format_string: {text_format_source: {inline_string: '%s'}}%s}" % (key, factory, text, ", " + more if more else "")


def config(kind, field, *values, more=""):
    return "{'@type': %s, %s: [%s]%s}" % (kind, field, ", ".join(values), more)


def of_request(*values, more="", name="state"):
    return "{name: %s, typed_config: %s}" % (name, config(HTTP, "on_request_headers", *values, more=more))


def of_connection(*values, field="on_new_connection"):
    return "{name: state, typed_config: %s}" % config(NETWORK, field, *values)


BACK = 'request_headers_to_add: [{header: {key: x-k, value: "%FILTER_STATE(k:PLAIN)%"}}]'
SAID = {"k": "%FILTER_STATE(k)%", "plain": "%FILTER_STATE(k:PLAIN)%", "code": "%RESPONSE_CODE%"}


def case(name, client, **kw):
    kw.setdefault("log_format", SAID)
    kw.setdefault("no_upstream", kw.get("route_config") != BACK)
    scenario("state_" + name, client=client, **kw)


# ---- of requests

def http(name, *filters, client=None, **kw):
    case("http_" + name, get("/") if client is None else client, filters="[%s]" % ", ".join(filters), **kw)


http("set", of_request(value("k", "hello")))
http("of_header", of_request(value("k", "%REQ(X-A)% %REQ(:PATH)% %PROTOCOL%")), client=get("/a?b", "x-a: one") + get("/c"))
http("upstream_sees", of_request(value("k", "hello")), route_config=BACK)
http("hashable", of_request(value("k", "v", "envoy.hashable_string")))
http("missing", of_request(value("k", "%REQ(X-A)%")))
http("skip_if_empty", of_request("{object_key: k, factory_key: envoy.string, skip_if_empty: true, format_string: {omit_empty_values: true, text_format_source: {inline_string: '%REQ(X-A)%'}}}"), client=get("/") + get("/", "x-a: one"))
http("twice", of_request(value("k", "one"), value("k", "%FILTER_STATE(k:PLAIN)% two")))
http("two_filters", of_request(value("k", "one")), of_request(value("k", "%FILTER_STATE(k:PLAIN)% two"), name="other"))
http("two_requests", of_request(value("k", "%REQ(X-A)%", more="skip_if_empty: true")), client=get("/", "x-a: one") + get("/"))
http("read_only", of_request(value("k", "one", more="read_only: true"), value("k", "two")))
http("read_only_twice", of_request(value("k", "one", more="read_only: true"), value("k", "two", more="read_only: true")))
http("read_only_later", of_request(value("k", "one"), value("k", "two", more="read_only: true")))
http("disabled", of_request(value("k", "one")), routes='- {match: {prefix: /on}, route: {cluster: "{{up}}"}}\n- {match: {prefix: /}, route: {cluster: "{{up}}"}, typed_per_filter_config: {state: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}}',
     client=get("/on") + get("/off"))
PICKS = ('- {match: {prefix: "/", filter_state: [{key: k, string_match: {exact: v}}]}, direct_response: {status: 201}}\n- {match: {prefix: "/", headers: [{name: x-k, string_match: {exact: v}}]}, direct_response: {status: 203}}\n'
         '- {match: {prefix: "/"}, direct_response: {status: 202}}')
http("route", of_request(value("k", "v"), more=", clear_route_cache: true"), routes=PICKS)
http("route_kept", of_request(value("k", "v")), routes=PICKS)
http("route_known_before", "{name: fault, typed_config: {'@type': %sfilters.http.fault.v3.HTTPFault}}" % TYPES, of_request(value("k", "v")), routes=PICKS)
http("route_cleared", "{name: fault, typed_config: {'@type': %sfilters.http.fault.v3.HTTPFault}}" % TYPES, of_request(value("k", "v"), more=", clear_route_cache: true"), routes=PICKS)
http("route_not_cleared_when_empty", "{name: fault, typed_config: {'@type': %sfilters.http.fault.v3.HTTPFault}}" % TYPES, of_request(more=", clear_route_cache: true"), of_request(value("k", "v"), name="other"), routes=PICKS)
PER = 'typed_per_filter_config: {state: %s}'


def per(*values, more=""):
    return PER % config('"%s"' % HTTP, "on_request_headers", *values, more=more)


def where(route="", vhost="", table="", weight=""):
    goes = 'route: {cluster: "{{up}}"}' if not weight else 'route: {weighted_clusters: {clusters: [{name: "{{up}}", weight: 1, %s}]}}' % weight
    return {"vhosts": '[{name: all, domains: ["*"], routes: [{match: {prefix: /}, %s%s}]%s}]' % (goes, ", " + route if route else "", ", " + vhost if vhost else ""), "route_config": "{" + table + "}"}


http("per_route", of_request(value("k", "all")), **where(per(value("k", "%FILTER_STATE(k:PLAIN)% route"))))
http("per_route_alone", of_request(), **where(per(value("k", "route"))))
http("per_vhost", of_request(value("k", "all")), **where(vhost=per(value("k", "%FILTER_STATE(k:PLAIN)% vhost"))))
http("per_table", of_request(value("k", "all")), **where(table=per(value("k", "%FILTER_STATE(k:PLAIN)% table"))))
http("per_everything", of_request(value("k", "all")), **where(*[per(value("k", "%FILTER_STATE(k:PLAIN)% " + w)) for w in ("route", "vhost", "table", "weight")]))
http("per_route_clears", "{name: fault, typed_config: {'@type': %sfilters.http.fault.v3.HTTPFault}}" % TYPES, of_request(value("k", "v")), routes=PICKS.replace("direct_response: {status: 202}", "direct_response: {status: 202}, " + per(value("j", "v"), more=", clear_route_cache: true")))
http("per_route_disabled_config", of_request(value("k", "all")), **where(PER % ('{"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true, config: %s}' % config('"%s"' % HTTP, "on_request_headers", value("k", "route")))))
http("per_route_in_config", of_request(value("k", "all")), **where(PER % ('{"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, config: %s}' % config('"%s"' % HTTP, "on_request_headers", value("k", "route")))))
BY_STATE = ('- {match: {prefix: "/", filter_state: [{key: k, string_match: {exact: v}}]}, route: {cluster: "{{up}}"}, %s}\n- {match: {prefix: "/"}, route: {cluster: "{{up}}"}, %s}'
            % tuple(per(value("k", "%FILTER_STATE(k:PLAIN)% " + w)) for w in ("second", "first")))
http("per_route_after_clear", of_request(value("k", "v"), more=", clear_route_cache: true"), routes=BY_STATE)
http("per_route_before_clear", of_request(value("k", "v")), routes=BY_STATE)
http("per_route_of_another_filter", of_request(value("k", "all")), **where(PER % ("{'@type': %sfilters.http.fault.v3.HTTPFault, abort: {http_status: 418, percentage: {numerator: 100}}}" % TYPES)))
http("per_route_for_another_filter", "{name: fault, typed_config: {'@type': %sfilters.http.fault.v3.HTTPFault}}" % TYPES, **where(per(value("k", "route")).replace("{state:", "{fault:")))
http("per_route_no_such_filter", **where(per(value("k", "route"))))
REDIRECTS = '- {match: {prefix: /b}, route: {cluster: "{{up}}"}}\n- {match: {prefix: /}, route: {cluster: "{{up}}", internal_redirect_policy: {}}}'
http("redirect", of_request(value("k", "%REQ(:PATH)% %FILTER_STATE(k:PLAIN)%")), up=[ok("", "location: http://h.example/b", status=302), ok()], routes=REDIRECTS, client=get("/a") + logged(2))
http("redirect_read_only", of_request(value("k", "%REQ(:PATH)%", more="read_only: true")), up=[ok("", "location: http://h.example/b", status=302), ok()], routes=REDIRECTS, client=get("/a") + logged(2))
http("set_by_connection_too", of_request(value("k", "request")), chains="filter_chains: [{filters: [%s, the]}]" % of_connection(value("k", "connection")), route_config=BACK)
http("reads_connection", of_request(value("k", "%FILTER_STATE(j:PLAIN)% request")), chains="filter_chains: [{filters: [%s, the]}]" % of_connection(value("j", "connection")), client=get("/") + get("/"))
http("local_reply", of_request(value("k", "hello")), routes='- {match: {prefix: /}, direct_response: {status: 404}}')
http("optional", of_request(value("k", "hello")).replace("name: state,", "name: state, is_optional: true,"))
http("disabled_in_chain", of_request(value("k", "hello")).replace("name: state,", "name: state, disabled: true,"), client=get("/on") + get("/off"),
     routes='- {match: {prefix: /on}, route: {cluster: "{{up}}"}, typed_per_filter_config: {state: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, config: {}}}}\n- {match: {prefix: /}, route: {cluster: "{{up}}"}}')

# ---- of connections

ECHO = Tcp(tunnel_echo())
ONE = send("x") + read_bytes(1) + half_close() + raw_all()


def tcp(name, *filters, client=ONE, **kw):
    kw.setdefault("up", {"up": ECHO})
    case("tcp_" + name, client, kind="tcp", chains="filter_chains: [{filters: [%s, the]}]" % ", ".join(filters), **kw)


def at(field, *values):
    return of_connection(*values, field=field)


DATA, SHAKE = "on_downstream_data", "on_downstream_tls_handshake"
tcp("read_only", at("on_new_connection", value("k", "one", more="read_only: true"), value("k", "two")))
tcp("read_only_later", at("on_new_connection", value("k", "one"), value("k", "two", more="read_only: true")))
tcp("read_only_other_filter", at("on_new_connection", value("k", "one", more="read_only: true")), at("on_new_connection", value("k", "two", more="read_only: true")))
BYTES = "%BYTES_RECEIVED%"
tcp("data", at(DATA, value("k", BYTES)))
tcp("data_every_time", at(DATA, value("k", "%FILTER_STATE(k:PLAIN)%x")), client=send("x") + read_bytes(1) + send("y") + read_bytes(1) + half_close() + raw_all())
tcp("data_none", at(DATA, value("k", "data")), client=new() + half_close() + raw_all())
tcp("data_and_connection", at("on_new_connection", value("k", "connection")), at(DATA, value("k", "%FILTER_STATE(k:PLAIN)% data")))
tcp("data_read_only", at(DATA, value("k", "one", more="read_only: true")), client=send("x") + read_bytes(1) + send("y") + read_bytes(1) + half_close() + raw_all())
TO_ONE = value("envoy.tcp_proxy.cluster", "{{one}}", "envoy.tcp_proxy.cluster")
TWO = {"up": Tcp(raw("u") + ended() + fin()), "one": Tcp(raw("1") + ended() + fin())}
tcp("data_names_cluster", at(DATA, TO_ONE), up=TWO)
tcp("data_names_cluster_in_time", at(DATA, TO_ONE), tcp="max_early_data_bytes: 100\nupstream_connect_mode: ON_DOWNSTREAM_DATA", up=TWO)
tcp("data_two_filters", at(DATA, value("k", "one")), at(DATA, value("k", "%FILTER_STATE(k:PLAIN)% two")))
tcp("shake_plain", at(SHAKE, value("k", "shaken")))
tcp("shake_plain_order", at(SHAKE, value("k", "%FILTER_STATE(k:PLAIN)% shake")), at("on_new_connection", value("k", "%FILTER_STATE(k:PLAIN)% new")))
TLS = "transport_socket: {name: tls, typed_config: {'@type': %stransport_sockets.tls.v3.DownstreamTlsContext, common_tls_context: {tls_certificates: [{certificate_chain: {filename: '{{certs}}/server.pem'}, private_key: {filename: '{{certs}}/server.key'}}]}}}" % TYPES
OVER_TLS = tls(sni="a.example") + send("x") + read_bytes(1) + half_close() + raw_all()


def shaken(name, *filters, client=OVER_TLS, **kw):
    kw.setdefault("up", {"up": ECHO})
    case("shake_" + name, client, kind=kw.pop("kind", "tcp"), chains="filter_chains: [{%s, filters: [%s, the]}]" % (TLS, ", ".join(filters)), certs=True, **kw)


FACTS = "%DOWNSTREAM_TLS_VERSION% %REQUESTED_SERVER_NAME%"
shaken("set", at(SHAKE, value("k", FACTS)))
shaken("connection", at("on_new_connection", value("k", FACTS)))
shaken("data", at(DATA, value("k", FACTS)))
shaken("all", at("on_new_connection", value("k", "new")), at(SHAKE, value("k", "%FILTER_STATE(k:PLAIN)% shake")), at(DATA, value("k", "%FILTER_STATE(k:PLAIN)% data")))
shaken("names_cluster", at(SHAKE, TO_ONE), up=TWO)
shaken("names_cluster_in_time", at(SHAKE, TO_ONE), tcp="max_early_data_bytes: 100\nupstream_connect_mode: ON_DOWNSTREAM_TLS_HANDSHAKE", up=TWO)
shaken("http", at(SHAKE, value("k", FACTS)), kind="http", up=[ok()], client=tls(sni="a.example") + get("/") + get("/") + close())
shaken("never", at(SHAKE, value("k", "shaken")), client=send("nonsense and more") + raw_all())


def at_http(name, *filters, client=None, **kw):
    case("managed_" + name, get("/") + get("/") if client is None else client, chains="filter_chains: [{filters: [%s, the]}]" % ", ".join(filters), **kw)


at_http("data", at(DATA, value("k", "data")), route_config=BACK)
at_http("data_every_time", at(DATA, value("k", "%FILTER_STATE(k:PLAIN)%x")))
at_http("data_route", at(DATA, value("k", "v")), routes=PICKS)
at_http("data_bad", at(DATA, value("k", "data")), client=send("nonsense\r\n\r\n") + raw_all())
case("echo_data", send("x") + read_bytes(1) + half_close() + raw_all(), kind="tcp", up={"up": ECHO}, listener="{access_log: [{name: l, typed_config: {'@type': %saccess_loggers.file.v3.FileAccessLog, path: '{{log}}', log_format: {json_format: {k: '%%FILTER_STATE(k)%%'}}}}]}" % TYPES,
     chains="filter_chains: [{filters: [%s, {name: e, typed_config: {'@type': %sfilters.network.echo.v3.Echo}}]}]" % (at(DATA, value("k", "data")), TYPES))
WHOLE = ("static_resources: {listeners: [{name: l, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [{name: h, typed_config: {'@type': %sfilters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: h, "
         "route_config: {virtual_hosts: [{name: v, domains: ['*'], routes: [{match: {prefix: /}, direct_response: {status: 200}%%s}]}]}, http_filters: [%%s, {name: r, typed_config: {'@type': %sfilters.http.router.v3.Router}}]}}]}]}]}" % (TYPES, TYPES))
for _name, _route, _filter in (("no_factory", "", of_request(value("k", "v", "nope"))), ("no_key", "", of_request("{factory_key: envoy.string, format_string: {text_format_source: {inline_string: a}}}")),
                               ("bad_format", "", of_request(value("k", "%NOPE%"))), ("of_route_bad", ", " + per(value("k", "%NOPE%")), of_request()), ("none", "", "{name: s, typed_config: {'@type': %s}}" % HTTP)):
    scenario("state_validate_" + _name, kind="validate", config=WHOLE % (_route, _filter))
