"""One step: what is bound, what is decided, and what is done around the update."""

from fastopt.step import accumulation, closing, estimates, membership, program, renewal, sharing
from fastopt.step.accumulator import AccumulateCoefficients, Accumulator, accumulate
from fastopt.step.attributes import GROUPS, check_same, is_shown, refuse, remedy_for
from fastopt.step.binding import bind, follow, install, planned, prepare
from fastopt.step.bound import Bound, Core, core_of
from fastopt.step.cautious import cautious_row
from fastopt.step.decide import complaint, leave_out, zero
from fastopt.step.directions import between, measured, measuring, together
from fastopt.step.due import StepRequest
from fastopt.step.gradients import readable, take_gradients, take_part, zero_gradients
from fastopt.step.loss import checked_loss
from fastopt.step.loss_scaling import LossScale
from fastopt.step.norms import clip_factor, norms_of
from fastopt.step.report import GroupReport
from fastopt.step.sharing import Moving
from fastopt.step.storing import check_movable, decoded, masters
from fastopt.step.unseen import UnseenArrayWarning, of_the_caller, watch
from fastopt.step.values import set_value, value_of
