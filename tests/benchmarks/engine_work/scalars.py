"""Functions of a few numbers, and a long chain on one; their floor is the ``math`` module."""

from math import cos, log, sin

from engine_work.work import Work

CYCLES = 2000
STRETCH, SHIFT, WAVE = 1.0001, 0.1, 1e-4


def cube(x):
    u = x * x + 1.0
    square = u * u
    return u * square, 6.0 * x * square


def wave(x):
    u = 3.0 * x * x + 1.0
    u3 = u * u * u
    v = u3 * u
    return sin(v), cos(v) * 24.0 * x * u3


def two(x, y):
    return log(x) + x * y - sin(y), (1.0 / x + y, x - cos(y))


def tower(x):
    exponent = cos(x)
    value = x**exponent
    return value, value * (exponent / x - sin(x) * log(x))


def three(x, y, z):
    c, z2 = cos(y), z * z
    exponent = c * z2
    value = x**exponent
    slope = value * log(x)
    return value, (value * exponent / x, -slope * sin(y) * z2, 2.0 * slope * c * z)


def cycle(xp, x):
    """Five operations that keep the slope near 1."""
    x = x * STRETCH
    x = x + SHIFT
    return x + xp.sin(x) * WAVE


def chain(xp, x):
    for _ in range(CYCLES):
        x = cycle(xp, x)
    return x


def chain_floor(x):
    slopes = []
    keep = slopes.append
    for _ in range(CYCLES):
        x = x * STRETCH + SHIFT
        keep(cos(x))
        x += sin(x) * WAVE
    slope = 1.0
    for c in reversed(slopes):
        slope = (slope + slope * c * WAVE) * STRETCH
    return x, slope


def scalar(name, title, f, point, floor):
    wrt = tuple(range(len(point)))
    return Work(name=name, title=title, f=f, make=lambda: point, floor=floor, wrt=wrt, goal=1.3)


WORKS = [
    scalar("P1", "(x²+1)³", lambda xp, x: (x**2 + 1) ** 3, (1.3,), cube),
    scalar("P2", "sin((3x²+1)⁴)", lambda xp, x: xp.sin((3 * x**2 + 1) ** 4), (0.4,), wave),
    scalar("P3", "ln x + xy - sin y", lambda xp, x, y: xp.log(x) + x * y - xp.sin(y), (2.0, 5.0), two),
    scalar("P4", "x^cos x", lambda xp, x: x ** xp.cos(x), (1.7,), tower),
    scalar("P5", "x^(cos(y) z²)", lambda xp, x, y, z: x ** (xp.cos(y) * z**2), (1.7, 0.6, 1.2), three),
    Work(
        name="P12",
        title=f"{5 * CYCLES} scalar operations",
        f=chain,
        make=lambda: (0.3,),
        floor=chain_floor,
        goal=1.0,
        operations=5 * CYCLES,
    ),
]
