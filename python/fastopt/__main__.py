"""``python -m fastopt``: finds the command, and hands it its arguments."""

import sys
from collections.abc import Sequence

from fastopt.bench import command as bench
from fastopt.demo import Parser, UsageError, compare, info
from fastopt.version import __version__

COMMANDS = {"compare": compare, "bench": bench, "info": info}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; wrong arguments end with one line on stderr and status 2."""
    parser = Parser(prog="python -m fastopt", description="Optimizers for NumPy training.")
    parser.set_defaults(module=None)
    parser.add_argument("--version", action="version", version=f"fastopt {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, module in COMMANDS.items():
        its = commands.add_parser(
            name, help=module.SUMMARY, description=module.SUMMARY, allow_abbrev=False
        )
        module.add_arguments(its)
        its.set_defaults(module=module, parser=its)
    args, left = parser.parse_known_args(argv)
    if args.module is None:
        parser.error(f"which command? There are {', '.join(COMMANDS)}; --help describes them")
    if left:
        hint = compare.hint(left[0]) if args.module is compare else ""
        args.parser.error(f"unrecognized arguments: {' '.join(left)}{hint}")
    try:
        args.module.run(args)
    except UsageError as error:
        args.parser.error(str(error))
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
