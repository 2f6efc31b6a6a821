"""Routing: virtual hosts, matchers, actions, rewrites, redirects, direct responses."""
from harness.dsl import *


def direct(text, status=200):
    return 'direct_response: {status: %d, body: {inline_string: "%s"}}' % (status, text)


def paths(*values, **kw):
    return [step for v in values for step in get(v, **kw)]


def hosts(*values):
    return [step for v in values for step in get("/", host=v)]


def with_headers(*sets):
    return [step for s in sets for step in get("/", *s)]


ANY_200 = "- {match: {prefix: /}, %s}" % direct("other")

scenario("route_no_match_404", routes='- {match: {prefix: "/a"}, route: {cluster: "{{up}}"}}',
         client=get("/b"), stats=["http.{{name}}.no_route", "http.{{name}}.downstream_rq_4xx"])
scenario("route_default", client=get("/x?q=1", "user-agent: me"))
scenario("route_path_kinds", routes=f"""
- {{match: {{path: /exact}}, {direct("path")}}}
- {{match: {{path: /ExactCi, case_sensitive: false}}, {direct("path-ci")}}}
- {{match: {{path_separated_prefix: /psp}}, {direct("psp")}}}
- {{match: {{safe_regex: {{regex: "/re/[0-9]+"}}}}, {direct("regex")}}}
- {{match: {{prefix: /pre}}, {direct("prefix")}}}
- {{match: {{prefix: /PRECI, case_sensitive: false}}, {direct("prefix-ci")}}}
""", client=paths("/exact", "/exact?q", "/exact/", "/Exact", "/EXACTCI", "/psp", "/psp/", "/psp/a", "/pspa", "/psp?x=1",
                  "/re/12", "/re/12?x=y", "/re/12/", "/re/a", "/pre", "/prefix", "/Pre", "/preci/x", "/"))
scenario("route_first_match_wins", routes=f"""
- {{match: {{prefix: /a}}, {direct("one")}}}
- {{match: {{path: /ab}}, {direct("two")}}}
- {{match: {{prefix: /}}, {direct("three")}}}
""", client=paths("/ab", "/a", "/b"))
scenario("vhost_domains", vhosts=f"""
- {{name: exact, domains: [a.foo.com, "b.foo.com:8080"], routes: [{{match: {{prefix: /}}, {direct("exact")}}}]}}
- {{name: suffix, domains: ["*.foo.com"], routes: [{{match: {{prefix: /}}, {direct("suffix")}}}]}}
- {{name: longsuffix, domains: ["*.bar.foo.com", "*-x.foo.com"], routes: [{{match: {{prefix: /}}, {direct("long")}}}]}}
- {{name: prefix, domains: ["foo.*", "foo.bar.*"], routes: [{{match: {{prefix: /}}, {direct("prefix")}}}]}}
- {{name: rest, domains: ["*"], routes: [{{match: {{prefix: /}}, {direct("rest")}}}]}}
""", client=hosts("a.foo.com", "A.FOO.com", "a.foo.com:80", "b.foo.com", "b.foo.com:8080", "c.foo.com", "z.bar.foo.com",
                  "a-x.foo.com", ".foo.com", "foo.com", "foo.bar.baz", "foo.", "foo", "other", "x:1"))
scenario("vhost_no_match", vhosts=f"""
- {{name: exact, domains: [a.foo.com], routes: [{{match: {{prefix: /}}, {direct("exact")}}}]}}
""", client=hosts("a.foo.com", "b.foo.com"))
scenario("vhost_ignore_port", route_config="ignore_port_in_host_matching: true", vhosts=f"""
- {{name: exact, domains: [a.foo.com], routes: [{{match: {{prefix: /}}, {direct("exact")}}}]}}
""", client=hosts("a.foo.com", "a.foo.com:81", "b.foo.com:81"))
scenario("vhost_empty", vhosts="[]", client=hosts("a"))
scenario("route_headers", routes=f"""
- {{match: {{prefix: /, headers: [{{name: x-a, string_match: {{exact: one}}}}]}}, {direct("exact")}}}
- {{match: {{prefix: /, headers: [{{name: x-a, string_match: {{prefix: pre}}}}]}}, {direct("prefix")}}}
- {{match: {{prefix: /, headers: [{{name: x-a, string_match: {{suffix: suf}}}}]}}, {direct("suffix")}}}
- {{match: {{prefix: /, headers: [{{name: x-a, string_match: {{contains: mid}}}}]}}, {direct("contains")}}}
- {{match: {{prefix: /, headers: [{{name: x-a, string_match: {{safe_regex: {{regex: "[a-c]+"}}}}}}]}}, {direct("regex")}}}
- {{match: {{prefix: /, headers: [{{name: x-a, string_match: {{exact: CASE, ignore_case: true}}}}]}}, {direct("icase")}}}
- {{match: {{prefix: /, headers: [{{name: x-r, range_match: {{start: 10, end: 20}}}}]}}, {direct("range")}}}
- {{match: {{prefix: /, headers: [{{name: x-p, present_match: true}}]}}, {direct("present")}}}
- {{match: {{prefix: /, headers: [{{name: x-n, present_match: false}}, {{name: x-m, present_match: true}}]}}, {direct("absent")}}}
- {{match: {{prefix: /, headers: [{{name: x-i, string_match: {{exact: "no"}}, invert_match: true}}, {{name: x-j, string_match: {{exact: "1"}}}}]}}, {direct("invert")}}}
- {{match: {{prefix: /, headers: [{{name: x-t, string_match: {{exact: ""}}, treat_missing_header_as_empty: true}}, {{name: x-u, string_match: {{exact: "1"}}}}]}}, {direct("empty")}}}
- {{match: {{prefix: /}}, {direct("none")}}}
""", client=with_headers(["x-a: one"], ["x-a: prefixed"], ["x-a: asuf"], ["x-a: amidb"], ["x-a: abc"], ["x-a: abcd"],
                         ["x-a: case"], ["x-r: 10"], ["x-r: 19"], ["x-r: 20"], ["x-r: 9"], ["x-r: abc"], ["x-r: 1.5"],
                         ["x-r: -12"], ["x-p:"], ["x-p: v"], ["x-m: 1"], ["x-m: 1", "x-n: 1"], ["x-j: 1"],
                         ["x-j: 1", "x-i: no"], ["x-j: 1", "x-i: yes"], ["x-u: 1"], ["x-u: 1", "x-t: z"],
                         ["x-a: one", "x-a: two"], ["x-a: two", "x-a: one"]))
scenario("route_headers_several_lines", routes=f"""
- {{match: {{prefix: /joined, headers: [{{name: x-a, string_match: {{exact: "one,two"}}}}]}}, {direct("joined")}}}
- {{match: {{prefix: /first, headers: [{{name: x-a, string_match: {{exact: one}}}}]}}, {direct("first")}}}
- {{match: {{prefix: /second, headers: [{{name: x-a, string_match: {{exact: two}}}}]}}, {direct("second")}}}
- {{match: {{prefix: /invert1, headers: [{{name: x-a, string_match: {{exact: one}}, invert_match: true}}]}}, {direct("inverted")}}}
- {{match: {{prefix: /invert2, headers: [{{name: x-a, string_match: {{exact: two}}, invert_match: true}}]}}, {direct("inverted")}}}
- {{match: {{prefix: /invert3, headers: [{{name: x-a, string_match: {{exact: "one,two"}}, invert_match: true}}]}}, {direct("inverted")}}}
- {{match: {{prefix: /suffix, headers: [{{name: x-a, string_match: {{suffix: two}}}}]}}, {direct("suffix")}}}
- {{match: {{prefix: /prefix, headers: [{{name: x-a, string_match: {{prefix: two}}}}]}}, {direct("prefix")}}}
- {{match: {{prefix: /range, headers: [{{name: x-n, range_match: {{start: 10, end: 20}}}}]}}, {direct("range")}}}
- {{match: {{prefix: /old, headers: [{{name: x-a, exact_match: one}}]}}, {direct("old")}}}
- {{match: {{prefix: /inline, headers: [{{name: accept, string_match: {{exact: one}}}}]}}, {direct("inline")}}}
- {{match: {{prefix: /}}, {direct("none")}}}
""", client=sum((get(p, "x-a: one", "x-a: two", "x-n: 5", "x-n: 15", "accept: one", "accept: two") for p in (
    "/joined", "/first", "/second", "/invert1", "/invert2", "/invert3", "/suffix", "/prefix", "/range", "/old", "/inline")), []))
scenario("route_headers_missing_inverted", routes=f"""
- {{match: {{prefix: /string, headers: [{{name: x-a, string_match: {{exact: one}}, invert_match: true}}]}}, {direct("string")}}}
- {{match: {{prefix: /range, headers: [{{name: x-a, range_match: {{start: 1, end: 2}}, invert_match: true}}]}}, {direct("range")}}}
- {{match: {{prefix: /old, headers: [{{name: x-a, exact_match: one, invert_match: true}}]}}, {direct("old")}}}
- {{match: {{prefix: /regex, headers: [{{name: x-a, safe_regex_match: {{regex: one}}, invert_match: true}}]}}, {direct("regex")}}}
- {{match: {{prefix: /present, headers: [{{name: x-a, present_match: true, invert_match: true}}]}}, {direct("present")}}}
- {{match: {{prefix: /empty, headers: [{{name: x-a, string_match: {{exact: one}}, invert_match: true, treat_missing_header_as_empty: true}}]}}, {direct("empty")}}}
- {{match: {{prefix: /}}, {direct("none")}}}
""", client=paths("/string", "/range", "/old", "/regex", "/present", "/empty"))
scenario("route_headers_deprecated_forms", routes=f"""
- {{match: {{prefix: /, headers: [{{name: x-a, exact_match: one}}]}}, {direct("exact")}}}
- {{match: {{prefix: /, headers: [{{name: x-a, prefix_match: pre}}]}}, {direct("prefix")}}}
- {{match: {{prefix: /, headers: [{{name: x-a, suffix_match: suf}}]}}, {direct("suffix")}}}
- {{match: {{prefix: /, headers: [{{name: x-a, contains_match: mid}}]}}, {direct("contains")}}}
- {{match: {{prefix: /, headers: [{{name: x-a, safe_regex_match: {{regex: "z+"}}}}]}}, {direct("regex")}}}
- {{match: {{prefix: /, headers: [{{name: x-b}}]}}, {direct("present")}}}
""", client=with_headers(["x-a: one"], ["x-a: pre1"], ["x-a: 1suf"], ["x-a: amida"], ["x-a: zz"], ["x-b: "], []))
scenario("route_pseudo_headers", routes=f"""
- {{match: {{prefix: /, headers: [{{name: ":method", string_match: {{exact: POST}}}}]}}, {direct("post")}}}
- {{match: {{prefix: /, headers: [{{name: ":authority", string_match: {{prefix: a.}}}}]}}, {direct("authority")}}}
- {{match: {{prefix: /, headers: [{{name: "host", string_match: {{prefix: b.}}}}]}}, {direct("host")}}}
- {{match: {{prefix: /, headers: [{{name: ":path", string_match: {{suffix: "?q"}}}}]}}, {direct("path")}}}
- {{match: {{prefix: /, headers: [{{name: ":scheme", string_match: {{exact: http}}}}]}}, {direct("scheme")}}}
""", client=req("/", method="POST", body="") + hosts("a.b", "b.b", "c.b") + paths("/?q"))
scenario("route_query", routes=f"""
- {{match: {{prefix: /, query_parameters: [{{name: a, string_match: {{exact: "1"}}}}]}}, {direct("exact")}}}
- {{match: {{prefix: /, query_parameters: [{{name: b, present_match: true}}]}}, {direct("present")}}}
- {{match: {{prefix: /, query_parameters: [{{name: c, string_match: {{prefix: x}}}}, {{name: d, present_match: true}}]}}, {direct("both")}}}
- {{match: {{prefix: /, query_parameters: [{{name: "e f", string_match: {{exact: "g h"}}}}]}}, {direct("decoded")}}}
- {{match: {{prefix: /}}, {direct("none")}}}
""", client=paths("/?a=1", "/?a=2", "/?b", "/?b=", "/?c=xx", "/?c=xx&d", "/?A=1", "/?a=2&a=1", "/?a=1&a=2", "/?e%20f=g%20h",
                  "/?e+f=g+h", "/", "/?"))
scenario("route_grpc", routes=f"""
- {{match: {{prefix: /, grpc: {{}}}}, {direct("grpc")}}}
- {{match: {{prefix: /}}, {direct("other")}}}
""", client=with_headers(["content-type: application/grpc"], ["content-type: application/grpc+proto"],
                         ["content-type: application/grpc-web"], ["content-type: text/plain"], []))
scenario("route_runtime_fraction", own=True, routes=f"""
- {{match: {{prefix: /, runtime_fraction: {{default_value: {{numerator: 0}}, runtime_key: rt.frac}}}}, {direct("in")}}}
- {{match: {{prefix: /}}, {direct("out")}}}
""", client=burst(5) + admin("/runtime_modify?rt.frac=100", "POST", head=False) + burst(5)
    + admin("/runtime_modify?rt.frac=0", "POST", head=False) + burst(5))
scenario("route_runtime_fraction_full", routes=f"""
- {{match: {{prefix: /a, runtime_fraction: {{default_value: {{numerator: 100}}}}}}, {direct("in")}}}
- {{match: {{prefix: /b, runtime_fraction: {{default_value: {{numerator: 0}}}}}}, {direct("never")}}}
- {{match: {{prefix: /c, runtime_fraction: {{default_value: {{numerator: 1000000, denominator: MILLION}}}}}}, {direct("c")}}}
- {{match: {{prefix: /}}, {direct("out")}}}
""", client=paths("/a", "/b", "/c"))
scenario("cluster_header", routes="- {match: {prefix: /}, route: {cluster_header: x-cluster}}",
         client=with_headers(["x-cluster: {{up}}"], [], ["x-cluster: nope"]), stats=["http.{{name}}.no_cluster"])
scenario("cluster_not_found_404",
         routes="- {match: {prefix: /}, route: {cluster_header: x-cluster, cluster_not_found_response_code: NOT_FOUND}}",
         client=with_headers(["x-cluster: nope"]))
scenario("cluster_unknown_allowed", route_config="validate_clusters: false",
         routes="- {match: {prefix: /}, route: {cluster: missing}}", client=get("/"), stats=["http.{{name}}.no_cluster"])
scenario("weighted_all_or_nothing", up={"a": [ok("a")], "b": [ok("b")]}, routes="""
- match: {prefix: /}
  route:
    weighted_clusters:
      clusters:
      - {name: "{{a}}", weight: 100, request_headers_to_add: [{header: {key: x-which, value: a}}],
         response_headers_to_add: [{header: {key: x-from, value: a}}], response_headers_to_remove: [content-length]}
      - {name: "{{b}}", weight: 0}
""", client=get("/"))
scenario("weighted_remove_and_host_rewrite", up={"a": [ok("a", "x-gone: 1")]}, routes="""
- match: {prefix: /}
  route:
    weighted_clusters:
      clusters:
      - {name: "{{a}}", weight: 1, request_headers_to_remove: [x-secret], response_headers_to_remove: [x-gone],
         host_rewrite_literal: new.example}
""", client=get("/", "x-secret: 1", "x-keep: 1"))
scenario("rewrite_prefix", routes="""
- {match: {prefix: /a/}, route: {cluster: {{up}}, prefix_rewrite: /}}
- {match: {path: /exact}, route: {cluster: {{up}}, prefix_rewrite: /new}}
- {match: {prefix: /b}, route: {cluster: {{up}}, prefix_rewrite: /c/d}}
- {match: {path_separated_prefix: /s}, route: {cluster: {{up}}, prefix_rewrite: /t}}
- {match: {prefix: /CI, case_sensitive: false}, route: {cluster: {{up}}, prefix_rewrite: /z}}
""", client=paths("/a/x?q=/a/", "/a/", "/exact?z", "/b", "/bx/y", "/s/1", "/s", "/ci/1", "/cI"))
scenario("rewrite_regex", routes=r"""
- match: {prefix: /}
  route:
    cluster: {{up}}
    regex_rewrite: {pattern: {regex: "^/service/([^/]+)(/.*)$"}, substitution: '\2/instance/\1'}
""", client=paths("/service/foo/v1/api?x=/service/a/b", "/other", "/service/foo/"))
scenario("rewrite_regex_all_matches", routes=r"""
- match: {prefix: /}
  route: {cluster: {{up}}, regex_rewrite: {pattern: {regex: "one"}, substitution: 'two\\'}}
""", client=paths("/one/one?one=1", "/x"))
scenario("rewrite_host_literal", routes="- {match: {prefix: /}, route: {cluster: {{up}}, host_rewrite_literal: new.example}}",
         client=get("/", host="old.example:8080"))
scenario("rewrite_host_append", routes="""
- match: {prefix: /}
  route: {cluster: {{up}}, host_rewrite_literal: new.example, append_x_forwarded_host: true}
""", client=get("/", host="old.example") + get("/", "x-forwarded-host: first.example", host="old.example"))
scenario("rewrite_host_header",
         routes="- {match: {prefix: /}, route: {cluster: {{up}}, host_rewrite_header: x-host}}",
         client=with_headers(["x-host: from.header"], []))
scenario("rewrite_host_path_regex", routes=r"""
- match: {prefix: /}
  route:
    cluster: {{up}}
    host_rewrite_path_regex: {pattern: {regex: "^/(.+)/.+$"}, substitution: '\1'}
""", client=paths("/hosta/x", "/hostb/x?a=b/c", "/nomatch"))
scenario("rewrite_host_auto", clusters={"c": {"yaml": """
type: STRICT_DNS
dns_lookup_family: V4_ONLY
load_assignment:
  endpoints: [{lb_endpoints: [{endpoint: {hostname: by.name, address: {socket_address: {address: localhost, port_value: {{up.port}}}}}}]}]
"""}}, routes="- {match: {prefix: /}, route: {cluster: {{c}}, auto_host_rewrite: true}}", client=get("/"),
    mask=[(r"\"localhost\"", '"x"')])
scenario("redirect_kinds", routes="""
- {match: {prefix: /https}, redirect: {https_redirect: true}}
- {match: {prefix: /host}, redirect: {host_redirect: new.example}}
- {match: {prefix: /port}, redirect: {port_redirect: 8443}}
- {match: {prefix: /path}, redirect: {path_redirect: /p}}
- {match: {prefix: /qpath}, redirect: {path_redirect: "/p?new=1"}}
- {match: {prefix: /prefix}, redirect: {prefix_rewrite: /pp}}
- {match: {prefix: /strip}, redirect: {host_redirect: s.example, strip_query: true}}
- {match: {prefix: /scheme}, redirect: {scheme_redirect: ftp}}
- {match: {prefix: /302}, redirect: {response_code: FOUND, host_redirect: h}}
- {match: {prefix: /303}, redirect: {response_code: SEE_OTHER, host_redirect: h}}
- {match: {prefix: /307}, redirect: {response_code: TEMPORARY_REDIRECT, host_redirect: h}}
- {match: {prefix: /308}, redirect: {response_code: PERMANENT_REDIRECT, host_redirect: h}}
- {match: {prefix: /all}, redirect: {https_redirect: true, host_redirect: x.example, port_redirect: 444, path_redirect: /z}}
- {match: {prefix: /empty}, redirect: {}}
""", client=paths("/https?q=1", "/host/x?q=1", "/port", "/path?q=2", "/qpath?q=2", "/prefix/a?b", "/strip?x=1", "/scheme",
                  "/302", "/303", "/307", "/308", "/all?q", "/empty?e", host="old.example:80"))
scenario("redirect_host_forms", routes="""
- {match: {prefix: /https}, redirect: {https_redirect: true}}
- {match: {prefix: /port}, redirect: {port_redirect: 444}}
""", client=[s for h in ("a", "a:80", "a:443", "a:8080", "[::1]:80", "[::1]") for s in get("/https", host=h) + get("/port", host=h)])
scenario("redirect_regex", routes=r"""
- match: {prefix: /}
  redirect: {regex_rewrite: {pattern: {regex: "^/([a-z]+)/(.*)$"}, substitution: '/\2/\1'}}
""", client=paths("/abc/def?q=1", "/1"))
scenario("redirect_response_headers", routes="""
- match: {prefix: /}
  redirect: {host_redirect: n.example}
  response_headers_to_add: [{header: {key: x-add, value: "1"}}]
""", client=get("/"))
scenario("require_tls", vhosts="""
- {name: all, domains: [all.example], require_tls: ALL, routes: [{match: {prefix: /}, route: {cluster: {{up}}}}]}
- {name: ext, domains: [ext.example], require_tls: EXTERNAL_ONLY, routes: [{match: {prefix: /}, route: {cluster: {{up}}}}]}
""", client=get("/a?b", host="all.example") + get("/a", "x-forwarded-proto: https", host="all.example")
    + get("/a", host="ext.example"))
scenario("direct_response_statuses", routes="""
- {match: {prefix: /200}, direct_response: {status: 200}}
- {match: {prefix: /201}, direct_response: {status: 201, body: {inline_string: made}}}
- {match: {prefix: /204}, direct_response: {status: 204}}
- {match: {prefix: /304}, direct_response: {status: 304}}
- {match: {prefix: /403}, direct_response: {status: 403, body: {inline_string: "no"}}}
- {match: {prefix: /404}, direct_response: {status: 404}}
- {match: {prefix: /503}, direct_response: {status: 503, body: {inline_string: down}}}
- {match: {prefix: /299}, direct_response: {status: 299}}
- {match: {prefix: /599}, direct_response: {status: 599}}
""", client=paths("/200", "/201", "/201?x=1", "/204", "/304", "/403", "/404", "/503", "/299", "/599"))
scenario("direct_response_head", routes="- {match: {prefix: /}, %s}" % direct("body"), client=req("/", method="HEAD") + get("/"))
scenario("direct_response_with_request_body", routes="- {match: {prefix: /}, %s}" % direct("body"),
         client=req("/", method="POST", body="x" * 1000) + get("/next"))
scenario("direct_response_headers", routes="""
- match: {prefix: /}
  direct_response: {status: 200, body: {inline_string: b}}
  response_headers_to_add: [{header: {key: content-type, value: text/html}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}, {header: {key: x-a, value: "%REQ(x-in)%"}}]
""", client=get("/", "x-in: 7"))
scenario("mirror", up={"up": [ok()], "shadow": [ok("shadow")]}, routes="""
- match: {prefix: /}
  route: {cluster: {{up}}, request_mirror_policies: [{cluster: {{shadow}}}]}
""", client=req("/m", method="POST", body="mirrored") + seen(1, "shadow"))
scenario("mirror_off", up={"up": [ok()], "shadow": [ok("shadow")]}, routes="""
- match: {prefix: /}
  route: {cluster: {{up}}, request_mirror_policies: [{cluster: {{shadow}}, runtime_fraction: {default_value: {numerator: 0}}}]}
""", client=get("/m"), stats=["cluster.{{shadow}}.upstream_rq_total"])
scenario("mirror_dead", up={"up": [ok()], "shadow": REFUSE}, routes="""
- match: {prefix: /}
  route: {cluster: {{up}}, request_mirror_policies: [{cluster: {{shadow}}, disable_shadow_host_suffix_append: true}]}
""", client=get("/m"), stats=["cluster.{{shadow}}.upstream_cx_connect_fail"])
scenario("hash_cookie_generated", routes="""
- match: {prefix: /}
  route: {cluster: {{up}}, hash_policy: [{cookie: {name: sid, ttl: 60s, path: /x}}]}
""", client=get("/") + get("/", "cookie: sid=abc") + get("/", "cookie: other=1"),
    mask=[(r'"[0-9a-f]{10,16}"', '"<hash>"')])
scenario("route_name_and_attempts_header", vhosts="""
- name: all
  domains: ["*"]
  include_request_attempt_count: true
  include_attempt_count_in_response: true
  routes: [{name: my-route, match: {prefix: /}, route: {cluster: {{up}}}}]
""", client=get("/"))
scenario("internal_redirect", up={"*": ok(), "/go": ok("", "location: http://other.example/there?q=1", status=302, reason="Found")},
         vhosts="""
- {name: one, domains: ["h.example"], routes: [{match: {prefix: /}, route: {cluster: {{up}}, internal_redirect_policy: {}}}]}
- {name: two, domains: ["other.example"], routes: [{match: {prefix: /}, route: {cluster: {{up}}}}]}
""", client=get("/go"), stats=["cluster.{{up}}.upstream_internal_redirect_succeeded_total"])
scenario("internal_redirect_too_many", up={"*": ok("", "location: http://h.example/again", status=302, reason="Found")},
         routes="- {match: {prefix: /}, route: {cluster: {{up}}, internal_redirect_policy: {max_internal_redirects: 2}}}",
         client=get("/go"), stats=["cluster.{{up}}.upstream_internal_redirect_succeeded_total",
                                   "cluster.{{up}}.upstream_internal_redirect_failed_total"])
scenario("internal_redirect_cross_scheme", up={"*": ok(), "/go": ok("", "location: https://h.example/s", status=302, reason="Found")},
         routes="- {match: {prefix: /}, route: {cluster: {{up}}, internal_redirect_policy: {}}}", client=get("/go"),
         stats=["cluster.{{up}}.upstream_internal_redirect_failed_total"])
scenario("internal_redirect_relative", up={"*": ok(), "/go": ok("", "location: /there", status=302, reason="Found")},
         routes="- {match: {prefix: /}, route: {cluster: {{up}}, internal_redirect_policy: {}}}", client=get("/go"))
scenario("internal_redirect_other_codes", up={"*": ok(), "/303": ok("", "location: http://h.example/get", status=303, reason="See Other"),
                                             "/307": ok("", "location: http://h.example/keep", status=307, reason="Temporary Redirect")},
         routes="- {match: {prefix: /}, route: {cluster: {{up}}, internal_redirect_policy: {redirect_response_codes: [303, 307]}}}",
         client=req("/303", method="POST", body="abc") + req("/307", method="POST", body="abc"))
scenario("internal_redirect_no_location", up={"*": ok("", status=302, reason="Found")},
         routes="- {match: {prefix: /}, route: {cluster: {{up}}, internal_redirect_policy: {}}}", client=get("/go"))
scenario("redirect_not_internal", up={"*": ok("", "location: http://h.example/x", status=302, reason="Found")}, client=get("/go"))
scenario("connect_without_matcher", client=send("CONNECT h.example:80 HTTP/1.1\r\nhost: h.example:80\r\n\r\n") + read_all())
scenario("typed_filter_config_unused_vhost", vhosts="""
- name: all
  domains: ["*"]
  typed_per_filter_config:
    envoy.filters.http.fault:
      "@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault
      abort: {http_status: 418, percentage: {numerator: 100}}
  routes:
  - match: {prefix: /off}
    route: {cluster: {{up}}}
    typed_per_filter_config:
      envoy.filters.http.fault:
        "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig
        disabled: true
  - {match: {prefix: /}, route: {cluster: {{up}}}}
""", filters="""
- name: envoy.filters.http.fault
  typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault}
""", client=get("/on") + get("/off"))
scenario("virtual_clusters", vhosts="""
- name: vh
  domains: ["*"]
  virtual_clusters: [{name: posts, headers: [{name: ":method", string_match: {exact: POST}}]}]
  routes: [{match: {prefix: /}, route: {cluster: {{up}}}}]
""", client=get("/") + req("/", method="POST", body=""), own=True,
    stats=["vhost.vh.vcluster.posts.upstream_rq_200", "vhost.vh.vcluster.other.upstream_rq_200",
           "vhost.vh.vcluster.posts.upstream_rq_total"])

# Found by tables: each route answers with its own status.
scenario("match_query_absent", routes="""
- {match: {prefix: /, query_parameters: [{name: a, present_match: false}]}, direct_response: {status: 201}}
- {match: {prefix: /}, direct_response: {status: 202}}
""", client=get("/") + get("/?a") + get("/?b=a") + get("/?a=1"))
scenario("match_prefix_not_into_query", routes="""
- {match: {prefix: "/a?"}, direct_response: {status: 201}}
- {match: {prefix: /}, direct_response: {status: 202}}
""", client=get("/a?b") + get("/a?") + get("/a"))
scenario("match_header_numbers", routes="""
- {match: {prefix: /, headers: [{name: x, range_match: {start: -5, end: 10}}]}, direct_response: {status: 201}}
- {match: {prefix: /, headers: [{name: e, exact_match: ""}]}, direct_response: {status: 203}}
- {match: {prefix: /}, direct_response: {status: 202}}
""", client=[s for v in ("+5", "-5", "-6", "10", "09", "5x", "") for s in get("/", f"x: {v}")] + get("/", "e: any") + get("/", "e:"))
scenario("redirect_empty_prefix", routes='- {match: {prefix: /o}, redirect: {prefix_rewrite: ""}}', client=get("/old?q"))
scenario("mutations_order_in_a_level", routes="""
- match: {prefix: /}
  route: {cluster: {{up}}}
  request_headers_to_add:
  - {header: {key: x-n, value: added}}
  - {header: {key: x-n, value: set}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
  - {header: {key: x-see, value: "%REQ(x-n)%"}}
  - {header: {key: x-m, value: "1"}, append_action: ADD_IF_ABSENT}
  - {header: {key: x-m, value: "2"}, append_action: ADD_IF_ABSENT}
""", client=get("/", "x-n: client") + get("/"))
scenario("hash_of_several_lines", routes="""
- match: {prefix: /}
  route:
    hash_policy: [{header: {header_name: x-h}}]
    weighted_clusters:
      use_hash_policy: true
      clusters: [%s]
""" % ", ".join("{name: {{up}}, weight: 1, response_headers_to_add: [{header: {key: w, value: '%d'}}]}" % i for i in range(50)),
         client=get("/", "x-h: a", "x-h: b") + get("/", "x-h: b", "x-h: a") + get("/", "x-h: a", "x-h:") + get("/", "x-h: a"))
