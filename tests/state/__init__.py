"""What is saved and taken back: state, configuration, checkpoints."""
