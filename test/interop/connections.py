#!/usr/bin/env python3
"""How the proxy reaches its control plane: Outrigger and the real Envoy, each with the same bootstrap, must both get what a
gRPC server pushes, or both not.

  connections.py --binary build/dev/outrigger [--envoy PATH] [--filter TEXT]    exit 77 when they cannot be had
"""
import json
import os
import subprocess
import sys
import tempfile
import time

from common import arguments, free_ports, wait_for
from xds import CERTS, T, TLS, Plane, Resources, control_plane, fetch, says, service, socket_address

PATIENCE = 10  # for what must come
LONG = 1.5     # for what must not: a stream is tried again after half a second at most


def cluster(endpoints, kind="STATIC", **more):
    return {"name": "plane", "type": kind, "connect_timeout": "1s", **more,
            "load_assignment": {"cluster_name": "plane", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": e}} for e in endpoints]}]},
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": T + "extensions.upstreams.http.v3.HttpProtocolOptions", "explicit_http_config": {"http2_protocol_options": {
                    "connection_keepalive": {"interval": "30s", "timeout": "5s"}}}}}}


def named(port):
    return {"socket_address": {"address": "localhost", "port_value": port}}


def files(name):
    return {"certificate_chain": {"filename": CERTS.path(name + ".pem")}, "private_key": {"filename": CERTS.path(name + ".key")}}


def over_tls(root="ca", names=None, client=None, **more):
    common = {}
    if root:
        common["validation_context"] = {"trusted_ca": {"filename": CERTS.path(root + ".pem")}}
        if names:
            common["validation_context"]["match_typed_subject_alt_names"] = [{"san_type": "DNS", "matcher": {"exact": names}}]
    if client:
        common["tls_certificates"] = [files(client)]
    return {"transport_socket": {"name": "tls", "typed_config": {"@type": TLS + "UpstreamTlsContext", "common_tls_context": common, **more}}}


def google(port, credentials=None, **more):
    target = {"target_uri": f"dns:///localhost:{port}", "stat_prefix": "g", **more}
    if credentials:
        target["channel_credentials"] = {"ssl_credentials": credentials}
        target["channel_args"] = {"args": {"grpc.ssl_target_name_override": {"string_value": "server.example"}}}
    return {"google_grpc": target}


class Case:
    """`told`: in our log. `alone`: Envoy does not come up."""

    def __init__(self, what, make, gets=True, server=(), address=None, told=None, alone=False):
        self.what, self.make, self.gets, self.server, self.address, self.told = what, make, gets, server, address, told
        self.alone = alone


def server(name, ca=None):
    return lambda: [CERTS.path(name + ".pem"), CERTS.path(name + ".key")] + ([CERTS.path(ca + ".pem")] if ca else [])


# make(port, dead, folder): the bootstrap's cluster, and the gRPC service or None.
CASES = [
    Case("an address", lambda p, d, f: (cluster([socket_address(p)]), None)),
    Case("a name, all its addresses", lambda p, d, f: (cluster([named(p)], "STRICT_DNS", dns_lookup_family="V4_ONLY"), None)),
    Case("a name, one address", lambda p, d, f: (cluster([named(p)], "LOGICAL_DNS", dns_lookup_family="V4_ONLY"), None)),
    Case("a pipe", lambda p, d, f: (cluster([{"pipe": {"path": f"{f}/plane.sock"}}]), None), address="unix:{folder}/plane.sock"),
    Case("the second endpoint", lambda p, d, f: (cluster([socket_address(d), socket_address(p)]), None)),
    Case("no endpoint that is there", lambda p, d, f: (cluster([socket_address(d)]), None), gets=False, told="connection failure to 127.0.0.1:"),
    Case("no endpoint", lambda p, d, f: (cluster([]), None), gets=False, told="no healthy upstream"),
    Case("initial metadata", lambda p, d, f: (cluster([socket_address(p)]), {
        "envoy_grpc": {"cluster_name": "plane", "authority": "the.authority"}, "initial_metadata": [{"key": "x-tenant", "value": "one"}]})),
    Case("TLS", lambda p, d, f: (cluster([socket_address(p)], **over_tls(sni="server.example")), None), server=server("server")),
    Case("TLS with the right name", lambda p, d, f: (cluster([socket_address(p)], **over_tls(names="server.example")), None), server=server("server")),
    Case("TLS with another name", lambda p, d, f: (cluster([socket_address(p)], **over_tls(names="else.example")), None), server=server("server"), gets=False,
         told="SAN_matcher"),
    Case("TLS of another authority", lambda p, d, f: (cluster([socket_address(p)], **over_tls("otherca")), None), server=server("server"), gets=False,
         told="CERTIFICATE_VERIFY_FAILED"),
    Case("TLS, expired", lambda p, d, f: (cluster([socket_address(p)], **over_tls()), None), server=server("server_expired"), gets=False,
         told="CERTIFICATE_VERIFY_FAILED"),
    Case("TLS, nothing checked", lambda p, d, f: (cluster([socket_address(p)], **over_tls(None)), None), server=server("server_other")),
    Case("TLS to a server without", lambda p, d, f: (cluster([socket_address(p)], **over_tls()), None), gets=False),
    Case("no TLS to a server with", lambda p, d, f: (cluster([socket_address(p)]), None), server=server("server"), gets=False),
    Case("mTLS", lambda p, d, f: (cluster([socket_address(p)], **over_tls(client="client")), None), server=server("server", "ca")),
    Case("mTLS without a certificate", lambda p, d, f: (cluster([socket_address(p)], **over_tls()), None), server=server("server", "ca"), gets=False),
    Case("mTLS with a certificate of another authority", lambda p, d, f: (cluster([socket_address(p)], **over_tls(client="client_other")), None),
         server=server("server", "ca"), gets=False),
    Case("mTLS of 1.3 only", lambda p, d, f: (cluster([socket_address(p)], **with_params(over_tls(client="client"))), None), server=server("server", "ca")),
    Case("mTLS with secrets of files", lambda p, d, f: (cluster([socket_address(p)], **by_sds(f)), None), server=server("server", "ca"), alone=True),
    Case("a client of its own", lambda p, d, f: (cluster([socket_address(d)]), google(p))),
    Case("a client of its own with TLS", lambda p, d, f: (cluster([socket_address(d)]), google(p, {"root_certs": {"filename": CERTS.path("ca.pem")}})),
         server=server("server")),
    Case("a client of its own with mTLS", lambda p, d, f: (cluster([socket_address(d)]), google(p, {
        "root_certs": {"filename": CERTS.path("ca.pem")}, "cert_chain": {"filename": CERTS.path("client.pem")},
        "private_key": {"filename": CERTS.path("client.key")}})), server=server("server", "ca")),
    Case("a client of its own with TLS of another authority", lambda p, d, f: (cluster([socket_address(d)]), google(p, {
        "root_certs": {"filename": CERTS.path("otherca.pem")}})), server=server("server"), gets=False),
]


def with_params(socket):
    socket["transport_socket"]["typed_config"]["common_tls_context"]["tls_params"] = {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"}
    return socket


def by_sds(folder):
    def secret(name, **what):
        path = os.path.join(folder, name + ".json")
        with open(path, "w") as f:
            json.dump({"resources": [{"@type": TLS + "Secret", "name": name, **what}]}, f)
        return {"name": name, "sds_config": {"path_config_source": {"path": path}}}
    return {"transport_socket": {"name": "tls", "typed_config": {"@type": TLS + "UpstreamTlsContext", "common_tls_context": {
        "tls_certificate_sds_secret_configs": [secret("own", tls_certificate=files("client"))],
        "validation_context_sds_secret_config": secret("root", validation_context={"trusted_ca": {"filename": CERTS.path("ca.pem")}})}}}}


def bootstrap(admin, made):
    plane, grpc = made
    ads = service("GRPC")
    if grpc:
        ads["grpc_services"] = [grpc]
    return {"node": {"id": "n", "cluster": "c"}, "admin": {"address": socket_address(admin)}, "static_resources": {"clusters": [plane]},
            "dynamic_resources": {"ads_config": ads, "lds_config": {"ads": {}, "resource_api_version": "V3"}}}


def play(binary, case, folder):
    """(Did it get the push, what it said of the stream, what the log says of a stream that closed)."""
    port, dead, admin, served = free_ports(4)
    files_of_server = case.server() if case.server else ()
    plane = Plane(port, *files_of_server, address=case.address and case.address.format(folder=folder))
    r = Resources("GRPC", True, served)
    listener = r.listener()
    hcm = listener["filter_chains"][0]["filters"][0]["typed_config"]
    del hcm["rds"]
    hcm["route_config"] = {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, **says("pushed")}]}]}
    plane.order(version="1", resources=[listener])
    path = os.path.join(folder, "bootstrap.json")
    with open(path, "w") as f:
        json.dump(bootstrap(admin, case.make(port, dead, folder)), f)
    log = os.path.join(folder, "log")
    with open(log, "w") as out:
        proxy = subprocess.Popen([binary, "-c", path, "--concurrency", "1", "--disable-hot-restart", "--base-id", str(os.getpid() % 30000), "-l", "debug"],
                                 stdout=out, stderr=out)
    try:
        wait_for(admin, proxy)
        got = wait_for_push(admin, case)
        counts = [line for line in fetch(admin, "/stats?filter=cluster.plane.upstream_cx_(total|connect_fail)$").splitlines() if ": 0" not in line]
        metadata = opened(plane)
    finally:
        proxy.terminate()
        stuck = ended_late(proxy)
        plane.close()
    with open(log, errors="replace") as f:
        closed = [line for line in f if "gRPC config stream" in line or "xds: stream" in line or "stream to" in line]
    if stuck and os.path.basename(binary) != "envoy":
        closed.append("it had to be killed")
        got = None
    return got, metadata, closed, {line.partition(":")[0] for line in counts}


def ended_late(proxy):
    """Envoy sometimes spins in its resolver."""
    try:
        proxy.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        proxy.kill()
        proxy.wait()
        return True
    return False


def wait_for_push(admin, case):
    end = time.monotonic() + (PATIENCE if case.gets else LONG)
    while time.monotonic() < end:
        if "listener_manager.lds.update_success: 0" not in (now := fetch(admin, "/stats?filter=lds.update_success")) and now.strip():
            return True
        time.sleep(0.02)
    return False


def opened(plane):
    """What stands in the metadata of the first stream, but for what gRPC adds, and where Envoy's own HTTP client says it is."""
    while not plane.events.empty():
        e = plane.events.get()
        if "opened" in e:
            kept = (":authority", "x-", "content-type", "te")
            return {k: v for k, v in e["metadata"].items() if k.startswith(kept) and k not in ("x-envoy-internal", "x-forwarded-for")}
    return {}


def check(case, binary, envoy):
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        theirs = None if case.alone else play(envoy, case, folder)
    with tempfile.TemporaryDirectory() as folder:
        ours = play(binary, case, folder)
    for name, run in (("Envoy", theirs), ("this proxy", ours)):
        if run is not None and run[0] != case.gets:
            wrong.append(f"{name} {'gets' if run[0] else 'does not get'} what is pushed: {''.join(run[2][-1:]).strip()}")
    is_google = "google_grpc" in json.dumps(case.make(1, 2, tempfile.gettempdir())[1] or {})
    if not is_google and theirs is not None and theirs[1] != ours[1]:
        wrong.append(f"Envoy says {theirs[1]}, this proxy {ours[1]}")
    if not is_google and theirs is not None and case.what != "the second endpoint" and theirs[3] != ours[3]:  # there chance says which comes first
        wrong.append(f"Envoy counts {sorted(theirs[3])}, this proxy {sorted(ours[3])}")
    if case.told and not any(case.told in line for line in ours[2]):
        wrong.append(f"'{case.told}' is not in what the log tells: {''.join(ours[2][:2]).strip() or 'nothing'}")
    return wrong


def main():
    args = arguments(__doc__, filter={"default": ""})
    control_plane()
    CERTS.make()
    failed = passed = 0
    for case in CASES:
        if args.filter not in case.what:
            continue
        started = time.monotonic()
        wrong = check(case, args.binary, args.envoy)
        for line in wrong:
            print(f"{case.what}: {line}", flush=True)
        print(f"{case.what}: {'not the same' if wrong else 'the same'} ({time.monotonic() - started:.1f} s)", flush=True)
        failed += bool(wrong)
        passed += not wrong
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
