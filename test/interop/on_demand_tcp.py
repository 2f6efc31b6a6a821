"""The stories of tcp_proxy with on_demand: a connection waits for its cluster."""
from by_name import ADS, T, bootstrap, cluster, named

from xds import socket_address

TCP = T + "extensions.filters.network.tcp_proxy.v3.TcpProxy"
LOG = "%RESPONSE_FLAGS% %CONNECTION_TERMINATION_DETAILS% %UPSTREAM_CLUSTER% %BYTES_RECEIVED% %DOWNSTREAM_LOCAL_CLOSE_REASON%\n"
STATS = ("tcp.", "cluster_manager.", "cluster.c.upstream_cx_total")


def tcp_listener(run, on_demand, **more):
    proxy = {"@type": TCP, "stat_prefix": "t", "cluster": "c", "on_demand": on_demand, **more,
             "access_log": [{"name": "log", "typed_config": {"@type": T + "extensions.access_loggers.file.v3.FileAccessLog", "path": run.log,
                                                              "log_format": {"text_format_source": {"inline_string": LOG}}}}]}
    return {"name": "l", "address": socket_address(run.port), "filter_chains": [{"filters": [{"name": "tcp", "typed_config": proxy}]}]}


def connections(run, source):
    run.plane.has()
    run.start(bootstrap(run, [tcp_listener(run, {"odcds_config": source, "timeout": "2s"})], ads=source is ADS))
    run.step("start", asked=run.asked(), stats=run.stats(*STATS))
    got = run.asking("/")
    run.plane.waits_for("c")
    more = run.asking("/x")
    run.until("tcp.t.on_demand_cluster_attempt", "2")
    run.step("they wait", stats=run.stats(*STATS))
    run.plane.has(named("c", cluster("c", run.one), hidden=True))
    run.step("it comes", got=[got(), more()], asked=run.asked())
    run.step("it is there", got=run.ask("/y"), asked=run.asked())
    run.plane.has()
    run.step("it goes", asked=run.asked())
    run.step("nobody has it, in time", got=run.ask(), asked=run.asked())
    run.step("all", stats=run.stats(*STATS), log=run.lines(4))


def connections_refused(run, source):
    run.plane.has(unknown="removed")
    run.start(bootstrap(run, [tcp_listener(run, {"odcds_config": source}, cluster="nobody")], ads=source is ADS))
    run.step("it is said not to be", got=run.ask(), asked=run.asked(), stats=run.stats(*STATS), log=run.lines(1))


def connections_given_up(run, source):
    """The client goes while it waits: what comes is of no use to it."""
    run.plane.has()
    run.start(bootstrap(run, [tcp_listener(run, {"odcds_config": source}, idle_timeout="0.2s")], ads=source is ADS))
    got = run.ask()
    run.step("the idle time is over", got=got, log=run.lines(1), stats=run.stats(*STATS))
    run.plane.has(named("c", cluster("c", run.one), hidden=True))
    run.until("cluster_manager.active_clusters", "2")
    run.step("it comes late", got=run.ask(), asked=run.asked(), stats=run.stats(*STATS))


def connections_without_source(run):
    run.plane.has()
    run.start(bootstrap(run, [tcp_listener(run, {"timeout": "1s"})]))
    run.step("nobody is asked", got=run.ask(), asked=run.asked(), stats=run.stats(*STATS), log=run.lines(1))
