"""CMSSW's exceptions: categories, codes, and the text in which they are shown.

Source: FWCore/Utilities/interface/EDMException.h of CMSSW. A shell sees a code modulo 256.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_lowercase

CODES: Mapping[str, int] = {
    "CommandLineProcessing": 7000,
    "ConfigFileNotFound": 7001,
    "ConfigFileReadError": 7002,
    "OtherCMS": 8001,
    "StdException": 8002,
    "Unknown": 8003,
    "BadAlloc": 8004,
    "ProductNotFound": 8006,
    "Configuration": 8009,
    "EventCorruption": 8016,
    "FileOpenError": 8020,
    "FileReadError": 8021,
    "FatalRootError": 8022,
    "NotFound": 8026,
    "FallbackFileOpenError": 8028,
    "ExceededResourceVSize": 8030,
    "ExceededResourceRSS": 8031,
    "ExceededResourceTime": 8032,
    "FileWriteError": 8033,
}


class CmsError(Exception):
    """An exception as CMSSW throws it.

    Parameters
    ----------
    category
        One of `CODES`.
    message
        What is wrong.
    context
        What was going on, outermost first.
    notes
        CMSSW's "Additional Info".
    plain
        Whether it is a ``cms::Exception`` that only has the category's name: its code is that of
        ``OtherCMS`` then (FWCore/Utilities/src/Exception.cc), whatever the name.
    """

    def __init__(
        self,
        category: str,
        message: str,
        context: Sequence[str] = (),
        notes: Sequence[str] = (),
        plain: bool = False,
    ) -> None:
        super().__init__(message)
        self.category = category
        self.message = message
        self.context = tuple(context)
        self.notes = tuple(notes)
        self.plain = plain

    @property
    def code(self) -> int:
        """The full exit code."""
        return CODES["OtherCMS" if self.plain else self.category]

    def within(self, *context: str) -> CmsError:
        """Give the same error as it is seen from further outside."""
        context = (*context, *self.context)
        return CmsError(self.category, self.message, context, self.notes, self.plain)

    def __str__(self) -> str:
        lines = [f"An exception of category '{self.category}' occurred"]
        if self.context:
            lines[0] += " while"
        else:
            lines[0] += "."
        lines += [f"   [{i}] {each}" for i, each in enumerate(self.context)]
        if self.message:
            lines += ["Exception Message:", self.message]
        if self.notes:
            lines.append("   Additional Info:")
            lines += [
                f"      [{letter}] {note}"
                for letter, note in zip(ascii_lowercase, self.notes, strict=False)
            ]
        return "\n".join(lines)


def category_of(code: int) -> str | None:
    """Tell the category from a full exit code or from what a shell saw of it.

    >>> category_of(8020), category_of(84), category_of(1)
    ('FileOpenError', 'FileOpenError', None)
    """
    return next((c for c, full in CODES.items() if code in (full, full % 256)), None)
