"""Ways around the filters that let requests in: paths written otherwise, headers twice, in other letters, with bytes
that don't belong there. Over HTTP/1 and HTTP/2, what each of the filters says of each request is what Envoy says."""
import base64
import hashlib
import json
import re

from harness.dsl import *
from harness.h2 import *
from harness.side_services import *
from harness.tokens import jwks, secret_key, token

T = "type.googleapis.com/envoy.extensions.filters.http."
FORM = {"": "%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% %ROUTE_NAME%"}
OFF = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}
GRPC = {"up": [ok()], "authz": H2([reply(f(1, b""))])}
USUAL = re.compile("^(host|:authority|:method|:path|:scheme|content-length|x-forwarded-proto|x-request-id|x-envoy-expected-rq-timeout-ms)$")
NO = ok("no", status=403, reason="Forbidden")


def asked(r):
    """What the service was shown beside what is usual."""
    r = check_request(r)
    http = r["body"]["attributes"]["request"]["http"] if isinstance(r["body"], dict) else {"path": r["line"], "headers": dict(r["headers"])}
    return {"asked": http["path"][:100], "headers": [], "body": " | ".join(f"{k}: {v[:100]}" for k, v in sorted(http["headers"].items()) if not USUAL.match(k))}


def rbac(action, *permissions):
    return {"@type": T + "rbac.v3.RBAC", "rules": {"action": action, "policies": {f"p{i}": {"permissions": [p], "principals": [{"any": True}]} for i, p in enumerate(permissions)}}}


def exact(name, value):
    return {"header": {"name": name, "string_match": {"exact": value}}}


# By name: the config, the header that it asks for, a value that lets through, one that does not, and the rest of a scenario. A request without the header is refused by each but
# rbac_deny, which refuses the one that bears the "good" value.
SHA = lambda user, password: f"{user}:{{SHA}}{base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()}"
BASIC = lambda text: "Basic " + base64.b64encode(text.encode()).decode()
FILTERS = {
    "rbac_allow": (rbac("ALLOW", exact("x-role", "admin")), "x-role", "admin", "guest", {}),
    "rbac_deny": (rbac("DENY", exact("x-role", "guest"), {"url_path": {"path": {"prefix": "/admin"}}}), "x-role", "guest", "admin", {}),
    "jwt_authn": ({"@type": T + "jwt_authn.v3.JwtAuthentication", "providers": {"p": {"issuer": "issuer", "local_jwks": {"inline_string": jwks(secret_key())}}},
                   "rules": [{"match": {"prefix": "/open"}}, {"match": {"prefix": "/"}, "requires": {"provider_name": "p"}}]}, "authorization", "Bearer " + token(), "Bearer x", {}),
    "jwt_own_header": ({"@type": T + "jwt_authn.v3.JwtAuthentication",
                        "providers": {"p": {"issuer": "issuer", "from_headers": [{"name": "x-token"}], "from_params": ["t"], "from_cookies": ["t"], "local_jwks": {"inline_string": jwks(secret_key())}}},
                        "rules": [{"match": {"path": "/open"}}, {"match": {"prefix": "/"}, "requires": {"provider_name": "p"}}]}, "x-token", token(), "x", {}),
    "ext_authz_http": ({"@type": T + "ext_authz.v3.ExtAuthz", "http_service": {"server_uri": {"uri": "http://authz", "cluster": "{{authz}}", "timeout": "2s"}},
                        "allowed_headers": {"patterns": [{"exact": "x-role"}, {"prefix": "x_"}]}}, "x-role", "admin", "guest",
                       {"up": {"up": [ok()], "authz": {"/open": [ok("")], "*": [NO]}}, "views": {"authz": asked}}),
    "ext_authz_grpc": ({"@type": T + "ext_authz.v3.ExtAuthz", "transport_api_version": "V3", "grpc_service": {"envoy_grpc": {"cluster_name": "{{authz}}"}, "timeout": "2s"}}, "x-role", "admin", "guest",
                       {"up": GRPC, "views": {"authz": asked}}),
    "api_key_auth": ({"@type": T + "api_key_auth.v3.ApiKeyAuth", "credentials": [{"key": "k1", "client": "one"}], "key_sources": [{"header": "x-key"}, {"query": "key"}, {"cookie": "key"}],
                      "forwarding": {"header": "x-client", "hide_credentials": True}}, "x-key", "k1", "k2", {}),
    "basic_auth": ({"@type": T + "basic_auth.v3.BasicAuth", "users": {"inline_string": SHA("me", "secret")}}, "authorization", BASIC("me:secret"), BASIC("me:x"), {}),
}
ROUTES = json.dumps([
    {"name": "open", "match": {"prefix": "/open"}, "direct_response": {"status": 200}, "typed_per_filter_config": {"f": OFF}},
    {"name": "admin", "match": {"prefix": "/admin"}, "direct_response": {"status": 201}},
    {"name": "other", "match": {"prefix": "/"}, "direct_response": {"status": 202}}])
STATS = ["+re:^http\\.{{name}}\\.(rbac|jwt_authn|ext_authz|api_key_auth|basic_auth)\\.",
         "+re:^http\\.{{name}}\\.(downstream_rq_(2xx|4xx|5xx|redirected_with_normalized_path|rejected_via_ip_detection)|rs_too_large)$"]


def case(filter, name, client, hcm="", **kw):
    config, _, _, _, more = FILTERS[filter]
    scenario(f"bypass_{filter}_{name}", filters=json.dumps([{"name": "f", "typed_config": config}]), routes=ROUTES, client=client, hcm=hcm, log_format=FORM, stats=STATS, brief=True,
             no_upstream="views" not in more, **{**more, **kw})


# ---- requests: of HTTP/1 each has a connection, as some end it; of HTTP/2 those that might

def one(client, i):
    return [(op[0], f"c{i}", *op[2:]) for op in client]


def all_of(*clients):
    return [op for i, client in enumerate(clients) for op in one(client, i)]


def over_h2(*heads):
    """Each a path and fields."""
    return [op for i, (path, *fields) in enumerate(heads) for op in h2(c=f"h{i}") + h2_send(HEADERS(1, pseudo(path) + block(*fields)), c=f"h{i}") + [("h2_done", f"h{i}", (1,))]]


PATHS = ("/open", "/admin", "//admin", "/./admin", "/open/../admin", "/open//../admin", "/open/..;/admin", "/open;/../admin", "/open/%2e%2e/admin", "/open/.%2E/admin", "/open/%252e%252e/admin",
         "/open%2f..%2fadmin", "/open/..%2Fadmin", "/open\\..\\admin", "/open/..%5cadmin", "/%61dmin", "/%2561dmin", "/ADMIN", "/Open", "/admin;x=/open", "/admin%00", "/admin%3f", "/admin?/../open",
         "/open?/../admin", "/admin%20", "/admin%09", "/admin/", "/admin/.", "/admin/..", "/admin/../open", "/admin/%2e%2e/open", "/admin%23", "/%c0%aeadmin", "/%ff", "/open%", "/%", "/..", "/../admin", "/open/...//admin",
         "http://h.example/admin", "http://h.example/open/../admin", "http://other/open", "admin", "*")
ODD = ("/admin#/open", "/open#/../admin", "/open/../admin#x", "/\xff", "/open\xc0\xae\xc0\xae/admin", "/adm\xc4\xb1n", "/admin\x01", "/open\x7f/../admin", "/admin\t", "/open\0/../admin", "/admin /x", "/admin\rx", "")
LONG = ("/open/" + "a" * 9000 + "/../admin", "/open" + "/a/.." * 2000 + "/../admin", "/admin" + "/" * 9000, "/admin?" + "x=y&" * 2500, "/open" + "%2e" * 3000)
NORMAL = "normalize_path: true, merge_slashes: true"
FORMS = {
    "": "{}",
    "_normalized": "{%s}" % NORMAL,
    "_unescaped": "{%s, path_with_escaped_slashes_action: UNESCAPE_AND_FORWARD}" % NORMAL,
    "_refused": "{%s, path_with_escaped_slashes_action: REJECT_REQUEST}" % NORMAL,
}


def in_h2(form):
    return "{codec_type: AUTO, http2_protocol_options: {override_stream_error_on_invalid_http_message: true}" + (", " if len(form) > 2 else "") + form[1:]


for _filter in FILTERS:
    for _form, _hcm in FORMS.items():
        case(_filter, "paths" + _form, all_of(*(get(p) for p in PATHS)), _hcm)
    case(_filter, "paths_odd", all_of(*(get(p) for p in ODD + LONG)), FORMS["_normalized"])
    case(_filter, "paths_h2", over_h2(*((p,) for p in PATHS + ODD + LONG)), in_h2(FORMS["_normalized"]))


case("rbac_deny", "paths_end_in_cr", all_of(get("/admin\r"), get("\r/admin"), send("GET\r/admin HTTP/1.1\r\nhost: h.example\r\n\r\n") + read()),
     differs="a CR by itself is no blank: others take it for the end of a line",
     outrigger={"end": {c: "FIN" for c in ("c0", "c1", "c2")}, "log": [{"": "400 http1.codec_error DPE -"}] * 2 + [{"": "400 http1.codec_error DPE -"}], "steps": ["400 Bad Request | Bad Request"] * 3,
                "stats": {"http.bypass_rbac_deny_paths_end_in_cr.downstream_rq_4xx": "+3"}})

# ---- headers

def headers(name, good, bad):
    """Lists of lines."""
    upper, under = name.upper(), name.replace("-", "_")
    return [
        (), (f"{name}: {good}",), (f"{name}: {bad}",),
        # Twice, with nothing, joined.
        (f"{name}: {good}", f"{name}: {bad}"), (f"{name}: {bad}", f"{name}: {good}"), (f"{name}: {good}", f"{name}: {good}"), (f"{name}:", f"{name}: {good}"), (f"{name}: {good}", f"{name}:"),
        (f"{name}: {good}", "x-between: 1", f"{upper}: {bad}"), (f"{name}: {good},{bad}",), (f"{name}: {bad},{good}",), (f"{name}: {good}, {good}",), (f"{name}: ,{good}",), (f"{name}: {good},",), (f"{name}: {good}; q=1",),
        # Letters and blanks.
        (f"{upper}: {good}",), (f"{name.title()}: {good}",), (f"{name}: {good.upper()}",), (f"{name}: {good.title()}",), (f"{name}:{good}",), (f"{name}:   {good}   ",), (f"{name}:\t{good}\t",), (f'{name}: "{good}"',), (f"{name}: {good}x",), (f"{name}: x{good}",),
        # Names that are read as this one elsewhere.
        (f"{under}_x: {good}",), ("x_role: admin", "x_key: k1", "x_token: " + token()), (f"x-{name}: {good}",), (f"{name}-x: {good}",),
        ("x-envoy-original-path: /open", "x-original-url: /open", "x-rewrite-url: /open", "x-forwarded-uri: /open"), ("x-http-method-override: OPTIONS",), ("x-envoy-internal: true", "x-forwarded-for: 127.0.0.1"),
        ("cookie: key=k1; key=k2",), ("cookie: key=k2", "cookie: key=k1"),
    ]


def odd_headers(name, good):
    return [
        (f"{name}: {good}\0",), (f"{name}: {good}\rx",), (f"{name}: \x01{good}",), (f"{name}: {good}\x7f",), (f"{name}: {good}\xff",), (f"{name}: {good}\xc2\xa0",), (f"{name}: \x0b{good}",), (f"{name}: {good}\x0c",),
        (f"{name}\0: {good}",), (f"{name}\xff: {good}",), (f"{name} x: {good}",), (f"{name}\t: {good}",), (f"({name}): {good}",), (f": {good}",),
    ]


H1_ONLY = lambda name, good: [(f"{name} : {good}",), (f" {name}: {good}",), (f"{name}: x\r\n {good}",), (f"{name}: {good}\r\n x",), (f"x: y\n{name}: {good}",), (f"{name}\r\n: {good}",), (name,)]
LARGE = lambda name, good: [(f"{name}: {good}" + "x" * 9000,), tuple([f"{name}: x"] * 60 + [f"{name}: {good}"]), (f"{name}: {good}", *(f"x-{i}: 1" for i in range(120))), (f"{name}: {good}", "x: " + "x" * 70000)]


def fields_of(lines):
    """As HTTP/2 has them."""
    return [tuple(line.split(":", 1)) if not line.startswith(":") else ("", line[1:].strip(" ")) for line in lines]


def trimmed(lines):
    return [(n, v.removeprefix(" ")) for n, v in fields_of(lines)]


for _filter, (_config, _name, _good, _bad, _more) in FILTERS.items():
    _requests = headers(_name, _good, _bad)
    case(_filter, "headers", all_of(*(get("/admin/x" if _filter != "rbac_deny" else "/x", *h) for h in _requests)))
    for _action in ("DROP_HEADER", "REJECT_REQUEST"):
        case(_filter, "underscores_" + _action.split("_")[0].lower(), all_of(*(get("/x", *h) for h in _requests if any("_" in line.split(":")[0] for line in h)), get("/x", f"{_name}: {_good}", "a_b: 1")),
             "common_http_protocol_options: {headers_with_underscores_action: %s}" % _action)
    case(_filter, "headers_odd", all_of(*(get("/x", *h) for h in odd_headers(_name, _good) + H1_ONLY(_name, _good) + LARGE(_name, _good))))
    case(_filter, "headers_h2", over_h2(*(("/x", *trimmed(h)) for h in _requests)), in_h2("{}"))
    case(_filter, "headers_odd_h2", over_h2(*(("/x", *trimmed(h)) for h in odd_headers(_name, _good) + LARGE(_name, _good)[:3])), in_h2("{}"))
    case(_filter, "host", all_of(*(req("/x", f"{_name}: {_good}", host=h) for h in ("h.example", "H.EXAMPLE.", "h.example:80", "user@h.example", "h.example/open", "h example", "h.example,other", "", "[::1"))))

# ---- a path in each form of matcher

TEMPLATE = {"uri_template": {"name": "t", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig", "path_template": "/admin/{x=*}"}}}
MATCHERS = {"exact": {"exact": "/admin"}, "prefix": {"prefix": "/admin"}, "suffix": {"suffix": "/admin"}, "contains": {"contains": "admin"}, "regex": {"safe_regex": {"regex": "/admin(/.*)?"}}, "any_case": {"prefix": "/admin", "ignore_case": True}}
PARAMETERS = ("/open/..;/admin", "/open/..;x=1/admin", "/open/.;/../admin", "/admin/..;", "/open;/../admin", "/open/%2e%2e;/admin", "/open/.%2E;/admin", "/open/...;/admin", "/open/..;admin", "/open/..;/..;/admin", "/open/..%3b/admin",
              "/.;open/admin", "/admin/.;", "/open/..;?x", "/open/x..;/admin", "/open/..;/admin?y=/..;/open", "/open/a/..;x/../../admin", "/open/..;;/admin", "/open/..;\\admin", "/open\\..;/admin", "/..;/admin", "/admin/..;p/.",
              "/open/b/..;%2f../admin", "/open/..;.//admin", "/open/a%2f..;/..;/admin")
for _form, _hcm in FORMS.items():
    FILTERS["rbac_path"] = (rbac("DENY", {"url_path": {"path": {"prefix": "/admin"}}}), None, None, None, {})
    case("rbac_path", "parameters" + _form, all_of(*(get(p) for p in PARAMETERS)), _hcm)
for _name, _match in MATCHERS.items():
    for _form in ("", "_normalized"):
        FILTERS["rbac_path"] = (rbac("DENY", {"url_path": {"path": _match}}), None, None, None, {})
        case("rbac_path", _name + _form, all_of(*(get(p) for p in PATHS)), FORMS[_form])
FILTERS["rbac_path"] = (rbac("DENY", TEMPLATE), None, None, None, {})
case("rbac_path", "template", all_of(*(get(p + "/a") for p in PATHS if p.startswith("/"))), FORMS[""])
RULES = {"prefix": {"prefix": "/admin"}, "path": {"path": "/admin"}, "regex": {"safe_regex": {"regex": "/admin(/.*)?"}}, "template": {"path_match_policy": TEMPLATE["uri_template"]}, "separated": {"path_separated_prefix": "/admin"},
         "any_case": {"prefix": "/admin", "case_sensitive": False}}
for _name, _match in RULES.items():
    FILTERS["jwt_rule"] = ({**FILTERS["jwt_authn"][0], "rules": [{"match": _match, "requires": {"provider_name": "p"}}]}, None, None, None, {})
    case("jwt_rule", _name, all_of(*(get(p) for p in PATHS)), FORMS[""])
