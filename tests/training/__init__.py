"""The loop of training: data, callbacks, history, and runs that are resumed."""
