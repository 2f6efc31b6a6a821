"""The filter api_key_auth: keys in headers, parameters of the query and cookies."""
import json

from harness.dsl import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http.api_key_auth.v3."
NAME = "envoy.filters.http.api_key_auth"
FORM = {"code": "%RESPONSE_CODE%", "details": "%RESPONSE_CODE_DETAILS%", "flags": "%RESPONSE_FLAGS%"}
STATS = [f"http.{{{{name}}}}.api_key_auth.{n}" for n in ("allowed", "forbidden", "unauthorized")]
KEYS = {"credentials": [{"key": "k1", "client": "one"}, {"key": "k2", "client": "two"}, {"key": "k3", "client": "two"}]}
HEADER, QUERY, COOKIE = {"header": "X-Key"}, {"query": "key"}, {"cookie": "key"}


def per_route(config):
    return {"typed_per_filter_config": {NAME: {"@type": TYPE + "ApiKeyAuthPerRoute", **config}}} if config is not None else {}


def case(name, client, sources=(HEADER,), route=None, vhost=None, config=None, **kw):
    config = {**KEYS, **({"key_sources": list(sources)} if sources else {}), **(config or {})}
    kw.setdefault("log_format", FORM)
    kw.setdefault("stats", STATS)
    if route is not None or vhost is not None:
        kw["vhosts"] = json.dumps([{"name": "all", "domains": ["*"], **per_route(vhost), "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "{{up}}"}, **per_route(route)}]}])
    scenario("api_key_auth_" + name, filters=json.dumps([{"name": NAME, "typed_config": {"@type": TYPE + "ApiKeyAuth", **config}}]), client=client, **kw)


def ask(key="k1", *more, **kw):
    return get("/", f"x-key: {key}", *more, **kw)


ALL = (HEADER, QUERY, COOKIE)
HIDE = {"forwarding": {"header": "X-Client", "hide_credentials": True}}
case("header", ask() + ask("k2") + ask("k4") + ask("K1") + ask("") + get("/") + ask("k1 ") + ask("k1x") + ask("k"))
case("header_bearer", ask("Bearer k1") + ask("bearer k1") + ask("Bearer  k1") + ask("Bearer") + ask("Bearer k4") + ask("Bearer Bearer k1"))
case("header_bearer_alone", ask("Bearer "))
case("authorization", get("/", "authorization: Bearer k1") + get("/", "authorization: k2") + get("/", "authorization: Basic k1"), sources=[{"header": "Authorization"}])
case("header_twice", ask("k1", "x-key: k4") + ask("k4", "x-key: k1") + ask("", "x-key: k1"))
case("header_head", ask("k4", method="HEAD") + ask("k1", method="HEAD"))
case("query", get("/?key=k1") + get("/?a=b&key=k2") + get("/?key=k4") + get("/?key=") + get("/?key") + get("/?KEY=k1") + get("/") + get("/?key=k4&key=k1") + get("/?key=k1&key=k4") + get("/?key=&key=k1"), sources=[QUERY])
case("query_encoded", get("/?key=%6b1") + get("/?%6bey=k1") + get("/?key=k1%20") + get("/?key=k1+") + get("/?key=k1#x") + get("/?key=Bearer%20k1"), sources=[QUERY])
case("query_of_coded_name", get("/?a%20b=k1") + get("/?a+b=k1") + get("/?a%2Bb=k1"), sources=[{"query": "a b"}])
case("cookie", get("/", "cookie: key=k1") + get("/", "cookie: a=b; key=k2; c=d") + get("/", "cookie: key=k4") + get("/", "cookie: key=") + get("/", "cookie: key") + get("/", 'cookie: key="k1"') + get("/", "cookie: Key=k1") + get("/", "cookie: key=k4; key=k1") + get("/", "cookie: a=b", "cookie: key=k1"), sources=[COOKIE])
case("sources_in_order", get("/?key=k2", "x-key: k1", "cookie: key=k3") + get("/?key=k2", "cookie: key=k4") + get("/?key=k4", "cookie: key=k2") + get("/", "cookie: key=k2") + get("/?key=k2", "x-key: k4") + get("/?key=k2", "x-key:") + get("/?key=", "cookie: key=k1"), sources=ALL)
case("one_source_of_three", get("/", "x-key: k1") + get("/?key=k1") + get("/", "cookie: key=k1"), sources=[{"header": "x-key", "query": "key", "cookie": "key"}])
case("query_before_cookie", get("/?key=k1") + get("/", "cookie: key=k1"), sources=[{"query": "key", "cookie": "key"}])
case("forwards_client", ask() + ask("k3") + ask("k1", "x-client: forged", "x-client: twice") + ask("k4", "x-client: forged"), config={"forwarding": {"header": "X-Client"}})
case("keeps_what_is_forged_without_forwarding", ask("k1", "x-client: forged"))
case("hides_header", ask("k1", "x-key: more", "a: b") + get("/?key=k1&x=y", "cookie: key=k1"), config=HIDE)
case("hides_without_forwarding", ask("k1"), config={"forwarding": {"hide_credentials": True}})
case("hides_query", get("/p?key=k1") + get("/p?b=2&key=k1&a=1&key=x") + get("/p?key=k1&a=%41%2f&c") + get("/p?key=k1&&b=1") + get("/?%6bey=k1&z"), sources=[QUERY], config=HIDE)
case("hides_cookie", get("/", "cookie: key=k1") + get("/", "cookie: a=b; key=k1; c=d") + get("/", 'cookie: a="b";key=k1;  c ; d=', "after: x") + get("/", "cookie: key=k1", "cookie: e=f; key=k2"), sources=[COOKIE], config=HIDE)
case("hides_all_sources", get("/p?key=k2&a=b", "x-key: k1", "cookie: key=k3; c=d", "after: x") + get("/p", "x-key: k1") + get("/p?b&a", "cookie: key=k3"), sources=ALL, config=HIDE)
case("client_in_place_of_key", ask("k1", "a: b"), config={"forwarding": {"header": "x-key"}})
case("client_hidden_with_key", ask("k1", "a: b"), config={"forwarding": {"header": "x-key", "hide_credentials": True}})
case("no_sources", ask(), sources=())
case("no_credentials", ask() + get("/"), config={"credentials": []})
case("nothing", ask(), sources=(), config={"credentials": []})
case("route_credentials", ask("r") + ask("k1"), route={"credentials": [{"key": "r", "client": "of-route"}]}, config={"forwarding": {"header": "x-client"}})
case("route_sources", get("/", "x-other: k1") + ask(), route={"key_sources": [{"header": "x-other"}]})
case("route_brings_sources", ask() + get("/"), sources=(), route={"key_sources": [HEADER]})
case("route_brings_credentials", ask("r") + ask("k1"), config={"credentials": []}, route={"credentials": [{"key": "r", "client": "c"}]})
case("route_forwarding", ask(), route={"forwarding": {"header": "x-of-route"}}, config=HIDE)
case("route_forwards_nothing", ask(), route={"forwarding": {}}, config=HIDE)
case("route_empty", ask() + get("/"), route={}, config=HIDE)
case("allowed_clients", ask() + ask("k2") + ask("k3") + ask("k4") + get("/"), route={"allowed_clients": ["two", "unknown"]})
case("allowed_clients_none_known", ask(), route={"allowed_clients": ["unknown"]})
case("allowed_clients_of_vhost", ask() + ask("k2"), vhost={"allowed_clients": ["two"]})
case("route_without_clients_over_vhost", ask() + ask("k2"), vhost={"allowed_clients": ["two"]}, route={"forwarding": {"header": "x-client"}})
case("allowed_clients_of_route_credentials", ask("r") + ask("s") + ask("k1"), route={"credentials": [{"key": "r", "client": "a"}, {"key": "s", "client": "b"}], "allowed_clients": ["a"]})
case("grpc", get("/", "content-type: application/grpc") + ask("k1", "content-type: application/grpc") + ask("k4", "content-type: application/grpc"))
case("grpc_forbidden", ask("k1", "content-type: application/grpc"), route={"allowed_clients": ["two"]})
case("body", req("/", "x-key: k4", method="POST", body="hello") + req("/", "x-key: k1", method="POST", body="hello"))
case("direct_response", get("/") + ask(), routes="- {match: {prefix: /}, direct_response: {status: 201}}")
case("no_route", get("/") + ask(), routes='- {match: {prefix: /a}, route: {cluster: "{{up}}"}}', no_upstream=True)
case("disabled", get("/"), routes=json.dumps([{"match": {"prefix": "/"}, "route": {"cluster": "{{up}}"}, "typed_per_filter_config": {NAME: {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}}}]))
case("config_dump", admin("/config_dump?resource=static_listeners", keep='"key"|"client"|redacted', head=False), own=True, vhost={"credentials": [{"key": "r", "client": "of-route"}]})
for _name, _config in {
    "good": {**KEYS, "key_sources": [HEADER]}, "empty": {}, "twice": {"credentials": [{"key": "a", "client": "b"}, {"key": "a", "client": "c"}]}, "no_key": {"credentials": [{"client": "b"}]}, "no_client": {"credentials": [{"key": "b"}]},
    "source_of_nothing": {"key_sources": [{}]}, "source_after": {"key_sources": [HEADER, {}]}, "bad_header": {"key_sources": [{"header": "a\n"}]}, "bad_cookie": {"key_sources": [{"cookie": "a\n"}]}, "bad_query": {"key_sources": [{"query": "a\n"}]},
    "long_header": {"key_sources": [{"header": "a" * 1025}]}, "longest_header": {"key_sources": [{"header": "a" * 1024}]}, "long_query": {"key_sources": [{"query": "a" * 1025}]}, "long_cookie": {"key_sources": [{"cookie": "a" * 1025}]},
    "bad_forward": {"forwarding": {"header": "a\n"}}, "no_forward": {"forwarding": {}}, "hide": {"forwarding": {"hide_credentials": True}}, "long_forward": {"forwarding": {"header": "a" * 1025}}, "clients": {"allowed_clients": ["a", "a", ""]},
}.items():
    if "allowed_clients" not in _config:
        scenario("api_key_auth_config_" + _name, kind="validate", config=manager_config([{"name": NAME, "typed_config": {"@type": TYPE + "ApiKeyAuth", **_config}}]))
    scenario("api_key_auth_route_config_" + _name, kind="validate", config=manager_config(
        [{"name": NAME, "typed_config": {"@type": TYPE + "ApiKeyAuth"}}],
        "virtual_hosts: " + json.dumps([{"name": "a", "domains": ["*"], **per_route(_config)}])))
