"""`kreg diagnose`: judges training histories that are lying in files."""

import json
import sys
import textwrap

from kreg.diagnosis import History, Verdict, read_histories, text_plot

WIDTH = 72

NOT_OVERFITTING, OVERFITTING, UNREADABLE = 0, 1, 2


def run(path: str, as_json: bool) -> int:
    """Prints the verdict on every history at a path.

    Args:
        path: String, a file or directory that `read_histories` reads.
        as_json: Boolean. Whether to print JSON alone: the verdict, as
            `Verdict.from_json` reads it, or where there are several
            histories, an object of them by name.

    Returns:
        Integer, the exit status: `1` if any history overfits, `2` if the path
        cannot be read, `0` otherwise, whatever else the verdict is.
    """
    try:
        histories = read_histories(path)
    except (ValueError, OSError, ImportError) as error:
        print(f"kreg diagnose: {_plain(str(error))}", file=sys.stderr)
        return UNREADABLE
    verdicts = {name: h.diagnose() for name, h in histories.items()}
    if as_json:
        print(_as_json(verdicts))
    else:
        print(
            "\n\n".join(
                _as_text(name, histories[name], verdict, len(verdicts) > 1)
                for name, verdict in verdicts.items()
            )
        )
    overfits = any(verdict.overfitting for verdict in verdicts.values())
    return OVERFITTING if overfits else NOT_OVERFITTING


def _as_json(verdicts: dict[str, Verdict]) -> str:
    if len(verdicts) == 1:
        (verdict,) = verdicts.values()
        return verdict.to_json()
    return json.dumps(
        {name: json.loads(v.to_json()) for name, v in verdicts.items()},
        allow_nan=False,
    )


def _as_text(
    name: str, history: History, verdict: Verdict, is_one_of_many: bool
) -> str:
    lines = [f"{_plain(name)}: {verdict}" if is_one_of_many else str(verdict)]
    lines += ["", text_plot(history, verdict, WIDTH), ""]
    lines += textwrap.wrap(verdict.explain(), WIDTH)
    for number, advice in enumerate(verdict.advice, 1):
        lines += ["", f"{number}. {advice.text}"]
        lines += textwrap.wrap(
            advice.why, WIDTH, initial_indent="   ", subsequent_indent="   "
        )
    return "\n".join(lines)


def _plain(text: str) -> str:
    """One line without control characters: a terminal obeys those."""
    return "".join(
        character if character.isprintable() else repr(character)[1:-1]
        for character in text
    )
