"""The filter oauth2: who is sent to the authorization server, what comes back from it, tokens in cookies, refreshing, signing out."""
import base64
import hashlib
import hmac
import json

from harness.dsl import *
from harness.side_services import sorted_fields
from harness.tokens import LATER, LONG_AGO, token

TYPE = "type.googleapis.com/envoy.extensions.filters.http.oauth2.v3."
TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
SECRET = "secret of the cookies"
# Encrypted with its SHA-256 and the IV "0123456789abcdef" (AES-256-CBC).
ACCESS = "MDEyMzQ1Njc4OWFiY2RlZqd5hgY5weXZQC_98fm2cIU"       # access
IDENTITY = "MDEyMzQ1Njc4OWFiY2RlZnSTTibMqNfc6Dq48Jqg8eM"     # identity
REFRESH = "MDEyMzQ1Njc4OWFiY2RlZvqOv35dUTqQ9wuZUuEdFtI"      # refresh
VERIFIER = "MDEyMzQ1Njc4OWFiY2RlZnPcePkuShIumY5ed__VjncWHhCW7ExVxCM7rRbaCG5P"  # the verifier of the code
BAD_VALUE = "MDEyMzQ1Njc4OWFiY2RlZimtTfIhR4iaAnLRDKQI0Ok"    # bad\nvalue
# The same with another secret.
OTHER_ACCESS = "MDEyMzQ1Njc4OWFiY2RlZkOD2GSfsvCrkAr4mK2euZ4"
OTHER_VERIFIER = "MDEyMzQ1Njc4OWFiY2RlZn8mDqo1GvMD7MIY4XNuXRqO08JhaEJIp4rVS1JfJWzK"

NAMES = ("oauth_unauthorized_rq", "oauth_failure", "oauth_passthrough", "oauth_success", "oauth_refreshtoken_success", "oauth_refreshtoken_failure", "oauth_allow_failed_passthrough")
STATS = ["re:http\\.{{name}}\\..*oauth_.*"] + [f"cluster.{{{{auth}}}}.{n}" for n in ("upstream_rq_total", "upstream_rq_completed", "upstream_rq_timeout", "upstream_rq_retry")]
LOG = {"d": "%RESPONSE_CODE_DETAILS%", "code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "path": "%REQ(:PATH)%", "cluster": "%UPSTREAM_CLUSTER%"}
MASK = [(r"(OauthNonce|OauthCodeVerifier|CodeVerifier|the-nonce|the-verifier)\.[0-9a-f]{1,16}=", r"\1.<flow>="),
        (r"(OauthNonce|the-nonce)(\.<flow>)?=[0-9a-f]{1,16}\.[A-Za-z0-9+/]{43}=", r"\1\2=<token>"),
        (r"(CodeVerifier|the-verifier)(\.<flow>)?=[A-Za-z0-9_-]{80,90}", r"\1\2=<encrypted>"),
        (r"code_challenge=[A-Za-z0-9_-]{43}", "code_challenge=<challenge>"),
        (r"state=eyJ1cmwiOi[A-Za-z0-9_-]{60,}", "state=<state>"),
        (r"(OauthHMAC|the-hmac)=[A-Za-z0-9+/]{43}=;", r"\1=<hmac>;"),
        (r"(OauthExpires|the-expires)=\d{10};", r"\1=<time>;"),
        (r"(BearerToken|IdToken|RefreshToken|the-\w+)=[A-Za-z0-9_-]{43,};", r"\1=<encrypted>;"),
        (r"Max-Age=\d{8,10}\b", "Max-Age=<years>")]


def secret_file(name, text):
    return json.dumps({"resources": [{"@type": TLS + "Secret", "name": name, "generic_secret": {"secret": {"inline_string": text}}}]})


def from_file(name):
    return {"name": name, "sds_config": {"path_config_source": {"path": "{{dir}}/" + name + ".yaml"}}}


FILES = {"token.yaml": secret_file("token", "client secret: a/b"), "hmac.yaml": secret_file("hmac", SECRET)}


def oauth(credentials=None, **over):
    """The filter's config; None takes a field away."""
    c = {"token_endpoint": {"cluster": "{{auth}}", "uri": "http://auth.example/token?x=1", "timeout": "5s"}, "authorization_endpoint": "https://auth.example/authorize",
         "redirect_uri": "%REQ(x-forwarded-proto)%://%REQ(:authority)%/callback", "redirect_path_matcher": {"path": {"exact": "/callback"}},
         "signout_path": {"path": {"exact": "/signout"}},
         "credentials": {k: v for k, v in {"client_id": "the client", "token_secret": from_file("token"), "hmac_secret": from_file("hmac"), **(credentials or {})}.items() if v is not None}, **over}
    return {k: v for k, v in c.items() if v is not None}


def filter_of(config):
    return {"name": "envoy.filters.http.oauth2", "typed_config": {"@type": TYPE + "OAuth2", **({} if config is None else {"config": config})}}


def case(name, client, auth=(), credentials=None, up=None, before=(), **over):
    kw = {k: over.pop(k) for k in ("mask", "differs", "outrigger", "brief_upstream", "own", "hcm", "bootstrap", "files", "routes", "clusters", "stats", "unordered_log") if k in over}
    kw["mask"] = [*MASK, *kw.get("mask", [])]
    kw.setdefault("files", FILES)
    kw.setdefault("stats", STATS)
    scenario("oauth2_" + name, filters=json.dumps([*before, filter_of(oauth(credentials, **over))]), client=client, up={"up": up or [ok("ok")] * 8, "auth": list(auth)},
             log_format=LOG, views={"up": sorted_cookies}, **kw)


def sorted_cookies(record):
    """Envoy puts them together out of a map."""
    return {**record, "headers": [[k, "; ".join(sorted(v.split("; ")))] if k.lower() == "cookie" else [k, v] for k, v in record["headers"]]}


def b64(data):
    return base64.b64encode(data).decode()


def signature(text, secret=SECRET):
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256)


def cookies(host="h.example", expires=LATER, access="access", identity="", refresh="", secret=SECRET, plain=False, hexed=False, names=("OauthHMAC", "OauthExpires", "BearerToken", "IdToken", "RefreshToken"), sign=None):
    """As the filter sets them; `plain`: not encrypted. sign: what is signed instead."""
    made = signature("\n".join(sign or (host, str(expires), access, identity, refresh)), secret)
    out = [f"{names[0]}={b64(made.hexdigest().encode()) if hexed else b64(made.digest())}", f"{names[1]}={expires}"]
    for n, value, encrypted in zip(names[2:], (access, identity, refresh), (ACCESS, IDENTITY, REFRESH)):
        if value:
            out.append(f"{n}={value if plain else encrypted}")
    return "cookie: " + "; ".join(out)


def nonce(n="00000000000000ab", secret=SECRET):
    return n + "." + b64(signature(n, secret).digest())


def state(url="http://h.example/original?a=b", csrf=None, flow="00000000000000ab", **more):
    fields = {"url": url, "csrf_token": nonce() if csrf is None else csrf, "flow_id": flow, **more}
    return base64.urlsafe_b64encode(json.dumps({k: v for k, v in fields.items() if v is not None}).encode()).rstrip(b"=").decode()


def callback(s=None, code="the-code", cookie=None, more="", *headers, path="/callback", **kw):
    query = "&".join([*([] if code is None else ["code=" + code]), *([] if s == "" else ["state=" + (state() if s is None else s)])])
    have = f"OauthNonce.00000000000000ab={nonce()}; CodeVerifier.00000000000000ab={VERIFIER}" if cookie is None else cookie
    return get(f"{path}?{query}{more}", *(["cookie: " + have] if have else []), *headers, **kw)


def answer(*headers, **fields):
    return ok(json.dumps(fields), "content-type: application/json", *headers)


TOKENS = answer(access_token="access", id_token="identity", refresh_token="refresh", expires_in=3600, token_type="bearer")

# Sent to the authorization server.

case("redirect", get("/a?b=c&d"))
case("redirect_post", get("/a", method="POST", body="x" * 100))
case("redirect_http2_names", get("/a", "x-forwarded-proto: https"))
case("redirect_host_port", get("/a", host="h.example:8080"))
case("redirect_scopes", get("/a"), auth_scopes=["openid", "email", "a b/c"], resources=["oauth2-resource", "http://example.com", "https://example.com/a?b=c d"])
case("redirect_endpoint_with_query", get("/a"), authorization_endpoint="https://auth.example:444/authorize/path?z=1&foo=bar&client_id=mine&state=x&b")
case("redirect_endpoint_without_path", get("/a"), authorization_endpoint="http://auth.example")
case("redirect_uri_plain", get("/a"), redirect_uri="https://me.example/callback")
case("redirect_original_uri", get("/a", "x-host: front.example"), original_request_uri="https://%REQ(x-host)%")
case("redirect_cookie_configs", get("/a"), cookie_configs={"oauth_nonce_cookie_config": {"same_site": "STRICT", "path": "/p"}, "code_verifier_cookie_config": {"same_site": "NONE", "partitioned": True}},
     csrf_token_expires_in="60s", code_verifier_token_expires_in="61.5s")
case("redirect_cookie_domain", get("/a"), credentials={"cookie_domain": "example.com", "cookie_names": {"oauth_nonce": "the-nonce", "code_verifier": "the-verifier"}})
case("redirect_removes_authorization", get("/a", "authorization: Bearer x", "x-envoy-oauth-status: fine", "x-envoy-oauth-failure-reason: none", "x-open: 1"),
     pass_through_matcher=[{"name": "x-open", "string_match": {"exact": "1"}}])
case("allowed_domains", get("/a") + get("/a", host="evil.example") + get("/a", host="www.example.com:81") + get("/a", host="example.com") + get("/a", host="H.EXAMPLE") + get("/a", host="WWW.EXAMPLE.COM")
     + get("/a", host=".example.com") + get("/a", host="[::1]:90"), allowed_redirect_domains=["h.example", "*.example.com", "::1"])
case("allowed_domains_redirect_uri", get("/a"), allowed_redirect_domains=["h.example"], redirect_uri="https://me.example/callback")
case("allowed_domains_tricks", get("/a", "x-host: h.example@evil.example") + get("/a", "x-host: evil.example\\@h.example") + get("/a", "x-host: h.example:80:90") + get("/a", "x-host: evil.example/h.example")
     + get("/a", "x-host: user:pw@h.example") + get("/a", "x-host: h.example#evil.example") + get("/a", "x-host: ") + get("/a"), allowed_redirect_domains=["h.example"],
     original_request_uri="https://%REQ(x-host)%", redirect_uri="https://h.example/callback")
case("pass_through", get("/a", "x-open: 1", cookies()) + get("/a", "x-open: 2"), pass_through_matcher=[{"name": "x-open", "string_match": {"exact": "1"}}])
case("deny_redirect", get("/a?q=1", "x-requested-with: XMLHttpRequest") + get("/a"), deny_redirect_matcher=[{"name": "x-requested-with", "string_match": {"exact": "XMLHttpRequest"}}])
case("allow_failed", get("/a?q=1", "x-any: 1", "cookie: a=b; BearerToken=x; IdToken=y; OauthHMAC=z; OauthExpires=1; OauthNonce=1; OauthNonce.12=3; CodeVerifier=4; CodeVerifier.5=6", "authorization: Bearer x")
     + get("/a", "x-any: 1") + get("/callback", "x-any: 1") + get("/a"), allow_failed_matcher=[{"name": "x-any", "present_match": True}])
case("not_configured", get("/a") + get("/callback"))

# Who is logged in.

case("logged_in", get("/a", cookies()) + get("/b", cookies(), "authorization: Basic x"), forward_bearer_token=True)
case("logged_in_not_forwarded", get("/a", cookies(), "authorization: Basic x"))
case("logged_in_preserved", get("/a", cookies(), "authorization: Basic x"), preserve_authorization_header=True)
case("logged_in_all", get("/a", cookies(identity="identity", refresh="refresh") + "; other=1; quoted=\"2\"; OauthNonce=3; OauthNonce.4=5; CodeVerifier.6=7; CodeVerifierX=8; none"), forward_bearer_token=True)
case("logged_in_only_ours", get("/a", cookies(access="")) + get("/a", cookies(access="") + "; a=b"), forward_bearer_token=True)
case("logged_in_hex", get("/a", cookies(hexed=True)))
case("logged_in_plain", get("/a", cookies(plain=True)) + get("/b", cookies(plain=False)), disable_token_encryption=True, forward_bearer_token=True)
case("logged_in_plain_when_encrypted", get("/a", cookies(plain=True)), forward_bearer_token=True)
case("logged_in_domain", get("/a", cookies("example.com")) + get("/a", cookies()), credentials={"cookie_domain": "example.com"})
case("logged_in_names", get("/a", cookies(names=("the-hmac", "the-expires", "the-access", "the-id", "the-refresh"), identity="identity", refresh="refresh")) + get("/a", cookies()),
     credentials={"cookie_names": {"bearer_token": "the-access", "oauth_hmac": "the-hmac", "oauth_expires": "the-expires", "id_token": "the-id", "refresh_token": "the-refresh"}}, forward_bearer_token=True)
case("logged_in_forward_id", get("/a", cookies(identity="identity"), "x-id: mine") + get("/a", cookies(), "x-id: mine"), forward_id_token={"header": "X-Id"})
case("logged_in_forward_id_as_bearer", get("/a", cookies(identity="identity"), "authorization: x") + get("/a", cookies(), "authorization: x"), forward_id_token={"header": "Authorization"})
case("logged_in_blanks", get("/a", cookies() + ";  a = 1;b=2;c= 3;   e=\"5\";   d=\"4"))
case("logged_in_two_headers", get("/a", *[("cookie: " + x) for x in cookies()[8:].split("; ")], "cookie: a=1; b=2"))
case("forward_id_spoofed_as_bearer", get("/a", "authorization: mine", "x-open: 1"), forward_id_token={"header": "authorization"}, pass_through_matcher=[{"name": "x-open", "present_match": True}])
case("forward_id_spoofed", get("/a", "x-id: mine", "x-any: 1") + get("/a", "x-id: mine", "x-open: 1"), forward_id_token={"header": "x-id"}, allow_failed_matcher=[{"name": "x-any", "present_match": True}],
     pass_through_matcher=[{"name": "x-open", "present_match": True}])

FORGED = {"forged_secret": cookies(secret="another"), "forged_host": cookies("other.example"), "forged_token": cookies(sign=("h.example", str(LATER), "another", "", "")), "expired": cookies(expires=LONG_AGO),
          "no_expiry": cookies(expires=""), "bad_expiry": cookies(expires="4102444800x"), "huge_expiry": cookies(expires="18446744073709551616"), "no_hmac": cookies().replace("OauthHMAC=", "x="),
          "empty_hmac": "cookie: OauthHMAC=; OauthExpires=4102444800; BearerToken=" + ACCESS, "moved_bytes": cookies(sign=("h.example" + str(LATER), "", "access", "", "")),
          "other_key": cookies().replace(ACCESS, OTHER_ACCESS), "bad_value": cookies().replace(ACCESS, BAD_VALUE), "short": cookies().replace(ACCESS, "MDEy"), "hmac_prefix": cookies()[:30] + "; " + cookies()[8:].split("; ", 1)[1],
          "identity_added": cookies() + "; IdToken=" + IDENTITY, "duplicate_first": cookies().replace("BearerToken", "BearerToken=forged; BearerToken"), "duplicate_last": cookies() + "; BearerToken=forged"}
for _name, _cookie in FORGED.items():
    case("cookies_" + _name, get("/a", _cookie), forward_bearer_token=True)
case("cookies_host_in_other_case", get("/a", cookies(), host="H.EXAMPLE"))

# Back from the authorization server.

case("callback", callback(), [TOKENS])
case("callback_legacy_cookies", callback(cookie=f"OauthNonce={nonce()}; CodeVerifier={VERIFIER}"), [TOKENS])
case("callback_no_flow_id", callback(state(flow=None), cookie=f"OauthNonce={nonce()}; CodeVerifier={VERIFIER}"), [TOKENS])
case("callback_basic", callback(), [TOKENS], auth_type="BASIC_AUTH")
case("callback_tls_client", callback(), [TOKENS], auth_type="TLS_CLIENT_AUTH")
case("callback_tls_client_without_secret", callback(), [TOKENS], {"token_secret": None}, auth_type="TLS_CLIENT_AUTH")
case("callback_only_access", callback(), [answer(access_token="access", expires_in=3600)])
case("callback_expires_text", callback(), [answer(access_token="access", expires_in="60")])
case("callback_default_expiry", callback(), [answer(access_token="access")], default_expires_in="50s")
case("callback_no_refresh", callback(), [TOKENS], use_refresh_token=False)
case("callback_disable_cookies", callback(), [TOKENS], disable_id_token_set_cookie=True, disable_access_token_set_cookie=True, disable_refresh_token_set_cookie=True)
case("callback_plain", callback(), [TOKENS], disable_token_encryption=True)
case("callback_jwt_expiry", callback(), [answer(access_token="access", id_token=token(), refresh_token=token(), expires_in=3600)])
case("callback_jwt_expired", callback(), [answer(access_token="access", id_token=token(exp=LONG_AGO), refresh_token=token(exp=LONG_AGO), expires_in=3600)])
case("callback_jwt_expiry_of_access", callback(), [answer(access_token="access", id_token=token(), refresh_token="r", expires_in=3600)], use_access_token_expiry_for_id_token_cookie=True,
     default_refresh_token_expires_in="99s")
case("callback_old_cookies_deleted", callback(cookie=f"OauthNonce.00000000000000ab={nonce()}; CodeVerifier.00000000000000ab={VERIFIER}; BearerToken=a; IdToken=b; RefreshToken=c"), [answer(access_token="access", expires_in=1)],
     {"cookie_domain": "example.com"}, disable_access_token_set_cookie=True)
case("callback_cookie_configs", callback(), [TOKENS], {"cookie_domain": "example.com"}, cookie_configs={
    "bearer_token_cookie_config": {"same_site": "LAX"}, "oauth_hmac_cookie_config": {"same_site": "NONE", "partitioned": True}, "oauth_expires_cookie_config": {"path": "/e"}, "id_token_cookie_config": {"same_site": "STRICT", "path": "/i"},
    "refresh_token_cookie_config": {"path": "/r"}, "oauth_nonce_cookie_config": {"path": "/n"}, "code_verifier_cookie_config": {"path": "/v"}})
case("callback_secure_names", callback(cookie=f"__Secure-n.00000000000000ab={nonce()}; __Host-v.00000000000000ab={VERIFIER}"), [TOKENS], {"cookie_names": {"oauth_nonce": "__Secure-n", "code_verifier": "__Host-v"}})
case("callback_escaped_secrets", callback(code="a%2Fb+c"), [TOKENS], {"client_id": "client/%:=&?+~ü"})
case("callback_post", callback(method="POST", body="x" * 100), [TOKENS])
case("callback_path_tricks", callback(path="/callback/") + callback(path="/Callback") + callback(path="//callback") + callback(path="/callback#x") + callback(path="/x/../callback") + callback(path="/%63allback"))

NO_VERIFIER = f"OauthNonce.00000000000000ab={nonce()}"
BAD = {"no_query": get("/callback"), "no_code": callback(code=None), "no_state": callback(""), "empty_state": callback("", more="&state="), "state_not_base64": callback("%%%"), "state_padded": callback(state() + "="),
       "state_not_json": callback(base64.urlsafe_b64encode(b"hello!").decode()), "state_no_url": callback(state(url=None)), "state_no_csrf": callback(base64.urlsafe_b64encode(json.dumps({"url": "http://h.example/"}).encode()).rstrip(b"=").decode()),
       "state_list": callback(base64.urlsafe_b64encode(b'["a", "bcde"]').rstrip(b"=").decode()), "url_number": callback(state(url=7)), "csrf_number": callback(state(csrf=7)),
       "error": callback(more="&error=denied&error_description=no") + callback("", code=None, more="error=denied"), "no_cookies": callback(cookie=""), "no_verifier": callback(cookie=NO_VERIFIER),
       "verifier_of_other_key": callback(cookie=NO_VERIFIER + f"; CodeVerifier.00000000000000ab={OTHER_VERIFIER}"), "verifier_garbage": callback(cookie=NO_VERIFIER + "; CodeVerifier.00000000000000ab=x.y"),
       "csrf_other": callback(state(csrf=nonce("00000000000000ac"))), "csrf_forged": callback(state(csrf=nonce(secret="another")), cookie=f"OauthNonce.00000000000000ab={nonce(secret='another')}"),
       "csrf_no_dot": callback(state(csrf="abc"), cookie="OauthNonce.00000000000000ab=abc"), "csrf_empty": callback(state(csrf=""), cookie="OauthNonce.00000000000000ab="),
       "flow_of_another": callback(state(flow="00000000000000ac")), "url_relative": callback(state(url="/original")), "url_no_host": callback(state(url="http:///x")), "url_scheme": callback(state(url="javascript:alert(1)")),
       "url_line_end": callback(state(url="http://h.example/a\r\nx: y")), "url_space": callback(state(url="http://h.example/a b")), "url_back_slash": callback(state(url="http://h.example\\@evil.example/")),
       "url_tab": callback(state(url="http://h.example/a\tb"))}
for _name, _client in BAD.items():
    case("callback_" + _name, _client, [TOKENS] * 2)
case("callback_other_host", callback(state(url="https://evil.example/x")), [TOKENS])
case("callback_host_not_allowed", callback(state(url="https://evil.example/x")) + callback(state(url="https://h.example@evil.example/x")) + callback(state(url="https://h.example.evil.example/x"))
     + callback(state(url="//h.example/x")) + callback(state(url="https://h.example:9/x")), [TOKENS] * 5, allowed_redirect_domains=["h.example"])

ANSWERS = {"400": ok('{"error":"bad"}', status=400, reason="no"), "500": ok("no", status=500, reason="no"), "201": ok("{}", status=201, reason="no"), "empty": ok(""), "no_json": ok("{access"), "list": ok("[]"),
           "no_token": answer(expires_in=3600), "null_token": answer(access_token=None, expires_in=3600), "empty_token": answer(access_token="", expires_in=3600), "number_token": answer(access_token=7, expires_in=3600),
           "no_expiry": answer(access_token="access"), "zero_expiry": answer(access_token="access", expires_in=0), "negative_expiry": answer(access_token="access", expires_in=-1), "reset": [("rst",)],
           "fraction_expiry": answer(access_token="access", expires_in=1.5), "whole_expiry": ok('{"access_token":"access","expires_in":60.0}'), "camel": answer(accessToken="access", expiresIn=60)}
# Envoy logs answers that it cannot use, tokens and all.
SECRETIVE = [(r"(Failed_to_parse_oauth_response_body|No_access_token_found_in_the_token_exchange_response|No_default_or_explicit_access_token_expiration_found_in_the_token_exchange_response).*", r"\1")]
for _name, _answer in ANSWERS.items():
    case("answer_" + _name, callback(), [_answer], mask=SECRETIVE)
case("answer_timeout", callback(), [[("hold",)]], token_endpoint={"cluster": "{{auth}}", "uri": "http://auth.example/token", "timeout": "0.2s"})
case("unknown_cluster", callback() + get("/a"), token_endpoint={"cluster": "nobody", "uri": "http://auth.example/token", "timeout": "1s"}, stats=STATS[:1])
case("no_retries", callback(), [ok("no", status=503, reason="no"), TOKENS], brief_upstream=True)
case("callback_logged_in", get("/callback?code=x&state=" + state(), cookies() + f"; OauthNonce.00000000000000ab={nonce()}"))
case("callback_logged_in_loop", get("/callback?code=x&state=" + state(url="http://h.example/callback?x"), cookies() + f"; OauthNonce.00000000000000ab={nonce()}"))
case("callback_logged_in_bad_state", get("/callback?code=x&state=" + state(), cookies()))

# Refreshing.

OLD = cookies(expires=LONG_AGO, refresh="refresh", identity="identity")
case("refresh", get("/a", OLD + "; a=b"), [TOKENS], forward_bearer_token=True)
case("refresh_plain", get("/a", cookies(expires=LONG_AGO, refresh="refresh+/=", plain=True)), [TOKENS], disable_token_encryption=True)
case("refresh_basic", get("/a", OLD), [TOKENS], auth_type="BASIC_AUTH")
# Envoy sends it as it is then, where "+" means a space.
case("refresh_basic_escaped", get("/a", cookies(expires=LONG_AGO, refresh="refresh+/=", plain=True)), [TOKENS], auth_type="BASIC_AUTH", disable_token_encryption=True,
     mask=[(r"refresh(\+|%2B)(/|%2F)(=|%3D)", "<escaped>"), ("content-length: 5[0-9]", "content-length: <escaped>")])
case("refresh_tls_client", get("/a", OLD), [TOKENS], auth_type="TLS_CLIENT_AUTH")
case("refresh_no_new_refresh_token", get("/a", OLD), [answer(access_token="new", expires_in=60)])
case("refresh_body", get("/a", OLD, method="POST", body="x" * 3000), [TOKENS])
case("refresh_off", get("/a", OLD), [TOKENS], use_refresh_token=False)
case("refresh_forward_id", get("/a", OLD, "x-id: mine"), [TOKENS], forward_id_token={"header": "x-id"})
case("refresh_fails", get("/a", OLD), [ok("no", status=400, reason="no")])
case("refresh_fails_denied", get("/a", OLD, "x-ajax: 1"), [ok("no", status=400, reason="no")], deny_redirect_matcher=[{"name": "x-ajax", "present_match": True}])
case("refresh_fails_allowed", get("/a", OLD, "x-any: 1", method="POST", body="abc"), [ok("no", status=400, reason="no")], allow_failed_matcher=[{"name": "x-any", "present_match": True}])
case("refresh_reset", get("/a", OLD), [[("rst",)]])
case("refresh_no_token", get("/a", OLD), [answer(x=1)], mask=SECRETIVE)
case("refresh_no_token_allowed", get("/a", OLD, "x-any: 1"), [answer(x=1)], allow_failed_matcher=[{"name": "x-any", "present_match": True}])
case("refresh_unknown_cluster", get("/a", OLD), token_endpoint={"cluster": "nobody", "uri": "http://auth.example/token", "timeout": "1s"}, stats=STATS[:1])
case("refresh_unknown_cluster_allowed", get("/a", OLD, "x-any: 1"), token_endpoint={"cluster": "nobody", "uri": "http://auth.example/token", "timeout": "1s"}, stats=STATS[:1],
     allow_failed_matcher=[{"name": "x-any", "present_match": True}])
case("refresh_upstream_error", get("/a", OLD), [TOKENS], up=[ok("no", "set-cookie: mine=1", status=500, reason="no")])
case("refresh_upstream_down", get("/a", OLD), [TOKENS], up=[[("rst",)]])

# Signing out.

# One of each family at a time: Envoy has them in no order.
case("signout", get("/signout", cookies(identity="identity") + "; OauthNonce.1=2") + get("/signout", "cookie: CodeVerifier.3=4") + get("/signout", "cookie: OauthNonce=5; OauthNonces=6") + get("/signout"))
case("signout_query_and_names", get("/signout?x=1", "x-forwarded-proto: https"), credentials={"cookie_domain": "example.com", "cookie_names": {"oauth_hmac": "__Host-hmac", "id_token": "__Secure-id"}},
     cookie_configs={"bearer_token_cookie_config": {"path": "/b"}})
OIDC = {"auth_scopes": ["openid"], "end_session_endpoint": "https://auth.example/logout"}
case("signout_session", get("/signout", cookies(identity="identity")) + get("/signout"), **OIDC)
case("signout_session_uri", get("/signout", "x-to: /bye bye"), post_logout_redirect_uri={"uri": "https://%REQ(:authority)%%REQ(x-to)%"}, **OIDC)
case("signout_session_no_uri", get("/signout"), post_logout_redirect_uri={"disabled": True}, **OIDC)
case("stat_prefix", get("/a"), stat_prefix="mine")
case("stat_prefix_dot", get("/a"), stat_prefix="mine.")
scenario("oauth2_no_config", filters=json.dumps([filter_of(None)]), client=get("/a", "x-envoy-oauth-status: fine", "authorization: x"), log_format=LOG)

PER_ROUTE = {"@type": TYPE + "OAuth2PerRoute", "config": oauth({"client_id": "of-the-route"}, redirect_path_matcher={"path": {"exact": "/own/callback"}}, stat_prefix="{{name}}")}
OWN = """- match: {prefix: /own}
  route: {cluster: "{{up}}"}
  typed_per_filter_config: {envoy.filters.http.oauth2: %s}
- match: {prefix: /}
  route: {cluster: "{{up}}"}
""" % json.dumps(PER_ROUTE)
case("per_route", get("/own/a") + get("/a") + callback(path="/own/callback") + get("/own/a", cookies()), [TOKENS], routes=OWN, stats=["re:oauth_"], own=True)
scenario("oauth2_per_route_only", filters=json.dumps([filter_of(None)]), client=get("/own/a") + get("/a"), up={"up": [ok()], "auth": []}, routes=OWN, files=FILES, log_format=LOG, mask=MASK, stats=["re:oauth_"], own=True)
scenario("oauth2_per_route_empty", kind="validate", config=manager_config([filter_of(None)], 'virtual_hosts: [{name: a, domains: ["*"], typed_per_filter_config: {envoy.filters.http.oauth2: {"@type": %sOAuth2PerRoute}}}]' % TYPE))
GCM = "layered_runtime: {layers: [{name: s, static_layer: {envoy.reloadable_features.oauth2_use_gcm_encryption: true%s}}]}"
GCM_VERIFIER = "gcm.mybI1HxACL6FXwAhZRJ3DohAOy7OC8uo_uVWoJpXEqgjoflVMnXeePo669lhw_uPxn0jJlM1RLE1AkwCL00o-QIINlLhQC0"  # gJQZuihCfuXKk42SSlM-Zcl0J3sxv1Gl5_dnLyeXgHI
GCM_MASK = [(r"(CodeVerifier(?:\.<flow>)?|BearerToken|IdToken|RefreshToken)=gcm\.[A-Za-z0-9_-]+;", r"\1=gcm.<encrypted>;")]


def gcm_callback(verifier=GCM_VERIFIER):
    return callback(cookie=f"OauthNonce.00000000000000ab={nonce()}; CodeVerifier.00000000000000ab={verifier}")


case("gcm", get("/a") + gcm_callback() + callback() + get("/b", cookies()), [TOKENS] * 2, own=True, bootstrap=GCM % "", mask=GCM_MASK)
case("gcm_read_without_flag", gcm_callback() + gcm_callback(GCM_VERIFIER[:-1] + "1") + gcm_callback(GCM_VERIFIER[:40] + "AAAA" + GCM_VERIFIER[44:]) + gcm_callback("gcm." + VERIFIER) + gcm_callback(GCM_VERIFIER[:30]) + gcm_callback("gcm."), [TOKENS])
case("gcm_only", callback() + get("/b", cookies()) + gcm_callback(), [TOKENS], own=True, bootstrap=GCM % ", envoy.reloadable_features.oauth2_legacy_cbc_decrypt_compat: false", mask=GCM_MASK)

# Tokens in several cookies.

CHUNKS = {"token_cookie_chunking": {"max_cookie_size": 512}, "disable_token_encryption": True, "use_refresh_token": False}
PLAIN = {"disable_token_encryption": True, "use_refresh_token": False}
AROUND = len("BearerToken=;path=/;Max-Age=3600;secure;HttpOnly")
FLOW = f"OauthNonce.00000000000000ab={nonce()}; CodeVerifier.00000000000000ab={VERIFIER}"


def big(n, **more):
    return answer(access_token="A" * n, expires_in=3600, **more)


def chunked(parts, count=None, more="", access=None):
    """Signed cookies with the access token in parts; None: one that is missing."""
    value = "".join(x for x in parts if x is not None) if access is None else access
    out = cookies(access=value, plain=True).replace("BearerToken=" + value, "; ".join(f"BearerToken_{i}={x}" for i, x in enumerate(parts) if x is not None))
    return out + f"; BearerToken_chunks={len(parts) if count is None else count}" + more


for _name, _n in {"small": 400, "fits": 512 - AROUND, "over": 513 - AROUND, "three": 1200, "too_many": 6000}.items():
    case("chunks_" + _name, callback(), [big(_n)], mask=[(r"BearerToken=A+;", "BearerToken=<plain>;")], **CHUNKS)
case("chunks_not_configured", callback(), [big(9000)], **PLAIN)
case("chunks_max", callback(), [big(1200)], **{**CHUNKS, "token_cookie_chunking": {"max_cookie_size": 512, "max_chunks": 2}})
case("chunks_two_too_many", callback(), [answer(access_token="A" * 9000, id_token="B" * 9000, expires_in=60)], **CHUNKS)
case("chunks_attributes", callback(), [big(800)], {"cookie_domain": "example.com", "cookie_names": {"bearer_token": "__Host-b"}},
     cookie_configs={"bearer_token_cookie_config": {"same_site": "LAX", "path": "/b", "partitioned": True}}, **CHUNKS)
case("chunks_attributes_too_long", callback(), [big(100)], {"cookie_domain": "e" * 600}, **CHUNKS)
case("chunks_replaced_by_one", callback(cookie=FLOW + "; BearerToken_0=a; BearerToken_1=b; BearerToken_chunks=2; BearerToken_7=x; IdToken_chunks=2; IdToken_0=a; IdToken_1=b"), [big(100)], **CHUNKS)
case("chunks_replaced_by_fewer", callback(cookie=FLOW + "; BearerToken=x; BearerToken_0=a; BearerToken_1=b; BearerToken_2=b; BearerToken_3=b; BearerToken_chunks=4"), [big(800)], **CHUNKS)
case("chunks_replaced_when_off", callback(cookie=FLOW + "; BearerToken_0=a; BearerToken_1=b; BearerToken_chunks=2"), [big(100)], **PLAIN)
case("chunks_gone", callback(cookie=FLOW + "; IdToken_0=a; IdToken_1=b; IdToken_chunks=2; IdToken=x; RefreshToken_chunks=z"), [big(100)], **CHUNKS)
case("chunks_joined", get("/a", chunked(["ab", "cd"])) + get("/a", chunked(["ab", "cd", "ef"])) + get("/a", chunked(["x"] * 16)) + get("/a", chunked(["ab", ""])) + get("/a", chunked(["ab", "cd"], "02")), forward_bearer_token=True, **PLAIN)
case("chunks_joined_more", get("/a", chunked(["ab", "cd", "ef"], "2", access="abcd")) + get("/a", chunked(["ab", "cd"], more="; BearerToken=zz; OauthNonce_0=1; OauthNonce_chunks=2")), forward_bearer_token=True, **PLAIN)
case("chunks_joined_encrypted", get("/a", chunked([ACCESS[:10], ACCESS[10:]], access="access")), forward_bearer_token=True)
case("chunks_malformed", get("/a", chunked(["ab"])) + get("/a", chunked(["ab", None, "ef"])) + get("/a", chunked(["ab", "cd"], "x")) + get("/a", chunked(["ab", "cd"], "17")) + get("/a", chunked(["x"] * 17)) + get("/a", chunked(["ab"], "1")),
     forward_bearer_token=True, **PLAIN)
BROKEN = "BearerToken_0=a; BearerToken_1=b; BearerToken_3=c; BearerToken_chunks=3; BearerToken_15=x; BearerToken_16=y; BearerToken_x=z; RefreshToken_chunks=x; RefreshToken_1=r"
case("chunks_malformed_allowed", get("/a", "cookie: " + BROKEN, "x-any: 1"), allow_failed_matcher=[{"name": "x-any", "present_match": True}], **PLAIN)
case("chunks_malformed_else", get("/a", cookies(access="") + "; " + BROKEN) + get("/a", cookies(plain=True) + "; BearerToken_0=q; BearerToken_chunks=2"), forward_bearer_token=True, **PLAIN)
case("chunks_passed_through", get("/a", chunked(["ab", "cd"]), "x-any: 1"), pass_through_matcher=[{"name": "x-any", "present_match": True}], **PLAIN)
case("chunks_signout", get("/signout", chunked(["ab", "cd"]) + "; BearerToken_9=x; IdToken_0=y; OauthHMAC_0=z; RefreshToken_chunks=2; OauthNonce.1=2"), **PLAIN)
_old = cookies(expires=LONG_AGO, refresh="rr", plain=True)
case("chunks_refresh", get("/a", _old.replace("RefreshToken=rr", "RefreshToken_0=r; RefreshToken_1=r; RefreshToken_chunks=2")), [answer(access_token="B" * 1000, refresh_token="R" * 600, expires_in=60)],
     disable_token_encryption=True, token_cookie_chunking={"max_cookie_size": 512})
case("chunks_refresh_too_many", get("/a", _old), [answer(access_token="B" * 9000, expires_in=60)], disable_token_encryption=True, token_cookie_chunking={"max_cookie_size": 512})

# Private keys.


def shown_assertion(record):
    """Without what is another each time."""
    fields = dict(x.split("=", 1) for x in record["body"].decode().split("&"))
    if fields.get("client_assertion", "").count(".") == 2:
        *parts, signed = fields["client_assertion"].split(".")
        head, claims = (json.loads(base64.urlsafe_b64decode(x + "==")) for x in parts)
        claims["exp"] -= claims["iat"]
        claims["nbf"] -= claims["iat"]
        fields["client_assertion"] = {"head": head, "claims": {k: v for k, v in claims.items() if k != "iat"}, "order": list(claims), "signed": len(signed)}
    return {**record, "headers": [[k, v] for k, v in record["headers"] if k.lower() != "content-length"], "body": fields}


def assertion(name, key, client, private_key_jwt_config=None, **over):
    scenario("oauth2_assertion_" + name, filters=json.dumps([filter_of(oauth(None, auth_type="PRIVATE_KEY_JWT", private_key_jwt_config=private_key_jwt_config, **over))]), client=client,
             up={"up": [ok("ok")], "auth": [TOKENS]}, log_format=LOG, views={"up": sorted_cookies, "auth": shown_assertion}, mask=MASK, stats=STATS, certs=True, files={**FILES, "token.yaml": secret_file("token", key)})


assertion("rsa", "{{key.server_rsa}}", callback())
assertion("rsa_512", "{{key.server_rsa}}", callback(), {"signing_algorithm": "RS512", "assertion_lifetime": "5.9s", "assertion_audience": "https://aud"})
assertion("ec", "{{key.server}}", callback(), {"signing_algorithm": "ES256"})
assertion("ec_other_digest", "{{key.server}}", callback(), {"signing_algorithm": "ES384"})
assertion("refresh", "{{key.server_rsa}}", get("/a", OLD))
assertion("rsa_wanted", "{{key.server}}", callback())
assertion("ec_wanted", "{{key.server_rsa}}", callback(), {"signing_algorithm": "ES256"})
assertion("no_key", "hello", callback())
assertion("no_key_refresh", "hello", get("/a", OLD), allow_failed_matcher=[{"name": "host", "present_match": True}])

# Secrets.


def statics(**named):
    return "static_resources:\n  +secrets:\n" + "\n".join("  - " + json.dumps({"name": n, "generic_secret": {"secret": s}}) for n, s in named.items())


case("secret_static", get("/a", cookies()) + callback(), [TOKENS], {"token_secret": {"name": "oa_token"}, "hmac_secret": {"name": "oa_hmac"}}, files={"the.secret": SECRET},
     bootstrap=statics(oa_token={"inline_string": "x"}, oa_hmac={"filename": "{{dir}}/the.secret"}))
case("secret_file_of_file", get("/a", cookies()), files={**FILES, "the.secret": SECRET, "hmac.yaml": json.dumps({"resources": [{"@type": TLS + "Secret", "name": "hmac", "generic_secret": {"secret": {"filename": "{{dir}}/the.secret"}}}]})})
case("secret_rotated", get("/a", cookies(secret="another")) + write("{{dir}}/hmac.yaml.next", secret_file("hmac", "another")) + rename("{{dir}}/hmac.yaml.next", "{{dir}}/hmac.yaml")
     + stat_is("sds.hmac.update_success", "2") + pause(0.2) + get("/a", cookies(plain=True, secret="another")), own=True)
case("secret_dump", admin("/config_dump?resource=static_secrets") + admin("/config_dump?resource=dynamic_active_secrets", without=["last_updated"]), credentials={"token_secret": {"name": "dump_token"}}, own=True,
     bootstrap=statics(dump_token={"inline_string": "x"}))
case("secret_empty", get("/a", cookies()), files={**FILES, "hmac.yaml": secret_file("hmac", "")})


def config(name, over=None, credentials=None, raw=None, bootstrap="", **kw):
    names = {"token_secret": {"name": "t"}, "hmac_secret": {"name": "h"}, **(credentials or {})}
    c = oauth({k: v for k, v in names.items()}, **{"token_endpoint": {"cluster": "c", "uri": "http://a/t", "timeout": "1s"}, **(over or {})}) if raw is None else raw
    c["credentials"] = {k: v for k, v in c.get("credentials", {}).items() if v is not None}
    text = manager_config([filter_of(c)])
    if bootstrap is not None:
        text += '  secrets: [{name: t, generic_secret: {secret: {inline_string: a}}}, {name: h, generic_secret: {secret: {inline_string: b}}}]\n'
    scenario("oauth2_config_" + name, kind="validate", config=text, **kw)


config("fine")
config("unknown_secret", credentials={"token_secret": {"name": "x"}})
config("unknown_hmac", credentials={"hmac_secret": {"name": "x"}})
config("no_token_secret", credentials={"token_secret": None})
config("no_token_secret_tls", {"auth_type": "TLS_CLIENT_AUTH"}, {"token_secret": None})
config("no_hmac_secret", credentials={"hmac_secret": None})
config("no_client_id", credentials={"client_id": ""})
config("no_credentials", raw={**oauth(), "credentials": {}})
config("empty", raw={})
config("no_endpoint", {"token_endpoint": None})
config("endpoint_uri_without_scheme", {"token_endpoint": {"cluster": "c", "uri": "a.example/t", "timeout": "1s"}})
config("authorization_endpoint_bad", {"authorization_endpoint": "auth.example/a"})
config("authorization_endpoint_relative", {"authorization_endpoint": "/a"})
config("authorization_endpoint_scheme", {"authorization_endpoint": "ftp://auth.example/a"})
config("authorization_endpoint_empty", {"authorization_endpoint": ""})
config("no_redirect_uri", {"redirect_uri": ""})
config("redirect_uri_bad_format", {"redirect_uri": "%REQ(%"})
config("no_redirect_path_matcher", {"redirect_path_matcher": None})
config("no_signout_path", {"signout_path": None})
config("end_session_without_openid", {"end_session_endpoint": "https://a/l"})
config("both_authorization", {"forward_bearer_token": True, "preserve_authorization_header": True})
config("bearer_and_id", {"forward_bearer_token": True, "forward_id_token": {"header": "authorization"}})
config("forward_id_host", {"forward_id_token": {"header": "host"}})
config("forward_id_pseudo", {"forward_id_token": {"header": ":path"}})
config("forward_id_empty", {"forward_id_token": {"header": ""}})
config("forward_id_pass_through", {"forward_id_token": {"header": "x-id"}, "pass_through_matcher": [{"name": "X-Id", "present_match": True}]})
config("cookie_name_bad", credentials={"cookie_names": {"bearer_token": "a b"}})
config("cookie_domain_bad", credentials={"cookie_domain": "a\nb"})
config("cookie_path_bad", {"cookie_configs": {"id_token_cookie_config": {"path": "a;b"}}})
config("auth_type_unknown", {"auth_type": "NONE"})
NOT_YET = {"outrigger": {"exit": 1, "ok": None}, "differs": "not implemented"}
config("auth_type_jwt", {"auth_type": "PRIVATE_KEY_JWT"})
config("assertion_without_auth_type", {"private_key_jwt_config": {"assertion_lifetime": "5s"}})
config("assertion_lifetime_short", {"auth_type": "PRIVATE_KEY_JWT", "private_key_jwt_config": {"assertion_lifetime": "0.9s"}})
config("assertion_without_secret", {"auth_type": "PRIVATE_KEY_JWT"}, {"token_secret": None})
config("chunking", {"token_cookie_chunking": {}})
config("chunks_small", {"token_cookie_chunking": {"max_cookie_size": 511}})
config("chunks_large", {"token_cookie_chunking": {"max_cookie_size": 4097}})
config("chunks_few", {"token_cookie_chunking": {"max_chunks": 1}})
config("chunks_many", {"token_cookie_chunking": {"max_chunks": 17}})
config("retry_policy", {"retry_policy": {"num_retries": 1, "retry_on": "5xx"}}, **NOT_YET)
config("original_request_uri_bad", {"original_request_uri": "%REQ(%"})
config("post_logout_false", {"post_logout_redirect_uri": {"disabled": False}, **OIDC})
config("post_logout_empty", {"post_logout_redirect_uri": {}, **OIDC})
config("post_logout_bad_format", {"post_logout_redirect_uri": {"uri": "%X%"}, **OIDC})
config("expires_negative", {"default_expires_in": "-1s"})
