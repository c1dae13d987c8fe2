"""Stories of a run, put together where calibrations share a stream: what all have, and each alone.

Knows which part of a story belongs to whom; reads nothing. It is pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from condorloop.history.campaign import DagStory, Story
from condorloop.model.campaign import ReconstructionKey
from condorloop.model.shared_dag import state_to_one


@dataclass(frozen=True, slots=True)
class SharedStory:
    """What campaigns have in common that share a stream: RAW files, and batches with RECO and ALCA.

    `stories` are those of the campaigns, whole.
    """

    key: ReconstructionKey
    stories: tuple[Story, ...]
    dags: tuple[DagStory, ...]

    @property
    def calibrations(self) -> tuple[str, ...]:
        """Those of the campaigns."""
        return tuple(story.campaign.calibration for story in self.stories)


@dataclass(frozen=True, slots=True)
class StoryGroup:
    """The stories of campaigns; where there is something `shared`, without that."""

    stories: tuple[Story, ...]
    shared: SharedStory | None = None


def grouped(stories: Iterable[Story]) -> Iterator[StoryGroup]:
    """Put stories together by stream; one that shares its stream with none of them stays whole."""
    together: dict[ReconstructionKey, list[Story]] = {}
    for story in stories:
        together.setdefault(story.campaign.reconstruction, []).append(story)
    for key, those in together.items():
        if len(those) == 1:
            yield StoryGroup((those[0],))
            continue
        batches = (_part(dag, shared=True) for dag in those[0].dags if dag.batch is not None)
        dags = tuple(dag for dag in batches if dag.nodes)
        shared = SharedStory(key, tuple(those), dags)
        yield StoryGroup(tuple(map(_own, those)), shared)


def _own(story: Story) -> Story:
    """What of a story is of its calibration alone."""
    dags = (_part(dag, shared=False) for dag in story.dags)
    return replace(story, dags=tuple(dag for dag in dags if dag.nodes))


def _part(dag: DagStory, *, shared: bool) -> DagStory:
    nodes = tuple(n for n in dag.nodes if dag.is_shared(n) is shared)
    state = state_to_one(dag.state, (n.state.written for n in nodes)) if shared else dag.state
    return replace(dag, nodes=nodes, state=state)
