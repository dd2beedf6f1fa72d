"""One thread for linear algebra while a model is fitted: how sums are divided among threads shows in last digits, and
blocks here are so small that threads cost more than they bring.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

P = ParamSpec("P")
T = TypeVar("T")


def in_one_thread(fit: Callable[P, T]) -> Callable[P, T]:
    """The same function, during which linear algebra has one thread."""

    @wraps(fit)
    def limited(*args: P.args, **kwargs: P.kwargs) -> T:
        with threadpool_limits(limits=1, user_api="blas"):
            return fit(*args, **kwargs)

    return limited
