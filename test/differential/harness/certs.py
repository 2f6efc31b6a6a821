"""Certificates for the scenarios, made anew for each run of the suite with the openssl command."""
import base64
import hashlib
import os
import re
import subprocess
import threading

LONG = ("20200101000000Z", "20450101000000Z")
PAST = ("20200101000000Z", "20210101000000Z")
FUTURE = ("20440101000000Z", "20450101000000Z")
EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
P384 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"]
RSA = ["-newkey", "rsa:2048"]
CLIENT = "URI:spiffe://td/client,DNS:client.example,email:me@client.example"

# name: (issuer or None, subject alternative names, more)
CERTS = {
    "ca": (None, "", {"ca": True}),
    "otherca": (None, "", {"ca": True}),
    "inter": ("ca", "", {"ca": True}),
    "server": ("ca", "DNS:server.example,DNS:*.wild.example,URI:spiffe://td/server,IP:127.0.0.1", {}),
    "server_rsa": ("ca", "DNS:server.example,DNS:rsa.example", {"key": RSA}),
    "server_384": ("ca", "DNS:p384.example", {"key": P384}),
    "two": ("ca", "DNS:two.example", {}),
    "two_rsa": ("ca", "DNS:two.example", {"key": RSA}),
    "wild": ("ca", "DNS:*.many.example", {}),
    "no_san": ("ca", "", {}),
    "server_expired": ("ca", "DNS:server.example", {"dates": PAST}),
    "server_other": ("otherca", "DNS:server.example", {}),
    "client": ("ca", CLIENT, {}),
    "client_rsa": ("ca", CLIENT, {"key": RSA}),
    "client_other": ("otherca", CLIENT, {}),
    "client_expired": ("ca", CLIENT, {"dates": PAST}),
    "client_future": ("ca", CLIENT, {"dates": FUTURE}),
    "client_wrong": ("ca", "URI:spiffe://td/else,DNS:else.example", {}),
    "client_revoked": ("ca", CLIENT, {}),
    "client_inter": ("inter", CLIENT, {"chain": "inter"}),
    "client_bare": ("inter", CLIENT, {}),
    "client_server_use": ("ca", CLIENT, {"ext": "extendedKeyUsage=serverAuth"}),
    "server_client_use": ("ca", "DNS:server.example", {"ext": "extendedKeyUsage=clientAuth"}),
    "server_no_signing": ("ca", "DNS:server.example", {"key": RSA, "usage": "keyEncipherment"}),
    "client_no_signing": ("ca", CLIENT, {"key": RSA, "usage": "keyEncipherment"}),
    "client_many": ("ca", "URI:spiffe://td/a,URI:spiffe://td/b,DNS:one.example,DNS:two.example,IP:10.1.2.3,"
                    "email:a@b.example,otherName:1.2.3.4;UTF8:other value", {}),
    "client_td2": ("otherca", "URI:spiffe://td2/client", {}),
    "client_no_san": ("ca", "", {}),
    "client_self": (None, CLIENT, {}),
    "client_self_ca": (None, CLIENT, {"ca": True, "usage": "keyCertSign,digitalSignature"}),
    "server_self": (None, "DNS:server.example", {}),
    "server_self_ca": (None, "DNS:server.example", {"ca": True, "usage": "keyCertSign,digitalSignature"}),
    "server_future": ("ca", "DNS:server.example", {"dates": FUTURE}),
    "must_staple": ("ca", "DNS:server.example", {"ext": "tlsfeature=status_request"}),
}

CONFIG = """
[ca]
default_ca = d
[d]
database = index
new_certs_dir = .
default_md = sha256
serial = serial
crlnumber = crlnumber
policy = p
unique_subject = no
copy_extensions = copyall
default_crl_days = 9000
[p]
commonName = supplied
organizationName = optional
"""


class Authority:
    """All certificates in one folder: NAME.pem (with its chain), NAME.key; made at the first use."""

    def __init__(self, folder):
        self.folder = folder
        self.lock = threading.Lock()
        self.made = False
        self.der, self.known, self.serials = {}, {}, {}

    def path(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *args):
        done = subprocess.run(["openssl", *args], cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"openssl {' '.join(args)}: {done.stderr}")
        return done.stdout

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)

    def read(self, name):
        with open(self.path(name)) as f:
            return f.read()

    def make(self):
        with self.lock:
            if self.made:
                return
            os.makedirs(self.folder, exist_ok=True)
            self.write("ca.conf", CONFIG)
            self.write("index", "")
            for serial, (name, spec) in enumerate(CERTS.items(), 0x1001):
                self.serials[f"{serial:X}"] = name
                self.make_one(name, serial, *spec)
            self.make_crls()
            self.make_staples()
            for name in CERTS:
                self.remember(name)
            self.made = True

    def make_one(self, name, serial, issuer, sans, more):
        self.write("serial", f"{serial:X}\n")
        ext = ["[v3]", "subjectKeyIdentifier=hash"]
        if more.get("ca"):
            ext += ["basicConstraints=critical,CA:TRUE", "keyUsage=critical," + more.get("usage", "keyCertSign,cRLSign")]
        else:
            ext += ["basicConstraints=critical,CA:FALSE",
                    "keyUsage=critical," + more.get("usage", "digitalSignature,keyEncipherment")]
        if sans:
            ext.append("subjectAltName=" + sans)
        if "ext" in more:
            ext.append(more["ext"])
        self.write("ext", "\n".join(ext) + "\n")
        self.openssl("req", *more.get("key", EC), "-nodes", "-keyout", name + ".key", "-out", "csr",
                     "-subj", f"/O=Outrigger/CN={name}")
        start, end = more.get("dates", LONG)
        sign = ["-selfsign", "-keyfile", name + ".key"] if issuer is None else [
            "-cert", issuer + ".pem", "-keyfile", issuer + ".key"]
        self.openssl("ca", "-batch", "-config", "ca.conf", "-in", "csr", "-out", name + ".pem", "-notext", *sign,
                     "-startdate", start, "-enddate", end, "-extfile", "ext", "-extensions", "v3")
        self.write(name + ".leaf.pem", self.read(name + ".pem"))
        if "chain" in more:
            self.write(name + ".pem", self.read(name + ".pem") + self.read(more["chain"] + ".pem"))

    def make_crls(self):
        """ca.crl lists client_revoked; empty.crl nothing; inter.crl of the intermediate."""
        self.write("crlnumber", "01\n")
        crl = ["ca", "-config", "ca.conf", "-gencrl"]
        self.openssl(*crl, "-cert", "ca.pem", "-keyfile", "ca.key", "-out", "empty.crl")
        self.openssl(*crl, "-cert", "inter.pem", "-keyfile", "inter.key", "-out", "inter.crl")
        self.openssl("ca", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key", "-revoke",
                     "client_revoked.leaf.pem")
        self.openssl(*crl, "-cert", "ca.pem", "-keyfile", "ca.key", "-out", "ca.crl")
        self.write("both.pem", self.read("ca.pem") + self.read("otherca.pem"))
        self.write("withcrl.pem", self.read("ca.pem") + self.read("ca.crl"))

    def make_staples(self):
        """NAME.ocsp: what its issuer says of it; and answers that are late, early, of no end, of two certificates, no answers."""
        def ask(*names):
            certs = [part for name in names for part in ("-cert", name + ".leaf.pem")]
            self.openssl("ocsp", "-index", "index", "-CA", "ca.pem", "-rsigner", "ca.pem", "-rkey", "ca.key", "-ndays", "3000",
                         "-issuer", "ca.pem", *certs, "-no_nonce", "-reqout", "ocsp.request")
            self.openssl("ocsp", "-index", "index", "-CA", "ca.pem", "-rsigner", "ca.pem", "-rkey", "ca.key", "-ndays", "3000",
                         "-reqin", "ocsp.request", "-respout", "_".join(names) + ".ocsp")
        for names in (["server"], ["server_rsa"], ["must_staple"], ["client_revoked"], ["server", "server_rsa"]):
            ask(*names)
        with open(self.path("server.ocsp"), "rb") as f:
            good = f.read()
        # Its times are those of its production, of thisUpdate and of nextUpdate. Nobody on the way to the client checks the signature.
        times = [m.start() for m in re.finditer(rb"\d{14}Z", good)][:3]
        for name, of in (("late", {2: b"20210101000000Z"}), ("early", {1: b"20440101000000Z"}), ("old", {1: b"20200101000000Z", 2: b"20210101000000Z"})):
            data = bytearray(good)
            for i, text in of.items():
                data[times[i]:times[i] + len(text)] = text
            self.write_bytes(f"server.{name}.ocsp", bytes(data))
        self.write_bytes("refused.ocsp", b"\x30\x03\x0a\x01\x06")
        self.write_bytes("bodiless.ocsp", b"\x30\x03\x0a\x01\x00")
        self.write_bytes("garbage.ocsp", b"not a response")
        self.write_bytes("cut.ocsp", good[:-5])
        self.write_bytes("longer.ocsp", good + b"more")
        self.write_bytes("empty.ocsp", b"")

    def write_bytes(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data)

    def remember(self, name):
        """What recordings must not hold, since it differs from run to run."""
        pem = self.read(name + ".leaf.pem")
        der = base64.b64decode("".join(pem.strip().splitlines()[1:-1]))
        self.der[der] = name
        key = self.openssl("x509", "-in", name + ".leaf.pem", "-pubkey", "-noout")
        spki = hashlib.sha256(base64.b64decode("".join(key.strip().splitlines()[1:-1]))).digest()
        self.known[name] = {
            "sha256": hashlib.sha256(der).hexdigest(), "sha1": hashlib.sha1(der).hexdigest(),
            "spki": base64.b64encode(spki).decode(),
            "key": self.read(name + ".key").replace("\n", "\\n"), "pem64": base64.b64encode(pem.encode()).decode(),
            "key64": base64.b64encode(self.read(name + ".key").encode()).decode(),
            "raw": pem, "url": self.url(pem), "chain": self.url(self.read(name + ".pem")), "pem": pem.replace("\n", "\\n")}

    @staticmethod
    def url(pem):
        for char, code in (("\n", "%0A"), (" ", "%20"), ("+", "%2B"), ("/", "%2F"), ("=", "%3D")):
            pem = pem.replace(char, code)
        return pem

    def names(self):
        """For the texts of scenarios: {{certs}}, {{sha256.client}}, {{spki.client}}; {{pem.client}} and {{key.client}}
        for double quotes, {{pem64.client}} and {{key64.client}} for bytes."""
        self.make()
        out = {"certs": self.folder}
        for name, facts in self.known.items():
            for kind in ("sha256", "spki", "pem", "pem64", "key", "key64"):
                out[f"{kind}.{name}"] = facts[kind]
        return out

    def mask(self, text):
        if not self.made:
            return text
        text = text.replace(self.folder, "<certs>")
        for name, facts in self.known.items():
            for kind in ("chain", "url", "raw", "pem", "pem64", "key", "key64", "sha256", "sha1", "spki"):
                if len(text) >= len(facts[kind]):
                    text = text.replace(facts[kind], f"<{kind} of {name}>")
        return text
