#!/usr/bin/env python3
"""h2spec, the conformance suite of HTTP/2, against Outrigger over h2c and over TLS.

  h2spec.py --binary build/dev/outrigger [--tool PATH]    exit 77 when h2spec cannot be had

The tool is built from its Go module unless it is there.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

from common import certificate, free_ports, go_tool, proxy

MODULE = "github.com/summerwind/h2spec/cmd/h2spec@latest"
FRONT = """
  - name: {name}
    address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - {transport}
      filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: {name}
          codec_type: HTTP2
          delayed_close_timeout: 0.1s
          route_config:
            virtual_hosts: [{{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: app}}}}]}}]
          http_filters:
          - name: answers_take_a_while
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault
              delay: {{fixed_delay: 0.03s, percentage: {{numerator: 100}}}}
          - {{name: router, typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}}}
"""
APP = """
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
    type: STATIC
    load_assignment:
      cluster_name: app
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {app}}}}}}}}}]}}]
"""


TLS = """transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [h2]
            tls_certificates: [{{certificate_chain: {{filename: {folder}/cert.pem}}, private_key: {{filename: {folder}/key.pem}}}}]
"""


def bootstrap(folder, h2c, tls, app):
    fronts = FRONT.format(name="h2c", port=h2c, transport="name: plain") + FRONT.format(name="tls", port=tls, transport=TLS.format(folder=folder))
    return "static_resources:\n  listeners:" + fronts + APP.format(app=app)


def results(path):
    """(name, passed) of every case."""
    with open(path, encoding="utf-8", errors="replace") as f:
        text = re.sub(r"[^\t\n\r\x20-\uffff]", "?", f.read())  # what came over the wire is in it as it is
    for suite in ET.fromstring(re.sub(r"^<\?xml[^>]*>", "", text)).iter("testsuite"):
        for case in suite.iter("testcase"):
            name = f"{case.get('package', suite.get('name'))}: {case.get('classname', case.get('name'))}"
            if case.find("skipped") is None:
                yield name, case.find("failure") is None and case.find("error") is None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--tool")
    args = parser.parse_args()
    tool = args.tool or go_tool("h2spec", MODULE)
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        certificate(folder, "h2spec")
        ports = dict(zip(("h2c", "tls", "app"), free_ports(3)))
        with proxy(args.binary, folder, bootstrap(folder, **ports), ports["app"]) as process:
            for name, flags in (("h2c", []), ("tls", ["-t", "-k"])):
                report = os.path.join(folder, name + ".xml")
                subprocess.run([tool, "-h", "127.0.0.1", "-p", str(ports[name]), "-o", "2", "-j", report, *flags], stdout=subprocess.DEVNULL, check=False)
                bad += judge(name, report)
            if process.poll() is not None:
                print("FAIL  the proxy died")
                bad += 1
    print(f"{2 - min(bad, 2)} passed, {bad} failed")
    return 1 if bad else 0


def judge(name, report):
    """How many cases fail."""
    all_of = list(results(report)) if os.path.exists(report) else []
    failed = [case for case, passed in all_of if not passed]
    for case in failed:
        print(f"FAIL  {name}: {case}")
    print(f"h2spec over {name}: {len(all_of) - len(failed)} of {len(all_of)}")
    return len(failed) + (not all_of)


if __name__ == "__main__":
    sys.exit(main())
