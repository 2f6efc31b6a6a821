#!/usr/bin/env python3
"""The process in its surroundings: out of file descriptors; logs to a standard output that is another user's file; what it
says of bad configs; what control planes sent, recorded, sent again; bootstraps of agents; filters of Istio; secrets rotated and all
that comes by xDS, from files and over ADS, changed under load, also while the control plane is gone; outrigger-xds and the proxies
that it feeds; interception with iptables in network namespaces.

  run.py --binary PATH [--filter WORDS] [--away SECONDS]
"""
import argparse
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
import bootstraps  # noqa: E402
import config_errors  # noqa: E402
import control_plane  # noqa: E402
import intercept  # noqa: E402
import intercept_rules  # noqa: E402
import istio  # noqa: E402
from configs import envoy_listener, socket_address  # noqa: E402
import recorded  # noqa: E402
import rotation  # noqa: E402
from namespaces import Skipped  # noqa: E402
from proxy import Client, Proxy, until  # noqa: E402
import updates  # noqa: E402
import updates_over_ads  # noqa: E402

TYPES = "type.googleapis.com/envoy.extensions"
PAUSE = 0.1  # s, between two attempts to accept when descriptors are short
SIDECAR_USER = 1337


def bootstrap(port, admin):
    def log(kind):
        return {"name": kind, "typed_config": {"@type": f"{TYPES}.access_loggers.file.v3.FileAccessLog", "path": f"/dev/{kind}",
                "log_format": {"text_format_source": {"inline_string": f"{kind} %REQ(:PATH)% %RESPONSE_CODE%\n"}}}}
    hcm = {"@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "h",
           "access_log": [log("stdout"), log("stderr")],
           "http_filters": [{"name": "router", "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"}}],
           "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
               {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "ok"}}}]}]}}
    return {"admin": {"address": socket_address(admin)}, "static_resources": {"listeners": [
        {**envoy_listener("http", port, "http", hcm), "stat_prefix": "http"}]}}


def accept_pauses_when_out_of_file_descriptors(binary, folder):
    if b"__ubsan_handle" in pathlib.Path(binary).read_bytes():
        raise Skipped("UBSan's own checks need a descriptor")
    proxy = Proxy(binary, folder, bootstrap, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    held = []
    try:
        room = 5
        limit = proxy.descriptors() + room
        resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
        paused = "listener.http.downstream_cx_overload_reject"
        for _ in range(2 * room):  # the kernel takes those that the proxy cannot
            held.append(Client(proxy.port))
        until("a pause is counted", lambda: proxy.stat(paused) > 0)
        assert proxy.stat("listener.http.downstream_cx_active") == room, "as many connections as there are descriptors"
        # What it costs to wait.
        began, pauses, cpu = time.monotonic(), proxy.stat(paused), proxy.cpu_seconds()
        until("more pauses", lambda: time.monotonic() - began > 10 * PAUSE and proxy.stat(paused) > pauses)
        took, pauses = time.monotonic() - began, proxy.stat(paused) - pauses
        assert pauses <= took / PAUSE + 2, f"{pauses} attempts to accept in {took:.2f} s"
        before, began = proxy.cpu_seconds(), time.monotonic()
        proxy.admin.socket.settimeout(10 * PAUSE)
        try:
            proxy.admin.socket.recv(1)  # nothing comes: a second without any question
        except TimeoutError:
            pass
        proxy.admin.socket.settimeout(10)
        used, took = proxy.cpu_seconds() - before, time.monotonic() - began
        assert used <= took / 4, f"{used:.2f} s of CPU in {took:.2f} s of waiting"
        # Those that were accepted are served; the others are once these go.
        for c in held[:room]:
            assert c.ask("/held") == "ok"
            c.close()
        for c in held[room:]:
            assert c.ask("/waited") == "ok"
    finally:
        for c in held:
            c.close()
        proxy.stop()


def standard_output_of_another_user_takes_access_logs(binary, folder):
    if os.geteuid() != 0:
        raise Skipped("only root can start a process as another user")
    folder.chmod(0o755)
    copy = folder / "outrigger"  # where the binary is, that user may not look
    shutil.copy(binary, copy)
    copy.chmod(0o755)
    out, err = folder / "out", folder / "err"
    with open(out, "wb") as o, open(err, "wb") as e:
        for path in (out, err):
            path.chmod(0o600)
        proxy = Proxy(str(copy), folder, bootstrap, stdout=o, stderr=e, user=SIDECAR_USER, group=SIDECAR_USER, extra_groups=[], cwd="/")
    try:
        assert os.stat(f"/proc/{proxy.process.pid}").st_uid == SIDECAR_USER
        assert Client(proxy.port).ask("/seen") == "ok"
    finally:
        proxy.stop()
    for path in (out, err):
        assert f"std{path.name} /seen 200\n" in path.read_text(), f"{path.name}: {path.read_text()!r}"


TESTS = [accept_pauses_when_out_of_file_descriptors, standard_output_of_another_user_takes_access_logs, *config_errors.TESTS,
         *recorded.TESTS, *bootstraps.TESTS, *istio.TESTS, *rotation.TESTS, *updates.TESTS, *updates_over_ads.TESTS,
         *control_plane.TESTS, *intercept_rules.TESTS, *intercept.TESTS]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--filter", default="", help="only tests with these words in their name")
    parser.add_argument("--away", type=float, default=updates_over_ads.AWAY_S, help="so long a control plane that was killed stays away")
    options = parser.parse_args()
    updates_over_ads.AWAY_S = options.away
    binary = os.path.abspath(options.binary)
    passed = failed = 0
    for test in TESTS:
        name = test.__name__.replace("_", " ")
        if options.filter not in name:
            continue
        with tempfile.TemporaryDirectory(prefix="outrigger-process-") as folder:
            try:
                said = test(binary, pathlib.Path(folder))
            except Skipped as why:
                print(f"SKIP {name}: {why}")
            except (AssertionError, OSError, RuntimeError) as problem:
                failed += 1
                print(f"FAIL {name}: {problem}")
            else:
                passed += 1
                print(f"PASS {name}{': ' if said else ''}{said or ''}")
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
