"""The filter cors: preflights, what responses tell browsers, and whose policy of several counts."""
from harness.dsl import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http.cors.v3."
STATS = [f"http.{{{{name}}}}.cors.{n}" for n in ("origin_valid", "origin_invalid")]
FILTER = f"- {{name: envoy.filters.http.cors, typed_config: {{'@type': {TYPE}Cors}}}}"
ALL = "allow_methods: 'GET, PUT', allow_headers: 'x-a, x-b', expose_headers: 'x-c', max_age: '600', allow_credentials: true"
MINE = "allow_origin_string_match: [{exact: 'https://a.example'}, {suffix: .b.example}]"


def per_filter(policy):
    return f"typed_per_filter_config: {{envoy.filters.http.cors: {{'@type': {TYPE}CorsPolicy, {policy}}}}}" if policy else ""


def config(route="", vhost="", rc="", action='route: {cluster: "{{up}}"}'):
    return dict(route_config=per_filter(rc), vhosts=f"""
- name: all
  domains: ["*"]
  {per_filter(vhost)}
  routes:
  - match: {{prefix: /}}
    {action}
    {per_filter(route)}
""")


def preflight(origin="https://a.example", *more, asked="PUT"):
    headers = [f"origin: {origin}"] if origin is not None else []
    headers += [f"access-control-request-method: {asked}"] if asked else []
    return get("/p", *headers, *more, method="OPTIONS")


def case(name, client, filters=FILTER, up=None, **kw):
    scenario("cors_" + name, filters=filters, stats=STATS, client=client, up=up or [ok("ok", "x-c: 1")], **kw)


def actual(origin="https://a.example", **kw):
    return get("/p", f"origin: {origin}", **kw)


case("no_policy", preflight() + actual(), **config())
case("preflight", preflight(), **config(f"{MINE}, {ALL}"))
case("preflight_bare", preflight(), **config(MINE))
case("preflight_suffix", preflight("https://x.b.example"), **config(f"{MINE}, {ALL}"))
case("preflight_other_origin", preflight("https://c.example"), **config(f"{MINE}, {ALL}"))
case("preflight_other_origin_not_forwarded", preflight("https://c.example"), **config(f"{MINE}, {ALL}, forward_not_matching_preflights: false"))
case("preflight_not_forwarded_match", preflight(), **config(f"{MINE}, {ALL}, forward_not_matching_preflights: false"))
case("preflight_without_method", preflight(asked=""), **config(f"{MINE}, {ALL}"))
case("preflight_without_origin", preflight(None), **config(f"{MINE}, {ALL}"))
case("preflight_empty_origin", preflight(""), **config(f"{MINE}, {ALL}"))
case("preflight_headers_with_get", get("/p", "origin: https://a.example", "access-control-request-method: PUT"), **config(f"{MINE}, {ALL}"))
case("preflight_wildcard", preflight("https://anything"), **config("allow_origin_string_match: [{exact: '*'}], allow_methods: GET"))
case("preflight_regex", preflight("https://anything"), **config("allow_origin_string_match: [{safe_regex: {regex: 'https://[a-z]+'}}]"))
case("preflight_private_network", preflight("https://a.example", "access-control-request-private-network: true"), **config(f"{MINE}, allow_private_network_access: true"))
case("preflight_private_network_not_allowed", preflight("https://a.example", "access-control-request-private-network: true"), **config(MINE))
case("preflight_private_network_not_asked", preflight(), **config(f"{MINE}, allow_private_network_access: true"))
case("preflight_of_direct_response", preflight() + actual(), **config(f"{MINE}, {ALL}", action="direct_response: {status: 201, body: {inline_string: d}}"))
case("preflight_of_redirect", preflight() + actual(), **config(f"{MINE}, {ALL}", action="redirect: {host_redirect: x}"))
case("preflight_no_route", get("/p", "origin: https://a.example", "access-control-request-method: PUT", method="OPTIONS"), routes='- {match: {prefix: /a}, route: {cluster: "{{up}}"}}')
case("preflight_grpc", preflight("https://a.example", "content-type: application/grpc"), **config(f"{MINE}, {ALL}"))
case("preflight_body", get("/p", "origin: https://a.example", "access-control-request-method: PUT", method="OPTIONS", body="abc") + get("/next"), **config(f"{MINE}, {ALL}"))
case("preflight_response_headers", preflight(), route_config="response_headers_to_add: [{header: {key: x-r, value: r}}]", vhosts=config(f"{MINE}, {ALL}")["vhosts"])
case("actual", actual() + actual("https://c.example") + get("/none"), **config(f"{MINE}, {ALL}"))
case("actual_overwrites", actual(), up=[ok("ok", "access-control-allow-origin: https://z", "access-control-expose-headers: x-z", "access-control-allow-credentials: false")], **config(f"{MINE}, {ALL}"))
case("actual_upstream_says", actual("https://c.example"), up=[ok("ok", "access-control-allow-origin: https://z")], **config(f"{MINE}, {ALL}"))
case("actual_local_reply", actual(), up=REFUSE, **config(f"{MINE}, {ALL}"))
case("two_origins", get("/p", "origin: https://a.example", "origin: https://c.example"), **config(f"{MINE}, {ALL}"))
case("credentials_false", preflight() + actual(), **config(f"{MINE}, allow_credentials: false"))
case("vhost", preflight() + actual(), **config(vhost=f"{MINE}, {ALL}"))
case("of_all_routes", preflight() + actual(), **config(rc=f"{MINE}, {ALL}"))
case("route_over_vhost", preflight() + actual(), **config("allow_methods: POST, allow_credentials: false", vhost=f"{MINE}, {ALL}"))
case("route_over_vhost_origins", preflight() + preflight("https://q.example"), **config("allow_origin_string_match: [{exact: 'https://q.example'}]", vhost=f"{MINE}, {ALL}"))
case("vhost_over_all", preflight() + actual(), **config(vhost="max_age: '1', expose_headers: x-q", rc=f"{MINE}, {ALL}"))
case("off", preflight() + actual(), **config(f"{MINE}, {ALL}, filter_enabled: {{default_value: {{numerator: 0}}}}"))
case("off_in_route_on_in_vhost", preflight(), **config("filter_enabled: {default_value: {numerator: 0}}", vhost=f"{MINE}, {ALL}"))
case("on_in_route_off_in_vhost", preflight(), **config("filter_enabled: {default_value: {numerator: 100}}", vhost=f"{MINE}, {ALL}, filter_enabled: {{default_value: {{numerator: 0}}}}"))
case("shadow", preflight() + actual() + actual("https://c.example"),
     **config(f"{MINE}, {ALL}, filter_enabled: {{default_value: {{numerator: 0}}}}, shadow_enabled: {{default_value: {{numerator: 100}}}}"))
case("shadow_too", preflight() + actual("https://c.example"), **config(f"{MINE}, {ALL}, shadow_enabled: {{default_value: {{numerator: 100}}}}"))
case("runtime_off", preflight(), own=True, bootstrap="layered_runtime: {layers: [{name: s, static_layer: {cors.on: 0}}]}",
     **config(f"{MINE}, {ALL}, filter_enabled: {{runtime_key: cors.on, default_value: {{numerator: 100}}}}"))
case("disabled_in_route", preflight(), route_config="", vhosts="""
- name: all
  domains: ["*"]
  %s
  routes:
  - match: {prefix: /}
    route: {cluster: "{{up}}"}
    typed_per_filter_config: {envoy.filters.http.cors: {'@type': type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}
""" % per_filter(f"{MINE}, {ALL}"))
