"""Checks what the compiler does not: include layers, sizes, header rules, text that must not be committed."""
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parents[2]
problems = []
checked = 0


def layers():
    allowed = {}
    for line in (root / "test/lint/layers.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            folder, _, rest = line.partition(":")
            allowed[folder.strip()] = set(rest.split())
    return allowed


def check_source(path, allowed):
    rel = path.relative_to(root).as_posix()
    folder = path.parent.relative_to(root / "src").as_posix()
    text = path.read_text()
    lines = text.splitlines()
    if len(lines) > 600:
        problems.append(f"{rel}: {len(lines)} lines, at most 600")
    for n, line in enumerate(lines, 1):
        if len(line) > 130:
            problems.append(f"{rel}:{n}: {len(line)} columns, at most 130")
        if line != line.rstrip() or "\t" in line:
            problems.append(f"{rel}:{n}: tab or trailing blank")
    if path.suffix == ".h":
        if "#pragma once" not in text:
            problems.append(f"{rel}: no #pragma once")
        if not text.startswith("//"):
            problems.append(f"{rel}: the header does not begin with what it is")
    for n, inc in ((i, m.group(1)) for i, l in enumerate(lines, 1) if (m := re.match(r'#include [<"]([^>"]+)', l))):
        if inc.startswith("boost/asio") and folder not in ("proxy/event", "proxy/net"):
            problems.append(f"{rel}:{n}: Asio belongs to proxy/event and proxy/net")
        if (inc.endswith(".pb.h") or inc.startswith("google/protobuf")) and not folder.startswith(("xds", "control_plane")) and folder != ".":
            problems.append(f"{rel}:{n}: protobuf belongs to xds and control_plane")
        target = pathlib.PurePosixPath(inc).parent.as_posix()
        if target in allowed and folder in allowed and target != folder and target not in allowed[folder]:
            problems.append(f"{rel}:{n}: {folder} may not include {target}")


def main():
    global checked
    allowed = layers()
    for path in sorted((root / "src").rglob("*")):
        if path.suffix in (".h", ".cc"):
            checked += 1
            check_source(path, allowed)
    for shell, script in (("bash", "dev"), ("bash", ".ci/run"), ("sh", "deploy/intercept/outrigger-iptables")):
        checked += 1
        if subprocess.run([shell, "-n", str(root / script)]).returncode != 0:
            problems.append(f"{script}: not valid for {shell}")
    for path in sorted(root.rglob("*.py")):
        if "build" in path.relative_to(root).parts:
            continue
        checked += 1
        try:
            compile(path.read_text(), str(path), "exec")
        except SyntaxError as e:
            problems.append(f"{path.relative_to(root)}: {e}")
    for p in problems:
        print(p)
    bad = len({p.split(":")[0] for p in problems})
    print(f"{checked - bad} passed, {bad} failed")
    return 1 if problems else 0


sys.exit(main())
