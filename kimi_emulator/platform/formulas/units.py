"""Unit conversion: factors to one unit of each kind, and temperatures apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["convert"]

_KINDS: Mapping[str, str] = {
    "length": (
        "m meter metre 1; km kilometer kilometre 1000; cm centimeter centimetre 0.01; mm millimeter millimetre 0.001;"
        "mi mile 1609.344; yd yard 0.9144; ft foot feet 0.3048; in inch inches 0.0254; nmi 1852"
    ),
    "mass": (
        "kg kilogram 1; g gram 0.001; mg milligram 0.000001; t tonne 1000; lb pound 0.45359237; oz ounce 0.028349523125"
    ),
    "volume": "l liter litre 1; ml milliliter millilitre 0.001; m3 1000; gal gallon 3.785411784; cup 0.2365882365",
    "area": "m2 1; km2 1000000; ha hectare 10000; acre 4046.8564224; ft2 0.09290304",
    "time": "s second 1; min minute 60; h hour 3600; d day 86400; week 604800",
    "speed": "m/s 1; km/h kmh kph 0.2777777777777778; mph 0.44704; knot kn 0.5144444444444445",
    "energy": "j joule 1; kj kilojoule 1000; cal calorie 4.184; kcal kilocalorie 4184; wh 3600; kwh 3600000",
}
_FACTORS: dict[str, tuple[str, float]] = {}
for _kind, _row in _KINDS.items():
    for _entry in _row.split(";"):
        *_names, _factor = _entry.split()
        _FACTORS |= {_name: (_kind, float(_factor)) for _name in _names}

_TO_KELVIN: Mapping[str, Callable[[float], float]] = {
    "c": lambda v: v + 273.15,
    "f": lambda v: (v - 32) * 5 / 9 + 273.15,
    "k": lambda v: v,
}
_FROM_KELVIN: Mapping[str, Callable[[float], float]] = {
    "c": lambda v: v - 273.15,
    "f": lambda v: (v - 273.15) * 9 / 5 + 32,
    "k": lambda v: v,
}
_SCALES = {"c": "c", "celsius": "c", "f": "f", "fahrenheit": "f", "k": "k", "kelvin": "k"}


def convert(arguments: Mapping[str, Any]) -> str:
    """``value`` of ``from_unit`` in ``to_unit``, as a sentence. Raises ``ValueError`` with the reason."""
    value = arguments.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("value is required and must be a number")
    source, target = (_unit(arguments.get(name)) for name in ("from_unit", "to_unit"))
    if source in _SCALES and target in _SCALES:
        converted = _FROM_KELVIN[_SCALES[target]](_TO_KELVIN[_SCALES[source]](value))
    else:
        for unit in (source, target):
            if unit not in _FACTORS and unit not in _SCALES:
                raise ValueError(f"unknown unit {unit!r}")
        source_kind, source_factor = _FACTORS.get(source, ("temperature", 1.0))
        target_kind, target_factor = _FACTORS.get(target, ("temperature", 1.0))
        if source_kind != target_kind:
            raise ValueError(f"cannot convert {source_kind} ({source}) to {target_kind} ({target})")
        converted = value * source_factor / target_factor
    return f"{value:g} {arguments['from_unit']} = {converted:.10g} {arguments['to_unit']}"


def _unit(name: Any) -> str:
    """The unit as the tables have it: lower case, without a degree sign or a plural."""
    plain = str(name or "").strip().lower().replace("°", "").replace("²", "2").replace("³", "3")
    known = _FACTORS.keys() | _SCALES.keys()
    if plain not in known and plain.endswith("s") and plain[:-1] in known:
        return plain[:-1]
    return plain
