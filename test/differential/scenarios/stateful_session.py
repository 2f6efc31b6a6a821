"""Sessions that stay with a host: what a cookie or header asks for, what is told to the client, what there is when the host is gone."""
import base64
import json

from harness.dsl import *

UPS = {n: [ok(n)] for n in "abc"}
TYPE = "type.googleapis.com/envoy.extensions."
FORM = {"code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%", "host": "%UPSTREAM_HOST%"}
STATS = ["re:^http\\.{{name}}\\.stateful_session\\."]


def host(up, health=None):
    out = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": f"{{{{{up}.port}}}}"}}}}
    return {**out, "health_status": health} if health else out


def hosts(*localities, **more):
    return json.dumps({"load_assignment": {"endpoints": [{"lb_endpoints": [host(h) if isinstance(h, str) else h for h in hs], **({"priority": i} if i else {})}
                                                         for i, hs in enumerate(localities)]}, **more})


def state(kind, **config):
    message = {"cookie": "Cookie", "header": "Header"}[kind] + "BasedSessionState"
    return {"session_state": {"name": "envoy.http.stateful_session." + kind, "typed_config": {"@type": TYPE + f"http.stateful_session.{kind}.v3.{message}", **config}}}


def cookie(name="k", **config):
    return state("cookie", cookie={"name": name, **config})


HEADER = state("header", name="x-session")
COOKIE = cookie()
ALL = hosts(["a", "b", "c"])
ROUTE = '- {match: {prefix: /}, route: {cluster: "{{c1}}"%s}}'
ANY_HOST = (r"<[abc]\.token>", "<token>"), (r"127\.0\.0\.1:<[abc]>", "<host>")


def session(name, config, client, yaml=ALL, up=UPS, more="", routes=None, **kw):
    kw.setdefault("no_log", True)
    filters = json.dumps([{"name": "session", "typed_config": {"@type": TYPE + "filters.http.stateful_session.v3.StatefulSession", **config}}])
    scenario("session_" + name, up=up, clusters={"c1": {"yaml": yaml}} if yaml else {}, no_upstream=True, client=client, filters=filters, routes=routes or ROUTE % more, **kw)


def asks(value, path="/", name="k"):
    return get(path, f"cookie: {name}={value}")


def encoded(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


def pinned(n, of=asks, **kw):
    """Each host asked for, n times in a row."""
    return [s for up in "abc" for _ in range(n) for s in of("{{%s.token}}" % up)]


def header(value, path="/"):
    return get(path, f"x-session: {value}")


# ---- cookies

session("cookie_pins", COOKIE, pinned(3))
session("cookie_quoted", COOKIE, asks('"{{b.token}}"') * 3)
session("cookie_plain_address", COOKIE, asks("{{b.address64}}") * 3)
session("cookie_among_others", COOKIE, (get("/", "cookie: a=b; k={{c.token}}; d=e") + get("/", "cookie: a=b", "cookie: k={{a.token}}")) * 2)
session("cookie_is_told", COOKIE, get("/"), hosts(["a"]))
session("cookie_is_told_when_other", COOKIE, asks("{{b.token}}"), hosts(["a"]), up={n: [ok(n)] for n in "ab"})
for _name, _more in {"path": {"path": "/p"}, "root": {"path": "/"}, "attributes": {"path": "/", "attributes": [{"name": "SameSite", "value": "Strict"}, {"name": "Secure"}]}}.items():
    session("cookie_told_with_" + _name, cookie(**_more), get("/") + get("/p") + get("/p/x") + get("/px") + get("/p?x") + get("/p;x"), hosts(["a"]))
session("cookie_path_asks", cookie(path="/p"), (asks("{{b.token}}", "/p") + asks("{{c.token}}", "/p/x?y")) * 2)
session("cookie_path_slash_asks", cookie(path="/p/"), (asks("{{b.token}}", "/p/") + asks("{{c.token}}", "/p/x")) * 2)
session("cookie_ttl_zero", cookie(ttl="0s"), get("/"), hosts(["a"]))
session("cookie_ttl", cookie(ttl="100s", path="/"), get("/"), hosts(["a"]), mask=[(r'k="[^"]*"', 'k="<token>"')])
for _name, _config in {"": COOKIE, "_ttl": cookie(ttl="100s")}.items():
    session("cookie_of_others" + _name, _config, asks("{{b.lasting}}") * 2 + asks("{{b.expired}}") * 2, hosts(["a"], ["b"]), up={n: [ok(n)] for n in "ab"}, mask=[(r'k="[^"]*"', 'k="<token>"')])
for _name, _value in {"empty": "", "not_base64": "***", "garbage": encoded(b"\xff\xfe\x00"), "nobody": encoded("127.0.0.1:1"), "no_port": encoded("127.0.0.1"), "text": encoded("hello"),
                      "message_of_nothing": encoded(b"\x10\x01"), "unpadded": encoded("127.0.0.1:1").rstrip("="), "long": encoded("x" * 3000)}.items():
    session("cookie_" + _name, COOKIE, asks(_value), hosts(["a"]))
session("cookie_other_case", COOKIE, asks("{{b.token}}", name="K"), hosts(["a"]), up={n: [ok(n)] for n in "ab"})

# ---- headers

session("header_pins", HEADER, [s for up in "abc" for s in header("{{%s.address64}}" % up) * 2])
session("header_as_message", HEADER, header("{{b.token}}"), hosts(["a"]), up={n: [ok(n)] for n in "ab"})
session("header_is_told", HEADER, get("/") + header("{{a.address64}}"), hosts(["a"]))
session("header_of_upstream_is_replaced", HEADER, get("/"), hosts(["a"]), up={"a": [ok("a", "x-session: mine", "x-session: too")]})
session("header_twice", HEADER, get("/", "x-session: {{b.address64}}", "x-session: {{c.address64}}") * 2)
session("header_bad", HEADER, header("***") + header("") + header(encoded("nobody")), hosts(["a"]))

# ---- hosts that are not there, or not well

DOWN = {"a": [ok("a")], "b": [ok("b")]}
for _name, _health in {"unhealthy": "UNHEALTHY", "degraded": "DEGRADED", "draining": "DRAINING", "timeout": "TIMEOUT", "unknown": "UNKNOWN"}.items():
    session("host_" + _name, COOKIE, asks("{{b.token}}") * 2, hosts(["a", host("b", _health)]), up=DOWN, mask=ANY_HOST)
for _name, _statuses in {"unhealthy": ["UNHEALTHY"], "draining": ["DRAINING"], "healthy": ["HEALTHY"], "none": [], "all": ["UNKNOWN", "HEALTHY", "UNHEALTHY", "DRAINING", "TIMEOUT", "DEGRADED"]}.items():
    session("statuses_" + _name, COOKIE, asks("{{b.token}}") + asks("{{c.token}}") + asks("{{a.token}}"),
            hosts(["a"], [host("b", "UNHEALTHY"), host("c", "DEGRADED")], common_lb_config={"override_host_status": {"statuses": _statuses}}))
session("lower_priority", COOKIE, asks("{{b.token}}") * 2, hosts(["a"], ["b"]), up=DOWN)
for _strict in ("", "_status"):
    _config = {**COOKIE, "strict": True, "stat_prefix": "sp", **({"status_on_strict_destination_not_found": 409} if _strict else {})}
    session("strict" + _strict + "_gone", _config, asks(encoded("127.0.0.1:1")), hosts(["a"]), no_log=False, log_format=FORM, stats=STATS + ["cluster.{{c1}}.upstream_cx_none_healthy"])
    session("strict" + _strict + "_unhealthy", _config, asks("{{b.token}}"), hosts(["a", host("b", "UNHEALTHY")]), up=DOWN, no_log=False, log_format=FORM, stats=STATS)
    session("strict" + _strict + "_there", _config, asks("{{b.token}}") * 2 + get("/"), hosts(["b"]), up=DOWN, no_log=False, log_format=FORM, mask=ANY_HOST, stats=STATS)
session("strict_retry", {**COOKIE, "strict": True}, asks("{{b.token}}"), hosts(["a", "b"]), up={"a": [ok("a")], "b": [ok("x", status=503, reason="Bad")]}, more=", retry_policy: {retry_on: 5xx, num_retries: 4}",
        no_log=False, log_format={"attempts": "%UPSTREAM_HOSTS_ATTEMPTED%"}, mask=[(r"^127.*", "<attempts>")])
session("stats", {**COOKIE, "stat_prefix": "sp"}, asks("{{a.token}}") + get("/") + asks(encoded("127.0.0.1:1")) + asks("***"), hosts(["a"]), stats=STATS)
for _name, _strict in {"": {}, "_strict": {"strict": True}}.items():
    _config = {**COOKIE, "stat_prefix": "sp", **_strict}
    session("stats_no_host" + _name, _config, get("/"), hosts([]), up={"a": [ok("a")]}, stats=STATS)
    session("stats_no_host_asked" + _name, _config, asks("{{a.token}}"), hosts([]), up={"a": [ok("a")]}, stats=STATS)
    session("stats_no_cookie" + _name, _config, get("/"), hosts(["a"]), stats=STATS)
    session("stats_bad_cookie" + _name, _config, asks("***"), hosts(["a"]), stats=STATS)
    session("stats_direct" + _name, _config, get("/") + asks("{{a.token}}"), None, up={"a": [ok("a")]}, routes="- {match: {prefix: /}, direct_response: {status: 200}}", stats=STATS)
    session("stats_refused" + _name, _config, asks("{{a.token}}"), hosts(["a"]), up={"a": REFUSE}, stats=STATS)
session("stats_path", {**cookie(path="/p"), "stat_prefix": "sp"}, get("/x"), hosts(["a"]), stats=STATS)
session("stats_header", {**HEADER, "stat_prefix": "sp"}, get("/") + header("{{a.address64}}"), hosts(["a"]), stats=STATS)
session("no_cluster", COOKIE, asks("{{a.token}}"), None, up={"a": [ok("a")]}, routes="- {match: {prefix: /}, direct_response: {status: 200}}")
session("refused", COOKIE, get("/"), hosts(["a"]), up={"a": REFUSE})
session("refused_again", COOKIE, asks("{{a.token}}"), hosts(["a"]), up={"a": REFUSE})
session("no_host", COOKIE, get("/"), hosts([]), up={"a": [ok("a")]})
for _name, _lb in {"least_request": {"lb_policy": "LEAST_REQUEST"}, "random": {"lb_policy": "RANDOM"}, "ring": {"lb_policy": "RING_HASH"}, "maglev": {"lb_policy": "MAGLEV"}}.items():
    session("of_" + _name, COOKIE, pinned(2), hosts(["a", "b", "c"], **_lb))
session("of_subset", COOKIE, asks("{{b.token}}") * 2, hosts(["a", "b"], lb_subset_config={"fallback_policy": "ANY_ENDPOINT", "subset_selectors": [{"keys": ["v"]}]}), up=DOWN)

# ---- off, and by routes

session("without_state", {}, get("/") + asks("{{a.token}}"), hosts(["a"]))


def per_route(config):
    return "typed_per_filter_config: " + json.dumps({"session": {"@type": TYPE + "filters.http.stateful_session.v3.StatefulSessionPerRoute", **config}})


ROUTES = '- {match: {prefix: /off}, route: {cluster: "{{c1}}"}, %s}\n- {match: {prefix: /own}, route: {cluster: "{{c1}}"}, %s}\n- {match: {prefix: /none}, route: {cluster: "{{c1}}"}, %s}\n' % (
    per_route({"disabled": True}), per_route({"stateful_session": {**cookie("r"), "strict": True, "stat_prefix": "rp"}}), per_route({"stateful_session": {}})) + ROUTE % ""
session("by_routes", {**COOKIE, "stat_prefix": "sp"}, [s for p in ("/off", "/own", "/none", "/") for s in get(p)], hosts(["a"]), routes=ROUTES, stats=STATS)
session("route_adds", {}, [s for p in ("/off", "/own", "/none", "/") for s in get(p)], hosts(["a"]), routes=ROUTES)
session("by_route_strict", COOKIE, asks(encoded("127.0.0.1:1"), "/own", "r") + asks(encoded("127.0.0.1:1"), "/", "k"), hosts(["a"]), routes=ROUTES)

# ---- refused

for _name, _config in {"no_cookie": {"session_state": {"name": "envoy.http.stateful_session.cookie", "typed_config": {"@type": TYPE + "http.stateful_session.cookie.v3.CookieBasedSessionState"}}}, "cookie_without_name": cookie(""),
                       "header_without_name": state("header"), "negative_ttl": cookie(ttl="-1s"), "unknown": {"session_state": {"name": "s", "typed_config": {"@type": "type.googleapis.com/google.protobuf.Struct"}}},
                       "status_600": {**COOKIE, "status_on_strict_destination_not_found": 600}, "status_1": {**COOKIE, "status_on_strict_destination_not_found": 1},
                       "bad_attribute": cookie(attributes=[{"name": ""}]), "good": COOKIE}.items():
    _other = {"differs": "no status", "outrigger": {"exit": 1, "ok": None}} if _name.startswith("status_") else {}
    scenario("session_config_" + _name, kind="validate", **_other,
             config=manager_config([{"name": "s", "typed_config": {"@type": TYPE + "filters.http.stateful_session.v3.StatefulSession", **_config}}]))
