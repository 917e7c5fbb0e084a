"""Keywords as the original spelled them."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])

_PLAIN = {
    "_row": "row",
    "_range": "n_samples",
    "range": "n_samples",
    "_startIndex": "start",
    "_callback": "callback",
    "_new_data": "new_data",
    "_channel": "row",
    "channel": "row",
    "_conn": "connection",
    "conn": "connection",
    "path_to_file": "data_file_path",
}


def takes_old_names(method: Method) -> Method:
    """Make a method accept the original's keywords, too: `_startIndex=` for `start=`."""

    @wraps(method)
    def called(*args: Any, **kwargs: Any) -> Any:
        return method(*args, **{_PLAIN.get(name, name): kwargs[name] for name in kwargs})

    return called  # type: ignore[return-value]  # it takes what `method` takes, and more
