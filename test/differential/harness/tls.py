"""TLS over asyncio streams, for clients and upstreams: every record passes through here, so that alerts and the
kind of close are seen, and writes can be cut into pieces."""
import asyncio
import re
import ssl

VERSIONS = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2,
            "1.3": ssl.TLSVersion.TLSv1_3}


class Failed(Exception):
    """The handshake did not succeed; the text says how it ended."""


def context(authority, server_side, cert=None, ca=None, versions=None, alpn=None, ciphers=None, ask=False, tickets=True,
            groups=None):
    """cert: a name of certs.py; ca: what the peer's certificate is checked with; ask: for a client's certificate."""
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    low, _, high = (versions or "1.2-1.3").partition("-")
    c.minimum_version, c.maximum_version = VERSIONS[low], VERSIONS[high or low]
    c.set_ciphers((ciphers or "ECDHE+AES128+AESGCM:ECDHE:kRSA:!aNULL:!eNULL") + ":@SECLEVEL=0")
    if cert:
        c.load_cert_chain(authority.path(cert + ".pem"), authority.path(cert + ".key"))
    if ca:
        c.load_verify_locations(authority.path(ca + ".pem"))
        c.verify_mode = ssl.CERT_REQUIRED if not server_side or ask else ssl.CERT_OPTIONAL
    if alpn:
        c.set_alpn_protocols(alpn)
    if groups:
        c.set_ecdh_curve(groups)
    if not tickets:
        c.options |= ssl.OP_NO_TICKET
        if server_side:
            c.num_tickets = 0
    return c


class Stream:
    """Reader and writer in one. closed: raised as Closed(how) by the caller's rules."""

    def __init__(self, reader, writer, ctx, server_side, server_name=None, session=None, piece=None):
        self.reader, self.writer, self.piece, self.context = reader, writer, piece, ctx
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = ctx.wrap_bio(self.incoming, self.outgoing, server_side=server_side, server_hostname=server_name,
                                   session=session)
        self.end = None
        self.transport = writer.transport

    def get_extra_info(self, name):
        return self.writer.get_extra_info(name)

    async def flush(self):
        data = self.outgoing.read()
        step = self.piece or max(len(data), 1)
        for i in range(0, len(data), step):
            self.writer.write(data[i:i + step])
            await self.writer.drain()
            if self.piece:
                await asyncio.sleep(0)

    async def more(self):
        """Takes what the peer sent; false at the end of the connection."""
        try:
            data = await self.reader.read(65536)
        except ConnectionError:
            self.end = self.end or "RST"
            return False
        if not data:
            self.end = self.end or "FIN"
            return False
        self.incoming.write(data)
        return True

    async def handshake(self):
        while True:
            try:
                self.object.do_handshake()
                await self.flush()
                return
            except ssl.SSLWantReadError:
                try:
                    await self.flush()
                except ConnectionError:
                    pass
                if not await self.more():
                    raise Failed(self.end) from None
            except ssl.SSLError as e:
                try:
                    await self.flush()
                except ConnectionError:
                    pass
                raise Failed(reason(e)) from None

    async def read(self, n):
        """Bytes; b"" once close_notify came; raises ConnectionError with the end's name otherwise."""
        while True:
            try:
                return self.object.read(n)
            except ssl.SSLWantReadError:
                await self.flush()
                if not await self.more():
                    raise Ended(self.end) from None
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLError as e:
                raise Ended(reason(e)) from None

    def write(self, data):
        self.object.write(data)

    async def drain(self):
        await self.flush()

    def write_eof(self):
        try:
            self.object.unwrap()
        except ssl.SSLError:
            pass
        self.writer.write(self.outgoing.read())

    def close(self):
        self.write_eof()
        self.writer.close()

    def is_closing(self):
        return self.writer.is_closing()

    def facts(self, authority):
        """What the handshake settled, as far as a recording may hold it."""
        out = {"version": self.object.version(), "alpn": self.object.selected_alpn_protocol()}
        der = self.object.getpeercert(True)
        out["peer"] = authority.der.get(der, "unknown") if der else None
        if self.object.server_side:
            out["sni"] = getattr(self.object, "seen_name", None)
        if self.object.session_reused:
            out["reused"] = True
        return out


class Ended(Exception):
    """The connection's end, when it was not a close_notify."""


def reason(error):
    return (error.reason or str(error)).lower()


async def command(authority, args, seconds):
    """What `openssl s_client` found: how the handshake ended, whose certificate came, and the OCSP response with it."""
    process = await asyncio.create_subprocess_exec("openssl", "s_client", *args, stdin=asyncio.subprocess.DEVNULL,
                                                   stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    try:
        text = (await asyncio.wait_for(process.communicate(), seconds))[0].decode("latin-1")
    except asyncio.TimeoutError:
        process.kill()
        return "timeout"
    alert = re.search(r"SSL alert number (\d+)", text)
    if alert:
        return f"alert {alert[1]}"
    settled = re.search(r"^(New|Reused), (TLSv[\d.]+), Cipher is (\S+)", text, re.M)
    if settled is None or settled[3] == "(NONE)":
        return "no handshake"
    out = {"version": settled[2], "reused": settled[1] == "Reused"}
    peer = re.search(r"^subject=.*CN = (\w+)", text, re.M)
    out["peer"] = peer and peer[1]
    serial = re.search(r"^    Certificate ID:.*?Serial Number: (\w+)$.*?Cert Status: (\w+)$", text, re.M | re.S)
    out["response"] = serial and f"{authority.serials.get(serial[1], serial[1])}: {serial[2]}"
    return out


def server_context(authority, options):
    """One for all connections of an upstream, so that sessions are resumed."""
    def keep_name(connection, name, _context):
        connection.seen_name = name
    ctx = context(authority, True, **{k: v for k, v in options.items() if k != "piece"})
    ctx.sni_callback = keep_name
    return ctx


async def serve(reader, writer, ctx, options):
    stream = Stream(reader, writer, ctx, True, piece=options.get("piece"))
    await stream.handshake()
    return stream


async def connect(reader, writer, authority, options, resume=None):
    """resume: the Stream whose session to use; its options hold."""
    options = dict(options)
    piece, name = options.pop("piece", None), options.pop("sni", None)
    ctx = resume.context if resume else context(authority, False, **options)
    stream = Stream(reader, writer, ctx, False, name, resume and resume.object.session, piece)
    await stream.handshake()
    return stream
