"""The command line: each command in a module of its own; this one only registers them.

Law: an error that was foreseen is one sentence with a hint, never a trace.
"""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from answerable.cli import (
    check,
    configuration,
    copying,
    demo,
    imports,
    init,
    kit,
    ledger,
    links,
    migrate,
    orders,
    policy,
    ports,
    rebuild,
    serve,
    sign,
    simulate,
    sources,
    status,
)
from answerable.errors import AnswerableError

app = typer.Typer(
    name="answerable",
    help="A duty-of-care system for whoever serves an AI model to the public: no warning goes unanswered.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("init")(init.init)
app.command("serve")(serve.serve)
app.command("work")(serve.work)
app.command("sign")(sign.sign)
app.command("status")(status.status)
app.command("config")(configuration.config)
app.command("import")(imports.import_history)
app.command("check")(check.check)
app.command("migrate")(migrate.migrate)
app.command("rebuild")(rebuild.rebuild)
app.command("copy")(copying.copy)
app.command("verify")(ledger.verify)
app.command("demo")(demo.demo)
app.command("simulate")(simulate.simulate_policy)
ledger.exports.command("gateway")(kit.gateway)
app.add_typer(ledger.exports, name="export")
app.add_typer(policy.policies, name="policy")
app.add_typer(orders.orders, name="order")
app.add_typer(sources.floods, name="source")
app.add_typer(sources.recalls, name="recall")
app.add_typer(links.links, name="link")
app.add_typer(ports.ports, name="ports")


def main() -> None:
    """Run the command line."""
    if not __debug__:
        # Asserts are half of the house's guards (models.md section 7): without them faults would pass unseen.
        sys.exit("answerable does not run under python -O: its checks would be gone")
    try:
        app()
    except AnswerableError as error:
        console = Console(stderr=True)
        console.print(f"answerable: {error}", style="bold red", markup=False, highlight=False, soft_wrap=True)
        if error.hint:
            console.print(f"  {error.hint}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
