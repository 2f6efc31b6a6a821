"""Interception for real: a pod and its peer in network namespaces, the rules installed by outrigger-iptables, the proxy
as its own user, applications that know nothing of it."""
import contextlib
import json
import re
import socket
import subprocess
import time

from intercept_rules import SCRIPT
from namespaces import App, Namespace, Skipped, ask, cable, copy_for_all, need_privileges

TYPES = "type.googleapis.com/envoy.extensions"
SIDECAR = 1337
POD, PEER, OTHER_PEER, VIP = "10.77.0.2", "10.77.0.1", "10.77.0.3", "10.99.0.1"
POD6, PEER6 = "fd77::2", "fd77::1"
ADMIN = 15000
SO_MARK = {"level": 1, "name": 36}
TPROXY_MARK = 1337  # of outrigger-iptables: what bears it, and answers to it, is the proxy's


def address(host, port):
    return {"address": {"socket_address": {"address": host, "port_value": port}}}


def log(text):
    return [{"name": "stdout", "typed_config": {"@type": f"{TYPES}.access_loggers.stream.v3.StdoutAccessLog", "log_format": {
        "text_format_source": {"inline_string": text + " %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_ADDRESS%\n"}}}}]


def tcp(cluster):
    return {"filters": [{"name": "tcp", "typed_config": {"@type": f"{TYPES}.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": "tcp", "cluster": cluster, "access_log": log(cluster)}}]}


def http(cluster):
    return {"filters": [{"name": "hcm", "typed_config": {
        "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "http",
        "access_log": log(cluster),
        "http_filters": [{"name": "router", "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"}}],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
            {"match": {"prefix": "/"}, "route": {"cluster": cluster}}]}],
            "response_headers_to_add": [{"header": {"key": "x-via", "value": cluster}}]}}}]}


def at_port(port, chain):
    return {"filter_chain_match": {"destination_port": port}, **chain}


def static(name, host, port):
    return {"name": name, "connect_timeout": "5s", "load_assignment": {"cluster_name": name, "endpoints": [
        {"lb_endpoints": [{"endpoint": address(host, port)}]}]}}


def original_dst(name, **more):
    return {"name": name, "connect_timeout": "5s", "type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED", **more}


def from_own_address(host="127.0.0.6"):
    return {"upstream_bind_config": {"source_address": {"address": host, "port_value": 0}}}


ORIGINAL_DST_FILTER = [{"name": "original_dst",
                        "typed_config": {"@type": f"{TYPES}.filters.listener.original_dst.v3.OriginalDst"}}]


def bootstrap(transparent=False, family=4):
    """The listeners and clusters of a sidecar, as istiod makes them."""
    any_address, peer, own = ("0.0.0.0", PEER, "127.0.0.6") if family == 4 else ("::", PEER6, "::6")
    captures = {"transparent": True} if transparent else {}
    listeners = [
        {"name": "virtualOutbound", **address(any_address, 15001), "use_original_dst": True, "traffic_direction": "OUTBOUND",
         **captures, "filter_chains": [at_port(15001, tcp("BlackHoleCluster")), tcp("PassthroughCluster")]},
        {"name": "virtualInbound", **address(any_address, 15006), "traffic_direction": "INBOUND", **captures,
         "listener_filters": ORIGINAL_DST_FILTER,
         "filter_chains": [at_port(15006, tcp("BlackHoleCluster")), at_port(8080, http("inbound|8080||")),
                           tcp("InboundPassthroughCluster")]},
        {"name": "any_9080", **address(any_address, 9080), "bind_to_port": False, "filter_chains": [http("service")]},
        {"name": "vip_9080", **address(VIP, 9080), "bind_to_port": False, "filter_chains": [http("vip")]},
        {"name": "any_8081", **address(any_address, 8081), "bind_to_port": False, "filter_chains": [http("self")]}]
    clusters = [static("service", peer, 9080), static("vip", peer, 9081), static("self", POD if family == 4 else POD6, 8080),
                original_dst("PassthroughCluster", upstream_bind_config={"socket_options": [
                    {**SO_MARK, "int_value": 77, "state": "STATE_PREBIND"}]} if transparent else {}),
                original_dst("inbound|8080||", **from_own_address(own)),
                original_dst("InboundPassthroughCluster", **from_own_address(own)),
                {"name": "BlackHoleCluster", "connect_timeout": "1s", "type": "STATIC",
                 "load_assignment": {"cluster_name": "BlackHoleCluster"}}]
    return {"admin": address("127.0.0.1", ADMIN), "static_resources": {"listeners": listeners, "clusters": clusters}}


def showing_clients(mark=TPROXY_MARK, family=4):
    """The application is spoken to from the address of whoever called."""
    config = bootstrap(transparent=True, family=family)["static_resources"]
    inbound = next(one for one in config["listeners"] if one["name"] == "virtualInbound")
    inbound["listener_filters"] = ORIGINAL_DST_FILTER + [{"name": "original_src", "typed_config": {
        "@type": f"{TYPES}.filters.listener.original_src.v3.OriginalSrc", "mark": mark}}]
    for cluster in config["clusters"]:
        if cluster["name"].lower().startswith("inbound"):
            del cluster["upstream_bind_config"]
    return {"admin": address("127.0.0.1", ADMIN), "static_resources": config}


class Pod:
    """A pod with a sidecar and an application on 8080, and the world beside it with three servers."""

    def __init__(self, binary, folder, rules=(), transparent=False, family=4, config=None):
        need_privileges()
        self.stack = contextlib.ExitStack()
        with contextlib.ExitStack() as made:
            self.pod, self.peer = (made.enter_context(contextlib.closing(Namespace())) for _ in range(2))
            cable(self.pod, self.peer, [f"{POD}/24", f"{POD6}/64"], [f"{PEER}/24", f"{PEER6}/64"])
            self.pod.run("ip", "route", "add", "default", "via", PEER)
            self.install(*rules)
            any_address = "0.0.0.0" if family == 4 else "::"
            for namespace, name, port in ((self.pod, "app", 8080), (self.pod, "bare", 8443), (self.peer, "service", 9080),
                                          (self.peer, "vip", 9081), (self.peer, "other", 9999)):
                made.enter_context(contextlib.closing(App(namespace, name, port, any_address)))
            self.start(binary, folder, config or bootstrap(transparent, family), 0 if transparent else SIDECAR, made)
            self.stack = made.pop_all()

    def install(self, *rules):
        done = self.pod.run(SCRIPT, "install", *rules, check=False)
        if done.returncode == 3:
            raise Skipped(done.stderr.strip())
        assert done.returncode == 0, done.stderr

    def start(self, binary, folder, config, uid, made):
        copy, path, self.log = copy_for_all(binary, folder), folder / "bootstrap.json", folder / "log"
        path.write_text(json.dumps(config))
        path.chmod(0o644)
        out = made.enter_context(open(self.log, "wb"))
        self.process = subprocess.Popen(
            self.pod.command("setpriv", "--reuid", str(uid), "--regid", str(SIDECAR), "--clear-groups", str(copy), "-c", str(path),
                             "--concurrency", "1", "--disable-hot-restart", "--file-flush-interval-msec", "10"),
            stdout=out, stderr=subprocess.STDOUT)
        made.callback(self.stop)
        self.until("ready", lambda: "LIVE" in self.admin("/ready"))

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def until(self, what, done, seconds=30):
        deadline = time.monotonic() + seconds
        while not done():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{what}: not so after {seconds} s, or the proxy ended:\n{self.log.read_text()}")

    def admin(self, path):
        try:
            with self.pod:
                client = socket.create_connection(("127.0.0.1", ADMIN), 10)
        except OSError:
            return ""
        with client:
            client.sendall(f"GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n".encode())
            return client.makefile("rb").read().decode()

    def stat(self, name):
        found = re.search(rf"^{re.escape(name)}: (\d+)$", self.admin("/stats?filter=" + re.sub(r"\W", ".", name)), re.M)
        return int(found[1]) if found else 0

    def connections_of(self, cluster):
        return self.stat(f"cluster.{cluster}.upstream_cx_total")

    def logs(self, line):
        self.until(f"the log has '{line}'", lambda: line in self.log.read_text(errors="replace").splitlines())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()


def expect(answer, body, via=""):
    head, got = answer
    assert got == body, f"{got!r} instead of {body!r} ({head!r})"
    found = re.search(r"^x-via: (.*)$", head, re.M | re.I)
    assert (found[1].strip() if found else "") == via, head


def refuse(pod, namespace, host, port, passed=0):
    """Closed, and no circle: so many connections went on from the inbound port."""
    before = pod.connections_of("InboundPassthroughCluster")
    answer = ask(namespace, host, port)
    assert answer == ("", ""), answer
    for cluster in ("BlackHoleCluster", "PassthroughCluster"):
        assert pod.connections_of(cluster) == 0, cluster
    assert pod.connections_of("InboundPassthroughCluster") == before + passed


def outbound_connections_are_redirected(binary, folder):
    with Pod(binary, folder) as pod:
        expect(ask(pod.pod, PEER, 9080), f"service at {PEER} from {POD}", "service")  # by port
        pod.logs(f"service {POD} {PEER}:9080")
        expect(ask(pod.pod, VIP, 9080), f"vip at {PEER} from {POD}", "vip")  # by address and port, which no machine has
        pod.logs(f"vip {POD} {VIP}:9080")
        expect(ask(pod.pod, PEER, 9999), f"other at {PEER} from {POD}")  # no listener of its own: where it wanted to go
        pod.logs(f"PassthroughCluster {POD} {PEER}:9999")
        assert pod.connections_of("PassthroughCluster") == 1


def inbound_connections_are_redirected(binary, folder):
    with Pod(binary, folder) as pod:
        expect(ask(pod.peer, POD, 8080), f"app at {POD} from 127.0.0.6", "inbound|8080||")
        pod.logs(f"inbound|8080|| {PEER} {POD}:8080")
        expect(ask(pod.peer, POD, 8443), f"bare at {POD} from 127.0.0.6")
        pod.logs(f"InboundPassthroughCluster {PEER} {POD}:8443")


def a_pod_that_calls_its_own_service_passes_both_ways(binary, folder):
    with Pod(binary, folder) as pod:
        expect(ask(pod.pod, VIP, 8081), f"app at {POD} from 127.0.0.6", "inbound|8080||")
        assert pod.connections_of("self") == 1 and pod.connections_of("inbound|8080||") == 1
        expect(ask(pod.pod, POD, 8080), f"app at {POD} from {POD}")  # its own address, without the proxy
        expect(ask(pod.pod, "127.0.0.1", 8080), "app at 127.0.0.1 from 127.0.0.1")
        assert pod.connections_of("inbound|8080||") == 1


def what_is_excluded_goes_past_the_proxy(binary, folder):
    rules = ["--inbound-exclude-ports", "8443", "--outbound-exclude-ports", "9999", "--outbound-exclude-cidrs", f"{VIP}/32"]
    with Pod(binary, folder, rules) as pod:
        expect(ask(pod.peer, POD, 8443), f"bare at {POD} from {PEER}")
        expect(ask(pod.pod, PEER, 9999), f"other at {PEER} from {POD}")
        expect(ask(pod.peer, POD, 8080), f"app at {POD} from 127.0.0.6", "inbound|8080||")
        pod.peer.run("ip", "address", "add", f"{VIP}/32", "dev", "lo")
        expect(ask(pod.pod, VIP, 9080), f"service at {VIP} from {POD}")
        for cluster in ("PassthroughCluster", "InboundPassthroughCluster", "vip"):
            assert pod.connections_of(cluster) == 0, cluster
        pod.install("--inbound-ports", "8443", "--outbound-cidrs", f"{VIP}/32")  # others instead
        expect(ask(pod.peer, POD, 8443), f"bare at {POD} from 127.0.0.6")
        expect(ask(pod.peer, POD, 8080), f"app at {POD} from {PEER}")
        expect(ask(pod.pod, PEER, 9080), f"service at {PEER} from {POD}")
        expect(ask(pod.pod, VIP, 9080), f"vip at {PEER} from {POD}", "vip")


def connections_to_the_capture_ports_themselves_are_refused(binary, folder):
    with Pod(binary, folder) as pod:
        refuse(pod, pod.peer, POD, 15006)
        refuse(pod, pod.peer, POD, 15001, passed=1)  # by the inbound port, which finds it to be the outbound one
        refuse(pod, pod.pod, "127.0.0.1", 15001)
        refuse(pod, pod.pod, POD, 15001)
        pod.logs(f"BlackHoleCluster {PEER} {POD}:15006")
        expect(ask(pod.peer, POD, 8080), f"app at {POD} from 127.0.0.6", "inbound|8080||")


def ipv6_is_redirected(binary, folder):
    with Pod(binary, folder, ["--ipv6", "on"], family=6) as pod:
        expect(ask(pod.pod, PEER6, 9080), f"service at {PEER6} from {POD6}", "service")
        expect(ask(pod.pod, PEER6, 9999), f"other at {PEER6} from {POD6}")
        expect(ask(pod.peer, POD6, 8080), f"app at {POD6} from ::6", "inbound|8080||")
        pod.logs(f"inbound|8080|| {PEER6} [{POD6}]:8080")
        expect(ask(pod.pod, PEER6, 8081), f"app at {POD6} from ::6", "inbound|8080||")


def tproxy_keeps_the_addresses_of_inbound_connections(binary, folder):
    with Pod(binary, folder, ["--mode", "tproxy"], transparent=True) as pod:
        pod.pod.run("iptables", "-t", "mangle", "-A", "POSTROUTING", "-m", "mark", "--mark", "77")
        expect(ask(pod.peer, POD, 8080), f"app at {POD} from 127.0.0.6", "inbound|8080||")
        pod.logs(f"inbound|8080|| {PEER} {POD}:8080")
        expect(ask(pod.peer, POD, 8443), f"bare at {POD} from 127.0.0.6")
        pod.logs(f"InboundPassthroughCluster {PEER} {POD}:8443")
        assert not pod.pod.run("iptables", "-t", "nat", "-S", "PREROUTING").stdout.count("OUTRIGGER"), "no translation inbound"
        expect(ask(pod.pod, PEER, 9080), f"service at {PEER} from {POD}", "service")
        assert marked_packets(pod) == 0
        expect(ask(pod.pod, PEER, 9999), f"other at {PEER} from {POD}")  # the cluster marks its sockets
        assert marked_packets(pod) > 0
        expect(ask(pod.pod, VIP, 8081), f"app at {POD} from 127.0.0.6", "inbound|8080||")
        expect(ask(pod.pod, POD, 8080), f"app at {POD} from {POD}")
        assert pod.connections_of("inbound|8080||") == 2


def tproxy_with_original_src_shows_the_application_its_client(binary, folder):
    with Pod(binary, folder, ["--mode", "tproxy"], transparent=True, config=showing_clients()) as pod:
        pod.peer.run("ip", "address", "add", f"{OTHER_PEER}/24", "dev", "eth0")
        expect(ask(pod.peer, POD, 8080), f"app at {POD} from {PEER}", "inbound|8080||")
        pod.logs(f"inbound|8080|| {PEER} {POD}:8080")
        expect(ask(pod.peer, POD, 8443), f"bare at {POD} from {PEER}")
        pod.logs(f"InboundPassthroughCluster {PEER} {POD}:8443")
        expect(ask(pod.peer, POD, 8080, source=OTHER_PEER), f"app at {POD} from {OTHER_PEER}", "inbound|8080||")
        assert pod.connections_of("inbound|8080||") == 2 and pod.connections_of("InboundPassthroughCluster") == 1
        expect(ask(pod.pod, PEER, 9080), f"service at {PEER} from {POD}", "service")  # outbound is as before
        expect(ask(pod.pod, VIP, 8081), f"app at {POD} from {POD}", "inbound|8080||")  # both ways: the client is the pod
        expect(ask(pod.pod, POD, 8080), f"app at {POD} from {POD}")
        assert pod.connections_of("inbound|8080||") == 3


def tproxy_with_original_src_refuses_what_would_come_back(binary, folder):
    with Pod(binary, folder, ["--mode", "tproxy"], transparent=True, config=showing_clients()) as pod:
        refuse(pod, pod.peer, POD, 15006)
        pod.logs(f"BlackHoleCluster {PEER} {POD}:15006")
        refuse(pod, pod.peer, POD, 15001, passed=1)
        expect(ask(pod.peer, POD, 8080), f"app at {POD} from {PEER}", "inbound|8080||")


def tproxy_with_original_src_works_for_ipv6(binary, folder):
    with Pod(binary, folder, ["--mode", "tproxy", "--ipv6", "on"], transparent=True, family=6,
             config=showing_clients(family=6)) as pod:
        expect(ask(pod.peer, POD6, 8080), f"app at {POD6} from {PEER6}", "inbound|8080||")
        pod.logs(f"inbound|8080|| {PEER6} [{POD6}]:8080")


def marked_packets(pod):
    lines = pod.pod.run("iptables", "-t", "mangle", "-L", "POSTROUTING", "-v", "-x", "-n").stdout
    return int(re.search(r"^\s*(\d+).*mark match 0x4d", lines, re.M)[1])


def a_transparent_listener_without_the_capability_is_refused(binary, folder):
    need_privileges()
    copy, path = copy_for_all(binary, folder), folder / "bootstrap.json"
    path.write_text(json.dumps(bootstrap(transparent=True)))
    path.chmod(0o644)
    with contextlib.closing(Namespace()) as alone:
        done = subprocess.run(alone.command("setpriv", "--reuid", str(SIDECAR), "--regid", str(SIDECAR), "--clear-groups",
                                            str(copy), "-c", str(path)), capture_output=True, text=True, timeout=30)
    assert done.returncode == 1, done
    assert "15001" in done.stderr and "Operation not permitted" in done.stderr, done.stderr
    assert "CAP_NET_ADMIN" in done.stderr, done.stderr


def rules(namespace):
    """All of both families, without counters."""
    text = "".join(namespace.run(f"{tool}-save").stdout for tool in ("iptables", "ip6tables"))
    text += "".join(namespace.run("ip", family, what).stdout for family in ("-4", "-6") for what in ("rule", "address"))
    return re.sub(r"^#.*\n|\[\d+:\d+\]|valid_lft.*", "", text, flags=re.M)


def rules_are_installed_twice_as_once_and_removed_whole(binary, folder):
    with contextlib.closing(Namespace()) as pod:
        def script(*arguments):
            done = pod.run(SCRIPT, *arguments, check=False)
            if done.returncode == 3:
                raise Skipped(done.stderr.strip())
            assert done.returncode == 0 and not done.stdout, done
        for tool in ("iptables", "ip6tables"):  # what is there already stays
            for table in ("nat", "mangle"):
                pod.run(tool, "-t", table, "-A", "OUTPUT", "-p", "tcp", "--dport", "7", "-j", "ACCEPT")
        before = rules(pod)
        script("clean")
        assert rules(pod) == before, "there was nothing to remove"
        for mode in ("redirect", "tproxy"):
            arguments = ["install", "--mode", mode, "--dns-port", "15053", "--ipv6", "on"]
            script(*arguments)
            once = rules(pod)
            assert "OUTRIGGER" in once
            script(*arguments)
            assert rules(pod) == once, f"{mode}: {rules(pod)}"
        script("install", "--mode", "redirect", "--ipv6", "on")
        assert "OUTRIGGER_TPROXY" not in rules(pod) and "fwmark" not in rules(pod), "what only the other mode needs"
        script("clean", "--ipv6", "on")
        assert rules(pod) == before, rules(pod)


def rules_without_privileges_say_what_is_missing(binary, folder):
    need_privileges()
    done = subprocess.run(["setpriv", "--reuid", str(SIDECAR), "--clear-groups", "sh", "-s", "--", "install"],
                          stdin=open(SCRIPT), capture_output=True, text=True)
    assert done.returncode == 3, done
    assert "cannot list the table nat" in done.stderr and "NET_ADMIN and NET_RAW" in done.stderr, done.stderr


TESTS = [outbound_connections_are_redirected, inbound_connections_are_redirected,
         a_pod_that_calls_its_own_service_passes_both_ways, what_is_excluded_goes_past_the_proxy,
         connections_to_the_capture_ports_themselves_are_refused, ipv6_is_redirected,
         tproxy_keeps_the_addresses_of_inbound_connections, tproxy_with_original_src_shows_the_application_its_client,
         tproxy_with_original_src_refuses_what_would_come_back, tproxy_with_original_src_works_for_ipv6,
         a_transparent_listener_without_the_capability_is_refused,
         rules_are_installed_twice_as_once_and_removed_whole, rules_without_privileges_say_what_is_missing]
