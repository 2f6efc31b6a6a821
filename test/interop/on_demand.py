#!/usr/bin/env python3
"""What a proxy asks its control plane for only when a request needs it: clusters, virtual hosts and scopes of routes. Outrigger
and the real Envoy go through the same stories: what they ask, serve, log and count, and /config_dump, must be the same.

  on_demand.py --binary build/dev/outrigger [--envoy PATH] [--story NAME] [--show]    exit 77 when they cannot be had
"""
import json
import os
import sys
import tempfile
import time

from by_name import ADS, NAME, ON_DEMAND, OWN, Posts, Run, assignment, bootstrap, cluster, eds_cluster, listener, named
from common import arguments, compare
from on_demand_hosts import virtual_hosts, virtual_hosts_given_up
from on_demand_scopes import scopes
from on_demand_tcp import connections, connections_given_up, connections_refused, connections_without_source
from xds import control_plane

ROUTES = {"route_config": {"name": "r", "validate_clusters": False, "virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [
    {"name": "direct", "match": {"path": "/direct"}, "direct_response": {"status": 200, "body": {"inline_string": "direct"}}},
    {"name": "other", "match": {"prefix": "/other"}, "route": {"cluster": "other", "cluster_not_found_response_code": "NOT_FOUND"}},
    {"name": "off", "match": {"prefix": "/off"}, "route": {"cluster": "off"},
     "typed_per_filter_config": {NAME: {"@type": ON_DEMAND + "PerRouteConfig"}}},
    {"name": "header", "match": {"prefix": "/header"}, "route": {"cluster_header": "x-cluster"}},
    {"name": "weighted", "match": {"prefix": "/weighted"}, "route": {"weighted_clusters": {"clusters": [{"name": "w", "weight": 1}]}}},
    {"name": "main", "match": {"prefix": "/"}, "route": {"cluster": "c"}}]}]}}
# On the aggregated stream all that wait for a type are told what is refused, and clusters of CDS and on demand come in any order.
BY_CHANCE = ("cluster_manager.odcds.update_rejected", "cluster_manager.cds.config_reload")
CLUSTERS = ("cluster_manager.", "http.p.downstream_rq_total", "http.p.downstream_rq_active", "http.p.downstream_rq_completed", "http.p.no_", "http.p.rq_total",
            "cluster.c.upstream_rq_completed")
DUMPS = ("dynamic_active_clusters", "dynamic_warming_clusters")


def clusters_on_demand(run, source):
    odcds = {"source": source, "timeout": "1s"}
    run.plane.has()
    run.start(bootstrap(run, [listener(run.port, run.log, ROUTES, odcds)], ads=source is ADS))
    run.step("start", asked=run.asked(), stats=run.stats(*CLUSTERS))
    run.step("a request that needs none", got=run.ask("/direct"), asked=run.asked())
    got = run.asking("/")
    run.plane.waits_for("c")
    more = run.asking("/x"), run.asking("/", body="b" * 2000)
    time.sleep(0.2)
    run.step("it is asked for", parked=run.stats("http.p.downstream_rq_active"))
    run.plane.has(named("c", cluster("c", run.one), hidden=True))
    run.step("it comes", got=[got(), *[m() for m in more]], asked=run.asked(), stats=run.stats(*CLUSTERS), dump=run.dump(*DUMPS))
    run.step("it is there", got=[run.ask(), run.ask("/", body="b")], asked=run.asked())
    run.plane.has(named("c", cluster("c", run.two), hidden=True))
    run.step("it changes", asked=run.asked(), got=run.ask(), dump=run.dump(*DUMPS))
    run.plane.has()
    run.step("it goes", asked=run.asked(), dump=run.dump(*DUMPS), stats=run.stats(*CLUSTERS))
    run.step("and is missed", got=run.ask(), asked=run.asked(), stats=run.stats(*CLUSTERS))
    run.plane.has(named("c", cluster("c", run.two), hidden=True))
    run.step("it comes again", asked=run.asked(), got=run.ask(), dump=run.dump(*DUMPS))
    run.step("one that nobody has, in time", got=run.ask("/other"), asked=run.asked())
    run.step("once more", got=run.ask("/other"), asked=run.asked())
    run.plane.has(named("c", cluster("c", run.two), hidden=True), unknown="removed")
    run.step("one that is said not to be", got=run.ask("/header", x_cluster="nobody"), asked=run.asked())
    run.step("none is named", got=run.ask("/header"), asked=run.asked())
    run.step("the filter asks for none on that route", got=run.ask("/off"), asked=run.asked())
    run.plane.has(named("c", cluster("c", run.two), hidden=True), named("w", cluster("w", run.one), hidden=True),
                  named("late", cluster("late", run.one), hidden=True), named("bad", cluster("bad", run.one, lb_policy="CLUSTER_PROVIDED"), hidden=True))
    run.step("of several", got=run.ask("/weighted"), asked=run.asked())
    run.step("one that is bad", got=run.ask("/header", x_cluster="bad"), asked=run.asked(), dump=run.dump(*DUMPS))
    run.step("all", log=run.lines(16), stats=run.stats(*CLUSTERS))


def clusters_with_others(run, source):
    """Clusters of CDS beside those on demand, endpoints of their own, a filter that is told where to ask by the route."""
    here = {"@type": ON_DEMAND + "PerRouteConfig", "odcds": {"source": source}}
    routes = {"route_config": {**ROUTES["route_config"], "typed_per_filter_config": {NAME: here}}}
    of_cds = named("static", cluster("static", run.one))
    run.plane.has(of_cds)
    run.start(bootstrap(run, [listener(run.port, run.log, routes)], ads=source is ADS, cds=source))
    run.step("start", asked=run.asked(), stats=run.stats(*CLUSTERS), dump=run.dump(*DUMPS))
    waits = run.asking("/")
    run.plane.waits_for("c")
    run.plane.has(of_cds, named("c", eds_cluster("c", source), hidden=True))
    run.step("it comes and waits for its endpoints", asked=run.asked(), dump=run.dump(*DUMPS), stats=run.stats("http.p.downstream_rq_active", "cluster_manager.warming"))
    run.plane.has(of_cds, named("c", eds_cluster("c", source), hidden=True), named("c", assignment("c", run.one)))
    run.step("they come", got=waits(), asked=run.asked(), dump=run.dump(*DUMPS))
    run.plane.has(of_cds, named("d", cluster("d", run.two)), named("c", eds_cluster("c", source), hidden=True), named("c", assignment("c", run.two)))
    run.step("other endpoints, and one more of CDS", asked=run.asked(), got=run.ask(), more=run.ask("/header", x_cluster="d"), dump=run.dump(*DUMPS))
    run.plane.has(named("c", eds_cluster("c", source), hidden=True), named("c", assignment("c", run.two)))
    run.step("none of CDS any more", asked=run.asked(), got=run.ask(), dump=run.dump(*DUMPS))
    run.plane.order(stop=True)
    run.plane.order(start=True)
    run.plane.waits_for("c")
    run.plane.said()
    run.plane.has(named("c", cluster("c", run.one), hidden=True))
    run.plane.said()
    run.step("another stream", got=run.ask(), dump=run.dump(*DUMPS))
    run.step("all", log=run.lines(5), stats=run.stats(*CLUSTERS))


def clusters_given_up(run):
    """Clients that do not wait for a cluster until it comes."""
    run.plane.has()
    run.start(bootstrap(run, [listener(run.port, run.log, ROUTES, {"source": OWN, "timeout": "3s"})]))
    gone = [run.leaving("/gone") for _ in range(3)]
    run.plane.waits_for("c")
    stays = run.asking("/")
    for leave in gone:
        leave()
    run.until("http.p.downstream_rq_active", "1")
    run.plane.has(named("c", cluster("c", run.one), hidden=True))
    run.step("those that stay", got=stays(), asked=run.asked(), stats=run.stats(*CLUSTERS))
    gone = run.leaving("/other")
    run.plane.waits_for("other")
    gone()
    run.until("http.p.downstream_rq_active", "0")
    run.plane.has(named("c", cluster("c", run.one), hidden=True), named("other", cluster("other", run.one), hidden=True))
    run.until("cluster_manager.active_clusters", "3")
    run.step("all have gone", got=run.ask("/other"), asked=run.asked(), log=run.lines(6), stats=run.stats(*CLUSTERS))


def clusters_of_a_collection(run, source):
    """All of an xdstp: collection, whichever is needed first."""
    here = "xdstp://authority/envoy.config.cluster.v3.Cluster/some/"
    run.plane.has()
    run.start(bootstrap(run, [listener(run.port, run.log, ROUTES, {"source": source, "timeout": "3s", "resources_locator": here + "*"})], ads=source is ADS))
    waits = run.asking("/header", x_cluster=here + "a")
    run.plane.waits_for(here + "*")
    run.plane.has(*[named(here + n, cluster(here + n, p), [here + "*"], hidden=True) for n, p in (("a", run.one), ("b", run.two))])
    run.step("two come", got=waits(), other=run.ask("/header", x_cluster=here + "b"), asked=run.asked(), dump=run.dump(*DUMPS))
    run.plane.has(named(here + "a", cluster(here + "a", run.two), [here + "*"], hidden=True))
    run.step("one changes, one goes", asked=run.asked(), got=run.ask("/header", x_cluster=here + "a"), dump=run.dump(*DUMPS), stats=run.stats(*CLUSTERS))


STORIES = {
    "collection": lambda run: clusters_of_a_collection(run, OWN),
    "collection_ads": lambda run: clusters_of_a_collection(run, ADS),
    "clusters_and_cds": lambda run: clusters_with_others(run, OWN),
    "clusters_and_cds_ads": lambda run: clusters_with_others(run, ADS),
    "clusters_given_up": clusters_given_up,
    "scopes": lambda run: scopes(run, OWN),
    "scopes_ads": lambda run: scopes(run, ADS),
    "hosts": lambda run: virtual_hosts(run, OWN),
    "hosts_ads": lambda run: virtual_hosts(run, ADS),
    "hosts_given_up": lambda run: virtual_hosts_given_up(run, OWN),
    "hosts_given_up_ads": lambda run: virtual_hosts_given_up(run, ADS),
    "connections": lambda run: connections(run, OWN),
    "connections_ads": lambda run: connections(run, ADS),
    "connections_refused": lambda run: connections_refused(run, OWN),
    "connections_refused_ads": lambda run: connections_refused(run, ADS),
    "connections_given_up": lambda run: connections_given_up(run, OWN),
    "connections_without_source": connections_without_source,
    "clusters": lambda run: clusters_on_demand(run, OWN),
    "clusters_ads": lambda run: clusters_on_demand(run, ADS),
}


def play(binary, name):
    up = Posts("one"), Posts("two")
    with tempfile.TemporaryDirectory() as folder:
        run = Run(binary, folder, up)
        try:
            STORIES[name](run)
        except Exception:
            with open(os.path.join(folder, "stderr")) as err:
                print(name, err.read()[-2000:])
            raise
        finally:
            run.close()
            for u in up:
                u.shutdown()
        return run.seen


def main():
    args = arguments(__doc__, story={"choices": STORIES}, show={"action": "store_true", "help": "what the binary does, compared with nothing"})
    control_plane()
    failed = passed = 0
    for name in [args.story] if args.story else STORIES:
        ours = play(args.binary, name)
        if args.show:
            print(*(f"{what}: {json.dumps(o, indent=1)}" for what, o in ours), sep="\n")
            continue
        theirs = play(args.envoy, name)
        wrong = compare(name, theirs, ours, lambda place: name.endswith("_ads") and place.endswith(BY_CHANCE))
        failed += wrong
        passed += len(theirs) - wrong
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
