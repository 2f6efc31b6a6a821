"""Every HTTP filter in every form and at every place where its config may stand: is it taken? Each is a listener of its
own, all of a scenario come in one LDS file."""
import base64
import hashlib
import json

from harness.dsl import *

T = "type.googleapis.com/"
H = T + "envoy.extensions.filters.http."
MANAGER = T + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
CONFIG = T + "envoy.config.route.v3.FilterConfig"
ON = {"default_value": {"numerator": 100}}
EXT = lambda name, type, **fields: {"name": name, "typed_config": {"@type": T + "envoy.extensions." + type, **fields}}
GRPC = {"envoy_grpc": {"cluster_name": "{{up}}"}}
KEYS = json.dumps({"keys": [{"kty": "oct", "alg": "HS256", "k": base64.urlsafe_b64encode(b"secret" * 6).decode(), "kid": "a"}]})
JWT = {"providers": {"p": {"issuer": "i", "local_jwks": {"inline_string": KEYS}}}, "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "p"}}], "requirement_map": {"open": {"allow_missing": {}}}}
USERS = {"users": {"inline_string": "u:{SHA}" + base64.b64encode(hashlib.sha1(b"p").digest()).decode()}}
BUCKET = {"stat_prefix": "b", "token_bucket": {"max_tokens": 1, "fill_interval": "3600s"}, "filter_enabled": ON, "filter_enforced": ON}
CODE = {"inline_string": "function envoy_on_request(h) end"}
MUTATIONS = {"mutations": {"request_mutations": [{"append": {"header": {"key": "x-a", "value": "1"}}}]}}
STATE = {"on_request_headers": [{"object_key": "k", "factory_key": "envoy.string", "format_string": {"text_format_source": {"inline_string": "v"}}}]}
SESSION = {"session_state": EXT("envoy.http.stateful_session.cookie", "http.stateful_session.cookie.v3.CookieBasedSessionState", cookie={"name": "a", "path": "/"})}
LIMIT = {"domain": "d", "rate_limit_service": {"grpc_service": GRPC, "transport_api_version": "V3"}}
SECRET = lambda name: {"name": name, "sds_config": {"path_config_source": {"path": "{{dir}}/secrets.yaml"}}}
OAUTH = {"config": {"token_endpoint": {"uri": "http://t/token", "cluster": "{{up}}", "timeout": "1s"}, "authorization_endpoint": "http://a/auth", "redirect_uri": "http://h/cb",
                    "redirect_path_matcher": {"path": {"exact": "/cb"}}, "signout_path": {"path": {"exact": "/out"}}, "credentials": {"client_id": "c", "token_secret": SECRET("token"), "hmac_secret": SECRET("hmac")}}}
SECRETS = "resources:\n" + "".join('- {"@type": %senvoy.extensions.transport_sockets.tls.v3.Secret, name: %s, generic_secret: {secret: {inline_string: %s}}}\n' % (T, n, "s" * 32) for n in ("token", "hmac"))
# By name: the message and its fields; of a route the same, when there is one.
FILTERS = {
    "adaptive_concurrency": ("AdaptiveConcurrency", {"gradient_controller_config": {"sample_aggregate_percentile": {"value": 90}, "concurrency_limit_params": {"concurrency_update_interval": "0.1s"},
                                                                                     "min_rtt_calc_params": {"interval": "60s", "request_count": 50}}}),
    "admission_control": ("AdmissionControl", {"success_criteria": {"http_criteria": {}, "grpc_criteria": {}}}),
    "api_key_auth": ("ApiKeyAuth", {"credentials": [{"key": "k", "client": "c"}], "key_sources": [{"header": "x-key"}]}, "ApiKeyAuthPerRoute", {"allowed_clients": ["c"]}),
    "bandwidth_limit": ("BandwidthLimit", {"stat_prefix": "b", "enable_mode": "REQUEST", "limit_kbps": 1000}, "BandwidthLimit", {"stat_prefix": "r", "enable_mode": "RESPONSE", "limit_kbps": 1000}),
    "basic_auth": ("BasicAuth", USERS, "BasicAuthPerRoute", USERS),
    "buffer": ("Buffer", {"max_request_bytes": 10}, "BufferPerRoute", {"buffer": {"max_request_bytes": 5}}),
    "compressor": ("Compressor", {"compressor_library": EXT("g", "compression.gzip.compressor.v3.Gzip")}, "CompressorPerRoute", {"disabled": True}),
    "cors": ("Cors", {}, "CorsPolicy", {"allow_methods": "GET"}),
    "csrf": ("CsrfPolicy", {"filter_enabled": ON}, "CsrfPolicy", {"filter_enabled": {"default_value": {}}}),
    "decompressor": ("Decompressor", {"decompressor_library": EXT("g", "compression.gzip.decompressor.v3.Gzip")}),
    "dynamic_forward_proxy": ("FilterConfig", {"dns_cache_config": {"name": "{{name}}", "dns_lookup_family": "V4_ONLY"}}, "PerRouteConfig", {"host_rewrite_literal": "h"}),
    "ext_authz": ("ExtAuthz", {"grpc_service": GRPC, "transport_api_version": "V3"}, "ExtAuthzPerRoute", {"check_settings": {"context_extensions": {"a": "b"}}}),
    "ext_proc": ("ExternalProcessor", {"grpc_service": GRPC}, "ExtProcPerRoute", {"overrides": {"failure_mode_allow": True}}),
    "fault": ("HTTPFault", {"abort": {"http_status": 418, "percentage": {"numerator": 100}}}, "HTTPFault", {"abort": {"http_status": 417, "percentage": {"numerator": 100}}}),
    "grpc_http1_bridge": ("Config", {}),
    "grpc_stats": ("FilterConfig", {"stats_for_all_methods": True}),
    "grpc_web": ("GrpcWeb", {}),
    "header_mutation": ("HeaderMutation", MUTATIONS, "HeaderMutationPerRoute", MUTATIONS),
    "header_to_metadata": ("Config", {"request_rules": [{"header": "x-a", "on_header_present": {"key": "k"}}]}, "Config", {"request_rules": [{"header": "x-b", "on_header_present": {"key": "k"}}]}),
    "health_check": ("HealthCheck", {"pass_through_mode": False, "headers": [{"name": ":path", "string_match": {"exact": "/hc"}}]}),
    "jwt_authn": ("JwtAuthentication", JWT, "PerRouteConfig", {"requirement_name": "open"}),
    "local_ratelimit": ("LocalRateLimit", BUCKET, "LocalRateLimit", {**BUCKET, "status": {"code": 503}}),
    "lua": ("Lua", {"default_source_code": CODE, "source_codes": {"n": CODE}}, "LuaPerRoute", {"name": "n"}),
    "oauth2": ("OAuth2", OAUTH, "OAuth2PerRoute", OAUTH),
    "on_demand": ("OnDemand", {}, "PerRouteConfig", {}),
    "ratelimit": ("RateLimit", LIMIT, "RateLimitPerRoute", {"vh_rate_limits": "INCLUDE"}),
    "rbac": ("RBAC", {"rules": {}}, "RBACPerRoute", {"rbac": {"rules": {}}}),
    "set_filter_state": ("Config", STATE, "Config", STATE),
    "set_metadata": ("Config", {"metadata": [{"metadata_namespace": "n", "value": {"a": 1}}]}, "Config", {"metadata": [{"metadata_namespace": "n", "value": {"a": 2}}]}),
    "stateful_session": ("StatefulSession", SESSION, "StatefulSessionPerRoute", {"disabled": True}),
}
ROUTER = {"name": "r", "typed_config": {"@type": H + "router.v3.Router"}}
UNKNOWN = {"@type": T + "xds.type.v3.TypedStruct", "type_url": T + "nope.Nope", "value": {"a": 1}}


def struct(config, kind="xds.type.v3"):
    return {"@type": f"{T}{kind}.TypedStruct", "type_url": config["@type"], "value": {k: v for k, v in config.items() if k != "@type"}}


def around(config=None, **more):
    return {"@type": CONFIG, **({} if config is None else {"config": config}), **more}


def listener(name, filters, host=None, vhost=None, route=None, weighted=None):
    """A listener of these filters, with the config of the filter f at these places."""
    per = lambda c: {} if c is None else {"typed_per_filter_config": {"f": c}}
    action = {"weighted_clusters": {"clusters": [{"name": "{{up}}", "weight": 1, **per(weighted)}]}} if weighted else {"cluster": "{{up}}"}
    return {"@type": T + "envoy.config.listener.v3.Listener", "name": name, "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}, "filter_chains": [{"filters": [{"name": "h", "typed_config": {
        "@type": MANAGER, "stat_prefix": "h", "http_filters": [*filters, ROUTER], "route_config": {"name": "r", **per(host), "virtual_hosts": [
            {"name": "v", "domains": ["*"], **per(vhost), "routes": [{"match": {"prefix": "/"}, "route": action, **per(route)}]}]}}}]}]}


PLACES = ("host", "vhost", "route", "weighted")


def chain_forms(config):
    """Forms of the entry in http_filters."""
    entry = {"name": "f", "typed_config": config}
    yield "plain", [entry], {}
    yield "struct", [{"name": "f", "typed_config": struct(config)}], {}
    yield "old_struct", [{"name": "f", "typed_config": struct(config, "udpa.type.v1")}], {}
    yield "disabled", [{**entry, "disabled": True}], {}
    yield "optional", [{**entry, "is_optional": True}], {}
    yield "twice", [entry, {**entry, "name": "g"}], {}
    yield "twice_of_one_name", [entry, entry], {}
    yield "untyped", [{"name": "f"}], {}
    yield "untyped_optional", [{"name": "f", "is_optional": True}], {}
    yield "empty", [{"name": "f", "typed_config": {"@type": config["@type"]}}], {}
    yield "unknown_field_in_struct", [{"name": "f", "typed_config": {**struct(config), "value": {**struct(config)["value"], "nonsense_field": 1}}}], {}
    yield "wrong_field_in_struct", [{"name": "f", "typed_config": {**struct(config), "value": {**struct(config)["value"], "stat_prefix": {"a": 1}}}}], {}
    yield "unknown_struct", [{"name": "f", "typed_config": UNKNOWN}], {}
    yield "unknown_struct_optional", [{"name": "f", "typed_config": UNKNOWN, "is_optional": True}], {}
    yield "unknown_struct_disabled", [{"name": "f", "typed_config": UNKNOWN, "disabled": True}], {}


def place_forms(config, own):
    """Forms of what stands at a route and such."""
    entry = {"name": "f", "typed_config": config}
    off = [{**entry, "disabled": True}]
    yield "off", [entry], around(disabled=True)
    yield "struct_off", [entry], struct(around(disabled=True))
    yield "says_nothing", [entry], around()
    yield "on", off, around({})
    yield "of_the_filter_itself", [entry], config
    yield "optional_unknown", [entry], around(UNKNOWN, is_optional=True)
    yield "unknown", [entry], around(UNKNOWN)
    yield "off_unknown", [entry], around(UNKNOWN, disabled=True)
    yield "bare_unknown", [entry], UNKNOWN
    yield "of_no_filter", [{**entry, "name": "g"}], around(disabled=True)
    if own is None:
        return
    yield "own", [entry], own
    yield "own_struct", [entry], struct(own)
    yield "own_old_struct", [entry], struct(own, "udpa.type.v1")
    yield "own_around", [entry], around(own)
    yield "own_struct_around", [entry], around(struct(own))
    yield "own_optional_around", [entry], around(own, is_optional=True)
    yield "own_empty", [entry], {"@type": own["@type"]}
    yield "own_enables", off, own
    yield "own_of_no_filter", [{**entry, "name": "g"}], own
    yield "own_off", [entry], around(own, disabled=True)


def filters():
    for name, (kind, fields, *route) in FILTERS.items():
        of = lambda kind, fields: {"@type": f"{H}{name}.v3.{kind}", **fields}
        yield name, of(kind, fields), of(*route) if route else None


# Where Outrigger decides otherwise, with the reason; (filter, form).
OWN_TYPE = "Envoy takes an empty config of the filter itself for one of the route, that is, for a filter that does nothing there"
NOBODY = "without a service there is nobody to ask: Envoy ends at the first request"
DIFFERS = {("cors", "of_the_filter_itself"): OWN_TYPE, ("on_demand", "of_the_filter_itself"): OWN_TYPE, ("ext_authz", "empty"): NOBODY}


def forms(filter, listeners, reason=None):
    there = {n: l for n, l in listeners if DIFFERS.get((filter, n.split("/")[0])) == reason}
    if there:
        scenario(f"forms_of_{filter}" + ("_differ" if reason else ""), own=True, no_log=True, bootstrap='dynamic_resources: {lds_config: {path_config_source: {path: "{{dir}}/lds.yaml"}}}', client=verdicts(),
                 files={"secrets.yaml": SECRETS, "lds.yaml": json.dumps({"resources": list(there.values())})}, no_upstream=True,
                 **({"differs": reason, "outrigger": {"steps": [{"verdicts": {n: "refused" for n in sorted(there)}}]}} if reason else {}))


for _reason in (None, *sorted(set(DIFFERS.values()))):
    for _filter, _config, _own in filters():
        forms(_filter, [*((form, listener(form, chain, **where)) for form, chain, where in chain_forms(_config)),
                        *((f"{form}/{place}", listener(f"{form}/{place}", chain, **{place: what})) for form, chain, what in place_forms(_config, _own) for place in PLACES)], _reason)
