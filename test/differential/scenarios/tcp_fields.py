# Fields of tcp_proxy that few configs use: when it logs, when it connects, how it waits.
import json

from harness.dsl import *

ECHO = Tcp(tunnel_echo())
LOG = {"type": "%ACCESS_LOG_TYPE%", "flags": "%RESPONSE_FLAGS%", "host": "%UPSTREAM_HOST%", "received": "%BYTES_RECEIVED%", "sent": "%BYTES_SENT%", "cluster": "%UPSTREAM_CLUSTER%",
       "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "why": "%DOWNSTREAM_LOCAL_CLOSE_REASON%", "wire": "%DOWNSTREAM_WIRE_BYTES_RECEIVED% %UPSTREAM_WIRE_BYTES_SENT%"}
TALK = send("hello") + read_bytes(5) + half_close() + raw_all() + gone(1) + logged(1)
SLOW = {"up": BLACKHOLE, "clusters": {"up": {"yaml": "connect_timeout: 0.3s"}}}


def tcp(name, options, early=False, **kw):
    kw.setdefault("up", ECHO)
    kw.setdefault("log_format", LOG)
    counted = "downstream_cx_(total|no_route|rx|tx|drain)|idle|max" + ("|early" if early else "")
    kw.setdefault("stats", ["re:^tcp\\.{{name}}\\.(%s)" % counted, "re:^cluster\\.{{up}}\\.upstream_cx_(connect_fail|connect_attempts|total|rx_bytes_total|tx_bytes_total)"])
    scenario("tcp_fields_" + name, kind="tcp", tcp=options, **kw)


# When it logs.
tcp("log_on_connected", "access_log_options: {flush_access_log_on_connected: true}", client=TALK)
tcp("log_on_start", "access_log_options: {flush_access_log_on_start: true}", client=TALK)
ALL = "access_log_options: {flush_access_log_on_start: true, flush_access_log_on_connected: true}"
tcp("log_without_cluster", ALL + "\ncluster: nope", client=new() + raw_all())
tcp("log_refused", ALL, up=REFUSE, client=new() + raw_all())
tcp("log_periodic", "access_log_options: {access_log_flush_interval: 0.2s}", client=send("hello") + read_bytes(5) + pause(0.3) + half_close() + raw_all() + gone(1))
tcp("log_periodic_before_the_upstream", "access_log_options: {access_log_flush_interval: 0.2s}", client=new() + raw_all(), **SLOW)
tcp("log_deprecated", "flush_access_log_on_connected: true\naccess_log_flush_interval: 0.2s", client=send("hello") + read_bytes(5) + pause(0.3) + half_close() + raw_all() + gone(1))

# Attempts.
tcp("backoff", "max_connect_attempts: 3\nbackoff_options: {base_interval: 0.05s}", up=REFUSE, client=new() + raw_all())
tcp("backoff_without_retries", "backoff_options: {base_interval: 10s}", up=REFUSE, client=new() + raw_all())
tcp("backoff_client_gone", "max_connect_attempts: 3\nbackoff_options: {base_interval: 0.2s, max_interval: 0.2s}", up=REFUSE, client=send("abc") + reset() + logged(1))
tcp("max_duration_jitter", "max_downstream_connection_duration: 0.2s\nmax_downstream_connection_duration_jitter_percentage: {value: 50}", client=new() + raw_all())
tcp("idle_before_the_upstream", "idle_timeout: 0.1s", client=new() + raw_all(), **SLOW)
tcp("idle_of_each_side", "downstream_idle_timeout: 0.1s\nupstream_idle_timeout: 0.1s", client=send("hello") + read_bytes(5) + pause(0.2) + half_close() + raw_all() + gone(1))

# Early data.
EARLY = "max_early_data_bytes: 10"
tcp("early", EARLY, client=TALK)
tcp("early_large", EARLY, client=send("h" * 100000) + read_bytes(100000) + half_close() + raw_all() + gone(1))
tcp("early_unsent", EARLY, early=True, client=send("hello") + raw_all(), **SLOW)
tcp("early_and_end", EARLY, client=send("hello") + half_close() + raw_all(), **SLOW)
tcp("early_more_than_allowed", EARLY, client=send("h" * 30000) + raw_all(), **{**SLOW, "stats": []})
tcp("early_reset", EARLY + "\nmax_connect_attempts: 3\nbackoff_options: {base_interval: 10s}", early=True, up=REFUSE, client=send("abc") + pause(0.1) + reset() + logged(1))
tcp("early_idle", EARLY + "\nidle_timeout: 0.2s", client=pause(0.1) + send("x") + raw_all(), **SLOW)
ON_DATA = EARLY + "\nupstream_connect_mode: ON_DOWNSTREAM_DATA"
tcp("on_data", ON_DATA, early=True, client=TALK)
tcp("on_data_without_room", "max_early_data_bytes: 0\nupstream_connect_mode: ON_DOWNSTREAM_DATA", early=True, client=TALK)
tcp("on_data_that_never_comes", ON_DATA + "\nidle_timeout: 0.2s", client=new() + raw_all() + logged(1))
tcp("on_data_too_late", ON_DATA + "\nmax_downstream_connection_duration: 0.2s", client=new() + raw_all() + logged(1))
tcp("on_data_end_alone", ON_DATA + "\nidle_timeout: 0.3s", client=new() + half_close() + raw_all() + logged(1))
tcp("on_data_logs", ON_DATA + "\n" + ALL[:-1] + ", access_log_flush_interval: 0.2s}", client=new() + pause(0.3) + send("hello") + read_bytes(5) + half_close() + raw_all() + gone(1))
tcp("on_data_without_cluster", ON_DATA + "\ncluster: nope", client=new() + pause(0.1) + send("x") + raw_all())
tcp("on_handshake_without_tls", EARLY + "\nupstream_connect_mode: ON_DOWNSTREAM_TLS_HANDSHAKE", client=TALK)
tcp("hash_of_filter_state", "hash_policy: [{filter_state: {key: nope}}]", client=TALK)

# Draining.
FAIL, OK = admin("/healthcheck/fail", "POST"), admin("/healthcheck/ok", "POST")
READER = Tcp(expect(b"hello") + raw("hello") + ended())
tcp("drain_close", "check_drain_close: true", own=True, up=READER, client=send("hello") + read_bytes(5) + FAIL + send("abc") + raw_all() + OK + gone(1) + logged(1))
tcp("drain_close_by_upstream", "check_drain_close: true", own=True, up=Tcp(raw("greeting") + until("go") + raw("more") + hold()),
    client=read_bytes(8) + FAIL + signal("go") + raw_all() + OK + gone(1) + logged(1))
tcp("drain_close_at_once", "check_drain_close: true", own=True, up=Tcp(expect(b"hello") + ended()), client=FAIL + send("hello") + raw_all() + OK + logged(1))
tcp("drain_goes_on", "check_drain_close: false", own=True, client=send("hello") + read_bytes(5) + FAIL + send("abc") + read_bytes(3) + half_close() + raw_all() + OK + gone(1) + logged(1))

# Which hosts of a cluster with subsets may be taken (metadata_match).
GREETERS = {n: Tcp(raw(n) + fin()) for n in "abc"}


def subset_host(up, **metadata):
    return {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": f"{{{{{up}.port}}}}"}}}, "metadata": {"filter_metadata": {"envoy.lb": metadata}}}


def subset(name, options, **config):
    members = [subset_host("a", version="1", stage="prod"), subset_host("b", version="2", stage="prod"), subset_host("c", version="2", stage="dev")]
    yaml = json.dumps({"load_assignment": {"endpoints": [{"lb_endpoints": members}]}, "lb_subset_config": {"subset_selectors": [{"keys": ["version"]}, {"keys": ["stage", "version"]}], **config}})
    scenario("tcp_subset_" + name, kind="tcp", up=GREETERS, clusters={"c1": {"yaml": yaml.replace('"{{', '"{{')}}, tcp=options, no_log=True, client=tcp_share(6),
             stats=[f"cluster.{{{{c1}}}}.{s}" for s in ("lb_subsets_selected", "lb_subsets_fallback", "upstream_cx_none_healthy")])


def asks(**metadata):
    return "metadata_match: {filter_metadata: {envoy.lb: %s}}" % json.dumps(metadata)


ONE = "cluster: '{{c1}}'\n"
subset("one_key", ONE + asks(version="1"))
subset("two_keys", ONE + asks(version="2", stage="dev"))
subset("nobody", ONE + asks(version="3"))
subset("nobody_any", ONE + asks(version="3"), fallback_policy="ANY_ENDPOINT")
subset("nothing_asked", ONE)
subset("another_filters_metadata", ONE + "metadata_match: {filter_metadata: {envoy.other: {version: '1'}}}", fallback_policy="ANY_ENDPOINT")
subset("weighted", "weighted_clusters: {clusters: [{name: '{{c1}}', weight: 1, %s}]}" % asks(version="1"))
subset("weighted_over_all", "%s\nweighted_clusters: {clusters: [{name: '{{c1}}', weight: 1, %s}]}" % (asks(version="1", stage="dev"), asks(version="2")))
subset("weighted_of_all", "%s\nweighted_clusters: {clusters: [{name: '{{c1}}', weight: 1}]}" % asks(version="1"))
