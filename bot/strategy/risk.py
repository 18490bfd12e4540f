"""Margin, interest and repayment arithmetic. Units: BTC, USDT, decimals; rates per year simple on 365 days unless named."""


def margin_safe_short_btc(
    short_btc: float,
    price: float,
    margin_usdt: float,
    mm_usdt: float,
    target_mm_rate: float,
    mm_per_price: float,
) -> float:
    """Short leg at which the maintenance margin rate equals target_mm_rate, BTC, >= 0.

    Each BTC of short adds price x mm_per_price to the maintenance margin; closing at mark leaves the balance unchanged:
    S + (r M - MM) / (P m). NaN in, NaN out.
    """
    size = short_btc + (target_mm_rate * margin_usdt - mm_usdt) / (price * mm_per_price)
    return 0.0 if size < 0.0 else size
