#!/usr/bin/env python3
"""No malloc per request in steady state: counts the proxy's calls of malloc over some thousand requests.

  run.py --binary PATH --shim libcount_malloc.so --upstream bench_upstream
"""
import argparse
import base64
import hashlib
import hmac
import json
import mmap
import os
import pathlib
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
from configs import envoy_cluster, envoy_listener, socket_address  # noqa: E402
from proxies import free_port, stop_process  # noqa: E402

WARM, COUNTED = 300, 3000
ALLOWED = COUNTED // 100  # what the main thread does meanwhile, and pools that still grow
SIGNED_EXPIRES = "4102444800"


def make_certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=alloc",
                    "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")], check=True, capture_output=True)


def tls_socket(folder):
    return {"name": "envoy.transport_sockets.tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", "common_tls_context": {
            "tls_certificates": [{"certificate_chain": {"filename": str(folder / "cert.pem")}, "private_key": {"filename": str(folder / "key.pem")}}]}}}


def connect(port, tls):
    s = socket.create_connection(("127.0.0.1", port), 10)
    if not tls:
        return s
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(s)


def bootstrap(ports, up_http, up_tcp, processor, folder):
    types = "type.googleapis.com/envoy.extensions"
    access_log = [{"name": "file", "typed_config": {
        "@type": f"{types}.access_loggers.file.v3.FileAccessLog", "path": str(folder / "log"), "log_format": {"json_format": {
            "path": "%REQ(:PATH)%", "code": "%RESPONSE_CODE%", "ms": "%DURATION%", "host": "%UPSTREAM_HOST%", "grpc": "%GRPC_STATUS%",
            "messages": "%FILTER_STATE(envoy.filters.http.grpc_stats)%"}}}}]
    mutations = [{"header": {"key": "x-added", "value": "%REQ(user-agent)%-%DOWNSTREAM_REMOTE_ADDRESS%"}}]
    hcm = {"@type": f"{types}.filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "h",
           "access_log": access_log, "use_remote_address": True, "normalize_path": True,
           "http_filters": [{"name": "router", "typed_config": {"@type": f"{types}.filters.http.router.v3.Router"}}],
           "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
               {"match": {"prefix": "/", "headers": [{"name": "x-a", "string_match": {"exact": "b"}}]},
                "request_headers_to_add": mutations, "response_headers_to_add": mutations,
                "route": {"cluster": "http", "retry_policy": {"retry_on": "5xx"}}},
               {"match": {"prefix": "/"}, "route": {"cluster": "http"}}]}]}}
    # An HTTP/2 hop of our own behind the HTTP/2 one: both sides of it are counted.
    h2_routes = {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
        {"match": {"prefix": "/small"}, "route": {"cluster": "http"}}, {"match": {"prefix": "/"}, "route": {"cluster": "h2"}}]}]}
    app_routes = {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
        {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "x" * 100}}}]}]}
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    h2_cluster = {**envoy_cluster("h2", [socket_address(ports["h2_app"])]), "typed_extension_protocol_options": {
        options: {"@type": f"type.googleapis.com/{options}", "explicit_http_config": {"http2_protocol_options": {}}}}}
    grpc_filters = [{"name": "web", "typed_config": {"@type": f"{types}.filters.http.grpc_web.v3.GrpcWeb"}},
                    {"name": "stats", "typed_config": {"@type": f"{types}.filters.http.grpc_stats.v3.FilterConfig", "stats_for_all_methods": True,
                                                       "emit_filter_state": True, "enable_upstream_stats": True}}]
    checked = {kind: envoy_listener(kind, ports[kind], kind, {**hcm, "stat_prefix": kind, "http_filters": filters + hcm["http_filters"]})
               for kind, filters in policies(types).items()}
    tcp_proxy = {"@type": f"{types}.filters.network.tcp_proxy.v3.TcpProxy", "stat_prefix": "t", "cluster": "tcp"}
    https = envoy_listener("https", ports["https"], "http", {**hcm, "stat_prefix": "s"})
    https["filter_chains"][0]["transport_socket"] = tls_socket(folder)
    return {"stats_flush_interval": "299s",  # what the main thread does is not what is counted
            "admin": {"address": socket_address(ports["admin"])}, "static_resources": {
        "clusters": [envoy_cluster("http", [socket_address(up_http)]), envoy_cluster("tcp", [socket_address(up_tcp)]), h2_cluster,
                     {**h2_cluster, **envoy_cluster("processor", [socket_address(processor)])}],
        "secrets": [{"name": name, "generic_secret": {"secret": {"inline_string": "secret"}}} for name in ("token", "hmac")],
        "listeners": [envoy_listener("http", ports["http"], "http", hcm), envoy_listener("tcp", ports["tcp"], "tcp", tcp_proxy), https,
                      envoy_listener("h2", ports["h2"], "h2", {**hcm, "stat_prefix": "h2", "route_config": h2_routes}),
                      envoy_listener("grpc", ports["grpc"], "grpc", {**hcm, "stat_prefix": "g", "route_config": h2_routes,
                                                                     "http_filters": grpc_filters + hcm["http_filters"]}),
                      envoy_listener("h2_app", ports["h2_app"], "h2_app", {**hcm, "stat_prefix": "a", "route_config": app_routes}),
                      *checked.values()]}}


class Processor(threading.Thread):
    """An external processor, which lets each head be."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            threading.Thread(target=self.serve, args=(self.listener.accept()[0],), daemon=True).start()

    @staticmethod
    def serve(s):
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer = b"\x0a\x02\x0a\x00"  # ProcessingResponse {request_headers {response {}}}
        answer = b"\0" + len(answer).to_bytes(4, "big") + answer
        head = b"\x88\0\x0ccontent-type\x10application/grpc"
        with s, s.makefile("rb") as f:
            f.read(len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
            s.sendall(frame(4, 0, 0, b"") + frame(8, 0, 0, (1 << 30).to_bytes(4, "big")))
            while start := f.read(9):
                kind, flags, stream = start[3], start[4], int.from_bytes(start[5:], "big")
                f.read(int.from_bytes(start[:3], "big"))
                if kind == 4 and not flags & 1:
                    s.sendall(frame(4, 1, 0, b""))
                elif kind == 0:  # the whole message: it is short
                    s.sendall(frame(1, 4, stream, head) + frame(0, 0, stream, answer))


def policies(types):
    """The filters of listeners that check each request, by the listener's name."""
    def action(kind):
        return {"action": {"name": "rbac", "typed_config": {"@type": "type.googleapis.com/envoy.config.rbac.v3.Action", "name": "allow", "action": kind}}}
    ranges = [{"ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}], "on_match": action("DENY")},
              {"ranges": [{"address_prefix": "127.0.0.0", "prefix_len": 8}, {"address_prefix": "2001:db8::", "prefix_len": 32}], "on_match": action("ALLOW")}]
    source = {"name": "source", "typed_config": {"@type": f"{types}.matching.common_inputs.network.v3.SourceIPInput"}}
    tree = {"matcher_tree": {"input": source, "custom_match": {"name": "ip", "typed_config": {
        "@type": "type.googleapis.com/xds.type.matcher.v3.IPMatcher", "range_matchers": ranges}}}, "on_no_match": action("DENY")}
    headers = {"policies": {f"p{i}": {"permissions": [{"header": {"name": f"x-header-{i}", "string_match": {"prefix": "some"}}}, {"url_path": {"path": {"prefix": f"/{i}"}}}],
                                      "principals": [{"and_ids": {"ids": [{"header": {"name": "user-agent", "string_match": {"safe_regex": {"regex": "u+"}}}},
                                                                          {"direct_remote_ip": {"address_prefix": "127.0.0.0", "prefix_len": 8}}]}}]} for i in range(5, 8)}}

    def rbac(**config):
        return [{"name": "rbac", "typed_config": {"@type": f"{types}.filters.http.rbac.v3.RBAC", **config}}]
    oauth2 = {"token_endpoint": {"cluster": "http", "uri": "http://auth.example/token", "timeout": "5s"}, "authorization_endpoint": "https://auth.example/authorize",
              "redirect_uri": "http://h/callback", "redirect_path_matcher": {"path": {"exact": "/callback"}}, "signout_path": {"path": {"exact": "/signout"}},
              "disable_token_encryption": True,
              "credentials": {"client_id": "c", "token_secret": {"name": "token"}, "hmac_secret": {"name": "hmac"}}}
    processor = {"grpc_service": {"envoy_grpc": {"cluster_name": "processor"}}, "processing_mode": {"response_header_mode": "SKIP"}, "message_timeout": "10s"}
    return {"rbac_ip": rbac(matcher=tree), "rbac_headers": rbac(rules=headers),
            "oauth2": [{"name": "oauth2", "typed_config": {"@type": f"{types}.filters.http.oauth2.v3.OAuth2", "config": oauth2}}],
            "ext_proc": [{"name": "ext_proc", "typed_config": {"@type": f"{types}.filters.http.ext_proc.v3.ExternalProcessor", **processor}}]}


def signed_in():
    """The cookies of who has logged in."""
    made = hmac.new(b"secret", "\n".join(("h", SIGNED_EXPIRES, "access", "", "")).encode(), hashlib.sha256).digest()
    return f"cookie: OauthHMAC={base64.b64encode(made).decode()}; OauthExpires={SIGNED_EXPIRES}; BearerToken=access\r\n"


def read_response(s):
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive(s)
    head, _, body = data.partition(b"\r\n\r\n")
    size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < size:
        body += receive(s)
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head.decode())


def receive(s):
    data = s.recv(65536)
    if not data:
        raise RuntimeError("the proxy closed the connection")
    return data


def http_load(request):
    def run(s, times):
        for _ in range(times):
            s.sendall(request)
            read_response(s)
    return run


def tcp_load(s, times):
    for _ in range(times):
        s.sendall(b"x" * 100)
        got = 0
        while got < 100:
            got += len(receive(s))


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


class Http2Load:
    """Requests `at_once` at a time on one connection; heads are literals that enter no table."""

    def __init__(self, path, body=b"", at_once=1, **more):
        fields = {":method": "POST" if body else "GET", ":path": path, ":scheme": "http", ":authority": "h", "user-agent": "u",
                  **{name.replace("_", "-"): value for name, value in more.items()}}
        self.head = b"".join(b"\0" + bytes([len(k)]) + k.encode() + bytes([len(v)]) + v.encode() for k, v in fields.items())
        self.body, self.at_once, self.next, self.buffer = body, at_once, 1, b""

    def __call__(self, s, times):
        if self.next == 1:
            s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(8, 0, 0, (1 << 30).to_bytes(4, "big")))
        for _ in range(times // self.at_once):
            out = b""
            for _ in range(self.at_once):
                out += frame(1, 4 if self.body else 5, self.next, self.head) + (frame(0, 1, self.next, self.body) if self.body else b"")
                self.next += 2
            s.sendall(out)
            left = self.at_once
            while left:
                left -= self.ended(s)

    def ended(self, s):
        self.buffer += receive(s)
        ended = 0
        while len(self.buffer) >= 9 and len(self.buffer) >= 9 + (n := int.from_bytes(self.buffer[:3], "big")):
            kind, flags = self.buffer[3], self.buffer[4]
            if kind in (3, 7):
                raise RuntimeError("a stream was reset, or the connection is drained")
            if kind == 4 and not flags & 1:
                s.sendall(frame(4, 1, 0, b""))
            ended += kind in (0, 1) and flags & 1
            self.buffer = self.buffer[9 + n:]
        return ended


HEADERS = "".join(f"x-header-{i}: some value of usual length\r\n" for i in range(20))
LOADS = {
    "GET": ("http", http_load(b"GET /small HTTP/1.1\r\nhost: h\r\n\r\n")),
    "GET with 20 headers, mutations, retry policy": (
        "http", http_load(f"GET /small HTTP/1.1\r\nhost: h\r\nx-a: b\r\nuser-agent: u\r\n{HEADERS}\r\n".encode())),
    "POST of 5000 bytes": ("http", http_load(b"POST /upload HTTP/1.1\r\nhost: h\r\ncontent-length: 5000\r\n\r\n" + b"x" * 5000)),
    "TCP, 100 bytes there and back": ("tcp", tcp_load),
    "GET with TLS": ("https", http_load(b"GET /small HTTP/1.1\r\nhost: h\r\n\r\n")),
    "POST of 50000 bytes with TLS": ("https", http_load(b"POST /upload HTTP/1.1\r\nhost: h\r\ncontent-length: 50000\r\n\r\n" + b"x" * 50000)),
    "HTTP/2 to HTTP/1": ("h2", Http2Load("/small")),
    "HTTP/2 to HTTP/2": ("h2", Http2Load("/")),
    "HTTP/2 to HTTP/2, 30 streams at once": ("h2", Http2Load("/", at_once=30)),
    "HTTP/2 to HTTP/2, POST of 5000 bytes": ("h2", Http2Load("/", b"x" * 5000)),
    "gRPC, counted": ("grpc", Http2Load("/pkg.Service/Method", b"\0\0\0\0\1x" * 100, content_type="application/grpc")),
    "gRPC, an answer that is none": ("grpc", Http2Load("/small/Method", b"\0\0\0\0\1x", content_type="application/grpc", content_length="6")),
    "gRPC-Web": ("grpc", Http2Load("/pkg.Service/Method", b"\0\0\0\0\1x", content_type="application/grpc-web")),
    "gRPC-Web in base64": ("grpc", Http2Load("/pkg.Service/Method", b"AAAAAAFx" * 500, content_type="application/grpc-web-text")),
    "gRPC-Web, an answer that is no gRPC": ("grpc", Http2Load("/small/Method", content_type="application/grpc-web")),
    "RBAC by a tree of addresses": ("rbac_ip", http_load(b"GET /small HTTP/1.1\r\nhost: h\r\n\r\n")),
    "RBAC by headers and paths": ("rbac_headers", http_load(f"GET /small HTTP/1.1\r\nhost: h\r\nuser-agent: u\r\n{HEADERS}\r\n".encode())),
    "a request of who has logged in (oauth2)": ("oauth2", http_load(f"GET /small HTTP/1.1\r\nhost: h\r\n{signed_in()}\r\n".encode())),
    "a head shown to a processor (ext_proc)": ("ext_proc", http_load(b"GET /small HTTP/1.1\r\nhost: h\r\n\r\n")),
}
# Calls of malloc in an exchange, of those that have some: signatures and cookies that are taken apart, messages of protobuf.
PER_EXCHANGE = {"a request of who has logged in (oauth2)": 20, "a head shown to a processor (ext_proc)": 2}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("binary", "shim", "upstream"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="outrigger-alloc-") as folder:
        folder = pathlib.Path(folder)
        counter = folder / "count"
        counter.write_bytes(bytes(8))
        ports = {name: free_port() for name in ("http", "https", "tcp", "h2", "h2_app", "grpc", *policies(""), "admin")}
        upstream = subprocess.Popen([options.upstream], stdout=subprocess.PIPE, text=True)
        proxy = None
        try:
            up_http, up_tcp = map(int, upstream.stdout.readline().split())
            config = folder / "bootstrap.json"
            make_certificate(folder)
            config.write_text(json.dumps(bootstrap(ports, up_http, up_tcp, Processor().port, folder)))
            env = {**os.environ, "LD_PRELOAD": os.path.abspath(options.shim), "OUTRIGGER_MALLOC_COUNT": str(counter)}
            proxy = subprocess.Popen([options.binary, "-c", str(config), "--concurrency", "1", "--log-level", "error"], env=env)
            wait_ready(ports["admin"], proxy)
            with open(counter, "rb") as f, mmap.mmap(f.fileno(), 8, access=mmap.ACCESS_READ) as mapped:
                if struct.unpack("Q", mapped[:8])[0] == 0:
                    raise RuntimeError("the counting library was not loaded")
                for name, (kind, load) in LOADS.items():
                    with connect(ports[kind], kind == "https") as s:
                        if kind == "tcp":
                            s.sendall(b"E")  # the upstream's word for: echo
                        load(s, WARM)
                        before = struct.unpack("Q", mapped[:8])[0]
                        load(s, COUNTED)
                        used = struct.unpack("Q", mapped[:8])[0] - before
                    ok = used <= ALLOWED + COUNTED * PER_EXCHANGE.get(name, 0)
                    passed, failed = passed + ok, failed + (not ok)
                    print(f"{'PASS' if ok else 'FAIL'} {name}: {used} calls of malloc in {COUNTED} exchanges")
        finally:
            for process in (proxy, upstream):
                if process:
                    stop_process(process)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


def wait_ready(port, process):
    for _ in range(2000):
        if process.poll() is not None:
            raise RuntimeError("the proxy did not start")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5):
                return
        except OSError:
            time.sleep(0.005)
    raise RuntimeError("the proxy was not ready in time")


if __name__ == "__main__":
    sys.exit(main())
