"""Writes the official API's descriptors, of the version that the oracle implements, as one FileDescriptorSet.

  official.py OUTPUT     exit 77 when the registry cannot be reached

They come from the Go modules that hold them compiled in; each file of generated code has its descriptor as a string.
"""
import io
import os
import re
import sys
import urllib.error
import urllib.request
import zipfile

REGISTRY = os.environ.get("GOPROXY", "https://proxy.golang.org").split(",")[0]
MODULES = (("github.com/envoyproxy/go-control-plane/envoy", "v1.40.0"),
           ("github.com/cncf/xds/go", "v0.0.0-20260202195803-dba9d589def2"),
           ("github.com/envoyproxy/protoc-gen-validate", "v1.3.3"),
           ("istio.io/api", "v1.31.4"),
           ("go.opentelemetry.io/proto/otlp", "v1.11.0"),
           ("google.golang.org/genproto/googleapis/api", "v0.0.0-20260817212433-ac3dfec99bb1"),
           ("google.golang.org/genproto/googleapis/rpc", "v0.0.0-20260817212433-ac3dfec99bb1"),
           ("cel.dev/expr", "v0.25.3"))
DESCRIPTOR = re.compile(r'^const file_\w+_rawDesc = ""((?: \+\n\t"(?:[^"\\]|\\.)*")+)', re.M)
OLD_DESCRIPTOR = re.compile(r"^var file_\w+_rawDesc = \[\]byte\{([^}]*)\}", re.M)
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
ESCAPE = re.compile(rb'\\(x[0-9a-fA-F]{2}|[0-7]{3}|u[0-9a-fA-F]{4}|.)')
SHORT = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v", b'"': b'"', b"\\": b"\\"}


def unescape(text):
    def one(match):
        e = match[1]
        if e[:1] == b"x":
            return bytes([int(e[1:], 16)])
        if e[:1] == b"u":
            return chr(int(e[1:], 16)).encode()
        return bytes([int(e, 8)]) if e.isdigit() else SHORT[e]
    return ESCAPE.sub(one, text.encode())


def descriptors(source):
    for match in DESCRIPTOR.finditer(source):
        yield b"".join(unescape(literal) for literal in LITERAL.findall(match[1]))
    for match in OLD_DESCRIPTOR.finditer(source):
        yield bytes(int(x, 16) for x in re.findall(r"0x[0-9a-f]+", match[1]))


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def module_files(name, version):
    url = f"{REGISTRY}/{name}/@v/{version}.zip"
    with urllib.request.urlopen(url, timeout=60) as response:
        archive = zipfile.ZipFile(io.BytesIO(response.read()))
    for entry in archive.namelist():
        if entry.endswith(".pb.go"):
            yield from descriptors(archive.read(entry).decode())


def main():
    out, files = b"", 0
    try:
        for name, version in MODULES:
            for raw in module_files(name, version):
                out += b"\x0a" + varint(len(raw)) + raw
                files += 1
    except (urllib.error.URLError, OSError) as error:
        print(f"the registry {REGISTRY} cannot be reached: {error}")
        sys.exit(77)
    with open(sys.argv[1], "wb") as f:
        f.write(out)
    print(f"{files} official files")


if __name__ == "__main__":
    main()
