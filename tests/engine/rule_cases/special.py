"""Special functions of statistics and machine learning."""

from rule_cases.case import INSIDE, NEAR_ZERO, POSITIVE, VECTOR, Case

KINKED = {"relu"}

TAILS = (-30.0, 30.0)

DOMAINS: dict[str, tuple[tuple[float, float], ...]] = {
    "digamma": (POSITIVE,),
    "entr": (POSITIVE,),
    "erf": (NEAR_ZERO,),
    "erfc": (NEAR_ZERO,),
    "erfinv": (INSIDE,),
    "exprel": (NEAR_ZERO,),
    "gamma": (POSITIVE,),
    "gammaln": (POSITIVE,),
    "i0": (NEAR_ZERO,),
    "i1": (NEAR_ZERO,),
    "log_ndtr": (NEAR_ZERO,),
    "log_sigmoid": (TAILS,),
    "logaddexp": ((-20.0, 20.0), (-20.0, 20.0)),
    "logit": ((0.0625, 0.9375),),
    "ndtr": (NEAR_ZERO,),
    "rel_entr": (POSITIVE, POSITIVE),
    "relu": (NEAR_ZERO,),
    "sigmoid": (TAILS,),
    "sinc": (NEAR_ZERO,),
    "softplus": (TAILS,),
    "xlog1py": (NEAR_ZERO, INSIDE),
    "xlogy": (NEAR_ZERO, POSITIVE),
}

CASES = [
    *(
        Case("polygamma", lambda xp, x, n=n: xp.polygamma(n, x), (VECTOR**2,), label=f"order {n}")
        for n in (0, 1, 3)
    ),
]
