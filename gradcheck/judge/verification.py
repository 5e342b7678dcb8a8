"""``verify``: the evidence in order, and the verdict it adds up to.

1. Promises: shapes, dtypes, memory, layouts, repetition (:mod:`gradcheck.judge.contract`).
2. Noise of the function, and a ladder of steps along two random directions, extrapolated with an error
   bar (:mod:`gradcheck.judge.sampling`, :mod:`gradcheck.numeric.ladder`); in float64 where it can be had.
3. Claims against the samples, with kinks, jumps and edges of the domain apart
   (:mod:`gradcheck.judge.examination`, :mod:`gradcheck.judge.comparison`).
4. Before a derivative is called wrong, a second measurement (:mod:`gradcheck.judge.oracle`), and whether a
   tie or kink allows it (:mod:`gradcheck.judge.ties`).
5. Where it is wrong (:mod:`gradcheck.judge.localise`), and the likely cause (:mod:`gradcheck.judge.causes`).
6. Agreement of derivatives among themselves (:mod:`gradcheck.judge.adjoint`).
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.draws import signed
from gradcheck.errors import BadArgument, CannotVerify, GradcheckError
from gradcheck.judge import adjoint, contract, precision
from gradcheck.judge.building import build
from gradcheck.judge.comparison import State
from gradcheck.judge.curvature import curvatures
from gradcheck.judge.examination import Outcome, examine, moving_ties
from gradcheck.judge.localise import Search, non_finite
from gradcheck.judge.oracle import AGREES_WITH_CLAIM, confirm
from gradcheck.judge.probes import Sketch
from gradcheck.judge.request import DERIVATIVES, Request, check_request
from gradcheck.judge.sampling import faint, take_samples
from gradcheck.judge.subject import BrokenPromise, Claim, Meter, Spent, Subject, cast
from gradcheck.judge.ties import adds_up, changes, has_ties, nearby
from gradcheck.judge.trial import Trial, one_line
from gradcheck.judge.verdict import Finding, Status, Verdict

Derivative = Callable[..., Any]

BUDGET = 5000
_CLOSE = 4.0  # bars of the first measurement within which the second may overrule it


def verify(
    f: Callable[..., Any],
    args: Any,
    *,
    kwargs: Mapping[str, Any] | None = None,
    vjp: Derivative | None = None,
    jvp: Derivative | None = None,
    grad: Derivative | None = None,
    jac: Derivative | None = None,
    hvp: Derivative | None = None,
    wrt: str | int | Sequence[str | int] | None = None,
    order: int = 1,
    modes: str | Sequence[str] | None = None,
    seed: int | None = None,
    budget: int | None = None,
    convention: str = "torch",
) -> Verdict:
    """Judge a derivative, with no tolerance to tune.

    Two random directions are sampled on a ladder of steps; a claim is wrong only where it lies outside the
    measured error bar and a second, independent measurement agrees that it does. Cost: about 70 calls of
    ``f`` and 4 to 10 of the derivative however large the input; more only to say where a wrong derivative is
    wrong.

    Parameters
    ----------
    f
        Function of ``args`` and ``kwargs`` that returns an array or number, or a tree of them (dict, list,
        tuple, dataclass). A ``torch.nn.Module`` is judged in its parameters too.
    args
        Positional arguments: numbers, arrays, tensors, and trees of them; integers are constants. A single
        argument need not be in a tuple, unless it is one.
    kwargs
        Keyword arguments, all constants.
    vjp
        ``vjp(*args, cotangent)`` gives one array per differentiable argument, as a tuple (bare when there is
        one).
    jvp
        ``jvp(*args, *tangents)`` gives the tangent of the output; one tangent per differentiable argument.
    grad
        ``grad(*args)`` gives the gradient of a scalar function, as ``vjp`` does.
    jac
        ``jac(*args)`` gives the Jacobian per argument, of shape ``output.shape + input.shape``; sparse ones
        are read.
    hvp
        ``hvp(*args, *tangents)`` gives the Hessian times tangents, as ``grad`` does.
    wrt
        Paths of arguments to differentiate by (``"params"``, ``"params['w']"``), or positions; all by
        default.
    order
        2 judges the derivative of the framework's gradient too, 3 that of the second, and so on.
    modes
        ``"reverse"``, ``"forward"``, ``"batched"``, ``"linearized"``; by default what is given, or reverse.
    seed
        Seed of every random draw; drawn and reported when not given.
    budget
        Calls of ``f`` that are allowed.
    convention
        For complex arguments, ``"torch"`` (dL = Re(conj(g) dz)) or ``"jax"`` (its conjugate).

    Returns
    -------
    Verdict
        Pass with the smallest error that would have been seen, fail with what is wrong and where, or
        inconclusive with the reason.

    Raises
    ------
    GradcheckError
        When the call makes no sense: nothing to differentiate, a derivative that takes other arguments, a
        function that fails or is not finite at the point. Whatever a derivative does wrong is a finding.

    References
    ----------
    Noise of the function: J. More and S. Wild, "Estimating computational noise", SIAM J. Sci. Comput. 33(3),
    2011, section 5. Ladder of steps: L. F. Richardson 1911; C. Ridders, Adv. Eng. Softw. 4(2), 1982, 75-76.
    Directions: random signs times magnitudes, so that no entry hides (R. Freivalds, "Probabilistic machines
    can use less running time", IFIP 1977). Wrong entries: F. K. Hwang, J. Am. Stat. Assoc. 67, 1972, 605-608.
    Kinks: F. H. Clarke, "Optimization and Nonsmooth Analysis", 1983, section 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> verdict = verify(np.sin, np.ones(3), vjp=lambda x, cotangent: cotangent * np.cos(x))
    >>> verdict.passed
    True
    """
    given = {"vjp": vjp, "jvp": jvp, "grad": grad, "jac": jac, "hvp": hvp}
    if not isinstance(kwargs, (Mapping, type(None))):
        raise BadArgument("kwargs", "a dict of keyword arguments", kwargs)
    request = Request(
        f=f,
        args=tuple(args) if isinstance(args, (tuple, list)) else (args,),
        kwargs=dict(kwargs or {}),
        derivatives={name: rule for name in DERIVATIVES if (rule := given[name]) is not None},
        wrt=_several("wrt", "a path or position, or a list of them", wrt),
        modes=_several("modes", "a mode, or a list of them", modes),  # type: ignore[arg-type]
        convention=convention,
    )
    check_request(request)
    _check_numbers(order, seed, budget, request)
    chosen = secrets.randbits(32) if seed is None else seed
    meter = Meter(BUDGET if budget is None else budget)
    settings = _settings(order=order, budget=budget, modes=modes, wrt=wrt, convention=convention)
    with np.errstate(all="ignore"):
        return _Court(request, chosen, meter, settings, order).verdict()


def assert_gradients(f: Callable[..., Any], args: Any, **options: Any) -> Verdict:
    """Raise unless a derivative passes; the message is the readable verdict.

    Parameters
    ----------
    f, args, **options
        As for :func:`verify`.

    Raises
    ------
    AssertionError
        When the verdict is fail or inconclusive.
    """
    __tracebackhide__ = True
    verdict = verify(f, args, **options)
    if not verdict.passed:
        raise AssertionError(str(verdict))
    return verdict


def _several(
    name: str, expected: str, given: str | int | Sequence[str | int] | None
) -> tuple[str | int, ...] | None:
    if given is None or isinstance(given, (str, int)):
        return None if given is None else (given,)
    if not isinstance(given, Iterable):
        raise BadArgument(name, expected, given)
    return tuple(given)


def _check_numbers(order: int, seed: int | None, budget: int | None, request: Request) -> None:
    if not _is_integer(order, 1):
        raise BadArgument("order", "1, 2 or more", order)
    if seed is not None and not _is_integer(seed, 0):
        raise BadArgument("seed", "an integer from 0", seed)
    if budget is not None and not _is_integer(budget, 1):
        raise BadArgument("budget", "a number of evaluations from 1 (about 70 are needed)", budget)
    if order > 1 and request.derivatives:
        second = "leave order= out" if "hvp" in request.derivatives else "give hvp="
        given = ", ".join(f"{name}=" for name in request.derivatives)
        raise CannotVerify(
            f"order={order} is for a framework's own derivative, not beside {given}",
            f"{second} to have second derivatives judged, or let a framework differentiate",
        )


def _is_integer(number: object, least: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= least


def _settings(**options: Any) -> str:
    plain = {"order": 1, "budget": None, "modes": None, "wrt": None, "convention": "torch"}
    return ", ".join(f"{name}={value!r}" for name, value in options.items() if value != plain[name])


class _Court:
    """One call of :func:`verify`."""

    def __init__(self, request: Request, seed: int, meter: Meter, settings: str, order: int) -> None:
        self._request = request
        self._seed = seed
        self._meter = meter
        self._settings = settings
        self._order = order
        self._findings: list[Finding] = []
        self._evidence: list[str] = []
        self._floors: list[float] = []
        self._complex = False

    def verdict(self) -> Verdict:
        """Take the evidence, order by order, and weigh it."""
        try:
            subject = self._built()
            for level in range(1, self._order + 1):
                if subject.claims:
                    self._hear(subject)
                if level < self._order and not self._failed:
                    subject = self._gradient_of(subject)
            if subject.curve is not None and not self._failed:
                self._hear(subject.curve())
        except Spent:
            self._open("budget", f"the budget of {self._meter.budget} evaluations is used up")
        return self._weighed()

    def _built(self) -> Subject:
        try:
            subject = build(self._request, self._meter)
        except (GradcheckError, Spent):
            raise
        except Exception as error:
            raise CannotVerify(
                f"the function fails at the point ({type(error).__name__}: {one_line(error)})",
                "give arguments it takes",
            ) from error
        self._complex = any(slot.is_complex for slot in (*subject.inputs, *subject.outputs))
        return subject

    def _gradient_of(self, subject: Subject) -> Subject:
        """The framework's gradient of a random weighted sum of the outputs, as a function of its own."""
        assert subject.derive is not None
        rng = self._rng(subject.order)
        signs = [signed(*y.shape).sample(rng) for y in subject.outputs]
        return subject.derive(cast(signs, subject.outputs))

    def _rng(self, salt: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, salt])

    @property
    def _failed(self) -> bool:
        return any(finding.failed for finding in self._findings)

    def _hear(self, native: Subject) -> None:
        """One order: the function and all claims on its derivative."""
        rng = self._rng(100 + native.order)
        _check_finite(native)
        truth, why = precision.best(native)
        if why:
            self._evidence.append(why)
        trial = Trial(
            native, truth, rng, self._meter, Sketch.of(sum(slot.coordinates for slot in truth.outputs), rng)
        )
        if native.size and sum(slot.size for slot in native.outputs):
            take_samples(trial)
        try:
            self._findings += contract.check_function(trial)
        except BrokenPromise as broken:
            self._findings.append(broken.finding)
            return
        for claim, counterpart in zip(native.claims, truth.claims, strict=True):
            self._judge(trial, claim, counterpart)
        if trial.probes and not self._failed:
            self._findings += adjoint.transposes(trial, truth.claims)
            if native.order > 1:
                self._findings += [f for claim in truth.claims for f in adjoint.symmetric(trial, claim)]
        self._evidence += [note for note in trial.notes if note not in self._evidence]

    def _judge(self, trial: Trial, claim: Claim, precise: Claim) -> None:
        try:
            found = contract.check(trial, claim) if trial.probes else contract.check_empty(trial, claim)
            self._findings += found
            if not trial.probes or any(f.failed and f.cause in _UNUSABLE for f in found):
                return
            if trial.native.scalar:
                found, floor = curvatures(trial, precise)
                self._findings += found
                self._floors.append(floor)
                return
            outcomes = examine(trial, precise)
            if trial.truth is not trial.native:
                self._findings += precision.compare(trial, claim, precise)
            outcomes += faint(trial, precise, outcomes)
        except BrokenPromise as broken:
            self._findings.append(broken.finding)
            return
        self._weigh(trial, outcomes)

    def _weigh(self, trial: Trial, outcomes: Sequence[Outcome]) -> None:
        """From comparisons to findings."""
        for answer_of in {id(o.answer): o for o in outcomes if not o.claim.forward}.values():
            if not all(np.all(np.isfinite(g)) for g in answer_of.answer.arrays):
                found = non_finite(trial, answer_of)
                self._findings += found
                if found:
                    return
        main = [p.direction for p in (*trial.probes, *trial.__dict__.get("fine", ()))]
        self._floors += [
            _floor(outcome)
            for outcome in outcomes
            if _smooth(outcome) and any(outcome.direction is direction for direction in main)
        ]
        wrong = [o for o in outcomes if o.reading.state is State.DISAGREES]
        doubts = [(o, confirm(trial, o)) for o in wrong]
        standing = [o for o, doubt in doubts if not doubt]
        if standing:
            self._accuse(trial, standing)
            return
        for outcome, doubt in doubts:
            if outcome.reading.miss <= _CLOSE * outcome.reading.bar and doubt == AGREES_WITH_CLAIM:
                self._floors.append(_floor(outcome) * _CLOSE)
                continue
            self._open("disagreement not confirmed", doubt, outcome)
        settled = {id(o.answer) for o in outcomes if _settled(o) and not o.claim.forward}
        for outcome in outcomes:
            if outcome.reading.state is State.OPEN and (
                id(outcome.answer) in settled or _apart(trial, outcome)
            ):
                continue
            if outcome.reading.state is State.OPEN:
                self._open(outcome.reading.reason, _opened(outcome), outcome)
            elif outcome.reading.reason and outcome.reading.reason not in " ".join(self._evidence):
                self._evidence.append(
                    f"{outcome.reading.reason}: the claim is one of the slopes that exist there"
                )

    def _accuse(self, trial: Trial, standing: Sequence[Outcome]) -> None:
        """Say where a derivative is wrong, unless it is one of those that a tie or kink allows."""
        smooth = [o for o in standing if not o.reading.reason]
        single = [o for o in standing if o.entry is not None]
        worst = max(smooth or single or standing, key=lambda o: o.reading.miss / max(o.reading.bar, 1e-300))
        search = Search(trial, worst)
        found = search.findings() if smooth and not trial.symmetric else []
        if smooth and trial.symmetric:
            self._findings.append(_along(trial, worst))
            return
        plain = search.consistent and not has_ties(trial)
        sound = bool(found) and (plain or adds_up(trial, worst))
        if not single and not sound:
            low, high = nearby(trial, worst)
            tied = moving_ties(trial, worst)
            if not tied.reading.reason and tied.reading.state is State.DISAGREES:
                self._findings.append(_at_tie(trial, tied, tied.reading.low, tied.reading.high))
                return
            if low - worst.reading.bar <= worst.reading.claimed <= high + worst.reading.bar:
                self._evidence.append("tie or kink at the point: the claim lies among the slopes around it")
                return
            if low > high and not worst.reading.reason:
                self._open(
                    "tie or kink at the point", "the slopes around it cannot be told from noise", worst
                )
                return
            self._findings.append(_at_tie(trial, worst, low, high))
        elif contract.remembers(trial, worst.claim) and changes(trial, worst):
            text = "gives the same answer at another point, where the function has another slope"
            self._findings.append(
                Finding(
                    kind="contract",
                    mode=worst.claim.mode,
                    order=trial.order,
                    cause="stale buffer",
                    message=text,
                )
            )
        elif smooth:
            self._findings += found
        else:
            self._findings += [_along(trial, o) for o in single[:8]]

    def _open(self, cause: str, message: str, outcome: Outcome | None = None) -> None:
        mode = outcome.claim.mode if outcome else "function"
        finding = Finding(kind="unresolved", mode=mode, cause=cause, message=message)
        if finding not in self._findings:
            self._findings.append(finding)

    def _weighed(self) -> Verdict:
        unresolved = any(finding.kind == "unresolved" for finding in self._findings)
        status = Status.FAIL if self._failed else Status.INCONCLUSIVE if unresolved else Status.PASS
        grave = {"value": 0, "contract": 1, "unresolved": 2, "note": 3}
        return Verdict(
            status=status,
            findings=tuple(sorted(self._findings, key=lambda finding: grave[finding.kind])),
            detection_floor=max(self._floors, default=math.nan),
            evaluations=self._meter.evaluations,
            backwards=self._meter.backwards,
            seed=self._seed,
            settings=self._settings,
            convention=self._request.convention if self._complex else "",
            evidence=tuple(self._evidence),
        )


_UNUSABLE = ("accumulates over calls", "not repeatable", "stale buffer", "mutates its input")


def _check_finite(subject: Subject) -> None:
    for x, slot in zip(subject.point, subject.inputs, strict=True):
        if not np.all(np.isfinite(x)):
            raise CannotVerify(f"{slot.path or 'an argument'} is not finite", "give finite arguments")
    for y, slot in zip(subject.centre, subject.outputs, strict=True):
        if not np.all(np.isfinite(y)):
            bad = np.argwhere(~np.isfinite(y))[0]
            where = (slot.path or "output") + (f"[{', '.join(map(str, bad))}]" if bad.size else "")
            raise CannotVerify(
                f"the function is not finite at the point ({where} is {y[tuple(bad)]})",
                "choose a point inside its domain",
            )


def _floor(outcome: Outcome) -> float:
    """Relative error of one typical entry that the comparison would have seen."""
    reading = outcome.reading
    if outcome.claim.forward:
        size = reading.scale
    else:
        moving = max(sum(int(np.count_nonzero(d)) for d in outcome.direction), 1)
        size = outcome.answer.size_along(outcome.direction) / np.sqrt(moving) or reading.scale
    return reading.bar / size if size else 0.0


def _settled(outcome: Outcome) -> bool:
    """Whether a comparison along every input is clear: then another direction need not be."""
    return _smooth(outcome) and all(np.all(d != 0) for d in outcome.direction)


def _apart(trial: Trial, outcome: Outcome) -> bool:
    """Whether it concerns only outputs so weak that the others' rounding may hide them."""
    return any(outcome.weights is row for row in trial.weights[2:])


def _smooth(outcome: Outcome) -> bool:
    return outcome.reading.state is State.AGREES and not outcome.reading.reason


def _opened(outcome: Outcome) -> str:
    reading = outcome.reading
    measured = f"measured {reading.expected:.6g} +- {reading.bar:.1g}"
    return f"{reading.reason} (claimed {reading.claimed:.6g}, {measured})"


def _at_tie(trial: Trial, outcome: Outcome, low: float, high: float) -> Finding:
    """A slope that is none of those around a tie."""
    return replace(
        _along(trial, outcome),
        cause="wrong only at zeros/ties/kinks",
        message=f"tie or kink at the point: right slopes along a direction lie in [{low:.6g}, {high:.6g}]",
    )


def _along(trial: Trial, outcome: Outcome) -> Finding:
    """A disagreement that could not be, or need not be, narrowed down."""
    reading = outcome.reading
    path, index, unit = "", None, 1.0
    if outcome.entry is not None:
        leaf, position = outcome.entry
        slot = trial.truth.inputs[leaf]
        path, index = slot.path, tuple(int(i) for i in np.unravel_index(position, slot.shape))
        used = np.flatnonzero(outcome.weights)
        step = outcome.direction[leaf].reshape(-1)[position]
        unit = float(np.real(step)) * float(outcome.weights[used[0]] if used.size == 1 else 1.0)
    bounds = sorted((reading.low / unit, reading.high / unit))
    kinked = reading.reason != "" and reading.low != reading.high
    message = (
        f"{reading.reason}: slopes between {bounds[0]:.6g} and {bounds[1]:.6g} are right"
        if kinked
        else f"wrong slope along a direction{f' ({reading.reason})' if reading.reason else ''}"
    )
    return Finding(
        kind="value",
        mode=outcome.claim.mode,
        order=trial.order,
        path=path,
        index=index,
        expected=reading.expected / unit,
        got=reading.claimed / unit,
        bar=reading.bar / abs(unit),
        cause="wrong only at zeros/ties/kinks" if kinked else "dropped term",
        message=message,
    )
