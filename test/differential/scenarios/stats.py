# The stats pages: which stats there are and what they say after some traffic, all queries, stats_config.
from harness import dsl
from harness.dsl import *

HTTP = """
- name: one
  address: {socket_address: {address: 127.0.0.1, port_value: {{port}}}}
  filter_chains:
  - filters:
    - name: http
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
        stat_prefix: web
        delayed_close_timeout: 0.1s
        route_config:
          name: rc
          virtual_hosts:
          - name: vh
            domains: ["*"]
            virtual_clusters: [{name: vc, headers: [{name: ":path", string_match: {prefix: /v}}]}]
            routes:
            - {match: {prefix: /direct}, direct_response: {status: 201}}
            - {match: {prefix: /redirect}, redirect: {path_redirect: /x}}
            - {match: {prefix: /nowhere}, route: {cluster_header: x-cluster}}
            - {match: {prefix: /named}, route: {cluster: up}, stat_prefix: sp}
            - {match: {prefix: /retry}, route: {cluster: up, timeout: 0s, retry_policy: {retry_on: 5xx, num_retries: 1, retry_back_off: {base_interval: 0.001s}}}}
            - {match: {prefix: /refused}, route: {cluster: dead}}
            - {match: {prefix: /none}, route: {cluster: empty}}
            - {match: {prefix: /}, route: {cluster: up}}
        http_filters:
        - {name: envoy.filters.http.fault, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault, abort: {header_abort: {}, percentage: {numerator: 100}}}}
        - {name: envoy.filters.http.router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
"""
TCP_LISTENER = """
- name: two
  address: {socket_address: {address: 127.0.0.1, port_value: {{port2}}}}
  filter_chains:
  - filters: [{name: tcp, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: l4, cluster: up}}]
"""
CLUSTERS = """
- {name: up, load_assignment: {cluster_name: up, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{up.port}}}}}}]}]}}
- {name: dead, load_assignment: {cluster_name: dead, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{dead.port}}}}}}]}]}}
- {name: empty}
- {name: "odd:name.with/dots", alt_stat_name: "alt:name"}
- {name: remaining, circuit_breakers: {thresholds: [{max_connections: 3}, {priority: HIGH, max_retries: 7}]}}
- {name: dns, type: STRICT_DNS, load_assignment: {cluster_name: dns, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: localhost, port_value: 1}}}, load_balancing_weight: 3}]}]}}
"""


def admin(path, method="GET", keep=None, head=True):
    return dsl.admin(path, method, keep, head, lines="json" not in path)


def indent(text):
    return text.replace("\n", "\n  ")


def config(*more, tcp=True):
    return ("static_resources:\n  listeners:" + indent(HTTP).rstrip() + (indent(TCP_LISTENER).rstrip() if tcp else "") +
            "\n  clusters:" + indent(CLUSTERS).rstrip() + "\n" + "\n".join(more))


UP = {"up": {"/bad": [ok("no", status=503)], "/retry": [[*ok("no", status=500)], [*ok()]], "*": [ok()]}, "dead": REFUSE}
PATHS = ("/", "/a", "/bad", "/direct", "/redirect", "/nowhere", "/named", "/retry", "/refused", "/none", "/v")
DONE = close() + stat_is("listener.127.0.0.1_{{port}}.downstream_cx_active", 0)
TRAFFIC = (sum((get(p) for p in PATHS), []) + get("/", "x-envoy-fault-abort-request: 418") + send("bad\r\n\r\n", "b") + read_all("b") + close("b") + DONE
           + dial("t", port="port2") + send("GET / HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n", "t") + read_bytes(40, "t") + close("t")
           + stat_is("tcp.l4.downstream_cx_total", 1) + stat_is("listener.127.0.0.1_{{port2}}.downstream_cx_active", 0))
# What differs from run to run, or counts the questions themselves; and buffered bytes, which Envoy leaves standing after the last read.
VOLATILE = (r"memory|uptime|stats_recent_lookups|server\.version|admin|watchdog|_buffered|days_until|parent_connections|hot_restart|"
            r"http1\.|tx_bytes_total|rx_bytes_total|overload\.")
KEEP = rf"^(?!.*({VOLATILE}))"
HISTOGRAMS = [(r": (No recorded values|P0\(.*)$", ": <histogram>")]
LISTENER = r"^listener\.127.0.0.1_{{port}}"


def pages(name, client, *more, mask=HISTOGRAMS, tcp=True, **kw):
    kw.setdefault("up", UP)
    scenario("stats_" + name, kind="raw", own=True, bootstrap=config(*more, tcp=tcp), client=client, mask=mask, **kw)


pages("before_traffic", admin("/stats", keep=KEEP))
pages("after_traffic", TRAFFIC + admin("/stats", keep=KEEP))
pages("names_of_admin", admin("/stats", keep=r"admin|^http1\.|overload|watchdog|^server\.", head=False),
      mask=[(r": \S+$", ": <n>"), (r": (No recorded|P0).*$", ": <histogram>")])
pages("used_before_traffic", admin("/stats?usedonly", keep=KEEP))
pages("used_after_traffic", TRAFFIC + admin("/stats?usedonly", keep=rf"^(?!.*({VOLATILE}|_ms|rq_time))", head=False))
pages("bytes", TRAFFIC + admin("/stats?filter=(http.web|cluster.up|tcp.l4).*x_bytes_total", head=False))
pages("reset_counters", TRAFFIC + admin("/reset_counters", "POST") + admin("/stats?usedonly", keep=rf"^(?!.*({VOLATILE}|_ms|rq_time))", head=False) + get("/") + close()
      + stat_is("listener.127.0.0.1_{{port}}.downstream_cx_active", 0) + admin("/stats?filter=^(cluster.up|http.web|listener.127).*(rq_|cx_)(total|200|2xx|503|5xx)$", head=False))
pages("filter", TRAFFIC + sum((admin(f"/stats?filter={f}", head=False) for f in (
    "^cluster\\.up\\.upstream_rq_[0-9]", "cluster.*2xx$", "cluster.up.*2xx", "CLUSTER", "nope", "(", "[", "a%20b", "%5Ecluster%5C.up.*_total$",
    "cluster.(up%7Cdead).upstream_cx_total", "cluster.(up|dead).upstream_cx_total", "^cluster\\.up\\.upstream_rq_(200|2xx)$&usedonly", "^runtime.num&filter=x")), []))
pages("filter_plus", admin("/stats?filter=a+b", head=False) + admin("/stats?filter=listener_manager.workers_started|server.state", head=False) + admin("/stats?filter=%", head=False)
      + admin("/stats?filter=%zz", head=False))
pages("types", TRAFFIC + sum((admin(f"/stats?type={t}&filter=^(cluster.up|http.web|listener.127.*{{{{port}}}}).*(rq_total|rq_active|rq_time|cx_active)", head=False) for t in (
    "All", "Counters", "Gauges", "Histograms", "TextReadouts", "counters", "Bad", "", "Counters&type=Gauges")), []))
pages("formats", TRAFFIC + sum((admin(f"/stats?format={t}&filter=^cluster.up.upstream_rq_(total|active|200)$") for t in (
    "text", "json", "prometheus", "bad", "", "JSON", "json&pretty", "json&usedonly", "json&type=Gauges", "json&type=Bad")), []))
pages("hidden", sum((admin(f"/stats?hidden={t}&filter=^runtime.num_keys$", head=False) for t in ("only", "include", "exclude", "bad", "", "only&format=json", "only&format=prometheus")), []))
pages("json_page", TRAFFIC + admin("/stats?format=json&filter=^cluster.(up|dead)\\.(upstream_rq_[a-z]*[0-9x]*$|membership|lb)", head=False))
pages("json_nothing", admin("/stats?format=json&filter=nope") + admin("/stats?filter=nope") + admin("/stats?format=prometheus&filter=nope"))
pages("errors", sum((admin(p) for p in ("/stats?histogram_buckets=bad", "/stats?histogram_buckets=prometheusnative", "/stats/prometheus?histogram_buckets=bad",
      "/stats/prometheus?histogram_buckets=disjoint", "/stats/prometheus?histogram_buckets=detailed", "/stats/prometheus?histogram_buckets=prometheusnative",
      "/stats/prometheus?filter=(", "/stats?type=x&format=y", "/stats?format=y&filter=(")), []))
pages("paths", sum((admin(p, keep="invalid path|^envoy|^runtime.num", head=False) for p in ("//stats?filter=^runtime.num", "///stats?filter=^runtime.num", "/stats/?filter=x", "/stats/prometheus/", "/stats/x",
      "//stats/prometheus?filter=^runtime.num", "/stats#x", "/Stats", "/stats%3ffilter=x", "/stats;x")), []))
pages("post", admin("/stats?filter=^runtime.num", "POST", head=False) + admin("/stats/prometheus?filter=^runtime.num", "POST", head=False) + admin("/stats?filter=^runtime.num", "PUT", head=False)
      + admin("/stats?filter=^runtime.num", "DELETE", head=False) + admin("/reset_counters", "GET") + admin("/reset_counters", "PUT"))

# Prometheus.

PROMETHEUS_KEEP = r"^(?!.*(memory|uptime|recent_lookups|server_version|admin|watchdog|_buffered|days_until|_bytes_total|http1|_ms|rq_time|overload|hot_restart|parent_connections|_sum|_bucket))"
pages("prometheus", TRAFFIC + admin("/stats/prometheus", keep=PROMETHEUS_KEEP))
pages("prometheus_histogram_types", TRAFFIC + admin("/stats/prometheus", keep="^# TYPE.*histogram", head=False))
pages("prometheus_used", TRAFFIC + admin("/stats/prometheus?usedonly", keep=PROMETHEUS_KEEP, head=False))
pages("prometheus_filter", TRAFFIC + admin("/stats/prometheus?filter=^cluster\\.up\\.upstream_rq_(2|total)", head=False) + admin("/stats/prometheus?filter=^runtime.num&usedonly&filter=y", head=False))
pages("unknown_codes", get("/") + get("/odd") + DONE + admin("/stats?filter=^(cluster.up|http.web).*rq_[0-9x]*(unknown)?$", head=False),
      up={"up": {"/odd": [ok("x", status=777)], "*": [ok()]}, "dead": REFUSE}, tcp=False)
pages("prometheus_text_readouts", admin("/stats/prometheus?text_readouts&filter=^runtime.num", head=False) + admin("/stats/prometheus?text_readouts=false&filter=^runtime.num", head=False))
pages("prometheus_worker_ids", TRAFFIC + admin("/stats/prometheus?filter=worker_", keep="^(?!.*(watchdog|admin))", head=False), flags=["--concurrency", "2"],
      mask=HISTOGRAMS + [(r'(downstream_cx_total\S*worker_id="[01]"\S*) \d+', r"\1 <n>")])

# Histograms: each connection is one event, so that the values are known. The flush makes them visible, the next one empties the interval.

FLUSH = "stats_flush_interval: 0.05s"
EVENTS = "listener.127.0.0.1_{{port}}.connections_accepted_per_socket_event"
THREE = sum((get("/direct", c=c) + close(c) + stat_is("listener.127.0.0.1_{{port}}.downstream_cx_active", 0) for c in "xyz"), []) + stat_matches(EVENTS, r"^P0\(nan,")
ONE = f"&filter=^{EVENTS}$"


def histogram(name, query, *more, **kw):
    pages("histogram_" + name, THREE + admin(query + ONE, head=False), FLUSH, *more, mask=[], tcp=False, **kw)


histogram("text", "/stats?x")
histogram("none", "/stats?histogram_buckets=none")
histogram("summary", "/stats?histogram_buckets=summary")
histogram("cumulative", "/stats?histogram_buckets=cumulative")
histogram("disjoint", "/stats?histogram_buckets=disjoint")
histogram("detailed", "/stats?histogram_buckets=detailed")
histogram("json", "/stats?format=json")
histogram("json_cumulative", "/stats?format=json&histogram_buckets=cumulative")
histogram("json_disjoint", "/stats?format=json&histogram_buckets=disjoint")
histogram("json_detailed", "/stats?format=json&histogram_buckets=detailed")
histogram("prometheus", "/stats/prometheus?x")
histogram("prometheus_summary", "/stats/prometheus?histogram_buckets=summary")
histogram("own_buckets", "/stats?histogram_buckets=cumulative", "stats_config: {histogram_bucket_settings: [{match: {suffix: per_socket_event}, buckets: [0.5, 1, 1.05, 2, 100]}]}")
histogram("own_buckets_prometheus", "/stats/prometheus?x", "stats_config: {histogram_bucket_settings: [{match: {prefix: nope}, buckets: [1]}, {match: {suffix: per_socket_event}, buckets: [0.5, 1, 1.05, 2, 100]}]}")

# stats_config.


def matched(name, text, **kw):
    pages("matcher_" + name, TRAFFIC_NO_STATS + admin("/stats", keep=rf"^(?!.*({VOLATILE}|_ms|rq_time))", head=False), "stats_config: {stats_matcher: " + text + "}", tcp=False, **kw)


TRAFFIC_NO_STATS = get("/") + get("/bad") + get("/direct") + close() + pause(0.1)
matched("reject_all", "{reject_all: true}")
matched("reject_none", "{reject_all: false}")
matched("inclusion_prefix", "{inclusion_list: {patterns: [{prefix: cluster.up.upstream_rq}]}}")
matched("inclusion_exact", "{inclusion_list: {patterns: [{exact: cluster.up.upstream_rq_total}, {exact: cluster.up.upstream_rq_200}]}}")
matched("inclusion_suffix", "{inclusion_list: {patterns: [{suffix: _2xx}]}}")
matched("inclusion_regex", "{inclusion_list: {patterns: [{safe_regex: {regex: 'cluster\\.up\\.upstream_rq_.*'}}]}}")
matched("inclusion_regex_part", "{inclusion_list: {patterns: [{safe_regex: {regex: 'upstream_rq'}}]}}")
matched("inclusion_contains", "{inclusion_list: {patterns: [{contains: RQ_TOTAL, ignore_case: true}]}}")
matched("inclusion_several", "{inclusion_list: {patterns: [{prefix: 'cluster.up.upstream_rq_2'}, {suffix: downstream_rq_total}]}}")
matched("exclusion", "{exclusion_list: {patterns: [{prefix: cluster.}, {prefix: listener.}, {prefix: http.}, {prefix: server.}, {contains: thread}]}}")

TAGS = TRAFFIC_NO_STATS + admin("/stats/prometheus?filter=^(cluster.up|http.web|listener.127).*(rq_total|rq_200|rq_2xx|rq_503|cx_total)$", head=False)


def tagged(name, text, **kw):
    pages("tags_" + name, TAGS, "stats_config: " + text, tcp=False, **kw)


tagged("default", "{}")
tagged("no_defaults", "{use_all_default_tags: false}")
tagged("fixed", "{stats_tags: [{tag_name: my.tag, fixed_value: 'a \"value\"'}]}")
tagged("regex", "{stats_tags: [{tag_name: first, regex: '^cluster\\.((.*?)\\.)'}]}")
tagged("regex_one_group", "{stats_tags: [{tag_name: code, regex: '_rq_(\\d{3})$'}], use_all_default_tags: false}")
tagged("regex_no_match", "{stats_tags: [{tag_name: code, regex: 'nope(x)'}]}")
tagged("replaces_default", "{stats_tags: [{tag_name: envoy.cluster_name, regex: '^cluster\\.((up)\\.)'}]}")
tagged("default_by_name", "{use_all_default_tags: false, stats_tags: [{tag_name: envoy.response_code_class}, {tag_name: envoy.cluster_name}]}")
tagged("of_command_line", "{}", flags=["--stats-tag", "from:flag", "--stats-tag", "zone:z-1"])
tagged("two_fixed_same_name", "{stats_tags: [{tag_name: a, fixed_value: b}, {tag_name: a, fixed_value: c}]}")
