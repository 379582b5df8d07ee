"""How strongly an earthquake shakes at a distance, where no ShakeMap says it."""

from __future__ import annotations

import math

# Allen, Wald and Worden (2012), Intensity attenuation for active crustal regions, Journal of Seismology 16,
# 409-433: the form for hypocentral distance, as in OpenQuake's allen_2012_ipe. ShakeMap's own default.
_C0, _C1, _C2, _C4 = 2.085, 1.428, -1.402, 0.078
_M1, _M2 = -0.209, 2.042
_BREAK_KM = 50.0

FARTHEST_KM = 300.0
"""Up to which the relation holds."""

NEAREST_KM = 30.0
"""Towns so near are always looked at: first solutions are off by some 10 to 20 km."""

USUAL_DEPTH_KM = 10.0
"""What agencies write themselves while the depth is not known."""

USUAL_MAGNITUDE = 5.5
"""While the magnitude is not known: the smallest that often damages buildings."""

LIGHT_DAMAGE = 5.0
"""Intensity (MMI) from which on buildings are damaged, if lightly (USGS, ShakeMap's legend)."""


def intensity(magnitude: float, distance_km: float, depth_km: float) -> float:
    """Median intensity (MMI) at a distance from the epicentre; buildings stand on average ground."""
    hypocentral = math.hypot(distance_km, max(depth_km, 0.0))
    near = _M1 + _M2 * math.exp(magnitude - 5)
    value = _C0 + _C1 * magnitude + _C2 * math.log(math.hypot(hypocentral, near))
    if hypocentral > _BREAK_KM:
        value += _C4 * math.log(hypocentral / _BREAK_KM)
    return min(10.0, max(1.0, value))


def radius_km(magnitude: float, depth_km: float) -> float:
    """Distance from the epicentre within which `LIGHT_DAMAGE` is to be expected, 30 to 300 km."""
    low, high = NEAREST_KM, FARTHEST_KM
    if intensity(magnitude, low, depth_km) < LIGHT_DAMAGE:
        return low
    if intensity(magnitude, high, depth_km) >= LIGHT_DAMAGE:
        return high
    while high - low > 0.5:
        middle = (low + high) / 2
        if intensity(magnitude, middle, depth_km) >= LIGHT_DAMAGE:
            low = middle
        else:
            high = middle
    return high
