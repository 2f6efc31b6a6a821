#!/usr/bin/env python3
"""h2spec, the conformance suite of HTTP/2, against Outrigger over h2c.

  h2spec.py --binary build/dev/outrigger [--tool PATH]    exit 77 when h2spec cannot be had

The tool is built from its Go module unless it is there. What fails on purpose is named below, with the reason.
"""
import argparse
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET

MODULE = "github.com/summerwind/h2spec/cmd/h2spec@latest"
ROOT = pathlib.Path(__file__).resolve().parents[2]
KNOWN = {}  # "section: case": why
BOOTSTRAP = """
static_resources:
  listeners:
  - name: front
    address: {{socket_address: {{address: 127.0.0.1, port_value: {front}}}}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          delayed_close_timeout: 0.1s
          route_config:
            virtual_hosts: [{{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: app}}}}]}}]
          http_filters:
          - {{name: router, typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}}}
  - name: app
    address: {{socket_address: {{address: 127.0.0.1, port_value: {app}}}}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: app
          route_config:
            virtual_hosts:
            - {{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, direct_response: {{status: 200, body: {{inline_string: "hello from the app"}}}}}}]}}
          http_filters:
          - {{name: router, typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}}}
  clusters:
  - name: app
    load_assignment:
      cluster_name: app
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {app}}}}}}}}}]}}]
"""


def skip(why):
    print(f"h2spec: {why}")
    sys.exit(77)


def tool_path(given):
    if given:
        return given
    there = shutil.which("h2spec") or str(ROOT / "build/tools/h2spec")
    if os.path.exists(there):
        return there
    if not shutil.which("go"):
        skip("Go, which it is built with, is not installed")
    os.makedirs(ROOT / "build/tools", exist_ok=True)
    made = subprocess.run(["go", "install", MODULE], env={**os.environ, "GOBIN": str(ROOT / "build/tools")},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if made.returncode != 0:
        skip(f"cannot be built: {made.stdout.strip().splitlines()[-1] if made.stdout.strip() else 'no output'}")
    return there


def free_ports(n):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def wait_for(port, process):
    for _ in range(500):
        if process.poll() is not None:
            sys.exit(f"the proxy ended with code {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.01)
    sys.exit("the proxy does not listen")


def results(path):
    """(name, passed) of every case."""
    for suite in ET.parse(path).getroot().iter("testsuite"):
        for case in suite.iter("testcase"):
            name = f"{case.get('package', suite.get('name'))}: {case.get('classname', case.get('name'))}"
            if case.find("skipped") is None:
                yield name, case.find("failure") is None and case.find("error") is None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--tool")
    args = parser.parse_args()
    tool = tool_path(args.tool)
    with tempfile.TemporaryDirectory() as folder:
        front, app = free_ports(2)
        config, report = os.path.join(folder, "bootstrap.yaml"), os.path.join(folder, "report.xml")
        with open(config, "w") as f:
            f.write(BOOTSTRAP.format(front=front, app=app))
        proxy = subprocess.Popen([os.path.abspath(args.binary), "-c", config, "--concurrency", "1", "--disable-hot-restart", "-l", "off"])
        try:
            wait_for(front, proxy)
            subprocess.run([tool, "-h", "127.0.0.1", "-p", str(front), "-o", "2", "-j", report], stdout=subprocess.DEVNULL, check=False)
            alive = proxy.poll() is None
        finally:
            proxy.terminate()
            proxy.wait()
        all_of = list(results(report))
    failed = [name for name, passed in all_of if not passed]
    for name in failed:
        print(f"{'known' if name in KNOWN else 'FAIL'}  {name}{'  (' + KNOWN[name] + ')' if name in KNOWN else ''}")
    bad = [name for name in failed if name not in KNOWN]
    if not alive:
        print("FAIL  the proxy died")
    print(f"h2spec: {len(all_of) - len(failed)} of {len(all_of)}")
    print(f"{len(all_of) - len(bad)} passed, {len(bad) + (not alive)} failed")
    return 1 if bad or not alive or not all_of else 0


if __name__ == "__main__":
    sys.exit(main())
