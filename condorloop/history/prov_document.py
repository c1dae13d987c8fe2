"""Where a payload comes from, as a document of the W3C's PROV data model.

Knows how a provenance becomes entities, activities and agents (https://www.w3.org/TR/prov-dm/);
the library `prov` knows the format. It reads nothing. Times are UTC.

- Entities: the payload, what became of it in each tag, ALCARECO, RECO outputs, RAW files.
- Activities: the nodes of DAGs, with release, global tag and jobs; and what people asked.
- Agents: condorloop at its site, and people.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from condorloop import __version__
from condorloop.dagman.logs.dag_records import Software
from condorloop.errors import CondorloopError
from condorloop.history.asked import RequestStory
from condorloop.history.campaign import FileStory, NodeStory
from condorloop.history.provenance import AlcarecoSource, Provenance, RecoSource
from condorloop.model.enums import NodeKind

if TYPE_CHECKING:
    from prov.model import ProvDocument

NAMESPACE = "urn:condorloop:"
"""What the names of all things begin with; they are unique by the `CondorloopId` of a DAG."""


class ProvMissing(CondorloopError):
    """The library that writes the format is not installed."""

    def __init__(self) -> None:
        super().__init__("the Python package prov is not installed: pip install condorloop[prov]")


def document(told: Iterable[Provenance], site: str) -> ProvDocument:
    """Put provenances into one document.

    Parameters
    ----------
    site
        The name of the site whose loop made the payloads.

    Raises
    ------
    ProvMissing
        The library is not installed.
    """
    try:
        from prov.model import ProvDocument
    except ImportError as error:
        raise ProvMissing from error
    made = ProvDocument()
    made.add_namespace("cl", NAMESPACE)
    writer = _Writer(made, site)
    for each in told:
        writer.payload(each)
    return made


def json_text(made: ProvDocument) -> str:
    """Give a document as PROV-JSON (https://www.w3.org/submissions/prov-json/)."""
    return str(made.serialize(format="json", indent=1))


class _Writer:
    """Adds things to a document, each once."""

    def __init__(self, made: ProvDocument, site: str) -> None:
        self._made = made
        self._known: set[str] = set()
        self._site = f"cl:site/{_part(site)}"
        self._loop = f"cl:condorloop/{_part(__version__)}"
        made.agent(self._site, _attributes({"prov:type": "prov:Organization", "cl:name": site}))
        software = {"prov:type": "prov:SoftwareAgent", "cl:version": __version__}
        made.agent(self._loop, _attributes(software))
        made.actedOnBehalfOf(self._loop, self._site)

    def payload(self, told: Provenance) -> None:
        """Add a payload and all that it came from."""
        payload = told.payload
        name = f"cl:payload/{told.payload_id}"
        attributes = {
            "prov:type": "cl:Payload",
            "prov:label": f"{told.calibration} run {told.run} {payload.harvest}",
            "cl:calibration": told.calibration,
            "cl:run": told.run,
            "cl:lumisections": str(payload.lumis),
            "cl:events": payload.events,
            "cl:inputTag": payload.tag,
            "cl:since": payload.since,
            "cl:in-force": payload.in_force,
            "cl:decision": payload.decision,
            "cl:takenFrom": payload.origin,
        }
        self._entity(name, attributes, {"cl:hash": payload.hashes})
        harvest = self._last(NodeKind.HARVEST, told.harvest, told)
        self._made.wasGeneratedBy(name, harvest, _time(payload.harvested_at))
        for source in told.sources:
            alcareco = self._alcareco(source)
            self._made.used(harvest, alcareco)
            self._made.wasDerivedFrom(name, alcareco, harvest)
        self._destinations(told, name)
        for request in told.requests:
            self._request(request, told.dag_id.partition("/")[0])

    def _destinations(self, told: Provenance, payload: str) -> None:
        """Add what became of a payload in each of its tags."""
        upload = self._last(NodeKind.UPLOAD, told.upload, told)
        self._made.used(upload, payload)
        known = told.payload.destinations
        for each in known:
            name = f"cl:in-tag/{_part(each.database)}/{_part(each.tag)}/{told.payload_id}"
            attributes = {
                "prov:type": "cl:PayloadInTag",
                "cl:database": each.database,
                "cl:tag": each.tag,
                "cl:outcome": each.outcome,
                "cl:answer": each.answer,
                "cl:since": each.since,
                "cl:confirmedAt": _time(each.confirmed_at),
                "cl:contradiction": each.contradiction,
            }
            self._entity(name, attributes)
            self._made.wasGeneratedBy(name, upload, _time(each.answered_at))
            self._made.wasDerivedFrom(name, payload, upload)
        if not known:
            story = told.payload
            name = f"cl:upload/{told.payload_id}"
            attributes = {
                "prov:type": "cl:Upload",
                "cl:outcome": story.outcome,
                "cl:answer": story.answer,
            }
            self._entity(name, attributes, {"cl:tag": story.tags})
            self._made.wasGeneratedBy(name, upload, _time(story.answered_at))
            self._made.wasDerivedFrom(name, payload, upload)

    def _last(self, kind: NodeKind, node: NodeStory | None, told: Provenance) -> str:
        """Add the HARVEST or UPLOAD of a payload."""
        return self._node(told.dag_id, node.name if node else kind, node, told.software)

    def _alcareco(self, source: AlcarecoSource) -> str:
        name = f"cl:alcareco/{source.dag_id or 'unknown'}/{source.name}"
        if name in self._known:
            return name
        node = source.node
        attributes = {
            "prov:type": "cl:ALCARECO",
            "prov:label": source.name,
            "cl:lumisections": str(node.lumis) if node else None,
            "cl:events": node.events if node else None,
        }
        self._entity(name, attributes)
        if node is None:
            return name
        alca = self._node(source.dag_id, node.name, node, source.software)
        self._made.wasGeneratedBy(name, alca, _time(node.done_at))
        for reco in source.recos:
            made = self._reco(reco, source.dag_id)
            self._made.used(alca, made)
            self._made.wasDerivedFrom(name, made, alca)
        return name

    def _reco(self, source: RecoSource, dag_id: str) -> str:
        node = source.node
        name = f"cl:reco/{dag_id}/{_part(node.output)}"
        if name in self._known:
            return name
        attributes = {
            "prov:type": "cl:RECO",
            "prov:label": node.output,
            "cl:lumisections": str(node.lumis),
            "cl:events": node.events,
        }
        self._entity(name, attributes)
        reco = self._node(dag_id, node.name, node, source.software)
        self._made.wasGeneratedBy(name, reco, _time(node.done_at))
        for file in source.files:
            raw = self._raw(file)
            self._made.used(reco, raw)
            self._made.wasDerivedFrom(name, raw, reco)
        return name

    def _raw(self, file: FileStory) -> str:
        name = f"cl:raw/{_part(file.path)}"
        attributes = {
            "prov:type": "cl:RAW",
            "prov:label": file.name,
            "cl:path": file.path,
            "cl:size": file.size if file.size >= 0 else None,
            "cl:lumisections": str(file.lumis),
            "cl:events": file.events,
        }
        self._entity(name, attributes)
        return name

    def _node(
        self, dag_id: str, name: str, node: NodeStory | None, software: Software | None
    ) -> str:
        """Add a node of a DAG as an activity, which condorloop is responsible for."""
        activity = f"cl:node/{dag_id or 'unknown'}/{name}"
        if activity in self._known:
            return activity
        self._known.add(activity)
        last = node.last_job if node else None
        begun = (last.started_at or last.submitted_at) if last else None
        ended = (node.done_at or (last.ended_at if last else None)) if node else None
        attributes: dict[str, Any] = {
            "prov:type": f"cl:{node.kind if node else name}",
            "cl:dag": dag_id,
            "cl:host": last.host if last else None,
            "cl:exitCode": last.exit_code if last else None,
        }
        if software:
            attributes |= {
                "cl:release": software.release,
                "cl:architecture": software.scram_arch,
                "cl:globalTag": software.global_tag,
            }
        several = {
            "cl:job": tuple(job.job_id for job in node.jobs) if node else (),
            "cl:template": tuple(f"{k} {v}" for k, v in software.templates.items())
            if software
            else (),
        }
        # PROV: an activity does not end before it begins, whatever clocks of machines say
        begun = min(begun, ended) if begun and ended else begun
        made = _attributes(attributes, several)
        self._made.activity(activity, _time(begun), _time(ended), made)
        self._made.wasAssociatedWith(activity, self._loop)
        return activity

    def _request(self, request: RequestStory, ledger: str) -> None:
        """Add what a person asked as an activity of that person."""
        activity = f"cl:request/{_part(ledger)}/{request.number}"
        if activity in self._known:
            return
        self._known.add(activity)
        attributes = {
            "prov:type": "cl:Request",
            "cl:kind": request.kind,
            "cl:node": request.node,
            "cl:reason": request.reason,
            "cl:granted": request.granted,
            "cl:answer": request.answer,
        }
        times = _time(request.made_at), _time(request.answered_at)
        self._made.activity(activity, *times, _attributes(attributes))
        person = f"cl:person/{_part(request.made_by or 'unknown')}"
        if person not in self._known:
            self._known.add(person)
            named = {"prov:type": "prov:Person", "cl:account": request.made_by}
            self._made.agent(person, _attributes(named))
        self._made.wasAssociatedWith(activity, person)

    def _entity(
        self, name: str, one: dict[str, Any], several: dict[str, tuple[Any, ...]] | None = None
    ) -> None:
        if name not in self._known:
            self._known.add(name)
            self._made.entity(name, _attributes(one, several or {}))


def _attributes(
    one: dict[str, Any], several: dict[str, tuple[Any, ...]] | None = None
) -> list[tuple[str, Any]]:
    """Give attributes as pairs; what is not known is left out."""
    from prov.identifier import Namespace

    known = {"cl": Namespace("cl", NAMESPACE), "prov": Namespace("prov", _PROV)}

    def typed(value: object) -> Any:
        prefix, _, rest = str(value).partition(":")
        return known[prefix][rest]

    pairs: list[tuple[str, Any]] = []
    for key, value in one.items():
        if key == "prov:type":
            pairs.append((key, typed(value)))
        elif value is not None and value != "":
            pairs.append((key, str(value) if isinstance(value, str) else value))
    return pairs + [(key, each) for key, values in (several or {}).items() for each in values]


_PROV = "http://www.w3.org/ns/prov#"


def _part(name: str) -> str:
    """Give a part of a name, without what a qualified name cannot have."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-._/+") else _hex(c) for c in name)


def _hex(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode(errors="surrogatepass"))


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
