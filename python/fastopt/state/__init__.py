"""The state of an optimizer: captured, checked, restored, saved and loaded."""

from fastopt.state.capture import is_stateful, parts
from fastopt.state.config import config_of, keywords_of, plain
from fastopt.state.copying import parts_of, revive
from fastopt.state.form import Differences, marks
from fastopt.state.packing import packed, unpacked
from fastopt.state.rewind import Moment, keep, put_back
from fastopt.state.saving import Loaded, Path, load, load_state_dict, save, saved_state, state_dict
from fastopt.state.selection import Names
