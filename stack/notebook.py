"""JupyterLab on the notebooks, on loopback and with a token, in an environment of its own.

Its kernel is the project's Python, so notebooks read the lake as the assets do.
"""

from __future__ import annotations

import json
import os
import secrets
import sys

from stack.home import CLONE, Home
from stack.ports import is_free
from stack.tools import Tool

FIRST_PORT, LAST_PORT = 8888, 8988


def notebook_command(home: Home) -> tuple[list[str], dict[str, str]]:
    """The command that serves JupyterLab until Ctrl-C, and its environment.

    Raises:
        ToolMissing: JupyterLab cannot be fetched.
    """
    tool = Tool.named("jupyter", home)
    tool.install()
    data = home.root / "jupyter"
    kernel = data / "share" / "kernels" / "python3" / "kernel.json"
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Python 3 (SoftCart)", "language": "python"}
    home.write_private(kernel, json.dumps(spec))
    port = next(port for port in range(FIRST_PORT, LAST_PORT) if is_free(port))
    environment = {
        **os.environ,
        "JUPYTER_PATH": str(data / "share"),
        "JUPYTER_CONFIG_DIR": str(data / "config"),
        "JUPYTER_DATA_DIR": str(data / "data"),
        "JUPYTER_RUNTIME_DIR": str(data / "runtime"),
        # Not on the command line, where whoever may list the machine's processes sees it.
        "JUPYTER_TOKEN": os.environ.get("JUPYTER_TOKEN") or secrets.token_urlsafe(24),
    }
    command = [
        str(tool.python),
        "-m",
        "jupyter",
        "lab",
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        f"--ServerApp.root_dir={CLONE}",
        "--LabApp.default_url=/lab/tree/notebooks/search_terms.ipynb",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.news_url=None",
    ]
    return command, environment
