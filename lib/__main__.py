"""The command line: ``python -m lib book | site | refresh | list | run | sweep``."""
from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Sequence

GIVEN = ("-p", "--parameter")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: words of the command line; by default those of this process.

    Returns:
        Exit code: 0 done, 1 something failed, 2 not understood, 130 interrupted.
    """
    words, given = _given(sys.argv[1:] if arguments is None else arguments)
    parser = _parser()
    options = vars(parser.parse_args(words))
    command = options.pop("command")
    if "given" in options:
        options["given"] = given
    elif given:
        parser.error(f"{command} takes no parameters")
    from lib.report import run, site, sweep  # not above: `--help` answers at once

    works = {"book": site.book, "site": site.site, "refresh": site.refresh,
             "list": run.listing, "run": run.run, "sweep": sweep.sweep}
    try:
        return works[command](**options)
    except ValueError as problem:
        print(f"python -m lib {command}: {problem}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `python -m lib list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (site.BuildError, sweep.SweepError, OSError) as problem:
        print(str(problem) or repr(problem), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; every file is as it was or whole and new" + (
            "; the same command goes on" if command == "sweep" else ""), file=sys.stderr)
        return 130


def _given(arguments: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """The words without every ``-p NAME VALUE``, and these pairs.

    argparse would take a value that begins with a minus (``-1:1:3``, ``-x``) for an option.
    """
    rest, pairs, words = [], [], list(arguments)
    while words:
        word = words.pop(0)
        if word in GIVEN and len(words) >= 2:
            pairs.append((words.pop(0), words.pop(0)))
        else:
            rest.append(word)
    return rest, pairs


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
    commands.add_parser("list", help="chapters with run time and parameters")
    run = commands.add_parser("run", help="execute one chapter with your own parameters")
    sweep = commands.add_parser("sweep", help="execute one at every combination of some values")
    for command, value, told in (
            (run, "VALUE", "a parameter; may be given many times"),
            (sweep, "VALUES", "a parameter's values: 0.1,0.3 or low:high:count")):
        command.add_argument("name", metavar="CHAPTER", help="see: python -m lib list")
        command.add_argument(*GIVEN, dest="given", nargs=2, action="append", default=[],
                             metavar=("NAME", value), help=told)
    _finish_run(run)
    _finish_sweep(sweep)
    return parser


def _finish_run(run: argparse.ArgumentParser) -> None:
    run.add_argument("--out", type=Path, default=Path("runs"), metavar="FOLDER",
                     help="where to write the notebook and its page (default: runs)")
    run.add_argument("--store", default="", metavar="LABEL",
                     help="keep findings and tables as book/stored/CHAPTER.LABEL.json")
    run.add_argument("--force", action="store_true", help="replace files of an earlier run")


def _finish_sweep(sweep: argparse.ArgumentParser) -> None:
    sweep.add_argument("--seeds", type=_positive, metavar="N", help="so many seeds each")
    sweep.add_argument("--out", type=Path, metavar="FOLDER",
                       help="where to write and go on (default: in runs, named by the command)")
    sweep.add_argument("--scheduler", default="", metavar="ADDRESS",
                       help="a Dask scheduler at work, as tcp://host:8786 (default: our own)")
    sweep.add_argument("--workers", type=_positive, metavar="N",
                       help="runs at once without --scheduler (default: one a core)")
    sweep.add_argument("--yes", action="store_true", help="do not ask before a thousand runs")


def _positive(word: str) -> int:
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


if __name__ == "__main__":
    sys.exit(main())
