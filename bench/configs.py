"""Equal configurations of the proxies under comparison. Each function writes one and returns the command line that uses it.

Plain ones have the ports http and tcp; those of the wire https (ECDSA certificate), https_rsa and h2 (HTTP/2 in and out);
of two in a row the near one takes HTTP/1.1 and speaks HTTP/2 over mutual TLS to the far one, which speaks HTTP/1.1.
"""
import json
import pathlib
import subprocess

NGINX_STREAM = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")
NAME = "bench.test"
KEYS = {"ecdsa": ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), "rsa": ("rsa:2048",)}
TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
FILTERS = "type.googleapis.com/envoy.extensions.filters."
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
HCM = "envoy.filters.network.http_connection_manager"


class Certificate:
    """Self-signed, and its own authority. Made once per folder."""

    def __init__(self, folder, kind):
        self.certificate, self.key, self.both = (pathlib.Path(folder) / f"{kind}.{end}" for end in ("crt", "key", "pem"))
        if self.both.exists():
            return
        subprocess.run(["openssl", "req", "-x509", "-newkey", *KEYS[kind], "-nodes", "-days", "30", "-subj", f"/CN={NAME}",
                        "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", str(self.key), "-out", str(self.certificate)],
                       check=True, capture_output=True)
        self.both.write_bytes(self.certificate.read_bytes() + self.key.read_bytes())
        for path in (self.certificate, self.key, self.both):
            path.chmod(0o644)


def idle_endpoints(i):
    return [f"10.{i // 250 + 1}.{i % 250 + 1}.{n}" for n in (1, 2, 3)]


# Envoy and Outrigger.

def socket_address(port, host="127.0.0.1"):
    return {"socket_address": {"address": host, "port_value": port}}


def envoy_cluster(name, endpoints, http2=False, socket=None):
    cluster = {"name": name, "connect_timeout": "5s", "load_assignment": {"cluster_name": name, "endpoints": [
        {"lb_endpoints": [{"endpoint": {"address": address}} for address in endpoints]}]}}
    if http2:
        cluster["typed_extension_protocol_options"] = {HTTP_OPTIONS: {
            "@type": "type.googleapis.com/" + HTTP_OPTIONS, "explicit_http_config": {"http2_protocol_options": {}}}}
    if socket:
        cluster["transport_socket"] = socket
    return cluster


def envoy_manager(cluster, codec="AUTO"):
    return {"@type": FILTERS + "network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "bench",
            "codec_type": codec, "route_config": {"name": "bench", "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": cluster}}]}]},
            "http_filters": [{"name": "envoy.filters.http.router",
                              "typed_config": {"@type": FILTERS + "http.router.v3.Router"}}]}


def envoy_listener(name, port, filter_name, config, socket=None):
    chain = {"filters": [{"name": filter_name, "typed_config": config}]}
    if socket:
        chain["transport_socket"] = socket
    return {"name": name, "address": socket_address(port), "filter_chains": [chain]}


def envoy_tls(kind, certificate, mutual=False, **more):
    common = {"tls_certificates": [{"certificate_chain": {"filename": str(certificate.certificate)},
                                    "private_key": {"filename": str(certificate.key)}}]}
    if mutual:
        common["alpn_protocols"] = ["h2"]
        common["validation_context"] = {"trusted_ca": {"filename": str(certificate.certificate)}}
    return {"name": "envoy.transport_sockets.tls",
            "typed_config": {"@type": TLS + kind, "common_tls_context": common, **more}}


def write_envoy(proxy, binary, clusters, listeners, **more):
    path = proxy.folder / "bootstrap.json"
    path.write_text(json.dumps({"node": {"id": "bench", "cluster": "bench"}, "admin": {"address": socket_address(proxy.admin)},
                                "static_resources": {"clusters": clusters, "listeners": listeners}, **more}))
    return [binary, "-c", str(path), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]


def envoy(proxy, binary, upstream, extra):
    clusters = [envoy_cluster("http", [socket_address(upstream.http)]), envoy_cluster("tcp", [socket_address(upstream.tcp)])]
    clusters += [envoy_cluster(f"idle_{i}", [socket_address(8080, host) for host in idle_endpoints(i)]) for i in range(extra)]
    tcp = {"@type": FILTERS + "network.tcp_proxy.v3.TcpProxy", "stat_prefix": "bench", "cluster": "tcp"}
    return write_envoy(proxy, binary, clusters, [
        envoy_listener("http", proxy.http, HCM, envoy_manager("http")),
        envoy_listener("tcp", proxy.tcp, "envoy.filters.network.tcp_proxy", tcp)])


def envoy_wire(proxy, binary, upstream, _):
    http = envoy_manager("http")
    return write_envoy(proxy, binary, [envoy_cluster("http", [socket_address(upstream.http)]),
                                       envoy_cluster("h2", [socket_address(upstream.h2)], http2=True)], [
        envoy_listener("http", proxy.http, HCM, http),
        envoy_listener("h2", proxy.h2, HCM, envoy_manager("h2", "HTTP2")),
        envoy_listener("https", proxy.https, HCM, http, envoy_tls("DownstreamTlsContext", proxy.ecdsa)),
        envoy_listener("https_rsa", proxy.https_rsa, HCM, http, envoy_tls("DownstreamTlsContext", proxy.rsa))])


def envoy_near(proxy, binary, upstream, _):
    socket = envoy_tls("UpstreamTlsContext", proxy.ecdsa, mutual=True, sni=NAME)
    return write_envoy(proxy, binary, [envoy_cluster("far", [socket_address(proxy.far)], http2=True, socket=socket)],
                       [envoy_listener("http", proxy.http, HCM, envoy_manager("far"))])


def envoy_far(proxy, binary, upstream, _):
    socket = envoy_tls("DownstreamTlsContext", proxy.ecdsa, mutual=True, require_client_certificate=True)
    return write_envoy(proxy, binary, [envoy_cluster("http", [socket_address(upstream.http)])],
                       [envoy_listener("far", proxy.far, HCM, envoy_manager("http"), socket)])


# HAProxy.

HAPROXY = """global
  nbthread 1
  maxconn 8192
defaults
  mode http
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
"""


def write_haproxy(proxy, binary, text):
    path = proxy.folder / "haproxy.cfg"
    path.write_text(HAPROXY + text)
    return [binary, "-q", "-db", "-f", str(path)]


def haproxy(proxy, binary, upstream, extra):
    idle = "".join(f"backend idle_{i}\n" + "".join(f"  server s{n} {host}:8080\n" for n, host in enumerate(idle_endpoints(i)))
                   for i in range(extra))
    return write_haproxy(proxy, binary, f"""frontend http
  bind 127.0.0.1:{proxy.http}
  default_backend http
backend http
  server one 127.0.0.1:{upstream.http}
frontend tcp
  mode tcp
  bind 127.0.0.1:{proxy.tcp}
  default_backend tcp
backend tcp
  mode tcp
  server one 127.0.0.1:{upstream.tcp}
{idle}""")


def haproxy_wire(proxy, binary, upstream, _):
    return write_haproxy(proxy, binary, f"""frontend http
  bind 127.0.0.1:{proxy.http}
  bind 127.0.0.1:{proxy.https} ssl crt {proxy.ecdsa.both}
  bind 127.0.0.1:{proxy.https_rsa} ssl crt {proxy.rsa.both}
  default_backend http
backend http
  server one 127.0.0.1:{upstream.http}
frontend h2
  bind 127.0.0.1:{proxy.h2} proto h2
  default_backend h2
backend h2
  server one 127.0.0.1:{upstream.h2} proto h2
""")


def haproxy_near(proxy, binary, upstream, _):
    tls = f"ssl crt {proxy.ecdsa.both} ca-file {proxy.ecdsa.certificate} verify required sni str({NAME}) alpn h2"
    return write_haproxy(proxy, binary, f"""frontend http
  bind 127.0.0.1:{proxy.http}
  default_backend far
backend far
  server one 127.0.0.1:{proxy.far} {tls}
""")


def haproxy_far(proxy, binary, upstream, _):
    tls = f"ssl crt {proxy.ecdsa.both} ca-file {proxy.ecdsa.certificate} verify required alpn h2"
    return write_haproxy(proxy, binary, f"""frontend far
  bind 127.0.0.1:{proxy.far} {tls}
  default_backend http
backend http
  server one 127.0.0.1:{upstream.http}
""")


# nginx.

NGINX_LOCATION = """    location / {
      proxy_pass http://http;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_request_buffering off;
      proxy_max_temp_file_size 0;
    }
"""


def write_nginx(proxy, binary, upstream, listens, idle="", stream="", module=""):
    folder = proxy.folder
    temporary = "".join(f"  {name}_temp_path {folder}/{name};\n"
                        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    servers = "".join(f"  server {{\n    {listen}\n{NGINX_LOCATION}  }}\n" for listen in listens)
    path = folder / "nginx.conf"
    path.write_text(f"""{module}daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error error;
events {{ worker_connections 8192; }}
{stream}http {{
{temporary}  access_log off;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  upstream http {{ server 127.0.0.1:{upstream.http}; keepalive 256; keepalive_requests 1000000000; }}
{idle}{servers}}}
""")
    return [binary, "-c", str(path), "-e", str(folder / "error"), "-p", str(folder)]


def nginx(proxy, binary, upstream, extra):
    idle = "".join(f"  upstream idle_{i} {{ " + " ".join(f"server {host}:8080;" for host in idle_endpoints(i)) + " }\n"
                   for i in range(extra))
    stream = module = ""
    if NGINX_STREAM.exists():
        module = f"load_module {NGINX_STREAM};\n"
        stream = f"stream {{\n  server {{ listen 127.0.0.1:{proxy.tcp}; proxy_pass 127.0.0.1:{upstream.tcp}; }}\n}}\n"
    return write_nginx(proxy, binary, upstream, [f"listen 127.0.0.1:{proxy.http};"], idle, stream, module)


def nginx_wire(proxy, binary, upstream, _):
    listens = [f"listen 127.0.0.1:{proxy.http};"]
    for port, c in ((proxy.https, proxy.ecdsa), (proxy.https_rsa, proxy.rsa)):
        listens.append(f"listen 127.0.0.1:{port} ssl; ssl_certificate {c.certificate}; ssl_certificate_key {c.key}; "
                       "ssl_protocols TLSv1.2 TLSv1.3;")
    return write_nginx(proxy, binary, upstream, listens)
