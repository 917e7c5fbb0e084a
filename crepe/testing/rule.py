"""One rule of a contract: a sentence, and a check that tries it on an implementation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Subject = TypeVar("Subject")
Check = Callable[[Subject], str | None]


@dataclass(frozen=True)
class Rule(Generic[Subject]):
    """A rule of a contract. A call tries it on a subject, and raises AssertionError if it fails.

    The call returns None if the subject keeps the rule, and otherwise why that could not be judged.
    """

    sentence: str
    """The rule, for people."""
    check: Check[Subject]
    is_for_live: bool | None = None
    """Whether it is only for what is live, or else only for what is not; None: for both."""

    def __call__(self, subject: Subject) -> str | None:
        return self.check(subject)

    @property
    def __name__(self) -> str:
        # pytest names a test's parameter by it
        return self.check.__name__.strip("_")


Decorator = Callable[[Check[Subject]], Check[Subject]]


def adder(rules: list[Rule[Subject]]) -> Callable[..., Decorator[Subject]]:
    """Return the decorator that adds a check to the rules, with its sentence."""

    def rule(sentence: str, *, is_for_live: bool | None = None) -> Decorator[Subject]:
        def add(check: Check[Subject]) -> Check[Subject]:
            rules.append(Rule(sentence, check, is_for_live))
            return check

        return add

    return rule


def expect(condition: object, text: str) -> None:
    """Raise AssertionError with the text unless the condition holds."""
    # no `assert` statement: it would not be there under `python -O`, and pytest rewrites only tests
    if not condition:
        raise AssertionError(text)
