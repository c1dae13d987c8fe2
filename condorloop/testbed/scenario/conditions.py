"""The conditions service of a scenario: the synchronisation of its tags, and further tags.

```yaml
conditions:
  first_safe_run: 398602          # of all tags; the scenario's first run if it is not said
  tags:
    EcalPedestals_NGTDemonstrator: {synchronisation: pcl}
    BeamSpot_NGTDemonstrator: {synchronisation: hlt, first_safe_run: 398601}
    Another: {synchronisation: offline, time_type: Lumi, object_type: SiPixelQuality}
```

The tags of the shipped calibrations are there anyway, with the synchronisation ``any``. The YAML of
a calibration says its tag's synchronisation by itself: ``upload_metadata.synchronisation``.

Knows how it is written; what the service makes of it is its own.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt

from condorloop.model.enums import Synchronisation, TimeType
from condorloop.testbed.conditions.store import TagSpec
from condorloop.testbed.scenario.runs import Script


class TagScript(Script):
    """A tag; what is not said is as it is in the shipped calibrations.

    Attributes
    ----------
    synchronisation
        By which rule the service takes IOVs.
    first_safe_run
        The first run that no consumer of the tag has begun to process.
    time_type, object_type
        What the sinces of a further tag count, and the C++ class of its payloads: Run and
        EcalPedestals if they are not said.
    """

    synchronisation: Annotated[Synchronisation | None, Field(strict=False)] = None
    first_safe_run: PositiveInt | None = None
    time_type: Annotated[TimeType | None, Field(strict=False)] = None
    object_type: str | None = None

    def of(self, known: TagSpec | None) -> TagSpec:
        """Give the tag as it is to be, from what it is otherwise."""
        known = known or TagSpec(Synchronisation.ANY, TimeType.RUN, "EcalPedestals")
        return TagSpec(
            self.synchronisation or known.synchronization,
            self.time_type or known.time_type,
            self.object_type or known.object_type,
            self.first_safe_run,
        )


class ConditionsScript(Script):
    """The service's tags, and the first run that no consumer of any has begun to process."""

    first_safe_run: PositiveInt | None = None
    tags: dict[str, TagScript] = Field(default_factory=dict)
