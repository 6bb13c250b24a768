"""A second, isolated interpreter in the process: refused with an ImportError, and nobody falls over."""

import sys
from collections.abc import Callable

import pytest

Run = Callable[..., str]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="an extension can say so from Python 3.12 on")
def test_another_interpreter(run_python: Run) -> None:
    script = """
        import sys
        from textwrap import dedent
        import fastopt
        from fastopt.runtime.extension import native

        if sys.version_info >= (3, 13):
            import _interpreters as interpreters
        else:
            import _xxsubinterpreters as interpreters

        program = f'''
        from importlib.machinery import ExtensionFileLoader, ModuleSpec
        from importlib.util import module_from_spec

        loader = ExtensionFileLoader("_native", {native.__file__!r})
        try:
            module_from_spec(ModuleSpec("_native", loader, origin={native.__file__!r}))
        except ImportError as error:
            print(error, flush=True)
        '''
        interpreters.run_string(interpreters.create(), dedent(program))
        print(fastopt.build_info()["backend"])
    """
    told, backend = run_python(script).splitlines()
    assert "does not support loading in subinterpreters" in told
    assert backend == "native"
