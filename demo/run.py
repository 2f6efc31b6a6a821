"""Serves the demo: starts the proxy on demo/bootstrap.yaml, prints what to try, tries it once, stays until Ctrl-C."""
import argparse
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
FRONT, TCP, ADMIN = "127.0.0.1:10000", "127.0.0.1:10001", "127.0.0.1:15000"
PORT = re.compile(r"\b(100(?:00|01|11|12|13)|15000)\b")


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
]


class Ports:
    """The ports of the bootstrap, or free ones in their place: text() puts them into any text that names them."""

    def __init__(self, free):
        self.chosen = {}
        if free:
            numbers = sorted(set(PORT.findall((HERE / "bootstrap.yaml").read_text())))
            sockets = [socket.socket() for _ in numbers]
            for number, s in zip(numbers, sockets):
                s.bind(("127.0.0.1", 0))
                self.chosen[number] = str(s.getsockname()[1])
            for s in sockets:
                s.close()

    def text(self, text):
        return PORT.sub(lambda match: self.chosen.get(match[0], match[0]), text)


def ready(admin):
    try:
        with urllib.request.urlopen(f"http://{admin}/ready", timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def wait_until_ready(proxy, admin, log):
    for _ in range(600):
        if proxy.poll() is not None:
            sys.exit(f"the proxy stopped with exit code {proxy.returncode}:\n{log.read_text()[-4000:]}")
        if ready(admin):
            return
        time.sleep(0.05)
    sys.exit(f"the proxy did not become ready in 30 s:\n{log.read_text()[-4000:]}")


def try_steps(ports):
    failed = 0
    for shows, command, wanted in STEPS:
        command = ports.text(command)
        result = subprocess.run(command.replace("curl ", "curl -m 10 ", 1), shell=True, capture_output=True, text=True)
        output = result.stdout
        good = wanted(output) if callable(wanted) else re.search(ports.text(wanted), output)
        failed += not good
        print(f"{'ok  ' if good else 'FAIL'} {shows}\n       {command}")
        if not good:
            print(f"       it printed (exit {result.returncode}): {output[:600]!r}")
    print(f"{len(STEPS) - failed} passed, {failed} failed", flush=True)
    return failed


def stop(proxy):
    if proxy.poll() is None:
        proxy.terminate()
        try:
            proxy.wait(5)
        except subprocess.TimeoutExpired:
            proxy.kill()


def serve(options, folder):
    ports = Ports(options.free_ports)
    admin = ports.text(ADMIN)
    if ready(admin):
        sys.exit(f"something serves http://{admin} already: stop it first")
    bootstrap = HERE / "bootstrap.yaml"
    if options.free_ports:
        bootstrap = folder / "bootstrap.yaml"
        bootstrap.write_text(ports.text((HERE / "bootstrap.yaml").read_text()))
    log = folder / "log"
    with log.open("w") as output:
        proxy = subprocess.Popen([options.binary, "-c", str(bootstrap), "--concurrency", "2", "--log-level", "warning",
                                  *options.arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        wait_until_ready(proxy, admin, log)
        print(f"The demo is up: front http://{ports.text(FRONT)}, TCP {ports.text(TCP)}, admin http://{admin}\n"
              f"Its configuration is {bootstrap}. Try:")
        failed = try_steps(ports)
        if options.once:
            return 1 if failed else 0
        print("Ctrl-C stops it. The access log of the front listener follows.", flush=True)
        return follow(proxy, log)
    except KeyboardInterrupt:
        return 0
    finally:
        stop(proxy)


def follow(proxy, path):
    """Copies what the proxy writes from now on, until it ends."""
    with path.open() as log:
        log.seek(0, 2)
        while proxy.poll() is None:
            print(log.read(), end="", flush=True)
            time.sleep(0.1)
        print(log.read(), end="")
    return proxy.returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--once", action="store_true", help="try the steps and stop")
    parser.add_argument("--free-ports", action="store_true", help="take free ports instead of the usual ones")
    parser.add_argument("arguments", nargs="*", help="more arguments for the proxy, after --")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="outrigger-demo-") as folder:
        return serve(options, pathlib.Path(folder))


if __name__ == "__main__":
    sys.exit(main())
