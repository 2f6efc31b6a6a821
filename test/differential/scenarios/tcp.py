# tcp_proxy: bytes and ends in both directions, failures to connect, weights, timeouts, log, stats.
from harness.dsl import *
from harness.operators import CONNECTION as LOG

ECHO = Tcp(tunnel_echo())
TCP = "re:^tcp\\.{{name}}\\."
CX = "re:^cluster\\.{{up}}\\.upstream_cx_(active|connect|destroy|http1|none|overflow|pool|rx_bytes_total|total|tx_bytes_total)"
# Whether the client's last bytes are out when it ends is a matter of time.
NO_FLUSH = {"stats": [TCP + "(?!upstream_flush)", CX] }
DOWN = ["listener.127.0.0.1_{{port}}.downstream_cx_" + x for x in ("total", "active", "destroy")]


def tcp(name, **kw):
    kw.setdefault("up", ECHO)
    kw.setdefault("stats", [TCP, CX] + DOWN)
    scenario("tcp_" + name, kind="tcp", **kw)


tcp("echo", client=send("hello") + read_bytes(5) + send("more") + read_bytes(4) + half_close() + raw_all() + gone(1))
tcp("echo_log", log_format=LOG, client=send("hello") + read_bytes(5) + half_close() + raw_all() + gone(1))
tcp("client_half_closes_first", up=Tcp(expect(b"bye") + raw("later") + ended() + raw("-end") + fin()),
    client=send("bye") + read_bytes(5) + half_close() + raw_all())
tcp("client_half_closes_at_once", up=Tcp(ended() + raw("late") + fin()), client=new() + half_close() + raw_all())
tcp("upstream_half_closes_first", up=Tcp(raw("greeting") + half() + expect(b"answer") + ended()),
    client=read_bytes(8) + send("answer") + half_close() + raw_all(), **NO_FLUSH)
tcp("upstream_ends_client_sends_on", up=Tcp(raw("x") + half() + expect(b"two")),
    client=read_bytes(1) + send("one") + send("two") + half_close() + raw_all(), **NO_FLUSH)
tcp("upstream_closes", up=Tcp(raw("greeting") + fin()), log_format=LOG, client=raw_all() + half_close())
tcp("upstream_closes_client_stays", up=Tcp(raw("greeting") + half()), client=read_bytes(8) + raw_all())
tcp("upstream_resets", up=Tcp(raw("greeting") + until("go") + rst()), log_format=LOG, client=read_bytes(8) + signal("go") + raw_all())
tcp("upstream_resets_at_once", up=Tcp(expect(b"x") + rst()), log_format=LOG, client=send("x") + raw_all())
tcp("client_resets", log_format=LOG, client=send("x") + read_bytes(1) + reset() + gone(1) + logged(1))
tcp("client_closes", log_format=LOG, client=send("x") + read_bytes(1) + close() + gone(1) + logged(1))
tcp("upstream_speaks_first", up=Tcp(raw("220 ready\r\n") + hold()), client=new() + read_bytes(11))
tcp("large_both_ways", up=ECHO, client=send("a" * 300000) + read_bytes(300000) + half_close() + raw_all())
tcp("large_to_client", up=Tcp(raw("b" * 3000000) + fin()), client=read_bytes(3000000) + half_close() + raw_all())
tcp("small_buffers", listener="per_connection_buffer_limit_bytes: 1000", up=Tcp(raw("b" * 200000) + fin()), client=read_bytes(200000) + half_close() + raw_all())
tcp("refused", up=REFUSE, log_format=LOG, client=new() + raw_all())
tcp("refused_three_attempts", up=REFUSE, tcp="max_connect_attempts: 3", client=new() + raw_all())
tcp("connect_timeout", up=BLACKHOLE, log_format=LOG, clusters={"up": {"yaml": "connect_timeout: 0.2s"}}, client=new() + raw_all())
tcp("connect_timeout_client_goes", up=BLACKHOLE, log_format=LOG, clusters={"up": {"yaml": "connect_timeout: 3s"}},
    client=send("x") + half_close() + pause(0.1) + close() + logged(1))
tcp("connect_timeout_client_resets", up=BLACKHOLE, log_format=LOG, clusters={"up": {"yaml": "connect_timeout: 3s"}},
    client=send("x") + pause(0.1) + reset() + logged(1))
tcp("retry_to_another_host", up={"dead": REFUSE, "live": ECHO, "third": ECHO}, clusters={"up": {"hosts": ["dead", "live", "third"]}},
    tcp="max_connect_attempts: 2", log_format=LOG, mask=[("<live>|<third>", "<alive>")], unordered_log="set", stats=[TCP],
    client=sum((send("x", f"c{i}") + read_bytes(1, f"c{i}") + half_close(f"c{i}") + raw_all(f"c{i}") + close(f"c{i}") for i in range(12)), []) + logged(12))
tcp("two_hosts_in_turn", up={"one": Tcp(raw("1") + fin()), "two": Tcp(raw("2") + fin())}, clusters={"up": {"hosts": ["one", "two"]}},
    client=tcp_share(4, exact=True), no_log=True)
tcp("no_hosts", clusters={"up": {}}, up={}, log_format=LOG, client=new() + raw_all())
tcp("no_hosts_two_attempts", clusters={"up": {}}, up={}, tcp="max_connect_attempts: 2", client=new() + raw_all())
tcp("idle", tcp="idle_timeout: 0.2s", log_format=LOG, client=send("x") + read_bytes(1) + raw_all() + gone(1))
tcp("idle_kept_alive", tcp="idle_timeout: 0.4s", client=send("x") + read_bytes(1) + pause(0.25) + send("x") + read_bytes(1) + pause(0.25)
    + send("y") + read_bytes(1))
tcp("idle_off", tcp="idle_timeout: 0s", client=send("x") + read_bytes(1) + pause(0.1) + send("y") + read_bytes(1))
tcp("idle_after_half_close", up=Tcp(until("never")), tcp="idle_timeout: 0.2s", log_format=LOG, client=send("x") + half_close() + raw_all())
tcp("max_duration", tcp="max_downstream_connection_duration: 0.2s", log_format=LOG, client=send("x") + read_bytes(1) + raw_all() + gone(1))
tcp("max_duration_while_connecting", up=BLACKHOLE, tcp="max_downstream_connection_duration: 0.2s", log_format=LOG, client=new() + raw_all())
tcp("weighted_all_on_one", up={"one": Tcp(raw("1") + fin()), "two": Tcp(raw("2") + fin())}, stats=[TCP],
    tcp="weighted_clusters: {clusters: [{name: '{{one}}', weight: 1}, {name: '{{two}}', weight: 4294967294}]}",
    client=new() + raw_all() + half_close() + new("d") + raw_all("d") + half_close("d"), unordered_log=True)
tcp("weighted_half", up={"one": Tcp(raw("1") + fin()), "two": Tcp(raw("2") + fin())}, stats=[TCP], no_log=True,
    tcp="weighted_clusters: {clusters: [{name: '{{one}}', weight: 50}, {name: '{{two}}', weight: 50}]}",
    client=tcp_share(300))
tcp("weighted_to_empty", up={"one": ECHO}, clusters={"none": {}, "one": {}}, stats=[TCP],
    tcp="weighted_clusters: {clusters: [{name: '{{none}}', weight: 1}]}", client=new() + raw_all())
tcp("max_connections", clusters={"up": {"yaml": "circuit_breakers: {thresholds: [{max_connections: 1}]}"}}, log_format=LOG,
    client=send("x") + read_bytes(1) + new("d") + raw_all("d") + half_close() + raw_all() + gone(1) + send("z", "e") + read_bytes(1, "e"),
    unordered_log=True, stats=[TCP, CX, "re:^cluster\\.{{up}}\\.circuit_breakers"])
tcp("hash_source_ip", tcp="hash_policy: [{source_ip: {}}]", client=send("x") + read_bytes(1) + half_close() + raw_all())
tcp("log_default_format", access_log="[{name: f, typed_config: {'@type': type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: '{{log}}'}}]",
    client=send("x") + read_bytes(1) + half_close() + raw_all(), mask=[("^\\[[^\\]]*\\]", "[<time>]"), (r'(- 1 1) \d+ ', r"\1 <ms> ")])
tcp("cluster_stats", client=send("hello") + read_bytes(5) + half_close() + raw_all() + gone(1), stats=["re:^cluster\\.{{up}}\\."])
tcp("cluster_stats_refused", up=REFUSE, client=new() + raw_all(), stats=["re:^cluster\\.{{up}}\\."])
tcp("hosts_page", client=send("hello") + read_bytes(5) + half_close() + raw_all() + gone(1) + admin("/clusters", keep="^{{up}}::127.*::(cx|rq)_", head=False))
tcp("hosts_page_refused", up=REFUSE, client=new() + raw_all() + admin("/clusters", keep="^{{up}}::127.*::(cx|rq)_", head=False))
tcp("drain_on_health_check_fail", own=True, client=send("x") + read_bytes(1) + admin("/healthcheck/fail", "POST") + send("y") + read_bytes(1))
tcp("unknown_cluster", tcp="cluster: nope", client=new() + raw_all(), log_format=LOG, stats=[TCP] + DOWN)
