"""Arrays that follow the parameters: averages, slow weights, low-precision copies."""

from fastopt.followers.averages import Averages, EqualAverage, MovingAverage, swap
from fastopt.followers.base import Follower
from fastopt.followers.followers import Followers, Weights
from fastopt.followers.restart import check_restartable, restart
