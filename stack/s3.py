"""The S3 server of the lake and of what goes to a warehouse: moto, which keeps everything in memory and
forgets it when it stops.

The lake is filled anew then, since its tables say themselves up to which batch they are filled.
"""

from __future__ import annotations

import urllib.error
import urllib.request

from stack.home import StackError
from stack.server import NotReady, Server
from stack.tools import Tool

BUCKET, STAGE_BUCKET = "softcart-lake", "softcart-stage"
_SERVE = "from moto.server import main\n\nmain()\n"


class S3(Server):
    name = "s3"
    title = "S3 (moto)"
    executable = "serve.py"

    @property
    def mark(self) -> str:
        return str(self.data / "serve.py")

    @property
    def _tool(self) -> Tool:
        return Tool.named("moto", self.home)

    def initialise(self) -> None:
        (self.data / "serve.py").write_text(_SERVE)

    def command(self, port: int) -> list[str]:
        self._tool.install()
        return [str(self._tool.python), self.mark, "--host=127.0.0.1", f"--port={port}"]

    def ping(self, port: int) -> str:
        """moto has no version to tell; the pinned one it is."""
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=5).close()
        except OSError as error:
            raise NotReady(str(error)) from error
        return self._tool.pins.read_text().partition("==")[2].split()[0]

    def provision(self, port: int) -> None:
        for name in (BUCKET, STAGE_BUCKET):
            bucket = urllib.request.Request(f"http://127.0.0.1:{port}/{name}", method="PUT")
            try:
                urllib.request.urlopen(bucket, timeout=60).close()
            except urllib.error.HTTPError as error:
                if error.code != 409:  # it is there
                    raise StackError(f"{self.title} does not make the bucket {name}: {error}") from error
