"""fastopt's threads among those that threadpoolctl limits and lists."""

import os
from functools import cache
from typing import Any

from fastopt.runtime import extension, threads


@cache
def register_with_threadpoolctl() -> None:
    """Make ``threadpoolctl.threadpool_limits`` limit fastopt too, and ``threadpool_info`` list it.

    ::

        fastopt.register_with_threadpoolctl()
        with threadpoolctl.threadpool_limits(limits=1):
            opt.step(grads)

    It is then an API of its own, ``user_api="fastopt"``, whose limit is that of `set_num_threads`: of
    the whole process, and given back at the end of the block. A second call does nothing. Raises
    ImportError without threadpoolctl 3.5 or later, or without the compiled extension, by whose file
    threadpoolctl finds us.
    """
    if extension.native is None:
        raise ImportError(f"threadpoolctl finds libraries by their file, and {extension.reason}")
    try:
        import threadpoolctl
    except ImportError as error:
        raise ImportError("threadpoolctl is missing: pip install 'threadpoolctl>=3.5'") from error
    file = os.path.realpath(str(extension.native.__file__))

    class Controller(threadpoolctl.LibController):  # type: ignore[misc]
        """The functions that threadpoolctl calls."""

        user_api = internal_api = "fastopt"
        # Another package's file of that very name would be listed too; its threads are left alone.
        filename_prefixes = (os.path.basename(file).lower(),)

        def get_num_threads(self) -> int:
            return threads.get_num_threads()

        def set_num_threads(self, num_threads: int) -> None:
            threads.set_num_threads(min(max(int(num_threads), 1), threads.MOST))

        def get_version(self) -> Any:
            return extension.native and extension.native.version

    threadpoolctl.register(Controller)
