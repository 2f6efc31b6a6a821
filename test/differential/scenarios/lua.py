"""The filter lua: what scripts see of requests and responses, and what they change."""
import json

from harness.dsl import *
from harness.h2 import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http.lua.v3."
NAME = "envoy.filters.http.lua"
ROUTER = {"name": "r", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}
FORM = {"code": "%RESPONSE_CODE%", "details": "%RESPONSE_CODE_DETAILS%", "flags": "%RESPONSE_FLAGS%", "route": "%ROUTE_NAME%",
        "received": "%BYTES_RECEIVED%", "sent": "%BYTES_SENT%", "m": "%DYNAMIC_METADATA(m)%"}
STATS = ["re:^http\\.{{name}}\\.lua\\."]
HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def request(code):
    return f"function envoy_on_request(h)\n{code}\nend\n"


def response(code):
    return f"function envoy_on_response(h)\n{code}\nend\n"


def filter_of(code=None, name=NAME, **more):
    return {"name": name, "typed_config": {"@type": TYPE + "Lua", **({"default_source_code": {"inline_string": code}} if code else {}), **more}}


def case(name, code, client=None, *, config=None, filters=None, **kw):
    kw.setdefault("log_format", FORM)
    kw.setdefault("stats", STATS)
    kw.setdefault("hcm", "http_filters: " + json.dumps((filters or [filter_of(code, **(config or {}))]) + [ROUTER]))
    scenario("lua_" + name, client=client or get("/a?q=1", "x-a: 1", "x-b: two"), **kw)


def tell(*expressions):
    """Headers to the upstream with what expressions give, or the error."""
    return request("\n".join(f'local ok, v = pcall(function() return {e} end) h:headers():add("t-{i}", tostring(v))' for i, e in enumerate(expressions)))


def per(**config):
    return {"typed_per_filter_config": {NAME: {"@type": TYPE + "LuaPerRoute", **config}}}


def levels(route=None, vhost=None):
    return {"vhosts": json.dumps([{"name": "all", "domains": ["*"], **(vhost or {}), "routes": [{"name": "rt", "match": {"prefix": "/"}, "route": {"cluster": "{{up}}"}, **(route or {})}]}])}


TRAILERS = {"hcm_more": ", http_protocol_options: {enable_trailers: true}", "clusters": {"up": {"yaml": "http_protocol_options: {enable_trailers: true}"}}}


def with_trailers(name, code, client, **kw):
    case(name, code, client, hcm=json.dumps({"http_filters": [filter_of(code), ROUTER], "http_protocol_options": {"enable_trailers": True}}),
         clusters=TRAILERS["clusters"], **kw)


# Headers.
case("get", tell('h:headers():get("X-A")', 'h:headers():get("nope")', 'h:headers():get(":path")', 'h:headers():get(":method")', 'h:headers():get("host")', 'h:headers():get(":authority")', 'h:headers():get(":scheme")'))
case("get_several", tell('h:headers():get("x-m")', 'h:headers():getAtIndex("x-m", 0)', 'h:headers():getAtIndex("x-m", 1)', 'h:headers():getAtIndex("x-m", 2)', 'h:headers():getAtIndex("x-m", -1)', 'h:headers():getNumValues("x-m")', 'h:headers():getNumValues("no")', 'h:headers():getNumValues(":path")'), get("/", "x-m: 1", "x-m: 2"))
case("get_empty", tell('"[" .. h:headers():get("x-e") .. "]"', '"[" .. h:headers():getAtIndex("x-e", 0) .. "]"', 'h:headers():getNumValues("x-e")'), get("/", "x-e:"))
case("add", request('h:headers():add("X-New", "1") h:headers():add("x-new", "2") h:headers():add("x-a", "more") h:headers():add("user-agent", "ua") h:headers():add("x-n", 5)'))
case("add_joins", request('h:headers():add("accept", "a") h:headers():add("accept", "b") h:headers():add("x-forwarded-for", "1.1.1.1")'))
case("replace", request('h:headers():replace("x-a", "other") h:headers():replace("X-New", "new") h:headers():replace("x-m", "one")'), get("/", "x-a: 1", "x-m: 1", "x-m: 2"))
case("remove", request('h:headers():remove("X-A") h:headers():remove("nope")'))
case("replace_path", request('h:headers():replace(":path", "/other") h:headers():replace(":authority", "b.example") h:headers():replace(":method", "PUT")'))
case("replace_host", request('h:headers():replace("host", "b.example")'))
case("remove_path", request('h:headers():remove(":path")'))
case("remove_method", request('h:headers():remove(":method")'))
case("pairs", request('local t = {} for k, v in pairs(h:headers()) do if k ~= "x-request-id" then t[#t + 1] = k .. "=" .. v end end h:headers():add("all", table.concat(t, "|"))'))
case("pairs_of_response", response('local t = {} for k, v in pairs(h:headers()) do if k ~= "x-envoy-upstream-service-time" and k ~= "date" then t[#t + 1] = k .. "=" .. v end end h:headers():add("all", table.concat(t, "|"))'), up=[*ok("ok", "x-up: 1", "x-up: 2")])
case("pairs_twice", tell('(function() for k in pairs(h:headers()) do end for k in pairs(h:headers()) do end return "done" end)()', 'pairs(h:headers()) and nil', '"x"'))
case("pairs_unfinished", tell('(function() local o = h:headers() pairs(o) return pairs(o) end)()', '"x"'))
case("pairs_and_change", request('local o = h:headers() for k in pairs(o) do o:add("x-c", "1") end'))
case("bad_arguments", request('local t = {} local function e(f) t[#t + 1] = tostring(select(2, pcall(f))) end local o = h:headers() e(function() o:add() end) e(function() o:add("a") end) e(function() o:add({}, "a") end) e(function() o:get() end) e(function() h:nope() end) e(function() h:logInfo() end) e(function() h:logInfo({}) end) for i, v in ipairs(t) do o:add("t-" .. i, v) end'))
case("response", response('h:headers():add("x-new", "1") h:headers():replace("x-up", "changed") h:headers():remove("x-gone") h:headers():add("was", h:headers():get(":status"))'), up=[*ok("ok", "x-up: 1", "x-gone: 1")])
case("response_status", response('h:headers():replace(":status", "201")'))
case("response_status_removed", response('h:headers():remove(":status")'))
case("response_status_removed_after_body", response('h:body() h:headers():remove(":status")'))
case("response_reason", response('h:headers():setHttp1ReasonPhrase("Fine Indeed")'))
case("request_reason", request('h:headers():setHttp1ReasonPhrase("x") h:headers():add("after", "1")'))
case("request_headers", response('h:headers():add("t-path", h:requestHeaders():get(":path")) h:headers():add("t-a", h:requestHeaders():get("x-a"))'))
case("both_ways", request('h:headers():add("x-r", "1")') + response('h:headers():add("x-s", "1")'))
case("of_local_reply", response('h:headers():add("x-s", h:headers():get(":status"))'), routes="- {match: {prefix: /}, direct_response: {status: 418, body: {inline_string: tea}}}", no_upstream=True)
case("of_no_route", request('h:headers():add("x", "1")') + response('h:headers():add("x-s", "1")'), routes='- {match: {prefix: /b}, route: {cluster: "{{up}}"}}', no_upstream=True)
case("head_request", response('h:headers():add("x-s", "1")'), get("/", method="HEAD"))
case("h2", request('h:headers():add("x-p", h:streamInfo():protocol())') + response('h:headers():add("x-s", h:headers():get(":status"))'), h2() + h2_req("/"), hcm="http_filters: " + json.dumps([filter_of(request('h:headers():add("x-p", h:streamInfo():protocol())') + response('h:headers():add("x-s", h:headers():get(":status"))')), ROUTER]) + "\ncodec_type: HTTP2")
# Routes.
ROUTES = '[{name: b, match: {prefix: /b}, route: {cluster: "{{up}}", timeout: 3s}}, {name: a, match: {prefix: /}, route: {cluster: "{{up}}"}}]'
case("route_chosen_again", request('h:headers():add("before", h:streamInfo():routeName()) h:headers():replace(":path", "/b") h:headers():add("after", h:streamInfo():routeName())'), routes=ROUTES)
case("route_kept", request('h:streamInfo():routeName() h:headers():replace(":path", "/b")'), routes=ROUTES, config={"clear_route_cache": False})
case("route_cleared_by_hand", request('h:streamInfo():routeName() h:headers():replace(":path", "/b") h:clearRouteCache()'), routes=ROUTES, config={"clear_route_cache": False})
case("metadata", tell('h:metadata():get("k")', 'h:metadata():get("no")', 'h:metadata():get("n")', 'h:metadata():get("l")[2]', 'h:metadata():get("s").x', 'h:metadata():get("b")', 'h:metadata():get("z")'), **levels(route={"metadata": {"filter_metadata": {NAME: {"k": "v", "n": 1.5, "l": ["a", "b"], "s": {"x": "y"}, "b": True, "z": None}}}}))
case("metadata_pairs", request('local t = {} for k, v in pairs(h:metadata()) do t[#t + 1] = k .. "=" .. v end table.sort(t) h:headers():add("all", table.concat(t, "|"))'), **levels(route={"metadata": {"filter_metadata": {NAME: {"a": "1", "b": "2"}}}}))
case("metadata_none", tell('h:metadata():get("k")'), **levels())
case("metadata_of_name", None, filters=[filter_of(tell('h:metadata():get("k")'), name="mine")], **levels(route={"metadata": {"filter_metadata": {NAME: {"k": "general"}, "mine": {"k": "own"}}}}))
case("metadata_of_type", None, filters=[filter_of(tell('h:metadata():get("k")'), name="mine")], **levels(route={"metadata": {"filter_metadata": {NAME: {"k": "general"}}}}))
case("filter_context", tell('h:filterContext():get("k")', 'h:filterContext():get("no")'), config={"filter_context": {"k": "own"}}, **levels())
case("filter_context_of_route", tell('h:filterContext():get("k")', 'h:filterContext():get("o")'), config={"filter_context": {"k": "own", "o": "1"}}, **levels(route=per(filter_context={"k": "route"})))
case("filter_context_pairs", request('for k, v in pairs(h:filterContext()) do h:headers():add("c-" .. k, tostring(v)) end'), config={"filter_context": {"n": 7}})
ADD = request('h:headers():add("script", "{}")')
case("route_disabled", ADD, **levels(route=per(disabled=True)))
case("vhost_disabled", ADD, **levels(vhost=per(disabled=True)))
case("route_named", ADD, config={"source_codes": {"one": {"inline_string": request('h:headers():add("script", "one")')}}}, **levels(route=per(name="one")))
case("route_named_unknown", ADD, **levels(route=per(name="nope")))
case("route_source", ADD, **levels(route=per(source_code={"inline_string": request('h:headers():add("script", "route")')})))
case("route_over_vhost", ADD, **levels(route=per(source_code={"inline_string": request('h:headers():add("script", "route")')}), vhost=per(disabled=True)))
case("no_script", None)
case("named_only", None, config={"source_codes": {"one": {"inline_string": request('h:headers():add("script", "one")')}}}, **levels(route=per(name="one")))
case("inline_code", None, config={"inline_code": request('h:headers():add("script", "inline")')})
case("two_filters", None, filters=[filter_of(request('h:headers():add("x", "1")') + response('h:headers():add("y", "1")')), filter_of(request('h:headers():add("x", "2")') + response('h:headers():add("y", "2")'), name="second", stat_prefix="second")])
case("stat_prefix", request("error('x')"), config={"stat_prefix": "mine"})
case("stat_prefix_with_dot", request("error('x')"), config={"stat_prefix": "mine."})
case("no_functions", "x = 1")
case("not_a_function", "envoy_on_request = 5")
# What fails.
case("error", request('h:headers():add("before", "1") error("no") h:headers():add("after", "1")') + response('h:headers():add("x-s", "1")'))
case("error_in_response", response('h:headers():add("before", "1") error({})'))
case("unexpected_yield", request('h:headers():add("before", "1") coroutine.yield() h:headers():add("after", "1")'))
case("kept_handle", "kept = nil\n" + request('h:headers():add("seen", tostring(kept ~= nil)) if kept then h:headers():add("t", tostring(select(2, pcall(function() return kept:headers() end)))) end kept = h'), get("/") + get("/"))
case("globals_stay", "n = 0\n" + request('n = n + 1 h:headers():add("n", tostring(n))'), get("/") + get("/"))
# Answers.
case("respond", request('h:respond({[":status"] = "403", ["x-why"] = "no"}, "nope")'), no_upstream=True)
case("respond_without_body", request('h:respond({[":status"] = "204", ["x-why"] = "no"})'), no_upstream=True)
case("respond_empty_body", request('h:respond({[":status"] = "200"}, "")'), no_upstream=True)
case("respond_type", request('h:respond({[":status"] = "200", ["content-type"] = "application/json"}, "{}")'), no_upstream=True)
case("respond_lists", request('h:respond({[":status"] = "200", ["set-cookie"] = {"c=1", "d=2"}}, "x")'), no_upstream=True)
case("respond_number", request('h:respond({[":status"] = 201}, "x")'), no_upstream=True)
case("respond_ends_script", request('h:respond({[":status"] = "200"}, "x") error("not reached")'), no_upstream=True)
case("respond_passes_response", request('h:respond({[":status"] = "200"}, "x")') + response('h:headers():add("x-s", "1")'), no_upstream=True)
case("respond_errors", request('local t = {} local function e(f) t[#t + 1] = tostring(select(2, pcall(f))) end e(function() h:respond({}) end) e(function() h:respond({[":status"] = "99"}) end) e(function() h:respond({[":status"] = "600"}) end) e(function() h:respond(5) end) e(function() h:respond({[":status"] = "200"}, {}) end) for i, v in ipairs(t) do h:headers():add("t-" .. i, v) end'))
case("respond_in_response", response('local _, e = pcall(function() h:respond({[":status"] = "200"}) end) h:headers():add("e", e)'))
case("respond_after_body", request('local b = h:body() h:respond({[":status"] = "200"}, "got " .. b:getBytes(0, b:length()))'), get("/", method="POST", body="hello"), no_upstream=True)
case("respond_in_chunks", request('for c in h:bodyChunks() do local _, e = pcall(function() h:respond({[":status"] = "200"}) end) end'), get("/", method="POST", body="hello"))
case("respond_grpc", request('h:respond({[":status"] = "403"}, "nope")'), get("/", "content-type: application/grpc", method="POST", body=""), no_upstream=True)
case("respond_head", request('h:respond({[":status"] = "403"}, "nope")'), get("/", method="HEAD"), no_upstream=True)
# Bodies.
POST = get("/", method="POST", body="hello body")
CHUNKED = get("/", method="POST", body="hello body", chunked=True)
BEGIN = "POST / HTTP/1.1\r\nhost: h.example\r\ntransfer-encoding: chunked\r\n\r\n"
SHOW = 'local b = h:body() h:headers():add("size", b and tostring(b:length()) or "none") if b then h:headers():add("bytes", b:getBytes(0, b:length())) end'
case("body", request(SHOW), POST)
case("body_chunked", request(SHOW), CHUNKED)
case("body_in_pieces", request(SHOW), send(BEGIN + "6\r\nabcdef\r\n") + pause(0.2) + send("3\r\nghi\r\n") + pause(0.1) + send("0\r\n\r\n") + read())
case("body_none", request(SHOW), get("/"))
case("body_empty", request(SHOW), get("/", method="POST", body=""))
case("body_empty_chunked", request(SHOW), send(BEGIN + "0\r\n\r\n") + read())
case("body_wrapped", request('local b = h:body(true) h:headers():add("size", tostring(b:length()))'), POST)
case("body_wrapped_none", request('local b = h:body(true) h:headers():add("size", tostring(b:length()))'), get("/"), differs="Outrigger gives a message without a body none, not even an empty one", outrigger={"upstream": {"up": [
    {"body": "", "headers": ["host: h.example", "x-forwarded-proto: http", "x-request-id: <uuid>", "size: 0", "x-envoy-expected-rq-timeout-ms: 15000"], "line": "GET / HTTP/1.1"}]}})
case("body_of_response", response(SHOW), up=[*ok("hello response")])
case("body_of_response_none", response(SHOW), up=[*ok(status=204)])
case("body_of_response_head", response(SHOW), get("/", method="HEAD"), up=[*raw("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")])
case("body_twice", request('h:body() local b = h:body() h:headers():add("size", tostring(b:length()))'), POST)
case("body_argument", request('local _, e = pcall(function() h:body(5) end) h:headers():add("e", "failed")'), POST)
case("body_pieces", request('local b = h:body() local t = {} local function e(f) local ok, v = pcall(f) t[#t + 1] = tostring(v) end e(function() return b:getBytes(1, 3) end) e(function() return b:getBytes(0, 0) end) e(function() return b:getBytes(5, 6) end) e(function() return b:getBytes(-1, 2) end) e(function() return b:getBytes(0, -1) end) e(function() return b:getBytes(10, 0) end) for i, v in ipairs(t) do h:headers():add("t-" .. i, v) end'), POST)
case("set_bytes", request('h:headers():add("n", tostring(h:body():setBytes("changed")))'), POST)
case("set_bytes_chunked", request('h:body():setBytes("changed")'), CHUNKED)
case("set_bytes_empty", request('h:body():setBytes("")'), POST)
case("set_bytes_of_response", response('h:body():setBytes("changed response")'), up=[*ok("hello response")])
case("set_bytes_of_local_reply", response('h:body():setBytes("changed")'), routes="- {match: {prefix: /}, direct_response: {status: 418, body: {inline_string: tea}}}", no_upstream=True)
case("headers_after_body", request('local o = h:headers() h:body() h:headers():add("t", "1") h:headers():add("e", tostring(select(2, pcall(function() o:add("x", "y") end))))'), POST)
case("error_after_body", request('h:body() h:headers():add("before", "1") error("no")'), POST)
case("error_after_body_of_response", response('h:body() h:headers():add("before", "1") error("no")'))
case("body_too_large", request('h:body()'), get("/", method="POST", body="x" * 3000), listener="per_connection_buffer_limit_bytes: 1024", no_upstream=True)
case("response_too_large", response('h:body()'), up=[*ok("x" * 300000)], listener="per_connection_buffer_limit_bytes: 1024")
case("chunks", request('for c in h:bodyChunks() do sum = (sum or 0) + c:length() end') + response('h:headers():add("sum", tostring(sum))'), POST)
case("chunks_changed", request('for c in h:bodyChunks() do if c:length() > 0 then c:setBytes(c:getBytes(0, c:length()):upper()) end end'), POST)
COUNT = 'local t = {} for c in h:bodyChunks() do t[#t + 1] = c:length() end '
case("chunks_counted", request(COUNT + 'counted = table.concat(t, "+")') + response('h:headers():add("counted", counted)'), POST + CHUNKED + get("/", method="POST", body=""))
case("chunks_counted_of_response", response(COUNT + 'h:streamInfo():dynamicMetadata():set("m", "n", table.concat(t, "+"))'), get("/") + get("/b"), up={"/": [*ok("hello response")], "*": [*raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")]})
case("chunks_counted_of_local_reply", response(COUNT + 'h:streamInfo():dynamicMetadata():set("m", "n", table.concat(t, "+"))'), routes="- {match: {prefix: /}, direct_response: {status: 418, body: {inline_string: tea}}}", no_upstream=True)
case("chunk_at_the_end_changed", response('local last for c in h:bodyChunks() do last = c end last:setBytes("!")'), up=[*raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")])
case("chunks_none", request('local n = 0 for c in h:bodyChunks() do n = n + 1 end h:headers():add("n", tostring(n))'), get("/"))
case("chunks_of_response", response('for c in h:bodyChunks() do if c:length() > 0 then c:setBytes(c:getBytes(0, c:length()):upper()) end end'), up=[*ok("hello response")])
case("chunks_then_headers", request('for c in h:bodyChunks() do local _, e = pcall(function() h:headers():add("x", "1") end) said = e end') + response('h:headers():add("said", said)'), POST)
case("chunks_after_body", request('h:body() local _, e = pcall(function() h:bodyChunks() end) h:headers():add("e", e)'), POST)
case("body_after_chunks", request('for c in h:bodyChunks() do local _, e = pcall(function() h:body() end) said = said or e end') + response('h:headers():add("said", said)'), POST)
T_CLIENT = send(BEGIN + "6\r\nabcdef\r\n0\r\nx-t: 1\r\n\r\n") + read()
with_trailers("trailers", request('h:body() local t = h:trailers() h:headers():add("t", t:get("x-t")) t:add("x-more", "2") t:remove("x-t")'), T_CLIENT)
with_trailers("trailers_without_body", request('local t = h:trailers() t:add("x-more", "2")'), T_CLIENT)
with_trailers("trailers_after_chunks", request('for c in h:bodyChunks() do end local t = h:trailers() t:add("x-more", t:get("x-t") .. "!")'), T_CLIENT)
with_trailers("trailers_none", request('h:body() h:headers():add("t", tostring(h:trailers()))'), CHUNKED)
with_trailers("trailers_none_late", request('local t = h:trailers() said = tostring(t)') + response('h:headers():add("said", said)'), CHUNKED)
with_trailers("trailers_pairs", request('h:body() for k, v in pairs(h:trailers()) do h:headers():add("t-" .. k, v) end'), T_CLIENT)
with_trailers("trailers_of_response", response('local b = h:body() h:headers():add("size", tostring(b:length())) h:trailers():add("x-more", "2")'), get("/"), up=[*raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-u: 1\r\n\r\n")])
with_trailers("trailers_of_response_late", response('h:trailers():add("x-more", "2")'), get("/"), up=[*raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-u: 1\r\n\r\n")])
# The stream's facts.
case("stream_info", tell('h:streamInfo():protocol()', 'h:streamInfo():routeName()', 'h:streamInfo():virtualClusterName()', 'h:streamInfo():requestedServerName()'), **levels())
case("addresses", tell('h:streamInfo():downstreamLocalAddress() == "127.0.0.1:{{port}}"', 'h:streamInfo():downstreamRemoteAddress()', 'h:streamInfo():downstreamDirectRemoteAddress():match("^[^:]*")'), get("/", "x-forwarded-for: 10.1.1.1"), hcm="http_filters: " + json.dumps([filter_of(tell('h:streamInfo():downstreamLocalAddress() == "127.0.0.1:{{port}}"', 'h:streamInfo():downstreamRemoteAddress()', 'h:streamInfo():downstreamDirectRemoteAddress():match("^[^:]*")')), ROUTER]) + "\nxff_num_trusted_hops: 0\nuse_remote_address: false")
case("virtual_cluster", tell('h:streamInfo():virtualClusterName()'), vhosts='[{name: all, domains: ["*"], virtual_clusters: [{name: vc, headers: [{name: ":path", string_match: {prefix: /a}}]}], routes: [{match: {prefix: /}, route: {cluster: "{{up}}"}}]}]')
case("virtual_cluster_of_response", response('h:headers():add("vc", h:streamInfo():virtualClusterName())'), vhosts='[{name: all, domains: ["*"], virtual_clusters: [{name: vc, headers: [{name: ":path", string_match: {prefix: /a}}]}], routes: [{match: {prefix: /}, route: {cluster: "{{up}}"}}]}]')
case("dynamic_metadata", request('local d = h:streamInfo():dynamicMetadata() d:set("m", "s", "text") d:set("m", "n", 1.5) d:set("m", "b", true) d:set("m", "l", {1, "x", {y = 2}}) d:set("m", "o", {k = "v", e = {}}) d:set("m", "z", nil)') + response('local m = h:streamInfo():dynamicMetadata():get("m") h:headers():add("s", m.s .. m.n .. m.l[2] .. m.o.k) h:headers():add("none", tostring(h:streamInfo():dynamicMetadata():get("none")))'))
case("dynamic_metadata_replaced", request('local d = h:streamInfo():dynamicMetadata() d:set("m", "a", {x = 1}) d:set("m", "a", {y = 2}) d:set("m", "b", {1, 2}) d:set("m", "b", {3})'))
case("dynamic_metadata_pairs", request('local d = h:streamInfo():dynamicMetadata() d:set("m", "a", "1") d:set("o", "b", "2") local t = {} for k, v in pairs(d) do for n, x in pairs(v) do t[#t + 1] = k .. "." .. n .. "=" .. x end end table.sort(t) h:headers():add("all", table.concat(t, "|"))'))
case("dynamic_metadata_errors", request('local t = {} local function e(f) t[#t + 1] = tostring(select(2, pcall(f))) end local d = h:streamInfo():dynamicMetadata() e(function() d:set("m", "f", function() end) end) e(function() d:set("m", "x", {[1] = "x", y = 2}) end) e(function() d:set("m") end) e(function() d:get() end) for i, v in ipairs(t) do h:headers():add("t-" .. i, v) end'))
case("dynamic_metadata_of_others", tell('h:streamInfo():dynamicMetadata():get("a").k'), filters=[{"name": "s", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.set_metadata.v3.Config", "metadata": [{"metadata_namespace": "a", "value": {"k": "v"}}]}}, filter_of(tell('h:streamInfo():dynamicMetadata():get("a").k'))])
# Tools.
case("base64", tell('h:base64Escape("a\\0b")', 'h:base64Escape("")', 'h:base64Escape("hello")', 'h:base64Escape(55)'))
case("timestamp", tell('h:timestamp() > 1.6e12', 'h:timestamp(EnvoyTimestampResolution.MILLISECOND) > 1.6e12', 'h:timestamp(EnvoyTimestampResolution.MICROSECOND)', '#h:timestampString()', '#h:timestampString(EnvoyTimestampResolution.MILLISECOND)', '#h:timestampString(EnvoyTimestampResolution.MICROSECOND)', 'h:timestampString(7)'))
case("lua_52", tell('table.pack(1, 2).n', 'table.unpack({5})', 'rawlen({1, 2})', '("x"):rep(3, "-")', 'load("return 7")()', 'select(2, xpcall(error, function(e) return "handled " .. e end, "it"))', 'select("#", xpcall(function(...) return ... end, print, 1, nil))', 'type(os.time())', 'type(bit.band)', 'collectgarbage("count") > 0', '_VERSION'))
case("logs", request('h:logTrace("a") h:logDebug("b") h:logInfo("c") h:logWarn("d") h:logErr("e") h:logCritical("f") h:headers():logInfo("g") h:streamInfo():logInfo("h") h:headers():add("after", "1")'))


# Configs.
LISTENER = {"name": "l", "address": {"socket_address": {"address": "127.0.0.1", "port_value": 19999}}}


def config(name, filters, routes=None, **kw):
    scenario("lua_config_" + name, kind="validate", config=json.dumps({"static_resources": {"listeners": [{**LISTENER, "filter_chains": [{"filters": [{"name": "h", "typed_config": {
        "@type": HCM, "stat_prefix": "h", "route_config": {"virtual_hosts": [{"name": "a", "domains": ["*"], **routes}]} if routes else {}, "http_filters": filters + [ROUTER]}}]}]}]}}), **kw)


config("good", [filter_of(ADD)])
config("empty", [filter_of()])
config("syntax", [filter_of("function (")])
config("fails_when_loaded", [filter_of("error('no')")])
config("two_defaults", [filter_of(ADD, inline_code=ADD)])
config("syntax_of_inline", [filter_of(inline_code="x = = 1")])
config("syntax_of_named", [filter_of(source_codes={"a": {"inline_string": "x = = 1"}})])
config("no_file", [filter_of(source_codes={"a": {"filename": "/nonexistent.lua"}})])
config("no_source", [filter_of(source_codes={"a": {}})])
config("empty_source", [filter_of(default_source_code={"inline_string": ""})])
for _name, _config in {"disabled": {"disabled": True}, "not_disabled": {"disabled": False}, "name": {"name": "a"}, "no_name": {"name": ""}, "source": {"source_code": {"inline_string": ADD}}, "bad_source": {"source_code": {"inline_string": "x = = 1"}}, "none": {}, "context": {"filter_context": {"a": 1}}}.items():
    config("route_" + _name, [filter_of(ADD)], per(**_config))
