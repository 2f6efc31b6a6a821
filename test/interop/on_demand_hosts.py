"""The story of virtual hosts that are asked for by the host of a request (VHDS)."""
from by_name import ADS, T, bootstrap, listener, named

STATS = ("http.p.vhds.", "http.p.rds.", "http.p.downstream_rq_active", "http.p.downstream_rq_total", "http.p.no_route")
DUMPS = ("dynamic_route_configs",)


def says(text):
    return {"match": {"path": "/"}, "direct_response": {"status": 200, "body": {"inline_string": text}}}


def host(name, text, *domains, **more):
    return {"@type": T + "config.route.v3.VirtualHost", "name": name, "domains": list(domains), "routes": [says(text)], **more}


def routes(source, text="static", **more):
    own = {k: v for k, v in host("own", text, "own.example").items() if k != "@type"}
    return named("r", {"@type": T + "config.route.v3.RouteConfiguration", "name": "r", "virtual_hosts": [own], "vhds": {"config_source": source}, **more})


def virtual_hosts(run, source):
    a = named("r/a.example", host("r/a.example", "a", "a.example"), ["r/a.example"], hidden=True)
    b = named("r/b.example", host("r/b.example", "b", "b.example", "b.other"), ["r/b.example", "r/b.other"], hidden=True)
    given = named("r/given.example", host("r/given.example", "given", "given.example"))
    run.plane.has(routes(source), given)
    run.start(bootstrap(run, [listener(run.port, run.log, {"rds": {"route_config_name": "r", "config_source": source}})], ads=source is ADS))
    run.step("start", asked=run.asked(), stats=run.stats(*STATS), dump=run.dump(*DUMPS))
    run.step("what is there", got=[run.ask(host="own.example"), run.ask(host="given.example")], asked=run.asked())
    waits = run.asking(host="a.example")
    run.plane.waits_for("r/a.example")
    run.step("is asked for", stats=run.stats("http.p.downstream_rq_active"))
    run.plane.has(routes(source), given, a)
    run.step("comes", got=waits(), asked=run.asked(), stats=run.stats(*STATS), dump=run.dump(*DUMPS))
    run.step("is there", got=[run.ask(host="a.example"), run.ask(host="given.example")], asked=run.asked())
    run.plane.has(routes(source), given, a, b)
    run.step("by another of its names", got=[run.ask(host="b.other"), run.ask(host="b.example"), run.ask(host="b.other", body="x")], asked=run.asked())
    run.step("a path that it does not have", got=run.asking("/x", host="a.example")(), asked=run.asked())
    run.plane.has(routes(source), given, a, b, unknown="empty")
    run.step("one that nobody has", got=run.ask(host="nobody.example"), asked=run.asked(), dump=run.dump(*DUMPS))
    run.step("again", got=run.ask(host="nobody.example"), asked=run.asked())
    run.step("with a port", got=run.ask(host="A.Example:81"), asked=run.asked())
    changed = named("r/a.example", host("r/a.example", "changed", "a.example"), ["r/a.example"], hidden=True)
    run.plane.has(routes(source), given, changed, b, unknown="empty")
    run.step("it changes", asked=run.asked(), got=run.ask(host="a.example"))
    run.plane.has(routes(source, "static 2"), given, changed, b, unknown="empty")
    run.step("the route configuration changes", asked=run.asked(), got=[run.ask(host=h) for h in ("own.example", "a.example", "b.example", "given.example")],
             stats=run.stats(*STATS), dump=run.dump(*DUMPS))
    run.plane.has(routes(source, "static 2"), changed, unknown="empty")
    run.step("two go", asked=run.asked(), got=[run.ask(host=h) for h in ("own.example", "a.example")], dump=run.dump(*DUMPS))
    run.step("and are missed", got=[run.ask(host=h) for h in ("b.example", "given.example")], asked=run.asked(), dump=run.dump(*DUMPS), stats=run.stats(*STATS))
    bad = named("r/bad", host("r/bad", "bad", "bad", routes=[{"match": {"prefix": "/"}}]), ["r/bad"], hidden=True)
    run.plane.has(routes(source, "static 2"), changed, bad)
    waits = run.asking(host="bad")
    run.step("one that is bad", asked=run.asked(), stats=run.stats(*STATS))
    run.plane.has(routes(source, "static 2"), changed, named("r/bad", host("r/bad", "good", "bad"), ["r/bad"], hidden=True))
    run.step("and is good then", got=waits(), asked=run.asked(), stats=run.stats(*STATS))
    both = named("r/two", host("r/two", "two", "two.example", "a.example"), ["r/two.example"], hidden=True)
    run.plane.has(routes(source, "static 2"), changed, both)
    waits = run.asking(host="two.example")
    run.step("one whose domain is another's", asked=run.asked(), stats=run.stats(*STATS), dump=run.dump(*DUMPS))
    run.step("all", log=run.lines(22), stats=run.stats(*STATS))


def virtual_hosts_given_up(run, source):
    """Of clients that go, of a control plane that goes, of a listener without the filter."""
    a = named("r/a.example", host("r/a.example", "a", "a.example"), ["r/a.example"], hidden=True)
    given = named("r/given.example", host("r/given.example", "given", "given.example"))  # Envoy waits for the first
    run.plane.has(routes(source), given)
    run.start(bootstrap(run, [listener(run.port, run.log, {"rds": {"route_config_name": "r", "config_source": source}})], ads=source is ADS))
    run.asked()
    gone = [run.leaving(host="a.example") for _ in range(3)]
    run.plane.waits_for("r/a.example")
    stays = run.asking(host="a.example")
    run.until("http.p.downstream_rq_active", "4")
    for leave in gone:
        leave()
    run.until("http.p.downstream_rq_active", "1")
    run.plane.order(stop=True)
    run.plane.has(routes(source), given, a)
    run.plane.order(start=True)
    run.step("another stream", got=stays(), said=bool(run.asked()), again=run.ask(host="a.example"), dump=run.dump(*DUMPS))
    run.step("all", log=run.lines(5), stats=run.stats("http.p.downstream_rq_active", "http.p.downstream_rq_total", "http.p.no_route"))
