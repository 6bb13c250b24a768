"""Things that go wrong in optimizers, tried on several libraries: probes, libraries, outcomes."""
