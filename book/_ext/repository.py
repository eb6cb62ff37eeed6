"""Sphinx extension: what follows from the repository's address, which stands in _config.yml alone.

Without an address no page has a button that leads there. A notebook opened elsewhere needs `lib`
beside it, so the launch button is Binder's, which takes the whole project.
"""
from sphinx.application import Sphinx
from sphinx.config import Config

BUTTONS = ("use_repository_button", "use_source_button", "use_edit_page_button",
           "use_issues_button")
BINDER = "https://mybinder.org"


def follow(app: Sphinx, config: Config) -> None:
    """Switch the buttons on where there is an address."""
    options = config.html_theme_options
    if options.get("repository_url"):
        options.update(dict.fromkeys(BUTTONS, True))
        options["launch_buttons"] = {**options.get("launch_buttons", {}), "binderhub_url": BINDER}


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("config-inited", follow, priority=100)  # before the theme reads them
    return {"parallel_read_safe": True, "parallel_write_safe": True}
