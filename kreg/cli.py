"""The `kreg` command."""

import argparse
import os
import sys
from collections.abc import Sequence

# Before anything imports TensorFlow: only errors are worth a line.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import kreg  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: Optional sequence of strings. Defaults to `None`: those of
            the process.

    Returns:
        Integer, the exit status.

    Example:

    >>> from kreg import cli
    >>> cli.main([])  # doctest: +ELLIPSIS
    usage: kreg [-h] [--version] ...
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 0
    try:
        return options.run(options)
    except (ImportError, OSError) as error:
        print(f"kreg {options.command}: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kreg", description="Regularization for Keras 3."
    )
    parser.add_argument(
        "--version", action="version", version=f"kreg {kreg.__version__}"
    )
    commands = parser.add_subparsers(dest="command", title="commands")
    _add_demo(commands)
    _add_diagnose(commands)
    return parser


def _add_demo(commands: "argparse._SubParsersAction") -> None:
    from kreg._demo import run

    demo = commands.add_parser(
        "demo",
        help="train, monitor and tune a network that overfits",
        description="Trains a network that overfits four ways on real images "
        "(5,000 of MNIST, no download), and compares the results. Takes a few "
        "minutes.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    demo.add_argument(
        "--output", default="kreg_demo", help="directory for the pictures"
    )
    for name, default, text in (
        ("--epochs", run.EPOCHS, "epochs of each training"),
        ("--trials", run.TRIALS, "trials of the search"),
        ("--seeds", run.SEEDS, "trainings of each variant"),
    ):
        demo.add_argument(name, type=_count, default=default, help=text)
    demo.set_defaults(run=_demo)


def _demo(options: argparse.Namespace) -> int:
    from kreg._demo import run

    run.run(
        options.output,
        options.epochs,
        options.trials,
        options.seeds,
        lambda line: print(line, flush=True),
    )
    return 0


def _add_diagnose(commands: "argparse._SubParsersAction") -> None:
    diagnose = commands.add_parser(
        "diagnose",
        help="say whether a training run overfits, and what to change",
        description="Reads the training history at PATH and prints whether it "
        "overfits, since when, and what to change. Reads CSV, JSON and JSONL "
        "files, TensorBoard, Hugging Face, Lightning, Optuna and KerasTuner "
        "ones among them, and directories of these.",
        epilog="Exit status: 1 if a history overfits, 2 if PATH cannot be "
        "read, 0 otherwise.",
    )
    diagnose.add_argument("path", metavar="PATH", help="file or directory")
    diagnose.add_argument(
        "--json", action="store_true", help="print the verdict as JSON alone"
    )
    diagnose.set_defaults(run=_diagnose)


def _diagnose(options: argparse.Namespace) -> int:
    from kreg import _diagnose_command

    return _diagnose_command.run(options.path, options.json)


def _count(text: str) -> int:
    if not (text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(
            f"expected a positive integer, received {text!r}"
        )
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
