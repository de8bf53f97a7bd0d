"""The course: predict, run, measure, judge.

    from ipycontainers.course import claim, predict, measured, check, hint, quiz, verdict, ledger

    claim("C9")                             a claim of the orientation, in our words
    predict("04a-doors")                    the learner commits to an answer first
    measured("C9", value)                   what was measured, kept in the ledger
    expect("04a-leaks", True)               another value, compared with what this engine gives
    check("04a-door")                       is the exercise done? by the engine's state
    found("12-port", 49153)                 what the learner has found out, for the check to see
    hint("04a-door")                        what helps now
    quiz("04a")                             recall questions on earlier notebooks
    verdict("C9")                           the learner's, then ours
    ledger()                                all claims, measured and judged
    recorded("06-kvm")                      what was measured elsewhere, said as such
    live(Platform())                        a widget that is not stored: each engine has its own
    here(), fishbowl(), colophon()          where this runs
    remove("04a")                           the containers of a notebook, an exercise or the course

Knows: the public names. Does not know: anything heavy, until it is used.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "check",
    "claim",
    "colophon",
    "expect",
    "fishbowl",
    "found",
    "here",
    "hint",
    "ledger",
    "live",
    "measured",
    "predict",
    "quiz",
    "recorded",
    "remove",
    "verdict",
]

_IN = {"live": "cards", "remove": "lab"}


# A function that is imported when it is first called or asked about; its text is the function's.
class _Door:
    def __init__(self, name: str) -> None:
        self.__name__ = name

    def _function(self) -> Any:
        from importlib import import_module

        module = import_module(f".{_IN.get(self.__name__, 'desk')}", __name__)
        return getattr(module, self.__name__)

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        return str(self._function().__doc__)

    def __call__(self, *values: Any, **named: Any) -> Any:
        return self._function()(*values, **named)

    def __getattr__(self, name: str) -> Any:
        # What help and Tab ask for; no other name of Python's own needs the function.
        if name != "__signature__":
            raise AttributeError(name)
        from inspect import signature

        return signature(self._function())


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _Door(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
