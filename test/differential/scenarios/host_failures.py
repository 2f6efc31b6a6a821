"""What becomes of connections to a host when it fails its health checks: close_connections_on_host_health_failure."""
import json

from harness.dsl import *
from harness.operators import CONNECTION as LOG

CLOSE = {"close_connections_on_host_health_failure": True}
CX = "re:^cluster\\.{{up}}\\.upstream_(cx_(active|destroy.*|total)|rq_(total|active|pending_total))$"
TCP = "re:^tcp\\.{{name}}\\.(downstream_cx_(total|rx|tx)|idle|upstream_flush)"


def checked(name, more, script, client, checks=None, **kw):
    """The host "up" is checked on the port of "checks": well at first, and not after the event "fail"."""
    point = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": "{{up.port}}"}}, "health_check_config": {"port_value": "{{checks.port}}"}}}
    yaml = {"health_checks": [{"timeout": "60s", "interval": "0.05s", "no_traffic_interval": "0.05s", "unhealthy_threshold": 1, "healthy_threshold": 1, "http_health_check": {"path": "/h"}}],
            "load_assignment": {"endpoints": [{"lb_endpoints": [point]}]}, **more}
    text = json.dumps(yaml).replace('"{{up.port}}"', "{{up.port}}").replace('"{{checks.port}}"', "{{checks.port}}")
    scenario("host_failure_" + name, up={"up": script, "checks": checks or [ok(), until("fail") + ok(status=503, reason="X")]}, clusters={"up": {"hosts": ["up"], "yaml": text}}, client=client, no_upstream=True, early=True, **kw)


def tcp(name, more, client, script=Tcp(tunnel_echo()), **kw):
    kw.setdefault("log_format", LOG)
    checked("tcp_" + name, more, script, stat_is("cluster.{{up}}.health_check.success", 1) + client, kind="tcp", stats=[TCP, CX], **kw)


HELLO = send("hello") + read_bytes(5)
FAILED = signal("fail") + stat_is("cluster.{{up}}.membership_healthy", 0)
tcp("closed", CLOSE, HELLO + FAILED + raw_all())
tcp("kept", {}, HELLO + FAILED + send("more") + read_bytes(4) + half_close() + raw_all())
tcp("two_closed", CLOSE, send("a", "a") + read_bytes(1, "a") + send("b", "b") + read_bytes(1, "b") + FAILED + raw_all("a") + raw_all("b"))
tcp("nothing_yet", CLOSE, new() + seen(1) + FAILED + raw_all(), script=Tcp(hold()))
tcp("new_one_in_panic", CLOSE, HELLO + FAILED + raw_all() + send("again", "d") + read_bytes(5, "d") + half_close("d") + raw_all("d"))
tcp("flushed", CLOSE, send("x") + read_bytes(1) + FAILED + read_bytes(20000) + raw_all(), script=Tcp(expect(b"x") + raw("b" * 20001) + hold()))

ROUTE = '- {match: {prefix: /}, route: {cluster: "{{up}}"}}'


def http(name, more, client, script, **kw):
    kw.setdefault("log_format", {"code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%"})
    kw.setdefault("routes", ROUTE)
    checked("http_" + name, more, script, stat_is("cluster.{{up}}.health_check.success", 1) + client, stats=[CX], **kw)


for name, more in (("drained", CLOSE), ("drained_anyway", {})):
    http(name, more, get("/") + FAILED + gone(1) + get("/"), [ok("a"), ok("b")])
CONNECT = "upgrade_configs: [{upgrade_type: CONNECT}]"
CONNECTED = '- {match: {connect_matcher: {}}, route: {cluster: "{{up}}", upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}}'
for name, more, end in (("connect_closed", CLOSE, raw_all()), ("connect_kept", {}, send("more") + read_bytes(4) + half_close() + raw_all())):
    http(name, more, send("CONNECT h.example:80 HTTP/1.1\r\nhost: h.example:80\r\n\r\n") + read_head() + HELLO + FAILED + end, Tcp(tunnel_echo()), routes=CONNECTED, hcm=CONNECT)
