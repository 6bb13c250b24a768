"""What a class of optimizers says about itself: hyperparameters, settings, rules of one's own."""
