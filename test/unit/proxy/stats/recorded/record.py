"""Records what the real Envoy prints for the stats of one short run; render_test.cc compares with it.

  python3 record.py ENVOY [FOLDER]      (Envoy 1.40; PyYAML; takes half a minute)

Every page is taken between two histogram merges and filtered to names that the admin requests
themselves do not change, so all pages show the same values.
"""
import http.client
import http.server
import pathlib
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

import yaml

TYPES = "type.googleapis.com/envoy.extensions.filters."
FILTER = r"^(cluster\.|http\.in|listener\.127|vhost|tcp\.|lrl|listener_manager\.(l|worker)|runtime)"
CLUSTERS = ["a", "b.x", "b", "b-c", "b_c", "outbound|80||foo.ns.svc.cluster.local", "x::y", "b c\"é\\d"]
PAGES = {
    "counters": "type=Counters",
    "gauges": "type=Gauges",
    "totals": "type=Histograms&format=json&histogram_buckets=detailed",
    "text": "",
    "usedonly": "usedonly",
    "json": "format=json",
    "cumulative": "type=Histograms&histogram_buckets=cumulative",
    "disjoint": "type=Histograms&histogram_buckets=disjoint",
    "detailed": "type=Histograms&histogram_buckets=detailed",
    "cumulative_json": "type=Histograms&histogram_buckets=cumulative&format=json",
    "disjoint_json": "type=Histograms&histogram_buckets=disjoint&format=json",
    "summary_json": "type=Histograms&histogram_buckets=summary&format=json",
    "prometheus": "format=prometheus",
    "prometheus_usedonly": "format=prometheus&usedonly",
    "prometheus_summary": "format=prometheus&histogram_buckets=summary",
}
STATS_CONFIG = {
    "plain": {"histogram_bucket_settings": [
        {"match": {"suffix": "upstream_rq_body_size"},
         "buckets": [1, 5, 7.5, 100.5, 105, 255, 1000, 1e6]}]},
    "tags": {
        "stats_tags": [
            {"tag_name": "cluster_name", "regex": r"^cluster\.((.+?(\..+?\.svc\.cluster\.local)?)\.)"},
            {"tag_name": "response_code", "regex": r"(response_code=\.=(.+?);\.;)|_rq(_(\.d{3}))$"},
            {"tag_name": "tcp_prefix", "regex": r"^tcp\.((.*?)\.)\w+?$"},
            {"tag_name": "fixed.tag", "fixed_value": "fi\"x"},
            {"tag_name": "half", "regex": "_(cx)_"},
        ],
        "stats_matcher": {"inclusion_list": {"patterns": [
            {"prefix": "cluster."}, {"suffix": "rq_completed"},
            {"safe_regex": {"regex": r"^listener.*_cx_.*"}}, {"exact": "tcp.tcp1.idle_timeout"},
            {"contains": "VCLUSTER", "ignore_case": True}]}},
    },
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(int(self.headers.get("x-code") or 200))
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args):
        pass


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def filter_of(name, kind, **config):
    return {"name": name, "typed_config": {"@type": TYPES + kind, **config}}


def cluster(name, upstream, **more):
    endpoint = {"lb_endpoints": [{"endpoint": {"address": address(upstream)}}]}
    return {"name": name, "connect_timeout": "1s", "type": "STATIC",
            "load_assignment": {"cluster_name": name, "endpoints": [endpoint]}, **more}


def bootstrap(admin, web, tcp, upstream, stats_config):
    sized = {"track_cluster_stats": {"timeout_budgets": True, "request_response_sizes": True}}
    routes = [{"match": {"prefix": "/" + p}, "route": {"cluster": c, "timeout": "5s"}}
              for p, c in (("pa", "a"), ("pb", "b.x"), ("pc", "b"), ("pd", "b-c"))]
    routes.append({"match": {"prefix": "/"}, "stat_prefix": "rt1", "route": {"cluster": "c1"}})
    manager = filter_of(
        "hcm", "network.http_connection_manager.v3.HttpConnectionManager", stat_prefix="ingress_http", tracing={},
        route_config={"name": "local", "virtual_hosts": [{
            "name": "vh", "domains": ["*"], "routes": routes,
            "virtual_clusters": [{"name": "vc1", "headers": [{"name": ":path", "string_match": {"prefix": "/"}}]}]}]},
        http_filters=[
            filter_of("envoy.filters.http.fault", "http.fault.v3.HTTPFault"),
            filter_of("envoy.filters.http.local_ratelimit", "http.local_ratelimit.v3.LocalRateLimit",
                      stat_prefix="lrl", token_bucket={"max_tokens": 100000, "fill_interval": "1s"}),
            filter_of("envoy.filters.http.rbac", "http.rbac.v3.RBAC"),
            filter_of("envoy.filters.http.cors", "http.cors.v3.Cors"),
            filter_of("envoy.filters.http.router", "http.router.v3.Router")])
    proxy = filter_of("tcp", "network.tcp_proxy.v3.TcpProxy", stat_prefix="tcp1", cluster="c2")
    return {
        "admin": {"address": address(admin)}, "stats_flush_interval": "8s", "stats_config": stats_config,
        "static_resources": {
            "listeners": [
                {"name": "web", "address": address(web), "filter_chains": [{"filters": [manager]}]},
                {"name": "tcp", "address": address(tcp), "filter_chains": [{"filters": [proxy]}]}],
            "clusters": [
                cluster("c1", upstream),
                cluster("c2", upstream, outlier_detection={}, circuit_breakers={"thresholds": [
                    {"track_remaining": True, "retry_budget": {"budget_percent": {"value": 20}}}]}, **sized),
                *(cluster(n, upstream, **sized) for n in CLUSTERS)]}}


def feed(port, path, sizes, headers={}):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for size in sizes:
        connection.request("POST", path, body=b"x" * size, headers=headers)
        connection.getresponse().read()


def first_feed(web):
    feed(web, "/pa", [0, 1, 2, 5, 5, 9, 10, 11, 24, 99, 100, 105, 109, 110, 500, 500, 999, 1000, 1050,
                      1100, 5000, 12345, 99999, 250000, 1000000])
    feed(web, "/pb", [7])
    feed(web, "/pc", [250] * 4 + [251] * 3 + [255] + [5] * 3 + [10] * 2)
    for code in ("404", "503", "301", "599"):
        feed(web, "/", [3], {"x-code": code})
    feed(web, "/pb", [7], {"x-envoy-retry-on": "5xx", "x-code": "500"})


def second_feed(web, tcp):
    feed(web, "/pd", [1000] * 100)
    feed(web, "/pa", [1, 20, 3000000])
    feed(web, "/", [3], {"x-code": "404"})
    feed(tcp, "/", [3])


def record(envoy, folder, name):
    upstream_port, admin, web, tcp = (free_port() for _ in range(4))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", upstream_port), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = bootstrap(admin, web, tcp, upstream_port, STATS_CONFIG[name])
    process = subprocess.Popen(
        [envoy, "--config-yaml", yaml.safe_dump(config), "--concurrency", "1", "--disable-hot-restart",
         "-l", "error", "--base-id", str(admin)])
    get = lambda path: urllib.request.urlopen(f"http://127.0.0.1:{admin}/{path}").read()
    try:
        for _ in range(100):
            try:
                get("ready")
                break
            except OSError:
                time.sleep(0.1)
        first_feed(web)
        time.sleep(9)
        second_feed(web, tcp)
        # The next merge has happened once the interval of this histogram has values.
        for _ in range(100):
            if b"(nan" not in get(r"stats?filter=cluster\.b-c\.upstream_rq_body_size"):
                break
            time.sleep(0.2)
        query = "&filter=" + urllib.parse.quote(FILTER)
        for page, parameters in PAGES.items():
            text = get("stats?" + parameters + query)
            # Ports differ between runs.
            for number, port in enumerate((web, tcp)):
                text = text.replace(f"127.0.0.1_{port}".encode(), f"127.0.0.1_1000{number}".encode())
            (folder / f"{name}.{page}").write_bytes(text)
    finally:
        process.terminate()
        process.wait()
        server.shutdown()


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parent)
    for config_name in STATS_CONFIG:
        record(sys.argv[1], target, config_name)
