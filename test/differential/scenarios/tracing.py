"""tracing without a tracer: which requests are traced is told in x-request-id and by stats, what they do in
x-envoy-decorator-operation."""
from harness.dsl import *

STATS = [f"http.{{{{name}}}}.tracing.{n}" for n in ("client_enabled", "health_check", "not_traceable", "random_sampling", "service_forced")]
UUID = "type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig"
# 1 and 9,999 of 10,000; in capitals, since recordings do not show ids of Envoy's own.
LOW, HIGH = "00000001-58CC-4372-A567-0E02B2C3D479", "0000270F-58CC-4372-A567-0E02B2C3D479"
LOG = {"id": "%REQ(X-REQUEST-ID)%"}
DECORATED = '- {match: {prefix: /}, route: {cluster: "{{up}}"}, decorator: {operation: %s}}'


def tracing(more="", **kw):
    return dict(hcm=f"tracing: {{{more}}}\n" + kw.pop("hcm", ""), stats=STATS, **kw)


def ids(*all, **kw):
    return sum((get(f"/{i}", f"x-request-id: {x}", *kw.get("more", ())) for i, x in enumerate(all)), [])


def case(name, client, more="", **kw):
    scenario("tracing_" + name, client=client, log_format=kw.pop("log_format", LOG), **tracing(more, **kw))


case("all", ids(LOW, HIGH))
case("random_none", ids(LOW, HIGH), "random_sampling: {value: 0}")
case("random_some", ids(LOW, "00000063" + LOW[8:], "00000064" + LOW[8:], HIGH), "random_sampling: {value: 1}")
case("random_tiny", ids("00000000" + LOW[8:], LOW, HIGH), "random_sampling: {value: 0.01}")
case("random_rounded", ids("00000000" + LOW[8:], LOW), "random_sampling: {value: 0.004}")
case("overall_none", ids(LOW, HIGH), "overall_sampling: {value: 0}")
case("overall_some", ids(LOW, "0000176F" + LOW[8:], HIGH), "overall_sampling: {value: 50}")
case("marked_before", ids(LOW[:14] + "9" + LOW[15:], LOW[:14] + "a" + LOW[15:], LOW[:14] + "b" + LOW[15:], LOW[:14] + "5" + LOW[15:]), "random_sampling: {value: 0}")
case("marked_before_overall_none", ids(LOW[:14] + "9" + LOW[15:], LOW[:14] + "a" + LOW[15:]), "overall_sampling: {value: 0}")
case("no_uuid", ids("mine", "12345678", "1234567", "zzzzzzzz-58CC-4372-A567-0E02B2C3D479", "00000001-58CC-4372-A567-0E02B2C3D47"))
case("without_id", get("/"), hcm="generate_request_id: false")
case("forced", ids(LOW, more=("x-envoy-force-trace: true",)) + ids(LOW, more=("x-envoy-force-trace: true", "x-forwarded-for: 10.0.0.1")), "random_sampling: {value: 0}")
case("client", ids(LOW, more=("x-client-trace-id: t",)), "random_sampling: {value: 0}")
case("client_none", ids(LOW, more=("x-client-trace-id: t",)), "random_sampling: {value: 0}, client_sampling: {value: 0}")
case("client_and_forced", ids(LOW, more=("x-client-trace-id: t", "x-envoy-force-trace: true", "x-forwarded-for: 10.0.0.1")), "random_sampling: {value: 0}")
case("not_packed", ids(LOW, HIGH), hcm=f'request_id_extension: {{typed_config: {{"@type": {UUID}, pack_trace_reason: false}}}}')
case("not_by_id", ids(LOW, "mine"), "random_sampling: {value: 0}", hcm=f'request_id_extension: {{typed_config: {{"@type": {UUID}, use_request_id_for_trace_sampling: false}}}}')
case("runtime", ids(LOW, HIGH), own=True, bootstrap="layered_runtime: {layers: [{name: s, static_layer: {tracing.random_sampling: 0}}]}")
case("runtime_overall", ids(LOW, HIGH), own=True, bootstrap="layered_runtime: {layers: [{name: s, static_layer: {tracing.global_enabled: 0}}]}")
case("in_response", ids(LOW), hcm="always_set_request_id_in_response: true")
case("local_reply", ids(LOW), routes="- {match: {prefix: /}, direct_response: {status: 201}}")
case("no_route", ids(LOW), routes='- {match: {prefix: /a}, route: {cluster: "{{up}}"}}')
case("custom_tags", ids(LOW), "custom_tags: [{tag: a, literal: {value: b}}, {tag: c, request_header: {name: x}}, {tag: d, metadata: {kind: {request: {}}, metadata_key: {key: k, path: [{key: p}]}}}], max_path_tag_length: 9, verbose: true")
for _direction in ("INBOUND", "OUTBOUND", "UNSPECIFIED"):
    _d = dict(listener=f"traffic_direction: {_direction}")
    case("decorator_" + _direction.lower(), ids(LOW), routes=DECORATED % "op", **_d)
    case("decorator_asked_" + _direction.lower(), ids(LOW, more=("x-envoy-decorator-operation: theirs", "x-forwarded-for: 10.0.0.1")), routes=DECORATED % "op", **_d)
    case("decorator_answered_" + _direction.lower(), ids(LOW), routes=DECORATED % "op", up=[ok("ok", "x-envoy-decorator-operation: theirs")], **_d)
    case("decorator_kept_" + _direction.lower(), ids(LOW), routes=DECORATED % "op, propagate: false", **_d)
    case("decorator_asked_kept_" + _direction.lower(), ids(LOW, more=("x-envoy-decorator-operation: theirs",)), routes=DECORATED % "op, propagate: false", **_d)
    case("decorator_none_" + _direction.lower(), ids(LOW, more=("x-envoy-decorator-operation: theirs",)), up=[ok("ok", "x-envoy-decorator-operation: theirs")], **_d)
    case("decorator_not_traced_" + _direction.lower(), ids(LOW), "random_sampling: {value: 0}", routes=DECORATED % "op", **_d)
    case("decorator_local_reply_" + _direction.lower(), ids(LOW), routes="- {match: {prefix: /}, direct_response: {status: 201}, decorator: {operation: op}}", **_d)


# ---- tracers: their configs

TRACE = '"@type": type.googleapis.com/envoy.config.trace.v3.'
TELEMETRY = "type.googleapis.com/envoy.extensions.tracers.opentelemetry."
GRPC = "grpc_service: {envoy_grpc: {cluster_name: c}}"


def provider(name, text, **kw):
    scenario("tracing_provider_" + name, kind="validate", **kw, config=manager_config(
        manager=f"tracing: {{provider: {text}}}", clusters="{name: c}"))


def zipkin(name, text):
    provider("zipkin_" + name, "{name: z, typed_config: {%sZipkinConfig, %s}}" % (TRACE, text))


def telemetry(name, text):
    provider("opentelemetry_" + name, "{name: t, typed_config: {%sOpenTelemetryConfig, %s}}" % (TRACE, text))


zipkin("good", "collector_cluster: c, collector_endpoint: /api/v2/spans, collector_endpoint_version: HTTP_JSON, trace_id_128bit: true, shared_span_context: false")
zipkin("no_version", "collector_cluster: c, collector_endpoint: /api/v2/spans")
zipkin("unknown_cluster", "collector_cluster: d, collector_endpoint: /api/v2/spans, collector_endpoint_version: HTTP_JSON")
zipkin("no_cluster", "collector_endpoint: /api/v2/spans, collector_endpoint_version: HTTP_JSON")
zipkin("no_endpoint", "collector_cluster: c, collector_endpoint_version: HTTP_JSON")
zipkin("service", "collector_service: {http_uri: {uri: http://c/spans, cluster: c, timeout: 1s}}, collector_endpoint_version: HTTP_JSON")
zipkin("service_of_nothing", "collector_service: {}, collector_endpoint_version: HTTP_JSON")
zipkin("service_unknown_cluster", "collector_service: {http_uri: {uri: http://c/spans, cluster: d, timeout: 1s}}, collector_endpoint_version: HTTP_JSON")
telemetry("good", GRPC + ", service_name: s, resource_detectors: [{name: e, typed_config: {\"@type\": %sresource_detectors.v3.EnvironmentResourceDetectorConfig}}], "
          "sampler: {name: s, typed_config: {\"@type\": %ssamplers.v3.AlwaysOnSamplerConfig}}, max_cache_size: 10" % (TELEMETRY, TELEMETRY))
telemetry("http", "http_service: {http_uri: {uri: http://c/v1/traces, cluster: c, timeout: 1s}, request_headers_to_add: [{header: {key: a, value: b}}]}")
telemetry("both", GRPC + ", http_service: {http_uri: {uri: http://c/v1/traces, cluster: c, timeout: 1s}}")
telemetry("neither", "service_name: s")
telemetry("unknown_cluster", "grpc_service: {envoy_grpc: {cluster_name: d}}")
telemetry("http_unknown_cluster", "http_service: {http_uri: {uri: http://c/v1/traces, cluster: d, timeout: 1s}}")
provider("no_name", "{typed_config: {%sZipkinConfig, collector_cluster: c, collector_endpoint: /, collector_endpoint_version: HTTP_JSON}}" % TRACE)
provider("no_config", "{name: envoy.tracers.zipkin}")
provider("of_another_kind", '{name: z, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}')


def tracer(name, type, fields=""):
    provider(name, "{name: t, typed_config: {'@type': type.googleapis.com/envoy.%s%s}}" % (type, ", " + fields if fields else ""))


tracer("datadog", "config.trace.v3.DatadogConfig", "collector_cluster: c, service_name: s, collector_hostname: h")
tracer("datadog_unknown", "config.trace.v3.DatadogConfig", "collector_cluster: d, service_name: s")
tracer("datadog_no_service", "config.trace.v3.DatadogConfig", "collector_cluster: c")
tracer("skywalking", "config.trace.v3.SkyWalkingConfig", GRPC + ", client_config: {service_name: s}")
tracer("skywalking_unknown", "config.trace.v3.SkyWalkingConfig", "grpc_service: {envoy_grpc: {cluster_name: d}}")
tracer("skywalking_nothing", "config.trace.v3.SkyWalkingConfig")
tracer("xray", "config.trace.v3.XRayConfig", "segment_name: s, daemon_endpoint: {protocol: UDP, address: 127.0.0.1, port_value: 2000}")
tracer("xray_tcp", "config.trace.v3.XRayConfig", "segment_name: s, daemon_endpoint: {address: 127.0.0.1, port_value: 2000}")
tracer("xray_nothing", "config.trace.v3.XRayConfig")
tracer("lightstep", "config.trace.v3.LightstepConfig", "collector_cluster: c")
tracer("fluentd", "extensions.tracers.fluentd.v3.FluentdConfig", "cluster: c, tag: t, stat_prefix: p")
tracer("fluentd_no_tag", "extensions.tracers.fluentd.v3.FluentdConfig", "cluster: c, stat_prefix: p")


def sampler(name, type, fields=""):
    telemetry("sampler_" + name, GRPC + ", sampler: {name: s, typed_config: {'@type': %s%s}}" % (type, ", " + fields if fields else ""))


SAMPLERS = TELEMETRY + "samplers.v3."
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
sampler("dynatrace", SAMPLERS + "DynatraceSamplerConfig", "tenant: t, cluster_id: 1, http_service: {http_uri: {uri: http://c/x, cluster: c, timeout: 1s}}")
sampler("dynatrace_nothing", SAMPLERS + "DynatraceSamplerConfig")
sampler("ratio", SAMPLERS + "TraceIdRatioBasedSamplerConfig", "sampling_percentage: {numerator: 5}")
sampler("parent", SAMPLERS + "ParentBasedSamplerConfig", "wrapped_sampler: {name: a, typed_config: {'@type': %sAlwaysOnSamplerConfig}}" % SAMPLERS)
sampler("parent_of_nothing", SAMPLERS + "ParentBasedSamplerConfig")
sampler("parent_of_another", SAMPLERS + "ParentBasedSamplerConfig", "wrapped_sampler: {name: a, typed_config: {'@type': %s}}" % ROUTER)
sampler("cel", SAMPLERS + "CELSamplerConfig", "expression: {cel_expr_parsed: {expr: {id: 1, const_expr: {bool_value: true}}}}")
sampler("cel_nothing", SAMPLERS + "CELSamplerConfig")
sampler("another", ROUTER)
telemetry("detectors", GRPC + ", resource_detectors: [{name: a, typed_config: {'@type': %sresource_detectors.v3.DynatraceResourceDetectorConfig}}, "
          "{name: b, typed_config: {'@type': %sresource_detectors.v3.StaticConfigResourceDetectorConfig, attributes: {a: b}}}]" % (TELEMETRY, TELEMETRY))
telemetry("detector_another", GRPC + ", resource_detectors: [{name: a, typed_config: {'@type': %s}}]" % ROUTER)

# ---- what concerns a tracer alone

for _name, _text in {
        "tags": "custom_tags: [{tag: a, literal: {value: b}}, {tag: b, environment: {name: X, default_value: d}}, {tag: c, request_header: {name: x}}, "
                "{tag: d, metadata: {kind: {route: {}}, metadata_key: {key: k, path: [{key: p}]}}}, {tag: e, value: '%REQ(X)%'}, {tag: a, literal: {value: c}}]",
        "tag_bad": "custom_tags: [{tag: a, value: '%NOPE%'}]",
        "tag_of_nothing": "custom_tags: [{tag: a}]",
        "tag_empty": "custom_tags: [{tag: a, literal: {value: ''}}]"}.items():
    scenario("tracing_check_" + _name, kind="validate", config=manager_config(manager="tracing: {%s}" % _text))
