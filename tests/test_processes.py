"""The tests' own question to processes."""

import subprocess
import sys

import psutil

from tests.processes import answers


def test_a_process_that_has_ended_is_passed_over() -> None:
    ended = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    here, gone = psutil.Process(), psutil.Process(ended.pid)
    ended.communicate()
    assert answers([gone, here], psutil.Process.name) == [here.name()]
