"""The filter jwt_authn: what is wrong with tokens, where they may be, what rules ask for, and what is handed on of a good one."""
import json

from harness.dsl import *
from harness.tokens import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3."
NAMES = ("allowed", "denied", "cors_preflight_bypassed", "jwt_cache_hit", "jwt_cache_miss")
STATS = [f"http.{{{{name}}}}.jwt_authn.{n}" for n in NAMES]
HERE = {"local_jwks": {"inline_string": jwks(secret_key())}}
ALL = {"match": {"prefix": "/"}, "requires": {"provider_name": "p"}}
LOG = {"m": "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn)%", "d": "%RESPONSE_CODE_DETAILS%", "code": "%RESPONSE_CODE%"}


def provider(**more):
    return {k: v for k, v in {"issuer": "issuer", **HERE, **more}.items() if v is not None}


def jwt(providers=None, rules=(ALL,), **more):
    config = {"@type": TYPE + "JwtAuthentication", "providers": providers or {"p": provider()}, "rules": list(rules), **more}
    return "- " + json.dumps({"name": "envoy.filters.http.jwt_authn", "typed_config": config})


def case(name, filters, client, **kw):
    kw.setdefault("stats", [])
    kw.setdefault("no_log", "log_format" not in kw)
    kw.setdefault("no_upstream", True)
    scenario("jwt_" + name, filters=filters, client=client, **kw)


def bearer(t, *more, path="/p?q=1", **kw):
    return get(path, "authorization: Bearer " + t, *more, **kw)


def requests(*tokens):
    return [step for t in tokens for step in bearer(t)]


# The token itself.
case("good", jwt(), bearer(token()), stats=STATS, no_upstream=False, no_log=False)
case("missing", jwt(), get("/p?q=1") + get("/p", "authorization: Basic abc") + get("/p", "authorization: Bearer") + get("/p", "authorization: Bearer ") + get("/p", "authorization: bearer " + token()),
     stats=STATS, no_log=False)
case("form", jwt(), requests("x", "a.b", "a.b.c.d", "..", "a..b", token().replace(".", ".."), token() + ".", "." + token(), token()[:-1], token().rsplit(".", 1)[0] + ".", "!!"))
case("header", jwt(), requests(*[token(header=h) for h in (["_%"], ["a"], b"{", b"[]", b"null", b"1", b"{}", {"alg": 1}, {"alg": None}, {"alg": "none"}, {"alg": ""}, {"alg": "hs256"}, {"alg": "HS257"},
                                                                {"alg": "HS256", "kid": 1}, {"alg": "HS256", "kid": None}, {"alg": "HS256", "kid": "k"}, {"alg": "HS256", "crit": ["x"]}, {"alg": "HS256", "typ": 7},
                                                                b'{"alg":"HS256","alg":"HS256"}', b'{"alg":"HS256"} x', b' {"alg" : "HS256"}\n', b'{"alg":"\\u0048S256"}')]))
case("payload", jwt(), requests(*[token(p) for p in (["_%"], b"{", b"[]", b"null", b"", b"{}", b'{"iss":"issuer"}', {"iss": 1}, {"iss": None}, {"iss": ["issuer"]}, {"iss": "issuer", "sub": 1}, {"iss": "issuer", "jti": 1},
                                                       {"iss": "issuer", "iat": "1"}, {"iss": "issuer", "iat": -1}, {"iss": "issuer", "nbf": "1"}, {"iss": "issuer", "nbf": -1}, {"iss": "issuer", "nbf": 1e30},
                                                       {"iss": "issuer", "exp": "1"}, {"iss": "issuer", "exp": -1}, {"iss": "issuer", "exp": 1e30}, {"iss": "issuer", "exp": None}, {"iss": "issuer", "exp": 0}, {"iss": "issuer", "exp": LATER + 0.5},
                                                       {"iss": "issuer", "aud": 1}, {"iss": "issuer", "aud": [1]}, {"iss": "issuer", "aud": []}, {"iss": "issuer", "aud": ["a", "b"]}, {"iss": "issuer", "aud": None})]))
case("json", jwt(), requests(*[token(b'{"iss":"issuer","x":' + x + b"}") for x in (
    b'"\xff"', b'"\xc3\xa4"', b'"\xed\xa0\x80"', b'"\\ud800"', b'"\\ud83d\\ude00"', b'"\\x"', b'"\\u0000"', b"01", b"-0", b"1.", b".5", b"1e5", b"1e400", b"-1E-400", b"tru", b"true", b"nul", b"NaN", b"[,]",
    b"[1 2]", b'{"a":1,"a":2}', b"{}}", b"/**/1", b"+1", b"[" * 90 + b"]" * 90, b"[" * 150 + b"]" * 150, b"[" * 20000)]))
REFUSED = [{"body": "Jwt payload is an invalid JSON", "headers": ["www-authenticate: Bearer realm=\"http://h.example/p?q=1\", error=\"invalid_token\"", "content-length: 30", "content-type: text/plain", "date: <date>", "server: envoy"],
            "status": "HTTP/1.1 401 Unauthorized"}]
LOOSE = [b'{"iss":"issuer",}', b'{iss:"issuer"}', b"{'iss':'issuer'}", b'{"iss":"issuer","x":[1,]}', b'{"iss":"issuer","x":"a\nb"}']
case("json_loose", jwt(), requests(*[token(p) for p in LOOSE]), differs="what is no JSON is refused: whoever reads the token after us may take it for something else", outrigger={"steps": REFUSED * len(LOOSE)})
case("times", jwt(), requests(token(exp=LONG_AGO), token(nbf=LATER), token(exp=None), token(nbf=LONG_AGO), token(nbf=LATER, exp=LONG_AGO)))
case("signature", jwt(), requests(token(secret=b"another"), token(signature=b""), token(signature=["a"]), token(signature=["%"]), token(signature=b"x" * 32), token(signature=b"x" * 31), token() + "=", token() + "==", token()[:-2]))
case("issuer", jwt(), requests(token(iss="other"), token(iss=None), token(iss=""), token(iss="ISSUER")))
case("any_issuer", jwt({"p": provider(issuer=None)}), requests(token(iss="other"), token(iss=None)))
case("audiences", jwt({"p": provider(audiences=["app", "https://b.example/"])}), requests(*[token(aud=a) for a in (
    "app", "other", None, ["x", "app"], [], "http://app", "https://app/", "app/", "b.example", "http://b.example", "https://b.example//", "APP")]), no_log=False)
case("audience_before_signature", jwt({"p": provider(audiences=["app"])}), requests(token(aud="x", secret=b"another"), token(aud="x", exp=LONG_AGO)))
case("subjects", jwt({"p": provider(subjects={"prefix": "spiffe://a/"})}), requests(token(sub="spiffe://a/b"), token(sub="spiffe://b/b"), token(sub=None)))
case("require_expiration", jwt({"p": provider(require_expiration=True)}), requests(token(), token(exp=None), token(exp=0)))
case("max_lifetime", jwt({"p": provider(max_lifetime="3600s")}), requests(token(), token(exp=None)))
case("max_lifetime_long", jwt({"p": provider(max_lifetime="8000000000s", require_expiration=True)}), requests(token(), token(exp=None)))
case("clock_skew", jwt({"p": provider(clock_skew_seconds=4294967295)}), requests(token(exp=LONG_AGO), token(nbf=LATER)))
case("hs384_hs512", jwt(), requests(token(alg="HS384"), token(alg="HS512"), token(alg="HS384", header={"alg": "HS512"})))
case("large_token", jwt(), requests(token(x="y" * 30000), token(x="y" * 30000, secret=b"another")), hcm="max_request_headers_kb: 96")
case("strip_failure", jwt(strip_failure_response=True), get("/p") + bearer(token(exp=LONG_AGO)), no_log=False)
case("grpc", jwt(), get("/p", "content-type: application/grpc") + bearer(token(exp=LONG_AGO), "content-type: application/grpc"))
case("head_request", jwt(), req("/p", method="HEAD"))
case("long_path", jwt(), get("/" + "x" * 300 + "?q") + get('/a"b'))
case("realm", jwt(), get("/p", host="other:8080") + get("/p", "x-forwarded-proto: https") + get("/p", "x-envoy-original-path: /o"))
case("body", jwt(), bearer(token(), method="POST", body="abc") + req("/p", method="POST", body="abc"))

# Keys.
MANY = jwks(*[public_key(k) for k in ("rsa", "es256", "es384", "es512", "ed")])
case("algorithms", jwt({"p": provider(local_jwks={"inline_string": MANY})}), requests(*[signed(a) for a in KIDS]), stats=STATS)
case("algorithms_tampered", jwt({"p": provider(local_jwks={"inline_string": MANY})}), requests(*[signed(a, b64(b"\x01" * (64 if a == "EdDSA" else 96 if a == "ES384" else 132 if a == "ES512" else 256 if a[1] == "S" and a[0] != "E" else 64))) for a in KIDS],
                                                                                                 signed("EdDSA", b64(b"x" * 63)), signed("ES256", b64(b"x")), signed("ES256", b64(b"")), signed("RS256", b64(b"x" * 257))))
case("algorithms_without_kid", jwt({"p": provider(local_jwks={"inline_string": jwks(*[public_key(k, kid=None) for k in ("rsa", "es256", "es384", "es512")])})}), requests(*[signed(a) for a in KIDS if a != "EdDSA"], token()))
case("key_is_of_another_algorithm", jwt({"p": provider(local_jwks={"inline_string": jwks(public_key("rsa", kid=None, alg="RS256"), secret_key(alg="HS384"))})}), requests(signed("RS256"), signed("RS384"), signed("PS256"), token(), token(alg="HS384")))
case("kid", jwt({"p": provider(local_jwks={"inline_string": jwks(secret_key(kid="a"), {"kty": "oct", "kid": "b", "k": b64("another")})})}),
     requests(*[token(header={"alg": "HS256", **({"kid": k} if k is not None else {})}, secret=s) for k in ("a", "b", "c", "", None) for s in (SECRET, b"another")]))
case("public_key_as_secret", jwt({"p": provider(local_jwks={"inline_string": jwks(public_key("rsa"), public_key("es256"))})}),
     requests(*[token(header=h, secret=s) for s in (SIGNED["pem"].encode(), SIGNED["keys"]["rsa"]["n"].encode(), b"", b"AQAB") for h in ({"alg": "HS256"}, {"alg": "HS256", "kid": "rsa"})], token(header={"alg": "none"}, signature=b"")))
case("certificates", jwt({"p": provider(local_jwks={"inline_string": json.dumps({"rsa": SIGNED["certificate"]})})}), requests(signed("RS256"), signed("PS512"), signed("ES256"), token()))
case("keys_one_of_two", jwt({"p": provider(local_jwks={"inline_string": jwks({"kty": "x"}, 7, secret_key())})}), requests(token()))
case("keys_in_file", jwt({"p": provider(local_jwks={"filename": "{{dir}}/keys.json"})}), requests(token()), files={"keys.json": jwks(secret_key())})

# Where it is.
case("header_twice", jwt(), get("/p", "authorization: Bearer " + token(), "authorization: Bearer " + token(sub="b")) + get("/p", "authorization: Bearer " + token(), "authorization: Bearer x")
     + get("/p", "authorization: Bearer x", "authorization: Bearer " + token()), no_upstream=False)
case("prefix_inside", jwt(), get("/p", "authorization: x Bearer   " + token()) + get("/p", "authorization: Bearer \"" + token() + '"') + get("/p", "authorization: Bearer " + token() + " x") + get("/p", "authorization: Bearer " + token() + ", b"))
case("query", jwt(), get("/p?access_token=" + token()) + get("/p?access_token=x&access_token=" + token()) + get("/p?access%5Ftoken=" + token()) + get("/p?access_token=") + get("/p?access_token"), no_upstream=False)
case("query_of_others", jwt(), get("/p?b=1&access_token=" + token() + "&c=2"), no_upstream=False)
case("header_and_query", jwt(), bearer(token(), path="/p?access_token=" + token(sub="q")) + bearer(token(), path="/p?access_token=x") + bearer("x", path="/p?access_token=" + token()), no_upstream=False)
PLACES = provider(from_headers=[{"name": "X-Jwt"}, {"name": "Authorization", "value_prefix": "Token="}], from_params=["t"], from_cookies=["c"], forward=True)
case("places", jwt({"p": PLACES}), get("/p", "x-jwt: " + token()) + get("/p", "authorization: Token=" + token()) + get("/p?t=" + token()) + get("/p", "cookie: a=b; c=" + token()) + get("/p", f'cookie: c="{token()}"')
     + get("/p", "cookie: c=" + token(), "cookie: c=x") + bearer(token()) + get("/p?access_token=" + token()), no_upstream=False)
case("cookie_is_kept", jwt({"p": provider(from_cookies=["c"])}), get("/p", "cookie: c=" + token()), no_upstream=False)
case("forward", jwt({"p": provider(forward=True)}), bearer(token()) + get("/p?access_token=" + token()), no_upstream=False)
case("cors", jwt(bypass_cors_preflight=True), req("/p", "origin: o", "access-control-request-method: GET", method="OPTIONS") + req("/p", "origin: o", method="OPTIONS") + req("/p", "access-control-request-method: GET", method="OPTIONS")
     + get("/p", "origin: o", "access-control-request-method: GET"), stats=STATS)
case("cors_not_bypassed", jwt(), req("/p", "origin: o", "access-control-request-method: GET", method="OPTIONS"))

# What is handed on.
CLAIMS = {"s": "text", "num": 7, "frac": 1.5, "neg": -2, "big": 1e20, "yes1": True, "nil": None, "l": ["a", 1], "o": {"in": {"x": "deep"}}, "empty": "", "a.b": {"c.d": "dotted"}, "nl": "a\r\nb: c"}
HEADERS = [{"header_name": "x-" + n.replace(".", "-"), "claim_name": n} for n in ("s", "num", "frac", "neg", "big", "yes1", "nil", "l", "o.in.x", "o.in", "o.in.x.y", "empty", "a.b", "none", "l.0")] \
    + [{"header_name": "x-path", "claim_path": [{"key": "a.b"}, {"key": "c.d"}]}]
case("claims", jwt({"p": provider(claim_to_headers=HEADERS)}), bearer(token({**PAYLOAD, **CLAIMS}), "x-s: mine", "x-none: mine", "X-Path: mine"), no_upstream=False)
case("claims_are_removed", jwt({"p": provider(claim_to_headers=HEADERS[:1], forward_payload_header="X-Payload")}, [{"match": {"prefix": "/a"}, "requires": {"provider_name": "p"}}, {"match": {"prefix": "/b"}, "requires": {
    "requires_any": {"requirements": [{"provider_name": "p"}, {"allow_missing": {}}]}}}]), get("/c", "x-s: mine", "x-payload: mine") + get("/b", "x-s: mine", "x-payload: mine"), no_upstream=False)
case("payload_header", jwt({"p": provider(forward_payload_header="x-payload")}), bearer(token()) + bearer(token(sub="ab")) + bearer(token(sub="abc")), no_upstream=False)
case("payload_header_padded", jwt({"p": provider(forward_payload_header="x-payload", pad_forward_payload_header=True)}), bearer(token()) + bearer(token(sub="ab")) + bearer(token(sub="abc")), no_upstream=False)
case("metadata", jwt({"p": provider(payload_in_metadata="payload", header_in_metadata="header", failed_status_in_metadata="failed")}), bearer(token(n=5, f=0.25, l=[1, "a", None], o={"a": True})) + bearer(token(exp=LONG_AGO)) + get("/p") + bearer("x"), log_format=LOG)
case("metadata_lists", jwt({"p": provider(payload_in_metadata="payload", normalize_payload_in_metadata={"space_delimited_claims": ["scope", "permission", "num"]})}),
     requests(token(scope="a b  c ", permission="", num=1), token(scope="one", permission=["x"]), token(scope=" ")), log_format=LOG)
case("metadata_of_two", jwt({"p": provider(payload_in_metadata="one"), "q": provider(issuer="q", payload_in_metadata="two", from_headers=[{"name": "x-q"}])},
                            [{"match": {"prefix": "/"}, "requires": {"requires_all": {"requirements": [{"provider_name": "p"}, {"provider_name": "q"}]}}}]),
     bearer(token(), "x-q: " + token(iss="q")) + bearer(token()) + get("/p", "x-q: " + token(iss="q")), log_format=LOG)
ROUTES = """
- {match: {prefix: /, headers: [{name: x-s, string_match: {exact: text}}]}, direct_response: {status: 201, body: {inline_string: by claim}}}
- {match: {prefix: /}, direct_response: {status: 200, body: {inline_string: other}}}
"""
case("clear_route_cache", jwt({"p": provider(claim_to_headers=HEADERS[:1], clear_route_cache=True)}), requests(token(s="text"), token(s="x"), token()), routes=ROUTES)
case("keep_route_cache", jwt({"p": provider(claim_to_headers=HEADERS[:1])}), requests(token(s="text")), routes=ROUTES)
BY_METADATA = """
- {match: {prefix: /, dynamic_metadata: [{filter: envoy.filters.http.jwt_authn, path: [{key: payload}, {key: sub}], value: {string_match: {exact: subject}}}]}, direct_response: {status: 201, body: {inline_string: by metadata}}}
- {match: {prefix: /}, direct_response: {status: 200, body: {inline_string: other}}}
"""
case("clear_route_cache_for_metadata", jwt({"p": provider(payload_in_metadata="payload", clear_route_cache=True)}), requests(token(), token(sub="x")), routes=BY_METADATA)

# Requirements.
TWO = {"p": provider(), "q": provider(issuer="q", audiences=["app"]), "r": provider(issuer="r", from_headers=[{"name": "x-r"}])}


def rule(requires, match=None):
    return {"match": match or {"prefix": "/"}, **({"requires": requires} if requires is not None else {})}


def required(name, requires, client, providers=None, **kw):
    case(name, jwt(providers or TWO, [rule(requires)]), client, stats=STATS, **kw)


P, Q, R, MISSING, FAILED = {"provider_name": "p"}, {"provider_name": "q"}, {"provider_name": "r"}, {"allow_missing": {}}, {"allow_missing_or_failed": {}}
ANY = lambda *all: {"requires_any": {"requirements": list(all)}}
EACH = lambda *all: {"requires_all": {"requirements": list(all)}}
MIX = requests(token(), token(iss="q"), token(iss="x"), token(exp=LONG_AGO), token(iss="q", aud="x"), "x") + get("/p") + get("/p", "x-r: " + token(iss="r")) + bearer(token(), "x-r: x") + bearer(token(exp=LONG_AGO), "x-r: " + token(iss="r"))
required("none", None, MIX)
required("empty", {}, MIX)
required("any", ANY(P, Q), MIX)
required("any_three", ANY(Q, P, R), MIX)
required("any_missing", ANY(P, MISSING), MIX)
required("any_failed", ANY(P, FAILED), MIX)
required("any_missing_failed", ANY(MISSING, FAILED), MIX)
required("any_missing_only", ANY(MISSING, MISSING), MIX)
required("any_in_any", ANY(ANY(P, MISSING), R), MIX)
required("any_all", ANY(EACH(P, R), Q), MIX)
required("all", EACH(P, R), MIX)
required("all_same_place", EACH(P, P), MIX)
required("all_any", EACH(ANY(P, Q), ANY(R, MISSING)), MIX)
required("allow_missing", MISSING, MIX)
required("allow_missing_or_failed", FAILED, MIX, no_upstream=False, brief_upstream=True)
required("provider_and_audiences", {"provider_and_audiences": {"provider_name": "q", "audiences": ["x"]}}, MIX)
required("provider_and_no_audiences", {"provider_and_audiences": {"provider_name": "q"}}, MIX)
case("rules", jwt(rules=[rule(P, {"path": "/exact"}), rule(None, {"prefix": "/open"}), rule(P, {"prefix": "/h", "headers": [{"name": "x-h", "string_match": {"exact": "1"}}]}), rule(P, {"safe_regex": {"regex": "/r[0-9]"}}),
                          rule(P, {"prefix": "/q", "query_parameters": [{"name": "a", "string_match": {"exact": "1"}}]}), rule(P, {"path_separated_prefix": "/sep"}), rule(P, {"prefix": "/CASE", "case_sensitive": False})]),
     [s for p in ("/exact", "/exact?q", "/exact/", "/open/x", "/h", "/r1", "/r11", "/q", "/q?a=1", "/q?a=2", "/sep", "/sep/x", "/sepx", "/case", "/else") for s in get(p)] + get("/h", "x-h: 1"))
case("requirement_map", jwt(rules=[{"match": {"prefix": "/a"}, "requirement_name": "one"}], requirement_map={"one": P}), get("/a") + get("/b"))


def per_route(config):
    return dict(vhosts=f"""
- name: all
  domains: ["*"]
  routes:
  - match: {{prefix: /}}
    route: {{cluster: "{{{{up}}}}"}}
    typed_per_filter_config: {{envoy.filters.http.jwt_authn: {{'@type': {TYPE}PerRouteConfig, {config}}}}}
""")


case("route_disabled", jwt(), get("/p") + bearer("x"), stats=STATS, **per_route("disabled: true"))
case("route_requirement", jwt(rules=[], requirement_map={"one": P, "none": {}}), get("/p") + bearer(token()), **per_route("requirement_name: one"))
case("route_requirement_empty", jwt(requirement_map={"one": P, "none": {}}), get("/p"), **per_route("requirement_name: none"))
case("route_requirement_unknown", jwt(requirement_map={"one": P}), get("/p"), no_log=False, **per_route("requirement_name: two"))
case("route_requirement_unknown_stripped", jwt(requirement_map={"one": P}, strip_failure_response=True), get("/p"), **per_route("requirement_name: two"))
STATE = '- {name: s, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config, on_request_headers: [{object_key: k, factory_key: envoy.string, format_string: {text_format_source: {inline_string: "%REQ(x-k)%"}}}]}}\n'
case("filter_state", STATE + jwt(rules=[rule(P, {"prefix": "/always"})], filter_state_rules={"name": "k", "requires": {"one": P, "none": {}}}), get("/always", "x-k: none") + get("/p", "x-k: one") + get("/p", "x-k: none") + get("/p", "x-k: two") + get("/p"))
case("stat_prefix", jwt(stat_prefix="more"), get("/p"), stats=["+re:http\\.{{name}}\\.jwt_authn\\..*"])
case("cache", jwt({"p": provider(jwt_cache_config={"jwt_cache_size": 2, "jwt_max_token_size": 400})}), requests(token(sub="a"), token(sub="a"), token(sub="b"), token(sub="a"), token(sub="c"), token(sub="b"), token(sub="a"), token(x="y" * 400), token(x="y" * 400), token(exp=LONG_AGO),
                                                                                                                   token(exp=LONG_AGO)), stats=STATS)
case("cache_hands_on", jwt({"p": provider(jwt_cache_config={}, claim_to_headers=[{"header_name": "x-sub", "claim_name": "sub"}])}), requests(token(), token()), stats=STATS, no_upstream=False)
case("cache_and_audiences", jwt({"p": provider(jwt_cache_config={})}, [rule(P, {"prefix": "/p"}), rule({"provider_and_audiences": {"provider_name": "p", "audiences": ["x"]}})]), requests(token()) + bearer(token(), path="/a"), stats=STATS)
case("disabled_in_route", jwt(), get("/p"), vhosts="""
- name: all
  domains: ["*"]
  routes:
  - match: {prefix: /}
    route: {cluster: "{{up}}"}
    typed_per_filter_config: {envoy.filters.http.jwt_authn: {'@type': type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}
""")

# What is refused of a config.
for _name, _filter in (("unknown_provider", jwt(rules=[rule({"provider_name": "x"})])), ("unknown_provider_inside", jwt(rules=[rule(ANY(P, {"provider_name": "x"}))])), ("unknown_requirement", jwt(rules=[{"match": {"prefix": "/"}, "requirement_name": "x"}])),
                       ("any_of_one", jwt(rules=[rule(ANY(P))])), ("all_of_one", jwt(rules=[rule(EACH(P))])), ("no_match", jwt(rules=[{"requires": P}])), ("no_keys", jwt({"p": provider(local_jwks=None)})), ("keys_bad", jwt({"p": provider(local_jwks={"inline_string": "x"})})),
                       ("keys_empty", jwt({"p": provider(local_jwks={"inline_string": ""})})), ("keys_no_file", jwt({"p": provider(local_jwks={"filename": "/none/at/all"})})), ("claim_both", jwt({"p": provider(claim_to_headers=[{"header_name": "a", "claim_name": "b", "claim_path": [{"key": "c"}]}])})),
                       ("claim_neither", jwt({"p": provider(claim_to_headers=[{"header_name": "a"}])})), ("claim_no_header", jwt({"p": provider(claim_to_headers=[{"claim_name": "b"}])})), ("unknown_provider_in_state", jwt(filter_state_rules={"name": "k", "requires": {"a": {"provider_name": "x"}}})),
                       ("subjects_regex", jwt({"p": provider(subjects={"safe_regex": {"regex": "("}})}))):
    scenario("jwt_config_" + _name, kind="validate", config=manager_config([_filter[2:]]))
for _name, _keys in (("no_json", "x"), ("no_keys", "{}"), ("keys_no_list", '{"keys": 1}'), ("empty_list", jwks()), ("no_kty", jwks({"k": "YQ"})), ("unknown_kty", jwks({"kty": "x"})), ("no_k", jwks({"kty": "oct"})), ("empty_k", jwks({"kty": "oct", "k": ""})),
                     ("bad_k", jwks({"kty": "oct", "k": "%"})), ("exponent", jwks(public_key("rsa", e=b64(b"\x05")))), ("no_n", jwks(public_key("rsa", n=None))), ("wrong_alg", jwks(public_key("rsa", alg="HS256"))),
                     ("not_on_curve", jwks(public_key("es256", x=SIGNED["keys"]["es256"]["y"]))), ("other_curve", jwks(public_key("es256", crv="P-384"))), ("unknown_curve", jwks(public_key("es256", crv="secp256k1"))), ("short_ed", jwks(public_key("ed", x="YQ"))),
                     ("x25519", jwks(public_key("ed", crv="X25519"))), ("bad_certificate", json.dumps({"a": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}))):
    scenario("jwt_config_keys_" + _name, kind="validate", config=manager_config([jwt({"p": provider(local_jwks={"inline_string": _keys})})[2:]]))
