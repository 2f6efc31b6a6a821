"""outrigger-xds as the control plane of Outrigger and, when OUTRIGGER_ENVOY names one, of Envoy: what changes in its directory
arrives, what is wrong with it doesn't and is told, and its status page knows what each proxy made of it."""
import contextlib
import http.server
import json
import os
import pathlib
import queue
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "differential"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
from configs import socket_address  # noqa: E402
from harness.certs import Authority  # noqa: E402
from proxies import free_port, stop_process  # noqa: E402
from proxy import until  # noqa: E402

T = "type.googleapis.com/envoy."
HTTP = T + "extensions.filters.http."
MODES = {"ads": ("GRPC", True), "delta ads": ("DELTA_GRPC", True), "by type": ("GRPC", False), "delta by type": ("DELTA_GRPC", False)}
WIRED = ("Cluster", "ClusterLoadAssignment", "Listener", "RouteConfiguration")
PATIENCE = 20


def fetch(port, path="/"):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
        return answer.read().decode()


def says(port, path="/"):
    try:
        return fetch(port, path)
    except OSError as e:
        return f"error: {e}"


class Service(http.server.ThreadingHTTPServer):
    """Answers with its name."""
    daemon_threads = True

    def __init__(self, name):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.send_response(200)
                self.send_header("content-length", str(len(name)))
                self.end_headers()
                self.wfile.write(name.encode())

            def log_message(self, *args):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]


class Plane:
    """The process on a directory of its own; its log as it comes."""

    def __init__(self, binary, folder, *flags, directory=None):
        self.directory = directory or folder / "resources"
        self.directory.mkdir(exist_ok=True)
        self.process = None
        self.command = [str(pathlib.Path(binary).parent / "outrigger-xds"), str(self.directory), "--log-format", "json", *flags]
        self.listen = "127.0.0.1:0"

    def start(self):
        self.process = subprocess.Popen([*self.command, "--listen", self.listen, "--admin", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        self.admin = int(self.wait_for(r"admin address: .*:(\d+)$")[1])
        self.port = int(self.wait_for(r"serving .* at .*:(\d+)$")[1])
        return self

    def read(self):
        for line in self.process.stderr:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def wait_for(self, pattern):
        """The next line of the log that has it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                line = self.lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise RuntimeError(f"the log does not tell {pattern!r}") from None
            if line is None:
                raise RuntimeError(f"outrigger-xds ended before its log told {pattern!r}")
            if found := re.search(pattern, line["message"]):
                return found

    def put(self, name, *resources):
        """A new file takes the place of the old one."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(path.name + ".new")
        new.write_text(json.dumps({"resources": resources}))
        os.rename(new, path)

    def status(self):
        return json.loads(fetch(self.admin, "/status?format=json"))

    def types(self, node="n"):
        """By type, over all streams of a node."""
        return {t["type"]: t for s in self.status()["streams"] if s["id"] == node for t in s["types"]}

    def accepted(self, types=WIRED, node="n"):
        """The newest of these types."""
        of, served = self.types(node), self.status()["directory"]["good"]
        return served and all(t in of and of[t]["state"] == "accepted" for t in types)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        stop_process(self.process)


def source(mode):
    kind, aggregated = MODES[mode]
    return {"resource_api_version": "V3", **({"ads": {}} if aggregated else {"api_config_source": service(kind)})}


def service(kind):
    plane = {"cluster_name": "plane", "authority": "server.example"}  # of the TLS certificate
    return {"api_type": kind, "transport_api_version": "V3", "grpc_services": [{"envoy_grpc": plane}]}


def cluster(name, mode, **more):
    return {"@type": T + "config.cluster.v3.Cluster", "name": name, "connect_timeout": "1s", "type": "EDS",
            "eds_cluster_config": {"eds_config": source(mode)}, **more}


def endpoints(name, *ports):
    return {"@type": T + "config.endpoint.v3.ClusterLoadAssignment", "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket_address(p)}} for p in ports]}]}


def route(name, to):
    return {"@type": T + "config.route.v3.RouteConfiguration", "name": name,
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": to}}]}]}


def answer(text, name="r"):
    return {"@type": T + "config.route.v3.RouteConfiguration", "name": name, "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
        {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": text}}}]}]}


def listener(port, mode, *filters):
    return {"@type": T + "config.listener.v3.Listener", "name": "front", "address": socket_address(port), "filter_chains": [{"filters": [{
        "name": "hcm", "typed_config": {
            "@type": T + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "front",
            "rds": {"route_config_name": "r", "config_source": source(mode)},
            "http_filters": [*filters, {"name": "router", "typed_config": {"@type": HTTP + "router.v3.Router"}}]}}]}]}


class Proxy:
    """Fed by the plane."""

    def __init__(self, binary, folder, plane, mode="ads", node="n", group="g", socket_of_plane=None):
        self.admin = free_port()
        name = f"proxy-{node}-{pathlib.Path(binary).name}"
        config = folder / f"{name}.json"
        dynamic = {"cds_config": source(mode), "lds_config": source(mode)}
        if MODES[mode][1]:
            dynamic["ads_config"] = service(MODES[mode][0])
        wire = {"@type": T + "extensions.upstreams.http.v3.HttpProtocolOptions", "explicit_http_config": {"http2_protocol_options": {}}}
        config.write_text(json.dumps({
            "node": {"id": node, "cluster": group}, "admin": {"address": socket_address(self.admin)}, "dynamic_resources": dynamic,
            "static_resources": {"clusters": [{
                "name": "plane", "connect_timeout": "1s", **(socket_of_plane or {}),
                "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": wire},
                "load_assignment": {"cluster_name": "plane", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket_address(plane.port)}}]}]}}]}}))
        self.log = folder / f"{name}.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([binary, "-c", str(config), "--concurrency", "1", "--log-level", "error", "--disable-hot-restart"],
                                            stdout=log, stderr=log)

    def ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"the proxy ended with {self.process.returncode}: {self.log.read_text()[-2000:]}")
        return "LIVE" in says(self.admin, "/ready")

    def clusters(self):
        return {line.split("::")[0] for line in fetch(self.admin, "/clusters").splitlines()} - {"plane"}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stop_process(self.process)


def proxies_of(binary):
    envoy = os.environ.get("OUTRIGGER_ENVOY")
    return [binary, *([envoy] if envoy else [])]


def each(binary):
    """Every proxy in every mode."""
    return [(proxy, mode) for proxy in proxies_of(binary) for mode in MODES]


@contextlib.contextmanager
def told_as(what):
    try:
        yield
    except (AssertionError, OSError, RuntimeError) as problem:
        raise RuntimeError(f"{what}: {problem}") from problem


def changes_in_the_directory_arrive_in_every_mode(binary, folder):
    one, two = Service("one"), Service("two")
    for proxy_binary, mode in each(binary):
        here = folder / f"{mode} {pathlib.Path(proxy_binary).name}"
        here.mkdir()
        with told_as(here.name):
            change_everything(binary, proxy_binary, mode, here, one, two)


def change_everything(binary, proxy_binary, mode, folder, one, two):
    port = free_port()
    plane = Plane(binary, folder)
    plane.put("endpoints.yaml", endpoints("one", one.port), endpoints("two", two.port))
    plane.put("clusters.yaml", cluster("one", mode), cluster("two", mode))
    plane.put("routes.yaml", route("r", "one"))
    plane.put("listeners.yaml", listener(port, mode))
    with plane, Proxy(proxy_binary, folder, plane, mode) as proxy:
        until("ready", proxy.ready)
        until("served", lambda: says(port) == "one")
        until("everything accepted", plane.accepted)
        assert re.match(r"(envoy|outrigger) \d+\.\d+\.\d+$", plane.status()["streams"][0]["agent"]), plane.status()["streams"][0]
        plane.put("routes.yaml", route("r", "two"))
        until("the route", lambda: fetch(port) == "two")
        plane.put("endpoints.yaml", endpoints("one", one.port), endpoints("two", one.port))
        until("the endpoint", lambda: fetch(port) == "one")
        # A cluster takes the place of another in one go, and no request fails.
        plane.put("endpoints.yaml", endpoints("one", one.port), endpoints("two", one.port), endpoints("three", two.port))
        plane.put("clusters.yaml", cluster("one", mode), cluster("two", mode), cluster("three", mode))
        plane.put("routes.yaml", route("r", "three"))
        if MODES[mode][1]:
            until("the other cluster", lambda: fetch(port) == "two")
        else:
            until("the other cluster", lambda: says(port) == "two")
        plane.put("clusters.yaml", cluster("three", mode))
        until("the clusters gone", lambda: proxy.clusters() == {"three"})
        assert fetch(port) == "two"
        until("everything accepted", plane.accepted)
        before = {t: plane.types()[t]["responses"] for t in WIRED}
        plane.put("routes.yaml", route("r", "three"))  # the same again
        plane.process.send_signal(signal.SIGHUP)
        plane.wait_for("caught SIGHUP")
        assert {t: plane.types()[t]["responses"] for t in WIRED} == before
        plane.put("listeners.yaml")
        until("the listener gone", lambda: fetch(proxy.admin, "/listeners") == "")


def a_bad_file_is_told_and_the_last_good_state_stays(binary, folder):
    port = free_port()
    plane = Plane(binary, folder)
    plane.put("r.yaml", answer("good"))
    plane.put("l.yaml", listener(port, "ads"))
    with plane, Proxy(binary, folder, plane) as proxy:
        until("ready", proxy.ready)
        until("served", lambda: says(port) == "good")
        (plane.directory / "r.yaml").write_text("resources:\n- name: r\n  virtual_host: []\n")
        plane.wait_for(r"r\.yaml:2:3: error: resources\[0\]")
        plane.wait_for("the last good state is served")
        until("told", lambda: not plane.status()["directory"]["good"])
        problem = plane.status()["directory"]["problems"][0]
        assert (problem["line"], problem["column"], problem["severity"]) == (2, 3, "error"), problem
        assert "r.yaml:2:3: error" in fetch(plane.admin, "/status")
        assert fetch(port) == "good"
        plane.put("r.yaml", answer("better"))
        until("served again", lambda: fetch(port) == "better")


def what_a_proxy_refuses_is_shown_with_its_reason(binary, folder):
    for i, proxy_binary in enumerate(proxies_of(binary)):
        for mode in ("ads", "delta ads"):
            here = folder / f"{i}{mode}"
            here.mkdir()
            with told_as(f"{mode} {proxy_binary}"):
                refuse(binary, proxy_binary, mode, here)


def refuse(binary, proxy_binary, mode, folder):
    port = free_port()
    plane = Plane(binary, folder)
    plane.put("r.yaml", answer("good"))
    plane.put("l.yaml", listener(port, mode))
    with plane, Proxy(proxy_binary, folder, plane, mode) as proxy:
        until("ready", proxy.ready)
        until("accepted", lambda: plane.accepted(("Listener", "RouteConfiguration")))
        plane.put("l.yaml", listener(port, mode, {"name": "unheard", "typed_config": {"@type": HTTP + "unheard.v3.Of"}}))
        until("refused", lambda: plane.types()["Listener"]["state"] == "refused")
        refused = plane.types()["Listener"]
        assert "unheard" in refused["refusal"], refused
        assert refused["refused_version"] == refused["sent_version"] != refused["accepted_version"], refused
        assert "unheard" in fetch(plane.admin, "/status")
        assert says(port) == "good"
        plane.put("l.yaml", listener(port, mode))
        until("accepted again", lambda: plane.accepted(("Listener",)))


def served_certificate(port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with context.wrap_socket(socket.create_connection(("127.0.0.1", port), PATIENCE)) as s:
            return s.getpeercert(True)
    except OSError:
        return None


def certificate(authority, name):
    end = "-----END CERTIFICATE-----\n"
    return ssl.PEM_cert_to_DER_cert(authority.read(name + ".pem").partition(end)[0] + end)


def nodes_and_clusters_get_what_is_theirs(binary, folder):
    ports = {name: free_port() for name in ("a", "b", "c")}
    plane = Plane(binary, folder)
    plane.put("all.yaml", answer("all"))
    plane.put("clusters/blue/routes.yaml", answer("blue"))
    plane.put("nodes/b/routes.yaml", answer("b"))
    for name, port in ports.items():
        plane.put(f"nodes/{name}/listeners.yaml", listener(port, "ads"))
    with contextlib.ExitStack() as stack:
        stack.enter_context(plane)
        for name, group in (("a", "red"), ("b", "blue"), ("c", "blue")):
            stack.enter_context(Proxy(binary, folder, plane, node=name, group=group))
        for name, text in (("a", "all"), ("b", "b"), ("c", "blue")):
            until(name, lambda: says(ports[name]) == text)
        os.remove(plane.directory / "nodes/b/routes.yaml")
        until("what is under it", lambda: fetch(ports["b"]) == "blue")
        shutil.rmtree(plane.directory / "clusters")
        until("what is under that", lambda: fetch(ports["b"]) == fetch(ports["c"]) == "all")


def directories_swapped_by_a_link_are_seen(binary, folder):
    port = free_port()
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "r.json").write_text(json.dumps({"resources": [listener(port, "ads"), answer(name)]}))
    os.symlink("one", folder / "resources")
    plane = Plane(binary, folder)
    with plane, Proxy(binary, folder, plane):
        until("one", lambda: says(port) == "one")
        os.symlink("two", folder / "next")
        os.rename(folder / "next", folder / "resources")
        until("two", lambda: fetch(port) == "two")


def a_proxy_reconnects_and_is_told_what_it_missed(binary, folder):
    for i, proxy_binary in enumerate(proxies_of(binary)):
        here = folder / str(i)
        here.mkdir()
        port = free_port()
        plane = Plane(binary, here)
        plane.put("r.yaml", listener(port, "delta ads"), answer("before"))
        with Proxy(proxy_binary, here, plane.start(), "delta ads") as proxy:
            until("ready", proxy.ready)
            until("before", lambda: says(port) == "before")
            plane.process.terminate()
            assert plane.process.wait(PATIENCE) == 0
            plane.put("r.yaml", listener(port, "delta ads"), answer("after"))
            assert fetch(port) == "before"
            plane.listen = f"127.0.0.1:{plane.port}"
            with plane:
                until("after", lambda: fetch(port) == "after")


def put_pair(authority, name, folder):
    for end, file in ((".key", "key.pem"), (".pem", "cert.pem")):
        new = folder / "new"
        new.write_text(authority.read(name + end))
        os.rename(new, folder / file)


def tls_with_client_certificates_keeps_strangers_out(binary, folder):
    authority = Authority(str(folder / "certs"))
    authority.make()
    pair = {"certificate_chain": {"filename": authority.path("client.pem")}, "private_key": {"filename": authority.path("client.key")}}
    trust = {"trusted_ca": {"filename": authority.path("ca.pem")}}

    def transport(certificates):
        return {"transport_socket": {"name": "tls", "typed_config": {
            "@type": T + "extensions.transport_sockets.tls.v3.UpstreamTlsContext", "sni": "server.example",
            "common_tls_context": {"tls_certificates": certificates, "validation_context": trust}}}}

    for i, proxy_binary in enumerate(proxies_of(binary)):
        here = folder / str(i)
        here.mkdir()
        port = free_port()
        put_pair(authority, "server", here)
        plane = Plane(binary, here, "--tls-cert", str(here / "cert.pem"), "--tls-key", str(here / "key.pem"), "--tls-client-ca", authority.path("ca.pem"))
        plane.put("r.yaml", listener(port, "ads"), answer("secret"))
        with plane, Proxy(proxy_binary, here, plane, node="stranger", socket_of_plane=transport([])), \
                Proxy(proxy_binary, here, plane, node="friend", socket_of_plane=transport([pair])):
            until("served", lambda: says(port) == "secret")
            until("accepted", lambda: plane.accepted(("Listener", "RouteConfiguration"), "friend"))
            assert {s["id"] for s in plane.status()["streams"]} == {"friend"}, "a stranger was let in"
            assert served_certificate(plane.port) == certificate(authority, "server")
            put_pair(authority, "server_other", here)
            until("the other certificate", lambda: served_certificate(plane.port) == certificate(authority, "server_other"))


def secrets_come_and_are_rotated(binary, folder):
    authority = Authority(str(folder / "certs"))
    authority.make()

    def secret(name):
        return {"@type": T + "extensions.transport_sockets.tls.v3.Secret", "name": "s", "tls_certificate": {
            "certificate_chain": {"inline_string": authority.read(name + ".pem")}, "private_key": {"inline_string": authority.read(name + ".key")}}}

    for i, proxy_binary in enumerate(proxies_of(binary)):
        for mode in MODES:
            here = folder / f"{i}{mode}"
            here.mkdir()
            port = free_port()
            plane = Plane(binary, here)
            front = listener(port, mode)
            front["filter_chains"][0]["transport_socket"] = {"name": "tls", "typed_config": {
                "@type": T + "extensions.transport_sockets.tls.v3.DownstreamTlsContext", "common_tls_context": {
                    "tls_certificate_sds_secret_configs": [{"name": "s", "sds_config": source(mode)}]}}}
            plane.put("r.yaml", front, answer("x"))
            plane.put("s.yaml", secret("server"))
            with told_as(here.name), plane, Proxy(proxy_binary, here, plane, mode):
                until("the first", lambda: served_certificate(port) == certificate(authority, "server"))
                plane.put("s.yaml", secret("server_other"))
                until("the second", lambda: served_certificate(port) == certificate(authority, "server_other"))
                until("accepted", lambda: plane.accepted(("Secret",)))
                assert "PRIVATE KEY" not in fetch(plane.admin, "/status") + fetch(plane.admin, "/status?format=json")


def scopes_of_routes_come_in_every_mode(binary, folder):
    def scope(name, to):
        return {"@type": T + "config.route.v3.ScopedRouteConfiguration", "name": name, "route_configuration_name": to,
                "key": {"fragments": [{"string_key": name}]}}

    def asked(port, key):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"x-scope": key})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as a:
                return a.read().decode()
        except OSError as e:
            return f"error: {e}"

    for proxy_binary, mode in each(binary):
        here = folder / f"{mode} {pathlib.Path(proxy_binary).name}"
        here.mkdir()
        port = free_port()
        front = listener(port, mode)
        manager = front["filter_chains"][0]["filters"][0]["typed_config"]
        del manager["rds"]
        manager["scoped_routes"] = {"name": "scopes", "scoped_rds": {"scoped_rds_config_source": source(mode)}, "rds_config_source": source(mode),
                                    "scope_key_builder": {"fragments": [{"header_value_extractor": {"name": "x-scope", "index": 0}}]}}
        plane = Plane(binary, here)
        plane.put("l.yaml", front)
        plane.put("r.yaml", answer("one", "r1"), answer("two", "r2"))
        plane.put("s.yaml", scope("a", "r1"))
        with told_as(here.name), plane, Proxy(proxy_binary, here, plane, mode):
            until("the first", lambda: asked(port, "a") == "one")
            assert asked(port, "b") == "error: HTTP Error 404: Not Found"
            plane.put("s.yaml", scope("a", "r1"), scope("b", "r2"))
            until("another", lambda: asked(port, "b") == "two")
            plane.put("s.yaml", scope("b", "r1"))
            until("it has other routes", lambda: asked(port, "b") == "one")
            until("one is gone", lambda: asked(port, "a") == "error: HTTP Error 404: Not Found")
            until("accepted", lambda: plane.accepted(("ScopedRouteConfiguration", "RouteConfiguration")))


def garbage_does_no_harm(binary, folder):
    port = free_port()
    plane = Plane(binary, folder)
    plane.put("r.yaml", listener(port, "ads"), answer("still here"))
    ads = "envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
    frames = [b"\0\0\0\0\x04\xff\xff\xff\xff", b"\x01\0\0\0\x01x", b"\0\xff\xff\xff\xff", b"\0\0\0\0\0", b"\0\0\0\0\x03\x0a\x01\xff", b"x" * 100_000]
    with plane:
        for data in (b"garbage\r\n\r\n", b"GET / HTTP/1.1\r\nhost: h\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 1000,
                     b"\x16\x03\x01\x02\x00\x01", os.urandom(5000)):
            with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", plane.port), PATIENCE) as s:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
        for method in (ads, "envoy.service.cluster.v3.ClusterDiscoveryService/DeltaClusters", "no/Method"):
            for frame in frames:
                subprocess.run(["curl", "-s", "-m", "10", "--http2-prior-knowledge", "-H", "content-type: application/grpc", "-H", "te: trailers", "--data-binary", "@-",
                                f"http://127.0.0.1:{plane.port}/{method}"], input=frame, stdout=subprocess.DEVNULL, check=False)
        with Proxy(binary, folder, plane):
            until("served", lambda: says(port) == "still here")
        until("all streams gone", lambda: not plane.status()["streams"])


def the_command_line_tells_what_is_wrong(binary, folder):
    program = str(pathlib.Path(binary).parent / "outrigger-xds")
    good, bad = folder / "good", folder / "bad"
    good.mkdir()
    bad.mkdir()
    (good / "r.json").write_text(json.dumps({"resources": [answer("x")]}))
    (bad / "r.yaml").write_text("resources: [{}]\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        used = f"127.0.0.1:{taken.getsockname()[1]}"
        for arguments, code, words in (
                (["--help"], 0, "outrigger-xds [FLAGS] DIRECTORY"),
                (["--validate", good], 0, "OK: 1 file"),
                (["--validate", bad], 1, "r.yaml:1:"),
                (["--validate", folder / "none"], 1, "cannot be read"),
                ([folder / "none"], 1, "none"),
                ([], 1, "no directory given"),
                (["--nothing", good], 1, "unknown argument '--nothing'"),
                ([good, "--listen", used, "--admin", "none"], 1, "cannot listen at " + used),
                ([good, "--listen", "127.0.0.1:0", "--admin", used], 1, used),
                ([good, "--tls-cert", folder / "none", "--tls-key", folder / "none"], 1, "cannot read"),
                ([good, "--log-path", folder / "none" / "log"], 1, "--log-path")):
            p = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE, check=False)
            assert p.returncode == code and words in p.stdout + p.stderr, f"{arguments}: {p.returncode} {p.stdout}{p.stderr}"


TESTS = [changes_in_the_directory_arrive_in_every_mode, a_bad_file_is_told_and_the_last_good_state_stays,
         what_a_proxy_refuses_is_shown_with_its_reason, nodes_and_clusters_get_what_is_theirs, directories_swapped_by_a_link_are_seen,
         a_proxy_reconnects_and_is_told_what_it_missed, tls_with_client_certificates_keeps_strangers_out, secrets_come_and_are_rotated,
         scopes_of_routes_come_in_every_mode, garbage_does_no_harm, the_command_line_tells_what_is_wrong]
