"""Run faults on one backend: ``python -m faults BACKEND TURN TURNS REPORT NOW``.

Of so many turns, the faults are shared out among the backends; with one turn they are all tried.
"""

import json
import sys
from pathlib import Path

from faults import of_arrays, of_options
from faults.guarded import states_guarded
from faults.tally import Tally

backend, turn, turns, report, now = sys.argv[1:]
tally = Tally(Path(now), int(turn), int(turns))
with states_guarded():
    of_arrays.run(tally, backend)
    of_options.run(tally, backend)
Path(report).write_text(json.dumps(tally.report(), indent=1))
