"""The proxies under comparison: equal configurations, start, stop, CPU time and memory of their processes."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import time

PROXY_CORE, LOAD_CORE = 0, 1
TICK = os.sysconf("SC_CLK_TCK")
NGINX_STREAM = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pin(core):
    """For preexec_fn: one core, when there is more than one."""
    cores = sorted(os.sched_getaffinity(0))
    return lambda: os.sched_setaffinity(0, {cores[min(core, len(cores) - 1)]})


def stop_process(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Proxy:
    """One running proxy. `extra` is the number of idle clusters beside the one that is used."""

    def __init__(self, name, binary, folder, upstream, extra=0):
        self.name, self.folder, self.process = name, pathlib.Path(folder) / f"{name}-{extra}", None
        self.http, self.tcp, self.admin = free_port(), free_port(), free_port()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o777)
        self.argv = globals()[f"{'envoy' if name == 'outrigger' else name}_command"](self, binary, upstream, extra)

    def start(self):
        """Returns the seconds from the start of the process to its first whole response."""
        with open(self.folder / "log", "w") as log:
            began = time.monotonic()
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=pin(PROXY_CORE))
        while time.monotonic() < began + 60:
            if first_response(self.http):
                return time.monotonic() - began
            if self.process.poll() is not None:
                break
            time.sleep(0.0003)
        text = (self.folder / "log").read_text()[-2000:]
        self.stop()
        raise RuntimeError(f"{self.name} did not start:\n{text}")

    def stop(self):
        if self.process:
            stop_process(self.process)

    def pids(self):
        """The process and its descendants."""
        parents = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    fields = pathlib.Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
                    parents.setdefault(int(fields[1]), []).append(int(entry))
                except OSError:
                    pass
        found = [self.process.pid]
        for pid in found:
            found.extend(parents.get(pid, []))
        return found

    def cpu_seconds(self):
        total = 0
        for pid in self.pids():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICK

    def memory_kib(self):
        """(resident, private) of all its processes; what a master shares with its worker since the fork is private."""
        sums = {}
        for pid in self.pids():
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
                name, kib = line.split()[:2]
                sums[name] = sums.get(name, 0) + int(kib)
        return sums["Rss:"], max(sums["Private_Clean:"] + sums["Private_Dirty:"], sums.get("Pss_Anon:", 0))


def first_response(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            s.sendall(b"GET /small HTTP/1.1\r\nHost: bench.test\r\nConnection: close\r\n\r\n")
            return s.recv(4096).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def socket_address(port, host="127.0.0.1"):
    return {"socket_address": {"address": host, "port_value": port}}


def idle_endpoints(i):
    return [f"10.{i // 250 + 1}.{i % 250 + 1}.{n}" for n in (1, 2, 3)]


def envoy_cluster(name, endpoints):
    return {"name": name, "connect_timeout": "5s", "load_assignment": {"cluster_name": name, "endpoints": [
        {"lb_endpoints": [{"endpoint": {"address": address}} for address in endpoints]}]}}


def envoy_listener(name, port, filter_name, config):
    return {"name": name, "address": socket_address(port), "filter_chains": [
        {"filters": [{"name": filter_name, "typed_config": config}]}]}


def envoy_command(proxy, binary, upstream, extra):
    filters = "type.googleapis.com/envoy.extensions.filters"
    http = {"@type": f"{filters}.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "bench",
            "http_filters": [{"name": "envoy.filters.http.router",
                              "typed_config": {"@type": f"{filters}.http.router.v3.Router"}}],
            "route_config": {"name": "bench", "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
                {"match": {"prefix": "/"}, "route": {"cluster": "http"}}]}]}}
    tcp = {"@type": f"{filters}.network.tcp_proxy.v3.TcpProxy", "stat_prefix": "bench", "cluster": "tcp"}
    clusters = [envoy_cluster("http", [socket_address(upstream.http)]),
                envoy_cluster("tcp", [socket_address(upstream.tcp)])]
    clusters += [envoy_cluster(f"idle_{i}", [socket_address(8080, host) for host in idle_endpoints(i)])
                 for i in range(extra)]
    bootstrap = {"node": {"id": "bench", "cluster": "bench"}, "admin": {"address": socket_address(proxy.admin)},
                 "static_resources": {"clusters": clusters, "listeners": [
                     envoy_listener("http", proxy.http, "envoy.filters.network.http_connection_manager", http),
                     envoy_listener("tcp", proxy.tcp, "envoy.filters.network.tcp_proxy", tcp)]}}
    path = proxy.folder / "bootstrap.json"
    path.write_text(json.dumps(bootstrap))
    return [binary, "-c", str(path), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]


def haproxy_command(proxy, binary, upstream, extra):
    lines = f"""
global
  nbthread 1
  maxconn 8192
defaults
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend http
  mode http
  bind 127.0.0.1:{proxy.http}
  default_backend http
backend http
  mode http
  http-reuse always
  server one 127.0.0.1:{upstream.http}
frontend tcp
  mode tcp
  bind 127.0.0.1:{proxy.tcp}
  default_backend tcp
backend tcp
  mode tcp
  server one 127.0.0.1:{upstream.tcp}
""".splitlines()
    for i in range(extra):
        lines += [f"backend idle_{i}", "  mode http"]
        lines += [f"  server s{n} {host}:8080" for n, host in enumerate(idle_endpoints(i))]
    path = proxy.folder / "haproxy.cfg"
    path.write_text("\n".join(lines) + "\n")
    return [binary, "-q", "-db", "-f", str(path)]


def nginx_command(proxy, binary, upstream, extra):
    folder = proxy.folder
    idle = "".join(f"  upstream idle_{i} {{ " + " ".join(f"server {host}:8080;" for host in idle_endpoints(i)) + " }\n"
                   for i in range(extra))
    temporary = "".join(f"  {name}_temp_path {folder}/{name};\n"
                        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    stream = f"""stream {{
  server {{ listen 127.0.0.1:{proxy.tcp}; proxy_pass 127.0.0.1:{upstream.tcp}; }}
}}
""" if NGINX_STREAM.exists() else ""
    load_stream = f"load_module {NGINX_STREAM};\n" if stream else ""
    path = folder / "nginx.conf"
    path.write_text(f"""{load_stream}daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error error;
events {{ worker_connections 8192; }}
{stream}http {{
{temporary}  access_log off;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  upstream http {{ server 127.0.0.1:{upstream.http}; keepalive 256; keepalive_requests 1000000000; }}
{idle}  server {{
    listen 127.0.0.1:{proxy.http};
    location / {{
      proxy_pass http://http;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_request_buffering off;
      proxy_max_temp_file_size 0;
    }}
  }}
}}
""")
    return [binary, "-c", str(path), "-e", str(folder / "error"), "-p", str(folder)]


def can_tcp(name):
    return name != "nginx" or NGINX_STREAM.exists()


def system_proxy(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


class Upstream:
    def __init__(self, binary):
        self.process = subprocess.Popen([binary], stdout=subprocess.PIPE, text=True, preexec_fn=pin(LOAD_CORE))
        self.http, self.tcp = map(int, self.process.stdout.readline().split())

    def stop(self):
        stop_process(self.process)
