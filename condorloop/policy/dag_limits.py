"""Which DAGs go into the queue when there is not room for all that could.

Knows the limit of a site and who comes first: uploads and the last harvests of runs that have
ended, then what has the highest priority, then the reconstruction with the fewest DAGs at work,
then the older run. It is pure.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from types import MappingProxyType
from typing import TypeGuard

from condorloop.model.campaign import Dag, Reconstruction
from condorloop.policy.planner import Action, Rescue, SubmitBatch, SubmitHarvest, SubmitUpload

_Submission = SubmitBatch | SubmitHarvest | SubmitUpload | Rescue


@dataclass(frozen=True, slots=True)
class Shared:
    """What is to be done, in its order, and how many DAGs wait for room."""

    actions: tuple[Action, ...]
    put_off: int


def share(
    actions: Iterable[Action],
    reconstructions: Sequence[Reconstruction],
    most: int,
    priorities: Mapping[str, int] = MappingProxyType({}),
) -> Shared:
    """Put off the submissions for which there is no room.

    Parameters
    ----------
    actions
        What the planner wants; what puts no DAG into the queue is left as it is, before all else.
    reconstructions
        Those that have DAGs in flight, or are to get some.
    most
        How many DAGs may be at work at a time. Those that do not move, whose campaigns were closed
        over them, or that have only one calibration's HARVEST or UPLOAD left, do not count: they
        must not keep others from working.
    priorities
        By name, those of streams, which count for batches, and of calibrations; 0 if not given.
    """
    at_work = {r.id: sum(_is_at_work(r, d) for d in r.dags) for r in reconstructions}
    room = most - sum(at_work.values())
    done: list[Action] = []
    waiting: defaultdict[int, deque[_Submission]] = defaultdict(deque)
    for action in actions:
        if _is_submission(action):
            waiting[action.campaign.reconstruction_id].append(action)
        else:
            done.append(action)
    queue: list[tuple[tuple[bool, int, int, int], int]] = []

    def next_of(number: int) -> None:
        first = waiting[number][0]
        standing = _standing(first, priorities)
        heappush(queue, ((*standing, at_work[number], first.campaign.key.run), number))

    for number, of_one in waiting.items():
        waiting[number] = deque(sorted(of_one, key=lambda each: _standing(each, priorities)))
        next_of(number)
    while queue and room > 0:
        _, number = heappop(queue)
        of_one = waiting[number]
        done.append(of_one.popleft())
        room -= 1
        at_work[number] += 1
        if of_one:
            next_of(number)
    return Shared(tuple(done), sum(map(len, waiting.values())))


def _is_at_work(reconstruction: Reconstruction, dag: Dag) -> bool:
    wanted = any(campaign.state.open for campaign in reconstruction.campaigns_of(dag))
    return wanted and dag.moves and not dag.made


def until_late(actions: Iterable[Action], is_late: Callable[[], bool]) -> Iterator[Action]:
    """Give actions one by one, as long as there is time for submissions, and one in any case.

    Submissions come last, as `share` gives them; those for which no time was left are decided about
    again in the next cycle. A schedd that is slow keeps no cycle from looking and telling.
    """
    submitted = False
    for action in actions:
        if _is_submission(action):
            if submitted and is_late():
                return
            submitted = True
        yield action


def _is_submission(action: Action) -> TypeGuard[_Submission]:
    return isinstance(action, _Submission)


def _standing(action: _Submission, priorities: Mapping[str, int]) -> tuple[bool, int]:
    """What comes first, as tuples are ordered; of equal ones the planner's order counts."""
    campaign = action.campaign
    is_last = isinstance(action, SubmitHarvest) and campaign.run_end is not None
    is_last |= isinstance(action, SubmitUpload)
    return not is_last, -priorities.get(_whose(action), 0)


def _whose(action: _Submission) -> str:
    """The calibration, or the stream for what all of its calibrations share."""
    of_batch = isinstance(action, SubmitBatch)
    of_batch |= isinstance(action, Rescue) and action.dag.batch is not None
    return action.campaign.reconstruction.stream if of_batch else action.campaign.key.calibration
