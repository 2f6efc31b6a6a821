"""What the policies of bench/policies.py are in the configuration, the same for Outrigger and Envoy.

Each function takes a Site and how much of it there is to be more, and returns a Setup.
"""
import base64
import dataclasses
import json
import subprocess

import configs
from configs import FILTERS, HCM, envoy_cluster, envoy_listener, envoy_manager, socket_address

HTTP = FILTERS + "http."
HOSTS = 1000       # of the cluster with many
POLICIES = 100     # of RBAC; the last one matches
USER = "x-user"
ISSUER = "bench"
ENDLESS = 4294967295
EXPIRES = 4102444800  # 2100
ROUTER = {"name": "envoy.filters.http.router", "typed_config": {"@type": HTTP + "router.v3.Router"}}


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """An RSA key of 2048 bits: its JWKS and a token that it signed."""

    def __init__(self, certificate):
        self.path = str(certificate.key)
        found = self.openssl("rsa", "-in", self.path, "-noout", "-modulus").decode().strip().partition("=")[2]
        self.jwks = json.dumps({"keys": [{"kty": "RSA", "kid": "one", "alg": "RS256", "use": "sig", "e": "AQAB",
                                          "n": base64url(bytes.fromhex(found))}]})
        parts = ({"alg": "RS256", "kid": "one", "typ": "JWT"},
                 {"iss": ISSUER, "sub": "user@bench.test", "aud": "bench", "exp": EXPIRES, "groups": ["one", "two", "three"]})
        text = ".".join(base64url(json.dumps(part).encode()) for part in parts)
        self.token = text + "." + base64url(self.openssl("dgst", "-sha256", "-sign", self.path, given=text.encode()))

    @staticmethod
    def openssl(*arguments, given=b""):
        return subprocess.run(["openssl", *arguments], input=given, check=True, capture_output=True).stdout


@dataclasses.dataclass
class Site:
    """Where a configuration is for."""
    policy: int  # the listener's port
    upstream: int
    folder: object
    certificate: configs.Certificate
    key: Key


@dataclasses.dataclass
class Setup:
    listener: dict                  # with the policy
    clusters: tuple = ()            # besides "http"
    bootstrap: dict = dataclasses.field(default_factory=dict)  # more of it


def http_filter(name, kind, **config):
    return {"name": f"envoy.filters.http.{name}", "typed_config": {"@type": HTTP + kind, **config}}


def manager(*filters, cluster="http", route=None, per_filter=None):
    """Ours, with these filters before the router; `route`: more of the action of its only route."""
    made = envoy_manager(cluster)
    made.update(stat_prefix="policy", http_filters=[*filters, ROUTER])
    only = made["route_config"]["virtual_hosts"][0]["routes"][0]
    only["route"].update(route or {})
    if per_filter:
        only["typed_per_filter_config"] = per_filter
    return made


def listener(site, *filters, **more):
    return envoy_listener("policy", site.policy, HCM, manager(*filters, **more))


def rbac_policy(i, users):
    """Every second one is for another path, the others for another user."""
    return {"permissions": [{"url_path": {"path": {"prefix": "/small" if i % 2 else f"/area-{i}"}}}],
            "principals": [{"header": {"name": USER, "string_match": {"exact": f"{users}-{i}"}}}]}


def rbac(site, more):
    policies = {f"p{i:04}": rbac_policy(i, "user") for i in range(POLICIES)}
    policies |= {f"q{i:04}": rbac_policy(i, "other") for i in range(more)}
    return Setup(listener(site, http_filter("rbac", "rbac.v3.RBAC", rules={"action": "ALLOW", "policies": policies})))


def jwt(site, _, **provider):
    provider |= {"issuer": ISSUER, "local_jwks": {"inline_string": site.key.jwks}}
    return Setup(listener(site, http_filter("jwt_authn", "jwt_authn.v3.JwtAuthentication", providers={"one": provider},
                                            rules=[{"match": {"prefix": "/"}, "requires": {"provider_name": "one"}}])))


def jwt_cached(site, more):
    return jwt(site, more, jwt_cache_config={})


def local_rate_limit(site, _):
    always = {"default_value": {"numerator": 100}}
    return Setup(listener(site, http_filter(
        "local_ratelimit", "local_ratelimit.v3.LocalRateLimit", stat_prefix="policy", filter_enabled=always,
        filter_enforced=always, token_bucket={"max_tokens": ENDLESS, "tokens_per_fill": ENDLESS, "fill_interval": "1s"})))


def round_robin(site, _, balancer="ROUND_ROBIN", route=None):
    hosts = [socket_address(site.upstream, f"127.0.{1 + i // 256}.{i % 256}") for i in range(HOSTS)]
    return Setup(listener(site, cluster="many", route=route), ({**envoy_cluster("many", hosts), "lb_policy": balancer},))


def ring_hash(site, more):
    return round_robin(site, more, "RING_HASH", {"hash_policy": [{"header": {"header_name": "x-key"}}]})


def idle_filters(site, _):
    """Filters of which none has anything to do for the route."""
    names = {name: f"envoy.filters.http.{name}" for name in ("ext_authz", "buffer")}
    per_filter = {names["ext_authz"]: {"@type": HTTP + "ext_authz.v3.ExtAuthzPerRoute", "disabled": True},
                  names["buffer"]: {"@type": HTTP + "buffer.v3.BufferPerRoute", "disabled": True}}
    authz = {"server_uri": {"uri": "http://127.0.0.1", "cluster": "http", "timeout": "1s"}}
    elsewhere = {"match": {"prefix": "/elsewhere"}, "requires": {"provider_name": "one"}}
    return Setup(listener(
        site, http_filter("fault", "fault.v3.HTTPFault"), http_filter("cors", "cors.v3.Cors"),
        http_filter("rbac", "rbac.v3.RBAC"),
        http_filter("local_ratelimit", "local_ratelimit.v3.LocalRateLimit", stat_prefix="policy"),
        http_filter("jwt_authn", "jwt_authn.v3.JwtAuthentication", rules=[elsewhere],
                    providers={"one": {"issuer": ISSUER, "local_jwks": {"inline_string": site.key.jwks}}}),
        http_filter("ext_authz", "ext_authz.v3.ExtAuthz", http_service=authz),
        http_filter("buffer", "buffer.v3.Buffer", max_request_bytes=65536),
        http_filter("grpc_stats", "grpc_stats.v3.FilterConfig", stats_for_all_methods=False), per_filter=per_filter))


# What istiod 1.31 gives a sidecar that is an Envoy without Istio's extensions for outbound HTTP (test/data/recorded, stock).

TEXT_LOG = ('[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
            '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% '
            '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" '
            '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% '
            '%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n')
JSON_LOG = {"peer": "%DOWNSTREAM_PEER_URI_SAN%", "message": "%LOCAL_REPLY_BODY%", "status": "%RESPONSE_CODE%"}
LOG_FILTER = {"extension_filter": {"name": "envoy.access_loggers.extension_filters.cel", "typed_config": {
    "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
    "expression": "response.code >= 400 || connection.mtls"}}}
RETRY = {"retry_on": "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes", "num_retries": 2,
         "retry_host_predicate": [{"name": "envoy.retry_host_predicates.previous_hosts", "typed_config": {
             "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"}}],
         "host_selection_retry_max_attempts": "5"}
STATS = {"use_all_default_tags": False, "stats_matcher": {"inclusion_list": {"patterns": [
    *({"prefix": x} for x in ("reporter=", "cluster_manager", "listener_manager", "server", "cluster.xds-grpc", "wasm")),
    *({"suffix": x} for x in ("rbac.allowed", "rbac.denied", "shadow_allowed", "shadow_denied")),
    {"safe_regex": {"regex": r"vhost\..*\.route\..*"}}, {"prefix": "component"}, {"prefix": "istio"}]}}}


def access_logs(path, log_filter=None):
    formats = ({"text_format_source": {"inline_string": TEXT_LOG}}, {"json_format": JSON_LOG, "json_format_options": {}})
    kind = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
    return [{"name": "envoy.access_loggers.file", **({"filter": log_filter} if log_filter else {}),
             "typed_config": {"@type": kind, "path": str(path), "log_format": how}} for how in formats]


def access_log(site, _):
    """Both of the sidecar's logs, of every request."""
    made = manager()
    made["access_log"] = access_logs("/dev/null")
    return Setup(envoy_listener("policy", site.policy, HCM, made))


def sidecar_tracing():
    def dry_run(kind, what, key):
        path = {"key": "envoy.filters.http.rbac", "path": [{"key": f"istio_dry_run_{kind}_shadow_{key}"}]}
        return {"tag": f"istio.authorization.dry_run.{kind}_policy.{what}",
                "metadata": {"kind": {"request": {}}, "metadata_key": path}}
    literals = {"canonical_revision": "v1", "canonical_service": "app", "cluster_id": "Kubernetes", "mesh_id": "cluster.local",
                "namespace": "default"}
    tags = [dry_run(kind, what, key) for kind in ("allow", "deny")
            for what, key in (("name", "effective_policy_id"), ("result", "engine_result"))]
    tags += [{"tag": f"istio.{name}", "literal": {"value": value}} for name, value in literals.items()]
    return {"client_sampling": {"value": 100}, "random_sampling": {"value": 1}, "overall_sampling": {"value": 100},
            "custom_tags": tags}


def sidecar_virtual_host(name, cluster, short=True):
    domains = [name, name + "."]
    if short:
        domains += [name.removesuffix(".svc.cluster.local"), name.removesuffix(".cluster.local")]
    action = {"cluster": cluster, "timeout": "0s", "retry_policy": RETRY, "max_grpc_timeout": "0s"}
    return {"name": f"{name}:80", "domains": domains, "include_request_attempt_count": True, "routes": [
        {"match": {"prefix": "/"}, "route": action, "decorator": {"operation": f"{name}:80/*"}, "name": "default"}]}


def sidecar_routes(cluster, more):
    hosts = [sidecar_virtual_host(configs.NAME, cluster, short=False)]
    hosts += [sidecar_virtual_host(f"service-{i}.default.svc.cluster.local", cluster) for i in range(more)]
    hosts.append({"name": "allow_any", "domains": ["*"], "include_request_attempt_count": True, "routes": [
        {"match": {"prefix": "/"}, "name": "allow_any",
         "route": {"cluster": "PassthroughCluster", "timeout": "0s", "max_grpc_timeout": "0s"}}]})
    return {"name": "80", "virtual_hosts": hosts, "validate_clusters": False, "max_direct_response_body_size_bytes": 1048576,
            "ignore_port_in_host_matching": True}


def sidecar_manager(site, cluster, more):
    extension = {"@type": "type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig",
                 "use_request_id_for_trace_sampling": True}
    return {"@type": FILTERS + "network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "outbound_0.0.0.0_80;", "route_config": sidecar_routes(cluster, more), "http_filters": [
                http_filter("grpc_stats", "grpc_stats.v3.FilterConfig", emit_filter_state=True, stats_for_all_methods=False),
                http_filter("fault", "fault.v3.HTTPFault"), http_filter("cors", "cors.v3.Cors"), ROUTER],
            "tracing": sidecar_tracing(), "access_log": access_logs(site.folder / "access.log", LOG_FILTER),
            "use_remote_address": False, "proxy_100_continue": True, "upgrade_configs": [{"upgrade_type": "websocket"}],
            "stream_idle_timeout": "0s", "normalize_path": True, "request_id_extension": {"typed_config": extension},
            "path_with_escaped_slashes_action": "KEEP_UNCHANGED"}


def sidecar_cluster(site, name):
    """Its endpoint is one without a sidecar, the secrets of the other kind are files."""
    tls = configs.envoy_tls("UpstreamTlsContext", site.certificate, sni="outbound_.80_._.bench.test")
    raw = {"name": "envoy.transport_sockets.raw_buffer", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"}}
    limits = {f"max_{what}": ENDLESS for what in ("connections", "pending_requests", "requests", "retries")}
    return {**envoy_cluster(name, [socket_address(site.upstream)]), "connect_timeout": "2s", "lb_policy": "LEAST_REQUEST",
            "circuit_breakers": {"thresholds": [limits]}, "common_lb_config": {"healthy_panic_threshold": {}},
            "alt_stat_name": name + ";", "transport_socket_matches": [
                {"name": "tlsMode-istio", "match": {"tlsMode": "istio"}, "transport_socket": tls},
                {"name": "tlsMode-disabled", "match": {}, "transport_socket": raw}]}


def sidecar(site, more):
    name = f"outbound|80||{configs.NAME}"
    passthrough = {"name": "PassthroughCluster", "type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED"}
    made = envoy_listener("0.0.0.0_80", site.policy, HCM, sidecar_manager(site, name, more))
    made["filter_chains"][0].update(transport_socket_connect_timeout="15s", filter_chain_match={
        "transport_protocol": "raw_buffer", "application_protocols": ["http/1.1", "h2c"]})
    tcp = {"@type": FILTERS + "network.tcp_proxy.v3.TcpProxy", "stat_prefix": "PassthroughCluster",
           "cluster": "PassthroughCluster", "access_log": access_logs(site.folder / "access.log", LOG_FILTER)}
    made.update({
        "listener_filters": [{"name": "envoy.filters.listener.http_inspector", "typed_config": {
            "@type": FILTERS + "listener.http_inspector.v3.HttpInspector"}}],
        "listener_filters_timeout": "0s", "continue_on_listener_filters_timeout": True, "traffic_direction": "OUTBOUND",
        "default_filter_chain": {"name": "PassthroughFilterChain", "filter_chain_match": {}, "filters": [
            {"name": "envoy.filters.network.tcp_proxy", "typed_config": tcp}]}})
    return Setup(made, (sidecar_cluster(site, name), passthrough), bootstrap={"stats_config": STATS})
