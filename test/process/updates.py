"""What comes from config sources changes while requests run, and none of them fails: routes, clusters, endpoints, listeners
(in place and as a whole), secrets. The sources are files that are replaced; updates_over_ads.py does the same with others."""
import base64
import contextlib
import hashlib
import json
import os
import pathlib
import random
import socket
import ssl
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "differential"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
from configs import socket_address  # noqa: E402
from harness.certs import Authority  # noqa: E402
from proxies import free_port  # noqa: E402
from proxy import Proxy, until  # noqa: E402
from traffic import Held, Http1, Http2, Load, Upstream  # noqa: E402

T = "type.googleapis.com/envoy."
TLS = T + "extensions.transport_sockets.tls.v3."
ROUNDS = 6
STORM = 40     # changes that follow each other without a wait
DRAIN_S = 3
WORKERS = 2
CERTIFICATES = ("server", "server_rsa", "server_384")
NAMES = ("one", "two", "three")
CHURN = (("one", "two"), ("two",), ("two", "three"), ("three", "one"), ("one", "two", "three"), ("three",), ("one",))


class Files:
    """Config sources, each a file; put() moves a new one into its place."""
    clusters = 0  # that the bootstrap has for them

    def __init__(self, _, folder):
        self.folder, self.version = folder, 0

    def source(self, name):
        return {"path_config_source": {"path": str(self.folder / f"{name}.json")}, "resource_api_version": "V3"}

    def put(self, name, *resources):
        self.version += 1
        new = self.folder / f"{name}.new"
        new.write_text(json.dumps({"version_info": str(self.version), "resources": resources}))
        os.rename(new, self.folder / f"{name}.json")

    def start(self):
        """All is there that the proxy starts with."""

    def bootstrap(self):
        return {}

    def close(self):
        pass


class Resources:
    """Makes them; `source(name)` is where resources of a kind come from."""

    def __init__(self, source, port):
        self.source, self.port = source, port

    def cluster(self, name, port=None, **more):
        """Without a port it is one of EDS."""
        config = {"@type": T + "config.cluster.v3.Cluster", "name": name, "connect_timeout": "30s", **more}
        if port is None:
            return {**config, "type": "EDS", "eds_cluster_config": {"eds_config": self.source("eds")}}
        return {**config, "type": "STATIC", "load_assignment": self.members(name, port)}

    @staticmethod
    def members(name, *ports):
        return {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket_address(p)}} for p in ports]}]}

    def endpoints(self, name, *ports):
        return {"@type": T + "config.endpoint.v3.ClusterLoadAssignment", **self.members(name, *ports)}

    @staticmethod
    def routes(cluster):
        return {"@type": T + "config.route.v3.RouteConfiguration", "name": "r", "virtual_hosts": [
            {"name": "v", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "0s"}}]}]}

    def listener(self, server="s", tls=None, **more):
        """`server`: of which its answers say that they come."""
        router = {"name": "router", "typed_config": {"@type": T + "extensions.filters.http.router.v3.Router"}}
        hcm = {"@type": T + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "p", "server_name": server,
               "rds": {"route_config_name": "r", "config_source": self.source("rds")}, "http_filters": [router]}
        chain = {"name": "chain", "filters": [{"name": "hcm", "typed_config": hcm}]}
        if tls is not None:
            chain["transport_socket"] = tls
        return {"@type": T + "config.listener.v3.Listener", "name": "l", "address": socket_address(self.port), "filter_chains": [chain], **more}


def answers(*bodies, server="s"):
    return {(b, server) for b in bodies}


class World:
    """The proxy, what feeds it, and three servers behind it; starts with a route to the cluster of "one". `more`: other
    resources at the start, by source."""

    def __init__(self, binary, folder, more=lambda r, port: {}, feed=Files):
        self.files, self.stack = feed(binary, folder), contextlib.ExitStack()
        self.stack.callback(self.files.close)
        self.holds = threading.Semaphore(0)
        self.upstreams = {name: Upstream(name, self.holds) for name in NAMES}
        for u in self.upstreams.values():
            self.stack.callback(u.close)
        self.r = r = Resources(self.files.source, free_port())
        for name, resources in {"cds": [r.cluster("one", self.port("one"))], "eds": [], "rds": [r.routes("one")], "lds": [r.listener()],
                                **more(r, self.port)}.items():
            self.files.put(name, *resources)
        self.log = folder / "log"
        with self.stack, open(self.log, "ab") as log:
            self.files.start()
            self.proxy = Proxy(binary, folder, self.bootstrap, level="info", workers=WORKERS, stdout=log, stderr=log,
                               arguments=("--drain-time-s", str(DRAIN_S), "--drain-strategy", "immediate"))
            self.stack.callback(self.proxy.stop)
            self.stack = self.stack.pop_all()

    def bootstrap(self, _, admin):
        dynamic = {"cds_config": self.files.source("cds"), "lds_config": self.files.source("lds")}
        more = self.files.bootstrap()
        return {"node": {"id": "n", "cluster": "c"}, "admin": {"address": socket_address(admin)}, **more,
                "dynamic_resources": {**dynamic, **more.get("dynamic_resources", {})}}

    def port(self, name):
        return self.upstreams[name].port

    def connect(self, _):
        return socket.create_connection(("127.0.0.1", self.r.port), 60)

    def load(self, connect=None, allowed=None):
        connect = connect or self.connect
        kinds = {"HTTP/1, kept": (Http1, True), "HTTP/1, new": (Http1, False), "HTTP/1, new too": (Http1, False), "HTTP/1, kept too": (Http1, True),
                 "HTTP/2, kept": (Http2, True), "HTTP/2, new": (Http2, False), "HTTP/2, kept too": (Http2, True)}
        load = Load(allowed or answers("one"), {name: kind(connect, keep) for name, (kind, keep) in kinds.items()})
        self.stack.callback(load.stop)
        load.settle()
        return load

    def hold(self, *names, connect=None):
        """Requests that the servers of these names hold back, in both protocols."""
        upstreams = [self.upstreams[n] for n in names or ("one",)]
        return Held(upstreams, self.holds, [Http1(connect or self.connect, True), Http2(connect or self.connect, True)])

    def counted(self, stat):
        """For Load.change: tells whether the stat has grown since."""
        before = self.proxy.stat(stat)
        return lambda: self.proxy.stat(stat) > before

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()


def finish(load, least):
    load.settle()
    load.stop()
    assert not load.failures, f"{len(load.failures)} of {sum(load.counts.values())}: {load.failures[:3]}"
    assert min(load.counts.values()) > least, load.counts


def route_changes_fail_no_request_and_are_soon_seen(binary, folder, feed=Files):
    with World(binary, folder, feed=feed) as w:
        w.files.put("cds", *(w.r.cluster(n, w.port(n)) for n in NAMES))
        until("all clusters are there", lambda: w.proxy.stat("cluster_manager.active_clusters") == len(NAMES) + feed.clusters)
        load = w.load()
        held = w.hold()
        for i in range(1, ROUNDS + 1):
            to = NAMES[i % len(NAMES)]
            load.change(lambda: w.files.put("rds", w.r.routes(to)), w.counted("http.p.rds.r.config_reload"), answers(to))
        held.over()
        finish(load, ROUNDS)
        kept = [c for c in load.clients.values() if c.keep]
        assert all(c.connections == 1 for c in kept), "routes change on live connections"


def clusters_are_swapped_without_a_failed_request(binary, folder, feed=Files):
    with World(binary, folder, feed=feed) as w:
        load, before = w.load(), "one"
        for i in range(1, ROUNDS + 1):
            to = NAMES[i % len(NAMES)]
            held = w.hold(before)
            both = [w.r.cluster(n, w.port(n)) for n in (before, to)]
            load.change(lambda: w.files.put("cds", *both), w.counted("cluster_manager.cluster_added"), answers(before))
            load.change(lambda: w.files.put("rds", w.r.routes(to)), w.counted("http.p.rds.r.config_reload"), answers(to))
            load.change(lambda: w.files.put("cds", both[1]), w.counted("cluster_manager.cluster_removed"), answers(to))
            held.over()  # the request goes on though its cluster is gone
            before = to
        finish(load, ROUNDS)


def a_cluster_is_replaced_by_another_of_its_name_without_a_failed_request(binary, folder, feed=Files):
    with World(binary, folder, feed=feed) as w:
        load, before = w.load(), "one"
        for i in range(1, ROUNDS + 1):
            to = NAMES[i % len(NAMES)]
            held = w.hold(before)
            load.change(lambda: w.files.put("cds", w.r.cluster("one", w.port(to))), w.counted("cluster_manager.cluster_modified"), answers(to))
            held.over()
            before = to
        finish(load, ROUNDS)


def endpoints_come_and_go_without_a_failed_request(binary, folder, feed=Files):
    def more(r, port):
        return {"cds": [r.cluster("c")], "rds": [r.routes("c")], "eds": [r.endpoints("c", port("one"))]}
    with World(binary, folder, more, feed) as w:
        load, before = w.load(), ("one",)
        for i in range(2 * ROUNDS):
            to = CHURN[i % len(CHURN)]
            held = w.hold(*before)
            load.change(lambda: w.files.put("eds", w.r.endpoints("c", *map(w.port, to))), w.counted("cluster.c.membership_change"), answers(*to))
            held.over()  # also where its endpoint is gone
            before = to
        finish(load, 2 * ROUNDS)
        assert all(c.connections == 1 for c in load.clients.values() if c.keep), "endpoints change behind live connections"


def listeners_change_in_place_without_a_failed_request(binary, folder, feed=Files):
    with World(binary, folder, feed=feed) as w:
        load = w.load()
        for i in range(1, ROUNDS + 1):
            held = w.hold()
            load.change(lambda: w.files.put("lds", w.r.listener(f"s{i}")), w.counted("listener_manager.listener_in_place_updated"),
                        answers("one", server=f"s{i}"))
            held.over()
        until("what was replaced is gone", lambda: w.proxy.stat("listener_manager.total_filter_chains_draining") == 0)
        finish(load, ROUNDS)


def listeners_are_replaced_without_a_failed_request(binary, folder, feed=Files):
    with World(binary, folder, feed=feed) as w:
        load = w.load()
        for i in range(1, ROUNDS + 1):
            held, whole = w.hold(), {"per_connection_buffer_limit_bytes": 100000 + i}
            load.change(lambda: w.files.put("lds", w.r.listener(f"s{i}", **whole)), w.counted("listener_manager.listener_modified"),
                        answers("one", server=f"s{i}"))
            held.over()
        assert w.proxy.stat("listener_manager.listener_in_place_updated") == 0
        until("what was replaced is gone", lambda: w.proxy.stat("listener_manager.total_listeners_draining") == 0)
        finish(load, ROUNDS)


class Secrets:
    """A listener whose certificate comes from a file with a secret."""

    def __init__(self, folder):
        self.authority = Authority(str(folder / "certs"))
        self.authority.make()

    def secret(self, name):
        def inline(end):
            return {"inline_bytes": base64.b64encode(self.authority.read(name + end).encode()).decode()}
        return {"@type": TLS + "Secret", "name": "server", "tls_certificate": {"certificate_chain": inline(".pem"), "private_key": inline(".key")}}

    def listener(self, r, server="s"):
        tls = {"name": "tls", "typed_config": {"@type": TLS + "DownstreamTlsContext", "common_tls_context": {
            "alpn_protocols": ["h2", "http/1.1"], "tls_certificate_sds_secret_configs": [{"name": "server", "sds_config": r.source("sds")}]}}}
        return r.listener(server, tls, stat_prefix="tls")

    def more(self, r, _):
        return {"lds": [self.listener(r)], "sds": [self.secret("server")]}

    def connect_to(self, port):
        """Of connections over TLS."""
        def connect(protocol):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.load_verify_locations(self.authority.path("ca.pem"))
            context.set_alpn_protocols([protocol])
            return context.wrap_socket(socket.create_connection(("127.0.0.1", port), 60))
        return connect

    def shown(self, connect):
        """Which certificate a new connection gets."""
        with connect("http/1.1") as s:
            found = hashlib.sha256(s.getpeercert(True)).hexdigest()
        return next(name for name in CERTIFICATES if self.authority.known[name]["sha256"] == found)


def secrets_are_rotated_without_a_failed_request(binary, folder, feed=Files):
    secrets = Secrets(folder)
    with World(binary, folder, secrets.more, feed) as w:
        connect = secrets.connect_to(w.r.port)
        load = w.load(connect)
        for i in range(1, ROUNDS + 1):
            name, held = CERTIFICATES[i % len(CERTIFICATES)], w.hold(connect=connect)
            load.change(lambda: w.files.put("sds", secrets.secret(name)),
                        w.counted("listener.tls.server_ssl_socket_factory.ssl_context_update_by_sds"), answers("one"))
            assert {secrets.shown(connect) for _ in range(2 * WORKERS)} == {name}, "new connections have what is new"
            held.over()
        finish(load, ROUNDS)
        assert all(c.connections == 1 for c in load.clients.values() if c.keep), "connections keep their certificate"


def many_changes_at_once_fail_no_request(binary, folder, feed=Files):
    def more(r, port):
        return {"cds": [*(r.cluster(n, port(n)) for n in NAMES), r.cluster("c")], "eds": [r.endpoints("c", port("one"))]}
    with World(binary, folder, more, feed) as w:
        servers = [f"s{i}" for i in range(STORM + 1)] + ["s"]
        load = w.load(allowed={(n, s) for n in NAMES for s in servers})
        some = random.Random(STORM)  # the same each time
        changes = (lambda i: w.files.put("rds", w.r.routes(some.choice((*NAMES, "c")))),
                   lambda i: w.files.put("eds", w.r.endpoints("c", *map(w.port, some.choice(CHURN)))),
                   lambda i: w.files.put("lds", w.r.listener(f"s{i}")),
                   lambda i: w.files.put("lds", w.r.listener(f"s{i}", per_connection_buffer_limit_bytes=100000 + i)),
                   lambda i: w.files.put("cds", *(w.r.cluster(n, w.port(n), connect_timeout=f"{i + 1}s") for n in NAMES), w.r.cluster("c")))
        for i in range(STORM):
            for _ in range(2):
                some.choice(changes)(i)
            if i % 4 == 0:
                load.settle()
        load.change(lambda: (w.files.put("lds", w.r.listener("s0", per_connection_buffer_limit_bytes=9999)), w.files.put("rds", w.r.routes("two"))),
                    w.counted("listener_manager.listener_modified"), answers("two", server="s0"))
        finish(load, STORM // 4)


TESTS = [route_changes_fail_no_request_and_are_soon_seen, clusters_are_swapped_without_a_failed_request,
         a_cluster_is_replaced_by_another_of_its_name_without_a_failed_request, endpoints_come_and_go_without_a_failed_request,
         listeners_change_in_place_without_a_failed_request, listeners_are_replaced_without_a_failed_request,
         secrets_are_rotated_without_a_failed_request, many_changes_at_once_fail_no_request]
