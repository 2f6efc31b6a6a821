"""The filter lua: calls to clusters, connections and their TLS, signatures, hosts that scripts choose."""
import json

from harness.dsl import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http.lua.v3."
NAME = "envoy.filters.http.lua"
TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
ROUTER = {"name": "r", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}
FORM = {"code": "%RESPONSE_CODE%", "details": "%RESPONSE_CODE_DETAILS%", "flags": "%RESPONSE_FLAGS%"}
STATS = ["re:^http\\.{{name}}\\.lua\\."]
CLUSTER_STATS = ["re:^cluster\\.{{side}}\\.(internal\\.)?upstream_rq_(2xx|200|4xx|5xx|503|504|total|timeout)$"]
KEY = "30820122300d06092a864886f70d01010105000382010f003082010a0282010100d6b0d9461e7055c528a7a37c98dc0cf183e6192c52f19d9e2040cf8749b730dadfc6713e06ac384a9436d6ae316b26131a5094b651d80c0decb2cc1d940d42d503cddb6fe3897af8801e71b7fd09e1daca25ec0dbc2b070812498a8bf391d86e4c01099f789b72202cce36672c69330357c56444aad646f29bd6f2023a2c85cb3893a9f94d6bd6d371bad24672033702fcafae8311e633462e9db87cf893d301ab6cdda2ccb003c9e9e5b8197c7af3395db845121db8f18da802c41fb91f590d74f2ddba9087b810c32644b41b4ba89fb87f5b5c5f165378f08707dd5c82b346f261522b7501d86df0027b21cd3c0981bf4d5a1758b70a071f9cca3e889b61510203010001"
SIGNATURE = "9662a659da298ec292e0d917f25e413c78fdcba4ca81531cf5466b2944624e7fb5e2accd72ee598524956811c3ffa6e7e53575a9002c261ffa6332eb566a8e2a87922b5298c6c957fc3bb48beac570df7e456d5a312462025297619f3226d88b5923a2446d3f5efffb65528f90e0282b0a3980a89e9da8f5a90467539420ac2dd36f6abea14ed33bc09b2818545979d9a316442aee26b6d4733c2256b46439c6f5cc6101b3c52086b148a74d9b4eac791d61919b2d83411f311ac346f729730755a39d7e02c234b4112918e6e9ba7e7a87600baf804362f31649b375dacd19a6edbf13da21a1736ee76f47de9e36cb8dfc45fb3935bf223b6c88baab78afb0e9"
HEX = 'local function hex(s) return (s:gsub("..", function(x) return string.char(tonumber(x, 16)) end)) end\n'


def request(code):
    return f"function envoy_on_request(h)\n{code}\nend\n"


def response(code):
    return f"function envoy_on_response(h)\n{code}\nend\n"


def filters(code):
    return "http_filters: " + json.dumps([{"name": NAME, "typed_config": {"@type": TYPE + "Lua", "default_source_code": {"inline_string": code}}}, ROUTER])


def case(name, code, client=None, *, side=None, **kw):
    kw.setdefault("log_format", FORM)
    kw.setdefault("stats", STATS)
    if side is not None:
        kw["up"] = {"up": kw.pop("up", [*ok()]), "side": side}
    scenario("lua_" + name, client=client or get("/a", "x-a: 1"), hcm=kw.pop("hcm", None) or filters(code), **kw)


def tell(*expressions, before=""):
    """Headers to the upstream with what expressions give, or the error."""
    return before + request("\n".join(f'local ok, v = pcall(function() return {e} end) h:headers():add("t-{i}", tostring(v))' for i, e in enumerate(expressions)))


HEADS = '{[":method"] = "GET", [":path"] = "/side", [":authority"] = "side.example"}'
POSTS = '{[":method"] = "POST", [":path"] = "/side", [":authority"] = "side.example", ["X-Own"] = {"a", "b"}}'
CALL = f'local a, b = h:httpCall("{{{{side}}}}", {HEADS}, nil, 5000) '
SHOW = 'h:headers():add("status", a[":status"]) h:headers():add("own", tostring(a["x-side"])) h:headers():add("body", tostring(b))'
SIDE = [*ok("said", "x-side: 1", "x-side: 2")]
case("call", request(CALL + SHOW), side=SIDE, stats=STATS + CLUSTER_STATS)
case("call_post", request(f'local a, b = h:httpCall("{{{{side}}}}", {POSTS}, "hello", 5000) ' + SHOW), side=SIDE)
case("call_empty_body", request(f'local a, b = h:httpCall("{{{{side}}}}", {POSTS}, "", 5000) ' + SHOW), side=SIDE)
case("call_answered_empty", request(CALL + SHOW), side=[*ok("")])
case("call_answered_503", request(CALL + SHOW), side=[*ok("bad", status=503)], stats=STATS + CLUSTER_STATS)
case("call_answer_headers", request(CALL + 'local t = {} for k, v in pairs(a) do if k ~= "x-envoy-upstream-service-time" and k ~= "date" then t[#t + 1] = k .. "=" .. v end end table.sort(t) h:headers():add("all", table.concat(t, "|"))'), side=SIDE)
case("call_duplicates", request(f'local a, b = h:httpCall("{{{{side}}}}", {HEADS}, nil, {{timeout_ms = 5000, return_duplicate_headers = true}}) h:headers():add("n", table.concat(a["x-side"], "+")) h:headers():add("l", a["content-length"])'), side=SIDE)
case("call_options", request(f'local a, b = h:httpCall("{{{{side}}}}", {HEADS}, nil, {{timeout_ms = 5000, trace_sampled = false, asynchronous = false, send_xff = false}}) ' + SHOW), side=SIDE)
case("call_no_options", request(f'local a, b = h:httpCall("{{{{side}}}}", {HEADS}, nil, {{}}) ' + SHOW), side=SIDE)
case("call_no_timeout", request(f'local a, b = h:httpCall("{{{{side}}}}", {HEADS}, nil, 0) ' + SHOW), side=SIDE)
case("call_timeout", request(f'local a, b = h:httpCall("{{{{side}}}}", {HEADS}, nil, 200) ' + SHOW), side=[*hold()], stats=STATS + CLUSTER_STATS)
case("call_refused", request(CALL + SHOW), side=REFUSE, stats=STATS + CLUSTER_STATS)
case("call_reset", request(CALL + SHOW), side=[*rst()])
case("call_broken_answer", request(CALL + SHOW), side=[*raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"), *rst()])
case("call_no_host", request(CALL + SHOW), clusters={"up": {}, "side": {"hosts": []}}, up=[*ok()])
case("call_no_host_thrice", request((CALL + SHOW + "\n") .replace("local a, b", "a, b") * 3), clusters={"up": {}, "side": {"hosts": []}}, up=[*ok()])
case("call_twice", request(CALL + SHOW + f' local a, b = h:httpCall("{{{{side}}}}", {POSTS}, "again", 5000) ' + SHOW), side=SIDE)
case("call_and_answer", request(CALL + 'h:respond({[":status"] = "403", ["x-own"] = a["x-side"]}, "not " .. b)'), side=SIDE)
case("call_then_error", request(CALL + 'h:headers():add("before", "1") error("no")'), side=SIDE)
case("call_then_dead_objects", request('local o = h:headers() ' + CALL + 'h:headers():add("e", tostring(select(2, pcall(function() o:add("x", "y") end))))'), side=SIDE)
case("call_after_body", request('local n = h:body():length() ' + CALL + SHOW + ' h:headers():add("n", n .. h:body():length())'), get("/", method="POST", body="hello"), side=SIDE)
case("call_then_body", request(CALL + SHOW + ' h:headers():add("n", tostring(h:body() and h:body():length()))'), get("/"), side=SIDE)
case("call_with_late_body", request(CALL + SHOW), send("POST / HTTP/1.1\r\nhost: h.example\r\ncontent-length: 6\r\n\r\n") + seen(1, "side") + signal("go") + pause(0.2) + send("abcdef") + read(), side=[[*until("go"), *ok("said")]])
case("call_body_comes_first", request(CALL + 'local _, e = pcall(function() return h:body() end) h:headers():add("e", tostring(e))'), get("/", method="POST", body="hello"), side=[[*wait(0.3), *ok("said")]])
case("call_client_leaves", request(CALL + SHOW), send("GET / HTTP/1.1\r\nhost: h.example\r\n\r\n") + seen(1, "side") + reset() + logged(1), side=[*hold()])
case("call_in_response", response(CALL + SHOW), up=[*ok("hello response")], side=SIDE)
case("call_in_response_chunked", response(CALL + SHOW), up=[*raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")], side=SIDE)
case("call_in_response_slow", response(CALL + SHOW), up=[*ok("hello response")], side=[[*wait(0.3), *ok("said")]])
case("call_in_response_after_body", response('local n = h:body():length() ' + CALL + SHOW + ' h:headers():add("n", n .. h:body():length())'), up=[*ok("hello response")], side=SIDE)
case("call_both_ways", request(CALL + SHOW) + response(CALL + SHOW), side=SIDE)
case("call_asynchronous", request(f'h:headers():add("r", tostring(h:httpCall("{{{{side}}}}", {POSTS}, "hello", 5000, true)))'), get("/") + seen(1, "side"), side=SIDE)
case("call_asynchronous_option", request(f'h:httpCall("{{{{side}}}}", {HEADS}, nil, {{asynchronous = true}})'), get("/") + seen(1, "side"), side=SIDE)
case("call_asynchronous_then_answer", request(f'h:httpCall("{{{{side}}}}", {HEADS}, nil, 5000, true) h:respond({{[":status"] = "403"}}, "no")'), get("/") + seen(1, "side"), side=SIDE)
case("call_asynchronous_in_chunks", request(f'for c in h:bodyChunks() do if c:length() > 0 then h:httpCall("{{{{side}}}}", {POSTS}, c:getBytes(0, c:length()), 5000, true) end end'), get("/", method="POST", body="hello") + seen(1, "side"), side=SIDE)
case("call_errors", request('local t = {} local function e(f) t[#t + 1] = tostring(select(2, pcall(f))) end '
     'e(function() h:httpCall("x", {}, nil, 5) end) e(function() h:httpCall("{{up}}", {}, nil, 5) end) e(function() h:httpCall("{{up}}", {}, nil) end) e(function() h:httpCall("{{up}}", {}, nil, -1) end) '
     'e(function() h:httpCall("{{up}}", {}, nil, 1, 5) end) e(function() h:httpCall("{{up}}", {}, nil, {x = 1}) end) e(function() h:httpCall("{{up}}", {}, nil, {timeout_ms = -1}) end) '
     'e(function() h:httpCall("{{up}}", 5, nil, {}) end) e(function() h:httpCall(nil, {}, nil, {}) end) for i, v in ipairs(t) do h:headers():add("t-" .. i, v) end'))
# Hosts.
HOSTS = {"clusters": {"up": {"hosts": ["a", "b"]}}, "up": {"a": [*ok("a")], "b": [*ok("b")]}}
case("override_host", request('h:setUpstreamOverrideHost("127.0.0.1:{{b.port}}")'), get("/") * 4, **HOSTS)
case("override_host_strict", request('h:setUpstreamOverrideHost("127.0.0.1:{{b.port}}", true)'), get("/") * 2, **HOSTS)
case("override_host_gone", request('h:setUpstreamOverrideHost("127.0.0.1:1")'), up=[*ok()])
case("override_host_gone_strict", request('h:setUpstreamOverrideHost("127.0.0.1:1", true)'), up=[*ok()])
case("override_host_errors", tell('h:setUpstreamOverrideHost("x")', 'h:setUpstreamOverrideHost("1.2.3.4", 5)', 'h:setUpstreamOverrideHost()'))
# Routes.
case("route_metadata", tell('h:route():metadata():get("k")', 'h:virtualHost():metadata():get("k")', 'h:virtualHost():metadata():get("no")'), vhosts=json.dumps([{"name": "all", "domains": ["*"], "metadata": {"filter_metadata": {NAME: {"k": "host"}}}, "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "{{up}}"}, "metadata": {"filter_metadata": {NAME: {"k": "route"}}}}]}]))
case("route_metadata_none", tell('h:route():metadata():get("k")', 'h:virtualHost():metadata():get("k")'))
case("virtual_host_without_route", request('said = h:virtualHost():metadata():get("k")') + response('h:headers():add("k", tostring(said))'), no_upstream=True, vhosts=json.dumps([{"name": "all", "domains": ["*"], "metadata": {"filter_metadata": {NAME: {"k": "host"}}}, "routes": [{"match": {"prefix": "/b"}, "route": {"cluster": "{{up}}"}}]}]),
     differs="a request that no route takes has no virtual host here", outrigger={"steps": [{"body": "", "headers": ["k: nil", "date: <date>", "server: envoy", "content-length: 0"], "status": "HTTP/1.1 404 Not Found"}]})
# Connections.
case("plain_connection", tell('h:connection():ssl()', 'h:streamInfo():downstreamSslConnection()', 'h:connectionStreamInfo():dynamicMetadata():get("x")', 'h:streamInfo():downstreamDirectLocalAddress() == h:streamInfo():downstreamLocalAddress()'))
FACTS = [f's:{m}()' for m in ("peerCertificatePresented", "peerCertificateValidated", "sha256PeerCertificateDigest", "serialNumberPeerCertificate", "issuerPeerCertificate", "subjectPeerCertificate", "subjectLocalCertificate", "ciphersuiteId", "ciphersuiteString", "tlsVersion", "urlEncodedPemEncodedPeerCertificate", "urlEncodedPemEncodedPeerCertificateChain")] \
    + [f'table.concat(s:{m}(), ",")' for m in ("uriSanPeerCertificate", "uriSanLocalCertificate", "dnsSansPeerCertificate", "dnsSansLocalCertificate")] \
    + ['s:expirationPeerCertificate() > s:validFromPeerCertificate()', 'type(s:sessionId())', 'h:streamInfo():requestedServerName()']


def secure(name, ssl, **options):
    case(name, request(f"local s = {ssl}\n" + "\n".join(f'local ok, v = pcall(function() return {e} end) h:headers():add("t-{i}", tostring(v))' for i, e in enumerate(FACTS))), tls(**options) + get("/"), certs=True, chains=f"""
filter_chains:
- filters: [the]
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config:
      "@type": {TLS}DownstreamTlsContext
      common_tls_context:
        tls_certificates: [{{certificate_chain: {{filename: {{{{certs}}}}/server.pem}}, private_key: {{filename: {{{{certs}}}}/server.key}}}}]
        validation_context: {{trusted_ca: {{filename: {{{{certs}}}}/both.pem}}}}
""")


secure("ssl", "h:streamInfo():downstreamSslConnection()", cert="client", sni="a.example")
secure("ssl_of_connection", "h:connection():ssl()", cert="client_many")
secure("ssl_without_certificate", "h:streamInfo():downstreamSslConnection()", cert=None)
# Signatures and texts.
VERIFY = 'local key, sig = hex("' + KEY + '"), hex("' + SIGNATURE + '")\n'
case("signature", HEX + VERIFY + tell('type(h:importPublicKey(key, #key):get())', 'h:verifySignature("sha256", key, sig, #sig, "hello", 5)', 'select(2, h:verifySignature("sha256", key, sig, #sig, "hellx", 5))', 'select(2, h:verifySignature("sha512", key, sig, #sig, "hello", 5))', 'select(2, h:verifySignature("md4", key, sig, #sig, "hello", 5))', 'select(2, h:verifySignature("SHA256", key, sig, #sig, "hello", 5))', 'h:verifySignature("sha256", "nokey", sig, #sig, "hello", 5)'))
case("signature_bad_key", HEX + VERIFY + tell('h:importPublicKey("xx", 2):get()', 'h:verifySignature("sha256", "xx", sig, #sig, "hello", 5)'))
case("base64_decode", tell('h:base64Decode("aGVsbG8=")', 'h:base64Decode("aGVsbG8")', 'h:base64Decode("!!")', '"[" .. h:base64Decode("") .. "]"', 'h:base64Decode("aGVs bG8=")'))
SET_STATE = {"name": "s", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config", "on_request_headers": [{"object_key": "k", "factory_key": "envoy.string", "format_string": {"text_format_source": {"inline_string": "value"}}}]}}
case("filter_state", "", hcm="http_filters: " + json.dumps([SET_STATE, {"name": NAME, "typed_config": {"@type": TYPE + "Lua", "default_source_code": {"inline_string": tell('(h:streamInfo():filterState():get("k"))', '(h:streamInfo():filterState():get("no"))')}}}, ROUTER]))
