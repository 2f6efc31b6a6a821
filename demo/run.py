"""Serves the demo: starts the proxy on demo/bootstrap.yaml, prints what to try, tries it once, stays until Ctrl-C."""
import argparse
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
FRONT, TCP, ADMIN = "127.0.0.1:10000", "127.0.0.1:10001", "127.0.0.1:15000"


def share_of_v2(output):
    lines = output.splitlines()
    v2 = sum("version 2" in line for line in lines)
    return len(lines) == 200 and 10 <= v2 <= 80


# What it shows, the command, and a pattern or function that its output must satisfy.
STEPS = [
    ("a request by header always meets version 2", f"curl -s -H 'x-version: v2' http://{FRONT}/hello",
     r"^hello from version 2$"),
    ("everybody else: four in five meet version 1, one in five version 2",
     f"curl -s 'http://{FRONT}/hello?[1-200]'", share_of_v2),
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
     f" http://{FRONT}/hello", r"^200 after 0\.[5-9]"),
    ("a service that answers after 5 s, a route that waits 0.3 s", f"curl -si http://{FRONT}/slow",
     r"(?s)^HTTP/1.1 504 .*upstream request timeout"),
    ("the TCP listener: bytes to version 1, whatever they are", f"curl -s http://{TCP}/hello",
     r"^hello from version 1$"),
    ("the clusters", f"curl -s http://{ADMIN}/clusters", r"(?m)^service_v1::127.0.0.1:10011::health_flags::healthy"),
    ("metrics for Prometheus", f"curl -s http://{ADMIN}/stats/prometheus | grep front",
     r'envoy_http_downstream_rq_xx\{envoy_response_code_class="2",envoy_http_conn_manager_prefix="front"\} [1-9]'),
]


def ready():
    try:
        with urllib.request.urlopen(f"http://{ADMIN}/ready", timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def wait_until_ready(proxy, log):
    for _ in range(200):
        if proxy.poll() is not None:
            log.seek(0)
            sys.exit(f"the proxy stopped with exit code {proxy.returncode}:\n{log.read()[-4000:]}")
        if ready():
            return
        time.sleep(0.05)
    sys.exit(f"the proxy did not become ready in 10 s:\n{pathlib.Path(log.name).read_text()[-4000:]}")


def try_steps():
    failed = 0
    for shows, command, wanted in STEPS:
        result = subprocess.run(command.replace(f"curl ", "curl -m 10 ", 1), shell=True, capture_output=True, text=True)
        output = result.stdout
        good = wanted(output) if callable(wanted) else re.search(wanted, output)
        failed += not good
        print(f"{'ok  ' if good else 'FAIL'} {shows}\n       {command}")
        if not good:
            print(f"       it printed (curl exit {result.returncode}): {output[:600]!r}")
    print(f"{len(STEPS) - failed} passed, {failed} failed")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--once", action="store_true", help="try the steps and stop")
    parser.add_argument("arguments", nargs="*", help="more arguments for the proxy, after --")
    options = parser.parse_args()
    if ready():
        sys.exit(f"something serves http://{ADMIN} already: stop it first")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.NamedTemporaryFile("w+", prefix="outrigger-demo-", suffix=".log") as log:
        proxy = subprocess.Popen([options.binary, "-c", str(HERE / "bootstrap.yaml"), "--concurrency", "2",
                                  "--log-level", "warning", *options.arguments], stdout=log, stderr=log)
        try:
            wait_until_ready(proxy, log)
            print(f"The demo is up: front http://{FRONT}, TCP {TCP}, admin http://{ADMIN}\n"
                  f"configuration {HERE / 'bootstrap.yaml'}, access log below\nTry:")
            failed = try_steps()
            if options.once or failed:
                return 1 if failed else 0
            print("Ctrl-C stops it. The access log and the proxy's own log follow.", flush=True)
            return follow(proxy, log.name)
        except KeyboardInterrupt:
            return 0
        finally:
            if proxy.poll() is None:
                proxy.terminate()
                try:
                    proxy.wait(5)
                except subprocess.TimeoutExpired:
                    proxy.kill()


def follow(proxy, path):
    """Copies what the proxy writes from now on, until it ends."""
    with open(path) as log:
        log.seek(0, 2)
        while proxy.poll() is None:
            text = log.read()
            if text:
                print(text, end="", flush=True)
            time.sleep(0.1)
        print(log.read(), end="")
    return proxy.returncode


if __name__ == "__main__":
    sys.exit(main())
