"""The changes of updates.py come over one gRPC stream (ADS) from outrigger-xds, in the state of the world and in deltas, and the
control plane goes away meanwhile: killed for some seconds, it comes back with another config, and no request fails."""
import time

from control_plane import Plane, service
from configs import socket_address
from proxy import until
from traffic import PATIENCE
import updates
from updates import NAMES, T, WORKERS, Secrets, World, answers, finish

HTTP2 = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
    "@type": T + "extensions.upstreams.http.v3.HttpProtocolOptions", "explicit_http_config": {"http2_protocol_options": {}}}}
AWAY_S = 5  # the control plane


class Served:
    """Config sources of outrigger-xds, each a file in its directory."""
    kind, clusters = "GRPC", 1

    def __init__(self, binary, folder):
        self.plane = Plane(binary, folder)

    def source(self, _):
        return {"ads": {}, "resource_api_version": "V3"}

    def put(self, name, *resources):
        self.plane.put(f"{name}.json", *resources)

    def start(self):
        self.plane.start()
        self.plane.listen = f"127.0.0.1:{self.plane.port}"  # also when it starts again

    def kill(self):
        self.plane.process.kill()
        self.plane.process.wait(PATIENCE)

    def bootstrap(self):
        plane = {"name": "plane", "connect_timeout": "1s", "typed_extension_protocol_options": HTTP2, "load_assignment": {
            "cluster_name": "plane", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket_address(self.plane.port)}}]}]}}
        return {"static_resources": {"clusters": [plane]}, "dynamic_resources": {"ads_config": service(self.kind)}}

    def close(self):
        if self.plane.process is not None:
            self.plane.__exit__()


class ServedInDeltas(Served):
    kind = "DELTA_GRPC"


def control_planes_that_are_killed_and_come_back_fail_no_request(binary, folder, feed):
    secrets = Secrets(folder)

    def more(r, port):
        return {**secrets.more(r, port), "cds": [r.cluster("c")], "rds": [r.routes("c")], "eds": [r.endpoints("c", port("one"))]}
    with World(binary, folder, more, feed) as w:
        connect, connected = secrets.connect_to(w.r.port), lambda: w.proxy.stat("control_plane.connected_state")
        until("the control plane is there", lambda: connected() == 1)
        load, held = w.load(connect), w.hold(connect=connect)
        w.files.kill()
        until("the control plane is missed", lambda: connected() == 0)
        gone, before = time.monotonic(), sum(load.counts.values())
        while time.monotonic() < gone + AWAY_S:
            load.settle()
        held.over()
        assert connected() == 0
        alone = sum(load.counts.values()) - before

        # Everything is different when it comes back. In deltas the proxy says what it has, which stays until its routes are
        # others; in the state of the world a new process cannot know of a cluster that its directory has no more.
        kept = [] if feed is ServedInDeltas else [w.r.cluster("c")]
        w.files.put("eds", w.r.endpoints("d", w.port("two"), w.port("three")), w.r.endpoints("c", w.port("one")))
        w.files.put("cds", w.r.cluster("d"), *kept)
        w.files.put("rds", w.r.routes("d"))
        w.files.put("lds", secrets.listener(w.r, "s1"))
        w.files.put("sds", secrets.secret("server_rsa"))
        load.allowed |= {(body, server) for body in NAMES for server in ("s", "s1")}
        load.change(w.files.start, lambda: connected() == 1, answers("two", "three", server="s1"))
        until("the new certificate is there", lambda: {secrets.shown(connect) for _ in range(2 * WORKERS)} == {"server_rsa"}, PATIENCE)
        w.files.put("cds", w.r.cluster("d"))
        until("the old cluster is gone", lambda: w.proxy.stat("cluster_manager.active_clusters") == 1 + feed.clusters, PATIENCE)
        finish(load, 2)
        return f"{sum(load.counts.values())} requests, {alone} of them in {AWAY_S} s without a control plane"


def over(feed, how, test):
    def run(binary, folder):
        return test(binary, folder, feed)
    run.__name__ = f"{test.__name__}_over_{how}"
    return run


KILLED = control_planes_that_are_killed_and_come_back_fail_no_request
TESTS = [*(over(Served, "ads", test) for test in (*updates.TESTS, KILLED)),
         *(over(ServedInDeltas, "delta_ads", test)
           for test in (updates.clusters_are_swapped_without_a_failed_request, updates.many_changes_at_once_fail_no_request, KILLED))]
