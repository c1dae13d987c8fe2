"""Which IOVs a payload by lumisection needs besides its own, so that nothing obsolete stays.

Knows sinces and payload hashes alone. It is pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence


def restated(own: Sequence[tuple[int, str]], earlier: Iterable[int]) -> list[tuple[int, str]]:
    """Give the IOVs to be added to a payload file, for sinces that earlier uploads of its run took.

    At each such since the file's own constants are put in again that hold there: those of its last
    IOV up to it, or of its first IOV for a since before all. In the tag the latest insertion wins
    at equal since, so after the upload no lumisection is served by an earlier payload.

    Parameters
    ----------
    own
        Since and payload hash of the file's IOVs, by rising since; the last one of a since holds.
    earlier
        The sinces that earlier uploads of the run took. Those of another time type, or of another
        run, are left alone: by lumisection, the upper 32 bits of a since are its run.

    >>> restated([(10, "a"), (30, "b")], [5, 10, 20, 30, 35])
    [(5, 'a'), (20, 'a'), (35, 'b')]
    """
    if not own:
        return []
    sinces = [since for since, _ in own]
    alike = {since for since in earlier if since >> 32 == sinces[0] >> 32}
    lacking = sorted(alike.difference(sinces))
    return [(since, own[max(0, bisect_right(sinces, since) - 1)][1]) for since in lacking]
