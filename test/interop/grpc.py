#!/usr/bin/env python3
"""gRPC's interop client and server (of its Go implementation) with Outrigger between them.

  grpc.py --binary build/dev/outrigger [--case NAME]    exit 77 when they cannot be had

Each case runs three ways: over h2c, over TLS on both sides, and through two listeners that speak mutual TLS to each other.
Left out are the cases that need credentials of a cloud, and pick_first_unary: this server has no id.
"""
import argparse
import subprocess
import sys
import tempfile

from common import certificate, free_ports, go_tool, proxy, running

VERSION = "v1.85.0"
CASES = """empty_unary large_unary client_streaming server_streaming ping_pong empty_stream timeout_on_sleeping_server cancel_after_begin
cancel_after_first_response status_code_and_message special_status_message custom_metadata unimplemented_method unimplemented_service
orca_per_rpc orca_oob rpc_soak channel_soak""".split()
LOAD_REPORTS = ["-service_config_json", '{"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}']
TYPE = "type.googleapis.com/envoy.extensions."
LISTENER = """
  - name: {name}
    address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - {transport}
      filters:
      - name: hcm
        typed_config:
          "@type": {type}filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: {name}
          route_config: {{virtual_hosts: [{{name: all, domains: ["*"], routes: [{{match: {{prefix: /, grpc: {{}}}}, route: {{cluster: {to}, timeout: 0s}}}}]}}]}}
          http_filters:
          - {{name: stats, typed_config: {{"@type": {type}filters.http.grpc_stats.v3.FilterConfig, stats_for_all_methods: true, emit_filter_state: true}}}}
          - {{name: router, typed_config: {{"@type": {type}filters.http.router.v3.Router}}}}
"""
CLUSTER = """
  - name: {name}
    type: STATIC
    {transport}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": {type}upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{http2_protocol_options: {{}}}}
    load_assignment:
      cluster_name: {name}
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}}}]}}]
"""
COMMON = """alpn_protocols: [h2], tls_certificates: [{{certificate_chain: {{filename: {folder}/cert.pem}}, private_key: {{filename: {folder}/key.pem}}}}],
          validation_context: {{trusted_ca: {{filename: {folder}/cert.pem}}}}"""
DOWN = """transport_socket: {{name: tls, typed_config: {{"@type": {type}transport_sockets.tls.v3.DownstreamTlsContext, require_client_certificate: {require},
        common_tls_context: {{""" + COMMON + """}}}}}}"""
UP = """transport_socket: {{name: tls, typed_config: {{"@type": {type}transport_sockets.tls.v3.UpstreamTlsContext, sni: interop.test,
        common_tls_context: {{""" + COMMON + """}}}}}}"""


def bootstrap(folder, h2c, tls, mesh, inner, server, tls_server):
    def down(require):
        return DOWN.format(type=TYPE, folder=folder, require=require)

    up = UP.format(type=TYPE, folder=folder)
    listeners = [("h2c", h2c, "name: plain", "server"), ("tls", tls, down("false"), "tls_server"), ("mesh", mesh, "name: plain", "inner"),
                 ("inner", inner, down("true"), "server")]
    clusters = [("server", server, ""), ("tls_server", tls_server, up), ("inner", inner, up)]
    return ("static_resources:\n  listeners:" + "".join(LISTENER.format(name=n, port=p, transport=t, to=to, type=TYPE) for n, p, t, to in listeners)
            + "  clusters:" + "".join(CLUSTER.format(name=n, port=p, transport=t, type=TYPE) for n, p, t in clusters))


def run_case(client, case, port, flags):
    """What it said, or None when it passed."""
    command = [client, "-server_host", "127.0.0.1", "-server_port", str(port), "-test_case", case, *flags, *(LOAD_REPORTS if case.startswith("orca") else [])]
    try:
        out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return "it did not end in 60 s"
    return None if out.returncode == 0 else out.stdout.strip()[-2000:] or f"exit code {out.returncode}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--case", action="append")
    args = parser.parse_args()
    client, server = (go_tool(f"grpc_interop_{n}", f"google.golang.org/grpc/interop/{n}@{VERSION}") for n in ("client", "server"))
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        certificate(folder, "interop.test")
        ports = dict(zip(("h2c", "tls", "mesh", "inner", "server", "tls_server"), free_ports(6)))
        secure = ["-use_tls", "-use_test_ca", "-ca_file", f"{folder}/cert.pem", "-server_host_override", "interop.test"]
        files = ["-use_tls", "-tls_cert_file", f"{folder}/cert.pem", "-tls_key_file", f"{folder}/key.pem"]
        with running([server, "-port", str(ports["server"])], ports["server"]), \
                running([server, "-port", str(ports["tls_server"]), *files], ports["tls_server"]), \
                proxy(args.binary, folder, bootstrap(folder, **ports), ports["inner"]) as process:
            for way, flags in (("h2c", []), ("tls", secure), ("mesh", [])):
                for case in args.case or CASES:
                    said = run_case(client, case, ports[way], flags)
                    if said is None:
                        passed += 1
                    else:
                        failed += 1
                        print(f"FAIL  {way}: {case}\n    " + said.replace("\n", "\n    "))
            if process.poll() is not None:
                print("FAIL  the proxy died")
                failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
