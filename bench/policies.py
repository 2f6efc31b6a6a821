"""What the common policies cost: Outrigger and Envoy, each with a listener that has the policy beside one without.

Both listeners are in one process and get the same requests in turn, at full speed; what a policy adds is the difference of the
two within a round. That is true of a proxy that is always busy: one that waits for the load does less at a time.
"""
import dataclasses
import json
import pathlib
import resource
import statistics
import time
import urllib.request

import configs
import measure
import policy_configs
import proxies

CONNECTIONS = 64
KEYS = 10000     # that requests have in turn
# wrk's requests with keys.
SCRIPT = """local requests, at = {}, 0
function init(arguments)
  for key = 1, %d do
    wrk.headers["x-key"] = tostring(key)
    requests[key] = wrk.format("GET", "/small")
  end
end
function request()
  at = at %% #requests + 1
  return requests[at]
end
"""
TURNS = (("http", "policy"), ("policy", "http"))  # of the listeners' ports in a round: what drifts does not count for either
SETTLE = 0.5     # s, before memory is read
MORE = 1000      # policies or routes, whose memory is measured


@dataclasses.dataclass(frozen=True)
class Policy:
    name: str
    title: str
    counter: str = ""      # which shows that the policy did something
    header: object = None  # of the requests, from the Key
    keys: bool = False     # each has another
    more: str = ""         # of what there can be more
    total: bool = False    # the target is for all that a request costs, not for what the policy adds
    most: float = 0.3      # x Envoy's

    @property
    def configure(self):
        return getattr(policy_configs, self.name)


def bearer(key):
    return "authorization: Bearer " + key.token


POLICIES = {policy.name: policy for policy in (
    Policy("rbac", "RBAC, the last of 100 policies matches", "http.policy.rbac.allowed", more="policy",
           header=lambda _: f"{policy_configs.USER}: user-{policy_configs.POLICIES - 1}"),
    Policy("jwt", "JWT, RS256, every token verified", "http.policy.jwt_authn.allowed", bearer),
    Policy("jwt_cached", "JWT, RS256, a cache of tokens", "http.policy.jwt_authn.jwt_cache_hit", bearer),
    Policy("local_rate_limit", "local rate limit", "policy.http_local_rate_limit.ok"),
    Policy("round_robin", "round robin of 1000 endpoints", "cluster.many.upstream_rq_total", keys=True),
    Policy("ring_hash", "ring hash of 1000 endpoints", "cluster.many.upstream_rq_total", keys=True),
    Policy("access_log", "access logs, text and JSON"),
    Policy("idle_filters", "8 filters without anything to do"),
    Policy("sidecar", "istiod's outbound chain", more="route", total=True, most=0.35),
)}


class Process(proxies.Proxy):
    """A proxy with both listeners: `http` is the plain one's port, `policy` the other's."""

    def __init__(self, context, name, policy, more=0):
        self.name, self.part, self.process = name, "policies", None
        self.folder = context.folder / f"{name}-{policy.name}-{more}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.http, self.policy, self.admin = (proxies.free_port() for _ in range(3))
        upstream = context.upstream.http
        site = policy_configs.Site(self.policy, upstream, self.folder, context.certificate, context.key)
        setup = policy.configure(site, more)
        clusters = [configs.envoy_cluster("http", [configs.socket_address(upstream)]), *setup.clusters]
        plain = configs.envoy_listener("plain", self.http, configs.HCM, configs.envoy_manager("http"))
        self.argv = configs.write_envoy(self, context.binaries[name], clusters, [plain, setup.listener], **setup.bootstrap)

    def cpu_seconds(self):
        """By the clock of its CPU time, which counts more finely than ticks."""
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def counter(self, name):
        url = f"http://127.0.0.1:{self.admin}/stats?format=json&filter=^{name}$"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return sum(s["value"] for s in json.load(answer)["stats"] if s.get("name") == name)


class Context:
    def __init__(self, binaries, upstream, load, folder, seconds, say):
        self.binaries, self.upstream, self.load, self.seconds, self.say = binaries, upstream, load, seconds, say
        self.folder = pathlib.Path(folder) / "policies"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.script = self.folder / "keys.lua"
        self.script.write_text(SCRIPT % KEYS)
        self.certificate = configs.Certificate(folder, "rsa")
        self.key = policy_configs.Key(self.certificate)


def loads(context, policy):
    """{listener's port: its load}"""
    options, wrk = (), ("-H", f"Host: {configs.NAME}")
    if policy.header:
        header = policy.header(context.key)
        options, wrk = (f"header={header}",), (*wrk, "-H", header)
    if policy.keys:
        options, wrk = (f"keys={KEYS}",), (*wrk, "-s", str(context.script))
    return {port: measure.Row(policy.name, policy.title, "http", CONNECTIONS, options, wrk, port=port)
            for port in ("http", "policy")}


def run_round(context, policy, proxy):
    """{plain_us, policy_us, added_us, plain_rate, policy_rate}"""
    rows, found = loads(context, policy), {"http": [], "policy": []}
    for port in (port for turn in TURNS for port in turn):
        found[port].append(measure.throughput(context.load, rows[port], proxy, context.seconds / len(TURNS)))
    out = {f"{name}_{column}": statistics.mean(f[key] for f in found[port])
           for name, port in (("plain", "http"), ("policy", "policy")) for column, key in (("us", "cpu_us"), ("rate", "rate"))}
    out["added_us"] = out["policy_us"] - out["plain_us"]
    return out


def start(context, policy, proxy):
    """Afterwards it has its connections, and the policy has done something."""
    proxy.start()
    for row in loads(context, policy).values():
        context.load.run(row, proxy, context.seconds / 2)
    if policy.counter and not proxy.counter(policy.counter):
        raise RuntimeError(f"{policy.counter} is 0")


def costs(context, policy, rounds):
    """{proxy: figures of the rounds}; the proxies take turns."""
    running, found = {}, {}

    def attempt(name, function, *arguments):
        try:
            return function(*arguments)
        except (RuntimeError, OSError, measure.LoadError) as problem:
            context.say(f"FAILED: {name}: {policy.title}: {problem!r}")
            running.pop(name).stop()
            return None

    try:
        for name in context.binaries:
            running[name] = Process(context, name, policy)
            attempt(name, start, context, policy, running[name])
        for _ in range(rounds):
            for name in list(running):
                figures = attempt(name, run_round, context, policy, running[name])
                if figures:
                    found.setdefault(name, []).append(figures)
    finally:
        for proxy in running.values():
            proxy.stop()
    return {name: figures for name, figures in found.items() if name in running}


def private_kib(context, name, policy, more):
    proxy = Process(context, name, policy, more)
    try:
        proxy.start()
        time.sleep(SETTLE)
        return proxy.memory_kib()[1]
    finally:
        proxy.stop()


def memory(context, policy, name):
    """KiB of one more of what the policy is made of."""
    try:
        return (private_kib(context, name, policy, MORE) - private_kib(context, name, policy, 0)) / MORE
    except (RuntimeError, OSError) as problem:
        context.say(f"FAILED: {name}: {policy.title}: {problem!r}")
        return None


def run(context, rounds):
    """{policy: {proxy: figures}}, medians of all rounds."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    results = {}
    for policy in POLICIES.values():
        context.say(f"policy: {policy.title}")
        by_proxy = results[policy.name] = {}
        for name, found in costs(context, policy, rounds).items():
            by_proxy[name] = {column: statistics.median(f[column] for f in found) for column in found[0]}
            by_proxy[name]["all_added_us"] = [f["added_us"] for f in found]
        for name in by_proxy if policy.more else ():
            kib = [found for found in (memory(context, policy, name) for _ in range(rounds)) if found is not None]
            by_proxy[name]["more_kib"] = statistics.median(kib) if kib else None
    return results
