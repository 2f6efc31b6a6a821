"""Bootstraps that pilot-agent and Polaris' injector write start as they are, but for addresses; with what the agent asks of a proxy:
its flags, readiness by stats, probes and metrics through static listeners, drain calls."""
import gzip
import http.client
import http.server
import json
import os
import pathlib
import struct
import subprocess
import threading

import yaml

from plane import Plane, decode, text
from harness.certs import Authority
from proxies import free_port, stop_process
from proxy import until
from recorded import DISCOVERED, LISTENER, SECRET, files, on_a_free_port, pushes, secrets

READY = (r"/stats?usedonly&filter=^(cluster_manager\.cds|listener_manager\.lds)\.(update_success|update_rejected)$",
         r"/stats?usedonly&filter=^(server\.state|listener_manager\.workers_started)")


def value(data):
    """A google.protobuf.Value."""
    (number, v), = decode(data)
    return {1: lambda: None, 2: lambda: struct.unpack("<d", v)[0], 3: lambda: v.decode(), 4: lambda: bool(v), 5: lambda: fields(v),
            6: lambda: [value(x) for _, x in decode(v)]}[number]()


def fields(data):
    """A google.protobuf.Struct."""
    entries = (dict(decode(entry)) for _, entry in decode(data))
    return {e[1].decode(): value(e[2]) for e in entries}


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def place(node, ports, folder):
    """The addresses of a bootstrap are those of this test."""
    if isinstance(node, list):
        return [place(x, ports, folder) for x in node]
    if not isinstance(node, dict):
        return node
    out = {k: place(v, ports, folder) for k, v in node.items()}
    if out.get("port_value") in ports:
        out["port_value"] = ports[out["port_value"]]
    if str(out.get("path", "")).startswith("/tmp/"):
        out["path"] = str(folder / pathlib.Path(out["path"]).name)
    if "target_uri" in out:
        out["target_uri"] = f"127.0.0.1:{ports[int(out['target_uri'].rpartition(':')[2])]}"
    return out


class Started:
    """The process in a folder of its own."""

    def __init__(self, binary, folder, config, flags, admin_port):
        self.admin_port = admin_port
        path = folder / flags[flags.index("-c") + 1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(config))
        self.log = folder / "log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([os.path.abspath(binary), *flags], cwd=folder, stderr=log, stdout=log)
        try:
            until("its admin interface", lambda: self.ask("/ready") is not None)
        except BaseException:
            self.stop()
            raise

    def ask(self, path, method="GET", port=None):
        """(status, body); None: nobody is there."""
        if self.process.poll() is not None:
            raise RuntimeError(f"the proxy ended with {self.process.returncode}: {self.log.read_text()}")
        try:
            c = http.client.HTTPConnection("127.0.0.1", port or self.admin_port, timeout=10)
            c._validate_path = lambda _: None  # as Go sends it: what is no URL goes out too
            c.request(method, path, headers={"accept-encoding": "gzip"})
            r = c.getresponse()
            body = r.read()
            self.packed = r.headers.get("content-encoding") == "gzip"
            return r.status, (gzip.decompress(body) if self.packed else body).decode()
        except OSError:
            return None

    def stats(self, path):
        status, body = self.ask(path)
        assert status == 200, body
        return {n: int(v) for n, v in (line.split(": ") for line in body.splitlines())}

    def stop(self):
        stop_process(self.process)


def is_ready(proxy):
    first = proxy.stats(READY[0])
    if not all(first.get(n, 0) > 0 for n in ("cluster_manager.cds.update_success", "listener_manager.lds.update_success")):
        return False
    assert not first.get("cluster_manager.cds.update_rejected") and not first.get("listener_manager.lds.update_rejected"), first
    second = proxy.stats(READY[1])
    return second.get("server.state") == 0 and second.get("listener_manager.workers_started") == 1


def check_node(plane, wanted):
    node = decode(plane.requests[0].node)
    assert text(node, 1) == wanted["id"] and text(node, 2) == wanted["cluster"], node
    assert text(node, 6) == "envoy", "control planes know proxies by this name"
    have = fields(next(v for n, v in node if n == 3))
    assert have == wanted["metadata"], f"{have} is not {wanted['metadata']}"
    told = [q for q in plane.requests if q.node is not None]
    assert len(told) == 1, f"{len(told)} requests have the node"


def agent(binary, folder, kind, first_port, push):
    config = json.loads(files("bootstraps/")[f"istiod-agent-bootstrap-{kind}.json"])
    flags = files("bootstraps/")["istiod-agent-args.txt"].decode().split()
    answering = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=answering.serve_forever, daemon=True).start()
    admin, probed, metrics = free_port(), free_port(), free_port()
    ports = {first_port: admin, first_port + 20: answering.server_address[1], first_port + 21: probed, first_port + 90: metrics}
    for path in ("etc/istio/proxy", "var/run/secrets/workload-spiffe-uds"):
        (folder / path).mkdir(parents=True)
    authority = Authority(str(folder / "certs"))
    authority.make()
    given = {**push, LISTENER: [on_a_free_port(r) for r in push.get(LISTENER, [])]}
    xds = Plane(given, folder / "etc/istio/proxy/XDS")
    sds = Plane({SECRET: secrets(authority, [r for rs in given.values() for r in rs])}, folder / "var/run/secrets/workload-spiffe-uds/socket")
    proxy = Started(binary, folder, place(config, ports, folder), flags, admin)
    try:
        until("ready", lambda: is_ready(proxy))
        assert not [e for t in DISCOVERED for e in xds.errors(t)]
        check_node(xds, config["node"])
        assert proxy.ask("/healthz/ready", port=probed)[0] == 200
        status, page = proxy.ask("/stats/prometheus", port=metrics)
        assert status == 200 and proxy.packed and "envoy_cluster_manager_cds_update_success" in page, page[:500]
        lacking = {e["name"] for e in json.loads(proxy.ask("/config_dump")[1])["extensions_not_active"]}
        for name in lacking:
            assert proxy.log.read_text().count(f"'{name}'") == 1, f"{name} is to be told once"
        assert proxy.ask("/drain_listeners?inboundonly&graceful", "POST") == (200, "OK\n")
        assert proxy.ask("/healthcheck/fail", "POST")[0] == 200 and proxy.ask("/ready")[0] == 503
        assert proxy.ask("/quitquitquit", "POST")[0] == 200
        assert proxy.process.wait(10) == 0
        return lacking
    finally:
        proxy.stop()
        xds.close()
        sds.close()
        answering.shutdown()


def a_sidecar_starts_as_pilot_agent_starts_it(binary, folder):
    lacking = agent(binary, folder, "sidecar", 15000, pushes()["istiod-minimal-sidecar"][0])
    assert {"istio.stats", "istio.metadata_exchange", "istio.metadata_exchange (TCP)"} <= lacking, lacking


def a_gateway_starts_as_pilot_agent_starts_it(binary, folder):
    agent(binary, folder, "router", 16000, pushes()["istiod-minimal-gateway"][0])


def bootstraps_of_polaris_start(binary, folder):
    """Those of all three templates: gRPC by itself, on demand, with TLS between proxies."""
    authority = Authority(str(folder / "certs"))
    authority.make()
    for name, push in (("bootstrap", "1181-sidecar"), ("bootstrap-envoygrpc", "1181-sidecar"), ("bootstrap-sotw", "1178-sidecar"),
                       ("bootstrap-gateway", "1178-gateway"), ("bootstrap-odcds", "1181-demand"), ("bootstrap-tls-strict", "1181-strict"),
                       ("bootstrap-tls-permissive", "1181-permissive")):
        config = yaml.safe_load(files("bootstraps/")[f"polaris-{name}.yaml"])
        own = folder / name
        own.mkdir()
        given = pushes()["polaris-" + push][0]
        plane = Plane({**given, LISTENER: [on_a_free_port(r) for r in given[LISTENER]]})
        sds = Plane({SECRET: secrets(authority, [r for rs in given.values() for r in rs])}, own / "sds.sock")
        ports = {15000: free_port(), 25010: plane.port}
        proxy = Started(binary, own, place(config, ports, own), ["-c", "bootstrap.json", "-l", "warning"], ports[15000])
        try:
            with plane.changed:
                assert plane.changed.wait_for(lambda: plane.given and not plane.unanswered, 30), f"{name}: nothing is asked for"
            node = decode(plane.requests[0].node)
            assert text(node, 1) == config["node"]["id"] and fields(next(v for n, v in node if n == 3)) == config["node"]["metadata"]
            assert all(q.node is not None for q in plane.requests), f"{name}: this control plane wants the node each time"
        finally:
            proxy.stop()
            plane.close()
            sds.close()


TESTS = [a_sidecar_starts_as_pilot_agent_starts_it, a_gateway_starts_as_pilot_agent_starts_it, bootstraps_of_polaris_start]
