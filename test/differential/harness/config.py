"""Puts the parts of many scenarios together to one bootstrap."""
import re

import yaml

from . import h2

TYPE = "type.googleapis.com/envoy."
HCM_TYPE = TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
TCP_TYPE = TYPE + "extensions.filters.network.tcp_proxy.v3.TcpProxy"
FILE_LOG_TYPE = TYPE + "extensions.access_loggers.file.v3.FileAccessLog"
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
HTTP_OPTIONS_TYPE = "type.googleapis.com/" + HTTP_OPTIONS
ROUTER_TYPE = TYPE + "extensions.filters.http.router.v3.Router"

HTTP_LOG = {
    "method": "%REQ(:METHOD)%", "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%", "authority": "%REQ(:AUTHORITY)%",
    "protocol": "%PROTOCOL%", "code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%", "term": "%CONNECTION_TERMINATION_DETAILS%",
    "received": "%BYTES_RECEIVED%", "sent": "%BYTES_SENT%", "cluster": "%UPSTREAM_CLUSTER%",
    "host": "%UPSTREAM_HOST%", "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "route": "%ROUTE_NAME%",
    "failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
}
TCP_LOG = {
    "code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%",
    "term": "%CONNECTION_TERMINATION_DETAILS%", "received": "%BYTES_RECEIVED%", "sent": "%BYTES_SENT%",
    "cluster": "%UPSTREAM_CLUSTER%", "host": "%UPSTREAM_HOST%", "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
}


def fill(text, names):
    """Replaces {{name}}."""
    def one(match):
        if match[1] not in names:
            raise KeyError(f"{{{{{match[1]}}}}} is not known; there are {sorted(names)}")
        return str(names[match[1]])
    return re.sub(r"\{\{([A-Za-z0-9_.-]+)\}\}", one, text)


def merge(base, over):
    """In place; null takes a field away, "+name" adds to a list."""
    for key, value in (over or {}).items():
        if key.startswith("+"):
            base.setdefault(key[1:], []).extend(value)
            continue
        if value is None:
            base.pop(key, None)
        elif isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = value
    return base


def endpoint(port):
    return {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}


def file_log(run, form):
    return {"name": "log", "typed_config": {
        "@type": FILE_LOG_TYPE, "path": run.log_path, "log_format": {"json_format": form}}}


def clusters(run):
    s, out = run.scenario, []
    specs = dict(s.clusters)
    used = {h for spec in specs.values() for h in spec.get("hosts", [])}
    for name in s.up:
        if name not in specs and name not in used:
            specs[name] = {}
    for name, spec in specs.items():
        full = run.names[name]
        hosts = spec.get("hosts", [name] if name in s.up else [])
        base = {"name": full, "connect_timeout": "2s", "type": "STATIC", "load_assignment": {
            "cluster_name": full,
            "endpoints": [{"lb_endpoints": [endpoint(run.upstreams[h].port) for h in hosts]}]}}
        if not hosts:
            base["load_assignment"]["endpoints"] = []
        h2_options = spec.get("h2", "" if any(isinstance(run.upstreams[h].script, h2.H2) for h in hosts) else None)
        if h2_options is not None:
            base["typed_extension_protocol_options"] = {HTTP_OPTIONS: {"@type": HTTP_OPTIONS_TYPE, "explicit_http_config": {
                "http2_protocol_options": yaml.safe_load("{" + h2_options + "}")}}}
        over = yaml.safe_load(fill(spec.get("yaml", ""), run.names)) or {}
        if "load_assignment" in over:
            del base["load_assignment"]
            over["load_assignment"].setdefault("cluster_name", full)
        merge(base, over)
        if not spec.get("endpoints", True):
            base.pop("load_assignment", None)
        out.append(base)
    return out


def hcm(run):
    s = run.scenario
    if s.vhosts is not None:
        vhosts = yaml.safe_load(fill(s.vhosts, run.names)) or []
    else:
        text = s.routes or '- {match: {prefix: "/"}, route: {cluster: "{{up}}"}}'
        vhosts = [{"name": "all", "domains": ["*"], "routes": yaml.safe_load(fill(text, run.names))}]
    config = {"name": "routes", "virtual_hosts": vhosts}
    merge(config, yaml.safe_load(fill(s.route_config, run.names)))
    filters = yaml.safe_load(fill(s.filters, run.names)) or []
    router = {"@type": ROUTER_TYPE}
    merge(router, yaml.safe_load(fill(s.router, run.names)))
    filters.append({"name": "envoy.filters.http.router", "typed_config": router})
    out = {"@type": HCM_TYPE, "stat_prefix": s.name, "codec_type": "HTTP1", "delayed_close_timeout": "0.1s",
           "route_config": config, "http_filters": filters}
    if s.access_log is not None:
        out["access_log"] = yaml.safe_load(fill(s.access_log, run.names))
    elif not s.no_log:
        out["access_log"] = [file_log(run, s.log_format or HTTP_LOG)]
    return merge(out, yaml.safe_load(fill(s.hcm, run.names)))


def tcp(run):
    s = run.scenario
    out = {"@type": TCP_TYPE, "stat_prefix": s.name}
    if s.access_log is not None:
        out["access_log"] = yaml.safe_load(fill(s.access_log, run.names))
    elif not s.no_log:
        out["access_log"] = [file_log(run, s.log_format or TCP_LOG)]
    merge(out, yaml.safe_load(fill(s.tcp, run.names)))
    if "weighted_clusters" not in out:
        out.setdefault("cluster", run.names.get("up", "none"))
    return out


def listener(run):
    s = run.scenario
    if s.kind == "tcp":
        network = {"name": "envoy.filters.network.tcp_proxy", "typed_config": tcp(run)}
    else:
        network = {"name": "envoy.filters.network.http_connection_manager", "typed_config": hcm(run)}
    out = {"name": run.names["listener"], "address": {"socket_address": {
        "address": "127.0.0.1", "port_value": run.ports["port"]}}}
    if s.chains is None:
        out["filter_chains"] = [{"filters": [network]}]
    else:
        run.names["network"] = "network"
        parts = yaml.safe_load(fill(s.chains, run.names))
        place(parts, network)
        merge(out, parts)
    return merge(out, yaml.safe_load(fill(s.listener, run.names)))


def place(node, network):
    """Puts the scenario's network filter where the filters of a chain say "the"."""
    if isinstance(node, dict):
        if isinstance(node.get("filters"), list):
            node["filters"] = [network if f == "the" else f for f in node["filters"]]
        for value in node.values():
            place(value, network)
    elif isinstance(node, list):
        for value in node:
            place(value, network)


def bootstrap(runs, admin_port):
    out = {"admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": admin_port}}},
           "node": {"id": "node", "cluster": "service"},
           "static_resources": {"listeners": [], "clusters": []},
           "layered_runtime": {"layers": [{"name": "admin", "admin_layer": {}}]}}
    for run in runs:
        if run.scenario.kind in ("http", "tcp"):
            out["static_resources"]["listeners"].append(listener(run))
        out["static_resources"]["listeners"] += yaml.safe_load(fill(run.scenario.listeners, run.names)) or []
        out["static_resources"]["clusters"] += clusters(run)
        merge(out, yaml.safe_load(fill(run.scenario.bootstrap, run.names)))
    return out
