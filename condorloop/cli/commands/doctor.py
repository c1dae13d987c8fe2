"""`condorloop doctor`: everything that must be right on a node."""

from __future__ import annotations

import json
import logging
import sys

import click
import urllib3
from urllib3.exceptions import InsecureRequestWarning

from condorloop.cli.help import examples
from condorloop.cli.options import CommonOptions, options
from condorloop.cli.views.doctor import looking, print_findings
from condorloop.doctor.checks import Verdict, as_data, of_verdict
from condorloop.doctor.runner import examinations, examine


@click.command(
    epilog=examples(
        "condorloop doctor --site site.yaml",
        "condorloop doctor && condorloop run          runs it only if nothing would stop it",
    )
)
@options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(given: CommonOptions, as_json: bool) -> None:
    """Check everything that the loop needs on this node, and suggest fixes.

    It checks pool, work_dir, SQLite, OMS, storage, Kerberos, CMSSW, uploads and clock in parallel.
    It submits nothing, uploads nothing and leaves no file. Exit code 1: something would stop the
    loop.
    """
    loaded = given.load()
    # what would be logged of an outage is what is shown; that certificates are not checked where
    # the site says so is known
    logging.getLogger("condorloop").addHandler(logging.NullHandler())
    urllib3.disable_warnings(InsecureRequestWarning)
    with looking():
        findings = examine(examinations(loaded))
    if as_json:
        click.echo(json.dumps(as_data(loaded.site.name, findings), indent=1))
    else:
        print_findings(findings)
    if of_verdict(findings, Verdict.STOPS):
        sys.exit(1)
