"""The words scenarios are written in: scenario(), what an upstream does, what a client does.

Texts may hold {{name}} (the cluster of that name), {{name.port}} (the port of an upstream),
{{port}} (the scenario's listener), {{port2}} (a spare port) and {{dir}} (the scenario's folder).
"""

import json

SCENARIOS = []
_area = [None]


class Scenario:
    """One case: its part of a bootstrap, its upstreams, what the client does, what is compared."""

    def __init__(self, name, **kw):
        self.area = _area[0]
        self.name = name
        self.kind = kw.pop("kind", "http")          # http, tcp, raw, validate
        self.routes = kw.pop("routes", None)
        self.vhosts = kw.pop("vhosts", None)
        self.route_config = kw.pop("route_config", "")
        self.hcm = kw.pop("hcm", "")
        self.filters = kw.pop("filters", "")
        self.router = kw.pop("router", "")
        self.tcp = kw.pop("tcp", "")
        self.listener = kw.pop("listener", "")
        self.listeners = kw.pop("listeners", "")    # a list of further ones
        self.chains = kw.pop("chains", None)
        self.clusters = kw.pop("clusters", {})
        self.up = kw.pop("up", {})
        self.client = kw.pop("client", [])
        self.stats = kw.pop("stats", [])            # names; "re:REGEX" for all that match; "+re:REGEX": those that changed
        self.bootstrap = kw.pop("bootstrap", "")
        self.config = kw.pop("config", None)        # whole file, for kind validate
        self.ext = kw.pop("ext", "yaml")
        self.flags = kw.pop("flags", [])
        self.own = kw.pop("own", False)             # a process of its own
        self.log_format = kw.pop("log_format", None)
        self.access_log = kw.pop("access_log", None)
        self.mask = kw.pop("mask", [])              # (regex, replacement) on every string
        self.unordered_log = kw.pop("unordered_log", False)  # "set": equal lines count once
        self.raw_log = kw.pop("raw_log", False)     # lines as they are, not as JSON
        self.no_log = kw.pop("no_log", False)
        self.dns = kw.pop("dns", None)              # records of a DNS server of its own, on {{dns.port}}
        self.no_upstream = kw.pop("no_upstream", False)
        self.brief_upstream = kw.pop("brief_upstream", False)  # of requests: the line and the attempt
        self.brief = kw.pop("brief", False)         # of answers: the status, the body and how they ended; of connections: those that ended
        self.differs = kw.pop("differs", None)      # why Outrigger answers otherwise ...
        self.outrigger = kw.pop("outrigger", None)  # ... and the parts of the outcome that do
        self.certs = kw.pop("certs", False)         # {{certs}}, {{sha256.NAME}}, {{spki.NAME}}, {{pem.NAME}}, {{key.NAME}} are used
        self.views = kw.pop("views", {})            # by upstream: how a request is shown (see side_services)
        self.files = kw.pop("files", {})            # in {{dir}}, by name: a text, or ("link", target)
        self.early = kw.pop("early", False)         # the upstreams are there before the proxy
        self.env = kw.pop("env", {})                # variables of the process, for own
        if not isinstance(self.up, dict) or "up" not in self.up and "*" in self.up:
            self.up = {"up": self.up}
        if kw:
            raise TypeError(f"{name}: unknown {sorted(kw)}")
        if self.kind == "http" and not self.up:
            self.up = {"up": [ok()]}


def area(name):
    _area[0] = name


def manager_config(filters=(), route_config="", clusters="", manager=""):
    """A whole config with one HTTP connection manager, for kind validate: filters before the router as objects or as YAML in a
    line each, the fields of the route configuration, the clusters and a field of the manager as YAML in a line."""
    filters = [*(f if isinstance(f, str) else json.dumps(f) for f in filters),
               '{name: r, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}']
    return """static_resources:
  clusters: [%s]
  listeners:
  - name: l
    address: {socket_address: {address: 127.0.0.1, port_value: 19999}}
    filter_chains:
    - filters:
      - name: h
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: h
          %s
          route_config: {%s}
          http_filters: [%s]
""" % (clusters, manager, route_config, ", ".join(filters))


def scenario(name, **kw):
    if any(s.name == name for s in SCENARIOS):
        raise ValueError(f"two scenarios are named {name}")
    SCENARIOS.append(Scenario(name, **kw))


# What an upstream does. A script is a list of operations; a list of scripts answers one request
# each, the last one for ever; a dict chooses the list by path ("*" for the rest).

REFUSE = "refuse"
BLACKHOLE = "blackhole"


class Tcp:
    """A TCP upstream: the operations run on every accepted connection."""

    def __init__(self, *ops):
        self.ops = [op for part in ops for op in part]


class On:
    """An upstream that listens on further addresses of the machine, too, on the same port."""

    def __init__(self, addresses, script):
        self.addresses, self.script = addresses, script


def tell_peer():
    """Answer with the proxy's address."""
    return [("tell", "peername")]


def tell_local():
    """Answer with the address that the proxy has connected to."""
    return [("tell", "sockname")]


class Tls:
    """An upstream behind TLS: its script, and the options of tls.context()."""

    def __init__(self, script, **options):
        self.script, self.options = script, {"cert": "server", **options}


def ok(body="ok", *headers, status=200, reason="OK"):
    if isinstance(body, str):
        body = body.encode()
    head = [f"HTTP/1.1 {status} {reason}"] + list(headers)
    if status not in (204, 304) and not status < 200:
        head.append(f"content-length: {len(body)}")
    return [("send", "\r\n".join(head).encode() + b"\r\n\r\n" + body)]


def listener_log(fields):
    """The listener's access log: what is told of a connection, as JSON. fields: of a YAML map in braces."""
    return f"""
access_log:
- name: log
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
    path: {{{{log}}}}
    log_format: {{json_format: {{{fields}}}}}
"""


def raw(data):
    return [("send", data if isinstance(data, bytes) else data.encode("latin-1"))]


def wait(seconds):
    return [("wait", seconds)]


def early():
    """As the first operation: answer before the request's body is read."""
    return [("early",)]


def rst():
    return [("rst",)]


def fin():
    return [("fin",)]


def ended():
    """Wait until the proxy has ended its direction."""
    return [("ended",)]


def half():
    """End the direction to the proxy; go on reading."""
    return [("half",)]


def hold():
    """Nothing more, until the proxy closes."""
    return [("hold",)]


def tunnel_echo():
    """After an upgrade: echo every byte back."""
    return [("echo",)]


def expect(data):
    """Read raw bytes until they end with data."""
    return [("expect", data)]


def until(event):
    """Wait until the client does signal(event)."""
    return [("until", event)]


# What a client does.

def req(path="/", *headers, method="GET", host="h.example", body=None, chunked=False, c="c"):
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}"] + list(headers)
    data = b""
    if body is not None:
        body = body.encode() if isinstance(body, str) else body
        if chunked:
            lines.append("transfer-encoding: chunked")
            data = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        else:
            lines.append(f"content-length: {len(body)}")
            data = body
    out = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + data
    return [("send", c, out), ("read", c, method == "HEAD")]


def get(path="/", *headers, **kw):
    return req(path, *headers, **kw)


def send(data, c="c"):
    return [("send", c, data if isinstance(data, bytes) else data.encode("latin-1"))]


def read(head=False, c="c"):
    return [("read", c, head)]


def read_head(c="c"):
    """Read only up to the end of a response's headers."""
    return [("read_head", c)]


def read_bytes(n, c="c"):
    return [("read_bytes", c, n)]


def read_unpacked(coding, n, c="c"):
    """After the head: chunks until what they hold, unpacked, has n bytes."""
    return [("read_unpacked", c, coding, n)]


def read_all(c="c"):
    """Everything until the connection ends, taken apart into responses."""
    return [("read_all", c)]


def raw_all(c="c"):
    """Everything until the connection ends, as it is."""
    return [("raw_all", c)]


def new(c="c", port="port"):
    return [("new", c, port)]


def dial(c="c", port="port", host="127.0.0.1", source=None, path=None):
    """A connection to another address than 127.0.0.1, from a given one, or to a Unix socket."""
    return [("dial", c, port, host, source, path)]


def tls(c="c", port="port", resume=None, **options):
    """A new connection with TLS (options of tls.context(), sni=, piece=); resume: the connection whose session to use."""
    return [("tls", c, port, resume, options)]


def secure_chain(authority="ca", alpn="", name=""):
    """Filter chains for clients with TLS, whose certificates, if they have any, are of that authority."""
    return f"""
filter_chains:
- name: "{name}"
  filters: [the]
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
      common_tls_context:
        alpn_protocols: [{alpn}]
        tls_certificates: [{{certificate_chain: {{filename: "{{{{certs}}}}/server.pem"}}, private_key: {{filename: "{{{{certs}}}}/server.key"}}}}]
        validation_context: {{trusted_ca: {{filename: "{{{{certs}}}}/{authority}.pem"}}}}
"""


def staple(version="1.3", port="port", sni=None, ciphers=None, ask=True, session=None):
    """A handshake of the openssl command, which asks for an OCSP response: the certificate and what came with it.
    session: a name; the first handshake keeps its session under it, the next ones offer it."""
    return [("staple", version, port, sni, ciphers, ask, session)]


def raw_send(data, c="c"):
    """Bytes as they are on a connection with TLS."""
    return [("raw_send", c, data)]


def half_close(c="c"):
    return [("half_close", c)]


def close(c="c"):
    return [("close", c)]


def reset(c="c"):
    return [("reset", c)]


def pause(seconds):
    return [("pause", seconds)]


def signal(event):
    return [("signal", event)]


def seen(n, up="up"):
    """Wait until the upstream has had n requests."""
    return [("seen", up, n)]


def gone(n, up="up"):
    """Wait until n of the upstream's connections have ended; how they ended is compared."""
    return [("gone", up, n)]


def logged(n):
    return [("logged", n)]


def admin(path, method="GET", keep=None, head=True, lines=False, without=()):
    """keep: only the lines of the body that match the regex. lines: as a list. without: members of JSON to leave out."""
    return [("admin", method, path, keep, head, lines, without)]


def verdicts():
    """Which of the listeners that came by LDS are served and which are refused."""
    return [("verdicts",)]


def file_mode(path):
    return [("file_mode", path)]


def file(path, lines):
    """A file's text, once it has so many lines."""
    return [("file", path, lines)]


def write(path, text):
    """A new file of this text put in place of the old one at once."""
    return [("write", path, text)]


def rename(path, to):
    return [("rename", path, to)]


def printed(regex, lines):
    """The lines of what the process printed that match, once there are so many."""
    return [("printed", regex, lines)]


def stat_is(name, value):
    """Wait until the stat has the value."""
    return [("stat_is", name, value)]


def dns(name, answer, ttl=None):
    """Changes a record of the scenario's DNS server."""
    return [("dns", name, answer, ttl)]


def dns_asked(name):
    """Wait until the DNS server was asked once more for the name."""
    return [("dns_asked", name)]


def stat_matches(name, regex):
    """Wait until the stat's text matches."""
    return [("stat_matches", name, regex)]


def dns_log(name):
    """Which kinds of questions for the name the DNS server has had, over what."""
    return [("dns_log", name)]


def burst(n, path="/", *headers, about=None, **kw):
    """n requests on the connection; compared is how often each status and body came, or with `about`,
    {"200 ok": 0.5, ...}, that each came about as often as it should."""
    return [("burst", n, req(path, *headers, **kw), about)]


def tcp_share(n, exact=False):
    """n connections, one after the other: which greeting each got."""
    return [("tcp_share", n, exact)]


def proxy_signal(number):
    return [("proxy_signal", number)]
