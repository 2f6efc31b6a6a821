"""The stories of routes in scopes: a key out of the request's headers says which route configuration it takes (SRDS)."""
from by_name import ADS, T, bootstrap, listener, named

STATS = ("http.p.scoped_rds.", "http.p.rds.", "http.p.downstream_rq_active", "http.p.downstream_rq_total", "http.p.no_route")
DUMPS = ("dynamic_scoped_route_configs", "inline_scoped_route_configs", "dynamic_route_configs", "static_route_configs")
BUILDER = {"fragments": [
    {"header_value_extractor": {"name": "x-scope", "element_separator": ";", "element": {"separator": "=", "key": "a"}}},
    {"header_value_extractor": {"name": "x-two", "element_separator": ",", "index": 1}}]}


def routes(name, text, **more):
    return named(name, {"@type": T + "config.route.v3.RouteConfiguration", "name": name, "virtual_hosts": [
        {"name": "v", "domains": ["*"], "routes": [{"match": {"path": "/"}, "direct_response": {"status": 200, "body": {"inline_string": text}}}], **more}]})


def scope(name, routes, *key, **more):
    return named(name, {"@type": T + "config.route.v3.ScopedRouteConfiguration", "name": name, **({"route_configuration_name": routes} if routes else {}),
                        "key": {"fragments": [{"string_key": k} for k in key]}, **more})


def scoped_listener(run, source, **more):
    return listener(run.port, run.log, {"scoped_routes": {"name": "scopes", "scope_key_builder": BUILDER, "rds_config_source": source, **more}})


def of(one, two):
    return {"x_scope": f"z=1;a={one};b=2", "x_two": f"n,{two},m"}


def scopes(run, source):
    r1, r2, r3, r4 = routes("r1", "one"), routes("r2", "two"), routes("r3", "three"), routes("r4", "four")
    s1, s2, s3 = scope("s1", "r1", "k", "1"), scope("s2", "r2", "k", "2"), scope("s3", "r3", "k", "3", on_demand=True)
    run.plane.has(r1, r2, r3, s1, s2, s3)
    run.start(bootstrap(run, [scoped_listener(run, source, scoped_rds={"scoped_rds_config_source": source})], ads=source is ADS))
    run.step("start", asked=run.asked(), stats=run.stats(*STATS), dump=run.dump(*DUMPS))
    run.step("by key", got=[run.ask(**of("k", "1")), run.ask(**of("k", "2")), run.ask("/x", **of("k", "1"))], asked=run.asked())
    run.step("no such key", got=[run.ask(**of("k", "9")), run.ask(), run.ask(x_scope="a=k"), run.ask(x_scope="a=k", x_two="0"), run.ask(x_scope="b=k", x_two="0,1")],
             asked=run.asked())
    run.step("odd headers", got=[run.ask(x_scope=s, x_two=t) for s, t in (
        ("a=k", "0,1"), ("a=k=l", "0,1"), ("a", "0,1"), ("a=", "0,1"), (" a=k", "0,1"), ("a=k ", "0,1"), ("b=k;a=k", "0,1"), ("a=l;a=k", "0,1"), ("a=k", ",1"), ("a=k", "0, 1"))])
    run.step("one on demand", got=run.ask(**of("k", "3")), asked=run.asked(), stats=run.stats(*STATS), dump=run.dump(*DUMPS))
    run.step("again", got=run.ask(**of("k", "3")), asked=run.asked())
    run.plane.has(r1, r2, routes("r3", "other"), s1, s2, s3)
    run.step("its routes change", asked=run.asked(), got=run.ask(**of("k", "3")))
    run.plane.has(r1, r2, r3, r4, scope("s1", "r2", "k", "1"), s2, s3, scope("s4", "r4", "k", "4"))
    run.step("scopes change", asked=run.asked(), got=[run.ask(**of("k", n)) for n in "1234"], stats=run.stats(*STATS), dump=run.dump(*DUMPS))
    run.plane.has(r1, r2, r3, s1, scope("s3", "r3", "k", "33"))
    run.step("two go, a key changes", asked=run.asked(), got=[run.ask(**of("k", n)) for n in ("1", "2", "3", "33", "4")], stats=run.stats(*STATS), dump=run.dump(*DUMPS))
    run.plane.has(r1, r2, r3, s1, scope("s3", "r3", "k", "33"), scope("s5", "r1", "k", "1"))
    run.step("two of one key", asked=run.asked(), got=run.ask(**of("k", "1")), stats=run.stats(*STATS), dump=run.dump(*DUMPS))
    run.plane.has(r1, r2, r3, s1, scope("s5", "r9", "k", "5"))
    asked = run.asked()
    gone = run.leaving(**of("k", "5"))
    run.until("http.p.downstream_rq_active", "1")
    run.step("one whose routes nobody has", asked=asked, got=run.ask(**of("k", "1")), stats=run.stats(*STATS), dump=run.dump(*DUMPS))
    gone()
    run.until("http.p.downstream_rq_active", "0")
    run.plane.has(r1, r2, r3, s1, scope("s6", None, "k", "6", route_configuration={"name": "in", "virtual_hosts": [
        {"name": "v", "domains": ["*"], "routes": [{"match": {"path": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "inside"}}}]}]}))
    run.step("one that has its routes in it", asked=run.asked(), got=[run.ask(**of("k", n)) for n in "16"], stats=run.stats(*STATS), dump=run.dump(*DUMPS))
    run.plane.has(r1, r2, r3)
    run.step("none", asked=run.asked(), got=run.ask(**of("k", "1")), stats=run.stats(*STATS), dump=run.dump(*DUMPS))
    run.step("all", log=run.lines(37))

