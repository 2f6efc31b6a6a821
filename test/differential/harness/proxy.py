"""A proxy process under test and its admin interface."""
import asyncio
import contextlib
import os
import random
import re
import signal

import yaml

from . import config
from .ports import free_port


class StartFailed(Exception):
    pass


class Proxy:
    def __init__(self, binary, folder, slow):
        self.binary, self.folder, self.slow = binary, folder, slow
        self.process = None
        self.admin_port = free_port()

    async def start(self, runs):
        os.makedirs(self.folder, exist_ok=True)
        path = os.path.join(self.folder, "bootstrap.yaml")
        try:
            text = yaml.safe_dump(config.bootstrap(runs, self.admin_port), sort_keys=False)
        except (yaml.YAMLError, KeyError) as e:
            raise StartFailed(f"the scenario's own text: {e}") from e
        with open(path, "w") as f:
            f.write(text)
        self.errors = os.path.join(self.folder, "stderr")
        flags = [flag for run in runs for flag in run.scenario.flags]
        workers = [] if "--concurrency" in flags else ["--concurrency", "1"]
        env = {k: v for run in runs for k, v in run.scenario.env.items()}
        with open(self.errors, "w") as err:
            self.process = await asyncio.create_subprocess_exec(
                self.binary, "-c", path, *workers, "--disable-hot-restart", "--base-id",
                str(random.randrange(1000, 1 << 24)), "--file-flush-interval-msec", "20", "-l", "warning", *flags,
                stdin=asyncio.subprocess.DEVNULL, stdout=err, stderr=err, cwd=self.folder,
                env={**os.environ, **{k: runs[0].fill(v).replace("\\n", "\n") for k, v in env.items()}})
        for _ in range(int(1000 * self.slow)):
            if self.process.returncode is not None:
                raise StartFailed(self.error_text())
            try:
                if (await self.admin("GET", "/ready"))[2].strip() == "LIVE":
                    return
            except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, ValueError, IndexError):
                pass
            await asyncio.sleep(0.01)
        await self.stop()
        raise StartFailed("not ready in time; " + self.error_text())

    def error_text(self):
        with open(self.errors, errors="replace") as f:
            text = f.read()
        return text if len(text) < 1600 else text[:800] + "\n...\n" + text[-800:]

    @property
    def alive(self):
        return self.process.returncode is None

    def memory(self):
        """Private bytes of the process."""
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(re.search(r"RssAnon:\s+(\d+)", f.read())[1]) * 1024

    async def admin(self, method, path):
        return await asyncio.wait_for(self.ask(method, path), 10 * self.slow)

    async def ask(self, method, path):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.admin_port, limit=1 << 24)
        try:
            writer.write(f"{method} {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n"
                         f"content-length: 0\r\n\r\n".encode("latin-1"))
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = head.split("\r\n")[:-2]
            headers = [[k, v.strip()] for k, _, v in (x.partition(":") for x in lines[1:])]
            lower = {k.lower(): v for k, v in headers}
            body = b""
            if "content-length" in lower:
                body = await reader.readexactly(int(lower["content-length"]))
            elif "chunked" in lower.get("transfer-encoding", ""):
                while size := int(await reader.readuntil(b"\r\n"), 16):
                    body += await reader.readexactly(size)
                    await reader.readexactly(2)
            else:
                body = await reader.read(-1)
            return lines[0], headers, body.decode("utf-8", "replace")
        finally:
            writer.transport.abort()

    async def stats(self):
        _, _, body = await self.admin("GET", "/stats")
        return dict(line.split(": ", 1) for line in body.splitlines() if ": " in line)

    async def stop(self):
        """Ends the process; returns what was wrong with its end, or None."""
        if self.process is None:
            return None
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # terminate() would take the exit code away from who waits for it
                os.kill(self.process.pid, signal.SIGTERM)
            try:
                await asyncio.wait_for(self.process.wait(), 10 * self.slow)
            except asyncio.TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    self.process.kill()
                await self.process.wait()
                return "did not end on SIGTERM"
        text = self.error_text()
        if "Sanitizer" in text or "runtime error:" in text:
            return text
        if self.process.returncode not in (0, -15):
            return f"exit code {self.process.returncode}\n{text}"
        return None
