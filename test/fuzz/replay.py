"""Replays each fuzz target's corpus and some seeded mutations of it, a target per core at once."""
import concurrent.futures
import os
import pathlib
import subprocess
import sys

CORPUS = pathlib.Path(__file__).parent / "corpus"


def replay(build, binary):
    name = binary.name.removeprefix("fuzz_")
    command = [binary, "--mutations", "20000", "--seconds", "20", "--keep", build / f"crash-{name}", CORPUS / name]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    print(f"{name}: {done.stdout.decode(errors='replace').strip()}", flush=True)
    return done.returncode == 0


def main():
    build = pathlib.Path(sys.argv[1])
    targets = sorted(f for f in (build / "test/fuzz").glob("fuzz_*") if f.is_file() and os.access(f, os.X_OK))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        good = list(pool.map(lambda target: replay(build, target), targets))
    failed = good.count(False)
    print(f"{good.count(True)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
