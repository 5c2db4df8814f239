"""The stand-in for BigQuery: goccy/bigquery-emulator, BigQuery's API and SQL over SQLite, built from Go.

It keeps everything in memory and forgets it when it stops; the next pass then loads everything again.

What it does not show is in docs/warehouses/bigquery.md.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping

from stack.go import program
from stack.home import Home
from stack.ports import Ports
from stack.server import NotReady, Server
from stack.stand_in import StandIn
from sync.warehouses.bigquery.emulator import UNVERIFIED

PROJECT, PREFIX = "softcart", "softcart"
PACKAGE = "github.com/goccy/bigquery-emulator/cmd/bigquery-emulator"
# It compares by a function of its own, which no index of SQLite's helps: a join would look at every pair of
# rows. What it stores of a whole number or a text is equal where these are.
EQUAL = """	case "googlesqlite_ifnull":
		return fmt.Sprintf("""
NATIVE_EQUAL = """	case "googlesqlite_equal":
		if list, _ := n.node.ArgumentList(); len(list) == 2 {
			if t, _ := list[0].Type(); t != nil {
				switch kind, _ := t.Kind(); kind {
				case googlesql.TypeKindTypeInt64, googlesql.TypeKindTypeString:
					return fmt.Sprintf("(%s = %s)", args[0], args[1]), nil
				}
			}
		}
"""
# With each request it reads all jobs of the project, with all rows that they found. Let it read the job alone
# that a request names.
ALL_JOBS = """	rows, err := tx.QueryContext(
		ctx,
		"SELECT id, projectID, metadata, result, error FROM jobs"""
NO_JOB = """	if len(jobIDs) != 1 {
		known := make([]*Job, 0, len(jobIDs))
		for _, id := range jobIDs {
			known = append(known, NewJob(r, projectID, id, nil, nil, nil))
		}
		return known, nil
	}
"""
KNOWN_JOB = "	return p.jobMap[id]\n"
READ_JOB = """	job := p.jobMap[id]
	if job != nil && job.content == nil {
		if read, err := p.repo.FindJob(context.Background(), p.ID, id); err == nil {
			return read
		}
	}
	return job
"""
PATCHES = {
    "github.com/goccy/googlesqlite//internal/formatter.go": (EQUAL, NATIVE_EQUAL + EQUAL),
    "github.com/goccy/bigquery-emulator//internal/metadata/repository.go": (ALL_JOBS, NO_JOB + ALL_JOBS),
    "github.com/goccy/bigquery-emulator//internal/metadata/project.go": (KNOWN_JOB, READ_JOB),
}


class BigQuery(Server):
    name = "bigquery"
    title = "BigQuery (emulator)"
    executable = "bigquery-emulator"

    @property
    def mark(self) -> str:
        return f"--data-from-yaml={self.data / 'project.yaml'}"

    def initialise(self) -> None:
        """It begins with an empty project each time. Building it takes minutes, which no start is given."""
        (self.data / "project.yaml").write_text(f"projects:\n- id: {PROJECT}\n  datasets:\n  - id: none\n")
        program(self.home, self.name, PACKAGE, PATCHES)

    def command(self, port: int) -> list[str]:
        binary = program(self.home, self.name, PACKAGE, PATCHES)
        storage = Ports(self.home).wanted()["bigquery_storage"]
        ports = [f"--port={port}", f"--grpc-port={storage}"]
        return [str(binary), self.mark, f"--project={PROJECT}", "--host=127.0.0.1", *ports]

    def ping(self, port: int) -> str:
        try:
            address = f"http://127.0.0.1:{port}/bigquery/v2/projects/{PROJECT}/datasets"
            with urllib.request.urlopen(address, timeout=5) as answer:
                json.load(answer)
        except (OSError, ValueError) as error:
            raise NotReady(str(error)) from error
        return ""

    def provision(self, port: int) -> None:
        """Datasets are made by the passes; nobody logs in."""


class BigQueryStandIn(StandIn):
    name = "bigquery"
    title = "BigQuery's emulator"
    servers = (BigQuery,)
    lacks = (f"it does not have: {'; '.join(UNVERIFIED)}",)

    def url(self, home: Home, ports: Mapping[str, int]) -> str:
        login = f"softcart:{home.passwords['postgres.softcart']}"
        return f"bigquery://{login}@127.0.0.1:{ports[BigQuery.name]}/{PREFIX}?project={PROJECT}"
