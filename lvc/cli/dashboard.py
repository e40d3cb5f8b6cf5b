"""Lay out the dashboard of a wandb project: one workspace with a section per group of metrics.

Saving it needs an account and the network. `--dry-run` builds it and checks it against the package's own model, without
either, and prints what would be saved.
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``dashboard``."""
    parser.add_argument("--project", default="lvc", help="wandb project")
    parser.add_argument("--entity", help="wandb team or user; needed to save")
    parser.add_argument("--name", default="lvc", help="name of the workspace")
    parser.add_argument("--dry-run", action="store_true", help="print the workspace as JSON instead of saving it")


def run(options: argparse.Namespace) -> None:
    """Build the workspace, and save it or print it."""
    from lvc.errors import UserError

    try:
        from lvc.training.workspace import build_workspace

        workspace = build_workspace(options.project, options.entity or "", options.name)
    except ImportError:
        raise UserError("dashboard needs the package wandb-workspaces: pip install wandb-workspaces") from None
    if options.dry_run:
        print(workspace._to_model().model_dump_json(by_alias=True, exclude_none=True, indent=2))
        return
    if not options.entity:
        raise UserError("--entity: names the wandb team or user to save for; --dry-run needs none")
    print(_save(workspace))


def _save(workspace: object) -> str:
    import wandb

    from lvc.errors import UserError

    try:
        return workspace.save().url
    except (wandb.errors.CommError, wandb.errors.UsageError, wandb.errors.AuthenticationError) as error:
        raise UserError(f"dashboard: {str(error).splitlines()[0]}; --dry-run needs no account") from None
