"""Path normalisation, escaped slashes, host handling, local reply configuration."""
from harness.dsl import *

PATHS = ("/a/../b//c", "/a/%2e%2e/b", "/../../x", "/%zz/x", "/a%2Fb%5cc", "/a\\b/../c", "//a//b", "/a/./b/.", "/%41%7e%2D", "/a?x=/../y//z",
         "/a/..", "/.", "/a%2fb", "/a;b=c/../d", "/%2E%2E/%2e", "/%00a", "/a/...", "/a/b/../../..")


def through(paths):
    return [s for p in paths for s in get(p)]


scenario("path_untouched", client=through(PATHS))
scenario("path_normalize", hcm="normalize_path: true", client=through(PATHS))
scenario("path_merge_slashes", hcm="merge_slashes: true", client=through(("//a//b", "/a///", "/a?b//c", "/a%2f%2fb", "///")))
scenario("path_normalize_and_merge", hcm="{normalize_path: true, merge_slashes: true}", client=through(("/a//../b", "//a/..//b", "/a/..//b", "//")))
for action in ("REJECT_REQUEST", "UNESCAPE_AND_REDIRECT", "UNESCAPE_AND_FORWARD", "KEEP_UNCHANGED"):
    scenario("path_escaped_" + action.lower(), hcm="{normalize_path: true, path_with_escaped_slashes_action: %s}" % action,
             client=through(("/a%2Fb%5cc%2e%2e/x", "/a%2fb?x=%2f", "/plain", "/a%5Cb", "/a%252fb")))
scenario("path_escaped_redirect_no_normalize", hcm="path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT", client=through(("/a%2fb/../c", "/x")))
scenario("path_normalize_escapes", hcm="normalize_path: true", client=through(("/a|b", "/a^b", "/a{b}", '/a"b', "/a<b>`", "/a[b]~!", "/%41|%7c")))
scenario("path_route_on_normalized", hcm="normalize_path: true", routes="""
- {match: {prefix: /admin}, direct_response: {status: 403}}
- {match: {prefix: /}, route: {cluster: {{up}}}}
""", client=through(("/admin", "/x/../admin", "/%61dmin", "//admin", "/x/..%2fadmin")))

HOSTS = ("h.example", "h.example:80", "H.Example:8080", "h.example.", "h.example.:80", "[::1]:80", "[::1]")


def by_host(*hosts):
    return [s for h in hosts for s in get("/", host=h)]


scenario("host_untouched", client=by_host(*HOSTS))
scenario("host_strip_any_port", hcm="strip_any_host_port: true", client=by_host(*HOSTS))
scenario("host_strip_matching_port", hcm="strip_matching_host_port: true", client=by_host("h.example:{{port}}", "h.example:80", "h.example"))
scenario("host_strip_trailing_dot", hcm="strip_trailing_host_dot: true", client=by_host(*HOSTS))

LOCAL = """
local_reply_config:
  mappers:
  - filter: {status_code_filter: {comparison: {op: EQ, value: {default_value: 404, runtime_key: k}}}}
    status_code: 410
    body: {inline_string: "gone: %REQ(:PATH)%"}
    headers_to_add: [{header: {key: x-mapped, value: "yes"}}]
  - filter: {response_flag_filter: {flags: [UF]}}
    body_format_override: {json_format: {z: "%RESPONSE_CODE%", a: "%RESPONSE_FLAGS%", body: "%LOCAL_REPLY_BODY%", n: "%REQ(nope)%"}}
"""
scenario("local_reply_mappers", hcm=LOCAL, up={"dead": REFUSE, "up": [ok("", status=404, reason="Not Found")]}, routes="""
- {match: {prefix: /dead}, route: {cluster: {{dead}}}}
- {match: {prefix: /up}, route: {cluster: {{up}}}}
""", client=get("/nowhere") + get("/dead") + get("/up"))
scenario("local_reply_text_format", hcm="""
local_reply_config:
  body_format: {text_format_source: {inline_string: "%LOCAL_REPLY_BODY%|%RESPONSE_CODE%|%REQ(:PATH)%\\n"}, content_type: "text/html; charset=UTF-8"}
""", up={"dead": REFUSE}, routes="- {match: {prefix: /dead}, route: {cluster: {{dead}}}}", client=get("/nowhere") + get("/dead"))
scenario("local_reply_codec_error", hcm="""
local_reply_config:
  body_format: {text_format_source: {inline_string: "E %RESPONSE_CODE% %LOCAL_REPLY_BODY%"}}
""", client=send("GET / HTTP/1.1\r\nbad header\r\n\r\n") + read_all())
scenario("local_reply_direct_response", hcm=LOCAL, routes="- {match: {prefix: /}, direct_response: {status: 404, body: {inline_string: orig}}}",
         client=get("/x"))
scenario("grpc_local_reply", up={"dead": REFUSE}, routes="""
- {match: {prefix: /dead}, route: {cluster: {{dead}}}}
- {match: {prefix: /401}, direct_response: {status: 401, body: {inline_string: "who? 100%"}}}
""", client=get("/nowhere", "content-type: application/grpc") + get("/dead", "content-type: application/grpc")
    + get("/401", "content-type: application/grpc+proto"))
