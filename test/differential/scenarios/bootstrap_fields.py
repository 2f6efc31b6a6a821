"""Fields of the bootstrap that concern the process: its admin interface, runtime, stats, log."""
from harness.dsl import *

ROUTE = '- {match: {prefix: /}, direct_response: {status: 200}}'


def own(name, bootstrap="", **kw):
    kw.setdefault("routes", ROUTE)
    kw.setdefault("no_log", True)
    kw.setdefault("client", get("/"))
    scenario("bootstrap_" + name, own=True, bootstrap=bootstrap, **kw)


# The admin interface.
PATHS = [s for p in ("/ready", "/stats?filter=server.live$", "/stats", "/ready?x", "//ready", "/nope", "/help") for s in admin(p, head=False, keep="LIVE|live|not allowed|invalid")]
own("allow_paths", "admin: {allow_paths: [{exact: /ready}, {prefix: '/stats?'}]}", client=PATHS + admin("/healthcheck/fail", "POST", head=False))
own("allow_paths_case", "admin: {allow_paths: [{exact: /READY, ignore_case: true}, {safe_regex: {regex: '/st.*'}}]}", client=PATHS)
own("allow_paths_refused", "admin: {allow_paths: [{prefix: /ready}]}", client=admin("/stats"))
own("admin_socket_options", "admin: {ignore_global_conn_limit: true, profile_path: /tmp/x, socket_options: [{level: 1, name: 9, int_value: 1, state: STATE_PREBIND}]}")

# Runtime from files.
DISK = "layered_runtime: {layers: [{name: base, static_layer: {a: 1, s: text}}, {name: root, disk_layer: {symlink_root: '{{dir}}/current', subdirectory: envoy}}%s]}"
FILES = {"v1/envoy/a": "2", "v1/envoy/deep/er": " 5 \n", "v1/envoy/comment": "# no\n7\n", "v1/envoy/empty": "", "v1/envoy/on": "true", "v1/envoy/lines": "one\ntwo\n", "v1/envoy/half": "numerator: 50\ndenominator: HUNDRED\n",
         "v1/envoy/number": "1.5", "v1/envoy/.hidden": "x", "v2/envoy/a": "3", "v2/envoy/new": "4", "current": ("link", "v1"), "next": ("link", "v2"), "v1/envoy_override/service/a": "9", "v1/service/envoy/b": "8"}
RUNTIME_STATS = ["re:^runtime\\."]
own("disk_layer", DISK % "", files=FILES, client=admin("/runtime"), stats=RUNTIME_STATS)
own("disk_layer_replaced", DISK % "", files=FILES, client=admin("/runtime") + rename("{{dir}}/next", "{{dir}}/current") + stat_is("runtime.num_keys", 3) + admin("/runtime"), stats=RUNTIME_STATS)
own("disk_layer_of_the_service", (DISK % "").replace("subdirectory: envoy", "subdirectory: envoy_override, append_service_cluster: true"), files=FILES, client=admin("/runtime"), stats=RUNTIME_STATS)
own("disk_layers", DISK % ", {name: over, disk_layer: {symlink_root: '{{dir}}/current', subdirectory: envoy_override, append_service_cluster: true}}, {name: admin, admin_layer: {}}", files=FILES,
    client=admin("/runtime") + admin("/runtime_modify?a=11&z=1", "POST") + admin("/runtime"), stats=RUNTIME_STATS)
own("disk_layer_missing", (DISK % "").replace("subdirectory: envoy", "subdirectory: nope"), files=FILES, client=admin("/runtime"), stats=RUNTIME_STATS)
own("disk_layer_root_missing", (DISK % "").replace("/current", "/nope"), files=FILES, client=admin("/runtime"), stats=RUNTIME_STATS)
own("disk_layer_is_used", DISK % "", files={**FILES, "v1/envoy/to": "100"}, routes="""
- {match: {prefix: /, runtime_fraction: {default_value: {numerator: 0}, runtime_key: to}}, direct_response: {status: 201}}
- {match: {prefix: /}, direct_response: {status: 202}}
""", client=get("/"))

# The health check of a file that is there.
own("flags_path_empty", "flags_path: '{{dir}}'", client=admin("/ready") + get("/"))

# Headers that are joined.
INLINE = "inline_headers: [%s]"
TWICE = "GET / HTTP/1.1\r\nhost: h\r\nx-foo: a\r\nX-Foo: b\r\nx-bar: c\r\nx-bar: d\r\ncookie: e\r\ncookie: f\r\n\r\n"
TWO = [raw("HTTP/1.1 200 OK\r\nx-foo: 1\r\nx-foo: 2\r\nx-bar: 3\r\nx-bar: 4\r\ncontent-length: 0\r\n\r\n")]
own("inline_headers", INLINE % "{inline_header_name: X-Foo, inline_header_type: REQUEST_HEADER}, {inline_header_name: x-bar, inline_header_type: RESPONSE_HEADER}", routes='- {match: {prefix: /}, route: {cluster: "{{up}}"}}',
    up=TWO, client=send(TWICE) + read())
own("inline_headers_none", "", routes='- {match: {prefix: /}, route: {cluster: "{{up}}"}}', up=TWO, client=send(TWICE) + read())
own("inline_cookie", INLINE % "{inline_header_name: cookie, inline_header_type: REQUEST_HEADER}", routes='- {match: {prefix: /}, route: {cluster: "{{up}}"}}', up=TWO, client=send(TWICE) + read())
TRAILERS = "http_protocol_options: {enable_trailers: true}"
own("inline_trailers", INLINE % "{inline_header_name: x-t, inline_header_type: REQUEST_TRAILER}, {inline_header_name: x-u, inline_header_type: RESPONSE_TRAILER}", hcm=TRAILERS, routes='- {match: {prefix: /}, route: {cluster: "{{up}}"}}',
    clusters={"up": {"yaml": """
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config: {http_protocol_options: {enable_trailers: true}}
"""}}, up=[raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-t: 1\r\nx-t: 2\r\nx-u: 3\r\nx-u: 4\r\n\r\n")],
    client=send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-t: 1\r\nx-t: 2\r\nx-u: 3\r\nx-u: 4\r\n\r\n") + read())

# Stats.
TIME = "http.{{name}}.downstream_rq_time"
own("version_override", "stats_server_version_override: {value: 77}", stats=["server.version"])
own("flush_on_admin", "stats_flush_on_admin: true", client=get("/") + admin("/stats?filter=" + TIME, keep="rq_time", head=False) + admin("/stats?filter=" + TIME, keep="rq_time", head=False),
    mask=[(r"P\d.*", "<histogram>")])
own("flush_interval", "stats_flush_interval: 0.05s", client=get("/") + stat_matches(TIME, "P50"))

# The process's log.
TEXT_LOG = "application_log_config: {log_format: {text_format: '%s'}}"
own("log_text", TEXT_LOG % "<%l> <%n> %v", flags=["--component-log-level", "main:info"], client=printed("<info> <main> starting main", 1))
own("log_json", "application_log_config: {log_format: {json_format: {all: {msg: ['%j', 1, true, '%l <%n>']}}}}", flags=["--component-log-level", "main:info"], client=printed('"msg":\\["starting main', 1))

# Settings that nothing outside shows.
own("accepted", """
enable_worker_cpu_affinity: true
default_regex_engine: {name: e, typed_config: {"@type": type.googleapis.com/envoy.extensions.regex_engines.v3.GoogleRE2}}
default_socket_interface: envoy.extensions.network.socket_interface.default_socket_interface
memory_allocator_manager: {bytes_to_release: 100000, memory_release_interval: 1s}
watchdogs: {main_thread_watchdog: {miss_timeout: 1s}, worker_watchdog: {miss_timeout: 1s}}
stats_eviction_interval: 5s
node: {user_agent_name: me, user_agent_build_version: {version: {major_number: 1}}, extensions: [{name: x, category: cat}], listening_addresses: [{pipe: {path: x}}]}
""")
own("watchdog_deprecated", "watchdog: {miss_timeout: 1s}")

# What is refused.
for _name, _text in {
        "watchdog_twice": "watchdog: {}\nwatchdogs: {}",
        "flush_twice": "stats_flush_on_admin: true\nstats_flush_interval: 1s",
        "flush_on_admin_false": "stats_flush_on_admin: false",
        "inline_set_cookie": INLINE % "{inline_header_name: set-cookie, inline_header_type: RESPONSE_HEADER}",
        "inline_no_name": INLINE % "{inline_header_type: RESPONSE_HEADER}",
        "inline_twice": INLINE % "{inline_header_name: x-a, inline_header_type: RESPONSE_HEADER}, {inline_header_name: x-a, inline_header_type: RESPONSE_HEADER}",
        "inline_bad_name": INLINE % "{inline_header_name: 'x a', inline_header_type: RESPONSE_HEADER}",
        "log_json_v": "application_log_config: {log_format: {json_format: {a: '%v'}}}",
        "log_json_underscore": "application_log_config: {log_format: {json_format: {a: '%_'}}}",
        "log_empty": "application_log_config: {log_format: {}}",
        "regex_engine": 'default_regex_engine: {name: e, typed_config: {"@type": type.googleapis.com/google.protobuf.Struct, value: {}}}',
        "regex_engine_empty": "default_regex_engine: {name: e}",
        "socket_interface": "default_socket_interface: nope",
        "perf_tracing": "perf_tracing_file_path: /tmp/x",
        "memory_interval": "memory_allocator_manager: {bytes_to_release: 1, memory_release_interval: 0s}",
        "disk_no_root": "layered_runtime: {layers: [{name: a, disk_layer: {}}]}",
        "disk_root_missing": "layered_runtime: {layers: [{name: a, disk_layer: {symlink_root: /no/such/root}}]}",
        "disk_parent_missing": "layered_runtime: {layers: [{name: a, disk_layer: {symlink_root: /no/such}}]}",
        "allow_paths_empty": "admin: {allow_paths: [{}]}",
        "flags_path_missing": "flags_path: /no/such/folder",
        "eviction": "stats_flush_interval: 1s\nstats_eviction_interval: 1.5s"}.items():
    late = {"differs": "Envoy finds it when it starts", "outrigger": {"exit": 1, "ok": None}} if _name == "inline_set_cookie" else {}
    scenario("bootstrap_check_" + _name, kind="validate", config=_text, **late)
scenario("bootstrap_check_log_format_twice", kind="validate", config="application_log_config: {log_format: {text_format: a}}", flags=["--log-format", "b"])
