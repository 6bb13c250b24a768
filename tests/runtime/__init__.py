"""What fastopt shares a process with: threads, forks, signals, neighbours."""
