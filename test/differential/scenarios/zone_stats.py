"""Requests counted by the zones of this proxy and of the host: cluster.<c>.zone.<from>.<to>."""
import json

from harness.dsl import *

HISTOGRAM = [(r"(rq_time): P0.*", r"\1: <histogram>")]


def hosts(**zones):
    """Upstreams by zone; "": none is told."""
    return json.dumps({"load_assignment": {"endpoints": [
        {"lb_endpoints": [{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": f"{{{{{up}.port}}}}"}}}}],
         **({"locality": {"region": "r", "zone": zone}} if zone else {})} for up, zone in zones.items()]}}).replace('"{{', '"{{')


def zone(name, client, node="locality: {zone: here}", up=None, cluster=None, route="{cluster: \"{{c1}}\"}", bootstrap="", seen="zone\\.", **kw):
    kw.setdefault("no_log", True)
    scenario("zone_stats_" + name, own=True, up=up or {"a": [ok("a")]}, no_upstream=True, clusters={"c1": {"yaml": cluster or hosts(a="there")}},
             client=client + stat_is("http.{{name}}.downstream_rq_active", 0) + admin("/stats?filter=" + seen, head=False), mask=HISTOGRAM,
             bootstrap="node: {id: node, cluster: service, %s}\n" % node + bootstrap, routes="- {match: {prefix: /}, route: %s}" % route, **kw)


BOTH = {"a": [ok("a")], "b": [ok("b", status=404)], "c": [ok("c")]}
zone("of_each", burst(6), up=BOTH, cluster=hosts(a="there", b="here", c=""))
zone("of_prometheus", get("/") + admin("/stats/prometheus?filter=zone&usedonly", keep="zone_here_there_upstream_rq(_xx|_completed|){|zone_here_there_upstream_rq_time_count", head=False), up=BOTH, cluster=hosts(a="there"))
zone("of_node_elsewhere", get("/"), node="metadata: {}")
zone("of_region_only", get("/"), node="locality: {region: r}")
zone("of_odd_names", get("/"), node="locality: {zone: 'us-east 1:a.b'}", cluster=hosts(a="x:y.z w"))
zone("of_unused", stat_is("cluster.{{c1}}.membership_total", 1))
zone("of_answer_here", get("/"), up={}, cluster='{load_assignment: {endpoints: []}}')
zone("of_reset", get("/"), up={"a": fin()})
zone("of_refused", get("/"), up={"a": REFUSE})
zone("of_timeout", get("/"), up={"a": hold()}, route='{cluster: "{{c1}}", timeout: 0.05s}')
zone("of_retries", get("/"), up={"a": [ok("x", status=503), ok("x", status=503), ok("y")]},
     route='{cluster: "{{c1}}", retry_policy: {retry_on: 5xx, num_retries: 3, retry_back_off: {base_interval: 0.001s}}}')
ALT = [{"body": "a", "headers": ["content-length: 1", "x-envoy-upstream-service-time: <ms>", "date: <date>", "server: envoy"], "status": "HTTP/1.1 200 OK"},
       {"admin": "GET /stats?filter=zone\\.", "status": "HTTP/1.1 200 OK", "body": "".join(
           f"cluster.zone_stats_of_alt_stat_name_c1.zone.here.there.upstream_rq_{s}\n" for s in ("200: 1", "2xx: 1", "completed: 1", "time: No recorded values"))}]
zone("of_alt_stat_name", get("/", "x-envoy-upstream-alt-stat-name: alt", "x-forwarded-for: 10.0.0.1"), hcm="internal_address_config: {cidr_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}",
     differs="the set of stats that a client names is not split by zones", outrigger={"steps": ALT})
zone("of_no_dynamic_stats", get("/"), router="dynamic_stats: false")
zone("of_grpc_without_codes", get("/", "content-type: application/grpc"), up={"a": [ok("", "content-type: application/grpc", "grpc-status: 14", status=503)]},
     router="suppress_grpc_request_failure_code_stats: true",
     stats=["cluster.{{c1}}.upstream_rq_503", "cluster.{{c1}}.external.upstream_rq_503", "cluster.{{c1}}.internal.upstream_rq_503"])
zone("of_redirect", get("/"), up={"a": {"/": [ok("", "location: http://h.example/b", status=302)], "/b": ok("b")}}, route='{cluster: "{{c1}}", internal_redirect_policy: {}}')
AUTHZ = {"http_service": {"server_uri": {"uri": "http://x", "cluster": "{{c1}}", "timeout": "5s"}}}
zone("of_side_call", get("/"), up={"a": [ok("allowed"), ok("a")]}, filters="- " + json.dumps({"name": "ext_authz", "typed_config": {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz", **AUTHZ}}))
