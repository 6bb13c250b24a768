"""The declaration of an algorithm: options, rule, stages, facts."""

from fastopt.algorithm import elementwise, functions, regularization, renamed, settings, transforms
from fastopt.algorithm.base import ARRAYS, OPTIONS, SETTINGS, Algorithm, Move
from fastopt.algorithm.elementwise import (
    bounded,
    clip,
    maximum,
    minimum,
    nonnegative,
    outward,
    select,
    sign,
)
from fastopt.algorithm.facts import Facts
from fastopt.algorithm.functions import angle, cube_root, exponential
from fastopt.algorithm.hyperparameters import (
    Option,
    Values,
    choice,
    flag,
    given,
    measurement,
    number,
    pair,
    several,
    whole_number,
)
from fastopt.algorithm.measured import Measured, Reduced
from fastopt.algorithm.needs import NEEDS, check_need, need_of
from fastopt.algorithm.of_groups import algorithm_of
from fastopt.algorithm.portions import held, scaled_step
from fastopt.algorithm.regularization import CONVENTIONS
from fastopt.algorithm.representable import (
    check_first_step,
    check_number,
    check_scalars,
    check_settings,
    entries,
    is_moderate,
    shown,
)
from fastopt.algorithm.rule import NORMS, Rule, RuleFunction, is_shipped, rule_of, shipped
from fastopt.algorithm.settings import check_together, guards
from fastopt.algorithm.stages import (
    ALONG_THE_GRADIENT,
    DECOUPLED,
    LARGEST_AGREE,
    NOTHING,
    STAGES,
    Stage,
    StageScalars,
    agreement,
    kept_before,
    of_the_gradient,
    scaled,
)
from fastopt.algorithm.transforms import KEPT, OF_TRANSFORMS, TRANSFORMS, transforms_of
from fastopt.algorithm.typing import Scheduled, ScheduledNumbers, ScheduledOrNone, ScheduledPair
from fastopt.algorithm.validators import FLAG, NOT_NEGATIVE, POSITIVE, Count, Number, is_scheduled
