"""A control plane that has resources by their names, a proxy that asks it for them, and what is seen of both."""
import contextlib
import http.client
import json
import os
import queue
import socket
import subprocess
import threading
import time

from common import free_ports, wait_for
from xds import DELTA, PATIENCE, QUIET, T, Plane, Upstream, fetch, service, socket_address, together

HCM = T + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ON_DEMAND = T + "extensions.filters.http.on_demand.v3."
NAME = "envoy.filters.http.on_demand"
OWN = {"api_config_source": service(DELTA), "resource_api_version": "V3"}
ADS = {"ads": {}, "resource_api_version": "V3"}
LOG = "%REQ(:AUTHORITY)%%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %ROUTE_NAME% %UPSTREAM_CLUSTER% %BYTES_RECEIVED%\n"


class ByName(Plane):
    """The control plane's process, as one that has resources by name."""

    def __init__(self, port):
        super().__init__(port, "by-name")
        self.orders = 0

    def has(self, *named, unknown="silent"):
        self.orders += 1
        self.order(version=str(self.orders), unknown=unknown, named=list(named))
        self.settle()

    def settle(self):
        """Until the proxy has taken what it was told: it is quiet. What it said is still to be read."""
        events, end = [], time.monotonic() + PATIENCE
        with contextlib.suppress(queue.Empty):
            while time.monotonic() < end:
                events.append(self.events.get(timeout=QUIET))
        for e in events:
            self.events.put(e)

    def waits_for(self, name):
        """Until the proxy has asked for that name. What it said meanwhile is not told by said()."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(queue.Empty):
                if name in (self.events.get(timeout=0.1).get("subscribe") or ()):
                    return
        raise RuntimeError(f"nobody asked for {name}")


class Posts(Upstream):
    """One that takes requests with a body, too."""

    def finish_request(self, request, address):
        handler = self.RequestHandlerClass

        class Handler(handler):
            def do_POST(self):
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.do_GET()
        Handler(request, address, self)


def named(name, resource, aliases=(), hidden=False):
    return {"name": name, "resource": resource, "aliases": list(aliases), "hidden": hidden}


def endpoints(cluster, *ports):
    return {"cluster_name": cluster, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket_address(p)}} for p in ports]}]}


def cluster(name, port, **more):
    return {"@type": T + "config.cluster.v3.Cluster", "name": name, "connect_timeout": "1s", "load_assignment": endpoints(name, port), **more}


def eds_cluster(name, source):
    return {"@type": T + "config.cluster.v3.Cluster", "name": name, "connect_timeout": "1s", "type": "EDS", "eds_cluster_config": {"eds_config": source}}


def assignment(name, port):
    return {"@type": T + "config.endpoint.v3.ClusterLoadAssignment", **endpoints(name, port)}


def listener(port, log, routes, config=None, before=()):
    """With the filter on demand."""
    hcm = {"@type": HCM, "stat_prefix": "p", **routes,
           "access_log": [{"name": "log", "typed_config": {"@type": T + "extensions.access_loggers.file.v3.FileAccessLog", "path": log,
                                                             "log_format": {"text_format_source": {"inline_string": LOG}}}}],
           "http_filters": [*before, {"name": NAME, "typed_config": {"@type": ON_DEMAND + "OnDemand", **({"odcds": config} if config else {})}},
                            {"name": "router", "typed_config": {"@type": T + "extensions.filters.http.router.v3.Router"}}]}
    return {"name": "l", "address": socket_address(port), "filter_chains": [{"filters": [{"name": "hcm", "typed_config": hcm}]}]}


def bootstrap(run, listeners=(), cds=None, ads=False):
    out = {"node": {"id": "n", "cluster": "c"}, "admin": {"address": socket_address(run.admin)}, "dynamic_resources": {},
           "static_resources": {"listeners": list(listeners), "clusters": [{
               **{k: v for k, v in cluster("plane", run.plane_port).items() if k != "@type"},
               "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                   "@type": T + "extensions.upstreams.http.v3.HttpProtocolOptions", "explicit_http_config": {"http2_protocol_options": {}}}}}]}}
    if cds:
        out["dynamic_resources"]["cds_config"] = cds
    if ads:
        out["dynamic_resources"]["ads_config"] = service(DELTA)
    return out


class Run:
    """One proxy, its control plane, and what was seen of them."""

    def __init__(self, binary, folder, up):
        self.binary, self.folder, self.one, self.two = binary, folder, up[0].server_address[1], up[1].server_address[1]
        self.plane_port, self.admin, self.port = free_ports(3)
        self.log = os.path.join(folder, "log")
        self.plane = ByName(self.plane_port)
        self.seen, self.proxy = [], None

    def start(self, config):
        path = os.path.join(self.folder, "bootstrap.json")
        with open(path, "w") as f:
            json.dump(config, f)
        with open(os.path.join(self.folder, "stderr"), "w") as err:
            self.proxy = subprocess.Popen([self.binary, "-c", path, "--concurrency", "2", "--disable-hot-restart", "--base-id", str(os.getpid() % 30000),
                                           "-l", os.environ.get("LOG_LEVEL", "critical")], stdout=subprocess.DEVNULL, stderr=err)
        wait_for(self.admin, self.proxy)
        end = time.monotonic() + PATIENCE
        while "LIVE" not in fetch_any(self.admin, "/ready") and time.monotonic() < end:
            time.sleep(0.02)

    def close(self):
        if self.proxy is not None:
            self.proxy.terminate()
            self.proxy.wait()
        self.plane.close()

    def ask(self, path="/", host="h", body=None, **headers):
        """The status and the body's beginning, or how it failed."""
        try:
            c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            c.request("POST" if body else "GET", path, body, {"host": host, **{k.replace("_", "-"): v for k, v in headers.items()}})
            r = c.getresponse()
            out = f"{r.status} {r.read().decode()[:40]}"
            c.close()
            return out
        except (OSError, http.client.HTTPException) as e:
            return type(e).__name__

    def asking(self, *args, **kwargs):
        """The same, at once: call what is returned for the outcome."""
        out = []
        t = threading.Thread(target=lambda: out.append(self.ask(*args, **kwargs)), daemon=True)
        t.start()

        def result():
            t.join(2 * PATIENCE)
            return out[0] if out else "no answer"
        return result

    def leaving(self, path="/", host="h", **headers):
        """Asks, and goes without an answer when what is returned is called."""
        c = socket.create_connection(("127.0.0.1", self.port))
        more = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
        c.sendall(f"GET {path} HTTP/1.1\r\nhost: {host}\r\n{more}\r\n".encode())
        return c.close

    def until(self, stat, value):
        end = time.monotonic() + PATIENCE
        while self.stats(stat).get(stat) != value:
            if time.monotonic() > end:
                raise RuntimeError(f"{stat} is not {value}")
            time.sleep(0.02)

    def asked(self):
        """What the proxy said to the control plane until it was quiet."""
        return {t: together(said) for t, said in self.plane.said().items()}

    def lines(self, count):
        """Of the access log, once there are that many: they are not written at once."""
        end = time.monotonic() + PATIENCE
        while True:
            lines = []
            with contextlib.suppress(FileNotFoundError), open(self.log) as f:
                lines = sorted(f.read().splitlines())
            if len(lines) >= count or time.monotonic() > end:
                return lines
            time.sleep(0.05)

    def stats(self, *prefixes):
        lines = dict(line.split(": ", 1) for line in fetch(self.admin, "/stats").splitlines() if ": " in line)
        left_out = ("update_time", "update_duration", "reload_time", "reload_time_ms", "update_failure", "update_attempt", "cluster_added")  # Envoy counts one that it refuses, too
        return {k: v for k, v in lines.items() if k.startswith(prefixes) and not k.endswith(left_out)}

    def dump(self, *lists):
        def plain(x):
            if isinstance(x, dict):
                return {k: plain(v) for k, v in x.items() if k not in ("last_updated", "port_value", "path")}
            return [plain(i) for i in x] if isinstance(x, list) else x
        pages = {name: plain(json.loads(fetch_any(self.admin, f"/config_dump?resource={name}"))) for name in lists}
        for page in pages.values():
            page.get("configs", []).sort(key=json.dumps)
        return pages

    def step(self, what, **outcome):
        self.seen.append((what, outcome))


def fetch_any(port, path):
    with contextlib.suppress(OSError, http.client.HTTPException):
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        c.request("GET", path)
        text = c.getresponse().read().decode()
        c.close()
        return text
    return ""
