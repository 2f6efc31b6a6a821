"""Filters of Istio's own: which protocols are offered to upstreams, and headers about peers, which go no further."""
import socket
import ssl
import threading

from configs import socket_address
from harness.certs import Authority
from proxy import Proxy

T = "type.googleapis.com/"
ENVOY = T + "envoy.extensions."
OWN = ("istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2", "istio", "http/1.1")  # as a server prefers them
PEER = "x-envoy-peer-metadata: m\r\nx-envoy-peer-metadata-id: i\r\n"
OVERRIDES = [{"alpn_override": ["istio-http/1.0", "istio", "http/1.0"]},
             {"upstream_protocol": "HTTP11", "alpn_override": ["istio-http/1.1", "istio", "http/1.1"]},
             {"upstream_protocol": "HTTP2", "alpn_override": ["istio-h2", "istio", "h2"]}]


class Server:
    """Answers over TLS with the protocol that was chosen and the request as it came."""

    def __init__(self, authority):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(authority.path("server.pem"), authority.path("server.key"))
        self.context.set_alpn_protocols(list(OWN))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with self.context.wrap_socket(client, server_side=True) as c:
            while True:
                data = b""
                while b"\r\n\r\n" not in data:
                    more = c.recv(65536)
                    if not more:
                        return
                    data += more
                body = f"protocol: {c.selected_alpn_protocol()}\n".encode() + data
                c.sendall(f"HTTP/1.1 200 OK\r\n{PEER}content-length: {len(body)}\r\n\r\n".encode() + body)


def cluster(name, port, metadata=None, **more):
    out = {"name": name, "connect_timeout": "1s", "load_assignment": {"cluster_name": name, "endpoints": [
        {"lb_endpoints": [{"endpoint": {"address": socket_address(port)}}]}]}, "transport_socket": {"name": "tls", "typed_config": {
            "@type": ENVOY + "transport_sockets.tls.v3.UpstreamTlsContext",
            "common_tls_context": {"alpn_protocols": ["istio-peer-exchange", "istio"]}}},
        "filters": [{"name": "istio.metadata_exchange", "typed_config": {
            "@type": T + "udpa.type.v1.TypedStruct", "type_url": T + "envoy.tcp.metadataexchange.config.MetadataExchange",
            "value": {"enable_discovery": True, "protocol": "istio-peer-exchange"}}}], **more}
    if metadata:
        out["metadata"] = {"filter_metadata": {"istio": metadata}}
    return out


def as_downstream():
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {"typed_extension_protocol_options": {options: {"@type": T + options, "use_downstream_protocol_config": {}}}}


def manager(peer):
    routes = [{"match": {"prefix": "/" + name}, "route": {"cluster": name}} for name in ("plain", "own", "down")]
    return {"@type": ENVOY + "filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "h",
            "http_protocol_options": {"accept_http_10": True},
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]}, "http_filters": [
                {"name": "istio.metadata_exchange", "typed_config": {
                    "@type": T + "udpa.type.v1.TypedStruct", "type_url": T + "io.istio.http.peer_metadata.Config", "value": peer}},
                {"name": "istio.alpn", "typed_config": {
                    "@type": T + "istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig", "alpn_override": OVERRIDES}},
                {"name": "istio.stats", "typed_config": {"@type": T + "stats.PluginConfig"}},
                {"name": "router", "typed_config": {"@type": ENVOY + "filters.http.router.v3.Router"}}]}


def bootstrap(port, admin, server, peer):
    return {"admin": {"address": socket_address(admin)}, "static_resources": {
        "listeners": [{"name": "l", "address": socket_address(port), "filter_chains": [{"filters": [
            {"name": "istio.stats", "typed_config": {"@type": T + "stats.PluginConfig"}}, {"name": "hcm", "typed_config": manager(peer)}]}]}],
        "clusters": [cluster("plain", server), cluster("own", server, {"alpn_override": "false"}), cluster("down", server, **as_downstream())]}}


def ask(port, path, version="1.1"):
    with socket.create_connection(("127.0.0.1", port), 10) as c:
        c.sendall(f"GET {path} HTTP/{version}\r\nhost: h\r\n{PEER}connection: close\r\n\r\n".encode())
        data = b""
        while more := c.recv(65536):
            data += more
    head, _, body = data.decode().partition("\r\n\r\n")
    return head, body


def with_proxy(binary, folder, peer, check):
    authority = Authority(str(folder / "certs"))
    authority.make()
    server = Server(authority)
    with open(folder / "log", "w") as log:
        proxy = Proxy(binary, folder, lambda port, admin: bootstrap(port, admin, server.port, peer), level="warning", stderr=log)
    try:
        check(proxy)
    finally:
        proxy.stop()
        server.listener.close()


def upstreams_are_offered_the_protocols_of_istio_by_the_version_of_http(binary, folder):
    def check(proxy):
        for path, version, wanted in (("/plain", "1.1", "istio-http/1.1"), ("/own", "1.1", "istio"), ("/down", "1.1", "istio-http/1.1"),
                                      ("/down", "1.0", "istio-http/1.0"), ("/plain", "1.0", "istio-http/1.1")):
            _, body = ask(proxy.port, path, version)
            assert body.startswith(f"protocol: {wanted}\n"), f"{path} by HTTP/{version}: {body}"
    with_proxy(binary, folder, {}, check)


def headers_about_peers_go_no_further(binary, folder):
    def check(proxy):
        head, body = ask(proxy.port, "/plain")
        assert "peer-metadata" not in body, body
        assert "peer-metadata" in head, head
    with_proxy(binary, folder, {"downstream_discovery": [{"istio_headers": {}}, {"workload_discovery": {}}]}, check)


def headers_about_upstreams_go_no_further(binary, folder):
    def check(proxy):
        head, body = ask(proxy.port, "/plain")
        assert "peer-metadata" in body, body
        assert "peer-metadata" not in head, head
    with_proxy(binary, folder, {"upstream_discovery": [{"istio_headers": {}}]}, check)


TESTS = [upstreams_are_offered_the_protocols_of_istio_by_the_version_of_http, headers_about_peers_go_no_further,
         headers_about_upstreams_go_no_further]
