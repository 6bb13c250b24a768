"""Arrays beside the parameters: averages, slow weights, low-precision copies; portions of steps."""

from fastopt.followers.averages import Averages, EqualAverage, MovingAverage, swap
from fastopt.followers.base import Follower
from fastopt.followers.followers import Followers, Weights
from fastopt.followers.portions import MASK, PORTIONS, REMEDY, Portions, portions_among
from fastopt.followers.restart import check_restartable, restart
