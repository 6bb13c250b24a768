"""What is about the project itself: builds, distributions, documents, its own tools."""
