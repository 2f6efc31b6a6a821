#!/usr/bin/env python3
"""Outrigger and the real Envoy, each driven by go-control-plane through the same pushes: what they ask and answer, what they
serve, their stats and /config_dump must be the same.

  xds.py --binary build/dev/outrigger [--envoy PATH] [--mode MODE]    exit 77 when they cannot be had
"""
import contextlib
import http.server
import json
import os
import pathlib
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from common import ROOT, arguments, compare, free_ports, skip, wait_for

sys.path.insert(0, str(ROOT / "test/differential"))
from harness.certs import Authority  # noqa: E402

T = "type.googleapis.com/envoy."
SOTW, DELTA = "GRPC", "DELTA_GRPC"
MODES = {"ads": (SOTW, True), "delta_ads": (DELTA, True), "separate": (SOTW, False), "delta_separate": (DELTA, False)}
QUIET = 0.4    # so long nothing is said before a step is over
PATIENCE = 10


def control_plane():
    there = ROOT / "build/tools/outrigger_control_plane"
    sources = pathlib.Path(__file__).parent / "control_plane"
    if there.exists() and all(f.stat().st_mtime < there.stat().st_mtime for f in sources.iterdir()):
        return str(there)
    if not shutil.which("go"):
        skip("Go, which the control plane is built with, is not installed")
    os.makedirs(there.parent, exist_ok=True)
    out = subprocess.run(["go", "build", "-o", str(there), "."], cwd=sources, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True)
    if out.returncode != 0:
        skip(f"the control plane cannot be built: {out.stdout.strip().splitlines()[-1] if out.stdout.strip() else 'no output'}")
    return str(there)


class Plane:
    """The control plane's process; its events as they come."""

    def __init__(self, port, *files, address=None):
        self.process = subprocess.Popen([control_plane(), address or f"127.0.0.1:{port}", *files], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.events = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        assert self.events.get(timeout=PATIENCE) == {"ready": True}

    def read(self):
        for line in self.process.stdout:
            self.events.put(json.loads(line))

    def order(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def said(self):
        """What the proxy said until it was quiet for a while, by type: bursts of several types have no fixed order."""
        by_type = {}
        end = time.monotonic() + PATIENCE
        with contextlib.suppress(queue.Empty):
            while time.monotonic() < end:
                e = self.events.get(timeout=QUIET)
                if "fatal" in e:
                    raise RuntimeError(e["fatal"])
                if "type" not in e:
                    continue
                by_type.setdefault(e.pop("type"), []).append({
                    k: sorted(v) if isinstance(v, list) else k == "error" or v for k, v in e.items() if k not in ("stream", "node") and v})
        return by_type

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Upstream(http.server.ThreadingHTTPServer):
    def __init__(self, text):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.send_response(200)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *args):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.daemon_threads = True
        threading.Thread(target=self.serve_forever, daemon=True).start()


def source(kind, ads):
    if ads:
        return {"ads": {}, "resource_api_version": "V3"}
    return {"api_config_source": service(kind), "resource_api_version": "V3"}


def service(kind):
    return {"api_type": kind, "transport_api_version": "V3", "set_node_on_first_message_only": True, "grpc_services": [{"envoy_grpc": {"cluster_name": "plane"}}]}


def bootstrap(admin, plane, kind, ads):
    out = {
        "node": {"id": "n", "cluster": "c"}, "admin": {"address": socket_address(admin)},
        "layered_runtime": {"layers": [{"name": "late", "rtds_layer": {"name": "runtime", "rtds_config": source(kind, ads)}}, {"name": "admin", "admin_layer": {}}]},
        "dynamic_resources": {"cds_config": source(kind, ads), "lds_config": source(kind, ads)},
        "static_resources": {"clusters": [{
            "name": "plane", "connect_timeout": "1s", "load_assignment": {"cluster_name": "plane", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket_address(plane)}}]}]},
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": T + "extensions.upstreams.http.v3.HttpProtocolOptions", "explicit_http_config": {"http2_protocol_options": {}}}}}]}}
    if ads:
        out["dynamic_resources"]["ads_config"] = service(kind)
    return out


def socket_address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


class Resources:
    """Makes the resources of a push for one mode."""

    def __init__(self, kind, ads, port):
        self.source, self.port = source(kind, ads), port

    def cluster(self, name, **more):
        return {"@type": T + "config.cluster.v3.Cluster", "name": name, "type": "EDS", "connect_timeout": "1s", "eds_cluster_config": {"eds_config": self.source}, **more}

    def endpoints(self, name, *ports):
        return {"@type": T + "config.endpoint.v3.ClusterLoadAssignment", "cluster_name": name,
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket_address(p)}} for p in ports]}]}

    def listener(self, name="l", port=None, prefix="p", filters=(), **more):
        router = {"name": "router", "typed_config": {"@type": T + "extensions.filters.http.router.v3.Router"}}
        hcm = {"@type": T + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": prefix,
               "rds": {"route_config_name": "r", "config_source": self.source}, "http_filters": [*filters, router]}
        return {"@type": T + "config.listener.v3.Listener", "name": name, "address": socket_address(port or self.port),
                "filter_chains": [{"filters": [{"name": "hcm", "typed_config": hcm}]}], **more}

    def routes(self, action):
        return {"@type": T + "config.route.v3.RouteConfiguration", "name": "r", "virtual_hosts": [
            {"name": "v", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, **action}]}]}

    def late_filter(self, name):
        return {"name": name, "config_discovery": {"config_source": self.source, "type_urls": [FAULT]}}

    def secret_of(self, name):
        return {"name": name, "sds_config": self.source}

    def tls_listener(self, secret, text, port):
        """Terminates TLS with a secret, and answers by itself."""
        out = self.listener("tls", port, "tls")
        hcm = out["filter_chains"][0]["filters"][0]["typed_config"]
        del hcm["rds"]
        hcm["route_config"] = {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, **says(text)}]}]}
        out["filter_chains"][0]["transport_socket"] = {"name": "tls", "typed_config": {
            "@type": TLS + "DownstreamTlsContext", "common_tls_context": {"tls_certificate_sds_secret_configs": [self.secret_of(secret)]}}}
        return out

    def tls_cluster(self, name, root, **more):
        # A connection to a filter chain that was replaced may go on for the drain time: each request has its own.
        once = {"@type": T + "extensions.upstreams.http.v3.HttpProtocolOptions", "explicit_http_config": {"http_protocol_options": {}},
                "common_http_protocol_options": {"max_requests_per_connection": 1}}
        return self.cluster(name, typed_extension_protocol_options={"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": once}, transport_socket={"name": "tls", "typed_config": {
            "@type": TLS + "UpstreamTlsContext", "sni": "server.example", "common_tls_context": {"validation_context_sds_secret_config": self.secret_of(root)}}}, **more)


TLS = T + "extensions.transport_sockets.tls.v3."
FAULT = T + "extensions.filters.http.fault.v3.HTTPFault"
ROUTER = T + "extensions.filters.http.router.v3.Router"
CERTS = Authority(tempfile.mkdtemp())


def certificate(name, of, key=None):
    return {"@type": TLS + "Secret", "name": name, "tls_certificate": {
        "certificate_chain": {"inline_string": CERTS.read(of + ".pem")}, "private_key": {"inline_string": CERTS.read((key or of) + ".key")}}}


def root(name, of):
    return {"@type": TLS + "Secret", "name": name, "validation_context": {"trusted_ca": {"inline_string": CERTS.read(of + ".pem")}}}


def runtime(**values):
    return {"@type": T + "service.runtime.v3.Runtime", "name": "runtime", "layer": values}


def filter_config(name, **config):
    return {"@type": T + "config.core.v3.TypedExtensionConfig", "name": name, "typed_config": config}


def answering(name, text):
    return filter_config(name, **{"@type": FAULT}, abort={"http_status": 200, "response_body": text, "percentage": {"numerator": 100}})


def to(cluster):
    return {"route": {"cluster": cluster}}


def says(text):
    return {"direct_response": {"status": 200, "body": {"inline_string": text}}}


def steps(r, one, two, spare):
    """(what, resources or an order, a text that is served at the end or None)."""
    base = [r.cluster("c"), r.endpoints("c", one), r.listener(), r.routes(to("c"))]
    yield "everything", base, "one"
    yield "other endpoints", [r.cluster("c"), r.endpoints("c", two), r.listener(), r.routes(to("c"))], "two"
    yield "no endpoints", [r.cluster("c"), {**r.endpoints("c"), "endpoints": []}, r.listener(), r.routes(to("c"))], None
    yield "endpoints again", base, "one"
    yield "another route", [r.cluster("c"), r.endpoints("c", one), r.listener(), r.routes(says("direct"))], "direct"
    yield "a second cluster", [*base[:2], r.cluster("d"), r.endpoints("d", two), r.listener(), r.routes(to("d"))], "two"
    yield "LESS: a cluster gone", base, "one"
    yield "a changed listener", [*base[:2], r.listener(per_connection_buffer_limit_bytes=9999), base[3]], "one"
    yield "a listener more", [*base[:2], r.listener(per_connection_buffer_limit_bytes=9999), r.listener("m", spare), base[3]], "one"
    yield "REFUSED two listeners with one address", [*base[:2], r.listener(per_connection_buffer_limit_bytes=9999), r.listener("m", r.port), base[3]], "one"
    yield "REFUSED a bad cluster among good ones", [*base[:2], r.cluster("e", lb_policy="CLUSTER_PROVIDED"), r.endpoints("e", one), base[2], base[3]], "one"
    yield "good again after that", base, "one"
    over_tls = [*base[:2], r.tls_cluster("t", "root"), r.endpoints("t", spare), r.listener(), r.routes(to("t"))]
    yield "secrets", [*over_tls, r.tls_listener("server", "first", spare), certificate("server", "server"), root("root", "ca")], "first"
    rotated = [*over_tls, r.tls_listener("server", "first", spare), certificate("server", "server_other"), root("root", "otherca")]
    yield "other secrets", rotated, "first"
    yield "REFUSED a key that is not the certificate's", [*rotated[:-2], certificate("server", "server_other", "server"), rotated[-1]], "first"
    yield "the secret good again", rotated, "first"
    yield "EARLY a listener whose secret has not come", [*over_tls, r.tls_listener("late", "second", spare), *rotated[-2:]], "first"
    yield "and it comes", [*over_tls, r.tls_listener("late", "second", spare), *rotated[-2:], certificate("late", "server_other")], "second"
    two_roots = [*over_tls[:4], r.tls_cluster("u", "later"), r.endpoints("u", spare), *over_tls[4:], r.tls_listener("late", "second", spare),
                 certificate("late", "server_other"), rotated[-1]]
    yield "EARLY a cluster whose root has not come", two_roots, "second"
    yield "and it comes, too", [*two_roots, root("later", "otherca")], "second"
    yield "LESS: no secrets any more", base, "one"
    late = [*base[:2], r.listener(filters=[r.late_filter("f")]), base[3]]
    yield "a filter whose config comes, too", [*late, answering("f", "filtered")], "filtered"
    yield "another config of it", [*late, answering("f", "otherwise")], "otherwise"
    yield "REFUSED a config of another type", [*late, filter_config("f", **{"@type": ROUTER})], "otherwise"
    yield "the filter good again", [*late, answering("f", "good")], "good"
    later = [*base[:2], r.listener(filters=[r.late_filter("f"), r.late_filter("g")]), base[3]]
    yield "EARLY a listener with a filter whose config has not come", [*later, answering("f", "good")], "good"
    yield "and it comes for the filter", [*later, filter_config("f", **{"@type": FAULT}), answering("g", "late")], "late"
    yield "LESS: no filters any more", base, "one"
    yield "another value in the runtime", [*base, runtime(here="now", percent=100)], "one"
    yield "REFUSED a list in the runtime", [*base, runtime(here=[1])], "one"
    yield "the runtime good again", [*base, runtime()], "one"
    yield "the control plane goes away", {"stop": True}, "one"
    yield "and comes back with something new", {"start": True, "then": [r.cluster("c"), r.endpoints("c", one), r.listener(), r.routes(says("back"))]}, "back"


STATS = ("cluster_manager.cds.", "listener_manager.lds.", "cluster.c.update_", "cluster.c.membership_", "cluster.c.init_fetch", "sds.", "http.p.rds.r.", "extension_config_discovery.", "runtime.", "cluster_manager.cluster_",
         "cluster_manager.active", "cluster_manager.warming", "listener_manager.listener_", "listener_manager.total_", "control_plane.connected_state")
# Times, values that depend on how often a connection was tried, and what is one per worker.
NOT_COMPARED = ("update_time", "update_duration", "reload_time", "update_attempt", "update_failure", "listener_create_success",
                "cluster_added")  # Envoy counts one that it refuses, too


def fetch(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as r:
        return r.read().decode()


def serves(port, text):
    """Whether it does, within the patience."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(urllib.error.URLError, OSError):
            if fetch(port, "/") == text:
                return True
        time.sleep(0.02)
    return False


def connected(admin, wanted):
    """Waits until all streams are, after a loss that takes up to 30 s; or until none is."""
    for _ in range(600):
        lines = [line for line in fetch(admin, "/stats?filter=connected_state").splitlines() if line]
        if lines and all(line.endswith(f": {int(wanted)}") for line in lines):
            return True
        time.sleep(0.1)
    return False


def told(admin, version):
    """Waits until the last push came: after one that was refused that takes up to a second."""
    for _ in range(100):
        if fetch(admin, "/stats?filter=cds.version_text").strip().endswith(f': "{version}"'):
            return
        time.sleep(0.05)


def stats(admin, delta, what):
    lines = dict(line.split(": ", 1) for line in fetch(admin, "/stats").splitlines() if ": " in line)
    return {k: v for k, v in lines.items() if k.startswith(STATS) and not any(n in k for n in NOT_COMPARED) and not chance(k, delta, what)}


def chance(name, delta, what):
    """How often what was refused is sent again, how many answers name a secret, and whether others come with a bad one. Envoy
    takes a bad secret when it comes again."""
    if what.startswith("the control plane goes") and "connected_state" in name:
        return True  # it is while it is tried to connect; connected() has seen that there was none
    if name.startswith("sds.") and ("update_" in name or what.startswith("REFUSED") and "version" in name):
        return True
    return not delta and ("update_rejected" in name or "config_fail" in name)


def dump(admin):
    def without_dates(x):
        if isinstance(x, dict):
            return {k: without_dates(v) for k, v in x.items() if k not in ("last_updated", "last_update_attempt", "details")}
        return [without_dates(i) for i in x] if isinstance(x, list) else x
    lists = ("dynamic_active_clusters", "dynamic_listeners", "dynamic_route_configs", "dynamic_endpoint_configs", "dynamic_active_secrets", "dynamic_warming_secrets",
             "ecds_filters")
    out = {"runtime": json.loads(fetch(admin, "/runtime"))}
    for name in lists:
        with contextlib.suppress(urllib.error.HTTPError):  # such a list is not there yet
            out[name] = without_dates(json.loads(fetch(admin, f"/config_dump?include_eds&resource={name}")))
    out.get("ecds_filters", {}).get("configs", []).sort(key=lambda c: c["ecds_filter"]["name"])
    for of_type in out.values():  # in no order
        configs = of_type.get("configs", [])
        if any("name" in c for c in configs):
            of_type["configs"] = {c["name"] + "".join(k[0] for k in sorted(c)): c for c in configs if "name" in c}
    return out


def last_of_streams(messages):
    """With a stream for each subscription: they come in any order."""
    return {",".join(m.get("names", [])): m for m in messages}


def together(messages):
    out = {}
    for m in messages:
        for k, v in m.items():
            out[k] = sorted({*out.get(k, []), *v}) if isinstance(v, list) else {**out.get(k, {}), **v} if isinstance(v, dict) else v
    return out


def play(binary, folder, mode):
    """All steps against one proxy: what is to be compared."""
    def with_runtime(resources):  # which the start waits for
        return resources if any(r["@type"] == T + "service.runtime.v3.Runtime" for r in resources) else [*resources, runtime(here="first")]

    kind, ads = MODES[mode]
    plane_port, admin, port, spare = PORTS[mode]
    one, two = Upstream("one"), Upstream("two")
    plane = Plane(plane_port)
    path = os.path.join(folder, "bootstrap.json")
    with open(path, "w") as f:
        json.dump(bootstrap(admin, plane_port, kind, ads), f)
    proxy = subprocess.Popen([binary, "-c", path, "--concurrency", "1", "--disable-hot-restart", "--base-id", str(os.getpid() % 30000), "-l", "off"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen = []
    try:
        wait_for(admin, proxy)
        for i, (what, order, text) in enumerate(steps(Resources(kind, ads, port), UP[0](one), UP[1](two), spare)):
            if isinstance(order, dict):
                if then := order.pop("then", None):  # before it may be connected to
                    plane.order(version=str(i + 1), resources=with_runtime(then))
                plane.order(**order)
            else:
                plane.order(version=str(i + 1), resources=with_runtime(order))
            up = connected(admin, "stop" not in str(order)[:9])
            if kind == SOTW and not isinstance(order, dict) and not what.startswith(("REFUSED", "EARLY")):
                told(admin, str(i + 1))
            ok = text is None or serves(port, text)
            said = plane.said()
            # How often it was tried to connect is chance. A push that is refused is sent again at once in the state of the
            # world: Envoy says no some thousand times a second, Outrigger after longer and longer waits.
            if isinstance(order, dict) or what.startswith("REFUSED") and kind == SOTW:
                said = {}
            if what.startswith("LESS") and not ads:  # whether a stream still answers before it ends, and says that it wants no more
                said = {t: all_said for t, all_said in said.items() if t not in ("ClusterLoadAssignment", "Secret")}
            if kind == SOTW:  # the types of a push come in any order, which decides what is said in between
                said = {t: last_of_streams(all_said) if not ads else all_said[-1] for t, all_said in said.items()}
            else:  # so do an answer and a change of names, which may be one message
                said = {t: together(all_said) for t, all_said in said.items()}
            seen.append((what, {"serves": text if ok else f"not '{text}'", "connected": up, "said": said, "stats": stats(admin, kind == DELTA, what), "dump": dump(admin)}))
    finally:
        proxy.terminate()
        proxy.wait()
        plane.close()
        one.shutdown()
        two.shutdown()
    return seen


UP = (lambda u: u.server_address[1],) * 2
PORTS = {}


# Differences that are meant, by what their place ends with or holds.
MEANT = (
    ".dump.dynamic_listeners.configs[2].@type", ".dump.dynamic_listeners.configs entries",  # see below
    ".version_info",              # of a listener that changed in place Envoy tells the first version
    "error_state",                # Envoy lists a refused listener once more, without its name
)


def meant(place):
    return "port_value" in place or any(m in place for m in MEANT)


def main():
    args = arguments(__doc__, mode={"choices": MODES})
    control_plane()
    CERTS.make()
    failed = passed = 0
    for mode in [args.mode] if args.mode else MODES:
        PORTS[mode] = free_ports(4)
        with tempfile.TemporaryDirectory() as folder:
            theirs = play(args.envoy, folder, mode)
            ours = play(args.binary, folder, mode)
        wrong = compare(mode, theirs, ours, meant)
        failed += wrong
        passed += len(theirs) - wrong
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
