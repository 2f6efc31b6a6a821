"""Runtime values: layers, what /runtime prints, what /runtime_modify changes, fractions, and what the values decide."""
from harness.dsl import *

LAYERED = "layered_runtime: {layers: [%s]}"
ADMIN = "{name: admin, admin_layer: {}}"
TO_UP = "{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: other}}}"


def layers(*texts):
    return LAYERED % ", ".join(texts)


def static(text, name="base"):
    return "{name: %s, static_layer: {%s}}" % (name, text)


def case(name, client, **kw):
    kw.setdefault("kind", "raw")
    kw.setdefault("mask", [(r"goo\.gle/debug\w+\s*", ""), (r"[A-Z][a-z]{2} [A-Z][a-z]{2} +\d+ .*", "<time>")])
    scenario("runtime_" + name, own=True, client=client, **kw)


def page():
    return admin("/runtime", head=False)


def modify(query, method="POST", head=False):
    return admin("/runtime_modify?" + query, method, head=head)


STATS = ["re:^runtime\\."]

# What layers hold and how it is printed.

case("no_layers", admin("/runtime"), bootstrap="layered_runtime: null", stats=STATS)
case("empty_layers", page(), bootstrap="layered_runtime: {layers: []}", stats=STATS)
case("admin_layer_only", page(), bootstrap=layers(ADMIN), stats=STATS)
case("static_values", page(), stats=STATS, bootstrap=layers(static(
    "i: 5, zero: 0, negative: -3, d: 1.5, big: 12345678901234567890, e: 1e3, s: text, number_text: '7', t: true, f: false, t_text: 'true', empty: '', "
    "nested: {a: 1, b: {c: x}}, dotted.name: 2, 'with space': 3, tiny: 0.000001, huge: 1e30, third: 0.3333333333333333")))
case("static_fractions", page(), bootstrap=layers(static(
    "a: {numerator: 5}, b: {numerator: 5, denominator: HUNDRED}, c: {numerator: 7, denominator: TEN_THOUSAND}, d: {numerator: 9, denominator: MILLION}, "
    "e: {denominator: MILLION}, g: {numerator: 200}, h: {numerator: 0}")))
case("empty_struct", page(), bootstrap=layers(static("a: {}, b: {c: {}}")))
case("two_static_layers", page(), bootstrap=layers(static("a: 1, b: 2, c: {d: 3}", "one"), static("b: 3, c: {d: 4, e: 5}", "two")), stats=STATS)
case("empty_text_over", page(), bootstrap=layers(static("a: 1", "one"), static("a: ''", "two")))
case("admin_below_static", modify("a=9&b=8") + page(), bootstrap=layers(ADMIN, static("a: 1")))
case("static_around_admin", modify("a=5&b=6&c=7") + page(), bootstrap=layers(static("a: 1, b: 1, c: 1", "low"), ADMIN, static("c: 3", "high")), stats=STATS)
case("names_of_layers", page(), bootstrap=layers(static("a: 1", "'x y'"), "{name: second, static_layer: {}}", ADMIN))
case("reloadable_features", page(), bootstrap=layers(static("envoy.reloadable_features.no_such_feature: true")))
case("page_query", admin("/runtime?x=y", head=False) + admin("/runtime", "POST"), bootstrap=layers(static("a: 1")))

# Changes.

case("modify", modify("a=1", head=True) + page(), stats=STATS)
case("modify_many", modify("a=1&b=text&c=1.5&d=true&e=a%20b&f=a+b&g=%7B%22numerator%22:5%7D") + page(), stats=STATS)
case("modify_again", modify("a=1") + modify("a=2") + page(), stats=STATS)
case("modify_remove", modify("a=1&b=2") + modify("a=") + page(), stats=STATS)
case("modify_remove_static", modify("a=2") + page() + modify("a=") + page(), bootstrap=layers(static("a: 1"), ADMIN), stats=STATS)
case("modify_remove_unknown", modify("nope=") + page(), stats=STATS)
case("modify_no_value", modify("a") + page() + modify("b=1") + modify("b") + page())
case("modify_same_twice", modify("a=1&a=2") + page())
case("modify_no_query", admin("/runtime_modify", "POST") + admin("/runtime_modify?", "POST", head=False) + admin("/runtime_modify?&", "POST", head=False) + page())
case("modify_get", admin("/runtime_modify?a=1") + page())
case("modify_empty_name", modify("=1") + page())
case("modify_no_admin_layer", modify("a=1", head=True) + page(), bootstrap=layers(static("a: 1")), stats=STATS)
case("modify_no_layers", modify("a=1", head=True) + page(), bootstrap="layered_runtime: null")
case("modify_odd_names", modify("a.b.c=1&x%3Dy=2&%22q%22=3&%C3%A9=4") + page())
case("modify_odd_values", modify("a=%22&b=%5C&c=%0A&d=1%3D2&e==&f=0x10&g=-1&h=1e2&i=007&j=%201&k=TRUE&l=yes") + page())
case("form", send("POST /runtime_modify HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 7\r\n\r\na=1&b=2", "c") + read(c="c") + page(), kind="http",
     routes="[%s]" % TO_UP, no_log=True)


def form(body, query="", kind="application/x-www-form-urlencoded"):
    head = "POST /runtime_modify%s HTTP/1.1\r\nhost: a\r\n%scontent-length: %d\r\n\r\n%s" % (query, kind and "content-type: %s\r\n" % kind, len(body), body)
    return new("f", "admin") + send(head, "f") + read(c="f") + close("f")


case("form_post", form("a=1&b=2") + page(), mask=[(r"[A-Z][a-z]{2}, .*GMT", "<date>")])
case("form_post_no_type", form("a=1", kind="") + form("b=1", kind="text/plain") + form("c=1", kind="application/x-www-form-urlencoded; charset=utf-8") + page())
case("form_post_and_query", form("a=1", "?b=2") + page())
case("form_post_empty", form("") + page())
case("form_post_decoded", form("a%2Eb=x%20y&c=d+e") + page())

# What values decide.

MATCH = '[{match: {prefix: /, runtime_fraction: {default_value: {numerator: %s, denominator: %s}, runtime_key: k}}, direct_response: {status: 200, body: {inline_string: hit}}}, ' + TO_UP + ']'


def fraction(name, client, default="0", denominator="HUNDRED", values="", **kw):
    kw.setdefault("routes", MATCH % (default, denominator))
    kw.setdefault("bootstrap", layers(static(values), ADMIN) if values else "")
    case("fraction_" + name, client, kind="http", no_log=True, **kw)


fraction("never", burst(30, about={"200 other": 1.0}))
fraction("always", burst(30, about={"200 hit": 1.0}), "100")
fraction("default_half", burst(400, about={"200 hit": 0.5, "200 other": 0.5}), "50")
fraction("default_ten_thousand", burst(400, about={"200 hit": 0.25, "200 other": 0.75}), "2500", "TEN_THOUSAND")
fraction("default_million", burst(400, about={"200 hit": 0.25, "200 other": 0.75}), "250000", "MILLION")
fraction("next_request", get("/") + modify("k=100") + get("/") + modify("k=0") + get("/") + modify("k=") + get("/"))
fraction("number_is_of_a_hundred", modify("k=50") + burst(400, about={"200 hit": 0.5, "200 other": 0.5}), "0", "MILLION")
fraction("over_a_hundred", modify("k=1000") + burst(30, about={"200 hit": 1.0}))
fraction("text_value", modify("k=text") + get("/"), "100")
fraction("text_value_never", modify("k=text") + get("/"), "0")
fraction("double_value", modify("k=99.9") + get("/"), "0")
fraction("double_value_of_default", modify("k=0.5") + get("/"), "100")
fraction("bool_value", modify("k=true") + get("/") + modify("k=false") + get("/"), "0")
fraction("bool_value_default_always", modify("k=true") + get("/") + modify("k=false") + get("/"), "100")
fraction("negative_value", modify("k=-1") + get("/"), "100")
fraction("struct_value", modify("k=%7B%22numerator%22:100%7D") + get("/"))
fraction("yaml_value", modify("k=numerator:%20100") + get("/"))
fraction("struct_value_ten_thousand", modify("k=%7B%22numerator%22:10000,%22denominator%22:%22TEN_THOUSAND%22%7D") + get("/"))
fraction("static_fraction", burst(400, about={"200 hit": 0.25, "200 other": 0.75}), values="k: {numerator: 25}")
fraction("static_fraction_ten_thousand", burst(400, about={"200 hit": 0.25, "200 other": 0.75}), values="k: {numerator: 2500, denominator: TEN_THOUSAND}")
fraction("static_fraction_no_numerator", get("/"), "100", values="k: {denominator: MILLION}")
fraction("static_fraction_bad_denominator", get("/"), "100", values="k: {numerator: 5, denominator: NOPE}")
fraction("static_number", get("/"), values="k: 100")
fraction("static_text_number", get("/"), values="k: '100'")
fraction("static_bool", get("/"), values="k: true")
fraction("static_then_admin", get("/") + modify("k=0") + get("/") + modify("k=") + get("/"), values="k: 100")
fraction("empty_key", get("/"), "100", routes=(MATCH % ("100", "HUNDRED")).replace("runtime_key: k", "runtime_key: ''"))


def decided(name, client, **kw):
    kw.setdefault("no_log", True)
    case(name, client, kind="http", **kw)


WEIGHTED = ("[{match: {prefix: /}, route: {weighted_clusters: {runtime_key_prefix: w, clusters: [{name: '{{one}}', weight: 100}, {name: '{{two}}', weight: 0}]}}}]")
decided("weights", get("/") + modify("w.{{one}}=0&w.{{two}}=100") + get("/") + modify("w.{{one}}=&w.{{two}}=") + get("/"), routes=WEIGHTED,
        up={"one": [ok("one")], "two": [ok("two")]}, brief_upstream=True)
decided("weights_not_a_number", modify("w.{{one}}=x&w.{{two}}=y") + get("/"), routes=WEIGHTED, up={"one": [ok("one")], "two": [ok("two")]}, brief_upstream=True)
MIRROR = "[{match: {prefix: /}, route: {cluster: '{{up}}', request_mirror_policies: [{cluster: '{{copy}}', runtime_fraction: {default_value: {numerator: 0}, runtime_key: m}}]}}]"
decided("mirror", get("/a") + modify("m=100") + get("/b") + seen(1, "copy"), routes=MIRROR, up={"up": [ok()], "copy": [ok()]}, brief_upstream=True)
RETRY = "[{match: {prefix: /}, route: {cluster: '{{up}}', retry_policy: {retry_on: 5xx}}}]"
decided("use_retry", get("/") + modify("upstream.use_retry=0") + get("/") + modify("upstream.use_retry=100") + get("/"), routes=RETRY, up=[ok("x", status=500)], brief_upstream=True)
decided("maintenance_mode", get("/") + modify("upstream.maintenance_mode.{{up}}=100") + get("/") + modify("upstream.maintenance_mode.{{up}}=0") + get("/"), brief_upstream=True,
        stats=["cluster.{{up}}.upstream_rq_maintenance_mode"])
decided("circuit_breaker", modify("circuit_breakers.{{up}}.default.max_requests=0") + get("/") + modify("circuit_breakers.{{up}}.default.max_requests=") + get("/"), brief_upstream=True,
        stats=["cluster.{{up}}.upstream_rq_pending_overflow"])
decided("circuit_breaker_names", *[sum((modify("circuit_breakers.{{up}}.default.%s=1" % n) for n in ("max_connections", "max_pending_requests", "max_retries", "max_connection_pools")), [])
        + modify("circuit_breakers.{{up}}.high.max_retries=9") + admin("/clusters", keep="::(default|high)_priority::", head=False) + get("/")], brief_upstream=True)
decided("panic_threshold", get("/") + modify("upstream.healthy_panic_threshold=0") + get("/") + modify("upstream.healthy_panic_threshold=100") + get("/"), brief_upstream=True,
        clusters={"up": {"yaml": "load_assignment: {endpoints: [{lb_endpoints: [{health_status: UNHEALTHY, endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{up.port}}}}}}]}]}"}})
decided("access_log_runtime_filter", get("/a") + modify("lf=100") + get("/b") + modify("lf=0") + get("/c"), routes="[%s]" % TO_UP, no_log=False, access_log="[{name: f, filter: {runtime_filter: {runtime_key: lf}}, "
        'typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: "{{log}}", log_format: {text_format_source: {inline_string: "%REQ(:PATH)%\\n"}}}}]', raw_log=True)
decided("status_filter_value", get("/a") + modify("code=200") + get("/b"), routes="[%s]" % TO_UP, no_log=False, access_log="[{name: f, filter: {status_code_filter: {comparison: {op: GE, value: {default_value: 500, "
        'runtime_key: code}}}}, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: "{{log}}", log_format: {text_format_source: {inline_string: "%REQ(:PATH)%\\n"}}}}]', raw_log=True)
decided("status_filter_not_a_number", modify("code=text") + get("/a"), routes="[%s]" % TO_UP, no_log=False, access_log="[{name: f, filter: {status_code_filter: {comparison: {op: GE, value: {default_value: 200, "
        'runtime_key: code}}}}, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: "{{log}}", log_format: {text_format_source: {inline_string: "%REQ(:PATH)%\\n"}}}}]', raw_log=True)
