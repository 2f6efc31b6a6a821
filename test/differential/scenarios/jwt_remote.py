"""The filter jwt_authn with keys that a service has: when they are asked for, how long they hold, and what is said when they do not come."""
import json

from harness.dsl import *
from harness.tokens import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3."
STATS = [f"http.{{{{name}}}}.jwt_authn.{n}" for n in ("allowed", "denied", "jwks_fetch_failed", "jwks_fetch_success", "jwt_cache_hit", "jwt_cache_miss")]
STATS += [f"cluster.{{{{keys}}}}.{n}" for n in ("upstream_rq_total", "upstream_rq_completed", "upstream_rq_timeout", "upstream_rq_retry", "internal.upstream_rq_200")]
LOG = {"m": "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn)%", "d": "%RESPONSE_CODE_DETAILS%", "code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%"}
ALL = {"match": {"prefix": "/"}, "requires": {"provider_name": "p"}}
KEYS = ok(jwks(secret_key()), "content-type: application/json")
OTHERS = ok(jwks(secret_key(k="YW5vdGhlcg")), "content-type: application/json")


def remote(uri="http://keys.example/jwks?x=1", timeout="5s", cluster="{{keys}}", **more):
    return {"issuer": "issuer", "remote_jwks": {"http_uri": {"uri": uri, "cluster": cluster, "timeout": timeout}, **more}}


def jwt(providers=None, rules=(ALL,), **more):
    config = {"@type": TYPE + "JwtAuthentication", "providers": providers or {"p": remote()}, "rules": list(rules), **more}
    return "- " + json.dumps({"name": "envoy.filters.http.jwt_authn", "typed_config": config})


def case(name, client, answers=(), providers=None, rules=(ALL,), config=None, without="none", **kw):
    up = {"up": [ok("ok")] * 8, "keys": list(answers), **kw.pop("up", {})}
    scenario("jwt_remote_" + name, filters=jwt(providers, rules, **(config or {})), client=client, up=up, stats=[s for s in STATS if without not in s], log_format=LOG, **kw)


def bearer(t, *more, path="/p", **kw):
    return get(path, "authorization: Bearer " + t, *more, **kw)


BAD = token(secret=b"another")
case("good", bearer(token()) + bearer(token()) + bearer(BAD), [KEYS])
case("not_for_bad_tokens", get("/p") + bearer("x.y.z") + bearer(token(iss="other")) + bearer(token(exp=LONG_AGO)) + bearer(token()), [KEYS])
case("body", bearer(token(), method="POST", body="x" * 3000) + bearer(BAD, method="POST", body="abc"), [KEYS])
for _name, _answer in (("503", ok("no", status=503, reason="no")), ("404", ok("no", status=404, reason="no")), ("empty", ok("")), ("no_json", ok("{")), ("no_keys", ok('{"keys":[]}')),
                       ("reset", [("rst",)]), ("garbage", raw("x\r\n\r\n")), ("201", ok(jwks(secret_key()), status=201, reason="Created"))):
    case("answer_" + _name, bearer(token()) + bearer(token()), [_answer, KEYS])
case("again_after_failure", bearer(token()) + bearer(token()) + bearer(token()), [ok("no", status=503, reason="no"), KEYS])
case("timeout", bearer(token()), [[("hold",)]], {"p": remote(timeout="0.2s")})
case("unknown_cluster", bearer(token()), [], {"p": remote(cluster="nobody")})
case("short_cache", bearer(token()) + pause(0.3) + bearer(token()), [KEYS, OTHERS], {"p": remote(cache_duration="0.1s")})
case("tls_uri", bearer(token()), [KEYS], {"p": remote("https://keys.example:8443/a/b")})
case("uri_without_path", bearer(token()), [KEYS], {"p": remote("http://keys.example")})

# Of these the lines of the questions alone: Envoy's second one has an empty body in chunks.
case("retries", bearer(token()), [ok("no", status=503, reason="no"), KEYS], {"p": remote(retry_policy={"num_retries": 2, "retry_back_off": {"base_interval": "0.01s"}})}, brief_upstream=True)
case("retries_used_up", bearer(token()), [ok("no", status=503, reason="no")] * 3, {"p": remote(retry_policy={"num_retries": 1, "retry_back_off": {"base_interval": "0.01s"}})}, brief_upstream=True)
case("retries_404", bearer(token()), [ok("no", status=404, reason="no"), KEYS], {"p": remote(retry_policy={"num_retries": 1, "retry_back_off": {"base_interval": "0.01s"}})})
case("failure_metadata", bearer(token()), [ok("", status=500, reason="no")], {"p": {**remote(), "failed_status_in_metadata": "why"}})
case("cached_tokens", bearer(token()) + bearer(token()), [KEYS], {"p": {**remote(), "jwt_cache_config": {}}})
TWO = {"p": remote(), "q": {**remote("http://keys.example/q"), "issuer": "q"}}
# While keys are asked for, Envoy looks at what else would do, and counts that.
case("any_first", bearer(token()) + bearer(token(iss="q")), [KEYS, KEYS], TWO, [{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": [{"provider_name": "p"}, {"provider_name": "q"}]}}}], without="jwt_cache_miss")
_both = {"p": {**remote(), "from_headers": [{"name": "x-p"}]}, "q": {**remote("http://keys.example/q"), "issuer": "q", "from_headers": [{"name": "x-q"}], "forward_payload_header": "x-payload"}}
_all = [{"match": {"prefix": "/"}, "requires": {"requires_all": {"requirements": [{"provider_name": "p"}, {"provider_name": "q"}]}}}]
case("all", get("/p", "x-p: " + token(), "x-q: " + token(iss="q")) + get("/p", "x-p: " + token(), "x-q: " + token(iss="q")), [KEYS, KEYS], _both, _all)
case("all_second_fails", get("/p", "x-p: " + token(), "x-q: " + token(iss="q")), [KEYS, ok("", status=500, reason="no")], _both, _all)
case("allow_missing_or_failed", bearer(token()), [ok("", status=500, reason="no")], rules=[{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": [{"provider_name": "p"}, {"allow_missing_or_failed": {}}]}}}])
case("allow_missing", bearer(token()), [ok("", status=500, reason="no")], rules=[{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": [{"provider_name": "p"}, {"allow_missing": {}}]}}}])


def config(name, provider, **kw):
    scenario("jwt_remote_config_" + name, kind="validate", **kw, config=manager_config([jwt({"p": provider})[2:]]))


config("unknown_cluster", remote(cluster="c"))
config("no_uri", {"issuer": "i", "remote_jwks": {}})
config("uri_without_scheme", remote("keys.example/jwks", cluster="c"))
config("async", remote(cluster="c", async_fetch={"fast_listener": True, "failed_refetch_duration": "1s"}))
config("no_source", {"issuer": "i"})
config("cache_zero", remote(cluster="c", cache_duration="0s"))
config("cache_short", remote(cluster="c", cache_duration="0.001s"))
config("no_timeout", {"issuer": "i", "remote_jwks": {"http_uri": {"uri": "http://a/", "cluster": "c"}}})
config("retry_back_off_wrong", remote(cluster="c", retry_policy={"retry_back_off": {"base_interval": "2s", "max_interval": "1s"}}))
