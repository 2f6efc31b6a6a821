"""What control planes sent, recorded, is sent again: everything is taken but what holds an extension that is not there yet.
Which resources these are, and why, is in test/data/recorded/refused.txt; anything newly taken or refused is a failure.

  recorded.py --binary PATH      writes that list anew
"""
import argparse
import concurrent.futures
import contextlib
import json
import lzma
import os
import pathlib
import re
import sys
import tarfile
import tempfile
import urllib.request

from plane import Plane, Resource, decode, encode, text

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
from configs import socket_address  # noqa: E402
from harness.certs import Authority  # noqa: E402
from proxy import Proxy  # noqa: E402

DATA = pathlib.Path(__file__).resolve().parents[1] / "data/recorded"
T = "type.googleapis.com/envoy."
CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET = (T + t for t in (
    "config.cluster.v3.Cluster", "config.endpoint.v3.ClusterLoadAssignment", "config.listener.v3.Listener",
    "config.route.v3.RouteConfiguration", "extensions.transport_sockets.tls.v3.Secret"))
DISCOVERED = (CLUSTER, ENDPOINTS, LISTENER, ROUTES)
PLANES = ("xds-grpc", "sds-grpc", "polaris_xds_server")
AT_ONCE = 4
ADDRESS, BIND_TO_PORT = 2, 26  # fields of a listener
HCM = T + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def files(folder):
    """Recorded files by their name."""
    with lzma.open(DATA / "recorded.tar.xz") as f, tarfile.open(fileobj=f) as tar:
        return {m.name.removeprefix(folder): tar.extractfile(m).read() for m in tar if m.name.startswith(folder)}


def pushes():
    """{name: [{type: resources}, then {type: those that changed}]}"""
    out = {}
    for name, data in sorted(files("pushes/").items()):
        push, _, rest = name.partition(".")
        response = decode(data)
        wrapped = (decode(v) for n, v in response if n == 2)
        anys = ((text(w, 3), decode(next(v for n, v in w if n == 2))) for w in wrapped)
        resources = [Resource(n, text(a, 1), next((v for n, v in a if n == 2), b"")) for n, a in anys]
        out.setdefault(push, [{}, {}])["." in rest][text(response, 4)] = resources
    return out


def on_a_free_port(listener):
    """The listener with its port left open: this machine's may be taken."""
    fields = decode(listener.body)
    if (BIND_TO_PORT, b"") in fields:  # false: the address is a name
        return listener

    def free(address):
        return encode(*((n, encode(*(f for f in decode(v) if f[0] != 3), (3, 0)) if n == 1 else v) for n, v in decode(address)))
    return Resource(listener.name, listener.type_url, encode(*((n, free(v) if n == ADDRESS else v) for n, v in fields)))


def secrets(authority, resources):
    """What the agents beside a proxy serve, for all names that resources have."""
    def inline(name):
        return encode((2, authority.read(name)))
    pair, trust = encode((1, inline("client.pem")), (2, inline("client.key"))), encode((1, inline("ca.pem")))
    names = {n.decode() for r in resources for n in re.findall(rb"default|ROOTCA|file-(?:cert|root):[\x21-\x7e]+", r.body)}
    return [Resource(n, SECRET, encode((1, n), (4, trust) if n.startswith(("ROOTCA", "file-root")) else (2, pair))) for n in sorted(names)]


def bootstrap(plane, admin, kind, names):
    """With clusters and listeners that want, on streams of their own, what those of the push that are refused do not ask for."""
    ads = {"ads": {}, "resource_api_version": "V3"}
    service = {"api_type": kind, "transport_api_version": "V3", "set_node_on_first_message_only": True,
               "grpc_services": [{"envoy_grpc": {"cluster_name": PLANES[0]}}]}
    own = {"api_config_source": service, "resource_api_version": "V3"}
    clusters = [{"name": name, "connect_timeout": "1s", "load_assignment": {"cluster_name": name, "endpoints": [
        {"lb_endpoints": [{"endpoint": {"address": socket_address(plane)}}]}]}, "typed_extension_protocol_options": {HTTP_OPTIONS: {
            "@type": "type.googleapis.com/" + HTTP_OPTIONS, "explicit_http_config": {"http2_protocol_options": {}}}}} for name in PLANES]
    clusters.append({"name": "polaris_ratelimit", "connect_timeout": "1s"})
    clusters += [{"name": "wants " + n, "type": "EDS", "connect_timeout": "1s", "eds_cluster_config": {
        "service_name": n, "eds_config": own}} for n in names[ENDPOINTS]]
    router = {"name": "router", "typed_config": {"@type": T + "extensions.filters.http.router.v3.Router"}}
    listeners = [{"name": "wants " + n, "address": socket_address(0), "filter_chains": [{"filters": [{"name": "hcm", "typed_config": {
        "@type": HCM, "stat_prefix": "h", "rds": {"route_config_name": n, "config_source": own}, "http_filters": [router]}}]}]}
        for n in names[ROUTES]]
    return {"node": {"id": "n", "cluster": "c"}, "admin": {"address": socket_address(admin)},
            "bootstrap_extensions": [{"name": "envoy.bootstrap.internal_listener", "typed_config": {
                "@type": T + "extensions.bootstrap.internal_listener.v3.InternalListener"}}],
            "dynamic_resources": {"ads_config": service, "cds_config": ads, "lds_config": ads},
            "static_resources": {"clusters": clusters, "listeners": listeners}}


def by_resource(error, names):
    """What the proxy says of each resource: "name: why, name: why"; each why is "path: text; path: text"."""
    places = sorted((m.start(1), n) for n in names for m in re.finditer(rf"(?:^|[ ;]|')({re.escape(n)})'?: ", error))
    out = {}
    for (at, name), (end, _) in zip(places, [*places[1:], (len(error), "")]):
        why = error[at + len(name):end].removeprefix("'").removeprefix(": ").rstrip(", ;")
        out.setdefault(name, []).extend(why.split("; "))
    assert out, f"which resource is it about? {error}"
    return out


def shown(why):
    """Without its place, which has to be there."""
    path, colon, words = why.partition(": ")
    assert colon and re.fullmatch(r"[\w.\[\]]+", path), f"no path in {why!r}"
    return words.replace("type.googleapis.com/", "")


def held(proxy):
    """The resources that the proxy serves or warms, by type and name, as it shows them."""
    out = {t: {} for t in (CLUSTER, LISTENER, ROUTES)}
    for section in json.load(urllib.request.urlopen(f"http://127.0.0.1:{proxy.admin_port}/config_dump"))["configs"]:
        for c in section.get("dynamic_active_clusters", []) + section.get("dynamic_warming_clusters", []):
            out[CLUSTER][c["cluster"]["name"]] = c["cluster"]
        for x in section.get("dynamic_listeners", []):
            if "active_state" in x or "warming_state" in x:
                out[LISTENER][x["name"]] = x
        for r in section.get("dynamic_route_configs", []):
            out[ROUTES][r["route_config"]["name"]] = r["route_config"]
    return out


def check_shown(there, name):
    """As Envoy showed what it was given, where that is recorded."""
    dump = json.loads(files("dumps/").get(name + ".json", b"{}"))
    for t, section in ((CLUSTER, "clusters"), (ROUTES, "routes")):
        for n, shown_by_envoy in dump.get(section, {}).items():
            assert n not in there[t] or there[t][n] == shown_by_envoy, f"{there[t][n]} is shown, Envoy shows {shown_by_envoy}"


def replay(binary, folder, name, rounds, kind, authority):
    """{type: {resource: [why it is refused]}}"""
    first = {**rounds[0], LISTENER: [on_a_free_port(r) for r in rounds[0].get(LISTENER, [])]}
    names = {t: sorted({r.name for push in rounds for r in push.get(t, [])}) for t in DISCOVERED}
    first[SECRET] = secrets(authority, [r for rs in first.values() for r in rs])
    plane = Plane(first)
    with open(folder / "log", "w") as log:
        proxy = Proxy(binary, folder, lambda port, admin: bootstrap(plane.port, admin, kind, names), ready=False, stderr=log)
    try:
        plane.wait_until_all_is_answered(DISCOVERED)
        of_first = {t: len(plane.errors(t)) for t in DISCOVERED}
        plane.change(rounds[1])
        plane.wait_until_all_is_answered(DISCOVERED)
        out, taken = {}, {t: set() for t in DISCOVERED}
        for t in DISCOVERED:
            errors = plane.errors(t)
            for push, its_errors in zip(rounds, (errors[:of_first[t]], errors[of_first[t]:])):
                refused = {}
                for error in its_errors:
                    for of, whys in by_resource(error, names[t]).items():
                        refused.setdefault(of, set()).update(shown(w) for w in whys)
                taken[t] |= {r.name for r in push.get(t, [])} - set(refused)
                for of, whys in refused.items():
                    out.setdefault(t, {}).setdefault(of, set()).update(whys)
        has = held(proxy)
        for t, there in has.items():
            # What one push has wrong may be right in the other.
            assert set(there) == taken[t], f"{t}: it has {sorted(there)}, of {names[t]}; refused: {sorted(out.get(t, {}))}"
        check_shown(has, name)
        return out
    finally:
        plane.close()
        proxy.stop()


def listed(of):
    """As in the list: what is refused by reason."""
    lines = []
    for push, types in sorted(of.items()):
        lines.append(push)
        for t, names in types.items():
            by_reason = {}
            for name, whys in sorted(names.items()):
                by_reason.setdefault(tuple(sorted(whys)), []).append(name)
            for whys, which in sorted(by_reason.items()):
                lines += [f"  {t.rpartition('.')[2]}: {', '.join(which)}", *(f"    {why}" for why in whys)]
    return "\n".join(lines) + "\n"


def replayed(binary, folder, kind):
    authority = Authority(str(folder / "certs"))
    authority.make()

    def one(push):
        own = folder / push[0]
        own.mkdir()
        return push[0], replay(binary, own, *push, kind, authority)
    # Several at once: a cluster whose endpoints are refused waits for 15 seconds, and nearly all of Polaris have such.
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return listed(dict(pool.map(one, pushes().items())))


def check(binary, folder, kind):
    found, wanted = replayed(binary, folder, kind), (DATA / "refused.txt").read_text()
    if found != wanted:
        (folder / "found").write_text(found)
        with contextlib.suppress(FileNotFoundError):
            os.system(f"diff {DATA / 'refused.txt'} {folder / 'found'}")
    assert found == wanted, "what is refused is not what test/data/recorded/refused.txt says (see above)"


def recorded_pushes_are_taken_as_delta_but_for_a_known_list(binary, folder):
    check(binary, folder, "DELTA_GRPC")


def recorded_pushes_are_taken_as_state_of_the_world_but_for_a_known_list(binary, folder):
    check(binary, folder, "GRPC")


def minimal_pushes_are_taken_whole(binary, folder):
    del binary, folder
    lines = (DATA / "refused.txt").read_text().splitlines()
    of = {line: lines[i + 1:] for i, line in enumerate(lines) if line.startswith("istiod-minimal")}
    assert len(of) == 2, "there are two of them"
    refused = [push for push, rest in of.items() if rest and rest[0].startswith(" ")]
    assert not refused, f"something is refused of {refused}"


TESTS = [recorded_pushes_are_taken_as_delta_but_for_a_known_list, recorded_pushes_are_taken_as_state_of_the_world_but_for_a_known_list,
         minimal_pushes_are_taken_whole]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    with tempfile.TemporaryDirectory(prefix="outrigger-recorded-") as folder:
        (DATA / "refused.txt").write_text(replayed(os.path.abspath(parser.parse_args().binary), pathlib.Path(folder), "DELTA_GRPC"))


if __name__ == "__main__":
    main()
