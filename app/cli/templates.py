"""`doorstep templates …`: what messages say and look like, gathered from the modules that do the work."""

import typer

from app.cli import template_checking, template_fields, template_pictures, template_trying, template_versions

app = typer.Typer(
    no_args_is_help=True,
    help="What messages say and look like: checking, trying out, publishing, comparing, taking back.",
)
for part in (template_checking, template_fields, template_versions, template_trying, template_pictures):
    app.registered_commands += part.app.registered_commands
