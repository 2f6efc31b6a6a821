"""PROXY headers as bytes, and the parts of a config that read and write them."""

SOCKET = "type.googleapis.com/envoy.extensions.transport_sockets."
LISTENER = "type.googleapis.com/envoy.extensions.filters.listener."
RAW = "{name: envoy.transport_sockets.raw_buffer, typed_config: {'@type': %sraw_buffer.v3.RawBuffer}}" % SOCKET
TLS = ("{name: envoy.transport_sockets.tls, typed_config: {'@type': %stls.v3.UpstreamTlsContext, sni: a.example, common_tls_context: "
       "{validation_context: {trusted_ca: {filename: {{certs}}/ca.pem}}}}}" % SOCKET)
# Ports of clients differ from run to run.
PORTS = [(r"(PROXY TCP[46] \S+ \S+) \S+ \S+\r\n", r"\1 <ports>\r\n"), (r"(?s)(QUIT\n[!]\x11\x00.)(.{8}).{4}", r"\1\2<ports>"),
         (r"(?s)(QUIT\n[!]\x21\x00.)(.{32}).{4}", r"\1\2<ports>")]
V2 = b"\r\n\r\n\0\r\nQUIT\n"
LINE = "PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n"


def v2(body=b"", command=0x21, kind=0x11):
    return V2 + bytes([command, kind]) + len(body).to_bytes(2, "big") + body


def tlv(kind, value):
    return bytes([kind]) + len(value).to_bytes(2, "big") + value


V4 = bytes((1, 2, 3, 4, 5, 6, 7, 8)) + (1111).to_bytes(2, "big") + (2222).to_bytes(2, "big")


def socket(fields="", inside=RAW, more=""):
    return "transport_socket: {name: p, typed_config: {'@type': %sproxy_protocol.v3.ProxyProtocolUpstreamTransport, config: {%s}, transport_socket: %s%s}}" % (
        SOCKET, fields, inside, ", " + more if more else "")


def accepts(fields=""):
    return "{listener_filters: [{name: p, typed_config: {'@type': %sproxy_protocol.v3.ProxyProtocol, allow_requests_without_proxy_protocol: true%s}}]}" % (
        LISTENER, ", " + fields if fields else "")
