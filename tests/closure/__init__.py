"""Steps that call a function for loss and gradients."""
