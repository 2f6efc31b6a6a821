#!/usr/bin/env python3
"""The pair of proxies of ambient's HBONE: TCP connections become CONNECT streams of one HTTP/2 connection with mutual TLS.

  hbone.py --binary build/dev/outrigger [--envoy PATH]    exit 77 when there is no Envoy to be the other side

Each side is Outrigger and Envoy in turn: an app's connections go to the originating proxy, there through an internal listener
into a tunnel; the terminating proxy gives each to an internal listener, and that to the app's server.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "test/differential"), str(ROOT / "bench")]
from harness.certs import Authority  # noqa: E402
from proxies import free_port, stop_process  # noqa: E402

TYPES = "type.googleapis.com/envoy.extensions."
ORIGINAL_DST = "envoy.filters.listener.original_dst"


def typed(name, kind, **fields):
    return {"name": name, "typed_config": {"@type": TYPES + kind, **fields}}


def at(port):
    return {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}


def log(path, text):
    return [typed("file", "access_loggers.file.v3.FileAccessLog", path=str(path),
                  log_format={"text_format_source": {"inline_string": text + "\n"}})]


def tcp_proxy(cluster, **more):
    return {"filters": [typed("tcp", "filters.network.tcp_proxy.v3.TcpProxy", stat_prefix="tcp", cluster=cluster, **more)]}


def internal_endpoint(name, endpoint, **metadata):
    return {"endpoint": {"address": {"envoy_internal_address": {"server_listener_name": name, "endpoint_id": endpoint}}},
            **({"metadata": {"filter_metadata": metadata}} if metadata else {})}


def cluster(name, *endpoints, **more):
    return {"name": name, "connect_timeout": "2s", **({"load_assignment": {
        "cluster_name": name, "endpoints": [{"lb_endpoints": list(endpoints)}]}} if endpoints else {}), **more}


def certificates(authority, name):
    return {"tls_certificates": [{"certificate_chain": {"filename": authority.path(name + ".pem")},
                                  "private_key": {"filename": authority.path(name + ".key")}}],
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
            "alpn_protocols": ["h2"]}


def trusted(authority, uri):
    return {"trusted_ca": {"filename": authority.path("ca.pem")},
            "match_typed_subject_alt_names": [{"san_type": "URI", "matcher": {"exact": uri}}]}


def bootstrap(admin, listeners, clusters):
    return {"admin": at(admin), "bootstrap_extensions": [typed("internal", "bootstrap.internal_listener.v3.InternalListener",
                                                               buffer_size_kb=64)],
            "static_resources": {"listeners": listeners, "clusters": clusters}}


H2 = {"typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
    "@type": TYPES + "upstreams.http.v3.HttpProtocolOptions",
    "explicit_http_config": {"http2_protocol_options": {"allow_connect": True}}}}}


def originating(side, authority, tunnel, app, identity):
    """As istiod makes it: the endpoint is internal and says where the app is."""
    app = f"127.0.0.1:{app}"
    metadata = {ORIGINAL_DST: {"local": app}}
    raw = typed("raw", "transport_sockets.raw_buffer.v3.RawBuffer")
    inner = typed("internal", "transport_sockets.internal_upstream.v3.InternalUpstreamTransport", transport_socket=raw,
                  passthrough_metadata=[{"kind": {"host": {}}, "name": ORIGINAL_DST}])
    tls = typed("tls", "transport_sockets.tls.v3.UpstreamTlsContext", common_tls_context={
        **certificates(authority, identity), "validation_context": trusted(authority, "spiffe://td/server")})
    return bootstrap(side.admin_port, [
        {"name": "outbound", **at(side.port), "filter_chains": [tcp_proxy("app")]},
        {"name": "connect_originate", "internal_listener": {},
         "listener_filters": [typed("original_dst", "filters.listener.original_dst.v3.OriginalDst")],
         "filter_chains": [tcp_proxy("connect_originate", tunneling_config={
             "hostname": "%DOWNSTREAM_LOCAL_ADDRESS%",
             "headers_to_add": [{"header": {"key": "baggage", "value": "k8s.cluster.name=c"}}]})]}], [
        cluster("app", internal_endpoint("connect_originate", app, **metadata), transport_socket=inner),
        cluster("connect_originate", type="ORIGINAL_DST", lb_policy="CLUSTER_PROVIDED", transport_socket=tls, cleanup_interval="60s",
                original_dst_lb_config={"upstream_port_override": tunnel, "metadata_key": {
                    "key": ORIGINAL_DST, "path": [{"key": "waypoint"}]}}, **H2)])


def terminating(side, authority, app):
    hcm = typed("hcm", "filters.network.http_connection_manager.v3.HttpConnectionManager", stat_prefix="terminate",
                codec_type="HTTP2", http2_protocol_options={"allow_connect": True},
                upgrade_configs=[{"upgrade_type": "CONNECT"}],
                access_log=log(side.log, "%PROTOCOL% %REQ(:METHOD)% %REQ(:AUTHORITY)% %RESPONSE_CODE% %DOWNSTREAM_PEER_URI_SAN% "
                                         "%REQ(BAGGAGE)% %UPSTREAM_HOST%"),
                http_filters=[typed("router", "filters.http.router.v3.Router")],
                route_config={"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
                    {"match": {"connect_matcher": {}}, "route": {"cluster": "main_internal", "upgrade_configs": [
                        {"upgrade_type": "CONNECT", "connect_config": {}}]}}]}]})
    tls = typed("tls", "transport_sockets.tls.v3.DownstreamTlsContext", require_client_certificate=True, common_tls_context={
        **certificates(authority, "server"), "validation_context": trusted(authority, "spiffe://td/client")})
    return bootstrap(side.admin_port, [
        {"name": "connect_terminate", **at(side.port), "filter_chains": [{"filters": [hcm], "transport_socket": tls}]},
        {"name": "main_internal", "internal_listener": {}, "filter_chains": [tcp_proxy("app")]}], [
        cluster("main_internal", internal_endpoint("main_internal", "")), cluster("app", {"endpoint": at(app)})])


class Side:
    """One proxy of the pair."""

    def __init__(self, binary, folder, name):
        self.binary, self.folder = binary, folder
        self.port, self.admin_port = free_port(), free_port()
        self.config, self.log = folder / f"{name}.json", folder / f"{name}.log"

    def start(self, config):
        self.config.write_text(json.dumps(config))
        out = open(self.folder / "out", "ab")
        self.process = subprocess.Popen([self.binary, "-c", str(self.config), "--concurrency", "1", "--disable-hot-restart",
                                         "--log-level", "warning", "--file-flush-interval-msec", "10"], stdout=out, stderr=out)
        until("ready", lambda: "LIVE" in self.admin("/ready"), self.process, self.folder)

    def admin(self, path):
        try:
            with socket.create_connection(("127.0.0.1", self.admin_port), 10) as s:
                s.sendall(f"GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n".encode())
                return s.makefile("rb").read().decode()
        except OSError:
            return ""

    def stat(self, name):
        found = re.search(rf"^{re.escape(name)}: (\d+)$", self.admin(f"/stats?filter=^{re.escape(name)}$"), re.M)
        return int(found[1]) if found else 0

    def stop(self):
        stop_process(self.process)


def until(what, done, process, folder, seconds=30):
    deadline = time.monotonic() + seconds
    while not done():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not so, or a proxy ended: {(folder / 'out').read_text()[-2000:]}")


class Echo:
    """The app's server: answers in upper case; ends when the client has."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.echo, args=(connection,), daemon=True).start()

    @staticmethod
    def echo(connection):
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(65536):
                connection.sendall(data.upper())

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def receive(s, n):
    data = b""
    while len(data) < n and (more := s.recv(65536)):
        data += more
    return data


def three_connections(near, far, app):
    """They share one tunnel, and each ends by itself."""
    connections = []
    for i in range(3):  # one after the other: Envoy makes a host for each that comes before the first one is known
        c = socket.create_connection(("127.0.0.1", near.port), 10)
        connections.append(c)
        c.sendall(b"hello %d" % i)
        assert receive(c, 7) == b"HELLO %d" % i
    big = b"x" * 1000000
    threading.Thread(target=connections[1].sendall, args=(big,), daemon=True).start()
    assert receive(connections[1], len(big)) == big.upper(), "a large body"
    for c in connections:
        c.shutdown(socket.SHUT_WR)
        assert c.recv(1) == b"", "the end comes back"
        c.close()
    assert near.stat("cluster.connect_originate.upstream_cx_total") == 1, "one connection"
    assert near.stat("cluster.connect_originate.upstream_rq_total") == 3, "three streams"
    want = f"HTTP/2 CONNECT 127.0.0.1:{app.port} 200 spiffe://td/client k8s.cluster.name=c envoy://main_internal/"
    until("the log", lambda: far.log.exists() and far.log.read_text().count("\n") == 3, far.process, far.folder)
    assert far.log.read_text().splitlines() == [want] * 3, far.log.read_text()


def refused(near):
    with socket.create_connection(("127.0.0.1", near.port), 10) as c:
        c.sendall(b"hello")
        try:
            data = c.recv(100)
        except ConnectionResetError:
            data = b""
        assert data == b"", data


def terminator_gone(near, far, app):
    with socket.create_connection(("127.0.0.1", near.port), 10) as c:
        c.sendall(b"a")
        assert receive(c, 1) == b"A"
        far.stop()
        try:
            assert c.recv(1) == b"", "the end of the tunnel ends its connections"
        except ConnectionResetError:
            pass
    refused(near)


def wrong_client(near, far, app):
    """The terminating side knows another identity only."""
    refused(near)
    assert far.stat("cluster.main_internal.upstream_cx_total") == 0


TESTS = [(three_connections, "client"), (terminator_gone, "client"), (wrong_client, "client_wrong")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--envoy", default=os.environ.get("OUTRIGGER_ENVOY") or shutil.which("envoy"))
    args = parser.parse_args()
    if args.envoy is None:
        print("skipped: there is no Envoy here (--envoy, OUTRIGGER_ENVOY)")
        return 77
    ours = os.path.abspath(args.binary)
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="hbone-") as top:
        authority = Authority(os.path.join(top, "certs"))
        authority.names()
        for pair, near_binary, far_binary in (("Outrigger to Outrigger", ours, ours), ("Outrigger to Envoy", ours, args.envoy),
                                              ("Envoy to Outrigger", args.envoy, ours), ("Envoy to Envoy", args.envoy, args.envoy)):
            for test, identity in TESTS:
                folder = pathlib.Path(tempfile.mkdtemp(dir=top))
                near, far, app = Side(near_binary, folder, "near"), Side(far_binary, folder, "far"), Echo()
                try:
                    with contextlib.ExitStack() as stack:
                        stack.callback(app.close)
                        far.start(terminating(far, authority, app.port))
                        stack.callback(far.stop)
                        near.start(originating(near, authority, far.port, app.port, identity))
                        stack.callback(near.stop)
                        test(near, far, app)
                    passed += 1
                    print(f"PASS {pair}: {test.__name__.replace('_', ' ')}")
                except (AssertionError, OSError, RuntimeError) as e:
                    failed += 1
                    print(f"FAIL {pair}: {test.__name__.replace('_', ' ')}: {e}")
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
