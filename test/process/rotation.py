"""Secrets rotated while requests run: certificates with their keys, trust, ticket keys. One process is both sides: a plain
listener whose cluster speaks mutual TLS to a second listener. No request fails, new connections have what is new, and what
is bad changes nothing but is told. Keys are never printed."""
import hashlib
import os
import pathlib
import re
import socket
import ssl
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "differential"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
from configs import envoy_listener, socket_address  # noqa: E402
from harness.certs import Authority  # noqa: E402
from proxies import free_port  # noqa: E402
from proxy import Client, Proxy, until  # noqa: E402

TYPES = "type.googleapis.com/envoy.extensions"
TLS = f"{TYPES}.transport_sockets.tls.v3"
ROUNDS = 4
REQUESTS_MAX = 20000  # of each kind of load, whatever happens
# Two sets of everything; each round goes to the other one.
SETS = [{"ca": "ca", "server": "server", "client": "client"}, {"ca": "otherca", "server": "server_other", "client": "client_other"}]
UPDATES = {"server": "listener.tls.server_ssl_socket_factory.ssl_context_update_by_sds",
           "client": "cluster.tls.client_ssl_socket_factory.ssl_context_update_by_sds"}


class Secrets:
    """Files in folders that the proxy watches; put() moves a new one into the place of the old one."""

    def __init__(self, folder):
        self.folder = folder
        self.authority = Authority(str(folder / "certs"))
        self.authority.make()
        for name in ("server", "client", "trust", "tickets"):
            (folder / name).mkdir()

    def text(self, name):
        return self.authority.read(name)

    def put(self, name, text):
        path = self.folder / name
        new = self.folder / (path.name + ".new")
        new.write_text(text)
        os.rename(new, path)

    def put_pair(self, role, name):
        self.put(f"{role}/key.pem", self.text(name + ".key"))
        self.put(f"{role}/cert.pem", self.text(name + ".pem"))

    def sds(self, role, content):
        """A secret of its own file; returns the reference to it."""
        path = self.folder / f"{role}.yaml"
        path.write_text(f'resources:\n- "@type": {TLS}.Secret\n  name: {role}\n  {content}\n')
        return {"name": role, "sds_config": {"path_config_source": {"path": str(path)}}}

    def pair(self, role):
        d = self.folder / role
        return self.sds(role, f"tls_certificate: {{certificate_chain: {{filename: {d}/cert.pem}}, private_key: {{filename: {d}/key.pem}}, "
                              f"watched_directory: {{path: {d}}}}}")

    def trust(self):
        d = self.folder / "trust"
        return self.sds("trust", f"validation_context: {{trusted_ca: {{filename: {d}/ca.pem}}, watched_directory: {{path: {d}}}}}")

    def tickets(self):
        d = self.folder / "tickets"
        return self.sds("tickets", f"session_ticket_keys: {{keys: [{{filename: {d}/new}}, {{filename: {d}/old}}]}}")


def manager(route):
    return {"@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "h",
            "http_filters": [{"name": "router", "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"}}],
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, **route}]}]}}


def socket_of(kind, **context):
    return {"name": "tls", "typed_config": {"@type": f"{TLS}.{kind}", **context}}


def bootstrap(secrets, tls_port):
    def of(port, admin):
        tls = envoy_listener("tls", tls_port, "http", manager({"direct_response": {"status": 200, "body": {"inline_string": "ok"}}}),
                             socket_of("DownstreamTlsContext", require_client_certificate=True, session_ticket_keys_sds_secret_config=secrets.tickets(),
                                       common_tls_context={"tls_certificate_sds_secret_configs": [secrets.pair("server")],
                                                           "validation_context_sds_secret_config": secrets.trust()}))
        plain = envoy_listener("plain", port, "http", manager({"route": {"cluster": "tls"}}))
        options = {"@type": f"{TYPES}.upstreams.http.v3.HttpProtocolOptions", "common_http_protocol_options": {"max_requests_per_connection": 2},
                   "explicit_http_config": {"http_protocol_options": {}}}
        cluster = {"name": "tls", "connect_timeout": "30s", "load_assignment": {"cluster_name": "tls", "endpoints": [{"lb_endpoints": [
            {"endpoint": {"address": socket_address(tls_port)}}]}]},
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
            "transport_socket": socket_of("UpstreamTlsContext", common_tls_context={
                "tls_certificate_sds_secret_configs": [secrets.pair("client")], "validation_context_sds_secret_config": secrets.trust()})}
        return {"admin": {"address": socket_address(admin)}, "static_resources": {
            "listeners": [{**tls, "stat_prefix": "tls"}, {**plain, "stat_prefix": "plain"}], "clusters": [cluster]}}
    return of


class TlsClient(Client):
    def __init__(self, port, context, session=None):
        plain = socket.create_connection(("127.0.0.1", port), 30)
        self.socket = context.wrap_socket(plain, session=session)

    @property
    def certificate(self):
        return hashlib.sha256(self.socket.getpeercert(True)).hexdigest()


class Pair:
    """The proxy, its secrets, and what the tests ask of both."""

    def __init__(self, binary, folder):
        self.secrets = Secrets(folder)
        self.now = SETS[0]
        self.tls_port = free_port()
        for role in ("server", "client"):
            self.secrets.put_pair(role, self.now[role])
        self.secrets.put("trust/ca.pem", self.secrets.text("ca.pem"))
        self.ticket_keys = [letter * 80 for letter in "wxyz"]
        self.secrets.put("tickets/new", self.ticket_keys[0])
        self.secrets.put("tickets/old", self.ticket_keys[1])
        self.log = folder / "log"
        with open(self.log, "ab") as log:
            self.proxy = Proxy(binary, folder, bootstrap(self.secrets, self.tls_port), level="debug", workers=2, stdout=log, stderr=log)

    def context(self, names):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        c.check_hostname = False
        for s in SETS:
            c.load_verify_locations(self.secrets.authority.path(s["ca"] + ".pem"))
        c.load_cert_chain(*(self.secrets.authority.path(names["client"] + end) for end in (".pem", ".key")))
        return c

    def fingerprint(self, name):
        return self.secrets.authority.known[name]["sha256"]

    def changed(self, what, done, *sides):
        """Runs `done` and waits until these sides have a new context."""
        before = {side: self.proxy.stat(UPDATES[side]) for side in sides}
        done()
        until(f"{what} is taken", lambda: all(self.proxy.stat(UPDATES[s]) > before[s] for s in sides))

    def keys_printed(self):
        """Lines of private keys and ticket keys that the log or /config_dump have."""
        shown = self.log.read_text(errors="replace") + self.proxy.admin.ask("/config_dump") + self.proxy.admin.ask("/certs")
        secret = list(self.ticket_keys)
        for s in SETS:
            for role in ("server", "client"):
                secret += [line for line in self.secrets.text(s[role] + ".key").splitlines() if not line.startswith("-")]
        return [x for x in secret if x in shown]


class Load:
    """Threads that ask for as long as it goes on, each a request after the other."""

    def __init__(self, pair):
        self.pair, self.failures, self.threads, self.turns, self.counts = pair, [], [], {}, {}
        self.turn, self.going = 0, True
        self.contexts = {s["client"]: pair.context(s) for s in SETS}
        self.held = TlsClient(pair.tls_port, self.contexts[pair.now["client"]])
        self.held_certificate = self.held.certificate
        for kind in (self.new_connections, self.new_connections, self.resumed, self.through_both, self.through_both, self.kept):
            name = f"{kind.__name__} {len(self.threads)}"
            self.turns[name], self.counts[name] = -1, 0
            self.threads.append(threading.Thread(target=self.run, args=(name, kind), daemon=True))
        for t in self.threads:
            t.start()

    def run(self, name, kind):
        asks = kind()
        while self.going and self.counts[name] < REQUESTS_MAX:
            turn = self.turn
            try:
                answer = next(asks)
                if answer != "ok":
                    self.failures.append(f"{name}: {answer!r}")
            except (OSError, RuntimeError) as problem:
                self.failures.append(f"{name}: {problem}")
                asks = kind()
            self.counts[name] += 1
            self.turns[name] = turn

    def context(self):
        return self.contexts[self.pair.now["client"]]

    def new_connections(self):
        while True:
            c = TlsClient(self.pair.tls_port, self.context())
            yield c.ask("/new")
            c.close()

    def resumed(self):
        """Every connection offers the session of the one before."""
        session, context = None, None
        while True:
            if self.context() is not context:
                session, context = None, self.context()
            c = TlsClient(self.pair.tls_port, context, session)
            yield c.ask("/resumed")
            session = c.socket.session
            c.close()

    def through_both(self):
        c = Client(self.pair.proxy.port)
        while True:
            yield c.ask("/through")

    def kept(self):
        while True:
            yield self.held.ask("/kept")

    def settle(self):
        """Until every thread has begun and ended a request since now: nothing is under way with what was before."""
        self.turn += 1
        until("every load goes on", lambda: self.failures or all(t >= self.turn for t in self.turns.values()))

    def stop(self):
        self.going = False
        for t in self.threads:
            t.join(60)


def rotate(pair, load, number):
    """To the other set: trust in both, then their certificates, then trust in the new one only; and a new ticket key."""
    old, new = pair.now, SETS[number % 2]
    text = pair.secrets.text
    both = text("ca.pem") + text("otherca.pem")
    pair.changed("trust in both", lambda: pair.secrets.put("trust/ca.pem", both), "server", "client")
    for role in ("server", "client"):
        pair.changed(f"the {role}'s certificate", lambda r=role: pair.secrets.put_pair(r, new[r]), role)
    pair.now = new
    load.settle()
    pair.changed("trust in the new", lambda: pair.secrets.put("trust/ca.pem", text(new["ca"] + ".pem")), "server", "client")
    keys = pair.ticket_keys
    pair.changed("an old ticket key", lambda: pair.secrets.put("tickets/old", keys[(number - 1) % 4]), "server")
    pair.changed("a new ticket key", lambda: pair.secrets.put("tickets/new", keys[number % 4]), "server")
    fresh = TlsClient(pair.tls_port, load.context())
    assert fresh.certificate == pair.fingerprint(new["server"]), "a new connection has the new certificate"
    fresh.close()
    load.settle()
    try:
        TlsClient(pair.tls_port, load.contexts[old["client"]]).ask("/old")
    except (OSError, RuntimeError):
        return
    raise AssertionError("a client of the old authority is let in")


def secrets_rotated_under_load_fail_no_request(binary, folder):
    pair = Pair(binary, folder)
    load = None
    try:
        load = Load(pair)
        for number in range(1, ROUNDS + 1):
            load.settle()
            rotate(pair, load, number)
        load.settle()
        load.stop()
        assert not load.failures, f"{len(load.failures)} of {sum(load.counts.values())}: {load.failures[:3]}"
        assert min(load.counts.values()) > 2 * ROUNDS, load.counts
        assert load.held.certificate == load.held_certificate == pair.fingerprint("server"), "a connection keeps its certificate"
        assert pair.proxy.stat("listener.tls.ssl.session_reused") > 0
        assert pair.proxy.stat("cluster.tls.ssl.handshake") > ROUNDS
        assert not pair.keys_printed(), "keys are in the log or on a page"
    finally:
        if load is not None:
            load.stop()
        pair.proxy.stop()


def bad_secrets_are_told_and_change_nothing(binary, folder):
    pair = Pair(binary, folder)
    try:
        text = pair.secrets.text
        garbage = "-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n"
        cert, key, ca = "server/cert.pem", "server/key.pem", "trust/ca.pem"
        context = pair.context(SETS[0])
        for secret, file, content, words in (
                ("server", key, text("two.key"), r"key values mismatch"), ("server", key, "nonsense", r"no start line|unsupported"),
                ("server", key, "", r"private key"), ("server", cert, text("two.pem"), r"key values mismatch"), ("server", cert, garbage, r"asn1|ASN1|wrong tag|not enough data|header too long|too long"),
                ("server", cert, "", r"certificate chain not set|no start line"), ("server", cert, None, r"does not exist"),
                ("trust", ca, garbage, r"asn1|ASN1|wrong tag|not enough data|header too long|too long"), ("trust", ca, "", r"empty"),
                ("trust", ca, None, r"does not exist"), ("tickets", "tickets/new", "short", r"Length 5, expected length 80")):
            path = pair.secrets.folder / file
            good, before = path.read_text(), pair.proxy.stat(f"sds.{secret}.key_rotation_failed")
            pair.log.write_text("")
            if content is None:
                os.rename(path, str(path) + ".away")
            else:
                pair.secrets.put(file, content)
            until(f"{file} with {content!r:.30} is counted", lambda: pair.proxy.stat(f"sds.{secret}.key_rotation_failed") > before)
            told = pair.log.read_text(errors="replace")
            wanted = rf"sds: secret '{secret}': Failed to reload certificates: .*"
            line = re.search(wanted, told)
            assert line, told
            assert re.search(words, line[0]), line[0]
            assert file in line[0], line[0]
            client = TlsClient(pair.tls_port, context)
            assert client.ask("/") == "ok" and client.certificate == pair.fingerprint("server")
            client.close()
            assert Client(pair.proxy.port).ask("/") == "ok"
            pair.secrets.put(file, good)
        # All is good again, and the next ones are taken.
        pair.changed("the next pair", lambda: pair.secrets.put_pair("server", "server_rsa"), "server")
        client = TlsClient(pair.tls_port, context)
        assert client.ask("/") == "ok" and client.certificate == pair.fingerprint("server_rsa")
        assert not pair.keys_printed(), "keys are in the log or on a page"
    finally:
        pair.proxy.stop()


TESTS = [secrets_rotated_under_load_fail_no_request, bad_secrets_are_told_and_change_nothing]
