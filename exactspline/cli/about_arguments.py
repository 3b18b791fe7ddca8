"""What the commands about exactspline itself accept."""

from __future__ import annotations

import argparse

__all__ = ["SHELLS", "add_about"]

SHELLS = ("bash", "zsh", "tcsh")

_DEMO = """\
A tour on a small trained network that comes with exactspline: a count, a picture,
a page for a browser, a graph file, a proved statement and a verdict. Each step is
an ordinary command, which is shown; what they write is left in a folder.
"""

_DEMO_EXAMPLES = """\
examples:
  exactspline demo
  exactspline demo my-first-tour

"""

_DOCTOR = """\
Say what exactspline finds on this machine: versions, extras, the folder of
compiled kernels and what is in it, processors and threads. Nothing is changed.
"""

_DOCTOR_EXAMPLES = """\
examples:
  exactspline doctor
  exactspline doctor --json

"""

_COMPLETION = """\
Print a script with which a shell completes commands, options and files.
"""

_COMPLETION_EXAMPLES = """\
examples:
  exactspline completion bash > ~/.local/share/bash-completion/completions/exactspline
  exactspline completion zsh > ~/.zfunc/_exactspline

"""


def add_about(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], exit_codes: str
) -> None:
    """Add the commands.

    Parameters
    ----------
    commands : subparsers
    exit_codes : str
        Ends the help of each.
    """
    demo = _added(commands, "demo", "a tour on a small network", _DEMO, _DEMO_EXAMPLES + exit_codes)
    demo.add_argument(
        "folder", metavar="FOLDER", nargs="?", default="exactspline-demo",
        help="where files are left: a new folder, or one of an earlier tour (exactspline-demo)",
    )  # fmt: skip
    doctor = _added(
        commands, "doctor", "say what is installed", _DOCTOR, _DOCTOR_EXAMPLES + exit_codes
    )
    doctor.add_argument("--json", action="store_true", help="print one JSON object")
    completion = _added(
        commands, "completion", "print a script for a shell", _COMPLETION,
        _COMPLETION_EXAMPLES + exit_codes,
    )  # fmt: skip
    completion.add_argument("shell", choices=SHELLS, help="whose script")


def _added(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str,
    description: str, epilog: str,
) -> argparse.ArgumentParser:  # fmt: skip
    return commands.add_parser(
        name, help=summary, description=description, epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
