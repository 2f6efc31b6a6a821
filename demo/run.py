"""Serves the demo: outrigger-xds on demo/resources, the proxy that it feeds over gRPC, the services behind it; prints what to
try, tries it once, stays until Ctrl-C."""
import argparse
import contextlib
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
FRONT, TCP, ADMIN, PLANE, STATUS = (f"127.0.0.1:{port}" for port in (10000, 10001, 15000, 18000, 18001))
SERVICES = [f"127.0.0.1:{port}" for port in (10011, 10012, 10013)]
PORT = re.compile(r"\b(100(?:00|01|11|12|13)|15000|1800[01])\b")
PORTS = ("10000", "10001", "10011", "10012", "10013", "15000", "18000", "18001")
PATIENCE = 10  # s, until a change has arrived


def share_of_v2(output):
    counts = {version: int(count) for count, version in re.findall(r"(\d+) hello from version (\d)", output)}
    return sum(counts.values()) == 200 and 10 <= counts.get("2", 0) <= 80


# What it shows, the command, and a pattern or function that its output must satisfy.
STEPS = [
    ("a request by header always meets version 2", f"curl -s -H 'x-version: v2' http://{FRONT}/hello",
     r"^hello from version 2$"),
    ("everybody else: four in five meet version 1, one in five version 2",
     f"curl -s 'http://{FRONT}/hello?[1-200]' | sort | uniq -c", share_of_v2),
    ("a path is rewritten: the service says which path it saw", f"curl -si http://{FRONT}/old/hello",
     r"(?m)^x-service: v1 /hello\r?$"),
    ("a redirect, answered by the proxy", f"curl -si http://{FRONT}/moved",
     r"(?s)^HTTP/1.1 302 Found.*location: http://127.0.0.1:10000/hello"),
    ("one of two endpoints always answers 503: the retry hides it", f"curl -s 'http://{FRONT}/flaky?[1-10]'",
     r"^(at last\n){10}$"),
    ("  ... and the stats know", f"curl -s 'http://{ADMIN}/stats?filter=^cluster.flaky.upstream_rq_retry'",
     r"(?m)^cluster.flaky.upstream_rq_retry_success: [1-9]"),
    ("a fault on request: an error", f"curl -si -H 'x-envoy-fault-abort-request: 418' http://{FRONT}/hello",
     r"(?s)^HTTP/1.1 418 .*fault filter abort"),
    ("a fault on request: half a second of delay",
     f"curl -s -o /dev/null -w '%{{http_code}} after %{{time_total}} s\\n' -H 'x-envoy-fault-delay-request: 500'"
     f" http://{FRONT}/hello", r"^200 after 0\.(49|[5-9])"),
    ("a service that answers after 5 s, a route that waits 0.3 s", f"curl -si http://{FRONT}/slow",
     r"(?s)^HTTP/1.1 504 .*upstream request timeout"),
    ("the TCP listener: bytes to version 1, whatever they are", f"curl -s http://{TCP}/hello",
     r"^hello from version 1$"),
    ("the clusters", f"curl -s http://{ADMIN}/clusters", r"(?m)^service_v1::127.0.0.1:10011::health_flags::healthy"),
    ("metrics for Prometheus", f"curl -s http://{ADMIN}/stats/prometheus | grep front",
     r'envoy_http_downstream_rq_xx\{envoy_response_code_class="2",envoy_http_conn_manager_prefix="front"\} [1-9]'),
    ("what the proxy knows of its control plane", f"curl -s http://{ADMIN}/xds", r"RouteConfiguration"),
    ("what the control plane knows of the proxy", f"curl -s http://{STATUS}/status",
     r"(?s)proxy 'demo'.*RouteConfiguration: accepted"),
]

# The same with a file of the directory changed first (and put back at the end).
CHANGES = [
    ("change a weight in a file and watch the traffic move: everybody meets version 2 now", "routes.yaml",
     "sed -i 's/weight: 80/weight: 0/; s/weight: 20/weight: 100/' {file}",
     f"curl -s 'http://{FRONT}/hello?[1-200]' | sort | uniq -c", r"^ *200 hello from version 2\n$"),
    ("make a mistake in a file: it is told with its line, and the traffic goes on as before", "routes.yaml",
     "sed -i 's/weighted_clusters:/weighted_cluster:/' {file}",
     f"curl -s http://{STATUS}/status | grep error:; curl -s http://{FRONT}/hello",
     r"routes.yaml:\d+:\d+: error: .*did you mean 'weighted_clusters'(?s:.*)hello from version [12]\n$"),
]


class Ports:
    """The ports of the demo, or free ones in their place: text() puts them into any text that names them."""

    def __init__(self, free):
        self.chosen = {}
        if free:
            sockets = [socket.socket() for _ in PORTS]
            for number, s in zip(PORTS, sockets):
                s.bind(("127.0.0.1", 0))
                self.chosen[number] = str(s.getsockname()[1])
            for s in sockets:
                s.close()

    def text(self, text):
        return PORT.sub(lambda match: self.chosen.get(match[0], match[0]), text)


def listens(address):
    try:
        with socket.create_connection(address.rsplit(":", 1), 1):
            return True
    except OSError:
        return False


def ready(address):
    try:
        with urllib.request.urlopen(f"http://{address}/ready", timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


class Processes:
    """What the demo consists of; all of it writes to one log."""

    def __init__(self, log):
        self.log, self.running = log, {}

    def start(self, name, *command):
        with self.log.open("a") as output:
            self.running[name] = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def ended(self):
        """What has, and shouldn't."""
        return [f"{name} ended with exit code {p.returncode}" for name, p in self.running.items() if p.poll() is not None]

    def wait_for(self, name, there, *addresses):
        for _ in range(600):
            if self.ended():
                sys.exit(f"{self.ended()[0]}:\n{self.log.read_text()[-4000:]}")
            if all(map(there, addresses)):
                return
            time.sleep(0.05)
        sys.exit(f"{name} did not become ready in 30 s:\n{self.log.read_text()[-4000:]}")

    def stop(self):
        for p in self.running.values():
            if p.poll() is None:
                p.terminate()
        for p in self.running.values():
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()


class Demo:
    def __init__(self, ports, files):
        self.ports, self.files, self.tried, self.failed = ports, files, 0, 0

    def run(self, command, wanted):
        """The output, and whether it is as it should be."""
        result = subprocess.run(command.replace("curl ", "curl -m 10 "), shell=True, capture_output=True, text=True, check=False)
        return result.stdout, wanted(result.stdout) if callable(wanted) else re.search(self.ports.text(wanted), result.stdout)

    def told(self, shows, command, output, good):
        self.tried += 1
        self.failed += not good
        print(f"{'ok  ' if good else 'FAIL'} {shows}\n       {command}")
        if not good:
            print(f"       it printed: {output[:600]!r}")

    def steps(self):
        for shows, command, wanted in STEPS:
            command = self.ports.text(command)
            self.told(shows, command, *self.run(command, wanted))

    def changes(self):
        for shows, name, edit, command, wanted in CHANGES:
            file, command = self.files / "resources" / name, self.ports.text(command)
            edit = edit.format(file=file)
            with kept(file):
                subprocess.run(edit, shell=True, check=True)
                deadline = time.monotonic() + PATIENCE
                output, good = self.run(command, wanted)
                while not good and time.monotonic() < deadline:
                    output, good = self.run(command, wanted)
            self.told(shows, f"{edit}\n       {command}", output, good)
        self.settled()

    def settled(self):
        """The files are as they were, and so is the traffic."""
        deadline = time.monotonic() + PATIENCE
        shows, command, wanted = STEPS[1]
        while not self.run(self.ports.text(command), wanted)[1] and time.monotonic() < deadline:
            pass
        self.told("the files are put back, and " + shows, self.ports.text(command), *self.run(self.ports.text(command), wanted))


@contextlib.contextmanager
def kept(file):
    before = file.read_bytes()
    try:
        yield
    finally:
        new = file.with_name("." + file.name)
        new.write_bytes(before)
        new.replace(file)


def copy_with_ports(ports, folder):
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for file in folder.rglob("*.yaml"):
        file.write_text(ports.text(file.read_text()))
    return folder


def serve(options, folder):
    ports = Ports(options.free_ports)
    admin, status = ports.text(ADMIN), ports.text(STATUS)
    for address in (admin, status):
        if ready(address):
            sys.exit(f"something serves http://{address} already: stop it first")
    files = copy_with_ports(ports, folder / "demo") if options.free_ports else HERE
    processes = Processes(folder / "log")
    try:
        processes.start("outrigger-xds", options.control_plane, files / "resources", "--listen", ports.text(PLANE), "--admin", status)
        processes.wait_for("outrigger-xds", ready, status)
        proxy = [options.binary, "--log-level", "warning"]
        processes.start("the services' process", *proxy, "-c", files / "services.yaml", "--concurrency", "1")
        processes.wait_for("the services' process", listens, *map(ports.text, SERVICES))
        processes.start("the proxy", *proxy, "-c", files / "bootstrap.yaml", "--concurrency", "2", *options.arguments)
        processes.wait_for("the proxy", ready, admin)
        print(f"The demo is up: front http://{ports.text(FRONT)}, TCP {ports.text(TCP)}, admin http://{admin}, control plane "
              f"http://{status}\nThe proxy's listeners, routes, clusters and endpoints come over gRPC from outrigger-xds, which "
              f"reads them from\n{files / 'resources'}. Try:")
        demo = Demo(ports, files)
        demo.steps()
        demo.changes()
        print(f"{demo.tried - demo.failed} passed, {demo.failed} failed", flush=True)
        if options.once:
            return 1 if demo.failed else 0
        print(f"Ctrl-C stops it. Edit a file in {files / 'resources'} and ask again.\n"
              "The log of outrigger-xds and the access log of the front listener follow.", flush=True)
        return follow(processes)
    except KeyboardInterrupt:
        return 0
    finally:
        processes.stop()


def follow(processes):
    """Copies what is written from now on, until something ends."""
    with processes.log.open() as log:
        log.seek(0, 2)
        while not processes.ended():
            print(log.read(), end="", flush=True)
            time.sleep(0.1)
        print(log.read(), end="")
    print(processes.ended()[0])
    return 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--control-plane", help="outrigger-xds; by default the one beside the binary")
    parser.add_argument("--once", action="store_true", help="try the steps and stop")
    parser.add_argument("--free-ports", action="store_true", help="take free ports instead of the usual ones, and a copy of the files")
    parser.add_argument("arguments", nargs="*", help="more arguments for the proxy, after --")
    options = parser.parse_args()
    options.control_plane = options.control_plane or pathlib.Path(options.binary).with_name("outrigger-xds")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="outrigger-demo-") as folder:
        return serve(options, pathlib.Path(folder))


if __name__ == "__main__":
    sys.exit(main())
