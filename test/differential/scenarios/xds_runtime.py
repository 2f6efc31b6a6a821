"""Runtime layers that come later (RTDS), out of files that are replaced."""
from harness.dsl import *

T = "type.googleapis.com/envoy."
ADMIN = "{name: admin, admin_layer: {}}"


def push(version, *resources):
    return f'version_info: "{version}"\nresources:\n' + "".join(f"- {r}\n" for r in resources) if resources else f'version_info: "{version}"\nresources: []\n'


def values(text, name="some"):
    return '{"@type": %sservice.runtime.v3.Runtime, name: %s, layer: {%s}}' % (T, name, text)


def late(layer="late", name="some", file="rtds"):
    return '{name: %s, rtds_layer: {name: %s, rtds_config: {path_config_source: {path: "{{dir}}/%s.yaml"}}}}' % (layer, name, file)


def static(text, name="base"):
    return "{name: %s, static_layer: {%s}}" % (name, text)


OF_SOURCE = ["runtime." + n for n in ("update_attempt", "update_success", "update_failure", "update_rejected", "init_fetch_timeout", "version", "version_text")]
STATS = OF_SOURCE + ["runtime." + n for n in ("admin_overrides_active", "deprecated_feature_use", "deprecated_feature_seen_since_process_start", "load_error", "load_success", "num_keys",
                                              "num_layers", "override_dir_exists", "override_dir_not_exists")]
PAGE = admin("/runtime", head=False)
ROUTES = """
- {match: {prefix: /, runtime_fraction: {runtime_key: k, default_value: {numerator: 0}}}, direct_response: {status: 200, body: {inline_string: "on"}}}
- {match: {prefix: /}, direct_response: {status: 200, body: {inline_string: "off"}}}
"""


def rtds(name, client, *first, layers=(late(), ADMIN), files={}, **kw):
    scenario("rtds_" + name, own=True, no_log=True, client=client, routes=ROUTES, stats=STATS, bootstrap="layered_runtime: {layers: [%s]}" % ", ".join(layers),
             files={"rtds.yaml": push(1, *first), **files}, mask=[(r"goo\.gle/debug\w+\s*", "")], **kw)


def then(version, *resources, good=None, file="rtds"):
    done = stat_is("runtime.update_success", good) if good else stat_is("runtime.update_attempt", version) + pause(0.05)
    return write("{{dir}}/%s.yaml" % file, push(version, *resources)) + done + pause(0.05)


rtds("values_decide", get("/") + PAGE, values("k: 100"))
rtds("values_change_under_a_connection", get("/") + then(2, values("k: 100, l: {m: text, n: true, o: {numerator: 1}}"), good=2) + get("/") + PAGE + then(3, values(""), good=3) + get("/") + PAGE, values("k: 0"))
rtds("same_again", get("/") + then(2, values("k: 100"), good=2) + get("/"), values("k: 100"))
rtds("over_a_static_layer", get("/") + PAGE + then(2, values(""), good=2) + get("/") + PAGE, values("k: 100"), layers=(static("k: 0"), late(), ADMIN))
rtds("under_a_static_layer", get("/") + PAGE, values("k: 0, a: 1"), layers=(late(), static("k: 100"), ADMIN))
rtds("modified", admin("/runtime_modify?k=0", "POST", head=False) + get("/") + PAGE + then(2, values("k: 100, a: 1"), good=2) + get("/") + PAGE + admin("/runtime_modify?k=", "POST", head=False) + get("/"),
     values("k: 100"))
rtds("an_empty_text_takes_away", get("/") + PAGE, values("k: ''"), layers=(static("k: 100"), late()))
rtds("nothing", get("/") + PAGE + then(2, values("k: 100"), good=1) + get("/") + PAGE)
rtds("two_resources", get("/") + then(2, values("k: 0"), values("k: 0", "other")) + get("/") + PAGE, values("k: 100"))
rtds("of_another_name", get("/") + then(2, values("k: 0", "other")) + get("/") + PAGE, values("k: 100"))
rtds("of_another_type", get("/") + then(2, '{"@type": %sconfig.listener.v3.Listener, name: some}' % T) + get("/") + PAGE, values("k: 100"))
rtds("list_among_values", get("/") + then(2, values("k: 0, a: [1]")) + get("/") + PAGE + then(3, values("k: 0, a: 1")) + get("/") + PAGE, values("k: 100"))
rtds("list_at_first", get("/") + PAGE, values("k: 100, a: [1]"))
rtds("not_yaml", get("/") + write("{{dir}}/rtds.yaml", "resources: [") + stat_is("runtime.update_attempt", 2) + pause(0.05) + get("/"), values("k: 100"))
rtds("not_yaml_at_first", get("/") + PAGE, files={"rtds.yaml": "resources: ["})
rtds("two_layers", get("/") + PAGE + then(4, values("k: 0", "b"), good=3, file="b") + get("/") + PAGE, values("k: 0, a: 1"), layers=(late(), late("later", "b", "b"), ADMIN),
     files={"b.yaml": push(1, values("k: 100", "b"))})
rtds("without_an_admin_layer", get("/") + PAGE, values("k: 100"), layers=(late(),))
rtds("name_of_the_layer_alone", get("/") + PAGE, values("k: 100", "late"), layers=(late(name="late"),))
rtds("no_values", get("/") + PAGE, '{"@type": %sservice.runtime.v3.Runtime, name: some}' % T)


def config(name, *layers):
    scenario("rtds_config_" + name, kind="validate", config="node: {id: node, cluster: c}\nlayered_runtime: {layers: [%s]}\n" % ", ".join(layers))


HERE = "{path_config_source: {path: /dev/null}}"
config("good", "{name: a, rtds_layer: {name: b, rtds_config: %s}}" % HERE)
config("no_name", "{name: a, rtds_layer: {rtds_config: %s}}" % HERE)
config("no_source", "{name: a, rtds_layer: {name: b}}")
config("no_file", "{name: a, rtds_layer: {name: b, rtds_config: {path_config_source: {path: /nonexistent/rtds.yaml}}}}")
config("two_of_one_name", "{name: a, rtds_layer: {name: b, rtds_config: %s}}" % HERE, "{name: c, rtds_layer: {name: b, rtds_config: %s}}" % HERE)
