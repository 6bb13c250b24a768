# Written by tools/write_stubs.py.
from collections.abc import Mapping

from fastopt.optimizer import Optimizer as Optimizer
from fastopt.optimizers.acprop import ACProp as ACProp
from fastopt.optimizers.adabelief import AdaBelief as AdaBelief
from fastopt.optimizers.adabound import AdaBound as AdaBound
from fastopt.optimizers.adabound import AdaMod as AdaMod
from fastopt.optimizers.adadelta import Adadelta as Adadelta
from fastopt.optimizers.adafactor import Adafactor as Adafactor
from fastopt.optimizers.adagrad import Adagrad as Adagrad
from fastopt.optimizers.adahessian import AdaHessian as AdaHessian
from fastopt.optimizers.adam import Adam as Adam
from fastopt.optimizers.adam import AdamW as AdamW
from fastopt.optimizers.adam_atan2 import AdamAtan2 as AdamAtan2
from fastopt.optimizers.adamax import Adamax as Adamax
from fastopt.optimizers.adamax import AdamaxW as AdamaxW
from fastopt.optimizers.adamp import SGDP as SGDP
from fastopt.optimizers.adamp import AdamP as AdamP
from fastopt.optimizers.adan import Adan as Adan
from fastopt.optimizers.ademamix import AdEMAMix as AdEMAMix
from fastopt.optimizers.ademamix import SimplifiedAdEMAMix as SimplifiedAdEMAMix
from fastopt.optimizers.adopt import ADOPT as ADOPT
from fastopt.optimizers.aggmo import AggMo as AggMo
from fastopt.optimizers.apollo import APOLLO as APOLLO
from fastopt.optimizers.asgd import ASGD as ASGD
from fastopt.optimizers.by_blocks import AdamMini as AdamMini
from fastopt.optimizers.by_blocks import RowwiseAdagrad as RowwiseAdagrad
from fastopt.optimizers.came import CAME as CAME
from fastopt.optimizers.cocob import COCOB as COCOB
from fastopt.optimizers.dadapt_adagrad import DAdaptAdaGrad as DAdaptAdaGrad
from fastopt.optimizers.dadapt_adam import DAdaptAdam as DAdaptAdam
from fastopt.optimizers.dadapt_adan import DAdaptAdan as DAdaptAdan
from fastopt.optimizers.dadapt_lion import DAdaptLion as DAdaptLion
from fastopt.optimizers.dadapt_sgd import DAdaptSGD as DAdaptSGD
from fastopt.optimizers.diffgrad import DiffGrad as DiffGrad
from fastopt.optimizers.dion import Dion as Dion
from fastopt.optimizers.dog import DoG as DoG
from fastopt.optimizers.dog import DoWG as DoWG
from fastopt.optimizers.dog import LDoG as LDoG
from fastopt.optimizers.fromage import Fromage as Fromage
from fastopt.optimizers.ftrl import FTRL as FTRL
from fastopt.optimizers.galore import Conda as Conda
from fastopt.optimizers.galore import GaLoreAdamW as GaLoreAdamW
from fastopt.optimizers.kron import Kron as Kron
from fastopt.optimizers.lamb import LAMB as LAMB
from fastopt.optimizers.laprop import LaProp as LaProp
from fastopt.optimizers.lars import LARS as LARS
from fastopt.optimizers.lbfgs import LBFGS as LBFGS
from fastopt.optimizers.lion import Lion as Lion
from fastopt.optimizers.madgrad import MADGRAD as MADGRAD
from fastopt.optimizers.mars import MARS as MARS
from fastopt.optimizers.mechanic_adamw import MechanicAdamW as MechanicAdamW
from fastopt.optimizers.mechanic_lion import MechanicLion as MechanicLion
from fastopt.optimizers.mechanic_sgd import MechanicSGD as MechanicSGD
from fastopt.optimizers.momo import MoMo as MoMo
from fastopt.optimizers.momo import MoMoAdam as MoMoAdam
from fastopt.optimizers.muon import AdaMuon as AdaMuon
from fastopt.optimizers.muon import Muon as Muon
from fastopt.optimizers.muon import NorMuon as NorMuon
from fastopt.optimizers.nadam import NAdam as NAdam
from fastopt.optimizers.nadam import NAdamW as NAdamW
from fastopt.optimizers.noisy_sgd import NoisySGD as NoisySGD
from fastopt.optimizers.novograd import NovoGrad as NovoGrad
from fastopt.optimizers.optimistic import OptimisticAdam as OptimisticAdam
from fastopt.optimizers.optimistic import OptimisticSGD as OptimisticSGD
from fastopt.optimizers.padam import PAdam as PAdam
from fastopt.optimizers.polyak import ALIG as ALIG
from fastopt.optimizers.polyak import PolyakSGD as PolyakSGD
from fastopt.optimizers.prodigy import Prodigy as Prodigy
from fastopt.optimizers.quasi_hyperbolic import QHM as QHM
from fastopt.optimizers.quasi_hyperbolic import QHAdam as QHAdam
from fastopt.optimizers.radam import RAdam as RAdam
from fastopt.optimizers.rmsprop import RMSprop as RMSprop
from fastopt.optimizers.rprop import Rprop as Rprop
from fastopt.optimizers.schedule_free import AdamWScheduleFree as AdamWScheduleFree
from fastopt.optimizers.schedule_free import RAdamScheduleFree as RAdamScheduleFree
from fastopt.optimizers.schedule_free import SGDScheduleFree as SGDScheduleFree
from fastopt.optimizers.scion import Scion as Scion
from fastopt.optimizers.sgd import SGD as SGD
from fastopt.optimizers.shampoo import Shampoo as Shampoo
from fastopt.optimizers.signum import SignSGD as SignSGD
from fastopt.optimizers.signum import Signum as Signum
from fastopt.optimizers.signum import Tiger as Tiger
from fastopt.optimizers.sm3 import SM3 as SM3
from fastopt.optimizers.smorms3 import SMORMS3 as SMORMS3
from fastopt.optimizers.soap import SOAP as SOAP
from fastopt.optimizers.sophia import Sophia as Sophia
from fastopt.optimizers.splus import SPlus as SPlus
from fastopt.optimizers.stable_adamw import StableAdamW as StableAdamW
from fastopt.optimizers.yogi import Yogi as Yogi

CLASSES: Mapping[str, type[Optimizer]]
INDEX: Mapping[str, str]

__all__ = [
    "ADOPT",
    "ALIG",
    "APOLLO",
    "ASGD",
    "CAME",
    "COCOB",
    "FTRL",
    "LAMB",
    "LARS",
    "LBFGS",
    "MADGRAD",
    "MARS",
    "QHM",
    "SGD",
    "SGDP",
    "SM3",
    "SMORMS3",
    "SOAP",
    "ACProp",
    "AdEMAMix",
    "AdaBelief",
    "AdaBound",
    "AdaHessian",
    "AdaMod",
    "AdaMuon",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamAtan2",
    "AdamMini",
    "AdamP",
    "AdamW",
    "AdamWScheduleFree",
    "Adamax",
    "AdamaxW",
    "Adan",
    "AggMo",
    "Conda",
    "DAdaptAdaGrad",
    "DAdaptAdam",
    "DAdaptAdan",
    "DAdaptLion",
    "DAdaptSGD",
    "DiffGrad",
    "Dion",
    "DoG",
    "DoWG",
    "Fromage",
    "GaLoreAdamW",
    "Kron",
    "LDoG",
    "LaProp",
    "Lion",
    "MechanicAdamW",
    "MechanicLion",
    "MechanicSGD",
    "MoMo",
    "MoMoAdam",
    "Muon",
    "NAdam",
    "NAdamW",
    "NoisySGD",
    "NorMuon",
    "NovoGrad",
    "OptimisticAdam",
    "OptimisticSGD",
    "PAdam",
    "PolyakSGD",
    "Prodigy",
    "QHAdam",
    "RAdam",
    "RAdamScheduleFree",
    "RMSprop",
    "RowwiseAdagrad",
    "Rprop",
    "SGDScheduleFree",
    "SPlus",
    "Scion",
    "Shampoo",
    "SignSGD",
    "Signum",
    "SimplifiedAdEMAMix",
    "Sophia",
    "StableAdamW",
    "Tiger",
    "Yogi",
]
