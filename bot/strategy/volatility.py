"""Volatility per 24 hours: what one bar contributes, estimators over a window of bars, and the regime sigma.

Every estimator is a sum of per-bar terms V scaled to a day, sigma_24h = sqrt(V x 1440 / minutes). The same terms feed the
batch functions here and the running sums of `streaming`, so the two cannot drift apart. Prices in USDT, times in minutes
or milliseconds as named, sigma as a decimal per 24 h (0.0262 = 2.62 %). NaN means: not enough, or not sane, data.
"""

import math
from collections.abc import Sequence

MINUTES_PER_DAY = 1440.0
MIN_WINDOW_MINUTES = 360.0
"""Below six hours of data there is no sigma; the previous regime stays."""
GAP_FLAG_MINUTES = 30.0
GAP_RESTART_MINUTES = 360.0

# gap_class
GAP_NONE = 0
GAP_FLAGGED = 1
GAP_RESTART = 2

MEDIAN_FACTOR = math.pi / (6.0 - 4.0 * math.sqrt(3.0) + math.pi)
"""Scale of medRV (Andersen, Dobrev and Schaumburg, Journal of Econometrics 169, 2012)."""


def sigma_24h(variance: float, minutes: float) -> float:
    """sqrt(V x 1440 / minutes): the variance of `minutes` of market scaled to a day. NaN for no time or negative V."""
    if not (minutes > 0.0 and variance >= 0.0):
        return math.nan
    return math.sqrt(variance * MINUTES_PER_DAY / minutes)


def price_is_sane(price: float, reference: float, tolerance: float) -> bool:
    """False for NaN, infinite, non-positive prices and those further than `tolerance` (0.20) from the reference."""
    if not 0.0 < price < math.inf:
        return False
    if not 0.0 < reference < math.inf:
        return True
    return abs(price - reference) <= tolerance * reference


def gap_class(minutes: float) -> int:
    """0 no gap; 1 longer than 30 min: show it; 2 longer than 6 h or of unknown length: refill the window."""
    if not minutes <= GAP_RESTART_MINUTES:
        return GAP_RESTART
    return GAP_FLAGGED if minutes > GAP_FLAG_MINUTES else GAP_NONE


# Terms of one bar


def square_return(previous_close: float, close: float) -> float:
    """ln(c / c_prev)^2."""
    r = math.log(close / previous_close)
    return r * r


def parkinson_term(high: float, low: float) -> float:
    """ln(h / l)^2 / (4 ln 2) (Parkinson 1980)."""
    r = math.log(high / low)
    return r * r / (4.0 * math.log(2.0))


def garman_klass_term(open_: float, high: float, low: float, close: float) -> float:
    """ln(h / l)^2 / 2 - (2 ln 2 - 1) ln(c / o)^2 (Garman and Klass 1980); no drift assumed."""
    span, move = math.log(high / low), math.log(close / open_)
    return 0.5 * span * span - (2.0 * math.log(2.0) - 1.0) * move * move


def rogers_satchell_term(open_: float, high: float, low: float, close: float) -> float:
    """ln(h/c) ln(h/o) + ln(l/c) ln(l/o) (Rogers and Satchell 1991); drift-free."""
    return math.log(high / close) * math.log(high / open_) + math.log(low / close) * math.log(low / open_)


def bipower_term(previous_return: float, this_return: float) -> float:
    """(pi / 2) |r_prev| |r| (Barndorff-Nielsen and Shephard 2004)."""
    return 0.5 * math.pi * abs(previous_return) * abs(this_return)


def median_term(first_return: float, second_return: float, third_return: float) -> float:
    """Scaled squared median of three absolute returns (medRV)."""
    a, b, c = abs(first_return), abs(second_return), abs(third_return)
    middle = max(min(a, b), min(max(a, b), c))
    return MEDIAN_FACTOR * middle * middle


# Estimators over a window; closes has one price more than there are returns


def realized_variance(closes: Sequence[float]) -> float:
    """Sum of squared log returns, zero mean on purpose: a steady crash is volatility. NaN below two closes."""
    if len(closes) < 2:
        return math.nan
    total = 0.0
    for i in range(1, len(closes)):
        total += square_return(closes[i - 1], closes[i])
    return total


def realized_sigma_24h(times_ms: Sequence[int], closes: Sequence[float], min_minutes: float) -> float:
    """RV with gaps and bad prices: the default regime sigma over 288 five-minute closes.

    Bad closes (NaN, infinite, <= 0) are dropped; the return across any gap stays, with its own time in the denominator,
    so a gap neither adds nor loses variance. NaN below min_minutes of data.
    """
    total, minutes = 0.0, 0.0
    last_close, last_ms = math.nan, 0
    for i in range(len(closes)):
        close = closes[i]
        if not 0.0 < close < math.inf:
            continue
        if not math.isnan(last_close):
            if times_ms[i] <= last_ms:
                continue
            total += square_return(last_close, close)
            minutes += (times_ms[i] - last_ms) / 60_000.0
        last_close, last_ms = close, times_ms[i]
    if minutes < min_minutes:
        return math.nan
    return sigma_24h(total, minutes)


def demeaned_variance(closes: Sequence[float]) -> float:
    """n x sample variance (ddof 1) of the log returns. Shown for comparison: de-meaning hides a trend."""
    n = len(closes) - 1
    if n < 2:
        return math.nan
    mean = math.log(closes[n] / closes[0]) / n
    total = 0.0
    for i in range(1, n + 1):
        d = math.log(closes[i] / closes[i - 1]) - mean
        total += d * d
    return total * n / (n - 1)


def parkinson_variance(highs: Sequence[float], lows: Sequence[float]) -> float:
    """Sum of Parkinson terms; about 5 times as efficient as closes, biased low when few trades make the bar."""
    total = 0.0
    for i in range(len(highs)):
        total += parkinson_term(highs[i], lows[i])
    return total


def garman_klass_variance(
    opens: Sequence[float], highs: Sequence[float], lows: Sequence[float], closes: Sequence[float]
) -> float:
    """Sum of Garman-Klass terms."""
    total = 0.0
    for i in range(len(closes)):
        total += garman_klass_term(opens[i], highs[i], lows[i], closes[i])
    return total


def rogers_satchell_variance(
    opens: Sequence[float], highs: Sequence[float], lows: Sequence[float], closes: Sequence[float]
) -> float:
    """Sum of Rogers-Satchell terms."""
    total = 0.0
    for i in range(len(closes)):
        total += rogers_satchell_term(opens[i], highs[i], lows[i], closes[i])
    return total


def yang_zhang_weight(bars: int) -> float:
    """k = 0.34 / (1.34 + (n + 1) / (n - 1)) for n bars (Yang and Zhang 2000). NaN below two bars."""
    if bars < 2:
        return math.nan
    return 0.34 / (1.34 + (bars + 1.0) / (bars - 1.0))


def yang_zhang_variance(
    opens: Sequence[float], highs: Sequence[float], lows: Sequence[float], closes: Sequence[float]
) -> float:
    """n [var(ln o_i / c_(i-1)) + k var(ln c_i / o_i)] + (1 - k) V_RS over bars 1 .. n; bar 0 gives the first close.

    Its gain is the overnight gap; a market that never closes has none. NaN below two bars after the first.
    """
    n = len(closes) - 1
    if n < 2:
        return math.nan
    gap_sum = gap_squares = move_sum = move_squares = walk = 0.0
    for i in range(1, n + 1):
        gap = math.log(opens[i] / closes[i - 1])
        move = math.log(closes[i] / opens[i])
        gap_sum, gap_squares = gap_sum + gap, gap_squares + gap * gap
        move_sum, move_squares = move_sum + move, move_squares + move * move
        walk += rogers_satchell_term(opens[i], highs[i], lows[i], closes[i])
    gap_variance = (gap_squares - gap_sum * gap_sum / n) / (n - 1)
    move_variance = (move_squares - move_sum * move_sum / n) / (n - 1)
    k = yang_zhang_weight(n)
    return n * (gap_variance + k * move_variance) + (1.0 - k) * walk


def bipower_variance(closes: Sequence[float]) -> float:
    """n / (n - 1) x sum of bipower terms: the variance without jumps. NaN below two returns."""
    n = len(closes) - 1
    if n < 2:
        return math.nan
    total = 0.0
    for i in range(2, n + 1):
        total += bipower_term(math.log(closes[i - 1] / closes[i - 2]), math.log(closes[i] / closes[i - 1]))
    return total * n / (n - 1)


def realized_and_bipower(closes: Sequence[float]) -> tuple[float, float]:
    """`realized_variance` and `bipower_variance` of the same closes, to the last bit, with each logarithm taken once."""
    n = len(closes) - 1
    if n < 2:
        return realized_variance(closes), math.nan
    squares, pairs, before = 0.0, 0.0, 0.0
    for i in range(1, n + 1):
        r = math.log(closes[i] / closes[i - 1])
        squares += r * r
        pairs += 0.5 * math.pi * abs(before) * abs(r)
        before = r
    return squares, pairs * n / (n - 1)


def median_variance(closes: Sequence[float]) -> float:
    """n / (n - 2) x sum of median terms: more jump-robust still. NaN below three returns."""
    n = len(closes) - 1
    if n < 3:
        return math.nan
    total = 0.0
    for i in range(3, n + 1):
        total += median_term(
            math.log(closes[i - 2] / closes[i - 3]),
            math.log(closes[i - 1] / closes[i - 2]),
            math.log(closes[i] / closes[i - 1]),
        )
    return total * n / (n - 2)


def original_sigma(closes: Sequence[float]) -> float:
    """Original quick start: population std of log returns x sqrt(365); 0.02 below two prices. Parity only.

    It is an annual sigma if, and only if, the closes are daily; it is compared with 24-hour thresholds.
    """
    n = len(closes) - 1
    if n < 1:
        return 0.02
    mean = 0.0
    for i in range(1, n + 1):
        mean += math.log(closes[i]) - math.log(closes[i - 1])
    mean /= n
    total = 0.0
    for i in range(1, n + 1):
        d = math.log(closes[i]) - math.log(closes[i - 1]) - mean
        total += d * d
    return math.sqrt(total / n) * math.sqrt(365.0)


def jump_share(variance: float, bipower: float) -> float:
    """Share of the variance that came in jumps, max(0, 1 - BPV / RV); 0 without variance."""
    if not variance > 0.0:
        return 0.0
    return max(0.0, 1.0 - bipower / variance)


def target_sigma_24h(realized: float, bipower: float) -> float:
    """Sigma for profit targets, min(RV, 1.5 BPV) as sigmas: one spike must not push targets out of reach."""
    if math.isnan(bipower):
        return realized
    return min(realized, 1.5 * bipower)
