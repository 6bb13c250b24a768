"""TensorFlow 1."""
