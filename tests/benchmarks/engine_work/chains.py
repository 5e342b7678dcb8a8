"""Twenty elementwise operations on a million numbers, then their sum."""

import numpy as np

from engine_work.work import Work, seeded

N = 10**6
BLOCK = 1 << 15  # three blocks of doubles fit a second-level cache
LIFT, SHRINK = 0.5, 0.4


def cheap(xp, x):
    y = x
    for _ in range(5):
        y = y * x
        y = y + LIFT
        y = y * y
        y = y * SHRINK
    return xp.sum(y)


def dear(xp, x):
    y = x
    for _ in range(4):
        y = y * x
        y = xp.sin(y)
        y = xp.exp(y)
        y = y + 1.0
        y = xp.log(y)
    return xp.sum(y)


# Each entry depends on one entry, so value and slope go forward together and nothing is stored.


def cheap_passes(x, y, slope, _spare):
    np.multiply(x, 2.0, out=slope)
    np.multiply(x, x, out=y)
    for at in range(5):
        if at:
            slope *= x
            slope += y
            y *= x
        y += LIFT
        slope *= y
        slope *= 2 * SHRINK
        y *= y
        y *= SHRINK


def dear_passes(x, y, slope, spare):
    np.multiply(x, 2.0, out=slope)
    np.multiply(x, x, out=y)
    for at in range(4):
        if at:
            slope *= x
            slope += y
            y *= x
        np.cos(y, out=spare)
        slope *= spare
        np.sin(y, out=y)
        np.exp(y, out=y)
        slope *= y
        y += 1.0
        slope /= y
        np.log(y, out=y)


def whole(passes):
    def floor(x):
        y, slope, spare = np.empty_like(x), np.empty_like(x), np.empty_like(x)
        passes(x, y, slope, spare)
        return y.sum(), slope

    return floor


def blocked(passes):
    def floor(x):
        slope, y, spare = np.empty_like(x), np.empty(BLOCK), np.empty(BLOCK)
        total = 0.0
        for start in range(0, len(x), BLOCK):
            part = x[start : start + BLOCK]
            size = len(part)
            passes(part, y[:size], slope[start : start + size], spare[:size])
            total += y[:size].sum()
        return total, slope

    return floor


def chain(name, title, f, passes):
    return Work(
        name=name,
        title=title,
        f=f,
        make=lambda: (seeded(13).uniform(0.5, 1.0, N),),
        floor=blocked(passes),
        other_floor=whole(passes),
        goal=1.1,
        numba=True,
    )


WORKS = [
    chain("P13a", "20 cheap operations, n = 1e6", cheap, cheap_passes),
    chain("P13b", "20 with sin, exp and log", dear, dear_passes),
]
