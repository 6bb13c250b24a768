"""Declarations: what a class of optimizers says about itself, and the stages around its rule."""
