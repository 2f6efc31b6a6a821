"""The filter set_metadata: dynamic metadata out of the config."""
import json

from harness.dsl import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http.set_metadata.v3.Config"
NAME = "envoy.filters.http.set_metadata"
FORM = {"code": "%RESPONSE_CODE%", "a": "of a: %DYNAMIC_METADATA(a)%", "b": "of b: %DYNAMIC_METADATA(b)%"}
STATS = ["http.{{name}}.set_metadata.overwrite_denied"]
HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def entry(value, name="a", **more):
    return {"metadata_namespace": name, "value": value, **more}


def filter_of(*entries, name=NAME, **more):
    return {"name": name, "typed_config": {"@type": TYPE, **({"metadata": list(entries)} if entries else {}), **more}}


def case(name, *filters, **kw):
    kw.setdefault("log_format", FORM)
    kw.setdefault("stats", STATS)
    scenario("set_metadata_" + name, filters=json.dumps(filters), client=kw.pop("client", get("/")), **kw)


MORE = {"allow_overwrite": True}
case("one", filter_of(entry({"k": "v", "n": 1.5, "t": True, "z": None, "l": [1, "x"], "s": {"x": {"y": "z"}}})))
case("two_namespaces", filter_of(entry({"k": "1"}), entry({"k": "2"}, "b")))
case("not_overwritten", filter_of(entry({"k": "1"}), entry({"k": "2", "m": "3"})))
case("not_overwritten_by_second", filter_of(entry({"k": "1"})), filter_of(entry({"k": "2"}), entry({"k": "3"}, "b"), name="second"))
case("overwritten", filter_of(entry({"k": "1", "o": "old"}), entry({"k": "2", "m": "3"}, **MORE)))
case("overwritten_by_second", filter_of(entry({"k": "1"})), filter_of(entry({"k": "2"}, **MORE), name="second"))
case("merged_struct", filter_of(entry({"s": {"x": "1", "y": {"z": 1}}}), entry({"s": {"x": "2", "y": {"w": 2}, "n": True}}, **MORE)))
case("merged_list", filter_of(entry({"l": [1, 2]}), entry({"l": [2, "x", {"q": 1}]}, **MORE)))
case("merged_scalars", filter_of(entry({"n": 1, "t": True, "s": "old", "z": None}), entry({"n": 2, "t": False, "s": "new", "z": None}, **MORE)))
case("merged_kinds_differ", filter_of(entry({"a": 1, "b": "x", "c": [1], "d": {"x": 1}, "e": None, "f": True}), entry({"a": "x", "b": {"x": 1}, "c": "text", "d": [1], "e": 1, "f": None}, **MORE)))
case("merged_null_over_value", filter_of(entry({"a": 1, "b": {"x": 1}}), entry({"a": None, "b": None}, **MORE)))
case("merged_value_over_null", filter_of(entry({"a": None}), entry({"a": "x"}, **MORE)))
case("empty_value", filter_of(entry({})), filter_of(entry({"k": "v"}), name="second"))
case("no_value", filter_of({"metadata_namespace": "a"}), filter_of(entry({"k": "v"}), name="second"))
case("old_fields", filter_of(metadata_namespace="a", value={"k": "old"}))
case("old_and_new_fields", filter_of(entry({"k": "new", "m": "1"}), metadata_namespace="a", value={"k": "old"}))
case("old_field_overwrites", filter_of(entry({"k": "first", "q": "1"})), filter_of(metadata_namespace="a", value={"k": "old"}, name="second"))
case("old_value_without_namespace", filter_of(value={"k": "old"}))
case("nothing", filter_of())
case("same_entry_thrice", filter_of(entry({"k": "1"}), entry({"k": "2"}), entry({"k": "3"})))
case("chooses_route", filter_of(entry({"k": "v"})), routes='[{match: {prefix: /, dynamic_metadata: [{filter: a, path: [{key: k}], value: {string_match: {exact: v}}}]}, direct_response: {status: 201}}, {match: {prefix: /}, direct_response: {status: 202}}]')
case("of_local_reply", filter_of(entry({"k": "v"})), routes="- {match: {prefix: /}, direct_response: {status: 201}}")
case("disabled", filter_of(entry({"k": "v"})), routes='- {match: {prefix: /}, route: {cluster: "{{up}}"}, typed_per_filter_config: {envoy.filters.http.set_metadata: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}}')
scenario("set_metadata_typed_struct", filters=json.dumps([{"name": NAME, "typed_config": {"@type": "type.googleapis.com/xds.type.v3.TypedStruct", "type_url": TYPE, "value": {"metadata": [entry({"k": "v"})]}}}]), client=get("/"), log_format=FORM)


def levels(**of):
    """Configs of the route, its virtual host and all routes."""
    own = {k: {"typed_per_filter_config": {NAME: {"@type": TYPE, "metadata": v}}} for k, v in of.items()}
    return {"route_config": json.dumps(own.get("rc", {})), "vhosts": json.dumps([{"name": "all", "domains": ["*"], **own.get("vhost", {}), "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "{{up}}"}, **own.get("route", {})}]}])}


case("of_route", filter_of(entry({"k": "own"})), **levels(route=[entry({"k": "route"})]))
case("of_route_merges", filter_of(entry({"k": "own", "q": "1"})), **levels(route=[entry({"k": "route"}, **MORE)]))
case("of_route_only", filter_of(), **levels(route=[entry({"k": "route"})]))
case("of_all_levels", filter_of(entry({"own": 1})), **levels(route=[entry({"route": 1}, **MORE)], vhost=[entry({"vhost": 1}, **MORE)], rc=[entry({"rc": 1}, **MORE)]))
case("of_all_levels_in_order", filter_of(entry({"k": "own"})), **levels(route=[entry({"k": "route", "l": ["route"]}, **MORE)], vhost=[entry({"k": "vhost", "l": ["vhost"]}, **MORE)], rc=[entry({"k": "rc", "l": ["rc"]}, **MORE)]))
case("of_vhost_and_rc", filter_of(entry({"own": 1})), **levels(vhost=[entry({"vhost": 1}, **MORE)], rc=[entry({"rc": 1}, **MORE)]))
case("denied_of_route_is_counted_apart", filter_of(entry({"k": "own"})), own=True, **{**levels(route=[entry({"k": "route"})]), "stats": STATS + ["set_metadata.overwrite_denied"]})

LISTENER = {"name": "l", "address": {"socket_address": {"address": "127.0.0.1", "port_value": 19999}}}
for _name, _entry in {"good": entry({}), "no_namespace": {"value": {}}, "value_is_text": entry("x"), "bare": {"metadata_namespace": "a"}}.items():
    scenario("set_metadata_config_" + _name, kind="validate", config=json.dumps({"static_resources": {"listeners": [{**LISTENER, "filter_chains": [{"filters": [{"name": "h", "typed_config": {
        "@type": HCM, "stat_prefix": "h", "route_config": {}, "http_filters": [filter_of(_entry), {"name": "r", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}]}]}]}}))
