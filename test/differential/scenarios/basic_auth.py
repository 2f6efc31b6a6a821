"""The filter basic_auth: names and passwords out of the header authorization."""
import base64
import hashlib
import json

from harness.dsl import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http.basic_auth.v3."
NAME = "envoy.filters.http.basic_auth"
FORM = {"code": "%RESPONSE_CODE%", "details": "%RESPONSE_CODE_DETAILS%", "flags": "%RESPONSE_FLAGS%", "metadata": "of it: %DYNAMIC_METADATA(envoy.filters.http.basic_auth)%"}
STATS = [f"http.{{{{name}}}}.basic_auth.{n}" for n in ("allowed", "denied")]
HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def line(user, password):
    return f"{user}:{{SHA}}{base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()}"


USERS = line("me", "secret") + "\n" + line("you", "pass:word") + "\n"


def users(text=USERS):
    return {"users": {"inline_string": text}}


def case(name, client, route=None, vhost=None, config=None, **kw):
    kw.setdefault("log_format", FORM)
    kw.setdefault("stats", STATS)
    own = lambda c: {"typed_per_filter_config": {NAME: {"@type": TYPE + "BasicAuthPerRoute", **c}}} if c else {}
    if route or vhost:
        kw["vhosts"] = json.dumps([{"name": "all", "domains": ["*"], **own(vhost), "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "{{up}}"}, **own(route)}]}])
    scenario("basic_auth_" + name, filters=json.dumps([{"name": NAME, "typed_config": {"@type": TYPE + "BasicAuth", **users(), **(config or {})}}]), client=client, **kw)


def encoded(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


def ask(user="me", password="secret", *headers, path="/", header="authorization", **kw):
    return get(path, f"{header}: Basic " + encoded(f"{user}:{password}"), *headers, **kw)


case("allowed", ask() + ask("you", "pass:word"))
case("wrong_password", ask("me", "nope") + ask("me", "") + ask("me", "pass:word"))
case("unknown_user", ask("nobody") + ask(""))
case("missing", get("/p?q=1") + get("/", method="HEAD"))
case("empty_header", get("/", "authorization:"))
VALUES = ("Bearer x", "basic " + encoded("me:secret"), "Basic", "Basic ", "Basic  " + encoded("me:secret"), "Basic ***", "Basic " + encoded("mesecret"), "Basic " + encoded("me:secret").rstrip("="), "Basic " + encoded("me:secret") + " ", "Basic " + encoded(":"),
          "Basic " + encoded("me:secret\n"), "Basic " + encoded(b"\xff:\xff"), "BASIC " + encoded("me:secret"), "Basic\t" + encoded("me:secret"))
case("values", [s for v in VALUES for s in get("/", f"authorization: {v}")])
case("two_headers", get("/", "authorization: Basic " + encoded("me:secret"), "authorization: Basic " + encoded("x:y")) + get("/", "authorization: Basic " + encoded("x:y"), "authorization: Basic " + encoded("me:secret")))
case("realm_of_uri", get("/a/b?c=d", host="H.example:81") + get("/" + "x" * 300) + get("/q\"uote\\"))
case("realm", get("/a"), config={"realm": 'a "b" \\ é'})
case("realm_of_route", get("/a"), config={"realm": "own"}, route={**users(), "realm": "route's"})
case("route_without_realm", get("/a"), config={"realm": "own"}, route=users())
case("forwards_username", ask() + ask("me", "secret", "x-user: forged", "x-user: twice"), config={"forward_username_header": "X-User"})
case("forwards_nothing_when_denied", get("/", "x-user: forged"), config={"forward_username_header": "x-user"})
case("other_header", ask(header="x-auth") + ask(), config={"authentication_header": "X-Auth"})
case("allow_missing", get("/") + get("/", "authorization: Bearer x") + ask() + ask("me", "nope") + get("/", "authorization: Basic ***"), config={"allow_missing": True, "emit_dynamic_metadata": True})
case("allow_missing_forged", get("/", "x-user: forged"), config={"allow_missing": True, "emit_dynamic_metadata": True, "forward_username_header": "x-user"})
case("metadata", ask() + ask("me", "nope"), config={"emit_dynamic_metadata": True})
case("metadata_of_named_filter", ask(), hcm="http_filters: " + json.dumps([{"name": "door", "typed_config": {"@type": TYPE + "BasicAuth", **users(), "emit_dynamic_metadata": True}}, {"name": "r", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]),
     log_format={"code": "%RESPONSE_CODE%", "metadata": "of it: %DYNAMIC_METADATA(door)%"})
case("route_users", ask("she", "hers") + ask(), route=users(line("she", "hers")))
case("route_over_vhost", ask("she", "hers") + ask("he", "his"), route=users(line("she", "hers")), vhost=users(line("he", "his")))
case("of_vhost", ask("he", "his"), vhost=users(line("he", "his")))
case("forms_of_files", ask() + ask("you", "pass:word") + ask("last", "one"), config=users("# a remark\n\n" + line("me", "secret") + "\n\n" + line("you", "pass:word") + "\n# " + line("no", "no") + "\n" + line("last", "one")))
case("name_with_blanks", ask() + ask(" me") + ask("me "), config=users(" " + line("me", "secret") + "\n" + line("me ", "secret") + "\n"))
case("only_remarks", ask(), config=users("# nobody\n"))
case("grpc", get("/", "content-type: application/grpc"))
case("direct_response", get("/") + ask(), routes="- {match: {prefix: /}, direct_response: {status: 201}}")
case("no_route", get("/") + ask(), routes='- {match: {prefix: /a}, route: {cluster: "{{up}}"}}', no_upstream=True)
case("disabled", get("/"), routes=json.dumps([{"match": {"prefix": "/"}, "route": {"cluster": "{{up}}"}, "typed_per_filter_config": {NAME: {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}}}]))
scenario("basic_auth_typed_struct", filters=json.dumps([{"name": NAME, "typed_config": {"@type": "type.googleapis.com/xds.type.v3.TypedStruct", "type_url": TYPE + "BasicAuth", "value": users()}}]), client=ask() + get("/"), log_format=FORM)
scenario("basic_auth_config_dump", own=True, client=admin("/config_dump?resource=static_listeners", keep="users|inline_string|redacted", head=False), filters=json.dumps([{"name": NAME, "typed_config": {"@type": TYPE + "BasicAuth", **users()}}]),
         vhosts=json.dumps([{"name": "all", "domains": ["*"], "typed_per_filter_config": {NAME: {"@type": TYPE + "BasicAuthPerRoute", **users()}}, "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "{{up}}"}}]}]))
LISTENER = {"name": "l", "address": {"socket_address": {"address": "127.0.0.1", "port_value": 19999}}}
HASH = encoded(hashlib.sha1(b"x").digest())
for _name, _config in {
    "good": users(), "no_users": {}, "empty_users": {"users": {}}, "no_file": {"users": {"filename": "/nowhere"}}, "no_colon": users("me"), "no_password": users("me:"), "no_name": users(":{SHA}" + HASH), "md5": users("me:$apr1$x$y"), "bcrypt": users("me:$2y$05$x"),
    "short_hash": users("me:{SHA}abc"), "long_hash": users("me:{SHA}" + HASH + "AAAA"), "hash_not_base64": users("me:{SHA}" + "*" * 27 + "="), "twice": users(line("me", "a") + "\n" + line("me", "b")), "bad_realm": {**users(), "realm": "a\tb"}, "bad_header": {**users(), "forward_username_header": "a\n"},
    "missing_without_metadata": {**users(), "allow_missing": True}, "missing_with_metadata": {**users(), "allow_missing": True, "emit_dynamic_metadata": True}, "plain": users("me:secret"), "blank_before": users("  " + line("me", "a")), "sha_lower": users("me:{sha}" + HASH), "empty_text": users(""), "empty_line": users("\n"), "blank_line": users("  \n" + line("me", "a")), "carriage_return": users(line("me", "a") + "\r\n"), "remark": users("# x"),
}.items():
    for _where in ("", "route_"):
        if _where and set(_config) - {"users", "realm"}:
            continue
        _route = {"virtual_hosts": [{"name": "a", "domains": ["*"], "typed_per_filter_config": {NAME: {"@type": TYPE + "BasicAuthPerRoute", **_config}}}]} if _where else {}
        scenario(f"basic_auth_{_where}config_{_name}", kind="validate", config=json.dumps({"static_resources": {"listeners": [{**LISTENER, "filter_chains": [{"filters": [{"name": "h", "typed_config": {
            "@type": HCM, "stat_prefix": "h", "route_config": _route, "http_filters": [
                {"name": NAME, "typed_config": {"@type": TYPE + "BasicAuth", **(users() if _where else _config)}}, {"name": "r", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}]}]}]}}))
