"""The ground: the extension, threads, warnings, and checks of plain arguments."""

from fastopt.runtime import attributes, by_name, extension, other_names, renamed, threads
from fastopt.runtime.arguments import (
    MOST_STEPS,
    alike,
    count,
    describe,
    listed,
    measured,
    real,
    shown,
    suggest,
    whole,
)
from fastopt.runtime.extension import native
from fastopt.runtime.html import html_table
from fastopt.runtime.threadpoolctl import register_with_threadpoolctl
from fastopt.runtime.threads import available, get_num_threads, set_num_threads
from fastopt.runtime.warning import warn
