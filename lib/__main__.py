"""The command line: ``python -m lib book | site | refresh``."""
from __future__ import annotations

import argparse
import sys
from typing import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: words of the command line; by default those of this process.

    Returns:
        Exit code: 0 done, 1 something failed, 2 not understood, 130 interrupted.
    """
    options = vars(_parser().parse_args(arguments))
    command = options.pop("command")
    from lib.report import build  # not above: `--help` answers at once

    try:
        return getattr(build, command)(**options)
    except ValueError as problem:
        print(f"python -m lib {command}: {problem}", file=sys.stderr)
        return 2
    except build.BuildError as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; every notebook is as it was or whole and new", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lib", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    book = commands.add_parser(
        "book", help="execute chapters from scratch and build the pages from that")
    book.add_argument("--chapters", dest="names", nargs="+", default=[], metavar="NAME",
                      help="execute only these; the others show their stored outputs")
    commands.add_parser("site", help="build the pages from the stored outputs")
    refresh = commands.add_parser(
        "refresh", help="execute notebooks in place, after an intended change")
    refresh.add_argument("names", nargs="*", metavar="CHAPTER",
                         help="only these, and the scorecard; default: all")
    for command in (book, refresh):
        command.add_argument("--workers", type=_positive, metavar="N",
                             help="chapters executed at once (default: one a core)")
    return parser


def _positive(word: str) -> int:
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


if __name__ == "__main__":
    sys.exit(main())
