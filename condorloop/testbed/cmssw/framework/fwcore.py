"""A small stand-in for FWCore.ParameterSet.Config: the types that configurations are made of.

It refuses what the true one refuses: a value of the wrong type, a new parameter without a type.
`NAMES` is what ``cms`` is in a configuration, but for ``cms.Process``.
"""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any, ClassVar, Self


class Parameter:
    """A parameter: one plain value of one type."""

    accepts: ClassVar[tuple[type, ...]] = (object,)

    def __init__(self, value: Any) -> None:
        wrong = isinstance(value, bool) and bool not in self.accepts
        if wrong or not isinstance(value, self.accepts):
            raise ValueError(f"{value!r} is not a valid {type(self).__name__.lower()}")
        self._value = value

    def value(self) -> Any:
        """Give the plain value."""
        return self._value


class Bool(Parameter):
    """A truth value."""

    accepts = (bool,)


class Integer(Parameter):
    """A whole number, of whatever width."""

    accepts = (int,)


class Double(Parameter):
    """A number."""

    accepts = (int, float)


class String(Parameter):
    """A text."""

    accepts = (str,)


class ListParameter(list[Any]):
    """A parameter that is a list: ``cms.vstring("a", "b")`` or ``cms.vstring(["a", "b"])``."""

    accepts: ClassVar[tuple[type, ...]] = (object,)

    def __init__(self, *values: Any) -> None:
        one = len(values) == 1 and isinstance(values[0], list | tuple)
        super().__init__(values[0] if one else values)
        for value in self:
            if not isinstance(value, self.accepts):
                raise ValueError(f"{value!r} does not belong in a {type(self).__name__.lower()}")

    def value(self) -> list[Any]:
        """Give the plain values."""
        return list(self)


class VString(ListParameter):
    """A list of texts."""

    accepts = (str,)


class VInteger(ListParameter):
    """A list of whole numbers."""

    accepts = (int,)


class InputTag:
    """The address of a product: module label, instance and process."""

    def __init__(self, label: str, instance: str = "", process: str = "") -> None:
        if ":" in label:
            label, instance, process = (*label.split(":"), "", "")[:3]
        self.label, self.instance, self.process = label, instance, process

    def value(self) -> str:
        """Give the address as one text."""
        return f"{self.label}:{self.instance}:{self.process}"


class VInputTag(ListParameter):
    """A list of addresses."""

    accepts = (str, InputTag)


class VLuminosityBlockRange(ListParameter):
    """A list of ranges of lumisections, each as ``398600:1-398600:5``."""

    accepts = (str,)

    def __init__(self, *values: Any) -> None:
        super().__init__(*values)
        for value in self:
            if not _RANGE.fullmatch(value):
                raise ValueError(f"{value!r} is not a valid VLuminosityBlockRange")

    def value(self) -> list[LumiRange]:
        """Give both ends of each; the number ``MAX``, or 0 at the end, is the largest one."""
        return [_ends(value) for value in self]


LumiRange = tuple[tuple[int, int], tuple[int, int]]
"""The first and the last lumisection of a range, each as its run and its number."""

_RANGE = re.compile(r"(\d+):(\d+)(?:-(\d+):(\d+|max|MAX))?")
_MAX = 2**32 - 1


def _ends(text: str) -> LumiRange:
    begin, _, end = text.partition("-")
    first, last = begin.split(":"), (end or begin).split(":")
    number = 0 if last[1].upper() == "MAX" else int(last[1])
    return (int(first[0]), int(first[1])), (int(last[0]), number or _MAX)


class PSet:
    """Named parameters; also, with a class and kind, a module."""

    kind: ClassVar[str] = "PSet"

    def __init__(self, *args: Any, **parameters: Any) -> None:
        self._parameters: dict[str, Any] = {}
        for arg in args:
            self._parameters.update(arg.parameters())
        for name, value in parameters.items():
            setattr(self, name, value)

    def parameters(self) -> dict[str, Any]:
        """Give the parameters by name."""
        return dict(self._parameters)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_parameters"][name]
        except KeyError:
            text = f"'{type(self).__name__}' object has no attribute '{name}'"
            raise AttributeError(text) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            super().__setattr__(name, value)
        elif isinstance(value, Parameter | ListParameter | InputTag | PSet):
            self._parameters[name] = value
        elif name in self._parameters:
            self._parameters[name] = type(self._parameters[name])(value)
        else:
            raise TypeError(
                f"{name} does not already exist, so it can only be set to a CMS python "
                "configuration type"
            )

    def __delattr__(self, name: str) -> None:
        self._parameters.pop(name)


class VPSet(ListParameter):
    """A list of parameter sets."""

    accepts = (PSet,)


class Labelled:
    """What a process can hold under a label, and a sequence can be made of."""

    _label = ""

    def label(self) -> str:
        """Give the name under which the process holds it."""
        return self._label

    def labelled(self, label: str) -> None:
        """Take the name under which a process holds it from now on."""
        self._label = label

    def members(self) -> tuple[Labelled, ...]:
        """Give what runs when this runs."""
        return (self,)

    def __add__(self, other: Labelled) -> Sequence:
        return Sequence(*self.members(), *other.members())

    __mul__ = __add__


class Module(Labelled, PSet):
    """A module: a plugin's class and its parameters."""

    def __init__(self, plugin: str, *args: Any, **parameters: Any) -> None:
        self._plugin = plugin
        super().__init__(*args, **parameters)

    def clone(self, **changes: Any) -> Self:
        """Give a copy with some parameters changed."""
        copy = type(self)(self._plugin, **self.parameters())
        for name, value in changes.items():
            setattr(copy, name, value)
        return copy


class Source(Module):
    """Where events come from."""


class OutputModule(Module):
    """What writes a file."""


class Sequence(Labelled):
    """Modules one after the other."""

    def __init__(self, *members: Labelled) -> None:
        self._members = tuple(m for member in members for m in member.members())

    def members(self) -> tuple[Labelled, ...]:
        """Give the modules."""
        return self._members


class Path(Sequence):
    """A sequence that runs for each event."""


class EndPath(Path):
    """A path that runs after all others, to write."""


class Schedule(list[Path]):
    """The paths that run."""

    def __init__(self, *paths: Path) -> None:
        super().__init__(paths)


class Modifier:
    """An era or a process modifier."""

    def __init__(self, name: str = "") -> None:
        self.name = name


_TYPES: dict[str, Any] = {
    "bool": Bool,
    "string": String,
    "double": Double,
    "vstring": VString,
    "InputTag": InputTag,
    "VInputTag": VInputTag,
    "VLuminosityBlockRange": VLuminosityBlockRange,
    "PSet": PSet,
    "VPSet": VPSet,
    **dict.fromkeys(("int32", "uint32", "int64", "uint64"), Integer),
    **dict.fromkeys(("vint32", "vuint32", "vint64", "vuint64"), VInteger),
}

NAMES: dict[str, Any] = {
    **_TYPES,
    "untracked": SimpleNamespace(**_TYPES),
    **dict.fromkeys(("EDProducer", "EDFilter", "EDAnalyzer", "Service", "ESSource"), Module),
    "Source": Source,
    "OutputModule": OutputModule,
    "Sequence": Sequence,
    "Task": Sequence,
    "Path": Path,
    "EndPath": EndPath,
    "Schedule": Schedule,
    "Modifier": Modifier,
}
