"""The command line: ``python -m lib book | site | refresh | renew | list | run | sweep``."""
from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Sequence

GIVEN = ("-p", "--parameter")
EXAMPLES = {
    "book": "python -m lib book --chapters order_to_chaos",
    "site": "python -m lib site",
    "refresh": "python -m lib refresh order_to_chaos --workers 2",
    "renew": "python -m lib renew lyapunov_mnist-full",
    "list": "python -m lib list",
    "run": "python -m lib run order_to_chaos -p sigma_b 0.5 -p activation erf\n"
           "  python -m lib run order_to_chaos --figure 2C -p sigma_b=0.1",
    "sweep": "python -m lib sweep order_to_chaos -p sigma_b 0:1:5 -p activation tanh,erf",
}


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
    for stream in (sys.stdout, sys.stderr):  # a result is not lost because of a sign in it
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _carried_out(command, options)
    except BrokenPipeError:  # `python -m lib list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        on = "; the same command goes on" if command in ("sweep", "renew") else ""
        print(f"\ninterrupted; every file is as it was or whole and new{on}", file=sys.stderr)
        return 130


def _carried_out(command: str, options: dict) -> int:
    """Exit code of a command; what it could not do is told in a sentence."""
    from lib.report import run, site, sweep  # not above: `--help` answers at once

    works = {"book": site.book, "site": site.site, "refresh": site.refresh,
             "renew": site.renew, "list": run.listing, "run": run.run, "sweep": sweep.sweep}
    try:
        code = works[command](**options)
        sys.stdout.flush()  # a full disk or a closed pipe is told of here, and not at exit
        return code
    except ValueError as problem:
        print(f"python -m lib {command}: {problem}", file=sys.stderr)
        return 2
    except (site.BuildError, sweep.SweepError) as problem:
        print(problem, file=sys.stderr)
        return 1


def _given(arguments: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """The words without every ``-p NAME VALUE`` or ``-p NAME=VALUE``, and these pairs.

    argparse would take a value that begins with a minus (``-1:1:3``, ``-x``) for an option.
    """
    rest, pairs, words = [], [], list(arguments)
    while words:
        word = words.pop(0)
        if word in GIVEN and words and "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            pairs.append((name, value))
        elif word in GIVEN and len(words) >= 2:
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
    renew = commands.add_parser(
        "renew", help="execute again the runs on record that no longer answer")
    renew.add_argument("names", nargs="*", metavar="CHAPTER-LABEL",
                       help="these, whether they answer or not; default: all that do not")
    renew.add_argument("--all", dest="everything", action="store_true",
                       help="all that are not of the present commit; the same command goes on")
    renew.add_argument("--yes", action="store_true", help="without asking, however long it takes")
    for command in (book, refresh, renew):
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
    for name, command in commands.choices.items():
        command.formatter_class = argparse.RawDescriptionHelpFormatter
        command.epilog = f"example:\n  {EXAMPLES[name]}"
    return parser


def _finish_run(run: argparse.ArgumentParser) -> None:
    run.add_argument("--out", type=Path, default=Path("runs"), metavar="FOLDER",
                     help="where to write the notebook and its page (default: runs)")
    run.add_argument("--record", default="", metavar="LABEL",
                     help="keep the run as book/evidence/CHAPTER-LABEL.ipynb, to judge claims")
    run.add_argument("--figure", default="", metavar="NAME",
                     help="make only this figure, by its name or a panel of the paper as 2C: "
                          "SVG, PDF and the numbers as NPZ")
    run.add_argument("--force", action="store_true", help="replace files of an earlier run")
    run.add_argument("--yes", action="store_true", help="also run what takes many minutes")


def _finish_sweep(sweep: argparse.ArgumentParser) -> None:
    sweep.add_argument("--seeds", type=_positive, metavar="N", help="so many seeds each")
    sweep.add_argument("--out", type=Path, metavar="FOLDER",
                       help="where to write and go on (default: in runs, named by the command)")
    sweep.add_argument("--scheduler", default="", metavar="ADDRESS",
                       help="a Dask scheduler at work, as tcp://host:8786 (default: our own)")
    sweep.add_argument("--workers", type=_positive, metavar="N",
                       help="runs at once without --scheduler (default: one a core)")
    sweep.add_argument("--yes", action="store_true",
                       help="also make a thousand runs, or what takes many minutes")


def _positive(word: str) -> int:
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


if __name__ == "__main__":
    sys.exit(main())
