"""The backends there are pass every check that applies, each in a process of its own."""

import json
import subprocess
import sys

import pytest

from gradcheck import available_backends
from gradcheck.conformance import CHECKS

BACKENDS = {name: backend for name, backend in available_backends().items() if not backend.on_request}
SCRIPT = """
import dataclasses, json, sys
from gradcheck import available_backends
from gradcheck.conformance import check_backend
rows = check_backend(available_backends()[sys.argv[1]])
json.dump([dataclasses.asdict(row) for row in rows], sys.stdout)
"""


def rows_of(name):
    command = [sys.executable, "-P", "-c", SCRIPT, name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", sorted(BACKENDS))
def test_backend_passes_every_check_that_applies(name):
    if not BACKENDS[name].installed:
        pytest.skip(f"{BACKENDS[name].requires} is not installed")
    rows = rows_of(name)
    assert len(rows) == len(CHECKS)
    assert [f"{row['name']}: {row['detail']}" for row in rows if row["outcome"] == "failed"] == []
    assert sum(row["outcome"] == "passed" for row in rows) >= 24
