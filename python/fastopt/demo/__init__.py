"""What ``python -m fastopt`` runs: experiments on real data, and a page about the installation."""
