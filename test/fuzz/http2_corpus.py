#!/usr/bin/env python3
"""Makes corpus/http2 out of the differential scenarios: what their HTTP/2 clients and upstreams send, a file each; of those that
have nothing new to say none."""
import hashlib
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "differential"))
sys.dont_write_bytecode = True

import run  # noqa: E402 (test/differential/run.py)
from harness import h2  # noqa: E402

SIZE_MAX = 4096


def of_client(scenario):
    """Bytes by connection, as they are written."""
    out = {}
    for step in scenario.client:
        if step[0] == "h2_open":
            out[step[1]] = step[3]
        elif step[0] == "h2_send" and step[1] in out:
            out[step[1]] += step[2]
    return out.values()


def of_upstream(scenario):
    def scripts(node):
        if isinstance(node, dict):
            for x in node.values():
                yield from scripts(x)
        elif node and isinstance(node[0], list):
            for x in node:
                yield from scripts(x)
        elif node:
            yield node

    for up in scenario.up.values():
        if isinstance(up, h2.H2):
            for ops in scripts(up.scripts):
                data = b"".join(h2.with_stream(op[1], 1) if op[0] == "h2_frames" else op[1] for op in ops if op[0] in ("h2_frames", "h2_bytes"))
                if data:
                    yield h2.SETTINGS(up.settings) + up.first + data


def facts(data):
    """What is particular about an input: pairs of frames, their flags and sizes, on which side."""
    at = data.find(h2.PREFACE)
    frames = h2.frames_of(bytearray(data[1:] if at < 0 else data[at + len(h2.PREFACE):]))
    kinds = [(kind, flags, s == 0, min(len(payload), 10)) for kind, flags, s, payload in frames]
    pairs = {(a[0], b[0], frames[i][2] == frames[i + 1][2]) for i, (a, b) in enumerate(zip(kinds, kinds[1:]))}
    return {(data[0] & 3, x) for x in [*kinds, *pairs]}


def main():
    folder = HERE / "corpus" / "http2"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    inputs = set()
    for s in run.load():
        loose = 2 if "stream_error" in s.name else 0
        for client, parts in ((0, of_client(s)), (1, of_upstream(s))):
            for data in parts:
                if len(data) <= SIZE_MAX:
                    inputs.add(bytes([client | loose | len(data) * 8 % 256]) + data)
    seen = set()
    for data in sorted(inputs, key=lambda d: (len(d), d)):
        new = facts(data) - seen
        if new:
            seen |= new
            (folder / hashlib.sha1(data[1:]).hexdigest()[:16]).write_bytes(data)
    print(f"{len(list(folder.iterdir()))} inputs")


if __name__ == "__main__":
    main()
