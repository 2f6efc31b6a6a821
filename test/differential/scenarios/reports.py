"""What reports to services elsewhere: sinks of stats, tracers of the bootstrap, access loggers. Outrigger sends nothing yet; it takes
and refuses the same configs, and requests are served beside them."""
import json

from harness.dsl import *

CONFIG = "type.googleapis.com/envoy.config."
EXTENSION = "type.googleapis.com/envoy.extensions."
CLUSTER = "{name: c}"
GRPC = {"envoy_grpc": {"cluster_name": "c"}}
NO_GRPC = {"envoy_grpc": {"cluster_name": "d"}}
GOOGLE = {"google_grpc": {"target_uri": "c:1", "stat_prefix": "s"}}
HTTP = {"http_uri": {"uri": "http://c/x", "cluster": "c", "timeout": "1s"}}
NO_HTTP = {"http_uri": {"uri": "http://c/x", "cluster": "d", "timeout": "1s"}}
UDP = {"socket_address": {"address": "127.0.0.1", "port_value": 8125}}
ROUTER = {"@type": EXTENSION + "filters.http.router.v3.Router"}


def check(name, bootstrap="", manager="", **kw):
    scenario("reports_" + name, kind="validate", config=manager_config(manager=manager, clusters=CLUSTER) + "\n" + bootstrap, **kw)


# ---- sinks of stats

def sink(name, typed):
    check("sink_" + name, "stats_sinks: " + json.dumps([{"name": "s", **({"typed_config": typed} if typed else {})}]))


STATSD, DOG, SERVICE = (CONFIG + "metrics.v3." + n for n in ("StatsdSink", "DogStatsdSink", "MetricsServiceConfig"))
GRAPHITE = EXTENSION + "stat_sinks.graphite_statsd.v3.GraphiteStatsdSink"
TELEMETRY = EXTENSION + "stat_sinks.open_telemetry.v3.SinkConfig"
for _name, _typed in {
        "statsd": {"@type": STATSD, "address": UDP, "prefix": "p"},
        "statsd_tcp": {"@type": STATSD, "tcp_cluster_name": "c"},
        "statsd_tcp_unknown": {"@type": STATSD, "tcp_cluster_name": "d"},
        "statsd_name": {"@type": STATSD, "address": {"socket_address": {"address": "localhost", "port_value": 8125}}},
        "statsd_pipe": {"@type": STATSD, "address": {"pipe": {"path": "/tmp/x"}}},
        "statsd_nothing": {"@type": STATSD},
        "dog": {"@type": DOG, "address": UDP, "max_bytes_per_datagram": 1},
        "dog_no_bytes": {"@type": DOG, "address": UDP, "max_bytes_per_datagram": 0},
        "hystrix": {"@type": CONFIG + "metrics.v3.HystrixSink", "num_buckets": 3},
        "graphite": {"@type": GRAPHITE, "address": UDP},
        "metrics_service": {"@type": SERVICE, "grpc_service": GRPC, "transport_api_version": "V3", "emit_tags_as_labels": True},
        "metrics_service_unknown": {"@type": SERVICE, "grpc_service": NO_GRPC, "transport_api_version": "V3"},
        "metrics_service_auto": {"@type": SERVICE, "grpc_service": GRPC},
        "metrics_service_v2": {"@type": SERVICE, "grpc_service": GRPC, "transport_api_version": "V2"},
        "metrics_service_google": {"@type": SERVICE, "grpc_service": GOOGLE, "transport_api_version": "V3"},
        "metrics_service_nothing": {"@type": SERVICE},
        "telemetry": {"@type": TELEMETRY, "grpc_service": GRPC, "prefix": "p"},
        "telemetry_http": {"@type": TELEMETRY, "http_service": HTTP},
        "telemetry_unknown": {"@type": TELEMETRY, "grpc_service": NO_GRPC},
        "telemetry_nothing": {"@type": TELEMETRY},
        "another": ROUTER,
        "no_config": None}.items():
    sink(_name, _typed)
scenario("reports_sinks_served", own=True, no_log=True, client=get("/"), routes='- {match: {prefix: /}, direct_response: {status: 200}}',
         bootstrap="stats_sinks: " + json.dumps([{"name": "s", "typed_config": {"@type": STATSD, "address": UDP}}, {"name": "d", "typed_config": {"@type": DOG, "address": UDP}}]))

check("sink_statsd_tcp_of_a_node", "node: {id: n, cluster: k}\nstats_sinks: " + json.dumps([{"name": "s", "typed_config": {"@type": STATSD, "tcp_cluster_name": "c"}}]))

# ---- reports of load

for _name, _text in {
        "grpc": "{api_type: GRPC, transport_api_version: V3, grpc_services: [%s]}" % json.dumps(GRPC),
        "delta": "{api_type: DELTA_GRPC, transport_api_version: V3, grpc_services: [%s]}" % json.dumps(GRPC),
        "unknown": "{api_type: GRPC, transport_api_version: V3, grpc_services: [%s]}" % json.dumps(NO_GRPC),
        "nothing": "{api_type: GRPC}"}.items():
    check("load_" + _name, "cluster_manager: {load_stats_config: %s}" % _text)

# ---- the tracer of the bootstrap

TRACE = CONFIG + "trace.v3."
ZIPKIN = {"@type": TRACE + "ZipkinConfig", "collector_cluster": "c", "collector_endpoint": "/", "collector_endpoint_version": "HTTP_JSON"}
NO_ZIPKIN = {**ZIPKIN, "collector_cluster": "d"}


def tracer(name, typed, **kw):
    check("tracer_" + name, "tracing: " + json.dumps({"http": {"name": "t", **({"typed_config": typed} if typed else {})}}), **kw)


tracer("zipkin", ZIPKIN)
tracer("zipkin_used", ZIPKIN, manager="tracing: {}")
tracer("unknown", NO_ZIPKIN)
tracer("unknown_used", NO_ZIPKIN, manager="tracing: {}", differs="the tracer of the bootstrap is not looked at again for each listener: it makes no spans", outrigger={"exit": 0, "ok": True})
tracer("unknown_not_used", NO_ZIPKIN, manager="tracing: {provider: %s}" % json.dumps({"name": "z", "typed_config": ZIPKIN}))
tracer("datadog", {"@type": TRACE + "DatadogConfig", "collector_cluster": "c", "service_name": "s"})
tracer("another", ROUTER)
tracer("no_config", None)
check("tracer_nothing", "tracing: {}")

# ---- access loggers

ALS = EXTENSION + "access_loggers.grpc.v3."
OTEL = EXTENSION + "access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig"


def common(service=None, **kw):
    return {"log_name": "x", "grpc_service": service or GRPC, "transport_api_version": "V3", **kw}


def log(name, typed, **kw):
    check("log_" + name, manager="access_log: " + json.dumps([{"name": "l", "typed_config": typed, **kw}]))


def text(s):
    return {"string_value": s}


def otel(name, **kw):
    log("otel_" + name, {"@type": OTEL, **kw})


for _name, _common in {
        "grpc": common(filter_state_objects_to_log=["a"], buffer_size_bytes=1, buffer_flush_interval="1s"),
        "unknown": common(NO_GRPC), "google": common(GOOGLE), "v2": common(transport_api_version="V2"),
        "auto": common(transport_api_version="AUTO"), "no_flush": common(buffer_flush_interval="0s"), "no_name": common(log_name=""),
        "tags": common(custom_tags=[{"tag": "a", "literal": {"value": "b"}}, {"tag": "c", "value": "%REQ(X)%"}]),
        "bad_tag": common(custom_tags=[{"tag": "a", "value": "%NOPE%"}])}.items():
    log(_name, {"@type": ALS + "HttpGrpcAccessLogConfig", "common_config": _common})
log("nothing", {"@type": ALS + "HttpGrpcAccessLogConfig"})
log("tcp", {"@type": ALS + "TcpGrpcAccessLogConfig", "common_config": common()})
log("filter", {"@type": ALS + "HttpGrpcAccessLogConfig", "common_config": common()}, filter={"response_flag_filter": {"flags": ["NR"]}})
log("bad_filter", {"@type": ALS + "HttpGrpcAccessLogConfig", "common_config": common()}, filter={"response_flag_filter": {"flags": ["NOPE"]}})
otel("nothing")
otel("grpc", grpc_service=GRPC, log_name="x", body=text("%REQ(X)%"), attributes={"values": [{"key": "a", "value": text("%PROTOCOL%")}]}, resource_attributes={"values": [{"key": "a", "value": text("%NOPE%")}]})
otel("http", http_service=HTTP)
otel("unknown", grpc_service=NO_GRPC)
otel("http_unknown", http_service=NO_HTTP)
otel("common", common_config=common(), disable_builtin_labels=True)
otel("common_v2", common_config=common(transport_api_version="V2"))
otel("two", grpc_service=GRPC, http_service=HTTP)
otel("common_and_one", common_config=common(), grpc_service=GRPC)
otel("body_bad", grpc_service=GRPC, body=text("%NOPE%"))
otel("body_int", grpc_service=GRPC, body={"int_value": 1})
otel("body_list_bad", grpc_service=GRPC, body={"array_value": {"values": [text("%NOPE%")]}})
otel("body_list_int", grpc_service=GRPC, body={"array_value": {"values": [{"int_value": 1}]}})
otel("body_map_bad", grpc_service=GRPC, body={"kvlist_value": {"values": [{"key": "a", "value": text("%NOPE%")}]}})
otel("attribute_bad", grpc_service=GRPC, attributes={"values": [{"key": "a", "value": text("%NOPE%")}]})
otel("formatter", grpc_service=GRPC, formatters=[{"name": "f", "typed_config": {"@type": EXTENSION + "formatter.req_without_query.v3.ReqWithoutQuery"}}], body=text("%REQ_WITHOUT_QUERY(X)%"))
otel("formatter_another", grpc_service=GRPC, formatters=[{"name": "f", "typed_config": ROUTER}])
otel("detector", grpc_service=GRPC, resource_detectors=[{"name": "f", "typed_config": {"@type": EXTENSION + "tracers.opentelemetry.resource_detectors.v3.EnvironmentResourceDetectorConfig"}}])
otel("detector_another", grpc_service=GRPC, resource_detectors=[{"name": "f", "typed_config": ROUTER}])
otel("tag_bad", grpc_service=GRPC, custom_tags=[{"tag": "a", "value": "%NOPE%"}])
