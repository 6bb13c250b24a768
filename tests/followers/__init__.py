"""What follows the parameters: averages, slow weights, copies in 16 bits."""
